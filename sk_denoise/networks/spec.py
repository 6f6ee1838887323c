"""The table of architectures, and what follows from it without Keras: layer sizes, memory, and the values of "auto".

The numbers of steps, the learning rates and the batch size were chosen on held-out training rows, as
`benchmarks/defaults.py` shows.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable

CONV_FILTERS = (16, 32, 64)
FINE_FILTERS = 16  # feature maps of the U-Net at the size of the image, with a residual head
_MOST_EPOCHS = 300
_LEAST_RESIDUAL = 32  # pixels, height and width from which predicting the noise is better than predicting the image


@dataclasses.dataclass(frozen=True)
class Architecture:
    """One row of the table.

    Look up properties here instead of comparing names of architectures.
    """

    builder: str  # name of a function in architectures.py; a name, because that module imports Keras
    has_code: bool
    has_hidden_layers: bool
    compiles_with_xla: bool  # on CPUs, where XLA is twice as fast on dense layers, but much slower on convolutions
    learning_rate: float  # peak, with Adam
    batch_size: int  # larger ones take less time per row, but more time to the same error
    n_steps: int  # gradient steps after which the held-out error of a few thousand rows hardly decreases
    fewest_epochs: int  # for many rows, which are worth more steps
    reach: int | None  # largest radius of the receptive field in pixels over all heads; None for the whole image
    multiple: int  # heights and widths that are multiples of it need no padding when halved
    counts: Callable  # from NetworkSpec.sizes: number of weights, and of layer outputs for one row


@dataclasses.dataclass(frozen=True)
class NetworkSpec:
    """Everything that determines the graph of a network."""

    architecture: str | Callable
    image_shape: tuple[int, int, int]
    latent_dim: int
    hidden_layer_sizes: tuple[int, ...]
    loss: str | Callable
    optimizer: str | type
    head: str = "sigmoid"  # of built-in networks: "sigmoid", "linear" or "residual"
    hides: bool = False  # whether the loss ignores pixels whose target is NaN

    @property
    def n_features(self):
        """Number of features of a row."""
        return math.prod(self.image_shape)

    @property
    def sizes(self):
        """Arguments of a builder."""
        return self.image_shape, self.latent_dim, self.hidden_layer_sizes


def halvings(image_shape, n_levels):
    """Height and width at each scale, from that of the image on; each is half of the previous one, rounded up."""
    sizes = [image_shape[:2]]
    for _ in range(n_levels):
        sizes.append(tuple(-(-size // 2) for size in sizes[-1]))
    return sizes


def unet_filters(latent_dim):
    """Numbers of feature maps of the U-Net at 1/2, 1/4 and 1/8 of the image size."""
    return max(1, latent_dim // 2), latent_dim, latent_dim


# Estimates of the number of weights, and of layer outputs for one row. They only need to be accurate for large
# `latent_dim` and large images.


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
    return 64 * latent_dim**2 + 100 * latent_dim, area * (2 * latent_dim + 2 * FINE_FILTERS + 4 * image_shape[2])


ARCHITECTURES = {
    "dense": Architecture(
        builder="dense",
        has_code=True,
        has_hidden_layers=True,
        compiles_with_xla=True,
        learning_rate=1e-2,
        batch_size=64,
        n_steps=9_400,
        fewest_epochs=40,
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
        batch_size=32,
        n_steps=9_000,
        fewest_epochs=12,
        reach=None,  # through its dense code
        multiple=8,
        counts=_conv_counts,
    ),
    "unet": Architecture(
        builder="unet",
        has_code=False,
        has_hidden_layers=False,
        compiles_with_xla=False,
        learning_rate=4e-3,
        batch_size=32,
        n_steps=5_000,
        fewest_epochs=6,
        reach=38,
        multiple=8,
        counts=_unet_counts,
    ),
}


def training_bytes(spec, batch_size):
    """Estimate the memory in bytes needed to train a built-in network, without building it."""
    n_weights, n_activations = ARCHITECTURES[spec.architecture].counts(*spec.sizes)
    # Weights, gradients, two optimizer slots and a copy; activations and their gradients; 4 bytes each.
    return 4 * (5 * n_weights + 2 * batch_size * n_activations)


def _line(architecture):
    """Return the row of the table; custom networks are trained like "conv"."""
    return ARCHITECTURES["conv" if callable(architecture) else architecture]


def resolve_batch_size(batch_size, architecture):
    """Resolve "auto"."""
    return _line(architecture).batch_size if batch_size == "auto" else int(batch_size)


def resolve_epochs(epochs, architecture, n_rows, batch_size):
    """Number of epochs with which any number of rows gives enough steps, at most 300."""
    if epochs != "auto":
        return int(epochs)
    line = _line(architecture)
    n_epochs = math.ceil(line.n_steps / math.ceil(n_rows / batch_size))
    return min(_MOST_EPOCHS, max(line.fewest_epochs, n_epochs))


def needs_unit_outputs(loss):
    """Whether a Keras loss requires outputs in [0, 1], or at least positive ones."""
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    name = name.lower().replace("_", "")
    return name == "poisson" or "crossentropy" in name or "kldivergence" in name


def resolve_head(head, architecture, image_shape, loss, *, noisy_targets=False):
    """Resolve "auto": "residual" for networks with a reach on images that are large enough.

    Otherwise, it is "sigmoid", or "linear" for noisy targets, which are not limited to [0, 1].
    """
    if head != "auto":
        return head
    if needs_unit_outputs(loss) or callable(architecture):
        return "sigmoid"
    large = min(image_shape[:2]) >= _LEAST_RESIDUAL
    if ARCHITECTURES[architecture].reach is not None and large:
        return "residual"
    return "linear" if noisy_targets else "sigmoid"


def resolve_learning_rate(learning_rate, architecture, optimizer):
    """Resolve "auto": the tuned rate for Adam; for other optimizers None, which selects the default of Keras."""
    if not (isinstance(learning_rate, str) and learning_rate == "auto"):
        return learning_rate if callable(learning_rate) else float(learning_rate)
    if isinstance(optimizer, str) and optimizer.lower() == "adam":
        return _line(architecture).learning_rate
    return None
