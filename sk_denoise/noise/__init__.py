"""Noise models, the transformer that adds noise, noisy arrays that keep the clean rows, and estimates of noise."""

from . import kinds
from ._estimate import NoiseEstimate, estimate_noise
from ._injector import NoiseInjector, NoisyArray

__all__ = ["NoiseEstimate", "NoiseInjector", "NoisyArray", "estimate_noise", "kinds"]
