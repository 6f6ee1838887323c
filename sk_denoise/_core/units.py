"""Units: the data range, scaling to [0, 1] and back, and whether arrays that meet are in the same units."""

from __future__ import annotations

import contextlib
import math
from contextvars import ContextVar

import numpy as np
from sklearn.utils import gen_batches

from .checks import is_real, sample_rows, shown, warn_user

_FARTHEST = 1e12  # from the range, in its widths
_MOST_COLUMNS = 1 << 12  # looked at by the checks of units
_STRONGEST = 33.0  # mean square of the strongest noise, Rician of level 4 on white, and its standard deviation
_FEWEST_PAIRS = 500  # values from which a gain is read
_unchecked = ContextVar("_unchecked", default=False)


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

    "auto" means ``(0, 255)`` for uint8; else ``(0, 1)`` if `X` lies in it, else the observed minimum and maximum. A
    constant image counts as one unit wide.
    """
    data_range = check_data_range(data_range)
    if data_range != "auto":
        return data_range
    low, high = float(X.min()), float(X.max())
    if X.dtype == np.uint8:
        _check_few_bits(X, high)
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


def _check_few_bits(X, high):
    """Warn if uint8 is used for masks, or for images of 4 or 5 bits."""
    if high == 1:
        what = "the values are 0 and 1 only. Pass data_range=(0, 1) if 1 is white, as in a mask."
    # A dim image reaches its maximum in a few pixels, and a power of two by chance.
    elif high in (15, 16, 31, 32) and X.size >= 1000 and np.equal(X, high).mean() >= 0.01:
        what = f"the values end at {high:g}. Pass data_range=(0, {high:g}) if that is white, as in images of few bits."
    else:
        return
    warn_user(f"data_range='auto' is (0, 255) for uint8, but {what}")


def _check_outliers(X, low, high):
    """Warn if a handful of pixels sets a range that all others leave half empty, or one position of all rows does."""
    some = X[:: -(-len(X) // 1000)].astype(np.float64, copy=False)
    if _check_positions(some, low, high):
        return
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


def _check_positions(some, low, high):
    """Warn if a few columns set a range that all others leave nearly empty; say whether."""
    n_few = max(1, some.shape[1] // 1000)
    if len(some) < 10 or some.shape[1] < 10 * n_few:
        return False
    darkest, brightest = np.sort(some.min(axis=0)), np.sort(some.max(axis=0))
    inner = float(darkest[n_few]), float(brightest[-1 - n_few])
    if inner[1] - inner[0] >= (high - low) / 8:  # bright details that all images share are not that bright
        return False
    warn_user(
        f"data_range='auto' is ({low:g}, {high:g}), but the values of nearly all columns lie in ({inner[0]:g},"
        f" {inner[1]:g}). If the others are hot or dead pixels, pass data_range=(low, high) without them."
    )
    return True


@contextlib.contextmanager
def units_unchecked():
    """Keep `check_scale` silent in the block, for rows whose units were looked at before."""
    token = _unchecked.set(True)
    try:
        yield
    finally:
        _unchecked.reset(token)


def check_scale(X, data_range, name, clean=None):
    """Warn if `X` is in other units than `data_range` and the rows `clean`, if known; say whether.

    Noise and dim images are in the same units. Units are the same if in doubt.
    """
    if _unchecked.get() or not (_is_larger(X, data_range) or _is_smaller(X, data_range) or _is_scaled(X, clean)):
        return False
    low, high = data_range if clean is None else (clean.min(), clean.max())
    warn_user(
        f"{name} has values from {X.min():g} to {X.max():g}, which are an order of magnitude off the range"
        f" ({low:g}, {high:g}) of the clean rows. Bring both to the same units."
    )
    return True


def _sample(X):
    """Values of some rows and columns, spread over all."""
    return sample_rows(X if X.shape[1] <= _MOST_COLUMNS else X[:, :: -(-X.shape[1] // _MOST_COLUMNS)])


def _is_larger(X, data_range):
    """Whether values lie so far from the range that no noise has brought them there."""
    some, low, width = _sample(X), data_range[0], data_range[1] - data_range[0]
    if low - 5 * width <= some.min() and some.max() <= low + 5 * width:
        return False  # in the common case this is all that is computed
    with np.errstate(over="ignore", invalid="ignore"):
        squares = ((some.astype(np.float64) - low) / width) ** 2
    if not np.isfinite(squares).all():
        return bool(np.isfinite(some).all())  # NaN and infinity are an error elsewhere, and no question of units
    squares = np.minimum(squares, np.quantile(squares, 0.98))  # without hot pixels
    return bool(squares.mean() > _STRONGEST * (1 + 4 / math.sqrt(X.shape[1])))


def _is_smaller(X, data_range):
    """Whether values are those of images in [0, 1] or [-1, 1], or standardised, in a range far wider than that."""
    width = data_range[1] - data_range[0]
    if X.dtype.kind != "f" or width < 10:
        return False
    some = _sample(X)
    if np.count_nonzero(np.abs(some) <= 3) < 0.97 * some.size:
        return False
    some = some.astype(np.float64)
    darkest, brightest = float(X.min()), float(X.max())
    if not max(-darkest, brightest) < 30 or np.array_equal(some, np.round(some)) or some.std() <= 0.05:
        return False  # bright spots on black, masks, constant rows
    if darkest >= 0 and brightest == 1:
        return True  # white in [0, 1]
    # Faded frames have no negative values; the read noise of a black frame is some 0.25 grey values.
    bound = 3 if np.quantile(some, 0.05) < -0.2 else 1.5
    within = np.count_nonzero(np.abs(some) <= bound) >= 0.97 * some.size
    return bool(width >= 20 and within and math.sqrt(np.mean(some**2)) > 0.27)


def _is_scaled(X, clean):
    """Whether the gain from `clean` to `X`, which noise does not change, is one of units and not of low light."""
    if clean is None or clean.size < _FEWEST_PAIRS:
        return False
    some, true = (_sample(rows).astype(np.float64).ravel() for rows in (X, clean))
    largest = max(np.abs(some).max(), np.abs(true).max())
    low, high = true.min(), true.max()
    if not largest < 1e100 or high - low <= 1e-9 * largest:
        return False
    noise, true = some - some.mean(), true - true.mean()
    gain = noise @ true / (true @ true)
    noise -= gain * true
    error = 4 * math.sqrt((noise**2) @ (true**2)) / (true @ true)  # for noise that depends on the pixel, too
    if gain - error > 8:
        return True
    contrast = gain * (high - low)  # of X; between 0.5 and 2.2 it is that of images in [0, 1] or [-1, 1]
    units = high - low >= 20 and 0.5 < contrast < 2.2 and gain > error and abs(some.mean()) <= 3
    return bool(units and X.dtype.kind == "f" and not np.array_equal(some, np.round(some)))


def check_in_range(X, data_range, name):
    """Raise if clean targets lie outside `data_range`."""
    low, high = float(X.min()), float(X.max())
    # A range observed in float32 must admit the same numbers read as float64, and the other way round.
    rounding = np.finfo(np.float16 if X.dtype == np.float16 else np.float32).eps
    slack = 1e-6 * (data_range[1] - data_range[0]) + float(rounding) * max(map(abs, data_range))
    if low < data_range[0] - slack or high > data_range[1] + slack:
        remedy = "pass a data_range=(low, high) that covers every clean pixel"
        if _is_larger(X, data_range):
            remedy = "they are an order of magnitude off, so bring all rows and data_range to the same units"
        raise ValueError(
            f"{name} has values from {low:.9g} to {high:.9g}, outside data_range=({data_range[0]:.9g},"
            f" {data_range[1]:.9g}). Clean targets must lie inside it: {remedy}."
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
