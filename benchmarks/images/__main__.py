"""All denoisers of this package, BM3D, CAREamics and scikit-image on images: PSNR, SSIM, seconds and memory.

Run: python benchmarks/images table|colour|memory|large|pictures|photograph

- "table" compares all methods, of this package and of others, and trained networks, on ten images with white,
  correlated and photon noise of three levels; see table.py. It takes half an hour on two cores.
- "colour" compares filters on three colour images with Gaussian noise of one level.
- "memory" runs each filter on images of 512 x 512 and 1024 x 1024 pixels, each in its own process.
- "large" fits on and denoises a file of 10 GB.
- "pictures" draws docs/_static/filters.png, and "photograph" docs/_static/photograph.png for the README.

Except in "memory", images are cropped to at most 256 x 256 pixels, because BM3D takes long. Filters that take a level
are given the true one, except "denoise(image)", which estimates the noise. ``pip install -e .[bench]`` installs BM3D,
whose licence is non-commercial, and pydicom; without them, BM3D and the CT and MR slices are skipped. CAREamics, for
"table", is installed as benchmarks/self_supervised/noise2void.py says, or else skipped. Each part that draws no picture
prints a table, and writes a CSV file to benchmarks/results/images/, from which docs/images_page.py makes the tables of
the documentation. Without arguments, all parts run, one after the other.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# For the training on single images, and for `provenance`.
sys.path += [str(Path(__file__).parents[1] / "self_supervised"), str(Path(__file__).parents[1])]

import pandas as pd
import provenance
from large import large
from memory import memory
from pictures import draw_filters, draw_photograph
from quality import colour
from table import table

RESULTS = Path(__file__).parents[1] / "results" / "images"
PARTS = {f.__name__: f for f in (table, colour, memory, large)}
FIGURES = {"pictures": draw_filters, "photograph": draw_photograph}
DIGITS = {
    "psnr": 3, "ssim": 4, "cpu_seconds": 3, "seconds": 3, "megapixels": 3, "megabytes": 1, "training_seconds": 1,
}  # fmt: skip


def measure(name):
    """Write one row for each image, noise and method, and print means over the images."""
    rows = []
    for case, figures in PARTS[name]():
        rows += [case | {"method": method} | found for method, found in figures.items()]
        shown = (f"{method} {found.get('psnr', found.get('seconds')):.2f}" for method, found in figures.items())
        print(*case.values(), "|", ", ".join(shown), flush=True)
    frame = pd.DataFrame(rows).round(DIGITS)
    RESULTS.mkdir(parents=True, exist_ok=True)
    frame.to_csv(RESULTS / f"{name}.csv", index=False)
    keys = [key for key in ("set", "noise", "sigma", "blur", "side") if key in frame]
    means = frame.groupby(["method", *keys], sort=False)[[key for key in DIGITS if key in frame]].mean()
    print((means.unstack(keys) if keys else means).round(2).to_string())


if __name__ == "__main__":
    chosen = sys.argv[1:] or [*PARTS, *FIGURES]
    if set(chosen) - {*PARTS, *FIGURES}:
        raise SystemExit(__doc__)
    for part in chosen:
        if part in FIGURES:
            FIGURES[part]()
            continue
        with provenance.kept(f"images {part}"):
            measure(part)
