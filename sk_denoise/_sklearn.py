"""The one place that imports private API of scikit-learn, and what makes input errors readable."""

from __future__ import annotations

import contextlib
import difflib

import numpy as np
from sklearn.base import _fit_context as fit_context
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import assert_all_finite
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads as effective_n_threads
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import check_array, validate_data

__all__ = [
    "BaseSearchCV",
    "Interval",
    "StrOptions",
    "assert_all_finite",
    "check_clean",
    "check_rows",
    "check_sample_weight",
    "effective_n_threads",
    "fit_context",
    "keep_on_error",
    "likely",
    "output_is_default",
    "read_rows",
    "set_random_states",
]


def output_is_default(estimator):
    """True unless `set_output` asked for pandas or polars."""
    return _get_output_config("transform", estimator)["dense"] == "default"


def set_random_states(estimator, seed):
    """Set each `random_state` among the parameters, however deep, to a number drawn from `seed`."""
    from sklearn.ensemble._base import _set_random_states  # here, for it imports all ensembles

    _set_random_states(estimator, seed)


def _refuse_images(X, name):
    if getattr(X, "ndim", 2) > 2:
        raise ValueError(
            f"{name} must be 2-dimensional, (n_samples, n_features) with one flattened image a row, got an array of"
            f" shape {tuple(X.shape)}. Reshape your data with {name}.reshape(len({name}), -1). Where images are not"
            f" square and grey, also give the denoiser image_shape={tuple(X.shape[1:])}."
        )


def read_rows(estimator, X, *, reset, finite=True):
    """Validate `X` for `estimator`, in its own dtype: a real, finite 2-D array; no copy of numeric input.

    With ``finite=False`` the caller checks for NaN and infinity, block by block, which is faster.
    """
    _refuse_images(X, "X")
    X = validate_data(estimator, X, reset=reset, dtype=None, ensure_all_finite=False)
    return _numbers(X, "X", finite)


def check_rows(X, name="X"):
    """Validate an array that belongs to no estimator (a metric's, or a clean target)."""
    _refuse_images(X, name)
    X = check_array(X, dtype=None, ensure_all_finite=False, input_name=name)
    return _numbers(X, name, finite=True)


def _numbers(X, name, finite):
    # Booleans are images too (masks); objects and strings become numbers or a clear error.
    if X.dtype.kind == "b":
        X = X.astype(np.uint8)
    if X.dtype.kind in "fiu":
        if finite:
            assert_all_finite(X, input_name=name)
        return X
    if X.dtype.kind in "USmM":
        raise ValueError(f"{name} must be numeric, got dtype {X.dtype}. Convert strings with {name}.astype(float).")
    return check_array(X, dtype=np.float64, input_name=name)


def check_clean(X_clean, shape, name="X_clean"):
    """Validate a clean target for rows of `shape`."""
    X_clean = check_rows(X_clean, name)
    if X_clean.shape != shape:
        raise ValueError(
            f"{name} must have the shape of X, {shape}, got {X_clean.shape}."
            " Row i of it is the clean version of row i of X."
        )
    return X_clean


def likely(value, allowed):
    """The end of an error about a name: what is allowed, and the one that was likely meant."""
    close = difflib.get_close_matches(str(value), list(allowed), n=1)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    return f"one of {sorted(allowed)}, got {value!r}.{meant}"


@contextlib.contextmanager
def keep_on_error(estimator):
    """Give `estimator` back its attributes if the block fails, so that a bad `fit` loses nothing fitted."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
