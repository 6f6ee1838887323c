"""Displays accept the same data frames as scikit-learn, and keep and check column names (kind F)."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_denoise import DenoisingAutoencoder, EstimatorDenoiser
from sk_denoise.displays import DenoisingDisplay, LatentDisplay

NAMES = [f"pixel{i}" for i in range(64)]


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture(scope="module")
def denoisers(digits):
    frame = pd.DataFrame(digits[0][:200], columns=NAMES)
    network = DenoisingAutoencoder(epochs=1, latent_dim=2, random_state=0)
    return [model.fit(frame) for model in (network, make_pipeline(StandardScaler(), EstimatorDenoiser(PCA(5))))]


def _polars(rows):
    return pytest.importorskip("polars").DataFrame(rows, schema=NAMES)


def _pandas(rows):
    return pd.DataFrame(rows, columns=NAMES)


def _memory_map(rows, tmp_path):
    np.save(tmp_path / "rows.npy", rows)
    return np.load(tmp_path / "rows.npy", mmap_mode="r")


@pytest.mark.parametrize("make", [_pandas, _polars])
@pytest.mark.parametrize("show", ["first", "worst"])
def test_names_are_kept(denoisers, digits, make, show):
    frame, clean = make(digits[0][:30]), make(digits[0][30:60])
    for denoiser in denoisers:
        display = DenoisingDisplay.from_estimator(denoiser, frame, X_clean=clean, show=show, n_images=3)
        assert display.images["denoised"].shape == (3, 64)
    LatentDisplay.from_estimator(denoisers[0], frame)


def test_names_are_checked(denoisers, digits):
    frame = _pandas(digits[0][:30])
    other = frame[frame.columns[::-1]]
    for denoiser in denoisers:
        with pytest.raises(ValueError, match="feature names"):
            DenoisingDisplay.from_estimator(denoiser, other)
    with pytest.raises(ValueError, match="feature names"):
        LatentDisplay.from_estimator(denoisers[0], other)
    with pytest.raises(ValueError, match="X_clean"):
        DenoisingDisplay.from_estimator(denoisers[0], frame, X_clean=other)


@pytest.mark.parametrize("fitted_on", ["arrays", "frames of numbered columns"])
def test_estimators_that_know_no_names(digits, fitted_on, tmp_path):
    rows = digits[0][:60]
    denoiser = EstimatorDenoiser(PCA(5)).fit(rows if fitted_on == "arrays" else pd.DataFrame(rows))
    given = [_pandas(rows), pd.DataFrame(rows), rows.tolist(), _memory_map(rows, tmp_path)]
    shown = [DenoisingDisplay.from_estimator(denoiser, X, n_images=3).images["denoised"] for X in given]
    for images in shown:
        np.testing.assert_array_equal(images, shown[0])
