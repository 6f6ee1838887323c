"""PSNR, SSIM and seconds of the filters on noisy images. Each function yields the case, and the figures by method."""

import time
import warnings

import methods
import numpy as np
import sets
from scipy import ndimage, signal
from skimage.metrics import structural_similarity

from sk_denoise.metrics import psnr
from sk_denoise.noise.stabilization import anscombe, inverse_anscombe

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
            noise = ndimage.convolve(sets.noise(clean, seed).astype(float), kernel, mode="wrap")
            own, theirs = methods.given(sigma), methods.scikit_image(sigma)
            functions = {
                "nl_ridge, exact correlation": methods.exact(sigma, correlation),
                "denoise(image)": own["denoise(image)"],
                "nl_ridge, as white": own["nl_ridge"],
                "denoise_nl_means": theirs["denoise_nl_means"],
                "denoise_tv_chambolle, best weight": methods.tv(sigma),
            }
            spectrum = np.abs(np.fft.fft2(kernel, clean.shape)) ** 2 * clean.size * sigma**2
            noisy = (clean + sigma * noise).astype(np.float32)
            case = {"image": name, "blur": str(blur)}
            yield case, measure(clean, noisy, methods.with_bm3d(functions, spectrum))


def poisson(peak=PEAK):
    """Photon noise, with and without stabilization of its variance."""
    for seed, (name, clean) in enumerate(sets.held_out().items(), start=200):
        noisy = (np.random.default_rng(seed).poisson(peak * clean.astype(float)) / peak).astype(np.float32)
        sigma = float(np.sqrt(clean.mean() / peak))
        constant, stable = (methods.with_bm3d(methods.given(level), level) for level in (sigma, 1.0))
        functions = {"denoise(image)": constant["denoise(image)"]}
        for method in ("nl_ridge", "bm3d"):
            if method in constant:
                functions[f"{method}, exact gain"] = _stabilized(stable[method], 1 / peak)
                functions[f"{method}, constant level"] = constant[method]
        yield {"image": name, "peak": peak}, measure(clean, noisy, functions)


def _stabilized(function, gain):
    return lambda image: inverse_anscombe(function(anscombe(image, gain)), gain)


def measure(clean, noisy, functions):
    """Figures of each function; of functions in a list, those with the best PSNR, and the mean time."""
    figures = {"noisy": quality(clean, noisy) | {"cpu_seconds": 0.0, "seconds": 0.0, "refused": False}}
    for name, variants in functions.items():
        variants = variants if isinstance(variants, list) else [variants]
        cpu, start, refused = time.process_time(), time.perf_counter(), False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = [np.asarray(function(noisy)) for function in variants]
            except ValueError as error:  # denoise(image) refuses images whose noise is unclear
                print(f"{name}: {error}")
                found, refused = [noisy], True
        cpu, seconds = time.process_time() - cpu, time.perf_counter() - start
        best = max((quality(clean, image) for image in found), key=lambda quality: quality["psnr"])
        times = {"cpu_seconds": cpu / len(variants), "seconds": seconds / len(variants)}
        figures[name] = best | times | {"refused": refused}
    return figures


def quality(clean, image):
    """PSNR in dB, and SSIM."""
    options = {"data_range": 1, "channel_axis": -1 if clean.ndim == 3 else None}
    similarity = structural_similarity(clean, image.astype(clean.dtype), **options)
    decibels = psnr(clean.reshape(1, -1), image.reshape(1, -1), data_range=(0, 1))
    return {"psnr": decibels, "ssim": float(similarity)}
