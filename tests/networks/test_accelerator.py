"""Training as on a GPU: noise drawn by TensorFlow, convolutions compiled by XLA. Runs on whichever device there is."""

import keras
import numpy as np
import pytest
from helpers import quick

from sk_denoise import DenoisingAutoencoder, NoiseInjector, PatchDenoiser
from sk_denoise.networks import accelerator, cache, trainer, training
from sk_denoise.networks.spec import NetworkSpec


@pytest.fixture(scope="module")
def networks():
    """Networks compiled as with and without a GPU, shared by the tests, because compiling takes most of their time."""
    return {True: cache.Networks(), False: cache.Networks()}


@pytest.fixture
def switch(monkeypatch, networks):
    """Return a function that makes the package see a GPU, or none."""

    def switch(seen):
        monkeypatch.setattr(accelerator, "has_gpu", lambda: seen)
        monkeypatch.setattr(cache, "SHARED", networks[seen])

    switch(True)
    return switch


@pytest.fixture
def drawn_by_numpy(monkeypatch):
    """Record the number of rows of each block on which NumPy draws noise."""
    seen, redraw = [], NoiseInjector._redraw
    monkeypatch.setattr(NoiseInjector, "_redraw", lambda self, X, rng: seen.append(len(X)) or redraw(self, X, rng))
    return seen


@pytest.fixture
def blocks(monkeypatch):
    """Record the blocks that are trained on."""
    seen, train_block = [], trainer.Trainer.train_block

    def watched(self, noisy, clean, rates, size):
        seen.append((np.array(noisy), np.array(clean)))
        return train_block(self, noisy, clean, rates, size)

    monkeypatch.setattr(trainer.Trainer, "train_block", watched)
    return seen


def assert_equal(a, b):
    assert a.history_ == b.history_
    for x, y in zip(a._weights, b._weights, strict=True):
        np.testing.assert_array_equal(x, y)


def test_looking_for_a_gpu_never_fails():
    assert accelerator.has_gpu() in (True, False)


class TestNoise:
    @pytest.mark.parametrize("noise", [NoiseInjector(blur=1), NoiseInjector(lambda X, level, rng: X + level)])
    def test_without_a_form_for_tensors_is_drawn_by_numpy(self, noise, small, switch, drawn_by_numpy):
        quick(noise=noise).fit(small)
        assert drawn_by_numpy == [60, 60]

    def test_is_drawn_by_numpy_without_a_gpu(self, small, switch, drawn_by_numpy):
        switch(False)
        quick().fit(small)
        assert drawn_by_numpy == [60, 60]

    def test_is_drawn_anew_for_each_block_of_each_epoch(self, switch, drawn_by_numpy, blocks, monkeypatch):
        monkeypatch.setattr(training, "_BLOCK_VALUES", 16 * 32)
        clean = np.full((60, 16), 0.5)
        quick(noise=NoiseInjector(level=0.1), batch_size=32, data_range=(0, 1)).fit(clean)
        assert drawn_by_numpy == [] and len(blocks) == 4
        noise = np.concatenate([noisy - 0.5 for noisy, _ in blocks])
        assert len(np.unique(noise, axis=0)) == 120
        assert noise.std() == pytest.approx(0.1, rel=0.05)

    def test_has_a_level_relative_to_the_range_of_the_injector(self, switch, blocks):
        clean = np.full((60, 16), 5.0)
        quick(noise=NoiseInjector(level=0.1, data_range=(0, 20)), data_range=(0, 10)).fit(clean)
        assert np.mean(blocks[0][0]) == pytest.approx(0.5, abs=0.05)
        assert np.std(blocks[0][0]) == pytest.approx(0.2, rel=0.1)

    def test_of_validation_rows_is_drawn_once(self, small, switch, drawn_by_numpy):
        denoiser = quick(epochs=30, early_stopping=True, patience=3, learning_rate=0.1).fit(small)
        assert drawn_by_numpy == [6]
        losses = denoiser.history_["val_loss"]
        assert len(losses) == 30 or np.argmin(losses) == len(losses) - 4

    def test_seen_by_callbacks_of_batches(self, small, switch, drawn_by_numpy):
        class Counter(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                assert np.isfinite(logs["loss"])

        quick(batch_size=16, callbacks=[Counter()]).fit(small)
        assert drawn_by_numpy == []


class TestFits:
    def test_are_as_good(self, digits, switch):
        X, scores = digits[0], []
        for seen in (True, False):
            switch(seen)
            noise = NoiseInjector("speckle", 0.7, random_state=0)
            denoiser = DenoisingAutoencoder(latent_dim=16, noise=noise, epochs=20, random_state=0).fit(X[:1200])
            scores.append(denoiser.score(X[1200:]))
        assert scores[0] == pytest.approx(scores[1], abs=0.2)

    def test_with_the_same_seed_are_equal(self, small, switch, monkeypatch):
        first = quick().fit(small)
        assert_equal(first, quick().fit(small))
        monkeypatch.setattr(cache, "SHARED", cache.Networks())
        accelerator._compiled.cache_clear()
        assert_equal(first, quick().fit(small))
        assert first.history_ != quick(random_state=1).fit(small).history_

    def test_resume_from_a_checkpoint(self, small, switch, tmp_path, monkeypatch):
        train_epoch = training._train_epoch

        def interrupted(trainer, rows, plan, epoch, callbacks):
            if epoch == 2:
                raise KeyboardInterrupt
            return train_epoch(trainer, rows, plan, epoch, callbacks)

        denoiser = quick(epochs=4, checkpoint=tmp_path)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(training, "_train_epoch", interrupted)
            denoiser.fit(small)
        assert_equal(denoiser.fit(small), quick(epochs=4).fit(small))

    @pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
    def test_in_mixed_precision(self, policy, small, switch, drawn_by_numpy, monkeypatch):
        if policy == "mixed_float16":  # XLA compiles it for all GPUs, but only for few processors
            monkeypatch.setattr(trainer, "_suits_xla", lambda architecture: False)
        losses, before = [], keras.config.dtype_policy()
        try:
            for name in ("float32", policy):
                keras.config.set_dtype_policy(name)
                losses.append(quick(epochs=4).fit(small).history_["loss"])
        finally:
            keras.config.set_dtype_policy(before)
        assert drawn_by_numpy == []
        np.testing.assert_allclose(*losses, rtol=0.02)

    def test_on_patches(self, switch, drawn_by_numpy):
        images = np.random.default_rng(0).random((3, 20, 20))
        patches = PatchDenoiser(quick(noise=NoiseInjector(level=0.1)), patch_shape=(4, 4), random_state=0).fit(images)
        assert patches.transform(images).shape == images.shape
        assert drawn_by_numpy == []

    @pytest.mark.slow
    def test_of_convolutional_networks_use_xla(self, digits, switch):
        X, scores = digits[0][:300], []
        for seen in (True, False):
            switch(seen)
            denoiser = DenoisingAutoencoder("unet", latent_dim=4, epochs=8, noise="gaussian", random_state=0).fit(X)
            assert cache.SHARED._trainers[-1][1]._xla == seen
            scores.append(denoiser.score(X))
        assert scores[0] == pytest.approx(scores[1], abs=0.3)


def test_blocks_of_inference_are_larger(switch):
    spec, rows = NetworkSpec("unet", (64, 64, 1), 4, (), "mse", "adam"), []
    for seen in (True, False):
        switch(seen)
        rows.append(cache.SHARED.forward(spec).block_rows)
    assert rows[0] > rows[1]
