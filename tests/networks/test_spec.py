import pytest

from sk_denoise.networks import architectures
from sk_denoise.networks import spec as _shapes


@pytest.mark.parametrize("shape", [(8, 8, 1), (9, 5, 3), (1, 13, 1), (7, 1, 2), (1, 1, 1)])
@pytest.mark.parametrize("latent_dim", [1, 2, 5, 64])
@pytest.mark.parametrize(("architecture", "hidden"), [("dense", ()), ("dense", (7, 3)), ("conv", ()), ("unet", ())])
def test_shapes_known_without_keras_are_those_of_the_network(architecture, hidden, latent_dim, shape):
    model = architectures.build(architecture, shape, latent_dim, hidden)
    built = [weights.shape for weights in model.get_weights()]
    assert _shapes.weight_shapes(architecture, shape, latent_dim, hidden) == built
    assert _shapes.count_values(architecture, shape, latent_dim, hidden)[0] == model.count_params()
