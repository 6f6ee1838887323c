"""Shared by the displays: colours, markers, names as plain text, and ``plot``."""

from __future__ import annotations

from .._core.checks import shown
from .._core.sklearn_glue import validate_attributes

# Palette of Okabe and Ito, suitable for colour-blind readers, without black, which is used for references, and yellow,
# which is hardly visible on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = "osD^vP*Xph"
_LINE_STYLES = ("-", "--", "-.", ":")


def look(number):
    """Colour, marker and line style of series `number`; no two of the first sixty share all three."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": _LINE_STYLES[number // len(COLOURS) % len(_LINE_STYLES)],
    }


def plain(name):
    """Format a name so that matplotlib neither reads it as a formula nor leaves it out of a legend."""
    text = str(name).replace("$", r"\$")
    return f"\u200b{text}" if text.startswith("_") else text  # an invisible character


def finish(ax, grid=None, alpha=1.0):
    """Hide the upper and right spines and, for a colour `grid`, draw horizontal lines behind the data."""
    ax.spines[["top", "right"]].set_visible(False)
    if grid is not None:
        ax.grid(axis="y", color=grid, alpha=alpha, linewidth=0.8)
        ax.set_axisbelow(True)


def legend_beside(ax, **options):
    """Make a legend to the right of the axes."""
    place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1), "borderaxespad": 0}
    return ax.legend(frameon=False, fontsize=9, **place, **options)


class Display:
    """Base class of displays: subclasses draw in `_draw(ax)`; `_size` is that of a new figure, in inches."""

    _parameter_constraints: dict = {}
    _size = (6, 3.5)

    def plot(self, *, ax=None):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : Display
            This display; its `ax_` and `figure_` are the axes drawn on and their figure.
        """
        from matplotlib.axes import Axes

        if ax is not None and not isinstance(ax, Axes):
            raise TypeError(f"ax must be matplotlib Axes or None, got {shown(ax)}.")
        validate_attributes(self)
        self._check()
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots(figsize=self._size, layout="constrained")
        self._draw(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _check(self):
        """Raise for values of the right types that cannot be drawn."""
