"""Images of one size in a grid: a column for each image, and a line for each kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._core.checks import check_labels, check_vector, shown
from .._core.shapes import check_image_shape
from .._core.sklearn_glue import check_rows
from .._core.units import check_data_range
from ._residuals import RESIDUAL_COLOURS, draw_colour_bar, reference_of, residual_limit, strongest_channel
from ._style import plain

_NOTE_WIDTH = 46  # in points: "12.3 dB" in 8-point type, plus a gap
_WIDTH, _HEIGHT = 9, 12  # of a figure at most, in inches
_FINEST = 350  # dots per inch at most


def headings(labels, notes):
    """Join the labels and the notes of images, either of which may be None."""
    lines = [[plain(text) for text in texts] for texts in (labels, notes) if texts is not None]
    return ["\n".join(parts) for parts in zip(*lines)]


@dataclass(frozen=True)
class RowGrid:
    """Grid of flattened images, drawn on one pair of axes. The arguments are those of `DenoisingDisplay`."""

    image_shape: tuple
    images: dict
    data_range: tuple
    labels: object
    notes: object
    zoom: object

    def check(self):
        """Raise if the grid cannot be drawn."""
        rows = [check_rows(rows, f"images[{name!r}]") for name, rows in self.images.items()]
        if len({part.shape for part in rows}) != 1:
            raise ValueError(f"images must contain arrays of equal shape, got {[part.shape for part in rows]}.")
        n_images, n_features = rows[0].shape
        check_image_shape(self.image_shape, n_features)
        check_data_range(self.data_range)
        if self.labels is not None:
            check_labels(self.labels, "labels", n_images, of="columns")
        if self.notes is not None:
            check_vector(self.notes, "notes", n_images, of="columns", what="text")
        if self.zoom is not None and not (isinstance(self.zoom, str) and self.zoom == "auto"):
            raise ValueError(
                f"zoom must be 'auto' or None for rows, which have no insets, got {shown(self.zoom)}. Pass the images"
                " to DenoisingDisplay.from_images."
            )

    @property
    def _n_images(self):
        return len(next(iter(self.images.values())))

    @property
    def _steps(self):
        """Height and width of a tile with the gap beside it, in pixels."""
        height, width = self.image_shape[:2]
        gap = max(1, min(height, width) // 50)
        return height + gap, width + gap

    @property
    def _extent(self):
        """Height and width of the grid, in pixels."""
        height, width = self._steps
        gap = width - self.image_shape[1]
        return len(self.images) * height - gap, self._n_images * width - gap

    @property
    def _margins(self):
        beside = 0.25 + 0.09 * max(map(len, self.images)) + (0.6 if "residual" in self.images else 0.05)
        return beside, 0.1 + 0.25 * ((self.labels is not None) + (self.notes is not None))

    @property
    def _tile(self):
        """Width of an image, with the gap beside it, in inches."""
        (height, width), (beside, above) = self._steps, self._margins
        widest = (_WIDTH - beside) / self._n_images
        highest = (_HEIGHT - above) / len(self.images) * width / height
        return min(max(1.4, width / 150), widest, highest)

    @property
    def size(self):
        """Width and height of a new figure in inches."""
        (height, width), (beside, above) = self._steps, self._margins
        total = above + self._tile * len(self.images) * height / width
        return beside + self._tile * self._n_images, max(1.2, total)

    @property
    def dpi(self):
        """Resolution at which no pixel is lost, if possible."""
        return min(_FINEST, 1.1 * self._steps[1] / self._tile)

    def draw(self, ax):
        """Draw the grid and return the axes in an array."""
        height, width = self.image_shape[:2]
        for number, name in enumerate(self.images):
            top = number * self._steps[0]
            tiles, colours = self._tiles(name)
            for column, tile in enumerate(tiles):
                left = column * self._steps[1]
                extent = (left, left + width, top + height, top)
                image = ax.imshow(tile, extent=extent, interpolation_stage="data", **colours)
            if name == "residual":
                # Inset axes are placed in fractions of the axes, which span the images and the gaps between them.
                high, wide = self._extent
                place = (1 + 0.1 * width / wide, 1 - (top + height) / high, 0.12 * width / wide, height / high)
                draw_colour_bar(ax, image, place)
        ax.set(xlim=(0, self._extent[1]), ylim=(self._extent[0], 0))
        self._draw_names(ax)
        return np.array([[ax]])

    def _draw_names(self, ax):
        height, width = self.image_shape[:2]
        difference = f"denoised\n− {reference_of(self.images)}"
        names = [difference if name == "residual" else plain(name) for name in self.images]
        has_room = ax.bbox.width / ax.figure.dpi * 72 >= _NOTE_WIDTH * self._n_images
        titles = headings(self.labels, self.notes if has_room else None)
        ax.set_yticks(np.arange(len(names)) * self._steps[0] + height / 2, names)
        ax.set_xticks(np.arange(len(titles)) * self._steps[1] + width / 2, titles)
        ax.xaxis.tick_top()
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)

    def _tiles(self, name):
        """Return what is drawn of the images, and the options for their colours."""
        rows = np.asarray(self.images[name], dtype=float)
        tiles = rows.reshape(len(rows), *self.image_shape[:2], -1)
        if name == "residual":
            tiles = strongest_channel(tiles)
            limit = residual_limit(tiles)
            return tiles, {"cmap": RESIDUAL_COLOURS, "vmin": -limit, "vmax": limit}
        low, high = self.data_range
        unit = np.clip((tiles - low) / (high - low), 0, 1)
        return unit if unit.shape[-1] == 3 else unit.mean(axis=-1), {"cmap": "gray", "vmin": 0, "vmax": 1}
