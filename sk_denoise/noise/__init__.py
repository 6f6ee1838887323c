"""Noise models, the transformer that adds noise, and noisy arrays that keep the clean rows."""

from . import kinds
from ._injector import NoiseInjector, NoisyArray

__all__ = ["NoiseInjector", "NoisyArray", "kinds"]
