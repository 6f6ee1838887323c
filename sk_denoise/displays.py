"""The pictures, in the shape of scikit-learn's displays: ``from_estimator`` and its like, then ``plot``."""

from ._change_display import ConfusionChangeDisplay
from ._curve_displays import LossCurveDisplay, RecoveryDisplay
from ._image_display import DenoisingDisplay, choose_rows
from ._latent_display import LatentDisplay

__all__ = [
    "ConfusionChangeDisplay",
    "DenoisingDisplay",
    "LatentDisplay",
    "LossCurveDisplay",
    "RecoveryDisplay",
    "choose_rows",
]
