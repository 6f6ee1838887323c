"""Checks of the parameters of noise: level and blur."""

from __future__ import annotations

from .._core.checks import is_real, shown
from .kinds import PROBABILITY_KINDS

MAX_LEVEL = 4  # as a fraction of the data range; larger values are almost always a sigma in grey levels
_MAX_BLUR = 100  # pixels


def check_level(level, kind):
    """Validate `level` for `kind`; return a float or a pair of floats."""
    bounds = tuple(level) if isinstance(level, (tuple, list)) else (level, level)
    highest = 1 if isinstance(kind, str) and kind in PROBABILITY_KINDS else MAX_LEVEL
    if len(bounds) != 2 or not all(map(is_real, bounds)) or not 0 <= bounds[0] <= bounds[1] <= highest:
        what = "a fraction of the data range: for a sigma of 25 grey levels out of 255, pass level=25/255"
        raise ValueError(
            f"level must be a number in [0, {highest}] or a pair (low, high) of such numbers for kind={kind!r}, got"
            f" {shown(level)}. It is {'a probability' if highest == 1 else what}."
        )
    return (float(bounds[0]), float(bounds[1])) if isinstance(level, (tuple, list)) else float(level)


def check_blur(blur):
    """Validate `blur`; return its standard deviations along height and width."""
    both = tuple(blur) if isinstance(blur, (tuple, list)) else (blur, blur)
    if len(both) != 2 or not all(map(is_real, both)) or not 0 <= min(both) <= max(both) <= _MAX_BLUR:
        raise ValueError(
            f"blur must be a number of pixels in [0, {_MAX_BLUR}] or a pair of them, (vertical, horizontal), got"
            f" {shown(blur)}."
        )
    return tuple(map(float, both))
