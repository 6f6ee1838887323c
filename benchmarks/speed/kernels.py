"""Measure oneDNN kernels in convolutional networks, and float64 inference in all networks."""

import statistics
import time
from functools import partial

import numpy as np
from measure import Row, in_new_process, in_turns, seconds

from sk_denoise import DenoisingAutoencoder

SIZES = (28, 64)
TURNS = 3
BATCH = 64


def fitted(architecture, side, **settings):
    """Fit a network of the default latent size; return it and its rows."""
    X = np.random.default_rng(0).random((512, side * side), dtype=np.float32)
    return DenoisingAutoencoder(architecture, batch_size=BATCH, random_state=0, **settings).fit(X), X


def median_seconds(function):
    """Median time of three calls."""
    return statistics.median(seconds(function) for _ in range(3))


def times():
    """Seconds per epoch of 512 rows and for their inference, by architecture and image size."""
    found = {}
    for architecture in ("conv", "unet"):
        for side in SIZES:
            denoiser, X = fitted(architecture, side, epochs=1)  # so that compilation is not measured
            denoiser.transform(X)
            long, short = (median_seconds(partial(fitted, architecture, side, epochs=n)) for n in (3, 1))
            found[f"{architecture}, {side} x {side}, training"] = (long - short) / 2
            found[f"{architecture}, {side} x {side}, inference"] = median_seconds(partial(denoiser.transform, X))
    return found


def onednn():
    """Compare oneDNN kernels with TensorFlow's default, each in new processes."""
    on, default = [], []
    for _ in range(TURNS):
        on.append(in_new_process(times, environment={"TF_ENABLE_ONEDNN_OPTS": "1"}))
        default.append(in_new_process(times, environment={"TF_ENABLE_ONEDNN_OPTS": None}))
    against = "TensorFlow's default on this processor"
    return [
        Row(
            f"TF_ENABLE_ONEDNN_OPTS=1: {what}", against, *([t[what] for t in turns] for turns in (on, default)), 1.0
        ).print()
        for what in on[0]
    ]


def precision():
    """Compare float64 rows with the same rows in float32."""
    rows = []
    # In place of goals, the ratios measured when float64 inference was introduced.
    for architecture, goal in (("dense", 3.4), ("conv", 1.6), ("unet", 2.3)):
        denoiser, X = fitted(architecture, 28, epochs=1)
        wide = X.astype(np.float64)
        measured = in_turns(7, lambda d=denoiser, X=wide: d.transform(X), lambda d=denoiser, X=X: d.transform(X))
        rows.append(Row(f"512 float64 rows of 28 x 28 through {architecture}", "float32", *measured, goal).print())
    return rows


def run():
    """Return all measurements."""
    return [*onednn(), *precision()]


if __name__ == "__main__":
    start = time.perf_counter()
    for name, value in times().items():
        print(f"{name:<32} {1000 * value:8.1f} ms", flush=True)
    print(f"{time.perf_counter() - start:.0f} s")
