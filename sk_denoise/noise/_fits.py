"""Models of the variance of noise against brightness, and which of them the flattest blocks follow."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import ive

from ._moments import clipped_moments

#: Clean values for which moments are tabulated.
_CLEAN = np.concatenate([np.linspace(0, 0.1, 26), np.linspace(0.1, 0.9, 41)[1:], np.linspace(0.9, 1, 26)[1:]])
_MODEL_ERROR = 0.04  # relative, of the variance of any bin
_TAIL = 2.0  # standard errors above the curve from which a bin counts as texture
_SHARES = np.linspace(0, 1, 7)  # of the variance in bright areas that is due to photons
_MOST_CLIPPED = 0.65  # share of clipped pixels up to which a bin tells about the noise
_CLIPPED = 0.005  # share of clipped pixels in some bin from which noise is clipped
_STEPS = 28  # of the grid of variances


class Fit(NamedTuple):
    """A fitted model, in units of the range: the variance is ``offset + gain * brightness`` before clipping."""

    kind: str
    gain: float
    offset: float
    loss: float
    weights: np.ndarray  # of the bins


def clipped_ends(curve):
    """Whether the noise is clipped at the lower and at the upper end of the range."""
    return tuple(bool(share > _CLIPPED) for share in curve.clipped.max(axis=0))


def model_variance(kind, gain, offset, means, clips, zero=0.0):
    """Variance of noisy values with these means; `zero` is where the grey value 0 lies in units of the range.

    References: clipping [1]_, Rician [2]_.

    .. [1] A. Foi, "Clipped noisy images: heteroskedastic modeling and practical denoising", Signal Processing 89(12),
       2009.
    .. [2] H. Gudbjartsson, S. Patz, "The Rician distribution of noisy MRI data", Magnetic Resonance in Medicine
       34(6), 1995.
    """
    if kind == "rician":
        signal = _CLEAN - min(zero, 0.0)
        first = _rician_mean(signal, np.sqrt(offset))
        return np.interp(means - zero, first, signal**2 + 2 * offset - first**2)
    if not any(clips):
        return gain * np.maximum(means, 0) + offset
    # The number of photons is never negative, so at black only the rest of the noise is clipped.
    photons = gain * _CLEAN
    bright = _CLEAN > 0.5
    dark_part = clipped_moments(_CLEAN, np.sqrt(offset), 0.0 if clips[0] else -np.inf, np.inf)
    bright_part = clipped_moments(_CLEAN, np.sqrt(offset + photons), -np.inf, 1.0 if clips[1] else np.inf)
    mean = np.where(bright, bright_part[0], dark_part[0])
    return np.interp(means, mean, np.where(bright, bright_part[1], dark_part[1] + photons))


def _rician_mean(signal, sigma):
    half = signal**2 / (4 * sigma**2)
    return sigma * np.sqrt(np.pi / 2) * ((1 + 2 * half) * ive(0, half) + 2 * half * ive(1, half))


def _loss(curve, variances, usable):
    """Robust and asymmetric loss, and the weights of the bins: texture adds to the variance, nothing reduces it."""
    scale = np.hypot(curve.error, _MODEL_ERROR)
    z = np.log(np.maximum(curve.variance, 1e-15) / np.maximum(variances, 1e-15)) / scale
    tail = 1 + (z / _TAIL) ** 2
    loss = np.where(z < 0, z * z, _TAIL**2 * np.log(tail))
    return float((loss * usable).sum() / usable.sum()), np.where(z < 0, 1, 1 / tail) * usable


def fit_model(curve, kind, clips, zero=0.0):
    """Fit a model of the variance to the flattest blocks, robustly [1]_.

    Parameters
    ----------
    curve : Curve
        Variance against brightness.
    kind : {"gaussian", "poisson", "poisson_gaussian", "rician"}
        Model.
    clips : pair of bool
        Whether noise is clipped at the lower and upper end of the range.
    zero : float, default=0.0
        Where the grey value 0 lies in units of the range.

    Returns
    -------
    fit : Fit
        The model with the smallest loss.

    References
    ----------
    .. [1] A. Foi, M. Trimeche, V. Katkovnik, K. Egiazarian, "Practical Poissonian-Gaussian noise modeling and fitting
       for single-image raw-data", IEEE Transactions on Image Processing 17(10), 2008.
    """
    usable = ((curve.clipped * np.asarray(clips)).sum(axis=1) < _MOST_CLIPPED).astype(float)
    usable = usable if usable.any() else np.ones_like(usable)
    reference = max(float(curve.mean[usable > 0].max()), 1e-3)
    logs = np.log(np.maximum(curve.variance[usable > 0], 1e-15))
    scales = np.exp(np.linspace(logs.min() - 0.3, logs.max() + 1.3, _STEPS))
    shared, only = kind == "poisson_gaussian", float(kind == "poisson")

    def parameters(log_scale, share):
        return share * np.exp(log_scale) / reference, (1 - share) * np.exp(log_scale)

    def evaluate(log_scale, share=only):
        gain, offset = parameters(log_scale, np.clip(share, 0, 1))
        return _loss(curve, model_variance(kind, gain, offset, curve.mean, clips, zero), usable)

    grid = [(np.log(scale), share) for scale in scales for share in (_SHARES if shared else (only,))]
    start = min(grid, key=lambda point: evaluate(*point)[0])
    corners = [start, (start[0] + 0.05, start[1]), (start[0], start[1] + (0.05 if start[1] < 0.9 else -0.05))]
    n_free = 2 if shared else 1
    refined = minimize(
        lambda point: evaluate(*point)[0],
        start[:n_free],
        method="Nelder-Mead",
        options={
            "initial_simplex": [corner[:n_free] for corner in corners[: n_free + 1]],
            "maxiter": 100,
            "xatol": 1e-3,
            "fatol": 1e-4,
        },
    )
    share = float(np.clip(refined.x[1], 0, 1)) if shared else only
    loss, weights = evaluate(refined.x[0], share)
    gain, offset = map(float, parameters(refined.x[0], share))
    return Fit(kind, gain, offset, loss, weights)
