"""The one place that imports private API of scikit-learn, and what makes input errors readable."""

from __future__ import annotations

import contextlib
import dataclasses

import numpy as np
from sklearn import config_context
from sklearn.base import _fit_context as fit_context
from sklearn.base import is_classifier
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import assert_all_finite
from sklearn.utils._metadata_requests import SIMPLE_METHODS
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads as effective_n_threads
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._param_validation import validate_params as validate_function_params
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import check_array, validate_data

from .checks import is_array_like, likely, shown

__all__ = [
    "BaseSearchCV",
    "Interval",
    "StrOptions",
    "apply_settings",
    "assert_all_finite",
    "check_classifier",
    "check_clean",
    "check_rows",
    "effective_n_threads",
    "fit_context",
    "keep_on_error",
    "likely",
    "output_is_default",
    "read_rows",
    "set_random_states",
    "settings",
    "validate_function_params",
    "validate_params",
]


def output_is_default(estimator):
    """True unless `set_output` asked for pandas or polars."""
    return _get_output_config("transform", estimator)["dense"] == "default"


def validate_params(estimator):
    """Check parameters against `_parameter_constraints`, as `fit` does."""
    estimator._validate_params()


def settings(estimator):
    """What `set_output` and `set_fit_request` and its like have set, as plain values; {} where nothing."""
    found = {}
    if "_sklearn_output_config" in vars(estimator):
        found["set_output"] = vars(estimator)["_sklearn_output_config"].get("transform")
    if "_metadata_request" in vars(estimator):
        requests = vars(estimator)["_metadata_request"]
        requests = {method: dict(getattr(requests, method).requests) for method in SIMPLE_METHODS}
        found["requests"] = {method: asked for method, asked in requests.items() if asked}
    return found


def apply_settings(estimator, found):
    """Set what `settings` found."""
    if "set_output" in found:
        estimator.set_output(transform=found["set_output"])
    with config_context(enable_metadata_routing=True):  # only while it is on can requests be set
        for method, asked in found.get("requests", {}).items():
            getattr(estimator, f"set_{method}_request")(**asked)


def check_classifier(classifier, name):
    """Refuse what is no classifier."""
    try:
        valid = not isinstance(classifier, type) and is_classifier(classifier)
    except AttributeError:  # no estimator at all
        valid = False
    if not valid:
        what = "scikit-learn classifiers" if name.endswith("s") else "a scikit-learn classifier"
        raise TypeError(f"{name} must be {what}, got {shown(classifier)}.")


def set_random_states(estimator, seed):
    """Set each `random_state` among the parameters, however deep, to a number drawn from `seed`."""
    from sklearn.ensemble._base import _set_random_states  # here, for it imports all ensembles

    _set_random_states(estimator, seed)


@contextlib.contextmanager
def _reading(X, name):
    """Name the argument where NumPy and scikit-learn speak of it without."""
    if not is_array_like(X):
        raise TypeError(f"{name} must be an array, a data frame or a list of rows, got {shown(X)}.")
    if getattr(X, "ndim", 2) > 2:
        raise ValueError(
            f"{name} must be 2-dimensional, (n_samples, n_features) with one flattened image a row, got an array of"
            f" shape {tuple(X.shape)}. Reshape your data with {name}.reshape(len({name}), -1). Where images are not"
            f" square and grey, also give the denoiser image_shape={tuple(X.shape[1:])}."
        )
    if np.ma.is_masked(X):
        raise ValueError(
            f"{name} has masked values, which would count as they are. Fill them first, as with {name}.filled(0)."
        )
    try:
        yield
    except (TypeError, ValueError) as error:
        text = str(error)
        if text.startswith("Expected 2D array"):
            raise ValueError(
                f"{name} must be 2-dimensional, (n_samples, n_features) with one flattened image a row, got {shown(X)}."
                f" Reshape your data with {name}.reshape(1, -1) if it is one image."
            ) from None
        if "inhomogeneous shape" in text:
            raise ValueError(f"{name} must have rows of one length, got {shown(X)}.") from None
        if text.startswith("Complex data not supported"):
            raise ValueError(f"Complex data not supported: {name} must be real, got {shown(X)}.") from None
        if text.startswith(("could not convert", "float() argument", "cannot convert")):
            raise type(error)(f"{name} must hold numbers: {text}") from None
        raise


def read_rows(estimator, X, *, reset, finite=True):
    """Validate `X` for `estimator`, in its own dtype: a real, finite 2-D array; no copy of numeric input.

    With ``finite=False`` the caller checks for NaN and infinity, block by block, which is faster.
    """
    with _reading(X, "X"):
        return _numbers(validate_data(estimator, X, reset=reset, dtype=None, ensure_all_finite=False), "X", finite)


def check_rows(X, name="X"):
    """Validate an array that belongs to no estimator (a metric's, or a clean target)."""
    with _reading(X, name):
        return _numbers(check_array(X, dtype=None, ensure_all_finite=False, input_name=name), name, finite=True)


def _numbers(X, name, finite):
    # Booleans are images too (masks); objects and strings become numbers or a clear error.
    if X.dtype.kind == "b":
        X = X.astype(np.uint8)
    if X.dtype.kind in "fiu":
        if finite:
            assert_all_finite(X, input_name=name)
        return X
    if X.dtype.kind in "USmM":
        hint = f" Convert strings with {name}.astype(float)." if X.dtype.kind in "US" else ""
        raise ValueError(f"{name} must be numeric, got dtype {X.dtype}.{hint}")
    return check_array(X, dtype=np.float64, input_name=name)


def check_clean(X_clean, shape, name="X_clean", of="X"):
    """Validate a clean target for rows of `shape`, or the like."""
    X_clean = check_rows(X_clean, name)
    if X_clean.shape != shape:
        raise ValueError(
            f"{name} must have the shape of {of}, {shape}, got {X_clean.shape}. Row i of both must be one image."
        )
    return X_clean


@dataclasses.dataclass
class Kept:
    """The attributes that an estimator gets if something fails."""

    attributes: dict


@contextlib.contextmanager
def keep_on_error(estimator):
    """Give `estimator` back its attributes if the block fails, so that a bad `fit` loses nothing fitted.

    The block may put other attributes in the place of those, as a fit that goes on from its last epoch does.
    """
    kept = Kept(dict(vars(estimator)))
    try:
        yield kept
    except BaseException:
        estimator.__dict__ = kept.attributes  # in one step, which no second interrupt can divide
        raise
