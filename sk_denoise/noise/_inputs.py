"""Validate the input of a `NoiseInjector`, rows or images of any size, and return results in its form."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
from sklearn.utils import assert_all_finite

from .._core.checks import shown
from .._core.images import ImageLayout, is_sequence, read_images
from .._core.sklearn_glue import read_rows
from .._core.units import result_dtype
from ._noisy import NoisyArray, NoisyImages


@dataclass(frozen=True)
class Given:
    """Validated rows or images.

    Attributes
    ----------
    clean : ndarray or list of ndarray
        The rows or images, with their axes as given.
    stacks : list of ndarray
        The same data as arrays, with rows or images along the first axis and channels last: rows, a stack of images of
        one size, or one stack for each image of a list. Arrays are not copied.
    layout : ImageLayout or None
        The form of the images; None for rows.
    """

    clean: np.ndarray | list
    stacks: list
    layout: ImageLayout | None = None

    @property
    def arrays(self):
        """Rows as an array, images as a list of arrays."""
        return self.clean if self.layout is None else [image for stack in self.stacks for image in stack]

    def without_noise(self):
        """Return a copy, as an array or a plain list."""
        if isinstance(self.clean, list):
            return [np.array(image, dtype=result_dtype(image.dtype)) for image in self.clean]
        assert_all_finite(self.clean, input_name="X")
        return np.array(self.clean, dtype=result_dtype(self.clean.dtype))

    def with_noise(self, noisy, injector):
        """Return `noisy`, arrays of the shapes of `stacks`, in the form of the input, with a copy of `injector`."""
        injector = copy.deepcopy(injector)
        if isinstance(self.clean, list):
            return NoisyImages([self.layout.move_back(stack[0]) for stack in noisy], self.clean, injector)
        noisy = noisy[0]
        if self.layout is not None:
            noisy = self.layout.move_back(noisy if self.layout.form == "stack" else noisy[0])
        return NoisyArray(noisy, self.clean, injector)


def holds_images(X):
    """Return whether `X` holds images rather than rows: an array of 3 or more axes, or a list of arrays of 2 or more.

    A 2-D array, a list of 1-D arrays and a list of lists of numbers are rows, as everywhere in scikit-learn.
    """
    if isinstance(X, tuple) and len(X) == 2 and _n_axes(X[1]) == 1:
        return False  # rows and labels, which are reported as an error later
    if is_sequence(X):
        return len(X) > 0 and _n_axes(X[0]) > 1
    return getattr(X, "ndim", 0) > 2


def _n_axes(value):
    if not isinstance(value, (list, tuple)):
        return getattr(value, "ndim", 0)
    try:
        return np.ndim(value)
    except (TypeError, ValueError, RuntimeError):  # ragged
        return 0


def read_given(injector, X, *, reset):
    """Validate rows or images for `injector`; with ``reset=True`` for `fit`, otherwise against what was fitted.

    Rows are checked for NaN and infinity only in `fit`; otherwise, the caller does that block by block.
    """
    images = holds_images(X)
    if not reset and images != is_fitted_on_images(injector):
        raise _other_form_error(injector, X, images)
    if images:
        return _read_images(injector, X, reset)
    if injector.channel_axis is not None:
        raise ValueError(
            f"channel_axis must be None for rows, got {injector.channel_axis}. A 2-D array is read as rows; pass a"
            " single grey image as [image], without channel_axis."
        )
    rows = read_rows(injector, X, reset=reset, finite=reset)
    return Given(np.asarray(rows), [rows])


def _other_form_error(injector, X, images):
    if images:
        return ValueError(
            f"X must hold rows of {injector.n_features_in_} features, on which this NoiseInjector was fitted, got"
            " images. Fit an injector on images, or flatten each image to a row."
        )
    return ValueError(
        f"X must hold images, on which this NoiseInjector was fitted, got {shown(X)}, which is read as rows. Pass a"
        " single grey image as [image]."
    )


def is_fitted_on_images(injector):
    """Return whether `injector` was fitted, and on images, which have no fixed number of features."""
    return hasattr(injector, "data_range_") and not hasattr(injector, "n_features_in_")


def _read_images(injector, X, reset):
    if injector.image_shape is not None:
        raise ValueError(
            f"image_shape must be None for images, because each has its own shape, got {injector.image_shape!r}."
        )
    arrays, layout = read_images(X, channel_axis=injector.channel_axis, name="X")
    if reset:
        for name in ("n_features_in_", "feature_names_in_"):  # of an earlier fit on rows
            vars(injector).pop(name, None)
    if layout.form in ("list", "tuple"):
        return Given([np.asarray(image) for image in X], [image[np.newaxis] for image in arrays], layout)
    clean = np.asarray(X)
    if layout.form == "image":
        return Given(clean, [arrays[0][np.newaxis]], layout)
    return Given(clean, [clean if layout.channel_axis is None else np.moveaxis(clean, layout.channel_axis, -1)], layout)
