"""Models exported by `to_keras` and `to_onnx` have the same output as `predict`, in the units of the data."""

import json
import math
import os
import sys

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.exceptions import NotFittedError

from sk_denoise import DenoisingAutoencoder
from sk_denoise.networks import export

pytestmark = pytest.mark.slow

TOLERANCE = 1e-5  # of the width of the data range, as documented

SHAPES = [(8, 8, 1), (29, 31, 1), (6, 5, 3), (1, 13, 1)]
RANGES = [(0, 1), (0, 16), (0, 255), (-1000, 3000), (-15, -14), (1e6, 1e6 + 1), (0, 1e-35), (1e40, 3e40)]


def made(architecture="dense", shape=(4, 4, 1), data_range=(0, 1), dtype=float, **params):
    """Fit a denoiser; return it, and noisy rows with some values outside the range."""
    low, high = data_range
    unit = np.random.default_rng(0).random((20, math.prod(shape)))
    params = {"latent_dim": 4, "epochs": 1, "learning_rate": 0.005, "random_state": 0} | params
    estimator = DenoisingAutoencoder(architecture, image_shape=shape, data_range=data_range, **params)
    estimator.fit((low + (high - low) * unit).astype(dtype))
    return estimator, (low + (high - low) * (1.5 * unit - (0.2 if dtype is float else 0))).astype(dtype)


def distance(estimator, output, expected):
    """Largest difference, relative to the width of the data range."""
    low, high = estimator.data_range_
    assert output.shape == expected.shape
    return np.max(np.abs(np.asarray(output, dtype=float) - expected)) / (high - low)


def run_onnx(path, X):
    ort = pytest.importorskip("onnxruntime")
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    (rows,), (output,) = session.get_inputs(), session.get_outputs()
    assert (rows.name, rows.shape) == ("rows", ["n_samples", X.shape[1]])
    assert output.shape[0] == "n_samples"
    dtype = {"tensor(float)": np.float32, "tensor(double)": np.float64}[rows.type]
    return session.run([output.name], {"rows": X.astype(dtype)})[0]


def to_onnx(estimator, path):
    pytest.importorskip("tf2onnx")
    assert estimator.to_onnx(path) is None
    assert os.listdir(path.parent) == [path.name]
    return path


def check_same(estimator, X, folder):
    """Compare both exports, and the saved Keras model, with `predict`, for one row and for many."""
    expected = estimator.predict(X)
    # If the output were the same for all rows, the comparison would be meaningless.
    assert np.std(expected, axis=0).max() > 1e-3 * np.subtract(*estimator.data_range_[::-1])
    model = estimator.to_keras()
    model.save(folder / "model.keras")
    loaded = keras.saving.load_model(folder / "model.keras")
    (folder / "onnx").mkdir()
    path = to_onnx(estimator, folder / "onnx" / "model.onnx")
    for call in (model, loaded, lambda rows: run_onnx(path, rows)):
        assert distance(estimator, call(X), expected) < TOLERANCE
        assert distance(estimator, call(X[:1]), expected[:1]) < TOLERANCE


@pytest.mark.parametrize("architecture", ["dense", "conv", "unet"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_architectures_and_shapes(architecture, shape, tmp_path):
    params = {"hidden_layer_sizes": (32, 16), "latent_dim": 12} if architecture == "dense" else {}
    check_same(*made(architecture, shape, (-1000, 3000), **params), tmp_path)


@pytest.mark.parametrize("data_range", RANGES, ids=str)
def test_ranges(data_range, tmp_path):
    check_same(*made(data_range=data_range), tmp_path)


def test_integers(tmp_path):
    estimator, X = made(data_range=(0, 255), dtype=np.uint8)
    check_same(estimator, X, tmp_path)
    model = estimator.to_keras()
    assert model(X).dtype == "float32"
    assert distance(estimator, model.predict(X, verbose=0), estimator.predict(X)) < TOLERANCE


def test_ranges_far_from_zero_take_float64(tmp_path):
    """In a range far from zero, rounding rows to float32 would change them by more than the tolerance."""
    for data_range, dtype in (((-15, -14), "float32"), ((1e6, 1e6 + 1), "float64")):
        estimator, X = made(data_range=data_range)
        model = estimator.to_keras()
        assert (model.inputs[0].dtype, model.outputs[0].dtype) == (dtype, dtype)
        assert model(X).dtype == dtype


@pytest.mark.parametrize("architecture", ["dense", "conv"])
def test_codes(architecture, tmp_path):
    estimator, X = made(architecture, (6, 5, 3), (1e6, 1e6 + 1), output="latent")
    expected = estimator.transform(X)
    scale = np.abs(expected).max()
    for codes in (estimator.to_keras()(X).numpy(), run_onnx(to_onnx(estimator, tmp_path / "codes.onnx"), X)):
        assert codes.dtype == np.float32
        np.testing.assert_allclose(codes, expected, rtol=0, atol=TOLERANCE * scale)


def test_output_is_read_when_called():
    estimator, X = made()
    estimator.set_params(output="latent")
    assert estimator.to_keras()(X).shape == (20, 4)
    estimator.set_params(output="denoised")
    assert estimator.to_keras()(X).shape == X.shape


def of_images(image_shape, latent_dim):
    """Build a network from images to images, with layers that behave differently during training."""
    image = keras.Input(image_shape)
    x = layers.BatchNormalization()(layers.Conv2D(latent_dim, 3, padding="same", activation="gelu")(image))
    x = layers.GaussianNoise(0.1)(layers.Dropout(0.5)(x))
    return keras.Model(image, layers.Conv2D(image_shape[2], 3, padding="same", activation="sigmoid")(x))


def with_a_code_of_maps(image_shape, latent_dim):
    encoder = keras.Sequential(
        [keras.Input(image_shape), layers.Conv2D(latent_dim, 2, strides=2, activation="relu")], name="encoder"
    )
    decoder = keras.Sequential(
        [
            keras.Input(encoder.output_shape[1:]),
            layers.UpSampling2D(),
            layers.Conv2D(image_shape[2], 3, padding="same", activation="sigmoid"),
        ],
        name="decoder",
    )
    image = keras.Input(image_shape)
    return keras.Model(image, decoder(encoder(image)))


class Svd(layers.Layer):
    def call(self, x):
        u, _, _ = keras.ops.svd(keras.ops.reshape(x, (-1, 4, 4)))
        return keras.ops.reshape(keras.ops.sigmoid(u), (-1, 16))


def beyond_onnx(image_shape, latent_dim):
    rows = keras.Input((math.prod(image_shape),))
    return keras.Model(rows, Svd()(layers.Dense(16)(rows)))


class TestNetworksOfTheUsersOwn:
    @pytest.mark.parametrize("network", [of_images, with_a_code_of_maps])
    def test_same_output(self, network, tmp_path):
        check_same(*made(network, (6, 8, 2), (0, 16)), tmp_path)

    def test_codes_are_flat(self, tmp_path):
        estimator, X = made(with_a_code_of_maps, (6, 8, 2), output="latent")
        expected = estimator.transform(X)
        assert expected.shape == (20, 3 * 4 * 4)
        for codes in (estimator.to_keras()(X), run_onnx(to_onnx(estimator, tmp_path / "codes.onnx"), X)):
            np.testing.assert_allclose(codes, expected, rtol=0, atol=1e-5)

    def test_operations_that_onnx_lacks_are_named(self, tmp_path):
        pytest.importorskip("tf2onnx")
        estimator, X = made(beyond_onnx, learning_rate=1e-6)
        assert distance(estimator, estimator.to_keras()(X), estimator.predict(X)) < TOLERANCE
        with pytest.raises(ValueError, match=r"architecture=<function beyond_onnx .*\['Svd'\].* or to_keras"):
            estimator.to_onnx(tmp_path / "model.onnx")
        assert not os.listdir(tmp_path)


class TestTheModel:
    def test_it_is_the_users_own(self):
        estimator, X = made()
        expected, inside = estimator.predict(X), estimator.model_.get_weights()
        model, other = estimator.to_keras(), estimator.to_keras()
        model.set_weights([0 * weights for weights in model.get_weights()])
        for output in (estimator.predict(X), other(X)):
            assert distance(estimator, output, expected) < TOLERANCE
        np.testing.assert_array_equal(estimator.model_.get_weights()[0], inside[0])
        estimator.set_params(random_state=1).fit(X.clip(0, 1))
        assert distance(estimator, estimator.predict(X), expected) > 10 * TOLERANCE
        assert distance(estimator, other(X), expected) < TOLERANCE

    def test_exporting_leaves_the_estimator_as_it_was(self, tmp_path):
        estimator, _ = made()
        before = dict(vars(estimator))
        estimator.to_keras()
        to_onnx(estimator, tmp_path / "model.onnx")
        assert vars(estimator) == before

    def test_it_can_be_trained_and_exported_as_any_other(self, tmp_path):
        import tensorflow as tf

        estimator, X = made(data_range=(0, 16))
        model = estimator.to_keras()
        model.export(tmp_path / "served", verbose=False)
        served = tf.saved_model.load(tmp_path / "served")
        output = served.serve(tf.constant(X, tf.float32)).numpy()
        assert distance(estimator, output, estimator.predict(X)) < TOLERANCE
        model.compile("adam", "mse")
        model.fit(X, X, epochs=1, verbose=0)
        assert distance(estimator, model(X), output) > TOLERANCE

    def test_trained_weights_beyond_one_epoch(self, fitted, digits, tmp_path):
        check_same(fitted[-1], digits[0][1200:], tmp_path)


class TestTheFile:
    def test_it_tells_what_it_is(self, tmp_path):
        onnx = pytest.importorskip("onnx")
        estimator, _ = made("conv", (6, 5, 3), (0, 255))
        model = onnx.load(to_onnx(estimator, tmp_path / "model.onnx"))
        onnx.checker.check_model(model, full_check=True)
        assert (model.producer_name, model.graph.name) == ("sk_denoise", "denoiser")
        about = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
        assert about == {"image_shape": [6, 5, 3], "data_range": [0, 255], "output": "denoised"}
        assert "units of [0, 255]" in model.doc_string

    def test_a_file_in_its_place_is_replaced_by_a_whole_one_or_not_at_all(self, tmp_path, monkeypatch):
        pytest.importorskip("tf2onnx")
        estimator, X = made()
        path = tmp_path / "model.onnx"
        path.write_text("old")
        with monkeypatch.context() as patch:
            patch.setattr(export, "_describe", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                estimator.to_onnx(path)
        assert path.read_text() == "old"
        to_onnx(estimator, path)
        assert distance(estimator, run_onnx(path, X), estimator.predict(X)) < TOLERANCE

    def test_paths(self, tmp_path):
        pytest.importorskip("tf2onnx")
        estimator, _ = made()
        estimator.to_onnx(os.fspath(tmp_path / "model.onnx"))
        with pytest.raises(FileNotFoundError):
            estimator.to_onnx(tmp_path / "none" / "model.onnx")
        with pytest.raises(OSError):
            estimator.to_onnx(tmp_path)
        with pytest.raises(TypeError, match=r"^path must .*, got 3\."):
            estimator.to_onnx(3)

    def test_weights_beyond_two_gib(self, tmp_path, monkeypatch):
        pytest.importorskip("tf2onnx")
        estimator, _ = made()
        monkeypatch.setattr(export, "_MOST_BYTES", 100)
        with pytest.raises(ValueError, match=r"\b592 bytes .* 100\. Lower latent_dim"):
            estimator.to_onnx(tmp_path / "model.onnx")

    @pytest.mark.parametrize("missing", ["onnx", "tf2onnx"])
    def test_what_to_install(self, missing, tmp_path, monkeypatch):
        estimator, _ = made()
        monkeypatch.setitem(sys.modules, missing, None)
        with pytest.raises(ImportError, match=r"pip install 'sk_denoise\[onnx\]'"):
            estimator.to_onnx(tmp_path / "model.onnx")


@pytest.mark.parametrize("call", [lambda e: e.to_keras(), lambda e: e.to_onnx("model.onnx")])
def test_refusals(call):
    with pytest.raises(NotFittedError):
        call(DenoisingAutoencoder())
    estimator, _ = made("unet")
    with pytest.raises(ValueError, match="output must be 'denoised', or 'latent' for an architecture with a code"):
        call(estimator.set_params(output="latent"))
