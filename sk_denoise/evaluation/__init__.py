"""Measure how much of the accuracy lost to noise is recovered, and compare denoisers without clean images."""

from ._augmented import fit_noise_augmented
from ._choosing import blind_spot_score, blind_spot_scorer, sure_score, sure_scorer
from ._recovery_report import recovery_report
from ._report import RecoveryReport

__all__ = [
    "RecoveryReport",
    "blind_spot_score",
    "blind_spot_scorer",
    "fit_noise_augmented",
    "recovery_report",
    "sure_score",
    "sure_scorer",
]
