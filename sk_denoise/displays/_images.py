"""Display of images side by side, and the choice of rows to show."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from .._core.checks import check_labels, check_vector, shown
from .._core.shapes import check_image_shape, read_layout
from .._core.sklearn_glue import (
    HasMethods,
    Interval,
    StrOptions,
    check_clean,
    check_rows,
    check_same_names,
    feature_names,
    fitted_names,
    validate_function_params,
    with_names,
)
from .._core.units import check_data_range, check_scale, resolve_data_range, units_unchecked
from ..metrics import psnr
from ._style import Display, plain

_CHOICE = {
    "n_images": [Interval(Integral, 1, None, closed="left")],
    "show": [StrOptions({"first", "random", "worst", "best"})],
    "random_state": ["random_state"],
}
_NOTE_WIDTH = 46  # in points: "12.3 dB" in 8-point type, plus a gap


@validate_function_params({"n_rows": [Interval(Integral, 0, 2**31, closed="left")], **_CHOICE})
def choose_rows(n_rows, n_images=10, *, y=None, labels=None, show="first", errors=None, random_state=None):
    """Choose rows to show: the first, random, worst or best ones, of all labels or some.

    Parameters
    ----------
    n_rows : int
        Number of rows to choose from.
    n_images : int, default=10
        Maximum number of rows to choose.
    y : array-like of shape (n_rows,), default=None
        Labels of the rows. Required with `labels`.
    labels : array-like, default=None
        If given, choose only among rows with these labels.
    show : {"first", "random", "worst", "best"}, default="first"
        Which rows to choose. "worst" and "best" sort them by `errors`, the most extreme first.
    errors : array-like of shape (n_rows,), default=None
        Error of each row, lower is better, such as ``-psnr(..., per_image=True)``. Required for "worst" and "best".
    random_state : int, RandomState instance or None, default=None
        Seed for ``show="random"``.

    Returns
    -------
    index : ndarray of int of shape (n_chosen,)
        Indices of the chosen rows, at most `n_images`.

    Raises
    ------
    ValueError
        If `y` or `errors` is required but missing, has a wrong length or contains NaN, or no row has one of `labels`.

    Examples
    --------
    >>> from sk_denoise.displays import choose_rows
    >>> choose_rows(6, 2, y=[8, 1, 9, 8, 9, 1], labels=[8, 9])
    array([0, 2])
    >>> choose_rows(3, 2, show="worst", errors=[0.1, 0.3, 0.2])
    array([1, 2])
    """
    index = np.arange(n_rows)
    labels = None if labels is None else check_labels(labels, "labels")
    if y is not None or labels is not None:
        y = check_labels(y, "y", n_rows)
    if labels is not None:
        index = index[np.isin(y, labels)]
        if not len(index):
            raise ValueError(f"labels must contain at least one label of y, {np.unique(y)}, got {shown(labels)}.")
    if errors is not None or show in ("worst", "best"):
        errors = check_vector(errors, "errors", n_rows, missing=True).astype(float)
        if np.isnan(errors).any():  # infinity is allowed, because the PSNR of exact rows is infinite
            raise ValueError("errors must not contain NaN, which cannot be ranked. Replace NaN, or use show='first'.")
    if show == "random":
        index = check_random_state(random_state).permutation(index)
    elif show != "first":
        index = index[np.argsort(errors[index] if show == "best" else -errors[index], kind="stable")]
    return index[:n_images]


class DenoisingDisplay(Display):
    """Clean, noisy and denoised images, and denoised minus clean, one above the other.

    Parameters
    ----------
    images : dict of str to ndarray of shape (n_images, n_features)
        Images to show, from top to bottom, as flattened rows. Those named "residual" are denoised minus clean images,
        drawn with a diverging colour map and a colour bar in the units of the rows.
    image_shape : tuple of int
        ``(height, width)`` or ``(height, width, channels)``. If the number of channels is neither one nor three, their
        mean is shown.
    data_range : tuple of float
        Values of black and white, in the units of the rows.
    labels : array-like of shape (n_images,), default=None
        Titles of the columns.
    notes : list of str of length n_images, default=None
        Second lines of the titles, omitted if the columns are too narrow.

    Examples
    --------
    >>> from sk_denoise import NoiseInjector
    >>> from sk_denoise.datasets import load_digit_images
    >>> from sk_denoise.displays import DenoisingDisplay
    >>> X, y = load_digit_images()
    >>> noisy = NoiseInjector(level=0.3, random_state=0).fit_transform(X)
    >>> display = DenoisingDisplay({"clean": X[:5], "noisy": noisy[:5]}, image_shape=(8, 8), data_range=(0, 16))
    >>> display.plot().ax_.get_yticks().size
    2
    """

    _parameter_constraints: dict = {
        "images": [Mapping],
        "image_shape": [tuple, list],
        "data_range": [tuple, list, np.ndarray],
    }

    def __init__(self, images, *, image_shape, data_range, labels=None, notes=None):
        self.images = images
        self.image_shape = image_shape
        self.data_range = data_range
        self.labels = labels
        self.notes = notes

    @classmethod
    @validate_function_params({"estimator": [HasMethods("transform")], **_CHOICE})
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        X_clean=None,
        y=None,
        n_images=10,
        labels=None,
        random_state=None,
        show="first",
        image_shape=None,
        data_range=None,
        ax=None,
    ):
        """Denoise some of the noisy rows `X` and draw them.

        Parameters
        ----------
        estimator : transformer
            Fitted denoiser. For a pipeline with a classifier, pass the part up to the denoiser, such as ``pipe[:-1]``.
        X : array-like of shape (n_samples, n_features)
            Noisy rows, one flattened image each, in the units that the estimator was fitted with.
        X_clean : array-like of shape (n_samples, n_features), default=None
            Clean rows. If given, clean images and residuals are drawn as well.
        y : array-like of shape (n_samples,), default=None
            Labels, shown above the columns.
        n_images : int, default=10
            Maximum number of images to show.
        labels : array-like, default=None
            If given, show only images with these labels of `y`.
        random_state : int, RandomState instance or None, default=None
            Seed for ``show="random"``.
        show : {"first", "random", "worst", "best"}, default="first"
            Which images to show. "worst" and "best" are those whose denoised image has the lowest and the highest PSNR,
            which is shown above them if there is room. They require `X_clean`.
        image_shape : tuple of int or None, default=None
            ``(height, width)`` or ``(height, width, channels)``. If None, that of the estimator is used; if it has
            none, rows are read as square greyscale images.
        data_range : pair of floats or None, default=None
            Values of black and white. If None, the range of the estimator is used; if it has none, the range is
            determined from the clean rows, or from `X` without clean rows.
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : DenoisingDisplay

        Raises
        ------
        ValueError
            If the rows, labels, shape or range do not match each other, or `X_clean` is required but missing.
        """
        check_same_names(X, X_clean, "X_clean")
        names = None if fitted_names(estimator) is None else feature_names(X)
        X = check_rows(X)
        y = None if y is None else check_labels(y, "y", len(X), of="rows of X")
        clean = None if X_clean is None else check_clean(X_clean, X.shape)
        if data_range is None:
            data_range = getattr(estimator, "data_range_", "auto")
        data_range = resolve_data_range(data_range, X if clean is None else clean)
        if clean is not None:
            check_scale(clean, data_range, "X_clean")
        scores = errors = None
        if show in ("worst", "best"):
            if clean is None:
                raise ValueError(f"show={show!r} requires X_clean to compute the PSNR, got None. Pass the clean rows.")
            denoised = estimator.transform(with_names(X, names))
            with units_unchecked():
                scores = psnr(clean, denoised, data_range=data_range, per_image=True)
            errors = -scores
        choice = {"y": y, "labels": labels, "show": show, "errors": errors, "random_state": random_state}
        index = choose_rows(len(X), n_images, **choice)
        denoised = estimator.transform(with_names(X[index], names))
        images = {"noisy": np.asarray(X[index]), "denoised": np.asarray(denoised)}
        if clean is not None:
            residual = images["denoised"] - clean[index].astype(float)
            images = {"clean": clean[index], **images, "residual": residual}
        # After `transform`, whose message for a wrong number of features is better.
        shape = getattr(estimator, "image_shape_", None) if image_shape is None else image_shape
        return cls(
            images,
            image_shape=read_layout(shape, X if clean is None else clean),
            data_range=data_range,
            labels=None if y is None else y[index],
            notes=None if scores is None else [f"{score:.1f} dB" for score in scores[index]],
        ).plot(ax=ax)

    def _check(self):
        rows = [check_rows(rows, f"images[{name!r}]") for name, rows in self.images.items()]
        if len({part.shape for part in rows}) != 1:
            raise ValueError(f"images must contain arrays of equal shape, got {[part.shape for part in rows]}.")
        n_images, n_features = rows[0].shape
        check_image_shape(self.image_shape, n_features)
        check_data_range(self.data_range)
        if self.labels is not None:
            check_labels(self.labels, "labels", n_images, of="columns")
        if self.notes is not None:
            check_vector(self.notes, "notes", n_images, of="columns", what="text")

    @property
    def _n_images(self):
        return len(next(iter(self.images.values())))

    @property
    def _size(self):
        height, width = self.image_shape[:2]
        beside = 0.25 + 0.09 * max(map(len, self.images)) + (0.6 if "residual" in self.images else 0.05)
        above = 0.1 + 0.25 * ((self.labels is not None) + (self.notes is not None))
        tile = min(1.4, (9 - beside) / self._n_images)
        total = above + tile * len(self.images) * (height + 1) / (width + 1)
        return beside + tile * self._n_images, min(12, max(1.2, total))

    def _draw(self, ax):
        height, width = self.image_shape[:2]
        for number, name in enumerate(self.images):
            top = number * (height + 1)
            for column, tile in enumerate(self._tiles(name)):
                left = column * (width + 1)
                extent = (left, left + width, top + height, top)
                colours = "PuOr" if name == "residual" else "gray"
                image = ax.imshow(tile, cmap=colours, vmin=0, vmax=1, extent=extent, interpolation="nearest")
            if name == "residual":
                self._draw_colour_bar(ax, image.norm, top)
        ax.set_xlim(0, self._n_images * (width + 1) - 1)
        ax.set_ylim(len(self.images) * (height + 1) - 1, 0)
        names, titles = [plain(name) for name in self.images], self._titles(ax)
        names = ["denoised\n− clean" if name == "residual" else name for name in names]
        ax.set_yticks(np.arange(len(names)) * (height + 1) + height / 2, names)
        ax.set_xticks(np.arange(len(titles)) * (width + 1) + width / 2, titles)
        ax.xaxis.tick_top()
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)

    def _tiles(self, name):
        """Images scaled to [0, 1]; in residuals, zero becomes 0.5."""
        low, high = self.data_range
        if name == "residual":
            low, high = low - high, high - low
        unit = np.clip((np.asarray(self.images[name], dtype=float) - low) / (high - low), 0, 1)
        tiles = unit.reshape(len(unit), *self.image_shape[:2], -1)
        return tiles if tiles.shape[-1] == 3 else tiles.mean(axis=-1)

    def _titles(self, ax):
        labels = [] if self.labels is None else [plain(label) for label in self.labels]
        if self.notes is None or ax.bbox.width / ax.figure.dpi * 72 < _NOTE_WIDTH * self._n_images:
            return labels
        return [f"{label}\n{note}" for label, note in zip(labels, self.notes)] if labels else list(self.notes)

    def _draw_colour_bar(self, ax, norm, top):
        """Draw a colour bar beside the residuals, of the same height."""
        from matplotlib.cm import ScalarMappable

        height, width = self.image_shape[:2]
        span = self.data_range[1] - self.data_range[0]
        # Inset axes are placed in fractions of the axes, which span the images and the gaps between them.
        wide, high = self._n_images * (width + 1) - 1, len(self.images) * (height + 1) - 1
        bar = ax.inset_axes((1 + 1 / wide, 1 - (top + height) / high, 0.12 * width / wide, height / high))
        # Not taken from the image, because images with three channels have no colour map.
        ax.figure.colorbar(ScalarMappable(cmap="PuOr", norm=norm), cax=bar, ticks=[0, 0.5, 1])
        bar.set_yticklabels([f"−{span:g}", "0", f"+{span:g}"], fontsize=8)
        bar.tick_params(length=0)
        bar.set_gid("residual colour bar")
