"""What came in place of rows, and what to pass instead: the words of errors about input that holds no rows."""

from __future__ import annotations

import inspect
import io
import os
from collections.abc import Iterable, Mapping

import numpy as np

from .checks import shown

_ROWS = "2-dimensional, (n_samples, n_features) with one flattened image per row"
_READ = "skimage.io.imread(path), or pydicom.dcmread(path).pixel_array for DICOM"
_MOST_SHOWN = 3  # shapes or names in a message

#: Attribute that tells an object: what that is, what makes rows of one, and the shape of their images.
_HOLDERS = {
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
    """The error for what holds images, or leads to some, without being an array of rows; None for anything else."""
    first = X[0] if isinstance(X, (list, tuple)) and X else None
    for attribute, (what, rows, shape) in _HOLDERS.items():
        if _has(X, attribute):
            return TypeError(
                f"{name} must be {_ROWS}, got a {what} ({type(X).__name__}). Pass its pixels, one row for each frame or"
                f" slice: {rows.format(name)}. Give the denoiser image_shape, here {shape.format(name)}."
            )
        if _has(first, attribute):
            return TypeError(
                f"{name} must be {_ROWS}, got a list of objects, the first a {what} ({type(first).__name__}). Pass"
                f" their pixels: np.concatenate([{rows.format('image')} for image in {name}]), for images of one size."
                f" Give the denoiser image_shape, here {shape.format(f'{name}[0]')}."
            )
    paths = (str, bytes, os.PathLike)
    if isinstance(X, paths) or isinstance(first, paths):
        what = "a path or text" if isinstance(X, paths) else "a list of paths or texts"
        return TypeError(f"{name} must be {_ROWS}, got {what}, {shown(X)}. Read the images first: {_READ}.")
    if isinstance(X, io.IOBase) or (_has(X, "read") and not hasattr(X, "shape")):
        return TypeError(f"{name} must be {_ROWS}, got a file, {shown(X)}. Read the images first: {_READ}.")
    if isinstance(X, Mapping):
        keys = [key for key in X if not str(key).startswith("_")]
        remedy = f" Pass one of its values, such as {name}[{keys[0]!r}]." if keys else ""
        return TypeError(f"{name} must be {_ROWS}, got a {type(X).__name__} with keys: {_few(keys)}.{remedy}")
    if _has(X, "collect_schema") and not hasattr(X, "shape"):
        return TypeError(f"{name} must be {_ROWS}, got a lazy frame, {type(X).__name__}. Pass {name}.collect().")
    if isinstance(X, Iterable) and not any(hasattr(X, other) for other in ("__getitem__", "__array__", "shape")):
        return TypeError(
            f"{name} must be {_ROWS}, got {shown(X)}. Make an array of it:"
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
    """The error for what is not 2-dimensional; `shape`, if given, is that of an array."""
    if shape is None:
        error = _sizes_error(X, name)
        if error is not None:
            return error
        shape = np.shape(X)
    start = f"{name} must be {_ROWS}, got"
    if len(shape) == 3 and shape[2] in (3, 4) and shape[1] > 4 and isinstance(X, np.ndarray):
        return ValueError(
            f"{start} an array of shape {tuple(shape)}. If it is one colour image, pass {name}.reshape(1, -1), and give"
            f" the denoiser image_shape={tuple(shape)}. If it is a stack of {shape[0]} grey images, pass"
            f" {name}.reshape(len({name}), -1), and image_shape={tuple(shape[1:])}."
        )
    if len(shape) > 2:
        array = name if hasattr(X, "reshape") else f"np.stack({name})"
        return ValueError(
            f"{start} an array of shape {tuple(shape)}. Reshape your data with {array}.reshape(len({name}), -1). Where"
            f" images are not square and grey, also give the denoiser image_shape={tuple(shape[1:])}."
        )
    if shape == (0,):
        return ValueError(f"{start} {shown(X)}, which holds no rows.")
    if len(shape) == 1:
        row = f"{name}.reshape(1, -1)" if isinstance(X, np.ndarray) else f"np.reshape({name}, (1, -1))"
        return ValueError(f"{start} {shown(X)}. Reshape your data with {row} if it is one image.")
    return ValueError(f"{start} {shown(X)}.")


def contents_error(X, name, error):
    """The error for rows of several lengths, and for what is not a number, instead of `error` from below."""
    columns = _other_columns(X)
    which = f". Columns of other types: {_few(columns)}. Drop them; labels belong in y." if columns else ""
    text = f"{name} must hold real numbers in rows of one length: {first_line(error)}{which}"
    return _sizes_error(X, name) or type(error)(text)


def tensor_error(X, name, error):
    """The error for a tensor that NumPy cannot read, because of its device, gradient or type; else None."""
    first = X[0] if isinstance(X, (list, tuple)) and X else X
    if not (_has(first, "detach") and _has(first, "cpu")):
        return None
    array = f"{name}.detach().cpu().numpy()"
    array = array if first is X else f"np.stack([row.detach().cpu().numpy() for row in {name}])"
    what = "is a tensor" if first is X else "holds tensors"
    return TypeError(f"{name} {what} that NumPy cannot read: {first_line(error)} Pass {array}.")


def first_line(error):
    """The first line of a message."""
    return str(error).partition("\n")[0]


def _sizes_error(X, name):
    """The error for images or rows of several sizes, for images as objects, and for the pair (X, y); else None."""
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
            f"{name} must be {_ROWS}, got a pair of arrays, of shapes {_few(shapes)}. Pass rows and labels apart."
        )
    if max(map(len, sizes)) < 2:
        lengths = [size[0] if size else "a number" for size in sizes]
        return ValueError(f"{name} must have rows of one length, got {len(sizes)} lengths: {_few(lengths)}.")
    return ValueError(
        f"{name} must have rows of one length, one flattened image per row, got {len(shapes)} images of {len(sizes)}"
        f" sizes: {_few(sizes)}. Crop or resize them to one size, as with skimage.transform.resize, or fit a denoiser"
        " for each size."
    )


def _has(value, attribute):
    # Statically, because properties may decode a file, and frames have their columns as attributes.
    return not isinstance(value, type) and inspect.getattr_static(value, attribute, None) is not None


def _few(values):
    listed = ", ".join(repr(value) for value in values[:_MOST_SHOWN])
    return listed + ", ..." * (len(values) > _MOST_SHOWN) if values else "none"


def _other_columns(X):
    """Names of the columns of a frame that hold no numbers."""
    if not hasattr(X, "columns") or not hasattr(X, "dtypes"):
        return []
    numeric = lambda dtype: dtype.is_numeric() if hasattr(dtype, "is_numeric") else dtype.kind in "biuf"
    return [name for name, dtype in zip(X.columns, X.dtypes) if not numeric(dtype)]
