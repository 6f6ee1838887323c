"""Means, variances and spectra of the noise in the flattest blocks of images."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import dct
from scipy.ndimage import binary_erosion
from scipy.special import ndtr

SIZE = 8  # pixels along the side of a block
_MOST_BLOCKS = 30_000  # of all images together
_FEWEST_BLOCKS = 160  # of an image, if it is large enough
_CHUNK = 4096  # blocks transformed at a time
_FLATTEST = 0.05  # share of the blocks of one brightness that are taken as flat
_FEWEST_FLAT = 24
_MOST_BINS = 16
_BLOCKS_PER_BIN = 250
_N_MEASURED = 28  # coefficients that are measured, of 64
_MEDIAN_CHI2 = 0.4549364  # median of the chi-squared distribution with one degree of freedom
_FLOOR = 2e-3  # power that any coefficient has, from rounding and fine texture

_DCT = dct(np.eye(SIZE), axis=0, norm="ortho")
ORDER = np.add.outer(np.arange(SIZE), np.arange(SIZE)).ravel()  # of the 64 coefficients
_EVEN = (ORDER % 2 == 0) & (ORDER > 0)
_ODD = (ORDER % 2 == 1) & (ORDER > 1)  # without the gradients, because smooth shading is not noise
_LOW = (ORDER > 1) & (SIZE > ORDER)  # orders with the most texture
WHITE = np.ones(SIZE * SIZE)
_LEAK = 0.1  # power of texture at the frequencies measured, relative to that at low ones
_MOST_EXCESS = 1.0  # of the power at low frequencies that is taken as texture; more may be correlated noise


class Blocks(NamedTuple):
    """Statistics of overlapping blocks."""

    mean: np.ndarray  # of shape (n_blocks,)
    energy: np.ndarray  # squared DCT coefficients, of shape (n_blocks, 64)
    fourth: np.ndarray  # fourth central moment
    clipped: np.ndarray  # share of pixels at the lower and upper end of the range, of shape (n_blocks, 2)
    plane: np.ndarray  # number of the image, and of its channel, that the block is from
    overlap: np.ndarray  # number of blocks that contain each pixel of the block

    def of(self, plane):
        """The blocks of one channel of one image."""
        kept = self.plane == plane
        return Blocks(*(values[kept] for values in self))


class Curve(NamedTuple):
    """Variance against brightness, with one entry for each bin of brightness."""

    mean: np.ndarray
    variance: np.ndarray
    error: np.ndarray  # relative standard error of the variance
    clipped: np.ndarray  # of shape (n_bins, 2)
    spectrum: np.ndarray  # power of the coefficients relative to the variance, of shape (n_bins, 64)
    share: np.ndarray  # of the variance that remains without the texture of the flattest blocks

    def without_texture(self):
        """Subtract the texture that even the flattest blocks have, which shows as power at low frequencies.

        This makes the level more accurate. The correction of single bins is too noisy for choosing between models.
        """
        return self._replace(variance=self.variance * self.share)


def read_blocks(planes, owners):
    """Statistics of the blocks of `planes`, which are scaled to [0, 1]; `owners` are the numbers of their channels."""
    usual = max(2, math.ceil(math.sqrt(sum(plane.size for plane in planes) / _MOST_BLOCKS)))
    matrix = _DCT.astype(np.float32)
    found = []
    for plane, owner in zip(planes, owners):
        stride = min(usual, max(2, math.isqrt(plane.size // _FEWEST_BLOCKS)))  # also enough from small images
        overlap = max(1.0, (SIZE / stride) ** 2)
        windows = sliding_window_view(plane, (SIZE, SIZE))[::stride, ::stride]
        padded = sliding_window_view(find_padding(plane), (SIZE, SIZE))[::stride, ::stride]
        lines = max(1, _CHUNK // windows.shape[1])
        for start in range(0, len(windows), lines):
            some = windows[start : start + lines].reshape(-1, SIZE, SIZE)
            low, high = (some <= 0).mean(axis=(1, 2)), (some >= 1).mean(axis=(1, 2))
            kept = (np.maximum(low, high) < 0.9) & (np.ptp(some, axis=(1, 2)) > 0)
            kept &= ~padded[start : start + lines].any(axis=(2, 3)).ravel()
            some = np.ascontiguousarray(some[kept], dtype=np.float32)
            energy = (matrix @ some @ matrix.T).reshape(-1, SIZE * SIZE) ** 2
            mean = some.mean(axis=(1, 2), dtype=float)
            fourth = ((some - mean[:, None, None].astype(np.float32)) ** 4).mean(axis=(1, 2), dtype=float)
            clipped = np.stack([low[kept], high[kept]], axis=1)
            found.append((mean, energy, fourth, clipped, *(np.full(len(some), value) for value in (owner, overlap))))
    return Blocks(*map(np.concatenate, zip(*found)))


def find_padding(plane):
    """Pixels that lie amid others at the same end of the range: padding, masks and saturated areas, without noise."""
    amid = np.ones((3, 3), dtype=bool)
    return binary_erosion(plane <= 0, amid, border_value=1) | binary_erosion(plane >= 1, amid, border_value=1)


def _bins(blocks):
    """Numbers of the blocks of each brightness."""
    n_bins = int(np.clip(len(blocks.mean) / _BLOCKS_PER_BIN, 1, _MOST_BINS))
    return np.array_split(np.argsort(blocks.mean, kind="stable"), n_bins)


def texture_trend(blocks, spectrum):
    """How much the power, at low frequencies, of the next flattest blocks exceeds that of the flattest; median log.

    Blocks are ranked by one half of the coefficients and compared by the other half, so it is 0 for noise alone.
    """
    logs = []
    for members in _bins(blocks):
        power = blocks.energy[members] / spectrum
        n_flat = max(_FEWEST_FLAT // 2, math.ceil(_FLATTEST * len(members)))
        for ranked_by, half in ((_EVEN, _ODD), (_ODD, _EVEN)):
            order = np.argsort(power[:, ranked_by].sum(axis=1))
            compared = power[order[: 3 * n_flat]][:, half & _LOW].mean(axis=1)
            logs.append(math.log(compared[n_flat:].mean() / compared[:n_flat].mean()))
    return float(np.median(logs))


def variance_curve(blocks, spectrum=WHITE, flattest=_FLATTEST):
    """Variance of the noise against brightness, from the flattest blocks of each brightness.

    Blocks are chosen by one half of their DCT coefficients and measured by the other half, and the other way round.
    The two halves of stationary noise are uncorrelated, so the choice does not bias the variance. Measured are the
    coefficients in which noise exceeds texture the most, for white noise those of the highest frequencies [1]_.

    Parameters
    ----------
    blocks : Blocks
        Statistics of the blocks.
    spectrum : ndarray of shape (64,), default=WHITE
        Power of the noise in each coefficient, relative to white noise of the same variance.
    flattest : float, default=0.05
        Share of the blocks of one brightness that are taken as flat.

    Returns
    -------
    curve : Curve
        One entry for each bin.

    References
    ----------
    .. [1] N. N. Ponomarenko, V. V. Lukin, M. S. Zriakhov, A. Kaarna, J. Astola, "An automatic approach to lossy
       compression of AVIRIS images", IEEE International Geoscience and Remote Sensing Symposium, 2007.
    """
    above_texture = spectrum * ORDER.astype(float) ** 2
    measured = above_texture >= np.sort(above_texture)[-_N_MEASURED]
    entries = [_measure(blocks, members, spectrum, measured, flattest) for members in _bins(blocks)]
    return Curve(*map(np.array, zip(*entries)))


def _measure(blocks, members, spectrum, measured, flattest):
    """The entry of a `Curve` for one bin."""
    energy = blocks.energy[members]
    power = energy / spectrum
    n_flat = min(len(members), max(_FEWEST_FLAT, math.ceil(flattest * len(members))))
    halves, relative = [], np.full(SIZE * SIZE, np.nan)
    for chosen_by, half in ((_EVEN, _ODD), (_ODD, _EVEN)):
        flat = np.argpartition(power[:, chosen_by].sum(axis=1), n_flat - 1)[:n_flat]
        variance = energy[flat, 1:].sum(axis=1).mean() / SIZE**2
        excess = blocks.fourth[members[flat]].mean() / max(variance, 1e-15) ** 2 - 3
        high = power[flat][:, half & measured].mean()
        texture = power[flat][:, half & _LOW].mean() / max(high, 1e-15) - 1
        variance = _unselected(high, power[flat][:, chosen_by].mean(), excess, chosen_by.sum())
        relative[half] = np.median(energy[flat][:, half], axis=0) / _MEDIAN_CHI2
        share = 1 - _LEAK * min(texture, _MOST_EXCESS)
        halves.append((blocks.mean[members[flat]].mean(), variance, blocks.clipped[members[flat]].mean(axis=0), share))
    mean, variance, clipped, share = (np.mean(values, axis=0) for values in zip(*halves))
    n_independent = n_flat / blocks.overlap[members].mean()
    error = math.sqrt(2 / (n_independent * measured.sum()) + 0.5 / (n_independent * SIZE**2))
    return mean, variance, error, clipped, relative / max(variance, 1e-15), share


def _unselected(power, other, excess, n_other):
    """Variance from the power of the coefficients measured, without the effect of the choice by the others.

    The energies of two coefficients have the covariance ``excess * variance ** 2 / 64``, where ``excess`` is the excess
    kurtosis: 0 for Gaussian noise, negative if noise is clipped, positive for few photons. This is the linear
    regression of one half on the other.
    """
    shared = n_other * float(np.clip(excess, -1.5, 3)) / SIZE**2
    slope = shared / (2 + shared)
    return max(power - slope * other, 0.1 * power) / (1 - slope)


def blur_autocorrelation(width):
    """Autocorrelation, at lags 0 to 7, of white noise blurred along one axis by a Gaussian of `width` pixels."""
    if width == 0:
        return np.eye(1, SIZE)[0]
    radius = max(1, int(4 * width + 0.5))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / width) ** 2)
    full = np.concatenate([np.convolve(kernel, kernel)[2 * radius :], np.zeros(SIZE)])[:SIZE]
    return full / full[0]


def two_sided(autocorrelations):
    """The 2-D autocorrelation of noise whose axes have these autocorrelations at lags 0, 1, ..."""
    n_lags = max(int(np.flatnonzero(lags > 1e-3).max()) for lags in autocorrelations)
    down, across = (np.concatenate([lags[n_lags:0:-1], lags[: n_lags + 1]]) for lags in autocorrelations)
    return np.outer(down, across)


def _axis_spectrum(width):
    """Variances of the DCT coefficients along one axis of noise blurred by `width` pixels."""
    lags = np.abs(np.subtract.outer(np.arange(SIZE), np.arange(SIZE)))
    return np.einsum("ki,ij,kj->k", _DCT, blur_autocorrelation(width)[lags], _DCT).clip(0)


def blur_spectrum(widths):
    """Variances of the 64 DCT coefficients of noise of variance 1, blurred by `widths` along the two axes."""
    return np.outer(*map(_axis_spectrum, widths)).ravel() + _FLOOR


_WIDTHS = np.concatenate([[0.0], np.arange(0.25, 2.01, 0.025)])  # of a blur, in pixels
_AXIS_SPECTRA = np.array([_axis_spectrum(width) for width in _WIDTHS])
_FLOORS = (_FLOOR, 0.01, 0.03)
_LARGEST_FLOOR = 0.25  # of the power of the coefficients used


def fit_blur(spectrum, lowest):
    """Widths, along each axis, of the Gaussian blur that explains the spectrum of the noise best.

    Maximises Whittle's likelihood over a grid. Coefficients of orders below `lowest`, where texture is strongest, are
    left out. The model includes a small white part, because rounding and fine texture are not blurred.
    """
    used = np.flatnonzero((lowest <= ORDER) & np.isfinite(spectrum))
    power, rows, columns = spectrum[used], used // SIZE, used % SIZE
    best = np.inf, 0, 0
    for i, down in enumerate(_AXIS_SPECTRA):
        for floor in _FLOORS:
            model = down[rows] * _AXIS_SPECTRA[:, columns] + floor
            cost = np.log(model).sum(axis=1) + len(used) * np.log((power / model).mean(axis=1))
            cost[floor > _LARGEST_FLOOR * model.mean(axis=1)] = np.inf  # a wide blur and a floor look white
            j = int(np.argmin(cost))
            best = min(best, (float(cost[j]), i, j))
    return float(_WIDTHS[best[1]]), float(_WIDTHS[best[2]])


def clipped_moments(mean, deviation, low, high):
    """Mean and variance of a normal variable clipped to [`low`, `high`], which may be infinite."""
    deviation = np.maximum(deviation, 1e-9)
    a, b = (low - mean) / deviation, (high - mean) / deviation
    density = lambda z: np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    below, above, at_low, at_high = ndtr(a), ndtr(-b), density(a), density(b)
    inside = 1 - below - above
    times = lambda bound, share: np.where(share > 0, bound, 0) * share  # 0 for infinite bounds
    first = mean * inside + deviation * (at_low - at_high) + times(low, below) + times(high, above)
    second = (mean**2 + deviation**2) * inside + 2 * mean * deviation * (at_low - at_high)
    second = second + deviation**2 * (times(a, at_low) - times(b, at_high))
    second = second + times(low**2, below) + times(high**2, above)
    return first, np.maximum(second - first**2, 0)
