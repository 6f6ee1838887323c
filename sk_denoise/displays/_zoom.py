"""The region of an image that is magnified in an inset."""

from __future__ import annotations

import numpy as np

from .._core.checks import is_integer, shown

_SHARE = 8  # of these regions side by side fill the shorter side of the image
_SMALLEST = 64  # pixels along the shorter side of an image with an inset
_FINEST = 512  # pixels along the shorter side that are searched
_INSET = 0.42  # largest side of the inset, in fractions of the panel


def check_zoom(zoom, shapes):
    """Raise unless `zoom` is "auto", None, or a region inside images of these shapes."""
    if zoom is None or (isinstance(zoom, str) and zoom == "auto"):
        return
    listed = isinstance(zoom, (tuple, list, np.ndarray)) and np.ndim(zoom) == 1 and len(zoom) == 4
    if not listed or not all(map(is_integer, zoom)) or min(zoom[:2]) < 0 or min(zoom[2:]) < 1:
        raise ValueError(
            "zoom must be 'auto', None, or (top, left, height, width), four integers in pixels, none negative and the"
            f" last two positive, got {shown(zoom)}."
        )
    top, left, height, width = zoom
    outside = next((shape for shape in shapes if top + height > shape[0] or left + width > shape[1]), None)
    if outside is not None:
        raise ValueError(
            f"zoom=(top, left, height, width) must lie inside all images, got {shown(zoom)} for an image of"
            f" {outside[0]} x {outside[1]} pixels. Pass a smaller region, or zoom='auto' to choose one for each image."
        )


def find_region(image, zoom):
    """Return ``(top, left, height, width)`` of the region to magnify, or None."""
    if zoom is None:
        return None
    if not isinstance(zoom, str):
        return tuple(map(int, zoom))
    return None if min(image.shape[:2]) < _SMALLEST else _most_structure(image)


def inset_place(image, region):
    """Return the place of the inset, in fractions of the panel: the corner with least structure outside the region."""
    top, left, height, width = region
    structure, step = _structure(image)
    relative = np.array([height / image.shape[0], width / image.shape[1]])
    high, wide = (_INSET * relative / relative.max()).tolist()

    def hidden(corner):
        """Return whether the inset overlaps the region, and the structure that it hides."""
        rows, columns = (
            slice(round(begin * size), round((begin + share) * size))
            for begin, share, size in zip(corner, (high, wide), structure.shape)
        )
        below, right = min(top + height, rows.stop * step), min(left + width, columns.stop * step)
        overlaps = max(top, rows.start * step) < below and max(left, columns.start * step) < right
        return overlaps, structure[rows, columns].sum()

    first_row, first_column = min(((y, x) for y in (1 - high, 0) for x in (1 - wide, 0)), key=hidden)
    return first_column, 1 - high - first_row, wide, high


def _structure(image):
    """Return the magnitude of the gradient, of an image reduced to about 512 pixels, and the factor of reduction."""
    step = -(-min(image.shape[:2]) // _FINEST)
    values = np.asarray(image[::step, ::step], dtype=float)
    # Not squared, so that one sharp edge does not count more than texture.
    gradients = np.abs(np.gradient(values, axis=(0, 1))).sum(axis=0)
    return (gradients if gradients.ndim == 2 else gradients.sum(axis=-1)), step


def _most_structure(image):
    """Return the square with the largest gradients, away from the border."""
    from scipy.ndimage import uniform_filter

    structure, step = _structure(image)
    side = min(structure.shape) // _SHARE
    means = uniform_filter(structure, side)[side:-side, side:-side]
    centre = np.unravel_index(means.argmax(), means.shape)
    # A window of even length extends by half its length before its centre.
    top, left = (int(index) + side - side // 2 for index in centre)
    return top * step, left * step, side * step, side * step
