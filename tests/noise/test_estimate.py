"""Estimates of noise agree with the noise that was added, on images on which nothing was tuned."""

import math
from functools import cache

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import data
from skimage.color import rgb2gray

from sk_denoise import NoiseInjector, estimate_noise
from sk_denoise.noise._fits import model_variance
from sk_denoise.noise._moments import blur_autocorrelation, blur_spectrum, clipped_moments, fit_blur


@cache
def image(name):
    """Greyscale, in [0, 1], read-only."""
    if name == "moon":
        array = data.moon()[100:400, 50:400] / 255
    elif name == "horse":
        array = np.where(data.horse(), 0.0, 0.6)
    else:
        array = rgb2gray(getattr(data, name)())[:400, :400]
    array.flags.writeable = False
    return array


def white(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def as_uint8(array):
    return np.round(255 * array.clip(0, 1)).astype(np.uint8)


@pytest.mark.parametrize("name", ["astronaut", "moon", "rocket"])
@pytest.mark.parametrize("level", [0.05, 0.2])
@pytest.mark.parametrize("clipped", [False, True])
def test_level_of_gaussian_noise(name, level, clipped):
    noisy = image(name) + level * white(image(name).shape)
    estimate = estimate_noise(as_uint8(noisy) if clipped else noisy)
    assert estimate.kind == "gaussian"
    assert estimate.sigma == pytest.approx(level * (255 if clipped else 1), rel=0.1)
    assert max(estimate.correlation) < 0.1


@pytest.mark.parametrize("peak", [20, 100])
def test_gain_of_photon_noise(peak):
    counts = np.random.default_rng(0).poisson(image("astronaut") * peak)
    estimate = estimate_noise(counts)  # integers
    assert estimate.kind == "poisson_gaussian"
    assert estimate.gain == pytest.approx(1, rel=0.12)
    injector = estimate.injector()
    assert injector.kind == "poisson_gaussian"
    # As a fraction of the range; the gain of counts is 1.
    assert injector.level**2 * np.ptp(counts) == pytest.approx(1, rel=0.12)


def test_rician_noise_needs_background():
    rng = np.random.default_rng(0)
    noise = 0.1 * rng.standard_normal((2, *image("horse").shape))
    estimate = estimate_noise(np.hypot(image("horse") + noise[0], noise[1]))
    assert estimate.kind == "rician"
    assert estimate.sigma == pytest.approx(0.1, rel=0.06)
    bright = 0.5 + 0.5 * image("moon")
    noise = 0.05 * rng.standard_normal((2, *bright.shape))
    estimate = estimate_noise(np.hypot(bright + noise[0], noise[1]))
    assert estimate.kind == "gaussian" and any("Rician" in note for note in estimate.notes)


@pytest.mark.parametrize("level", [0.02, 0.2])
def test_salt_and_pepper(level):
    rows = image("rocket").reshape(1, -1)
    noisy = NoiseInjector("salt_pepper", level, data_range=(0, 1), random_state=0).fit_transform(rows)
    estimate = estimate_noise(noisy.reshape(image("rocket").shape))
    assert estimate.kind == "salt_pepper"
    assert estimate.level == pytest.approx(level, rel=0.1)
    assert estimate.injector().level == estimate.level


@pytest.mark.parametrize("blur", [(0.7, 0.7), (1.0, 1.0), (0.0, 0.8)])
def test_correlation(blur):
    noise = gaussian_filter(white(image("astronaut").shape), blur, mode="wrap")
    estimate = estimate_noise(as_uint8(image("astronaut") + 0.1 * noise / noise.std()))
    expected = [blur_autocorrelation(width)[1] for width in blur]
    assert estimate.correlation == pytest.approx(expected, abs=0.1)
    array = estimate.autocorrelation
    centre = array.shape[0] // 2, array.shape[1] // 2
    assert all(size % 2 for size in array.shape) and array[centre] == array.max() == 1
    assert array[centre[0], centre[1] + 1] == pytest.approx(estimate.correlation[1])
    np.testing.assert_array_equal(array, array[::-1, ::-1])
    assert estimate.sigma == pytest.approx(25.5, rel=0.2)


def test_forms_and_units_agree(tmp_path):
    stack = image("astronaut")[:384, :384].reshape(2, 192, 384) + 0.1 * white((2, 192, 384))
    stack = stack.astype(np.float32)
    expected = estimate_noise(stack)
    assert expected.n_images == 2 and math.isfinite(expected.spread)
    mapped = np.memmap(tmp_path / "stack.bin", np.float32, "w+", shape=stack.shape)
    mapped[:] = stack
    for same, options in [
        (mapped, {}),
        (list(stack), {}),
        (stack.reshape(2, -1), {"image_shape": (192, 384)}),
    ]:
        assert estimate_noise(same, **options).sigma == expected.sigma
    scaled = estimate_noise(1000 * stack.astype(float) - 200)
    assert scaled.sigma == pytest.approx(1000 * expected.sigma, rel=1e-3)
    assert scaled.level == pytest.approx(expected.level, rel=1e-3)


def test_sizes_and_colours():
    sizes = [image("moon")[:200], image("moon")[100:, :150], image("moon")[:20, :20]]
    estimate = estimate_noise([part + 0.1 * white(part.shape) for part in sizes])
    assert estimate.sigma == pytest.approx(0.1, rel=0.1) and estimate.n_images == 3
    colour = data.astronaut()[:200, :200] / 255
    noisy = colour + 0.1 * white(colour.shape)
    first = estimate_noise(noisy, channel_axis=-1)
    assert first.sigma == pytest.approx(0.1, rel=0.1)
    assert estimate_noise(np.moveaxis(noisy, -1, 0), channel_axis=0).sigma == first.sigma


@pytest.mark.parametrize("size", [32, 64, 160])
def test_different_levels_are_noticed(size):
    camera = data.camera() / 255
    stack = np.stack([camera[i : i + size, i : i + size] for i in range(0, 240, 30)])
    levels = np.where(np.arange(8) % 2, 0.1, 0.05)[:, None, None]
    equal, different = (estimate_noise(stack + scale * white(stack.shape)) for scale in (0.1, levels))
    assert equal.is_uniform and not any("differs" in note for note in equal.notes)
    assert not different.is_uniform and any("differs" in note for note in different.notes)
    grey = estimate_noise(stack[0] + 0.1 * white(stack[0].shape))
    assert math.isnan(grey.spread) and grey.is_uniform


def test_uniform_photon_noise_has_one_level():
    rng = np.random.default_rng(0)
    camera = data.camera() / 255
    parts = [camera[13 * i : 13 * i + 128, 29 * i : 29 * i + 128] for i in range(6)]
    noisy = [100 + 2 * rng.poisson(200 * part) + 3 * white(part.shape) for part in [*parts, np.zeros((128, 128))]]
    assert estimate_noise(noisy).is_uniform


def test_levels_that_alternate_and_small_images_beside_large_ones():
    camera = data.camera() / 255
    parts = [camera[10 * i : 10 * i + 64, 100:164] for i in range(31)]
    levels = [0.05, 0.3] * 16
    assert not estimate_noise([part + level * white(part.shape) for part, level in zip(parts, levels)]).is_uniform
    large = np.tile(camera, (3, 3))
    small = [part[:40, :40] + 0.2 * white((40, 40)) for part in parts[:15]]
    assert not estimate_noise([large + 0.03 * white(large.shape), *small]).is_uniform


def test_different_levels_of_channels_are_noticed():
    colour = data.astronaut()[:200, :200] / 255
    assert estimate_noise(colour + 0.1 * white(colour.shape), channel_axis=-1).is_uniform
    estimate = estimate_noise(colour + [0.05, 0.1, 0.1] * white(colour.shape), channel_axis=-1)
    assert not estimate.is_uniform and estimate.spread == pytest.approx(0.024, rel=0.15)


def test_padding_is_not_measured():
    noisy = image("moon") + 0.05 * white(image("moon").shape)
    padded = np.pad(as_uint8(noisy), 60)
    assert estimate_noise(padded).sigma == pytest.approx(0.05 * 255, rel=0.1)


def test_input_is_not_modified_and_results_repeat():
    noisy = image("moon") + 0.05 * white(image("moon").shape)
    before = noisy.copy()
    assert str(estimate_noise(noisy)) == str(estimate_noise(noisy))
    np.testing.assert_array_equal(noisy, before)


def test_small_images_are_unclear(digits):
    estimate = estimate_noise(digits[0], image_shape=(8, 8))
    assert estimate.kind == "unclear" and math.isnan(estimate.level) and math.isnan(estimate.sigma)
    assert "too small" in str(estimate)
    with pytest.raises(ValueError, match="identified"):
        estimate.injector()


@pytest.mark.parametrize("dtype", [np.uint8, float])
def test_images_of_one_value(dtype):
    estimate = estimate_noise(np.full((64, 64), 7, dtype))
    assert estimate.kind == "unclear" and estimate.sigma == 0 and "same value" in estimate.notes[0]


def test_texture_hardly_raises_the_level():
    clean = image("astronaut")
    sigmas = [estimate_noise(clean + 0.05 * white(clean.shape, seed)).sigma for seed in range(3)]
    assert np.mean(sigmas) == pytest.approx(0.05, rel=0.03)  # 4 % too high if the texture is not subtracted


def test_texture_is_reported():
    texture = data.grass()[:300, :300] / 255
    estimate = estimate_noise(texture + 0.02 * white(texture.shape))
    assert any("texture" in note for note in estimate.notes)


def test_the_injector_draws_noise_that_gives_the_same_estimate():
    noisy = as_uint8(image("astronaut") + 0.1 * white(image("astronaut").shape))
    first = estimate_noise(noisy)
    clean = 255 * image("astronaut").reshape(1, -1)
    drawn = first.injector(random_state=1).fit(clean).transform(clean).reshape(noisy.shape)
    assert estimate_noise(as_uint8(drawn / 255)).sigma == pytest.approx(first.sigma, rel=0.05)


def test_clipped_moments_are_those_of_samples():
    for mean, sigma in [(0.05, 0.1), (0.5, 0.3), (0.95, 0.2)]:
        values = (mean + sigma * white(400_000)).clip(0, 1)
        expected = clipped_moments(mean, sigma, 0.0, 1.0)
        assert (values.mean(), values.var()) == pytest.approx(expected, rel=0.02)


def test_counts_without_dark_areas_are_not_taken_for_rician():
    """If counts are low and vary little, their variance grows with brightness much as it does for magnitudes."""
    x = np.linspace(-0.5, 0.5, 256)
    cone = 3 + 3 * np.clip(1.2 - 2 * np.hypot(x[:, None], x), 0, 1)
    for counts in np.random.default_rng(1).poisson(cone, (3, 256, 256)):
        for scale in (1, 0.1):
            estimate = estimate_noise(counts * scale)
            assert estimate.kind == "poisson_gaussian" and estimate.gain == pytest.approx(scale, rel=0.1)


@pytest.mark.parametrize("sigma", [2, 5, 20])
def test_rician_noise_of_whole_numbers_is_not_taken_for_counts(sigma):
    x, rng = np.linspace(-0.5, 0.5, 256), np.random.default_rng(0)
    disc = 8 * sigma * (x[:, None] ** 2 + x**2 < 0.15) * (1 + x)
    real, imaginary = sigma * rng.standard_normal((2, 256, 256))
    magnitudes = np.hypot(disc + real, imaginary).round().astype(np.int16)
    assert estimate_noise(magnitudes).kind == "rician"


def test_rician_variance_is_that_of_samples():
    for signal in (0.0, 0.15, 0.5):
        values = np.hypot(signal + 0.1 * white(400_000), 0.1 * white(400_000, 1))
        assert model_variance("rician", 0, 0.01, values.mean(), (False, False)) == pytest.approx(values.var(), rel=0.03)


@pytest.mark.parametrize("widths", [(0.5, 0.5), (0.0, 1.0), (1.2, 0.7)])
def test_blur_is_read_off_its_own_spectrum(widths):
    assert fit_blur(blur_spectrum(widths), 4) == pytest.approx(widths, abs=0.11)


def test_injectors_of_correlated_noise_draw_correlated_noise():
    clean = image("moon")[:256, :256]
    noise = gaussian_filter(white(clean.shape), 0.8, mode="wrap")
    estimate = estimate_noise(clean + 0.1 * noise / noise.std())
    injector = estimate.injector(random_state=0).set_params(image_shape=clean.shape, clip=False)
    drawn = np.asarray(injector.fit_transform(clean.reshape(1, -1))).reshape(clean.shape) - clean
    assert drawn.std() == pytest.approx(0.1, rel=0.08)
    assert np.mean(drawn[1:] * drawn[:-1]) / drawn.var() == pytest.approx(estimate.correlation[0], abs=0.06)
