"""Measure the three architectures with their defaults on MNIST: Gaussian noise of level 0.5, 60,000 training rows.

Run: python benchmarks/quality.py [dense conv unet]
Weights, noise and classifier are drawn anew for each of three seeds; scores are those of the 10,000 test rows. Writes
benchmarks/results/quality.csv, in which the rows of other architectures are kept, and prints means and ranges over the
seeds. Takes half an hour on two cores. MNIST is read from the folder SK_DENOISE_DATA, or downloaded by Keras. Times are
with oneDNN's kernels.
"""

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import numpy as np
import pandas as pd
import provenance
from sklearn.metrics import mean_squared_error
from sklearn.neural_network import MLPClassifier

from sk_denoise import DenoisingAutoencoder, NoiseInjector
from sk_denoise.datasets import load_mnist
from sk_denoise.metrics import accuracy_recovery, psnr, ssim

RESULTS = Path(__file__).parent / "results" / "quality.csv"
ARCHITECTURES = ("dense", "conv", "unet")
LEVEL, N_LABELS, SEEDS = 0.5, 10_000, 3


def measure(seed, architectures):
    """Yield the scores without a denoiser, and with each architecture."""
    X, X_test, y, y_test = load_mnist()
    injector = NoiseInjector(level=LEVEL, random_state=seed).fit(X)
    noisy = np.asarray(injector.transform(X_test))
    labelled = X[:N_LABELS] / np.float32(255), y[:N_LABELS]
    classifier = MLPClassifier(random_state=seed, early_stopping=True).fit(*labelled)
    clean, without = (classifier.score(rows / np.float32(255), y_test) for rows in (X_test, noisy))
    for name in ("none", *architectures):
        seconds, epochs, images = 0.0, 0, noisy
        if name != "none":
            start = time.perf_counter()
            denoiser = DenoisingAutoencoder(name, latent_dim=64, random_state=seed).fit(injector.transform(X))
            seconds, epochs, images = time.perf_counter() - start, denoiser.n_iter_, denoiser.transform(noisy)
        accuracy = classifier.score(images / np.float32(255), y_test)
        yield {
            "denoiser": name,
            "seed": seed,
            "epochs": epochs,
            "fit_seconds": round(seconds, 1),
            "mse": mean_squared_error(X_test / np.float32(255), images / np.float32(255)),
            "psnr": psnr(X_test, images, data_range=(0, 255)),
            "ssim": ssim(X_test, images, data_range=(0, 255)),
            "accuracy_clean": clean,
            "accuracy": accuracy,
            "recovered": accuracy_recovery(clean, without, accuracy),
        }


def main(architectures):
    """Measure, save and print."""
    rows = []
    for seed in range(SEEDS):
        for row in measure(seed, architectures):
            rows.append(row)
            print({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}, flush=True)
    table = pd.DataFrame(rows)
    if RESULTS.exists():
        before = pd.read_csv(RESULTS)
        table = pd.concat([before[~before["denoiser"].isin(table["denoiser"])], table])
    table["denoiser"] = pd.Categorical(table["denoiser"], ["none", *ARCHITECTURES])
    table = table.sort_values(["seed", "denoiser"])
    table.to_csv(RESULTS, index=False, float_format="%.5g", lineterminator="\n")
    numbers = [name for name in table if name not in ("denoiser", "seed")]
    print(table.groupby("denoiser", observed=True)[numbers].agg(["mean", "min", "max"]).round(4).T.to_string())


if __name__ == "__main__":
    with provenance.kept(" ".join(["quality.py", *sys.argv[1:]])):
        main(sys.argv[1:] or ARCHITECTURES)
