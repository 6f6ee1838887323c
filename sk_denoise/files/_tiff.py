"""TIFF, BigTIFF, and stacks of OME and ImageJ."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shutil
import threading
from dataclasses import dataclass

import numpy as np
import tifffile

from ._format import Format, overwrite, refuse

_GREY, _RGB = (0, 1), 2  # photometric interpretations
_LONG = ("StripOffsets", "StripByteCounts", "TileOffsets", "TileByteCounts")
_ALPHA = (1, 2)  # kinds of extra samples
_LOCK = threading.Lock()
_SPLIT = "Save the image to denoise to a file of its own with tifffile.imwrite."


@dataclass
class TiffFormat(Format):
    """A TIFF file with one series; all tags but those of the compression are copied.

    Attributes
    ----------
    whole : tuple of int
        Shape in the file, with alpha.
    whole_axes : str
        Its axes.
    samples : int or slice or None
        Which samples are part of the image, if some are not.
    offset : int or None
        Where the pixels start, if they are uncompressed and in one piece.
    page_ndim : int
        Number of axes of a page.
    """

    whole: tuple[int, ...] = ()
    whole_axes: str = ""
    samples: object = None
    offset: int | None = None
    page_ndim: int = 2

    name = "TIFF"
    suffixes = (".tif", ".tiff", ".btf", ".tf8")

    @classmethod
    def open(cls, path, channel_axis=None):
        """Read the first page and the list of pages."""
        with _no_errors(), tifffile.TiffFile(path) as tiff:
            _check_series(path, tiff.series)
            series = tiff.series[0]
            page = series.keyframe
            shape, axes = tuple(series.shape), series.axes
            if not {"Y", "X"} <= set(axes) or shape[len(shape) - page.ndim :] != page.shape:
                raise refuse(path, f"has pages with the axes {axes}, which are not images", _SPLIT)
            stored = _stored_dtype(path, page, tiff.byteorder)
            samples = _find_samples(path, page, axes)
            offset, page_ndim = series.dataoffset, page.ndim
        whole, whole_axes = shape, axes
        if "S" in axes:
            at = axes.index("S")
            kept = range(shape[at])[samples] if isinstance(samples, slice) else ()
            shape = (*shape[:at], *((len(kept),) if kept else ()), *shape[at + 1 :])
            axes = axes if kept else axes.replace("S", "")
        channels = axes.index("S") if "S" in axes and page.photometric == _RGB else None
        native = stored.newbyteorder("=")
        return cls(path, shape, axes, stored, native, channels, whole, whole_axes, samples, offset, page_ndim)

    def raw(self, index):
        if self.offset is not None:
            mapped = np.memmap(self.path, self.stored, "r", self.offset, self.whole)
            return mapped[self._whole_place(index)]
        with _LOCK:
            tiff = _opened(self.path, os.stat(self.path).st_mtime_ns, os.getpid())
            page = tiff.series[0].pages[self._number(index)]
            return self._read_page(page)[self._whole_place(index)[-self.page_ndim :]]

    def _read_page(self, page):
        """Return the pixels of a page, uncompressed."""
        if page is None:
            raise ValueError("a page is missing in the file.")
        try:
            return page.asarray().reshape(self.whole[-self.page_ndim :])
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            name = getattr(page.compression, "name", page.compression)
            raise ValueError(f"its {name} compression requires imagecodecs: pip install imagecodecs.") from error

    def _number(self, index):
        """The page that holds a plane."""
        n_leading = len(self.whole) - self.page_ndim
        place = self._whole_place(index)[:n_leading]
        return int(np.ravel_multi_index(place, self.whole[:n_leading])) if n_leading else 0

    def _whole_place(self, index):
        """Index of a plane in the array of the file, which has alpha."""
        place = list(self.place(index))
        if "S" in self.whole_axes and self.samples != slice(None):
            at = self.whole_axes.index("S")
            place[at : at + ("S" in self.axes)] = [self.samples]
        return tuple(place)

    def write(self, file, planes):
        if self.offset is not None:
            placed = ((self._whole_place(index), stored) for index, stored in planes)
            overwrite(self.path, file, self.stored, self.whole, self.offset, "C", placed)
            return
        with open(self.path, "rb") as original:
            shutil.copyfileobj(original, file, 1 << 20)
        file.flush()
        with tifffile.TiffFile(file.name, mode="r+b") as tiff:
            pages = tiff.series[0].pages
            number, pixels = None, None
            for index, stored in planes:
                if self._number(index) != number:
                    if number is not None:
                        self._replace(tiff, pages[number], pixels)
                    number = self._number(index)
                    pixels = self._read_page(pages[number]).copy()
                pixels[self._whole_place(index)[-self.page_ndim :]] = stored
            self._replace(tiff, pages[number], pixels)

    def _replace(self, tiff, page, pixels):
        """Write the pixels of a page, uncompressed, where they were or at the end of the file."""
        page = page.aspage()
        pixels = pixels.astype(self.stored, copy=False)
        if page.is_memmappable:
            tiff.filehandle.seek(page.dataoffsets[0])
            tiff.filehandle.write(pixels.tobytes())
            return
        offsets, sizes = [], []
        tiff.filehandle.seek(0, 2)
        for data in _segments(page, pixels):
            tiff.filehandle.write(bytes(tiff.filehandle.tell() % 2))  # offsets are even
            offsets.append(tiff.filehandle.tell())
            sizes.append(len(data))
            tiff.filehandle.write(data)
        for name, value in _new_tags(page, offsets, sizes):
            page.tags[name].overwrite(value, dtype=page.tags[name].dtype if name not in _LONG else _long(tiff))


@functools.lru_cache(maxsize=1)
def _opened(path, changed, process):
    """Return the open file, so that the list of pages is read once; forks must not share its position."""
    return tifffile.TiffFile(path)


def _long(tiff):
    """The type of offsets in this file: LONG8 in BigTIFF, LONG otherwise."""
    return 16 if tiff.is_bigtiff else 4


def _new_tags(page, offsets, sizes):
    """Yield the tags that say where uncompressed pixels are."""
    kind = "Tile" if page.is_tiled else "Strip"
    yield f"{kind}Offsets", offsets
    yield f"{kind}ByteCounts", sizes
    yield "Compression", 1
    if "Predictor" in page.tags:
        yield "Predictor", 1


def _segments(page, pixels):
    """Yield the bytes of the strips or tiles of a page; tiles at the borders are filled up with zeros."""
    lengths = (*(1,) * (pixels.ndim - len(page.chunks)), *page.chunks)
    for numbers in np.ndindex(*page.chunked):
        part = pixels[tuple(slice(n * length, (n + 1) * length) for n, length in zip(numbers, lengths))]
        if page.is_tiled:
            part = np.pad(part, [(0, length - side) for side, length in zip(part.shape, lengths)])
        yield part.tobytes()


@contextlib.contextmanager
def _no_errors():
    """Raise the errors that tifffile logs, for example if the file is truncated and pages or tags are missing."""
    found = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = found.append
    logger = logging.getLogger("tifffile")
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
    if found:
        raise ValueError(f"the file is damaged or truncated, {found[0].getMessage()}.")


def _check_series(path, series):
    if not series:
        raise ValueError("the file holds no image.")
    if len(series) > 1:
        sizes = ", ".join(str(one.shape) for one in series[:3])
        raise refuse(path, f"holds {len(series)} images of different shapes, {sizes}", _SPLIT)
    if len(series[0].levels) > 1:
        raise refuse(path, "holds a pyramid, whose smaller levels would keep their noise", _SPLIT)
    if series[0].is_multifile:
        raise refuse(path, "is one of several files that make up an image", _SPLIT)


def _stored_dtype(path, page, byteorder):
    dtype = page.dtype
    bits = page.bitspersample if isinstance(page.bitspersample, int) else page.bitspersample[0]
    if dtype is None or dtype.kind not in "iuf" or bits != 8 * dtype.itemsize:
        remedy = "Save it with 8, 16 or 32 bits, as with tifffile.imwrite(path, tifffile.imread(source))."
        raise refuse(path, f"stores {bits} bits per pixel of the kind {dtype}", remedy)
    return dtype.newbyteorder(byteorder)


def _find_samples(path, page, axes):
    """Return which samples of a pixel are part of the image, as an index."""
    extra = [int(kind) for kind in page.extrasamples]
    if page.photometric == _RGB and page.samplesperpixel - len(extra) == 3:
        return slice(3) if extra else slice(None)
    if page.photometric in _GREY:
        alpha = page.samplesperpixel == 2 and extra and extra[0] in _ALPHA
        return 0 if alpha and "S" in axes else slice(None)
    kind = getattr(page.photometric, "name", page.photometric)
    raise refuse(path, f"has the colours {kind}, neither grey nor RGB", "Convert it to grey or RGB first.")
