"""Training, and choosing between denoisers, without clean images.

Run: python benchmarks/self_supervised mnist|photographs|noise2void|choosing

- "mnist" trains U-Nets on 8,000 noisy digits of the full MNIST, with and without clean images, three seeds each.
- "photographs" does the same on patches of photographs.
- "noise2void" trains Noise2Void of CAREamics for the same time as this package's networks, on single images.
- "choosing" compares the denoiser that is chosen by `sure_score` and by `blind_spot_score` with the best one.

Each part prints its figures, and writes a CSV file to benchmarks/results/self_supervised/, from which
docs/self_supervised_page.py makes the tables of the documentation. Photographs are those of benchmarks/images. Without
arguments, all parts run, one after the other.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# For the images, and for `provenance`.
sys.path[:0] = [str(Path(__file__).parents[1] / "images"), str(Path(__file__).parents[1])]

import pandas as pd
import provenance
from choosing import choosing
from noise2void import noise2void
from trainings import mnist, photographs

RESULTS = Path(__file__).parents[1] / "results" / "self_supervised"
PARTS = {part.__name__: part for part in (mnist, photographs, noise2void, choosing)}
DIGITS = {"mse": 6, "mse_noisy": 5, "psnr": 3, "best_psnr": 3, "seconds": 1, "cpu_seconds": 1}


def measure(name):
    """Write one row for each training or choice."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    rows = []
    for row in PARTS[name]():
        rows.append(row)
        pd.DataFrame(rows).round(DIGITS).to_csv(RESULTS / f"{name}.csv", index=False)


if __name__ == "__main__":
    chosen = sys.argv[1:] or [*PARTS]
    if set(chosen) - set(PARTS):
        raise SystemExit(__doc__)
    for part in chosen:
        with provenance.kept(f"self_supervised {part}"):
            measure(part)
