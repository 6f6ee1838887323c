"""Compare adding noise to MNIST with scikit-image, and measure the import."""

import subprocess
import sys

import numpy as np
from measure import Row, in_turns
from skimage.util import random_noise

from sk_denoise import NoiseInjector
from sk_denoise.datasets import load_mnist

# Equal strength on both sides: for these rows, the Poisson noise of scikit-image has 256 photons at full intensity.
KINDS = {
    "gaussian": (0.5, {"mode": "gaussian", "var": 0.25}, 1 / 4),
    "speckle": (0.5, {"mode": "speckle", "var": 0.25}, 0.8),
    "poisson": (1 / 16, {"mode": "poisson"}, 0.8),
    "salt_pepper": (0.5, {"mode": "s&p", "amount": 0.5}, 0.8),
}


def run():
    """Measure each kind of noise, seeded and unseeded, and the import."""
    X = load_mnist()[0] / np.float32(255)
    rows = []
    for kind, (level, settings, goal) in KINDS.items():
        seeded = NoiseInjector(kind, level, random_state=0).fit(X)
        fresh = NoiseInjector(kind, level).fit(X)
        times = in_turns(
            7,
            lambda seeded=seeded: seeded.transform(X),
            lambda fresh=fresh: fresh.transform(X),
            lambda settings=settings: random_noise(X, rng=0, **settings),
        )
        rows.append(Row(f"{kind}, int random_state", "skimage random_noise", times[0], times[2], goal).print())
        rows.append(Row(f"{kind}, random_state=None", "skimage random_noise", times[1], times[2], goal / 2).print())
    return [*rows, imports()]


def imports():
    """Measure the time to import the package."""

    def load(name):
        subprocess.run([sys.executable, "-c", f"import {name}"], check=True)

    times = in_turns(9, lambda: load("sk_denoise"), lambda: load("sklearn.base"))
    note = "submodules are imported on first use, and TensorFlow at the first fit"
    return Row("import sk_denoise", "import sklearn.base", *times, 1.1, note=note).print()
