"""Patches of images: drawn at random for training, and the tiles in which large images are denoised."""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
from sklearn.utils import gen_batches

from .._core.dask_arrays import read_all
from .._core.units import result_dtype

_READ_AT_A_TIME = 64  # patches, so that few chunks of a dask array are in memory


@dataclasses.dataclass(frozen=True)
class PatchSource:
    """Draws patches uniformly over all positions in all images.

    Attributes
    ----------
    clean : list of ndarray of shape (height, width) or (height, width, channels)
        Images to learn to restore, in user units. Only the pixels of drawn patches are read.
    noisy : list of ndarray or None
        Noisy versions of them, of the same shapes.
    patch_shape : tuple of int
        Height and width.
    augment : bool
        Whether to flip patches, and to rotate them by 90 degrees if they are square.
    names : tuple of str
        Names of the clean and of the noisy images in error messages.
    """

    clean: list
    noisy: list | None
    patch_shape: tuple[int, int]
    augment: bool
    names: tuple[str, str] = ("images", "images")

    @functools.cached_property
    def dtype(self):
        """Float dtype that represents all images."""
        arrays = [*self.clean, *(self.noisy or ())]
        return np.result_type(*{result_dtype(array.dtype) for array in arrays})

    @property
    def n_features(self):
        """Number of values of a patch."""
        return math.prod(self.patch_shape) * math.prod(self.clean[0].shape[2:])

    @property
    def image_shape(self):
        """Height, width and number of channels of a patch."""
        return *self.patch_shape, math.prod(self.clean[0].shape[2:])

    def contents(self):
        """Return what identifies the patches."""
        return self.clean, self.noisy, self.patch_shape, self.augment

    def draw(self, n, rng):
        """Draw `n` patches; return the noisy ones, or None, and the clean ones, as rows."""
        rooms, ends = self._rooms
        places = rng.integers(0, ends[-1], n)
        owners = np.searchsorted(ends, places, side="right")
        turns = rng.integers(0, 8, n)
        clean = np.empty((n, self.n_features), dtype=self.dtype)
        noisy = None if self.noisy is None else np.empty_like(clean)
        order = np.argsort(owners, kind="stable")  # image by image, which is faster on disks
        for some in (order[batch] for batch in gen_batches(n, _READ_AT_A_TIME)):
            corners = [
                divmod(int(places[k] - (ends[i] - rooms[i].prod())), int(rooms[i][1]))
                for k, i in zip(some, owners[some])
            ]
            for images, name, rows in ((self.clean, self.names[0], clean), (self.noisy, self.names[1], noisy)):
                if images is not None:
                    names = [f"{name}[{i}]" for i in owners[some]]
                    rows[some] = self._read([images[i] for i in owners[some]], names, corners, turns[some])
        return noisy, clean

    @functools.cached_property
    def _rooms(self):
        """Numbers of positions of a patch along height and width of each image, and the running sum of positions."""
        sides = np.array([image.shape[:2] for image in self.clean], dtype=np.int64)
        rooms = np.maximum(1, sides - self.patch_shape + 1)
        return rooms, np.cumsum(rooms.prod(axis=1))

    def _read(self, images, names, corners, turns):
        """Read one patch of each of `images`, as rows."""
        height, width = self.patch_shape
        places = [(range(top, top + height), range(left, left + width)) for top, left in corners]
        wheres = [_find_part(image.shape, *place) for image, place in zip(images, places)]
        parts = read_all([image[where] for image, (where, _) in zip(images, wheres)])
        patches = [part if index is None else part[index] for part, (_, index) in zip(parts, wheres)]
        return [self._as_row(*case) for case in zip(patches, names, corners, turns)]

    def _as_row(self, patch, name, corner, turn):
        (top, left), (height, width) = corner, self.patch_shape
        patch = patch.astype(self.dtype, copy=False)
        check_finite(patch, name, f" in rows {top} to {top + height} and columns {left} to {left + width}")
        if self.augment:
            patch = patch[:: -1 if turn & 1 else 1, :: -1 if turn & 2 else 1]
            if turn & 4 and height == width:
                patch = patch.swapaxes(0, 1)
        return patch.ravel()


def check_finite(values, name, where=""):
    """Return `values`, which are those of an image or a part of it; raise if they hold NaN or infinity."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(
            f"{name} must hold finite numbers, got NaN or infinity{where}. Crop the image to where it has values, or"
            f" fill it, as with np.nan_to_num({name})."
        )
    return values


@dataclasses.dataclass(frozen=True)
class Tiling:
    """How images of any size are denoised.

    Attributes
    ----------
    any_size : bool
        Whether the denoiser takes images of any size that is a multiple of `multiple`; otherwise, only of the size of a
        patch.
    reach : int or None
        Radius of the receptive field in pixels; None if it is the whole image.
    multiple : int
        Heights and widths must be multiples of it, and tiles begin at such.
    grid : int
        Tiles also begin at multiples of it; heights and widths may be others.
    large : bool
        Whether tiles should be large, because their margins are wide and the denoiser needs little memory.
    """

    any_size: bool
    reach: int | None = None
    multiple: int = 1
    grid: int = 1
    large: bool = False

    @property
    def step(self):
        """Tiles begin at multiples of it."""
        return math.lcm(self.multiple, self.grid)

    @property
    def halo(self):
        """Pixels that a tile reads around it: the reach, rounded up to `step`."""
        return -(-self.reach // self.step) * self.step


def padded_shape(shape, multiple):
    """Height and width of an image, rounded up to multiples of `multiple`."""
    return tuple(-(-side // multiple) * multiple for side in shape[:2])


def read_part(image, rows, columns):
    """Read the pixels of `image` in two ranges, which may extend beyond its bottom and right, where it is reflected."""
    where, index = _find_part(image.shape, rows, columns)
    part = np.asarray(image[where])
    return part if index is None else part[index]


def _find_part(shape, rows, columns):
    """Return what to read of an image for two ranges, and the index that reflects it; None if nothing is reflected."""
    height, width = shape[:2]
    if rows.stop <= height and columns.stop <= width:
        return np.s_[rows.start : rows.stop, columns.start : columns.stop], None
    (top, y), (left, x) = _reflected(rows, height), _reflected(columns, width)
    return np.s_[top : top + y.max() + 1, left : left + x.max() + 1], np.ix_(y, x)


def _reflected(places, side):
    """Return the first pixel to read, and the places relative to it, reflected at the last pixel."""
    period = max(1, 2 * (side - 1))
    folded = np.abs((np.asarray(places) + side - 1) % period - (side - 1))
    return int(folded.min()), folded - folded.min()


def aligned_tiles(shape, tile, tiling, part=None):
    """Yield the rows and columns that each tile computes of an image of `shape`, and those that it reads for that.

    Tiles begin at multiples of ``tiling.step``. They read as many pixels around them as the denoiser reaches, so
    that their results are those for the whole image. With `part`, two ranges that begin at multiples as well, tiles
    cover only that part of the image.
    """
    step = max(tiling.step, tile // tiling.step * tiling.step)
    rows, columns = part or (range(shape[0]), range(shape[1]))
    for top in range(rows.start, rows.stop, step):
        for left in range(columns.start, columns.stop, step):
            ends = min(top + step, rows.stop), min(left + step, columns.stop)
            yield (
                (range(top, ends[0]), range(left, ends[1])),
                tuple(
                    range(max(0, start - tiling.halo), min(end + tiling.halo, side))
                    for start, end, side in zip((top, left), ends, shape)
                ),
            )


def overlapping_starts(side, length):
    """Starts of windows of `length` pixels that cover `side` pixels and overlap by at least half."""
    n = max(1, math.ceil(2 * (side - length) / length) + 1) if side > length else 1
    return np.unique(np.linspace(0, max(0, side - length), n).round().astype(int))


def blending_window(shape):
    """Weights by which overlapping patches are averaged, which decrease towards their borders."""
    ramps = [np.minimum(np.arange(1, n + 1), np.arange(n, 0, -1)) for n in shape]
    return np.outer(*(ramp / ramp.max() for ramp in ramps))
