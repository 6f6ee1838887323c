"""Measure which share of the machine's rate of matrix products the networks reach, in training and in inference."""

import logging
import os
import statistics
from functools import partial

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

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


def flop(model):
    """Floating-point operations of the network for one row, as TensorFlow counts them."""
    from tensorflow.compat.v1.profiler import ProfileOptionBuilder, profile

    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # the profiler announces that it is of TensorFlow 1
    rows = tf.TensorSpec((1, model.input_shape[1]))
    graph = tf.function(lambda x: model(x, training=False)).get_concrete_function(rows).graph
    options = ProfileOptionBuilder(ProfileOptionBuilder.float_operation()).with_empty_output().build()
    return profile(graph, options=options).total_float_ops


def measure(architecture, side, n_rows):
    """Operations, and seconds of inference, of an epoch and of a matrix product, in turns."""
    X = np.random.default_rng(0).random((n_rows, side * side), dtype=np.float32)

    def fit(epochs):
        return DenoisingAutoencoder(architecture, batch_size=BATCH, random_state=0, epochs=epochs).fit(X)

    denoiser = fit(1)
    factors = [tf.random.normal((PRODUCT, PRODUCT)) for _ in range(2)]
    product = tf.function(lambda a, b: tf.reduce_sum(tf.matmul(a, b)[0]))
    products, inference, long, short = in_turns(
        TURNS, lambda: product(*factors).numpy(), partial(denoiser.transform, X), partial(fit, 3), partial(fit, 1)
    )
    return {
        "parameters": denoiser.model_.count_params(),
        "flop": flop(denoiser.model_),
        "product": products,
        "inference": inference,
        "training": [(a - b) / 2 for a, b in zip(long, short)],
    }


def run():
    """Return one line for each network, measured in a process of its own, and what is done with it."""
    table = []
    for architecture, side, n_rows, *goals in NETWORKS:
        found = in_new_process(measure, architecture, side, n_rows)
        rate = 2 * PRODUCT**3 / statistics.median(found["product"])
        # An update takes the gradients of the layers' inputs and of their weights, each of which costs as much.
        for what, goal, passes in zip(("inference", "training"), goals, (1, 3)):
            seconds = statistics.median(found[what])
            gflop = passes * n_rows * found["flop"] / 1e9
            line = {"network": f"{architecture}, {side} x {side}", "parameters": found["parameters"], "doing": what}
            line |= {"MFLOP": passes * found["flop"] / 1e6, "milliseconds": 1e3 * seconds * BATCH / n_rows}
            line |= {"rate": gflop / seconds, "share": 1e9 * gflop / seconds / rate, "goal": goal}
            table.append(line | {"products": rate / 1e9})
            print({k: f"{v:.3g}" if isinstance(v, float) else v for k, v in table[-1].items()}, flush=True)
    return [{"shares": table}]
