"""Arrays of zarr, in folders."""

from __future__ import annotations

import contextlib
import errno
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
        return np.asarray(self._array(self.path, "r")[self.place(index)])

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
            for index, stored in planes:
                array[self.place(index)] = stored
            os.rename(temporary, path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
