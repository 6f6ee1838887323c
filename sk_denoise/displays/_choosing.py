"""The choice of images to show."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from .._core.checks import check_labels, check_vector, shown
from .._core.sklearn_glue import Interval, StrOptions, validate_function_params

CHOICE = {
    "n_images": [Interval(Integral, 1, None, closed="left")],
    "show": [StrOptions({"first", "random", "worst", "best"})],
    "random_state": ["random_state"],
}


@validate_function_params({"n_rows": [Interval(Integral, 0, 2**31, closed="left")], **CHOICE})
def choose_rows(n_rows, n_images=10, *, y=None, labels=None, show="first", errors=None, random_state=None):
    """Choose rows to show: the first, random, worst or best ones, of all labels or some.

    Parameters
    ----------
    n_rows : int
        Number of rows to choose from.
    n_images : int, default=10
        Maximum number of rows to choose.
    y : array-like of shape (n_rows,), default=None
        Labels of the rows. Required with `labels`.
    labels : array-like, default=None
        If given, choose only among rows with these labels.
    show : {"first", "random", "worst", "best"}, default="first"
        Which rows to choose. "worst" and "best" sort them by `errors`, the most extreme first.
    errors : array-like of shape (n_rows,), default=None
        Error of each row, lower is better, such as ``-psnr(..., per_image=True)``. Required for "worst" and "best".
    random_state : int, RandomState instance or None, default=None
        Seed for ``show="random"``.

    Returns
    -------
    index : ndarray of int of shape (n_chosen,)
        Indices of the chosen rows, at most `n_images`.

    Raises
    ------
    ValueError
        If `y` or `errors` is required but missing, has a wrong length or contains NaN, or no row has one of `labels`.

    Examples
    --------
    >>> from sk_denoise.displays import choose_rows
    >>> choose_rows(6, 2, y=[8, 1, 9, 8, 9, 1], labels=[8, 9])
    array([0, 2])
    >>> choose_rows(3, 2, show="worst", errors=[0.1, 0.3, 0.2])
    array([1, 2])
    """
    index = np.arange(n_rows)
    labels = None if labels is None else check_labels(labels, "labels")
    if y is not None or labels is not None:
        y = check_labels(y, "y", n_rows)
    if labels is not None:
        index = index[np.isin(y, labels)]
        if not len(index):
            raise ValueError(f"labels must contain at least one label of y, {np.unique(y)}, got {shown(labels)}.")
    if errors is not None or show in ("worst", "best"):
        errors = check_vector(errors, "errors", n_rows, missing=True).astype(float)
        if np.isnan(errors).any():  # infinity is allowed, because the PSNR of exact rows is infinite
            raise ValueError("errors must not contain NaN, which cannot be ranked. Replace NaN, or use show='first'.")
    if show == "random":
        index = check_random_state(random_state).permutation(index)
    elif show != "first":
        index = index[np.argsort(errors[index] if show == "best" else -errors[index], kind="stable")]
    return index[:n_images]
