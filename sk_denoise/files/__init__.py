"""Saving estimators to files without code, and loading them."""

from .._core.files import InvalidFileError
from ._skops import load, save

__all__ = ["InvalidFileError", "load", "save"]
