"""The table of architectures, and what follows from it without Keras: sizes, shapes of weights, what "auto" means.

`benchmarks/defaults.py` prints how the numbers of steps were chosen, on held-out training rows, and with `more` the
learning rates.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable

CONV_FILTERS = (16, 32, 64)
_FEWEST_EPOCHS, _MOST_EPOCHS = 5, 300


@dataclasses.dataclass(frozen=True)
class Architecture:
    """One line of the table.

    `kernels` and `activations` take ``(image_shape, latent_dim, hidden_layer_sizes)``. Other code asks this table and
    never a name.
    """

    builder: str  # function in architectures.py, which imports Keras
    has_code: bool
    has_hidden_layers: bool
    compiles_with_xla: bool  # twice as fast on matrix products, several times as slow on convolutions
    learning_rate: float  # peak, with Adam
    n_steps: int  # after which the held-out error hardly falls
    reach: int | None  # pixels to each side that an output depends on; None for the whole image
    multiple: int  # of which height and width should be for halving to need no padding
    kernels: Callable  # shape of the kernel and number of units of each layer, in the order of `get_weights`
    activations: Callable  # values that all layers put out for one row; an estimate


@dataclasses.dataclass(frozen=True)
class NetworkSpec:
    """Everything that shapes a network's graph."""

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

    @property
    def sizes(self):
        """What a builder takes."""
        return self.image_shape, self.latent_dim, self.hidden_layer_sizes


def halvings(image_shape, n_levels):
    """Heights and widths at each scale, from the image down, each half of the one before, rounded up."""
    sizes = [image_shape[:2]]
    for _ in range(n_levels):
        sizes.append(tuple(-(-size // 2) for size in sizes[-1]))
    return sizes


def unet_filters(latent_dim):
    """Feature maps of the U-Net at a half, a quarter and an eighth of the image's size."""
    return max(1, latent_dim // 2), latent_dim, latent_dim


# A transposed convolution has its output channels before those of its input.


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


def _dense_activations(image_shape, latent_dim, hidden_layer_sizes):
    return 2 * (math.prod(image_shape) + sum(hidden_layer_sizes)) + latent_dim


def _conv_activations(image_shape, latent_dim, _):
    areas, (a, b, c) = [math.prod(size) for size in halvings(image_shape, 3)], CONV_FILTERS
    return areas[0] * (a + 2 * image_shape[2]) + 2 * areas[1] * a + 2 * areas[2] * b + 3 * areas[3] * c


def _unet_activations(image_shape, latent_dim, _):
    areas, (a, b, c) = [math.prod(size) for size in halvings(image_shape, 3)], unet_filters(latent_dim)
    last = max(1, a // 2)
    return areas[0] * (2 * last + 4 * image_shape[2]) + areas[1] * 6 * a + areas[2] * 6 * b + areas[3] * 2 * c


ARCHITECTURES = {
    "dense": Architecture(
        builder="dense",
        has_code=True,
        has_hidden_layers=True,
        compiles_with_xla=True,
        learning_rate=1e-2,
        n_steps=9_400,
        reach=None,
        multiple=1,
        kernels=_dense_kernels,
        activations=_dense_activations,
    ),
    "conv": Architecture(
        builder="conv",
        has_code=True,
        has_hidden_layers=False,
        compiles_with_xla=False,
        learning_rate=3e-3,
        n_steps=7_050,
        reach=None,  # through its dense code
        multiple=8,
        kernels=_conv_kernels,
        activations=_conv_activations,
    ),
    "unet": Architecture(
        builder="unet",
        has_code=False,
        has_hidden_layers=False,
        compiles_with_xla=False,
        learning_rate=3e-3,
        n_steps=3_760,
        reach=36,
        multiple=8,
        kernels=_unet_kernels,
        activations=_unet_activations,
    ),
}


def weight_shapes(spec):
    """Shapes of the weights of a built-in network, in the order of its `get_weights`, before building anything."""
    kernels = ARCHITECTURES[spec.architecture].kernels(*spec.sizes)
    return [shape for kernel, units in kernels for shape in (kernel, (units,))]


def training_bytes(spec, batch_size):
    """Memory that training a built-in network takes, before building anything; an estimate."""
    n_weights = sum(map(math.prod, weight_shapes(spec)))
    # Weights, gradients, two slots of the optimizer and a copy; activations and their gradients; 4 bytes each.
    return 4 * (5 * n_weights + 2 * batch_size * ARCHITECTURES[spec.architecture].activations(*spec.sizes))


def resolve_batch_size(batch_size, n_rows):
    """32 on small sets, whose few steps must count, 128 on large ones, where larger batches are faster."""
    if batch_size != "auto":
        return int(batch_size)
    # Three sizes and no more, for each is compiled.
    return 128 if n_rows >= 64 * 128 else 64 if n_rows >= 64 * 64 else 32


def _line(architecture):
    """The line of the table; a network of the user's own is trained as the convolutional one."""
    return ARCHITECTURES["conv" if callable(architecture) else architecture]


def resolve_epochs(epochs, architecture, n_rows, batch_size):
    """Epochs that make enough steps, whatever the number of rows."""
    if epochs != "auto":
        return int(epochs)
    n_epochs = math.ceil(_line(architecture).n_steps / math.ceil(n_rows / batch_size))
    return min(_MOST_EPOCHS, max(_FEWEST_EPOCHS, n_epochs))


def resolve_learning_rate(learning_rate, architecture, optimizer):
    """The measured rate for Adam; None, Keras' own, for another optimizer."""
    if not (isinstance(learning_rate, str) and learning_rate == "auto"):
        return learning_rate if callable(learning_rate) else float(learning_rate)
    if isinstance(optimizer, str) and optimizer.lower() == "adam":
        return _line(architecture).learning_rate
    return None
