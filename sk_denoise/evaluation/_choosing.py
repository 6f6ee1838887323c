"""Scores of denoisers that need no clean images."""

from __future__ import annotations

import math

import numpy as np

from .._core.checks import is_real, shown
from ..denoisers._risk import stein_terms, warn_if_clipped
from ..denoisers._stabilizing import other_units_error
from ..metrics import decibels
from ..noise import NoiseEstimate, NoiseInjector, estimate_noise
from ._scored import find_noisy, read_denoiser, read_injector, read_noisy, row_shape, takes_rows, width_of_range

__all__ = ["blind_spot_score", "blind_spot_scorer", "sure_score", "sure_scorer"]

_BLOCK = 16  # pixels, side of the blocks that are taken as independent


def sure_score(denoiser, noisy, noise, *, image_shape=None, channel_axis=None, data_range=None):
    """Estimate the PSNR of denoised images without clean ones, by Stein's unbiased risk estimate (SURE) [1]_ [2]_.

    Use it to compare denoisers, or settings of one, if the noise is Gaussian and its strength is known or estimated.

    Parameters
    ----------
    denoiser : estimator or callable
        A fitted denoiser, or a function that takes and returns one image, such as
        ``lambda image: denoise(image, method="tv", noise=0.1)``. It must be deterministic, so a pipeline that starts
        with a `NoiseInjector` is not allowed; pass ``pipe[1:]``.
    noisy : array-like or list of array-like
        Noisy images in the units of the denoiser: rows (n_samples, n_features) for denoisers of rows; otherwise one
        image (height, width), a stack (n, height, width), or a list of images. They must not be images that the
        denoiser was trained on, for which the estimate is too high.
    noise : NoiseEstimate, NoiseInjector or float
        The Gaussian noise, white or correlated; a number is the standard deviation of white noise, in the units of
        `noisy`.
    image_shape : tuple of int, default=None
        For rows: ``(height, width)`` or ``(height, width, channels)``. If None, that of the denoiser, or else square
        images.
    channel_axis : int, default=None
        For images: axis of the colour channels. If None, images are greyscale.
    data_range : tuple of float, "auto" or None, default=None
        Darkest and brightest value of clean pixels, which defines the peak. If None, the `data_range_` of the denoiser,
        or else the range of `noise`, or else "auto": (0, 255) for uint8, (0, 1) if `noisy` lies in it, and otherwise
        the smallest and largest value of `noisy`, which is wider than the range of clean images. Pass it when comparing
        denoisers, so that all scores have the same peak.

    Returns
    -------
    db : float
        Estimated PSNR in dB over all pixels, as `psnr_scorer` measures it; higher is better. If the estimated squared
        error is not positive, as can happen by chance for very good denoisers, it is replaced with its standard error.
    standard_error : float
        Standard error of `db`, from the differences between blocks of 16 x 16 pixels, in dB. NaN for a single block.
        The difference between two denoisers of the same images is less uncertain, because they share the noise.

    Raises
    ------
    ValueError, TypeError
        If the noise is not Gaussian or not positive, or if `noisy` does not hold images that the denoiser takes.

    Warns
    -----
    UserWarning
        If more than 1 % of the values of `noisy` lie at the ends of its range, as after clipping, which biases the
        estimate.

    Notes
    -----
    For an image ``y`` with Gaussian noise of variance ``sigma ** 2``, the mean squared error of ``f(y)`` is on average
    ``mean((f(y) - y) ** 2) - sigma ** 2 + 2 * sigma ** 2 * mean(df/dy)``. The derivatives are estimated with one random
    probe of a hundredth of `sigma`, in float64 [2]_. For correlated noise, they are weighted by its covariance.

    Trust differences more than the score itself: if `sigma` is 3 % too high, the estimated squared errors of all
    denoisers are too low by about 6 % of ``sigma ** 2``, which is a large part of the error of a good denoiser. The
    standard error does not include this. Padding, which has no noise, is left out.

    References
    ----------
    .. [1] C. M. Stein, "Estimation of the mean of a multivariate normal distribution", Annals of Statistics 9(6), 1981.
    .. [2] S. Ramani, T. Blu, M. Unser, "Monte-Carlo SURE: a black-box optimization of regularization parameters for
       general denoising algorithms", IEEE Transactions on Image Processing 17(9), 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from skimage.data import camera
    >>> from sk_denoise import denoise
    >>> from sk_denoise.evaluation import sure_score
    >>> clean = camera()[100:228, 150:278] / 255
    >>> noisy = clean + 0.1 * np.random.default_rng(0).standard_normal(clean.shape)
    >>> for method in ("gaussian", "tv", "nl_ridge"):
    ...     denoiser = lambda image: denoise(image, method=method, noise=0.1)
    ...     db, error = sure_score(denoiser, noisy, 0.1, data_range=(0, 1))
    ...     print(f"{method:<9}{db:.0f}")
    gaussian 27
    tv       28
    nl_ridge 30
    """
    function = read_denoiser(denoiser)
    images, call = read_noisy(denoiser, function, noisy, image_shape, channel_axis)
    noise_range = getattr(noise, "data_range_", getattr(noise, "data_range", "auto"))
    width = width_of_range(data_range, denoiser, noise_range, images)
    sigma, correlation = _read_noise(noise)
    images = [image.astype(np.float64) for image in images]
    for image in images:
        if sigma > np.ptp(image) > 0:
            raise other_units_error(sigma, image.min(), image.max())
    has_noise = find_noisy(images)
    warn_if_clipped(images, "noisy", "the score", has_noise)
    totals = []
    for seed, (image, kept) in enumerate(zip(images, has_noise)):  # with independent probes
        terms, denoised = stein_terms(call, image, sigma, correlation, seed)
        _check_result(terms, denoised)
        totals.append(_block_totals(np.where(kept, terms, 0.0), kept))
    return _decibels(*np.concatenate(totals, axis=1), width)


def sure_scorer(estimator, X, y=None, *, noise="auto", image_shape=None, channel_axis=None, data_range=None):
    """Estimated PSNR of denoised images, `sure_score`, as a scorer for searches that have no clean images.

    Set the noise and other options by `functools.partial`, as in the example.

    Parameters
    ----------
    estimator : estimator object
        A fitted denoiser, a pipeline that ends with one, or a search over them.
    X : array-like or list of array-like
        Noisy rows or images that the denoiser was not trained on, as in the test folds of a search.
    y : object, default=None
        Ignored.
    noise : "auto", NoiseEstimate, NoiseInjector or float, default="auto"
        The Gaussian noise of `X`. "auto" is what `estimate_noise` finds in `X`, the same for all denoisers, which
        requires images of at least 32 x 32 pixels.
    image_shape, channel_axis, data_range : object, default=None
        As for `sure_score`.

    Returns
    -------
    score : float
        Estimated PSNR in dB; higher is better.

    Raises
    ------
    ValueError, TypeError
        As for `sure_score`, or if the noise is not known.

    Examples
    --------
    >>> from functools import partial
    >>> from skimage.data import camera, coins, moon, page
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sk_denoise import EstimatorDenoiser, NoiseInjector, PatchDenoiser
    >>> from sk_denoise.evaluation import sure_scorer
    >>> noise = NoiseInjector(level=0.1, clip=False, data_range=(0, 255), random_state=0)
    >>> images = [image()[:128, :128] for image in (camera, coins, moon, page)]
    >>> noisy = list(noise.fit_transform(images))
    >>> denoiser = PatchDenoiser(EstimatorDenoiser(PCA(), noise=None), patch_shape=(8, 8), random_state=0)
    >>> grid = {"denoiser__estimator__n_components": [2, 8, 32]}
    >>> search = GridSearchCV(denoiser, grid, scoring=partial(sure_scorer, noise=noise), cv=2).fit(noisy)
    >>> search.best_params_
    {'denoiser__estimator__n_components': 8}
    """
    if isinstance(noise, str) and noise == "auto":
        shape = row_shape(estimator, image_shape, np.shape(X)[1]) if takes_rows(estimator) else None
        noise = estimate_noise(X, image_shape=shape, channel_axis=channel_axis)
        if noise.kind == "unclear":
            raise ValueError(
                f"noise='auto' requires noise that can be estimated. {' '.join(noise.notes)} Pass the noise:"
                " functools.partial(sure_scorer, noise=sigma)."
            )
    options = {"image_shape": image_shape, "channel_axis": channel_axis, "data_range": data_range}
    return sure_score(estimator, X, noise, **options)[0]


def blind_spot_score(denoiser, noisy, *, image_shape=None, channel_axis=None, data_range=None):
    """Compare denoisers without clean images and without a noise model, by how well they predict hidden pixels [1]_.

    A quarter of the pixels at a time (half, for signals) are replaced with the mean of their neighbours, and their
    denoised values are compared with the noisy ones. The noise must be independent from pixel to pixel, and zero on
    average.

    Parameters
    ----------
    denoiser, noisy : object
        As for `sure_score`.
    image_shape, channel_axis, data_range : object, default=None
        As for `sure_score`.

    Returns
    -------
    db : float
        PSNR in dB of the predictions with respect to the noisy pixels; higher is better. It is lower than the PSNR of
        the denoised images, because it includes the noise, and because the denoiser does not see the hidden pixels. So
        only differences between denoisers have a meaning.
    standard_error : float
        Standard error of `db`, as from `sure_score`.

    Raises
    ------
    ValueError, TypeError
        If `noisy` does not hold images that the denoiser takes.

    See Also
    --------
    sure_score : More reliable if the noise is Gaussian and its strength is known or can be estimated.

    References
    ----------
    .. [1] J. Batson, L. Royer, "Noise2Self: blind denoising by self-supervision", ICML 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter
    >>> from skimage.data import camera
    >>> from sk_denoise.evaluation import blind_spot_score
    >>> clean = camera()[100:228, 150:278] / 255
    >>> noisy = clean + 0.1 * np.random.default_rng(0).standard_normal(clean.shape)
    >>> scores = {
    ...     sigma: blind_spot_score(lambda image: gaussian_filter(image, sigma), noisy)[0]
    ...     for sigma in (0.5, 1.0, 4.0)
    ... }
    >>> max(scores, key=scores.get)
    1.0
    """
    function = read_denoiser(denoiser)
    images, call = read_noisy(denoiser, function, noisy, image_shape, channel_axis)
    width = width_of_range(data_range, denoiser, "auto", images)
    if max(max(image.shape[1:3]) for image in images) < 2:
        raise ValueError("noisy must be images of several pixels, which predict each other, got single pixels.")
    totals = []
    for image, kept in zip(images, find_noisy(images)):
        terms = np.square(_predict_hidden(call, image.astype(np.float64)) - image)
        if not np.isfinite(terms).all():
            raise ValueError("denoiser must return finite numbers, got NaN or infinity.")
        totals.append(_block_totals(np.where(kept, terms, 0.0), kept))
    return _decibels(*np.concatenate(totals, axis=1), width)


def blind_spot_scorer(estimator, X, y=None, *, image_shape=None, channel_axis=None, data_range=None):
    """The first value of `blind_spot_score` as a scorer for searches that have neither clean images nor a noise model.

    Parameters
    ----------
    estimator : estimator object
        A fitted denoiser, a pipeline that ends with one, or a search over them.
    X : array-like or list of array-like
        Noisy rows or images.
    y : object, default=None
        Ignored.
    image_shape, channel_axis, data_range : object, default=None
        As for `sure_score`; set them by `functools.partial`.

    Returns
    -------
    score : float
        PSNR in dB of the predictions with respect to the noisy pixels; higher is better.

    Raises
    ------
    ValueError, TypeError
        As for `blind_spot_score`.

    Examples
    --------
    >>> import numpy as np
    >>> from skimage.data import camera, coins
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sk_denoise import EstimatorDenoiser, PatchDenoiser
    >>> from sk_denoise.evaluation import blind_spot_scorer
    >>> rng = np.random.default_rng(0)
    >>> noisy = [rng.poisson(image()[200:400, 150:350] / 10) * 10.0 for image in (camera, coins)]
    >>> denoiser = PatchDenoiser(EstimatorDenoiser(PCA(), noise=None), patch_shape=(8, 8), random_state=0)
    >>> grid = {"denoiser__estimator__n_components": [1, 4, 40]}
    >>> GridSearchCV(denoiser, grid, scoring=blind_spot_scorer, cv=2).fit(noisy).best_params_
    {'denoiser__estimator__n_components': 4}
    """
    options = {"image_shape": image_shape, "channel_axis": channel_axis, "data_range": data_range}
    return blind_spot_score(estimator, X, **options)[0]


def _predict_hidden(call, images):
    """Denoise images in which every fourth pixel is hidden, four times, and return the values of the hidden ones."""
    axes = [axis for axis in (1, 2) if images.shape[axis] > 1]
    neighbours, predicted = _neighbour_mean(images, axes), np.empty_like(images)
    for top in range(2):
        for left in range(2):
            hidden = np.zeros(images.shape, dtype=bool)
            hidden[:, top::2, left::2] = True
            if hidden.any():
                predicted[hidden] = call(np.where(hidden, neighbours, images))[hidden]
    return predicted


def _neighbour_mean(images, axes):
    """Mean of the two or four neighbours of each pixel; at the border, the inner neighbour counts twice."""
    total = np.zeros_like(images)
    for axis in axes:
        padded = np.pad(images, [(int(a == axis), int(a == axis)) for a in range(4)], mode="reflect")
        moved = np.moveaxis(padded, axis, 0)
        total += np.moveaxis(moved[:-2] + moved[2:], 0, axis)
    return total / (2 * len(axes))


def _read_noise(noise):
    """Return the standard deviation of Gaussian noise, in user units, and its autocorrelation, None if white."""
    if is_real(noise) and 0 < noise < math.inf:
        return float(noise), None
    if not isinstance(noise, (NoiseEstimate, NoiseInjector)):
        raise ValueError(
            f"noise must be a NoiseEstimate, a NoiseInjector or a positive standard deviation, got {shown(noise)}."
        )
    if noise.kind != "gaussian":
        raise ValueError(
            f"noise must be Gaussian, because SURE is not valid for other kinds, got kind={noise.kind!r}. If its"
            " variance depends on brightness, stabilize the images first (sk_denoise.noise.stabilization), and pass"
            " noise=1.0."
        )
    if isinstance(noise, NoiseEstimate):
        return noise.sigma, noise.autocorrelation if any(noise.blur) else None
    level, (low, high), correlation = read_injector(noise)
    return level * (high - low), correlation


def _check_result(terms, denoised):
    """Raise for denoisers that return NaN, or that round, so that their derivatives are zero."""
    if not np.isfinite(terms).all():
        raise ValueError("denoiser must return finite numbers, got NaN or infinity.")
    if np.ptp(denoised) > 0 and (denoised == np.rint(denoised)).all():
        raise ValueError("denoiser must not round its result to integers, because its derivative is needed.")


def _block_totals(terms, kept):
    """Sums of `terms` over blocks of pixels, and numbers of values in them, as an array of shape (2, n_blocks)."""
    height, width = terms.shape[1:3]
    starts = [np.arange(0, max(1, side - _BLOCK // 2), _BLOCK) for side in (height, width)]  # no narrow last block
    sums = [np.add.reduceat(np.add.reduceat(a.sum(axis=3), starts[0], 1), starts[1], 2) for a in (terms, kept)]
    counts = sums[1].ravel()
    return np.stack([sums[0].ravel()[counts > 0], counts[counts > 0]])


def _decibels(sums, counts, width):
    """PSNR from the sum of the squared error over blocks, and its standard error, that of a ratio of means."""
    risk, n_blocks = sums.sum() / counts.sum(), len(sums)
    error = math.nan
    if n_blocks > 1:
        residuals = (sums - risk * counts) / counts.mean()
        error = math.sqrt(np.sum(residuals**2) / (n_blocks - 1) / n_blocks)
    least = error if math.isfinite(error) else np.finfo(float).tiny
    risk = risk if risk > 0 else least
    return float(decibels(risk / width**2)), float(10 / math.log(10) * error / risk)
