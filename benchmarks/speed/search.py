"""Measure many small fits on the embedded digits: refits and the memory they retain, grids, parallel grids."""

import time

import keras
import numpy as np
from measure import Row, in_new_process, in_turns, seconds
from scikeras.wrappers import KerasRegressor
from sklearn.model_selection import GridSearchCV

from sk_denoise import DenoisingAutoencoder, NoiseInjector
from sk_denoise.datasets import load_digit_images

LATENT_SIZES = [8, 16, 32, 64]


def build(latent_dim=16):
    """Build the dense network as a user of scikeras would."""
    layers = [keras.layers.Dense(latent_dim, activation="relu"), keras.layers.Dense(64, activation="sigmoid")]
    return keras.Sequential([keras.Input((64,)), *layers])


def wrapped(**settings):
    """Wrap the network in a scikeras regressor."""
    settings = {"loss": "binary_crossentropy", "optimizer": "adam", "verbose": 0, "random_state": 0} | settings
    return KerasRegressor(model=build, **settings)


def pairs():
    """Return noisy and clean digits in [0, 1]."""
    X = (load_digit_images()[0] / 16).astype(np.float32)
    return np.asarray(NoiseInjector(level=0.3, random_state=0).fit_transform(X)), X


def refit_ours(noisy, X):
    """Fit on 200 rows for 2 epochs."""
    DenoisingAutoencoder(latent_dim=16, epochs=2, batch_size=32, random_state=0).fit(noisy[:200], X_clean=X[:200])


def refit_theirs(noisy, X):
    """Fit the same network with scikeras."""
    wrapped(epochs=2, batch_size=32).fit(noisy[:200], X[:200])


def refit():
    """Time of a refit, after a first fit of the same shape."""
    noisy, X = pairs()
    times = in_turns(15, lambda: refit_ours(noisy, X), lambda: refit_theirs(noisy, X))
    return Row("a refit on 200 x 64 rows, 2 epochs, after the first", "fit of scikeras", *times, 1 / 20).print()


def kept(name, n_fits):
    """MB retained per fit, after 20 warm-up fits: over all `n_fits`, and over the first and the second half."""
    fit = {"ours": refit_ours, "theirs": refit_theirs}[name]
    noisy, X = pairs()

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096 / 1e6

    def run(n):
        for _ in range(n):
            fit(noisy, X)
        return resident()

    start, middle, end = run(20), run(n_fits // 2), run(n_fits // 2)
    return [(end - start) / n_fits, (middle - start) / (n_fits // 2), (end - middle) / (n_fits // 2)]


def memory():
    """Memory retained per refit, measured in new processes."""
    ours, theirs = in_new_process(kept, "ours", 200), in_new_process(kept, "theirs", 40)
    note = f"goal: 0.1 MB, not growing; ours {ours[1]:.3f} MB per fit in the first hundred, {ours[2]:.3f} in the second"
    what = "memory retained per refit, over 200 such refits"
    return Row(what, "scikeras, 40 refits", [ours[0]], [theirs[0]], 0.1 / theirs[0], unit="MB", note=note).print()


def search_ours(n_jobs=1, epochs=20):
    """Search 4 latent sizes in 5 folds."""
    noisy, X = pairs()
    denoiser = DenoisingAutoencoder(epochs=epochs, batch_size=32, random_state=0)
    return GridSearchCV(denoiser, {"latent_dim": LATENT_SIZES}, cv=5, n_jobs=n_jobs).fit(noisy, X)


def search_theirs():
    """Run the same search with scikeras."""
    noisy, X = pairs()
    network = wrapped(epochs=20, batch_size=32, model__latent_dim=16)
    return GridSearchCV(network, {"model__latent_dim": LATENT_SIZES}, cv=5).fit(noisy, X)


def grid():
    """Time of whole searches, after a first one that compiles."""
    times = in_turns(3, search_ours, search_theirs)
    what = "a grid of 4 latent sizes x 5 folds, 20 epochs each"
    return Row(what, "the same with KerasRegressor of scikeras", *times, 1 / 4).print()


def scores(search):
    """Return the scores of all folds of a search."""
    return np.concatenate([search.cv_results_[f"split{i}_test_score"] for i in range(5)])


def parallel():
    """Speed-up by two worker processes, not counting their start and first compilation."""
    found = {1: [], 2: []}
    times = in_turns(
        5, lambda: found[2].append(search_ours(2, 60)), lambda: found[1].append(search_ours(1, 60)), warm_up=True
    )
    apart = max(np.abs(scores(a) - scores(b)).max() for a, b in zip(found[1], found[2]))
    note = f"largest difference in score: {apart:.2g} dB (workers use fewer threads, which changes the order of sums)"
    return Row(
        "GridSearchCV(n_jobs=2), 60 epochs, worker processes already started",
        "the same with n_jobs=1",
        *times,
        0.65,
        note=note,
    ).print()


def run():
    """Return all measurements."""
    return [refit(), memory(), grid(), parallel()]


if __name__ == "__main__":
    print(time.strftime("%H:%M"), seconds(run))
