"""Use one estimator in many threads, fit in several at once, and in spawned, loky and forked processes."""

import json
import multiprocessing
import os
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from helpers import DECIBELS, FEW_STEPS, ROUNDING, run_python
from sklearn.base import clone

from sk_denoise import DenoisingAutoencoder
from sk_denoise.networks import cache

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("architecture", ["dense", "conv", "unet"])
def test_one_estimator_in_eight_threads(architecture, dtype, digits):
    X = digits[0][:300].astype(dtype)
    denoiser = DenoisingAutoencoder(architecture, latent_dim=8, epochs=1, random_state=0).fit(X)
    whole, score = denoiser.transform(X), denoiser.score(X)
    chunks = [slice(start, start + 7) for start in range(0, 300, 7)] * 3
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda rows: denoiser.transform(X[rows]), chunks))
        scores = list(pool.map(denoiser.score, [X] * 8))
        models = list(pool.map(lambda _: denoiser.model_, range(8)))
    for rows, result in zip(chunks, results, strict=True):
        np.testing.assert_allclose(result, whole[rows], rtol=0, atol=16 * ROUNDING[dtype])  # the data range is 0 to 16
    np.testing.assert_allclose(scores, score, rtol=0, atol=DECIBELS)
    for model in models:
        for values, weights in zip(model.get_weights(), denoiser._weights, strict=True):
            np.testing.assert_array_equal(values, weights)


def test_threads_share_one_compiled_network(digits, monkeypatch):
    denoiser = pickle.loads(pickle.dumps(DenoisingAutoencoder(latent_dim=3, epochs=1).fit(digits[0][:50])))
    networks, built = cache.Networks(), []
    build = cache.build_uncompiled
    monkeypatch.setattr(cache, "build_uncompiled", lambda spec: built.append(spec) or build(spec))
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: networks.forward(denoiser._spec), range(200)))
    assert len(found) == len(built) == 1


@pytest.mark.parametrize("architecture", ["dense", "conv"])
def test_thirty_two_fits_in_four_threads(architecture, small):
    base = DenoisingAutoencoder(architecture, latent_dim=4, epochs=2)
    jobs = [clone(base).set_params(random_state=i % 8, latent_dim=3 + i % 2) for i in range(32)]
    alone = [clone(jobs[i]).fit(small).transform(small) for i in range(8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda job: job.fit(small).transform(small), jobs))
    for i, result in enumerate(together):
        np.testing.assert_allclose(result, alone[i % 8], rtol=0, atol=FEW_STEPS)
        assert np.abs(result - alone[(i + 1) % 8]).max() > 10 * FEW_STEPS  # so the tolerance tells seeds apart


def use_and_refit(denoiser, X):
    """Called in another process, which may have fewer threads."""
    return denoiser.transform(X), clone(denoiser).fit(X).transform(X)


@pytest.mark.parametrize("backend", ["spawn", "loky"])
def test_processes(backend, small):
    denoiser = DenoisingAutoencoder("conv", latent_dim=4, epochs=2, random_state=0).fit(small)
    assert denoiser.model_ is not None  # builds the model, which must not be pickled
    expected = denoiser.transform(small)
    other = clone(denoiser).set_params(random_state=1).fit(small).transform(small)
    assert np.abs(other - expected).max() > 10 * FEW_STEPS
    if backend == "loky":
        found = joblib.Parallel(n_jobs=2)(joblib.delayed(use_and_refit)(denoiser, small) for _ in range(2))
    else:
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
            found = list(pool.map(use_and_refit, [denoiser] * 2, [small] * 2))
    for transformed, refitted in found:
        np.testing.assert_allclose(transformed, expected, rtol=0, atol=ROUNDING[np.float64])
        np.testing.assert_allclose(refitted, expected, rtol=0, atol=FEW_STEPS)


FORKED = """
import json, os, sys
import numpy as np
from sk_denoise import DenoisingAutoencoder, NoiseInjector
import tensorflow as tf

X = np.random.default_rng(0).random((40, 16))

def in_child(function):
    '''Call a function in a forked process, and return "done" or the error.'''
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            function()
            outcome = "done"
        except Exception as error:
            outcome = f"{type(error).__name__}: {error}"
        os.write(into, outcome.encode())
        os._exit(0)
    os.close(into)
    outcome = os.read(out, 10_000).decode()
    os.waitpid(pid, 0)
    return outcome

outcomes = {"imported only": in_child(lambda: DenoisingAutoencoder(epochs=1).fit(X).transform(X))}
if sys.argv[1] == "directly":
    tf.constant(1.0)
    denoiser = DenoisingAutoencoder(epochs=1)
else:
    denoiser = DenoisingAutoencoder(epochs=1).fit(X)
    denoiser.transform(X)
    outcomes["transform"] = in_child(lambda: denoiser.transform(X))
    outcomes["model_"] = in_child(lambda: denoiser.model_)
outcomes["fit"] = in_child(lambda: denoiser.fit(X))
outcomes["noise"] = in_child(lambda: NoiseInjector().fit_transform(X))
print(json.dumps(outcomes))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="requires os.fork")
@pytest.mark.parametrize("tensorflow_ran", ["directly", "in a fit"])
def test_after_a_fork_there_is_an_error_and_no_waiting(tensorflow_ran):
    outcomes = json.loads(run_python(FORKED, tensorflow_ran, timeout=120).splitlines()[-1])
    assert outcomes.pop("imported only") == outcomes.pop("noise") == "done"
    assert len(outcomes) >= 1
    for message in outcomes.values():
        assert message.startswith("RuntimeError: This process was forked")
        assert "loky" in message and "spawn" in message
