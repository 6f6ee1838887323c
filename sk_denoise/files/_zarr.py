"""Arrays of zarr, in folders."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import secrets
import shutil
from dataclasses import dataclass

import numpy as np

from ._arrays import layout_of
from ._format import Format, refuse, require

_METADATA = ("zarr.json", ".zarray", ".zattrs")


@dataclass
class ZarrFormat(Format):
    """A zarr array in a folder; what is written has the same chunks, codecs and attributes."""

    name = "zarr"
    suffixes = (".zarr",)
    cached = False  # chunks may change without a trace in the folder

    @classmethod
    def open(cls, path, channel_axis=None):
        """Read the metadata."""
        zarr = require("zarr", "zarr")
        array = zarr.open(path, mode="r")
        if not isinstance(array, zarr.Array):
            names = sorted(array.array_keys())
            which = os.path.join(path, names[0]) if names else "the folder of an array"
            raise refuse(path, "is a group of zarr arrays", f"Pass the path of one of them, such as {which}.")
        dtype = np.dtype(array.dtype)
        axes, channel_axis, native = layout_of(path, array.shape, dtype, channel_axis)
        return cls(path, array.shape, axes, dtype, native, channel_axis)

    def raw(self, index):
        return _LazyPlane(self._array(self.path, "r"), self.place(index))

    def _array(self, path, mode):
        return require("zarr", "zarr").open_array(path, mode=mode)

    def write_to(self, path, planes):
        path = os.path.abspath(path)
        folder = os.path.dirname(path)
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, "The folder of a zarr array cannot be replaced; delete it first", path)
        if not os.path.isdir(folder):
            raise FileNotFoundError(errno.ENOENT, "No such folder", folder)
        temporary = os.path.join(folder, f".sk_denoise-{secrets.token_hex(8)}.tmp")
        os.mkdir(temporary)
        try:
            for name in _METADATA:
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(os.path.join(self.path, name), os.path.join(temporary, name))
            array = self._array(temporary, "r+")
            self._fill(array, planes)
            os.rename(temporary, path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise

    def _fill(self, array, planes):
        """Write planes; those that share chunks along the last axis that numbers them are written together."""
        depth = array.chunks[self.loop_axes[-1]] if self.loop_axes else 1
        chunk_of = lambda plane: (plane[0][:-1], plane[0][-1] // depth) if plane[0] else ()
        for _, group in itertools.groupby(planes, chunk_of):
            indexes, block = zip(*group)
            place = list(self.place(indexes[0]))
            if self.loop_axes:
                axis = self.loop_axes[-1]
                place[axis] = slice(indexes[0][-1], indexes[-1][-1] + 1)
                block = [np.stack(block, axis=sum(other < axis for other in self.plane_axes))]
            array[tuple(place)] = block[0]


class _LazyPlane:
    """A plane of a zarr array, of which only the chunks that are asked for are read."""

    def __init__(self, array, place):
        self._array, self._place = array, place

    def __getitem__(self, part):
        parts = iter(part)
        whole = tuple(next(parts) if isinstance(place, slice) else place for place in self._place)
        if any(isinstance(place, slice) and (place.step or 1) < 0 for place in whole):  # zarr reads forwards only
            return np.asarray(self._array[self._place])[part]
        return np.asarray(self._array[whole])
