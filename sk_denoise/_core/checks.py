"""Argument checks beyond scikit-learn's parameter constraints, and helpers for their messages."""

from __future__ import annotations

import difflib
import math
import numbers
import sys
import warnings

import numpy as np

_MAX_LENGTH = 120  # of a value in a message, in characters


def is_integer(value):
    """Whether `value` is an int or a NumPy integer, but not a bool."""
    return isinstance(value, numbers.Integral) and not isinstance(value, (bool, np.bool_))


def is_real(value):
    """Whether `value` is a finite real number, but not a bool."""
    if not isinstance(value, numbers.Real) or isinstance(value, (bool, np.bool_)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an int too large for a float
        return False


def shown(value):
    """Format `value` for a message: its repr on one line, truncated if long, or the shape and dtype of an array."""
    if isinstance(value, type) or not hasattr(value, "shape") or np.ndim(value) == 0:
        text = " ".join(repr(value).split())
        return text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 20]}... ({type(value).__name__})"
    kind = f" of dtype {value.dtype}" if hasattr(value, "dtype") else ""
    return f"{type(value).__name__} of shape {tuple(value.shape)}{kind}"


def check_choice(value, name, allowed):
    """Raise a ValueError unless `value` is one of `allowed`."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be {likely(value, allowed)}")


def likely(value, allowed):
    """Format the end of a message about a choice: the allowed values, the given one, and the closest match, if any."""
    names = [name for name in allowed if isinstance(name, str)]
    # The default cutoff of 0.6 takes "normal" for a misspelling of "uniform", and "resnet" for one of "unet".
    close = difflib.get_close_matches(value, names, n=1, cutoff=0.7) if isinstance(value, str) else ()
    meant = f" Did you mean {close[0]!r}?" if close else ""
    return f"one of {sorted(allowed)}, got {shown(value)}.{meant}"


def check_vector(values, name, n=None, *, of="rows", what="number", missing=False):
    """Return `values` as a 1-D array, of length `n` if given. NaN and infinity require ``missing=True``."""
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):  # ragged
        array = None
    if array is None or array.ndim != 1 or (n is not None and len(array) != n):
        wanted = f"of {what}s" if n is None else f"with one {what} for each of the {n} {of}"
        raise ValueError(f"{name} must be a 1-D array-like {wanted}, got {shown(values)}.")
    if np.ma.is_masked(values):
        raise ValueError(f"{name} contains masked values, and the mask would be ignored. Fill or drop them first.")
    if what == "number" and array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold real numbers, got {shown(values)}.")
    if array.dtype.kind in "fc" and not missing and not np.isfinite(array).all():
        raise ValueError(f"{name} must hold finite numbers, got NaN or infinity in {shown(values)}.")
    return array


def check_labels(y, name, n=None, *, of="rows"):
    """Return class labels, one for each row, as a 1-D array of numbers or strings."""
    array = check_vector(y, name, n, of=of, what="label")
    objects = array if array.dtype.kind == "O" else ()
    if array.dtype.kind in "cmMV" or not all(isinstance(label, (str, numbers.Real, np.bool_)) for label in objects):
        raise ValueError(f"{name} must hold class labels, either numbers or strings, got {shown(y)}.")
    return array


def check_classes(y):
    """Raise a ValueError unless `y` has at least two classes."""
    if len(np.unique(y)) < 2:
        raise ValueError(f"y must hold at least two classes, got only {np.unique(y).tolist()}.")


def check_discrete(y, name):
    """Raise for non-integer numbers, which are not class labels. The error of scikit-learn would list them all."""
    if y.dtype.kind == "f" and np.any(y != np.floor(y)):
        raise ValueError(
            f"{name} must hold class labels, got continuous values, {shown(y)}. Bin them first, for example with"
            " np.digitize."
        )


def brief(error):
    """Return the message of `error` on one line, truncated because some messages list all values."""
    text = " ".join(str(error).split())
    return text if len(text) <= 2 * _MAX_LENGTH else f"{text[: 2 * _MAX_LENGTH]}..."


def sample_rows(rows, n=64, *, jitter=False):
    """At most `n` rows, spread evenly from the first to the last.

    With `jitter`, draw one row at random from each of `n` equal parts, so that alternating kinds of rows are all
    sampled.
    """
    if len(rows) <= n:
        return rows
    if jitter:
        places = (np.arange(n) + np.random.default_rng(0).random(n)) * len(rows) / n
    else:
        places = np.linspace(0, len(rows) - 1, n)
    return rows[places.astype(int)]


def warn_user(message, category=UserWarning):
    """Issue a warning that points at the user's code, skipping frames of this package, scikit-learn and joblib."""
    frame, level = sys._getframe(), 1
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in ("joblib", "sk_denoise", "sklearn"):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
