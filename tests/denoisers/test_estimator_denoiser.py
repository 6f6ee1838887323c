import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import NMF, PCA, KernelPCA
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LassoCV, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from sk_denoise import EstimatorDenoiser, NoiseInjector
from sk_denoise.metrics import psnr

DECOMPOSITIONS = [
    PCA(16),
    KernelPCA(16, kernel="rbf", gamma=0.05, alpha=0.01, fit_inverse_transform=True),
    NMF(10, init="nndsvda", max_iter=400, tol=1e-3),
    make_pipeline(StandardScaler(with_std=False), PCA(16)),
]
REGRESSORS = [
    Ridge(),
    KNeighborsRegressor(10),
    MLPRegressor(hidden_layer_sizes=(64,), early_stopping=True, learning_rate_init=0.01, random_state=0),
    make_pipeline(StandardScaler(), Ridge()),
    PLSRegression(16),  # also has transform and inverse_transform, but only predict uses its targets
]

ONE_OUTPUT = [HistGradientBoostingRegressor(), SVR(), make_pipeline(StandardScaler(), LassoCV())]


def injector(**params):
    return NoiseInjector(**({"level": 0.3, "random_state": 0} | params))


@pytest.fixture(scope="module")
def noisy(digits):
    return injector().fit_transform(digits[0][:600])


@pytest.mark.parametrize("estimator", DECOMPOSITIONS + REGRESSORS, ids=lambda e: str(e)[:40])
def test_denoises(digits, noisy, estimator):
    X = digits[0][1200:]
    dirty = np.asarray(injector().fit(digits[0]).transform(X))
    est = EstimatorDenoiser(estimator, random_state=0).fit(noisy)
    assert est.target_source_ == "injector" and est.data_range_ == (0, 16)
    assert est.score(dirty, X_clean=X) > psnr(X, dirty, data_range=(0, 16)) + 1
    with pytest.raises(NotFittedError):
        EstimatorDenoiser(estimator).transform(X)
    assert not hasattr(estimator, "n_features_in_")  # a clone was fitted


class TestTarget:
    @pytest.mark.parametrize(
        ("given", "source"),
        [
            (lambda N: ([np.asarray(N)], {"X_clean": N.clean}), "X_clean"),
            (lambda N: ([np.asarray(N), N.clean], {}), "y"),
            (lambda N: ([N], {}), "injector"),
            (lambda N: ([N.clean], {}), "noise"),
        ],
    )
    def test_decompositions_are_fitted_on_clean_rows(self, noisy, given, source):
        args, kwargs = given(noisy)
        est = EstimatorDenoiser(PCA(8, svd_solver="full")).fit(*args, **kwargs)
        assert est.target_source_ == source
        expected = PCA(8, svd_solver="full").fit(noisy.clean / 16)
        np.testing.assert_allclose(np.abs(est.estimator_.components_), np.abs(expected.components_), atol=1e-6)

    def test_pairs_are_used_as_they_are(self, noisy):
        rows, clean = np.asarray(noisy), noisy.clean
        expected = Ridge().fit(rows / 16, clean / 16)
        for est in (EstimatorDenoiser(Ridge()).fit(rows, clean), EstimatorDenoiser(Ridge()).fit(rows, X_clean=clean)):
            np.testing.assert_allclose(est.estimator_.coef_, expected.coef_, atol=1e-6)

    def test_noise_is_drawn_afresh(self, noisy):
        """Noise is redrawn on the clean rows, so the noise in the input does not matter."""
        fit = {}
        for seed in (0, 1):
            fit["injector", seed] = EstimatorDenoiser(Ridge(), random_state=seed).fit(noisy)
            fit["noise", seed] = EstimatorDenoiser(Ridge(), noise=injector(), random_state=seed).fit(noisy.clean)
        for seed in (0, 1):
            np.testing.assert_allclose(fit["injector", seed].transform(noisy), fit["noise", seed].transform(noisy))
        assert not np.allclose(fit["noise", 0].transform(noisy), fit["noise", 1].transform(noisy))

    def test_more_draws_are_better(self, digits):
        X = digits[0][1200:]
        dirty = injector().fit(digits[0]).transform(X)
        rows = injector().fit_transform(digits[0][:100])
        few, many = (EstimatorDenoiser(Ridge(1e-3), n_draws=n, random_state=0).fit(rows) for n in (1, 20))
        assert many.score(dirty) > few.score(dirty) + 1

    def test_no_noise(self, small):
        est = EstimatorDenoiser(Ridge(1e-9), noise=None).fit(small)
        assert est.target_source_ == "identity"
        np.testing.assert_allclose(est.transform(small), small, atol=1e-4)


class TestInSearches:
    def test_nested_parameters(self, digits):
        pipe = Pipeline([("noise", injector()), ("denoise", EstimatorDenoiser(PCA()))])
        search = GridSearchCV(pipe, {"denoise__estimator__n_components": [1, 16]}, cv=3, error_score="raise")
        assert search.fit(digits[0][:300]).best_params_ == {"denoise__estimator__n_components": 16}
        assert search.best_score_ > 13

    def test_noise_of_the_denoiser(self, digits):
        est = EstimatorDenoiser(Ridge(), noise=injector())
        search = GridSearchCV(est, {"noise__level": [0.1, 0.5]}, cv=2, error_score="raise").fit(digits[0][:200])
        assert search.best_params_ == {"noise__level": 0.1}  # the easiest noise


@pytest.mark.parametrize(
    ("estimator", "error", "match"),
    [
        (KMeans(2), TypeError, "estimator must be a regressor"),
        (LogisticRegression(), TypeError, "estimator must be"),
        (PCA, TypeError, "estimator must be"),
        (None, TypeError, "estimator must be"),
        (PCA(99), ValueError, "n_components"),
        (KernelPCA(2), ValueError, "estimator=.*fit_inverse_transform=True"),
        # Errors of the estimator name the argument and the remedy.
        *[(one, ValueError, r"estimator=.*several.*multioutput\.MultiOutputRegressor\(") for one in ONE_OUTPUT],
    ],
)
def test_estimators_that_cannot_denoise(small, estimator, error, match):
    with pytest.raises(error, match=match):
        EstimatorDenoiser(estimator).fit(small)


def test_one_output_wrapped(small):
    """The remedy in the error message works."""
    wrapped = MultiOutputRegressor(HistGradientBoostingRegressor(max_iter=2))
    few = small[:, :4]
    assert EstimatorDenoiser(wrapped).fit(few).transform(few).shape == few.shape
    assert EstimatorDenoiser(SVR()).fit(small[:, :1]).transform(small[:, :1]).shape == (60, 1)


def test_errors_of_the_estimator_that_are_not_about_outputs_stay(small):
    with pytest.raises(ValueError, match="learning_rate"):
        EstimatorDenoiser(HistGradientBoostingRegressor(learning_rate=-1)).fit(small)


def test_negative_values_where_the_estimator_takes_none(small):
    est = EstimatorDenoiser(NMF(3, max_iter=500, tol=1e-2)).fit(small)
    with pytest.raises(ValueError, match=r"estimator=NMF.*X.*np\.clip"):
        est.transform(small - 0.5)
    assert est.transform(np.clip(small - 0.5, *est.data_range_)).shape == small.shape


def test_what_changes_the_number_of_columns(small):
    class Narrow(PCA):
        def inverse_transform(self, X):
            return super().inverse_transform(X)[:, :3]

    with pytest.raises(ValueError, match=r"estimator=Narrow.*\(60, 16\).*\(60, 3\)"):
        EstimatorDenoiser(Narrow(2)).fit(small).transform(small)
