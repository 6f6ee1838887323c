"""Filters on whole images: PSNR and CPU seconds of nl_ridge, BM3D, non-local means and total variation.

Run: python benchmarks/images.py white|correlated

"white" denoises nine images with Gaussian noise of three levels, "correlated" crops of six images with blurred noise.
All filters are given the true level, nl_ridge and BM3D also the true correlation; the weight of total variation is the
best of five for each image. ``pip install -e .[bench]`` installs BM3D, whose licence is non-commercial, and pydicom,
without which the CT and MR slices are skipped. Prints a table, and writes it to benchmarks/results/images/. About ten
minutes.
"""

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
from scipy import ndimage, signal
from skimage import color, data, restoration, util

from sk_denoise.denoisers._nl_ridge import nl_ridge
from sk_denoise.metrics import psnr

RESULTS = Path(__file__).parent / "results" / "images"
LEVELS = (0.05, 0.1, 0.2)
BLURS = (0.7, 1.0, (0.0, 0.8))  # standard deviation in pixels, or one for each axis
CROP = 200


def load():
    """Grey images in [0, 1], by name."""
    images = {name: getattr(data, name)() for name in ("camera", "moon", "cell", "grass", "brick", "coins")}
    images |= {"astronaut": color.rgb2gray(data.astronaut()), "chelsea": color.rgb2gray(data.chelsea())}
    images = {name: util.img_as_float32(image) for name, image in images.items()}
    try:
        import pydicom
        from pydicom.data import get_testdata_file
    except ImportError:
        return images
    for name in ("CT", "MR"):
        slice_ = pydicom.dcmread(get_testdata_file(f"{name}_small.dcm")).pixel_array.astype(np.float32)
        images[name] = (slice_ - slice_.min()) / np.ptp(slice_)
    return images


def bm3d_filter():
    """The function of the package bm3d, or None."""
    if not hasattr(np, "trapz"):
        np.trapz = np.trapezoid  # bm3d 4.0 calls it by the name that NumPy 2.4 removed
    try:
        from bm3d import bm3d
    except ImportError:
        return None
    return bm3d


def kernel(blur):
    """Gaussian kernel with a sum of squares of 1, so that blurred white noise keeps its level."""
    impulse = np.zeros((13, 13))
    impulse[6, 6] = 1
    blurred = ndimage.gaussian_filter(impulse, blur, truncate=6)
    return blurred / np.linalg.norm(blurred)


def nlm(noisy, sigma):
    """Non-local means as in scikit-image's example."""
    options = {"patch_size": 5, "patch_distance": 6, "fast_mode": True}
    return restoration.denoise_nl_means(noisy, h=0.6 * sigma, sigma=sigma, **options)


def measure(clean, noisy, functions):
    """PSNR and CPU seconds of each function; of functions in a list, the best PSNR and the mean time."""
    figures = {"noisy": (psnr(clean, noisy, data_range=(0, 1)), 0.0)}
    for name, variants in functions.items():
        found, start = [], time.process_time()
        for function in variants if isinstance(variants, list) else [variants]:
            found.append(psnr(clean, np.asarray(function(noisy)), data_range=(0, 1)))
        figures[name] = max(found), (time.process_time() - start) / len(found)
    return figures


def tv_filters(sigma):
    """Total variation with weights around the level."""
    return [
        lambda noisy, weight=factor * sigma: restoration.denoise_tv_chambolle(noisy, weight)
        for factor in (0.5, 0.75, 1.0, 1.25, 1.5)
    ]


def white(images, bm3d):
    """Gaussian noise; yields the case, and the figures of each method."""
    images.pop("chelsea")
    for sigma in LEVELS:
        functions = {
            "nl_ridge": lambda noisy, s=sigma: nl_ridge(noisy, s),
            "nl_ridge, fast": lambda noisy, s=sigma: nl_ridge(noisy, s, fast=True),
            "nlm": lambda noisy, s=sigma: nlm(noisy, s),
            "tv": tv_filters(sigma),
        }
        if bm3d:
            functions["bm3d"] = lambda noisy, s=sigma: bm3d(noisy, s)
        for name, clean in images.items():
            noise = np.random.default_rng(0).standard_normal(clean.shape, dtype=np.float32)
            yield {"image": name, "sigma": sigma, "blur": 0}, measure(clean, clean + sigma * noise, functions)


def correlated(images, bm3d, sigma=0.1):
    """Blurred Gaussian noise on crops; yields the case, and the figures of each method."""
    names = [name for name in ("camera", "astronaut", "brick", "cell", "CT", "chelsea") if name in images]
    for blur in BLURS:
        blurring = kernel(blur)
        correlation = signal.correlate2d(blurring, blurring)
        for seed, name in enumerate(names):
            clean = images[name][60 : 60 + CROP, 100 : 100 + CROP] if min(images[name].shape) > CROP else images[name]
            noise = ndimage.convolve(np.random.default_rng(seed).standard_normal(clean.shape), blurring, mode="wrap")
            functions = {
                "nl_ridge": lambda noisy, c=correlation: nl_ridge(noisy, sigma, correlation=c),
                "nl_ridge, fast": lambda noisy, c=correlation: nl_ridge(noisy, sigma, correlation=c, fast=True),
                "nl_ridge, as white": lambda noisy: nl_ridge(noisy, sigma),
                "nlm": lambda noisy: nlm(noisy, sigma),
                "tv": tv_filters(sigma),
            }
            if bm3d:
                spectrum = np.abs(np.fft.fft2(blurring, clean.shape)) ** 2 * clean.size * sigma**2
                functions["bm3d"] = lambda noisy, s=spectrum: bm3d(noisy, s)
            noisy = (clean + sigma * noise).astype(np.float32)
            yield {"image": name, "sigma": sigma, "blur": str(blur)}, measure(clean, noisy, functions)


def summary(table):
    """Print means over the images, and how nl_ridge compares with BM3D."""
    wide = table.pivot(index=["sigma", "blur", "image"], columns="method", values=["psnr", "cpu_seconds"])
    print(wide["psnr"].groupby(["sigma", "blur"]).mean().round(2).to_string())
    if "bm3d" not in wide["psnr"]:
        return
    for name in ("nl_ridge", "nl_ridge, fast"):
        gain = wide["psnr"][name] - wide["psnr"]["bm3d"]
        ratio = wide["cpu_seconds"][name].sum() / wide["cpu_seconds"]["bm3d"].sum()
        print(
            f"{name}: {gain.mean():+.2f} dB relative to bm3d, at worst {gain.min():+.2f}; CPU time {ratio:.2f} of its"
        )


def main(name):
    """Print and write one row for each image, noise and method."""
    rows = []
    for case, figures in {"white": white, "correlated": correlated}[name](load(), bm3d_filter()):
        shown = " ".join(f"{method} {decibels:.2f}/{seconds:.1f}" for method, (decibels, seconds) in figures.items())
        print(*case.values(), shown, flush=True)
        rows += [
            case | {"method": method, "psnr": round(decibels, 3), "cpu_seconds": round(seconds, 2)}
            for method, (decibels, seconds) in figures.items()
        ]
    table = pd.DataFrame(rows)
    RESULTS.mkdir(parents=True, exist_ok=True)
    table.to_csv(RESULTS / f"{name}.csv", index=False)
    summary(table)


if __name__ == "__main__":
    if sys.argv[1:] not in (["white"], ["correlated"]):
        raise SystemExit(__doc__)
    main(sys.argv[1])
