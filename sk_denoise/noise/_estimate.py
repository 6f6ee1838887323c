"""`estimate_noise`: which noise images have, how strong it is, and whether it is correlated."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from .._core.checks import warn_user
from .._core.images import read_images, some_images
from ._fits import clipped_ends, fit_model, model_variance
from ._identify import (
    FEWEST_BLOCKS,
    MOST_IMAGES,
    SMALLEST,
    TEXTURE,
    choose_model,
    clipped_shares,
    find_correlation,
    find_impulses,
    is_salt_and_pepper,
    observed_range,
    read_planes,
    spread_of_levels,
)
from ._injector import NoiseInjector
from ._moments import blur_autocorrelation, find_padding, read_blocks, two_sided

__all__ = ["NoiseEstimate", "estimate_noise"]

_FAR_LESS = 0.1  # as a fraction of the variance of the model
_MOST_FAR_LESS = 0.02  # share of blocks with far less noise up to which the model is plausible
_MOST_CLIPPED = 0.9  # share of clipped values up to which noise can be measured
_ISOLATED = 0.01  # share of isolated black or white pixels that is worth a note
_MOST_SPREAD = 0.25  # relative spread of the level up to which it counts as the same


@dataclass(frozen=True, eq=False)  # arrays have no single truth value
class NoiseEstimate:
    """What `estimate_noise` found.

    Attributes
    ----------
    kind : {"gaussian", "poisson_gaussian", "rician", "salt_pepper", "unclear"}
        Kind of noise.
    level : float
        Root mean square of the noise over the images, before clipping, as a fraction of the data range; for
        "salt_pepper" the probability that a pixel is black or white. NaN if it cannot be measured.
    sigma : float
        Root mean square of the noise in grey values.
    spread : float
        Standard deviation of `sigma` over the images and their colour channels, beyond what is due to chance; NaN for a
        single grey image.
    gain, offset : float
        The variance of the noise at grey value ``x`` is ``gain * x + offset``; for "rician", `offset` is the variance
        of the real and of the imaginary part. The gain is 0 unless `kind` is "poisson_gaussian"; both are NaN if it is
        "unclear".
    correlation : tuple of float
        Correlation of the noise of neighbouring pixels along the height and the width.
    blur : tuple of float
        Width in pixels of the Gaussian blur, along the height and the width, that turns white noise into noise of this
        correlation.
    autocorrelation : ndarray of shape (2 * n_lags + 1, 2 * n_lags + 1)
        Autocorrelation of the noise, with 1 in the centre.
    clipped : tuple of float
        Share of the values at the lower and the upper end of the data range, without padding.
    data_range : tuple of float
        The range that levels refer to: (0, 255) for uint8, (0, 1) for values that lie in it, otherwise the minimum and
        maximum of the images.
    n_images : int
        Number of images.
    impulses : tuple of float
        Shares of isolated black and of isolated white pixels, which may be dead or missing ones.
    notes : tuple of str
        What could not be determined from these images.
    brightness, variance, fitted_variance : ndarray of shape (n_bins,)
        Mean grey value, variance and fitted variance of the flattest blocks, sorted by brightness.
    """

    kind: str
    level: float
    sigma: float
    spread: float
    gain: float
    offset: float
    correlation: tuple
    blur: tuple
    autocorrelation: np.ndarray = field(repr=False)
    clipped: tuple
    data_range: tuple
    n_images: int
    notes: tuple = ()
    brightness: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)
    variance: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)
    fitted_variance: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)
    impulses: tuple = (0.0, 0.0)

    @property
    def is_additive(self):
        """Whether the noise is added to each pixel, instead of replacing many of them."""
        return self.kind in ("gaussian", "poisson_gaussian", "rician") and max(self.impulses) <= _ISOLATED

    @property
    def is_uniform(self):
        """Whether all images and colour channels have the same level; if not, `sigma` is near the smallest."""
        return not self.spread > _MOST_SPREAD * self.sigma

    def __str__(self):
        low, high = self.data_range
        lines = [f"{_NAMES[self.kind]}, {self.n_images} image{'s' * (self.n_images > 1)}"]
        if self.kind == "salt_pepper":
            lines.append(f"level        {self.level:.3g} (probability that a pixel is black or white)")
        elif math.isfinite(self.level):
            spread = f" +- {self.spread:.3g}" if self.spread > 0 else ""
            lines.append(f"level        {self.level:.3g} of the range {low:g} to {high:g}")
            lines.append(f"sigma        {self.sigma:.4g}{spread} grey values")
        if self.kind == "poisson_gaussian":
            lines.append(f"variance     {self.gain:.3g} * grey value {'-+'[self.offset >= 0]} {abs(self.offset):.3g}")
        if any(self.blur):
            correlation = "{:.2f} down, {:.2f} across".format(*self.correlation)
            lines.append(f"correlation  {correlation} (blur of {self.blur[0]:.2f} and {self.blur[1]:.2f} pixels)")
        elif self.kind not in ("unclear", "salt_pepper"):
            lines.append("correlation  none found (white noise)")
        if max(self.clipped) >= 0.001:
            lines.append("clipped      {:.1%} at the lower, {:.1%} at the upper end".format(*self.clipped))
        return "\n".join([*lines, *(f"note         {note}" for note in self.notes)])

    def injector(self, *, random_state=None):
        """The `NoiseInjector` that draws this noise.

        Parameters
        ----------
        random_state : int, RandomState or None, default=None
            Passed to the injector.

        Returns
        -------
        injector : NoiseInjector
            Injector of this kind, level, correlation and data range. For correlated noise in rows that are not square
            images, set its `image_shape`.

        Raises
        ------
        ValueError
            If the kind is "unclear".
        """
        if self.kind == "unclear":
            reasons = " ".join(self.notes)
            raise ValueError(f"The noise could not be identified, so no injector can draw it. {reasons}")
        params = {"level": self.level, "blur": self.blur}
        if self.kind == "poisson_gaussian":
            low, high = self.data_range
            read_variance = max(self.offset + self.gain * low, 0)  # at the lower end of the range
            params = {
                "level": math.sqrt(self.gain / (high - low)),
                "read_noise": math.sqrt(read_variance) / (high - low),
            }
            if any(self.blur):
                warn_user(
                    "The noise is correlated, but NoiseInjector draws white Poisson-Gaussian noise. If it is Gaussian,"
                    f" pass NoiseInjector('gaussian', level={self.level:.3g}, blur=({self.blur[0]:.2f},"
                    f" {self.blur[1]:.2f}), data_range={self.data_range})."
                )
        clip = max(self.clipped) >= 0.001
        return NoiseInjector(self.kind, data_range=self.data_range, clip=clip, random_state=random_state, **params)


_NAMES = {
    "gaussian": "Gaussian noise",
    "poisson_gaussian": "Poisson-Gaussian noise",
    "rician": "Rician noise",
    "salt_pepper": "Salt-and-pepper noise",
    "unclear": "Noise of unclear kind",
}


def estimate_noise(images, *, image_shape=None, channel_axis=None):
    """Estimate kind, level and correlation of the noise in images, without clean copies.

    Parameters
    ----------
    images : array-like or list of array-like
        One image (height, width), a stack (n, height, width) or a list of images of any sizes, of integers or floats.
        Memory maps are read in parts, and at most 16 of the images in files are read. With `image_shape`, rows of shape
        (n_samples, n_features).
    image_shape : tuple of int, default=None
        If given, `images` must be rows, and each is read as (height, width) or (height, width, channels).
    channel_axis : int, default=None
        Axis of the colour channels: of the array, or of each image in a list. If None, images are greyscale. The noise
        of all channels is assumed to be the same; `is_uniform` says whether it is.

    Returns
    -------
    estimate : NoiseEstimate
        Its attribute `notes` lists what could not be determined.

    See Also
    --------
    NoiseInjector : Draws noise.
    sk_denoise.displays.NoiseDisplay : Draws the variance against brightness.

    Notes
    -----
    The variance is measured in the flattest blocks of 8 x 8 pixels of each brightness, at the frequencies with the
    least texture, as in [1]_ and [2]_. Three models are fitted to its curve against brightness, robustly and with the
    moments of clipped noise: constant variance, variance that grows linearly, as with photon counts [3]_ [4]_, and
    Rician noise [5]_. The correlation is that of the blur that best explains the spectrum of the same blocks.
    Salt-and-pepper noise is found by the share of isolated black and white pixels.

    Images are assumed to have some flat areas. Rician noise differs from Gaussian noise only in dark background.
    In large data sets, only 16 images and about 4 million pixels are analysed.

    References
    ----------
    .. [1] N. N. Ponomarenko, V. V. Lukin, M. S. Zriakhov, A. Kaarna, J. Astola, "An automatic approach to lossy
       compression of AVIRIS images", IEEE International Geoscience and Remote Sensing Symposium, 2007.
    .. [2] X. Liu, M. Tanaka, M. Okutomi, "Single-image noise level estimation for blind denoising", IEEE Transactions
       on Image Processing 22(12), 2013.
    .. [3] A. Foi, M. Trimeche, V. Katkovnik, K. Egiazarian, "Practical Poissonian-Gaussian noise modeling and fitting
       for single-image raw-data", IEEE Transactions on Image Processing 17(10), 2008.
    .. [4] A. Foi, "Clipped noisy images: heteroskedastic modeling and practical denoising", Signal Processing 89(12),
       2009.
    .. [5] H. Gudbjartsson, S. Patz, "The Rician distribution of noisy MRI data", Magnetic Resonance in Medicine
       34(6), 1995.

    Examples
    --------
    >>> from skimage.data import camera
    >>> from sk_denoise import NoiseInjector, estimate_noise
    >>> image = camera()
    >>> noise = NoiseInjector("gaussian", level=0.1, random_state=0)
    >>> noisy = noise.fit_transform(image.reshape(1, -1)).reshape(image.shape)
    >>> estimate = estimate_noise(noisy.astype("uint8"))
    >>> estimate.kind, round(estimate.level, 2)
    ('gaussian', 0.1)
    """
    images = some_images(images, MOST_IMAGES)  # others need not be read from their files
    arrays, _ = read_images(images, image_shape=image_shape, channel_axis=channel_axis)
    data_range = observed_range(arrays, "images")
    planes, owners = read_planes(arrays, data_range)
    if not planes:
        sizes = sorted({array.shape[:2] for array in arrays})
        note = (
            f"Images of {sizes[0][0]} x {sizes[0][1]} pixels are too small to tell noise from detail; at least"
            f" {SMALLEST} x {SMALLEST} are needed."
        )
        return _unclear(len(arrays), data_range, (note,))
    clipped = clipped_shares(planes)
    shares, square = find_impulses(planes)
    if is_salt_and_pepper(shares):
        return _describe_impulses(shares, square, len(arrays), data_range, clipped)
    blocks = read_blocks(planes, owners)
    if all(np.ptp(plane) == 0 for plane in planes):
        note = "No noise was found: all pixels of each image have the same value."
        return _unclear(len(arrays), data_range, (note,), 0.0, clipped)
    if len(blocks.mean) < FEWEST_BLOCKS or sum(clipped) > _MOST_CLIPPED:
        note = "There are too few pixels, apart from constant and saturated areas, to tell noise from detail."
        return _unclear(len(arrays), data_range, (note,), clipped=clipped)
    notes = ()
    if max(shares) > _ISOLATED:
        ends = "black" if shares[0] > shares[1] else "white"
        notes = (f"{max(shares):.1%} of the pixels are isolated {ends} ones: fine detail, or dead or missing pixels.",)
    return replace(_describe(blocks, planes, len(arrays), data_range, clipped, notes), impulses=shares)


def _unclear(n_images, data_range, notes, sigma=math.nan, clipped=(0.0, 0.0)):
    level = sigma / (data_range[1] - data_range[0])
    nothing = (math.nan, math.nan)
    return NoiseEstimate(
        "unclear", level, sigma, math.nan, math.nan, math.nan, nothing, (0.0, 0.0), np.ones((1, 1)), clipped,
        data_range, n_images, notes,
    )  # fmt: skip


def _describe_impulses(shares, square, n_images, data_range, clipped):
    level = sum(shares)
    sigma = math.sqrt(square) * (data_range[1] - data_range[0])
    return NoiseEstimate(
        "salt_pepper", level, sigma, math.nan, 0.0, sigma**2, (0.0, 0.0), (0.0, 0.0), np.ones((1, 1)), clipped,
        data_range, n_images, ("Any noise of the other pixels is not measured.",), impulses=shares,
    )  # fmt: skip


def _describe(blocks, planes, n_images, data_range, clipped, notes):
    low, high = data_range
    width = high - low
    zero = -low / width
    curve, spectrum, blur, texture = find_correlation(blocks)
    clips = clipped_ends(curve)
    fit = choose_model(curve, planes, clips, zero, texture, any(blur))
    if fit.kind == "gaussian":
        curve = curve.without_texture()
        fit = fit_model(curve, "gaussian", clips, zero)
    if _is_implausible(blocks, fit, clips, zero):
        note = (
            "Many areas contain far less noise than those that could be measured, as in text and drawings on a clipped"
            " background."
        )
        return _unclear(n_images, data_range, (*notes, note), clipped=clipped)
    brightness = float(np.mean(np.concatenate([plane[~find_padding(plane)] for plane in planes]), dtype=float))
    sigma = width * math.sqrt(fit.offset + fit.gain * brightness)
    spread = spread_of_levels(blocks, spectrum, fit, clips, zero) * sigma
    autocorrelations = [blur_autocorrelation(axis) for axis in blur]
    notes += _notes(curve, fit, zero, texture, clipped)
    if spread > _MOST_SPREAD * sigma:
        notes += ("The level differs between images or their channels; the one given is near that of the least noisy.",)
    fitted = model_variance(fit.kind, fit.gain, fit.offset, curve.mean, clips, zero)
    return NoiseEstimate(
        fit.kind,
        sigma / width,
        sigma,
        spread,
        fit.gain * width,
        fit.offset * width**2 - fit.gain * width * low,
        tuple(float(lags[1]) for lags in autocorrelations),
        blur,
        two_sided(autocorrelations),
        clipped,
        data_range,
        n_images,
        notes,
        low + width * curve.mean,
        width**2 * curve.variance,
        width**2 * fitted,
    )


def _is_implausible(blocks, fit, clips, zero):
    """Return whether many blocks contain far less noise than the fitted model says."""
    variance = model_variance(fit.kind, fit.gain, fit.offset, blocks.mean, clips, zero)
    measured = blocks.energy[:, 1:].sum(axis=1) / blocks.energy.shape[1]
    return np.mean(measured < _FAR_LESS * variance) > _MOST_FAR_LESS


def _notes(curve, fit, zero, texture, clipped):
    """What could not be told, in words."""
    notes = []
    if texture > TEXTURE:
        notes.append(
            "Even the flattest areas seem to have texture, which looks like noise, so the level may be too high."
        )
    covered = np.ptp(curve.mean)
    if fit.kind == "gaussian" and covered < 0.2:
        notes.append(
            f"Flat areas cover only {covered:.0%} of the range, so noise that depends on brightness would not be seen."
        )
    if fit.kind == "gaussian" and zero <= 0 and (curve.mean.min() - zero) > 2 * math.sqrt(fit.offset):
        notes.append("There is no dark background, without which Rician noise looks Gaussian.")
    if fit.kind == "poisson_gaussian" and covered < 0.2:
        notes.append(f"Flat areas cover only {covered:.0%} of the range: gain and offset are uncertain.")
    if sum(clipped) > 0.2:
        notes.append(f"{sum(clipped):.0%} of the values are clipped, which makes the level uncertain.")
    return tuple(notes)
