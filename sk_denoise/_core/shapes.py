"""Image shapes: how rows are read as images, and whether the similarity of neighbouring pixels contradicts it."""

from __future__ import annotations

import functools
import math

import numpy as np

from .checks import is_integer, shown, warn_user

_MAX_ROWS = 64  # examined
_MAX_VALUES = 2**20  # examined
_MIN_VALUES = 500  # with fewer, differences are due to chance
_MAX_ASPECT_RATIO = 4  # of the shapes considered
_GUESS_THRESHOLD = 0.8  # a guess is contradicted by a shape whose roughness is below this fraction of its own
_GIVEN_THRESHOLD = 0.7  # the same for a shape given by the user
_MAX_ANISOTROPY = 1.4  # a given shape is accepted if vertical differences are below this multiple of horizontal ones
COLOUR_CHANNELS = (3, 4)  # of colour images, with or without transparency


def check_image_shape(image_shape, n_features, n_rows=None):
    """Return ``(height, width, channels)``, from `image_shape` or guessed from `n_features`."""
    if image_shape is None:
        side = math.isqrt(n_features)
        return (side, side, 1) if side * side == n_features else (1, n_features, 1)
    valid = isinstance(image_shape, (tuple, list)) and len(image_shape) in (2, 3)
    valid = valid and all(is_integer(size) and size > 0 for size in image_shape)
    if not valid or math.prod(image_shape) != n_features:
        itself = valid and image_shape[0] == n_rows and math.prod(image_shape[1:]) == n_features
        remedy = " X looks like a single image: pass X.reshape(1, -1)." if itself else ""
        raise ValueError(
            f"image_shape must be None, (height, width) or (height, width, channels) with a product of {n_features},"
            f" the number of features, got {shown(image_shape)}.{remedy}"
        )
    height, width, *channels = (int(size) for size in image_shape)
    return height, width, (channels[0] if channels else 1)


def read_layout(image_shape, rows):
    """Return ``(height, width, channels)`` of the images in `rows`; warn if it is uncertain or contradicted by them."""
    given, size = image_shape is not None, rows.shape
    shape = check_image_shape(image_shape, size[1], len(rows))
    contradiction = "" if given and 1 in shape[:2] else _contradiction(rows, shape, given)
    if not given and shape[0] < shape[1]:
        warn_user(
            f"image_shape=None, and {size[1]} features do not form a square image, so each row is read as a signal of"
            f" shape {shape[:2]}. If the rows are images, pass image_shape=(height, width) or"
            f" (height, width, channels). {contradiction}".rstrip()
        )
    elif contradiction:
        remedy = "" if given else f" If the shape {shape[:2]} is correct, pass image_shape={shape[:2]}."
        warn_user(f"Rows are read as images of shape {shape}. {contradiction}{remedy}")
    return shape


def _contradiction(rows, shape, given):
    """Return how the rows contradict `shape`, and what to pass instead; empty if they do not."""
    n_examined = max(1, min(_MAX_ROWS, len(rows), _MAX_VALUES // rows.shape[1]))
    which = np.linspace(0, max(0, len(rows) - 2), n_examined).astype(int)
    sample = rows[which].astype(np.float64)
    if sample.size < _MIN_VALUES:
        return ""
    variogram = _variogram(sample)
    with np.errstate(all="ignore"):  # infinite and NaN differences count as no contradiction
        if not given and _is_one_image(sample, rows, which, variogram, shape):
            return (
                f"X looks like a single image of {len(rows)} x {rows.shape[1]} pixels: adjacent rows are as similar as"
                f" the lines of an image. If so, pass X.reshape(1, -1) and image_shape={rows.shape}."
            )
        planes = _channels_first(variogram, shape, given)
        likely = None if planes or 1 in shape[:2] else _likely_shape(variogram, sample, shape, given)
    if planes:
        channels, height, width = planes
        return (
            "The channels seem to come first. If so, move them last: X.reshape(-1,"
            f" {channels}, {height}, {width}).transpose(0, 2, 3, 1).reshape(len(X), -1), and pass"
            f" image_shape={(height, width, channels)}."
        )
    if likely:
        first = " If the channels come first, move them last." if given and shape[0] in COLOUR_CHANNELS else ""
        return (
            f"Neighbouring pixels are much more similar if rows are read as images of shape {likely}. If that is"
            f" correct, pass image_shape={likely[: 2 if likely[2] == 1 else 3]}.{first}"
        )
    return ""


def _variogram(rows):
    """Return the variogram of `rows`: the mean squared difference of values in a row as a function of their lag."""

    @functools.cache
    def variogram(lag):
        return float(np.mean((rows[:, lag:] - rows[:, :-lag]) ** 2))

    return variogram


def _shapes(n_pixels, channels=1):
    """Yield the shapes of images of `n_pixels` that are not too elongated."""
    narrowest, widest = math.isqrt(n_pixels // _MAX_ASPECT_RATIO), math.isqrt(n_pixels * _MAX_ASPECT_RATIO)
    for height in range(max(2, narrowest), widest + 1):
        width, remainder = divmod(n_pixels, height)
        if remainder == 0 and width > 1 and not _is_elongated(height, width):
            yield height, width, channels


def _is_elongated(height, width):
    return max(height, width) > _MAX_ASPECT_RATIO * min(height, width)


def _likely_shape(variogram, sample, shape, given):
    """Return a greyscale or colour shape in which neighbours are clearly more similar than in `shape`, or None."""
    height, width, channels = shape
    stride, across, below = width * channels, variogram(channels), variogram(width * channels)
    candidates = _candidates(math.prod(shape))
    if given:
        # The user may know better: in stripes, mosaics, interlaced video and spectra, true neighbours differ.
        if not _is_elongated(height, width) and below < _MAX_ANISOTROPY * across:
            return None
        unrelated = 0.8 < below / (2 * sample.var(axis=1).mean()) < 1.4
        strides = {other: other[1] * other[2] for other in candidates}
        candidates = [
            other for other in candidates if strides[other] != channels and (unrelated or strides[other] % stride)
        ]
    likely = _smoothest(variogram, candidates)
    if likely is None or (given and variogram(likely[1] * likely[2]) > 2 * variogram(likely[2])):
        return None
    threshold = _GIVEN_THRESHOLD if given else _GUESS_THRESHOLD
    return likely if _roughness(variogram, likely) < threshold * (across + below) else None


def _channels_first(variogram, shape, given):
    """Return ``(channels, height, width)`` if the rows seem to hold one channel after the other, otherwise None."""
    height, width, channels = shape
    n_features = math.prod(shape)
    if given:
        planes = [(channels, height, width)] * (channels in COLOUR_CHANNELS) + [shape] * (height in COLOUR_CHANNELS)
    else:
        planes = [(3, *other[:2]) for other in _shapes(n_features // 3)] if n_features % 3 == 0 else []
    if not planes:
        return None
    number, height, width = min(planes, key=lambda plane: variogram(plane[2]))
    as_grey = (number * height, width, 1)
    read = _roughness(variogram, shape) if 1 not in shape[:2] else variogram(1) + variogram(n_features // 2)
    best = _roughness(variogram, _smoothest(variogram, [as_grey, *_candidates(n_features)]))
    if _roughness(variogram, as_grey) > best or best >= _GUESS_THRESHOLD * read:
        return None
    if given:
        convincing = variogram(width) < 3 * variogram(1)
    else:  # in a tall greyscale image, a second plane does not match the first best at the same position
        convincing = variogram(height * width) < 0.9 * variogram(height * width + width // 2)
    return (number, height, width) if convincing else None


def _roughness(variogram, shape):
    """Return the sum of the mean squared differences of horizontal and of vertical neighbours."""
    return variogram(shape[2]) + variogram(shape[1] * shape[2])


def _smoothest(variogram, shapes):
    return min(shapes, key=lambda shape: _roughness(variogram, shape), default=None)


def _candidates(n_features):
    return [*_shapes(n_features), *(_shapes(n_features // 3, 3) if n_features % 3 == 0 else ())]


def _is_one_image(sample, rows, which, variogram, shape):
    """Whether `rows` look like the lines of one image: similar to the next row, and without the period of an image."""
    if min(rows.shape) < 16 or _is_elongated(*rows.shape):
        return False
    height, width, _ = shape
    across, next_line = variogram(1), float(np.mean((rows[which + 1] - sample) ** 2))
    below = variogram(width if height > 1 else width // 2)
    other_lines = float(np.mean((np.roll(sample, len(sample) // 2, axis=0) - sample) ** 2))
    if not (across < 0.95 * below and next_line < 0.9 * min(below, other_lines)):
        return False
    # If each row is an image, a pixel is more similar to the one below it than to its diagonal or distant neighbours.
    return height == 1 or (below > 0.95 * variogram(width - 1) and below > 0.5 * variogram(width // 2))
