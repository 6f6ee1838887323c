"""`ImageFile` and its planes: images that are read from their file when their pixels are asked for."""

from __future__ import annotations

import itertools
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from .._core.array_like import ArrayLike
from .._core.checks import is_integer, shown
from ._format import clear_errors
from ._formats import format_of

_CACHED_BYTES = 1 << 27  # of decoded planes; patches are drawn image by image
_CACHED_PLANES = 64


class _Cache:
    """The planes that were read last, up to a number of bytes; memory maps do not count."""

    def __init__(self):
        self._planes, self._lock = OrderedDict(), threading.Lock()

    def get(self, format_, index):
        """Return the stored pixels of a plane, read if necessary."""
        if not format_.cached:
            with clear_errors(format_.path):
                return format_.raw(index)
        status = os.stat(format_.path)
        key = format_.path, status.st_mtime_ns, status.st_size, index
        with self._lock:
            if key in self._planes:
                self._planes.move_to_end(key)
                return self._planes[key]
        with clear_errors(format_.path):
            plane = format_.raw(index)
        with self._lock:
            self._planes[key] = plane
            while len(self._planes) > 1 and self._is_full():
                self._planes.popitem(last=False)
        return plane

    def _is_full(self):
        n_bytes = sum(0 if isinstance(plane, np.memmap) else plane.nbytes for plane in self._planes.values())
        return n_bytes > _CACHED_BYTES or len(self._planes) > _CACHED_PLANES


_CACHE = _Cache()


class ImageFile(ArrayLike):
    """An image in a file, of which only the pixels that are asked for are read.

    It has the shape, dtype and axes of the image, can be indexed like an array, and can be passed wherever this package
    takes a lazy image. It holds no pixels, so it can be pickled and costs almost no memory.

    Parameters
    ----------
    path : str or path-like
        PNG, JPEG, TIFF, DICOM (extra ``dicom``), NIfTI (extra ``nifti``), ``.npy``, ``.npz``, or the folder of a zarr
        array (extra ``zarr``).
    channel_axis : int, default=None
        Axis of the colour channels, only for ``.npy``, ``.npz`` and zarr. All other formats say what their axes are.

    Attributes
    ----------
    path : str
        Path of the file.

    See Also
    --------
    read_images : Handles of many files.
    write_image : Writes an image in the format of a file.

    Notes
    -----
    Values are in the units of the image: Hounsfield units for CT, scaled by the header for NIfTI. Alpha is not part of
    the image.

    Uncompressed TIFF and NIfTI files and ``.npy`` files are memory-mapped. PNG and JPEG files, ``.npz`` and ``.nii.gz``
    files and compressed planes of TIFF and DICOM files are read plane by plane, and each plane is decoded whole;
    ``.npz`` files are read whole. The most recently read planes, up to 128 MB per process, are cached.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from sk_denoise.files import ImageFile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "stack.npy")
    ...     np.save(path, np.arange(30, dtype="uint16").reshape(2, 3, 5))
    ...     image = ImageFile(path)
    ...     print(image.shape, image.dtype, len(image.planes))
    ...     print(image[1, :2, 0])
    (2, 3, 5) uint16 2
    [15 20]
    """

    def __init__(self, path, *, channel_axis=None):
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"path must be a str or a path-like object, got {shown(path)}.")
        if channel_axis is not None and not is_integer(channel_axis):
            raise TypeError(f"channel_axis must be an integer or None, got {shown(channel_axis)}.")
        self.path = os.fsdecode(path)
        self._given_axis = channel_axis
        self._format_ = None

    @property
    def _format(self):
        if self._format_ is None:
            with clear_errors(self.path):
                self._format_ = format_of(self.path, self._given_axis)
        return self._format_

    @property
    def shape(self):
        """Shape of the image, a tuple of int; all frames, slices and channels are in it."""
        return self._format.shape

    @property
    def dtype(self):
        """Dtype of the values."""
        return self._format.dtype

    @property
    def nbytes(self):
        """Number of bytes of the pixels in an uncompressed file, an estimate of the size of a written one."""
        return self.size * self._format.stored.itemsize

    @property
    def axes(self):
        """One letter per axis, such as "TZCYX": Y, X, S (colour), Z, T (time), C, F (frame) or Q (unknown)."""
        return self._format.axes

    @property
    def channel_axis(self):
        """Axis of the colour channels, or None for grey images."""
        return self._format.channel_axis

    @property
    def format(self):
        """Name of the format, such as "DICOM"."""
        return self._format.name

    @property
    def suffixes(self):
        """Extensions of files that `write_image` can write for this one; the first is the usual one."""
        return self._format.suffixes

    @property
    def planes(self):
        """Sequence of the 2-D images in the file; colour channels, if any, are last. No pixels are read."""
        return Planes([Plane(self, index) for index in self._format.indexes()])

    def __getitem__(self, index):
        ranges, kept = _read_index(index, self.shape)
        if ranges is None:
            return np.asarray(self)[index]
        form = self._format
        result = np.empty([len(places) for places in ranges], dtype=self.dtype)
        inner = tuple(_as_slice(ranges[axis]) for axis in form.plane_axes)
        loops = [ranges[axis] for axis in form.loop_axes]
        for numbers in itertools.product(*(range(len(places)) for places in loops)):
            if result.size:
                plane = tuple(places[number] for places, number in zip(loops, numbers))
                result[form.place(numbers)] = self._read(plane, inner)
        return result[tuple(slice(None) if keep else 0 for keep in kept)]

    def _read(self, index, part):
        """Return a part of a plane, with its axes in the order of the file."""
        stored = _CACHE.get(self._format, index)
        with clear_errors(self.path):
            return self._format.to_values(stored[part], index)

    def __getstate__(self):
        return vars(self) | {"_format_": None}

    def __repr__(self):
        return f"ImageFile({self.path!r})"


class Plane(ArrayLike):
    """A 2-D image in a file: a slice, a frame or a channel.

    Made by `ImageFile.planes`; it can be indexed like an array, and is read when its pixels are asked for.

    Parameters
    ----------
    image : ImageFile
        The file.
    index : tuple of int
        Its place along the axes of the file that are not those of a plane.
    """

    def __init__(self, image, index):
        self.image, self.index = image, index

    @property
    def _order(self):
        """The axes of a plane in the file, with the channels last."""
        form = self.image._format
        return sorted(form.plane_axes, key=lambda axis: axis == form.channel_axis)

    @property
    def shape(self):
        """Height and width, and the number of channels of a colour image, as a tuple of int."""
        return tuple(self.image.shape[axis] for axis in self._order)

    @property
    def dtype(self):
        """Dtype of the values."""
        return self.image.dtype

    def __getitem__(self, index):
        ranges, kept = _read_index(index, self.shape)
        if ranges is None:
            return np.asarray(self)[index]
        by_axis = dict(zip(self._order, ranges))
        axes = self.image._format.plane_axes
        part = self.image._read(self.index, tuple(_as_slice(by_axis[axis]) for axis in axes))
        part = part.transpose([axes.index(axis) for axis in self._order])
        return part[tuple(slice(None) if keep else 0 for keep in kept)]

    def __repr__(self):
        return f"Plane({self.image!r}, {self.index})"


class Planes(Sequence):
    """Sequence of handles, such as the planes of files. Slices and arrays of indices give a part of it.

    Parameters
    ----------
    items : list
        The handles.
    """

    def __init__(self, items):
        self._items = list(items)

    def __len__(self):
        return len(self._items)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return type(self)(self._items[index])
        if hasattr(index, "__index__") and np.ndim(index) == 0:
            return self._items[index]
        return type(self)(self._items[i] for i in np.arange(len(self))[np.asarray(index)])

    def __repr__(self):
        return f"<{type(self).__name__} of {len(self)} images>"


def _read_index(index, shape):
    """Return the range of places along each axis and whether to keep the axis; None if the index needs an array."""
    index = index if isinstance(index, tuple) else (index,)
    if any(part is not Ellipsis and not isinstance(part, slice) and not is_integer(part) for part in index):
        return None, None
    n_dots = sum(part is Ellipsis for part in index)
    if n_dots > 1 or len(index) - n_dots > len(shape):
        raise IndexError(f"The image has {len(shape)} axes, got the index {shown(index)}.")
    where = next((i for i, part in enumerate(index) if part is Ellipsis), len(index))
    rest = len(shape) - (len(index) - n_dots)
    full = [*index[:where], *[slice(None)] * rest, *index[where + n_dots :]]
    ranges = []
    for part, side in zip(full, shape):
        if not isinstance(part, slice) and not -side <= part < side:
            raise IndexError(f"Index {part} is out of bounds for an axis of {side} pixels or planes.")
        ranges.append(range(side)[part] if isinstance(part, slice) else range(part % side, part % side + 1))
    return ranges, [isinstance(part, slice) for part in full]


def _as_slice(places):
    """Return the slice that selects a range of places."""
    stop = places.stop if places.stop >= 0 else None
    return slice(places.start, stop, places.step)
