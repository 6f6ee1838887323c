"""`denoise` on images of all forms, kinds of noise, and bad input."""

import warnings

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import data

from sk_denoise import ImageFilter, denoise, estimate_noise

CLEAN = data.camera()[100:228, 150:278].astype(float)


def white(shape=CLEAN.shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def db(image, clean=CLEAN):
    return -10 * np.log10(np.mean((np.asarray(image, dtype=float) - clean) ** 2) / 255**2)


NOISY = {
    "gaussian": CLEAN + 20 * white(),
    "poisson": np.random.default_rng(0).poisson(CLEAN / 255 * 30) * 255 / 30,
    "rician": np.hypot(CLEAN + 20 * white(), 20 * white(seed=1)),
    "correlated": CLEAN + 20 * gaussian_filter(white(), 0.8, mode="wrap") / 0.35,
}


@pytest.mark.parametrize("kind", NOISY)
def test_the_error_falls(kind):
    noisy = NOISY[kind].copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error" if kind != "rician" else "ignore")  # about dark areas
        denoised = denoise(noisy)
    np.testing.assert_array_equal(noisy, NOISY[kind])
    assert db(denoised) > db(noisy) + 4
    assert denoised.shape == noisy.shape and denoised.dtype == noisy.dtype


def test_variance_is_stabilized_for_photon_noise():
    noisy = NOISY["poisson"]
    assert estimate_noise(noisy).kind == "poisson_gaussian"
    assert db(denoise(noisy)) > db(denoise(noisy, noise=float(np.std(noisy - CLEAN)))) + 0.5


def test_impulses_are_replaced_and_all_else_is_kept():
    noisy, chance = CLEAN.clip(1, 254), np.random.default_rng(0).random(CLEAN.shape)
    noisy[chance < 0.1], noisy[chance > 0.9] = 0, 255
    denoised = denoise(noisy)
    good = (noisy > 0) & (noisy < 255)
    np.testing.assert_array_equal(denoised[good], noisy[good])
    assert db(denoised) > db(noisy) + 10


@pytest.mark.parametrize("end", [0, 255])
def test_impulses_of_one_colour_warn_and_are_left_to_the_median(end):
    noisy = np.where(np.random.default_rng(0).random(CLEAN.shape) < 0.05, end, CLEAN.clip(1, 254))
    with pytest.warns(UserWarning, match="isolated .* pass method='median'"):
        denoise(noisy)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert db(denoise(noisy, method="median")) > db(noisy) + 6
    row = ImageFilter("median", image_shape=noisy.shape, data_range=(0, 255)).fit_transform(noisy.reshape(1, -1))
    assert db(row.reshape(noisy.shape)) > db(noisy) + 6


def test_forms_and_dtypes_come_back():
    noisy = NOISY["gaussian"]
    stack = np.stack([noisy, noisy[::-1]])
    assert denoise(stack).shape == stack.shape
    listed = denoise([noisy, noisy[:90, :110]])
    assert isinstance(listed, list) and [image.shape for image in listed] == [(128, 128), (90, 110)]
    np.testing.assert_allclose(listed[0], denoise(noisy))
    assert denoise(noisy.astype("float32")).dtype == np.float32
    integers = denoise(np.clip(noisy, 0, 255).astype("uint8"))
    assert integers.dtype == np.float32 and integers.min() >= 0 and integers.max() <= 255


def test_units_do_not_matter():
    noisy = NOISY["gaussian"]
    np.testing.assert_allclose(denoise(noisy / 255) * 255, denoise(noisy), atol=0.5)


def test_colour_images_need_their_axis():
    clean = data.astronaut()[:96, 180:276].astype(float)
    noisy = clean + 25 * white(clean.shape)
    with pytest.raises(ValueError, match="channel_axis"):
        denoise(noisy)
    denoised = denoise(noisy, channel_axis=-1)
    assert db(denoised, clean) > db(noisy, clean) + 5
    first = denoise(np.moveaxis(noisy, -1, 0), channel_axis=0)
    np.testing.assert_allclose(np.moveaxis(first, 0, -1), denoised)


@pytest.mark.parametrize("method", ["median", "tv", "wavelet", "nlm", "nl_ridge"])
def test_other_filters(method):
    noisy = NOISY["gaussian"]
    assert db(denoise(noisy, method=method)) > db(noisy) + 2


def test_methods_for_white_noise_warn_of_correlated_noise():
    with pytest.warns(UserWarning, match="correlated"):
        denoise(NOISY["correlated"], method="tv")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        denoise(NOISY["correlated"], method="nl_ridge")


def test_channels_of_different_noise_warn():
    colour = data.astronaut()[:128, :128] / 255
    noise = [0.03, 0.1, 0.1] * np.random.default_rng(0).standard_normal(colour.shape)
    with pytest.warns(UserWarning, match="channels of image differs in strength"):
        denoise(colour + noise, channel_axis=-1)


def test_noise_can_be_given():
    noisy = NOISY["gaussian"]
    estimate = estimate_noise(noisy)
    np.testing.assert_allclose(denoise(noisy, noise=estimate), denoise(noisy))
    np.testing.assert_allclose(denoise(noisy, noise=estimate.sigma), denoise(noisy))
    np.testing.assert_allclose(denoise(noisy, noise=0.0), noisy)


def test_a_map_of_the_noise():
    levels = np.linspace(5, 50, CLEAN.size).reshape(CLEAN.shape)
    noisy = CLEAN + levels * white()
    mapped = denoise(noisy, noise=levels)
    assert db(mapped) > db(denoise(noisy, noise=float(np.sqrt(np.mean(levels**2))))) + 0.5
    np.testing.assert_allclose(denoise([noisy, noisy], noise=[levels, 20.0])[0], mapped)
    np.testing.assert_allclose(denoise(NOISY["gaussian"], noise=np.full(CLEAN.shape, 20.0)),
                               denoise(NOISY["gaussian"], noise=20.0), atol=1e-6)  # fmt: skip
    np.testing.assert_allclose(denoise(np.stack([noisy, noisy]), noise=levels)[1], mapped)
    colour = np.stack([noisy] * 3)
    assert denoise(colour, noise=levels, channel_axis=0).shape == colour.shape


@pytest.mark.parametrize(
    ("arguments", "keywords", "name"),
    [
        ([[]], {}, "image"),
        ([np.full((64, 64), np.nan)], {}, "image"),
        ([np.zeros((1, 1))], {}, "image"),
        ([[CLEAN, np.zeros((64, 64, 3))]], {}, r"image\[1\]"),
        ([CLEAN], {"method": "magic"}, "method"),
        ([CLEAN], {"noise": -1}, "noise"),
        ([CLEAN], {"noise": CLEAN[1:] + 1}, "noise"),
        ([CLEAN], {"noise": np.zeros(CLEAN.shape)}, "noise"),
        ([[CLEAN, CLEAN]], {"noise": [20.0]}, "noise"),
        ([[CLEAN, CLEAN]], {"noise": [20.0, "white"]}, r"noise\[1\]"),
        ([CLEAN], {"noise": "white"}, "noise"),
        ([CLEAN[:8, :8]], {}, "noise"),
        ([CLEAN], {"noise": estimate_noise(CLEAN[:8, :8])}, "noise"),
    ],
)
def test_bad_input_names_the_argument(arguments, keywords, name):
    with pytest.raises(ValueError, match=name):
        denoise(*arguments, **keywords)


def test_images_of_one_value_stay_as_they_are():
    image = np.full((64, 64), 7.0)
    np.testing.assert_allclose(denoise(image), image)


def test_black_areas_stay_black_without_impulses():
    clean = np.clip(data.coins()[50:178, 50:178].astype(int) - 90, 0, 255)
    noisy, chance = clean.copy(), np.random.default_rng(0).random(clean.shape)
    noisy[chance < 0.05], noisy[chance > 0.95] = 0, 255
    assert db(denoise(noisy.astype("uint8")), clean) > db(noisy, clean) + 10


def test_black_and_white_pages_taken_for_impulses_warn():
    page = np.where(data.text() > np.median(data.text()) - 25, 255, 0)[:160, :160]
    noisy = np.clip(np.round(page + 5 * white(page.shape, seed=5)), 0, 255).astype("uint8")
    assert estimate_noise(noisy).kind == "salt_pepper"
    with pytest.warns(UserWarning, match="black or white"):
        denoise(noisy)


def test_drawings_on_a_clipped_background_are_not_erased():
    clean = np.full((160, 160), 255)
    clean[::10], clean[:, ::10] = 0, 0
    noisy = np.clip(clean + 25 * white(clean.shape), 0, 255).astype("uint8")
    with pytest.raises(ValueError, match="estimate"):
        denoise(noisy)
    assert db(denoise(noisy, noise=25.0), clean) > db(noisy, clean)


@pytest.mark.parametrize("method", ["tv", "nl_ridge"])
def test_the_given_noise_decides_how_much_is_removed(method):
    removed = [
        np.std(denoise(NOISY["gaussian"], method=method, noise=s) - NOISY["gaussian"]) for s in (0.0, 10.0, 40.0)
    ]
    assert removed[0] == 0 < removed[1] < removed[2]


class TestUnits:
    """Noise in other units than the image is noticed; photon noise may have any black level."""

    def test_negative_values_of_photon_counts_stay(self):
        clean = 4 * CLEAN - 1000
        noisy = np.random.default_rng(0).poisson(CLEAN) * 4.0 - 1000
        assert estimate_noise(noisy).kind == "poisson_gaussian"
        assert db(denoise(noisy), clean) > db(noisy, clean) + 3
        row = ImageFilter("tv", image_shape=noisy.shape).fit_transform(noisy.reshape(1, -1)).reshape(noisy.shape)
        assert db(row, clean) > db(noisy, clean) + 3

    @pytest.mark.parametrize("noise", ["estimate", 20.0, "black level"])
    def test_stronger_noise_than_the_image_is_an_error(self, noise):
        if noise == "estimate":
            noise = estimate_noise(NOISY["gaussian"])
        elif noise == "black level":
            noise = estimate_noise(np.random.default_rng(0).poisson(CLEAN) + 100.0)
        with pytest.raises(ValueError, match="units of the image"):
            denoise(NOISY["gaussian"] / 255, noise=noise)
        if not isinstance(noise, float):
            with pytest.raises(ValueError, match="units of the image"):
                ImageFilter("tv", image_shape=CLEAN.shape, noise=noise).fit(NOISY["gaussian"].reshape(1, -1) / 255)

    def test_an_estimate_of_much_smaller_values_warns(self):
        with pytest.warns(UserWarning, match="other units"):
            denoise(NOISY["gaussian"], noise=estimate_noise(NOISY["gaussian"] / 255))

    @pytest.mark.parametrize("dtype", [np.float16, np.longdouble])
    @pytest.mark.parametrize("method", ["median", "gaussian", "nlm", "nl_ridge"])
    def test_unusual_floats(self, dtype, method):
        noisy = NOISY["gaussian"].astype(dtype)
        denoised = denoise(noisy, method=method, noise=20.0)
        assert denoised.dtype == dtype and db(denoised) > db(noisy) + 2
