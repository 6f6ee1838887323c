"""Denoising an image of any size with a fitted denoiser: whole, in exact tiles, or in overlapping patches."""

from __future__ import annotations

import numpy as np

from ._patches import aligned_tiles, blending_window, check_finite, overlapping_starts, padded_shape, read_part

_TILE = 512  # pixels, side of tiles without what is read around them
_MOST_WHOLE = 1 << 24  # values of an image up to which a denoiser that looks at all of it gets all of it
_LARGE_PATCH = 2048  # pixels, side of the overlapping parts of larger images
_BATCH_VALUES = 1 << 22  # of overlapping patches that are denoised at a time
_STRIP = 4  # patches, height of the strips in which overlapping patches are averaged


def denoise_by_tiles(denoiser, image, out, patch_shape, name):
    """Denoise one image, with channels last if it has any, and write the result to `out`, part by part.

    `patch_shape` is the height and width of the patches that the denoiser was fitted on.
    """
    tiling = denoiser._tiling()
    if not tiling.any_size:
        _blend(denoiser, image, out, patch_shape, name)
    elif tiling.reach is None and np.prod(image.shape) > _MOST_WHOLE:
        _blend(denoiser, image, out, tuple(min(side, _LARGE_PATCH) for side in image.shape[:2]), name)
    else:
        _denoise_tiles(denoiser, image, out, tiling, name)


def _denoise_tiles(denoiser, image, out, tiling, name):
    """Denoise tiles whose results are those for the whole image, or the whole image if it cannot be cut."""
    shape = padded_shape(image.shape, tiling.multiple)
    whole = range(shape[0]), range(shape[1])
    parts = [(whole, whole)] if tiling.reach is None else aligned_tiles(shape, _TILE, tiling)
    for (rows, columns), read in parts:
        part = _restore(denoiser, read_part(image, *read)[np.newaxis], name)[0]
        ends = min(rows.stop, image.shape[0]), min(columns.stop, image.shape[1])
        top, left = rows.start - read[0].start, columns.start - read[1].start
        inner = part[top : top + ends[0] - rows.start, left : left + ends[1] - columns.start]
        out[rows.start : ends[0], columns.start : ends[1]] = inner


def _restore(denoiser, images, name):
    """Denoise images of shape (n, height, width) or (n, height, width, channels) in user units."""
    check_finite(images, name)
    return denoiser._restore_images(images.reshape(*images.shape[:3], -1)).reshape(images.shape)


def _blend(denoiser, image, out, shape, name):
    """Average the results for overlapping patches of `shape`, strip by strip."""
    height, width = (max(side, length) for side, length in zip(image.shape, shape))
    tops, lefts = overlapping_starts(height, shape[0]), overlapping_starts(width, shape[1])
    window = blending_window(shape)
    window = window.reshape(*shape, *(1,) * (image.ndim - 2))
    for start in range(0, image.shape[0], _STRIP * shape[0]):
        stop = min(start + _STRIP * shape[0], image.shape[0])
        places = [(y, x) for y in tops[(tops < stop) & (tops + shape[0] > start)] for x in lefts]
        total, weights = np.zeros((stop - start, width, *image.shape[2:])), np.zeros((stop - start, width))
        step = max(1, _BATCH_VALUES // window.size)
        for some in (places[i : i + step] for i in range(0, len(places), step)):
            patches = np.stack([read_part(image, range(y, y + shape[0]), range(x, x + shape[1])) for y, x in some])
            for (y, x), patch in zip(some, window * _restore(denoiser, patches, name)):
                rows = slice(max(y, start), min(y + shape[0], stop))
                within = slice(rows.start - y, rows.stop - y)
                to = slice(rows.start - start, rows.stop - start), slice(x, x + shape[1])
                total[to] += patch[within]
                weights[to] += window.reshape(shape)[within]
        mean = total / weights.reshape(*weights.shape, *(1,) * (image.ndim - 2))
        out[start:stop] = mean[:, : image.shape[1]]
