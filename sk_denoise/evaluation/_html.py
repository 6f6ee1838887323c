"""Render a recovery report with templates: as a self-contained page, or as tables for a notebook."""

from __future__ import annotations

import base64
import functools
import io

import jinja2

from . import _text


@functools.cache
def _environment():
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sk_denoise.evaluation"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    filters = ("decibels", "interval", "number", "references", "share", "title", "word")
    environment.filters |= {name: getattr(_text, name) for name in filters} | {"tested": _text.tested_name}
    return environment


def _summary(report):
    return {
        "summary": _text.summary(report),
        "notes": _text.notes(report),
        "best": _text.best_rows(report.frame),
        "costs": _text.costs(report.frame),
        "n_cells": len(report.frame),
        "no_cost": _text.NO_COST,
        "has_clean": _text.has_clean(report.frame),
    }


def fragment(report):
    """Render the summary and the cells in which denoising costs accuracy, for a notebook."""
    return _environment().get_template("fragment.html").render(_summary(report))


def page(report):
    """Render the whole page."""
    figures = {"curves": _curves(report), "images": _images(report), "changes": _changes(report)}
    matrices = {
        f"{denoiser}, {classifier}": report.matrix(denoiser=denoiser, classifier=classifier)
        for (classifier, denoiser), _ in report.frame.groupby(["classifier", "denoiser"], sort=False)
    }
    top = max(1.0, report.frame["gain"].abs().max())  # one colour scale for all tables
    context = {**_summary(report), **figures, "matrices": matrices, "top": top, "blocks": _text.blocks(report.frame)}
    return _environment().get_template("page.html").render(context)


def _hardest(report):
    """For each kind of noise, the row of the best denoiser at the highest level, with the first classifier."""
    hardest = {}
    for row in _text.best_rows(report.frame):
        first = row["classifier"] == report.frame["classifier"].iloc[0]
        if first and (row["level"] is None or row["level"] >= hardest.get(row["kind"], row)["level"]):
            hardest[row["kind"]] = row
    return hardest.values()


def _changes(report):
    from ..displays import ConfusionChangeDisplay

    seeds = f", counts over {report.n_seeds} seeds" if report.n_seeds > 1 else ""
    figures = []
    for row in _hardest(report):
        names = {key: row[key] for key in ("denoiser", "classifier", "kind", "level", "trained_on")}
        draw = functools.partial(ConfusionChangeDisplay.from_report, report, **names)
        caption = f"{row['classifier']}, {row['denoiser']}, {_text.tested_name(row)}{seeds}"
        figures.append(_figure(draw, caption, (8, 5)))
    return figures


def _curves(report):
    """One figure per classifier and kind, and per training noise if several cover the same level."""
    from ..displays import RecoveryDisplay

    known, figures = report.frame[report.frame["test"].isin(_text.KNOWN)], []
    for (classifier, kind), rows in known.groupby(["classifier", "kind"], sort=False):
        if rows["level"].nunique() < 2:
            continue
        ambiguous = rows.duplicated(["level", "denoiser"]).any()
        for trained_on in rows["trained_on"].unique() if ambiguous else [None]:
            names = {"kind": kind, "classifier": classifier, "trained_on": trained_on}
            draw = functools.partial(RecoveryDisplay.from_report, report, **names)
            caption = f"{classifier}, {kind}: accuracy against level"
            figures.append(_figure(draw, caption + (f", trained on {trained_on}" if trained_on else ""), (8, 4.2)))
    return figures


def _images(report):
    from ..displays import DenoisingDisplay

    figures = []
    for row in _hardest(report):
        images = report.examples[row["trained_on"], row["kind"], row["level"]]
        display = DenoisingDisplay(images, image_shape=report.image_shape, data_range=report.data_range)
        size = (8, min(12, 0.85 * len(images) + 0.3))
        figures.append(_figure(display.plot, f"Test images, {_text.tested_name(row)}", size))
    return figures


def _figure(draw, caption, size):
    """Draw a figure for light and for dark mode, as data URLs."""
    light, dark = (_png(draw, size, style) for style in ("default", "dark_background"))
    return {"caption": caption, "light": light, "dark": dark}


def _png(draw, size, style):
    import matplotlib.style
    from matplotlib.figure import Figure

    with matplotlib.style.context(style):
        figure = Figure(figsize=size, layout="constrained")
        draw(ax=figure.subplots())
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=130, transparent=True, bbox_inches="tight")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
