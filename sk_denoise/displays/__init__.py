"""Displays in the style of scikit-learn: create with ``from_estimator`` and similar methods, draw with ``plot``."""

from ._changes import ConfusionChangeDisplay
from ._choosing import choose_rows
from ._curves import LossCurveDisplay, RecoveryDisplay
from ._images import DenoisingDisplay
from ._latent import LatentDisplay
from ._noise import NoiseDisplay
from ._residual_check import ResidualDisplay

__all__ = [
    "ConfusionChangeDisplay",
    "DenoisingDisplay",
    "LatentDisplay",
    "LossCurveDisplay",
    "NoiseDisplay",
    "RecoveryDisplay",
    "ResidualDisplay",
    "choose_rows",
]
