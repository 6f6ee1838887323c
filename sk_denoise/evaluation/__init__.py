"""Measure how much of the accuracy lost to noise is recovered by denoising, and where denoising does harm."""

from ._augmented import fit_noise_augmented
from ._recovery_report import recovery_report
from ._report import RecoveryReport

__all__ = ["RecoveryReport", "fit_noise_augmented", "recovery_report"]
