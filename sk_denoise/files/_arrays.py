"""Arrays of NumPy in files, ``.npy`` and ``.npz``."""

from __future__ import annotations

import functools
import os
import zipfile
from dataclasses import dataclass

import numpy as np

from .._core.shapes import COLOUR_CHANNELS
from ._format import Format, overwrite, refuse


def layout_of(path, shape, dtype, channel_axis):
    """Return the axes, the channel axis and the native dtype of an array, or raise if it cannot hold an image."""
    if dtype.kind not in "biuf":
        raise refuse(path, f"holds {dtype}, not real numbers", "Save integers or floats.")
    n_axes = 2 if channel_axis is None else 3
    if len(shape) < n_axes:
        remedy = "Save arrays of at least 2 axes, or of 3 with channel_axis."
        raise refuse(path, f"holds an array of shape {shape}, which is not an image", remedy)
    if channel_axis is None and len(shape) == 3 and shape[-1] in COLOUR_CHANNELS:
        what = f"has shape {shape}, and can be one colour image or a stack of grey ones"
        remedy = "Pass channel_axis=-1 if it is a colour image; otherwise, save its images to separate files."
        raise refuse(path, what, remedy)
    if channel_axis is not None:
        if not -len(shape) <= channel_axis < len(shape):
            raise refuse(path, f"has {len(shape)} axes, not an axis {channel_axis}", "Pass another channel_axis.")
        channel_axis %= len(shape)
    others = [axis for axis in range(len(shape)) if axis != channel_axis]
    letters = dict(zip(others, "Q" * (len(others) - 2) + "YX"))
    axes = "".join(letters.get(axis, "S") for axis in range(len(shape)))
    return axes, channel_axis, dtype.newbyteorder("=")


@dataclass
class NpyFormat(Format):
    """A ``.npy`` file, read as a memory map."""

    offset: int = 0
    fortran: bool = False

    name = ".npy"
    suffixes = (".npy",)

    @classmethod
    def open(cls, path, channel_axis=None):
        """Read the header."""
        with open(path, "rb") as file:
            shape, fortran, dtype = _read_header(file)
            offset = file.tell()
        axes, channel_axis, native = layout_of(path, shape, dtype, channel_axis)
        return cls(path, shape, axes, dtype, native, channel_axis, offset, fortran)

    @property
    def _order(self):
        return "F" if self.fortran else "C"

    def raw(self, index):
        return np.memmap(self.path, self.stored, "r", self.offset, self.shape, self._order)[self.place(index)]

    def write(self, file, planes):
        placed = ((self.place(index), stored) for index, stored in planes)
        overwrite(self.path, file, self.stored, self.shape, self.offset, self._order, placed)


@dataclass
class NpzFormat(Format):
    """A ``.npz`` file with one array, read and written whole."""

    member: str = ""

    name = ".npz"
    suffixes = (".npz",)

    @classmethod
    def open(cls, path, channel_axis=None):
        """Read the header."""
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(names) != 1:
                what = f"holds {len(names)} arrays, {', '.join(names[:3])}"
                raise refuse(path, what, "Save each array to its own file with np.save.")
            with archive.open(names[0]) as file:
                shape, _, dtype = _read_header(file)
        axes, channel_axis, native = layout_of(path, shape, dtype, channel_axis)
        return cls(path, shape, axes, dtype, native, channel_axis, names[0])

    def raw(self, index):
        return _load(self.path, os.stat(self.path).st_mtime_ns)[self.place(index)]

    def write(self, file, planes):
        array = _load(self.path, os.stat(self.path).st_mtime_ns).copy(order="K")
        for index, stored in planes:
            array[self.place(index)] = stored
        with zipfile.ZipFile(self.path) as archive:
            method = archive.getinfo(self.member).compress_type
        with (
            zipfile.ZipFile(file, "w", method) as archive,
            archive.open(self.member, "w", force_zip64=True) as member,
        ):
            np.lib.format.write_array(member, array, allow_pickle=False)


@functools.lru_cache(maxsize=1)
def _load(path, changed):
    """Return the array in a ``.npz`` file, which cannot be read in parts; the last one is kept."""
    with np.load(path, allow_pickle=False) as arrays:
        return arrays[arrays.files[0]]


def _read_header(file):
    """Return the shape, whether the order is Fortran's, and the dtype, from the header of a ``.npy`` file."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)  # also of version 3, which differs only in its encoding
