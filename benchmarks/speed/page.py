"""Write docs/measured/performance.md from the figures that the benchmarks kept."""

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

from measure import RESULTS, Row, show

PAGE = Path(__file__).parents[2] / "docs" / "measured" / "performance.md"
TITLES = {
    "training": "Training, on MNIST",
    "search": "Many small fits, on the embedded digits",
    "inference": "Denoising",
    "kernels": "oneDNN kernels and float64",
    "noise": "Noise, float32, 60,000 x 784, and the import",
    "growth": "How cost grows",
}
HEAD = """<!-- Written by `make bench`; change benchmarks/speed, not this page. -->
# Performance

In each comparison, both sides were measured alternately, in one run on one machine. Times are medians with the minimum
and the maximum in brackets. The ratio is that of the medians, ours over theirs; the goal was set beforehand. For oneDNN
and float64, the goal is the ratio measured when they were introduced. `make bench` repeats the measurements and writes
this page. The machine was shared with other work, as the ranges show.

Measured on {cores} cores ({system}), Python {python}, TensorFlow {tensorflow}, Keras {keras}, scikit-learn
{sklearn}, NumPy {numpy}, scikit-image {skimage}.
"""


def _table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _rows(entries):
    cells = []
    for entry in entries:
        row = Row(**entry)
        reached = "reached" if row.ratio <= row.goal else "**not reached**"
        mine, theirs = show(row.ours, row.unit), show(row.theirs, row.unit)
        cells.append([row.what, row.against, mine, theirs, f"{row.ratio:.3f}", f"{row.goal:.3f}", reached, row.note])
    return _table(["what", "against", "ours", "theirs", "ratio", "goal", "goal was", "note"], cells)


def _memory(table):
    cells = [
        [
            line["dtype"],
            f"{line['rows']:,}",
            *(f"{line[name]:.1f}" for name in ("input", "fit", "transform", "noise")),
        ]
        for line in table
    ]
    head = ["memory map of", "rows x 64", "input, MB", "fit, MB", "transform, MB", "seeded noise, MB"]
    return (
        "Peak memory in addition to input and output (the rows returned by `transform` and by noise; none for `fit`),"
        " with one epoch of `fit`, each measured in a separate process that has fitted before. `fit` allocates blocks"
        " of a million numbers: its memory grows with the rows up to a few blocks, and no further."
        f"\n\n{_table(head, cells)}"
    )


def _growth(table):
    cells = [[line["cost of"], line["by"], f"{line['exponent']:.2f}"] for line in table]
    return (
        "![Three log-log plots of seconds against rows, features and latent size](../_static/performance-growth.png)"
        "\n\n"
        "The exponent says how cost grows: 1 means in proportion. It is fitted to the three largest sizes. The sizes"
        " that do not vary are 8,000 rows, 784 features and a latent size of 64."
        f"\n\n{_table(['cost of', 'grows with', 'exponent'], cells)}"
    )


def write():
    """Write the page."""
    names = {"tensorflow": "tensorflow", "keras": "keras", "sklearn": "scikit-learn", "numpy": "numpy"}
    names["skimage"] = "scikit-image"
    versions = {key: version(name) for key, name in names.items()}
    machine = {"cores": os.cpu_count(), "system": f"{platform.system()} {platform.machine()}"}
    parts = [HEAD.format(**versions, **machine, python=platform.python_version())]
    for section, title in TITLES.items():
        path = RESULTS / f"{section}.json"
        if not path.exists():
            continue
        entries = json.loads(path.read_text())
        parts.append(f"## {title}\n")
        lines = [entry for entry in entries if "what" in entry]
        if lines:
            parts.append(_rows(lines) + "\n")
        for entry in entries:
            if "memory" in entry:
                parts.append(_memory(entry["memory"]) + "\n")
            if "growth" in entry:
                parts.append(_growth(entry["growth"]) + "\n")
    notes = Path(__file__).with_name("notes.md")
    parts.append(notes.read_text())
    PAGE.write_text("\n".join(parts))
