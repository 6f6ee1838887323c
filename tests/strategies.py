"""Hypothesis strategies: images in every dtype, memory layout and unit that users may have."""

import dataclasses
import tempfile

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

# The same examples in each run and no deadlines, so that all failures are due to the code.
PROPERTIES = settings(derandomize=True, deadline=None, print_blob=True, max_examples=60, database=None)
FEW = settings(PROPERTIES, max_examples=15)  # for tests that train networks

FLOATS = ("f2", "f4", ">f4", "f8", ">f8", "longdouble")
INTEGERS = ("u1", "i2", ">i2", "i8", "?")

shapes = st.one_of(
    st.tuples(st.integers(1, 7), st.integers(1, 9)), st.sampled_from([(1, 1), (1, 9), (7, 1), (2, 300), (40, 2)])
)
# Values that float32 represents exactly, including subnormal numbers.
elements = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1, width=32))


def units(shape):
    """Float64 images scaled to [0, 1], including many constant ones."""
    return hnp.arrays(np.float64, shape, elements=elements)


@st.composite
def ranges(draw, least, most):
    """A data range from ``10**least`` to ``10**most`` wide, some far from zero."""
    width = draw(st.one_of(st.sampled_from([1.0, 16.0, 255.0]), st.integers(least, most).map(lambda e: 10.0**e)))
    low = width * draw(st.sampled_from([0.0, 0.0, -1.0, -0.5, 1.0, 37.5, -1000.0, 12345.0, 1e6]))
    return low, low + width


@dataclasses.dataclass(frozen=True)
class Images:
    """Clean rows and a data range that covers them."""

    X: np.ndarray
    data_range: tuple[float, float]

    @property
    def width(self):
        return self.data_range[1] - self.data_range[0]

    def rounding(self, dtype=None):
        """Bound on the change of a value in the range by rounding to `dtype`, with float32 or wider in between."""
        eps = float(np.finfo(dtype or out_dtype(self.X.dtype)).eps)
        return 4 * max(eps * max(map(abs, self.data_range)), eps * self.width)


def out_dtype(dtype):
    """Return the dtype of the output: an independent implementation of the documented rule."""
    dtype = np.dtype(dtype)
    return dtype.newbyteorder("=") if dtype.kind == "f" else np.dtype(np.float32)


@st.composite
def images(draw, dtypes=FLOATS + INTEGERS, shape=None):
    """Rows of any of `dtypes`, in any units."""
    dtype, shape = np.dtype(draw(st.sampled_from(dtypes))), draw(shapes) if shape is None else shape
    if dtype.kind == "b":
        return Images(draw(hnp.arrays(dtype, shape)), (0.0, 1.0))
    if dtype.kind != "f":
        limits = np.iinfo(dtype)
        return Images(draw(hnp.arrays(dtype, shape)), (float(limits.min), float(limits.max)))
    if dtype.itemsize == 2:
        low, high = draw(st.sampled_from([(0.0, 1.0), (0.0, 255.0), (-2.0, 2.0), (100.0, 101.0), (-500.0, 500.0)]))
    else:
        low, high = draw(ranges(-42, 28) if dtype.itemsize == 4 else ranges(-320, 300))
    X = np.clip(low + draw(units(shape)) * (high - low), low, high).astype(dtype)
    return Images(X, (low, high))


def _memmap(X):
    with tempfile.TemporaryFile() as file:
        mapped = np.memmap(file, dtype=X.dtype, mode="w+", shape=X.shape)
    mapped[...] = X
    return mapped


def _read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


#: The same values in other memory layouts.
LAYOUTS = {
    "Fortran order": np.asfortranarray,
    "every other row": lambda X: np.repeat(X, 2, axis=0)[::2],
    "every other column": lambda X: np.repeat(X, 2, axis=1)[:, 1::2],
    "backwards": lambda X: np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
    "read-only": _read_only,
    "memory map": _memmap,
    "other byte order": lambda X: X.astype(X.dtype.newbyteorder()),
    "unaligned": lambda X: np.frombuffer(b"\0" + X.tobytes(), dtype=X.dtype, offset=1).reshape(X.shape),
    "list": lambda X: X.tolist() if X.dtype == np.float64 else X,
}
layouts = st.sampled_from(sorted(LAYOUTS)).map(LAYOUTS.get)


@st.composite
def cuts(draw, n_rows):
    """The rows in any order, split into chunks: index arrays."""
    order = np.array(draw(st.permutations(range(n_rows))), dtype=int)
    at = draw(st.lists(st.integers(1, n_rows), max_size=3, unique=True))
    return [chunk for chunk in np.split(order, sorted(at)) if len(chunk)]


#: Factors that do not change mantissas, nor make a range overflow or underflow.
powers_of_two = st.sampled_from([2.0**e for e in (-40, -3, -1, 1, 8, 40)])
