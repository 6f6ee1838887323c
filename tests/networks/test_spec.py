import dataclasses
import math

import keras
import numpy as np
import pytest

from sk_denoise.networks import architectures
from sk_denoise.networks.spec import ARCHITECTURES, NetworkSpec


@pytest.mark.parametrize("shape", [(8, 8, 1), (29, 31, 3), (64, 64, 1)])
@pytest.mark.parametrize("latent_dim", [64, 1000])
@pytest.mark.parametrize(("architecture", "hidden"), [("dense", ()), ("dense", (70, 30)), ("conv", ()), ("unet", ())])
def test_sizes_estimated_without_keras_are_near_those_of_the_network(architecture, hidden, latent_dim, shape):
    model = architectures.build(NetworkSpec(architecture, shape, latent_dim, hidden, "mse", "adam"))
    n_weights, n_activations = ARCHITECTURES[architecture].counts(shape, latent_dim, hidden)
    assert n_weights == pytest.approx(model.count_params(), rel=0.3)
    outputs = [
        layer.output.shape[1:] for layer in model._flatten_layers(include_self=False) if layer.output is not None
    ]
    assert n_activations == pytest.approx(sum(math.prod(shape) for shape in outputs), rel=0.6)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_table_is_true_of_the_networks(architecture):
    line = ARCHITECTURES[architecture]
    spec = NetworkSpec(architecture, (120, 8, 1), 4, (), "mse", "adam")
    model = architectures.build(spec)
    names = {layer.name for layer in model.layers}
    assert ({"encoder", "decoder"} <= names) == line.has_code
    assert callable(getattr(architectures, line.builder))
    # Both sides of this image are multiples of `multiple`, so nothing needs to be cropped.
    cropping = [layer for layer in model._flatten_layers() if "cropping" in layer.name]
    assert not cropping
    if line.multiple > 1:
        odd = dataclasses.replace(spec, image_shape=(120 + line.multiple // 2, 8, 1))
        assert any("cropping" in layer.name for layer in architectures.build(odd)._flatten_layers())


@pytest.mark.parametrize(("head", "less"), [("residual", 0), ("sigmoid", 2)])
def test_reach_of_the_unet(head, less):
    """`reach` is the largest distance between an output pixel and an input pixel that it depends on."""
    n = 160
    model = architectures.build(NetworkSpec("unet", (n, 1, 1), 8, (), "mse", "adam", head))
    model.set_weights([np.abs(weights) for weights in model.get_weights()])  # so that no ReLU blocks a path
    if head == "sigmoid":
        model.layers[-1].activation = keras.activations.linear
    outputs = np.asarray(model(np.eye(n)))
    distances = [np.abs(np.flatnonzero(outputs[i]) - i).max() for i in range(60, 100)]
    assert max(distances) == ARCHITECTURES["unet"].reach - less


def test_residual_head_predicts_the_noise():
    """The prediction is subtracted from the input, and training starts near the input itself."""
    spec = NetworkSpec("unet", (16, 24, 1), 8, (), "mse", "adam", "residual")
    model = architectures.build(spec)
    rows = np.random.default_rng(0).normal(size=(3, 384)).astype("float32")
    np.testing.assert_allclose(model(rows), rows, atol=0.1)
    model.set_weights([np.zeros_like(weights) for weights in model.get_weights()])
    np.testing.assert_array_equal(model(rows), rows)


@pytest.mark.parametrize("head", ["sigmoid", "residual"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_network_for_images_is_that_for_rows(head, channels):
    spec = NetworkSpec("unet", (16, 24, channels), 8, (), "mse", "adam", head)
    rows_model, images_model = architectures.build(spec), architectures.build_for_images(spec)
    images_model.set_weights(rows_model.get_weights())
    images = np.random.default_rng(0).random((2, 16, 24, channels)).astype("float32")
    expected = np.asarray(rows_model(images.reshape(2, -1))).reshape(images.shape)
    np.testing.assert_allclose(images_model(images), expected, atol=1e-6)
    assert images_model(np.zeros((1, 40, 8, channels), dtype="float32")).shape == (1, 40, 8, channels)
