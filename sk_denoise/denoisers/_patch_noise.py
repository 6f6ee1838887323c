"""The noise of images whose patches a denoiser learns on; patches are too small to measure it."""

from __future__ import annotations

import numpy as np

from .._core.checks import sample_rows, warn_user
from ..noise import estimate_noise
from ..noise._identify import SMALLEST
from ._self_supervision import check_noise_range
from ._targets import check_noise, is_auto

_N_MEASURED = 16  # images from which the noise is estimated
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
    some = [np.asarray(arrays[i]) for i in sample_rows(np.arange(len(arrays)), _N_MEASURED, jitter=True)]
    return estimate_noise(some, channel_axis=-1 if some[0].ndim == 3 else None)
