"""Measure memory and latency of one process over 2,000 fits and 1,000,000 transforms of a single row.

Run ``make bench-long``. It takes at least a quarter of an hour, and saves its tables in ``benchmarks/results``.
"""

import argparse
import itertools
import platform
import time
from pathlib import Path

import numpy as np
import provenance

from sk_denoise import DenoisingAutoencoder
from sk_denoise.datasets import load_digit_images

RESULTS = Path(__file__).parent / "results" / "long_runs.txt"
N_STAGES = 10


def resident():
    """Resident memory of this process in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1e3
    raise OSError("/proc/self/status has no VmRSS, the resident memory of this process.")


def fits(X, n_networks, smallest=2):
    """Yield functions that fit, each with another seed and other rows, in `n_networks` shapes."""
    for number in itertools.count():
        denoiser = DenoisingAutoencoder(
            "conv" if number % 4 == 3 else "dense",
            latent_dim=smallest + number % n_networks,
            learning_rate=(0.01, 0.003)[number % 2],
            epochs=2,
            random_state=number,
        )
        rows = X[number % 50 :: 9]
        yield lambda denoiser=denoiser, rows=rows: denoiser.fit(rows).transform(rows)


def single_rows(X):
    """Yield functions that transform one row, all with the same denoiser."""
    denoiser = DenoisingAutoencoder(epochs=2, random_state=0).fit(X)
    n_rows = len(X)
    for number in itertools.count():
        yield lambda row=X[number % n_rows][None]: denoiser.transform(row)


def measure(what, calls, n_calls):
    """Print and return a line per tenth of the calls: resident memory, median and 99th percentile of the latency."""
    lines = [f"{what}: {n_calls:,} in one process", "  calls done    memory, MB    median, ms    99 %, ms"]
    for stage in range(N_STAGES):
        seconds = np.empty(n_calls // N_STAGES)
        for i, call in zip(range(len(seconds)), calls):
            start = time.perf_counter()
            call()
            seconds[i] = time.perf_counter() - start
        median, slow = np.quantile(seconds, [0.5, 0.99]) * 1e3
        done = (stage + 1) * len(seconds)
        lines.append(f"  {done:>10,}    {resident():>10.1f}    {median:>10.3f}    {slow:>8.3f}")
        print(lines[-1], flush=True)
    return "\n".join(lines)


def main():
    """Measure fits and transforms, print the tables and save them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fits", type=int, default=2_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--networks", type=int, default=100)
    options = parser.parse_args()
    X, _ = load_digit_images()
    parts = [
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}. The machine was shared, as the"
        " times show.",
        measure("fits, a quarter of them conv, 12 networks in turn", fits(X, 12), options.fits),
        measure("transforms of a single row, dense", single_rows(X), options.rows),
        # TensorFlow and XLA do not release all the memory of networks that are no longer used.
        measure(
            "fits, each of a network that is new to this process",
            fits(X, options.networks, smallest=14),
            options.networks,
        ),
    ]
    print("\n\n".join(parts))
    RESULTS.write_text("\n\n".join(parts) + "\n")


if __name__ == "__main__":
    with provenance.kept("long_runs.py"):
        main()
