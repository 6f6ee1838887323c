"""Show how the defaults were chosen: PSNR on held-out training rows for alternative settings.

Run: python benchmarks/defaults.py [digits] [mnist] [more]
`digits` trains on 1,000 of the embedded 8 x 8 digits and holds out 200; `mnist` trains on 50,000 training rows and
holds out 5,000. Test rows are not used. Only "dense" is trained; with `more`, "conv" and "unet" as well, which takes
about half an hour.
"""

import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from sklearn.model_selection import train_test_split

from sk_denoise import DenoisingAutoencoder, NoiseInjector
from sk_denoise.datasets import load_digit_images, load_mnist
from sk_denoise.metrics import psnr

RATES = {"dense": (3e-3, 1e-2, 3e-2), "conv": (1e-3, 3e-3, 1e-2), "unet": (1e-3, 3e-3, 1e-2)}


def measure(X, held_out, level, architecture, **settings):
    """Print the held-out PSNR and the training time of one setting."""
    injector = NoiseInjector(level=level, random_state=1).fit(X)
    # Ten draws of noise for small sets, so that the PSNR does not depend on a single draw.
    clean = np.concatenate([held_out] * (10 if len(held_out) < 1000 else 1))
    noisy = NoiseInjector(level=level, random_state=np.random.RandomState(2)).fit(X).transform(clean)
    start = time.perf_counter()
    denoiser = DenoisingAutoencoder(architecture, noise=injector, random_state=0, **settings).fit(X)
    seconds = time.perf_counter() - start
    score = psnr(clean, denoiser.transform(np.asarray(noisy)), data_range=injector.data_range_)
    text = ", ".join(f"{name}={value}" for name, value in settings.items()) or "defaults"
    print(f"{level:>6}{architecture:>9}{score:>8.2f}{seconds:>8.1f}  {denoiser.n_iter_:>4} epochs  {text}", flush=True)


def digits(more):
    """Measure on the embedded digits."""
    X, y = load_digit_images()
    X, _, y, _ = train_test_split(X, y, test_size=597, stratify=y, random_state=0)
    for level in (0.3, 0.5):
        for name in ("dense", "conv", "unet") if more else ("dense",):
            measure(X[:1000], X[1000:], level, name)
            for rate in RATES[name]:
                measure(X[:1000], X[1000:], level, name, learning_rate=rate, epochs=100)
        for settings in (
            {"epochs": 50},
            {"batch_size": 128, "epochs": 300},
            {"loss": "mse"},
            {"learning_rate_schedule": "constant"},
            {"optimizer": "rmsprop", "learning_rate": 3e-3},
        ):
            measure(X[:1000], X[1000:], level, "dense", **settings)


def mnist(more):
    """Measure on MNIST."""
    X = load_mnist()[0]
    train, held_out = X[:50_000], X[50_000:55_000]
    measure(train, held_out, 0.5, "dense")
    for settings in (
        {"learning_rate": 3e-3},
        {"learning_rate": 2e-2},
        {"epochs": 10},
        {"epochs": 40},
        {"batch_size": 32, "epochs": 10},
        {"loss": "mse"},
        {"learning_rate_schedule": "constant"},
        {"hidden_layer_sizes": (256,)},
    ):
        measure(train, held_out, 0.5, "dense", **settings)
    for name in ("conv", "unet") if more else ():
        for rate in RATES[name]:
            measure(train, held_out, 0.5, name, learning_rate=rate, epochs=3)


if __name__ == "__main__":
    asked = sys.argv[1:] or ["digits"]
    for part, run in (("digits", digits), ("mnist", mnist)):
        if part in asked:
            print(f"{part}\n{'level':>6}{'network':>9}{'PSNR':>8}{'fit (s)':>8}")
            run("more" in asked)
