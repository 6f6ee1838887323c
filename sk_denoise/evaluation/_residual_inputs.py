"""What `residual_check` and `agreement_check` are given: images, noise and the denoiser."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from sklearn.pipeline import Pipeline

from .._core.checks import is_real, likely, shown
from .._core.images import check_alike, read_images
from ..denoisers._filtering import METHODS
from ..denoisers._risk import is_noisy, warn_if_clipped
from ..denoisers._stabilizing import other_units_error
from ..noise import NoiseEstimate, NoiseInjector, estimate_noise
from ._residual_statistics import Planes, fill_padding, keep
from ._scored import read_injector

SMALLEST = 32  # pixels along each side
FEWEST = 1024  # pixels outside padding
NETWORK, ANY = "network", "any"
_DARKEST = 0.01  # of the mean variance, below which photon noise is not divided by its variance


@dataclass(frozen=True)
class NoiseModel:
    """Noise of variance ``gain * x + offset`` at grey value ``x``, with its autocorrelation, None if it is white."""

    gain: float
    offset: float
    correlation: np.ndarray | None = None

    def planes(self, first, second, has_noise, both_noisy=False):
        """The difference of two images, and the second one, in standard deviations of the noise.

        Images have the shape (height, width, channels). Where the variance depends on brightness, it is that at the
        brightness of the second image, which is mapped to a scale on which the variance is one.
        """
        first, second = (np.moveaxis(image.astype(np.float64), -1, 0) for image in (first, second))
        if self.gain == 0:
            deviation = math.sqrt(self.offset)
            flat, stabilized = second / deviation, None
        else:
            found = self.gain * second + self.offset
            least = _DARKEST * max(float(found.mean()), np.finfo(float).tiny)
            deviation = np.sqrt(np.maximum(found, least))
            flat = 2 * deviation / self.gain
            stabilized = 2 * np.sqrt(np.maximum(self.gain * first + self.offset, least)) / self.gain - flat
        residual = (first - second) / deviation / (math.sqrt(2) if both_noisy else 1)
        has_noise = np.moveaxis(has_noise, -1, 0)
        return Planes(*fill_padding(residual, flat, has_noise), keep(has_noise), self.correlation, stabilized)


def read_pairs(first, second, names, channel_axis):
    """Return two lists of images of the same shapes (height, width, channels), and the form of the first."""
    arrays, layout = read_images(first, channel_axis=channel_axis, name=names[0])
    others, _ = read_images(second, channel_axis=channel_axis, name=names[1])
    check_alike(others, arrays, names[1], names[0], single=layout.form == "image")
    shaped = ([image.reshape(*image.shape[:2], -1) for image in images] for images in (arrays, others))
    return *shaped, layout


def reason_against(image, has_noise):
    """Return why an image (height, width, channels) cannot be checked, or ""."""
    height, width = image.shape[:2]
    if min(height, width) < SMALLEST:
        return (
            f"Images of {height} x {width} pixels are too small to check; at least {SMALLEST} x {SMALLEST} are needed."
        )
    return "" if has_noise.sum() >= FEWEST else "There are too few pixels, apart from constant areas."


def read_noise(noise, image):
    """Return the `NoiseModel` of one image (height, width, channels), and "".

    If "auto" finds no noise of a supported kind, return None and the reason in words.
    """
    if isinstance(noise, str) and noise == "auto":
        estimate = estimate_noise(image, channel_axis=-1)
        if estimate.kind not in ("gaussian", "poisson_gaussian"):
            found = str(estimate).splitlines()[0].partition(",")[0].lower()
            return None, f"noise='auto' found {found}. Pass a number as noise=."
        return _from_estimate(estimate), ""
    if is_real(noise) and noise > 0:
        _check_units(float(noise), image)
        return NoiseModel(0.0, float(noise) ** 2), ""
    if isinstance(noise, NoiseEstimate):
        model = _from_estimate(noise)
    elif isinstance(noise, NoiseInjector):
        model = _from_injector(noise)
    else:
        raise ValueError(
            "noise must be 'auto', a NoiseEstimate, a NoiseInjector or a positive standard deviation in the units of"
            f" the images, got {shown(noise)}."
        )
    if model.gain == 0:
        _check_units(math.sqrt(model.offset), image)
    return model, ""


def _check_units(sigma, image):
    if sigma > np.ptp(image.astype(np.float64)) > 0:
        raise other_units_error(sigma, image.min(), image.max())


def _from_estimate(estimate):
    _check_kind(estimate.kind, ("gaussian", "poisson_gaussian"))
    correlation = estimate.autocorrelation if any(estimate.blur) else None
    if estimate.kind == "gaussian":
        return NoiseModel(0.0, estimate.sigma**2, correlation)
    return NoiseModel(estimate.gain, estimate.offset, correlation)


def _from_injector(noise):
    _check_kind(noise.kind, ("gaussian", "poisson", "poisson_gaussian"))
    level, (low, high), correlation = read_injector(noise)
    width = high - low
    if noise.kind == "gaussian":
        return NoiseModel(0.0, (level * width) ** 2, correlation)
    gain = level**2 * width
    return NoiseModel(gain, (noise.read_noise * width) ** 2 - gain * low, correlation)


def _check_kind(kind, allowed):
    if not isinstance(kind, str) or kind not in allowed:
        raise ValueError(
            f"noise must be of kind {' or '.join(map(repr, allowed))}, got {kind!r}. For Rician noise, stabilize both"
            " images first (sk_denoise.noise.stabilization), and pass noise=1.0."
        )


def find_noisy(images):
    """Return where each image (height, width, channels) is not padding, and warn if its noise was clipped."""
    batches = [image[np.newaxis].astype(np.float64) for image in images]
    has_noise = [is_noisy(batch) for batch in batches]
    warn_if_clipped(batches, "noisy", "the verdict", has_noise)
    return [kept[0] for kept in has_noise]


def read_denoiser(denoiser):
    """Return the name of the row of the tables that holds for a denoiser, or "any"."""
    if denoiser is None:
        return ANY
    if isinstance(denoiser, str):
        allowed = ("auto", *METHODS, NETWORK)
        if denoiser not in allowed:
            raise ValueError(f"denoiser must be None, a fitted denoiser or {likely(denoiser, allowed)}")
        return "nl_ridge" if denoiser == "auto" else denoiser
    if not hasattr(denoiser, "get_params"):
        raise TypeError(
            f"denoiser must be None, an estimator or the name of a method, got {shown(denoiser)}. For your own"
            " function, leave out denoiser=."
        )
    while True:
        if isinstance(denoiser, Pipeline):
            denoiser = denoiser[-1]
        elif hasattr(denoiser, "best_estimator_"):
            denoiser = denoiser.best_estimator_
        elif hasattr(denoiser, "patch_shape"):
            denoiser = denoiser.denoiser
        else:
            break
    method = getattr(denoiser, "method", None)
    if isinstance(method, str) and method in METHODS:
        return method
    return NETWORK if hasattr(denoiser, "architecture") else ANY
