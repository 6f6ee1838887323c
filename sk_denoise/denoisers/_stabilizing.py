"""The scale on which filters work: on it, noise is Gaussian and equally strong everywhere."""

from __future__ import annotations

import functools
import math

import numpy as np

from .._core.checks import warn_user
from ..noise.stabilization import anscombe, inverse_anscombe, inverse_rician, stabilize_rician

_MOST_RATIO = 30  # of the range of an image to that for which noise was estimated
_STABILIZED = ("poisson_gaussian", "rician")  # kinds whose variance depends on brightness


class FilterScale:
    """A scale near [0, 1], and the noise on it, for images scaled to [0, 1].

    If the variance of the noise depends on brightness, it is stabilized; otherwise, images stay as they are.

    Parameters
    ----------
    noise : NoiseEstimate or None
        The noise, in user units. None if only its level is known.
    data_range : tuple of float
        The values that [0, 1] stands for, in user units.
    level : float, default=None
        Standard deviation of the noise as a fraction of the range; the noise is then taken as Gaussian.

    Attributes
    ----------
    level : float
        Standard deviation of the noise on this scale.
    correlation : ndarray or None
        Autocorrelation of the noise; None if it is white.
    stabilized : bool
        Whether images are transformed.
    """

    def __init__(self, noise, data_range, level=None):
        self._low, high = data_range
        self._width = high - self._low
        self.level = float(noise.sigma / self._width if level is None else level)
        self.correlation = noise.autocorrelation if noise is not None and any(noise.blur) else None
        self.stabilized = level is None and noise.kind in _STABILIZED
        if self.stabilized:
            self._forward, self._inverse = _transforms(noise)
            self._start, end = (float(self._forward(value)) for value in data_range)
            self._length = end - self._start
            if not self._length > 0:
                raise other_units_error(noise, *data_range)
            self.level = 1 / self._length

    def from_unit(self, images):
        """Stabilize the variance of the noise."""
        if not self.stabilized:
            return images
        values = self._forward(images.astype(np.float64) * self._width + self._low)
        return ((values - self._start) / self._length).astype(images.dtype)

    def to_unit(self, images):
        """Invert `from_unit`, for denoised images."""
        if not self.stabilized:
            return images
        values = self._inverse(images.astype(np.float64) * self._length + self._start)
        return ((values - self._low) / self._width).astype(images.dtype)


def check_units(noise, low, high, name):
    """Raise or warn if an estimate or a standard deviation is in other units than an image with these values."""
    sigma = noise if isinstance(noise, float) else noise.sigma
    if sigma > high - low > 0:
        raise other_units_error(noise, low, high)
    if not isinstance(noise, float):
        first, last = noise.data_range
        if not 1 / _MOST_RATIO < (high - low) / (last - first) < _MOST_RATIO and high > low:
            warn_user(
                f"{name} has values from {low:g} to {high:g}, but noise was estimated for values from {first:g} to"
                f" {last:g}. If these are other units, convert one to the other."
            )


def other_units_error(noise, low, high):
    """Return the error for noise that an image with values from `low` to `high` cannot have."""
    if isinstance(noise, float):
        what = f"a standard deviation of {noise:g}"
    else:
        what = "an estimate for values from {:g} to {:g}".format(*noise.data_range)
    return ValueError(
        f"noise must be in the units of the image, whose values lie between {low:g} and {high:g}, got {what}."
        " Convert one to the units of the other."
    )


def _transforms(noise):
    """Return the functions that make the standard deviation of the noise one, and undo that, in user units."""
    if noise.kind == "rician":
        sigma = math.sqrt(noise.offset)
        return functools.partial(stabilize_rician, sigma=sigma), functools.partial(inverse_rician, sigma=sigma)
    # The variance gain * x + offset does not determine the read noise and the black level separately.
    black = min(noise.data_range[0], 0.0)
    variance = noise.gain * black + noise.offset
    if variance < 0:
        black, variance = -noise.offset / noise.gain, 0.0
    params = {"gain": noise.gain, "read_noise": math.sqrt(variance), "offset": black}
    return functools.partial(anscombe, **params), functools.partial(inverse_anscombe, **params)
