"""The table of architectures, and what can be derived from it without Keras: sizes, memory, values of "auto".

`benchmarks/defaults.py` prints the results on held-out training rows by which the numbers of steps and, with `more`,
the learning rates were chosen.
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
    """One row of the table.

    Other code looks up properties here, and never compares names of architectures.
    """

    builder: str  # function in architectures.py, which imports Keras
    has_code: bool
    has_hidden_layers: bool
    compiles_with_xla: bool  # twice as fast on matrix products, several times as slow on convolutions
    learning_rate: float  # peak, with Adam
    n_steps: int  # after which the held-out error hardly decreases
    reach: int | None  # distance in pixels up to which an output depends on inputs; None for the whole image
    multiple: int  # height and width should be multiples of it, so that halving needs no padding
    counts: Callable  # NetworkSpec.sizes -> number of weights, and of output values of all layers for one row


@dataclasses.dataclass(frozen=True)
class NetworkSpec:
    """Everything that determines the graph of a network."""

    architecture: str | Callable
    image_shape: tuple[int, int, int]
    latent_dim: int
    hidden_layer_sizes: tuple[int, ...]
    loss: str | Callable
    optimizer: str | type

    @property
    def n_features(self):
        """Number of values in a row."""
        return math.prod(self.image_shape)

    @property
    def sizes(self):
        """Arguments of a builder."""
        return self.image_shape, self.latent_dim, self.hidden_layer_sizes


def halvings(image_shape, n_levels):
    """Heights and widths at each scale, starting from the image, each half of the previous one, rounded up."""
    sizes = [image_shape[:2]]
    for _ in range(n_levels):
        sizes.append(tuple(-(-size // 2) for size in sizes[-1]))
    return sizes


def unet_filters(latent_dim):
    """Numbers of feature maps of the U-Net at a half, a quarter and an eighth of the size of the image."""
    return max(1, latent_dim // 2), latent_dim, latent_dim


# Estimates of the number of weights of a network, and of the output values of its layers for one row. They only need to
# be accurate for large `latent_dim` and large images.


def _dense_counts(image_shape, latent_dim, hidden_layer_sizes):
    n_features = math.prod(image_shape)
    sizes = (n_features, *hidden_layer_sizes, latent_dim, *hidden_layer_sizes[::-1], n_features)
    return sum(a * b + b for a, b in itertools.pairwise(sizes)), 2 * sum(sizes[:-1])


def _conv_counts(image_shape, latent_dim, _):
    flat = math.prod(halvings(image_shape, 3)[-1]) * CONV_FILTERS[-1]
    n_activations = math.prod(image_shape[:2]) * (CONV_FILTERS[0] * 2 + 2 * image_shape[2]) + 3 * flat
    return 2 * latent_dim * flat + flat + 80_000, n_activations


def _unet_counts(image_shape, latent_dim, _):
    area = math.prod(image_shape[:2])
    return 64 * latent_dim**2 + 100 * latent_dim, area * (2 * latent_dim + 4 * image_shape[2])


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
        counts=_dense_counts,
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
        counts=_conv_counts,
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
        counts=_unet_counts,
    ),
}


def training_bytes(spec, batch_size):
    """Estimate of the memory needed to train a built-in network, without building it."""
    n_weights, n_activations = ARCHITECTURES[spec.architecture].counts(*spec.sizes)
    # Weights, gradients, two slots of the optimizer and a copy; activations and their gradients; 4 bytes each.
    return 4 * (5 * n_weights + 2 * batch_size * n_activations)


def resolve_batch_size(batch_size, n_rows):
    """32 for few rows, to make more steps, up to 128 for many rows, because larger batches are faster."""
    if batch_size != "auto":
        return int(batch_size)
    # Only three sizes, because each is compiled.
    return 128 if n_rows >= 64 * 128 else 64 if n_rows >= 64 * 64 else 32


def _line(architecture):
    """The row of the table; custom networks are trained like the convolutional one."""
    return ARCHITECTURES["conv" if callable(architecture) else architecture]


def resolve_epochs(epochs, architecture, n_rows, batch_size):
    """Number of epochs that gives enough steps for any number of rows."""
    if epochs != "auto":
        return int(epochs)
    n_epochs = math.ceil(_line(architecture).n_steps / math.ceil(n_rows / batch_size))
    return min(_MOST_EPOCHS, max(_FEWEST_EPOCHS, n_epochs))


def resolve_learning_rate(learning_rate, architecture, optimizer):
    """The measured rate for Adam; for other optimizers None, which means Keras' default."""
    if not (isinstance(learning_rate, str) and learning_rate == "auto"):
        return learning_rate if callable(learning_rate) else float(learning_rate)
    if isinstance(optimizer, str) and optimizer.lower() == "adam":
        return _line(architecture).learning_rate
    return None
