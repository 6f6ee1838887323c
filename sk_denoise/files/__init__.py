"""Estimators in and out of files that carry no code."""

from .._core.files import InvalidFileError
from ._skops import load, save

__all__ = ["InvalidFileError", "load", "save"]
