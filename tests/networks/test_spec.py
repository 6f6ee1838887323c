import dataclasses

import keras
import numpy as np
import pytest

from sk_denoise.networks import architectures
from sk_denoise.networks.spec import ARCHITECTURES, NetworkSpec, training_bytes, weight_shapes


@pytest.mark.parametrize("shape", [(8, 8, 1), (9, 5, 3), (1, 13, 1), (7, 1, 2), (1, 1, 1)])
@pytest.mark.parametrize("latent_dim", [1, 2, 5, 64])
@pytest.mark.parametrize(("architecture", "hidden"), [("dense", ()), ("dense", (7, 3)), ("conv", ()), ("unet", ())])
def test_shapes_known_without_keras_are_those_of_the_network(architecture, hidden, latent_dim, shape):
    spec = NetworkSpec(architecture, shape, latent_dim, hidden, "mse", "adam")
    model = architectures.build(spec)
    assert weight_shapes(spec) == [weights.shape for weights in model.get_weights()]
    assert training_bytes(spec, 32) > 4 * model.count_params()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_table_is_true_of_the_networks(architecture):
    line = ARCHITECTURES[architecture]
    spec = NetworkSpec(architecture, (120, 8, 1), 4, (), "mse", "adam")
    model = architectures.build(spec)
    names = {layer.name for layer in model.layers}
    assert ({"encoder", "decoder"} <= names) == line.has_code
    assert callable(getattr(architectures, line.builder))
    # A network that takes any multiple of its size has no layer that crops.
    cropping = [layer for layer in model._flatten_layers() if "cropping" in layer.name]
    assert not cropping
    if line.multiple > 1:
        odd = dataclasses.replace(spec, image_shape=(120 + line.multiple // 2, 8, 1))
        assert any("cropping" in layer.name for layer in architectures.build(odd)._flatten_layers())


def test_reach_of_the_unet():
    """No output depends on a pixel farther away than the table says, and some do on one that far."""
    n = 160
    model = architectures.build(NetworkSpec("unet", (n, 1, 1), 8, (), "mse", "adam"))
    model.set_weights([np.abs(weights) for weights in model.get_weights()])  # no ReLU hides a path, and no bias is one
    model.layers[-2].activation = keras.activations.linear
    outputs = np.asarray(model(np.eye(n)))
    distances = [np.abs(np.flatnonzero(outputs[i]) - i).max() for i in range(60, 100)]
    assert max(distances) == ARCHITECTURES["unet"].reach
