"""Rows that arrive in batches: from the chunks of dask arrays, or from iterators."""

from __future__ import annotations

from collections.abc import Iterator

from .._core.checks import shown
from .._core.dask_arrays import is_dask_array


def read_batches(X, y, X_clean):
    """Return an iterator of the batches ``(X, y, X_clean)``, or None if `X` is a single one."""
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
    return ((*batch, None) if isinstance(batch, tuple) and len(batch) == 2 else (batch, None, None) for batch in X)
