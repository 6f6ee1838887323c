import numpy as np
import pytest

from sk_denoise.displays import DenoisingDisplay, LossCurveDisplay, choose_rows


def test_rows_drawn(fitted, digits):
    X, y = digits[0][1200:], digits[1][1200:]
    noisy = np.asarray(fitted[0].transform(X))
    display = DenoisingDisplay.from_estimator(fitted[-1], noisy, X_clean=X, y=y, n_images=4, labels=[8, 9])
    assert list(display.images) == ["clean", "noisy", "denoised", "residual"]
    assert len(display.ax_.images) == 16
    assert {t.get_text() for t in display.ax_.get_xticklabels()} <= {"8", "9"}
    assert display.figure_ is display.ax_.figure
    assert list(DenoisingDisplay.from_estimator(fitted[-1], noisy).images) == ["noisy", "denoised"]


def test_colour_images():
    images = {"clean": np.random.default_rng(0).random((2, 4 * 5 * 3))}
    display = DenoisingDisplay(images, image_shape=(4, 5, 3), data_range=(0, 1)).plot()
    assert display.ax_.images[0].get_array().shape == (4, 5, 3)


def test_random_choice_is_seeded():
    a, b = (choose_rows(100, 5, shuffle=True, random_state=0) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, np.arange(5))


def test_losses(fitted):
    display = LossCurveDisplay.from_estimator(fitted[-1])
    assert len(display.ax_.lines) == 1
    assert len(display.ax_.lines[0].get_xdata()) == fitted[-1].n_iter_


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"n_images": 0}, "n_images must be"),
        ({"labels": [3]}, "needs y"),
        ({"labels": [3], "y": [1, 1, 2]}, "must hold some of the labels"),
    ],
)
def test_bad_choice(options, match):
    with pytest.raises(ValueError, match=match):
        choose_rows(3, **options)
