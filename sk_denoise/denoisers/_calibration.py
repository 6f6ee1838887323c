"""How `ImageFilter` and `denoise` choose the parameters of a filter: the candidates, and the errors to compare them by.

Images are arrays of shape ``(n, height, width, channels)``, scaled to [0, 1].
"""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np

from .._core.checks import sample_rows, shown, warn_user
from ..noise import NoiseEstimate, estimate_noise
from ..noise._identify import SMALLEST
from ._filtering import METHODS, denoise, spatial_sides, wavelet_depth
from ._risk import is_noisy, stein_terms

#: Values from which "auto" chooses. The first combination does nothing, or almost nothing, so that clean images can
#: remain unchanged. Those of "level" and "h" are multiples of the estimated noise level.
GRIDS = {
    "size": (1, 3, 5, 7),
    "sigma": (0.0, 0.4, 0.6, 0.8, 1.0, 1.3, 1.7),
    "sigma_color": (0.01, 0.1, 0.2, 0.4, 0.8),
    "sigma_spatial": (0.7, 1.0, 1.5),
    "weight": (0.001, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6),
    "level": (0.0, 0.5, 1.0, 1.5, 2.0),
    "wavelet": ("haar", "db2", "sym4"),
    "h": (0.05, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.4),
    "patch_size": (3, 5),
    "patch_distance": (3, 6),
    "correlation": (None,),
}
#: The same if the noise is Gaussian and was measured, all but the sizes as multiples of its level. They need no "do
#: nothing" entry: if there is hardly any noise, the smallest values have no effect.
MEASURED_GRIDS = {
    "sigma_color": (1.5, 2.5, 4.0, 8.0),
    "weight": (0.4, 0.6, 0.8, 1.1, 1.5, 2.0),
    "h": (0.5, 0.7, 1.0),
    "patch_size": (5,),
    "patch_distance": (6,),
}
_RELATIVE = {"level", "h"}  # parameters whose grids are multiples of the level
_MEASURED_RELATIVE = _RELATIVE | {"sigma_color", "weight"}

LARGE_NOISE = 0.02  # level from which doing nothing cannot be right
_MIN_SIDE = 3  # smallest height and width for which J-invariant calibration can hide pixels
_STRIDE = 2  # hides a quarter of the pixels, no two of them adjacent; better than 4 on MNIST and digits
_MIN_H = 1e-3  # as a fraction of the range; positive, because scikit-image divides by h
_MOST_VALUES = 1 << 17  # that candidates are compared on
_TILE = 128  # pixels, side of the parts of large images that candidates are compared on


def check_estimate(noise):
    """Raise if `noise` is neither an estimate nor None nor "auto", or if it does not say which noise it is."""
    if not (noise is None or isinstance(noise, NoiseEstimate) or (isinstance(noise, str) and noise == "auto")):
        raise TypeError(
            f"noise must be a NoiseEstimate, None or 'auto', got {shown(noise)}. For the standard deviation of Gaussian"
            " noise, pass level=, a fraction of the data range; for a map of it, use sk_denoise.denoise."
        )
    if isinstance(noise, NoiseEstimate):
        check_clear(noise)


def check_clear(noise):
    """Raise if an estimate does not say which noise it is."""
    if noise.kind == "unclear":
        raise ValueError(f"noise must be an estimate of known kind, got an unclear one. {' '.join(noise.notes)}")


def measure_noise(images):
    """Return an estimate of the noise of images in user units; None if it is unclear."""
    if min(images.shape[1:3]) < SMALLEST:
        return None
    grey = images.shape[3] == 1
    estimate = estimate_noise(list(images[..., 0] if grey else images), channel_axis=None if grey else -1)
    return None if estimate.kind == "unclear" or not estimate.sigma > 0 else estimate


def warn_of_correlation(method, estimate):
    """Warn if a filter for white noise is used on correlated noise."""
    if estimate is not None and estimate.is_additive and any(estimate.blur) and method != "nl_ridge":
        warn_user(
            f"method={method!r} assumes white noise, but the noise of neighbouring pixels is correlated"
            " ({:.2f} vertically, {:.2f} horizontally), so much of it will remain. Use method='nl_ridge'.".format(
                *estimate.correlation
            )
        )


def estimate_level(images):
    """Return the standard deviation of the noise, by the method of Donoho and Johnstone, averaged over images."""
    from skimage.restoration import estimate_sigma

    shape = (*spatial_sides(images.shape[1:]), images.shape[3])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about narrow images, and about constant ones, whose level is NaN
        levels = [estimate_sigma(image.reshape(shape), channel_axis=-1) for image in images]
    return float(np.mean(np.nan_to_num(levels), dtype=np.float64))


def choose_params(images, method, given, *, noise=None, can_be_clean=True, clean=None, inverse=None, weights=None):
    """Return the parameters of a filter, and the noise level if it has one: `given` ones, and the best of the others.

    The best have the smallest error: measured if there are clean images, or else estimated by SURE if the noise is
    known, or else by J-invariance.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels)
        Noisy images.
    method : str
        Name of a filter.
    given : dict
        Parameters that are not searched.
    noise : FilterScale, default=None
        Gaussian noise, if it is known.
    can_be_clean : bool, default=True
        Whether the filter may do nothing.
    clean, inverse : ndarray, callable, default=None
        Clean images, and a function that is applied to denoised ones before they are compared.
    weights : ndarray of the shape of `images`, default=None
        Weights of the values in the error estimated by SURE.

    Returns
    -------
    params : dict
        Parameters of the filter.
    level : float or None
        Given, known or estimated level.
    """
    level = given.get("level") if "level" in METHODS[method] else None
    if level is None and "level" in METHODS[method]:
        level = estimate_level(images) if noise is None else noise.level
    if method == "nl_ridge":
        given = {"correlation": None if noise is None else noise.correlation} | given
        if clean is None:
            given["level"] = level
    grids = candidates(method, given, noise.level if noise else level, images.shape[1:], measured=noise is not None)
    if noise is None and clean is None and not can_be_clean:
        grids = without_nothing(grids)
    searched = math.prod(map(len, grids.values())) > 1
    error = _error_to_minimize(images, method, noise, clean, inverse, weights) if searched else None
    return _search(grids, error), level


def candidates(method, given, level, image_shape, measured=False):
    """Return the grids to search, weakest filter first: `given` values, or those of the tables that fit the image.

    `measured` says that `level` is that of Gaussian noise, not a guess.
    """
    side = min(spatial_sides(image_shape))
    fits = {
        "size": lambda size: size <= max(side, 1),
        "wavelet": lambda name: wavelet_depth(image_shape, name) > 0,
        "patch_size": lambda size: size <= max(side, 3),
        "patch_distance": lambda distance: distance <= max(side, 3),
    }
    table = GRIDS | MEASURED_GRIDS if measured else GRIDS
    relative = _MEASURED_RELATIVE if measured else _RELATIVE
    grids = {}
    for name in METHODS[method]:
        if name in given:
            grids[name] = (given[name],)
        elif method == "nlm" and name == "level":
            # With a level, even the smallest h averages patches that differ by noise alone.
            grids[name] = (level,) if measured else (0.0, level)
        else:
            values = [value for value in table[name] if name not in fits or fits[name](value)] or [table[name][0]]
            grids[name] = tuple(value * level for value in values) if name in relative else tuple(values)
        if name == "h":
            grids[name] = tuple(max(h, _MIN_H) for h in grids[name])
    return grids


def without_nothing(grids):
    """Return grids without the weakest value of each parameter that says how strong a filter is."""
    names = {"size", "sigma", "sigma_color", "weight", "h"} | ({"level"} if "h" not in grids else set())
    return {name: values[1:] if name in names and len(values) > 1 else values for name, values in grids.items()}


def _error_to_minimize(images, method, noise, clean, inverse, weights):
    """Return the error as a function of the parameters; None if there is no way to estimate it."""
    if clean is not None:
        back = inverse or (lambda denoised: denoised)
        return lambda params: np.mean((back(denoise(images, method, params)) - clean) ** 2, dtype=float)
    if noise is not None:
        return _stein_error(_parts(images), method, noise, None if weights is None else _parts(weights))
    if min(spatial_sides(images.shape[1:])) < _MIN_SIDE:
        return None  # too few pixels have neighbours on both sides
    return _self_supervised_error(_parts(images), method)


def _search(grids, error):
    """Minimize `error` over all combinations, and then over values halfway to the neighbours of the best.

    If the largest value is the best, one more is tried beyond it. Without an error, the first combination is returned.
    """
    combinations = [dict(zip(grids, values)) for values in itertools.product(*grids.values())]
    if error is None:
        return combinations[0]
    errors = [error(params) for params in combinations]
    best = int(np.argmin(errors))
    least, params = errors[best], combinations[best]
    for name, values in grids.items():
        if len(values) < 3 or not isinstance(values[-1], float):
            continue
        place = values.index(params[name])
        near = [
            _between(other, values[place]) for other in values[max(place - 1, 0) : place + 2] if other != values[place]
        ]
        beyond = [values[-1] ** 2 / values[-2]] if place == len(values) - 1 and values[-2] > 0 else []
        for value in near + beyond:
            refined = params | {name: value}
            found = error(refined)
            if found < least:
                least, params = found, refined
    return params


def _between(low, high):
    return math.sqrt(low * high) if low * high > 0 else (low + high) / 2


def _parts(images):
    """Return images, or square parts of them, spread evenly, if they have many pixels."""
    if images.size <= _MOST_VALUES:
        return images
    n, height, width, channels = images.shape
    tall, wide = min(_TILE, height), min(_TILE, width)
    n_parts = max(1, _MOST_VALUES // (tall * wide * channels))
    corners = [
        (image, top, left)
        for image in range(n)
        for top in range(0, height - tall + 1, tall)
        for left in range(0, width - wide + 1, wide)
    ]
    # Equal steps could meet the same column of tiles each time.
    chosen = sample_rows(np.arange(len(corners)), n_parts, jitter=True)
    return np.stack([images[i, top : top + tall, left : left + wide] for i, top, left in (corners[k] for k in chosen)])


def _stein_error(images, method, noise, weights):
    images = images.astype(np.float64)
    noisy = is_noisy(images)
    if not noisy.any():
        noisy = np.ones_like(noisy)
    weights = noisy if weights is None else noisy * weights

    def error(params):
        terms, _ = stein_terms(lambda values: denoise(values, method, params), images, noise.level, noise.correlation)
        return np.average(terms, weights=weights)

    return error


def _self_supervised_error(images, method):
    """The loss of Batson and Royer: the error of predicting hidden pixels."""
    from skimage.restoration import calibrate_denoiser

    shape = (*spatial_sides(images.shape[1:]), images.shape[3])

    def function(image, channel_axis, **params):
        return denoise(image.reshape(1, *images.shape[1:]), method, params).reshape(shape)

    def error(params):
        grid = {name: (value,) for name, value in params.items()} | {"channel_axis": (-1,)}
        options = {"stride": _STRIDE, "extra_output": True}
        losses = [calibrate_denoiser(image.reshape(shape), function, grid, **options)[1][1] for image in images]
        return float(np.mean(losses))

    return error
