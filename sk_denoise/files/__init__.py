"""Save estimators to files that contain no code, and load them."""

from .._core.files import InvalidFileError
from ._skops import load, save

__all__ = ["InvalidFileError", "load", "save"]
