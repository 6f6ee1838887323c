"""Check the arguments of a recovery report: denoisers, classifiers, data and splits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sklearn.base import is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedShuffleSplit, check_cv
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import check_is_fitted

from .._core.checks import brief, check_discrete, check_labels, shown, warn_user
from .._core.sklearn_glue import BaseSearchCV, check_classifier, check_names, check_rows, feature_names
from .._core.units import check_in_range
from ..denoisers import EstimatorDenoiser
from ..denoisers._self_supervision import ALONE
from ..noise._injector import NoiseInjector
from ..noise._noisy import NoisyArray, NoisyImages
from ._planning import as_list


def check_data(X, y, suffix="", *, has_clean):
    """Validate rows, which are clean or noisy, and labels."""
    name = f"X{suffix}"
    if has_clean and isinstance(X, (NoisyArray, NoisyImages)):
        remedy = f"Pass {name}.clean" if X.clean is not None else "Pass the rows before noise was added"
        raise ValueError(
            f"{name} must contain clean rows, got the output of a NoiseInjector, {shown(X)}. {remedy}, or noises=None"
            " for rows that are noisy already."
        )
    X = np.asarray(check_rows(X, name))  # denoisers fitted by the report must not find the clean rows of a NoisyArray
    y = check_labels(y, f"y{suffix}", len(X), of=f"rows of {name}")
    check_discrete(y, f"y{suffix}")
    return X, y


def check_frames(X, X_test, estimators):
    """Check that the column names of `X`, `X_test` and the fitted estimators agree."""
    names, names_test = feature_names(X), feature_names(X_test)
    if names is not None and names_test is not None and list(names) != list(names_test):
        raise ValueError("X_test must have the columns of X in the same order. Pass X_test[X.columns].")
    for estimator in estimators:
        if is_fitted(estimator):
            check_names(estimator, X)


def check_alone(denoisers):
    """Raise if a denoiser to be fitted on noisy rows would take them for clean ones; `denoisers` are not fitted."""
    for name, denoiser in denoisers.items():
        for part in _parts(denoiser):
            if not hasattr(part, "self_supervised") or part.self_supervised in ALONE:
                continue
            if isinstance(part, EstimatorDenoiser) and not is_regressor(part.estimator):
                continue  # a decomposition, which is fitted on the rows as they are
            mode = part.self_supervised
            # Regressors cannot be fitted to targets with missing values, so they have no "blind_spot".
            modes = "'recorrupted'" if isinstance(part, EstimatorDenoiser) else " or ".join(map(repr, ALONE))
            raise ValueError(
                f"denoisers must be fitted on noisy rows alone with noises=None, but {name!r} contains"
                f" {type(part).__name__} with self_supervised={mode!r}, which requires"
                f" {'clean rows' if mode is None else 'pairs of noisy rows'}. Pass self_supervised={modes}, a filter"
                " such as ImageFilter, or a denoiser that you have fitted elsewhere."
            )


def _parts(estimator):
    """Return the estimator and its parameters, such as the steps of a pipeline, without those of a frozen one."""
    params = {"": estimator, **getattr(estimator, "get_params", dict)()}
    above = {name: params.get(name.rpartition("__")[0]) for name in params}
    return [value for name, value in params.items() if not isinstance(above[name], FrozenEstimator)]


def check_groups(groups, cv, n_rows):
    """Validate the groups of the rows of `X`; None if there are none."""
    if groups is None:
        return None
    if cv is None:
        raise ValueError(
            f"groups={shown(groups)} needs cv, a splitter that keeps groups together, such as GroupKFold(5). For a"
            " split of your own, pass all rows as X, their groups, and cv=[(train, test)], the indices of each part."
        )
    return check_labels(groups, "groups", n_rows, of="rows of X")


def check_cross_fit(cross_fit, splits, groups):
    """Raise if there are fewer training rows, or groups of them, than folds."""
    least = min(len(train if groups is None else np.unique(groups[train])) for train, _ in splits)
    if cross_fit is not None and cross_fit > least:
        what = "rows" if groups is None else "groups"
        raise ValueError(f"cross_fit must be at most the number of training {what}, {least}, got {cross_fit}.")


def split_data(X, y, X_test, y_test, cv, groups, clean_range, rng):
    """Return all rows and labels, and the splits as pairs of indices; `clean_range` is None for noisy rows."""
    if (X_test is None) != (y_test is None):
        raise ValueError("X_test and y_test must be passed together, got only one of them.")
    if X_test is None:
        splits = _cv_splits(cv, X, y, groups, rng)
    else:
        if cv is not None:
            raise ValueError(f"cv must be None if X_test is passed, got cv={shown(cv)}. Pass only one of them.")
        X_test, y_test = check_data(X_test, y_test, "_test", has_clean=clean_range is not None)
        if X_test.shape[1] != X.shape[1]:
            raise ValueError(f"X_test must have the {X.shape[1]} features of X, got {X_test.shape[1]}.")
        if clean_range is not None:
            check_in_range(X_test, clean_range, "X_test")
        splits = [(np.arange(len(X)), len(X) + np.arange(len(X_test)))]
        X, y = np.concatenate([X, X_test]), np.concatenate([y, y_test])
    test_rows = np.concatenate([test for _, test in splits])
    n_test = len(np.unique(test_rows if groups is None else groups[test_rows]))
    if n_test < 2:
        what = "test rows" if groups is None else "groups of test rows"
        raise ValueError(f"X_test or cv must provide at least two {what}, which intervals require, got {n_test}.")
    return X, y, splits


def _cv_splits(cv, X, y, groups, rng):
    """Return the splits of `cv` as pairs of index arrays; splitters may also yield lists or masks."""
    if cv is None:
        cv = StratifiedShuffleSplit(1, test_size=0.25, random_state=rng.randint(2**31 - 1))
    try:
        pairs = check_cv(cv, y, classifier=True).split(X, y, groups)
        splits = [tuple(np.arange(len(X))[np.asarray(rows)] for rows in pair) for pair in pairs]
        valid = splits and all(len(train) and len(test) and train.ndim == test.ndim == 1 for train, test in splits)
    except (TypeError, ValueError, IndexError) as error:
        missing = groups is None and _needs_groups(cv)
        remedy = "Pass groups=, the group of each row of X." if missing else "Pass another cv, or X_test and y_test."
        raise ValueError(f"cv={shown(cv)} cannot split X: {brief(error)} {remedy}") from error
    if not valid:
        raise ValueError(f"cv={shown(cv)} must yield at least one pair of training and test indices, none empty.")
    if groups is not None and any(np.isin(groups[train], groups[test]).any() for train, test in splits):
        warn_user(
            f"cv={shown(cv)} puts rows of one group in both training and test sets, which makes results too good. Pass"
            " a splitter that keeps groups together, such as GroupKFold."
        )
    return splits


def name_estimators(estimators, argument):
    """Check the estimators passed as `argument`, and return them as a dict by name."""
    if not isinstance(estimators, Mapping):
        listed = as_list(estimators)
        names = ["passthrough" if estimator is None else _name(estimator) for estimator in listed]
        names = [f"{n} ({names[:i].count(n) + 1})" if names.count(n) > 1 else n for i, n in enumerate(names)]
        estimators = dict(zip(names, listed))
    if not estimators:
        raise ValueError(f"{argument} must contain at least one estimator, got none.")
    named = {str(name): _check_estimator(estimator, argument) for name, estimator in estimators.items()}
    if len(named) < len(estimators):
        raise ValueError(f"{argument} must have names that differ after conversion to str, got {list(estimators)!r}.")
    return named


def _name(estimator):
    """A short name: the architecture, method or wrapped estimator if there is one, otherwise the class."""
    if isinstance(estimator, str):
        return estimator
    if type(estimator).__module__.startswith("sk_denoise."):
        parts = [getattr(estimator, name, None) for name in ("architecture", "method", "estimator")]
        made_of = next(part for part in [*parts, estimator] if part is not None)
        return made_of if isinstance(made_of, str) else getattr(made_of, "__name__", type(made_of).__name__)
    steps = getattr(estimator, "steps", None)
    return _name(steps[-1][1]) if steps else type(estimator).__name__


def _check_estimator(estimator, argument):
    """Check and return an estimator; "passthrough" and None become an identity transformer."""
    if argument == "classifiers":
        check_classifier(estimator, argument)
    elif estimator is None or (isinstance(estimator, str) and estimator == "passthrough"):
        return FunctionTransformer()
    elif isinstance(estimator, type) or not hasattr(estimator, "fit") or not hasattr(estimator, "transform"):
        raise TypeError(
            f"denoisers must have fit and transform, or be 'passthrough', got {shown(estimator)}. Wrap a regressor or a"
            " decomposition in EstimatorDenoiser. For a pipeline with a classifier, pass the part up to the denoiser."
        )
    if isinstance(estimator, Pipeline) and any(isinstance(step, NoiseInjector) for _, step in estimator.steps):
        raise ValueError(
            f"{argument} must not contain a NoiseInjector, because the report adds the noise itself. Pass the part"
            " after it, such as pipe[1:]."
        )
    if isinstance(estimator, BaseSearchCV) and not is_fitted(estimator) and _needs_groups(estimator.cv):
        raise ValueError(
            f"{argument} must not contain a search with cv={shown(estimator.cv)}, because the report does not pass"
            " groups to searches. Use another cv in the search, or fit it first."
        )
    return estimator


def _needs_groups(cv):
    return bool(get_routing_for_object(cv).consumes("split", ["groups"]))


def is_fitted(estimator):
    """True for fitted estimators; False for those that do not require fitting."""
    if isinstance(estimator, Pipeline):
        needed = [step for _, step in estimator.steps if step != "passthrough" and get_tags(step).requires_fit]
        return bool(needed) and all(is_fitted(step) for step in needed)
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return isinstance(estimator, FrozenEstimator) or get_tags(estimator).requires_fit
