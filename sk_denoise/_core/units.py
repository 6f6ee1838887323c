"""Units: the data range, scaling to [0, 1] and back, and checks that two arrays are in the same units."""

from __future__ import annotations

import math

import numpy as np
from sklearn.utils import gen_batches

from .checks import is_real, shown, warn_user

_FARTHEST = 1e12  # from the data range, in multiples of its width


def result_dtype(dtype):
    """Return the output dtype for data of `dtype`: float dtypes are kept, everything else becomes float32."""
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
    """Return the range of clean pixel values: the given pair, or the range determined from `X` for "auto".

    "auto" means ``(0, 255)`` for uint8, otherwise ``(0, 1)`` if `X` lies in it, otherwise the observed minimum and
    maximum. The range of a constant image is one unit wide.
    """
    data_range = check_data_range(data_range)
    if data_range != "auto":
        return data_range
    low, high = float(X.min()), float(X.max())
    if X.dtype == np.uint8:
        if high == 1:
            warn_user(
                "data_range='auto' is (0, 255) for uint8, but all values are 0 or 1. If 1 is white, as in a mask, pass"
                " data_range=(0, 1)."
            )
        return 0.0, 255.0
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    if not math.isfinite(high - low):
        raise ValueError(
            f"data_range='auto' found values from {low:g} to {high:g}, a range too wide for floating point."
            " Rescale the data first."
        )
    if low == high or low + (high - low) / 2 in (low, high):
        return low, max(low + 1.0, math.nextafter(low, math.inf))
    _check_outliers(X, low, high)
    return low, high


def _check_outliers(X, low, high):
    """Warn if all but a few outliers occupy less than half of the range."""
    some = X[:: -(-len(X) // 1000)].astype(np.float64, copy=False)
    n_few = max(10, X.size // 100_000)
    if some.size < 100 * n_few:
        return
    values = np.partition(some, (n_few, some.size - 1 - n_few), axis=None)
    inner = float(values[n_few]), float(values[-1 - n_few])
    if inner[1] - inner[0] >= 0.5 * (high - low):
        return
    n_outside = sum(np.count_nonzero((X[rows] < inner[0]) | (X[rows] > inner[1])) for rows in gen_batches(len(X), 1000))
    if n_outside <= 4 * n_few:
        warn_user(
            f"data_range='auto' is ({low:g}, {high:g}), but all except {n_outside} of {X.size} values lie in"
            f" ({inner[0]:g}, {inner[1]:g}). If those are hot or dead pixels, pass data_range=(low, high) without them."
        )


def check_scale(X, data_range, name):
    """Warn if the values of `X` are an order of magnitude off `data_range`, but not about noise or dim images."""
    some = X[:: max(1, len(X) // 64)][:64]
    (low, high), (darkest, brightest) = data_range, (float(some.min()), float(some.max()))
    width = high - low
    smaller = X.dtype.kind == "f" and width >= 10 and low <= 0 <= darkest and 0.5 < brightest <= 1
    if not smaller and low - 10 * width <= darkest and brightest <= low + 10 * width:
        return  # the common case, kept cheap
    some = some.astype(np.float64)
    if not np.isfinite(some).all():
        return  # an error is raised elsewhere
    with np.errstate(over="ignore"):
        spread = math.sqrt(np.mean(((some - low) / width) ** 2))
    if spread > 10 or (smaller and X.max() <= 1 and not np.all(some == np.round(some))):
        warn_user(
            f"{name} has values from {darkest:g} to {brightest:g}, which are an order of magnitude off the range"
            f" ({low:g}, {high:g}) of the clean rows. Convert both to the same units."
        )


def check_in_range(X, data_range, name):
    """Raise if the clean rows lie outside `data_range`."""
    low, high = float(X.min()), float(X.max())
    # A range observed in float32 must admit the same numbers read as float64, and vice versa.
    rounding = np.finfo(np.float16 if X.dtype == np.float16 else np.float32).eps
    slack = 1e-6 * (data_range[1] - data_range[0]) + float(rounding) * max(map(abs, data_range))
    if low < data_range[0] - slack or high > data_range[1] + slack:
        raise ValueError(
            f"{name} has values from {low:.9g} to {high:.9g}, outside data_range=({data_range[0]:.9g},"
            f" {data_range[1]:.9g}). Clean rows must lie inside it: pass a data_range=(low, high) that covers every"
            " clean pixel."
        )


def _work_dtype(dtype, data_range):
    """Dtype for scaling: `dtype`, or float64 for ranges too wide, too narrow or too far from zero for float32."""
    dtype = np.promote_types(dtype, np.float32)
    low, high = data_range
    # In float32, differences of large numbers suffer from cancellation, and subnormal numbers have few bits.
    fits = max(abs(low), abs(high)) < 1e4 * (high - low) < 1e30 and high - low > 1e-30
    return dtype if fits else np.promote_types(dtype, np.float64)


def to_unit(X, data_range):
    """Scale `X` linearly from `data_range` to [0, 1], in its own float dtype, but at least float32.

    Do not modify the result, which is `X` itself if no scaling is needed.
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
    """Scale `X` to [0, 1] for a denoiser that computes in `dtype`; if None, as `to_unit`, but at most in float64.

    Scaled values beyond 1e12 raise a ValueError, because sums of their squares overflow in float32 and become NaN. The
    limit is the same in float64, so that the accepted values do not depend on the dtype.
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
    """Invert `to_unit`: write values in the units of `data_range` to `out`, which may be `unit` itself."""
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
            f"The result overflows {out.dtype} for data_range=({low:g}, {high:g}). Pass rows of a"
            " wider dtype, such as X.astype(float), or rescale them."
        ) from None
