"""The noise of images whose patches a denoiser learns on; patches are too small to measure it."""

from __future__ import annotations

import numpy as np

from .._core.checks import sample_rows, warn_user
from .._core.dask_arrays import read_all
from ..noise import estimate_noise
from ..noise._identify import SMALLEST
from ._self_supervision import check_noise_range
from ._targets import check_noise, is_auto

_N_MEASURED = 16  # images from which the noise is estimated
_MOST_VALUES = 1 << 24  # of an image that is read whole
_PART = 1024  # pixels, side of the parts that are read of larger ones
_N_PARTS = 4  # along each axis
_NOISY = 0.05  # level above that of texture in clean images


def settle_noise(inner, arrays, data_range):
    """Estimate the noise for `inner` from whole images, or check that a given level refers to a known range."""
    if is_auto(inner.noise):
        inner.set_params(noise=_estimate(arrays))
    elif inner.self_supervised == "recorrupted" and (noise := check_noise(inner.noise)) is not None:
        check_noise_range(noise, inner.data_range if isinstance(data_range, str) else data_range, arrays[0].dtype)


def warn_if_noisy(arrays):
    """Warn if images that are taken as clean seem to be noisy."""
    large = [array for array in arrays if min(array.shape[:2]) >= SMALLEST]
    estimate = _estimate(large) if large else None
    if estimate is not None and estimate.level > _NOISY:
        warn_user(
            "images are taken as clean, and noise is added to them in training, but they seem to be noisy themselves,"
            f" with a standard deviation of {estimate.sigma:.3g}. To train on noisy images, set"
            " self_supervised='recorrupted' in the denoiser. If the images are clean, set its noise, such as"
            " noise='gaussian'."
        )


def _estimate(arrays):
    """Estimate the noise of some of the images, which may be lazy."""
    places = sample_rows(np.arange(len(arrays)), _N_MEASURED, jitter=True)
    some = [part for i in places for part in _readable(arrays[i])]
    return estimate_noise(some, channel_axis=-1 if some[0].ndim == 3 else None)


def _readable(image):
    """Return an image as an array, in a list; of a very large one, parts that are spread over it."""
    if image.size <= _MOST_VALUES:
        return [np.asarray(image)]
    starts = [np.linspace(0, max(0, side - _PART), _N_PARTS).astype(int) for side in image.shape[:2]]
    return read_all([image[y : y + _PART, x : x + _PART] for y in starts[0] for x in starts[1]])
