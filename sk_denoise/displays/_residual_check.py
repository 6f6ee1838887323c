"""Display of what `residual_check` found."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .._core.checks import is_integer, shown
from ._image_inputs import choose_range, read_alike
from ._panels import ImagePanels
from ._residuals import RESIDUAL_COLOURS, draw_colour_bar
from ._style import COLOURS, Display, choose_interpolation

_RESIDUAL_LIMIT = 4  # standard deviations, which hold nearly all noise
_MAP_LIMIT = 12  # standard deviations, about the threshold of removed detail
_RING = 0.06  # radius of the ring around the largest response, as a fraction of the longer side


class ResidualDisplay(Display):
    """Noisy and denoised images, the residual in standard deviations of the noise, and where it has structure.

    Parameters
    ----------
    images : dict of str to list of ndarray
        Images of any size, (height, width) or (height, width, channels), by the name of their panel: "noisy" and
        "denoised", or the names of two denoised images.
    checks : list of ResidualCheck
        Results of `residual_check` or `agreement_check`, one for each image.
    data_range : tuple of float
        Values of black and white.
    numbers : list of int or None, default=None
        Number of each image, which its label starts with. If None, labels are without.

    See Also
    --------
    sk_denoise.evaluation.residual_check : Compares the residual with the noise.
    DenoisingDisplay : Draws noisy and denoised images.

    Notes
    -----
    After `plot`, ``axes_`` holds the axes of the panels, of shape (n_images, 4). A residual that is only noise looks
    the same everywhere; a ring marks the largest one if "peak" was found. The map shows responses of discs of three
    sizes; a ring marks the largest one if "detail" or "agreement" was found. If there are several images, each row says
    which image it is, counting from 1 in the order in which they were passed.

    Examples
    --------
    >>> import numpy as np
    >>> from skimage.data import camera
    >>> from sk_denoise import denoise
    >>> from sk_denoise.displays import ResidualDisplay
    >>> from sk_denoise.evaluation import residual_check
    >>> clean = camera()[100:228, 150:278]
    >>> noisy = clean + 20 * np.random.default_rng(0).standard_normal(clean.shape)
    >>> denoised = denoise(noisy, noise=20)
    >>> check = residual_check(noisy, denoised, 20, denoiser="nl_ridge")
    >>> display = ResidualDisplay.from_checks(noisy, denoised, check)
    >>> [ax.get_title() for ax in display.axes_[0]]
    ['noisy', 'denoised', 'residual in sigma', 'response of discs in sigma']
    """

    _parameter_constraints: dict = {
        "images": [dict],
        "checks": [list, tuple],
        "data_range": [tuple, list, np.ndarray],
        "numbers": [list, tuple, None],
    }

    def __init__(self, images, checks, *, data_range, numbers=None):
        self.images = images
        self.checks = checks
        self.data_range = data_range
        self.numbers = numbers

    @classmethod
    def from_checks(cls, noisy, denoised, checks, *, channel_axis=None, data_range=None, n_images=5, ax=None):
        """Draw images with their checks, the worst first.

        Parameters
        ----------
        noisy, denoised : array-like or list of array-like
            The images that were checked, as passed to `residual_check`. For `agreement_check`, the two denoised ones.
        checks : ResidualCheck or list of ResidualCheck
            What it returned.
        channel_axis : int, default=None
            Axis of the colour channels, of the array or of each image in a list. If None, images are greyscale.
        data_range : pair of floats or None, default=None
            Values of black and white. If None, they are determined as by `DenoisingDisplay.from_images`.
        n_images : int, default=5
            Maximum number of images to show.
        ax : matplotlib Axes, default=None
            Axes to draw on; the panels are placed within them. If None, a new figure is created.

        Returns
        -------
        display : ResidualDisplay

        Raises
        ------
        ValueError, TypeError
            If the images are not arrays of finite numbers of the same shapes, or do not match the checks.
        """
        if not is_integer(n_images) or n_images < 1:
            raise ValueError(f"n_images must be an integer of at least 1, got {shown(n_images)}.")
        arrays = read_alike({"noisy": noisy, "denoised": denoised}, channel_axis)
        checks = list(checks) if isinstance(checks, (list, tuple)) else [checks]
        if len(checks) != len(arrays["noisy"]):
            raise ValueError(
                f"checks must hold one result for each image, {len(arrays['noisy'])}, got {len(checks)}. Pass what"
                " residual_check returned for these images."
            )
        data_range = choose_range(data_range, arrays)
        severities = [getattr(check, "severity", math.nan) for check in checks]
        order = np.argsort([-severity if severity == severity else math.inf for severity in severities], kind="stable")
        order = order[:n_images]
        agreement = any("agreement" in getattr(check, "figures", ()) for check in checks)
        names = ("first", "second") if agreement else ("noisy", "denoised")
        images = {name: [several[i] for i in order] for name, several in zip(names, arrays.values(), strict=True)}
        numbers = [int(i) + 1 for i in order] if len(checks) > 1 else None
        return cls(images, [checks[i] for i in order], data_range=data_range, numbers=numbers).plot(ax=ax)

    def _check(self):
        if len(self.images) != 2:
            raise ValueError(f"images must hold two lists of images, noisy and denoised, got {len(self.images)}.")
        for check in self.checks:
            if not all(hasattr(check, name) for name in ("verdict", "residual", "map")):
                raise TypeError(f"checks must hold results of residual_check, got {shown(check)}.")
        for name, images in self.images.items():
            shapes = [np.shape(image) for image in images]
            wanted = [check.residual.shape for check in self.checks]
            if shapes != wanted:
                raise ValueError(
                    f"images[{name!r}] must have the shapes of the checked ones, {shown(wanted)}, got {shown(shapes)}."
                    " Pass the same images in the same order."
                )
        self._layout().check()

    def _layout(self):
        maps = [np.broadcast_to(_as_last(check.map, check.residual), check.residual.shape) for check in self.checks]
        residuals = [check.residual for check in self.checks]
        panels = {**self.images, "residual": residuals, "map": maps}
        labels = [_label(check) for check in self.checks]
        if self.numbers is not None:
            labels = [f"image {number}: {label}" for number, label in zip(self.numbers, labels)]
        return _CheckPanels(panels, self.data_range, labels, None, None, self.checks)

    @property
    def _size(self):
        return self._layout().size

    @property
    def _dpi(self):
        return self._layout().dpi

    def _draw(self, ax):
        self.axes_ = self._layout().draw(ax)
        ax.get_figure(root=True).draw_without_rendering()
        for panel in self.axes_.flat:
            choose_interpolation(panel)


def _as_last(response, residual):
    return response if residual.ndim == 2 else response[..., np.newaxis]


def _label(check):
    """Verdict, and the tests that found something, in two lines."""
    return "\n".join([check.verdict, ", ".join(check.found)]) if check.found else check.verdict


@dataclass(frozen=True)
class _CheckPanels(ImagePanels):
    """Panels of images, residual and map."""

    checks: list

    @property
    def size(self):
        """Width and height of a new figure in inches, with room for two colour bars."""
        width, height = super().size
        return width + 0.6, height

    def _draw_panel(self, ax, name, i, limit):
        if name not in ("residual", "map"):
            return super()._draw_panel(ax, name, i, limit)
        limit = _RESIDUAL_LIMIT if name == "residual" else _MAP_LIMIT
        options = {"cmap": RESIDUAL_COLOURS, "vmin": -limit, "vmax": limit, "interpolation_stage": "data"}
        image = ax.imshow(self._drawn("residual" if name == "residual" else "map", i), **options)
        ax.set(xticks=[], yticks=[])
        draw_colour_bar(ax, image, (1.02, 0, 0.035, 1))
        place = self._place(name, self.checks[i])
        if place is not None:
            self._draw_ring(ax, place, self.checks[i].map.shape)
        return options

    def _place(self, name, check):
        """Row and column that a ring marks in a panel, or None."""
        if name == "map" and {"detail", "agreement"} & set(check.found):
            return np.unravel_index(np.abs(check.map).argmax(), check.map.shape)
        if name == "residual" and "peak" in check.found:
            return check.figures["peak_row"], check.figures["peak_column"]
        return None

    def _drawn(self, name, i):
        return self.checks[i].map if name == "map" else super()._drawn(name, i)

    def _draw_ring(self, ax, place, shape):
        from matplotlib.patches import Circle

        row, column = place
        radius = max(6.0, _RING * max(shape))
        ring = Circle((column, row), radius, fill=False, edgecolor=COLOURS[1], linewidth=1.5)
        ring.set_gid("ring")
        ax.add_patch(ring)

    def _title(self, name, i):
        titles = {"residual": "residual in sigma", "map": "response of discs in sigma"}
        if name == "residual" and "agreement" in self.checks[i].figures:
            return ["difference in sigma"]
        return [titles.get(name, name)]
