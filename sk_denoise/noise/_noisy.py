"""`NoisyArray` and `NoisyImages`, the output of a `NoiseInjector`, which keep the clean rows or images."""

from __future__ import annotations

import zlib

import numpy as np

from .._core.checks import sample_rows
from .._core.sklearn_glue import HasMethods, validate_function_params

__all__ = ["NoisyArray", "NoisyImages"]

_INJECTOR = [HasMethods(["transform", "_redraw"])]  # NoiseInjector imports this module


def _digest_of(arrays):
    """Return a checksum of at most 64 rows of at most 64 arrays, spread over them, by which to detect modifications."""
    checksum = 0
    for i in sample_rows(np.arange(len(arrays))):
        checksum = zlib.crc32(np.ascontiguousarray(sample_rows(arrays[i])).view(np.uint8), checksum)
    return checksum


def _digest_of_array(array):
    return _digest_of([array] if array.ndim == 2 else array)


class NoisyArray(np.ndarray):
    """Noisy rows, or a stack of noisy images, with the clean ones for the next step of a pipeline.

    In every other respect, it is an ordinary ndarray. Both attributes are None in slices, copies, casts and results of
    arithmetic, because their rows may no longer match the clean ones; denoisers warn about such arrays. Pickling keeps
    the attributes.

    Attributes
    ----------
    clean : ndarray of the same shape, or None
        The rows or images before noise was added; not a copy. `fit` raises an error if they have been modified since.
    injector : NoiseInjector or None
        A copy of the transformer that added the noise, as it was at that time.
    """

    @validate_function_params({"noisy": [np.ndarray], "clean": [np.ndarray], "injector": _INJECTOR})
    def __new__(cls, noisy, clean, injector):
        if noisy.shape != clean.shape:
            raise ValueError(f"clean must have the shape of noisy, {noisy.shape}, got {clean.shape}.")
        self = np.asarray(noisy).view(cls)
        self.clean, self.injector, self._digest = clean, injector, _digest_of_array(clean)
        return self

    def _check_unchanged(self):
        """Raise if the clean rows, which are not a copy, have been modified since noise was added."""
        if _digest_of_array(self.clean) != self._digest:
            raise ValueError(
                "X carries clean rows that have changed since noise was added, for example by an in-place operation"
                " such as X /= 255. Modify the rows before adding noise, or pass the clean rows as X_clean."
            )

    def __array_finalize__(self, source):
        self.clean = self.injector = self._digest = None

    def __array_wrap__(self, array, context=None, return_scalar=False):
        # Results of the same shape stay NoisyArrays without clean rows, about which denoisers warn.
        if return_scalar:
            return array[()]
        return np.asarray(array).view(NoisyArray if array.shape == self.shape else np.ndarray)

    def __reduce__(self):
        rebuild, arguments, state = super().__reduce__()
        return rebuild, arguments, (state, self.clean, self.injector, self._digest)

    def __setstate__(self, state):
        state, self.clean, self.injector, self._digest = state
        super().__setstate__(state)


class NoisyImages(list):
    """A list of noisy images of any sizes, with the clean ones for the next step of a pipeline.

    In every other respect, it is an ordinary list; slices, copies and concatenations are plain lists. Pickling keeps
    the attributes.

    Parameters
    ----------
    noisy : list of ndarray
        Noisy images, of shape (height, width) or with an axis of colour channels.
    clean : list of ndarray
        The images before noise was added, of the same shapes.
    injector : NoiseInjector
        The transformer that added the noise.

    Attributes
    ----------
    clean : list of ndarray
        The images before noise was added; not copies.
    injector : NoiseInjector
        A copy of the transformer that added the noise, as it was at that time.
    """

    @validate_function_params({"noisy": [list], "clean": [list], "injector": _INJECTOR})
    def __init__(self, noisy, clean, injector):
        shapes, clean_shapes = ([np.shape(image) for image in images] for images in (noisy, clean))
        if shapes != clean_shapes:
            raise ValueError("clean must hold images of the shapes of those in noisy, in the same order.")
        super().__init__(noisy)
        self.clean, self.injector, self._digests = clean, injector, (_digest_of(noisy), _digest_of(clean))

    def _check_unchanged(self):
        """Raise if the list, or the clean images, which are not copies, have been modified since noise was added."""
        if len(self) != len(self.clean) or (_digest_of(self), _digest_of(self.clean)) != self._digests:
            raise ValueError(
                "X carries clean images that do not match any more: images were modified, reordered or removed since"
                " noise was added, for example by X[0] /= 255. Modify the images before adding noise."
            )

    def __copy__(self):
        return list(self)
