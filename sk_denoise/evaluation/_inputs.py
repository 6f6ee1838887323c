"""Checks of what a recovery report is given: denoisers, classifiers, data, splits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedShuffleSplit, check_cv
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from .._core.checks import check_labels, shown
from .._core.sklearn_glue import check_classifier, check_rows
from .._core.units import check_in_range
from ..noise._injector import NoiseInjector
from ._augmented import check_options
from ._planning import as_list


def check_augmented(augmented):
    """Options of `fit_noise_augmented`, or None where it is not asked for."""
    if not isinstance(augmented, Mapping):
        return {} if augmented else None
    allowed = {"max_draws", "max_values"}
    if not set(augmented) <= allowed:
        raise ValueError(f"augmented must be True, False or a dict of {sorted(allowed)}, got {shown(augmented)}.")
    return check_options(**augmented)


def check_data(X, y, suffix=""):
    """Validate rows and labels."""
    X = check_rows(X, f"X{suffix}")
    return X, check_labels(y, f"y{suffix}", len(X), of=f"rows of X{suffix}")


def split_data(X, y, X_test, y_test, cv, data_range, rng):
    """All rows and labels, and pairs of indices of training and test rows."""
    if (X_test is None) != (y_test is None):
        given = "X_test" if y_test is None else "y_test"
        raise ValueError(f"X_test and y_test go together, got {given} alone.")
    if X_test is None:
        splits = _held_out(X, y, rng) if cv is None else _cv_splits(cv, X, y)
    else:
        if cv is not None:
            raise ValueError(f"cv={shown(cv)} splits X, and X_test is a split already. Give one of them.")
        X_test, y_test = check_data(X_test, y_test, "_test")
        if X_test.shape[1] != X.shape[1]:
            raise ValueError(f"X_test must have the {X.shape[1]} features of X, got {X_test.shape[1]}.")
        check_in_range(X_test, data_range, "X_test")
        splits = [(np.arange(len(X)), len(X) + np.arange(len(X_test)))]
        X, y = np.concatenate([X, X_test]), np.concatenate([y, y_test])
    n_test = len(np.unique(np.concatenate([test for _, test in splits])))
    if n_test < 2:
        raise ValueError(f"X_test or cv must give at least two test rows, for intervals, got {n_test}.")
    return X, y, splits


def _held_out(X, y, rng):
    cv = StratifiedShuffleSplit(1, test_size=0.25, random_state=rng.randint(2**31 - 1))
    try:
        return list(cv.split(X, y))
    except ValueError as error:
        raise ValueError(f"y has too few rows to hold out a quarter: {error} Pass X_test and y_test.") from error


def _cv_splits(cv, X, y):
    """Pairs of indices, which splitters may also give as lists or masks."""
    try:
        splits = [
            tuple(np.arange(len(X))[np.asarray(rows)] for rows in split)
            for split in check_cv(cv, y, classifier=True).split(X, y)
        ]
        valid = all(len(train) and len(test) and train.ndim == test.ndim == 1 for train, test in splits)
    except (TypeError, ValueError, IndexError) as error:
        raise ValueError(f"cv={shown(cv)} does not split X: {error}") from error
    if not splits or not valid:
        raise ValueError(f"cv={shown(cv)} must give at least one pair of training and test rows, none of them empty.")
    return splits


def name_denoisers(denoisers):
    """Denoisers by name, as a dict."""
    return _named(denoisers, "denoisers", _check_denoiser)


def name_classifiers(classifiers):
    """Pairs of classifier and whether it is fitted, by name."""
    named = _named(classifiers, "classifiers", _check_classifier)
    return {name: (classifier, is_fitted(classifier)) for name, classifier in named.items()}


def _named(estimators, argument, check):
    if not isinstance(estimators, Mapping):
        listed = as_list(estimators)
        names = ["passthrough" if estimator is None else _name(estimator) for estimator in listed]
        names = [f"{n} ({names[:i].count(n) + 1})" if names.count(n) > 1 else n for i, n in enumerate(names)]
        estimators = dict(zip(names, listed))
    if not estimators:
        raise ValueError(f"{argument} must hold at least one, got none.")
    named = {str(name): check(estimator, argument) for name, estimator in estimators.items()}
    if len(named) < len(estimators):
        raise ValueError(f"{argument} must have names that differ as text, got {list(estimators)!r}.")
    return named


def _name(estimator):
    """Short and telling: the class, with what it is made of."""
    if isinstance(estimator, str):
        return estimator
    if type(estimator).__module__.startswith("sk_denoise."):
        parts = [getattr(estimator, name, None) for name in ("architecture", "method", "estimator")]
        made_of = next(part for part in [*parts, estimator] if part is not None)
        return made_of if isinstance(made_of, str) else getattr(made_of, "__name__", type(made_of).__name__)
    steps = getattr(estimator, "steps", None)
    return _name(steps[-1][1]) if steps else type(estimator).__name__


def _check_denoiser(estimator, argument):
    if estimator is None or (isinstance(estimator, str) and estimator == "passthrough"):
        return FunctionTransformer()
    if isinstance(estimator, type) or not hasattr(estimator, "fit") or not hasattr(estimator, "transform"):
        raise TypeError(
            f"{argument} must have fit and transform, or be 'passthrough', got {shown(estimator)}. Wrap a regressor or"
            " a decomposition in EstimatorDenoiser; of a pipeline with a classifier, pass the part up to the denoiser."
        )
    return _refuse_noise(estimator, argument)


def _check_classifier(estimator, argument):
    check_classifier(estimator, argument)
    return _refuse_noise(estimator, argument)


def is_fitted(estimator):
    """True for an estimator that was passed fitted; False for one that needs no fit."""
    if isinstance(estimator, Pipeline):
        needed = [step for _, step in estimator.steps if step != "passthrough" and get_tags(step).requires_fit]
        return bool(needed) and all(is_fitted(step) for step in needed)
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return isinstance(estimator, FrozenEstimator) or get_tags(estimator).requires_fit


def _refuse_noise(estimator, argument):
    """Refuse an injector inside, because the report adds the noise itself and would add it twice."""
    steps = estimator.steps if isinstance(estimator, Pipeline) else []
    if any(isinstance(step, NoiseInjector) for _, step in steps):
        raise ValueError(
            f"{argument} must not contain a NoiseInjector, because the report adds the noise itself. Pass the part"
            " behind it, such as pipe[1:]."
        )
    return estimator
