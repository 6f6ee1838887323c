"""How much of the accuracy lost to noise denoising recovers, against what, and where it does harm."""

from ._augmented import fit_rival
from ._recovery_report import recovery_report
from ._report import RecoveryReport

__all__ = ["RecoveryReport", "fit_rival", "recovery_report"]
