"""Noise models, the transformer that adds noise, noisy data that keep the clean ones, and estimates of noise."""

from . import kinds
from ._estimate import NoiseEstimate, estimate_noise
from ._injector import NoiseInjector
from ._noisy import NoisyArray, NoisyImages

__all__ = ["NoiseEstimate", "NoiseInjector", "NoisyArray", "NoisyImages", "estimate_noise", "kinds"]
