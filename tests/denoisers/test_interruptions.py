"""Interrupted fits: the estimator is unchanged, and a checkpoint resumes the fit bit for bit."""

import functools
import json
import os

import keras
import numpy as np
import pandas as pd
import pytest
from helpers import DECIBELS, run_python
from helpers import quick as quick_of_two
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import sk_denoise
from sk_denoise import InvalidFileError, NoiseInjector
from sk_denoise.networks import training

quick = functools.partial(quick_of_two, epochs=6)


def assert_equal(a, b):
    """Assert that both are identical bit for bit."""
    assert a.history_ == b.history_
    assert a.n_iter_ == b.n_iter_
    for x, y in zip(a._weights, b._weights, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.fixture
def stop_in(monkeypatch):
    """Return a function that makes training stop once, in the given epoch, counted from 0."""

    def stop_in(epoch, error):
        original = training._train_epoch

        def train_epoch(trainer, rows, plan, number, callbacks):
            loss = original(trainer, rows, plan, number, callbacks)  # the weights have already changed
            if number == epoch:
                monkeypatch.setattr(training, "_train_epoch", original)
                raise error
            return loss

        monkeypatch.setattr(training, "_train_epoch", train_epoch)

    return stop_in


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError(), RuntimeError("of a callback")])
class TestStopped:
    def test_a_fit_leaves_no_trace(self, small, stop_in, error):
        unfitted = quick()
        stop_in(3, error)
        with pytest.raises(type(error)) as caught:
            unfitted.fit(small)
        assert vars(unfitted) == vars(quick())
        assert "after 3 of 6 epochs. The estimator is as it was" in caught.value.__notes__[-1]

    def test_the_fitted_estimator_is_still_there(self, small, stop_in, error):
        denoiser = quick().fit(small)
        before, model, denoised = dict(vars(denoiser)), denoiser.model_, denoiser.transform(small)
        stop_in(3, error)
        with pytest.raises(type(error)):
            denoiser.fit(small[:, :9])
        assert vars(denoiser) == before | {"_model": model}
        np.testing.assert_array_equal(denoiser.transform(small), denoised)
        assert_equal(denoiser.fit(small), quick().fit(small))

    def test_warm_start_of_a_fitted_one(self, small, stop_in, error):
        denoiser = quick(warm_start=True).fit(small)
        stop_in(3, error)
        with pytest.raises(type(error)):
            denoiser.fit(small)
        assert_equal(denoiser, quick().fit(small))

    def test_partial_fit(self, small, stop_in, error):
        denoiser = quick().partial_fit(small)
        stop_in(0, error)
        with pytest.raises(type(error)):
            denoiser.partial_fit(small)
        assert_equal(denoiser.partial_fit(small), quick().partial_fit(small).partial_fit(small))


@pytest.mark.slow
class TestCheckpoint:
    @pytest.mark.parametrize(
        "params",
        [
            {},
            {"architecture": "conv", "image_shape": (4, 4)},
            {"early_stopping": True, "patience": 5, "epochs": 40},
            {"learning_rate_schedule": "constant", "optimizer": "rmsprop"},
            {"noise": NoiseInjector("masking", (0.1, 0.4)), "validation_split": 0.2},
            {"noise": None},
        ],
        ids=["dense", "conv", "early stopping", "rmsprop", "masking", "identity"],
    )
    def test_goes_on_to_the_bit(self, small, stop_in, tmp_path, params):
        whole = quick(**params).fit(small)
        stopped = quick(**params, checkpoint=tmp_path / "a folder" / "of folders")
        for epoch in (0, 2, 4):
            stop_in(epoch, KeyboardInterrupt())
            with pytest.raises(KeyboardInterrupt) as caught:
                stopped.fit(small)
            assert ("from the checkpoint" in caught.value.__notes__[-1]) == (epoch > 0)
        assert_equal(stopped.fit(small), whole)
        assert len(list((tmp_path / "a folder" / "of folders").iterdir())) == 1

    def test_of_a_warm_start(self, small, stop_in, tmp_path):
        whole = quick(warm_start=True).fit(small).fit(small)
        stopped = quick(warm_start=True).fit(small).set_params(checkpoint=tmp_path)
        saved = clone(stopped).fit(small)  # the process that was killed started from this
        stop_in(3, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            stopped.fit(small)
        assert_equal(saved.fit(small), whole)

    def test_a_finished_fit_is_not_trained_again(self, small, tmp_path, monkeypatch):
        first = quick(checkpoint=tmp_path).fit(small)
        monkeypatch.setattr(training, "_train_epoch", None)
        assert_equal(quick(checkpoint=tmp_path).fit(small), first)

    def test_clones_of_a_grid_never_collide(self, digits, tmp_path):
        X = digits[0][:60]
        grid = {"latent_dim": [2, 3], "noise": ["gaussian", NoiseInjector(level=0.1)], "learning_rate": [0.1, 0.01]}
        searches = [
            GridSearchCV(quick(epochs=1, checkpoint=folder), grid, cv=2, n_jobs=n_jobs, refit=False).fit(X)
            for folder, n_jobs in ((None, 1), (tmp_path, 1), (tmp_path, 2))
        ]
        assert len(list(tmp_path.iterdir())) == 2 * 2 * 2 * 2
        for search in searches[1:]:
            scores = search.cv_results_["mean_test_score"], searches[0].cv_results_["mean_test_score"]
            np.testing.assert_allclose(*scores, rtol=0, atol=DECIBELS / 10)  # workers run fewer threads

    @pytest.mark.parametrize(
        "other",
        [
            {"random_state": 1},
            {"epochs": 7},
            {"loss": "mse"},
            {"optimizer": "sgd"},
            {"data_range": (0, 2)},
            {"learning_rate": 0.5},
            {"noise": "masking"},
        ],
    )
    def test_other_parameters_are_another_fit(self, small, tmp_path, other):
        quick(checkpoint=tmp_path).fit(small)
        quick(checkpoint=tmp_path, **other).fit(small)
        assert len(list(tmp_path.iterdir())) == 2

    def test_other_rows_are_another_fit_and_equal_ones_are_not(self, small, tmp_path):
        def n_files(*arguments, **keywords):
            quick(checkpoint=tmp_path, epochs=1).fit(*arguments, **keywords)
            return len(list(tmp_path.iterdir()))

        assert n_files(small) == 1
        assert n_files(small.copy()) == 1
        assert n_files(small, X_clean=small) == 2
        assert n_files(small[::-1]) == 3
        assert n_files(small, validation_data=small[:9]) == 4
        assert n_files(NoiseInjector(level=0.1).fit_transform(small)) == 5
        quick(checkpoint=tmp_path, epochs=1, verbose=1, output="latent").fit(small)
        assert n_files(small) == 5

    def test_equal_fits_are_known_however_they_are_written(self, small, tmp_path):
        fits = [
            ({}, small),
            ({}, pd.DataFrame(small).rename(columns=str)),
            ({}, np.asfortranarray(small)),
            ({}, np.hstack([small, small])[:, :16]),
            ({"random_state": np.int64(0), "patience": np.int64(10), "loss": np.str_("binary_crossentropy")}, small),
            ({"noise": NoiseInjector(level=np.float64(0.5), clip=np.True_)}, small),
        ]
        for params, rows in fits:
            quick(checkpoint=tmp_path, epochs=1, **params).fit(rows)
        assert len(list(tmp_path.iterdir())) == 1

    def test_callable_noise_is_refused_behind_other_noise_to_validate_on(self, small, tmp_path):
        held_out = NoiseInjector(random_state=0).fit_transform(small[:9])
        noise = NoiseInjector(lambda X, level, rng: X)
        with pytest.warns(UserWarning), pytest.raises(ValueError, match="kind must be given by name"):
            quick(checkpoint=tmp_path, noise=noise).fit(small, validation_data=held_out)

    def test_half_precision_is_kept(self, small, tmp_path, monkeypatch):
        before = keras.config.dtype_policy()
        try:
            keras.config.set_dtype_policy("bfloat16")
            first = quick(checkpoint=tmp_path).fit(small)
            monkeypatch.setattr(training, "_train_epoch", None)
            assert_equal(quick(checkpoint=tmp_path).fit(small), first)
            path = tmp_path / "denoiser.skops"
            sk_denoise.save(first, path)
            np.testing.assert_array_equal(sk_denoise.load(path).transform(small), first.transform(small))
        finally:
            keras.config.set_dtype_policy(before)

    def test_flipped_bits_are_told(self, small, tmp_path):
        quick(checkpoint=tmp_path, epochs=1).fit(small)
        (path,) = tmp_path.iterdir()
        good, refused = path.read_bytes(), 0
        for position in range(0, len(good), 97):
            path.write_bytes(good[:position] + bytes([good[position] ^ 33]) + good[position + 1 :])
            try:
                quick(checkpoint=tmp_path, epochs=1).fit(small)
            except InvalidFileError:
                refused += 1
        assert refused > 20

    def test_damaged_files_are_an_error(self, small, tmp_path):
        quick(checkpoint=tmp_path).fit(small)
        (path,) = tmp_path.iterdir()
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(InvalidFileError, match="delete it"):
            quick(checkpoint=tmp_path).fit(small)
        np.savez(path, best=0.0)
        with pytest.raises(InvalidFileError, match="delete it"):
            quick(checkpoint=tmp_path).fit(small)
        with pytest.raises(NotADirectoryError, match="checkpoint must be a folder"):
            quick(checkpoint=path).fit(small)

    @pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)])
    def test_needs_a_seed(self, small, tmp_path, random_state):
        with pytest.raises(ValueError, match="random_state must be an int with checkpoint"):
            quick(checkpoint=tmp_path, random_state=random_state).fit(small)

    @pytest.mark.parametrize(
        ("name", "params"),
        [
            ("architecture", {"architecture": lambda image_shape, latent_dim: None}),
            ("loss", {"loss": keras.losses.Huber}),
            ("optimizer", {"optimizer": keras.optimizers.SGD}),
            ("learning_rate", {"learning_rate": lambda step: 0.1}),
            ("kind", {"noise": NoiseInjector(lambda X, level, rng: X)}),
        ],
    )
    def test_callables_are_refused(self, small, tmp_path, name, params):
        """The hash of a function does not identify what it does."""
        with pytest.raises(ValueError, match=f"^{name} must be given by name with checkpoint"):
            quick(checkpoint=tmp_path, **params).fit(small)

    def test_callbacks_remember_what_no_file_has(self, small, tmp_path):
        with pytest.raises(ValueError, match="callbacks remember"):
            quick(checkpoint=tmp_path, callbacks=[keras.callbacks.EarlyStopping("loss")]).fit(small)

    def test_noise_of_the_validation_rows_counts(self, small, tmp_path):
        for level in (0.05, 2.0):
            rows = NoiseInjector(level=level, random_state=0).fit(small).transform(small[:9])
            quick(checkpoint=tmp_path, epochs=1).fit(small, validation_data=rows)
        assert len(list(tmp_path.iterdir())) == 2


KILLED = """
import hashlib, json, os, random, signal, sys, tempfile, time
import numpy as np
from sk_denoise import DenoisingAutoencoder
from sk_denoise.networks import fit as _  # imports TensorFlow, which may fork until it has run

def fit(seed, folder):
    X = np.random.default_rng(seed).random((200, 64), dtype=np.float32)
    denoiser = DenoisingAutoencoder(latent_dim=8, epochs=150, early_stopping=True, patience=150, random_state=seed)
    weights = denoiser.set_params(checkpoint=folder).fit(X)._weights
    return hashlib.sha256(b"".join(w.tobytes() for w in weights)).hexdigest() + repr(denoiser.history_)

def child(seed, folder, out):
    pid = os.fork()
    if pid == 0:
        result = fit(seed, folder)
        with open(out + ".part", "w") as file:
            file.write(result)
        os.replace(out + ".part", out)
        os._exit(0)
    return pid

def kept(folder):
    '''Names and times of the checkpoints, which change after each epoch.'''
    found = []
    for entry in os.scandir(folder):
        try:
            found.append((entry.name, entry.stat().st_mtime_ns))
        except FileNotFoundError:  # renamed since the listing
            pass
    return [pair for pair in found if not pair[0].endswith(".tmp")]

moments = random.Random(0)
kills = finished = 0
while kills < int(sys.argv[1]):
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        os.waitpid(child(finished, None, out), 0)
        with open(out) as file:
            expected = file.read()
        os.unlink(out)
        checkpoints = os.path.join(folder, "checkpoints")
        os.mkdir(checkpoints)
        while not os.path.exists(out):
            before = kept(checkpoints)
            pid = child(finished, checkpoints, out)
            # Wait for a new checkpoint, so that each run makes progress even on a slow machine.
            while kept(checkpoints) == before and not os.path.exists(out):
                time.sleep(0.001)
            moment = time.monotonic() + moments.uniform(0, 0.1)
            while time.monotonic() < moment and not os.path.exists(out):
                time.sleep(0.001)
            os.kill(pid, signal.SIGKILL)
            kills += not os.path.exists(out)
            os.waitpid(pid, 0)
        with open(out) as file:
            assert file.read() == expected, (finished, kills)
        finished += 1
print(json.dumps([kills, finished]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills processes")
def test_killed_ten_times():
    kills, finished = json.loads(run_python(KILLED, 10, timeout=900).splitlines()[-1])
    assert kills >= 10
    assert finished >= 1
