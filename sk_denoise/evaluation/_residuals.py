"""`residual_check` and `agreement_check`: a verdict on each denoised image, without clean ones."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import norm

from . import _residual_statistics as statistics
from ._residual_inputs import FEWEST, SMALLEST, find_noisy, read_denoiser, read_noise, read_pairs
from ._residual_table import AGREEMENT, RATES, TESTS, THRESHOLDS, WEIGHTS

__all__ = ["ResidualCheck", "agreement_check", "residual_check"]

_FALSE_ALARMS = 0.05  # of `agreement_check`, in images of pure noise
_MEASURED_SIDE = 192  # pixels of the images that thresholds and rates were measured on
_STRUCTURE = {"shift", "detail", "stripes", "agreement"}  # tests that say more than that the amount is wrong
_WORDS = {
    "shift": "the denoised image is shifted, or its edges are",
    "detail": "detail was removed or added near row {row}, column {column}",
    "stripes": "the denoised image has stripes",
    "level": "the noise is {direction} than stated",
    "variance": "{direction} was removed than usual with this denoiser: {removed:.0%} of the variance of the noise",
    "smoothing": "the image was smoothed more than usual with this denoiser",
    "agreement": "the images differ by more than the noise explains, near row {row}, column {column}",
}
_BLIND = "Detail invented below the noise level cannot be detected."


@dataclass(frozen=True, eq=False)  # arrays have no single truth value
class ResidualCheck:
    """What `residual_check` or `agreement_check` found in one image.

    Attributes
    ----------
    verdict : {"nothing found", "structure", "amount", "not checked"}
        "structure" is a residual that is related to the image, or stripes; "amount" means that less or more was removed
        than the noise explains; "not checked" images are too small or have hardly any noise. "nothing found" does not
        mean that the image is fine, only that these tests found nothing.
    severity : float
        The largest ratio of a statistic to its threshold, both measured from the median of good outputs; above 1,
        something was found. Use it to sort images. NaN if nothing was checked.
    found : tuple of str
        Names of the tests that found something, the clearest first.
    figures : dict of str to float
        For each test, its statistic, "..._threshold" (and "..._lowest", for tests with two thresholds),
        "..._false_alarms", the measured share of good images with an alarm, and "..._detected", that of faulty ones;
        then other figures, which are not tested.
    residual : ndarray of shape (height, width) or (height, width, channels)
        Noisy minus denoised image, in standard deviations of the noise; for `agreement_check`, the difference of the
        images, in standard deviations of the difference of the shots' noise.
    map : ndarray of shape (height, width)
        Where structure is: response of disc-shaped filters to the residual, in standard deviations of the noise,
        positive where the noisy image is brighter than the denoised one. Discs have radii of 3, 6 and 12 pixels; each
        pixel has the largest response.
    notes : tuple of str
        What limits the verdict, such as tests that were not run.
    denoiser : str
        The denoiser whose thresholds were used, or "any".

    See Also
    --------
    sk_denoise.displays.ResidualDisplay : Draws it.
    """

    verdict: str
    severity: float
    found: tuple
    figures: dict
    residual: np.ndarray = field(repr=False)
    map: np.ndarray = field(repr=False)
    notes: tuple = ()
    denoiser: str = "any"

    def __str__(self):
        if self.verdict == "not checked":
            return "\n".join(["Not checked.", *self.notes])
        tests = [name for name in (*TESTS, "agreement") if name in self.figures]
        if self.found:
            lines = [f"{_TITLES[self.verdict]}: {'; '.join(map(self._words, self.found))}."]
        else:
            lines = [f"Nothing found by these tests: {', '.join(tests)}."]
        together = self.figures.get("all_false_alarms", math.nan)
        if math.isfinite(together):
            lines.append(f"Measured together, these tests raised a false alarm for {together:.0%} of good images.")
        for name in tests:
            shares = (self.figures[f"{name}_{share}"] for share in ("detected", "false_alarms"))
            detected, alarms = (f"{share:.0%}" if math.isfinite(share) else "not measured" for share in shares)
            limits = (self.figures.get(f"{name}_{end}", math.nan) for end in ("lowest", "threshold"))
            shown = " to ".join(f"{limit:.3g}" for limit in limits if math.isfinite(limit))
            mark = "!" if name in self.found else " "
            lines.append(
                f"{mark} {name:<10}{self.figures[name]:>8.3g}  (thresholds: {shown}; faults found: {detected},"
                f" false alarms: {alarms})"
            )
        return "\n".join([*lines, *self.notes])

    def _words(self, name):
        row, column = np.unravel_index(np.abs(self.map).argmax(), self.map.shape)
        above = self.figures[name] > 0
        words = {"level": ("weaker", "stronger"), "variance": ("less", "more")}.get(name, ("", ""))
        removed = math.exp(self.figures.get("variance", 0.0))
        return _WORDS[name].format(row=row, column=column, direction=words[above], removed=removed)


_TITLES = {"structure": "Structure in the residual", "amount": "Less or more removed than the noise explains"}


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
    The tests are:

    - "shift": regression of the residual on the gradient of the denoised image, in units of its standard error and a
      tolerance of 0.1 pixels.
    - "detail": matched filters, discs of three sizes, on the residual; the largest response counts, in standard
      deviations. At edges, a misfit in proportion to the gradient is tolerated.
    - "stripes": correlation of the profiles of distant parts of the *denoised* image, of rows and of columns. The
      residual does not change if stripes remain.
    - "level": `estimate_noise` on the noisy image, as the logarithm of the ratio to the given level.
    - "variance": mean square of the residual, as the logarithm of its ratio to the variance of the noise.
    - "smoothing": a weighted sum of the variance and the autocorrelation of the residual and of the energies of the
      images at three scales, learned by a logistic regression that separates blurred and over-smoothed outputs from
      good ones of the same denoiser. Only for white noise, for which the weights were learned.

    Their thresholds were chosen, and their rates measured, on images of 192 x 192 pixels with white Gaussian noise of
    levels between 0.05 and 0.2 (``benchmarks/residuals.py``). On other images, the rates may differ; natural texture as
    strong as the noise makes false alarms more frequent.

    "tiles", "autocorrelation" and "edges" are figures without a threshold: the share of tiles of 16 x 16 pixels whose
    variance a chi-square test rejects at 0.1 %, the correlation of the residual of neighbouring pixels minus that of
    the noise, and the correlation of the residual with the edges of the denoised image. They are rarely zero even for
    good denoisers.

    Invented detail that is weaker than the noise hardly changes the residual, so no test on a single image can detect
    it.

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
    reason = _reason_against(noisy, has_noise)
    model, missing = (None, reason) if reason else read_noise(noise, noisy)
    if missing:
        return _not_checked(noisy, missing, name)
    planes = model.planes(noisy, denoised, has_noise)
    if np.count_nonzero(planes.kept) < FEWEST:
        return _not_checked(noisy, "Too few pixels are left, apart from constant areas.", name)
    skipped = _skipped(planes, auto)
    found = {test: function(planes) for test, function in statistics.STATISTICS.items() if test not in skipped}
    if "smoothing" not in skipped:
        found["smoothing"] = smoothing(statistics.smoothing_features(planes), name)
    if not math.isfinite(found.get("level", 0.0)):
        del found["level"]
        skipped["level"] = "the level of the noise cannot be measured in this image"
    notes = [f"Test {test!r} was not run, because {why}." for test, why in skipped.items()]
    notes += [*_notes(noisy, model), _BLIND]
    figures = {
        "tiles": statistics.share_of_odd_tiles(planes),
        "autocorrelation": statistics.autocorrelation(planes),
        "edges": statistics.edge_correlation(planes),
    }
    ratios = judge(found, name)
    return _result(ratios, _described(found, name) | figures, planes, statistics.detail_map(planes), notes, name)


def _reason_against(image, has_noise):
    height, width = image.shape[:2]
    if min(height, width) < SMALLEST:
        return (
            f"Images of {height} x {width} pixels are too small to check; at least {SMALLEST} x {SMALLEST} are needed."
        )
    return "" if has_noise.sum() >= FEWEST else "There are too few pixels, apart from constant areas."


def _not_checked(image, reason, name):
    nothing = np.zeros(image.shape, np.float32)
    return ResidualCheck("not checked", math.nan, (), {}, _squeezed(nothing), nothing[..., 0], (reason,), name)


def _squeezed(image):
    return image[..., 0] if image.shape[-1] == 1 else image


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


def _result(ratios, figures, planes, where, notes, name):
    found = tuple(sorted((test for test in ratios if ratios[test] > 1), key=ratios.get, reverse=True))
    # A shift, for example, also changes the variance.
    verdict = "structure" if _STRUCTURE & set(found) else "amount" if found else "nothing found"
    severity = float(max(ratios.values()))
    residual = _squeezed(np.moveaxis(planes.residual, 0, -1)).astype(np.float32)
    return ResidualCheck(verdict, severity, found, figures, residual, where.astype(np.float32), tuple(notes), name)


def agreement_check(denoised_a, denoised_b, noise, *, channel_axis=None):
    """Find where two denoised shots of one scene differ by more than their noise explains.

    A single image does not show whether its detail was invented. Noise differs between shots, so most of what a
    denoiser makes of it differs, too.

    Parameters
    ----------
    denoised_a, denoised_b : array-like or list of array-like
        The denoised images of the first and of the second shot, as for `residual_check`. The scene must not move
        between the shots.
    noise : "auto", NoiseEstimate, NoiseInjector or float
        The noise of each shot *before* denoising, as for `residual_check`; "auto" is not allowed.
    channel_axis : int, default=None
        As for `residual_check`.

    Returns
    -------
    check : ResidualCheck, or list of ResidualCheck
        With the verdict "structure" if the images differ by more than noise explains, and otherwise "nothing found".
        The `map` is positive where the first image is brighter. The figure "difference" is the root mean square of the
        difference, relative to that of the noise; a good denoiser makes it small.

    Raises
    ------
    ValueError, TypeError
        As for `residual_check`, or if the noise is to be estimated, which denoised images do not allow.

    Notes
    -----
    Discs of radii 3, 6 and 12 pixels are matched to the difference. The largest response is compared with that of
    undenoised noise, with at most 5 % false alarms per image (Bonferroni correction over pixels). So detail is found
    from a contrast of about 0.6 sigma for a disc of 12 pixels in diameter, and 1.3 sigma for one of 6 pixels, but not
    if it is finer or fainter. What both shots have in common, such as a bias of the denoiser, is not seen at all.

    Examples
    --------
    >>> import numpy as np
    >>> from skimage.data import camera
    >>> from sk_denoise import denoise
    >>> from sk_denoise.evaluation import agreement_check
    >>> clean, rng = camera()[100:228, 150:278] / 255, np.random.default_rng(0)
    >>> a, b = (denoise(clean + 0.1 * rng.standard_normal(clean.shape), noise=0.1) for _ in range(2))
    >>> agreement_check(a, b, 0.1).verdict
    'nothing found'
    >>> a[40:52, 40:52] += 0.1  # invented detail, as strong as one standard deviation of the noise
    >>> agreement_check(a, b, 0.1).verdict
    'structure'
    """
    if isinstance(noise, str):
        raise ValueError(
            "noise must be that of the shots before denoising, which cannot be estimated from denoised images, got"
            f" {noise!r}. Pass estimate_noise(noisy), or a standard deviation."
        )
    images, others, layout = read_pairs(denoised_a, denoised_b, ("denoised_a", "denoised_b"), channel_axis)
    checks = [_agreement_of_one(image, other, noise) for image, other in zip(images, others)]
    return checks[0] if layout.form == "image" else checks


def _agreement_of_one(image, other, noise):
    has_noise = np.ones(image.shape, dtype=bool)
    reason = _reason_against(image, has_noise)
    if reason:
        return _not_checked(image, reason, "any")
    model, _ = read_noise(noise, np.concatenate([image, other]))
    planes = model.planes(image, other, has_noise, both_noisy=True)
    where = statistics.detail_map(planes, misfit=0.0)
    largest, threshold = float(np.abs(where).max()), float(norm.isf(_FALSE_ALARMS / 2 / planes.residual.size))
    figures = {"agreement": largest, "agreement_threshold": threshold}
    figures |= dict(zip(("agreement_false_alarms", "agreement_detected"), AGREEMENT))
    figures["difference"] = math.sqrt(planes.mean(planes.residual**2))
    return _result({"agreement": largest / threshold}, figures, planes, where, (), "any")
