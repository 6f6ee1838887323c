"""Denoise dask arrays of images and of rows, and read rows, chunk by chunk; imported only for dask arrays."""

from __future__ import annotations

import math

import dask
import dask.array as da
import numpy as np
from dask.array.overlap import overlap

from .._core.checks import shown
from .._core.dask_arrays import channels_last, check_dask_rows, collection_error, is_dask_array
from .._core.sklearn_glue import frozen
from .._core.units import result_dtype
from ._tiles import chunk_rule, denoise_by_tiles


def transform_images(estimator, images, out):
    """Denoise a dask array of images, or a list or tuple of them, with a fitted `PatchDenoiser`."""
    if out is not None:
        raise ValueError(
            f"out must be None for dask arrays, got {shown(out)}. Write the result chunk by chunk:"
            " denoiser.transform(images).to_zarr(path), or dask.array.store(denoiser.transform(images), out)."
        )
    if is_dask_array(images):
        return denoise_lazily(estimator, images, "images")
    return type(images)(denoise_lazily(estimator, image, f"images[{i}]") for i, image in enumerate(images))


def denoise_lazily(estimator, images, name):
    """Denoise a dask array of images with a fitted `PatchDenoiser`.

    Parameters
    ----------
    estimator : PatchDenoiser
        The fitted denoiser of images.
    images : dask.array.Array of shape (..., height, width) or, with a `channel_axis`, with one more axis
        The images, with chunks of any size.
    name : str
        Name of the images in error messages.

    Returns
    -------
    denoised : dask.array.Array
        Array of the shape and the chunks of `images`, of floats. Nothing is computed yet.
    """
    if not is_dask_array(images):
        raise TypeError(
            f"{name} must be a dask array, like other items of the list, got {shown(images)}. Convert it:"
            " dask.array.from_array(image)."
        )
    denoiser, patch_shape, channel_axis = estimator.denoiser_, estimator._patch_shape, estimator.channel_axis
    array = channels_last(images, channel_axis, name)
    estimator._check_channels(1 if channel_axis is None else array.shape[-1])
    n_lead = array.ndim - (2 if channel_axis is None else 3)
    plane_shape = array.shape[n_lead:]
    multiple, depth = chunk_rule(denoiser, plane_shape, patch_shape)
    chunks = {
        axis: (array.shape[axis],) if depth is None else _fitting_chunks(array.chunks[axis], multiple, pixels)
        for axis, pixels in zip((n_lead, n_lead + 1), depth or (0, 0))
    }
    given = array.chunks
    array = array.rechunk(chunks)
    read = {axis: pixels if array.numblocks[axis] > 1 else 0 for axis, pixels in zip(chunks, depth or (0, 0))}
    dtype = result_dtype(array.dtype)
    shared = dask.delayed(frozen(denoiser), pure=True, traverse=False)  # one task, sent once to each worker
    denoised = overlap(array, read, "none", allow_rechunk=False).map_blocks(
        denoise_chunk,
        denoiser=shared,
        depth=tuple(read.values()),
        plane_shape=plane_shape,
        patch_shape=patch_shape,
        called=(name, channel_axis, "chunk" if array.chunks == given else "merged chunk"),
        chunks=array.chunks,
        dtype=dtype,  # which `meta` does not pass on to the block_info
        meta=np.empty((0,) * array.ndim, dtype),
    )
    if channel_axis is not None:
        denoised = np.moveaxis(denoised, -1, channel_axis)
    return denoised.rechunk(images.chunks)


def _fitting_chunks(sizes, multiple, depth):
    """Return chunks like `sizes` that begin at multiples of `multiple` and have at least `depth` pixels."""
    total, starts = sum(sizes), [0]
    for start in np.cumsum(sizes)[:-1] // multiple * multiple:
        if start - starts[-1] >= max(depth, 1) and total - start >= max(depth, 1):
            starts.append(int(start))
    return tuple(np.diff([*starts, total]).tolist())


class _Surroundings:
    """A part of an image that is indexed like the whole image."""

    def __init__(self, pixels, corner, shape):
        self._pixels, self._corner = pixels, corner
        self.shape, self.ndim, self.dtype = shape, len(shape), pixels.dtype

    def __getitem__(self, where):
        return self._pixels[tuple(slice(w.start - c, w.stop - c) for w, c in zip(where, self._corner, strict=True))]


def denoise_chunk(block, denoiser, depth, plane_shape, patch_shape, called, block_info):
    """Denoise the images, or parts of images, in a chunk; `block` also holds the pixels around it."""
    place = block_info[None]
    n_lead = block.ndim - len(plane_shape)
    part = tuple(range(*ends) for ends in place["array-location"][n_lead : n_lead + 2])
    corner = [max(0, side.start - pixels) for side, pixels in zip(part, depth)]
    out = np.empty(place["chunk-shape"], dtype=place["dtype"])
    try:
        declared = tuple(stop - start for start, stop in block_info[0]["array-location"])
        if block.shape != declared:
            raise ValueError(
                f"{called[0]} must have chunks of the sizes that the dask array declares, which gives a part of shape"
                f" {declared} here, got {block.shape}. Declare the shape of each file, as in dask.array.from_delayed."
            )
        for i in np.ndindex(block.shape[:n_lead]):
            image = _Surroundings(block[i], corner, plane_shape)
            denoise_by_tiles(denoiser, image, out[i], patch_shape, called[0], part)
    except Exception as error:
        error.add_note(_describe(place, *called))
        raise
    return out


def _describe(place, name, channel_axis, kind):
    """Say which chunk an error is about, with the axes in the order of the user."""
    index, location = list(place["chunk-location"]), list(place["array-location"])
    if channel_axis is not None:
        for values in (index, location):
            values.insert(channel_axis % len(values), values.pop())
    ranges = ", ".join(f"{start}:{stop}" for start, stop in location)
    return f"This happened in {kind} {tuple(index)} of {name}, which computes {name}[{ranges}]."


def transform_lazily(estimator, method, X, n_features, n_outputs, name):
    """Apply a method of a fitted denoiser to rows, chunk by chunk.

    Parameters
    ----------
    estimator : BaseDenoiser
        The fitted denoiser, which must not be fitted again before the result is computed.
    method : str
        Name of the method, such as "predict".
    X : dask.array.Array of shape (n_samples, n_features)
        The rows, whose number need not be known.
    n_features : int
        Number of columns that `X` must have.
    n_outputs : int
        Number of columns of the result.
    name : str
        Name of the rows in error messages.

    Returns
    -------
    result : dask.array.Array of shape (n_samples, n_outputs)
        The result, of which nothing is computed yet, in the chunks of `X` if it has as many columns.
    """
    rows = check_dask_rows(X, name, n_features, type(estimator).__name__)
    result = rows.map_blocks(
        transform_chunk,
        estimator=dask.delayed(estimator, pure=True, traverse=False),
        method=method,
        of=name,
        chunks=(rows.chunks[0], (n_outputs,)),
        meta=np.empty((0, 0), result_dtype(rows.dtype)),
    )
    return result.rechunk({1: X.chunks[1]}) if n_outputs == X.shape[1] else result


def transform_chunk(block, estimator, method, of, block_info):
    """Apply a method to a chunk of rows."""
    if not len(block):
        return np.empty((0, block_info[None]["chunk-shape"][1]), result_dtype(block.dtype))
    try:
        return getattr(estimator, method)(block)
    except Exception as error:
        error.add_note(f"This happened in chunk {block_info[None]['chunk-location'][0]} of the rows of {of}.")
        raise


def row_chunks(X, y, X_clean):
    """Yield ``(number, (X, y, X_clean))`` for each chunk of rows of X that is not empty, in order."""
    X = check_dask_rows(X, "X")
    arrays = X, _in_chunks_of(X, y, "y"), _in_chunks_of(X, X_clean, "X_clean")
    for i in range(X.numblocks[0]):
        chunks = dask.compute(*(None if array is None else array.blocks[i] for array in arrays))
        if any(len(chunk) for chunk in chunks if chunk is not None):
            yield i, chunks


def _in_chunks_of(X, given, name):
    """Return an array in the chunks of the rows of X; None stays None."""
    problem = collection_error(given, name, "an array")
    if problem is not None:
        raise problem
    if given is None:
        return None
    other = given if is_dask_array(given) else np.asanyarray(given)  # keeps masks, which are refused later
    n_rows = [array.shape[0] if array.ndim else 0 for array in (X, other)]
    unknown = list(map(math.isnan, n_rows))
    if all(unknown) and X.numblocks[0] == other.numblocks[0]:
        return other
    if any(unknown):
        raise ValueError(
            f"{name} must have as many rows as X, but not all numbers of rows are known, so they cannot be paired. Call"
            f" X.compute_chunk_sizes() first, and the same for {name} if it is a dask array."
        )
    if n_rows[0] != n_rows[1]:
        raise ValueError(f"{name} must have as many rows as X, {n_rows[0]}, got {shown(given)}.")
    chunks = (X.chunks[0], *other.shape[1:])
    return other.rechunk(chunks) if is_dask_array(other) else da.from_array(other, chunks=chunks)
