"""Stein's unbiased risk estimate (SURE): the squared error of a denoiser, estimated without clean images."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from .._core.checks import warn_user

_PROBE_STEP = 0.01  # in standard deviations of the noise; larger steps smooth over the thresholds of filters
_FEWEST_CLIPPED = 10  # values; the smallest and the largest are always at the ends
_MOST_CLIPPED = 0.01  # share of clipped values from which estimates are noticeably biased
_SEED = 0  # of the probe, the same for all denoisers that are compared


def stein_terms(denoise, image, sigma, correlation=None, seed=_SEED):
    """Terms whose mean is an unbiased estimate of the mean squared error, for Gaussian noise.

    The divergence of the denoiser is estimated with one random probe [1]_. For noise of covariance ``C`` it is the
    trace of ``C`` times the Jacobian matrix, so the denoiser is probed along ``C`` times random signs.

    Parameters
    ----------
    denoise : callable
        Denoises an array of the shape of `image`.
    image : ndarray of shape (..., height, width, channels)
        Noisy images, float64.
    sigma : float
        Standard deviation of the noise.
    correlation : ndarray of shape (n, m), default=None
        Autocorrelation of the noise, with 1 in the centre. If None, the noise is white.
    seed : int or list of int, default=0
        Seeds the probe.

    Returns
    -------
    terms : ndarray of the shape of `image`
        One term for each value.
    denoised : ndarray of the shape of `image`
        The denoised images.

    References
    ----------
    .. [1] S. Ramani, T. Blu, M. Unser, "Monte-Carlo SURE: a black-box optimization of regularization parameters for
       general denoising algorithms", IEEE Transactions on Image Processing 17(9), 2008.
    """
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], image.shape)
    probe = signs if correlation is None else _correlate(signs, correlation)
    step = _PROBE_STEP * sigma / np.sqrt(np.mean(probe**2))
    denoised = np.asarray(denoise(image.copy()), dtype=np.float64)  # which may work in place
    slopes = signs * (np.asarray(denoise(image + step * probe), dtype=np.float64) - denoised) / step
    return (denoised - image) ** 2 + sigma**2 * (2 * slopes - 1), denoised


def _correlate(signs, correlation):
    from scipy.signal import fftconvolve

    kernel = np.asarray(correlation)[:, :, np.newaxis]
    return fftconvolve(signs, kernel.reshape((1,) * (signs.ndim - 3) + kernel.shape), mode="same", axes=(-3, -2))


def is_noisy(images):
    """Return which values of images of shape (n, height, width, channels) are not padding, which has no noise.

    Padding and saturated areas consist of patches of 3 x 3 pixels of one value, which noise hardly ever has.
    """
    size = (1, 3, 3, 1)
    flat = maximum_filter(images, size) == minimum_filter(images, size)
    inside = maximum_filter(np.where(flat, images, -np.inf), size)  # so that the outermost pixels count, too
    return images != inside


def warn_if_clipped(images, name, biased, has_noise=None):
    """Warn if many values outside padding lie at the ends of the range, as after clipping.

    `images` are arrays of shape (n, height, width, channels), and `biased` names what clipping biases.
    """
    has_noise = [is_noisy(image) for image in images] if has_noise is None else has_noise
    low, high = min(image.min() for image in images), max(image.max() for image in images)
    at_ends = sum(np.count_nonzero(kept & ((image == low) | (image == high))) for image, kept in zip(images, has_noise))
    share = at_ends / max(1, sum(np.count_nonzero(kept) for kept in has_noise))
    if low < high and share > _MOST_CLIPPED and at_ends > _FEWEST_CLIPPED:
        warn_user(
            f"{share:.0%} of the values of {name} lie at the ends of their range, so the noise was clipped, which"
            f" biases {biased}. Use images as they were before clipping, if you have them."
        )
