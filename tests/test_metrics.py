import numpy as np
import pytest

from sk_denoise import NoiseInjector
from sk_denoise.metrics import accuracy_recovery, mean_squared_error, psnr, ssim


def test_psnr_is_scikit_images(digits):
    from skimage.metrics import peak_signal_noise_ratio

    X = digits[0][:50]
    noisy = np.asarray(NoiseInjector(level=0.2, random_state=0).fit_transform(X))
    assert psnr(X, noisy) == pytest.approx(peak_signal_noise_ratio(X, noisy, data_range=16))
    each = psnr(X, noisy, per_image=True)
    assert each[3] == pytest.approx(peak_signal_noise_ratio(X[3], noisy[3], data_range=16))


def test_exact_images_are_infinite_alone_and_finite_pooled(digits):
    X = digits[0][:4]
    noisy = X.copy()
    noisy[0, 20] += 1
    each = psnr(X, noisy, per_image=True)
    assert np.isfinite(each[0]) and np.isinf(each[1:]).all()
    assert np.isfinite(psnr(X, noisy))
    assert psnr(X, X) == np.inf


def test_units_do_not_matter(digits):
    X = digits[0][:20]
    noisy = np.asarray(NoiseInjector(level=0.2, random_state=0).fit_transform(X))
    for metric in (psnr, ssim, mean_squared_error):
        assert metric(X * 16, noisy * 16) == pytest.approx(metric(X, noisy))


def test_uint8_does_not_wrap():
    assert mean_squared_error(np.array([[200]], "u1"), np.array([[250]], "u1"), data_range=(0, 50)) == 1


@pytest.mark.parametrize("shape", [(8, 8), (4, 4, 4), (1, 64), None])
def test_ssim_shapes_and_order(digits, shape):
    X = digits[0][:10]
    low, high = (np.asarray(NoiseInjector(level=v, random_state=0).fit_transform(X)) for v in (0.1, 0.5))
    assert 1 > ssim(X, low, image_shape=shape) > ssim(X, high, image_shape=shape)
    assert ssim(X, low, image_shape=shape, per_image=True).shape == (10,)


def test_a_weight_of_two_is_the_row_given_twice(digits):
    X = digits[0][:4]
    noisy = np.asarray(NoiseInjector(level=0.2, random_state=0).fit_transform(X))
    twice = [0, 1, 1, 2, 3]
    assert psnr(X, noisy, sample_weight=[1, 2, 1, 1]) == pytest.approx(psnr(X[twice], noisy[twice]))


def test_accuracy_recovery():
    assert accuracy_recovery(0.9, 0.5, 0.4) == pytest.approx(-0.25)
    assert np.isnan(accuracy_recovery(0.9, 0.95, 0.9))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: psnr([[0, 1]], [[0, 1, 2]]), "X_pred must have the shape"),
        (lambda: psnr([[0, np.nan]], [[0, 1]]), "NaN"),
        (lambda: psnr([[0, 1]], [[0, 1]], data_range=3), "data_range"),
        (lambda: psnr(np.zeros((2, 3, 3)), np.zeros((2, 3, 3))), "reshape"),
        (lambda: ssim([[0, 1, 1, 0]], [[0, 1, 1, 0]]), "at least 3 pixels"),
        (lambda: ssim([[0, 1, 1, 0]], [[0, 1, 1, 0]], image_shape=(3, 3)), "image_shape must be"),
        (lambda: accuracy_recovery(90, 0.5, 0.4), "clean must be an accuracy"),
        (lambda: accuracy_recovery(0.9, 0.5, "x"), "denoised must be an accuracy"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(ValueError, match=match):
        call()
