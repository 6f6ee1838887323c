"""PSNR, SSIM, seconds and memory of methods on a noisy image."""

import functools
import warnings

import methods
import numpy as np
import sets
from memory import costs
from skimage.metrics import structural_similarity

from sk_denoise.metrics import psnr

LEVELS = (0.05, 0.1, 0.2)


def colour(sigma=0.1):
    """White Gaussian noise on colour images; yields the case, and the figures by method."""
    functions = methods.given(sigma, channel_axis=-1) | methods.scikit_image(sigma, channel_axis=-1)
    functions = methods.with_bm3d(functions, sigma, "bm3d_rgb")
    for seed, (name, clean) in enumerate(sets.colour().items()):
        noisy = clean + np.float32(sigma) * sets.noise(clean, seed)
        yield {"image": name, "sigma": sigma}, measure(clean, noisy, functions)


def measure(clean, noisy, functions):
    """Figures of each function; of functions in a list, those with the best PSNR, and the mean time."""
    nothing = {"cpu_seconds": 0.0, "seconds": 0.0, "megabytes": 0.0}
    figures = {"noisy": quality(clean, noisy) | nothing | {"refused": False}}
    for name, variants in functions.items():
        variants = variants if isinstance(variants, list) else [variants]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (found, refused), spent = costs(functools.partial(_call, name, variants, noisy))
        best = max((quality(clean, image) for image in found), key=lambda quality: quality["psnr"])
        times = {key: spent[key] / len(variants) for key in ("cpu_seconds", "seconds")}
        figures[name] = best | times | {"megabytes": spent["megabytes"], "refused": refused}
    return figures


def _call(name, functions, noisy):
    """Results of the functions, and whether they refused the image; the noisy image is then the result."""
    try:
        return [np.asarray(function(noisy)) for function in functions], False
    except ValueError as error:  # denoise(image) refuses images whose noise is unclear
        print(f"{name}: {error}")
        return [noisy], True


def quality(clean, image):
    """PSNR in dB, and SSIM."""
    options = {"data_range": 1, "channel_axis": -1 if clean.ndim == 3 else None}
    similarity = structural_similarity(clean, image.astype(clean.dtype), **options)
    decibels = psnr(clean.reshape(1, -1), image.reshape(1, -1), data_range=(0, 1))
    return {"psnr": decibels, "ssim": float(similarity)}
