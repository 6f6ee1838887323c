import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from sklearn.pipeline import Pipeline

from sk_denoise import DenoisingAutoencoder, NoiseInjector
from sk_denoise.datasets import load_digit_images


@pytest.fixture(autouse=True)
def _figures_off_screen(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")


@pytest.fixture(scope="session")
def digits():
    """Digits in [0, 16]; read-only, so that a test fails if its input is modified."""
    X, y = load_digit_images()
    X.flags.writeable = False
    return X, y


@pytest.fixture(scope="session")
def fitted(digits):
    """A pipeline trained on the first 1,200 digits; shared, so do not modify it."""
    X, _ = digits
    noise = NoiseInjector(level=0.3, random_state=0)
    return Pipeline([("noise", noise), ("denoise", DenoisingAutoencoder(random_state=0))]).fit(X[:1200])


@pytest.fixture
def small():
    """Random rows in [0, 1]."""
    return np.random.default_rng(0).random((60, 16))


@pytest.fixture
def mnist():
    from sk_denoise.datasets import load_mnist

    if not os.environ.get("SK_DENOISE_DATA"):
        pytest.skip("SK_DENOISE_DATA is not set to a folder with mnist.npz")
    return load_mnist()
