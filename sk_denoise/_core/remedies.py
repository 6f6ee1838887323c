"""Errors for input that is not an array of rows: what was passed, and what to pass instead."""

from __future__ import annotations

import inspect
import io
import os
from collections.abc import Iterable, Mapping

import numpy as np

from .checks import shown
from .dask_arrays import dask_error

_ROWS = "a 2-dimensional array of shape (n_samples, n_features), with one flattened image per row"
_READ = "skimage.io.imread(path), or pydicom.dcmread(path).pixel_array for DICOM"
_CHUNKS = (
    "Pass {0}.compute() if it fits into memory. Only the transform of fitted denoisers, and the partial_fit of"
    " DenoisingAutoencoder, take it chunk by chunk."
)
_MAX_LISTED = 3  # shapes or names in a message

#: Identifying attribute: name of the object, and expressions for its rows and for the shape of their images.
_IMAGE_OBJECTS = {
    "pixel_array": ("DICOM data set", "{}.pixel_array.reshape(1, -1)", "{}.pixel_array.shape"),
    "get_fdata": ("nibabel image", "np.moveaxis({0}.get_fdata(), 2, 0).reshape({0}.shape[2], -1)", "{}.shape[:2]"),
    "getbands": ("Pillow image", "np.asarray({}).reshape(1, -1)", "np.asarray({}).shape"),
}
#: The same for arrays of images: what that is, and its pixels.
_PIXELS = {
    "pixel_array": ("DICOM data set", "{}.pixel_array"),
    "get_fdata": ("nibabel image", "np.moveaxis({}.get_fdata(), 2, 0)"),
    "getbands": ("Pillow image", "np.asarray({})"),
}


def object_error(X, name):
    """Return the error for an object that contains or locates images but is not an array of rows; otherwise None."""
    first = X[0] if isinstance(X, (list, tuple)) and X else None
    for attribute, (what, rows, shape) in _IMAGE_OBJECTS.items():
        if _has(X, attribute):
            return TypeError(
                f"{name} must be {_ROWS}, got a {what} ({type(X).__name__}). Pass its pixels, with one row per frame or"
                f" slice: {rows.format(name)}. Set image_shape={shape.format(name)} in the denoiser."
            )
        if _has(first, attribute):
            return TypeError(
                f"{name} must be {_ROWS}, got a list of objects, the first of which is a {what}"
                f" ({type(first).__name__}). If all images have the same size, pass their pixels:"
                f" np.concatenate([{rows.format('image')} for image in {name}])."
                f" Set image_shape={shape.format(f'{name}[0]')} in the denoiser."
            )
    problem = dask_error(X, name, _ROWS, _CHUNKS.format(name))
    if problem is not None:
        return problem
    paths = (str, bytes, os.PathLike)
    if isinstance(X, paths) or isinstance(first, paths):
        what = "a path or string" if isinstance(X, paths) else "a list of paths or strings"
        return TypeError(f"{name} must be {_ROWS}, got {what}, {shown(X)}. Read the images first: {_READ}.")
    if isinstance(X, io.IOBase) or (_has(X, "read") and not hasattr(X, "shape")):
        return TypeError(f"{name} must be {_ROWS}, got a file object, {shown(X)}. Read the images first: {_READ}.")
    if isinstance(X, Mapping):
        keys = [key for key in X if not str(key).startswith("_")]
        remedy = f" Pass one of its values, such as {name}[{keys[0]!r}]." if keys else ""
        return TypeError(f"{name} must be {_ROWS}, got a {type(X).__name__} with keys: {_few(keys)}.{remedy}")
    if _has(X, "collect_schema") and not hasattr(X, "shape"):
        return TypeError(f"{name} must be {_ROWS}, got a lazy frame, {type(X).__name__}. Pass {name}.collect().")
    if isinstance(X, Iterable) and not any(hasattr(X, other) for other in ("__getitem__", "__array__", "shape")):
        return TypeError(
            f"{name} must be {_ROWS}, got {shown(X)}. Convert it to an array:"
            f" np.stack([np.ravel(image) for image in {name}])."
        )
    return None


def image_error(images, name, allowed):
    """The error for what holds images, or leads to some, without being arrays of them; None for anything else."""
    first = images[0] if isinstance(images, (list, tuple)) and images else None
    for attribute, (what, pixels) in _PIXELS.items():
        if _has(images, attribute):
            return TypeError(f"{name} must be {allowed}, got a {what}. Pass its pixels: {pixels.format(name)}.")
        if _has(first, attribute):
            remedy = f"[{pixels.format('image')} for image in {name}]"
            return TypeError(f"{name} must be {allowed}, got a list whose first item is a {what}. Pass {remedy}.")
    paths = (str, bytes, os.PathLike)
    if isinstance(images, paths) or isinstance(first, paths):
        what = images if isinstance(images, paths) else first
        return TypeError(f"{name} must be {allowed}, got a path or text, {shown(what)}. Read the file first: {_READ}.")
    if isinstance(images, Mapping):
        keys = [key for key in images if not str(key).startswith("_")]
        return TypeError(
            f"{name} must be {allowed}, got a {type(images).__name__} with keys: {_few(keys)}. Pass its values:"
            f" list({name}.values())."
        )
    if images is None or (not hasattr(images, "__len__") and not hasattr(images, "__array__")):
        remedy = f" Pass list({name})." if isinstance(images, Iterable) else " Pass the pixels as an array."
        return TypeError(f"{name} must be {allowed}, got {shown(images)}.{remedy}")
    return None


def shape_error(X, name, shape=None):
    """Return the error for input that is not 2-dimensional; `shape` is given if it is an array."""
    if shape is None:
        error = _sizes_error(X, name)
        if error is not None:
            return error
        shape = np.shape(X)
    start = f"{name} must be {_ROWS}, got"
    if len(shape) == 3 and shape[2] in (3, 4) and shape[1] > 4 and isinstance(X, np.ndarray):
        return ValueError(
            f"{start} an array of shape {tuple(shape)}. If it is a single colour image, pass {name}.reshape(1, -1) and"
            f" set image_shape={tuple(shape)} in the denoiser. If it is a stack of {shape[0]} greyscale images, pass"
            f" {name}.reshape(len({name}), -1) and set image_shape={tuple(shape[1:])}."
        )
    if len(shape) > 2:
        array = name if hasattr(X, "reshape") else f"np.stack({name})"
        return ValueError(
            f"{start} an array of shape {tuple(shape)}. Reshape your data with {array}.reshape(len({name}), -1)."
            f" Unless the images are square and greyscale, also set image_shape={tuple(shape[1:])} in the denoiser."
        )
    if shape == (0,):
        return ValueError(f"{start} {shown(X)}, which has no rows.")
    if len(shape) == 1:
        row = f"{name}.reshape(1, -1)" if isinstance(X, np.ndarray) else f"np.reshape({name}, (1, -1))"
        return ValueError(f"{start} {shown(X)}. Reshape your data with {row} if it is a single image.")
    return ValueError(f"{start} {shown(X)}.")


def contents_error(X, name, error):
    """Return the error for ragged or non-numeric rows that replaces `error`, raised by NumPy or scikit-learn."""
    columns = _other_columns(X)
    which = f". Non-numeric columns: {_few(columns)}. Drop them; labels belong in y." if columns else ""
    text = f"{name} must hold real numbers in rows of equal length: {first_line(error)}{which}"
    return _sizes_error(X, name) or type(error)(text)


def tensor_error(X, name, error):
    """Return the error for a tensor that NumPy cannot read because of its device, gradient or dtype; otherwise None."""
    first = X[0] if isinstance(X, (list, tuple)) and X else X
    if not (_has(first, "detach") and _has(first, "cpu")):
        return None
    array = f"{name}.detach().cpu().numpy()"
    array = array if first is X else f"np.stack([row.detach().cpu().numpy() for row in {name}])"
    what = "is a tensor" if first is X else "holds tensors"
    return TypeError(f"{name} {what} that NumPy cannot read: {first_line(error)} Pass {array}.")


def first_line(error):
    """Return the first line of the message of `error`."""
    return str(error).partition("\n")[0]


def _sizes_error(X, name):
    """Return the error for rows or images of different sizes, arrays of images, or a pair (X, y); otherwise None."""
    try:
        shapes = [np.shape(image) for image in X]
    except (TypeError, ValueError):
        return None
    sizes = list(dict.fromkeys(shapes))
    if len(sizes) == 1 and sizes[0] and getattr(X, "ndim", None) == 1:
        return shape_error(list(X), name, (len(X), *sizes[0]))
    if len(sizes) < 2:
        return None
    if isinstance(X, tuple) and len(X) == 2 and len(shapes[0]) == 2 and shapes[1] == shapes[0][:1]:
        return ValueError(
            f"{name} must be {_ROWS}, got a pair of arrays, of shapes {_few(shapes)}. Pass rows and labels separately."
        )
    if max(map(len, sizes)) < 2:
        lengths = [size[0] if size else "a number" for size in sizes]
        return ValueError(f"{name} must have rows of equal length, got {len(sizes)} lengths: {_few(lengths)}.")
    return ValueError(
        f"{name} must have rows of equal length, with one flattened image per row, got {len(shapes)} images of"
        f" {len(sizes)} sizes: {_few(sizes)}. Crop or resize them to a common size, for example with"
        " skimage.transform.resize, or fit one denoiser for each size."
    )


def _has(value, attribute):
    # Looked up statically, because properties may decode a file, and data frames have columns as attributes.
    return not isinstance(value, type) and inspect.getattr_static(value, attribute, None) is not None


def _few(values):
    listed = ", ".join(repr(value) for value in values[:_MAX_LISTED])
    return listed + ", ..." * (len(values) > _MAX_LISTED) if values else "none"


def _other_columns(X):
    """Return the names of the non-numeric columns of a data frame."""
    if not hasattr(X, "columns") or not hasattr(X, "dtypes"):
        return []
    numeric = lambda dtype: dtype.is_numeric() if hasattr(dtype, "is_numeric") else dtype.kind in "biuf"
    return [name for name, dtype in zip(X.columns, X.dtypes) if not numeric(dtype)]
