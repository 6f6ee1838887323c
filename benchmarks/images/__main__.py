"""Filters of this package, BM3D and scikit-image's functions on images: PSNR, SSIM, seconds and memory.

Run: python benchmarks/images white|colour|correlated|poisson|memory|networks|digits|large|
         pictures|photograph

- "white" denoises 14 held-out images with Gaussian noise of three levels. On the nine images that the settings of
  nl_ridge were chosen on, it compares only nl_ridge with BM3D.
- "colour" is the same for three colour images and one level.
- "correlated" blurs the noise, in three ways.
- "poisson" denoises images with photon noise, with and without stabilization of its variance.
- "memory" runs each filter on images of 512 x 512 and 1024 x 1024 pixels, each in its own process.
- "networks" trains two U-Nets for ten minutes each, on other images, and compares them with nl_ridge and nlm.
- "digits" compares the two heads of the U-Net on digits.
- "large" fits on and denoises a file of 10 GB.
- "pictures" draws docs/_static/filters.png, and "photograph" draws docs/_static/photograph.png, for the README.

Except in "memory", images are cropped to at most 256 x 256 pixels, because BM3D takes long. Filters that take a level
are given the true one, except "denoise(image)", which estimates the noise. ``pip install -e .[bench]`` installs BM3D,
whose licence is non-commercial, and pydicom; without them, BM3D and the CT and MR slices are skipped. Each part but
"pictures" and "photograph" prints a table, and writes a CSV file to benchmarks/results/images/, from which
docs/images_page.py makes the tables of the documentation. Without arguments, all parts run, one after the other.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pandas as pd
from large import large
from memory import memory
from networks import digits, networks
from pictures import draw_filters, draw_photograph
from quality import colour, correlated, poisson, white

RESULTS = Path(__file__).parents[1] / "results" / "images"
PARTS = {f.__name__: f for f in (white, colour, correlated, poisson, memory, networks, digits, large)}
FIGURES = {"pictures": draw_filters, "photograph": draw_photograph}
DIGITS = {"psnr": 3, "ssim": 4, "cpu_seconds": 3, "seconds": 3, "megapixels": 3, "megabytes": 0}


def measure(name):
    """Write one row for each image, noise and method, and print means over the images."""
    rows = []
    for case, figures in PARTS[name]():
        rows += [case | {"method": method} | found for method, found in figures.items()]
        shown = (f"{method} {found.get('psnr', found.get('seconds')):.2f}" for method, found in figures.items())
        print(*case.values(), "|", ", ".join(shown), flush=True)
    table = pd.DataFrame(rows).round(DIGITS)
    RESULTS.mkdir(parents=True, exist_ok=True)
    table.to_csv(RESULTS / f"{name}.csv", index=False)
    keys = [key for key in ("set", "sigma", "blur", "side") if key in table]
    means = table.groupby(["method", *keys], sort=False)[[key for key in DIGITS if key in table]].mean()
    print((means.unstack(keys) if keys else means).round(2).to_string())


if __name__ == "__main__":
    chosen = sys.argv[1:] or [*PARTS, *FIGURES]
    if set(chosen) - {*PARTS, *FIGURES}:
        raise SystemExit(__doc__)
    for part in chosen:
        FIGURES[part]() if part in FIGURES else measure(part)
