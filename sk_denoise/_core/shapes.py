"""How a row is read as an image, and what the rows themselves say to that: pixels side by side are alike."""

from __future__ import annotations

import math

import numpy as np

from .checks import is_integer, sample_rows, shown, warn_user

_N_ROWS = 64  # looked at
_FEWEST_VALUES = 500  # fewer differ by chance
_MOST_ELONGATED = 4  # of the shapes considered, the longer side over the shorter
_CLEARLY = 0.8  # a shape is contradicted if neighbours in another one differ by less than this share


def check_image_shape(image_shape, n_features, n_rows=None):
    """How a row is read: ``(height, width, channels)``, from `image_shape` or guessed from `n_features`."""
    if image_shape is None:
        side = math.isqrt(n_features)
        if side * side == n_features:
            return side, side, 1
        warn_user(
            f"image_shape=None and {n_features} features are no square image, so each row is read as a signal of"
            f" shape (1, {n_features}). Pass image_shape=(height, width) or (height, width, channels) to say which."
        )
        return 1, n_features, 1
    valid = isinstance(image_shape, (tuple, list)) and len(image_shape) in (2, 3)
    valid = valid and all(is_integer(size) and size > 0 for size in image_shape)
    if not valid or math.prod(image_shape) != n_features:
        itself = valid and image_shape[0] == n_rows and math.prod(image_shape[1:]) == n_features
        remedy = " X seems to be the image itself: pass X.reshape(1, -1)." if itself else ""
        raise ValueError(
            f"image_shape must be None, (height, width) or (height, width, channels) with a product of {n_features},"
            f" the number of features, got {shown(image_shape)}.{remedy}"
        )
    height, width, *channels = (int(size) for size in image_shape)
    return height, width, (channels[0] if channels else 1)


def check_layout(rows, image_shape):
    """Warn if the rows contradict `image_shape`: another shape has neighbours that are clearly more alike."""
    some = sample_rows(rows, _N_ROWS).astype(np.float64)
    if some.size < _FEWEST_VALUES or some.min() == some.max():
        return
    chosen = _difference(some, image_shape)
    likely = min(_shapes(rows.shape[1]), key=lambda shape: _difference(some, shape), default=image_shape)
    if likely != image_shape and _difference(some, likely) < _CLEARLY * chosen:
        first = " If channels come first in your rows, move them last." if image_shape[0] in (1, 3) else ""
        warn_user(
            f"Rows are read as images of shape {image_shape}, but neighbouring pixels are far more alike in images of"
            f" shape {likely}. Pass image_shape={likely[: 2 if likely[2] == 1 else 3]} if that is the true one.{first}"
        )
    elif _is_one_image(rows[: 4 * rows.shape[1] + 1].astype(np.float64), image_shape):
        warn_user(
            f"The rows of X are more alike than the pixels in them, read as images of shape {image_shape}: X seems to"
            f" be one image of {len(rows)} x {rows.shape[1]} pixels. If it is, pass X.reshape(1, -1) and"
            f" image_shape={rows.shape}."
        )


def _apart(rows, lag):
    """Mean squared difference of values `lag` apart in a row."""
    return float(np.mean((rows[:, lag:] - rows[:, :-lag]) ** 2))


def _difference(rows, image_shape):
    """Mean squared difference of neighbours along the two axes."""
    height, width, channels = image_shape
    across = _apart(rows, channels) if width > 1 else 0.0
    return across + (_apart(rows, width * channels) if height > 1 else 0.0)


def _shapes(n_features):
    """Shapes of grey and colour images of so many values."""
    for channels in (1, 3):
        n_pixels = n_features // channels
        for height in range(2, n_pixels // 2 + 1) if n_features % channels == 0 else ():
            width, rest = divmod(n_pixels, height)
            if rest == 0 and max(height, width) <= _MOST_ELONGATED * min(height, width):
                yield height, width, channels


def _is_one_image(rows, image_shape):
    """Whether `rows` look like the lines of one image: alike from one to the next, without a period of their own."""
    height, width, channels = image_shape
    elongated = max(rows.shape) > _MOST_ELONGATED * min(rows.shape)
    if elongated or min(rows.shape) < 16 or height < 4 or width < 4:
        return False
    below = _apart(rows, width * channels)
    from_row_to_row = float(np.mean((rows[1:] - rows[:-1]) ** 2))
    if from_row_to_row > 0.9 * below:
        return False
    # In true images a pixel is more like the one below it than like that one's neighbour, and than like one far across.
    return below > 0.95 * _apart(rows, (width - 1) * channels) and below > 0.5 * _apart(rows, width // 2 * channels)
