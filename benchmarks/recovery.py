"""Measure how much accuracy denoising recovers, compared with filters and noise-augmented classifiers.

Run: python benchmarks/recovery.py digits|mnist|labels|show [kind ...]
`digits`: the embedded digits, seven kinds of noise, levels from 0 to 0.7, all denoisers (half an hour on 2 cores).
`mnist`: networks trained on 60,000 rows without labels, classifiers on 10,000 labelled rows, three kinds of noise
(half an hour). `labels`: Gaussian noise of level 0.5, 100 to 60,000 labels (half an hour). MNIST is read
from the folder SK_DENOISE_DATA, or downloaded by Keras. Each writes CSV files to benchmarks/results/recovery/, from
which the results page is generated, and prints them as tables; `show` prints existing files. Times are with oneDNN's
kernels.
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
from sklearn.base import clone
from sklearn.decomposition import PCA, KernelPCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline

from sk_denoise import DenoisingAutoencoder, EstimatorDenoiser, ImageFilter, NoiseInjector
from sk_denoise.datasets import load_digit_images, load_mnist
from sk_denoise.evaluation import recovery_report
from sk_denoise.noise.kinds import KINDS

RESULTS = Path(__file__).parent / "results" / "recovery"
LEVELS = (0.1, 0.3, 0.5, 0.7)
RANGE = (0, 0.7)
METHODS = ("median", "gaussian", "bilateral", "tv", "wavelet", "nlm")
KINDS_ON_MNIST = ("gaussian", "poisson", "salt_pepper")  # more would take hours
N_TEST = 2_000  # of the 10,000 test rows of MNIST, on which filters take long
N_LABELS = 10_000


def filters():
    """All filters, calibrated on noisy rows, and tuned on pairs of noisy and clean rows."""
    calibrated = {name: ImageFilter(name, random_state=0) for name in METHODS}
    return calibrated | {f"{n}, tuned": clone(f).set_params(calibration="supervised") for n, f in calibrated.items()}


def write(name, frame):
    """Save a table as CSV, without columns that the results page does not use."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    dropped = ["recovery_note", "refitted_gain_verdict", "refitted_vs_augmented_low", "refitted_vs_augmented_high"]
    frame = frame.drop(columns=dropped, errors="ignore")
    frame.to_csv(RESULTS / f"{name}.csv", index=False, float_format="%.4g", na_rep="nan", lineterminator="\n")


def keep(name, networks, others, learned, start):
    """Join the reports trained on the range of levels and on each level, compare denoisers, and write the tables."""
    report = networks.join(others)
    frame = report.to_frame()
    write(name, frame)
    trained_on = frame["trained_on"].iloc[0]
    compared = pd.concat([report.compare(denoiser, trained_on=trained_on) for denoiser in learned])
    write(f"{name}-compared", compared[compared["test"] == "as trained"])
    print(f"{name}: {len(frame)} rows in {time.perf_counter() - start:.0f} s", flush=True)


def digits(kinds):
    """Measure on the embedded digits."""
    X, y = load_digit_images()
    X = X / np.float32(16)
    X, X_test, y, y_test = train_test_split(X, y, test_size=597, stratify=y, random_state=0)
    classifiers = {
        "logistic regression": LogisticRegression(max_iter=300, tol=1e-3),
        "k-nearest neighbours": KNeighborsClassifier(),
        "random forest": RandomForestClassifier(),
        "MLP": MLPClassifier(max_iter=500),
    }
    regressor = MLPRegressor(hidden_layer_sizes=(256,), max_iter=100, early_stopping=True)
    learned = {
        "dense": DenoisingAutoencoder(),
        "conv": DenoisingAutoencoder("conv"),
        "U-Net": DenoisingAutoencoder("unet"),
        "PCA": EstimatorDenoiser(PCA(24)),
        "kernel PCA": EstimatorDenoiser(KernelPCA(32, kernel="rbf", fit_inverse_transform=True, alpha=0.1)),
        "MLPRegressor": EstimatorDenoiser(regressor, n_draws=20),
    }
    options = {"X_test": X_test, "y_test": y_test, "levels": LEVELS, "n_seeds": 2, "n_jobs": 2, "verbose": 1}
    for kind in kinds:
        start = time.perf_counter()
        ranged = [NoiseInjector(kind, RANGE)]
        augmented = {"max_values": 3_000_000}
        networks = recovery_report(
            learned, classifiers, X, y, noises=kind, trained_on=ranged, augmented=augmented, **options
        )
        fixed = {"dense": learned["dense"], **filters()}
        each = recovery_report(fixed, classifiers, X, y, noises=kind, augmented=False, refit=False, **options)
        keep(f"digits-{kind}", networks, each, ("dense", "conv", "U-Net"), start)


def mnist_classifiers():
    """Four classifiers; nearest neighbours use 50 components, which is as accurate and ten times as fast."""
    return {
        "logistic regression": LogisticRegression(max_iter=100, tol=1e-3),
        "k-nearest neighbours": make_pipeline(PCA(50), KNeighborsClassifier()),
        "random forest": RandomForestClassifier(50, n_jobs=2),
        "MLP": MLPClassifier(max_iter=50),
    }


def load(n_test):
    """Load MNIST scaled to [0, 1], with the first test rows."""
    X, X_test, y, y_test = load_mnist()
    return X / np.float32(255), X_test[:n_test] / np.float32(255), y, y_test[:n_test]


def mnist(kinds):
    """Measure on MNIST."""
    X, X_test, y, y_test = load(N_TEST)
    options = {"X_test": X_test, "y_test": y_test, "levels": LEVELS, "n_seeds": 1, "verbose": 1, "n_labels": N_LABELS}
    for kind in kinds:
        start = time.perf_counter()
        learned = {"dense": DenoisingAutoencoder(), "PCA": EstimatorDenoiser(PCA(64))}
        learned["U-Net"] = DenoisingAutoencoder("unet")
        augmented = {"max_draws": 128, "max_values": 8 * N_LABELS * X.shape[1]}
        ranged = [NoiseInjector(kind, RANGE)]
        networks = recovery_report(
            learned, mnist_classifiers(), X, y, noises=kind, trained_on=ranged, augmented=augmented, **options
        )
        fixed = {"dense": DenoisingAutoencoder(), **filters()} if kind == "gaussian" else filters()
        plain = {"augmented": False, "refit": False, "n_jobs": 2}  # filters use a single core
        each = recovery_report(fixed, mnist_classifiers(), X, y, noises=kind, **plain, **options)
        keep(f"mnist-{kind}", networks, each, [name for name in learned if name != "PCA"], start)


def labels(_):
    """Measure with an increasing number of labels for the classifier; denoisers are trained once, without labels.

    Labels, noise and classifiers are drawn three times, but once for 60,000 labels, whose noise-augmented classifier
    takes ten minutes.
    """
    X, X_test, y, y_test = load(10_000)
    noisy = NoiseInjector(level=0.5, random_state=0).fit_transform(X)
    denoisers = {"dense": DenoisingAutoencoder(random_state=0), "U-Net": DenoisingAutoencoder("unet", random_state=0)}
    for denoiser in denoisers.values():
        denoiser.fit(noisy)
    frames = []
    for n_labels in (100, 300, 1_000, 3_000, 10_000, 60_000):
        report = recovery_report(
            denoisers,
            {"MLP": MLPClassifier(max_iter=50)},
            X,
            y,
            X_test=X_test,
            y_test=y_test,
            levels=0.5,
            n_labels=n_labels,
            n_seeds=3 if n_labels <= 10_000 else 1,
            augmented={"max_draws": 256},
        )
        frames.append(report.select(kind="gaussian", test="fitted before"))
        write("labels", pd.concat(frames))
        print(f"labels: {n_labels}", flush=True)


def show(names):
    """Print existing files as tables."""
    for path in sorted(RESULTS.glob("*.csv")):
        if path.stem.endswith("-compared") or (names and not any(name in path.stem for name in names)):
            continue
        columns = [
            "trained_on",
            "kind",
            "level",
            "denoiser",
            "classifier",
            "n_labels",
            "psnr_denoised",
            "ssim_denoised",
        ]
        columns += [f"accuracy_{name}" for name in ("clean", "noisy", "denoised", "refitted", "augmented")]
        columns += ["gain", "gain_low", "gain_high", "gain_verdict", "vs_augmented_verdict"]
        print(f"\n{path.stem}\n{pd.read_csv(path)[columns].to_string(index=False)}")


if __name__ == "__main__":
    parts = {"digits": digits, "mnist": mnist, "labels": labels, "show": show}
    if len(sys.argv) < 2 or sys.argv[1] not in parts:
        sys.exit(__doc__)
    part = sys.argv[1]
    every = {"digits": [kind for kind in KINDS if kind != "poisson_gaussian"], "mnist": KINDS_ON_MNIST}
    if part == "show":
        show(sys.argv[2:])
    else:
        with provenance.kept(" ".join(["recovery.py", *sys.argv[1:]])):
            parts[part](sys.argv[2:] or every.get(part))
        show([part])
