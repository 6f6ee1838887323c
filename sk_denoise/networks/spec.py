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

    Other code asks this table and never a name.
    """

    builder: str  # function in architectures.py, which imports Keras
    has_code: bool
    has_hidden_layers: bool
    compiles_with_xla: bool  # twice as fast on matrix products, several times as slow on convolutions
    learning_rate: float  # peak, with Adam
    n_steps: int  # after which the held-out error hardly falls
    reach: int | None  # pixels to each side that an output depends on; None for the whole image
    multiple: int  # of which height and width should be for halving to need no padding
    counts: Callable  # of NetworkSpec.sizes: number of weights, and of values that all layers put out for one row


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


# How many weights a network has, and how many values its layers put out for one row: estimates, of which `latent_dim`
# and the size of the image are what can be too large.


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
    """Memory that training a built-in network takes, before building anything; an estimate."""
    n_weights, n_activations = ARCHITECTURES[spec.architecture].counts(*spec.sizes)
    # Weights, gradients, two slots of the optimizer and a copy; activations and their gradients; 4 bytes each.
    return 4 * (5 * n_weights + 2 * batch_size * n_activations)


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
