"""Checks of what is passed to Keras: names, custom networks, and whether networks fit in memory."""

from __future__ import annotations

import contextlib
import functools
import os

import keras

from .._core.checks import likely
from .spec import training_bytes


def check_names(loss, optimizer):
    """Raise for losses and optimizers that are unknown to Keras."""
    losses = {name for name in dir(keras.losses) if name.islower() and callable(getattr(keras.losses, name))}
    # Losses for class labels and sequences cannot compare images.
    losses -= {"get", "serialize", "deserialize", "circle", "ctc"}
    losses -= {"sparse_categorical_crossentropy", "categorical_generalized_cross_entropy"}
    losses |= {"mse", "mae"}
    plain = {name.replace("_", "") for name in losses}
    known = isinstance(loss, str) and (loss in losses or (loss.lower() in plain and hasattr(keras.losses, loss)))
    if not callable(loss) and not known:
        raise ValueError(f"loss must be a Keras loss, a callable or {likely(loss, losses)}")
    base, names = keras.optimizers.Optimizer, _optimizer_names()
    if isinstance(optimizer, base):
        raise ValueError(
            f"optimizer must be a name or a class, got the instance {optimizer!r}, whose state belongs to one model."
            f" Pass optimizer={type(optimizer).__name__.lower()!r} and"
            f" learning_rate={float(optimizer.learning_rate):g}."
        )
    is_class = isinstance(optimizer, type) and issubclass(optimizer, base)
    if not is_class and not (isinstance(optimizer, str) and optimizer.lower() in names):
        raise ValueError(f"optimizer must be a Keras optimizer class or {likely(optimizer, names)}")


@functools.cache
def _optimizer_names():
    """Names under which Keras finds an optimizer; it also exports classes that it cannot find by name."""
    base, names = keras.optimizers.Optimizer, set()
    for name, member in vars(keras.optimizers).items():
        if isinstance(member, type) and issubclass(member, base) and member is not base:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                keras.optimizers.get(name.lower())
                names.add(name.lower())
    return names - {"lossscaleoptimizer"}


def check_memory(spec, batch_size):
    """Raise, before building anything, if training a built-in network needs more memory than this machine has."""
    if callable(spec.architecture) or not hasattr(os, "sysconf"):
        return
    needed = training_bytes(spec, batch_size)
    available = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > available:
        raise ValueError(
            f"architecture={spec.architecture!r} with latent_dim={spec.latent_dim}, hidden_layer_sizes="
            f"{spec.hidden_layer_sizes}, image_shape={spec.image_shape} and batch_size={batch_size} needs about"
            f" {needed / 2**30:.0f} GiB to train, more than the {available / 2**30:.0f} GiB of this machine."
            " Make one of them smaller."
        )


def check_model(model, spec):
    """Raise if the model returned by a callable architecture does not map rows to rows."""
    if not isinstance(model, keras.Model):
        raise ValueError(
            "architecture must return a keras.Model when called with (image_shape, latent_dim), got"
            f" {type(model).__name__}."
        )
    allowed = (None, spec.n_features), (None, *spec.image_shape)
    for end in ("input_shape", "output_shape"):
        try:
            shape = getattr(model, end)
        except AttributeError:
            raise ValueError(
                f"architecture must return a keras.Model with a known {end}: build it from keras.Input, or call it"
                " once."
            ) from None
        if shape not in allowed:
            raise ValueError(
                f"architecture must return a keras.Model whose {end} is {allowed[0]} or {allowed[1]}, got {shape}."
            )
