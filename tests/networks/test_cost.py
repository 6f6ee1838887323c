"""Costs that can be counted: compilations, memory and copies. Run times are measured in benchmarks/."""

import json
import sys
import tracemalloc

import joblib
import keras
import numpy as np
import pytest
from helpers import run_python
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sk_denoise import DenoisingAutoencoder, NoiseInjector
from sk_denoise.networks import building, cache, trainer
from sk_denoise.networks.spec import NetworkSpec

pytestmark = pytest.mark.slow


@pytest.fixture
def compilations(monkeypatch):
    """Record every network built and every training function compiled."""
    seen = []

    def watch(function, name):
        def watched(*arguments):
            seen.append(name)
            return function(*arguments)

        return watched

    monkeypatch.setattr(building, "build_uncompiled", watch(building.build_uncompiled, "network"))
    compile_training = watch(trainer.Trainer._compile_training, "training")
    monkeypatch.setattr(trainer.Trainer, "_compile_training", compile_training)
    monkeypatch.setattr(cache, "SHARED", cache.Networks())
    return seen


class TestCompilations:
    @pytest.mark.parametrize("architecture", ["dense", "conv"])
    def test_a_refit_compiles_nothing(self, small, architecture, compilations):
        denoiser = DenoisingAutoencoder(architecture, latent_dim=3, epochs=1, batch_size=16).fit(small)
        denoiser.transform(small)
        assert compilations == ["network", "training"]
        for seed in range(5):
            clone(denoiser).set_params(random_state=seed, learning_rate=0.002).fit(small).transform(small)
        assert compilations == ["network", "training"]

    def test_folds_of_almost_equal_size_share_one(self, digits, compilations):
        X = digits[0][:203]
        search = GridSearchCV(DenoisingAutoencoder(epochs=1, batch_size=16), {"latent_dim": [2, 3]}, cv=5)
        search.fit(X)
        assert compilations == ["network", "training"] * 2

    def test_batches_of_any_length_share_one(self, small, compilations):
        denoiser = DenoisingAutoencoder(latent_dim=3, batch_size=64)
        for n_rows in (60, 19, 33, 1):
            denoiser.partial_fit(small[:n_rows])
        assert compilations == ["network", "training"]

    def test_the_cache_is_bounded(self, small, monkeypatch):
        monkeypatch.setattr(cache, "SHARED", cache.Networks(3))
        for latent_dim in range(1, 6):
            DenoisingAutoencoder(latent_dim=latent_dim, epochs=1).fit(small).transform(small)
        assert len(cache.SHARED._trainers) == len(cache.SHARED._forwards) == 3
        _, kept = cache.SHARED._trainers[-1]
        for size in range(1, 20):
            kept.train_block(small[:size].astype("f"), small[:size].astype("f"), np.array([-1.0], "f"), size)
        assert len(kept._compiled) == 16


def test_refits_keep_no_memory():
    code = """
import json
import numpy as np
from sk_denoise import DenoisingAutoencoder
X = np.random.default_rng(0).random((200, 64))

def resident_after(n_fits):
    for _ in range(n_fits):
        DenoisingAutoencoder(latent_dim=8, epochs=2).fit(X).transform(X)
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6

start = resident_after(20)
print(json.dumps((resident_after(100) - start) / 100))
"""
    if not sys.platform.startswith("linux"):
        pytest.skip("reads /proc")
    assert json.loads(run_python(code)) < 0.1  # MB per fit; scikeras retains 4 to 5


class TestRowsThatDoNotFitInMemory:
    @pytest.fixture
    def memory_map(self, tmp_path, request):
        rows = np.memmap(tmp_path / "rows", dtype=request.param, mode="w+", shape=(150_000, 64))
        rows[:] = np.random.default_rng(0).random((1, 64))
        rows.flush()
        return np.memmap(tmp_path / "rows", dtype=request.param, mode="r", shape=(150_000, 64))

    @staticmethod
    def peak(function):
        """Peak memory allocated by NumPy in MB, and the result."""
        tracemalloc.start()
        result = function()
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        return peak, result

    @pytest.mark.parametrize("memory_map", ["f4", "f8"], indirect=True)
    def test_neither_fit_nor_transform_nor_noise_copies_them(self, memory_map):
        denoiser = DenoisingAutoencoder(epochs=1, batch_size=1024, random_state=0).fit(np.asarray(memory_map[:70_000]))
        few, _ = self.peak(lambda: clone(denoiser).fit(memory_map[:70_000]))
        many, _ = self.peak(lambda: denoiser.fit(memory_map))
        assert many < 35  # noisy and clean blocks of a million numbers, the current and the next one
        assert many - few < 5  # the permutation of the rows
        for transformer in (denoiser, NoiseInjector(random_state=0).fit(memory_map)):
            peak, out = self.peak(lambda transformer=transformer: transformer.transform(memory_map))
            assert peak - out.nbytes / 1e6 < 20


def thread_settings():
    """Number of threads that TensorFlow is set to use after a fit; 0 means its default."""
    import tensorflow as tf

    DenoisingAutoencoder(latent_dim=2, epochs=1, random_state=0).fit(np.eye(4))
    return tf.config.threading.get_intra_op_parallelism_threads()


def test_workers_share_the_cores_and_the_main_process_is_left_alone():
    before = thread_settings()
    in_workers = joblib.Parallel(n_jobs=2)(joblib.delayed(thread_settings)() for _ in range(4))
    assert set(in_workers) == {max(1, joblib.cpu_count() // 2)}
    assert thread_settings() == before == 0


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "float64"])
def test_other_precisions_train_as_keras_is_set_to(policy, digits):
    X = digits[0][:400]
    before = keras.config.dtype_policy()
    scores = {}
    try:
        for name in ("float32", policy):
            keras.config.set_dtype_policy(name)
            denoiser = DenoisingAutoencoder(latent_dim=16, epochs=20, random_state=0).fit(X)
            scores[name] = denoiser.score(X)
    finally:
        keras.config.set_dtype_policy(before)
    assert scores[policy] == pytest.approx(scores["float32"], abs=1)


@pytest.mark.parametrize("architecture", ["dense", "conv"])
def test_float64_throughout(architecture, small):
    before = keras.config.floatx()
    try:
        keras.config.set_floatx("float64")
        assert (
            DenoisingAutoencoder(architecture, latent_dim=3, epochs=1).fit(small).transform(small).dtype == np.float64
        )
    finally:
        keras.config.set_floatx(before)


@pytest.mark.parametrize("loss", ["binary_crossentropy", "mse", "Huber", "dice", "tversky", "cosine_similarity"])
def test_rows_that_fill_up_a_batch_do_not_count(loss):
    """A step on a padded batch equals a step of Keras on the same rows without padding."""
    X, target = np.random.default_rng(0).random((2, 5, 16), dtype=np.float32)
    spec = NetworkSpec("dense", (4, 4, 1), 4, (), loss, "sgd")
    ours = trainer.Trainer(spec)
    ours.reset(0, 0.05)
    model = building.model_with(spec, ours.model.get_weights())
    model.optimizer.learning_rate = 0.05
    loss_of_ours = ours.train_block(X, target, np.array([0.05], dtype=np.float32), 8) / 5
    assert loss_of_ours == pytest.approx(model.train_on_batch(X, target), rel=1e-4)
    for a, b in zip(ours.model.get_weights(), model.get_weights()):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_pixels_of_rows_that_fill_up_a_batch_are_not_counted_as_seen():
    X, target = np.random.default_rng(0).random((2, 5, 16), dtype=np.float32)
    target[:, ::2] = np.nan
    ours = trainer.Trainer(NetworkSpec("dense", (4, 4, 1), 4, (), "mse", "sgd", hides=True))
    ours.reset(0, 0.0)
    expected = ours.evaluate_block(X, target)
    assert ours.train_block(X, target, np.array([0], dtype=np.float32), 8) == pytest.approx(expected, rel=1e-4)


def test_optimizers_of_the_users_own_may_do_what_xla_cannot(small):
    import tensorflow as tf

    class Halved(keras.optimizers.SGD):
        def update_step(self, gradient, variable, learning_rate):
            half = tf.numpy_function(lambda: np.float32(0.5), [], tf.float32)
            half.set_shape(())
            super().update_step(gradient * half, variable, learning_rate)

    assert len(DenoisingAutoencoder(epochs=2, optimizer=Halved).fit(small).history_["loss"]) == 2
