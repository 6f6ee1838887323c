"""Steps of `estimate_noise`: pixels to look at, impulses, correlation, and the model of the variance."""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import median_filter, uniform_filter

from .._core.checks import sample_rows
from .._core.units import to_unit
from ._fits import clipped_ends, fit_model, model_variance
from ._moments import (
    WHITE,
    blur_autocorrelation,
    blur_spectrum,
    find_padding,
    fit_blur,
    texture_trend,
    variance_curve,
)

SMALLEST = 32  # pixels along each side; in smaller images every block has an edge
FEWEST_BLOCKS = 300
_FEWEST_OF_ONE = 100  # blocks of an image, from which its level is compared with those of others
MOST_IMAGES = 16  # looked at
_MOST_PIXELS = 1 << 22  # looked at
_TILE = 512
# Lag-one correlations from which noise of these levels is called correlated; texture looks like weak correlation.
_LEVELS, _CORRELATED = (0.03, 0.05, 0.1), (0.28, 0.1, 0.075)
_CHANCE = 1.2  # lag-one correlation that white noise has by chance, in standard errors of the variance
_OTHER_AXIS = 0.15  # the same for the axis that is less correlated, if the other clearly is
_BLURRED = 0.5  # width in pixels from which low frequencies tell more about the blur than high ones
_VARIANCE_RATIO = 1.35  # of the brightest to the darkest flat areas, from which noise depends on brightness
_LOSS_GAIN = 0.15  # by which the loss of a model must be smaller than that of Gaussian noise
_READ_NOISE_LOSS = 0.1  # by which the loss must be smaller with read noise than without
_SAME_GAIN = 0.2  # relative difference up to which the spacing of grey values matches the gain
_TEXTURED_LOSS_GAIN = 0.75  # `_LOSS_GAIN` if bright areas may just have more texture, which correlated noise resembles
TEXTURE = 0.35  # trend of the power in the flattest blocks from which they have texture
_WEAK = 0.02  # level below which the spectrum of textured blocks tells nothing about the noise
_DENSE = 0.07  # share of impulses of one kind
_FEWEST_PLACES = 500  # pixels far from an end of the range
_IMPULSES = 0.002  # share of isolated extreme pixels from which noise is salt and pepper


def clipped_shares(planes):
    """Shares of the values at the two ends of the range, without padding."""
    counts, n_values = np.zeros(2), 0
    for plane in planes:
        inner = plane[~find_padding(plane)]
        counts += (inner <= 0).sum(), (inner >= 1).sum()
        n_values += inner.size
    return tuple(map(float, counts / max(n_values, 1)))


def observed_range(arrays, name):
    """Range that levels refer to."""
    if all(array.dtype == np.uint8 for array in arrays):
        return 0.0, 255.0
    low = min(float(array.min()) for array in arrays)
    high = max(float(array.max()) for array in arrays)
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    if not 1e-150 < high - low < 1e150:  # whose squares are not finite, or zero
        if high > low:
            raise ValueError(
                f"{name} has values from {low:g} to {high:g}, whose variance cannot be computed in floating point."
                " Rescale the images first."
            )
        return low, low + 1.0
    return low, high


def _some(items, n):
    """At most `n` items, spread over the list."""
    return [items[i] for i in sample_rows(np.arange(len(items)), n, jitter=True)]


def read_planes(arrays, data_range):
    """Channels of some images, or tiles of them, scaled to [0, 1], and a number for each channel of each image."""
    large = [i for i, array in enumerate(arrays) if min(array.shape[:2]) >= SMALLEST]
    chosen = _some(large, MOST_IMAGES)
    planes, owners = [], []
    for i in chosen:
        array = arrays[i]
        for tile in _tiles(array, _MOST_PIXELS // len(chosen)):
            part = to_unit(array[tile], data_range)
            channels = [part] if part.ndim == 2 else list(np.moveaxis(part, -1, 0))
            planes += channels
            owners += [(i, channel) for channel in range(len(channels))]
    numbers = {owner: number for number, owner in enumerate(dict.fromkeys(owners))}
    return planes, [numbers[owner] for owner in owners]


def _tiles(array, n_values):
    """Slices of at most about `n_values` values of an image, spread over it."""
    if array.size <= n_values:
        return [(slice(None), slice(None))]
    corners = [
        (slice(y, y + _TILE), slice(x, x + _TILE))
        for y in range(0, max(1, array.shape[0] - _TILE + 1), _TILE)
        for x in range(0, max(1, array.shape[1] - _TILE + 1), _TILE)
    ]
    tile_size = min(_TILE, array.shape[0]) * min(_TILE, array.shape[1]) * (array.size // math.prod(array.shape[:2]))
    return _some(corners, max(1, n_values // tile_size))


def find_impulses(planes):
    """Shares of black and of white pixels among pixels whose surroundings are not, and mean square of that noise."""
    counts, all_counts, places, squares, n_values = np.zeros(2), np.zeros(2), np.zeros(2), 0.0, 0
    for plane in planes:
        extreme = plane <= 0, plane >= 1
        if max(end.mean() for end in extreme) < _IMPULSES / 4:
            continue
        middle = median_filter(plane, 5)
        regular = ~(extreme[0] | extreme[1])
        # Far from an extreme, in units of the noise of the other pixels, no other noise reaches it.
        far = max(0.1, 6 * 1.4826 * float(np.median(np.abs(plane - middle)[regular]))) if regular.any() else 1.0
        for end, distance in enumerate((middle, 1 - middle)):
            # Pixels of text and other fine detail have neighbours of their kind.
            neighbours = 9 * uniform_filter(extreme[end].astype(np.float32), 3) - 1
            hits = extreme[end] & (distance > far)
            all_counts[end] += hits.sum()
            counts[end] += (hits & (neighbours < 0.5)).sum()
            places[end] += (distance > far).sum()
            squares += float((distance[extreme[end]] ** 2).sum())
        n_values += plane.size
    alone, everywhere = (np.where(places < _FEWEST_PLACES, 0, n / np.maximum(places, 1)) for n in (counts, all_counts))
    shares = alone.copy()
    for _ in range(20):  # impulses next to others were not counted
        shares = alone / (1 - np.minimum(shares, _DENSE)) ** 8
    # Dense impulses are rarely alone, and outnumber the fine detail.
    shares = np.where((everywhere > _DENSE) & (alone > _DENSE / 4), everywhere, shares)
    return tuple(map(float, shares)), squares / max(n_values, 1)


def is_salt_and_pepper(shares):
    """Whether isolated black and white pixels are many, and about equally many."""
    return min(shares) >= _IMPULSES / 2 and max(shares) <= 2 * min(shares)


def find_correlation(blocks):
    """Variance against brightness, spectrum, blur widths, and how much texture there is in the flattest blocks."""
    curve = variance_curve(blocks)
    power, level = _pooled_spectrum(curve)
    blur = fit_blur(power, 6)
    if max(blur) > _BLURRED:
        curve = variance_curve(blocks, blur_spectrum(blur))
        power, level = _pooled_spectrum(curve)
        blur = fit_blur(power, 4)
    texture = texture_trend(blocks, blur_spectrum(blur))
    chance = _CHANCE * float(curve.error.mean()) / math.sqrt(len(curve.error))  # in small images
    least = max(chance, float(np.interp(level, _LEVELS, _CORRELATED)))
    lag_one = [blur_autocorrelation(width)[1] for width in blur]
    if texture > TEXTURE and level < _WEAK:
        least = 1.0
    elif max(lag_one) > max(least, 2 * _OTHER_AXIS):
        least = _OTHER_AXIS
    blur = tuple(width if lag >= least else 0.0 for width, lag in zip(blur, lag_one))
    spectrum = blur_spectrum(blur) if any(blur) else WHITE
    return variance_curve(blocks, spectrum), spectrum, blur, texture


def _pooled_spectrum(curve):
    """Spectrum over the bins that are neither textured nor clipped, and the level of the noise."""
    fit = fit_model(curve, "poisson_gaussian", clipped_ends(curve))
    weights = fit.weights * (curve.clipped.max(axis=1) < 0.02)
    weights = weights if weights.any() else fit.weights
    return weights @ curve.spectrum / weights.sum(), math.sqrt(fit.offset + fit.gain * curve.mean.mean())


def choose_model(curve, planes, clips, zero, texture, correlated):
    """The simplest model that the variance follows."""
    least_gain = _TEXTURED_LOSS_GAIN if texture > TEXTURE or correlated else _LOSS_GAIN
    gaussian = fit_model(curve, "gaussian", clips, zero)
    photons = fit_model(curve, "poisson_gaussian", clips, zero)
    if zero <= 0 and curve.clipped[:, 0].max() < 0.05:
        rician = fit_model(curve, "rician", clips, zero)
        background = (curve.mean - zero < 1.5 * math.sqrt(rician.offset)) & (rician.weights > 0.5)
        if background.any() and rician.loss < min(gaussian.loss, 1.5 * photons.loss + _LOSS_GAIN):
            pure = fit_model(curve, "poisson", clips, zero)
            counts = pure.loss < rician.loss and _are_counts(planes, pure.gain)
            return pure._replace(kind="poisson_gaussian") if counts else rician
    ends = np.quantile(curve.mean, [0, 1])
    dark, bright = photons.offset + photons.gain * ends
    if bright > _VARIANCE_RATIO * dark and photons.loss < gaussian.loss - least_gain:
        # With little contrast, gain and offset are interchangeable, so read noise needs evidence.
        pure = fit_model(curve, "poisson", clips, zero)
        simple = zero == 0 and pure.loss < photons.loss + _READ_NOISE_LOSS
        return pure._replace(kind="poisson_gaussian") if simple else photons
    return gaussian


def _are_counts(planes, gain):
    """Whether grey values are as far apart as single photons are according to the gain."""
    steps = [np.diff(values).min() for values in map(np.unique, planes) if len(values) > 1]
    return abs(min(steps) - gain) < _SAME_GAIN * gain


def spread_of_levels(blocks, spectrum, fit, clips, zero):
    """Standard deviation of the level over images and their channels, beyond that by chance, relative to the level.

    Each is compared with the model of all at its own brightness. NaN for a single one.
    """
    levels, errors, numbers = [], [], np.unique(blocks.plane)
    for plane in numbers if len(numbers) > 1 else ():
        own = blocks.of(plane)
        if len(own.mean) >= _FEWEST_OF_ONE:
            curve = variance_curve(own, spectrum)
            curve = curve.without_texture() if fit.kind == "gaussian" else curve
            expected = model_variance(fit.kind, fit.gain, fit.offset, curve.mean, clips, zero)
            levels.append(math.sqrt(np.median(curve.variance / np.maximum(expected, 1e-15))))
            errors.append(levels[-1] * float(curve.error.mean()) / math.sqrt(len(curve.error)) / 2)  # of the variance
    return math.sqrt(max(np.var(levels) - np.mean(np.square(errors)), 0)) if len(levels) > 1 else math.nan
