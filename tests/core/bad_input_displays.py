"""The report's methods and the displays, for `bad_input_cases`."""

import copy
import functools
import inspect

import numpy as np
from bad_input_entry import NEAR, Entry, X, Y, axes, fitted, make_filter, methods, other_report, quick, report, search

from sk_denoise import displays
from sk_denoise.evaluation._report import RecoveryReport


def report_methods():
    for name in methods(RecoveryReport):

        def method(report, /, name=name, **arguments):
            return getattr(report, name)(**arguments)

        valid = {"compare": lambda: {"denoiser": "median"}, "join": lambda: {"other": other_report()}}
        yield Entry(
            f"RecoveryReport.{name}",
            method,
            valid.get(name, dict),
            signature=getattr(RecoveryReport, name),
            near=NEAR,
            subject=lambda: copy.copy(report()),
        )


def _on_axes(make, /, **arguments):
    return make(**({"ax": axes()} | arguments))


def shown():
    """The displays: constructors through `plot`, and the ways to make them."""
    curve = {"level": [0.1, 0.2], "accuracy": [0.5, 0.4]}
    valid = {
        "ConfusionChangeDisplay": {"change": np.eye(3, dtype=int), "repaired": [1, 1, 1], "broken": [0, 0, 0]},
        "DenoisingDisplay": {"images": {"clean": X[:3]}, "image_shape": (4, 4), "data_range": (0, 1)},
        "LatentDisplay": {"sizes": [1, 2], "means": [0.1, 0.2]},
        "LossCurveDisplay": {"history": {"loss": [1.0, 0.5]}},
        "RecoveryDisplay": {"curves": {"a": curve}},
    }
    # Made when asked for, for they are fitted.
    ways = {
        "ConfusionChangeDisplay.from_predictions": lambda: {"y_true": Y, "y_before": Y, "y_after": Y},
        "ConfusionChangeDisplay.from_report": lambda: {"report": report()},
        "DenoisingDisplay.from_estimator": lambda: {"estimator": fitted(make_filter), "X": X},
        "LatentDisplay.from_estimator": lambda: {"estimator": fitted(quick), "X": X, "y": Y},
        "LatentDisplay.from_search": lambda: {"search": search()},
        "LossCurveDisplay.from_estimator": lambda: {"estimator": fitted(quick)},
        "RecoveryDisplay.from_report": lambda: {"report": report()},
    }
    vectors = ("y_true", "y_before", "y_after", "y", "sizes", "means", "spreads", "repaired")
    shapes = {"rows": ("X", "X_clean", "codes"), "vectors": vectors}
    beside = {"labels": {"y": Y}}
    for name in displays.__all__:
        member = getattr(displays, name)
        if not inspect.isclass(member):
            rows = lambda: {"n_rows": 12}
            vectors = ("y", "errors", "labels")
            yield Entry(f"displays.{name}", member, rows, near=NEAR, vectors=vectors, beside=beside)
            continue

        def plot(member=member, /, **arguments):
            return member(**arguments).plot(ax=axes())

        def replot(display, /, **arguments):
            return display.plot(**arguments)

        make = functools.partial(dict, valid[name])
        is_map = name == "LatentDisplay"  # whose codes are looked at where there are no sizes
        extra = {"beside": {"y": {"codes": X[:, :2]}}, "without": dict.fromkeys(("codes", "y"), ("sizes", "means"))}
        yield Entry(name, plot, make, signature=member, **shapes, **(extra if is_map else {}))
        yield Entry(f"{name}.plot", replot, dict, signature=member.plot, subject=functools.partial(member, **make()))
        for way in (way for way in methods(member) if way.startswith("from_")):
            more = {"beside": beside} if name == "DenoisingDisplay" else {}
            given, call = ways[f"{name}.{way}"], getattr(member, way)
            yield Entry(
                f"{name}.{way}", functools.partial(_on_axes, call), given, signature=call, near=NEAR, **shapes, **more
            )
