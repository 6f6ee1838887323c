"""Measure how much accuracy is recovered, compare denoisers without clean images, and check denoised images."""

from ._agreement_check import agreement_check
from ._augmented import fit_noise_augmented
from ._choosing import blind_spot_score, blind_spot_scorer, sure_score, sure_scorer
from ._recovery_report import recovery_report
from ._report import RecoveryReport
from ._residual_result import ResidualCheck
from ._residuals import residual_check

__all__ = [
    "RecoveryReport",
    "ResidualCheck",
    "agreement_check",
    "blind_spot_score",
    "blind_spot_scorer",
    "fit_noise_augmented",
    "recovery_report",
    "residual_check",
    "sure_score",
    "sure_scorer",
]
