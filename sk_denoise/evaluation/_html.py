"""A recovery report as one self-contained HTML page, or as a table for a notebook."""

from __future__ import annotations

import base64
import io
import math
from html import escape

from ._text import (
    best_rows,
    blocks,
    costs,
    decibels,
    gain_word,
    interval,
    notes,
    rival_note,
    share,
    summary,
    tested_name,
    title,
)

_STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #ffffff; --rule: #d5d5d5; --soft: #666666; --good: #0b6e4f;
  --bad: #b3261e; --tint: 0, 114, 178; --cost: 213, 94, 0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8e8; --paper: #16181c; --rule: #3a3d44; --soft: #a0a4ab;
  --good: #6fd3ab; --bad: #ff9a8f; --tint: 86, 180, 233; --cost: 230, 130, 50; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 78rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; margin-bottom: 0.2rem; }
p.head, .note { color: var(--soft); margin: 0.2rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 0.5rem 0 1.5rem; font-variant-numeric: tabular-nums; font-size: 0.87rem; }
th, td { padding: 0.2rem 0.6rem; border-bottom: 1px solid var(--rule); text-align: right; white-space: nowrap; }
th { font-weight: 600; } th.name, td.name { text-align: left; }
td.helps, td.better { color: var(--good); font-weight: 600; }
td.hurts, td.worse { color: var(--bad); font-weight: 600; }
figure { margin: 1rem 0 2rem; max-width: 62rem; } img { max-width: 100%; }
figcaption { color: var(--soft); font-size: 0.87rem; }
"""


def _table(head, rows, names=1):
    """A table; cells are text, or (text, class) pairs, or (text, class, style) triples."""

    def cell(tag, value, column):
        text, css, style = (*value, "", "")[:3] if isinstance(value, tuple) else (value, "", "")
        css = f"{css} name".strip() if column < names else css
        return f"<{tag}{_attribute('class', css)}{_attribute('style', style)}>{escape(str(text))}</{tag}>"

    lines = ["".join(cell("th", value, i) for i, value in enumerate(head))]
    lines += ["".join(cell("td", value, i) for i, value in enumerate(row)) for row in rows]
    return '<div class="wide"><table>' + "\n".join(f"<tr>{line}</tr>" for line in lines) + "</table></div>"


def _attribute(name, value):
    return f' {name}="{value}"' if value else ""


def _number(value, form=".3f"):
    return "" if math.isnan(value) else format(value, form)


def _block(rows):
    head = [
        "denoiser",
        "PSNR (dB)",
        "SSIM",
        "accuracy",
        "won back",
        "gain, points",
        "refitted",
        "against the rival",
    ]
    head += ["repaired", "broken", "seeds ±", "fit (s)", "transform (s)"]
    lines = []
    for row in rows:
        lines.append(
            [
                row["denoiser"],
                decibels(row["psnr_denoised"]),
                _number(row["ssim_denoised"]),
                _number(row["accuracy_denoised"]),
                share(row["recovery"]) or "–",
                _with_verdict(row, "gain"),
                _number(row["accuracy_refitted"]),
                _with_verdict(row, "vs_rival"),
                f"{row['repaired']:.4g}",
                f"{row['broken']:.4g}",
                _number(row["seed_spread"], ".1f"),
                _number(row["fit_seconds"], ".2f"),
                _number(row["transform_seconds"], ".2f"),
            ]
        )
    row = rows[0]
    accuracy = f"accuracy: clean {row['accuracy_clean']:.3f}, noisy {row['accuracy_noisy']:.3f}, {rival_note(row)}"
    images = f"noisy images: {decibels(row['psnr_noisy'], ' dB')}, SSIM {_number(row['ssim_noisy'])}"
    return f'<h3>{escape(title(row))}</h3><p class="head">{escape(f"{accuracy}; {images}")}</p>{_table(head, lines)}'


def _with_verdict(row, name):
    """A difference, its interval and the verdict, in the verdict's colour; empty where it was not measured."""
    verdict = gain_word(row) if name == "gain" else row[f"{name}_verdict"]
    return (f"{interval(row, name)} {verdict}", verdict.split()[0]) if verdict else ""


def _in_short(report):
    head = ["trained and tested on", "classifier", "best denoiser", "clean", "noisy", "denoised", "rival"]
    head += ["gain, points", "against the rival"]
    lines = [
        [
            tested_name(row),
            row["classifier"],
            row["denoiser"],
            *(_number(row[f"accuracy_{name}"]) for name in ("clean", "noisy", "denoised", "rival")),
            _with_verdict(row, "gain"),
            _with_verdict(row, "vs_rival"),
        ]
        for row in best_rows(report.rows)
    ]
    return _table(head, lines, names=3) if lines else '<p class="note">No noise was tested that was trained on.</p>'


def _costs(report):
    hurting = costs(report.rows)
    if not hurting:
        return '<p class="note">In no cell does denoising cost accuracy beyond doubt.</p>'
    head = ["denoiser", "classifier", "trained on", "tested on", "gain, points"]
    lines = [
        [r["denoiser"], r["classifier"], r["trained_on"], tested_name(r), (interval(r, "gain"), "hurts")]
        for r in hurting
    ]
    return f"<p>{len(hurting)} of {len(report.rows)} cells.</p>" + _table(head, lines, names=4)


def _changes(report):
    """Of each kind at its hardest, the best denoiser of the first classifier: what was repaired, what was broken."""
    seeds = f", counts over {report.n_seeds} seeds" if report.n_seeds > 1 else ""
    return "".join(
        _figure(
            lambda ax, row=row: _draw_change(report, row, ax),
            f"{row['classifier']}, {row['denoiser']}, {tested_name(row)}{seeds}",
            (8, 5),
        )
        for row in _hardest(report)
    )


def _hardest(report):
    """For each kind, the best denoiser of the first classifier at the highest level."""
    hardest = {}
    for row in best_rows(report.rows):
        first = row["classifier"] == report.rows[0]["classifier"]
        if first and row["level"] >= hardest.get(row["kind"], row)["level"]:
            hardest[row["kind"]] = row
    return list(hardest.values())


def _draw_change(report, row, ax):
    from ..displays import ConfusionChangeDisplay

    names = {key: row[key] for key in ("denoiser", "classifier", "kind", "level", "trained_on")}
    ConfusionChangeDisplay.from_report(report, **names, ax=ax)


def _curves(report):
    """One figure for each classifier, kind and, where several training noises share a level, each of those."""
    from ..displays import RecoveryDisplay

    parts = []
    known = [row for row in report.rows if row["test"] in ("as trained", "fitted before")]
    for classifier, kind in dict.fromkeys((row["classifier"], row["kind"]) for row in known):
        rows = [row for row in known if (row["classifier"], row["kind"]) == (classifier, kind)]
        if len({row["level"] for row in rows}) < 2:
            continue  # nothing to draw a line through
        by_cell = [(row["level"], row["denoiser"]) for row in rows]
        trained = [None] if len(set(by_cell)) == len(by_cell) else list(dict.fromkeys(r["trained_on"] for r in rows))
        for label in trained:
            title = f"{classifier}, {kind}: accuracy against level" + (f", trained on {label}" if label else "")

            def draw(ax, kind=kind, classifier=classifier, label=label):
                RecoveryDisplay.from_report(report, kind=kind, classifier=classifier, trained_on=label, ax=ax)

            parts.append(_figure(draw, title, (8, 4.2)))
    return "".join(parts) or '<p class="note">One level was tested: there is no curve to draw.</p>'


def _images(report):
    from ..displays import DenoisingDisplay

    parts = []
    for row in _hardest(report):
        images = report.examples[row["trained_on"], row["kind"], row["level"]]
        size = (8, min(12, 0.85 * len(images) + 0.3))

        def draw(ax, images=images):
            options = {"image_shape": report.image_shape, "data_range": report.data_range}
            DenoisingDisplay(images, **options).plot(ax=ax)

        parts.append(_figure(draw, f"Test images, {tested_name(row)}", size))
    return "".join(parts)


def _figure(draw, caption, size):
    """The same figure for light and for dark screens, embedded."""
    light, dark = (_png(draw, size, style) for style in ("default", "dark_background"))
    return (
        f'<figure><picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" alt="{escape(caption)}"></picture><figcaption>{escape(caption)}</figcaption></figure>'
    )


def _png(draw, size, style):
    import matplotlib.style
    from matplotlib.figure import Figure

    with matplotlib.style.context(style):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.subplots())
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=130, transparent=True, bbox_inches="tight")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _matrices(report):
    """Gain, trained on one noise and tested on others, for each denoiser and classifier."""
    parts, top = [], max(1.0, *(abs(row["gain"]) for row in report.rows))  # one scale for all
    for classifier in dict.fromkeys(row["classifier"] for row in report.rows):
        for denoiser in dict.fromkeys(row["denoiser"] for row in report.rows):
            if not any(r["classifier"] == classifier and r["denoiser"] == denoiser for r in report.rows):
                continue  # a report that was joined
            values, trained, tested = report.matrix(denoiser=denoiser, classifier=classifier)
            lines = [[name, *(_shaded(v, top) for v in line)] for name, line in zip(trained, values, strict=True)]
            heading = escape(f"{denoiser}, {classifier}: gain in points, empty where not tested")
            parts.append(f"<h3>{heading}</h3>" + _table(["trained on", *tested], lines))
    return "".join(parts)


def _shaded(value, top):
    if math.isnan(value):
        return ""
    colour = "--tint" if value >= 0 else "--cost"
    return f"{value:+.1f}", "", f"background: rgba(var({colour}), {0.6 * abs(value) / top:.2f})"


def fragment(report):
    """The short answer and where denoising costs accuracy, for a notebook."""
    parts = f"<p>{escape(summary(report))}</p>", _in_short(report), "<p>Where denoising costs accuracy:</p>"
    return f"<div>{''.join(parts)}{_costs(report)}{_notes(report)}</div>"


def _notes(report):
    return "".join(f'<p class="note">{escape(line)}</p>' for line in notes(report))


def page(report):
    """The whole page."""
    sections = {
        "In short": _in_short(report),
        "Where denoising costs accuracy": _costs(report),
        "Accuracy against level": _curves(report),
        "Images": _images(report),
        "What was repaired and what was broken": _changes(report),
        "Trained on one noise, tested on another": _matrices(report),
        "All figures": "".join(_block(block) for block in blocks(report.rows)),
    }
    body = "".join(f"<h2>{escape(title)}</h2>{content}" for title, content in sections.items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Recovery report</title><style>{_STYLE}</style></head><body><h1>Recovery report</h1>"
        f"<p>{escape(summary(report))}</p>{_notes(report)}{body}</body></html>\n"
    )
