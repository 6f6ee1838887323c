import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from sklearn.pipeline import Pipeline

from sk_denoise import DenoisingAutoencoder, NoiseInjector
from sk_denoise.datasets import load_digit_images

#: Largest difference between batches, orders, threads and processes, as a fraction of the data range.
ROUNDING = {np.float64: 1e-12, np.float32: 1e-5}
#: Largest difference in score (dB) between fits with other numbers of threads, whose steps are rounded differently.
DECIBELS = 0.1
#: Largest difference between the images of such fits after a few steps, on rows in [0, 1].
FEW_STEPS = 1e-3


@pytest.fixture(autouse=True)
def _figures_off_screen(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")


@pytest.fixture(scope="session")
def digits():
    """Digits in their own units, 0..16; read-only, so that a test that writes on its input fails."""
    X, y = load_digit_images()
    X.flags.writeable = False
    return X, y


@pytest.fixture(scope="session")
def fitted(digits):
    """A pipeline trained on the first 1,200 digits; shared, so not to be changed."""
    X, _ = digits
    noise = NoiseInjector(level=0.3, random_state=0)
    return Pipeline([("noise", noise), ("denoise", DenoisingAutoencoder(random_state=0))]).fit(X[:1200])


@pytest.fixture
def small():
    """Rows for tests that only need some."""
    return np.random.default_rng(0).random((60, 16))


@pytest.fixture
def mnist():
    from sk_denoise.datasets import load_mnist

    if not os.environ.get("SK_DENOISE_DATA"):
        pytest.skip("SK_DENOISE_DATA names no folder with mnist.npz")
    return load_mnist()
