"""`Format`, what each format of image files implements, and the helpers that the formats share."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import shutil
import warnings
from dataclasses import dataclass

import numpy as np

from .._core.checks import brief
from .._core.files import InvalidFileError, replacing

_LIBRARIES = r"(pydicom|tifffile|nibabel|imageio|PIL|zarr|numcodecs)\b"
_EXACT_RATIO = 1 << 20  # of intercept to slope, up to which float32 values identify stored 16-bit integers


@dataclass
class Format:
    """Layout of an image file, as read from its header, and how to read and write its planes.

    Attributes
    ----------
    path : str
        Path of the file.
    shape : tuple of int
        Shape of the image.
    axes : str
        One letter per axis, as in tifffile: Y and X of a plane, S colour, Z, T, C, Q unknown.
    stored : dtype
        Dtype of the pixels in the file, in its byte order.
    dtype : dtype
        Dtype of the values, in native byte order.
    channel_axis : int or None
        Axis of the colour channels.
    """

    path: str
    shape: tuple[int, ...]
    axes: str
    stored: np.dtype
    dtype: np.dtype
    channel_axis: int | None = None

    #: Name for messages, extensions of written files (the usual one first), and whether planes may be kept in memory.
    name = ""
    suffixes = ()
    cached = True
    #: What was done to the image, for formats that say so in their metadata.
    description = ""

    @property
    def plane_axes(self):
        """The axes of a plane, in the order of the file."""
        kept = (*map(self.axes.rindex, "YX"), self.channel_axis)
        return tuple(sorted(axis for axis in kept if axis is not None))

    @property
    def loop_axes(self):
        """The axes that number the planes."""
        return tuple(axis for axis in range(len(self.shape)) if axis not in self.plane_axes)

    def raw(self, index):
        """Return the stored pixels of one plane, as an array or anything that gives one when sliced.

        `index` has one int per loop axis.
        """
        raise NotImplementedError

    def to_values(self, stored, index):
        """Return stored pixels, a part of plane `index`, as values in the user's units."""
        return np.asarray(stored).astype(self.dtype, copy=False)

    def to_stored(self, values, index):
        """Return the pixels to store for a plane of values, and the number of values that were clipped."""
        return round_and_clip(values, self.stored)

    def write(self, file, planes):
        """Write a whole file to the temporary `file`; `planes` yields an index and stored pixels for each plane."""
        raise NotImplementedError

    def write_to(self, path, planes):
        """Write a whole file and rename it to `path`."""
        with replacing(path) as file:
            self.write(file, planes)

    def place(self, index):
        """Index of a plane in the array of the whole image."""
        numbers = iter(index)
        return tuple(slice(None) if axis in self.plane_axes else next(numbers) for axis in range(len(self.shape)))

    def indexes(self):
        """Return an iterator over the indexes of all planes."""
        return itertools.product(*(range(self.shape[axis]) for axis in self.loop_axes))


def round_and_clip(values, dtype, limits=None):
    """Round values to an integer dtype and clip them to it, or to `limits`.

    Returns
    -------
    stored : ndarray
        The values in `dtype`.
    n_clipped : int
        Number of values beyond the limits, after rounding.
    """
    values, dtype = np.asarray(values), np.dtype(dtype)
    if dtype.kind == "f":
        limit = float(np.finfo(dtype).max)
        beyond = np.isfinite(values) & (np.abs(values) > limit) if values.dtype.itemsize > dtype.itemsize else None
        if beyond is not None and beyond.any():
            return np.where(beyond, np.copysign(limit, values), values).astype(dtype), int(beyond.sum())
        return values.astype(dtype), 0
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise ValueError(
                f"array must hold finite numbers, because the file stores {dtype.name}, got NaN or infinity. Replace"
                " them, for example with np.nan_to_num(array)."
            )
        values = np.rint(values)
    if limits is None:
        limits = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    beyond = (values < limits[0]) | (values > limits[1])
    n_clipped = int(np.count_nonzero(beyond))
    stored = np.where(beyond, 0, values).astype(dtype) if n_clipped else values.astype(dtype)
    if n_clipped:
        stored[values < limits[0]], stored[values > limits[1]] = limits
    return stored, n_clipped


def scaled_dtype(stored, slope, intercept, limits=None):
    """Dtype of ``stored * slope + intercept`` that holds the values of all stored integers exactly enough to invert."""
    native = np.dtype(stored).newbyteorder("=")
    if (slope, intercept) == (1, 0):
        return native
    if native.kind == "f":
        return np.dtype(np.float64)
    low, high = limits or (np.iinfo(native).min, np.iinfo(native).max)
    if slope == int(slope) and intercept == int(intercept):
        ends = [int(slope) * end + int(intercept) for end in (low, high)]
        dtype = np.result_type(np.min_scalar_type(min(*ends, -1)), np.min_scalar_type(-max(*ends, 1) - 1))
        if dtype.itemsize <= 4:
            return dtype
    exact = native.itemsize <= 2 and abs(intercept) <= _EXACT_RATIO * abs(slope)
    return np.dtype(np.float32 if exact else np.float64)


def scaled(stored, slope, intercept, dtype):
    """Return ``stored * slope + intercept`` in `dtype`."""
    stored = np.asarray(stored)
    if (slope, intercept) == (1, 0):
        return stored.astype(dtype, copy=False)
    if dtype.kind in "iu":
        return (stored.astype(np.int64) * int(slope) + int(intercept)).astype(dtype)
    return (stored.astype(np.float64) * slope + intercept).astype(dtype)


def unscaled(values, slope, intercept):
    """Return the inverse of `scaled`, not rounded."""
    values = np.asarray(values)
    if (slope, intercept) == (1, 0):
        return values
    return (values.astype(np.float64) - intercept) / slope


def overwrite(source, file, dtype, shape, offset, order, planes):
    """Copy `source` to the temporary `file`, and overwrite its uncompressed pixels plane by plane.

    Parameters
    ----------
    source : str
        Path of the file to copy.
    file : file
        Temporary file.
    dtype, shape, offset, order : dtype, tuple of int, int, {"C", "F"}
        Layout of the pixels in the file.
    planes : iterable of (tuple, ndarray)
        Where to write, and what.
    """
    with open(source, "rb") as original:
        shutil.copyfileobj(original, file, 1 << 20)
    file.flush()
    mapped = np.memmap(file.name, dtype, "r+", offset, shape, order)
    for place, stored in planes:
        mapped[place] = stored
    mapped.flush()


def require(module, extra):
    """Import a module of an optional dependency; if it is missing, say which extra to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(
            f'{package} is required to read and write these files. Install it: pip install "sk_denoise[{extra}]".',
            name=package,
        ) from error


@contextlib.contextmanager
def clear_errors(path, doing="read"):
    """Turn errors of libraries into one that names the file, and silence their warnings."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=_LIBRARIES)  # not those of a denoiser that is called meanwhile
            yield
    except (ImportError, MemoryError, InvalidFileError):
        raise
    except Exception as error:  # damaged files cause any exception
        if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
            raise  # missing files and permissions, which the message of the system names
        raise InvalidFileError(f"{path} cannot be {doing}: {brief(error) or type(error).__name__}") from error


def refuse(path, what, remedy):
    """Return the error for a file whose pixels cannot be denoised as they are."""
    return InvalidFileError(f"{path} {what}. {remedy}")


def suffix_of(path):
    """Return the extension of a path in lower case; ".nii.gz" is one."""
    name = os.path.basename(os.path.normpath(path)).lower()
    return ".nii.gz" if name.endswith(".nii.gz") else os.path.splitext(name)[1]
