"""What it costs that bits do not depend on the number of threads: an epoch with sums of ours and with TensorFlow's own.

Run ``python benchmarks/threads.py``; a minute. Its output is kept in ``benchmarks/results/threads.txt``.
"""

import statistics
import time
from pathlib import Path

import numpy as np

from sk_denoise import DenoisingAutoencoder, _keras

RESULTS = Path(__file__).parent / "results" / "threads.txt"
SHAPES = ((8, 8), (28, 28), (64, 64))


def seconds(denoiser, X):
    """Time of one fit."""
    start = time.perf_counter()
    denoiser.fit(X)
    return time.perf_counter() - start


def compare(architecture, shape):
    """Both in turns, after a first fit of each that compiles; the ratio of medians and how far single ratios went."""
    n_rows = 2048 if shape[0] < 64 else 512
    X = np.random.default_rng(0).random((n_rows, shape[0] * shape[1]), dtype=np.float32)
    own, theirs = [], []
    use_own_sums = _keras.use_own_sums
    trainers = {}
    for turn in range(8):
        for name, times in (("ours", own), ("TensorFlow's", theirs)):
            _keras.use_own_sums = use_own_sums if name == "ours" else lambda layers: None
            # Each keeps what it has compiled, and does not see the other's.
            _keras._idle_trainers.clear()
            _keras._idle_trainers.update(trainers.get(name, {}))
            denoiser = DenoisingAutoencoder(architecture, epochs=2, image_shape=shape, random_state=0)
            elapsed = seconds(denoiser, X)
            trainers[name] = dict(_keras._idle_trainers)
            if turn:
                times.append(elapsed)
    _keras.use_own_sums = use_own_sums
    ratios = [a / b for a, b in zip(own, theirs)]
    median = statistics.median(own) / statistics.median(theirs)
    return f"{architecture:>8}  {shape[0]:>3} x {shape[1]:<3}  {median:>6.2f}  [{min(ratios):.2f}, {max(ratios):.2f}]"


def main():
    """Print the table and keep it."""
    lines = ["Time of an epoch, ours over TensorFlow's own sums: ratio of medians of 7, and lowest and highest ratio"]
    for architecture in ("dense", "conv", "unet"):
        for shape in SHAPES:
            lines.append(compare(architecture, shape))
            print(lines[-1], flush=True)
    RESULTS.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
