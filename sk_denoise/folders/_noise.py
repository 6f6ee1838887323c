"""The noise of the planes of an image in a file."""

from __future__ import annotations

import math

import numpy as np

from .._core.checks import warn_user
from ..noise import NoiseEstimate, estimate_noise

_MOST_PLANES = 16  # of a file, from which its noise is estimated
MOST_PARTS = 4  # of a large plane
_PART = 1024  # pixels, side of the parts of large planes that are looked at
_ROUNDING = 0.35  # grey values, a bit more than the standard deviation of the error of rounding to integers


class NoiseOfPlanes:
    """The noise of the planes of an image: as given, or estimated, for each channel (axis C) on its own."""

    def __init__(self, image, given):
        self._axis = _axis_of_channels(image)
        if not isinstance(given, str):
            self._by_channel = {None: given}
            self._axis = None
        elif self._axis is None:
            self._by_channel = {None: _estimate(image, image.planes)}
        else:
            numbers = sorted({plane.index[self._axis] for plane in image.planes})
            chosen = {i: [plane for plane in image.planes if plane.index[self._axis] == i] for i in numbers}
            self._by_channel = {i: _estimate(image, planes) for i, planes in chosen.items()}

    @property
    def first(self):
        """The noise, of the first channel if there are several."""
        return next(iter(self._by_channel.values()))

    def of(self, plane):
        """The noise of a plane."""
        return self._by_channel[None if self._axis is None else plane.index[self._axis]]


def _axis_of_channels(image):
    """Return the place of the axis C in the index of a plane; None if there is none, or one channel only."""
    loops = image._format.loop_axes
    places = [place for place, axis in enumerate(loops) if image.axes[axis] == "C" and image.shape[axis] > 1]
    return places[0] if places else None


def _estimate(image, planes):
    """Estimate the noise of planes of an image, and warn of what makes it uncertain."""
    estimate = estimate_planes(planes)
    if image.format == "JPEG":
        warn_user("JPEG compression removes a part of the noise and correlates the rest, so its level is uncertain.")
    if is_below_rounding(image, estimate):
        warn_user(
            f"The noise, of standard deviation {estimate.sigma:.2g}, is weaker than the rounding of the stored values,"
            " so hardly anything can be removed."
        )
    return estimate


def estimate_planes(planes):
    """Estimate the noise of planes, from some of them, and of large ones from parts."""
    some = [planes[i] for i in np.unique(np.linspace(0, len(planes) - 1, _MOST_PLANES).astype(int))]
    parts = [part for plane in some for part in sample_parts(plane, max(1, MOST_PARTS // len(some)))]
    return estimate_noise(parts, channel_axis=None if some[0].ndim == 2 else -1)


def is_below_rounding(image, noise):
    """Return whether the noise of an image of integers is weaker than the error of rounding."""
    return image.dtype.kind in "iu" and getattr(noise, "sigma", noise) < _ROUNDING


def sample_parts(plane, n):
    """Return the pixels of a plane, or of at most about `n` square parts of a large one, spread over it."""
    height, width = plane.shape[:2]
    if max(height, width) <= 2 * _PART:
        return [np.asarray(plane)]
    places = np.linspace(0, 1, n + 2)[1:-1]
    corners = [(int(place * max(0, height - _PART)), int(place * max(0, width - _PART))) for place in places]
    return [np.asarray(plane[y : y + _PART, x : x + _PART]) for y, x in corners]


def white_noise(sigma):
    """Return white Gaussian noise of a standard deviation as an estimate."""
    white = ((0.0, 0.0), (0.0, 0.0), np.ones((1, 1)), (0.0, 0.0))
    return NoiseEstimate("gaussian", sigma, sigma, math.nan, 0.0, sigma**2, *white, (0.0, 1.0), 1)
