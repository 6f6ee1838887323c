"""The filters, as functions of a noisy image, called as a user would call them."""

import functools

import numpy as np
from skimage import filters, restoration

from sk_denoise import denoise
from sk_denoise.noise.stabilization import anscombe, inverse_anscombe

OWN = ("nl_ridge", "nlm", "tv", "wavelet", "bilateral", "gaussian", "median")
_TV_FACTORS = (0.5, 0.75, 1.0, 1.25, 1.5)  # of the level


def given(sigma, channel_axis=None):
    """Filters of this package, given the level or an estimate of the noise, which "denoise(image)" makes itself."""
    functions = {"denoise(image)": functools.partial(denoise, channel_axis=channel_axis)}
    return functions | {
        method: functools.partial(denoise, method=method, noise=sigma, channel_axis=channel_axis) for method in OWN
    }


def scikit_image(sigma, channel_axis=None):
    """Functions of scikit-image with their defaults, or as in its gallery, given the level where they take one."""
    options = {"channel_axis": channel_axis}
    functions = {
        # As in the gallery example "Non-local means denoising for preserving textures".
        "denoise_nl_means": lambda image: restoration.denoise_nl_means(
            image, h=0.6 * sigma, sigma=sigma, patch_size=5, patch_distance=6, fast_mode=True, **options
        ),
        "denoise_tv_chambolle": lambda image: restoration.denoise_tv_chambolle(image, **options),
        "denoise_tv_chambolle, best weight": tv(sigma, channel_axis),
        "denoise_wavelet": lambda image: restoration.denoise_wavelet(
            image, sigma=sigma, convert2ycbcr=channel_axis is not None, **options
        ),
        "denoise_bilateral": lambda image: _positive(restoration.denoise_bilateral, image, **options),
        "filters.gaussian": lambda image: filters.gaussian(image, **options),
    }
    return functions if channel_axis is not None else functions | {"filters.median": filters.median}


def tv(sigma, channel_axis=None):
    """Total variation with weights around the level, of which the best one counts."""
    return [
        functools.partial(restoration.denoise_tv_chambolle, weight=factor * sigma, channel_axis=channel_axis)
        for factor in _TV_FACTORS
    ]


def stabilized(function, gain, low=0.0, width=1.0):
    """The function between a transform that makes the variance of photon noise 1 / width**2, and its inverse."""

    def denoised(image):
        return inverse_anscombe(function((anscombe(image, gain) - low) / width) * width + low, gain)

    return denoised


def _positive(function, image, **options):
    """Denoise an image raised to positive values, because denoise_bilateral refuses negative ones."""
    lowest = min(image.min(), 0)
    return function(image - lowest, **options) + lowest


def with_bm3d(functions, noise, name="bm3d"):
    """Add a function of the package bm3d, given a level or a spectrum, if the package is installed."""
    if not hasattr(np, "trapz"):
        np.trapz = np.trapezoid  # bm3d 4.0 calls it by the name that NumPy 2.4 removed
    try:
        import bm3d
    except ImportError:
        return functions
    return functions | {"bm3d": lambda image: getattr(bm3d, name)(image, noise)}
