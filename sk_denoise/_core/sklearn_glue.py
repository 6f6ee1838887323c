"""The only module that imports private API of scikit-learn; validation of rows and parameters."""

from __future__ import annotations

import contextlib
import copy
import functools
import re

import numpy as np
from sklearn.base import _fit_context as fit_context
from sklearn.base import is_classifier
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import assert_all_finite, check_random_state
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads as effective_n_threads
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions, validate_parameter_constraints
from sklearn.utils._param_validation import validate_params as _validate_params
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import (
    _check_feature_names,
    _check_sample_weight,
    _get_feature_names,
    check_array,
    validate_data,
)

from .checks import is_integer, shown, warn_user
from .remedies import contents_error, first_line, object_error, shape_error, tensor_error

_OTHER_SHAPE = re.compile(r"Expected 2D array|Expected a 2-dimensional container|Found array with dim")
_OTHER_CONTENTS = re.compile(r"inhomogeneous shape|^(Complex data|could not convert|float\(\) argument|cannot convert)")

# Re-exported, so that other modules do not import private API.
__all__ = ["BaseSearchCV", "HasMethods", "Interval", "StrOptions", "effective_n_threads", "fit_context"]

#: Decorator that checks the arguments of a function against constraints, as estimators check their parameters.
validate_function_params = functools.partial(_validate_params, prefer_skip_nested_validation=True)


def output_is_default(estimator):
    """Whether the output is an array, rather than a pandas or polars frame requested by `set_output`."""
    return _get_output_config("transform", estimator)["dense"] == "default"


def check_output_is_default(estimator, X):
    """Raise for a lazy `X` unless the output is an array: scikit-learn would compute the result for a frame."""
    if not output_is_default(estimator):
        raise ValueError(
            f"X must be in memory if set_output asks for data frames, got {shown(X)}. Call"
            " set_output(transform='default') for results that are computed on demand."
        )


def validate_attributes(obj):
    """Validate the attributes of `obj` against its `_parameter_constraints`."""
    attributes = {name: getattr(obj, name) for name in obj._parameter_constraints}
    validate_parameter_constraints(obj._parameter_constraints, attributes, caller_name=type(obj).__name__)


def check_classifier(classifier, name):
    """Raise unless `classifier` is a scikit-learn classifier."""
    try:
        valid = not isinstance(classifier, type) and is_classifier(classifier)
    except AttributeError:  # not an estimator
        valid = False
    if not valid:
        what = "scikit-learn classifiers" if name.endswith("s") else "a scikit-learn classifier"
        raise TypeError(f"{name} must be {what}, got {shown(classifier)}.")


def set_random_states(estimator, seed):
    """Set each `random_state` parameter, nested ones included, to a number drawn from `seed`."""
    from sklearn.ensemble._base import _set_random_states  # imported here, because it imports all ensembles

    _set_random_states(estimator, seed)


@contextlib.contextmanager
def _clear_errors(X, name):
    """Replace errors of NumPy and scikit-learn by ones that name the argument, its value and a remedy."""
    # Numeric arrays skip the check, which would dominate the time for a single row.
    plain = isinstance(X, np.ndarray) and X.dtype.kind in "biuf"
    problem = None if plain else object_error(X, name)
    if problem is None and getattr(X, "ndim", 2) > 2:
        problem = shape_error(X, name, X.shape)
    if problem is not None:
        raise problem
    _refuse_masked(X, name)
    try:
        yield
    except (TypeError, ValueError, RuntimeError) as error:
        text = first_line(error)
        if _OTHER_SHAPE.match(text):
            raise shape_error(X, name) from None
        if _OTHER_CONTENTS.search(text):
            raise contents_error(X, name, error) from None
        problem = tensor_error(X, name, error)
        if problem is not None:
            raise problem from error
        raise


def _refuse_masked(X, name):
    """Raise for masked values, including in a list of arrays."""
    if np.ma.is_masked(X) or (isinstance(X, (list, tuple)) and any(np.ma.is_masked(row) for row in X)):
        raise ValueError(
            f"{name} contains masked values, and the mask would be ignored. Fill them first, for example with"
            f" {name}.filled(0)."
        )


def _refuse_image(estimator, X):
    """Raise for a single 2-D image that has as many pixels as there are features."""
    n_features = getattr(estimator, "n_features_in_", None)
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.size == n_features != X.shape[1]:
        raise ValueError(
            f"X has {X.shape[1]} features, but {type(estimator).__name__} is expecting {n_features} features as input."
            f" If X is a single image of {X.shape[0]} x {X.shape[1]} pixels, pass X.reshape(1, -1)."
        )


def read_rows(estimator, X, *, reset, finite=True):
    """Return `X` as a real, finite 2-D array of its own dtype, validated for `estimator`; numeric input is not copied.

    With ``finite=False``, the caller checks for NaN and infinity block by block, which is faster.
    """
    with _clear_errors(X, "X"):
        if not reset:
            _refuse_image(estimator, X)
        return _numbers(validate_data(estimator, X, reset=reset, dtype=None, ensure_all_finite=False), "X", finite)


def check_rows(X, name="X"):
    """Validate rows without an estimator, for example those passed to a metric."""
    with _clear_errors(X, name):
        return _numbers(check_array(X, dtype=None, ensure_all_finite=False, input_name=name), name, finite=True)


def _numbers(X, name, finite):
    # Boolean masks are images too; objects are converted to float64.
    if X.dtype.kind == "b":
        X = X.astype(np.float32)
    if X.dtype.kind in "fiu":
        if finite:
            assert_all_finite(X, input_name=name)
        return X
    if X.dtype.kind in "USmM":
        raise ValueError(f"{name} must be numeric, got dtype {X.dtype}.")
    return check_array(X, dtype=np.float64, input_name=name)


def check_weights(sample_weight, X):
    """Validate the weights of the rows of `X`: non-negative, and not all zero."""
    _refuse_masked(sample_weight, "sample_weight")
    try:
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    except (TypeError, ValueError) as error:
        text = first_line(error)
        if re.search("[Ss]ample.weight", text):
            raise
        raise type(error)(f"sample_weight must hold real numbers, one for each row: {text}") from None
    if weights.max() == 0:
        raise ValueError("sample_weight must hold at least one positive number, got only zeros.")
    return weights


def check_clean(X_clean, shape, name="X_clean", of="X"):
    """Validate clean rows, which must have the given `shape`, that of the argument named `of`."""
    X_clean = check_rows(X_clean, name)
    if X_clean.shape != shape:
        raise ValueError(
            f"{name} must have the shape of {of}, {shape}, got {X_clean.shape}. Row i of each must be the same image."
        )
    return X_clean


def feature_names(X):
    """Return the column names of a data frame of any library that scikit-learn supports; otherwise None."""
    return _get_feature_names(X)


def with_names(rows, names):
    """Return `rows` as a DataFrame, for estimators that were fitted on one; unchanged if `names` is None."""
    if names is None:
        return rows
    import pandas as pd

    return pd.DataFrame(rows, columns=list(names), copy=False)


def fitted_names(estimator):
    """Return the column names seen by `estimator` during `fit`, or None."""
    return getattr(estimator, "feature_names_in_", None)


def check_names(estimator, X):
    """Check the column names of `X` against those seen during `fit`, as the methods of `estimator` do."""
    if fitted_names(estimator) is not None:
        _check_feature_names(estimator, X, reset=False)


def check_same_names(X, other, name, of="X"):
    """Raise if two data frames have the same columns in different orders; warn if they have such an index."""
    _warn_other_index(X, other, name, of)
    names, others = (getattr(frame, "columns", None) for frame in (X, other))
    if names is None or others is None or list(names) == list(others):
        return
    if set(names) == set(others):
        raise ValueError(f"{name} must have the columns of {of} in the same order. Pass {name}[{of}.columns].")


def _warn_other_index(X, other, name, of):
    # Only a warning: an index may be left over from before the rows were shuffled, whereas columns name pixels.
    index, others = (getattr(frame, "index", None) for frame in (X, other))
    if not hasattr(index, "equals") or not hasattr(others, "equals") or getattr(other, "ndim", 0) != 2:
        return  # not two pandas DataFrames; a Series of labels may have any index
    if len(index) == len(others) and not index.equals(others) and set(index) == set(others):
        warn_user(
            f"The index of {name} has the labels of that of {of} in a different order, but rows are paired by position,"
            f" not by label. If equal labels mark the same image, pass {name}.loc[{of}.index]."
        )


@contextlib.contextmanager
def keep_on_error(estimator):
    """Restore the attributes of `estimator` if the block fails, so that a failed `fit` changes nothing."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        estimator.__dict__ = before  # one assignment, so that a second interrupt cannot leave it half done
        raise


def frozen(estimator):
    """Return a shallow copy for lazy results, unaffected by later fits and parameter changes of `estimator`."""
    copied = copy.copy(estimator)
    vars(copied).update(vars(estimator))  # including compiled networks, which copies leave out
    return copied


def draw_seed(random_state):
    """Return an integer `random_state` itself, and an integer drawn from any other."""
    if is_integer(random_state):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))
