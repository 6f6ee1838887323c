"""Denoising an image of any size with a fitted denoiser: whole, in exact tiles, or in overlapping patches."""

from __future__ import annotations

import itertools
import math

import numpy as np

from ._patches import aligned_tiles, blending_window, check_finite, overlapping_starts, padded_shape, read_part

_TILE = 512  # pixels, side of tiles without what is read around them
_LARGE_TILE = 2016  # pixels, side of large tiles, and a multiple of those of "nl_ridge"; margins add 31 % at most
_MOST_WHOLE = 1 << 24  # values of an image up to which it is one large tile, or denoisers look at all of it at once
_LARGE_PATCH = 2048  # pixels, side of the overlapping parts of larger images
_BATCH_VALUES = 1 << 22  # of overlapping patches that are denoised at a time
_STRIP = 4  # patches, height of the strips in which overlapping patches are averaged


def denoise_by_tiles(denoiser, image, out, patch_shape, name, part=None):
    """Denoise one image, with channels last if it has any, and write the result to `out`, part by part.

    `patch_shape` is the height and width of the patches that the denoiser was fitted on. With `part`, two ranges of
    rows and columns that begin as `chunk_rule` says, only that part of the image is denoised and written to `out`.
    """
    part = part or (range(image.shape[0]), range(image.shape[1]))
    window = _window(denoiser, image.shape, patch_shape)
    if window is not None:
        _blend(denoiser, image, out, window, name, part)
    else:
        _denoise_tiles(denoiser, image, out, name, part)


def chunk_rule(denoiser, shape, patch_shape):
    """Return how an image of `shape` can be denoised in parts that are independent of each other.

    Returns
    -------
    multiple : int
        Parts begin at rows and columns that are multiples of it.
    depth : tuple of int or None
        Pixels above and below, and to the left and right, that must be read around a part; None if each part needs the
        whole image.
    """
    window, tiling = _window(denoiser, shape, patch_shape), denoiser._tiling()
    if window is not None:
        return 1, tuple(side - 1 for side in window)
    if tiling.reach is None:
        return tiling.multiple, None
    # Parts as large as large tiles, because smaller ones would mostly compute their margins.
    return _LARGE_TILE if tiling.large else tiling.step, (tiling.halo, tiling.halo)


def _window(denoiser, shape, patch_shape):
    """Height and width of the overlapping patches in which an image of `shape` is denoised; None if it is not."""
    tiling = denoiser._tiling()
    if not tiling.any_size:
        return patch_shape
    if tiling.reach is None and np.prod(shape) > _MOST_WHOLE:
        return tuple(min(side, _LARGE_PATCH) for side in shape[:2])
    return None


def _denoise_tiles(denoiser, image, out, name, part):
    """Denoise tiles whose results are those for the whole image, or the whole image if it cannot be cut."""
    tiling = denoiser._tiling()
    shape = padded_shape(image.shape, tiling.multiple)
    stops = padded_shape([side.stop for side in part], tiling.multiple)
    padded = tuple(range(side.start, stop) for side, stop in zip(part, stops))
    parts = [(padded, padded)]
    if tiling.reach is not None:
        side = _tile_side(tiling, (*map(len, part), *image.shape[2:]))
        parts = aligned_tiles(shape, side, tiling, padded)
    for tile, read in parts:
        denoised = _restore(denoiser, read_part(image, *read)[np.newaxis], name)[0]
        kept = [range(some.start, min(some.stop, side.stop)) for some, side in zip(tile, part)]
        out[_within(kept, part)] = denoised[_within(kept, read)]


def _tile_side(tiling, shape):
    """Side of the tiles of a part of an image; a single tile is best where tiles are large and memory is enough."""
    if not tiling.large:
        return _TILE
    return _LARGE_TILE if math.prod(shape) > _MOST_WHOLE else max(padded_shape(shape, tiling.step))


def _within(places, part):
    """Return the slices by which rows and columns of an image are found in a part of it."""
    return tuple(slice(some.start - side.start, some.stop - side.start) for some, side in zip(places, part))


def _restore(denoiser, images, name):
    """Denoise images of shape (n, height, width) or (n, height, width, channels) in user units."""
    check_finite(images, name)
    return denoiser._restore_images(images.reshape(*images.shape[:3], -1)).reshape(images.shape)


def _blend(denoiser, image, out, shape, name, part):
    """Average the results for overlapping patches of `shape`, strip by strip."""
    rows, columns = part
    for start in range(rows.start, rows.stop, _STRIP * shape[0]):
        strip = range(start, min(start + _STRIP * shape[0], rows.stop)), columns
        out[_within(strip, part)] = _blend_strip(denoiser, image, shape, name, strip)


def _blend_strip(denoiser, image, shape, name, strip):
    """Return the average over all patches that meet a part of the image."""
    starts = [overlapping_starts(max(side, length), length) for side, length in zip(image.shape, shape)]
    meeting = [s[(s < side.stop) & (s + length > side.start)] for s, side, length in zip(starts, strip, shape)]
    places = [(range(y, y + shape[0]), range(x, x + shape[1])) for y, x in itertools.product(*meeting)]
    window = blending_window(shape)
    colours = (1,) * (image.ndim - 2)
    total, weights = np.zeros((*map(len, strip), *image.shape[2:])), np.zeros(tuple(map(len, strip)))
    step = max(1, _BATCH_VALUES // window.size)
    for some in (places[i : i + step] for i in range(0, len(places), step)):
        patches = _restore(denoiser, np.stack([read_part(image, *place) for place in some]), name)
        for place, patch in zip(some, window.reshape(*shape, *colours) * patches):
            shared = [range(max(p.start, side.start), min(p.stop, side.stop)) for p, side in zip(place, strip)]
            total[_within(shared, strip)] += patch[_within(shared, place)]
            weights[_within(shared, strip)] += window[_within(shared, place)]
    return total / weights.reshape(*weights.shape, *colours)
