"""Images of any size: a line of panels for each image, at full resolution, with insets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._core.checks import check_labels, check_vector, shown
from .._core.images import read_images
from .._core.units import check_data_range, result_dtype
from ._grid import headings
from ._image_inputs import image_psnr
from ._residuals import RESIDUAL_COLOURS, draw_colour_bar, reference_of, residual_limit, strongest_channel
from ._style import COLOURS, plain
from ._zoom import check_zoom, find_region, inset_place

_WIDTH = 12  # of all panels in a line, in inches
_TALLEST = 1.5  # height of a panel at most, in multiples of its width
_FINEST = 350  # dots per inch at most; a quarter of the width then has 1,000 pixels
_MOST_DOTS = 30_000  # along the height of a figure; matplotlib allows 65,536
_FONT, _LETTER = 10, 5.6  # size of the titles, and mean width of their letters, in points
_FRAME = COLOURS[5]


@dataclass(frozen=True)
class ImagePanels:
    """Panels of images of any size. The arguments are those of `DenoisingDisplay`."""

    images: dict
    data_range: tuple
    labels: object
    notes: object
    zoom: object

    def check(self):
        """Raise if the panels cannot be drawn."""
        if not self.images:
            raise ValueError("images must contain at least one list of images, got an empty dict.")
        shapes = {name: self._check_images(name, images) for name, images in self.images.items()}
        first = next(iter(shapes.values()))
        if any(other != first for other in shapes.values()):
            raise ValueError(f"images must contain lists of images of equal shapes, got {shown(shapes)}.")
        check_data_range(self.data_range)
        check_zoom(self.zoom, first)
        if self.labels is not None:
            check_labels(self.labels, "labels", len(first), of="images")
        if self.notes is not None:
            check_vector(self.notes, "notes", len(first), of="images", what="text")

    def _check_images(self, name, images):
        """Return the shapes of the images after checking them."""
        name = f"images[{name!r}]"
        if not isinstance(images, (list, tuple)):
            raise ValueError(
                f"{name} must be a list of images if image_shape is None, got {shown(images)}. If it holds flattened"
                " images, pass image_shape=(height, width)."
            )
        colour = len(images) > 0 and np.ndim(images[0]) == 3
        arrays, _ = read_images(images, channel_axis=-1 if colour else None, name=name)
        return [array.shape for array in arrays]

    @property
    def _shapes(self):
        return [np.shape(image) for image in next(iter(self.images.values()))]

    @property
    def _panel_width(self):
        return _WIDTH / max(3, len(self.images))

    @property
    def _panel_heights(self):
        return [self._panel_width * min(_TALLEST, shape[0] / shape[1]) for shape in self._shapes]

    @property
    def size(self):
        """Width and height of a new figure in inches."""
        width = len(self.images) * (self._panel_width + 0.12) + 0.6 * ("residual" in self.images)
        width += 0.5 * (self.labels is not None or self.notes is not None)
        return width, sum(self._panel_heights) + 0.4 * len(self._shapes)

    @property
    def dpi(self):
        """Resolution at which no pixel is lost, if possible."""
        # Along the longer side of the panel; the other side has room to spare.
        sides = zip(self._shapes, self._panel_heights)
        needed = max(max(shape[0] / height, shape[1] / self._panel_width) for shape, height in sides)
        return min(_FINEST, 1.05 * needed, _MOST_DOTS / self.size[1])

    def draw(self, ax):
        """Draw the panels in the place of `ax` and return their axes, of shape (n_images, n_panels)."""
        ax.set_axis_off()
        axes, lines, limit = self._add_axes(ax), headings(self.labels, self.notes), None
        if "residual" in self.images:
            limit = residual_limit([self._drawn("residual", i) for i in range(len(axes))])
        separator = self._separator(ax)
        for i, panels in enumerate(axes):
            searched = np.asarray(self.images.get("denoised", next(iter(self.images.values())))[i])
            region = find_region(searched, self.zoom)
            place = None if region is None else inset_place(searched, region)
            for panel, name in zip(panels, self.images):
                options = self._draw_panel(panel, name, i, limit)
                panel.set_title(separator.join(self._title(name, i)), fontsize=_FONT)
                if region is not None:
                    _draw_inset(panel, region, place, options)
            if lines:
                panels[0].set_ylabel(lines[i])
        return axes

    def _separator(self, ax):
        """Return what separates the parts of titles: a new line if they do not fit side by side."""
        titles = (", ".join(self._title(name, i)) for i in range(len(self._shapes)) for name in self.images)
        room = ax.bbox.width / ax.figure.dpi * 72 / len(self.images)
        return ", " if max(map(len, titles)) * _LETTER <= room else "\n"

    def _add_axes(self, ax):
        shape, heights = (len(self._shapes), len(self.images)), self._panel_heights
        place = ax.get_subplotspec()
        if place is not None:
            grid = place.subgridspec(*shape, height_ratios=heights)
        else:  # axes that were placed by hand
            box = ax.get_position()
            sides = {"left": box.x0, "right": box.x1, "bottom": box.y0, "top": box.y1}
            grid = ax.figure.add_gridspec(*shape, height_ratios=heights, **sides)
        axes = [ax.figure.add_subplot(grid[i, j]) for i in range(shape[0]) for j in range(shape[1])]
        return np.array(axes, dtype=object).reshape(shape)

    def _draw_panel(self, ax, name, i, limit):
        """Draw an image and return the options for its colours."""
        array, options = self._drawn(name, i), {"interpolation_stage": "data"}
        if name == "residual":
            options |= {"cmap": RESIDUAL_COLOURS, "vmin": -limit, "vmax": limit}
        elif array.ndim == 2:
            options |= {"cmap": "gray", "vmin": self.data_range[0], "vmax": self.data_range[1]}
        image = ax.imshow(array, **options)
        ax.set(xticks=[], yticks=[])
        if name == "residual":
            draw_colour_bar(ax, image, (1.02, 0, 0.035, 1))
        return options

    def _drawn(self, name, i):
        """Return what is drawn of an image: a residual of one channel, grey values, or colours in [0, 1]."""
        image = np.asarray(self.images[name][i])
        if name == "residual":
            return strongest_channel(image) if image.ndim == 3 else image
        image = image.astype(np.promote_types(result_dtype(image.dtype), np.float32), copy=False)
        if image.ndim == 3 and image.shape[2] == 3:
            low, high = self.data_range
            return np.clip((image - low) / (high - low), 0, 1)
        return image if image.ndim == 2 else image.mean(axis=-1)

    def _title(self, name, i):
        """Return the parts of a title: the name, and the PSNR or the standard deviation of what was removed."""
        image, clean = self.images[name][i], self.images.get("clean")
        if name == "residual":
            reference = reference_of(self.images)
            removed = [f"removed: sigma {float(f'{np.std(image):.3g}'):g}"] if reference == "noisy" else []
            return [f"denoised − {reference}", *removed]
        if name == "clean" or clean is None:
            return [plain(name)]
        return [plain(name), f"PSNR {image_psnr(clean[i], image, self.data_range):.1f} dB"]


def _draw_inset(ax, region, place, options):
    from matplotlib.patches import Rectangle

    top, left, height, width = region
    pixels = ax.images[0].get_array()[top : top + height, left : left + width]
    inset, corner = ax.inset_axes(place), (left - 0.5, top - 0.5)  # pixels are centred at integers
    inset.imshow(pixels, extent=(corner[0], corner[0] + width, corner[1] + height, corner[1]), **options)
    inset.set(xticks=[], yticks=[])
    inset.spines[:].set(color=_FRAME, linewidth=1.5)
    inset.set_gid("inset")
    ax.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=_FRAME, linewidth=1.2))
