"""Properties shared by all displays."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from sk_denoise import displays as shown

LINE = {"level": [0.1, 0.2], "accuracy": [0.9, 0.8]}
#: Valid arguments of each display, which tests modify.
VALID = {
    "losses": (shown.LossCurveDisplay, {"history": {"loss": [1, 0.5], "val_loss": [1, 0.6]}}),
    "recovery": (shown.RecoveryDisplay, {"curves": {"median": LINE}, "references": {"clean": LINE}}),
    "sizes": (shown.LatentDisplay, {"sizes": [8, 16], "means": [0.5, 0.6], "spreads": [0.1, 0.1]}),
    "map": (shown.LatentDisplay, {"codes": np.eye(2), "y": ["a", "b"]}),
    "change": (shown.ConfusionChangeDisplay, {"change": np.eye(2, dtype=int), "repaired": [1, 1], "broken": [0, 0]}),
    "noise": (shown.NoiseDisplay, {"brightness": [1, 2], "variance": [3, 4], "fitted_variance": [3.5, 3.5]}),
    "images": (shown.DenoisingDisplay, {"images": {"a": np.eye(4)}, "image_shape": (2, 2), "data_range": (0, 1)}),
    "panels": (shown.DenoisingDisplay, {"images": {"a": [np.eye(4)]}, "image_shape": None, "data_range": (0, 1)}),
}


def make(name, **changed):
    cls, arguments = VALID[name]
    return cls(**(arguments | changed))


@pytest.mark.parametrize("name", VALID)
def test_given_axes_are_used_and_settings_kept(name):
    before, ax = mpl.rcParams.copy(), Figure(layout="constrained").subplots()
    display = make(name)
    assert display.plot(ax=ax) is display
    assert display.ax_ is ax and display.figure_ is ax.figure
    assert not plt.get_fignums() and mpl.rcParams == before


#: Values of the right type that cannot be drawn: (display, argument, *values).
WRONG = [
    ("losses", "history", {"val_loss": [1, 2]}, {"loss": "text"}),
    ("recovery", "curves", {}, {"a": 1}, {"a": {"level": [1, 2], "accuracy": [0.5]}}),
    ("sizes", "sizes", [0, 8], None),
    ("sizes", "means", [np.nan] * 2, [0.5]),
    ("sizes", "spreads", [-1, 1]),
    ("map", "codes", np.zeros((4, 3))),
    ("map", "y", ["a"]),
    ("change", "change", [[1, 2, 3]] * 2, [[1, 2], [3]], np.eye(2)),
    ("change", "repaired", [-1, 1]),
    ("change", "labels", ["a"]),
    ("noise", "variance", [1, 2, 3], [np.nan, 1]),
    ("noise", "fitted_variance", [1]),
    ("noise", "autocorrelation", np.eye(4), np.ones(3)),
    ("images", "images", {}, {"a": np.eye(4), "b": np.eye(4)[:2]}),
    ("images", "image_shape", (3, 3), None),
    ("images", "zoom", (0, 0, 2, 2), "all"),
    ("images", "data_range", (1, 0)),
    ("images", "labels", [1]),
    ("images", "notes", ["a"]),
    (
        "panels",
        "images",
        {},
        {"a": np.eye(4)},
        {"a": []},
        {"a": [np.eye(4)], "b": [np.eye(3)]},
        {"a": [[[np.nan] * 2] * 2]},
    ),
    ("panels", "zoom", "all", (0, 0, 2), (0, 0, 5, 4), (-1, 0, 2, 2), (0, 0, 0, 2), (0, 0, 2.0, 2)),
    ("panels", "data_range", (1, 0)),
    ("panels", "labels", ["a", "b"]),
    ("panels", "notes", []),
]


def test_what_cannot_be_drawn():
    for name, argument, *values in WRONG:
        for value in values:
            display = make(name, **{argument: value})
            before = dict(vars(display))
            with pytest.raises((TypeError, ValueError), match=rf"\b{argument}\b"):
                display.plot()
            assert vars(display) == before and not plt.get_fignums()


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("recovery", {"curves": dict.fromkeys((r"$\frac1$", "_hidden"), LINE)}),
        ("map", {"codes": np.zeros((4, 2)), "y": [r"$\frac1$", "_hidden"] * 2}),
        ("change", {"labels": [r"$\frac1$", "_hidden"]}),
        ("images", {"images": {r"$\frac1$": np.eye(4)}, "labels": [r"$\frac1$", "_hidden"] * 2}),
        ("panels", {"images": {r"$\frac1$": [np.eye(4)]}, "labels": [r"$\frac1$"], "notes": [r"$\frac1$"]}),
    ],
)
def test_names_are_not_formulas(name, changed):
    """Names may contain "$", which starts math text, or start with "_", which hides them from legends."""
    display = make(name, **changed).plot()
    display.figure_.draw_without_rendering()
    legend = display.ax_.get_legend()
    assert legend is None or len(legend.get_texts()) >= 2


def test_series_and_lists_are_arrays():
    numbers = pd.Series([0.9, 0.5], index=[7, 8])
    line = dict.fromkeys(("level", "accuracy", "low", "high"), numbers)
    make("recovery", curves={"a": line}, references={"b": line}).plot()
    make("sizes", sizes=numbers, means=numbers, spreads=numbers).plot()
    make("change", change=[[1, -1], [0, 0]], repaired=pd.Series([1, 0], index=[7, 8])).plot()
