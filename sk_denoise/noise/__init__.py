"""Noise models, the transformer that adds noise, and rows that carry their clean source."""

from . import kinds
from ._injector import NoiseInjector, NoisyArray

__all__ = ["NoiseInjector", "NoisyArray", "kinds"]
