"""Units: the data range, scaling to [0, 1] and back, and checks that two arrays are in the same units."""

from __future__ import annotations

import contextlib
import math
from contextvars import ContextVar

import numpy as np
from sklearn.utils import gen_batches

from .checks import is_real, sample_rows, shown, warn_user

_FARTHEST = 1e12  # from the data range, in multiples of its width
_MOST_COLUMNS = 1 << 12  # sampled by the checks of units
_MOST_SAMPLED = 1 << 22  # values of images in which outliers are looked for
_STRONGEST = 33.0  # mean square of the strongest noise, Rician of level 4 on white, and its standard deviation
_FEWEST_PAIRS = 500  # values needed to estimate a gain
_unchecked = ContextVar("_unchecked", default=False)


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

    `X` is an array of rows, or a list of images. "auto" means ``(0, 255)`` for uint8, otherwise ``(0, 1)`` if `X` lies
    in it, otherwise the observed minimum and maximum. The range of a constant image is one unit wide.
    """
    data_range = check_data_range(data_range)
    if data_range != "auto":
        return data_range
    arrays = X if isinstance(X, list) else [X]
    low, high = min(float(array.min()) for array in arrays), max(float(array.max()) for array in arrays)
    check_mixed(arrays)
    if all(array.dtype == np.uint8 for array in arrays):
        _check_few_bits(arrays, high)
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


def check_mixed(arrays):
    """Warn if images of integers and images in [0, 1] are given together."""
    integers = [array for array in arrays if array.dtype.kind in "iu"]
    unit = [array for array in arrays if array.dtype.kind == "f" and array.min() >= 0 and array.max() <= 1]
    if integers and unit and max(array.max() for array in integers) > 1:
        warn_user(
            f"{len(integers)} images hold integers and {len(unit)} values in [0, 1], but share one data range. Convert"
            " them to the same units."
        )


def _check_few_bits(arrays, high):
    """Warn if uint8 is used for masks, or for images of 4 or 5 bits."""
    n_values = sum(array.size for array in arrays)
    if high == 1:
        what = "all values are 0 or 1. If 1 is white, as in a mask, pass data_range=(0, 1)."
    # A dim image reaches its maximum in a few pixels, and a power of two by chance.
    elif high in (15, 16, 31, 32) and n_values >= 1000 and _share(arrays, high) >= 0.01:
        what = f"the maximum is {high:g}. If that is white, as in images of few bits, pass data_range=(0, {high:g})."
    else:
        return
    warn_user(f"data_range='auto' is (0, 255) for uint8, but {what}")


def _share(arrays, value):
    """Return the share of the values that equal `value`."""
    return sum(np.count_nonzero(array == value) for array in arrays) / sum(array.size for array in arrays)


def _check_outliers(X, low, high):
    """Warn if all but a few outliers, or all but a few positions of rows, occupy only a part of the range."""
    arrays = X if isinstance(X, list) else [X]
    n_values = sum(array.size for array in arrays)
    if isinstance(X, list):
        step = -(-n_values // _MOST_SAMPLED)
        sample = np.concatenate([image[::step].ravel() for image in X]).astype(np.float64, copy=False)
    else:
        sample = X[:: -(-len(X) // 1000)].astype(np.float64, copy=False)
        if _check_positions(sample, low, high):
            return
    n_few = max(10, n_values // 100_000)
    if sample.size < 100 * n_few:
        return
    values = np.partition(sample, (n_few, sample.size - 1 - n_few), axis=None)
    inner = float(values[n_few]), float(values[-1 - n_few])
    if inner[1] - inner[0] >= 0.5 * (high - low):
        return
    parts = (array[rows] for array in arrays for rows in gen_batches(len(array), 1000))
    n_outside = sum(np.count_nonzero((part < inner[0]) | (part > inner[1])) for part in parts)
    if n_outside <= 4 * n_few:
        warn_user(
            f"data_range='auto' is ({low:g}, {high:g}), but all except {n_outside} of {n_values} values lie in"
            f" ({inner[0]:g}, {inner[1]:g}). If those are hot or dead pixels, pass data_range=(low, high) without them."
        )


def _check_positions(sample, low, high):
    """Warn if all but a few columns occupy a small part of the range; return whether they do."""
    n_few = max(1, sample.shape[1] // 1000)
    if len(sample) < 10 or sample.shape[1] < 10 * n_few:
        return False
    darkest, brightest = np.sort(sample.min(axis=0)), np.sort(sample.max(axis=0))
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
    """Disable `check_scale` in a block, for rows whose units have been checked before."""
    token = _unchecked.set(True)
    try:
        yield
    finally:
        _unchecked.reset(token)


def check_scale(X, data_range, name, clean=None):
    """Warn if `X` has other units than `data_range`, or than the rows `clean` if given; return whether it has.

    Noisy and dim images must not cause a warning. In doubt, there is none.
    """
    if _unchecked.get() or not (_is_larger(X, data_range) or _is_smaller(X, data_range) or _is_scaled(X, clean)):
        return False
    low, high = data_range if clean is None else (clean.min(), clean.max())
    warn_user(
        f"{name} has values from {X.min():g} to {X.max():g}, which are an order of magnitude off the range"
        f" ({low:g}, {high:g}) of the clean rows. Convert both to the same units."
    )
    return True


def check_images_scale(images, data_range, name):
    """Check the units of a list of images of any sizes, as `check_scale` does those of rows."""
    # At most 4096 values of at most 64 images, and the extremes of all, which tell bright spots from other units.
    chosen = [images[i] for i in sample_rows(np.arange(len(images)))]
    steps = [math.ceil(math.sqrt(image.size / _MOST_COLUMNS)) for image in chosen]
    values = [image[::step, ::step].ravel() for image, step in zip(chosen, steps)]
    ends = [[min(image.min() for image in images)], [max(image.max() for image in images)]]
    return check_scale(np.concatenate([*values, *ends])[np.newaxis], data_range, name)


def _sample(X):
    """Return a sample of rows and columns, spread over the array."""
    return sample_rows(X if X.shape[1] <= _MOST_COLUMNS else X[:, :: -(-X.shape[1] // _MOST_COLUMNS)])


def _is_larger(X, data_range):
    """Return whether values lie farther from the range than the strongest noise can move them."""
    sample, low, width = _sample(X), data_range[0], data_range[1] - data_range[0]
    if low - 5 * width <= sample.min() and sample.max() <= low + 5 * width:
        return False  # in the common case this is all that is computed
    with np.errstate(over="ignore", invalid="ignore"):
        squares = ((sample.astype(np.float64) - low) / width) ** 2
    if not np.isfinite(squares).all():
        return bool(np.isfinite(sample).all())  # NaN and infinity are an error elsewhere, and no question of units
    squares = np.minimum(squares, np.quantile(squares, 0.98))  # without hot pixels
    return bool(squares.mean() > _STRONGEST * (1 + 4 / math.sqrt(X.shape[1])))


def _is_smaller(X, data_range):
    """Return whether the values are those of images in [0, 1] or [-1, 1], or standardised, in a much wider range."""
    width = data_range[1] - data_range[0]
    if X.dtype.kind != "f" or width < 10:
        return False
    sample = _sample(X)
    if np.count_nonzero(np.abs(sample) <= 3) < 0.97 * sample.size:
        return False
    sample = sample.astype(np.float64)
    darkest, brightest = float(X.min()), float(X.max())
    if not max(-darkest, brightest) < 30 or np.array_equal(sample, np.round(sample)) or sample.std() <= 0.05:
        return False  # bright spots on black, masks, constant rows
    if darkest >= 0 and brightest == 1:
        return True  # white in [0, 1]
    # Faded frames have no negative values; the read noise of a black frame is about 0.25 grey values.
    bound = 3 if np.quantile(sample, 0.05) < -0.2 else 1.5
    within = np.count_nonzero(np.abs(sample) <= bound) >= 0.97 * sample.size
    return bool(width >= 20 and within and math.sqrt(np.mean(sample**2)) > 0.27)


def _is_scaled(X, clean):
    """Return whether the gain from `clean` to `X`, which noise does not affect, is due to units, not to low light."""
    if clean is None or clean.size < _FEWEST_PAIRS:
        return False
    sample, true = (_sample(rows).astype(np.float64).ravel() for rows in (X, clean))
    largest = max(np.abs(sample).max(), np.abs(true).max())
    low, high = true.min(), true.max()
    if not largest < 1e100 or high - low <= 1e-9 * largest:
        return False
    noise, true = sample - sample.mean(), true - true.mean()
    gain = noise @ true / (true @ true)
    noise -= gain * true
    error = 4 * math.sqrt((noise**2) @ (true**2)) / (true @ true)  # for noise that depends on the pixel, too
    if gain - error > 8:
        return True
    contrast = gain * (high - low)  # of X; between 0.5 and 2.2 it is that of images in [0, 1] or [-1, 1]
    units = high - low >= 20 and 0.5 < contrast < 2.2 and gain > error and abs(sample.mean()) <= 3
    return bool(units and X.dtype.kind == "f" and not np.array_equal(sample, np.round(sample)))


def check_in_range(X, data_range, name):
    """Raise if the clean rows lie outside `data_range`."""
    low, high = float(X.min()), float(X.max())
    # A range observed in float32 must admit the same numbers read as float64, and vice versa.
    rounding = np.finfo(np.float16 if X.dtype == np.float16 else np.float32).eps
    slack = 1e-6 * (data_range[1] - data_range[0]) + float(rounding) * max(map(abs, data_range))
    if low < data_range[0] - slack or high > data_range[1] + slack:
        remedy = "pass a data_range=(low, high) that covers every clean pixel"
        if _is_larger(X, data_range):
            remedy = "they are an order of magnitude off, so convert all rows and data_range to the same units"
        raise ValueError(
            f"{name} has values from {low:.9g} to {high:.9g}, outside data_range=({data_range[0]:.9g},"
            f" {data_range[1]:.9g}). Clean rows must lie inside it: {remedy}."
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
