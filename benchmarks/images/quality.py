"""PSNR, SSIM and seconds of the filters on noisy images. Each function yields the case, and the figures by method."""

import functools
import warnings

import methods
import numpy as np
import sets
from memory import costs
from scipy import signal
from skimage.metrics import structural_similarity

from sk_denoise.metrics import psnr

LEVELS = (0.05, 0.1, 0.2)
BLURS = (0.7, 1.0, (0.0, 0.8))  # standard deviation in pixels, or one for each axis
BLURRED_LEVEL = 0.1
COLOUR_LEVEL = 0.1
PEAK = 30  # photons at white


def white():
    """White Gaussian noise; on the images that settings were chosen on, only nl_ridge and BM3D."""
    for name, sigma, clean, noisy in _noisy("held-out", sets.held_out(), LEVELS):
        functions = methods.given(sigma) | methods.scikit_image(sigma)
        yield name | {"sigma": sigma}, measure(clean, noisy, methods.with_bm3d(functions, sigma))
    for name, sigma, clean, noisy in _noisy("tuning", sets.tuning(), LEVELS):
        functions = {"nl_ridge": methods.given(sigma)["nl_ridge"]}
        yield name | {"sigma": sigma}, measure(clean, noisy, methods.with_bm3d(functions, sigma))


def colour():
    """White Gaussian noise on colour images."""
    for name, sigma, clean, noisy in _noisy("held-out", sets.colour(), [COLOUR_LEVEL]):
        functions = methods.given(sigma, channel_axis=-1) | methods.scikit_image(sigma, channel_axis=-1)
        yield name | {"sigma": sigma}, measure(clean, noisy, methods.with_bm3d(functions, sigma, "bm3d_rgb"))


def _noisy(kind, images, levels):
    for sigma in levels:
        for seed, (name, clean) in enumerate(images.items()):
            yield {"set": kind, "image": name}, sigma, clean, clean + np.float32(sigma) * sets.noise(clean, seed)


def correlated(sigma=BLURRED_LEVEL):
    """Blurred Gaussian noise; without chelsea, which was used while the treatment of correlation was developed."""
    images = {name: image for name, image in sets.held_out().items() if name != "chelsea"}
    for blur in BLURS:
        kernel = sets.kernel(blur)
        correlation = signal.correlate2d(kernel, kernel)
        for seed, (name, clean) in enumerate(images.items(), start=100):
            own, theirs = methods.given(sigma), methods.scikit_image(sigma)
            functions = {
                "nl_ridge, exact correlation": methods.exact(sigma, correlation),
                "denoise(image)": own["denoise(image)"],
                "nl_ridge, as white": own["nl_ridge"],
                "denoise_nl_means": theirs["denoise_nl_means"],
                "denoise_tv_chambolle, best weight": methods.tv(sigma),
            }
            spectrum = sets.spectrum(clean, sigma, kernel)
            noisy = (clean + sigma * sets.blurred_noise(clean, seed, kernel)).astype(np.float32)
            case = {"image": name, "blur": str(blur)}
            yield case, measure(clean, noisy, methods.with_bm3d(functions, spectrum))


def poisson(peak=PEAK):
    """Photon noise, with and without stabilization of its variance."""
    for seed, (name, clean) in enumerate(sets.held_out().items(), start=200):
        noisy = sets.photons(clean, seed, peak)
        sigma = float(np.sqrt(clean.mean() / peak))
        constant, stable = (methods.with_bm3d(methods.given(level), level) for level in (sigma, 1.0))
        functions = {"denoise(image)": constant["denoise(image)"]}
        for method in ("nl_ridge", "bm3d"):
            if method in constant:
                functions[f"{method}, exact gain"] = methods.stabilized(stable[method], 1 / peak)
                functions[f"{method}, constant level"] = constant[method]
        yield {"image": name, "peak": peak}, measure(clean, noisy, functions)


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
