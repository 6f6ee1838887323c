"""`agreement_check`: where two denoised shots of a scene differ by more than noise."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import norm

from .._core.checks import warn_user
from . import _residual_statistics as statistics
from ._residual_inputs import read_noise, read_pairs, reason_against
from ._residual_result import make_result, not_checked
from ._residual_table import AGREEMENT

__all__ = ["agreement_check"]

_FALSE_ALARMS = 0.05  # in images of pure noise
_ALIKE = 0.01  # standard deviations of the difference, below which images are hardly of two shots
_BLIND = "What both images have in common is not seen."


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

    Warns
    -----
    UserWarning
        If images differ by less than 1 % of the noise: they are hardly of two shots.

    Notes
    -----
    Discs of radii 3, 6 and 12 pixels are matched to the difference. The largest response is compared with that of
    undenoised noise, with at most 5 % false alarms per image (Bonferroni correction over pixels). So detail is found
    from a contrast of about 0.6 sigma for a disc of 12 pixels in diameter, and 1.3 sigma for one of 6 pixels, but not
    if it is finer or fainter.

    What both images have in common is not seen at all: a bias of the denoiser, or, if both images are of the same
    shot, even detail that was made from its noise.

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
    reason = reason_against(image, has_noise)
    if reason:
        return not_checked(image, reason, "any")
    model, _ = read_noise(noise, np.concatenate([image, other]))
    planes = model.planes(image, other, has_noise, both_noisy=True)
    where = statistics.detail_map(planes, misfit=0.0)
    largest, threshold = float(np.abs(where).max()), float(norm.isf(_FALSE_ALARMS / 2 / planes.residual.size))
    figures = {"agreement": largest, "agreement_threshold": threshold}
    figures |= dict(zip(("agreement_false_alarms", "agreement_detected"), AGREEMENT))
    figures["difference"] = math.sqrt(planes.mean(planes.residual**2))
    notes = [*_warn_if_alike(figures["difference"]), _BLIND]
    return make_result({"agreement": largest / threshold}, figures, planes, where, notes, "any")


def _warn_if_alike(difference):
    """Warn, and return a list of notes, if images are too similar for two shots."""
    if difference >= _ALIKE:
        return []
    note = (
        f"The images differ by {difference:.2g} of the noise only, so they are hardly of two shots, and this test says"
        " nothing."
    )
    warn_user(f"{note} Denoise each shot on its own, and pass both results.")
    return [note]
