"""Measure the speed of training and inference of the U-Net on a GPU, also as a share of the rate of matrix products.

Run: python benchmarks/speed accelerator. This is not among the parts measured by default, because it needs a GPU.
"""

import os
import statistics
import sys
from functools import partial

import keras
import numpy as np
import tensorflow as tf
from measure import in_new_process, in_turns
from shares import flop

from sk_denoise import DenoisingAutoencoder, NoiseInjector, PatchDenoiser
from sk_denoise.networks.accelerator import has_gpu

PRECISIONS = {"float32": "float32", "mixed_bfloat16": "bfloat16", "mixed_float16": "float16"}  # policy: matrix dtype
SIDE, ROWS, BATCH, EPOCHS = 64, 8192, 64, 4  # for training
LARGE = 4096  # side of the image to denoise
PRODUCT, PRODUCTS = 8192, 10  # side of the matrices, and products per turn
TURNS = 5


def products(dtype):
    """Return a function that multiplies matrices of `dtype` several times."""
    factor = tf.cast(tf.random.normal((PRODUCT, PRODUCT)) / PRODUCT**0.5, dtype)

    @tf.function
    def multiply():
        power = factor
        for _ in range(PRODUCTS):
            power = tf.matmul(power, factor)
        return power[0, 0]

    return lambda: multiply().numpy()


def measure(policy):
    """Return operations per pixel, the rate of matrix products, and seconds for an epoch, rows and a large image."""
    keras.config.set_dtype_policy(policy)
    rng = np.random.default_rng(0)
    X, image = rng.random((ROWS, SIDE * SIDE), dtype=np.float32), rng.random((LARGE, LARGE), dtype=np.float32)
    noise = NoiseInjector(level=0.1)

    def fit(epochs):
        return DenoisingAutoencoder("unet", noise=noise, batch_size=BATCH, random_state=0, epochs=epochs).fit(X)

    denoiser = fit(1)
    patches = PatchDenoiser(DenoisingAutoencoder("unet", noise=noise, epochs=1, random_state=0), random_state=0)
    patches.fit(X[:64].reshape(-1, SIDE, SIDE))
    calls = products(PRECISIONS[policy]), partial(fit, 1 + EPOCHS), partial(fit, 1)
    matrix, long, short, rows, large = in_turns(
        TURNS, *calls, partial(denoiser.transform, X), partial(patches.transform, image)
    )
    return {
        "flop per pixel": flop(denoiser.model_) / SIDE**2,
        "products": 2 * PRODUCT**3 * PRODUCTS / statistics.median(matrix),
        "epoch": statistics.median((a - b) / EPOCHS for a, b in zip(long, short)),
        "rows": statistics.median(rows),
        "image": statistics.median(large),
    }


def lines(policy, found):
    """Yield a line for each of the three tasks: speed, operations per second, and share of the rate of products."""
    pixels = ROWS * SIDE**2
    tasks = (  # a training step takes three times the operations of inference; see shares.py
        (f"training, batches of {BATCH}", ROWS / BATCH / found["epoch"], "steps/s", 3 * pixels / found["epoch"]),
        (f"denoising {ROWS:,} rows", pixels / found["rows"] / 1e6, "MP/s", pixels / found["rows"]),
        (f"denoising {LARGE} x {LARGE}", LARGE**2 / found["image"] / 1e6, "MP/s", LARGE**2 / found["image"]),
    )
    for task, speed, unit, passes in tasks:
        rate = passes * found["flop per pixel"]
        line = {"precision": policy, "task": task, "speed": speed, "unit": unit, "TFLOP/s": rate / 1e12}
        yield line | {"products": found["products"] / 1e12, "share": rate / found["products"]}


def run():
    """Return the measurements for each precision, each in a process of its own."""
    if not has_gpu():
        sys.exit(
            "TensorFlow sees no GPU, so this part cannot be measured. On a machine that has one, install"
            " tensorflow[and-cuda]."
        )
    details = tf.config.experimental.get_device_details(tf.config.get_visible_devices("GPU")[0])
    table = []
    for policy in PRECISIONS:
        found = in_new_process(measure, policy)
        table += lines(policy, found)
        print(*table[-3:], sep="\n", flush=True)
    return [{"accelerator": {"device": details.get("device_name", "GPU"), "cores": os.cpu_count(), "table": table}}]
