"""Rows that arrive in batches: from the chunks of dask arrays, or from iterators."""

from __future__ import annotations

from collections.abc import Iterator

from .._core.checks import shown
from .._core.dask_arrays import is_dask_array


def read_batches(X, y, X_clean):
    """Return an iterator over the batches, each with its number and its arguments ``(X, y, X_clean)``.

    Returns
    -------
    batches : iterator of tuple or None
        Pairs ``(number, arguments)``; None if `X` is a single batch. For an iterator, the only argument is the batch
        itself, which `as_arguments` validates and splits.
    """
    if is_dask_array(X):
        from ._dask import row_chunks  # here, because dask is optional

        return row_chunks(X, y, X_clean)
    if not isinstance(X, Iterator):
        return None
    for name, value in (("y", y), ("X_clean", X_clean)):
        if value is not None:
            raise ValueError(
                f"{name} must be None if X is an iterator, got {shown(value)}. Let it yield pairs instead, as"
                f" zip(X, {name}) does."
            )
    return enumerate(zip(X))


def as_arguments(batch, y=None, X_clean=None):
    """Return the arguments ``(X, y, X_clean)`` for a batch, which may be a pair ``(X, y)``."""
    holds_arrays = isinstance(batch, (list, tuple)) and len(batch) and getattr(batch[0], "ndim", 0) > 1
    if holds_arrays and len(batch) != 2:
        raise ValueError(
            f"X must yield rows or pairs (X, y), got a {type(batch).__name__} of length {len(batch)}. Select from it:"
            f" {'(batch[0] for batch in X)' if len(batch) == 1 else '(batch[:2] for batch in X)'}."
        )
    is_pair = holds_arrays or (isinstance(batch, tuple) and len(batch) == 2)  # data loaders yield pairs as lists
    return (*batch, X_clean) if is_pair else (batch, y, X_clean)


def over_batches(function, batches, name="X"):
    """Yield the result of a function for each batch, on demand; errors get a note with the number of the batch.

    Parameters
    ----------
    function : callable
        Takes the arguments of a batch.
    batches : iterator of tuple
        Pairs ``(number, arguments)``.
    name : str
        Name of the batches in messages.
    """
    number = None
    for number, arguments in batches:
        try:
            result = function(*arguments)
        except Exception as error:
            error.add_note(f"This happened in batch {number} of {name}.")
            raise
        yield result
    if number is None:
        raise ValueError(
            f"{name} yielded no batches: it has no rows, or is an iterator that is already exhausted. Pass a new one."
        )
