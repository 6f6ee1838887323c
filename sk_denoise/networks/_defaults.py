"""What "auto" means for the size of a training run; chosen on held-out training rows.

`benchmarks/defaults.py` prints the choice for "dense", and with `more` the learning rates of "conv" and "unet".
"""

from __future__ import annotations

import math

# Peak rate of Adam, and gradient steps after which held-out error hardly falls, for each architecture.
_RATES = {"dense": 1e-2, "conv": 3e-3, "unet": 3e-3}
_STEPS = {"dense": 9_400, "conv": 7_050, "unet": 3_760}
_FEWEST_EPOCHS, _MOST_EPOCHS = 5, 300


def resolve_batch_size(batch_size, n_rows):
    """32 on small sets, whose few steps must count, 128 on large ones, where larger batches are faster."""
    if batch_size != "auto":
        return int(batch_size)
    # Three sizes and no more, for each is compiled.
    return 128 if n_rows >= 64 * 128 else 64 if n_rows >= 64 * 64 else 32


def resolve_epochs(epochs, architecture, n_rows, batch_size):
    """Epochs that make enough steps, whatever the number of rows."""
    if epochs != "auto":
        return int(epochs)
    steps = _STEPS["conv" if callable(architecture) else architecture]
    return min(_MOST_EPOCHS, max(_FEWEST_EPOCHS, math.ceil(steps / math.ceil(n_rows / batch_size))))


def resolve_learning_rate(learning_rate, architecture, optimizer):
    """The measured rate for Adam; None, Keras' own, for another optimizer."""
    if not (isinstance(learning_rate, str) and learning_rate == "auto"):
        return learning_rate if callable(learning_rate) else float(learning_rate)
    if isinstance(optimizer, str) and optimizer.lower() == "adam":
        return _RATES["conv" if callable(architecture) else architecture]
    return None
