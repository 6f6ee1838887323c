import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from sk_denoise import NoiseInjector
from sk_denoise.evaluation import fit_noise_augmented

NEAREST = KNeighborsClassifier(3)


@pytest.mark.slow
def test_redrawn_noise_helps(digits):
    X, y = digits[0] / 16, digits[1]
    injector = NoiseInjector(level=0.3, random_state=0)
    classifier = LogisticRegression(max_iter=300)
    augmented, n_draws, _ = fit_noise_augmented(classifier, injector, X[:600], y[:600], max_draws=16)
    noisy = np.asarray(NoiseInjector(level=0.3, random_state=1).fit(X[:600]).transform(X[1200:]))
    once = LogisticRegression(max_iter=300).fit(injector.fit_transform(X[:600]), y[:600])
    assert n_draws > 1
    assert augmented.score(noisy, y[1200:]) > once.score(noisy, y[1200:])


def test_incremental_classifiers_see_new_noise_in_each_epoch(data):
    seen = []

    class Watched(GaussianNB):
        def partial_fit(self, X, y, classes=None):
            seen.append(X[0].tobytes())
            return super().partial_fit(X, y, classes)

    _, n_draws, saturated = fit_noise_augmented(Watched(), NoiseInjector(level=0.3), *data, max_draws=4)
    assert (n_draws, saturated) == (4, False)
    assert len(seen) == len(set(seen)) == 8  # four draws to choose the number of draws, four to train on all rows


def test_early_stopping_networks_are_fitted_on_copies(data):
    classifier = MLPClassifier((8,), early_stopping=True, max_iter=3, random_state=0)
    with pytest.warns(Warning):  # three iterations do not converge, which does not matter here
        assert fit_noise_augmented(classifier, NoiseInjector(), *data, max_draws=2)[1] == 2


@pytest.mark.slow
def test_few_labels_still_make_many_steps(data):
    """With one gradient step per epoch, 16 draws hardly train the classifier, which would pass for saturation."""
    X, y = data
    classifier = MLPClassifier((16,), random_state=0)
    assert fit_noise_augmented(classifier, NoiseInjector(level=0.5), X[:60], y[:60])[1] == 256


def test_accuracy_counts_whatever_a_search_scores(data):
    searches = [GridSearchCV(NEAREST, {"n_neighbors": [1, 5]}, cv=2, scoring=s) for s in ("accuracy", "neg_log_loss")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first, second = (fit_noise_augmented(s, NoiseInjector(level=0.3), *data, max_draws=4)[1:] for s in searches)
    assert first == second


def test_it_stops_when_saturated(data):
    # Without noise, all draws are equal.
    assert fit_noise_augmented(NEAREST, NoiseInjector(level=0.0), *data)[1:] == (16, True)


def test_limits(data):
    options = {"max_values": 3 * data[0].size}
    assert fit_noise_augmented(NEAREST, NoiseInjector(level=0.5), *data, **options)[1:] == (2, False)


@pytest.mark.parametrize("random_state", [3, None, np.random.RandomState(3)])
def test_any_random_state_leaves_the_injector_alone(data, random_state):
    injector = NoiseInjector(level=0.3)
    fit_noise_augmented(GaussianNB(), injector, *data, max_draws=1, random_state=random_state)
    assert not hasattr(injector, "data_range_") and injector.random_state is None


def test_classes_of_one_row(data):
    with pytest.raises(ValueError, match=r"\by\b"):
        fit_noise_augmented(NEAREST, NoiseInjector(), data[0], np.arange(400))
