"""Metrics of image quality and of recovered accuracy. Images are flattened rows."""

from __future__ import annotations

from numbers import Real

import numpy as np

from ._core.checks import shown
from ._core.shapes import read_layout
from ._core.sklearn_glue import (
    Interval,
    check_clean,
    check_rows,
    check_same_names,
    check_weights,
    validate_function_params,
)
from ._core.units import check_scale, resolve_data_range, units_unchecked

__all__ = ["accuracy_recovery", "psnr", "psnr_scorer", "ssim", "ssim_scorer"]

_IMAGES = {
    "X_true": "no_validation",  # check_rows has better messages
    "X_pred": "no_validation",
    "data_range": "no_validation",  # check_data_range has better messages
    "per_image": ["boolean"],
}


def _pair(X_true, X_pred):
    if hasattr(X_true, "fit") and not hasattr(X_true, "shape"):
        raise TypeError(
            f"X_true must hold clean rows, got the estimator {shown(X_true)}. For scoring=, pass psnr_scorer or"
            " ssim_scorer."
        )
    check_same_names(X_true, X_pred, "X_pred", of="X_true")
    X_true = check_rows(X_true, "X_true")
    return X_true, check_clean(X_pred, X_true.shape, "X_pred", of="X_true")


def _resolve_range(data_range, X_true, X_pred):
    """Return the data range, after checking the units of both arrays."""
    data_range = resolve_data_range(data_range, X_true)
    if not check_scale(X_true, data_range, "X_true"):
        check_scale(X_pred, data_range, "X_pred", X_true)
    return data_range


def _too_far(X_true, X_pred, data_range):
    return ValueError(
        f"X_pred has values from {X_pred.min():g} to {X_pred.max():g} and X_true from {X_true.min():g} to"
        f" {X_true.max():g}, with data_range={data_range}, so the squared error overflows. Remove such rows, or check"
        " the units."
    )


def image_errors(X_true, X_pred, data_range):
    """Return the mean squared error of each row, in float64, with `data_range` scaled to [0, 1]."""
    X_true, X_pred = _pair(X_true, X_pred)
    low, high = _resolve_range(data_range, X_true, X_pred)
    pairs = ((true.astype(np.float64), pred.astype(np.float64)) for true, pred in zip(X_true, X_pred))
    try:
        with np.errstate(over="raise"):
            return np.array([np.mean(((true - pred) / (high - low)) ** 2) for true, pred in pairs])
    except FloatingPointError:
        raise _too_far(X_true, X_pred, (low, high)) from None


def decibels(error):
    """Return the PSNR for mean squared errors of images scaled to [0, 1]; infinite for an error of zero."""
    with np.errstate(divide="ignore"):
        return -10 * np.log10(error)


@validate_function_params({**_IMAGES, "sample_weight": ["array-like", None]})
def psnr(X_true, X_pred, *, data_range="auto", per_image=False, sample_weight=None):
    """Peak signal-to-noise ratio in decibels, ``10 * log10(peak ** 2 / MSE)``.

    Parameters
    ----------
    X_true : array-like of shape (n_samples, n_features)
        Clean rows, in any units.
    X_pred : array-like of shape (n_samples, n_features)
        Noisy or denoised rows, in the same units.
    data_range : "auto" or pair of floats, default="auto"
        Range whose width is the peak. If "auto", it is determined from `X_true`, as in `NoiseInjector`. Pass a pair to
        compare scores between sets of images.
    per_image : bool, default=False
        If False, the squared error is pooled over all rows before taking the logarithm, so the result is finite even if
        some rows are exact. If True, one value is returned for each row, which is infinite for exact rows.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows in the pooled error. Ignored if `per_image` is True.

    Returns
    -------
    score : float or ndarray of shape (n_samples,)
        PSNR in dB; higher is better.

    Raises
    ------
    ValueError, TypeError
        If the rows are not finite real numbers of the same shape, or if the squared error overflows.

    References
    ----------
    .. [1] Q. Huynh-Thu, M. Ghanbari, "Scope of validity of PSNR in image/video quality assessment", Electronics
       Letters 44(13), 2008.

    Examples
    --------
    >>> from sk_denoise.metrics import psnr
    >>> round(psnr([[0.0, 1.0]], [[0.1, 0.9]]), 6)
    20.0
    """
    errors = image_errors(X_true, X_pred, data_range)
    if not per_image:
        weights = None if sample_weight is None else check_weights(sample_weight, errors)
        errors = np.array([np.average(errors, weights=weights)])
    score = decibels(errors)
    return score if per_image else float(score[0])


@validate_function_params({**_IMAGES, "image_shape": [tuple, list, None]})
def ssim(X_true, X_pred, *, data_range="auto", image_shape=None, per_image=False):
    """Structural similarity [1]_ of images scaled to [0, 1], computed by scikit-image and averaged over images.

    Parameters
    ----------
    X_true : array-like of shape (n_samples, n_features)
        Clean rows, in any units.
    X_pred : array-like of shape (n_samples, n_features)
        Noisy or denoised rows, in the same units.
    data_range : "auto" or pair of floats, default="auto"
        Range that is scaled to [0, 1]. If "auto", it is determined from `X_true`, as in `NoiseInjector`. Pass a pair to
        compare scores between sets of images.
    image_shape : tuple of int or None, default=None
        ``(height, width)`` or ``(height, width, channels)``. If None, rows are read as square greyscale images. The
        window is 7 pixels wide, or the largest odd number that fits the image.
    per_image : bool, default=False
        Whether to return one value for each row instead of their mean.

    Returns
    -------
    score : float or ndarray of shape (n_samples,)
        At most 1; higher is better.

    Raises
    ------
    ValueError, TypeError
        If the rows are not finite real numbers of the same shape, if `image_shape` does not match the number of
        features, or if a side of the images, other than that of a signal, is shorter than 3 pixels.

    References
    ----------
    .. [1] Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image quality assessment: from error visibility to
       structural similarity", IEEE Transactions on Image Processing 13(4), 2004.

    Examples
    --------
    >>> from sk_denoise.datasets import load_digit_images
    >>> from sk_denoise.metrics import ssim
    >>> X, _ = load_digit_images()
    >>> ssim(X, X)
    1.0
    """
    from skimage.metrics import structural_similarity

    X_true, X_pred = _pair(X_true, X_pred)
    height, width, channels = read_layout(image_shape, X_true)
    # A signal is one pixel high or wide: compare it along its length.
    shape = (*(side for side in (height, width) if side > 1), channels)
    window = min((7, *shape[:-1])) if len(shape) > 1 else 1
    window -= window % 2 == 0
    if window < 3:
        raise ValueError(
            f"image_shape={image_shape!r} gives images of shape {shape}, but ssim requires at least 3 pixels per side."
        )
    low, high = _resolve_range(data_range, X_true, X_pred)
    # Scale to [0, 1], because variances suffer from cancellation if the mean is far from zero, and products of huge or
    # tiny values overflow or underflow.
    unit = lambda row: ((row.astype(np.float64) - low) / (high - low)).reshape(shape)
    options = {"win_size": window, "data_range": 1, "channel_axis": -1}
    with np.errstate(all="ignore"):
        pairs = zip(X_true, X_pred)
        scores = np.array([structural_similarity(unit(true), unit(pred), **options) for true, pred in pairs])
    if np.isnan(scores).any():
        raise _too_far(X_true, X_pred, (low, high))
    return scores if per_image else float(scores.mean())


@validate_function_params({name: [Interval(Real, 0, 1, closed="both")] for name in ("clean", "noisy", "denoised")})
def accuracy_recovery(clean, noisy, denoised):
    """Fraction of the accuracy lost to noise that is recovered by denoising, ``(denoised - noisy) / (clean - noisy)``.

    Parameters
    ----------
    clean : float
        Accuracy on clean rows, in [0, 1].
    noisy : float
        Accuracy on noisy rows, in [0, 1].
    denoised : float
        Accuracy on denoised rows, in [0, 1].

    Returns
    -------
    recovery : float
        1 if all of it is recovered, negative if denoising lowers the accuracy, NaN if no accuracy was lost.

    Raises
    ------
    ValueError
        If an accuracy is not in [0, 1].

    Examples
    --------
    >>> from sk_denoise.metrics import accuracy_recovery
    >>> round(accuracy_recovery(clean=0.95, noisy=0.35, denoised=0.80), 6)
    0.75
    >>> accuracy_recovery(clean=0.95, noisy=0.95, denoised=0.95)
    nan
    """
    return float((denoised - noisy) / (clean - noisy)) if clean > noisy else float("nan")


def psnr_scorer(estimator, X, y=None, sample_weight=None):
    """PSNR of denoised rows, as a scorer for `cross_val_score` and searches.

    If `y` holds the clean rows, the score is the `psnr` of ``estimator.predict(X)``. Otherwise, it is the denoiser's
    own `score`, which is the PSNR with respect to the rows before noise.

    Parameters
    ----------
    estimator : estimator object
        A fitted denoiser, a pipeline that ends with one, or a search over them. The peak is the width of its
        `data_range_`.
    X : array-like of shape (n_samples, n_features)
        Noisy rows, or clean ones if the pipeline starts with a `NoiseInjector`.
    y : array-like of shape (n_samples, n_features), default=None
        Clean rows. If None or labels, the denoiser's own `score` is used.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows in the pooled error.

    Returns
    -------
    score : float
        PSNR in dB; higher is better.

    Raises
    ------
    ValueError
        If `y` does not hold clean rows and the denoiser is not one of this package.
    """
    if not _are_labels(y):
        X_pred, data_range = estimator.predict(X), _range_of(estimator, y)
        with units_unchecked():
            return psnr(y, X_pred, data_range=data_range, sample_weight=sample_weight)
    denoiser = _denoiser(estimator)
    if not hasattr(denoiser, "target_source_"):  # not one of this package, whose score is PSNR
        raise _needs_clean_rows("psnr_scorer", y)
    for pipeline in _pipelines(estimator):
        X = pipeline[:-1].transform(X) if len(pipeline.steps) > 1 else X
    return denoiser.score(X, sample_weight=sample_weight)


def ssim_scorer(estimator, X, y=None):
    """SSIM of denoised rows, as a scorer for `cross_val_score` and searches whose `y` holds the clean rows.

    Parameters
    ----------
    estimator : estimator object
        A fitted denoiser, a pipeline that ends with one, or a search over them. Its `data_range_` and `image_shape_`
        are used.
    X : array-like of shape (n_samples, n_features)
        Noisy rows.
    y : array-like of shape (n_samples, n_features)
        Clean rows; required.

    Returns
    -------
    score : float
        `ssim` of ``estimator.predict(X)``, at most 1; higher is better.

    Raises
    ------
    ValueError
        If `y` does not hold clean rows.
    """
    if _are_labels(y):
        raise _needs_clean_rows("ssim_scorer", y)
    shape = getattr(_denoiser(estimator), "image_shape_", None)
    X_pred, data_range = estimator.predict(X), _range_of(estimator, y)
    with units_unchecked():
        return ssim(y, X_pred, data_range=data_range, image_shape=shape)


def _are_labels(y):
    """Whether `y` is None or has one value per row, so that it does not hold clean rows."""
    listed = isinstance(y, (list, tuple)) and all(map(np.isscalar, y))
    return y is None or listed or getattr(y, "ndim", None) == 1


def _needs_clean_rows(name, y):
    return ValueError(
        f"{name} requires clean rows as y, got y={shown(y)}. Pass them, for example as search.fit(noisy, clean). After"
        " a NoiseInjector, omit scoring, because the default score of a denoiser of this package is the PSNR."
    )


def _layers(estimator):
    """Yield the estimator, the best estimator of a search or last step of a pipeline, and so on to the denoiser."""
    while estimator is not None:
        yield estimator
        steps = getattr(estimator, "steps", None)
        estimator = getattr(estimator, "best_estimator_", steps[-1][1] if steps else None)


def _pipelines(estimator):
    return [layer for layer in _layers(estimator) if hasattr(layer, "steps")]


def _denoiser(estimator):
    """Return the denoiser inside searches and pipelines."""
    return list(_layers(estimator))[-1]


def _range_of(estimator, y):
    """Return the data range of the denoiser, the same for all folds, after checking the units of `y`."""
    data_range = getattr(_denoiser(estimator), "data_range_", "auto")
    if data_range != "auto":
        check_scale(check_rows(y, "y"), data_range, "y")
    return data_range
