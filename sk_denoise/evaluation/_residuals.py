"""`residual_check`: a verdict on each denoised image, without clean ones."""

from __future__ import annotations

import math

import numpy as np

from . import _residual_statistics as statistics
from ._residual_inputs import FEWEST, find_noisy, read_denoiser, read_noise, read_pairs, reason_against
from ._residual_result import make_result, not_checked
from ._residual_table import RATES, TESTS, THRESHOLDS, WEIGHTS

__all__ = ["residual_check"]

_MEASURED_SIDE = 192  # pixels of the images that thresholds and rates were measured on
_BLIND = (
    "Detail that was invented or removed may be missed if it is weaker than 2 sigma at 12 pixels in diameter, or"
    " thinner; so may single pixels of less than 10 sigma."
)


def residual_check(noisy, denoised, noise="auto", *, denoiser=None, channel_axis=None):
    """Compare what a denoiser removed with the noise, and say what looks wrong, without clean images.

    Parameters
    ----------
    noisy : array-like or list of array-like
        One noisy image (height, width), a stack (n, height, width), or a list of images of any sizes, in any units.
    denoised : array-like or list of array-like
        Denoised images of the same shapes, in the same units.
    noise : "auto", NoiseEstimate, NoiseInjector or float, default="auto"
        The noise: Gaussian, white or correlated, or Poisson-Gaussian. A number is the standard deviation of white
        noise, in the units of `noisy`. "auto" estimates the noise of each image, so that a wrong level is not noticed.
    denoiser : str, estimator or None, default=None
        The denoiser, or the ``method`` of `ImageFilter` or `denoise`, or "network". Thresholds were chosen for each of
        these, because good outputs of different denoisers leave different residuals. If None, or for other denoisers,
        common thresholds are used, which detect fewer faults.
    channel_axis : int, default=None
        Axis of the colour channels, of the array or of each image in a list. If None, images are greyscale.

    Returns
    -------
    check : ResidualCheck, or list of ResidualCheck
        The result, or a list with one result per image if `noisy` is a stack or a list.

    Raises
    ------
    ValueError, TypeError
        If the images are not arrays of finite numbers of the same shapes, if `noise` is of another kind or in other
        units, or if `denoiser` is not known.

    Warns
    -----
    UserWarning
        If more than 1 % of the values of `noisy` lie at the ends of its range, as after clipping, which makes the noise
        weaker there.

    See Also
    --------
    agreement_check : Sees invented detail, if there are two shots of a scene.
    sure_score : Compares denoisers without clean images.

    Notes
    -----
    An old criterion is that the residual, noisy minus denoised image, should look like noise [1]_ [2]_. The residual is
    divided by the standard deviation of the noise; for photon noise, by that at the brightness of the denoised image.
    "brightness" tests its mean, which is subtracted before the other tests:

    - "shift": regression of the residual on the gradient of the denoised image, in units of its standard error and a
      tolerance of 0.1 pixels.
    - "detail": matched filters, discs of three sizes, on the residual; the largest response counts, in standard
      deviations. At edges, a misfit in proportion to the gradient is tolerated.
    - "peak": the largest residual of a pixel, relative to what noise exceeds in one of a hundred images of this size
      (Bonferroni correction over pixels). Tolerated is a misfit at edges, and where residuals are large all around.
      For photon noise, which is skewed, the residual between square roots counts where it is smaller.
    - "brightness": mean of the residual, in units of its standard error and a tolerance of 0.05 standard deviations.
    - "stripes": correlation of the profiles of distant parts of the *denoised* image, of rows and of columns. The
      residual does not change if stripes remain.
    - "level": `estimate_noise` on the noisy image, as the logarithm of the ratio to the given level.
    - "variance": variance of the residual, as the logarithm of its ratio to the variance of the noise.
    - "smoothing": a weighted sum of the variance and the autocorrelation of the residual and of the energies of the
      images at three scales, learned by a logistic regression that separates blurred and over-smoothed outputs from
      good ones of the same denoiser. Only for white noise, for which the weights were learned.

    Their thresholds were chosen, and their rates measured, on images of 192 x 192 pixels with white Gaussian noise of
    levels between 0.05 and 0.2 (``benchmarks/residuals.py``). On other images, the rates may differ; natural texture as
    strong as the noise makes false alarms more frequent.

    "peak_row" and "peak_column" are the place of "peak". "offset", "tiles", "autocorrelation" and "edges" are figures
    without a threshold: the mean of the residual, the share of tiles of 16 x 16 pixels whose variance a chi-square test
    rejects at 0.1 %, the correlation of the residual of neighbouring pixels minus that of the noise, and the
    correlation of the residual with the edges of the denoised image. They are rarely zero even for good denoisers.

    Detail that is weaker than the noise hardly changes the residual, whether it was invented or removed. It may be
    missed if it is weaker than 2 sigma at 12 pixels in diameter, or thinner, such as lines; so may single pixels of
    less than 10 sigma. Discs with a contrast of 1 sigma, and lines with 2 sigma, are hardly ever found.

    References
    ----------
    .. [1] A. Buades, B. Coll, J.-M. Morel, "A review of image denoising algorithms, with a new one", Multiscale
       Modeling & Simulation 4(2), 2005.
    .. [2] P. C. Hansen, M. E. Kilmer, R. H. Kjeldsen, "Exploiting residual information in the parameter choice for
       discrete ill-posed problems", BIT Numerical Mathematics 46, 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from skimage.data import camera
    >>> from sk_denoise import denoise
    >>> from sk_denoise.evaluation import residual_check
    >>> clean = camera()[100:292, 150:342] / 255
    >>> noisy = clean + 0.1 * np.random.default_rng(0).standard_normal(clean.shape)
    >>> denoised = denoise(noisy, noise=0.1)
    >>> residual_check(noisy, denoised, 0.1, denoiser="nl_ridge").verdict
    'nothing found'
    >>> check = residual_check(noisy, np.roll(denoised, 1, axis=1), 0.1, denoiser="nl_ridge")
    >>> check.verdict, "shift" in check.found
    ('structure', True)
    """
    name = read_denoiser(denoiser)
    images, others, layout = read_pairs(noisy, denoised, ("noisy", "denoised"), channel_axis)
    auto = isinstance(noise, str) and noise == "auto"
    checks = [
        _check_one(image, other, kept, noise, name, auto)
        for image, other, kept in zip(images, others, find_noisy(images))
    ]
    return checks[0] if layout.form == "image" else checks


def _check_one(noisy, denoised, has_noise, noise, name, auto):
    """Check one image of shape (height, width, channels)."""
    reason = reason_against(noisy, has_noise)
    model, missing = (None, reason) if reason else read_noise(noise, noisy)
    if missing:
        return not_checked(noisy, missing, name)
    planes = model.planes(noisy, denoised, has_noise)
    if np.count_nonzero(planes.kept) < FEWEST:
        return not_checked(noisy, "Too few pixels are left, apart from constant areas.", name)
    skipped = _skipped(planes, auto)
    found, centred = statistics.find(planes, skipped), statistics.centre(planes)
    if "smoothing" not in skipped:
        found["smoothing"] = smoothing(statistics.smoothing_features(centred), name)
    if not math.isfinite(found.get("level", 0.0)):
        del found["level"]
        skipped["level"] = "the level of the noise cannot be measured in this image"
    notes = [f"Test {test!r} was not run, because {why}." for test, why in skipped.items()]
    notes += [*_notes(noisy, model), _BLIND]
    figures = statistics.place_of_peak(centred) | {
        "offset": statistics.offset(planes),
        "tiles": statistics.share_of_odd_tiles(centred),
        "autocorrelation": statistics.autocorrelation(centred),
        "edges": statistics.edge_correlation(centred),
    }
    ratios = judge(found, name)
    return make_result(ratios, _described(found, name) | figures, planes, statistics.detail_map(centred), notes, name)


def _skipped(planes, auto):
    """Tests that cannot be run, with the reasons."""
    skipped = {}
    if auto:
        skipped["level"] = "noise='auto' estimates the level from this image"
    if planes.correlation is not None:
        skipped["smoothing"] = "the noise is correlated"
    return skipped


def _notes(image, model):
    notes = []
    if min(image.shape[:2]) < _MEASURED_SIDE // 2:
        side = _MEASURED_SIDE
        notes.append(f"Rates were measured at {side} x {side} pixels; this image is much smaller.")
    if model.gain or model.correlation is not None or image.shape[2] > 1:
        notes.append("Rates were measured on grey images with white Gaussian noise only.")
    return notes


def smoothing(features, name):
    """Score of the features by the weights for a denoiser; higher is smoother."""
    *weights, intercept = WEIGHTS[name]
    return float(np.dot(weights, features) + intercept)


def limits(test, name):
    """Lower threshold, centre and upper threshold of a test for a denoiser; the lower one may be None."""
    start = 3 * TESTS.index(test)
    return THRESHOLDS[name][start : start + 3]


def judge(found, name):
    """Ratios of statistics, by test, to their thresholds for a denoiser, both as distances from the centre."""
    ratios = {}
    for test, value in found.items():
        low, centre, high = limits(test, name)
        if value >= centre:
            ratios[test] = (value - centre) / (high - centre)
        else:
            ratios[test] = 0.0 if low is None else (centre - value) / (centre - low)
    return ratios


def _described(found, name):
    """The statistics with their thresholds and measured rates, as a flat dict."""
    figures = {}
    for test, value in found.items():
        low, _, high = limits(test, name)
        figures |= {test: value, f"{test}_threshold": high}
        if low is not None:
            figures[f"{test}_lowest"] = low
        figures |= dict(zip((f"{test}_false_alarms", f"{test}_detected"), RATES[name][test]))
    return figures | {"all_false_alarms": RATES[name]["all"][0]}
