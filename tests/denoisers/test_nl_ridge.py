"""NL-Ridge on crops of photographs, on correlated noise, and on images that are tiny or constant."""

import itertools
import threading
import tracemalloc
import warnings

import numpy as np
import pytest
from helpers import ROUNDING
from scipy import ndimage, signal
from skimage import color, data, restoration, util
from threadpoolctl import threadpool_info

from sk_denoise import ImageFilter
from sk_denoise.denoisers import _nl_ridge
from sk_denoise.denoisers._nl_ridge import nl_ridge
from sk_denoise.metrics import psnr


def crop(name="camera", side=112, dtype=np.float32):
    return util.img_as_float(getattr(data, name)())[100 : 100 + side, 180 : 180 + side].astype(dtype)


def add_noise(clean, sigma, seed=0):
    return clean + sigma * np.random.default_rng(seed).standard_normal(clean.shape).astype(clean.dtype)


def decibels(clean, image):
    return psnr(clean.reshape(1, -1), image.reshape(1, -1), data_range=(0, 1))


def blurring(blur):
    """Kernel that keeps the level of white noise, and the autocorrelation of the noise that it blurs."""
    kernel = np.zeros((13, 13))
    kernel[6, 6] = 1
    kernel = ndimage.gaussian_filter(kernel, blur)
    kernel /= np.linalg.norm(kernel)
    return kernel, signal.correlate2d(kernel, kernel)


@pytest.fixture(scope="module")
def noisy():
    """A photograph in float64, with noise of level 0.1."""
    return add_noise(crop(dtype=np.float64), 0.1)


class TestQuality:
    @pytest.mark.parametrize(("sigma", "gain"), [(0.05, 5), (0.1, 7), (0.2, 9)])
    def test_gain(self, sigma, gain):
        clean = crop()
        dirty = add_noise(clean, sigma)
        found = decibels(clean, nl_ridge(dirty, sigma))
        assert found > decibels(clean, dirty) + gain
        options = {"h": 0.6 * sigma, "sigma": sigma, "patch_size": 5, "patch_distance": 6}
        assert found > decibels(clean, restoration.denoise_nl_means(dirty, **options)) + 0.5

    def test_fast_is_nearly_as_good(self):
        clean = crop()
        dirty = add_noise(clean, 0.1)
        assert decibels(clean, nl_ridge(dirty, 0.1, fast=True)) > decibels(clean, nl_ridge(dirty, 0.1)) - 0.5

    @pytest.mark.parametrize("name", ["moon", "brick"])
    def test_the_middle_pass_helps(self, name, monkeypatch):
        clean = crop(name)
        dirty = add_noise(clean, 0.2)
        three = decibels(clean, nl_ridge(dirty, 0.2))
        one_pass, n_passes = _nl_ridge._denoise, itertools.count(1)
        monkeypatch.setattr(
            _nl_ridge,
            "_denoise",
            lambda noisy, pilot, *args: pilot if next(n_passes) == 2 else one_pass(noisy, pilot, *args),
        )
        two = decibels(clean, nl_ridge(dirty, 0.2))
        assert next(n_passes) == 4
        assert three > two + 0.1

    def test_flat_images_become_flat(self):
        """Choosing the nearest patches would select those with similar noise."""
        dirty = add_noise(np.zeros((80, 80)), 1.0)
        assert nl_ridge(dirty, 1.0).std() < 0.1

    def test_brightness_that_changes_slowly_stays(self):
        clean = np.linspace(0, 2, 80)[:, None] + np.linspace(0, 1, 80)
        assert np.abs(nl_ridge(add_noise(clean, 0.1), 0.1) - clean).max() < 0.12

    @pytest.mark.parametrize("blur", [0.7, 1.0, (0.0, 0.8)])
    def test_correlated_noise(self, blur):
        clean = crop("moon")
        kernel, correlation = blurring(blur)
        noise = ndimage.convolve(np.random.default_rng(0).standard_normal(clean.shape), kernel, mode="wrap")
        dirty = (clean + 0.1 * noise).astype(np.float32)
        gained = decibels(clean, nl_ridge(dirty, 0.1, correlation=correlation)) - decibels(clean, dirty)
        assert gained > decibels(clean, nl_ridge(dirty, 0.1)) - decibels(clean, dirty) + 2
        assert gained > 8

    def test_colours_are_better_together(self):
        clean = crop("astronaut", 72)
        dirty = add_noise(clean, 0.1)
        alone = np.stack([nl_ridge(dirty[..., channel], 0.1) for channel in range(3)], axis=-1)
        assert decibels(clean, nl_ridge(dirty, 0.1)) > decibels(clean, alone) + 0.7

    def test_grey_as_colour(self, noisy):
        small = noisy[:50, :40]
        np.testing.assert_array_equal(nl_ridge(small[..., None], 0.1)[..., 0], nl_ridge(small, 0.1))


class TestSameResult:
    def test_input_is_kept(self):
        for dtype in (np.float32, np.float64):
            image = add_noise(crop(side=40, dtype=dtype), 0.1)
            before = image.copy()
            assert nl_ridge(image, 0.1).dtype == nl_ridge(image, 0).dtype == dtype
            np.testing.assert_array_equal(image, before)
            assert not np.shares_memory(nl_ridge(image, 0), image)

    def test_integers_become_float32(self):
        image = np.round(255 * add_noise(crop(side=30), 0.1)).astype(int)
        assert nl_ridge(image, 25.5).dtype == np.float32
        np.testing.assert_array_equal(nl_ridge(image, 25.5), nl_ridge(image.astype(np.float32), 25.5))

    def test_seeds(self, noisy):
        first, again, other = (nl_ridge(noisy[:60, :60], 0.1, random_state=seed) for seed in (0, 0, 1))
        np.testing.assert_array_equal(first, again)
        assert 0 < np.abs(first - other).max() < 0.1

    @pytest.mark.parametrize("correlation", [None, blurring(0.7)[1]])
    def test_brightness_and_contrast(self, noisy, correlation):
        small = noisy[:60, :60]
        expected = 3 * nl_ridge(small, 0.1, correlation=correlation) - 50
        found = nl_ridge(3 * small - 50, 0.3, correlation=correlation)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)

    def test_tiles(self, noisy, monkeypatch):
        expected = nl_ridge(noisy, 0.1)
        monkeypatch.setattr(_nl_ridge, "TILE", 2 * _nl_ridge.TILE)
        np.testing.assert_allclose(nl_ridge(noisy, 0.1), expected, rtol=0, atol=ROUNDING[np.float64])

    def test_threads(self, noisy, monkeypatch):
        dirty = noisy.astype(np.float32)
        results = []
        for n_threads in (1, 3):
            monkeypatch.setattr(_nl_ridge, "effective_n_threads", lambda n=n_threads: n)
            results.append(nl_ridge(dirty, 0.1))
        np.testing.assert_allclose(*results, rtol=0, atol=ROUNDING[np.float32])

    def test_precision(self, noisy):
        """Rounding can change which patch is chosen, but not how good the result is."""
        clean = crop(dtype=np.float64)
        single, double = nl_ridge(noisy.astype(np.float32), 0.1), nl_ridge(noisy, 0.1)
        assert abs(decibels(clean, single) - decibels(clean, double)) < 0.05

    def test_blas_threads_are_restored(self, noisy):
        before = [library["num_threads"] for library in threadpool_info()]
        calls = [threading.Thread(target=nl_ridge, args=(noisy[:size, :size], 0.1)) for size in (20, 30, 50)]
        for call in calls:
            call.start()
        for call in calls:
            call.join()
        assert [library["num_threads"] for library in threadpool_info()] == before


class TestAnyImage:
    @pytest.mark.parametrize("shape", [(1, 1), (1, 2), (1, 30), (30, 1), (2, 2), (3, 5), (8, 8), (5, 20), (6, 7, 3)])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("correlation", [None, blurring(0.7)[1]])
    def test_finite(self, shape, dtype, correlation):
        rng = np.random.default_rng(0)
        zeros = np.zeros(shape, dtype)
        for image in (zeros, zeros + dtype(0.3), 255 * rng.integers(0, 2, shape).astype(dtype), rng.random(shape)):
            for sigma in (0, 1e-9, 0.1, 1e6):
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    found = nl_ridge(image.astype(dtype), sigma, correlation=correlation)
                assert found.shape == shape and np.isfinite(found).all()

    def test_constant_images_stay(self):
        image = np.full((50, 40), 0.3)
        for correlation in (None, blurring(1.0)[1]):
            np.testing.assert_allclose(nl_ridge(image, 0.1, correlation=correlation), image, atol=1e-9)

    def test_no_autocorrelation(self):
        """Estimated correlations can have negative frequencies."""
        image = add_noise(crop(side=40), 0.1)
        assert np.isfinite(nl_ridge(image, 0.1, correlation=[[0, 0.9, 0], [0.9, 1, 0.9], [0, 0.9, 0]])).all()

    @pytest.mark.slow
    def test_memory(self):
        image = add_noise(np.tile(crop(side=256), (4, 4)), 0.1)
        tracemalloc.start()
        nl_ridge(image, 0.1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 300e6


class TestImageFilter:
    def test_is_the_function(self):
        dirty = add_noise(crop(side=50), 0.1)
        _, correlation = blurring(0.7)
        for given in (None, correlation):
            params = {"level": 0.1, "correlation": given, "image_shape": (50, 50), "data_range": (0, 1)}
            est = ImageFilter("nl_ridge", **params).fit(dirty.reshape(1, -1))
            found = est.transform(dirty.reshape(1, -1)).reshape(50, 50)
            np.testing.assert_allclose(found, nl_ridge(dirty, 0.1, correlation=given), atol=1e-6)

    def test_units(self):
        dirty = add_noise(crop(side=50, dtype=np.float64), 0.1)
        est = ImageFilter("nl_ridge", level=0.1, data_range=(10, 210)).fit(200 * dirty.reshape(1, -1) + 10)
        found = est.transform(200 * dirty.reshape(1, -1) + 10).reshape(50, 50)
        np.testing.assert_allclose(found, 200 * nl_ridge(dirty, 0.1) + 10, atol=1e-8)

    def test_level(self, noisy):
        row = noisy.reshape(1, -1)
        est = ImageFilter("nl_ridge", data_range=(0, 1)).fit(row)
        assert est.params_ == {"level": est.level_, "correlation": None}
        assert est.level_ == pytest.approx(0.1, rel=0.2)
        clean = crop(dtype=np.float64).reshape(1, -1)
        assert decibels(clean, est.transform(row)) > decibels(clean, row) + 6

    def test_level_from_pairs(self):
        clean = crop(side=40, dtype=np.float64).reshape(1, -1)
        est = ImageFilter("nl_ridge", level="auto", calibration="supervised", data_range=(0, 1))
        assert est.fit(clean, X_clean=clean).params_["level"] == 0

    @pytest.mark.parametrize(
        "correlation", [np.ones((2, 3)), 2 * np.ones((3, 3)), [[0, 1, 0.5]], [1.0], [[np.nan]], "x"]
    )
    def test_wrong_correlations(self, small, correlation):
        with pytest.raises(ValueError, match="correlation"):
            ImageFilter("nl_ridge", correlation=correlation).fit(small)
        with pytest.raises(ValueError, match="correlation"):
            ImageFilter("tv", correlation=None).fit(small)


def test_colour_image_of_any_number_of_channels():
    clean = color.rgb2gray(crop("astronaut", 48))[..., None] * np.linspace(0.5, 1, 4)
    dirty = add_noise(clean, 0.1)
    assert decibels(clean, nl_ridge(dirty, 0.1)) > decibels(clean, dirty) + 6
