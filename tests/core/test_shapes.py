"""Warnings about wrong image shapes, given or guessed, and silence about correct ones."""

import tracemalloc
import warnings

import numpy as np
import pytest
import skimage.data
from sklearn.preprocessing import FunctionTransformer

from sk_denoise import ImageFilter
from sk_denoise._core.shapes import read_layout
from sk_denoise.displays import DenoisingDisplay
from sk_denoise.metrics import ssim

CAMERA, ASTRONAUT = skimage.data.camera() / 255, skimage.data.astronaut() / 255


def crops(image, n, height, width, step=1):
    rng = np.random.default_rng(0)
    places = step * rng.integers(0, [(512 - height) // step, (512 - width) // step], (n, 2))
    return np.stack([image[y : y + height, x : x + width] for y, x in places]).reshape(n, -1)


def mosaic():
    """Raw image of a sensor with a Bayer filter."""
    raw = ASTRONAUT[..., 1].copy()
    raw[::2, ::2], raw[1::2, 1::2] = ASTRONAUT[::2, ::2, 0], ASTRONAUT[1::2, 1::2, 2]
    return raw


def spectra():
    areas = np.kron(np.random.default_rng(0).random((30, 2, 2, 3)), np.ones((1, 4, 4, 1)))
    return (areas @ np.exp(-((np.arange(100) - np.array([[20], [50], [80]])) ** 2) / 200)).reshape(30, -1)


def interlaced(height, width):
    images = crops(CAMERA, 30, height, width).reshape(30, height, width)
    images[:, ::2] = np.roll(images[:, ::2], 4, axis=2)
    return images.reshape(30, -1)


def pattern(function):
    return np.stack([function(*np.mgrid[y : y + 32, x : x + 32]) for x in range(6) for y in range(6)]).reshape(36, -1)


GIVEN = {
    "grey as RGB": (crops(CAMERA[..., None].repeat(3, axis=2), 40, 32, 32), (32, 32, 3)),
    "grey as RGBA": (crops(CAMERA[..., None].repeat(4, axis=2), 40, 36, 64), (36, 64, 4)),
    "mosaic": (crops(mosaic(), 30, 32, 32, step=2), (32, 32)),
    "interlaced": (interlaced(48, 64), (48, 64)),
    "spectral cube": (spectra(), (8, 8, 100)),
    "rows of one value": (pattern(lambda y, x: y % 2.0), (32, 32)),
    "columns of one value": (pattern(lambda y, x: x % 2.0), (32, 32)),
    "chequers": (pattern(lambda y, x: (y // 2 + x // 2) % 2.0), (32, 32)),
    "grating": (pattern(lambda y, x: np.sin((y + x) / 2)), (32, 32)),
    "signals": (np.cumsum(np.random.default_rng(0).standard_normal((150, 200)), axis=1), (1, 200)),
    "lines of an image": (CAMERA[100:164, 100:164], (8, 8)),
}


def film(n, side, scene):
    noise = np.random.default_rng(1).standard_normal((n, side * side))
    return scene(np.random.default_rng(0), side * side) + 0.02 * noise


def stars(rng, n_pixels):
    return 1.0 * (rng.random(n_pixels) < 0.05)


def flat_field(rng, n_pixels):
    return 1 + 0.1 * rng.standard_normal(n_pixels)


@pytest.fixture
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("noise", [0, 0.1])
def test_true_given_shapes_are_silent(name, noise, quiet):
    X, shape = GIVEN[name]
    read_layout(shape, X + noise * np.random.default_rng(0).standard_normal(X.shape))


@pytest.mark.parametrize("scene", [stars, flat_field])
@pytest.mark.parametrize(("n", "side"), [(100, 16), (256, 16), (256, 32)])
def test_still_films_are_silent(n, side, scene, quiet):
    read_layout(None, film(n, side, scene))


@pytest.mark.parametrize("size", [(64, 64), (256, 256), (128, 128), (512, 512), (100, 144), (160, 200)])
@pytest.mark.parametrize("name", ["camera", "brick", "coins", "moon"])
def test_one_image_is_told_from_rows(size, name):
    image = getattr(skimage.data, name)()[: size[0], : size[1]].astype(float)
    with pytest.warns(UserWarning, match=r"X\.reshape\(1, -1\)") as caught:
        read_layout(None, image)
    assert len(caught) == 1 and f"image_shape={image.shape}" in str(caught[0].message)


@pytest.mark.parametrize("kind", ["walks", "sines", "steps", "one wave"])
def test_signals_are_no_lines_of_an_image(kind):
    rng, t = np.random.default_rng(0), np.linspace(0, 1, 200)
    X = {
        "walks": np.cumsum(rng.standard_normal((150, 200)), axis=1),
        "sines": np.sin(2 * np.pi * (3 * t + rng.random((150, 1)))),
        "steps": 1.0 * (t > rng.random((150, 1))),
        "one wave": np.exp(-(((t - 0.3) / 0.05) ** 2)) + 0.02 * rng.standard_normal((150, 200)),
    }[kind]
    with pytest.warns(UserWarning, match="signal") as caught:
        read_layout(None, X)
    assert "X.reshape(1, -1)" not in str(caught[0].message)


@pytest.mark.parametrize(("height", "width"), [(48, 64), (64, 48)])
def test_colour_images_are_told_from_their_transposes(height, width):
    with pytest.warns(UserWarning, match=rf"image_shape=\({height}, {width}, 3\)"):
        read_layout(None, crops(ASTRONAUT, 40, height, width))


@pytest.mark.parametrize(("height", "width"), [(48, 64), (30, 40), (36, 64)])
def test_swapped_sides(height, width):
    with pytest.warns(UserWarning, match=rf"image_shape=\({height}, {width}\)"):
        read_layout((width, height), crops(CAMERA, 40, height, width))


@pytest.mark.parametrize("given", [(48, 64, 3), (3, 48, 64), None])
def test_channels_first_are_moved_last(given):
    images = crops(ASTRONAUT, 40, 48, 64)
    X = images.reshape(40, 48, 64, 3).transpose(0, 3, 1, 2).reshape(40, -1)
    with pytest.warns(UserWarning) as caught:
        read_layout(given, X)
    remedy = "X.reshape(-1, 3, 48, 64).transpose(0, 2, 3, 1).reshape(len(X), -1)"
    assert remedy in str(caught[0].message)
    np.testing.assert_array_equal(eval(remedy, {"X": X}), images)


def test_rows_to_the_last_are_looked_at():
    X = np.vstack([np.full((100, 2304), 0.5), crops(CAMERA, 27, 36, 64)])
    with pytest.warns(UserWarning, match=r"image_shape=\(36, 64\)"):
        read_layout(None, X)


def test_few_rows_are_copied(quiet):
    X = np.zeros((8000, 4096), "u1")
    tracemalloc.start()
    read_layout(None, X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < X.nbytes / 2


def test_one_image_for_fits_and_metrics():
    image = CAMERA[100:164, 100:164]
    for call in (lambda: ImageFilter("gaussian", sigma=0.5).fit(image, image), lambda: ssim(image, image)):
        with pytest.warns(UserWarning, match=r"image_shape=\(64, 64\)"):
            call()


def test_one_colour_image():
    with pytest.raises(ValueError, match=r"X\.reshape\(1, -1\).*image_shape=\(48, 64, 3\)"):
        ImageFilter().fit(np.zeros((48, 64, 3)))


def test_one_image_to_a_fitted_denoiser(digits):
    fitted = ImageFilter("gaussian", sigma=0.5).fit(digits[0])
    with pytest.raises(ValueError, match=r"8 features.*64 features.*X\.reshape\(1, -1\)"):
        fitted.transform(digits[0][0].reshape(8, 8))


def test_displays_tell_of_shapes():
    X = crops(CAMERA, 40, 36, 64)
    with pytest.warns(UserWarning, match=r"image_shape=\(36, 64\)"):
        DenoisingDisplay.from_estimator(FunctionTransformer().fit(X), X, n_images=2)
