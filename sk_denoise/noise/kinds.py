"""Noise models: one pure function for each kind, ``kind(X, level, rng) -> X_noisy``.

Each takes an array `X` of shape (n_samples, n_features) scaled to [0, 1], a `level` that is a number or an array of
shape (n_samples, 1), and a source of random numbers (a `numpy.random.Generator`, or `RowStreams`, the faster one that
`NoiseInjector` uses). Each returns a new array of the dtype of `X`, not clipped. Random numbers are drawn in float32,
which is more precise than the pixels of any image.
"""

from __future__ import annotations

import functools
import inspect
from numbers import Real

import numpy as np

from .._core.checks import shown
from .._core.sklearn_glue import HasMethods, Interval, validate_function_params

__all__ = ["KINDS", "gaussian", "masking", "poisson", "poisson_gaussian", "rician", "salt_pepper", "speckle", "uniform"]

_F32 = np.float32

_SHARED = """\
Parameters
----------
X : ndarray of shape (n_samples, n_features)
    Clean rows of a float dtype, scaled to [0, 1].
level : float or ndarray of shape (n_samples, 1)
    {level}
rng : numpy.random.Generator
    Source of random numbers.

Returns
-------
X_noisy : ndarray of shape (n_samples, n_features)
    Noisy rows, not clipped, in the dtype of `X`.

Raises
------
ValueError, TypeError
    If `X` is not a non-empty 2-D float array, or if `level` is out of range or has the wrong shape.

"""


def _kind(level, highest=np.inf):
    """Return a decorator that checks the arguments of a kind and adds the shared sections to its docstring."""
    closed = "both" if highest < np.inf else "left"
    constraints = {
        "X": [np.ndarray],
        "level": [Interval(Real, 0, highest, closed=closed), np.ndarray],
        "rng": [HasMethods(["random", "standard_normal", "poisson"])],
    }

    def decorate(kind):
        @functools.wraps(kind)
        def checked(X, level, rng, **options):
            if X.ndim != 2 or X.dtype.kind != "f" or X.size == 0:
                raise ValueError(
                    f"X must be a float array of shape (n_samples, n_features), scaled to [0, 1], got {shown(X)}."
                )
            if isinstance(level, np.ndarray) and not (
                level.shape == (len(X), 1) and level.dtype.kind in "fiu" and level.min() >= 0 and level.max() <= highest
            ):
                raise ValueError(
                    f"level must hold numbers in [0, {highest:g}] of shape {(len(X), 1)}, one for each row, got"
                    f" {shown(level)}."
                )
            return kind(X, level, rng, **options)

        before, heading, references = inspect.getdoc(kind).partition("References\n")
        checked.__doc__ = before + _SHARED.format(level=level) + heading + references + "\n"
        # The parameters that only this kind has.
        own = {name: [Interval(Real, 0, None, closed="left")] for name in list(inspect.signature(kind).parameters)[3:]}
        return validate_function_params(constraints | own)(checked)

    return decorate


@_kind("Standard deviation.")
def gaussian(X, level, rng):
    """Additive Gaussian noise, ``X + level * N(0, 1)``.

    Mean ``X``, variance ``level ** 2``. This is the noise of most of the literature on denoising [1]_, and of the
    article reproduced in ``examples/plot_article.py``.

    References
    ----------
    .. [1] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio, P.-A. Manzagol, "Stacked denoising autoencoders", Journal of
       Machine Learning Research 11, 2010.
    """
    noise = rng.standard_normal(X.shape, dtype=_F32).astype(X.dtype, copy=False)
    noise *= level
    noise += X
    return noise


@_kind("Half the width of the distribution.")
def uniform(X, level, rng):
    """Additive uniform noise, ``X + level * U(-1, 1)``, such as that of coarse quantization.

    Mean ``X``, variance ``level ** 2 / 3`` [1]_.

    References
    ----------
    .. [1] B. Widrow, I. Kollar, "Quantization Noise", Cambridge University Press, 2008.
    """
    noise = rng.random(X.shape, dtype=_F32).astype(X.dtype, copy=False)
    noise *= 2
    noise -= 1
    noise *= level
    noise += X
    return noise


@_kind("Standard deviation relative to the pixel value.")
def speckle(X, level, rng):
    """Multiplicative Gaussian noise, ``X * (1 + level * N(0, 1))``, as in ultrasound and radar.

    Mean ``X``, variance ``(level * X) ** 2`` [1]_.

    References
    ----------
    .. [1] A. K. Jain, "Fundamentals of Digital Image Processing", Prentice Hall, 1989, section 8.13.
    """
    noise = rng.standard_normal(X.shape, dtype=_F32).astype(X.dtype, copy=False)
    noise *= level
    noise += 1
    noise *= X
    return noise


@_kind("Probability that a pixel is replaced, in [0, 1].", highest=1)
def salt_pepper(X, level, rng):
    """Set pixels to black or white, each with probability ``level / 2``.

    Mean ``(1 - level) * X + level / 2``, variance ``(1 - level) * X ** 2 + level / 2 - mean ** 2`` [1]_.

    References
    ----------
    .. [1] R. C. Gonzalez, R. E. Woods, "Digital Image Processing", 4th edition, Pearson, 2018, section 5.2.
    """
    draw = rng.random(X.shape, dtype=_F32)
    level = np.asarray(level, dtype=_F32)
    return np.where(draw < level, (draw < level / 2).astype(X.dtype), X)


@_kind("Probability that a pixel is replaced, in [0, 1].", highest=1)
def masking(X, level, rng):
    """Set pixels to the minimum of the data range with probability `level`.

    Mean ``(1 - level) * X``, variance ``level * (1 - level) * X ** 2`` [1]_.

    References
    ----------
    .. [1] P. Vincent, H. Larochelle, Y. Bengio, P.-A. Manzagol, "Extracting and composing robust features with
       denoising autoencoders", ICML 2008.
    """
    return X * (rng.random(X.shape, dtype=_F32) >= np.asarray(level, dtype=_F32))


@_kind("Standard deviation at full intensity.")
def poisson(X, level, rng):
    """Photon-counting noise, ``Poisson(X * peak) / peak`` with ``peak = 1 / level ** 2`` photons at full intensity.

    Mean ``X``, variance ``level ** 2 * X``: `level` is the relative noise at full intensity [1]_. Negative intensities
    are treated as zero.

    References
    ----------
    .. [1] A. Foi, M. Trimeche, V. Katkovnik, K. Egiazarian, "Practical Poissonian-Gaussian noise modeling and fitting
       for single-image raw-data", IEEE Transactions on Image Processing 17(10), 2008.
    """
    # Below this level, counts could overflow int64, and the noise would be lost in float32.
    level = np.asarray(level, dtype=np.float64)
    unit = np.maximum(level, 1e-6) ** 2
    mean = (np.maximum(X, 0) / unit).astype(np.float64, copy=False)
    try:
        counts = rng.poisson(mean)
    except ValueError:  # NaN, or too large for NumPy's integers
        raise ValueError(
            f"X has values up to {X.max():g} times the data range, which are too large for photon counts. Remove them,"
            " or pass a data_range=(low, high) that covers them."
        ) from None
    return np.where(level > 1e-6, counts * unit, X).astype(X.dtype, copy=False)


@_kind("Standard deviation of the photon noise at full intensity.")
def poisson_gaussian(X, level, rng, *, read_noise=0.0):
    """Photon counting and electronic noise, ``Poisson(X / gain) * gain + read_noise * N(0, 1)``.

    The gain, in units of the data range per photon, is ``level ** 2``. Mean ``X``, variance ``level ** 2 * X +
    read_noise ** 2``. This is the noise of digital cameras and of most microscopes [1]_. `read_noise` is the standard
    deviation of the electronic noise, as a fraction of the data range.

    References
    ----------
    .. [1] A. Foi, M. Trimeche, V. Katkovnik, K. Egiazarian, "Practical Poissonian-Gaussian noise modeling and fitting
       for single-image raw-data", IEEE Transactions on Image Processing 17(10), 2008.
    """
    return gaussian(poisson(X, level, rng), read_noise, rng)


@_kind("Standard deviation of the real and of the imaginary part.")
def rician(X, level, rng):
    """Magnitude of a complex Gaussian, ``sqrt((X + level * N1) ** 2 + (level * N2) ** 2)``, as in magnitude MRI.

    Mean square ``X ** 2 + 2 * level ** 2``; mean ``level * sqrt(pi / 2) * L(-X ** 2 / (2 * level ** 2))`` with the
    Laguerre function ``L`` of order 1/2, so dark pixels become brighter [1]_.

    References
    ----------
    .. [1] H. Gudbjartsson, S. Patz, "The Rician distribution of noisy MRI data", Magnetic Resonance in Medicine
       34(6), 1995.
    """
    real, imaginary = gaussian(X, level, rng), gaussian(np.zeros_like(X), level, rng)
    return np.sqrt(real * real + imaginary * imaginary)


PROBABILITY_KINDS = ("salt_pepper", "masking")
NORMAL_KINDS = (
    "gaussian",
    "speckle",
    "rician",
)  # all of their noise is drawn from normal numbers, which can be blurred
KINDS = {
    kind.__name__: kind
    for kind in (gaussian, uniform, speckle, salt_pepper, masking, poisson, poisson_gaussian, rician)
}


def add_noise(unit, kind, level, streams, *, clip, out, **options):
    """Add noise to rows scaled to [0, 1], clip them if requested, and write them to `out`.

    `kind` is a name in `KINDS` or a callable, `level` a number, or a pair between which to draw a level for each row,
    and `streams` a `RowStreams`. `options` are passed to a kind given by name.
    """
    if isinstance(level, tuple):
        low, high = level
        level = _F32(low) + _F32(high - low) * streams.random((len(unit), 1))
    if isinstance(kind, str):
        noisy = KINDS[kind](unit, level, streams, **options)
    elif streams.by_row:
        # A callable draws an unknown number of values, so it is called for each row with a generator of its own.
        levels = [level] * len(unit) if np.ndim(level) == 0 else level[:, np.newaxis]
        rows = [_call(kind, unit[i : i + 1], levels[i], streams.new_generator(i)) for i in range(len(unit))]
        noisy = np.concatenate(rows)
    else:
        noisy = _call(kind, unit, level, streams.new_generator())
    if clip:
        np.clip(noisy, 0, 1, out=out)
    else:
        out[...] = noisy
    return out


def _call(kind, unit, level, rng):
    """Apply a callable kind to a copy of the rows, and validate the result."""
    name = getattr(kind, "__name__", repr(kind))
    returned = kind(unit.copy(), level, rng)
    try:
        noisy = np.array(returned, dtype=unit.dtype)
    except (TypeError, ValueError):
        raise ValueError(f"kind={name} must return an array of numbers, got {shown(returned)}.") from None
    if noisy.shape != unit.shape or not np.isfinite(noisy).all():
        raise ValueError(
            f"kind={name} must return finite numbers of the shape of its input, {unit.shape}, got {shown(returned)}."
        )
    return noisy
