"""The pictures, in the shape of scikit-learn's displays: ``from_estimator`` and its like, then ``plot``."""

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
