"""Noise: its kinds, the transformer that adds it, and rows that remember what they looked like before."""

from . import kinds
from ._injector import NoiseInjector, NoisyArray

__all__ = ["NoiseInjector", "NoisyArray", "kinds"]
