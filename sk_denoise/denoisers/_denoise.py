"""`denoise`: a good image in one call, without training."""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import median_filter

from .._core.checks import check_choice, is_real, shown, warn_user
from .._core.dask_arrays import dask_error
from .._core.images import check_pixels, read_images
from .._core.units import result_dtype
from ..noise import NoiseEstimate, estimate_noise
from ._calibration import LARGE_NOISE, check_estimate, choose_params, warn_of_correlation
from ._filtering import METHODS
from ._filtering import denoise as filter_images
from ._stabilizing import FilterScale, check_units

__all__ = ["denoise"]

_LAZILY = (
    "To denoise it chunk by chunk, use PatchDenoiser(ImageFilter('nl_ridge')). Or pass a part: image[:10].compute()."
)
_MEDIAN_SIDES = (3, 5, 7, 9, 11)  # tried in this order, until a window holds enough good pixels
_AREA = 5  # pixels, side of the window whose median says whether an area is black or white
_MANY = 5  # black and white pixels for each impulse
_FEWEST_GOOD = 4  # in a window, to take their median


def denoise(image, *, method="auto", noise="auto", channel_axis=None):
    """Estimate the noise of images and remove it, without training and without clean images.

    Parameters
    ----------
    image : array-like or list of array-like
        One image (height, width), a stack (n, height, width), or a list of images of any sizes, of integers or floats,
        in any units. Images in files, as from `sk_denoise.files.read_images`, are read one at a time.
    method : str, default="auto"
        "auto" replaces black and white pixels with the median of the others nearby if the noise is salt and pepper, and
        otherwise uses "nl_ridge", on average the best filter of this package in ``benchmarks/images``. Or the name of a
        method of `ImageFilter`.
    noise : "auto", NoiseEstimate, float, array-like of shape (height, width), or list, default="auto"
        "auto" estimates the noise of each image. A `NoiseEstimate`, for example of similar images, applies to all
        images. A number is the standard deviation of white Gaussian noise, in the units of `image`. An array of the
        height and width of the image is a map of this standard deviation, for noise that varies over the image, as
        after parallel imaging in MRI. It must be smooth, because the image is divided by it. For a stack or a list,
        pass one of these for all images, or a list with one for each.
    channel_axis : int, default=None
        Axis of the colour channels, of the array or of each image in a list. If None, images are greyscale.

    Returns
    -------
    denoised : ndarray or list of ndarray
        Images in the form and the units of `image`. Float dtypes are kept; integers become float32, clipped to the
        range of uint8 or to the values of the image.

    Raises
    ------
    ValueError, TypeError
        If `image` is not one or more images of finite numbers, or if the noise cannot be estimated, as in images as
        small as digits, or if it is in other units than the image. The message names the argument and says what to
        pass.

    Warns
    -----
    UserWarning
        If the noise is taken for Rician, whose removal lowers dark areas, or for salt-and-pepper noise although much of
        the image is black or white.
    UserWarning
        If many pixels are isolated black or white ones, which "auto" leaves in unless there are both.
    UserWarning
        If `method` assumes white noise, but the noise is correlated.

    See Also
    --------
    sk_denoise.noise.estimate_noise : Says which noise it is, how strong, and whether it is correlated.
    ImageFilter : The filters as transformers of rows.
    DenoisingAutoencoder : Learns what the images look like, and is better if there are training images.

    Notes
    -----
    The variance of photon noise and of Rician noise depends on brightness. It is made constant by a
    variance-stabilizing transform [1]_ [2]_ before filtering; an exact unbiased inverse follows. Correlated noise is
    removed by "nl_ridge" with the estimated autocorrelation.

    References
    ----------
    .. [1] M. Makitalo, A. Foi, "Optimal inversion of the generalized Anscombe transformation for Poisson-Gaussian
       noise", IEEE Transactions on Image Processing 22(1), 2013.
    .. [2] A. Foi, "Noise estimation and removal in MR imaging: the variance-stabilization approach", ISBI 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from skimage.data import camera
    >>> from sk_denoise import denoise
    >>> clean = camera()[100:200, 150:250]
    >>> noisy = clean + 20 * np.random.default_rng(0).standard_normal(clean.shape)
    >>> bool(np.std(denoise(noisy) - clean) < 12)
    True
    """
    if method != "auto":
        check_choice(method, "method", ["auto", *METHODS])
    problem = dask_error(image, "image", "an array, or a list of arrays", _LAZILY)
    if problem is not None:
        raise problem
    arrays, layout = read_images(image, channel_axis=channel_axis, name="image", lazy=True)
    _check_arrays(arrays, layout)
    noises = _read_noise(noise, arrays, layout)
    single = layout.form == "image"
    names = ["image" if single else f"image[{i}]" for i in range(len(arrays))]
    return layout.restore([_restore(*case) for case in zip(arrays, [method] * len(arrays), noises, names)])


def _check_arrays(arrays, layout):
    """Check all images but those in files, which are read and checked one at a time."""
    for i, array in enumerate(arrays):
        if isinstance(array, np.ndarray):
            check_pixels(array, "image" if layout.form == "image" else f"image[{i}]")


def _read_noise(noise, arrays, layout):
    """Return the noise of each image: "auto", an estimate, a number or a map of the height and width of the image."""
    one_map = isinstance(noise, np.ndarray) and noise.ndim == 2
    if layout.form == "image" or one_map or isinstance(noise, str) or not hasattr(noise, "__len__"):
        return [_check_noise(noise, array, "noise") for array in arrays]
    if len(noise) != len(arrays):
        raise ValueError(
            f"noise must be one estimate, number or map for all images, or a list with one for each, {len(arrays)}, got"
            f" {len(noise)} values."
        )
    return [_check_noise(one, array, f"noise[{i}]") for i, (one, array) in enumerate(zip(noise, arrays))]


def _check_noise(noise, image, name):
    given = noise
    if isinstance(noise, NoiseEstimate) or (isinstance(noise, str) and noise == "auto"):
        check_estimate(noise)
        return noise
    if is_real(noise) and noise >= 0 and math.isfinite(noise):
        return float(noise)
    noise = _as_map(noise, name)
    if noise is not None:
        if noise.shape == image.shape[:2] and noise.min() > 0 and np.isfinite(noise).all():
            return noise
        raise ValueError(
            f"{name} must be positive and finite and have the height and width of the image, {image.shape[:2]}, if it"
            f" is a map of standard deviations, got shape {noise.shape} with values from {noise.min():g} to"
            f" {noise.max():g}. Where there is no noise, pass a small positive value."
        )
    raise ValueError(
        f"{name} must be 'auto', a NoiseEstimate, the standard deviation of white noise in the units of the image, or a"
        f" map of it, got {shown(given)}."
    )


def _as_map(noise, name):
    """Return a 2-D array of numbers as such; None for anything else."""
    if isinstance(noise, np.ma.MaskedArray):
        raise ValueError(f"{name} must be without a mask. Fill masked values first: {name}.filled(value).")
    if isinstance(noise, (str, NoiseEstimate)):
        return None
    try:
        levels = np.asarray(noise, dtype=float)
    except (TypeError, ValueError):
        return None
    return levels if levels.ndim == 2 and levels.size else None


def _restore(image, method, noise, name):
    """Denoise one image, with channels last if it has any."""
    if not isinstance(image, np.ndarray):
        image = np.asarray(image)
        check_pixels(image, name)
    dtype = result_dtype(image.dtype)
    values = image.astype(min(max(dtype, np.dtype(np.float32)), np.dtype(np.float64)))  # filters take no others
    if not isinstance(noise, (str, np.ndarray)):
        check_units(noise, float(values.min()), float(values.max()), name)
    if isinstance(noise, np.ndarray):
        levels = noise.reshape(noise.shape + (1,) * (image.ndim - 2)).astype(values.dtype)
        weights = np.broadcast_to(levels**2, values.shape)
        restored = levels * _filter(values / levels, 1.0, method, weights)
    elif isinstance(noise, float):
        restored = _filter(values, noise, method)
    else:
        estimate = noise if isinstance(noise, NoiseEstimate) else _estimate(image, method, name)
        restored = _remove(values, estimate, method)
    if image.dtype.kind in "biu":
        restored = np.clip(restored, *((0, 255) if image.dtype == np.uint8 else (image.min(), image.max())))
    return restored.astype(dtype, copy=False)


def _estimate(image, method, name):
    estimate = estimate_noise(image, channel_axis=None if image.ndim == 2 else -1)
    if not math.isfinite(estimate.sigma) and estimate.kind != "salt_pepper":
        raise ValueError(
            f"noise='auto' cannot estimate the noise of {name}. {' '.join(estimate.notes)} Pass noise=, either a"
            " standard deviation in the units of the image or the estimate of a larger image."
        )
    if estimate.kind == "salt_pepper" and sum(estimate.clipped) > _MANY * estimate.level:
        warn_user(
            f"Much of {name} is black or white, and some such pixels are isolated, so its noise is taken for"
            " salt-and-pepper noise. If it is not, pass noise=, the standard deviation of white noise."
        )
    if estimate.kind not in ("salt_pepper", "unclear") and not estimate.is_additive and method != "median":
        warn_user(f"{estimate.notes[0]} They remain in {name}; to remove them, pass method='median'.")
    low, high = estimate.data_range
    if not estimate.is_uniform and estimate.sigma + estimate.spread >= LARGE_NOISE * (high - low):
        warn_user(
            f"The noise of the channels of {name} differs in strength, by +- {estimate.spread:.2g}, and is taken as"
            f" {estimate.sigma:.3g}, near the smallest, so much of it may remain. Denoise each channel on its own, as a"
            " list of grey images."
        )
    if estimate.kind == "rician":
        warn_user(
            f"The noise of {name} is taken for Rician, as in magnitude images of MRI, so dark areas become darker. For"
            " other images, pass noise=, the standard deviation of white noise."
        )
    return estimate


def _remove(image, estimate, method):
    """Remove the estimated noise."""
    if estimate.kind == "salt_pepper" and method == "auto":
        return _replace_impulses(image, estimate.data_range)
    warn_of_correlation("nl_ridge" if method == "auto" else method, estimate)
    return _filter(image, estimate, method)


def _filter(image, noise, method, weights=None):
    """Filter one image, whose noise is an estimate or the standard deviation of white Gaussian noise.

    `weights` are those of the pixels in the error to minimize.
    """
    method = "nl_ridge" if method == "auto" else method
    data_range = low, high = float(image.min()), float(image.max())
    if low == high or noise == 0.0:
        return image
    impulses, scale = False, None
    if isinstance(noise, float):
        scale = FilterScale(None, data_range, level=noise / (high - low))
    else:
        impulses = not noise.is_additive
        if not impulses or (method == "nl_ridge" and noise.kind != "salt_pepper"):
            scale = FilterScale(noise, data_range)
    unit = ((image - low) / (high - low)).reshape(1, *image.shape[:2], -1)
    images = unit if scale is None else scale.from_unit(unit)
    if weights is not None:
        weights = weights.reshape(unit.shape)
    params, _ = choose_params(images, method, {}, noise=scale, can_be_clean=not impulses, weights=weights)
    filtered = filter_images(images, method, params)
    return (filtered if scale is None else scale.to_unit(filtered)).reshape(image.shape) * (high - low) + low


def _replace_impulses(image, data_range):
    """Replace black and white pixels with the median of the other ones in the smallest window that holds some."""
    low, high = data_range
    bad = (image <= low) | (image >= high)
    restored, pending = image.copy(), bad
    good = np.where(bad, np.nan, image)
    for side in _MEDIAN_SIDES:
        medians, counts = _median_of_good(good, side)
        done = pending & (counts >= _FEWEST_GOOD)
        restored[done] = medians[done]
        pending = pending & ~done
        if not pending.any():
            break
    # In black and white areas, black and white are right.
    typical = median_filter(image, (_AREA, _AREA, *(1,) * (image.ndim - 2)))
    return np.where(bad & ((typical <= low) | (typical >= high)), typical, restored)


def _median_of_good(good, side):
    """Median of the finite pixels of each window, and their number."""
    pad = [(side // 2, side // 2)] * 2 + [(0, 0)] * (good.ndim - 2)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(good, pad, mode="symmetric"), (side, side), axis=(0, 1))
    medians, counts = np.empty_like(good), np.empty(good.shape, dtype=int)
    for line, window in enumerate(windows):  # one line at a time, because the windows of all take much memory
        values = window.reshape(*window.shape[:-2], -1)
        counts[line] = np.isfinite(values).sum(axis=-1)
        ordered = np.sort(values, axis=-1)  # NaN comes last
        middle = np.maximum(counts[line] - 1, 0)[..., np.newaxis]
        low, high = (np.take_along_axis(ordered, index, axis=-1)[..., 0] for index in (middle // 2, -(-middle // 2)))
        medians[line] = (low + high) / 2
    return medians, counts
