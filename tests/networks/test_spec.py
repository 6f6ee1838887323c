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


def test_reach_of_the_unet():
    """`reach` is the largest distance between an output pixel and an input pixel that it depends on."""
    n = 160
    model = architectures.build(NetworkSpec("unet", (n, 1, 1), 8, (), "mse", "adam"))
    model.set_weights([np.abs(weights) for weights in model.get_weights()])  # so that no ReLU blocks a path
    model.layers[-2].activation = keras.activations.linear
    outputs = np.asarray(model(np.eye(n)))
    distances = [np.abs(np.flatnonzero(outputs[i]) - i).max() for i in range(60, 100)]
    assert max(distances) == ARCHITECTURES["unet"].reach
