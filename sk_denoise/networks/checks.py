"""Checks of the arguments passed to Keras, of custom networks, and of the memory required."""

from __future__ import annotations

import contextlib
import functools
import os

import keras
import numpy as np

from .._core.checks import likely
from .spec import training_bytes


def check_names(loss, optimizer):
    """Raise if Keras does not know the loss or the optimizer."""
    losses = {name for name in dir(keras.losses) if name.islower() and callable(getattr(keras.losses, name))}
    # These compare class labels or sequences, not images.
    losses -= {"get", "serialize", "deserialize", "circle", "ctc"}
    losses -= {"sparse_categorical_crossentropy", "categorical_generalized_cross_entropy"}
    losses |= {"mse", "mae"}
    plain = {name.replace("_", "") for name in losses}
    known = isinstance(loss, str) and (loss in losses or (loss.lower() in plain and hasattr(keras.losses, loss)))
    if not callable(loss) and not known:
        raise ValueError(f"loss must be a callable or {likely(loss, losses)}")
    base, names = keras.optimizers.Optimizer, _optimizer_names()
    if isinstance(optimizer, base):
        raise ValueError(
            f"optimizer must be a name or a class, not an instance, whose state belongs to one model, got"
            f" {optimizer!r}. Pass optimizer={type(optimizer).__name__.lower()!r} and"
            f" learning_rate={float(optimizer.learning_rate):g}."
        )
    is_class = isinstance(optimizer, type) and issubclass(optimizer, base)
    if not is_class and not (isinstance(optimizer, str) and optimizer.lower() in names):
        raise ValueError(f"optimizer must be a Keras optimizer class or {likely(optimizer, names)}")


@functools.cache
def _optimizer_names():
    """Names by which `keras.optimizers.get` finds an optimizer; Keras also exports classes that it does not find."""
    base, names = keras.optimizers.Optimizer, set()
    for name, member in vars(keras.optimizers).items():
        if isinstance(member, type) and issubclass(member, base) and member is not base:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                keras.optimizers.get(name.lower())
                names.add(name.lower())
    return names - {"lossscaleoptimizer"}


def check_weights(spec, variables, weights):
    """Raise if the fitted `weights` do not match the variables of the network that is now built for `spec`."""
    if [tuple(variable.shape) for variable in variables] == [np.shape(values) for values in weights]:
        return
    if isinstance(spec.architecture, str):
        raise ValueError(
            f"architecture={spec.architecture!r} was fitted with another version of sk_denoise, in which this network"
            " has different layers, so its weights cannot be used. Fit again, or use that version."
        )
    raise ValueError(
        "architecture no longer builds the network that was fitted: the shapes of its weights differ. Restore the"
        " previous architecture, or fit again."
    )


def check_memory(spec, batch_size):
    """Raise if training a built-in network would require more memory than this machine has."""
    if callable(spec.architecture) or not hasattr(os, "sysconf"):
        return
    needed = training_bytes(spec, batch_size)
    available = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > available:
        raise ValueError(
            f"architecture={spec.architecture!r} with latent_dim={spec.latent_dim}, hidden_layer_sizes="
            f"{spec.hidden_layer_sizes}, image_shape={spec.image_shape} and batch_size={batch_size} needs about"
            f" {needed / 2**30:.0f} GiB to train, more than the {available / 2**30:.0f} GiB of this machine."
            " Reduce one of them."
        )


def check_model(model, spec):
    """Raise if a callable architecture did not return a model from rows or images to rows or images."""
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
                f"architecture must return a keras.Model with a known {end}, got one without: build it from"
                " keras.Input, or call it once."
            ) from None
        if shape not in allowed:
            raise ValueError(
                f"architecture must return a keras.Model whose {end} is {allowed[0]} or {allowed[1]}, got {shape}."
            )
