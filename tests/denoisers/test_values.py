"""Regression tests for input that was once misinterpreted silently."""

import warnings

import numpy as np
import pytest
import skimage.data
from helpers import quick
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from sk_denoise import DenoisingAutoencoder, EstimatorDenoiser, ImageFilter, NoiseInjector, recovery_report
from sk_denoise.metrics import psnr, psnr_scorer, ssim, ssim_scorer

DENOISERS = [quick(), ImageFilter("tv", weight=0.1), EstimatorDenoiser(PCA(8, random_state=0))]


@pytest.fixture
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture(scope="module")
def pairs(digits):
    clean = digits[0][:600] / 16
    return clean + np.random.default_rng(0).normal(0, 0.05, clean.shape), clean


def photographs(n, height, width, colour=False):
    """Crops of a photograph, in [0, 1]."""
    image = (skimage.data.astronaut() if colour else skimage.data.camera()) / 255
    rng = np.random.default_rng(0)
    places = [(rng.integers(512 - height), rng.integers(512 - width)) for _ in range(n)]
    return np.stack([image[y : y + height, x : x + width] for y, x in places]).reshape(n, -1)


class TestScoringInventsNoNoise:
    def test_search_on_pairs(self, pairs):
        noisy, clean = pairs
        grid = {"estimator__alpha": [0.1, 1, 10, 100]}
        with pytest.warns(UndefinedMetricWarning, match=r"\by\b"), pytest.warns(UserWarning, match="non-finite"):
            search = GridSearchCV(EstimatorDenoiser(Ridge()), grid, cv=3).fit(noisy, X_clean=clean)
        assert np.isnan(search.cv_results_["mean_test_score"]).all()
        search = GridSearchCV(EstimatorDenoiser(Ridge()), grid, cv=3).fit(noisy, clean)
        assert search.best_params_ == {"estimator__alpha": 0.1} and search.best_score_ > 20

    def test_validation_rows_alone_after_pairs(self, pairs):
        noisy, clean = pairs
        with pytest.raises(ValueError, match="validation_data"):
            quick().fit(noisy[:300], X_clean=clean[:300], validation_data=noisy[300:])
        fitted = quick().fit(noisy[:300], X_clean=clean[:300], validation_data=(noisy[300:], clean[300:]))
        assert len(fitted.history_["val_loss"]) == 2

    @pytest.mark.parametrize("denoiser", [*DENOISERS, DenoisingAutoencoder(epochs=10, random_state=0)])
    def test_plain_rows_behind_an_injector(self, digits, denoiser):
        noise = NoiseInjector("masking", 0.1, when="fit", random_state=0)
        pipe = make_pipeline(noise, clone(denoiser)).fit(digits[0][:1000])
        masked = clone(noise).set_params(when="always", data_range=(0, 16)).fit_transform(digits[0][1000:])
        assert pipe.score(digits[0][1000:]) == pipe[-1].score(masked)

    @pytest.mark.parametrize("denoiser", DENOISERS)
    def test_scorers_score_every_denoiser(self, pairs, denoiser, quiet):
        noisy, clean = pairs
        for scorer in (psnr_scorer, ssim_scorer):
            assert np.isfinite(cross_val_score(clone(denoiser), noisy[:90], clean[:90], scoring=scorer, cv=2)).all()


class TestLiveReferences:
    @pytest.mark.parametrize("denoiser", DENOISERS[::2])
    def test_one_injector_at_three_levels(self, digits, denoiser):
        injector, fits = NoiseInjector(random_state=0), []
        rows = [injector.set_params(level=level).fit_transform(digits[0][:300]) for level in (0.1, 0.5, 0.9)]
        for noisy, level in zip(rows, (0.1, 0.5, 0.9)):
            assert noisy.injector.level == level
            fits.append(clone(denoiser).fit(noisy).transform(digits[0][:9]))
        alone = NoiseInjector(level=0.1, random_state=0).fit_transform(digits[0][:300])
        np.testing.assert_allclose(fits[0], clone(denoiser).fit(alone).transform(digits[0][:9]), atol=1e-6)

    @pytest.mark.parametrize("denoiser", DENOISERS)
    def test_clean_rows_written_on(self, digits, denoiser):
        X = digits[0][:300].copy()
        noisy = NoiseInjector(random_state=0).fit_transform(X)
        X /= 16
        with pytest.raises(ValueError, match=r"^X carries clean rows that have changed"):
            clone(denoiser).fit(noisy)
        with pytest.raises(ValueError, match=r"^X carries"):
            clone(denoiser).fit(digits[0][:300]).score(noisy)

    def test_last_rows_written_on(self, digits):
        X = digits[0][:127].copy()
        noisy = NoiseInjector(random_state=0).fit_transform(X)
        X[64:] *= 0.1
        with pytest.raises(ValueError, match=r"^X carries"):
            ImageFilter("gaussian", sigma=0.5).fit(noisy)


class TestShapes:
    def fits(self, X, clean=None, **params):
        for denoiser in (ImageFilter("gaussian", sigma=0.5, **params), quick(**params)):
            yield lambda denoiser=denoiser: denoiser.fit(X, X_clean=clean)

    def test_wide_images_are_no_squares(self):
        X = photographs(40, 36, 64)
        for fit in self.fits(X):
            with pytest.warns(UserWarning, match=r"image_shape=\(36, 64\)"):
                fit()

    def test_colour_images_are_no_squares(self):
        for fit in self.fits(photographs(40, 48, 64, colour=True)):
            with pytest.warns(UserWarning, match=r"image_shape=\(48, 64, 3\)"):
                fit()

    def test_ssim_and_reports(self):
        X = photographs(40, 36, 64)
        with pytest.warns(UserWarning, match=r"image_shape=\(36, 64\)"):
            ssim(X, X)
        given = {"augmented": False, "n_seeds": 1, "levels": 0.5}
        with pytest.warns(UserWarning, match=r"image_shape=\(36, 64\)"):
            recovery_report("passthrough", GaussianNB(), X, np.arange(40) % 2, **given)

    def test_channels_first(self):
        for fit in self.fits(photographs(40, 32, 32, colour=True), image_shape=(3, 32, 32)):
            with pytest.warns(UserWarning, match=r"image_shape=\(32, 32, 3\)"):
                fit()

    def test_one_image_as_rows(self):
        image = skimage.data.camera()[100:164, 100:164] + np.random.default_rng(0).normal(0, 25, (64, 64))
        for fit in self.fits(image):
            with pytest.warns(UserWarning, match=r"X.reshape\(1, -1\)"):
                fit()
        with pytest.raises(ValueError, match=r"image_shape.*X.reshape\(1, -1\)"):
            ImageFilter(image_shape=(64, 64)).fit(image)

    def test_one_row_teaches_a_network_nothing(self):
        with pytest.warns(UserWarning, match="^X has one row only"):
            quick().fit(photographs(1, 8, 8))

    @pytest.mark.parametrize("noise", [0, 0.3])
    @pytest.mark.parametrize("side", [8, 28, 64])
    def test_true_squares_are_silent(self, digits, side, noise, quiet):
        rows = digits[0][:60] / 16 if side == 8 else photographs(60, side, side)
        rows = rows + noise * np.random.default_rng(0).standard_normal(rows.shape)
        ImageFilter("gaussian", sigma=0.5).fit(rows)

    def test_true_shapes_are_silent(self, quiet):
        ImageFilter("gaussian", sigma=0.5, image_shape=(36, 64)).fit(photographs(40, 36, 64))
        ImageFilter("gaussian", sigma=0.5, image_shape=(32, 32, 3)).fit(photographs(40, 32, 32, colour=True))

    def test_frames_of_a_film_are_silent(self, digits, quiet):
        film = digits[0][:1] / 16 + 0.01 * np.random.default_rng(0).standard_normal((30, 64))
        ImageFilter("gaussian", sigma=0.5).fit(film)


class TestTwoArraysTwoUnits:
    @pytest.mark.parametrize("denoiser", DENOISERS)
    def test_pairs(self, pairs, denoiser):
        noisy, clean = pairs
        grey = (noisy.clip(0, 1) * 255).astype("u1")
        with pytest.warns(UserWarning, match="order of magnitude"):
            clone(denoiser).fit(grey, X_clean=clean)
        with pytest.warns(UserWarning, match="order of magnitude"):
            clone(denoiser).fit(noisy.clip(0, 1), X_clean=clean * 255)

    @pytest.mark.parametrize("denoiser", DENOISERS)
    def test_fit_and_use(self, digits, denoiser):
        frames = (digits[0][:300] * 15.9).astype("u1")
        fitted = clone(denoiser).fit(frames)
        for method in ("transform", "predict", "encode"):
            if hasattr(fitted, method):
                with pytest.warns(UserWarning, match=r"^X has .* order of magnitude"):
                    getattr(fitted, method)(frames / 255)

    def test_partial_fit(self, digits):
        frames = (digits[0][:300] * 15.9).astype("u1")
        fitted = quick().partial_fit(frames)
        with pytest.warns(UserWarning, match="order of magnitude"):
            fitted.partial_fit(frames / 255)

    def test_noise_and_metrics(self, digits):
        frames = (digits[0][:300] * 15.9).astype("u1")
        with pytest.warns(UserWarning, match="order of magnitude"):
            NoiseInjector().fit(frames).transform(frames / 255)
        with pytest.warns(UserWarning, match="^X_pred .* order of magnitude"):
            psnr(frames, frames / 255)

    def test_reports(self, digits):
        frames = (digits[0][:300] * 15.9).astype("u1")
        given = {
            "X_test": frames[:100] / 255,
            "y_test": digits[1][:100],
            "augmented": False,
            "n_seeds": 1,
            "levels": 0.5,
        }
        with pytest.warns(UserWarning, match="^X_test .* order of magnitude"):
            recovery_report("passthrough", GaussianNB(), frames, digits[1][:300], **given)

    @pytest.mark.parametrize("denoiser", DENOISERS)
    def test_noise_and_dim_frames_are_silent(self, digits, denoiser, quiet):
        frames = (digits[0][:300] * 15.9).astype("u1")
        fitted = clone(denoiser).fit(frames)
        fitted.transform(np.minimum(frames, 9))  # dim
        fitted.transform(np.zeros_like(frames[:3]))
        fitted.transform(NoiseInjector(level=4, clip=False, random_state=0).fit(frames).transform(frames))


class TestRanges:
    def test_scorers_take_the_denoisers_range(self, digits):
        clean = digits[0][:300] / 16
        noisy = clean + 0.2 * np.random.default_rng(0).standard_normal(clean.shape)
        clean[-1, 0] = noisy[-1, 0] = 200  # one bright pixel in one fold
        denoiser = ImageFilter("median", size=1, data_range=(0, 255))
        scores = cross_val_score(denoiser, noisy, clean, scoring=psnr_scorer, cv=3)
        assert scores == pytest.approx([20 * np.log10(255 / 0.2)] * 3, abs=1)

    @pytest.mark.parametrize("dtype, expected", [(bool, (0, 1)), ("u1", (0, 255)), (float, (0, 1))])
    def test_dtype_first(self, dtype, expected):
        assert NoiseInjector().fit(np.zeros((9, 16), dtype)).data_range_ == expected

    def test_a_black_frame_first(self, digits):
        frames = (digits[0][:30] * 12).astype("u1")
        injector = NoiseInjector(level=0.01, random_state=0).fit(np.zeros_like(frames))
        assert injector.transform(frames).max() > 100
        assert psnr(np.zeros((1, 16), "u1"), np.full((1, 16), 10, "u1")) == pytest.approx(28.13, abs=0.01)

    def test_masks_in_uint8(self):
        with pytest.warns(UserWarning, match=r"data_range=\(0, 1\)"):
            NoiseInjector().fit(np.eye(16, dtype="u1"))

    @pytest.mark.parametrize("denoiser", DENOISERS)
    def test_one_hot_pixel(self, digits, denoiser):
        X = digits[0][:300] * 250
        X[7, 20] = 65535
        with pytest.warns(UserWarning, match="^data_range='auto' is .*pass data_range="):
            clone(denoiser).fit(X)

    def test_bright_details_are_silent(self, digits, quiet):
        X = digits[0][:300] * 250
        X[:, 0] = 9000  # a mark in each image, not a hot pixel
        NoiseInjector().fit(X)
