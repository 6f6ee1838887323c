"""dask arrays of images: what is allowed, and their planes. Nothing here imports dask."""

from __future__ import annotations

import math
import sys

import numpy as np
from sklearn.utils import gen_batches

from .array_like import ArrayLike
from .shapes import COLOUR_CHANNELS

_READ_AT_A_TIME = 1 << 24  # values


def is_dask_array(value):
    """Return whether `value` is a dask array. Does not import dask: before its import, nobody can have made one."""
    module = sys.modules.get("dask.array")
    return module is not None and isinstance(value, getattr(module, "Array", ()))


def collection_error(value, name, allowed):
    """Return the error for other collections of dask, such as data frames, or a list of them; else None."""
    first = _first(value)
    kind = type(first)
    if not hasattr(kind, "__dask_graph__") or is_dask_array(first):
        return None
    if is_dask_array(getattr(first, "data", None)):  # such as that of xarray, which NumPy would load whole
        return TypeError(f"{name} must be {allowed}, got {kind.__name__} of a dask array. Pass its data: {name}.data.")
    if not kind.__module__.startswith("dask"):
        return None
    if hasattr(kind, "to_dask_array"):
        remedy = f"{name}.compute() if it fits into memory, otherwise {name}.to_dask_array(lengths=True)"
    else:
        remedy = f"{name}.compute()"
    what = "a" if first is value else "a list whose first item is a"
    return TypeError(f"{name} must be {allowed}, got {what} dask {kind.__name__}. Pass {remedy}.")


def _first(value):
    return value[0] if isinstance(value, (list, tuple)) and value else value


def dask_error(value, name, allowed, remedy):
    """Return the error for dask objects, or a list of them, where only arrays in memory are allowed; else None."""
    problem = collection_error(value, name, allowed)
    if problem is not None:
        return problem
    first = _first(value)
    if not is_dask_array(first):
        return None
    what = "a dask array" if first is value else "a list of dask arrays"
    return TypeError(f"{name} must be {allowed}, in memory, got {what} of shape {first.shape}. {remedy}")


def channels_last(array, channel_axis, name):
    """Check a dask array of images, without computing anything, and return it with the channels, if any, last.

    Parameters
    ----------
    array : dask.array.Array of shape (..., height, width) or, with `channel_axis`, (..., height, width, channels)
        Images of integers or floats; all axes before the height number the planes.
    channel_axis : int or None
        Axis of the channels in `array`, which may be any of its axes.
    name : str
        Name of the argument in error messages.

    Returns
    -------
    array : dask.array.Array
        The same images, with the channels last. Each chunk is checked when it is computed.
    """
    _check_numbers(array, name)
    array = array.map_blocks(check_chunk, of=name, dtype=array.dtype, meta=array._meta)
    if any(math.isnan(size) for sizes in array.chunks for size in sizes):
        raise ValueError(
            f"{name} must have chunks of known sizes, got a dask array of shape {array.shape}. Call"
            f" {name}.compute_chunk_sizes() first."
        )
    n_axes = 2 if channel_axis is None else 3
    if array.ndim < n_axes or not array.size:
        wanted = "(..., height, width)" if channel_axis is None else "(..., height, width) and channels"
        raise ValueError(
            f"{name} must be a dask array {wanted}, with at least one pixel, got one of shape {array.shape}. Rows of"
            f" pixels need a shape first: {name}.reshape(-1, height, width)."
        )
    if channel_axis is None:
        if array.ndim > 2 and array.shape[-1] in COLOUR_CHANNELS:
            raise ValueError(
                f"{name} has shape {array.shape}: are the last {array.shape[-1]} values colours, or pixels of grey"
                f" images? Pass channel_axis=-1 for colours. For grey images, pass a list, list({name})."
            )
        return array
    if not -array.ndim <= channel_axis < array.ndim:
        raise ValueError(
            f"channel_axis must be in [{-array.ndim}, {array.ndim - 1}] for {name} of shape {array.shape}, got"
            f" {channel_axis}. Pass -1 if the channels come last."
        )
    n_chunks = array.numblocks[channel_axis]
    if n_chunks > 1:
        raise ValueError(
            f"{name} must have all channels in one chunk, got {n_chunks} chunks along channel_axis={channel_axis}. If"
            f" this axis holds the channels, pass {name}.rechunk({{{channel_axis}: -1}})."
        )
    return np.moveaxis(array, channel_axis, -1)


def check_dask_rows(X, name, n_features=None, of=None):
    """Check a dask array of rows, with the `n_features` seen by `of`, and return it with each row in one chunk."""
    _check_numbers(X, name)
    if X.ndim != 2:
        raise ValueError(
            f"{name} must be a dask array of shape (n_samples, n_features), got one of shape {X.shape}. Reshape it:"
            f" {name}.reshape(len({name}), -1)."
        )
    if n_features is not None and X.shape[1] != n_features:
        raise ValueError(f"{name} has {X.shape[1]} features, but {of} is expecting {n_features} features as input.")
    return X if X.numblocks[1] == 1 else X.rechunk({1: -1})


def _check_numbers(array, name):
    if array.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} must hold integers or floats, got a dask array of dtype {array.dtype}. Convert it:"
            f" {name}.astype(float), or abs({name}) for complex numbers."
        )
    kind = type(array._meta)
    if kind is np.ndarray:
        return
    if issubclass(kind, np.ndarray) and not issubclass(kind, np.ma.MaskedArray):
        remedy = f"Create it from a plain array: dask.array.from_array(np.asarray({name}))"
    else:
        remedy = f"Convert its chunks, filling masked values: {name}.map_blocks(np.ma.filled, 0), or cupy.asnumpy"
    what = f"{kind.__module__.partition('.')[0]} {kind.__name__}"
    raise TypeError(f"{name} must be a dask array of NumPy arrays, got one of {what}. {remedy}.")


def check_chunk(chunk, of, block_id):
    """Return a chunk of the images named `of` as an array; raise if it is not what the dask array declares."""
    chunk = np.asanyarray(chunk)
    where = f" in chunk {tuple(map(int, block_id))}"
    if np.ma.is_masked(chunk):
        raise ValueError(
            f"{of} has masked values{where}, and the mask would be ignored. Fill them first:"
            f" {of}.map_blocks(np.ma.filled, 0)."
        )
    if chunk.dtype.kind not in "biuf":
        raise ValueError(f"{of} must hold integers or floats, got dtype {chunk.dtype}{where}. Convert it first.")
    return np.asarray(chunk)


class DaskPlane(ArrayLike):
    """One image of a dask array, which can be indexed like an array; an index gives a dask array.

    A long list of these is much cheaper than one of dask arrays.

    Parameters
    ----------
    array : dask.array.Array of shape (..., height, width) or (..., height, width, channels)
        The images.
    index : tuple of int
        Index of this image along the first axes.
    """

    __slots__ = ("_array", "_index")

    def __init__(self, array, index):
        self._array, self._index = array, index

    @property
    def lead_shape(self):
        """Shape of the leading axes of the array, which index its images."""
        return self._array.shape[: len(self._index)]

    @property
    def shape(self):
        """Height and width, and the number of channels of a colour image."""
        return self._array.shape[len(self._index) :]

    @property
    def dtype(self):
        """Dtype of the values."""
        return self._array.dtype

    def __getitem__(self, where):
        return self._array[(*self._index, *(where if isinstance(where, tuple) else (where,)))]


def in_memory(images):
    """Yield images as arrays; images of dask arrays are read in groups, because each read computes whole chunks."""
    n = max(1, _READ_AT_A_TIME // max(image.size for image in images))
    for some in gen_batches(len(images), n):
        yield from read_all([image[:] if isinstance(image, DaskPlane) else image for image in images[some]])


def read_all(parts):
    """Return parts of images as arrays; those of dask arrays are computed together, each chunk once."""
    if any(map(is_dask_array, parts)):
        import dask

        parts = dask.compute(*parts)
    return [np.asarray(part) for part in parts]
