"""Show how the defaults were chosen: PSNR on held-out training images for alternative settings.

Run: python benchmarks/defaults.py [digits] [mnist] [heads] [photographs]
Trains on 1,000 of the embedded 8 x 8 digits and holds out 200, on 50,000 training rows of MNIST and holds out 5,000,
and on patches of ten photographs, micrographs and scans and holds out four other images. Test rows are not used. Writes
benchmarks/results/defaults.csv, and keeps the rows there of parts that are not measured. All parts together take 40
minutes on two cores. MNIST is read from the folder SK_DENOISE_DATA, or downloaded by Keras. Times are with oneDNN's
kernels.
"""

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
sys.path.insert(0, str(Path(__file__).parent / "images"))  # for the images

import numpy as np
import pandas as pd
import provenance
import sets
from networks import training_images
from sklearn.model_selection import train_test_split

from sk_denoise import DenoisingAutoencoder, NoiseInjector, PatchDenoiser
from sk_denoise.datasets import load_digit_images, load_mnist
from sk_denoise.metrics import psnr

RESULTS = Path(__file__).parent / "results" / "defaults.csv"
BATCHES = (32, 64, 128)
RATES = {"dense": (3e-3, 3e-2), "conv": (1e-3, 1e-2), "unet": (1e-3, 1e-2)}  # besides the default
SHORT = 3  # epochs of the convolutional networks on MNIST


def measure(X, held_out, level, architecture, **settings):
    """PSNR on held-out rows, the time of the fit and its epochs."""
    injector = NoiseInjector(level=level, random_state=1).fit(X)
    # Ten draws of noise for small sets, so that the PSNR does not depend on a single draw.
    clean = np.concatenate([held_out] * (10 if len(held_out) < 1000 else 1))
    noisy = NoiseInjector(level=level, random_state=np.random.RandomState(2)).fit(X).transform(clean)
    start = time.perf_counter()
    denoiser = DenoisingAutoencoder(architecture, noise=injector, random_state=0, **settings).fit(X)
    seconds = time.perf_counter() - start
    score = psnr(clean, denoiser.transform(np.asarray(noisy)), data_range=injector.data_range_)
    return {"psnr": score, "fit_seconds": seconds, "epochs": denoiser.n_iter_}


def digits():
    """All architectures on the embedded digits; the alternatives are trained for 100 epochs."""
    X, y = load_digit_images()
    X, _, y, _ = train_test_split(X, y, test_size=597, stratify=y, random_state=0)
    for level in (0.3, 0.5):
        for name in RATES:
            alternatives = [{"learning_rate": rate, "epochs": 100} for rate in RATES[name]]
            for settings in ({}, {"epochs": 100}, {"batch_size": 128, "epochs": 300}, *alternatives):
                yield level, name, settings, measure(X[:1000], X[1000:], level, name, **settings)
        others = {"loss": "mse"}, {"learning_rate_schedule": "constant"}
        for settings in (*others, {"optimizer": "rmsprop", "learning_rate": 3e-3}):
            yield level, "dense", settings, measure(X[:1000], X[1000:], level, "dense", **settings)


def mnist(level=0.5):
    """All architectures on MNIST; the convolutional ones for three epochs, to save time."""
    X = load_mnist()[0]
    for name in RATES:
        short = {} if name == "dense" else {"epochs": SHORT}
        batches = [short | {"batch_size": size} for size in BATCHES]
        rates = [short | {"learning_rate": rate} for rate in RATES[name]]
        others = [short | {"loss": "mse"}, short | {"learning_rate_schedule": "constant"}]
        if name == "dense":
            wide = {"latent_dim": 256, "epochs": 20}
            others += [
                {"epochs": 20},
                *(wide | {"batch_size": size} for size in BATCHES),
                {"hidden_layer_sizes": (256,)},
            ]
        for settings in (*batches, *rates, *others):
            yield level, name, settings, measure(X[:50_000], X[50_000:55_000], level, name, **settings)


def heads(level=0.5, epochs=10):
    """The heads of the U-Net on 7,000 digits of MNIST; the sigmoid also for as long as the residual head takes."""
    X = load_mnist()[0][:8000]
    for head, n in (("sigmoid", epochs), ("linear", epochs), ("residual", epochs), ("sigmoid", round(1.4 * epochs))):
        settings = {"head": head, "epochs": n}
        yield level, "unet", settings, measure(X[:7000], X[7000:], level, "unet", **settings)


def photographs(level=0.1, epochs=25):
    """The heads of the U-Net, and batches, on patches of 64 x 64 pixels; the mean over images of other subjects."""
    held_out = [image for name, image in sets.held_out().items() if name in ("chelsea", "coffee", "clock", "flower")]
    noisy = [clean + np.float32(level) * sets.noise(clean, 100 + i) for i, clean in enumerate(held_out)]
    for settings in ({"head": "sigmoid"}, {"head": "linear"}, {"batch_size": 16}, {}, {"batch_size": 64}):
        injector = NoiseInjector(level=level, clip=False, data_range=(0, 1))
        unet = DenoisingAutoencoder("unet", noise=injector, epochs=epochs, random_state=0, **settings)
        patches = {"patch_shape": (64, 64), "n_patches": 640, "data_range": (0, 1), "random_state": 0}
        start = time.perf_counter()
        denoiser = PatchDenoiser(unet, **patches).fit(training_images())
        seconds = time.perf_counter() - start
        scores = [
            psnr(clean.reshape(1, -1), image.reshape(1, -1), data_range=(0, 1))
            for clean, image in zip(held_out, denoiser.transform(noisy))
        ]
        yield level, "unet", settings, {"psnr": float(np.mean(scores)), "fit_seconds": seconds, "epochs": epochs}


def main(parts):
    """Measure, save and print."""
    kept = pd.read_csv(RESULTS).to_dict("records") if RESULTS.exists() else []
    rows = [row for row in kept if row["data"] not in [part.__name__ for part in parts]]
    for part in parts:
        for level, name, settings, found in part():
            text = ", ".join(f"{key}={value}" for key, value in settings.items()) or "defaults"
            rows.append({"data": part.__name__, "level": level, "network": name, "settings": text} | found)
            print({k: round(v, 2) if isinstance(v, float) else v for k, v in rows[-1].items()}, flush=True)
            pd.DataFrame(rows).round(3).to_csv(RESULTS, index=False, lineterminator="\n")


if __name__ == "__main__":
    every = {part.__name__: part for part in (digits, mnist, heads, photographs)}
    parts = [every[name] for name in sys.argv[1:] or every]
    with provenance.kept(" ".join(["defaults.py", *sys.argv[1:]])):
        main(parts)
