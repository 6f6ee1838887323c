"""NL-Ridge: similar patches of an image, denoised together by ridge regression."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from threading import Lock

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import fft, ndimage
from threadpoolctl import ThreadpoolController

from .._core.sklearn_glue import effective_n_threads

_BLOCK = 4  # reference patches along each side of a block, whose distances are one matrix product
_CHUNK = 72  # groups estimated at a time, so that their matrices stay in the cache
_THRESHOLD = 2.65  # of the coefficients of a group, in standard deviations of their noise
_SURE_SHARE = 0.4  # of the SURE estimate in the first pass; the rest is thresholded
_TIE = 0.2  # largest random addition to distances, as a fraction of their floor
_KAISER = 2.0  # decay of the weight towards the border of a patch
_STRIDE, _LARGE_STRIDE = 4, 6  # pixels from one reference patch to the next
_WINDOW = 33  # pixels, largest side of a window

#: Pixels, side of a tile, the unit of work of a thread, which consists of whole blocks in all passes. Parts of an image
#: begin at multiples of it, so that their blocks and the order of their sums are those of the whole image.
TILE = 48


@dataclass(frozen=True)
class _Groups:
    """How the patches of a group are found; distances below `floor` times the noise variance count as equal."""

    patch: tuple[int, int]
    n_similar: int
    window: tuple[int, int]
    stride: int
    floor: float

    @classmethod
    def fit(cls, shape, patch, n_similar, window, stride, floor):
        """Reduce patch, window and size of the groups to what images of `shape` have room for."""
        patch = tuple(min(patch, (side + 1) // 2) for side in shape)
        window = tuple(min(window, side - length + 1) for side, length in zip(shape, patch))
        return cls(patch, min(n_similar, window[0] * window[1]), window, stride, floor)

    @cached_property
    def profiles(self):
        """Weights of the rows and of the columns of a patch; computed once for all tiles."""
        return [np.kaiser(length, _KAISER) for length in self.patch]


def nl_ridge(image, sigma, *, correlation=None, fast=False, random_state=0):
    """Denoise an image by non-local ridge regression, NL-Ridge [1]_.

    Patches that look alike form a group, and each patch of a group is replaced with the linear combination of all of
    them that minimizes the expected squared error. The first pass estimates this combination from the noisy patches;
    the others treat the result of the pass before as the ground truth, which makes them ridge regressions.

    Parameters
    ----------
    image : array-like of shape (height, width) or (height, width, channels)
        Noisy image, in any units. Noise must be additive and of the same strength everywhere.
    sigma : float
        Standard deviation of the noise, in the units of `image`. Noise below the rounding of the image is ignored.
    correlation : array-like of shape (n, m) or None, default=None
        Autocorrelation of the noise: ``correlation[n // 2 + dy, m // 2 + dx]`` is the correlation of two pixels that
        are `dy` rows and `dx` columns apart, so `n` and `m` are odd and the centre is 1. It is zero beyond the array.
        If None, the noise is white.
    fast : bool, default=False
        Whether to use smaller windows, fewer patches, a larger stride and two passes, which takes less than half of the
        time.
    random_state : int, default=0
        Seeds the random choice among patches that are equally similar.

    Returns
    -------
    denoised : ndarray of the shape of `image`
        Denoised image, float64 if `image` is, otherwise float32. It does not depend on the number of threads.

    Notes
    -----
    All passes look for similar patches in a window around every fourth pixel in each direction, or every sixth in the
    middle pass and if `fast`. Time is proportional to the number of pixels, and memory, apart from a few copies of the
    image, to the number of threads. Beyond the paper:

    - The image is divided by `sigma` first, so that the result follows changes of contrast. Its mean is not subtracted,
      because parts of an image have different means, and the rounding of the result would depend on them.
    - Distances below a floor set by the noise count as equal, and ties are broken at random. Otherwise, in flat areas,
      the nearest patches would be those with the most similar noise, which would be mistaken for signal.
    - The first pass is the mean of two estimates. Hard-thresholding the DCT of a group, as in BM3D [2]_, is better
      under strong noise, but erases weak structure; the paper's unbiased estimate of the risk (SURE) keeps it, but also
      keeps noise. Their errors partly cancel out.
    - If the noise is white, a quick pass comes between the two of the paper, because a better pilot improves the last
      one, above all under strong noise. Correlated noise is removed better without it.
    - The mean of each patch is subtracted, and weights sum to one, as in ordinary kriging. Otherwise the result would
      depend on the brightness of the image, and slow changes of brightness would be flattened.
    - A small value is added to the diagonal of each system, and the weights of the patches are bounded, so that the
      result is finite for constant and saturated images. The weights decrease towards the border of a patch, as in
      BM3D, because pixels there are estimated from fewer neighbours.
    - For correlated noise, ``2 k sigma ** 2 r`` is added to the distance of patches of `k` pixels in the first pass,
      because patches that share noise look alike; each DCT coefficient is compared with its own noise level; and the
      noise covariance of the patches of a group replaces the identity in the second pass. The first pass then only
      thresholds; adding SURE has not been tried. Negative values in the power spectrum of `correlation` are set to
      zero, since an estimate need not be a valid autocorrelation.
    - Channels are transformed to luminance and colour differences by a DCT. Patches are compared by luminance, which
      has the most contrast, and each channel has its own regression.

    References
    ----------
    .. [1] S. Herbreteau, C. Kervrann, "Towards a unified view of unsupervised non-local methods for image denoising:
       the NL-Ridge approach", ICIP 2022.
    .. [2] K. Dabov, A. Foi, V. Katkovnik, K. Egiazarian, "Image denoising by sparse 3-D transform-domain collaborative
       filtering", IEEE Transactions on Image Processing 16(8), 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_denoise.denoisers._nl_ridge import nl_ridge
    >>> clean = np.outer(np.hanning(32), np.hanning(32))
    >>> noisy = clean + 0.1 * np.random.default_rng(0).standard_normal(clean.shape)
    >>> bool(np.std(nl_ridge(noisy, 0.1) - clean) < 0.05)
    True
    """
    image = np.asarray(image)
    dtype = np.dtype(np.float64 if image.dtype == np.float64 else np.float32)
    image = image.astype(dtype)
    precision = np.finfo(dtype)
    if sigma <= max(4 * precision.eps * np.abs(image).max(), precision.tiny):
        return image
    noisy = (image / dtype.type(sigma)).reshape(*image.shape[:2], -1)
    noisy = fft.dct(noisy, axis=2, norm="ortho")
    first, *others = _passes(image.shape[:2], correlation is None, fast)
    if correlation is not None:
        correlation = _nonnegative(np.asarray(correlation, dtype=np.float64), _WINDOW).astype(dtype)
    with _single_threaded_blas():
        estimate = _first_estimator(first, correlation, dtype)
        pilot = _denoise(noisy, None, estimate, first, correlation, random_state)
        for groups in others:
            pilot = _denoise(noisy, pilot, _ridge, groups, correlation, random_state)
    noisy = fft.idct(pilot, axis=2, norm="ortho").reshape(image.shape)
    return noisy * dtype.type(sigma)


def _passes(shape, is_white, fast=False):
    """How groups are found in each pass over an image of `shape`."""
    window, stride, n_similar = (25, _LARGE_STRIDE, 40) if fast else (_WINDOW, _STRIDE, 48)
    first = _Groups.fit(shape, 8, 16, window, stride, floor=2.0 if is_white else 3.0)
    middle = _Groups.fit(shape, 7, 32, 25, _LARGE_STRIDE, floor=0.07)
    last = _Groups.fit(shape, 7, n_similar, window, stride, floor=0.07)
    return [first, middle, last] if is_white and not fast else [first, last]


def reach(is_white):
    """Return the largest distance in pixels at which a pixel affects another one, in each direction.

    In each pass, both can be at opposite ends of a window, in patches that extend beyond it. Rounding depends on the
    other patches of a block, too, but not beyond the next multiple of `TILE`.
    """
    large = (2 * _WINDOW, 2 * _WINDOW)
    return sum(groups.window[0] + groups.patch[0] - 2 for groups in _passes(large, is_white))


def _nonnegative(correlation, reach):
    """Autocorrelation for offsets up to `reach` in both directions, with a nonnegative spectrum."""
    side = 2 * max(2 * reach, *correlation.shape)
    periodic = np.zeros((side, side))
    periodic[: correlation.shape[0], : correlation.shape[1]] = correlation
    periodic = np.roll(periodic, [-(length // 2) for length in correlation.shape], axis=(0, 1))
    periodic = fft.ifft2(np.maximum(fft.fft2(periodic).real, 0)).real
    offsets = np.arange(-reach, reach + 1)
    return periodic[np.ix_(offsets, offsets)] / periodic[0, 0]


def _between(correlation, dy, dx):
    """Correlation of the noise of pixels, or patches, that are `dy` rows and `dx` columns apart."""
    centre = len(correlation) // 2
    return correlation[centre + dy, centre + dx]


def _denoise(noisy, pilot, estimate, groups, correlation, random_state):
    """One pass over an image with unit noise; pixels are weighted means over all patches that contain them."""
    rows, columns = (
        np.unique(np.r_[0 : side - length + 1 : groups.stride, side - length])
        for side, length in zip(noisy.shape, groups.patch)
    )
    # Numbers that depend on the position in the block and the window only, so that the result does not depend on the
    # tiles, and that are symmetric, so that a transposed image gives the transposed result.
    ties = np.random.default_rng(random_state).random((_BLOCK, _BLOCK, *[max(groups.window)] * 2), dtype=noisy.dtype)
    ties = (ties + ties.transpose(1, 0, 3, 2)) % 1
    total, weight = np.zeros_like(noisy), np.zeros_like(noisy)
    step = TILE // groups.stride

    def of_tile(corner):
        tile = rows[corner[0] : corner[0] + step], columns[corner[1] : corner[1] + step]
        return _denoise_tile(noisy, pilot, estimate, groups, correlation, ties, *tile)

    corners = list(itertools.product(range(0, len(rows), step), range(0, len(columns), step)))
    # Added in the order of the tiles, so that the number of threads does not change the rounding.
    for area, tile_total, tile_weight in _in_threads(of_tile, corners):
        total[area] += tile_total
        weight[area] += tile_weight
    return total / weight


def _in_threads(function, arguments):
    n_threads = min(effective_n_threads(), len(arguments))
    if n_threads == 1:
        yield from map(function, arguments)
        return
    with ThreadPoolExecutor(n_threads) as pool:
        yield from pool.map(function, arguments)


def _denoise_tile(noisy, pilot, estimate, groups, correlation, ties, rows, columns):
    """Slices of the area that the groups of a tile cover, with weighted sums and sums of weights."""
    find = partial(_find_similar, noisy if pilot is None else pilot, groups, ties)
    find = partial(find, correlation if pilot is None else None, sort=pilot is None)
    blocks = itertools.product(range(0, len(rows), _BLOCK), range(0, len(columns), _BLOCK))
    found = [find(rows[i : i + _BLOCK], columns[j : j + _BLOCK]) for i, j in blocks]
    y, x = (np.concatenate(positions) for positions in zip(*found))
    area = tuple(slice(int(p.min()), int(p.max()) + length) for p, length in zip((y, x), groups.patch))
    height, width = noisy[area].shape[:2]
    corners = (y - area[0].start) * width + x - area[1].start
    offsets = (np.arange(groups.patch[0])[:, None] * width + np.arange(groups.patch[1])).ravel()
    profile = np.outer(*groups.profiles).astype(noisy.dtype)
    total, weight = np.zeros((2, *noisy[area].shape))
    for channel in range(noisy.shape[2]):
        image = noisy[area][..., channel].ravel()
        guide = None if pilot is None else pilot[area][..., channel].ravel()
        sums, counts = np.zeros((2, image.size))
        for start in range(0, len(corners), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            pixels = corners[chunk, :, None] + offsets
            noise = None
            if correlation is not None:
                dy, dx = (p[chunk, :, None] - p[chunk, None, :] for p in (y, x))
                noise = _between(correlation, dy, dx)
            patches, weights = estimate(image[pixels], None if pilot is None else guide[pixels], noise)
            patches *= weights[..., None] * profile.ravel()
            sums += np.bincount(pixels.ravel(), patches.ravel(), minlength=image.size)
            counts += np.bincount(corners[chunk].ravel(), weights.ravel(), minlength=image.size)
        total[..., channel] = sums.reshape(height, width)
        weight[..., channel] = _spread(counts.reshape(height, width), groups.profiles)
    return area, total, weight


def _spread(counts, profiles):
    """Weights of pixels from those of the patches of which they are the first one."""
    for axis, values in enumerate(profiles):
        counts = ndimage.convolve1d(counts, values, axis, mode="constant", origin=-(len(values) // 2))
    return counts


def _find_similar(image, groups, ties, correlation, rows, columns, *, sort):
    """Rows and columns, each of shape (n_groups, n_similar), of the patches most similar to those at `rows`, `columns`.

    Windows that would exceed the image are moved inside.
    """
    (height, width), n_pixels = groups.window, groups.patch[0] * groups.patch[1]
    top, left = (
        np.clip(positions - length // 2, 0, side - patch + 1 - length)
        for positions, length, side, patch in zip((rows, columns), groups.window, image.shape, groups.patch)
    )
    n_rows, n_columns = top[-1] - top[0] + height, left[-1] - left[0] + width
    luminance = image[top[0] : top[-1] + height + groups.patch[0] - 1, left[0] : left[-1] + width + groups.patch[1] - 1]
    luminance = luminance[..., 0] - luminance[..., 0].mean()  # float32 is enough for the distances of centred patches
    patches = sliding_window_view(luminance, (n_rows, n_columns)).reshape(n_pixels, -1)
    norms = np.einsum("ij,ij->j", patches, patches)
    own = ((rows - top[0])[:, None] * n_columns + columns - left[0]).ravel()
    to_all = (-2 * patches[:, own]).T @ patches
    to_all += norms
    to_all += norms[own, None]
    to_all = to_all.reshape(len(rows), len(columns), n_rows, n_columns)

    distances = np.empty((len(rows), len(columns), height, width), image.dtype)
    for i, j in np.ndindex(distances.shape[:2]):
        y, x = top[i] - top[0], left[j] - left[0]
        distances[i, j] = to_all[i, j, y : y + height, x : x + width]
        if correlation is not None:
            dy, dx = np.arange(height)[:, None] + top[i] - rows[i], np.arange(width) + left[j] - columns[j]
            distances[i, j] += 2 * n_pixels * _between(correlation, dy, dx)
    floor = groups.floor * n_pixels
    np.maximum(distances, floor, out=distances)
    distances += _TIE * floor * ties[: len(rows), : len(columns), :height, :width]
    distances = distances.reshape(len(own), -1)
    # The reference patch itself always comes first.
    np.put_along_axis(distances, ((rows - top)[:, None] * width + columns - left).reshape(-1, 1), -1, axis=1)
    found = np.argpartition(distances, groups.n_similar - 1, axis=1)[:, : groups.n_similar]
    if sort:
        order = np.argsort(np.take_along_axis(distances, found, axis=1), axis=1)
        found = np.take_along_axis(found, order, axis=1)
    y, x = np.divmod(found, width)
    return y + np.repeat(top, len(columns))[:, None], x + np.tile(left, len(rows))[:, None]


def _first_estimator(groups, correlation, dtype):
    """Estimator of the first pass: the mean of hard-thresholding and, if the noise is white, SURE."""
    across, *sides = (fft.dct(np.eye(n), axis=0, norm="ortho") for n in (groups.n_similar, *groups.patch))
    along = np.kron(*sides)
    levels = np.ones(len(along))
    if correlation is not None:
        y, x = np.indices(groups.patch).reshape(2, -1)
        covariance = _between(correlation, y[:, None] - y, x[:, None] - x)
        levels = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", along, covariance, along), 1e-4))
    arrays = (array.astype(dtype) for array in (across, along, levels))
    threshold = partial(_hard_threshold, *arrays)
    return partial(_threshold_and_sure, threshold) if correlation is None else threshold


def _hard_threshold(across, along, levels, noisy, pilot, noise):
    """Keep the DCT coefficients of a group that exceed the noise, and its mean."""
    mean = noisy.mean(axis=(1, 2), keepdims=True)
    coefficients = across @ ((noisy - mean) @ along.T)
    kept = np.abs(coefficients) > _THRESHOLD * levels
    coefficients *= kept
    variance = 1 + (kept @ levels**2).sum(axis=1, keepdims=True)
    return (across.T @ coefficients) @ along + mean, np.broadcast_to(1 / variance, noisy.shape[:2])


def _threshold_and_sure(threshold, noisy, pilot, noise):
    """Mean of the thresholded group and of the linear combination with the smallest unbiased estimate of the risk."""
    estimate, weights = threshold(noisy, pilot, noise)
    n_pixels = noisy.shape[2]
    centred = noisy - noisy.mean(axis=2, keepdims=True)
    gram = centred @ centred.transpose(0, 2, 1)
    inverse = _constrained_inverse(gram, 0.02 * n_pixels)
    estimate *= 1 - _SURE_SHARE
    estimate += _SURE_SHARE * (noisy - n_pixels * (inverse @ centred))
    return estimate, weights


def _ridge(noisy, pilot, noise):
    """Combine patches by the weights that are optimal if the pilot is the truth."""
    n_similar, n_pixels = noisy.shape[1:]
    mean = pilot.mean(axis=2, keepdims=True)
    pilot = pilot - mean
    gram = pilot @ pilot.transpose(0, 2, 1)
    if noise is None:
        combination = _constrained_inverse(gram, n_pixels)
    else:
        gram += n_pixels * noise
        combination = noise @ _constrained_inverse(gram, 0.01 * n_pixels)
    combination *= -n_pixels
    np.einsum("gii->gi", combination)[...] += 1
    spread = combination if noise is None else combination @ noise
    variance = np.clip(np.einsum("gij,gij->gi", combination, spread), 1 / n_similar, 1)
    return combination @ (noisy - mean) + mean, 1 / variance


def _constrained_inverse(gram, diagonal):
    """Inverses of Gram matrices, after an addition to their diagonal, projected so that their rows sum to zero."""
    view = np.einsum("gii->gi", gram)
    # The second part bounds the condition number in the precision of the image.
    view += diagonal + 200 * np.finfo(gram.dtype).eps * view.mean(axis=1, keepdims=True)
    inverse = np.linalg.inv(gram)
    sums = inverse.sum(axis=2, keepdims=True)
    inverse -= sums @ (sums.transpose(0, 2, 1) / sums.sum(axis=1, keepdims=True))
    return inverse


_blas = ThreadpoolController()
_lock = Lock()
_calls = []  # in progress; the first one holds the limit, and the last one lifts it


@contextmanager
def _single_threaded_blas():
    """Limit BLAS to one thread, since tiles already use all cores and small matrices do not gain from more."""
    with _lock:
        _calls.append(_blas.limit(limits=1, user_api="blas") if not _calls else _calls[0])
    try:
        yield
    finally:
        with _lock:
            limit = _calls.pop()
            if not _calls:
                limit.restore_original_limits()
