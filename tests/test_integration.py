"""Pipelines and searches, with and without a classifier, in any units."""

import copy
import functools
import pickle

import numpy as np
import pytest
import sklearn
from helpers import DECIBELS, run_python
from helpers import quick as quick_of_two
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sk_denoise import DenoisingAutoencoder, NoiseInjector
from sk_denoise.metrics import psnr, psnr_scorer, ssim_scorer

quick = functools.partial(quick_of_two, epochs=20, latent_dim=64)


def pipe(**params):
    return Pipeline([("noise", NoiseInjector(level=0.3, random_state=0)), ("denoise", quick(**params))])


@pytest.fixture
def rows(digits):
    return digits[0][:300]


class TestWaysIn:
    def test_noise_and_denoiser_without_labels(self, fitted, digits):
        X = digits[0][1200:]
        noisy = np.asarray(fitted[0].transform(X))
        denoised = fitted.transform(X)
        assert fitted[-1].target_source_ == "injector"
        assert psnr(X, denoised, data_range=(0, 16)) > psnr(X, noisy, data_range=(0, 16)) + 3

    @pytest.mark.slow
    def test_search_in_decibels(self, rows):
        search = GridSearchCV(pipe(), {"denoise__latent_dim": [2, 32]}, cv=3).fit(rows)
        assert search.best_params_ == {"denoise__latent_dim": 32}
        assert 5 < search.best_score_ < 40

    @pytest.mark.slow
    def test_search_by_accuracy(self, digits):
        X, y = digits[0][:500], digits[1][:500]
        classifier = make_pipeline(MinMaxScaler(), LogisticRegression())
        search = GridSearchCV(
            Pipeline([*pipe(epochs=60).steps, ("classify", classifier)]), {"denoise__latent_dim": [2, 32]}, cv=3
        ).fit(X, y)
        assert search.best_params_ == {"denoise__latent_dim": 32}
        assert search.best_score_ > 0.6

    @pytest.mark.slow
    def test_preprocessing_wins_accuracy_back(self, digits):
        X, y = digits
        untouched = LogisticRegression(max_iter=2000).fit(X[:1200] / 16, y[:1200])
        noisy = np.asarray(NoiseInjector(level=0.5, random_state=1).fit(X).transform(X[1200:]))
        model = make_pipeline(
            NoiseInjector(level=0.5, random_state=0), DenoisingAutoencoder(random_state=0), MinMaxScaler(),
            LogisticRegression(max_iter=2000),
        )  # fmt: skip
        model.fit(X[:1200], y[:1200])
        assert model[1:].score(noisy, y[1200:]) > untouched.score(noisy / 16, y[1200:]) + 0.05

    def test_deployed_without_noise(self, rows):
        fitted = pipe().fit(rows)
        expected = fitted[1:].transform(rows)
        np.testing.assert_array_equal(fitted.set_params(noise__when="fit").transform(rows), expected)

    def test_uint8_mnist(self, mnist):
        X, X_test, y, _ = mnist
        model = make_pipeline(
            NoiseInjector(random_state=0), DenoisingAutoencoder(epochs=3, random_state=0), MinMaxScaler(),
            LogisticRegression(max_iter=50, tol=0.1),
        )  # fmt: skip
        model.fit(X[:5000], y[:5000])
        assert model[1].data_range_ == (0, 255) and model[1].target_source_ == "injector"
        noisy = NoiseInjector(random_state=1).fit(X).transform(X_test[:1000])
        denoised = model[1].transform(noisy)
        assert denoised.dtype == np.float32 and denoised.max() > 200
        assert psnr(X_test[:1000], denoised) > psnr(X_test[:1000], noisy) + 3


class TestPipelines:
    def test_copies_go_on_training(self, rows):
        fitted = pipe(warm_start=True).fit(rows)
        expected = fitted.transform(rows)
        for again in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
            np.testing.assert_array_equal(again.transform(rows), expected)
            assert again.fit(rows)[-1].n_iter_ == 40
        np.testing.assert_array_equal(clone(fitted).fit(rows).transform(rows), expected)
        np.testing.assert_array_equal(fitted.transform(rows), expected)

    def test_memory_does_not_mix_up_sources(self, rows, tmp_path):
        """Plain rows never get the cache entry of equal rows that carry clean rows."""
        steps = [*pipe().steps, ("classify", LogisticRegression(max_iter=2))]
        labels = np.arange(len(rows)) % 2
        with pytest.warns(Warning):  # about convergence: two iterations are enough here
            noisy = Pipeline(steps, memory=str(tmp_path)).fit(rows, labels)
            bare = clone(Pipeline(steps, memory=str(tmp_path))).set_params(noise__when="transform").fit(rows, labels)
        assert (noisy[1].target_source_, bare[1].target_source_) == ("injector", "noise")

    def test_a_scaler_between_loses_the_source_and_shows_it(self, rows):
        lost = make_pipeline(NoiseInjector(random_state=0), MinMaxScaler(), quick()).fit(rows)
        assert lost[-1].target_source_ == "noise"

    def test_searching_the_noise_of_a_denoiser(self, rows):
        est = quick(noise=NoiseInjector(level=0.3))
        search = GridSearchCV(est, {"noise__level": [0.1, 0.5], "noise__kind": ["masking"]}, cv=2).fit(rows)
        assert search.best_params_["noise__level"] == 0.1  # the easiest noise, as documented

    @pytest.mark.slow
    def test_searching_in_processes(self, rows):
        grid = {"denoise__latent_dim": [4, 8]}
        alone = GridSearchCV(pipe(epochs=3), grid, cv=2).fit(rows)
        spread = GridSearchCV(pipe(epochs=3), grid, cv=2, n_jobs=2).fit(rows)
        scores = alone.cv_results_["mean_test_score"], spread.cv_results_["mean_test_score"]
        np.testing.assert_allclose(*scores, rtol=0, atol=DECIBELS)  # workers run fewer threads

    @pytest.mark.parametrize("scorer", [psnr_scorer, ssim_scorer])
    def test_scorers(self, rows, scorer):
        noisy = np.asarray(NoiseInjector(level=0.3, random_state=0).fit_transform(rows))
        scores = cross_val_score(quick(), noisy, rows, scoring=scorer, cv=2)
        assert np.isfinite(scores).all()


class TestRouting:
    @pytest.fixture(autouse=True)
    def _routing(self):
        with sklearn.config_context(enable_metadata_routing=True):
            yield

    def requesting(self):
        return quick(noise=None).set_fit_request(X_clean=True).set_score_request(X_clean=True)

    def test_pipeline(self, rows):
        noisy = np.asarray(NoiseInjector(level=0.3, random_state=0).fit_transform(rows))
        model = Pipeline([("denoise", self.requesting())])
        model.fit(noisy, X_clean=rows)
        assert model[-1].target_source_ == "X_clean"
        assert model.score(noisy, X_clean=rows) == psnr(rows, model.predict(noisy), data_range=(0, 16))

    def test_grid_search_splits_it_with_the_rows(self, rows):
        noisy = np.asarray(NoiseInjector(level=0.3, random_state=0).fit_transform(rows))
        search = GridSearchCV(self.requesting(), {"latent_dim": [2, 32]}, cv=2).fit(noisy, X_clean=rows)
        assert search.best_params_ == {"latent_dim": 32}
        assert search.best_estimator_.target_source_ == "X_clean"


def test_bare_import_loads_next_to_nothing():
    code = "import sys, sk_denoise; print([m for m in ('numpy', 'sklearn', 'pandas', 'keras') if m in sys.modules])"
    assert run_python(code).strip() == "[]"
