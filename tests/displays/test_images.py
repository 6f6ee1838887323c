"""DenoisingDisplay and choose_rows."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

from sk_denoise.displays import DenoisingDisplay, choose_rows
from sk_denoise.metrics import psnr


def texts(labels):
    return [label.get_text() for label in labels]


def test_rows_drawn(fitted, field):
    noisy, X, y = field
    display = DenoisingDisplay.from_estimator(fitted[-1], noisy, X_clean=X, y=y, n_images=4, labels=[8, 9])
    assert list(display.images) == ["clean", "noisy", "denoised", "residual"]
    assert len(display.ax_.images) == 16
    assert set(texts(display.ax_.get_xticklabels())) <= {"8", "9"}
    assert list(DenoisingDisplay.from_estimator(fitted[-1], noisy).images) == ["noisy", "denoised"]
    colour = DenoisingDisplay({"clean": X[:2, :60]}, image_shape=(4, 5, 3), data_range=(0, 16)).plot()
    assert colour.ax_.images[0].get_array().shape == (4, 5, 3)


@pytest.mark.parametrize("n_images", [1, 10, 25])
def test_residuals_have_a_colour_bar_in_units_of_the_rows(fitted, field, n_images, inside):
    noisy, X, y = field
    display = DenoisingDisplay.from_estimator(fitted[-1], noisy, X_clean=X, y=y, n_images=n_images)
    assert texts(display.ax_.get_yticklabels())[-1] == "denoised\n− clean"
    (bar,) = display.ax_.child_axes
    low, zero, high = texts(bar.get_yticklabels())
    assert (low[0], low[1:], zero) == ("−", high[1:], "0")
    covered = np.mean(np.abs(display.images["residual"]) <= float(high))
    assert 0.99 < covered <= 1
    assert inside(display.figure_)


@pytest.mark.parametrize("scale", [1e-3, 1, 40])
def test_the_scale_of_residuals_follows_their_spread(digits, scale):
    error = np.random.default_rng(0).normal(0, scale, (5, 64))
    images = {"clean": digits[0][:5], "denoised": digits[0][:5] + error, "residual": error}
    display = DenoisingDisplay(images, image_shape=(8, 8), data_range=(0, 16)).plot()
    drawn = display.ax_.images[-1]
    assert 2.5 * scale < drawn.norm.vmax <= 4 * scale
    assert drawn.norm.vmin == -drawn.norm.vmax
    np.testing.assert_array_equal(drawn.get_array(), error[-1].reshape(8, 8))


def test_no_residual():
    display = DenoisingDisplay({"residual": np.zeros((1, 16))}, image_shape=(4, 4), data_range=(0, 1)).plot()
    np.testing.assert_array_equal(display.ax_.images[0].to_rgba(0.0), display.ax_.images[0].cmap(0.5))


def test_colour_residuals_agree_with_their_bar():
    residual = np.zeros((2, 2, 3))
    residual[0, 0], residual[0, 1], residual[1, 0] = (5, -9, 0), (0, 0, 3), (2, 2, 2)
    rows = residual.reshape(1, -1)
    display = DenoisingDisplay({"residual": rows}, image_shape=(2, 2, 3), data_range=(0, 255)).plot()
    (drawn,) = display.ax_.images
    np.testing.assert_array_equal(drawn.get_array(), [[-9, 3], [2, 0]])
    (bar,) = display.ax_.child_axes
    assert texts(bar.get_yticklabels()) == ["−10", "0", "+10"]
    np.testing.assert_array_equal(drawn.to_rgba(0.0), drawn.cmap(0.5))


def test_large_rows_are_drawn_at_full_resolution():
    rows = np.random.default_rng(0).random((2, 300 * 200))
    display = DenoisingDisplay({"noisy": rows, "denoised": rows}, image_shape=(300, 200), data_range=(0, 1)).plot()
    for image in display.ax_.images:
        assert image.get_window_extent().width > 199 and image.get_interpolation() == "nearest"
    small = Figure(figsize=(1, 1)).subplots()
    display.plot(ax=small)
    assert {image.get_interpolation() for image in small.images} == {"auto"}


def test_worst_and_best(fitted, field):
    noisy, X, y = field
    denoised = fitted[-1].transform(noisy)
    scores = psnr(X, denoised, data_range=(0, 16), per_image=True)
    options = {"X_clean": X, "y": y, "n_images": 5}
    worst = DenoisingDisplay.from_estimator(fitted[-1], noisy, show="worst", **options)
    np.testing.assert_allclose(worst.images["denoised"], denoised[np.argsort(scores)[:5]])
    assert texts(worst.ax_.get_xticklabels())[0] == f"{y[scores.argmin()]}\n{scores.min():.1f} dB"
    best = DenoisingDisplay.from_estimator(fitted[-1], noisy, show="best", labels=[3], **options)
    threes = np.flatnonzero(y == 3)
    np.testing.assert_allclose(best.images["clean"], X[threes[np.argsort(-scores[threes])[:5]]])


def test_psnr_is_infinite_for_exact_images_and_left_out_if_it_does_not_fit(field):
    same, X = FunctionTransformer(), field[1]
    for n_images, notes in ((2, ["inf dB"] * 2), (30, [])):
        display = DenoisingDisplay.from_estimator(same, X, X_clean=X, show="worst", n_images=n_images)
        assert [text for text in texts(display.ax_.get_xticklabels()) if text] == notes


def test_wrong_choice_of_images(fitted, field):
    noisy, X, y = field
    options = {"estimator": fitted[-1], "X": noisy, "X_clean": X, "y": y, "show": "worst"}
    wrong = {"X_clean": None, "labels": [11], "image_shape": (3, 3), "data_range": (1, 0)}
    wrong["estimator"] = LogisticRegression()
    for argument, value in wrong.items():
        with pytest.raises((TypeError, ValueError), match=rf"\b{argument}\b"):
            DenoisingDisplay.from_estimator(**(options | {argument: value}))


def test_choice_of_rows():
    errors = [9, 1, 8, np.inf]
    options = {"y": [0, 1, 0, 1], "labels": [1], "errors": errors}
    assert choose_rows(4, show="worst", **options).tolist() == [3, 1]
    assert choose_rows(4, show="best", **options).tolist() == [1, 3]
    assert choose_rows(4, 3).tolist() == [0, 1, 2]
    assert choose_rows(0).tolist() == []
    a, b = (choose_rows(100, 5, show="random", random_state=seed) for seed in (0, np.random.RandomState(0)))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, np.arange(5))


def test_wrong_choice_of_rows():
    for argument, options in (
        ("y", {"labels": [3]}),
        ("labels", {"labels": [3], "y": [1, 1, 2]}),
        ("errors", {"show": "best"}),
        ("errors", {"show": "best", "errors": [1, 2]}),
        ("errors", {"show": "best", "errors": [1, 2, np.nan]}),
    ):
        with pytest.raises(ValueError, match=rf"\b{argument}\b"):
            choose_rows(3, **options)
