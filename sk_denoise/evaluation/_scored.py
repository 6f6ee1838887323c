"""What scores without clean images need: the denoiser as a function of images, the noisy images, and their noise."""

from __future__ import annotations

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._core.checks import shown
from .._core.images import read_images
from .._core.shapes import check_image_shape
from .._core.sklearn_glue import check_rows
from .._core.units import check_data_range
from ..denoisers._risk import is_noisy
from ..metrics import _denoiser, _layers
from ..noise import NoiseInjector
from ..noise._identify import observed_range
from ..noise._moments import blur_autocorrelation, two_sided
from ..noise._params import check_blur, check_level


def read_denoiser(denoiser):
    """Return the function that denoises, after checking that it does not draw noise."""
    steps = (step for layer in _layers(denoiser) for step in getattr(layer, "steps", ()))
    drawing = next((name for name, step in steps if isinstance(step, NoiseInjector)), None)
    if drawing is not None:
        raise ValueError(
            f"denoiser must not draw noise, but its step {drawing!r} is a NoiseInjector. Pass the steps after it, such"
            " as pipe[1:] or search.best_estimator_[1:], and noisy images."
        )
    if hasattr(denoiser, "predict") or hasattr(denoiser, "transform"):
        check_is_fitted(denoiser)
        return denoiser.predict if hasattr(denoiser, "predict") else denoiser.transform
    if callable(denoiser):
        return denoiser
    raise TypeError(f"denoiser must be a fitted denoiser or a function of an image, got {shown(denoiser)}.")


def takes_rows(denoiser):
    return hasattr(denoiser, "n_features_in_")


def row_shape(denoiser, image_shape, n_features):
    """Return the shape of the image in a row: the given one, or else that of the denoiser, or else a guess."""
    return check_image_shape(image_shape or getattr(_denoiser(denoiser), "image_shape_", None), n_features)


def read_noisy(denoiser, function, noisy, image_shape, channel_axis):
    """Return arrays of shape (n, height, width, channels), and a function that denoises such an array in float64."""
    if takes_rows(denoiser):
        rows = check_rows(noisy, "noisy")
        if rows.shape[1] != denoiser.n_features_in_:
            raise ValueError(
                f"noisy must be rows of {denoiser.n_features_in_} features, as the denoiser was fitted with, got shape"
                f" {rows.shape}. If it is a single image, pass noisy.reshape(1, -1)."
            )
        if channel_axis is not None:
            raise ValueError(
                f"channel_axis must be None for a denoiser of rows, got {shown(channel_axis)}. Channels come last:"
                " pass image_shape=(height, width, channels)."
            )
        shape = row_shape(denoiser, image_shape, rows.shape[1])
        return [rows.reshape(-1, *shape)], lambda image: function(image.reshape(rows.shape)).reshape(image.shape)
    arrays, layout = read_images(noisy, image_shape=image_shape, channel_axis=channel_axis, name="noisy")
    arrays = [array.reshape(1, *array.shape[:2], -1) for array in arrays]
    axis = channel_axis
    # A denoiser reads its own channel_axis as that of a stack; a function gets one image.
    as_stack = axis is not None and layout.form == "stack" and function is not denoiser
    if layout.form == "stack" and axis is not None and not as_stack:
        axis = max(axis - 1, 0) if axis >= 0 else max(axis, -3)

    def call(image):
        one = image[0, ..., 0] if channel_axis is None else np.moveaxis(image if as_stack else image[0], -1, axis)
        denoised = np.asarray(function(one), dtype=np.float64)
        if denoised.shape != one.shape:
            raise ValueError(
                f"denoiser must return an image of the shape of its argument, {one.shape}, got {denoised.shape}."
            )
        denoised = denoised[..., np.newaxis] if channel_axis is None else np.moveaxis(denoised, axis, -1)
        return denoised if as_stack else denoised[np.newaxis]

    return arrays, call


def find_noisy(images):
    """Return which values of each image are not padding."""
    has_noise = [is_noisy(image) for image in images]
    if not any(kept.any() for kept in has_noise):
        raise ValueError("noisy must hold images with noise, but all pixels have the value of their neighbours.")
    return has_noise


def width_of_range(data_range, denoiser, noise_range, images):
    """Width of `data_range`; if None, of that of the denoiser, or else of that of the noise, or else of the images."""
    own_range = getattr(_denoiser(denoiser), "data_range_", noise_range)
    data_range = check_data_range(own_range if data_range is None else data_range)
    low, high = observed_range(images, "noisy") if data_range == "auto" else data_range
    return high - low


def read_injector(noise):
    """Return the level of the noise that an injector draws, the range that it refers to, and its autocorrelation.

    The autocorrelation is None if the noise is white.
    """
    level, data_range = check_level(noise.level, noise.kind), getattr(noise, "data_range_", noise.data_range)
    if isinstance(level, tuple) or level == 0:
        raise ValueError(f"noise must have a single positive level, got level={noise.level!r}.")
    if isinstance(data_range, str):
        raise ValueError(
            "noise must have a known data range, of which its level is a fraction, got a NoiseInjector with"
            " data_range='auto' that is not fitted. Fit it to clean images, or pass the standard deviation in grey"
            " values."
        )
    blur = check_blur(noise.blur)
    correlation = two_sided([blur_autocorrelation(axis) for axis in blur]) if any(blur) else None
    return level, data_range, correlation
