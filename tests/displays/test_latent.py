"""LatentDisplay: scores of a search, and maps of codes."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sk_denoise.displays import LatentDisplay


def search(sizes, scores, *, score="score", refit=True, **others):
    """Make a stand-in for a fitted grid search, with the attributes that the display reads."""
    columns = {"denoise__latent_dim": sizes} | others
    params = [dict(zip(columns, values)) for values in zip(*columns.values())]
    results = {"params": params, f"mean_test_{score}": np.array(scores), f"std_test_{score}": np.full(len(sizes), 0.01)}
    results |= {f"param_{name}": values for name, values in columns.items()}
    return SimpleNamespace(cv_results_=results, scoring="accuracy", refit=refit, n_splits_=3, estimator=None)


def test_scores_by_size():
    display = LatentDisplay.from_search(search([64, 16, 32], [0.8, 0.7, 0.9]))
    assert display.sizes == [16, 32, 64]
    assert display.ax_.get_legend().get_texts()[0].get_text() == "best: 32"
    assert display.ax_.get_xscale() == "log"
    assert display.ax_.get_ylabel() == "accuracy over 3 folds"


def test_each_size_shows_its_best_candidate():
    found = search([16, 16, 32, 32], [0.7, 0.8, np.nan, 0.75], denoise__epochs=[5, 10, 5, 10])
    display = LatentDisplay.from_search(found)
    np.testing.assert_array_equal(display.means, [0.8, 0.75])
    assert "best of the other parameters" in display.ax_.get_ylabel()
    assert LatentDisplay.from_search(search([16, 32], [0.7, 0.8], score="f1", refit="f1")).ylabel == "f1 over 3 folds"


def test_real_search(digits):
    pipe = make_pipeline(FunctionTransformer(), LogisticRegression(max_iter=50, tol=1))
    name = "logisticregression__max_iter"
    fitted = GridSearchCV(pipe, {name: [10, 20]}, cv=2).fit(digits[0][:200], digits[1][:200])
    display = LatentDisplay.from_search(fitted, param=name)
    assert display.sizes == [10, 20] and display.ylabel == "accuracy over 2 folds"


def test_search_that_cannot_be_drawn():
    for argument, found, param in (
        ("search", GridSearchCV(LogisticRegression(), {}), None),
        ("search", search([8], [np.nan]), None),
        ("refit", search([16, 32], [0.7, 0.8], score="f1", refit=False), None),
        ("param", search([8], [0.5]), "denoise__latent"),
        ("param", search([8], [0.5], other__latent_dim=[3]), None),
        ("latent_dim", search([None], [0.5]), None),
    ):
        with pytest.raises((TypeError, ValueError), match=rf"\w*{argument}\b"):
            LatentDisplay.from_search(found, param=param)


def test_map_of_codes(fitted, field):
    noisy, _, y = field
    display = LatentDisplay.from_estimator(fitted[-1], noisy, y)
    assert display.codes.shape == (len(y), 2)
    assert "% of variance" in display.ax_.get_xlabel()
    assert len(display.ax_.get_legend().get_texts()) == 10
    assert LatentDisplay.from_estimator(fitted[-1], noisy).ax_.get_legend() is None


@pytest.mark.parametrize("n_numbers", [1, 2])
def test_small_codes_are_drawn_as_they_are(n_numbers):
    X = np.random.default_rng(0).random((9, 4))
    estimator = SimpleNamespace(encode=lambda X: X[:, :n_numbers])
    display = LatentDisplay.from_estimator(estimator, X, ["a", "b", "c"] * 3)
    np.testing.assert_array_equal(display.codes[:, :n_numbers], X[:, :n_numbers])
    assert "variance" not in display.ax_.get_xlabel()
