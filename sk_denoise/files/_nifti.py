"""NIfTI files, plain and compressed by gzip."""

from __future__ import annotations

import functools
import gzip
import os
import threading
from dataclasses import dataclass

import numpy as np

from ._format import Format, overwrite, refuse, require, round_and_clip, scaled, scaled_dtype, suffix_of, unscaled

_AXES = "XYZTUVW"
_LOCK = threading.Lock()


@dataclass
class NiftiFormat(Format):
    """A NIfTI file; all bytes but the pixels are copied, so that the header stays as it is."""

    slope: float = 1.0
    intercept: float = 0.0
    offset: int = 0

    name = "NIfTI"

    @classmethod
    def open(cls, path, channel_axis=None):
        """Read the header."""
        nibabel = require("nibabel", "nifti")
        image = nibabel.load(path)
        if not isinstance(image, (nibabel.Nifti1Image, nibabel.Nifti2Image)):
            what = f"is read by nibabel as {type(image).__name__}, not as a single NIfTI file"
            raise refuse(path, what, "Convert it: nibabel.save(image, 'converted.nii').")
        stored, proxy = image.header.get_data_dtype(), image.dataobj
        if stored.kind not in "iuf" or stored.itemsize > 8 or not 2 <= len(proxy.shape) <= 7:
            what = f"holds {stored} of shape {proxy.shape}, not images of real numbers"
            raise refuse(path, what, "Save its real part or its channels to separate files.")
        scale = float(proxy.slope), float(proxy.inter)
        dtype = scaled_dtype(stored, *scale)
        axes = _AXES[: len(proxy.shape)]
        return cls(path, tuple(map(int, proxy.shape)), axes, stored, dtype, None, *scale, int(proxy.offset))

    @property
    def suffixes(self):
        """The extension of the source, because compressed files stay compressed."""
        return (".nii.gz",) if self._compressed else (".nii",)

    @property
    def _compressed(self):
        return suffix_of(self.path) == ".nii.gz"

    def raw(self, index):
        if not self._compressed:
            return np.memmap(self.path, self.stored, "r", self.offset, self.shape, "F")[self.place(index)]
        n_pixels = self.shape[0] * self.shape[1]
        number = np.ravel_multi_index(index, self.shape[2:], order="F") if index else 0
        with _LOCK:
            file = _decompressed(self.path, os.stat(self.path).st_mtime_ns, os.getpid())
            file.seek(self.offset + int(number) * n_pixels * self.stored.itemsize)
            data = file.read(n_pixels * self.stored.itemsize)
        return np.frombuffer(data, self.stored, n_pixels).reshape(self.shape[:2], order="F")

    def to_values(self, stored, index):
        return scaled(stored, self.slope, self.intercept, self.dtype)

    def to_stored(self, values, index):
        return round_and_clip(unscaled(values, self.slope, self.intercept), self.stored)

    def indexes(self):
        """Return an iterator over the indexes of all planes, in the order of the file."""
        return (index[::-1] for index in np.ndindex(self.shape[:1:-1]))

    def write(self, file, planes):
        if not self._compressed:
            placed = ((self.place(index), stored) for index, stored in planes)
            overwrite(self.path, file, self.stored, self.shape, self.offset, "F", placed)
            return
        n_bytes = int(np.prod(self.shape, dtype=np.int64)) * self.stored.itemsize
        with gzip.open(self.path) as source, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as target:
            target.write(source.read(self.offset))
            for _, stored in planes:
                target.write(stored.astype(self.stored, copy=False).tobytes(order="F"))
            source.seek(self.offset + n_bytes)
            while block := source.read(1 << 20):
                target.write(block)


@functools.lru_cache(maxsize=1)
def _decompressed(path, changed, process):
    """Return the open file, so that planes read in order are decompressed once; forks must not share its position."""
    return gzip.open(path)
