"""The rival that a denoiser has to beat: the classifier itself, trained on noise, as much of it as helps."""

from __future__ import annotations

import math

import numpy as np
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

from .._core.checks import check_classes, check_count, check_labels, shown
from .._core.sklearn_glue import check_classifier, check_rows
from ..noise._injector import NoiseInjector

_TOLERANCE = 0.002  # held-out accuracy; less is the luck of the draw
_FEWEST_DRAWS = 16
_FEWEST_ROWS = 100_000  # shown to a classifier that learns in steps, of which few labels make few
_HELD_OUT = 3_000  # noisy rows to judge by, so that the choice does not hang on one draw's luck


class _Epochs:
    """A classifier that learns step by step: noise is drawn afresh each epoch."""

    def __init__(self, classifier, noise, X, y):
        self.model, self.noise, self.X, self.y = clone(classifier), noise, X, y
        self.classes, self.done = np.unique(y), 0

    def trained(self, n_draws):
        while self.done < n_draws:
            self.model.partial_fit(np.asarray(self.noise.transform(self.X)), self.y, classes=self.classes)
            self.done += 1
        return self.model


class _Copies:
    """Any other classifier: fitted on noisy copies of the rows, all at once."""

    def __init__(self, classifier, noise, X, y):
        self.classifier, self.noise, self.X, self.y = classifier, noise, X, y

    def trained(self, n_draws):
        return clone(self.classifier).fit(*_draw(self.noise, self.X, self.y, n_draws))


def _draw(noise, X, y, n_draws):
    return np.concatenate([np.asarray(noise.transform(X)) for _ in range(n_draws)]), np.tile(y, n_draws)


def _learns_in_steps(classifier):
    # MLPClassifier has partial_fit also where early_stopping=True forbids to call it.
    return hasattr(classifier, "partial_fit") and not getattr(classifier, "early_stopping", False)


def check_limits(**limits):
    """Refuse limits that are no positive integers."""
    for name, value in limits.items():
        check_count(value, name)


def fit_rival(classifier, injector, X, y, *, max_draws=256, max_values=20_000_000, random_state=0):
    """Train a classifier on noisy rows themselves, with noise redrawn until more draws gain no more.

    A denoiser that is compared with a classifier trained on one draw of noise is compared with too little. Here the
    number of draws doubles, up to 16 at least, until two doublings in a row win no more than 0.002 of accuracy on a
    held-out fifth of the rows; the last number is then used on all rows. A classifier with `partial_fit` sees fresh
    noise in each epoch, and 100,000 noisy rows at least; any other is fitted on that many noisy copies of the rows.

    Parameters
    ----------
    classifier : classifier
        Cloned, not changed.
    injector : NoiseInjector
        The noise.
    X : array-like of shape (n_samples, n_features)
        Clean labelled rows.
    y : array-like of shape (n_samples,)
        Labels.
    max_draws : int, default=256
        Draws at most.
    max_values : int, default=20_000_000
        Pixels at most in the noisy copies that a classifier without `partial_fit` is fitted on, which bounds memory
        and time.
    random_state : int, default=0
        Seeds split and noise.

    Returns
    -------
    rival : classifier
        Fitted.
    n_draws : int
        Noisy versions of each row that it was trained on.
    saturated : bool
        False where a limit ended the search while draws may still have won accuracy.

    Raises
    ------
    ValueError
        Where a limit is no positive integer, or a class has one row only.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sk_denoise import NoiseInjector
    >>> from sk_denoise.datasets import load_digit_images
    >>> from sk_denoise.evaluation import fit_rival
    >>> X, y = load_digit_images()
    >>> rival, n_draws, saturated = fit_rival(
    ...     LogisticRegression(max_iter=1000), NoiseInjector(level=0.3), X[:200] / 16, y[:200], max_draws=4
    ... )
    >>> n_draws, saturated
    (4, False)
    """
    check_limits(max_draws=max_draws, max_values=max_values)
    check_classifier(classifier, "classifier")
    if not isinstance(injector, NoiseInjector):
        raise TypeError(f"injector must be a NoiseInjector, got {shown(injector)}.")
    check_count(random_state, "random_state", 0)
    X = check_rows(X)
    y = check_labels(y, "y", len(X), of="rows of X")
    check_classes(y)
    noise = clone(injector).set_params(when="always", random_state=np.random.RandomState(random_state)).fit(X)
    n_held = max(math.ceil(0.2 * len(y)), len(np.unique(y)))
    try:
        parts = train_test_split(X, y, test_size=n_held, stratify=y, random_state=random_state)
    except ValueError as error:
        raise ValueError(
            "y must have enough rows of each class to hold a fifth of all rows out to judge by, got"
            f" {len(y)} rows of {len(np.unique(y))} classes, one of {np.unique(y, return_counts=True)[1].min()}."
        ) from error
    X_fit, X_held, y_fit, y_held = parts
    held = _draw(noise, X_held, y_held, min(10, math.ceil(_HELD_OUT / len(y_held))))
    kind = _Epochs if _learns_in_steps(classifier) else _Copies
    most = max_draws if kind is _Epochs else max(1, min(max_draws, max_values // X.size))

    candidate = kind(classifier, noise, X_fit, y_fit)
    fewest = max(_FEWEST_DRAWS, math.ceil(_FEWEST_ROWS / len(y_fit)) if kind is _Epochs else 0)
    best, best_draws, n_draws, saturated = -1.0, 1, 1, False
    while True:
        # Not its own score, which in a search may be anything.
        accuracy = accuracy_score(held[1], candidate.trained(n_draws).predict(held[0]))
        if accuracy > best + _TOLERANCE:
            best, best_draws = accuracy, n_draws
        saturated = n_draws >= max(fewest, 4 * best_draws)
        if saturated or 2 * n_draws > most:
            break
        n_draws *= 2
    # The most tried, not the best: a lucky score of few draws must not cost the rival the rest.
    return kind(classifier, noise, X, y).trained(n_draws), n_draws, saturated
