"""The training step: a compiled network and its optimizer, applied to blocks of rows."""

from __future__ import annotations

import functools
from collections import OrderedDict

import keras
import numpy as np
import tensorflow as tf

from . import accelerator
from .building import build_model, code_size, layers_of, reshaped
from .spec import ARCHITECTURES

_MOST_COMPILED = 16  # functions, one per block size


def _initializer(layer, variable):
    """Return the initializer of `variable`, or None if its layer does not expose it."""
    name = variable.name.removesuffix("_kernel")
    return getattr(layer, f"{variable.name}_initializer", None) or getattr(layer, f"{name}_initializer", None)


def _takes_weights(loss):
    """True for Keras losses that are means over rows; "dice" and "tversky" are computed over the whole batch."""
    return isinstance(loss, str) and loss.lower() not in ("dice", "tversky")


def _is_keras_own(optimizer):
    return isinstance(optimizer, str) or optimizer.__module__.startswith("keras.")


def _suits_xla(architecture):
    """Whether a built-in network trains faster with XLA, which fuses the operations between matrix products.

    On CPUs, XLA takes several times as long on convolutions, and cannot compile float16 for processors without float16
    instructions.
    """
    is_half = keras.config.dtype_policy().compute_dtype == "float16"
    return accelerator.has_gpu() or (ARCHITECTURES[architecture].compiles_with_xla and not is_half)


def _to_numpy(variable):
    """Convert to an array that can be saved: bfloat16, which NumPy lacks, becomes float32."""
    values = variable.value.numpy()
    return values.astype(np.float32) if values.dtype.kind == "V" else values


def _filled_up(rows, shape):
    """Reshape `rows` to batches of `shape`, padded with zeros; tensors stay on their device."""
    if tf.is_tensor(rows):
        return tf.reshape(tf.pad(rows, [[0, shape[0] * shape[1] - len(rows)], [0, 0]]), shape)
    if len(rows) < shape[0] * shape[1]:
        rows, given = np.zeros((shape[0] * shape[1], shape[2]), dtype=np.float32), rows
        rows[: len(given)] = given
    return rows.reshape(shape)


class Trainer:
    """A compiled network to train, used by one fit at a time and reused by later fits of the same spec."""

    def __init__(self, spec):
        self.model = build_model(spec)
        self._spec = spec
        self.optimizer = self.model.optimizer
        self.optimizer.build(self.model.trainable_variables)
        self._first_weights = self.model.get_weights()
        self._first_state = self.optimizer_state()
        self._n_features = spec.n_features
        # XLA requires batches of equal size, padded with rows of weight zero, which custom losses and networks may not
        # support.
        own = _takes_weights(spec.loss) and _is_keras_own(spec.optimizer)
        self._xla = isinstance(spec.architecture, str) and own and _suits_xla(spec.architecture)
        self._compiled = OrderedDict()

    def train_block(self, noisy, clean, rates, size):
        """Take one step per batch of `size` rows, each at its learning rate; return the loss summed over rows."""
        if len(clean) < size and size > 512:  # padding at most doubles the number of rows
            size = min(size, 1 << (len(clean) - 1).bit_length())
        capacity = 1 << (len(rates) - 1).bit_length() if self._xla else None
        key = capacity, size if self._xla else None
        if key not in self._compiled:
            self._compiled[key] = self._compile_training(*key)
            if len(self._compiled) > _MOST_COMPILED:
                self._compiled.popitem(last=False)
        if not self._xla:
            return float(self._compiled[key](*map(tf.constant, (noisy, clean, rates, np.int32(size)))))
        weights = np.zeros((capacity, size), dtype=np.float32)
        weights.flat[: len(clean)] = 1
        # So that the mean over the padded batch is the mean over the actual rows.
        weights *= size / np.maximum(weights.sum(axis=1, keepdims=True), 1)
        shape = capacity, size, self._n_features
        noisy, clean = _filled_up(noisy, shape), _filled_up(clean, shape)
        rates, n_steps = np.resize(rates, capacity), np.int32(len(rates))
        return float(self._compiled[key](*map(tf.constant, (noisy, clean, weights, rates, n_steps))))

    # Concrete functions, so that TensorFlow does not warn about retracing when a search builds several networks.
    def _compile_training(self, capacity, size):
        number = tf.TensorSpec((), tf.int32)
        if not self._xla:
            rows, rates = tf.TensorSpec((None, self._n_features), tf.float32), tf.TensorSpec((None,), tf.float32)
            return tf.function(self._train_slices, autograph=False).get_concrete_function(rows, rows, rates, number)
        rows = tf.TensorSpec((capacity, size, self._n_features), tf.float32)
        weights, rates = tf.TensorSpec((capacity, size), tf.float32), tf.TensorSpec((capacity,), tf.float32)
        function = tf.function(self._train_batches, autograph=False, jit_compile=True)
        return function.get_concrete_function(rows, rows, weights, rates, number)

    @functools.cached_property
    def evaluate_block(self):
        """A function of noisy and clean rows that returns the loss summed over rows."""
        rows = tf.TensorSpec((None, self._n_features), tf.float32)
        traced = tf.function(self._evaluate_block, autograph=False).get_concrete_function(rows, rows)
        return lambda noisy, clean: float(traced(tf.constant(noisy), tf.constant(clean)))

    def reset(self, seed, learning_rate):
        """Draw initial weights and reset the optimizer; each weight has its own seed."""
        weights = dict(zip((id(v) for v in self.model.weights), self._first_weights))
        seeds = np.random.SeedSequence(seed).generate_state(len(self.model.variables))
        own = {id(v): (layer, v) for layer in layers_of(self.model) for v in layer.weights}
        if callable(self._spec.architecture) and not all(
            _initializer(*pair) for pair in own.values() if pair[0].trainable
        ):
            # The weights of layers that do not expose an initializer can only be redrawn by building the layer.
            drawn = build_model(self._spec, seed)
            trainable = [v.trainable for v in self.model.weights]
            weights |= {k: w for k, w, t in zip(weights, drawn.get_weights(), trainable) if t}
        for number, (key, (layer, variable)) in zip(seeds, own.items()):
            initializer = _initializer(layer, variable)
            # Layers frozen by a callable architecture keep their weights.
            if initializer is not None and layer.trainable:
                config = initializer.get_config()
                if "seed" in config:
                    initializer = type(initializer).from_config({**config, "seed": int(number) >> 1})
                weights[key] = keras.ops.convert_to_numpy(initializer(variable.shape, dtype=variable.dtype))
        self.model.set_weights(list(weights.values()))
        for number, variable in zip(seeds, self.model.non_trainable_variables):
            if variable.name == "seed_generator_state":
                variable.assign([int(number) >> 1, 0])
        self.set_optimizer_state(self._first_state)
        if learning_rate is not None:
            self.optimizer.learning_rate.assign(learning_rate)

    def state(self):
        """Everything that a step reads and updates: weights, seeds and the variables of the optimizer."""
        return [_to_numpy(variable) for variable in self._variables()]

    def set_state(self, state):
        """Restore a state returned by `state`."""
        variables = self._variables()
        if [value.shape for value in state] != [tuple(variable.shape) for variable in variables]:
            raise ValueError("the shapes do not match this network and its optimizer")
        for variable, value in zip(variables, state):
            variable.assign(value)

    def _variables(self):
        return [*self.model.variables, *self.optimizer.variables]

    @functools.cached_property
    def code_size(self):
        """Number of values in the code; None if there is no code."""
        return code_size(self.model)

    def weights(self):
        """The weights of the network as arrays."""
        return [_to_numpy(variable) for variable in self.model.weights]

    def optimizer_state(self):
        """The variables of the optimizer as arrays."""
        return [_to_numpy(variable) for variable in self.optimizer.variables]

    def set_optimizer_state(self, state, *, keep_rate=False):
        """Set the variables of the optimizer; with `keep_rate`, all but the learning rate."""
        if [np.shape(value) for value in state] != [tuple(variable.shape) for variable in self.optimizer.variables]:
            raise ValueError(
                f"The saved state of the optimizer does not match {type(self.optimizer).__name__}: it was saved with"
                " another version or precision of Keras. Fit again, or continue with fit and warm_start=True, which"
                " resets the optimizer."
            )
        for variable, value in zip(self.optimizer.variables, state):
            if not (keep_rate and variable is self.optimizer.learning_rate):
                variable.assign(value)

    def _train_slices(self, noisy, clean, rates, size):
        def step(number, total):
            batch = slice(number * size, (number + 1) * size)
            loss = self._step(noisy[batch], clean[batch], None, rates[number])
            return number + 1, total + loss * tf.cast(tf.shape(clean[batch])[0], tf.float32)

        return tf.while_loop(lambda number, _: number < tf.shape(rates)[0], step, (0, 0.0))[1]

    def _train_batches(self, noisy, clean, weights, rates, n_steps):
        def step(number, total):
            loss = self._step(noisy[number], clean[number], weights[number], rates[number])
            return number + 1, total + loss * tf.math.count_nonzero(weights[number], dtype=tf.float32)

        return tf.while_loop(lambda number, _: number < n_steps, step, (0, 0.0))[1]

    def _step(self, x, y, weights, rate):
        """Take a gradient step; with a negative rate, the learning rate of the optimizer is left unchanged."""
        variables, learning_rate = self.model.trainable_variables, self.optimizer.learning_rate
        learning_rate.assign(tf.where(rate < 0, learning_rate, tf.cast(rate, learning_rate.dtype)))
        with tf.GradientTape() as tape:
            loss = self._loss(x, y, weights, training=True)
            scaled = self.optimizer.scale_loss(loss)  # only has an effect in half precision
        self.optimizer.apply(tape.gradient(scaled, variables), variables)
        return loss

    def _evaluate_block(self, noisy, clean):
        return self._loss(noisy, clean, None, training=False) * tf.cast(tf.shape(clean)[0], tf.float32)

    def _loss(self, x, y, weights, training):
        x = reshaped(self.model, x)
        output = self.model(x, training=training)
        if output.shape.rank != 2:  # otherwise unchanged, so that Keras recognizes a sigmoid and uses its logits
            output = tf.reshape(output, tf.shape(y))
        share = 1.0
        if self._spec.hides:
            # Where the target is NaN, it is replaced with the output, so it adds nothing to the loss.
            seen = tf.math.is_finite(y)
            counted = tf.cast(seen, tf.float32)
            if weights is not None:
                counted *= weights[:, tf.newaxis]  # without the rows of zeros that pad a batch
            share = tf.maximum(tf.reduce_mean(counted), 1e-6)
            y = tf.where(seen, y, tf.stop_gradient(tf.cast(output, y.dtype)))
        loss = self.model.compute_loss(x=x, y=y, y_pred=output, sample_weight=weights, training=training)
        return tf.cast(loss, tf.float32) / share
