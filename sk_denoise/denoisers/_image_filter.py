"""`ImageFilter`, classical filters with the interface of a scikit-learn transformer."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_array, check_random_state

from .._core.checks import likely
from .._core.shapes import read_layout
from .._core.sklearn_glue import Interval, StrOptions
from .._core.units import to_network
from ..noise import NoiseEstimate
from ..noise._params import check_level
from . import _filtering
from ._base import BaseDenoiser
from ._calibration import LARGE_NOISE, check_estimate, choose_params, measure_noise, warn_of_correlation
from ._patches import Tiling
from ._stabilizing import FilterScale, check_units
from ._targets import UNKNOWN

__all__ = ["ImageFilter"]

N_CALIBRATION_ROWS = 32  # enough for such coarse grids; a fit takes about a second
_ALL_PARAMS = sorted({name for names in _filtering.METHODS.values() for name in names})


def _draw(n_rows, random_state):
    """Return the indices of the rows to calibrate on."""
    if n_rows <= N_CALIBRATION_ROWS:
        return np.arange(n_rows)
    return np.sort(check_random_state(random_state).choice(n_rows, N_CALIBRATION_ROWS, replace=False))


class ImageFilter(BaseDenoiser):
    """Denoise images with a classical filter, as a scikit-learn transformer.

    It can be used in place of a `DenoisingAutoencoder`, and is the baseline to beat. It does not learn what images look
    like, only how strongly to filter: parameters left at "auto" are chosen in `fit`, on at most 32 rows.

    Parameters
    ----------
    method : {"median", "gaussian", "bilateral", "tv", "wavelet", "nlm", "nl_ridge"}, default="median"
        "median", over a window, removes isolated outliers. "gaussian" blur is the simplest filter. "bilateral" averages
        nearby pixels of similar value [1]_. "tv" makes images piecewise constant, by total variation [2]_ [3]_.
        "wavelet" shrinks wavelet coefficients, by BayesShrink [4]_. "nlm" averages similar patches, by non-local
        means [6]_. "nl_ridge" combines similar patches by ridge regression [8]_; it is usually the best of these for
        Gaussian noise in photographs, scans and micrographs, where it matches BM3D, but not for images as small as the
        8 x 8 digits, which contain only a few patches.
    level : float or "auto", default="auto"
        For "wavelet", "nlm" and "nl_ridge": standard deviation of the noise, as a fraction of the data range, as in
        `NoiseInjector`. If given, the noise is taken as Gaussian. "auto" uses `noise`, or a wavelet estimate [5]_ if
        the noise is not known, as in tiny images. Such estimates are biased by clipping and dark images. Therefore
        "wavelet", and "nl_ridge" if ``calibration="supervised"``, also try 0, 0.5, 1.5 and 2 times the value; "nlm"
        also tries 0 if the noise is not known.
    size : int or "auto", default="auto"
        For "median": side of the window in pixels, odd; 1 does nothing.
    sigma : float or "auto", default="auto"
        For "gaussian": standard deviation of the blur in pixels; 0 does nothing.
    sigma_color : float or "auto", default="auto"
        For "bilateral": standard deviation of the intensity weight, as a fraction of the data range.
    sigma_spatial : float or "auto", default="auto"
        For "bilateral": standard deviation of the spatial weight, in pixels.
    weight : float or "auto", default="auto"
        For "tv": weight of the denoising, as in scikit-image, for images scaled to [0, 1]; larger is smoother.
    wavelet : str or "auto", default="auto"
        For "wavelet": name of an orthogonal wavelet of PyWavelets.
    h : float or "auto", default="auto"
        For "nlm": cut-off distance between patches, as a fraction of the data range; larger is smoother.
    patch_size : int or "auto", default="auto"
        For "nlm": side of the patches in pixels.
    patch_distance : int or "auto", default="auto"
        For "nlm": maximum distance at which patches are searched, in pixels.
    correlation : array-like of shape (n, m), None or "auto", default="auto"
        For "nl_ridge": autocorrelation of the noise, with odd `n` and `m` and 1 in the centre;
        ``correlation[n // 2 + dy, m // 2 + dx]`` is the correlation of two pixels that are `dy` rows and `dx` columns
        apart. None means white noise. "auto" uses the ``autocorrelation`` of `noise`, which has this form. Without it,
        the noise is taken as white.
    noise : NoiseEstimate, None or "auto", default="auto"
        The noise of the images, in their units. "auto" estimates it from the rows with `estimate_noise`, if any
        parameter has to be chosen and images are at least 32 x 32 pixels. If the estimated variance depends on
        brightness, as for photons, images are filtered between a variance-stabilizing transform and its inverse
        (`sk_denoise.noise.stabilization`). None makes no assumption about the noise. The estimate is not used if the
        level differs between images, or if many pixels are isolated black or white ones.
    calibration : {"auto", "j_invariant", "supervised"}, default="auto"
        How "auto" parameters are chosen. "auto" needs only noisy rows. If `noise` is known, it minimizes Stein's
        unbiased risk estimate of the squared error (SURE), whose divergence term is estimated with a random probe [9]_.
        Otherwise it is the same as "j_invariant", which hides pixels and chooses the filter that best predicts them
        from their neighbours [7]_. "supervised" minimizes the squared error with respect to clean rows: `X_clean`, a
        `y` of the shape of `X`, or the clean rows attached by a preceding `NoiseInjector`. For "nl_ridge", the
        estimated correlation and, unless "supervised", the estimated level are used unchanged.
    image_shape : tuple of int or None, default=None
        ``(height, width)`` or ``(height, width, channels)`` of the image in a row. If None, rows are read as square
        greyscale images, otherwise as 1-D signals, with a warning. Channels are filtered separately, except that
        "bilateral" and "nlm" compare colours, and "nl_ridge" compares luminance.
    data_range : "auto" or pair of floats, default="auto"
        Darkest and brightest value of clean pixels. "auto" uses the range of the preceding injector, or else determines
        it from the clean rows if known, or else from the rows: (0, 255) for uint8, otherwise (0, 1) if they lie in it,
        otherwise their minimum and maximum. Pass it if only noisy rows are given and these exceed the range of the
        clean ones.
    random_state : int, RandomState or None, default=None
        Seeds the draw of the rows on which parameters are chosen, if there are more than 32. Pass an int for the same
        rows at each fit.

    Attributes
    ----------
    params_ : dict
        The parameters used. If the variance was stabilized, they refer to the stabilized images, scaled to [0, 1].
    level_ : float
        The given or estimated level, for "wavelet", "nlm" and "nl_ridge". ``params_["level"]`` may be a multiple of it.
    noise_ : NoiseEstimate or None
        The given or estimated noise, even if it was not used.
    data_range_ : tuple of float
        The data range used, ``(low, high)``.
    target_source_ : str
        Source of the clean rows: "X_clean", "y", "injector" or "none".
    image_shape_ : tuple of int
        The image shape used, ``(height, width, channels)``.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`. Defined only if all names are strings.

    See Also
    --------
    DenoisingAutoencoder : Learns what the images look like, with a neural network.
    EstimatorDenoiser : Learns what the images look like, with a scikit-learn estimator.

    Notes
    -----
    "auto" chooses from the grids in ``denoisers/_calibration.py`` and then tries values halfway to the neighbours of
    the best. If the noise is known, the grids are multiples of its level, so that the choice does not depend on the
    data range. Otherwise, each grid starts with a filter that does almost nothing, which is skipped if the measured
    noise is strong. Values that do not fit the image are skipped. Images of a single pixel, or with a side of two
    pixels, are too small for J-invariance, so the first candidate is used unless ``calibration="supervised"``. Above
    130,000 pixels, candidates are compared on evenly spread parts.

    Prefer ``calibration="supervised"`` if there are clean rows. SURE assumes that the estimated level is right; it is
    least reliable in fine texture without flat areas and for clipped noise. J-invariance assumes that the noise of a
    pixel is independent of that of others, and evaluates a filter on images in which hidden pixels are replaced with
    the mean of their neighbours, not on the actual images. A filter that does nothing then predicts this mean, which is
    a good guess on smooth images and a bad one on tiny images. The choice can therefore be too weak, such as a median
    of one pixel on the 8 x 8 digits at level 0.5 (9.3 dB, as for the noisy rows; the best filter has 10.3), or far too
    strong for weak noise, such as "tv" on MNIST at level 0.02 (32.2 dB; noisy 36.5, tuned on pairs 38.1). At levels 0.2
    and 0.5, its choices were within 0.4 dB of the tuned ones on MNIST, except for a wavelet (1.2 dB), and up to 1.0 dB
    below them on the digits (``benchmarks/calibration.py``).

    The image is mirrored at its border, except with "bilateral", which ignores pixels beyond it. "bilateral" does not
    use scikit-image, whose spatial weights are shifted in version 0.26.

    References
    ----------
    .. [1] C. Tomasi, R. Manduchi, "Bilateral filtering for gray and color images", ICCV 1998.
    .. [2] L. I. Rudin, S. Osher, E. Fatemi, "Nonlinear total variation based noise removal algorithms", Physica D 60,
       1992.
    .. [3] A. Chambolle, "An algorithm for total variation minimization and applications", Journal of Mathematical
       Imaging and Vision 20, 2004.
    .. [4] S. G. Chang, B. Yu, M. Vetterli, "Adaptive wavelet thresholding for image denoising and compression", IEEE
       Transactions on Image Processing 9(9), 2000.
    .. [5] D. L. Donoho, I. M. Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 81(3), 1994.
    .. [6] A. Buades, B. Coll, J.-M. Morel, "A non-local algorithm for image denoising", CVPR 2005.
    .. [7] J. Batson, L. Royer, "Noise2Self: blind denoising by self-supervision", ICML 2019.
    .. [8] S. Herbreteau, C. Kervrann, "Towards a unified view of unsupervised non-local methods for image denoising:
       the NL-Ridge approach", ICIP 2022.
    .. [9] S. Ramani, T. Blu, M. Unser, "Monte-Carlo SURE: a black-box optimization of regularization parameters for
       general denoising algorithms", IEEE Transactions on Image Processing 17(9), 2008.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sk_denoise import ImageFilter, NoiseInjector
    >>> from sk_denoise.datasets import load_digit_images
    >>> X, y = load_digit_images()
    >>> pipe = make_pipeline(
    ...     NoiseInjector(level=0.3, random_state=0),
    ...     ImageFilter("tv", calibration="supervised", random_state=0),
    ... ).fit(X[:1200])
    >>> sorted(pipe[-1].params_)
    ['weight']
    >>> pipe.score(X[1200:]) > 13  # dB; the noisy rows have 12
    True
    """

    _parameter_constraints = {
        "method": [str],
        "level": [Real, StrOptions({"auto"})],  # check_level has a better message
        "size": [Interval(Integral, 1, 999, closed="both"), StrOptions({"auto"})],
        "sigma": [Interval(Real, 0, 1e6, closed="both"), StrOptions({"auto"})],
        "sigma_color": [Interval(Real, 0, 1e6, closed="right"), StrOptions({"auto"})],
        "sigma_spatial": [Interval(Real, 0, 1e6, closed="right"), StrOptions({"auto"})],
        "weight": [Interval(Real, 0, 1e6, closed="right"), StrOptions({"auto"})],
        "wavelet": [str],
        "h": [Interval(Real, 0, 1e6, closed="right"), StrOptions({"auto"})],
        "patch_size": [Interval(Integral, 1, 999, closed="both"), StrOptions({"auto"})],
        "patch_distance": [Interval(Integral, 1, 999, closed="both"), StrOptions({"auto"})],
        "correlation": ["array-like", None, StrOptions({"auto"})],
        "noise": "no_validation",  # check_estimate has better messages
        "calibration": [StrOptions({"auto", "j_invariant", "supervised"})],
        "image_shape": [tuple, list, None],
        "data_range": "no_validation",  # check_data_range has better messages
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        method="median",
        *,
        level="auto",
        size="auto",
        sigma="auto",
        sigma_color="auto",
        sigma_spatial="auto",
        weight="auto",
        wavelet="auto",
        h="auto",
        patch_size="auto",
        patch_distance="auto",
        correlation="auto",
        noise="auto",
        calibration="auto",
        image_shape=None,
        data_range="auto",
        random_state=None,
    ):
        self.method = method
        self.level = level
        self.size = size
        self.sigma = sigma
        self.sigma_color = sigma_color
        self.sigma_spatial = sigma_spatial
        self.weight = weight
        self.wavelet = wavelet
        self.h = h
        self.patch_size = patch_size
        self.patch_distance = patch_distance
        self.correlation = correlation
        self.noise = noise
        self.calibration = calibration
        self.image_shape = image_shape
        self.data_range = data_range
        self.random_state = random_state

    def _learn(self, rows, target, data_range):
        given = self._given()
        image_shape = read_layout(self.image_shape, rows if target.clean is None else target.clean)
        if target.clean is None and self.calibration == "supervised":
            raise ValueError(
                "calibration='supervised' needs clean rows to compare with, but X carries none. Pass"
                " X_clean=, put a NoiseInjector before the filter, or use calibration='auto'."
            )
        if "wavelet" in given and _filtering.wavelet_depth(image_shape, given["wavelet"]) == 0:
            raise ValueError(
                f"wavelet={given['wavelet']!r} is longer than images of shape {image_shape[:2]}. Use 'haar', or leave"
                " it at 'auto'."
            )
        drawn = _draw(len(rows), self.random_state)
        noise = self._find_noise(rows[drawn].reshape(-1, *image_shape), given)
        warn_of_correlation(self.method, noise)
        scale = self._scale(noise, given, data_range)
        images = to_network(rows[drawn], data_range, "X", dtype=None).reshape(-1, *image_shape)
        options = {"noise": scale, "can_be_clean": noise is None or noise.level < LARGE_NOISE}
        if self.calibration == "supervised":
            clean = to_network(target.clean[drawn], data_range, "X_clean", dtype=None)
            options["clean"] = clean.reshape(-1, *image_shape)
        if scale is not None:
            images, options["inverse"] = scale.from_unit(images), scale.to_unit
        params, level = choose_params(images, self.method, given, **options)
        vars(self).pop("level_", None)
        fitted = {"params_": params, "noise_": noise, "image_shape_": image_shape, "_method": self.method}
        fitted["_stabilized"] = scale is not None and scale.stabilized
        return fitted if level is None else fitted | {"level_": level}

    def _denoise(self, unit):
        return self._denoise_images(unit.reshape(len(unit), *self.image_shape_)).reshape(unit.shape)

    def _denoise_images(self, unit):
        if not self._stabilized:
            return _filtering.denoise(unit, self._method, self.params_)
        scale = FilterScale(self.noise_, self.data_range_)
        return scale.to_unit(_filtering.denoise(scale.from_unit(unit), self._method, self.params_))

    def _tiling(self):
        reach, grid = _filtering.reach(self._method, self.params_), _filtering.grid(self._method)
        return Tiling(any_size=True, reach=reach, grid=grid, large=self._method == "nl_ridge")

    def _own_noise(self):
        return UNKNOWN  # unlike in networks, `noise` is not added to clean rows

    def _find_noise(self, images, given):
        """Return the given noise, or an estimate if it is of use; else None."""
        if not isinstance(self.noise, str):
            return self.noise
        some_auto = any(name not in given for name in _filtering.METHODS[self.method])
        useful = some_auto and (self.calibration != "j_invariant" or self.method == "nl_ridge")
        return measure_noise(images) if useful else None

    def _scale(self, noise, given, data_range):
        """Return the scale on which to filter, or None unless the noise on it is Gaussian with a single known level."""
        if noise is not None and not (noise.is_additive and noise.is_uniform):
            noise = None
        if "level" in given:
            return FilterScale(noise, data_range, level=given["level"])
        if isinstance(self.noise, NoiseEstimate) and noise is not None:
            check_units(noise, *data_range, "X")
        return None if noise is None else FilterScale(noise, data_range)

    def _check_params(self):
        if self.method not in _filtering.METHODS:
            raise ValueError(f"method must be {likely(self.method, _filtering.METHODS)}")
        check_estimate(self.noise)
        if self.level != "auto":
            check_level(self.level, "gaussian")
        given = self._given()
        if given.get("size", 1) % 2 == 0:
            raise ValueError(f"size must be odd, so that the window has a centre, got {self.size!r}.")
        if "wavelet" in given:
            _check_wavelet(given["wavelet"])

    def _given(self):
        """Return the parameters that are not "auto"; raise if one of them belongs to another method."""
        methods, given = _filtering.METHODS, {}
        for name in _ALL_PARAMS:
            value = getattr(self, name)
            if isinstance(value, str) and value == "auto":
                continue
            if name not in methods[self.method]:
                owners = " or ".join(repr(method) for method, names in methods.items() if name in names)
                raise ValueError(
                    f"{name}={value!r} belongs to method={owners}, got method={self.method!r}. Leave it at 'auto'."
                )
            given[name] = _READ[name](value) if name in _READ else float(value)
        return given


def _read_correlation(value):
    if value is None:
        return None
    correlation = check_array(value, dtype=np.float64, ensure_2d=False, allow_nd=True, input_name="correlation")
    centre = correlation[tuple(length // 2 for length in correlation.shape)]
    fits = correlation.ndim == 2 and all(length % 2 for length in correlation.shape)
    if not fits or not np.isclose(centre, 1) or not np.allclose(correlation, correlation[::-1, ::-1], atol=1e-6):
        raise ValueError(
            "correlation must be an autocorrelation: a 2-dimensional array with an odd number of rows and columns, 1 in"
            f" the centre, and symmetric about it. Got an array of shape {correlation.shape} with {centre:.4g} in the"
            " centre. If it is a covariance, divide it by its centre."
        )
    return correlation


#: How values are read that are not floats.
_READ = {"size": int, "patch_size": int, "patch_distance": int, "wavelet": str, "correlation": _read_correlation}


def _check_wavelet(name):
    import pywt

    if name not in pywt.wavelist(kind="discrete") or not pywt.Wavelet(name).orthogonal:
        raise ValueError(
            f"wavelet must be the name of an orthogonal wavelet in PyWavelets, such as 'haar', 'db2' or 'sym4', got"
            f" {name!r}."
        )
