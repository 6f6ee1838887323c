"""Write docs/measured/performance.md from the saved measurements."""

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

from measure import RESULTS, Row, show

PAGE = Path(__file__).parents[2] / "docs" / "measured" / "performance.md"
TITLES = {
    "shares": "Networks, and the rate of matrix products",
    "training": "Training, on MNIST",
    "search": "Many small fits, on the embedded digits",
    "inference": "Denoising",
    "kernels": "oneDNN kernels and float64",
    "noise": "Noise on 60,000 x 784 float32 values, and the import",
    "growth": "Scaling",
    "accelerator": "The U-Net on a GPU",
}
HEAD = """<!-- Written by `make bench`; change benchmarks/speed, not this page. -->
# Performance

In each comparison, both sides were measured alternately, in one run on one machine. Times are medians, with the minimum
and the maximum in brackets. The ratio is that of the medians, ours over theirs; the goal was set beforehand. For oneDNN
and float64, the goal is the ratio measured when they were introduced. `make bench` repeats the measurements and writes
this page. The machine was shared with other work, which widens the ranges.

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
        ours, theirs = show(row.ours, row.unit), show(row.theirs, row.unit)
        cells.append([row.what, row.against, ours, theirs, f"{row.ratio:.3f}", f"{row.goal:.3f}", reached, row.note])
    return _table(["measurement", "compared with", "ours", "theirs", "ratio", "goal", "result", "note"], cells)


def _memory(table):
    cells = [
        [
            line["dtype"],
            f"{line['rows']:,}",
            *(f"{line[name]:.1f}" for name in ("input", "fit", "transform", "noise")),
        ]
        for line in table
    ]
    head = ["dtype", "rows of 64 features", "input, MB", "fit, MB", "transform, MB", "seeded noise, MB"]
    return (
        "Peak memory for memory-mapped rows, in addition to the input and to the rows returned by `transform` and by"
        " noise. `fit` runs one epoch. Each line was measured in a separate process that has fitted before. `fit`"
        " allocates blocks of a million numbers, so its memory stops growing with the number of rows at a few blocks."
        f"\n\n{_table(head, cells)}"
    )


def _shares(table):
    cells = []
    for line in table:
        goal = line["goal"]
        verdict = "" if goal is None else f"{goal:.0%}, {'reached' if line['share'] >= goal else '**not reached**'}"
        numbers = (
            f"{line['MFLOP']:.3g}",
            f"{line['milliseconds']:.3g} ms",
            f"{line['rate']:.0f}",
            f"{line['products']:.0f}",
        )
        cells.append(
            [line["network"], f"{line['parameters']:,}", line["doing"], *numbers, f"{line['share']:.0%}", verdict]
        )
    head = [
        "network",
        "parameters",
        "",
        "MFLOP per image",
        "batch of 64",
        "GFLOP/s",
        "of matrix products",
        "share",
        "goal",
    ]
    return (
        "Floating-point operations per image, as TensorFlow's profiler counts them, and three times as many for a step"
        ' of training. "share" is their rate relative to that of a product of two matrices of 2048 x 2048, measured in'
        " turns in the same process. Inference is `transform`, from array to array, which takes larger blocks than the"
        " network alone if images are small; training draws noise, too.\n\n" + _table(head, cells)
    )


def _layers(entry):
    total = sum(line["seconds"] for line in entry["layers"].values())
    cells = []
    for kind, line in sorted(entry["layers"].items(), key=lambda item: -item[1]["seconds"]):
        share = line["flop"] / line["possible"]
        cells.append(
            [
                kind,
                f"{line['flop'] / 1e9:.3g}",
                f"{1e3 * line['seconds']:.3g} ms",
                f"{line['seconds'] / total:.0%}",
                f"{share:.0%}",
            ]
        )
    head = ["layers of the U-Net, 64 x 64", "GFLOP", "batch of 64", "of the time", "share of matrix products"]
    return "Inference layer by layer, each compiled on its own:\n\n" + _table(head, cells)


def _growth(table):
    cells = [[line["cost of"], line["by"], f"{line['exponent']:.2f}"] for line in table]
    return (
        "![Log-log plots of seconds against rows, features and latent size](../_static/performance-growth.png)\n\n"
        "An exponent of 1 means that time grows in proportion to the size. Exponents are fitted to the three largest"
        " sizes. The sizes that are not varied are 8,000 rows, 784 features and a latent size of 64."
        f"\n\n{_table(['time of', 'size varied', 'exponent'], cells)}"
    )


def _accelerator(entry):
    cells = [
        [
            line["precision"],
            line["task"],
            f"{line['speed']:.3g} {line['unit']}",
            f"{line['TFLOP/s']:.3g}",
            f"{line['products']:.3g}",
            f"{line['share']:.0%}",
        ]
        for line in entry["table"]
    ]
    head = ["precision", "task", "speed", "TFLOP/s", "of matrix products", "share"]
    return (
        f"Measured by `python benchmarks/speed accelerator` on {entry['device']} with {entry['cores']} processor cores."
        " Training includes drawing Gaussian noise. Denoising includes the transfer of the images to the GPU and back."
        " The share is relative to the rate of products of two matrices of 8192 x 8192 in the same precision, which is"
        " TensorFloat-32 for float32.\n\n" + _table(head, cells)
    )


def write():
    """Write the page from all saved measurements."""
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
            if "shares" in entry:
                parts.append(_shares(entry["shares"]) + "\n")
            if "layers" in entry:
                parts.append(_layers(entry) + "\n")
            if "growth" in entry:
                parts.append(_growth(entry["growth"]) + "\n")
            if "accelerator" in entry:
                parts.append(_accelerator(entry["accelerator"]) + "\n")
    notes = Path(__file__).with_name("notes.md")
    parts.append(notes.read_text())
    PAGE.write_text("\n".join(parts))
