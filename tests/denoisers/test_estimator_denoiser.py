import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import NMF, PCA, KernelPCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

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
    PLSRegression(16),  # transforms and inverts too, but towards its targets only in predict
]


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
        """The same noise on the same clean rows: the draw that came in does not count."""
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

    def test_injector_in_front_wins_with_a_warning(self, noisy):
        with pytest.warns(UserWarning, match="is not used"):
            assert EstimatorDenoiser(PCA(2), noise="masking").fit(noisy).target_source_ == "injector"


class TestUnits:
    @pytest.mark.parametrize("estimator", [PCA(8), Ridge()])
    @pytest.mark.parametrize("factor", [1 / 16, 100.0])
    def test_equal_units_out(self, digits, estimator, factor):
        X = digits[0][:200]
        one, other = (EstimatorDenoiser(estimator, random_state=0).fit(X * f) for f in (1, factor))
        np.testing.assert_allclose(other.transform(X * factor), one.transform(X) * factor, atol=1e-4 * factor)

    @pytest.mark.parametrize("estimator", [PCA(8), Ridge()])
    @pytest.mark.parametrize(("dtype", "out"), [("f4", "f4"), ("f8", "f8"), ("u1", "f4"), ("i4", "f4"), (">f8", "f8")])
    def test_dtypes(self, digits, estimator, dtype, out):
        X = digits[0][:200]
        est = EstimatorDenoiser(estimator).fit(X)
        assert est.transform(X.astype(dtype)).dtype == np.dtype(out)
        np.testing.assert_allclose(est.transform(X.astype(dtype)), est.transform(X), atol=1e-3)

    def test_uint8(self, digits):
        X = (digits[0][:200] * 15).astype("u1")
        est = EstimatorDenoiser(PCA(16)).fit(injector().fit_transform(X))
        assert est.data_range_ == (0, 255) and est.transform(X).max() > 200

    def test_one_feature(self):
        X = np.random.default_rng(0).random((30, 1))
        with warnings.catch_warnings():
            warnings.filterwarnings("error", module="sklearn")
            for estimator in (
                PCA(1),
                Ridge(),
                MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs", max_iter=2000, random_state=0),
            ):
                assert EstimatorDenoiser(estimator, noise=None).fit(X).transform(X).shape == X.shape


class TestScore:
    @pytest.mark.parametrize("estimator", [PCA(8), Ridge()])
    def test_each_source(self, noisy, estimator):
        est = EstimatorDenoiser(estimator, noise="gaussian", random_state=0).fit(noisy)
        plain, clean = np.asarray(noisy), noisy.clean
        expected = psnr(clean, est.transform(plain), data_range=(0, 16))
        assert est.score(noisy) == est.score(plain, clean) == est.score(plain, X_clean=clean) == expected
        assert est.score(clean) == est.score(clean) < expected  # seeded noise at level 0.5

    def test_no_target_raises(self, small):
        with pytest.raises(ValueError, match="score needs clean rows"):
            EstimatorDenoiser(PCA(2), noise=None).fit(small).score(small)


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

    def test_before_a_classifier(self, digits):
        X, y = digits[0][:600], digits[1][:600]
        pipe = make_pipeline(injector(), EstimatorDenoiser(PCA(16)), LogisticRegression(max_iter=5000)).fit(X, y)
        assert pipe[1].target_source_ == "injector"
        assert pipe.score(digits[0][1200:], digits[1][1200:]) > 0.7

    def test_memory_keeps_the_source(self, digits, tmp_path):
        X = digits[0][:100]
        for _ in range(2):
            steps = [("noise", injector()), ("denoise", EstimatorDenoiser(PCA(4, random_state=0)))]
            cached = Pipeline(steps, memory=str(tmp_path)).fit(X)
            assert cached[-1].target_source_ == "injector"
            np.testing.assert_allclose(cached.transform(X), Pipeline(steps).fit(X).transform(X))


BAD = [
    ({"estimator": KMeans(2)}, {}, TypeError, "must be a regressor, such as"),
    ({"estimator": LogisticRegression()}, {}, TypeError, "transform and inverse_transform"),
    ({"estimator": PCA}, {}, TypeError, "estimator must be"),
    ({"estimator": None}, {}, TypeError, "got None"),
    ({"estimator": PCA(99)}, {}, ValueError, "n_components=99"),
    ({"estimator": KernelPCA(2)}, {}, ValueError, "cannot go back"),
    ({"noise": "gausian"}, {}, ValueError, "Did you mean 'gaussian'"),
    ({"n_draws": 0}, {}, ValueError, "n_draws"),
    ({"data_range": 255}, {}, ValueError, "data_range must be"),
    ({"data_range": (0, 0.5)}, {}, ValueError, "outside data_range"),
    ({"random_state": "seed"}, {}, ValueError, "random_state"),
    ({}, {"X_clean": np.zeros((60, 3))}, ValueError, "X_clean must have the shape of X"),
    ({}, {"X": np.full((60, 16), np.nan)}, ValueError, "contains NaN"),
    ({}, {"X": np.zeros((60, 4, 4))}, ValueError, r"reshape\(len\(X\), -1\)"),
]


@pytest.mark.parametrize(("params", "given", "error", "match"), BAD)
def test_bad_input_names_the_argument_and_loses_nothing(small, params, given, error, match):
    est = EstimatorDenoiser(PCA(2)).fit(small)
    before, state, old = est.transform(small), dict(vars(est)), est.get_params(deep=False)
    with pytest.raises(error, match=match):
        est.set_params(**params).fit(**({"X": small} | given))
    est.set_params(**old)
    assert vars(est).keys() == state.keys()
    np.testing.assert_array_equal(est.transform(small), before)


@pytest.mark.parametrize("estimator", [PCA(4), Ridge()])
def test_copies_and_input(digits, estimator):
    X = digits[0][:100] / 16
    before = X.copy()
    est = EstimatorDenoiser(estimator, random_state=0).fit(X)
    expected = est.transform(X)
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(est)).transform(X), expected)
    np.testing.assert_allclose(clone(est).fit(X).transform(X), expected, atol=1e-12)
    np.testing.assert_allclose(est.transform(X[7:8]), expected[7:8], atol=1e-12)


def test_metadata_routing(noisy):
    import sklearn

    with sklearn.config_context(enable_metadata_routing=True):
        est = EstimatorDenoiser(PCA(4)).set_fit_request(X_clean=True)
        pipe = make_pipeline(est, LogisticRegression(max_iter=5000))
        pipe.fit(np.asarray(noisy), np.arange(len(noisy)) % 2, X_clean=noisy.clean)
    assert pipe[0].target_source_ == "X_clean"


def test_tensorflow_is_never_imported():
    code = (
        "import sys; from sk_denoise import EstimatorDenoiser; import numpy as np;"
        "from sklearn.linear_model import Ridge; X = np.eye(16);"
        "EstimatorDenoiser(Ridge()).fit(X).score(X);"
        "print([m for m in ('tensorflow', 'keras', 'scikeras', 'skimage') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
