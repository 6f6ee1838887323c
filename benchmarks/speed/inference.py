"""Measure denoising of one row and of many rows, and the memory used for memory-mapped rows."""

import os
import tempfile
import threading

import numpy as np
from measure import Row, in_new_process, in_turns

from sk_denoise import DenoisingAutoencoder, NoiseInjector

N_FEATURES = 64


def fitted():
    """Fit a dense denoiser of 784 features for one epoch; its quality does not matter here."""
    X = np.random.default_rng(0).random((2000, 784), dtype=np.float32)
    return DenoisingAutoencoder(latent_dim=64, epochs=1, random_state=0).fit(X), X


def one_row():
    """Latency for a single row, as in a service."""
    denoiser, X = fitted()
    row, model = X[:1], denoiser.model_

    def calls(function, n=20):
        return lambda: [function() for _ in range(n)]

    # Twenty calls per turn: a single one would run with the caches filled by the other side.
    times = in_turns(10, calls(lambda: denoiser.transform(row)), calls(lambda: model.predict(row, verbose=0)))
    times = [[turn / 20 for turn in turns] for turns in times]
    note = f"second goal, under 1.5 ms: {1000 * np.median(times[0]):.2f} ms"
    return Row("one row through transform", "keras.Model.predict", *times, 1 / 40, note=note).print()


def many_rows():
    """Throughput for many rows, compared with the bare network."""
    import tensorflow as tf

    denoiser, _ = fitted()
    rows, model = np.random.default_rng(1).random((10_000, 784), dtype=np.float32), denoiser.model_
    network = tf.function(lambda x: model(x, training=False))
    times = in_turns(30, lambda: denoiser.transform(rows), lambda: network(tf.constant(rows)).numpy())
    return Row("10,000 x 784 through transform", "the bare compiled network", *times, 1.3).print()


def _anonymous():
    """Anonymous memory of this process, in bytes."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("RssAnon"))


def peak_of(function):
    """Peak memory added by a call in MB, sampled every millisecond, and the result of the call."""
    before, peak, done = _anonymous(), [0], threading.Event()

    def watch():
        while not done.wait(0.001):
            peak[0] = max(peak[0], _anonymous() - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    result = function()
    peak[0] = max(peak[0], _anonymous() - before)
    done.set()
    watcher.join()
    return peak[0] / 1e6, result


def memory_of(n_rows, dtype):
    """Peak memory in MB of `fit`, `transform` and noise on a memory map, in addition to input and output."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rows")
        rows = np.memmap(path, dtype=dtype, mode="w+", shape=(n_rows, N_FEATURES))
        for start in range(0, n_rows, 10_000):
            rows[start : start + 10_000] = np.random.default_rng(start).random((len(rows[start : start + 10_000]), 64))
        rows.flush()
        del rows
        rows = np.memmap(path, dtype=dtype, mode="r", shape=(n_rows, N_FEATURES))
        denoiser = DenoisingAutoencoder(epochs=1, batch_size=128, random_state=0)
        denoiser.fit(np.random.default_rng(0).random((30_000, N_FEATURES), dtype=np.float32)).transform(rows[:9000])
        fit, _ = peak_of(lambda: denoiser.fit(rows))
        transform, out = peak_of(lambda: denoiser.transform(rows))
        noise, _ = peak_of(lambda: NoiseInjector(random_state=0).fit(rows).transform(rows))
        size = out.nbytes / 1e6
        return {
            "input": rows.nbytes / 1e6,
            "fit": fit,
            "transform": max(0, transform - size),
            "noise": max(0, noise - size),
        }


def memory():
    """Table of peak memory for 1,000 to 1,000,000 rows, each measured in a new process."""
    table = []
    for dtype in ("float32", "float64", "uint8"):
        for n_rows in (1_000, 10_000, 100_000, 1_000_000):
            table.append({"dtype": dtype, "rows": n_rows} | in_new_process(memory_of, n_rows, dtype))
            print("memory in addition to input and output, MB:", table[-1], flush=True)
    return {"memory": table}


def run():
    """Return all measurements."""
    return [one_row(), many_rows(), memory()]
