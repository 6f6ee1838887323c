"""Where `PatchDenoiser` writes denoised images: arrays, memory maps, and others that are assigned to by slices."""

from __future__ import annotations

import numpy as np

from .._core.checks import shown


class _Part:
    """One image of a stack that is not a NumPy array."""

    def __init__(self, stack, number):
        self._stack, self._number = stack, number

    def __setitem__(self, places, values):
        self._stack[(self._number, *places)] = values


def read_outputs(out, arrays, layout):
    """Return what to assign the result for each image to.

    Parameters
    ----------
    out : object
        An array, or a list of arrays, in the form of the images.
    arrays : list of ndarray
        The images, with channels last.
    layout : ImageLayout
        Their form.

    Returns
    -------
    outputs : list
        One object for each image, to which parts of its result can be assigned by slices.
    """
    listed = layout.form in ("list", "tuple")
    given = list(out) if listed and isinstance(out, (list, tuple)) else [out]
    wholes = [_channels_last(_checked(whole, arrays), layout.channel_axis) for whole in given]
    wanted = [array.shape for array in arrays]
    if layout.form == "stack":
        wanted = [(len(arrays), *wanted[0])]
    shapes = [tuple(whole.shape) for whole in wholes]
    if shapes != wanted:
        raise ValueError(
            f"out must have the shapes of images, with channels last {shown(wanted)}, got {shown(shapes)}. Create it"
            " with np.empty_like(images, dtype='float32')."
        )
    if layout.form != "stack":
        return wholes
    stack = wholes[0]
    return list(stack) if isinstance(stack, np.ndarray) else [_Part(stack, i) for i in range(len(arrays))]


def _checked(whole, arrays):
    """Return one array to write to; raise if results cannot be written to it."""
    if not all(hasattr(whole, name) for name in ("shape", "dtype", "__setitem__")):
        raise TypeError(
            "out must be an array, or anything with a shape and a dtype that can be assigned to by slices, for a list"
            f" of images a list of them, got {shown(whole)}."
        )
    if np.dtype(whole.dtype).kind != "f":
        raise ValueError(f"out must hold floats, because results are not rounded, got dtype {whole.dtype}.")
    if isinstance(whole, np.ndarray) and not whole.flags.writeable:
        raise ValueError("out must be writeable, got a read-only array. Open memory maps with mode='r+'.")
    shared = [isinstance(array, np.ndarray) and np.may_share_memory(whole, array) for array in arrays]
    if isinstance(whole, np.ndarray) and any(shared):
        raise ValueError("out must not share memory with images, because tiles also read pixels around them.")
    return whole


def _channels_last(whole, channel_axis):
    if channel_axis is None or channel_axis in (-1, len(whole.shape) - 1):
        return whole
    if isinstance(whole, np.ndarray):
        return np.moveaxis(whole, channel_axis, -1)
    raise ValueError(f"out must be a NumPy array if channel_axis is not the last axis, got {shown(whole)}.")
