"""Displays in the manner of scikit-learn: made by ``from_estimator`` and similar methods, drawn by ``plot``."""

from ._changes import ConfusionChangeDisplay
from ._curves import LossCurveDisplay, RecoveryDisplay
from ._images import DenoisingDisplay, choose_rows
from ._latent import LatentDisplay

__all__ = [
    "ConfusionChangeDisplay",
    "DenoisingDisplay",
    "LatentDisplay",
    "LossCurveDisplay",
    "RecoveryDisplay",
    "choose_rows",
]
