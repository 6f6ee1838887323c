"""What images that are read when they are used have in common with arrays."""

from __future__ import annotations

import math

import numpy as np


class ArrayLike:
    """The attributes and methods of an array that follow from its `shape`, `dtype` and `__getitem__`."""

    __slots__ = ()

    @property
    def ndim(self):
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self):
        """Number of values."""
        return math.prod(self.shape)

    def __len__(self):
        return self.shape[0]

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError("An image that is not in memory cannot be converted to an array without a copy.")
        return np.asarray(self[...], dtype=dtype)
