"""How a row is read as an image, and what the rows themselves say to that: pixels side by side are alike."""

from __future__ import annotations

import functools
import math

import numpy as np

from .checks import is_integer, shown, warn_user

_N_ROWS = 64  # looked at
_MOST_VALUES = 2**20  # looked at
_FEWEST_VALUES = 500  # fewer differ by chance
_MOST_ELONGATED = 4  # of the shapes considered, the longer side over the shorter
_CLEARLY = 0.8  # a guess is contradicted if neighbours in another shape differ by less than this share
_CLEARLY_GIVEN = 0.7  # so is a given shape
_AS_ALIKE = 1.4  # a given shape stands if neighbours below differ by less than this multiple of those beside
_COLOURS = (3, 4)  # numbers of channels of colour images


def check_image_shape(image_shape, n_features, n_rows=None):
    """How a row is read: ``(height, width, channels)``, from `image_shape` or guessed from `n_features`."""
    if image_shape is None:
        side = math.isqrt(n_features)
        return (side, side, 1) if side * side == n_features else (1, n_features, 1)
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


def read_layout(image_shape, rows):
    """How `rows` are read: ``(height, width, channels)``. Warns if that is a guess, or if the rows contradict it."""
    given, size = image_shape is not None, rows.shape
    shape = check_image_shape(image_shape, size[1], len(rows))
    said = "" if given and 1 in shape[:2] else _contradiction(rows, shape, given)
    if not given and shape[0] < shape[1]:
        warn_user(
            f"image_shape=None and {size[1]} features are no square image, so each row is read as a signal of shape"
            f" {shape[:2]}. Pass image_shape=(height, width) or (height, width, channels) to say which. {said}".rstrip()
        )
    elif said:
        sure = "" if given else f" If each row is an image of shape {shape[:2]}, pass image_shape={shape[:2]}."
        warn_user(f"Rows are read as images of shape {shape}. {said}{sure}")
    return shape


def _contradiction(rows, shape, given):
    """What the rows say against `shape`, and what to pass instead; empty if nothing."""
    n_looked_at = max(1, min(_N_ROWS, len(rows), _MOST_VALUES // rows.shape[1]))
    which = np.linspace(0, max(0, len(rows) - 2), n_looked_at).astype(int)
    some = rows[which].astype(np.float64)
    if some.size < _FEWEST_VALUES:
        return ""
    apart = _differences(some)
    with np.errstate(all="ignore"):  # infinite and undefined differences contradict nothing
        if not given and _are_lines(some, rows, which, apart, shape):
            return (
                f"X seems to be one image of {len(rows)} x {rows.shape[1]} pixels: its rows are as alike as the lines"
                f" of an image. If it is one, pass X.reshape(1, -1) and image_shape={rows.shape}."
            )
        planes = _channels_first(apart, shape, given)
        likely = None if planes or 1 in shape[:2] else _likely_shape(apart, some, shape, given)
    if planes:
        channels, height, width = planes
        return (
            "Channels seem to come first. If they do, move them last: X.reshape(-1,"
            f" {channels}, {height}, {width}).transpose(0, 2, 3, 1).reshape(len(X), -1), and pass"
            f" image_shape={(height, width, channels)}."
        )
    if likely:
        first = " If channels come first in your rows, move them last." if given and shape[0] in _COLOURS else ""
        return (
            f"Neighbouring pixels are far more alike in images of shape {likely}. Pass"
            f" image_shape={likely[: 2 if likely[2] == 1 else 3]} if that is the true one.{first}"
        )
    return ""


def _differences(rows):
    """A function of `lag`: the mean squared difference of values that far apart in a row."""

    @functools.cache
    def apart(lag):
        return float(np.mean((rows[:, lag:] - rows[:, :-lag]) ** 2))

    return apart


def _shapes(n_pixels, channels=1):
    """Shapes of images of so many pixels."""
    narrowest, widest = math.isqrt(n_pixels // _MOST_ELONGATED), math.isqrt(n_pixels * _MOST_ELONGATED)
    for height in range(max(2, narrowest), widest + 1):
        width, rest = divmod(n_pixels, height)
        if rest == 0 and width > 1 and not _is_elongated(height, width):
            yield height, width, channels


def _is_elongated(height, width):
    return max(height, width) > _MOST_ELONGATED * min(height, width)


def _likely_shape(apart, some, shape, given):
    """A shape of grey or colour images whose neighbouring pixels are clearly more alike than in `shape`; or None."""
    height, width, channels = shape
    stride, across, below = width * channels, apart(channels), apart(width * channels)
    candidates = _candidates(math.prod(shape))
    if given:
        # Whoever gives a shape may know better: of stripes, mosaics, interlaced films and spectra, neighbours differ.
        if not _is_elongated(height, width) and below < _AS_ALIKE * across:
            return None
        unrelated = 0.8 < below / (2 * some.var(axis=1).mean()) < 1.4
        strides = {other: other[1] * other[2] for other in candidates}
        candidates = [
            other for other in candidates if strides[other] != channels and (unrelated or strides[other] % stride)
        ]
    likely = _most_alike(apart, candidates)
    if likely is None or (given and apart(likely[1] * likely[2]) > 2 * apart(likely[2])):
        return None
    clearly = _CLEARLY_GIVEN if given else _CLEARLY
    return likely if _difference(apart, likely) < clearly * (across + below) else None


def _channels_first(apart, shape, given):
    """``(channels, height, width)`` if the rows seem to hold one channel after the other; or None."""
    height, width, channels = shape
    n_features = math.prod(shape)
    if given:
        planes = [(channels, height, width)] * (channels in _COLOURS) + [shape] * (height in _COLOURS)
    else:
        planes = [(3, *other[:2]) for other in _shapes(n_features // 3)] if n_features % 3 == 0 else []
    if not planes:
        return None
    number, height, width = min(planes, key=lambda plane: apart(plane[2]))
    as_grey = (number * height, width, 1)
    read = _difference(apart, shape) if 1 not in shape[:2] else apart(1) + apart(n_features // 2)
    best = _difference(apart, _most_alike(apart, [as_grey, *_candidates(n_features)]))
    if _difference(apart, as_grey) > best or best >= _CLEARLY * read:
        return None
    if given:
        convincing = apart(width) < 3 * apart(1)
    else:  # a tall grey image has no second plane that is like the first in the same place alone
        convincing = apart(height * width) < 0.9 * apart(height * width + width // 2)
    return (number, height, width) if convincing else None


def _difference(apart, shape):
    """Mean squared difference of neighbours along the two axes."""
    return apart(shape[2]) + apart(shape[1] * shape[2])


def _most_alike(apart, shapes):
    return min(shapes, key=lambda shape: _difference(apart, shape), default=None)


def _candidates(n_features):
    return [*_shapes(n_features), *(_shapes(n_features // 3, 3) if n_features % 3 == 0 else ())]


def _are_lines(some, rows, which, apart, shape):
    """Whether `rows` look like the lines of one image: alike from one to the next, without a period of their own."""
    if min(rows.shape) < 16 or _is_elongated(*rows.shape):
        return False
    height, width, _ = shape
    across, next_line = apart(1), float(np.mean((rows[which + 1] - some) ** 2))
    below = apart(width if height > 1 else width // 2)
    other_lines = float(np.mean((np.roll(some, len(some) // 2, axis=0) - some) ** 2))
    if not (across < 0.95 * below and next_line < 0.9 * min(below, other_lines)):
        return False
    # In true images a pixel is more like the one below it than like that one's neighbour, and than like one far across.
    return height == 1 or (below > 0.95 * apart(width - 1) and below > 0.5 * apart(width // 2))
