"""Precision follows the dtype of the rows, and a row's result does not depend on the other rows."""

import os
import pickle

import keras
import numpy as np
import pytest
from helpers import ROUNDING, run_python
from sklearn.base import clone
from sklearn.decomposition import PCA

from sk_denoise import DenoisingAutoencoder, EstimatorDenoiser, ImageFilter
from sk_denoise.networks import cache


def fitted(architecture, shape, scale=1.0):
    """Return a denoiser fitted on random images with values up to `scale`, and other rows to denoise."""
    X = scale * np.random.default_rng(0).random((80, *shape)).reshape(80, -1)
    params = {"latent_dim": 8, "epochs": 1, "data_range": (0, scale), "random_state": 0}
    return DenoisingAutoencoder(architecture, **params).fit(X[:40]), X[40:]


def methods(denoiser, X):
    """Return each method of a network, with its input and the width of its output range."""
    width = np.ptp(denoiser.data_range_)
    ways = [(denoiser.transform, X, width), (denoiser.predict, X, width)]
    if hasattr(denoiser, "encode"):
        codes = denoiser.encode(X)
        ways += [(denoiser.encode, X, np.ptp(codes)), (denoiser.decode, codes, width)]
    return ways


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(8, 8), (28, 28)])
@pytest.mark.parametrize("architecture", ["dense", "conv", "unet"])
def test_a_row_does_not_depend_on_its_batch(architecture, shape, dtype):
    denoiser, X = fitted(architecture, shape, scale=255.0)
    for method, rows, width in methods(denoiser, X.astype(dtype)):
        whole = method(rows)
        assert whole.dtype == dtype
        atol = ROUNDING[dtype] * width
        for batch in (slice(0, 1), slice(7, 8), slice(3, 20), slice(39, 40)):
            np.testing.assert_allclose(method(rows[batch]), whole[batch], rtol=0, atol=atol)
        np.testing.assert_allclose(method(rows[::-1])[::-1], whole, rtol=0, atol=atol)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("architecture", ["dense", "conv", "unet"])
def test_nor_ten_times_beyond_the_range(architecture, dtype):
    denoiser, X = fitted(architecture, (8, 8))
    rows = (10 * X).astype(dtype)
    whole = denoiser.transform(rows)
    for i in range(0, len(rows), 4):
        np.testing.assert_allclose(denoiser.transform(rows[i : i + 1])[0], whole[i], rtol=0, atol=ROUNDING[dtype])


@pytest.mark.parametrize("denoiser", [ImageFilter("tv", weight=0.1), EstimatorDenoiser(PCA(4, random_state=0))])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_nor_through_other_denoisers(denoiser, dtype):
    X = np.random.default_rng(0).random((40, 64)).astype(dtype)
    denoiser = clone(denoiser).set_params(data_range=(0, 1)).fit(X)
    whole = denoiser.transform(X)
    for batch in (slice(7, 8), slice(3, 20)):
        np.testing.assert_allclose(denoiser.transform(X[batch]), whole[batch], rtol=0, atol=ROUNDING[dtype])


ELSEWHERE = """
import pickle, sys
import numpy as np
with open(sys.argv[1], "rb") as file:
    cases = pickle.load(file)
np.savez(sys.argv[2], *(denoiser.transform(rows) for denoiser, rows in cases))
"""


@pytest.mark.slow
def test_nor_on_threads_and_kernels(tmp_path):
    """A fitted denoiser gives the same result with one thread and with oneDNN and XLA on an older instruction set."""
    cases = []
    for architecture in ("dense", "conv", "unet"):
        denoiser, X = fitted(architecture, (8, 8))
        cases += [(denoiser, X), (denoiser, X.astype(np.float32))]
    (tmp_path / "cases").write_bytes(pickle.dumps(cases))
    other = {"TF_ENABLE_ONEDNN_OPTS": "1", "ONEDNN_MAX_CPU_ISA": "SSE41", "XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2"}
    other["TF_NUM_INTRAOP_THREADS"] = "1"
    run_python(ELSEWHERE, tmp_path / "cases", tmp_path / "found.npz", **other)
    with np.load(tmp_path / "found.npz") as found:
        for (denoiser, rows), there in zip(cases, found.values(), strict=True):
            np.testing.assert_allclose(there, denoiser.transform(rows), rtol=0, atol=ROUNDING[rows.dtype.type])


@pytest.mark.parametrize("architecture", ["dense", "conv", "unet"])
def test_float64_rows_are_computed_in_float64(architecture):
    """Float64 and float32 results agree to float32 rounding, but not to float64 rounding."""
    denoiser, X = fitted(architecture, (8, 8))
    for method, rows, width in methods(denoiser, X):
        wide, narrow = method(rows), method(rows.astype(np.float32))
        assert (wide.dtype, narrow.dtype) == (np.float64, np.float32)
        np.testing.assert_allclose(wide, narrow, rtol=0, atol=ROUNDING[np.float32] * width)
        assert not np.allclose(wide, narrow, rtol=0, atol=1e-12 * width)
        # A shift of 1e-9, below the resolution of float32 at 0.6, must change the result.
        level = np.full_like(rows[:1], 0.6)
        step = np.abs(method(level + 1e-9) - method(level)).max()
        assert 0 < step < 1e-6 * width
    assert all(weights.dtype == np.float32 for weights in denoiser._weights)


def test_dense_networks_give_what_numpy_computes(small):
    denoiser = DenoisingAutoencoder(latent_dim=5, data_range=(0, 1), epochs=1, random_state=0).fit(small)
    encode, shift, decode, bias = denoiser._weights
    codes = np.maximum(small @ encode.astype(float) + shift, 0)
    images = 1 / (1 + np.exp(-(codes @ decode.astype(float) + bias)))
    np.testing.assert_allclose(denoiser.encode(small), codes, rtol=0, atol=1e-14)
    np.testing.assert_allclose(denoiser.decode(codes), images, rtol=0, atol=1e-14)
    np.testing.assert_allclose(denoiser.transform(small), images, rtol=0, atol=1e-14)


class Loss(keras.losses.Loss):
    def call(self, y, p):
        return keras.ops.mean((y - p) ** 2, axis=-1)


class Optimizer(keras.optimizers.SGD):
    def get_config(self):
        raise NotImplementedError


@pytest.mark.slow
@pytest.mark.parametrize(
    "params",
    [{"loss": lambda y, p: keras.ops.mean((y - p) ** 2, axis=-1)}, {"loss": Loss()}, {"optimizer": Optimizer}],
    ids=["function", "instance", "optimizer"],
)
def test_losses_and_optimizers_of_the_users_own_need_no_description(params, small):
    denoiser = DenoisingAutoencoder("conv", latent_dim=3, epochs=1, random_state=0, **params).fit(small)
    np.testing.assert_allclose(denoiser.transform(small), denoiser.transform(small.astype("f")), rtol=0, atol=1e-5)


half_precision = pytest.mark.skipif(
    "ONEDNN_MAX_CPU_ISA" in os.environ,
    reason="TensorFlow chooses half-precision kernels by the processor, and aborts where oneDNN is limited further",
)


@half_precision
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float16", "bfloat16", "float64"])
def test_fitted_networks_run_under_another_policy(policy, small):
    before = keras.config.dtype_policy()
    denoiser = DenoisingAutoencoder(latent_dim=3, data_range=(0, 1), epochs=1, random_state=0).fit(small)
    expected = denoiser.transform(small)
    try:
        keras.config.set_dtype_policy(policy)
        for rows in (small, small.astype(np.float32)):
            np.testing.assert_allclose(denoiser.transform(rows), expected, rtol=0, atol=0.02)
    finally:
        keras.config.set_dtype_policy(before)
    np.testing.assert_array_equal(denoiser.transform(small), expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.longdouble, ">f8"])
def test_other_dtypes_come_out_as_documented(dtype):
    denoiser, X = fitted("conv", (8, 8), scale=255.0)
    rows = X.astype(dtype)
    expected = np.float32 if np.dtype(dtype).kind == "u" else np.dtype(dtype).newbyteorder("=")
    denoised = denoiser.transform(rows)
    assert denoised.dtype == expected
    atol = 255 * (1e-3 if dtype == np.float16 else 1e-5)
    np.testing.assert_allclose(denoised.astype(float), denoiser.transform(rows.astype(np.float64)), rtol=0, atol=atol)


def test_the_wide_copy_is_built_once(small, monkeypatch):
    built, clone_model = [], keras.models.clone_model
    monkeypatch.setattr(keras.models, "clone_model", lambda *args, **kw: built.append(1) or clone_model(*args, **kw))
    monkeypatch.setattr(cache, "SHARED", cache.Networks())
    denoiser = DenoisingAutoencoder("conv", latent_dim=3, epochs=1, random_state=0).fit(small)
    denoiser.transform(small.astype(np.float32))
    assert not built  # only when float64 rows arrive
    for seed in range(3):
        other = DenoisingAutoencoder("conv", latent_dim=3, epochs=1, random_state=seed).fit(small)
        other.transform(small), other.encode(small), other.decode(other.encode(small))
    assert len(built) == 3  # the network, its encoder and its decoder, once for all three fits


def test_weights_of_another_fit_reach_the_wide_copy(small):
    """Equal networks share compiled code but never weights."""
    pair = [DenoisingAutoencoder(latent_dim=3, epochs=1, random_state=seed).fit(small) for seed in (0, 1)]
    alone = [denoiser.transform(small) for denoiser in pair]
    for _ in range(2):
        for denoiser, expected in zip(pair, alone):
            np.testing.assert_array_equal(denoiser.transform(small), expected)
            denoiser.transform(small.astype(np.float32))
    pair[0].fit(small, X_clean=small[::-1])
    assert not np.allclose(pair[0].transform(small), alone[0], atol=1e-6)


SEEN = []


class Watched(keras.layers.Layer):
    def call(self, x):
        SEEN.append(keras.backend.standardize_dtype(x.dtype))
        return x


def watched(image_shape, latent_dim):
    rows = keras.Input((16,))
    return keras.Model(rows, keras.layers.Dense(16, activation="sigmoid")(Watched()(rows)))


def test_networks_of_the_users_own_keep_their_precision(small):
    denoiser = DenoisingAutoencoder(watched, epochs=1, random_state=0).fit(small)
    SEEN.clear()
    assert denoiser.transform(small).dtype == np.float64
    assert set(SEEN) <= {"float32"}
    np.testing.assert_allclose(denoiser.transform(small), denoiser.transform(small.astype("f")), rtol=0, atol=1e-6)


@half_precision
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_is_kept(policy, small):
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy(policy)
        denoiser = DenoisingAutoencoder(latent_dim=3, epochs=1, random_state=0).fit(small)
        wide, narrow = denoiser.transform(small), denoiser.transform(small.astype(np.float32))
        assert (wide.dtype, narrow.dtype) == (np.float64, np.float32)
        # Float64 rows are computed in half precision too, so both results carry the same rounding.
        np.testing.assert_allclose(wide, narrow, rtol=0, atol=1e-7)
        exact = denoiser.model_.get_weights()
    finally:
        keras.config.set_dtype_policy(before)
    hidden = np.maximum(small @ exact[0] + exact[1], 0)
    full = 1 / (1 + np.exp(-(hidden @ exact[2] + exact[3])))
    assert 1e-5 < np.abs(wide - full).max() < 0.05
