"""Units and shapes: the data range, scaling to [0, 1] and back, and how a row is read as an image."""

from __future__ import annotations

import math

import numpy as np

from .checks import is_integer, is_real, shown, warn_user

_FARTHEST = 1e12  # from the range, in its widths


def result_dtype(dtype):
    """Dtype that comes out for data of `dtype`: floats stay as they are, everything else becomes float32."""
    dtype = np.dtype(dtype)
    return dtype.newbyteorder("=") if dtype.kind == "f" else np.dtype(np.float32)


def check_data_range(data_range):
    """Validate the parameter `data_range`; return "auto" or a pair of floats."""
    if isinstance(data_range, str) and data_range == "auto":
        return "auto"
    listed = isinstance(data_range, (tuple, list)) or (isinstance(data_range, np.ndarray) and data_range.ndim == 1)
    if listed and len(data_range) == 2 and all(map(is_real, data_range)):
        low, high = map(float, data_range)
        if low < high and math.isfinite(high - low):
            return low, high
    raise ValueError(
        f"data_range must be 'auto' or a pair (low, high) of finite numbers with low < high, got {shown(data_range)}."
        " Pass the darkest and the brightest value that a clean pixel can have, such as (0, 255)."
    )


def resolve_data_range(data_range, X):
    """Range of clean pixel values: the pair given, or read off `X` for "auto".

    "auto" means ``(0, 1)`` when `X` lies in it, ``(0, 255)`` for uint8, else the observed minimum and maximum.
    A constant image counts as one unit wide.
    """
    data_range = check_data_range(data_range)
    if data_range != "auto":
        return data_range
    low, high = float(X.min()), float(X.max())
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    if X.dtype == np.uint8:
        return 0.0, 255.0
    if not math.isfinite(high - low):
        raise ValueError(
            f"data_range='auto' found values from {low:g} to {high:g}, a range too wide for floating point."
            " Rescale the data first."
        )
    if low == high or low + (high - low) / 2 in (low, high):
        return low, max(low + 1.0, math.nextafter(low, math.inf))
    return low, high


def check_in_range(X, data_range, name):
    """Raise if clean targets lie outside `data_range`."""
    low, high = float(X.min()), float(X.max())
    # A range observed in float32 must admit the same numbers read as float64, and the other way round.
    rounding = np.finfo(np.float16 if X.dtype == np.float16 else np.float32).eps
    slack = 1e-6 * (data_range[1] - data_range[0]) + float(rounding) * max(map(abs, data_range))
    if low < data_range[0] - slack or high > data_range[1] + slack:
        raise ValueError(
            f"{name} has values from {low:.9g} to {high:.9g}, outside data_range=({data_range[0]:.9g},"
            f" {data_range[1]:.9g}). Clean targets must lie inside it: pass a data_range=(low, high) that covers every"
            " clean pixel."
        )


def _work_dtype(dtype, data_range):
    """Dtype for scaling: `dtype`, or float64 for ranges too wide, too narrow or too far from zero for float32."""
    dtype = np.promote_types(dtype, np.float32)
    low, high = data_range
    # In float32, differences of large numbers cancel, and tiny numbers have few bits.
    fits = max(abs(low), abs(high)) < 1e4 * (high - low) < 1e30 and high - low > 1e-30
    return dtype if fits else np.promote_types(dtype, np.float64)


def to_unit(X, data_range):
    """Scale `X` so that `data_range` becomes [0, 1], in its own float dtype, at least float32.

    Do not write to the result: it is `X` itself where there is nothing to do.
    """
    dtype = np.promote_types(result_dtype(X.dtype), np.float32)
    low, high = data_range
    work = _work_dtype(dtype, data_range)
    unit = np.asarray(X, dtype=work, order="C")
    if low:
        unit = unit - work.type(low)
    if high - low != 1:
        unit = unit / work.type(high - low)
    return unit.astype(dtype, copy=False)


def to_network(X, data_range, name, hint="pass a data_range=(low, high) that covers them", *, dtype=np.float32):
    """`X` scaled for a denoiser that computes in `dtype`; with None, in that of `to_unit`, at most float64.

    Values beyond 1e12 are a ValueError. Their squares, summed, overflow in float32 and turn into NaN; the limit is the
    same in float64, so that what is accepted does not depend on the dtype.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        unit = to_unit(X, data_range)
        if dtype is None:
            dtype = min(unit.dtype, np.dtype(np.float64))
        unit = unit.astype(dtype, copy=False)
    if unit.min(initial=0) > -_FARTHEST and unit.max(initial=0) < _FARTHEST:
        return unit
    raise ValueError(
        f"{name} has values up to {np.abs(X).max():g}, too far outside the range ({data_range[0]:g},"
        f" {data_range[1]:g}) to be denoised. Remove them, or {hint}."
    )


def from_unit(unit, data_range, *, out):
    """Undo `to_unit`: write the values in the units of `data_range` to `out`, which may be `unit` itself."""
    low, high = data_range
    work = _work_dtype(out.dtype, data_range)
    options = {"dtype": work, "out": out if out.dtype == work else None}
    try:
        with np.errstate(over="raise"):
            if high - low != 1:
                unit = np.multiply(unit, work.type(high - low), **options)
            if low:
                unit = np.add(unit, work.type(low), **options)
            if unit is not out:
                out[...] = unit
    except FloatingPointError:
        raise ValueError(
            f"The result reaches beyond what {out.dtype} holds, for data_range=({low:g}, {high:g}). Pass rows of a"
            " wider dtype, such as X.astype(float), or rescale them."
        ) from None


def check_image_shape(image_shape, n_features):
    """How a row is read: ``(height, width, channels)``, from `image_shape` or guessed from `n_features`."""
    if image_shape is None:
        side = math.isqrt(n_features)
        if side * side == n_features:
            return side, side, 1
        warn_user(
            f"image_shape=None and {n_features} features are no square image, so each row is read as a signal of"
            f" shape (1, {n_features}). Pass image_shape=(height, width) or (height, width, channels) to say which."
        )
        return 1, n_features, 1
    valid = isinstance(image_shape, (tuple, list)) and len(image_shape) in (2, 3)
    valid = valid and all(is_integer(size) and size > 0 for size in image_shape)
    if not valid or math.prod(image_shape) != n_features:
        raise ValueError(
            f"image_shape must be None, (height, width) or (height, width, channels) with a product of {n_features},"
            f" the number of features, got {shown(image_shape)}."
        )
    height, width, *channels = (int(size) for size in image_shape)
    return height, width, (channels[0] if channels else 1)
