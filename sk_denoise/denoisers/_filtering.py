"""Filters of `ImageFilter`, as functions of images scaled to [0, 1], and calibration of their parameters.

Images are arrays of shape ``(n, height, width, channels)``, float32 or float64. Axes of length one are not filtered, so
a signal is filtered along its length. The result for an image does not depend on the other images.
"""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np

from ..noise import estimate_noise
from ..noise._identify import SMALLEST
from ._nl_ridge import nl_ridge as denoise_nl_ridge

#: Parameters of each method of `ImageFilter`.
METHODS = {
    "median": ("size",),
    "gaussian": ("sigma",),
    "bilateral": ("sigma_color", "sigma_spatial"),
    "tv": ("weight",),
    "wavelet": ("level", "wavelet"),
    "nlm": ("level", "h", "patch_size", "patch_distance"),
    "nl_ridge": ("level", "correlation"),
}

#: Values from which "auto" chooses. Those of "level" (not for "nlm") and "h" are multiples of the noise level. The
#: first combination does nothing, or almost nothing, so that clean images can remain unchanged.
GRIDS = {
    "size": (1, 3, 5, 7),
    "sigma": (0.0, 0.4, 0.6, 0.8, 1.0, 1.3, 1.7),
    "sigma_color": (0.01, 0.1, 0.2, 0.4, 0.8),
    "sigma_spatial": (0.7, 1.0, 1.5),
    "weight": (0.001, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6),
    "level": (0.0, 0.5, 1.0, 1.5, 2.0),
    "wavelet": ("haar", "db2", "sym4"),
    "h": (0.05, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.4),
    "patch_size": (3, 5),
    "patch_distance": (3, 6),
    "correlation": (None,),
}

_MOST_SPREAD = 0.25  # of the level over images, as a fraction of it
_PROBE_STEP = 0.01  # in standard deviations of the noise; larger steps smooth over the thresholds of filters
_MIN_SIDE = 3  # smallest height and width for which J-invariant calibration can hide pixels
_STRIDE = 2  # hides a quarter of the pixels, no two of them adjacent; better than 4 on MNIST and digits
_MIN_H = 1e-3  # as a fraction of the range; positive, because scikit-image divides by h


def _spatial(image_shape):
    """Return the sides of an image that are longer than one pixel, or ``(1,)`` for a single pixel."""
    return tuple(size for size in image_shape[:2] if size > 1) or (1,)


def _along(images, value, neutral):
    """Return `value` for the axes to filter along, and `neutral` for the others."""
    height, width = (value if size > 1 else neutral for size in images.shape[1:3])
    return neutral, height, width, neutral


def median(images, size):
    from scipy import ndimage

    return ndimage.median_filter(images, size=_along(images, size, 1))


def gaussian(images, sigma):
    from scipy import ndimage

    return ndimage.gaussian_filter(images, sigma=_along(images, sigma, 0.0))


def bilateral(images, sigma_color, sigma_spatial):
    """Bilateral filter of Tomasi and Manduchi, over all pixels within three standard deviations.

    scikit-image's filter is not used: in version 0.26, its table of spatial weights has one row and column too many
    (it is built for ``win_size + 1`` pixels, but read as ``win_size``), which shifts the image.
    """
    height, width = images.shape[1:3]
    reach = math.ceil(3 * sigma_spatial)
    total, weights = images.copy(), np.ones_like(images[..., :1])
    # The weight of a pair of pixels is symmetric, so half of the directions are enough.
    for dy in range(min(reach, height - 1) + 1):
        for dx in range(-min(reach, width - 1), min(reach, width - 1) + 1):
            if dy == 0 and dx <= 0:
                continue
            here = np.s_[:, : height - dy, max(0, -dx) : width - max(0, dx)]
            there = np.s_[:, dy:, max(0, dx) : width - max(0, -dx)]
            with np.errstate(over="ignore", under="ignore"):  # for pixels so different that their weight is zero
                distance = np.sum(((images[there] - images[here]) / sigma_color) ** 2, axis=-1, keepdims=True)
                weight = np.exp(-0.5 * (distance + (dy**2 + dx**2) / sigma_spatial**2), dtype=images.dtype)
                total[here] += weight * images[there]
                total[there] += weight * images[here]
            weights[here] += weight
            weights[there] += weight
    return total / weights


def _each(images, denoise):
    """Apply `denoise` to each image, without axes of length one and with channels last."""
    shape = (*_spatial(images.shape[1:]), images.shape[3])
    out = np.empty_like(images)
    for image, result in zip(images, out):
        result[...] = denoise(image.reshape(shape)).reshape(image.shape)
    return out


def tv(images, weight):
    from skimage.restoration import denoise_tv_chambolle

    return _each(images, lambda image: denoise_tv_chambolle(image, weight, channel_axis=-1))


def wavelet_depth(image_shape, wavelet):
    """Return the number of scales, one less than possible because the coarsest scale contains hardly any noise."""
    import pywt

    deepest = pywt.dwtn_max_level(_spatial(image_shape), wavelet)
    return max(deepest - 1, min(deepest, 1))


def wavelet(images, level, wavelet):
    from skimage.restoration import denoise_wavelet

    depth = wavelet_depth(images.shape[1:], wavelet)
    if depth == 0 or level < 1e-6:  # a threshold of zero would divide zero by zero on black pixels
        return images.copy()
    options = {"sigma": level, "wavelet": wavelet, "wavelet_levels": depth, "rescale_sigma": False}
    return _each(images, lambda image: denoise_wavelet(image, channel_axis=-1, **options))


def nlm(images, h, patch_size, patch_distance):
    from skimage.restoration import denoise_nl_means

    options = {"h": h, "patch_size": patch_size, "patch_distance": patch_distance, "fast_mode": True}
    height, width, channels = images.shape[1:]
    shape = (width, height, channels) if width == 1 else (height, width, channels)  # signals are passed as one row
    out = np.empty_like(images)
    for image, result in zip(images, out):
        result[...] = denoise_nl_means(image.reshape(shape), channel_axis=-1, **options).reshape(image.shape)
    return out


def nl_ridge(images, level, correlation):
    out = np.empty_like(images)
    for image, result in zip(images, out):
        result[...] = denoise_nl_ridge(image, level, correlation=correlation)
    return out


_FUNCTIONS = {f.__name__: f for f in (median, gaussian, bilateral, tv, wavelet, nlm, nl_ridge)}


def measure_noise(images):
    """Return an estimate of the noise; None if it is unclear, or not the same in all images."""
    if min(images.shape[1:3]) < SMALLEST:
        return None
    grey = images.shape[3] == 1
    estimate = estimate_noise(list(images[..., 0] if grey else images), channel_axis=None if grey else -1)
    if estimate.kind in ("salt_pepper", "unclear") or not estimate.sigma > 0:
        return None
    # One level for all images would be that of the least noisy ones. The spread of small images is not known.
    return estimate if len(images) == 1 or estimate.spread <= _MOST_SPREAD * estimate.sigma else None


def denoise(images, method, params):
    """Filter images by `method` with `params`."""
    return _FUNCTIONS[method](images, **params)


def estimate_level(images):
    """Return the standard deviation of the noise, by the method of Donoho and Johnstone, averaged over images."""
    from skimage.restoration import estimate_sigma

    shape = (*_spatial(images.shape[1:]), images.shape[3])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about narrow images, and about constant ones, whose level is NaN
        levels = [estimate_sigma(image.reshape(shape), channel_axis=-1) for image in images]
    return float(np.mean(np.nan_to_num(levels), dtype=np.float64))


def candidates(method, given, level, image_shape):
    """Return the grids to search, weakest filter first: `given` values, or those of `GRIDS` that fit the image."""
    side = min(_spatial(image_shape))
    fits = {
        "size": lambda size: size <= max(side, 1),
        "wavelet": lambda name: wavelet_depth(image_shape, name) > 0,
        "patch_size": lambda size: size <= max(side, 3),
        "patch_distance": lambda distance: distance <= max(side, 3),
    }
    grids = {}
    for name in METHODS[method]:
        if method == "nlm" and name == "level":
            continue  # it only scales the grid of h
        if name in given:
            grids[name] = (given[name],)
            continue
        values = [value for value in GRIDS[name] if name not in fits or fits[name](value)] or [GRIDS[name][0]]
        grids[name] = tuple(_scaled(name, value, level) for value in values)
    return grids


def _scaled(name, value, level):
    if name == "h":
        return max(value * level, _MIN_H)
    return value * level if name == "level" else value


def calibrate(images, clean, method, grids, sigma=None):
    """Return the parameters with the smallest error.

    It is measured with respect to `clean`, or else estimated by SURE for white Gaussian noise of standard deviation
    `sigma`, or else by J-invariance.
    """
    combinations = [dict(zip(grids, values)) for values in itertools.product(*grids.values())]
    if len(combinations) == 1:
        return combinations[0]
    if clean is not None:
        errors = [np.mean((denoise(images, method, params) - clean) ** 2, dtype=float) for params in combinations]
    elif sigma is not None:
        errors = [_sure(images, method, params, sigma) for params in combinations]
    elif min(_spatial(images.shape[1:])) < _MIN_SIDE:
        return combinations[0]  # too few pixels have neighbours on both sides
    else:
        errors = _self_supervised_errors(images, method, grids)
    return combinations[int(np.argmin(errors))]


def _sure(images, method, params, sigma):
    """Return Stein's unbiased estimate of the squared error, with the divergence by one random probe (Ramani 2008)."""
    images = images.astype(np.float64)
    denoised = denoise(images, method, params)
    probe = np.random.default_rng(0).choice([-1.0, 1.0], images.shape)
    step = _PROBE_STEP * sigma
    slope = np.mean(probe * (denoise(images + step * probe, method, params) - denoised)) / step
    return np.mean((denoised - images) ** 2) - sigma**2 + 2 * sigma**2 * slope


def _self_supervised_errors(images, method, grids):
    """Return the loss of Batson and Royer for each combination: the error of predicting hidden pixels."""
    from skimage.restoration import calibrate_denoiser

    shape = (*_spatial(images.shape[1:]), images.shape[3])

    def function(image, channel_axis, **params):
        return denoise(image.reshape(1, *images.shape[1:]), method, params).reshape(shape)

    parameters = {**grids, "channel_axis": (-1,)}
    losses = []
    for image in images:
        _, (_, image_losses) = calibrate_denoiser(
            image.reshape(shape), function, parameters, stride=_STRIDE, extra_output=True
        )
        losses.append(image_losses)
    return np.mean(losses, axis=0)
