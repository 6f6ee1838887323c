import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sk_denoise import EstimatorDenoiser, NoiseInjector
from sk_denoise.metrics import accuracy_recovery, psnr, psnr_scorer, ssim, ssim_scorer


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


def test_uint8_does_not_wrap():
    assert psnr(np.array([[200]], "u1"), np.array([[250]], "u1"), data_range=(0, 50)) == 0


@pytest.mark.parametrize("shape", [(8, 8), (4, 4, 4), (1, 64), None])
def test_ssim_shapes_and_order(digits, shape):
    X = digits[0][:10]
    low, high = (np.asarray(NoiseInjector(level=v, random_state=0).fit_transform(X)) for v in (0.1, 0.5))
    assert 1 > ssim(X, low, image_shape=shape) > ssim(X, high, image_shape=shape)
    assert ssim(X, low, image_shape=shape, per_image=True).shape == (10,)


@pytest.mark.parametrize(
    ("shape", "window"), [((8, 8), 7), ((16, 4), 3), ((4, 16), 3), ((5, 5, 2), 5), ((1, 64), 7), ((64, 1), 7)]
)
@pytest.mark.parametrize("data_range", [(0, 16), (-8, 24)])
def test_ssim_is_scikit_images(digits, shape, window, data_range):
    from skimage.metrics import structural_similarity

    size = int(np.prod(shape))
    X = digits[0][:5, :size]
    noisy = np.asarray(NoiseInjector(level=0.2, random_state=0).fit_transform(X))
    sides = tuple(side for side in shape if side > 1)
    channels = {"channel_axis": -1} if len(shape) > 2 else {}
    low, high = data_range
    options = {"win_size": window, "data_range": high - low} | channels
    expected = [structural_similarity(*(row.reshape(sides) - low for row in pair), **options) for pair in zip(X, noisy)]
    each = ssim(X, noisy, data_range=data_range, image_shape=shape, per_image=True)
    np.testing.assert_allclose(each, expected)
    assert ssim(X, noisy, data_range=data_range, image_shape=shape) == pytest.approx(np.mean(expected))


def test_errors_too_large_to_square_name_the_rows(digits):
    X = digits[0][:2]
    far = X.copy()
    far[0, 0] = -1e308
    for metric in (psnr, ssim):
        with pytest.raises(ValueError, match="X_pred"), warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            metric(X, far, data_range=(-4, 16))


def test_values_that_types_do_not_tell():
    for weights in ([1, 1, -1], [1, 1, np.nan]):
        with pytest.raises(ValueError, match="sample_weight"):
            psnr(np.eye(3), np.eye(3), sample_weight=weights)
    for size in (4, 64):
        with pytest.raises(ValueError, match="image_shape"):
            ssim([range(size)], [range(size)], image_shape=(2, size // 2))
    with pytest.raises(ValueError, match="accuracy_recovery"):
        accuracy_recovery(90, 0.5, 0.4)


def test_accuracy_recovery():
    assert accuracy_recovery(0.9, 0.5, 0.4) == pytest.approx(-0.25)
    assert accuracy_recovery(1, 0, 1) == 1
    assert accuracy_recovery(1, 0, 0) == 0
    for noisy in (0.9, 0.95):
        assert np.isnan(accuracy_recovery(0.9, noisy, 0.9))


def test_scorers_take_the_clean_rows_as_y(digits):
    X = digits[0][:200]
    noisy = np.asarray(NoiseInjector(level=0.2, random_state=0).fit_transform(X))
    denoiser = LinearRegression().fit(noisy, X)
    assert psnr_scorer(denoiser, noisy, X) == psnr(X, denoiser.predict(noisy))
    assert ssim_scorer(denoiser, noisy, X) == ssim(X, denoiser.predict(noisy))


class TestScorersWithoutCleanRows:
    """After an injector, a search has no clean rows to pass, but the denoiser knows them."""

    @pytest.fixture
    def rows(self, digits):
        return digits[0][:200], digits[1][:200]

    def pipe(self, **params):
        return make_pipeline(NoiseInjector(level=0.2, random_state=0), EstimatorDenoiser(PCA(8), **params))

    @pytest.mark.slow
    def test_psnr_is_the_denoisers_score(self, rows):
        X, labels = rows
        fitted = self.pipe().fit(X)
        search = GridSearchCV(self.pipe(), {"estimatordenoiser__estimator": [PCA(4), PCA(8)]}, scoring=psnr_scorer)
        for y in (None, labels, labels.tolist(), labels.astype(str)):
            assert psnr_scorer(fitted, X, y) == fitted.score(X) == psnr_scorer(fitted, X, X)
            searched = search.fit(X, y)
            assert searched.best_score_ == pytest.approx(clone(search).set_params(scoring=None).fit(X).best_score_)
            assert psnr_scorer(searched, X, y) == searched.score(X) == searched.best_estimator_.score(X)

    def test_pipelines_and_searches_may_be_nested(self, rows):
        X, _ = rows
        noisy = np.asarray(NoiseInjector(level=0.2, random_state=0).fit_transform(X))
        denoiser = EstimatorDenoiser(PCA(4), data_range=(0, 20))
        nested = make_pipeline("passthrough", GridSearchCV(denoiser, {"n_draws": [1]}, cv=2)).fit(noisy, X)
        assert psnr_scorer(nested, noisy, X) == psnr(X, nested.predict(noisy), data_range=(0, 20))

    def test_what_has_no_such_score_says_so(self, rows):
        X, labels = rows
        for scorer, estimator in ((psnr_scorer, LinearRegression().fit(X, X)), (ssim_scorer, self.pipe().fit(X))):
            for y in (None, labels):
                with pytest.raises(ValueError, match=rf"{scorer.__name__}.*\by\b"):
                    scorer(estimator, X, y)

    @pytest.mark.parametrize("metric", [psnr, ssim])
    def test_metrics_are_no_scorers(self, rows, metric):
        with pytest.raises(TypeError, match=f"{metric.__name__}_scorer"):
            metric(self.pipe().fit(rows[0]), rows[0])


class TestFrames:
    """Metrics accept what scikit-learn accepts, and detect columns in a different order."""

    @pytest.fixture(params=["pandas", "polars"])
    def frame(self, request):
        library = pytest.importorskip(request.param)
        rows = np.random.default_rng(0).random((5, 16))
        return library.DataFrame({f"pixel{i}": column for i, column in enumerate(rows.T)})

    @pytest.mark.parametrize("metric", [psnr, ssim])
    def test_frames_are_rows(self, frame, metric):
        rows = np.asarray(frame)
        expected = metric(rows, rows / 2, data_range=(0, 1))
        for given in (frame, rows.tolist()):
            assert metric(given, rows / 2, data_range=(0, 1)) == expected

    def test_columns_in_another_order(self, frame):
        swapped = frame[frame.columns[::-1]]
        with pytest.raises(ValueError, match=r"X_pred\[X_true\.columns\]"):
            psnr(frame, swapped)
        assert psnr(frame, swapped[frame.columns]) == np.inf
