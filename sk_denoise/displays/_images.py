"""Display of noisy, denoised and clean images."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .._core.checks import check_labels, shown
from .._core.shapes import read_layout
from .._core.sklearn_glue import (
    HasMethods,
    check_clean,
    check_rows,
    check_same_names,
    feature_names,
    fitted_names,
    validate_function_params,
    with_names,
)
from .._core.units import check_scale, resolve_data_range, units_unchecked
from ..metrics import psnr
from ._choosing import CHOICE, choose_rows
from ._grid import RowGrid
from ._image_inputs import choose_range, denoise_some, patch_denoiser_in, read_alike, with_residual
from ._panels import ImagePanels
from ._style import Display, choose_interpolation


class DenoisingDisplay(Display):
    """Noisy, denoised and clean images side by side, and what the denoiser changed.

    Small images of one size are drawn as a grid, with a column for each. Images of any size are drawn as panels, with
    a line for each, at full resolution as far as a figure can hold it: up to about 1,000 pixels in width.

    Parameters
    ----------
    images : dict of str to ndarray of shape (n_images, n_features), or of str to list of ndarray
        Images to show: flattened rows, from top to bottom; or, if `image_shape` is None, lists of images (height,
        width) or (height, width, channels), from left to right. Those named "residual" are denoised minus clean images,
        or denoised minus noisy ones if there are no clean images. They are drawn with a diverging colour map, whose
        centre is zero, and a colour bar in the units of the images. Its limits are the same for all images, and hold
        99.5 % of the values. For images with several channels, the residual of the channel in which it is largest is
        drawn, with its sign.
    image_shape : tuple of int or None
        ``(height, width)`` or ``(height, width, channels)`` of rows. None if `images` are lists of images. If the
        number of channels is neither one nor three, their mean is shown.
    data_range : tuple of float
        Values of black and white, in the units of the images.
    labels : array-like of shape (n_images,), default=None
        Titles of the columns of the grid, or of the lines of panels.
    notes : list of str of length n_images, default=None
        Second lines of `labels`, omitted if the columns of the grid are too narrow.
    zoom : "auto", None or tuple of int, default="auto"
        Region ``(top, left, height, width)`` of images of any size that is magnified in an inset. "auto" chooses the
        region of each image that has most structure, unless the image is smaller than 64 pixels. None draws no insets.

    See Also
    --------
    sk_denoise.denoisers.denoise : Denoises images of any size without training.

    Notes
    -----
    After `plot`, ``axes_`` holds the axes of the panels, of shape (n_images, n_panels). They are placed within ``ax_``,
    which is the only one for a grid.

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
        "image_shape": [tuple, list, None],
        "data_range": [tuple, list, np.ndarray],
    }

    def __init__(self, images, *, image_shape, data_range, labels=None, notes=None, zoom="auto"):
        self.images = images
        self.image_shape = image_shape
        self.data_range = data_range
        self.labels = labels
        self.notes = notes
        self.zoom = zoom

    @classmethod
    @validate_function_params({"estimator": [HasMethods("transform")], **CHOICE})
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
        """Denoise some of the noisy images `X` and draw them.

        Parameters
        ----------
        estimator : transformer
            Fitted denoiser. For a pipeline with a classifier, pass the part up to the denoiser, such as ``pipe[:-1]``.
        X : array-like of shape (n_samples, n_features), or list of array-like
            Noisy rows, one flattened image each, in the units that the estimator was fitted with. For a
            `PatchDenoiser`, or a pipeline that ends with one, images as it takes them: one image, a stack, or a list of
            images of any sizes.
        X_clean : array-like of shape (n_samples, n_features), or list of array-like, default=None
            Clean rows or images. If given, clean images and residuals are drawn as well. Residuals of images of any
            size are always drawn.
        y : array-like of shape (n_samples,), default=None
            Labels, shown above the columns, or beside images of any size.
        n_images : int, default=10
            Maximum number of images to show.
        labels : array-like, default=None
            If given, show only images with these labels of `y`.
        random_state : int, RandomState instance or None, default=None
            Seed for ``show="random"``.
        show : {"first", "random", "worst", "best"}, default="first"
            Which images to show. "worst" and "best" are those whose denoised image has the lowest and the highest PSNR,
            which is shown if there is room. They require `X_clean`.
        image_shape : tuple of int or None, default=None
            ``(height, width)`` or ``(height, width, channels)`` of rows. If None, that of the estimator is used; if it
            has none, rows are read as square greyscale images.
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
            If the images, labels, shape or range do not match each other, or `X_clean` is required but missing.
        """
        choice = {"n_images": n_images, "labels": labels, "show": show, "random_state": random_state}
        if patch_denoiser_in(estimator) is not None:
            if image_shape is not None:
                raise ValueError(
                    f"image_shape must be None for images of any size, got {shown(image_shape)}. Leave it out, because"
                    " a PatchDenoiser takes images instead of rows."
                )
            return cls(**denoise_some(estimator, X, X_clean, y, choice, data_range)).plot(ax=ax)
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
        index = choose_rows(len(X), y=y, errors=errors, **choice)
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

    @classmethod
    def from_images(cls, noisy, denoised, *, clean=None, channel_axis=None, data_range=None, zoom="auto", ax=None):
        """Draw images that have been denoised by any function.

        Parameters
        ----------
        noisy : array-like or list of array-like
            Noisy images: one image (height, width), a stack (n, height, width), or a list of images of any sizes.
        denoised : array-like or list of array-like
            Denoised images, of the same shapes. The residual is denoised minus noisy without `clean`, and denoised
            minus clean otherwise.
        clean : array-like or list of array-like, default=None
            Clean images, of the same shapes. If given, the PSNR is shown above the images; otherwise, the standard
            deviation of the residual, which is the noise that was removed.
        channel_axis : int, default=None
            Axis of the colour channels, of the array or of each image in a list. If None, images are greyscale.
        data_range : pair of floats or None, default=None
            Values of black and white, whose difference is the peak of the PSNR. If None, the range is determined from
            `clean`. Without it, it is that of uint8 if `noisy` is of this dtype, and otherwise that of `denoised`.
        zoom : "auto", None or tuple of int, default="auto"
            Region ``(top, left, height, width)`` that is magnified in an inset. "auto" chooses the region of each image
            that has most structure, unless the image is smaller than 64 pixels. None draws no insets.
        ax : matplotlib Axes, default=None
            Axes to draw on; the panels are placed within them. If None, a new figure is created, in which images of up
            to about 1,000 pixels in width are drawn at full resolution.

        Returns
        -------
        display : DenoisingDisplay

        Raises
        ------
        ValueError, TypeError
            If the images are not arrays of finite numbers of the same shapes, or another argument is invalid.

        Examples
        --------
        >>> import numpy as np
        >>> from skimage.data import camera
        >>> from sk_denoise import denoise
        >>> from sk_denoise.displays import DenoisingDisplay
        >>> clean = camera()[100:228, 150:278]
        >>> noisy = clean + 20 * np.random.default_rng(0).standard_normal(clean.shape)
        >>> display = DenoisingDisplay.from_images(noisy, denoise(noisy))
        >>> [ax.get_title().partition(", ")[0] for ax in display.axes_[0]]
        ['noisy', 'denoised', 'denoised − noisy']
        """
        given = {"noisy": noisy, "denoised": denoised, "clean": clean}
        arrays = read_alike(given, channel_axis)
        data_range = choose_range(data_range, arrays)
        return cls(with_residual(arrays), image_shape=None, data_range=data_range, zoom=zoom).plot(ax=ax)

    def _layout(self):
        """Return what checks and draws the images, by their form."""
        parts = (self.images, self.data_range, self.labels, self.notes, self.zoom)
        return ImagePanels(*parts) if self.image_shape is None else RowGrid(self.image_shape, *parts)

    def _check(self):
        self._layout().check()

    @property
    def _size(self):
        return self._layout().size

    @property
    def _dpi(self):
        return self._layout().dpi

    def _draw(self, ax):
        self.axes_ = self._layout().draw(ax)
        # The size of an image in dots is known once the figure has been laid out.
        ax.get_figure(root=True).draw_without_rendering()
        for panel in self.axes_.flat:
            choose_interpolation(panel)
