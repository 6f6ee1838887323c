"""Colours, markers, plain-text names and the base class, shared by all displays."""

from __future__ import annotations

from .._core.checks import shown
from .._core.sklearn_glue import validate_attributes

# The palette of Okabe and Ito, which is suitable for colour-blind readers, without black, used for references, and
# yellow, which is hardly visible on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = "osD^vP*Xph"
_LINE_STYLES = ("-", "--", "-.", ":")


def look(number):
    """Colour, marker and line style of a series; no two of the first sixty agree in all three."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": _LINE_STYLES[number // len(COLOURS) % len(_LINE_STYLES)],
    }


def plain(name):
    """Format a name so that matplotlib neither parses it as math text nor omits it from a legend."""
    text = str(name).replace("$", r"\$")
    # A zero-width space, because matplotlib omits labels that start with an underscore.
    return f"\u200b{text}" if text.startswith("_") else text


def finish(ax, grid=None, alpha=1.0):
    """Hide the top and right spines and, if `grid` is a colour, draw horizontal grid lines behind the data."""
    ax.spines[["top", "right"]].set_visible(False)
    if grid is not None:
        ax.grid(axis="y", color=grid, alpha=alpha, linewidth=0.8)
        ax.set_axisbelow(True)


def legend_beside(ax, **options):
    """Add a legend to the right of the axes."""
    place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1), "borderaxespad": 0}
    return ax.legend(frameon=False, fontsize=9, **place, **options)


def choose_interpolation(ax):
    """Smooth the images on the axes, and on axes within them, where they are drawn smaller than they are."""
    for child in ax.child_axes:
        choose_interpolation(child)
    for image in ax.images:
        height, width = image.get_array().shape[:2]
        box = image.get_window_extent()
        magnified = abs(box.width) > width - 0.5 and abs(box.height) > height - 0.5
        image.set_interpolation("nearest" if magnified else "auto")


class Display:
    """Base class of displays. Subclasses draw in `_draw(ax)`.

    A new figure has the size `_size` in inches, and at least `_dpi` dots per inch.
    """

    _parameter_constraints: dict = {}
    _size = (6, 3.5)
    _dpi = 0

    def plot(self, *, ax=None):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : Display
            The display itself, with the axes and their figure as `ax_` and `figure_`.

        Raises
        ------
        TypeError
            If `ax` is not matplotlib Axes, or an attribute of the display has the wrong type.
        ValueError
            If an attribute of the display cannot be drawn.
        """
        from matplotlib.axes import Axes

        if ax is not None and not isinstance(ax, Axes):
            raise TypeError(f"ax must be an instance of matplotlib.axes.Axes or None, got {shown(ax)}.")
        validate_attributes(self)
        self._check()
        if ax is None:
            import matplotlib.pyplot as plt

            dpi = max(self._dpi, plt.rcParams["figure.dpi"])
            _, ax = plt.subplots(figsize=self._size, dpi=dpi, layout="constrained")
        self._draw(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _check(self):
        """Raise if attributes have the right types but cannot be drawn."""
