"""The baseline for denoisers: the same classifier, trained on noisy copies of the rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from .._core.checks import check_choice, check_classes, check_discrete, check_labels
from .._core.sklearn_glue import (
    Interval,
    check_classifier,
    check_rows,
    feature_names,
    validate_function_params,
    validate_parameter_constraints,
    with_names,
)
from ..noise._injector import NoiseInjector

_TOLERANCE = 0.002  # in validation accuracy; smaller differences may be due to chance
_MIN_DRAWS = 16
_MIN_ROWS = 100_000  # minimum for incremental classifiers, which take few steps per epoch if there are few labels
_N_VALIDATION = 3_000  # noisy rows, so that the validation accuracy does not depend on a single draw
_COUNT = Interval(Integral, 1, 2**31, closed="left")
_LIMITS = {"max_draws": [_COUNT], "max_values": [_COUNT]}


def _draw(noise, X, y, n_draws, names):
    rows = np.concatenate([np.asarray(noise.transform(X)) for _ in range(n_draws)])
    return with_names(rows, names), np.tile(y, n_draws)


def _training(classifier, noise, X, y, numbers, names):
    """Yield each of `numbers`, in ascending order, with the classifier trained on that many draws."""
    model, done = clone(classifier), 0
    for n_draws in numbers:
        if _is_incremental(classifier):
            for _ in range(n_draws - done):  # noise is redrawn for each epoch
                model.partial_fit(*_draw(noise, X, y, 1, names), classes=np.unique(y))
            done = n_draws
        else:
            model = clone(classifier).fit(*_draw(noise, X, y, n_draws, names))
        yield n_draws, model


def _is_incremental(classifier):
    # MLPClassifier has partial_fit even with early_stopping=True, which does not support it.
    return hasattr(classifier, "partial_fit") and not getattr(classifier, "early_stopping", False)


def check_augmented(augmented):
    """Check the argument `augmented` of a report; return options for `fit_noise_augmented`, or None for no baseline."""
    if not isinstance(augmented, Mapping):
        return {} if augmented else None
    for name in augmented:
        check_choice(name, "augmented", _LIMITS)
    validate_parameter_constraints(_LIMITS, augmented, caller_name="fit_noise_augmented")
    return augmented


def as_seed(random_state):
    """Return an int seed for any `random_state` that scikit-learn accepts."""
    return random_state if isinstance(random_state, Integral) else check_random_state(random_state).randint(2**31 - 1)


@validate_function_params(
    {"injector": [NoiseInjector], "random_state": ["random_state"], **_LIMITS}, prefer_skip_nested_validation=False
)
def fit_noise_augmented(classifier, injector, X, y, *, max_draws=256, max_values=20_000_000, random_state=0):
    """Train a classifier on noisy rows, with more draws of noise until they no longer improve it.

    A classifier trained on a single draw of noise is too weak a baseline for a denoiser. Here, the number of draws is
    doubled, to at least 16, until two doublings in a row improve the accuracy on a held-out fifth of the rows by no
    more than 0.002. The classifier is then trained on all rows with the last number of draws. A classifier with
    `partial_fit` is trained on fresh noise in each epoch, and on at least 100,000 noisy rows; any other classifier is
    fitted on noisy copies of the rows, one per draw.

    Parameters
    ----------
    classifier : classifier
        Classifier to train. A clone is fitted; the classifier itself is not modified.
    injector : NoiseInjector
        Noise to add. A clone is used, with its own `random_state` and ``when="always"``.
    X : array-like of shape (n_samples, n_features)
        Clean labelled rows, in any units. If `X` is a data frame, the classifier is fitted with its column names.
    y : array-like of shape (n_samples,)
        Class labels, at least two rows for each class.
    max_draws : int, default=256
        Maximum number of draws.
    max_values : int, default=20_000_000
        Maximum number of values (rows times features) in the noisy copies for a classifier without `partial_fit`, to
        limit memory and time.
    random_state : int, RandomState or None, default=0
        Seeds the split and the noise.

    Returns
    -------
    classifier : classifier
        The fitted classifier.
    n_draws : int
        Number of noisy copies of each row that it was trained on.
    saturated : bool
        False if a limit was reached while more draws might still have improved the classifier.

    Raises
    ------
    TypeError
        If `classifier` is not a classifier.
    ValueError
        If `X` or `y` is invalid, or a class has a single row.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sk_denoise import NoiseInjector
    >>> from sk_denoise.datasets import load_digit_images
    >>> from sk_denoise.evaluation import fit_noise_augmented
    >>> X, y = load_digit_images()
    >>> classifier, n_draws, saturated = fit_noise_augmented(
    ...     LogisticRegression(max_iter=1000), NoiseInjector(level=0.3), X[:200] / 16, y[:200], max_draws=4
    ... )
    >>> n_draws, saturated
    (4, False)
    """
    check_classifier(classifier, "classifier")
    names = feature_names(X)
    X = check_rows(X)
    y = check_labels(y, "y", len(X), of="rows of X")
    check_discrete(y, "y")
    check_classes(y)
    seed = as_seed(random_state)
    noise = clone(injector).set_params(when="always", random_state=np.random.RandomState(seed)).fit(X)
    counts = np.unique(y, return_counts=True)[1]
    if counts.min() < 2:
        raise ValueError(
            "y must contain each class at least twice, because a fifth of the rows is held out for validation, got a"
            " class with a single row."
        )
    n_val = max(math.ceil(0.2 * len(y)), len(counts))
    X_fit, X_val, y_fit, y_val = train_test_split(X, y, test_size=n_val, stratify=y, random_state=seed)
    X_val, y_val = _draw(noise, X_val, y_val, min(10, math.ceil(_N_VALIDATION / len(y_val))), names)
    limit, least = max(1, min(max_draws, max_values // X.size)), _MIN_DRAWS
    if _is_incremental(classifier):
        limit, least = max_draws, max(_MIN_DRAWS, math.ceil(_MIN_ROWS / len(y_fit)))

    best, best_draws, saturated = -1.0, 1, False
    numbers = [2**i for i in range(limit.bit_length())]
    for n_draws, model in _training(classifier, noise, X_fit, y_fit, numbers, names):
        # Not the `score` of the classifier, because that of a search may be any metric.
        accuracy = accuracy_score(y_val, model.predict(X_val))
        if accuracy > best + _TOLERANCE:
            best, best_draws = accuracy, n_draws
        saturated = n_draws >= max(least, 4 * best_draws)
        if saturated:
            break
    # The last number of draws, not the best, so that a lucky score with few draws does not weaken the baseline.
    _, model = next(_training(classifier, noise, X, y, [n_draws], names))
    return model, n_draws, saturated
