"""The seam to Keras.

Of the other files only architectures.py, _keras_checks.py and _export.py import keras or tensorflow.

scikeras' `KerasRegressor` builds, compiles and holds each network. Training steps and inference go past its own `fit`
and `predict`, which compile anew each time: a network is compiled once for its shape and reused, with the weights and
the optimizer's state set at the start of each fit. Estimators keep NumPy weights and none of these objects.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
import multiprocessing
import os
import random
import threading
from collections import OrderedDict

import numpy as np

try:
    import keras
    import tensorflow as tf
    from scikeras.wrappers import KerasRegressor
except ImportError as error:  # pragma: no cover - a broken installation
    raise ImportError(
        "DenoisingAutoencoder needs tensorflow, keras and scikeras: pip install tensorflow 'keras>=3.15.1' scikeras"
    ) from error

from .._core.sklearn_glue import effective_n_threads
from . import architectures
from ._callables import UnknownError, describe
from .checks import check_model
from .processes import check_not_forked
from .spec import NetworkSpec

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"DenoisingAutoencoder needs Keras on TensorFlow, but Keras runs on {keras.backend.backend()!r}."
        " Set the environment variable KERAS_BACKEND=tensorflow before Python starts."
    )


def _share_cores():
    """In a worker process, use as many threads as its pool left it: joblib tells through OMP_NUM_THREADS.

    TensorFlow would start as many as there are cores in every worker. The main process is left as its user set it.
    """
    chosen = tf.config.threading.get_intra_op_parallelism_threads() or os.environ.get("TF_NUM_INTRAOP_THREADS")
    if chosen or multiprocessing.current_process().name == "MainProcess":
        return
    # Refused where the worker has computed with TensorFlow before: then its threads are somebody else's choice.
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(effective_n_threads())
        tf.config.threading.set_inter_op_parallelism_threads(effective_n_threads())


_share_cores()

_CACHE_SIZE = 16  # networks kept compiled; the size of a usual grid
_PLAIN_POLICIES = ("float32", "float64")  # Keras policies under which float64 rows are computed in float64
_INFERENCE_VALUES = 1 << 24  # numbers alive at a time while rows pass through
_BATCH_EVENTS = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")

_lock = threading.Lock()
_building = threading.RLock()
_idle_trainers: OrderedDict[tuple, Trainer] = OrderedDict()
_forwards: OrderedDict[tuple, Forward] = OrderedDict()


class _Same:
    """A callable as part of a key: equal to itself only, hashable or not."""

    def __init__(self, value):
        self._value = value

    def __eq__(self, other):
        return isinstance(other, _Same) and self._value is other._value

    def __hash__(self):
        return id(self._value)


def _key(spec: NetworkSpec):
    """Cache key, and whether a network compiled under it may be trained again.

    It may not where a callable may do something else the next time. The precision that the user chose for Keras shapes
    the graph too.
    """
    callables = {name: _described(value) for name, value in vars(spec).items() if callable(value)}
    values = [(_Same(v), callables[name]) if name in callables else v for name, v in vars(spec).items()]
    key = *values, *precision(), keras.config.epsilon(), keras.config.image_data_format()
    return key, None not in callables.values()


def _described(value):
    """What a callable is and depends on, as text; None where that may change unseen."""
    try:
        return json.dumps(describe(value), sort_keys=True)
    except UnknownError:
        return None


def precision():
    """What numbers Keras is set to compute with."""
    return keras.config.dtype_policy().name, keras.config.floatx()


def build_model(spec, seed=0):
    """Build and compile a network through scikeras; `seed` is for what a callable architecture draws."""

    def build(compile_kwargs):
        model = _uncompiled(spec, seed)
        model.compile(**compile_kwargs)
        return model

    wrapper = KerasRegressor(model=build, loss=spec.loss, optimizer=spec.optimizer, verbose=0)
    shapes = np.zeros((2, spec.n_features), dtype=np.float32)
    return wrapper.initialize(shapes, shapes).model_


def _uncompiled(spec, seed=0):
    with _drawing(seed) if callable(spec.architecture) else contextlib.nullcontext():
        model = architectures.build(spec.architecture, spec.image_shape, spec.latent_dim, spec.hidden_layer_sizes)
        check_model(model, spec)
    return model


@contextlib.contextmanager
def _drawing(seed):
    """Seed Python's global stream meanwhile, from which Keras draws the seeds that a callable architecture left out."""
    with _building:
        before = random.getstate()
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(before)


def _initializer(layer, variable):
    """What draws the weights of `variable`; None where its layer does not tell."""
    name = variable.name.removesuffix("_kernel")
    return getattr(layer, f"{variable.name}_initializer", None) or getattr(layer, f"{name}_initializer", None)


def _takes_weights(loss):
    """True for a loss of Keras that is a mean over rows; dice and tversky are of the whole batch."""
    return isinstance(loss, str) and loss.lower() not in ("dice", "tversky")


def _is_keras_own(optimizer):
    return isinstance(optimizer, str) or optimizer.__module__.startswith("keras.")


def _layers(model):
    return list(model._flatten_layers(include_self=False))


def parts_of(model):
    """The models that can be called alone: the whole, and encoder and decoder where it names such layers."""
    named = {layer.name: layer for layer in model.layers}
    parts = {"model": model}
    if all(isinstance(named.get(name), keras.Model) for name in ("encoder", "decoder")):
        parts.update(encoder=named["encoder"], decoder=named["decoder"])
    return parts


def code_size(model):
    """Numbers in the code of a network; None without one."""
    encoder = parts_of(model).get("encoder")
    return None if encoder is None else math.prod(encoder.output_shape[1:])


def _reshaped(part, rows):
    """`part` wants images or rows; both hold the same values."""
    return rows if len(part.input_shape) == 2 else tf.reshape(rows, (-1, *part.input_shape[1:]))


def _filled_up(rows, shape):
    """`rows` as batches of `shape`, with zeros behind them."""
    if len(rows) < shape[0] * shape[1]:
        rows, given = np.zeros((shape[0] * shape[1], shape[2]), dtype=np.float32), rows
        rows[: len(given)] = given
    return rows.reshape(shape)


class Trainer:
    """One compiled network to train; used by one fit at a time, then by the next of the same spec."""

    def __init__(self, spec):
        self.model = build_model(spec)
        self._spec = spec
        self.optimizer = self.model.optimizer
        self.optimizer.build(self.model.trainable_variables)
        self._first_weights = self.model.get_weights()
        self._first_state = [variable.numpy() for variable in self.optimizer.variables]
        self._n_features = spec.n_features
        # XLA fuses what lies between matrix products and takes half the time; on convolutions it takes several times
        # as long. It wants batches of one size, filled up with rows that weigh nothing, which a loss or a network of
        # the user's own need not bear. XLA cannot compile float16 for processors without such instructions.
        is_half = keras.config.dtype_policy().compute_dtype == "float16"
        own = _takes_weights(spec.loss) and _is_keras_own(spec.optimizer)
        self._xla = spec.architecture == "dense" and own and not is_half
        self._compiled = OrderedDict()

    def train_block(self, noisy, clean, rates, size):
        """Take a step a batch of `size`, each at its rate; return the loss summed over rows."""
        if len(clean) < size and size > 512:  # no more rows to fill up with than there are
            size = min(size, 1 << (len(clean) - 1).bit_length())
        capacity = 1 << (len(rates) - 1).bit_length() if self._xla else None
        key = capacity, size if self._xla else None
        if key not in self._compiled:
            _keep(self._compiled, key, self._compile_training(*key))
        if not self._xla:
            return float(self._compiled[key](*map(tf.constant, (noisy, clean, rates, np.int32(size)))))
        weights = np.zeros((capacity, size), dtype=np.float32)
        weights.flat[: len(clean)] = 1
        # A mean over the whole batch with these weights is the mean over the rows that count.
        weights *= size / np.maximum(weights.sum(axis=1, keepdims=True), 1)
        shape = capacity, size, self._n_features
        noisy, clean = _filled_up(noisy, shape), _filled_up(clean, shape)
        rates, n_steps = np.resize(rates, capacity), np.int32(len(rates))
        return float(self._compiled[key](*map(tf.constant, (noisy, clean, weights, rates, n_steps))))

    # Traced as concrete functions: those count no retracing, so TensorFlow does not warn of it where a grid builds
    # several networks.
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
        """Loss summed over rows: (noisy rows, clean rows) -> loss."""
        rows = tf.TensorSpec((None, self._n_features), tf.float32)
        traced = tf.function(self._evaluate_block, autograph=False).get_concrete_function(rows, rows)
        return lambda noisy, clean: float(traced(tf.constant(noisy), tf.constant(clean)))

    def reset(self, seed, learning_rate):
        """Set seeded initial weights and a fresh optimizer; every layer draws from a stream of its own."""
        weights = dict(zip((id(v) for v in self.model.weights), self._first_weights))
        seeds = np.random.SeedSequence(seed).generate_state(len(self.model.variables))
        own = {id(v): (layer, v) for layer in _layers(self.model) for v in layer.weights}
        if callable(self._spec.architecture) and not all(
            _initializer(*pair) for pair in own.values() if pair[0].trainable
        ):
            # Layers that do not tell how they draw their weights draw them in building.
            drawn = build_model(self._spec, seed)
            trainable = [v.trainable for v in self.model.weights]
            weights |= {k: w for k, w, t in zip(weights, drawn.get_weights(), trainable) if t}
        for number, (key, (layer, variable)) in zip(seeds, own.items()):
            initializer = _initializer(layer, variable)
            # What a callable architecture froze, it means to keep.
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
        """All that a step depends on and changes: weights, seeds, the optimizer's variables."""
        return [variable.numpy() for variable in self._variables()]

    def set_state(self, state):
        """Undo what happened since `state` was taken."""
        variables = self._variables()
        if [value.shape for value in state] != [tuple(variable.shape) for variable in variables]:
            raise ValueError("the shapes are not those of this network and its optimizer")
        for variable, value in zip(variables, state):
            variable.assign(value)

    def _variables(self):
        return [*self.model.variables, *self.optimizer.variables]

    @functools.cached_property
    def code_size(self):
        """Numbers in the code; None without one."""
        return code_size(self.model)

    def result(self, *, with_state):
        """What a fitted estimator keeps."""
        return {
            "_weights": self.model.get_weights(),
            "_code_size": self.code_size,
            "_optimizer_state": [v.numpy() for v in self.optimizer.variables] if with_state else None,
        }

    def set_optimizer_state(self, state, *, keep_rate=False):
        """Set the optimizer's variables, all or all but the learning rate."""
        if [np.shape(value) for value in state] != [tuple(variable.shape) for variable in self.optimizer.variables]:
            raise ValueError(
                f"The optimizer's state that was kept does not fit {type(self.optimizer).__name__}: another version or"
                " precision of Keras has kept it. Fit anew, or go on with fit and warm_start=True, which starts the"
                " optimizer afresh."
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
        """One gradient step; a negative rate leaves the rate to the optimizer, or to a callback."""
        variables, learning_rate = self.model.trainable_variables, self.optimizer.learning_rate
        learning_rate.assign(tf.where(rate < 0, learning_rate, tf.cast(rate, learning_rate.dtype)))
        with tf.GradientTape() as tape:
            loss = self._loss(x, y, weights, training=True)
            scaled = self.optimizer.scale_loss(loss)  # does nothing unless Keras is set to half precision
        self.optimizer.apply(tape.gradient(scaled, variables), variables)
        return loss

    def _evaluate_block(self, noisy, clean):
        return self._loss(noisy, clean, None, training=False) * tf.cast(tf.shape(clean)[0], tf.float32)

    def _loss(self, x, y, weights, training):
        x = _reshaped(self.model, x)
        output = self.model(x, training=training)
        if output.shape.rank != 2:  # left alone otherwise: Keras knows a sigmoid by its output and spares its inverse
            output = tf.reshape(output, tf.shape(y))
        loss = self.model.compute_loss(x=x, y=y, y_pred=output, sample_weight=weights, training=training)
        return tf.cast(loss, tf.float32)


class Forward:
    """Compiled inference for one spec: weights come in with the rows, so it holds no state and any thread may call.

    Built-in networks compute float64 rows in float64, in a copy of the graph. The last digits of a float32 result
    depend on the kernel that handles the row, and so on the batch size, the threads and the processor.
    """

    def __init__(self, spec, model):
        self._model = model
        self._widens = isinstance(spec.architecture, str) and keras.config.dtype_policy().name in _PLAIN_POLICIES
        outputs = [layer.output.shape[1:] for layer in _layers(model) if hasattr(layer, "output")]
        values = sum(math.prod(shape) for shape in outputs if None not in shape)
        self._chunk = max(1, min(4096, _INFERENCE_VALUES // max(1, values)))
        self._networks = {}  # by precision
        self._functions = {}  # compiled, by part and precision
        self._on_device = {}  # the weights last used and their tensors, by precision

    def fits(self, weights):
        """True unless the architecture, an object, has changed since this was compiled."""
        return [tuple(v.shape) for v in self._model.weights] == [w.shape for w in weights]

    def dtype_for(self, dtype):
        """Dtype to compute rows of `dtype` in: float64 for float64 and wider, if the network can be converted."""
        wide = self._widens and np.dtype(dtype).itemsize >= 8
        return np.dtype(np.float64 if wide else np.float32)

    def __call__(self, part, weights, n_rows, dtype, read, write):
        """Pass rows through `part`: ``read(slice, dtype)`` returns a chunk, ``write(slice, output)`` keeps it."""
        dtype = self.dtype_for(dtype)
        function, indices = self._compiled(part, dtype)
        tensors = self._tensors(weights, dtype)
        values = [tensors[i] for i in indices]
        for start in range(0, n_rows, self._chunk):
            rows = slice(start, min(start + self._chunk, n_rows))
            output = function(values, tf.constant(read(rows, dtype)))
            write(rows, np.asarray(memoryview(output)))  # .numpy() would copy

    def _compiled(self, part, dtype):
        """The function of `part` in `dtype`, and which of the network's weights it takes."""
        if (part, dtype) not in self._functions:
            network = self._network(dtype)
            index = {id(variable): i for i, variable in enumerate(network.weights)}
            model = parts_of(network)[part]
            self._functions[part, dtype] = _compile_forward(model, dtype), [index[id(v)] for v in model.weights]
        return self._functions[part, dtype]

    def _network(self, dtype):
        """The network, or its copy in float64."""
        if dtype not in self._networks:
            self._networks[dtype] = _widened(self._model) if dtype == np.float64 else self._model
        return self._networks[dtype]

    def _tensors(self, weights, dtype):
        """`weights` as tensors, kept for the next call: for one row, moving them takes longer than the network."""
        known, tensors = self._on_device.get(dtype, (None, None))
        if known is not weights:
            variables = self._network(dtype).weights
            tensors = [tf.cast(values, variable.dtype) for values, variable in zip(weights, variables, strict=True)]
            self._on_device[dtype] = weights, tensors
        return tensors


def _widened(model):
    """A float64 copy of a built-in network; its weights, which are never used, are zeros."""

    def widened(layer):
        if isinstance(layer, keras.Model):
            return _widened(layer)
        config = layer.get_config() | {"dtype": "float64"}
        if "kernel_initializer" in config:
            config["kernel_initializer"] = "zeros"  # drawing weights would take time
        return type(layer).from_config(config)

    # Keras also compiles the copy of a compiled model, for which it needs configs that users' own losses may lack. It
    # casts rows to the dtype of the input layer, so the copy gets an input layer in float64.
    bare = keras.Model(model.input, model.output, name=model.name)
    rows = keras.Input(batch_shape=model.input.shape, dtype="float64", name=model.input.name)
    return keras.models.clone_model(bare, input_tensors=rows, clone_function=widened)


def _compile_forward(part, dtype):
    """`part` as a function of weights and rows of `dtype`."""
    n_in, n_out = math.prod(part.input_shape[1:]), math.prod(part.output_shape[1:])
    order = {id(v): i for i, v in enumerate(part.weights)}

    def pick(weights, variables):
        # Seeds of dropout and the like are no weights; inference does not use them.
        return [weights[order[id(v)]] if id(v) in order else v.value for v in variables]

    def forward(weights, rows):
        trainable, others = pick(weights, part.trainable_variables), pick(weights, part.non_trainable_variables)
        output, _ = part.stateless_call(trainable, others, _reshaped(part, rows), training=False)
        return tf.cast(tf.reshape(output, (-1, n_out)), dtype)

    signature = [tf.TensorSpec(v.shape, v.dtype) for v in part.weights]
    # A concrete function, as in Trainer; it counts no retracing.
    rows = tf.TensorSpec((None, n_in), dtype)
    return tf.function(forward, autograph=False).get_concrete_function(signature, rows)


@contextlib.contextmanager
def lease_trainer(spec, *, private):
    """A trainer for `spec` that nobody else uses meanwhile; after an error, or if `private`, it is not used again."""
    check_not_forked()
    key, is_fixed = _key(spec)
    private = private or not is_fixed
    with _lock:
        trainer = None if private else _idle_trainers.pop(key, None)
    if trainer is None:
        trainer = Trainer(spec)
    yield trainer
    if not private:
        with _lock:
            _keep(_idle_trainers, key, trainer)
            if key not in _forwards:
                _keep(_forwards, key, Forward(spec, trainer.model))


def forward_for(spec, weights):
    """The compiled inference for `spec`, and for `weights` of these shapes."""
    key, is_fixed = _key(spec)
    with _lock:
        forward = _forwards.get(key)
        if forward is not None and (is_fixed or forward.fits(weights)):
            _forwards.move_to_end(key)
            return forward
    forward = Forward(spec, build_model(spec))
    with _lock:
        _keep(_forwards, key, forward)
    return forward


def _keep(cache, key, value):
    cache[key] = value
    cache.move_to_end(key)
    while len(cache) > _CACHE_SIZE:
        cache.popitem(last=False)


def private_model(spec, weights, *, compiled=True):
    """A Keras model of the user's own with `weights`."""
    check_not_forked()
    model = build_model(spec) if compiled else _uncompiled(spec)
    model.set_weights(weights)
    return model


class Callbacks:
    """Keras callbacks driven from our training loop."""

    def __init__(self, callbacks, trainer, epochs, n_steps):
        self._model = trainer.model
        self._model.stop_training = False
        self._list = keras.callbacks.CallbackList(
            callbacks, add_history=False, add_progbar=False, model=self._model, epochs=epochs, steps=n_steps, verbose=0
        )
        base = keras.callbacks.Callback
        self.want_batches = any(
            getattr(getattr(callback, event), "__func__", None) is not getattr(base, event)
            for callback in callbacks
            for event in _BATCH_EVENTS
        )

    def __call__(self, event, *arguments):
        getattr(self._list, event)(*arguments)

    @property
    def stop(self):
        """True once a callback asked to stop."""
        return bool(self._model.stop_training)
