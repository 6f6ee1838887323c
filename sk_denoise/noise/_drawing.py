"""Adding noise to rows and to stacks of images, block by block: threads, random streams and their keys."""

from __future__ import annotations

import functools
import math
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from numbers import Integral

import numpy as np
from sklearn import get_config
from sklearn.utils import assert_all_finite, gen_batches

from .._core.shapes import check_image_shape
from .._core.sklearn_glue import effective_n_threads
from .._core.units import from_unit, result_dtype, to_unit
from ._params import check_blur, check_level
from ._streams import BlurredNormals, RowStreams, key_multipliers, row_keys
from .kinds import add_noise

_BLOCK_VALUES = 1 << 18  # values per block: few enough for the processor's cache, enough to occupy a thread
_MOST_VALUES = 1 << 24  # in all threads together, because temporary arrays take up to 64 bytes per value


def split(shape, whole):
    """Return slices of rows or images; with ``whole=True``, a single one."""
    n_rows = shape[0] if whole else _BLOCK_VALUES // math.prod(shape[1:])
    return list(gen_batches(shape[0], max(1, n_rows)))


def random_keys(rng, n_rows):
    """Draw keys of random streams."""
    return rng.integers(0, 2**64, size=n_rows, dtype=np.uint64)


def noise_source(injector, streams, shape):
    """Return the source of random numbers for rows or images of `shape`: `streams`, or correlated ones."""
    blur = check_blur(injector.blur)
    if not any(blur):
        return streams
    if len(shape) > 1:
        height, width, *channels = shape
        return BlurredNormals(streams, blur, (height, width, channels[0] if channels else 1))
    (n_features,) = shape
    if injector.image_shape is None and math.isqrt(n_features) ** 2 != n_features:
        raise ValueError(
            f"image_shape must be (height, width) or (height, width, channels) to blur noise of {n_features}"
            " features, which do not form a square image, got None."
        )
    return BlurredNormals(streams, blur, check_image_shape(injector.image_shape, n_features))


def noise_options(injector):
    """Return the options of the kind of noise."""
    return {"read_noise": injector.read_noise} if injector.kind == "poisson_gaussian" else {}


def draw_noise(injector, stacks, *, by_row):
    """Return noisy copies of `stacks`, in their units.

    Each stack is an array whose first axis counts rows or images. With ``by_row=False``, meant for rows without an
    integer seed, a callable gets all rows at once, and Poisson numbers are drawn for many rows at once.
    """
    noisy = [np.empty(stack.shape, dtype=result_dtype(stack.dtype)) for stack in stacks]
    level, options = check_level(injector.level, injector.kind), noise_options(injector)
    data_range, keys_of = injector.data_range_, _keys(injector, stacks)
    check_finite = not get_config()["assume_finite"]  # read here, because scikit-learn's settings are per thread

    def add(blocks):
        streams = RowStreams(by_row=by_row)
        source_for = functools.lru_cache(maxsize=1)(functools.partial(noise_source, injector, streams))
        for index, rows in blocks:
            stack = stacks[index]
            flat, target = (array[rows].reshape(-1, math.prod(stack.shape[1:])) for array in (stack, noisy[index]))
            if check_finite:
                assert_all_finite(flat, input_name="X")
            unit = to_unit(flat, data_range)
            streams.restart(keys_of(index, rows, flat, streams.buffer))
            out = target if target.dtype == unit.dtype else np.empty_like(unit)
            add_noise(unit, injector.kind, level, source_for(stack.shape[1:]), clip=injector.clip, out=out, **options)
            from_unit(out, data_range, out=target)

    whole = not isinstance(injector.kind, str) and not by_row
    blocks = [(index, rows) for index, stack in enumerate(stacks) for rows in split(stack.shape, whole)]
    largest = max(_BLOCK_VALUES, *(math.prod(stack.shape[1:]) for stack in stacks))
    # A callable may not be thread-safe.
    most = _MOST_VALUES // largest if isinstance(injector.kind, str) else 1
    _in_threads(add, blocks, max(1, min(len(blocks), most, effective_n_threads())))
    return noisy


def _in_threads(work, items, n_threads):
    """Call `work` with all items, or in each of several threads with a share of them."""
    if n_threads == 1:
        work(items)
        return
    with ThreadPoolExecutor(n_threads) as pool:
        # The caller's context holds NumPy's error settings, so each thread gets a copy of it.
        shares = [items[i::n_threads] for i in range(n_threads)]
        for future in [pool.submit(copy_context().run, work, share) for share in shares]:
            future.result()


def _keys(injector, stacks):
    """Return a function that computes the keys of a block of rows or images."""
    seed, data_range = injector.random_state, injector.data_range_
    if isinstance(seed, Integral):
        multipliers_for = functools.lru_cache(maxsize=1)(key_multipliers)

        def by_content(index, rows, flat, buffer):
            # Scale in float64, so that equal values give equal keys in any dtype and units.
            values = flat if data_range == (0, 1) else flat.astype(np.float64)
            return row_keys(to_unit(values, data_range), multipliers_for(seed, flat.shape[1]), buffer)

        return by_content
    rng = np.random.default_rng(None if seed is None else seed.randint(0, 2**31, size=4))
    keys = [random_keys(rng, len(stack)) for stack in stacks]
    return lambda index, rows, flat, buffer: keys[index][rows]
