"""Compiled inference with a network or one of its parts, in the precision of the rows."""

from __future__ import annotations

import math
import threading

import keras
import numpy as np
import tensorflow as tf

from . import accelerator
from .architectures import build_for_images
from .building import layers_of, parts_of, reshaped
from .checks import check_weights

_PLAIN_POLICIES = ("float32", "float64")  # Keras dtype policies with which float64 rows are computed in float64
_LIVE_VALUES = 1 << 24  # limit on the layer outputs in memory at a time
_LIVE_VALUES_ON_GPU = 1 << 27  # larger, because a GPU idles while each block is transferred


class Forward:
    """Compiled inference for one spec; weights are passed with the rows, so it is stateless and thread-safe.

    Built-in networks compute float64 rows in float64, in a copy of the graph. In float32, the last digits of a result
    depend on the batch size, the number of threads and the processor, because these select the kernel.
    """

    def __init__(self, spec, model):
        self._spec, self._model = spec, model
        self._lock = threading.RLock()
        self._widens = isinstance(spec.architecture, str) and keras.config.dtype_policy().name in _PLAIN_POLICIES
        outputs = [layer.output.shape[1:] for layer in layers_of(model) if hasattr(layer, "output")]
        values = sum(math.prod(shape) for shape in outputs if None not in shape)
        limit = _LIVE_VALUES_ON_GPU if accelerator.has_gpu() else _LIVE_VALUES
        self.block_rows = max(1, min(4096, limit // max(1, values)))
        self._networks = {}  # by precision
        self._functions = {}  # by part and precision
        self._for_images = {}  # by precision
        self._on_device = {}  # the latest weights and their tensors, by precision

    def dtype_for(self, dtype):
        """Dtype to compute in: float64 for rows in float64 or wider, if the network can be converted, else float32."""
        wide = self._widens and np.dtype(dtype).itemsize >= 8
        return np.dtype(np.float64 if wide else np.float32)

    def through(self, part, weights, dtype):
        """Return a function that applies `part` to rows in [0, 1], in the dtype of `dtype_for`."""
        dtype = self.dtype_for(dtype)
        function, indices = self._compiled(part, dtype)
        tensors = self._tensors(weights, dtype)
        values = [tensors[i] for i in indices]
        # A memory view shares the buffer, whereas `numpy()` would copy it.
        return lambda rows: np.asarray(memoryview(function(values, tf.constant(rows))))

    def through_images(self, weights, dtype):
        """Return a function that applies the network to images in [0, 1] of any size that is a multiple of its own."""
        dtype = self.dtype_for(dtype)
        with self._lock:
            if dtype not in self._for_images:
                model = build_for_images(self._spec)
                self._for_images[dtype] = _compile_images(_widened(model) if dtype == np.float64 else model, dtype)
        function, tensors = self._for_images[dtype], self._tensors(weights, dtype)
        return lambda images: np.asarray(memoryview(function(tensors, tf.constant(images))))

    def _compiled(self, part, dtype):
        """The compiled `part` in `dtype`, and the indices of the weights that it takes."""
        with self._lock:
            if (part, dtype) not in self._functions:
                network = self._network(dtype)
                index = {id(variable): i for i, variable in enumerate(network.weights)}
                model = parts_of(network)[part]
                self._functions[part, dtype] = _compile_forward(model, dtype), [index[id(v)] for v in model.weights]
            return self._functions[part, dtype]

    def _network(self, dtype):
        """The network, or its copy in float64."""
        with self._lock:
            if dtype not in self._networks:
                self._networks[dtype] = _widened(self._model) if dtype == np.float64 else self._model
            return self._networks[dtype]

    def _tensors(self, weights, dtype):
        """`weights` as tensors, cached because converting them takes longer than inference on one row."""
        known, tensors = self._on_device.get(dtype, (None, None))
        if known is not weights:
            variables = self._network(dtype).weights
            check_weights(self._spec, variables, weights)
            tensors = [tf.cast(values, variable.dtype) for values, variable in zip(weights, variables, strict=True)]
            self._on_device[dtype] = weights, tensors
        return tensors


def _widened(model):
    """A float64 copy of a built-in network; its own weights are not used."""

    def widened(layer):
        if isinstance(layer, keras.Model):
            return _widened(layer)
        config = layer.get_config() | {"dtype": "float64"}
        if "kernel_initializer" in config:
            config["kernel_initializer"] = "zeros"  # faster than drawing weights that are not used
        return type(layer).from_config(config)

    # `clone_model` would also compile the copy of a compiled model, which fails for losses without a config. The copy
    # needs a float64 input layer, because Keras casts inputs to the dtype of the input layer.
    bare = keras.Model(model.input, model.output, name=model.name)
    rows = keras.Input(batch_shape=model.input.shape, dtype="float64", name=model.input.name)
    return keras.models.clone_model(bare, input_tensors=rows, clone_function=widened)


def _compile_images(model, dtype):
    """Compile a network as a function of weights and images of any size."""

    def forward(weights, images):
        output, _ = model.stateless_call(weights, model.non_trainable_variables, images, training=False)
        return tf.cast(output, dtype)

    signature = [tf.TensorSpec(v.shape, v.dtype) for v in model.weights]
    images = tf.TensorSpec((None, None, None, model.input_shape[3]), dtype)
    return tf.function(forward, autograph=False).get_concrete_function(signature, images)


def _compile_forward(part, dtype):
    """Compile `part` as a function of weights and rows of `dtype`."""
    n_in, n_out = math.prod(part.input_shape[1:]), math.prod(part.output_shape[1:])
    order = {id(v): i for i, v in enumerate(part.weights)}

    def pick(weights, variables):
        # Variables that are not weights, such as the seeds of dropout, do not affect inference.
        return [weights[order[id(v)]] if id(v) in order else v.value for v in variables]

    def forward(weights, rows):
        trainable, others = pick(weights, part.trainable_variables), pick(weights, part.non_trainable_variables)
        output, _ = part.stateless_call(trainable, others, reshaped(part, rows), training=False)
        return tf.cast(tf.reshape(output, (-1, n_out)), dtype)

    signature = [tf.TensorSpec(v.shape, v.dtype) for v in part.weights]
    # A concrete function, as in `Trainer`, so that TensorFlow does not warn about retracing.
    rows = tf.TensorSpec((None, n_in), dtype)
    return tf.function(forward, autograph=False).get_concrete_function(signature, rows)
