"""Scores without clean images: `sure_score` is the true PSNR, all order denoisers, and bad input is refused."""

import warnings
from functools import partial

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import color, data
from skimage.restoration import denoise_tv_chambolle
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sk_denoise import EstimatorDenoiser, ImageFilter, NoiseInjector, PatchDenoiser, denoise, estimate_noise
from sk_denoise.evaluation import blind_spot_score, blind_spot_scorer, sure_score, sure_scorer
from sk_denoise.metrics import psnr

CLEAN = color.rgb2gray(data.chelsea())[60:188, 100:228]
SIGMA = 0.1
UNIT = {"data_range": (0, 1)}


def white(shape=CLEAN.shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


NOISY = CLEAN + SIGMA * white()


def true_psnr(clean, denoised):
    return psnr(clean.reshape(1, -1), np.asarray(denoised).reshape(1, -1), data_range=(0, 1))


def functions():
    names = ("median", "gaussian", "tv", "wavelet", "nlm", "nl_ridge")
    return {name: lambda image, name=name: denoise(image, method=name, noise=SIGMA) for name in names}


@pytest.mark.parametrize("name", functions())
def test_white_noise(name):
    function = functions()[name]
    db, error = sure_score(function, NOISY, SIGMA, **UNIT)
    assert 0 < error < 1
    assert abs(db - true_psnr(CLEAN, function(NOISY))) < 3 * error


@pytest.mark.parametrize("width", [0.7, (0.0, 1.2)])
def test_correlated_noise(width):
    """A blur is linear, so its score must be right for noise of any correlation, and wrong if it is ignored."""
    injector = NoiseInjector("gaussian", SIGMA, blur=width, clip=False, data_range=(0, 1), random_state=0)
    clean = np.tile(CLEAN, (3, 3))
    noisy = injector.fit_transform([clean])[0]
    blur = lambda image: gaussian_filter(image, 1.0)
    db, error = sure_score(blur, noisy, injector)
    truth = true_psnr(clean, blur(noisy))
    assert abs(db - truth) < 4 * error
    assert sure_score(blur, noisy, SIGMA, **UNIT)[0] > truth + 2


def test_the_injector_of_noisy_images_says_how_strong_the_noise_is():
    noisy = NoiseInjector(level=SIGMA, clip=False, random_state=0).fit_transform([np.uint8(255 * CLEAN)])
    db, _error = sure_score(gaussian_filter1, noisy, noisy.injector)
    assert abs(db - sure_score(gaussian_filter1, noisy, 255 * SIGMA, data_range=(0, 255))[0]) < 1e-9


def gaussian_filter1(image):
    return gaussian_filter(image, 1.0)


def test_identity_has_the_error_of_the_noise():
    db, error = sure_score(lambda image: image, NOISY, SIGMA, **UNIT)
    assert db == pytest.approx(20, abs=1e-6)
    assert error == pytest.approx(0, abs=1e-6)


def test_the_correlation_is_that_of_the_injector():
    """The probe for blurred noise has the covariance that the injector draws."""
    from sk_denoise.evaluation._choosing import _read_noise

    injector = NoiseInjector("gaussian", 1.0, blur=(1.0, 0.5), clip=False, data_range=(0, 1), random_state=0)
    noise = injector.fit_transform([np.full((400, 400), 0.5)])[0] - 0.5
    _, correlation = _read_noise(injector)
    reach = correlation.shape[0] // 2
    found = np.array([[np.mean(noise[8:-8, 8:-8] * np.roll(noise, (dy, dx), (0, 1))[8:-8, 8:-8])
                       for dx in range(-reach, reach + 1)] for dy in range(-reach, reach + 1)])  # fmt: skip
    np.testing.assert_allclose(found, correlation, atol=0.03)


def test_rows(digits):
    clean = digits[0] / 16
    noisy = clean + 0.3 * white(clean.shape)
    model = EstimatorDenoiser(PCA(12), data_range=(0, 1)).fit(clean[:1000])
    db, error = sure_score(model, noisy[1000:], 0.3)
    assert abs(db - model.score(noisy[1000:], clean[1000:])) < 4 * error
    filtered = ImageFilter("gaussian", sigma=0.5, data_range=(0, 1)).fit(clean)
    assert sure_score(filtered, noisy[1000:], 0.3)[0] == pytest.approx(
        sure_score(lambda image: gaussian_filter(image, 0.5), noisy[1000:].reshape(-1, 8, 8), 0.3, **UNIT)[0], abs=0.5
    )


def test_forms_and_units():
    expected, _ = sure_score(lambda image: gaussian_filter(image, 1), [NOISY, NOISY[:64]], SIGMA, **UNIT)
    found, _ = sure_score(
        lambda image: gaussian_filter(image, 1), [255 * NOISY, 255 * NOISY[:64]], 255 * SIGMA, data_range=(0, 255)
    )
    assert found == pytest.approx(expected, abs=1e-6)
    colour = np.stack([NOISY] * 3)
    smooth = lambda image: gaussian_filter(image, (0, 1, 1))
    one, _ = sure_score(smooth, colour, SIGMA, channel_axis=0, **UNIT)
    stack, _ = sure_score(smooth, np.stack([colour, colour]), SIGMA, channel_axis=1, **UNIT)
    assert one == pytest.approx(stack, abs=0.1)
    assert one == pytest.approx(expected, abs=0.5)


def test_float32_images_are_compared_in_float64():
    assert sure_score(lambda image: gaussian_filter(image, 1), NOISY.astype("float32"), SIGMA, **UNIT)[
        0
    ] == pytest.approx(sure_score(lambda image: gaussian_filter(image, 1), NOISY, SIGMA, **UNIT)[0], abs=1e-3)


def test_padding_is_left_out():
    padded, smooth = np.pad(NOISY, 40), lambda image: denoise_tv_chambolle(image, 0.1)
    db, error = sure_score(smooth, padded, SIGMA, **UNIT)
    inner = smooth(padded)[40:-40, 40:-40]
    assert abs(db - true_psnr(CLEAN, inner)) < 3 * error


def test_clipped_noise_warns():
    dark = np.clip(CLEAN - 0.4, 0, 1)
    with pytest.warns(UserWarning, match="clipped"):
        sure_score(functions()["tv"], np.clip(dark + SIGMA * white(), 0, 1), SIGMA, **UNIT)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sure_score(functions()["tv"], NOISY, SIGMA, **UNIT)


def test_estimated_noise_orders_denoisers():
    estimate = estimate_noise(NOISY)
    scores = {name: sure_score(function, NOISY, estimate, **UNIT)[0] for name, function in functions().items()}
    truths = {name: true_psnr(CLEAN, function(NOISY)) for name, function in functions().items()}
    assert truths[max(scores, key=scores.get)] > max(truths.values()) - 0.2


@pytest.mark.parametrize(
    ("arguments", "keywords", "match"),
    [
        ([make_pipeline(NoiseInjector(), ImageFilter()), NOISY, 0.1], {}, r"pipe\[1:\]"),
        ([functions()["tv"], NOISY, 0.0], {}, "noise"),
        ([functions()["tv"], NOISY, "auto"], {}, "noise"),
        ([functions()["tv"], NOISY, NoiseInjector("poisson")], {}, "Gaussian"),
        ([functions()["tv"], NOISY, NoiseInjector(level=(0.1, 0.2))], {}, "single"),
        ([functions()["tv"], NOISY, NoiseInjector(level=0.1)], {}, "data range"),
        ([ImageFilter("median", size=3).fit(NOISY.reshape(1, -1)), NOISY, 0.1], {}, r"reshape\(1, -1\)"),
        ([functions()["tv"], np.stack([NOISY] * 3, -1), 0.1], {}, "channel_axis"),
        ([functions()["tv"], [], 0.1], {}, "noisy"),
        ([lambda image: image[1:], NOISY, 0.1], {}, "denoiser must return"),
    ],
)
def test_bad_input_names_the_argument(arguments, keywords, match):
    with pytest.raises(ValueError, match=match):
        sure_score(*arguments, **keywords)


def test_not_a_denoiser():
    with pytest.raises(TypeError, match="denoiser"):
        sure_score("tv", NOISY, 0.1)


class TestDenoisersThatMislead:
    """Denoisers whose result cannot be scored raise, and those that work in place are scored correctly."""

    @pytest.mark.parametrize(("function", "match"), [(lambda image: image * np.nan, "finite"), (np.rint, "not round")])
    def test_refused(self, function, match):
        with pytest.raises(ValueError, match=match):
            sure_score(function, 255 * NOISY, 255 * SIGMA, data_range=(0, 255))

    def test_in_place(self):
        def halve(image):
            image *= 0.5
            return image

        assert sure_score(halve, NOISY, SIGMA, **UNIT) == sure_score(lambda image: image / 2, NOISY, SIGMA, **UNIT)

    def test_other_units(self):
        with pytest.raises(ValueError, match="units of the image"):
            sure_score(gaussian_filter1, NOISY, 255 * SIGMA)

    def test_the_range_is_that_of_the_last_step(self):
        fitted = make_pipeline(ImageFilter("median", size=3, data_range=(0, 1))).fit(NOISY.reshape(1, -1))
        rows = NOISY.reshape(1, -1)
        assert sure_score(fitted, rows, SIGMA, image_shape=NOISY.shape)[0] == pytest.approx(
            sure_score(fitted[-1], rows, SIGMA, image_shape=NOISY.shape)[0]
        )


def images_with_noise(seed, n=4, side=64):
    clean = [CLEAN[top : top + side, left : left + side] for top in (0, 64) for left in (0, 64)][:n]
    return clean, [image + SIGMA * white(image.shape, seed + i) for i, image in enumerate(clean)]


halve = lambda image: image / 2


@pytest.mark.parametrize("channel_axis", [1, 2, -1, -3])
@pytest.mark.parametrize("score", [partial(sure_score, noise=SIGMA), blind_spot_score])
def test_stacks_of_colours_have_the_axis_of_the_denoiser(score, channel_axis):
    stack = np.moveaxis(np.stack([np.stack([NOISY[:48, :64]] * 3, -1)] * 2), -1, channel_axis)
    inner = EstimatorDenoiser(PCA(8), noise=None)
    denoiser = PatchDenoiser(inner, patch_shape=(8, 8), channel_axis=channel_axis, random_state=0).fit(stack)
    db, error = score(denoiser, stack, channel_axis=channel_axis, **UNIT)
    listed = score(lambda image: denoiser.transform(image[None])[0], stack, channel_axis=channel_axis, **UNIT)
    assert (db, error) == pytest.approx(listed)


def test_an_injector_inside_a_search_is_refused():
    digits = NOISY.reshape(-1, 64)
    pipe = make_pipeline(NoiseInjector(random_state=0), EstimatorDenoiser(PCA(4)))
    search = GridSearchCV(pipe, {"estimatordenoiser__estimator__n_components": [4]}, cv=2).fit(digits)
    for score in (partial(sure_score, noise=SIGMA), blind_spot_score):
        with pytest.raises(ValueError, match=r"search.best_estimator_\[1:\]"):
            score(search, digits)


def test_images_of_one_value_do_not_count():
    blur = lambda image: gaussian_filter(image, 1)
    for score in (partial(sure_score, noise=SIGMA), blind_spot_score):
        assert score(blur, [NOISY, np.full((40, 40), 0.5)], **UNIT) == pytest.approx(score(blur, [NOISY], **UNIT))


@pytest.mark.parametrize("score", [partial(sure_score, noise=SIGMA), blind_spot_score])
def test_images_of_one_value(score):
    with pytest.raises(ValueError, match="noisy must hold images with noise"):
        score(lambda image: image, np.full((8, 8), 0.5), **UNIT)


class TestScorer:
    def test_values(self):
        """Of a linear filter of single pixels, the derivative is exact."""
        expected = -10 * np.log10(np.mean(NOISY**2) / 4)
        assert sure_scorer(halve, NOISY, noise=SIGMA, **UNIT) == pytest.approx(expected, abs=1e-6)
        assert sure_scorer(halve, NOISY, noise=SIGMA) == sure_score(halve, NOISY, SIGMA)[0]
        assert sure_scorer(halve, NOISY) == sure_score(halve, NOISY, estimate_noise(NOISY))[0]

    def test_a_search_finds_the_best_setting(self):
        clean, noisy = (np.reshape(images, (4, -1)) for images in images_with_noise(10))
        grid = {"sigma": [0.3, 0.8, 2.5]}
        search = GridSearchCV(ImageFilter("gaussian", **UNIT), grid, cv=2)
        blind = clone(search).set_params(scoring=sure_scorer).fit(noisy)
        true = search.fit(noisy, clean)
        assert blind.best_params_ == true.best_params_ == {"sigma": 0.8}
        np.testing.assert_allclose(blind.cv_results_["mean_test_score"], true.cv_results_["mean_test_score"], atol=0.5)

    def test_a_search_over_images_of_different_sizes(self):
        clean, noisy = images_with_noise(20)
        noisy[0], clean[0] = noisy[0][:50], clean[0][:50]
        pca = PatchDenoiser(EstimatorDenoiser(PCA(), noise=None), patch_shape=(8, 8), random_state=0)
        grid = {"denoiser__estimator__n_components": [1, 8, 40]}
        scoring = partial(sure_scorer, noise=SIGMA, **UNIT)
        search = GridSearchCV(pca, grid, scoring=scoring, cv=2, error_score="raise").fit(noisy)
        psnrs = {}
        for n_components in grid["denoiser__estimator__n_components"]:
            fitted = clone(pca).set_params(denoiser__estimator__n_components=n_components).fit(noisy[2:])
            psnrs[n_components] = np.mean([true_psnr(*pair) for pair in zip(clean[:2], fitted.transform(noisy[:2]))])
        assert search.best_params_["denoiser__estimator__n_components"] == max(psnrs, key=psnrs.get)
        assert sure_scorer(search, noisy, noise=SIGMA, **UNIT) == pytest.approx(
            sure_scorer(search.best_estimator_, noisy, noise=SIGMA, **UNIT)
        )

    def test_rows_have_the_shape_of_the_denoiser(self):
        rows = np.reshape([image[:40] for image in images_with_noise(30)[1]], (4, -1))
        fitted = make_pipeline(ImageFilter("gaussian", sigma=0.8, image_shape=(40, 64), **UNIT)).fit(rows)
        estimate = estimate_noise(rows, image_shape=(40, 64))
        assert sure_scorer(fitted, rows) == sure_score(fitted, rows, estimate)[0]

    def test_noise_that_is_not_known(self, digits):
        fitted = ImageFilter("median", size=3).fit(digits[0])
        with pytest.raises(ValueError, match="noise=sigma"):
            sure_scorer(fitted, digits[0])
        photons = np.random.default_rng(0).poisson(CLEAN * 20)
        with pytest.raises(ValueError, match="Gaussian"):
            sure_scorer(halve, photons)

    @pytest.mark.parametrize(("function", "match"), [(lambda image: image * np.nan, "finite"), (np.rint, "not round")])
    def test_refused(self, function, match):
        with pytest.raises(ValueError, match=match):
            sure_scorer(function, 255 * NOISY, noise=255 * SIGMA)


class TestBlindSpot:
    def test_values(self):
        """Of the identity, the prediction is the mean of the neighbours; of a blur, it is computed pixel by pixel."""
        image = np.random.default_rng(0).random((5, 4))
        reflected = np.pad(image, 1, mode="reflect")
        means = (reflected[:-2, 1:-1] + reflected[2:, 1:-1] + reflected[1:-1, :-2] + reflected[1:-1, 2:]) / 4
        blur = lambda image: gaussian_filter(image, 0.7)
        blurred = np.empty_like(image)
        for row, column in np.ndindex(image.shape):
            filled = image.copy()
            filled[row % 2 :: 2, column % 2 :: 2] = means[row % 2 :: 2, column % 2 :: 2]
            blurred[row, column] = blur(filled)[row, column]
        for function, predicted in ((lambda image: image, means), (blur, blurred)):
            db, error = blind_spot_score(function, image, **UNIT)
            assert db == pytest.approx(-10 * np.log10(np.mean((predicted - image) ** 2)))
            assert np.isnan(error)  # of a single block

    def test_the_best_setting(self):
        blurs = {sigma: lambda image, sigma=sigma: gaussian_filter(image, sigma) for sigma in (0.4, 0.8, 1.2, 2.5)}
        scores = {sigma: blind_spot_score(blur, NOISY, **UNIT) for sigma, blur in blurs.items()}
        truths = {sigma: true_psnr(CLEAN, blur(NOISY)) for sigma, blur in blurs.items()}
        assert truths[max(scores, key=scores.get)] > max(truths.values()) - 0.3
        assert all(0 < error < 1 for _, error in scores.values())

    def test_hidden_pixels_are_not_seen(self):
        """The prediction of a pixel does not change with its value, so the identity gains nothing."""
        pure = white((64, 64))
        identity, smooth = (blind_spot_score(f, pure)[0] for f in (lambda x: x, lambda x: gaussian_filter(x, 4)))
        assert smooth > identity

    def test_rows_lists_and_colour(self):
        blur = lambda image: gaussian_filter(image, 0.8)
        rows = np.stack([NOISY[:64, :64], NOISY[64:, 64:]])
        expected = blind_spot_score(blur, list(rows), **UNIT)
        assert blind_spot_score(blur, rows, **UNIT) == pytest.approx(expected)
        fitted = ImageFilter("gaussian", sigma=0.8, **UNIT).fit(rows.reshape(2, -1))
        assert blind_spot_score(fitted, rows.reshape(2, -1)) == pytest.approx(expected, rel=1e-3)
        assert blind_spot_score(blur, 255 * rows, data_range=(0, 255)) == pytest.approx(expected)
        one = blind_spot_score(blur, NOISY, **UNIT)[0]
        for axis in (0, -1):
            smooth = lambda image, axis=axis: np.stack([blur(one) for one in np.moveaxis(image, axis, 0)], axis)
            colour = np.stack([NOISY] * 3, axis)
            assert blind_spot_score(smooth, colour, channel_axis=axis, **UNIT)[0] == pytest.approx(one)

    def test_signals(self):
        """A pixel in a single row has two neighbours; a single pixel has none."""
        rows = np.random.default_rng(0).random((6, 7))
        nothing = ImageFilter("median", size=1, image_shape=(1, 7)).fit(rows)
        padded = np.pad(rows, ((0, 0), (1, 1)), mode="reflect")
        errors = (padded[:, :-2] + padded[:, 2:]) / 2 - rows
        assert blind_spot_score(nothing, rows, **UNIT)[0] == pytest.approx(-10 * np.log10(np.mean(errors**2)))
        single = ImageFilter("median", size=1, image_shape=(1, 1)).fit(rows[:, :1])
        with pytest.raises(ValueError, match="single pixels"):
            blind_spot_score(single, rows[:, :1])

    @pytest.mark.parametrize(
        ("function", "noisy", "match"),
        [
            (make_pipeline(NoiseInjector(), ImageFilter()), NOISY, r"pipe\[1:\]"),
            (lambda image: image * np.nan, NOISY, "finite"),
            (halve, np.ones((1, 1)), "pixels"),
            (halve, np.stack([NOISY] * 3, -1), "channel_axis"),
            (lambda image: image[1:], NOISY, "denoiser must return"),
        ],
    )
    def test_refused(self, function, noisy, match):
        with pytest.raises(ValueError, match=match):
            blind_spot_score(function, noisy, **UNIT)


@pytest.mark.parametrize(
    "score", [partial(sure_score, noise=SIGMA), partial(sure_scorer, noise=SIGMA), sure_scorer, blind_spot_score]
)
def test_images_are_not_modified(score):
    def in_place(image):
        image *= 0.5
        return image

    noisy = NOISY.copy()
    noisy.flags.writeable = False
    assert score(in_place, noisy) == score(halve, NOISY)


def test_the_scorer_is_the_score():
    fitted = ImageFilter("gaussian", sigma=0.8, image_shape=NOISY.shape, **UNIT).fit(NOISY.reshape(1, -1))
    rows = NOISY.reshape(1, -1)
    assert blind_spot_scorer(fitted, rows) == blind_spot_score(fitted, rows)[0]
