"""Images side by side: which rows to show, and the picture of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .._core.checks import check_axes, check_choice, check_count, check_labels, check_seed, check_vector, shown
from .._core.sklearn_glue import check_clean, check_rows
from .._core.units import check_data_range, check_image_shape, resolve_data_range
from ..metrics import image_errors, psnr
from ._curves import plain

_SHOW = ("first", "random", "worst", "best")
_POINTS_OF_A_NOTE = 46  # width of "12.3 dB" at 8 points and a gap


def choose_rows(n_rows, n_images=10, *, y=None, labels=None, show="first", errors=None, random_state=None):
    """Indices of rows to show: the first, random, worst or best ones, of all labels or of some.

    Parameters
    ----------
    n_rows : int
        Rows there are.
    n_images : int, default=10
        Rows wanted; fewer come out where there are fewer.
    y : array-like of shape (n_rows,), default=None
        Labels, for `labels`.
    labels : array-like, default=None
        Labels to choose among.
    show : {"first", "random", "worst", "best"}, default="first"
        Which of them: the worst and the best by `errors`, starting with the most extreme one.
    errors : array-like of shape (n_rows,), default=None
        Error of each row, such as ``-psnr(..., per_image=True)``, for the worst and the best.
    random_state : int, RandomState or None, default=None
        Seed for ``show="random"``.

    Returns
    -------
    index : ndarray of int
        Rows to show.

    Examples
    --------
    >>> from sk_denoise.displays import choose_rows
    >>> choose_rows(6, 2, y=[8, 1, 9, 8, 9, 1], labels=[8, 9])
    array([0, 2])
    >>> choose_rows(3, 2, show="worst", errors=[0.1, 0.3, 0.2])
    array([1, 2])
    """
    check_count(n_rows, "n_rows", 0)
    check_count(n_images, "n_images")
    check_choice(show, "show", _SHOW)
    random = check_seed(random_state)
    y = None if y is None else check_labels(y, "y", n_rows)
    errors = None if errors is None else check_vector(errors, "errors", n_rows)
    index = np.arange(n_rows)
    if labels is not None:
        if y is None:
            raise ValueError(f"labels={shown(labels)} needs y, one label for each of the {n_rows} rows, got None.")
        labels = check_labels(labels, "labels")
        index = index[np.isin(y, labels)]
        if not len(index):
            raise ValueError(
                f"labels must hold some of the labels in y, {np.unique(y).tolist()}, got {labels.tolist()}."
            )
    if show == "random":
        index = random.permutation(index)
    elif show != "first":
        if errors is None:
            raise ValueError(f"show={show!r} needs errors, one number for each of the {n_rows} rows, got None.")
        errors = np.asarray(errors, dtype=float)[index]
        index = index[np.argsort(errors if show == "best" else -errors, kind="stable")]
    return index[:n_images]


def _tiles(rows, image_shape):
    """Rows as images that matplotlib draws; other numbers of channels than three are shown as their mean."""
    tiles = rows.reshape(len(rows), *image_shape[:2], -1)
    return tiles if tiles.shape[-1] == 3 else tiles.mean(axis=-1)


class DenoisingDisplay:
    """Rows of images, one above the other: clean, noisy, denoised and what is left between clean and denoised.

    Parameters
    ----------
    images : dict of str to ndarray of shape (n_images, n_features)
        What to show, from top to bottom. A row named "residual" is denoised minus clean; it is drawn in a diverging
        colour map, with a colour bar in the units of the rows.
    image_shape : tuple of int
        ``(height, width)`` or ``(height, width, channels)``.
    data_range : tuple of float
        Values of black and white.
    labels : array-like, default=None
        Titles of the columns.
    notes : list of str, default=None
        Second lines of the titles, left out where the columns are too narrow for them.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        Its figure.

    See Also
    --------
    ConfusionChangeDisplay : What denoising repaired and broke, by class.

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

    def __init__(self, images, *, image_shape, data_range, labels=None, notes=None):
        self.images = images
        self.image_shape = image_shape
        self.data_range = data_range
        self.labels = labels
        self.notes = notes

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        X_clean=None,
        y=None,
        n_images=10,
        labels=None,
        show="first",
        random_state=None,
        image_shape=None,
        data_range=None,
        ax=None,
    ):
        """Denoise some of the noisy rows `X` and draw them.

        Parameters
        ----------
        estimator : transformer
            Fitted denoiser.
        X : array-like of shape (n_samples, n_features)
            Noisy rows.
        X_clean : array-like of shape (n_samples, n_features), default=None
            Clean rows; with them, clean images and residuals are drawn too.
        y : array-like of shape (n_samples,), default=None
            Labels, written above the columns.
        n_images : int, default=10
            Columns.
        labels : array-like, default=None
            Show only rows of these labels.
        show : {"first", "random", "worst", "best"}, default="first"
            Which rows, of `labels` if given. The worst and the best are those whose denoised image is farthest from
            and nearest to `X_clean`; their PSNR is written above them, where there is room.
        random_state : int, RandomState or None, default=None
            Seed for ``show="random"``.
        image_shape : tuple of int or None, default=None
            None takes the estimator's, or reads a square grey image.
        data_range : pair of floats or None, default=None
            None takes the estimator's, or reads it off the clean rows.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : DenoisingDisplay
            With `ax_` and `figure_`.
        """
        X = check_rows(X)
        if isinstance(estimator, type) or not hasattr(estimator, "transform"):
            raise TypeError(
                f"estimator must have transform, got {shown(estimator)}. Of a pipeline with a classifier, pass"
                " the part up to the denoiser: pipe[:-1]."
            )
        check_choice(show, "show", _SHOW)
        check_axes(ax)
        y = None if y is None else check_labels(y, "y", len(X), of="rows of X")
        by_error = show in ("worst", "best")
        if by_error and X_clean is None:
            raise ValueError(f"show={show!r} needs X_clean, the clean rows that errors are measured against.")
        clean = None if X_clean is None else check_clean(X_clean, X.shape)
        if data_range is None:
            data_range = getattr(estimator, "data_range_", "auto")
        data_range = resolve_data_range(data_range, X if clean is None else clean)
        denoised = np.asarray(estimator.transform(X)) if by_error else None
        errors = image_errors(clean, denoised, data_range) if by_error else None
        choice = {"y": y, "labels": labels, "show": show, "errors": errors, "random_state": random_state}
        index = choose_rows(len(X), n_images, **choice)
        denoised = denoised[index] if by_error else np.asarray(estimator.transform(X[index]))
        # After `transform`, which knows better what is wrong with rows of another width.
        shape = getattr(estimator, "image_shape_", None) if image_shape is None else image_shape
        shape = check_image_shape(shape, X.shape[1])
        images = {"noisy": np.asarray(X[index]), "denoised": denoised}
        notes = None
        if clean is not None:
            images = {"clean": clean[index], **images, "residual": denoised - clean[index].astype(float)}
            notes = (
                [f"{score:.1f} dB" for score in psnr(clean[index], denoised, data_range=data_range, per_image=True)]
                if by_error
                else None
            )
        titles = None if y is None else np.asarray(y)[index]
        return cls(images, image_shape=shape, data_range=data_range, labels=titles, notes=notes).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : DenoisingDisplay
            This display.
        """
        n_images = self._check()
        check_axes(ax)
        height, width = self.image_shape[:2]
        if ax is None:
            import matplotlib.pyplot as plt

            # Inches: words at the left, a colour bar at the right, titles above.
            beside = 0.25 + 0.09 * max(map(len, self.images)) + (0.6 if "residual" in self.images else 0.05)
            above = 0.1 + 0.25 * ((self.labels is not None) + (self.notes is not None))
            tile = min(1.4, (9 - beside) / n_images)
            figure_height = above + tile * len(self.images) * (height + 1) / (width + 1)
            figsize = (beside + tile * n_images, min(12, max(1.2, figure_height)))
            _, ax = plt.subplots(figsize=figsize, layout="constrained")
        low, high = self.data_range
        for number, (name, rows) in enumerate(self.images.items()):
            residual = name == "residual"
            unit = (np.asarray(rows, dtype=float) - (0 if residual else low)) / (high - low)
            unit = np.clip((unit + 1) / 2 if residual else unit, 0, 1)
            colours = "PuOr" if residual else "gray"
            top = number * (height + 1)
            for column, tile in enumerate(_tiles(unit, self.image_shape)):
                left = column * (width + 1)
                extent = (left, left + width, top + height, top)
                image = ax.imshow(tile, cmap=colours, vmin=0, vmax=1, extent=extent, interpolation="nearest")
            if residual:
                self._colour_bar(ax, image, top)
        ax.set_xlim(0, n_images * (width + 1) - 1)
        ax.set_ylim(len(self.images) * (height + 1) - 1, 0)
        names = ["denoised\n− clean" if name == "residual" else name for name in self.images]
        ax.set_yticks([i * (height + 1) + height / 2 for i in range(len(names))], [plain(name) for name in names])
        titles = self._titles(ax, n_images)
        ax.set_xticks([i * (width + 1) + width / 2 for i in range(len(titles))], titles)
        ax.xaxis.tick_top()
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _check(self):
        """Refuse what cannot be drawn; return the number of columns."""
        if not isinstance(self.images, Mapping) or not self.images:
            raise TypeError(f"images must be a dict of rows by name, got {shown(self.images)}.")
        rows = [check_rows(rows, f"images[{name!r}]") for name, rows in self.images.items()]
        if len({part.shape for part in rows}) > 1:
            raise ValueError(f"images must hold rows of one shape, got {[part.shape for part in rows]}.")
        if self.image_shape is None:
            raise ValueError("image_shape must be (height, width) or (height, width, channels), got None.")
        check_image_shape(self.image_shape, rows[0].shape[1])
        if check_data_range(self.data_range) == "auto":
            raise ValueError("data_range must be a pair (low, high), got 'auto'.")
        if self.labels is not None:
            check_labels(self.labels, "labels", len(rows[0]), of="columns")
        if self.notes is not None:
            check_vector(self.notes, "notes", len(rows[0]), of="columns", what="text")
        return len(rows[0])

    def _titles(self, ax, n_images):
        labels = [] if self.labels is None else [plain(label) for label in self.labels]
        if self.notes is None or ax.bbox.width / ax.figure.dpi * 72 < _POINTS_OF_A_NOTE * n_images:
            return labels
        return [f"{label}\n{note}" for label, note in zip(labels, self.notes)] if labels else list(self.notes)

    def _colour_bar(self, ax, image, top):
        """Beside the row of residuals, as high as the row."""
        from matplotlib.cm import ScalarMappable

        height, width = self.image_shape[:2]
        span = self.data_range[1] - self.data_range[0]
        # In parts of the axes, which are as large as the images with the gaps between them.
        whole_width = len(self.images["residual"]) * (width + 1) - 1
        whole_height = len(self.images) * (height + 1) - 1
        bounds = (1 + 1 / whole_width, 1 - (top + height) / whole_height, 0.12 * width / whole_width)
        bar = ax.inset_axes((*bounds, height / whole_height))
        # Colour images have no map of their own: the bar is made from the grey images' one.
        mappable = ScalarMappable(cmap="PuOr", norm=image.norm)
        ax.figure.colorbar(mappable, cax=bar, ticks=[0, 0.5, 1])
        bar.set_yticklabels([f"−{span:g}", "0", f"+{span:g}"], fontsize=8)
        bar.tick_params(length=0)
        bar.set_gid("residual colour bar")
