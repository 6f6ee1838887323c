"""Variance-stabilizing transforms: they turn signal-dependent noise into noise of standard deviation one.

A denoiser for Gaussian noise is applied between a transform and its inverse. The inverses are exact unbiased ones: they
map the expected value of transformed noisy pixels, which a good denoiser returns, to the clean value. The algebraic
inverses would darken the image at low counts.
"""

from __future__ import annotations

import functools
from numbers import Real

import numpy as np

from .._core.sklearn_glue import Interval, validate_function_params

__all__ = ["anscombe", "inverse_anscombe", "inverse_rician", "stabilize_rician"]

_POSITIVE = Interval(Real, 0, None, closed="neither")
_NON_NEGATIVE = Interval(Real, 0, None, closed="left")
_POISSON = {"x": "no_validation", "gain": [_POSITIVE], "read_noise": [_NON_NEGATIVE], "offset": [Real]}
_FARTHEST_SNR = 30.0  # beyond, Rician noise is Gaussian to a thousandth


@validate_function_params(_POISSON)
def anscombe(x, gain, read_noise=0.0, offset=0.0):
    """Generalized Anscombe transform of Poisson-Gaussian noise [1]_.

    Parameters
    ----------
    x : array-like or float
        Noisy values ``gain * Poisson(clean / gain) + offset + read_noise * N(0, 1)``, in any units.
    gain : float
        Value of one photon, in the units of `x`.
    read_noise : float, default=0
        Standard deviation of the electronic noise, in the units of `x`.
    offset : float, default=0
        Black level: the value of a pixel without any light, in the units of `x`.

    Returns
    -------
    y : ndarray or float
        Values with noise of standard deviation close to one, if there are more than a few photons per pixel. Values
        below the smallest that the transform is defined for are mapped to 0.

    References
    ----------
    .. [1] J.-L. Starck, F. Murtagh, A. Bijaoui, "Image Processing and Data Analysis", Cambridge University Press, 1998.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_denoise.noise.stabilization import anscombe
    >>> counts = np.random.default_rng(0).poisson(50, 10_000)
    >>> round(float(anscombe(counts, gain=1).std()), 1)
    1.0
    """
    photons = (np.asarray(x, dtype=float) - offset) / gain
    return 2 * np.sqrt(np.maximum(photons + 3 / 8 + (read_noise / gain) ** 2, 0))


@validate_function_params(_POISSON)
def inverse_anscombe(x, gain, read_noise=0.0, offset=0.0):
    """Exact unbiased inverse of `anscombe`, in the closed-form approximation of [1]_.

    Parameters
    ----------
    x : array-like or float
        Denoised transformed values.
    gain, read_noise, offset : float
        As passed to `anscombe`.

    Returns
    -------
    y : ndarray or float
        Clean values, at least `offset`.

    References
    ----------
    .. [1] M. Makitalo, A. Foi, "Optimal inversion of the generalized Anscombe transformation for Poisson-Gaussian
       noise", IEEE Transactions on Image Processing 22(1), 2013.
    """
    sigma = read_noise / gain
    # The expected value of the transform at no light is its smallest; below it, the approximation is not valid.
    y = np.maximum(np.asarray(x, dtype=float), 2 * np.sqrt(3 / 8 + sigma**2))
    root = np.sqrt(3 / 2)
    photons = y**2 / 4 + root / 4 / y - 11 / 8 / y**2 + 5 / 8 * root / y**3 - 1 / 8 - sigma**2
    return np.maximum(photons, 0) * gain + offset


@validate_function_params({"x": "no_validation", "sigma": [_POSITIVE]})
def stabilize_rician(x, sigma):
    """Variance-stabilizing transform of Rician noise, constructed numerically [1]_.

    Parameters
    ----------
    x : array-like or float
        Noisy magnitudes ``sqrt((clean + sigma * N1) ** 2 + (sigma * N2) ** 2)``, at least 0.
    sigma : float
        Standard deviation of the noise of both channels, in the units of `x`.

    Returns
    -------
    y : ndarray or float
        Values with noise of standard deviation close to one.

    References
    ----------
    .. [1] A. Foi, "Noise estimation and removal in MR imaging: the variance-stabilization approach", ISBI 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_denoise.noise.stabilization import stabilize_rician
    >>> real, imaginary = np.random.default_rng(0).normal(size=(2, 10_000))
    >>> round(float(stabilize_rician(np.hypot(5 + real, imaginary), sigma=1).std()), 1)
    1.0
    """
    magnitudes, transformed, _, _ = _rician_tables()
    x = np.asarray(x, dtype=float) / sigma
    # Beyond the table, the transform is linear.
    return np.interp(x, magnitudes, transformed) + np.maximum(x - magnitudes[-1], 0)


@validate_function_params({"x": "no_validation", "sigma": [_POSITIVE]})
def inverse_rician(x, sigma):
    """Exact unbiased inverse of `stabilize_rician` [1]_.

    Parameters
    ----------
    x : array-like or float
        Denoised transformed values.
    sigma : float
        As passed to `stabilize_rician`.

    Returns
    -------
    y : ndarray or float
        Clean magnitudes, at least 0.

    References
    ----------
    .. [1] A. Foi, "Noise estimation and removal in MR imaging: the variance-stabilization approach", ISBI 2011.
    """
    _, _, clean, expected = _rician_tables()
    x = np.asarray(x, dtype=float)
    return (np.interp(x, expected, clean) + np.maximum(x - expected[-1], 0)) * sigma


@functools.cache
def _rician_tables():
    """Magnitudes and their transforms, and clean values and the mean transforms of their noisy ones, for sigma 1."""
    from scipy.special import ive
    from scipy.stats import rice

    clean = np.concatenate([np.linspace(0, 5, 501), np.linspace(5, _FARTHEST_SNR, 501)[1:]])
    mean, variance = rice.stats(clean, moments="mv")
    # A transform whose slope is the inverse of the standard deviation at each mean stabilizes the variance.
    slope = 1 / np.sqrt(variance)
    steps = np.diff(mean) * (slope[1:] + slope[:-1]) / 2
    magnitudes = np.concatenate([[0.0], mean])  # means begin at 1.25; below them, the slope is continued
    transformed = np.concatenate([[-mean[0] * slope[0]], [0.0], np.cumsum(steps)])
    noisy = np.maximum(clean[:, np.newaxis] + np.linspace(-7, 7, 561), 0)
    # The density of noisy magnitudes; the scaled Bessel function does not overflow.
    density = noisy * np.exp(-((noisy - clean[:, np.newaxis]) ** 2) / 2) * ive(0, noisy * clean[:, np.newaxis])
    values = np.interp(noisy, magnitudes, transformed) + np.maximum(noisy - magnitudes[-1], 0)
    return magnitudes, transformed, clean, (values * density).sum(axis=1) / density.sum(axis=1)
