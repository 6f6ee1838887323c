"""Filters of `ImageFilter`, as functions of images scaled to [0, 1].

Images are arrays of shape ``(n, height, width, channels)``, float32 or float64. Axes of length one are not filtered, so
a signal is filtered along its length. The result for an image does not depend on the other images.
"""

from __future__ import annotations

import math

import numpy as np

from ._nl_ridge import TILE as TILE_OF_NL_RIDGE
from ._nl_ridge import nl_ridge as denoise_nl_ridge
from ._nl_ridge import reach as reach_of_nl_ridge

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


def spatial_sides(image_shape):
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
    shape = (*spatial_sides(images.shape[1:]), images.shape[3])
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

    deepest = pywt.dwtn_max_level(spatial_sides(image_shape), wavelet)
    return max(deepest - 1, min(deepest, 1))


def wavelet(images, level, wavelet):
    from skimage.restoration import denoise_wavelet

    depth = wavelet_depth(images.shape[1:], wavelet)
    if depth == 0 or level < 1e-6:  # a threshold of zero would divide zero by zero on black pixels
        return images.copy()
    options = {"sigma": level, "wavelet": wavelet, "wavelet_levels": depth, "rescale_sigma": False}
    return _each(images, lambda image: denoise_wavelet(image, channel_axis=-1, **options))


def nlm(images, level, h, patch_size, patch_distance):
    from skimage.restoration import denoise_nl_means

    options = {"h": h, "sigma": level, "patch_size": patch_size, "patch_distance": patch_distance, "fast_mode": True}
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


def reach(method, params):
    """Return by how many pixels a filter looks away from the pixel that it computes; None for the whole image."""
    if method == "median":
        return params["size"] // 2
    if method == "gaussian":
        return int(4 * params["sigma"] + 0.5)
    if method == "bilateral":
        return math.ceil(3 * params["sigma_spatial"])
    if method == "nlm":
        return params["patch_distance"] + params["patch_size"] // 2
    if method == "nl_ridge":
        return reach_of_nl_ridge(params["correlation"] is None)
    return None


def grid(method):
    """Return of what parts of an image must begin at multiples, so that their results are those for the whole image."""
    return TILE_OF_NL_RIDGE if method == "nl_ridge" else 1


def denoise(images, method, params):
    """Filter images by `method` with `params`."""
    return _FUNCTIONS[method](images, **params)
