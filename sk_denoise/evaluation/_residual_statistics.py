"""Statistics of residuals: functions of the residual and the denoised image, in standard deviations of the noise."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from scipy.signal import fftconvolve
from scipy.stats import chi2, norm

from ..noise import estimate_noise

RADII = (3, 6, 12)  # pixels, of the discs
_BLOCK = 16  # pixels, side of the tiles
_RARE = 0.01  # share of images of pure noise with a larger peak than the expected largest one
_OFFSET_ERROR = 0.05  # standard deviations of offset that are tolerated, beside the standard error
_MISFIT = 0.1  # squared residual at an edge that is tolerated, as a fraction of the squared gradient
_SHIFT_ERROR = 0.1  # pixels of shift that are tolerated, beside the standard error
_MOST = 4.0  # standard deviations; larger residuals are clipped before regressions
_FAINT = 0.05  # standard deviations; fainter stripes do not count
_MARGIN = 4  # pixels beside padding that are left out
_SCALES = (1.0, 2.0, 4.0)  # pixels, of the differences of Gaussians


@dataclass(frozen=True)
class Planes:
    """An image whose noise has a standard deviation of one.

    Attributes
    ----------
    residual, denoised : ndarray of shape (n_channels, height, width)
        Noisy minus denoised image, and denoised image, in standard deviations of the noise.
    kept : ndarray of shape (n_channels, height, width)
        Whether a pixel is neither padding nor next to it.
    correlation : ndarray of shape (n, m) or None
        Autocorrelation of the noise; None if it is white.
    stabilized : ndarray of shape (n_channels, height, width) or None
        The residual after both images were mapped to a scale on which photon noise has a variance of one; None for
        other noise.
    """

    residual: np.ndarray
    denoised: np.ndarray
    kept: np.ndarray
    correlation: np.ndarray | None
    stabilized: np.ndarray | None = None

    @property
    def noisy(self):
        """The noisy image."""
        return self.denoised + self.residual

    def mean(self, values):
        """Mean over the pixels that are kept."""
        return float(values[self.kept].mean())

    def tiles(self, values):
        """Means over the tiles that are mostly kept."""
        sums, counts = (_tile_sums(array) for array in (np.where(self.kept, values, 0.0), self.kept.astype(float)))
        full = counts > _BLOCK**2 / 2
        full = full if full.any() else counts > 0
        return sums[full] / counts[full]


def centre(planes):
    """Move the mean of the residual to the denoised image, so that changed brightness does not look like blur."""
    means = np.array(_means(planes))[:, np.newaxis, np.newaxis]
    stabilized = None if planes.stabilized is None else planes.stabilized - means
    return replace(planes, residual=planes.residual - means, denoised=planes.denoised + means, stabilized=stabilized)


def _means(planes):
    return [float(values[kept].mean()) if kept.any() else 0.0 for values, kept in zip(planes.residual, planes.kept)]


def fill_padding(residual, denoised, has_noise):
    """Replace padding by a residual of zero and the nearest denoised value, so that its border is not an edge."""
    for plane, noisy in zip(denoised, has_noise):
        if noisy.any() and not noisy.all():
            nearest = ndimage.distance_transform_edt(~noisy, return_distances=False, return_indices=True)
            plane[...] = plane[tuple(nearest)]
    return np.where(has_noise, residual, 0.0), denoised


def keep(has_noise):
    """Return which pixels are at some distance from padding."""
    square = np.ones((1, 2 * _MARGIN + 1, 2 * _MARGIN + 1), dtype=bool)
    return ~ndimage.binary_dilation(~has_noise, square)


def _tile_sums(values):
    starts = [np.arange(0, max(1, side - _BLOCK // 2), _BLOCK) for side in values.shape[1:]]  # no narrow last tile
    return np.add.reduceat(np.add.reduceat(values, starts[0], 1), starts[1], 2)


def shift(planes):
    """Length of the shift that best explains the residual, in units of its standard error combined with a tolerance."""
    gradient = np.stack(np.gradient(_smooth(planes.denoised, 0.7), axis=(1, 2))) * planes.kept
    noise = gradient if planes.correlation is None else fftconvolve(gradient, planes.correlation[None, None], "same")
    clipped = np.clip(planes.residual, -_MOST, _MOST)
    products = np.einsum("icyx,jcyx->ij", gradient, gradient) + 1e-6 * np.eye(2)
    inverse = np.linalg.inv(products)
    pixels = inverse @ np.einsum("icyx,cyx->i", gradient, clipped)
    covariance = inverse @ (np.einsum("icyx,jcyx->ij", gradient, noise) + 1e-6 * np.eye(2)) @ inverse
    return float(np.sqrt(pixels @ np.linalg.solve(covariance + _SHIFT_ERROR**2 * np.eye(2), pixels)))


def detail(planes):
    """Largest response of a disc to the residual, in standard deviations, less where the image has edges."""
    return float(np.abs(detail_map(planes)).max())


def detail_map(planes, misfit=_MISFIT):
    """Response of the disc with the largest response at each pixel, over all radii and channels."""
    residual, kept = np.where(planes.kept, planes.residual, 0.0), planes.kept.astype(float)
    steep = kept * np.sum(np.square(np.gradient(_smooth(planes.denoised, 1.0), axis=(1, 2))), axis=0)
    best = np.zeros(residual.shape[1:])
    for radius in RADII:
        kernel = disc(radius)
        cover = np.maximum(_filtered(kept, kernel), 0.25)  # share of the disc that is inside
        response = _filtered(residual, kernel) / (kernel_deviation(kernel, planes.correlation) * np.sqrt(cover))
        tolerance = 1 + misfit * np.maximum(_filtered(steep, kernel), 0) / cover
        for plane in response / np.sqrt(tolerance):
            best = np.where(np.abs(plane) > np.abs(best), plane, best)
    return best


def disc(radius):
    """A disc with a sum of one."""
    rows, columns = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    inside = (rows**2 + columns**2 <= radius**2 + 0.5).astype(float)
    return inside / inside.sum()


def kernel_deviation(kernel, correlation=None):
    """Standard deviation of the response of a kernel to noise of this autocorrelation."""
    if correlation is None:
        return float(np.linalg.norm(kernel))
    own = fftconvolve(kernel, kernel[::-1, ::-1])
    lags = [min(a, b) // 2 for a, b in zip(own.shape, correlation.shape)]
    inner = (
        array[tuple(slice(side // 2 - lag, side // 2 + lag + 1) for side, lag in zip(array.shape, lags))]
        for array in (own, correlation)
    )
    return math.sqrt(max(float(np.sum(next(inner) * next(inner))), 1e-12))


def _filtered(planes, kernel):
    return fftconvolve(planes, kernel[np.newaxis], mode="same", axes=(1, 2))


def peak(planes):
    """Largest residual of a pixel, relative to what noise exceeds in one of a hundred images of this size."""
    return float(np.abs(peaks(planes)).max() / norm.isf(_RARE / 2 / max(1, np.count_nonzero(planes.kept))))


def peaks(planes):
    """Residual of each pixel, less where the image has edges and where residuals are large all around."""
    residual = np.where(planes.kept, planes.residual, 0.0)
    if planes.stabilized is not None:  # photon noise is skewed: either scale exaggerates one of its tails
        residual = np.where(np.abs(planes.stabilized) < np.abs(residual), planes.stabilized, residual)
    steep = np.sum(np.square(np.gradient(_smooth(planes.denoised, 0.7), axis=(1, 2))), axis=0)
    wide, narrow = (ndimage.uniform_filter(np.abs(residual), (0, side, side)) for side in (7, 3))
    around = math.sqrt(math.pi / 2) * (49 * wide - 9 * narrow) / 40  # standard deviation of the ring, if it is noise
    return residual / np.sqrt(1 + _MISFIT * steep) / np.maximum(around, 1.0)


def place_of_peak(planes):
    """Row and column of the largest peak, as a dict."""
    place = np.unravel_index(np.abs(peaks(planes)).argmax(), planes.residual.shape)
    return {"peak_row": float(place[1]), "peak_column": float(place[2])}


def brightness(planes):
    """Mean of the residual in units of its standard error and a tolerance."""
    redundancy = 1.0 if planes.correlation is None else max(float(planes.correlation.sum()), 0.0)
    count = max(1, np.count_nonzero(planes.kept) / len(planes.kept))
    return offset(planes) / math.sqrt(redundancy / count + _OFFSET_ERROR**2)


def offset(planes):
    """Mean of the residual, of the channel where it is largest."""
    return max(_means(planes), key=abs)


def stripes(planes):
    """Correlation between the profiles of distant parts of the denoised image: of its rows, or of its columns."""
    return max(_stripes(planes.denoised, 2), _stripes(planes.denoised, 1))


def _stripes(denoised, along):
    planes = np.moveaxis(denoised, along, 2)
    rough = planes - ndimage.median_filter(planes, (1, 9, 1))
    parts = np.array_split(np.clip(rough, -2, 2), 4, axis=2)
    profiles = np.stack([part.mean(axis=2).ravel() for part in parts])
    products = profiles @ profiles.T / profiles.shape[1]
    norms = np.sqrt(np.diag(products) + _FAINT**2)
    correlations = products / np.outer(norms, norms)
    return float(np.mean(correlations[[0, 0, 1], [2, 3, 3]]))  # neighbouring parts share too many edges


def level(planes):
    """Logarithm of the level of the noise, as `estimate_noise` finds it, over the given one; NaN if it finds none."""
    noisy = np.where(planes.kept, planes.noisy, planes.noisy.min())  # constant areas are ignored
    estimate = estimate_noise(np.moveaxis(noisy, 0, -1), channel_axis=-1)
    found = estimate.sigma if estimate.kind in ("gaussian", "poisson_gaussian", "rician") else math.nan
    return math.log(found) if found > 0 else math.nan


def variance(planes):
    """Logarithm of the mean square of the residual over that of the noise."""
    return math.log(max(planes.mean(planes.residual**2), 1e-6))


def share_of_odd_tiles(planes):
    """Share of the tiles whose variance only one in a thousand tiles of noise would have (chi-square)."""
    tiles = planes.tiles(planes.residual**2)
    redundancy = 1.0 if planes.correlation is None else float(np.sum(planes.correlation**2))
    freedom = max(1.0, _BLOCK**2 / redundancy)
    low, high = chi2.ppf((0.0005, 0.9995), freedom) / freedom
    return float(np.mean((tiles < low) | (tiles > high)))


def edge_correlation(planes):
    """Correlation of the residual with the Laplacian of the denoised image, which blur makes positive."""
    edges = -ndimage.laplace(_smooth(planes.denoised, 1.0), mode="reflect", axes=(1, 2))
    norm = math.sqrt(planes.mean(edges**2) * planes.mean(planes.residual**2))
    return planes.mean(edges * planes.residual) / norm if norm > 0 else 0.0


def autocorrelation(planes):
    """Correlation of the residual of neighbouring pixels, minus that of the noise."""
    found = _lagged(planes, 1) / max(planes.mean(planes.residual**2), 1e-6)
    if planes.correlation is None:
        return found
    centre = [side // 2 for side in planes.correlation.shape]
    known = planes.correlation[min(centre[0] + 1, 2 * centre[0]), centre[1]]
    return found - 0.5 * float(known + planes.correlation[centre[0], min(centre[1] + 1, 2 * centre[1])])


def _lagged(planes, lag):
    """Mean product of the residual of pixels `lag` pixels apart, down and across."""
    means = []
    for axis in (1, 2):
        residual, inside = (np.moveaxis(array, axis, 0) for array in (planes.residual, planes.kept))
        products, kept = residual[lag:] * residual[:-lag], inside[lag:] & inside[:-lag]
        means.append(float(products[kept].mean()) if kept.any() else 0.0)
    return sum(means) / 2


def smoothing_features(planes):
    """Energies of the noisy image, the denoised one and the residual at three scales, and their correlations."""
    energy = max(planes.mean(planes.residual**2), 1e-6)
    found = [math.log(energy), _lagged(planes, 1) / energy, _lagged(planes, 2) / energy]
    impulse = np.zeros((1, 65, 65))
    impulse[0, 32, 32] = 1
    stacks = [(impulse, planes.residual, planes.denoised)]
    stacks += [tuple(_smooth(array, scale) for array in stacks[0]) for scale in _SCALES]
    for fine, coarse in itertools.pairwise(stacks):
        kernel, residual, denoised = (a - b for a, b in zip(fine, coarse))
        noise = float(np.sum(kernel**2))
        removed, left = planes.mean(residual**2) / noise, planes.mean(denoised**2) / noise
        cross = planes.mean(residual * denoised) / noise
        found += [
            math.log(max(removed, 1e-3)),
            cross / math.sqrt(removed * left + 1e-9),
            math.log(max(removed + left + 2 * cross - 1, 0.03)),
            math.log(left + 1e-3),
        ]
    return np.array(found)


#: Names of the entries of `smoothing_features`.
FEATURES = (
    "energy", "lag 1", "lag 2",
    *(f"{name}, scale {i}" for i in range(len(_SCALES)) for name in ("residual", "correlation", "signal", "denoised")),
)  # fmt: skip


def _smooth(planes, scale):
    return ndimage.gaussian_filter(planes, (0, scale, scale))


def find(planes, skipped=()):
    """Statistics of the tests, by name, but "smoothing", which is a weighted sum of features."""
    centred = centre(planes)
    found = {test: function(centred) for test, function in STATISTICS.items() if test not in skipped}
    return found | {"brightness": brightness(planes)}


#: Functions of images whose residual has a mean of zero, by the name of the test.
STATISTICS = {
    "shift": shift,
    "detail": detail,
    "peak": peak,
    "stripes": stripes,
    "level": level,
    "variance": variance,
}
