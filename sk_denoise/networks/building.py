"""Build and compile networks with scikeras, and inspect built networks."""

from __future__ import annotations

import contextlib
import math
import random
import threading

import numpy as np

try:
    import keras
    import tensorflow as tf
    from scikeras.wrappers import KerasRegressor
except ImportError as error:  # pragma: no cover - a broken installation
    raise ImportError(
        "DenoisingAutoencoder requires tensorflow, keras and scikeras: pip install tensorflow 'keras>=3.15.1' scikeras"
    ) from error

from . import architectures, processes
from .checks import check_model, check_weights

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"DenoisingAutoencoder requires the TensorFlow backend of Keras, got {keras.backend.backend()!r}. Set the"
        " environment variable KERAS_BACKEND=tensorflow before starting Python."
    )

_drawing_lock = threading.RLock()


def keras_settings():
    """The global Keras settings that affect graphs and results."""
    config = keras.config
    return config.dtype_policy().name, config.floatx(), config.epsilon(), config.image_data_format()


def build_model(spec, seed=0):
    """Build and compile a network with scikeras; `seed` seeds the random draws of a callable architecture."""
    processes.prepare()

    def build(compile_kwargs):
        model = build_uncompiled(spec, seed)
        model.compile(**compile_kwargs)
        return model

    wrapper = KerasRegressor(model=build, loss=spec.loss, optimizer=spec.optimizer, verbose=0)
    shapes = np.zeros((2, spec.n_features), dtype=np.float32)
    return wrapper.initialize(shapes, shapes).model_


def build_uncompiled(spec, seed=0):
    """Build a network without compiling it."""
    processes.prepare()
    with _drawing(seed) if callable(spec.architecture) else contextlib.nullcontext():
        model = architectures.build(spec)
        check_model(model, spec)
    return model


def model_with(spec, weights, *, compiled=True):
    """Build a new Keras model with `weights` that the user may modify."""
    model = build_model(spec) if compiled else build_uncompiled(spec)
    check_weights(spec, model.weights, weights)
    model.set_weights(weights)
    return model


@contextlib.contextmanager
def _drawing(seed):
    """Temporarily seed Python's global generator, from which Keras draws the seeds of unseeded initializers."""
    with _drawing_lock:
        before = random.getstate()
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(before)


def layers_of(model):
    """All layers of a model, including those of nested models."""
    return list(model._flatten_layers(include_self=False))


def parts_of(model):
    """The whole network and, if it has submodels of these names, its "encoder" and "decoder"."""
    named = {layer.name: layer for layer in model.layers}
    parts = {"model": model}
    if all(isinstance(named.get(name), keras.Model) for name in ("encoder", "decoder")):
        parts.update(encoder=named["encoder"], decoder=named["decoder"])
    return parts


def code_size(model):
    """Number of values in the code; None if the network has no code."""
    encoder = parts_of(model).get("encoder")
    return None if encoder is None else math.prod(encoder.output_shape[1:])


def reshaped(part, rows):
    """Reshape rows to the input shape of `part`, which takes either rows or images."""
    return rows if len(part.input_shape) == 2 else tf.reshape(rows, (-1, *part.input_shape[1:]))
