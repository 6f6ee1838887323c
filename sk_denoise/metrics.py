"""How good a denoised image is, and how much accuracy denoising won back. Images are flattened rows."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import make_scorer

from ._core.checks import check_flag, check_weights, is_real, shown
from ._core.sklearn_glue import check_clean, check_rows
from ._core.units import check_image_shape, resolve_data_range

__all__ = ["accuracy_recovery", "psnr", "psnr_scorer", "ssim", "ssim_scorer"]


def _pair(X_true, X_pred):
    X_true = check_rows(X_true, "X_true")
    X_pred = check_clean(X_pred, X_true.shape, "X_pred", of="X_true")
    return X_true, X_pred


def _squared_errors(X_true, X_pred, width):
    """Mean squared error of each row, in float64."""
    # Scaled first, so that no square overflows; where one does all the same, it is no error that could be averaged.
    try:
        with np.errstate(over="raise"):
            return np.array([np.mean(((a - b) / width) ** 2) for a, b in zip(_rows64(X_true), _rows64(X_pred))])
    except FloatingPointError:
        raise _too_far(X_true, X_pred, width) from None


def _too_far(X_true, X_pred, width):
    return ValueError(
        f"X_pred has values from {X_pred.min():g} to {X_pred.max():g}, too far from X_true, which has values from"
        f" {X_true.min():g} to {X_true.max():g} and a data range {width:g} wide, for the square to be a number. Leave"
        " such rows out, or check the units."
    )


def _rows64(X):
    return (row.astype(np.float64) for row in X)


def _width(data_range, X_true):
    low, high = resolve_data_range(data_range, X_true)
    return high - low


def image_errors(X_true, X_pred, data_range):
    """Mean squared error of each row, with `data_range` scaled to [0, 1]."""
    X_true, X_pred = _pair(X_true, X_pred)
    return _squared_errors(X_true, X_pred, _width(data_range, X_true))


def psnr(X_true, X_pred, *, data_range="auto", per_image=False, sample_weight=None):
    """Peak signal-to-noise ratio in decibels, ``10 * log10(peak ** 2 / MSE)``.

    Parameters
    ----------
    X_true : array-like of shape (n_samples, n_features)
        Clean rows.
    X_pred : array-like of shape (n_samples, n_features)
        Noisy or denoised rows.
    data_range : "auto" or pair of floats, default="auto"
        Its width is the peak: read off `X_true` as in `NoiseInjector`, or given.
    per_image : bool, default=False
        False pools the squared error over all rows before the logarithm, which stays finite where single rows are
        exact; True gives one value for each row, infinite where it is exact.
    sample_weight : array-like of shape (n_samples,), default=None
        How much each row counts in the pooled error.

    Returns
    -------
    score : float or ndarray of shape (n_samples,)
        Higher is better.

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
    check_flag(per_image, "per_image")
    errors = image_errors(X_true, X_pred, data_range)
    if not per_image:
        weights = None if sample_weight is None else check_weights(sample_weight, len(errors))
        errors = np.array([np.average(errors, weights=weights)])
    score = np.full(len(errors), np.inf)
    np.log10(errors, out=score, where=errors > 0)
    score[errors > 0] *= -10
    return score if per_image else float(score[0])


def ssim(X_true, X_pred, *, data_range="auto", image_shape=None, per_image=False):
    """Structural similarity [1]_ of images scaled to [0, 1], by scikit-image, averaged over images.

    Parameters
    ----------
    X_true : array-like of shape (n_samples, n_features)
        Clean rows.
    X_pred : array-like of shape (n_samples, n_features)
        Noisy or denoised rows.
    data_range : "auto" or pair of floats, default="auto"
        Read off `X_true` as in `NoiseInjector`, or given.
    image_shape : tuple of int or None, default=None
        ``(height, width)`` or ``(height, width, channels)``; None reads a square grey image. The window is 7 pixels
        wide, or the largest odd number that fits the image.
    per_image : bool, default=False
        Return one value for each row, not their mean.

    Returns
    -------
    score : float or ndarray of shape (n_samples,)
        At most 1; higher is better.

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
    check_flag(per_image, "per_image")
    height, width, channels = check_image_shape(image_shape, X_true.shape[1])
    # A signal is one pixel high or wide: compare it along its length.
    shape = (*(side for side in (height, width) if side > 1), channels)
    window = min((7, *shape[:-1])) if len(shape) > 1 else 1
    window -= window % 2 == 0
    if window < 3:
        raise ValueError(
            f"image_shape={image_shape!r} reads rows as {shape} images; ssim needs at least 3 pixels a side."
        )
    low, high = resolve_data_range(data_range, X_true)
    # On the scale [0, 1], for products of means far from zero drown what varies, and those of huge or tiny ones leave
    # floating point.
    images = ([((row - low) / (high - low)).reshape(shape) for row in _rows64(X)] for X in (X_true, X_pred))
    options = {"win_size": window, "data_range": 1, "channel_axis": -1}
    with np.errstate(all="ignore"):
        scores = np.array([structural_similarity(true, pred, **options) for true, pred in zip(*images)])
    if np.isnan(scores).any():
        raise _too_far(X_true, X_pred, high - low)
    return scores if per_image else float(scores.mean())


def accuracy_recovery(clean, noisy, denoised):
    """Share of the accuracy lost to noise that denoising won back, ``(denoised - noisy) / (clean - noisy)``.

    Parameters
    ----------
    clean : float
        Accuracy on clean rows, in [0, 1].
    noisy : float
        Accuracy on noisy rows.
    denoised : float
        Accuracy on denoised rows.

    Returns
    -------
    recovery : float
        1 where all was won back, negative where denoising hurt, NaN where noise took nothing.

    Examples
    --------
    >>> from sk_denoise.metrics import accuracy_recovery
    >>> round(accuracy_recovery(clean=0.95, noisy=0.35, denoised=0.80), 6)
    0.75
    >>> accuracy_recovery(clean=0.95, noisy=0.95, denoised=0.95)
    nan
    """
    for name, value in (("clean", clean), ("noisy", noisy), ("denoised", denoised)):
        if not is_real(value) or not 0 <= value <= 1:
            raise ValueError(f"{name} must be an accuracy in [0, 1], got {shown(value)}.")
    return float((denoised - noisy) / (clean - noisy)) if clean > noisy else float("nan")


#: Scorers for `cross_val_score` and grid searches whose `y` is the clean rows.
psnr_scorer = make_scorer(psnr)
ssim_scorer = make_scorer(ssim)
