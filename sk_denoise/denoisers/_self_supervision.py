"""Training on noisy images alone: inputs, targets, and the noise model behind them."""

from __future__ import annotations

import itertools
import math

import numpy as np
from sklearn.base import clone

from .._core.checks import sample_rows, shown, warn_user
from ..noise import NoiseEstimate, NoiseInjector, estimate_noise
from ..noise._params import check_blur, check_level
from ._risk import warn_if_clipped

MODES = ("recorrupted", "blind_spot", "noise2noise")
ALONE = MODES[:2]  # those that train on the noisy images alone
_STRENGTH = 0.5  # of the noise that is added, relative to that of the images
_HIDDEN = 8  # one of this many pixels is hidden
_HARDLY_NOISY = 0.01  # of the range, up to which fine texture is easily taken for noise
_WITHOUT_OUTLIERS = 0.001, 0.999  # quantiles between which the range lies
_MOST_EQUAL = 0.1  # share of equal rows up to which two shots may be independent
_FARTHEST = 2  # pixels along each axis, from which the values of hidden ones are taken
_RECORRUPTED = ("gaussian", "poisson", "poisson_gaussian")  # kinds whose noise can be split in two
_AT_THE_ENDS = ("salt_pepper", "masking", "poisson", "poisson_gaussian")  # kinds that leave many equal pixels there
_OTHER_MEAN = ("salt_pepper", "masking", "rician")  # kinds whose mean is not the clean image


def find_noise(given, rows, image_shape, mode, *, is_known=False):
    """Return the `NoiseInjector` that draws the noise of noisy rows; None if that is not known, and not needed.

    Parameters
    ----------
    given : NoiseInjector, NoiseEstimate, "auto" or None
        What the user says about the noise; "auto" estimates it.
    rows : ndarray of shape (n_samples, n_features)
        Noisy rows, in user units.
    image_shape : tuple of int
        ``(height, width, channels)``.
    mode : {"recorrupted", "blind_spot"}
        The mode of self-supervision.
    is_known : bool, default=False
        Whether `given` is the injector that added the noise.

    Raises
    ------
    ValueError
        If `mode` is "recorrupted" and the noise is not known, or of a kind that cannot be recorrupted.

    Warns
    -----
    UserWarning
        If there is hardly any noise, if it is clipped, if it is correlated although `mode` or `given` requires white
        noise, if its mean is not zero, or if its strength differs between images.
    """
    images = sample_rows(rows, jitter=True).reshape(-1, *image_shape)
    estimate = given if isinstance(given, NoiseEstimate) else None
    if estimate is None and given is not None and not is_known:
        estimate = _estimate(images)
    injector = given if isinstance(given, NoiseInjector) else None
    if injector is None and estimate is not None and estimate.kind != "unclear":
        injector = estimate.injector()
    if injector is not None and injector.image_shape is None and not is_known:
        injector.set_params(image_shape=image_shape)
    if injector is None or injector.kind not in _AT_THE_ENDS:
        warn_if_clipped([images], "the noisy images", "the targets")
    _warn_of_level(given, estimate, images, mode)
    _warn_of_correlation(injector, estimate, mode)
    if mode == "recorrupted":
        _check_splits(injector, estimate)
    elif injector is not None and injector.kind in _OTHER_MEAN:
        warn_user(
            f"self_supervised='blind_spot' learns the mean of noisy images, which is not the clean image for noise of"
            f" kind={injector.kind!r}. Train on clean images or on pairs, if there are any."
        )
    return injector


def _estimate(images):
    if min(images.shape[1:3]) < 2:
        return None
    colour = images.shape[3] > 1
    return estimate_noise(list(images if colour else images[..., 0]), channel_axis=-1 if colour else None)


def _warn_of_level(given, estimate, images, mode):
    """Warn if there is hardly any noise, so that the images may be clean, or if its strength differs between images."""
    if estimate is None or estimate.kind in ("salt_pepper", "unclear"):
        return
    low, high = np.quantile(images, _WITHOUT_OUTLIERS)
    spread = 0.0 if math.isnan(estimate.spread) else estimate.spread
    is_given = isinstance(given, NoiseInjector)
    if estimate.sigma + spread < _HARDLY_NOISY * (high - low) and not is_given:
        warn_user(
            f"The images hardly have any noise: its standard deviation is estimated as {estimate.sigma:.2g}, that is,"
            f" {estimate.sigma / (high - low):.1%} of their range. If they are clean, train on them with"
            " self_supervised=None, which adds noise."
        )
    elif not estimate.is_uniform and mode == "recorrupted":
        used = "that of noise=" if is_given else f"{estimate.sigma:.3g}, near the smallest,"
        warn_user(
            f"The strength of the noise differs between images or their channels, by +- {spread:.2g}."
            f" self_supervised='recorrupted' takes it as {used} in all. Fit those of different strength separately, or"
            " use self_supervised='blind_spot'."
        )


def check_noise_range(noise, data_range, dtype):
    """Raise if the level of the noise is a fraction of an unknown range: that of noisy images is too wide."""
    given = getattr(noise, "data_range_", noise.data_range)
    if isinstance(given, str) and isinstance(data_range, str) and dtype not in (np.uint8, np.bool_):
        raise ValueError(
            f"noise must have a data_range, of which its level, {noise.level}, is a fraction, because that of the clean"
            " images cannot be told from noisy ones, got 'auto'. Pass noise=NoiseInjector(..., data_range=(low, high)),"
            " or data_range=(low, high) to the denoiser."
        )


def _warn_of_correlation(injector, estimate, mode):
    """Warn if neighbouring pixels have correlated noise, which is not expected."""
    expected = mode == "recorrupted" and injector is not None and any(check_blur(injector.blur))
    if expected:
        return
    blurred = estimate is not None and estimate.is_additive and any(estimate.blur)
    if not blurred and (injector is None or not any(check_blur(injector.blur))):
        return
    consequence, remedy = {
        "recorrupted": ("the network will leave much of it in", "an injector for Gaussian noise with that blur"),
        "blind_spot": ("a blind spot does not hide it", "self_supervised='recorrupted', which takes it into account"),
    }[mode]
    found = " ({:.2f} vertically, {:.2f} horizontally)".format(*estimate.correlation) if blurred else ""
    warn_user(
        f"The noise of neighbouring pixels is correlated{found}, so with self_supervised={mode!r} {consequence}."
        f" Use {remedy}."
    )


def _check_splits(injector, estimate):
    """Raise if the noise is not known, or cannot be split in two."""
    if injector is None:
        notes = f" {' '.join(estimate.notes)}" if estimate is not None else ""
        raise ValueError(
            "self_supervised='recorrupted' requires the noise, which is not known." + notes + " Pass"
            " noise=NoiseInjector('gaussian', level=..., data_range=...), or use self_supervised='blind_spot' if the"
            " noise of a pixel is independent of that of its neighbours."
        )
    if injector.kind not in _RECORRUPTED:
        raise ValueError(
            f"self_supervised='recorrupted' requires Gaussian, Poisson or Poisson-Gaussian noise, got noise of"
            f" kind={shown(injector.kind)}. Use self_supervised='blind_spot' if the noise of a pixel is independent of"
            " that of its neighbours, and zero on average."
        )
    level = check_level(injector.level, injector.kind)
    if isinstance(level, tuple) or level == 0:
        raise ValueError(
            f"self_supervised='recorrupted' requires noise of a single positive level, got level={injector.level!r}."
        )


def clean_given_error(name, mode):
    """Return the error for images that were passed in addition to the noisy ones, which are all that is needed."""
    return ValueError(
        f"{name} must be None with self_supervised={mode!r}, which trains on noisy images alone, got images. If they"
        " are clean, train on them: self_supervised=None. If they are second noisy shots, use"
        " self_supervised='noise2noise'."
    )


def missing_shot_error(name):
    """Return the error for a second shot that was not passed in addition to the images in argument `name`."""
    return ValueError(
        f"self_supervised='noise2noise' requires a second noisy shot of each image, of the shape of {name}. Pass it as"
        " y or as X_clean=, or use self_supervised='recorrupted', which needs one shot only."
    )


def check_second_shot(second, first, name):
    """Raise if rows of the second shot, which is in argument `name`, are those of the first one."""
    varied = np.ptp(first, axis=1) > 0
    if np.mean((second == first).all(axis=1) & varied) > _MOST_EQUAL:
        raise ValueError(
            f"{name} must hold a second shot, whose noise is independent of that of the first, got the same images as"
            " the first. With one shot only, use self_supervised='recorrupted'."
        )


def recorruption(injector, data_range, image_shape):
    """Return a function ``(unit, rng) -> (input, target)`` that makes two noisy versions of noisy rows [1]_ [2]_.

    The noises of the two are uncorrelated, so the network cannot learn to reproduce the noise of the input. To Gaussian
    noise of any covariance, ``a`` times noise of the same covariance is added, and for the target, ``1 / a`` times the
    same noise is subtracted. Photon counts are split at random between the two. Read noise is taken as that of
    additional photons, with the same variance; where it makes counts negative, in the dark, the noises of the two are
    uncorrelated only approximately, but their means are right.

    References
    ----------
    .. [1] T. Pang, H. Zheng, Y. Quan, H. Ji, "Recorrupted-to-Recorrupted: unsupervised deep learning for image
       denoising", CVPR 2021.
    .. [2] B. Monroy, J. Bacca, J. Tachella, "Generalized Recorrupted-to-Recorrupted: self-supervised learning beyond
       Gaussian noise", CVPR 2025.
    """
    low, high = injector.data_range
    width = data_range[1] - data_range[0]
    level = check_level(injector.level, injector.kind)
    if injector.kind == "gaussian":
        level *= (high - low) / width
        noise = clone(injector).set_params(level=level, clip=False, image_shape=image_shape, channel_axis=None)

        def add_and_subtract(unit, rng):
            drawn = noise._redraw(np.zeros_like(unit), rng)
            return unit + np.float32(_STRENGTH) * drawn, unit - drawn / np.float32(_STRENGTH)

        return add_and_subtract
    gain = level**2 * (high - low) / width
    read_variance = (injector.read_noise * (high - low) / width) ** 2 if injector.kind == "poisson_gaussian" else 0.0
    black = (low - data_range[0]) / width - read_variance / gain  # the brightness at which there would be no noise
    # Negative counts cannot be split at random. To compensate, about this many photons are not split in the other
    # pixels; derived from the normal distribution, for dark areas and read noise below that of three photons.
    read = math.sqrt(read_variance) / gain
    left_out = min(read, 0.16 * math.exp(-(read**2) / 2))
    share = _STRENGTH**2 / (1 + _STRENGTH**2)  # of the photons, which makes the input as noisy as above

    def share_out(unit, rng):
        counts = (unit.astype(np.float64) - black) / gain
        photons = np.floor(np.maximum(counts - left_out, 0) + rng.random(unit.shape)).astype(np.int64)
        taken = rng.binomial(photons, share) + share * (counts - photons)
        left = (counts - taken) / (1 - share)
        return tuple((values * gain + black).astype(unit.dtype) for values in (left, taken / share))

    return share_out


def blind_spots(image_shape):
    """Return a function ``(unit, rng) -> (input, target)`` that hides random pixels of noisy rows [1]_ [2]_.

    Each takes the value of a random pixel nearby, as in Noise2Void. In training, the mean of the neighbours would be a
    good guess of the hidden pixel, and the network would learn to trust the pixel itself, which later is noisy. All
    other pixels of the target are NaN, so that the loss does not count them.

    References
    ----------
    .. [1] J. Batson, L. Royer, "Noise2Self: blind denoising by self-supervision", ICML 2019.
    .. [2] A. Krull, T.-O. Buchholz, F. Jug, "Noise2Void: learning denoising from single noisy images", CVPR 2019.
    """
    height, width = image_shape[:2]
    spans = [range(-min(_FARTHEST, side - 1), min(_FARTHEST, side - 1) + 1) for side in (height, width)]
    offsets = np.array([offset for offset in itertools.product(*spans) if offset != (0, 0)])
    if not len(offsets):
        raise ValueError("self_supervised='blind_spot' requires images of several pixels, got rows with n_features=1.")

    def hide(unit, rng):
        images = unit.reshape(-1, *image_shape)
        hidden = rng.random(images.shape[:3], dtype=np.float32) < 1 / _HIDDEN
        n, y, x = np.nonzero(hidden)
        down, across = offsets[rng.integers(len(offsets), size=len(n))].T
        given, target = images.copy(), np.full_like(images, np.nan)
        given[n, y, x] = images[n, (y + down) % height, (x + across) % width]
        target[n, y, x] = images[n, y, x]
        return given.reshape(unit.shape), target.reshape(unit.shape)

    return hide
