"""Measure which share of the machine's rate of matrix products the networks reach, in training and in inference."""

import logging
import os
import statistics
from functools import partial

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import numpy as np
import tensorflow as tf
from measure import in_new_process, in_turns

from sk_denoise import DenoisingAutoencoder

#: Architecture, side of the images, rows, and the goals for inference and training. Batches are of 64 rows.
NETWORKS = (
    ("dense", 28, 8192, None, None),
    ("conv", 28, 2048, None, None),
    ("unet", 28, 1024, None, None),
    ("unet", 64, 1024, 0.8, 0.65),
)
BATCH, TURNS, PRODUCT = 64, 7, 2048
CALLS = 10  # of a layer in a turn, because the matrices drive its values out of the caches


def flop(model):
    """Floating-point operations for one row or image, as TensorFlow counts them."""
    from tensorflow.compat.v1.profiler import ProfileOptionBuilder, profile

    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # the profiler announces that it is of TensorFlow 1
    inputs = tf.nest.map_structure(lambda t: tf.TensorSpec((1, *t.shape[1:])), model.input)
    graph = tf.function(partial(model, training=False)).get_concrete_function(inputs).graph
    options = ProfileOptionBuilder(ProfileOptionBuilder.float_operation()).with_empty_output().build()
    return profile(graph, options=options).total_float_ops


def product():
    """Return a function that multiplies two matrices."""
    factors = [tf.random.normal((PRODUCT, PRODUCT)) for _ in range(2)]
    multiply = tf.function(lambda: tf.reduce_sum(tf.matmul(*factors)[0]))
    return lambda: multiply().numpy()


def measure(architecture, side, n_rows):
    """Operations, and seconds of inference, of an epoch and of a matrix product, in turns."""
    X = np.random.default_rng(0).random((n_rows, side * side), dtype=np.float32)

    def fit(epochs):
        return DenoisingAutoencoder(architecture, batch_size=BATCH, random_state=0, epochs=epochs).fit(X)

    denoiser = fit(1)
    batches = [tf.constant(X[start : start + BATCH]) for start in range(0, n_rows, BATCH)]
    alone = tf.function(partial(denoiser.model_, training=False))
    products, bare, inference, long, short = in_turns(
        TURNS,
        product(),
        lambda: [alone(batch) for batch in batches][-1].numpy(),
        partial(denoiser.transform, X),
        partial(fit, 3),
        partial(fit, 1),
    )
    return {
        "parameters": denoiser.model_.count_params(),
        "flop": flop(denoiser.model_),
        "product": products,
        "the compiled network alone": bare,
        "inference": inference,
        "training": [(a - b) / 2 for a, b in zip(long, short)],
    }


def _kind(layer):
    """Which line of the table by layers a layer belongs to."""
    if isinstance(layer, keras.layers.Conv2DTranspose):
        return "transposed convolutions"
    if not isinstance(layer, keras.layers.Conv2D):
        return "sums, differences and ReLUs between layers"
    if 1 in layer.kernel.shape[2:]:
        return "convolutions from or to one channel"
    return "strided convolutions" if layer.strides != (1, 1) else "other convolutions"


def _compute(compiled, inputs):
    """Compute a layer many times, and wait for the result."""
    return [compiled(inputs) for _ in range(CALLS)][-1][0, 0].numpy()


def by_layer(side):
    """Operations and seconds of the layers of the U-Net for a batch, each compiled on its own, by their kind."""
    rows = np.random.default_rng(0).random((2, side * side), dtype=np.float32)
    denoiser = DenoisingAutoencoder("unet", epochs=1, random_state=0).fit(rows)
    found, multiply = {}, product()
    for layer in denoiser.model_.layers:
        if isinstance(layer, (keras.layers.InputLayer, keras.layers.Reshape, keras.layers.Flatten)):
            continue
        inputs = tf.nest.map_structure(lambda t: tf.random.normal((BATCH, *t.shape[1:])), layer.input)
        model = keras.Model(layer.input, layer.output)
        compute = partial(_compute, tf.function(partial(model, training=False)), inputs)
        seconds, products = map(statistics.median, in_turns(TURNS, compute, multiply))
        seconds /= CALLS
        line = found.setdefault(_kind(layer), {"flop": 0, "seconds": 0.0, "possible": 0.0})
        line["flop"] += BATCH * flop(model)
        line["seconds"] += seconds
        line["possible"] += 2 * PRODUCT**3 * seconds / products  # operations of products in the same time
    return found


def run():
    """Return one line for each network, measured in a process of its own, and what is done with it."""
    table = []
    for architecture, side, n_rows, *goals in NETWORKS:
        found = in_new_process(measure, architecture, side, n_rows)
        rate = 2 * PRODUCT**3 / statistics.median(found["product"])
        # An update takes the gradients of the layers' inputs and of their weights, each of which costs as much.
        for what, goal, passes in zip(
            ("the compiled network alone", "inference", "training"), (None, *goals), (1, 1, 3)
        ):
            seconds = statistics.median(found[what])
            gflop = passes * n_rows * found["flop"] / 1e9
            line = {"network": f"{architecture}, {side} x {side}", "parameters": found["parameters"], "doing": what}
            line |= {"MFLOP": passes * found["flop"] / 1e6, "milliseconds": 1e3 * seconds * BATCH / n_rows}
            line |= {"rate": gflop / seconds, "share": 1e9 * gflop / seconds / rate, "goal": goal}
            table.append(line | {"products": rate / 1e9})
            print({k: f"{v:.3g}" if isinstance(v, float) else v for k, v in table[-1].items()}, flush=True)
    layers = in_new_process(by_layer, NETWORKS[-1][1])
    print(layers)
    return [{"shares": table}, {"layers": layers}]
