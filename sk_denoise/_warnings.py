"""Warnings that point at the user's line."""

from __future__ import annotations

import sys
import warnings


def warn_user(message, category=UserWarning):
    """Warn where the user called, however deep in this package or below scikit-learn the reason was found."""
    frame, level = sys._getframe(), 1
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in ("joblib", "sk_denoise", "sklearn"):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
