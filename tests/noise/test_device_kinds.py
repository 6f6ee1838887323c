"""Noise for tensors has the same distribution as the noise that NumPy draws."""

import numpy as np
import pytest
from scipy import stats

from sk_denoise import NoiseInjector
from sk_denoise.networks import accelerator
from sk_denoise.noise._device_kinds import DEVICE_KINDS, device_noise
from sk_denoise.noise.kinds import KINDS

N = 100_000
BRIGHTNESS = (0.0, 0.02, 0.3, 0.9)
LEVELS = {"salt_pepper": 0.2, "masking": 0.4}  # 0.3 for the others


def injector_of(kind, **params):
    return NoiseInjector(kind, **({"level": LEVELS.get(kind, 0.3), "clip": False} | params))


def by_tensors(injector, X, seed=0):
    import tensorflow as tf

    noisy = device_noise(injector)(tf.constant(X), accelerator.Device(tf.constant([seed, 1])))
    assert noisy.dtype == tf.float32 and noisy.shape == X.shape
    return noisy.numpy()


def by_numpy(injector, X):
    return injector._redraw(X, np.random.default_rng(0))


def test_each_kind_but_photon_noise_has_both_forms():
    assert set(KINDS) - set(DEVICE_KINDS) == {"poisson", "poisson_gaussian"}


@pytest.mark.parametrize("kind", DEVICE_KINDS)
class TestBothForms:
    @pytest.mark.parametrize("clip", [False, True])
    def test_have_the_same_distribution_at_any_brightness(self, kind, clip):
        X = np.full((4, N), np.array(BRIGHTNESS)[:, np.newaxis], dtype=np.float32)
        injector = injector_of(kind, clip=clip)
        for ours, theirs in zip(by_tensors(injector, X).astype("f8"), by_numpy(injector, X).astype("f8")):
            squares = [(noisy - theirs.mean()) ** 2 for noisy in (ours, theirs)]
            for a, b in ((ours, theirs), squares):  # means and variances
                assert a.mean() == pytest.approx(b.mean(), abs=5 * b.std() * np.sqrt(2 / N) + 1e-6)
            # Rounded, so that values that both draw often, such as black, are equal.
            assert stats.ks_2samp(ours.round(5), theirs.round(5)).pvalue > 1e-3

    def test_draw_a_level_for_each_row(self, kind):
        X = np.full((1500, 100), 0.5, dtype=np.float32)
        injector = injector_of(kind, level=(0.1, 0.6))
        ours, theirs = (np.std(draw(injector, X), axis=1) for draw in (by_tensors, by_numpy))
        assert stats.ks_2samp(ours, theirs).pvalue > 1e-3
        assert np.ptp(ours) > 0.1

    def test_leave_rows_as_they_are_without_noise(self, kind):
        X = np.random.default_rng(0).random((5, 40), dtype=np.float32)
        np.testing.assert_allclose(by_tensors(injector_of(kind, level=0), X), X, rtol=1e-6)

    def test_clip(self, kind):
        X = np.random.default_rng(0).random((50, 40), dtype=np.float32)
        clipped = by_tensors(injector_of(kind, level=0.9, clip=True), X)
        np.testing.assert_array_equal(clipped, by_tensors(injector_of(kind, level=0.9), X).clip(0, 1))

    def test_depend_on_the_seed(self, kind):
        X = np.full((5, 40), 0.5, dtype=np.float32)
        first, again, other = (by_tensors(injector_of(kind), X, seed) for seed in (3, 3, 4))
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)
        assert len(np.unique(first, axis=0)) == 5


def test_other_noise_has_no_form_for_tensors():
    assert device_noise(NoiseInjector("poisson")) is None
    assert device_noise(NoiseInjector(blur=1)) is None
    assert device_noise(NoiseInjector(lambda X, level, rng: X)) is None
