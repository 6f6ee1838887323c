"""Wrong values by kind: what somebody may pass where something else is wanted."""

import datetime

import numpy as np
import pandas as pd
from scipy.sparse import csr_array


def nonsense():
    """A function that takes nothing and returns nothing."""


def gives_text(*arguments, **options):
    """A function that takes anything and returns what is of no use."""
    return "text"


class Nonsense:
    """An object that can do nothing."""

    def __repr__(self):
        return "Nonsense()"


#: For any argument. Made anew for each case, for generators are used up.
ANYTHING = {
    "None": lambda: None,
    "object": Nonsense,
    "class": lambda: Nonsense,
    "function": lambda: nonsense,
    "function that gives text": lambda: gives_text,
    "text": lambda: "nonsense",
    "empty text": lambda: "",
    "bytes": lambda: b"ab",
    "dict": lambda: {"a": 1},
    "set": lambda: {1},
    "generator": lambda: (i for i in range(3)),
    "empty list": lambda: [],
    "texts": lambda: ["a", "b"],
    "triple": lambda: (1, 2, 3),
    "reversed pair": lambda: (2, 1),
    "ragged": lambda: [[1, 2], [3]],
    "array": lambda: np.array([0.5, 1.5]),
    "True": lambda: True,
    "-1": lambda: -1,
    "0": lambda: 0,
    "2.5": lambda: 2.5,
    "1e40": lambda: 10**40,
    "1e400": lambda: 10**400,
    "NaN": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "1j": lambda: 1j,
    "date": lambda: datetime.date(2020, 1, 1),
}


def _with(rows, value):
    rows = np.array(rows, dtype=float)
    rows.flat[-1] = value
    return rows


def _masked(rows):
    return np.ma.masked_array(rows, mask=np.asarray(rows) == np.max(rows))


#: For rows: what is wrong with them is made out of right ones.
ROWS = {
    "1-D": lambda rows: rows[0],
    "3-D": lambda rows: rows.reshape(len(rows), -1, 1),
    "no rows": lambda rows: rows[:0],
    "no columns": lambda rows: rows[:, :0],
    "columns less": lambda rows: rows[:, :-1],
    "columns more": lambda rows: np.hstack([rows, rows[:, :1]]),
    "rows less": lambda rows: rows[:-1],
    "strings": lambda rows: np.full(rows.shape, "a"),
    "objects": lambda rows: np.full(rows.shape, Nonsense(), dtype=object),
    "None in it": lambda rows: [[*map(float, rows[0][:-1]), None], *rows[1:].tolist()],
    "complex": lambda rows: rows + 1j,
    "dates": lambda rows: np.full(rows.shape, "2020-01-01", dtype="M8[D]"),
    "sparse": csr_array,
    "NaN in it": lambda rows: _with(rows, np.nan),
    "inf in it": lambda rows: _with(rows, -np.inf),
    "1e300 in it": lambda rows: _with(rows, 1e300),
    "masked": _masked,
    "frame of texts": lambda rows: pd.DataFrame(np.full(rows.shape, "a")),
    "frame less a column": lambda rows: pd.DataFrame(rows).iloc[:, 1:],
    "frame with NA": lambda rows: pd.DataFrame(_with(rows, np.nan)).convert_dtypes(),
}

#: For one number or label a row.
VECTORS = {
    "2-D": lambda values: np.stack([values, values], axis=1),
    "one less": lambda values: values[:-1],
    "one more": lambda values: np.append(values, values[:1]),
    "no values": lambda values: values[:0],
    "scalar": lambda values: values[0],
    "numbers with NaN": lambda values: _with(np.arange(len(values), dtype=float), np.nan),
    "negative numbers": lambda values: -1.0 - np.arange(len(values)),
    "zeros": lambda values: np.zeros(len(values), dtype=int),
    "strings": lambda values: np.full(len(values), "a"),
    "objects": lambda values: np.full(len(values), Nonsense(), dtype=object),
    "complex": lambda values: np.full(len(values), 1j),
    "masked": lambda values: np.ma.masked_array(values, mask=np.arange(len(values)) == 0),
}
