"""Residuals: the colour map, its limits, and the one value that is drawn of each colour pixel."""

from __future__ import annotations

import math

import numpy as np

RESIDUAL_COLOURS = "PuOr"  # its centre, which stands for zero, is nearly white
_SHOWN = 0.995  # share of the values within the limits
_READABLE = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)  # first digits of limits


def reference_of(images):
    """Return the name of the images that are subtracted from the denoised ones."""
    return "noisy" if "noisy" in images and "clean" not in images else "clean"


def strongest_channel(residual):
    """Return the value of largest magnitude among the channels, which are last, of each pixel.

    The mean over the channels would hide a shift of colour.
    """
    strongest = np.abs(residual).argmax(axis=-1)
    return np.take_along_axis(residual, strongest[..., np.newaxis], axis=-1)[..., 0]


def residual_limit(residuals):
    """Return a readable number that 99.5 % of the absolute values of the arrays do not exceed; 1 for zeros."""
    values = np.concatenate([np.abs(residual).ravel() for residual in residuals])
    spread = float(np.quantile(values, _SHOWN)) or float(values.max())
    if spread < np.finfo(np.float32).tiny:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(spread))
    return next((float(f"{digits * unit:.2g}") for digits in _READABLE if digits * unit >= spread), 10 * unit)


def draw_colour_bar(ax, image, place):
    """Draw the colour bar of a residual at `place`, in fractions of the axes."""
    bar = ax.inset_axes(place)
    limit = image.norm.vmax
    ax.figure.colorbar(image, cax=bar, ticks=[-limit, 0, limit])
    bar.set_yticklabels([f"−{limit:g}", "0", f"+{limit:g}"], fontsize=8)
    bar.tick_params(length=0)
    bar.set_gid("residual colour bar")
