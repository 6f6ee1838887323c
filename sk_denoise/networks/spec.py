"""What shapes a network, and the shapes that follow from it, known without Keras."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable

ARCHITECTURES = ("dense", "conv", "unet")
CONV_FILTERS = (16, 32, 64)


@dataclasses.dataclass(frozen=True)
class NetworkSpec:
    """Everything that shapes a network's graph; equal specs share compiled code and never weights."""

    architecture: str | Callable
    image_shape: tuple[int, int, int]
    latent_dim: int
    hidden_layer_sizes: tuple[int, ...]
    loss: str | Callable
    optimizer: str | type

    @property
    def n_features(self):
        """Values in a row."""
        return math.prod(self.image_shape)


def halvings(image_shape, n_levels):
    """Heights and widths at each scale, from the image down, each half of the one before, rounded up."""
    sizes = [image_shape[:2]]
    for _ in range(n_levels):
        sizes.append(tuple(-(-size // 2) for size in sizes[-1]))
    return sizes


def unet_filters(latent_dim):
    """Feature maps of the U-Net at a half, a quarter and an eighth of the image's size."""
    return max(1, latent_dim // 2), latent_dim, latent_dim


def weight_shapes(architecture, image_shape, latent_dim, hidden_layer_sizes=()):
    """Shapes of the weights of a built-in network, in the order of its `get_weights`, before building anything."""
    kernels = {"dense": _dense_kernels, "conv": _conv_kernels, "unet": _unet_kernels}[architecture]
    shapes = []
    for kernel, units in kernels(image_shape, latent_dim, hidden_layer_sizes):
        shapes += [kernel, (units,)]
    return shapes


# Kernel and units of each layer. A transposed convolution has its output channels before those of its input.


def _dense_kernels(image_shape, latent_dim, hidden_layer_sizes):
    n_features = math.prod(image_shape)
    sizes = (n_features, *hidden_layer_sizes, latent_dim, *hidden_layer_sizes[::-1], n_features)
    return [((a, b), b) for a, b in itertools.pairwise(sizes)]


def _conv_kernels(image_shape, latent_dim, _):
    channels, (a, b, c) = image_shape[2], CONV_FILTERS
    flat = math.prod(halvings(image_shape, 3)[-1]) * c
    kernels = [((3, 3, channels, a), a), ((3, 3, a, b), b), ((3, 3, b, c), c), ((flat, latent_dim), latent_dim)]
    kernels += [((latent_dim, flat), flat), ((4, 4, b, c), b), ((4, 4, a, b), a), ((4, 4, a, a), a)]
    return [*kernels, ((3, 3, a, channels), channels)]


def _unet_kernels(image_shape, latent_dim, _):
    channels, (a, b, c) = image_shape[2], unet_filters(latent_dim)
    last = max(1, a // 2)
    kernels = [((4, 4, channels, a), a), ((3, 3, a, a), a), ((3, 3, a, b), b), ((3, 3, b, b), b)]
    kernels += [((3, 3, b, c), c), ((3, 3, c, c), c), ((2, 2, b, c), b), ((3, 3, 2 * b, b), b)]
    kernels += [((2, 2, a, b), a), ((3, 3, 2 * a, a), a), ((4, 4, last, a), last)]
    return [*kernels, ((3, 3, last + channels, channels), channels)]


def count_values(architecture, image_shape, latent_dim, hidden_layer_sizes=()):
    """How many weights a built-in network has and how many values one row makes in it, before building anything.

    Returns
    -------
    n_weights : int
        Equals ``build(...).count_params()``.
    n_activations : int
        Outputs of all layers for one row, which training keeps for the gradients; an estimate.
    """
    shapes = weight_shapes(architecture, image_shape, latent_dim, hidden_layer_sizes)
    return sum(map(math.prod, shapes)), _count_activations(architecture, image_shape, latent_dim, hidden_layer_sizes)


def _count_activations(architecture, image_shape, latent_dim, hidden_layer_sizes):
    channels, n_features = image_shape[2], math.prod(image_shape)
    if architecture == "dense":
        return 2 * (n_features + sum(hidden_layer_sizes)) + latent_dim
    areas = [math.prod(size) for size in halvings(image_shape, 3)]
    if architecture == "conv":
        a, b, c = CONV_FILTERS
        return areas[0] * (a + 2 * channels) + 2 * areas[1] * a + 2 * areas[2] * b + 3 * areas[3] * c
    a, b, c = unet_filters(latent_dim)
    last = max(1, a // 2)
    return areas[0] * (2 * last + 4 * channels) + areas[1] * 6 * a + areas[2] * 6 * b + areas[3] * 2 * c
