"""Denoising, and choices between denoisers, without clean images.

Run: python benchmarks/self_supervised choosing

- "choosing" compares the denoiser that is chosen by `sure_score` and by `blind_spot_score` with the best one.

Each part prints a table, and writes the cases and the table to benchmarks/results/self_supervised/. Images are those of
benchmarks/images. Without arguments, all parts run, one after the other.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1] / "images"))  # for the images

from choosing import choosing

RESULTS = Path(__file__).parents[1] / "results" / "self_supervised"
PARTS = {f.__name__: f for f in (choosing,)}


if __name__ == "__main__":
    chosen = sys.argv[1:] or [*PARTS]
    if set(chosen) - set(PARTS):
        raise SystemExit(__doc__)
    for part in chosen:
        PARTS[part](RESULTS)
