"""Make the tables and figures of the results page from the CSV files written by benchmarks/recovery.py.

``python docs/results_page.py labels`` draws docs/_static/labels.png, which the README shows, too.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "recovery"
OUT = Path(__file__).parent / "generated_results"
STATIC = Path(__file__).parent / "_static"
KINDS = ("gaussian", "rician", "poisson", "speckle", "uniform", "salt_pepper", "masking")
LEVELS = (0.1, 0.3, 0.5, 0.7)
CLASSIFIERS = ("logistic regression", "k-nearest neighbours", "random forest", "MLP")
FILTERS = ("median", "gaussian", "bilateral", "tv", "wavelet", "nlm")
SHOWN = ("dense", "conv", "U-Net", "PCA", "median, tuned", "tv, tuned", "nlm, tuned")  # in the figures
MARKS = {"helps": "+", "better": "+", "hurts": "−", "worse": "−", "no difference": "="}


def read(name):
    """Read the table of a measurement; None if it was not made."""
    path = RESULTS / f"{name}.csv"
    return pd.read_csv(path) if path.exists() else None


def table(head, lines):
    """Format a list-table; empty if there are no lines."""
    if not lines:
        return ""
    cells = [f"   {'* -' if i == 0 else '  -'} {cell}" for line in [head, *lines] for i, cell in enumerate(line)]
    return "\n".join([".. list-table::", "   :header-rows: 1", "   :class: results", "", *cells]) + "\n"


def by(frame, column):
    """Return the rows of a frame as a dict, keyed by one of their columns."""
    return {row[column]: row for row in frame.to_dict("records")}


def signed(row, name="gain", digits=1):
    """Format a difference with its interval and its mark; empty if it was not measured."""
    if np.isnan(row[name]):
        return ""
    value, low, high = (f"{row[key]:+.{digits}f}" for key in (name, f"{name}_low", f"{name}_high"))
    return f"{value} [{low}, {high}] {MARKS[row[f'{name}_verdict']]}"


def networks(frame):
    """Names of the networks in a frame, the best one last."""
    return [name for name in ("dense", "conv", "U-Net") if name in set(frame["denoiser"])]


def ranged(frame):
    """Mask of the rows of denoisers trained on the range of levels."""
    return frame["trained_on"].str.contains("-")


def as_trained(name, kind):
    """Rows tested on their training noise: networks trained on the range, filters on each level."""
    frame = read(f"{name}-{kind}")
    if frame is None:
        return None
    single = (frame["denoiser"] == "dense") & ~ranged(frame)
    return frame[(frame["kind"] == kind) & (frame["test"] == "as trained") & ~single]


def at_half(name, kind="gaussian", level=0.5):
    """All denoisers for one kind and level of noise: image quality, and accuracy with four classifiers."""
    frame = as_trained(name, kind)
    frame = frame[frame["level"] == level]
    cells = {denoiser: by(rows, "classifier") for denoiser, rows in frame.groupby("denoiser", sort=False)}
    first = next(iter(cells.values()))
    noisy = [f"{first[c]['accuracy_noisy']:.3f}" for c in CLASSIFIERS]
    lines = [["none", f"{first['MLP']['psnr_noisy']:.2f}", f"{first['MLP']['ssim_noisy']:.3f}", *noisy]]
    for denoiser, rows in cells.items():
        row = rows["MLP"]
        accuracy = [f"{rows[c]['accuracy_denoised']:.3f} {MARKS[rows[c]['gain_verdict']]}" for c in CLASSIFIERS]
        lines.append([denoiser, f"{row['psnr_denoised']:.2f}", f"{row['ssim_denoised']:.3f}", *accuracy])
    measured = by(frame.dropna(subset="accuracy_augmented").drop_duplicates("classifier"), "classifier")
    lines.append(["noise-augmented classifier", "", "", *(augmented(measured[c]) for c in CLASSIFIERS)])
    lines.append(["clean rows", "", "", *(f"{first[c]['accuracy_clean']:.3f}" for c in CLASSIFIERS)])
    return table(["denoiser", "PSNR (dB)", "SSIM", *CLASSIFIERS], lines)


def augmented(row):
    """Format the accuracy of the noise-augmented classifier and its number of draws."""
    limit = "" if row["augmented_saturated"] == "yes" else ", limit"
    return f"{row['accuracy_augmented']:.3f} ({row['augmented_draws']:.0f} draws{limit})"


def against_filters(name):
    """How many of the twelve filters each network is better than, no different from, and worse than."""
    lines = []
    for kind in KINDS:
        frame = read(f"{name}-{kind}-compared")
        if frame is None:
            continue
        frame = frame[frame["other"].str.split(",").str[0].isin(FILTERS)]
        for network in networks(frame):
            for level in LEVELS:
                chosen = frame[(frame["denoiser"] == network) & (frame["level"] == level)]
                images = chosen[chosen["classifier"] == "MLP"]  # image quality does not depend on the classifier
                cells = [count(images["psnr_verdict"]), count(images["ssim_verdict"])]
                cells += [count(chosen.loc[chosen["classifier"] == c, "accuracy_verdict"]) for c in CLASSIFIERS]
                lines.append([kind, f"{level:g}", network, *cells])
    head = ["noise", "level", "network", "PSNR", "SSIM", *(f"accuracy, {c}" for c in CLASSIFIERS)]
    return table(head, lines)


def count(verdicts):
    """Count the verdicts, as better/no different/worse."""
    return "/".join(str((verdicts == word).sum()) for word in ("better", "no difference", "worse"))


def against_each(name, kind="gaussian", level=0.5):
    """The best network minus each other denoiser for one kind and level of noise, with intervals."""
    frame = read(f"{name}-{kind}-compared")
    frame = frame[frame["level"] == level]
    best = networks(frame)[-1]
    frame = frame[(frame["denoiser"] == best) & ~frame["other"].isin(["dense", "conv"])]
    lines = []
    for other, rows in frame.groupby("other", sort=False):
        cells = by(rows, "classifier")
        row = cells["MLP"]
        quality = [f"{row['psnr']:+.2f} {MARKS[row['psnr_verdict']]}", signed(row, "ssim", digits=3)]
        lines.append([other, *quality, *(signed(cells[c], "accuracy") for c in CLASSIFIERS)])
    return table([f"{best} minus", "PSNR (dB)", "SSIM", *CLASSIFIERS], lines)


def against_augmented(name):
    """The best network minus the noise-augmented classifier at each level, without refitting."""
    lines = []
    for kind in KINDS:
        frame = as_trained(name, kind)
        if frame is None:
            continue
        frame = frame[ranged(frame)]
        network = networks(frame)[-1]
        for level in LEVELS:
            cells = by(frame[(frame["denoiser"] == network) & (frame["level"] == level)], "classifier")
            lines.append([kind, f"{level:g}", network, *(signed(cells[c], "vs_augmented") for c in CLASSIFIERS)])
    return table(["noise", "level", "network", *CLASSIFIERS], lines)


def where_not(name):
    """Gain of each network on clean rows and on a kind of noise that it was not trained on."""
    lines = []
    for kind in KINDS:
        frame = read(f"{name}-{kind}")
        if frame is None:
            continue
        frame = frame[ranged(frame)]
        for network in networks(frame):
            chosen = frame[frame["denoiser"] == network]
            clean = chosen[chosen["test"] == "clean"]
            unseen = chosen[(chosen["test"] == "other kind") & (chosen["level"] == 0.5)]
            for tested, rows in (("clean rows", clean), (f"{unseen['kind'].iloc[0]} 0.5", unseen)):
                cells = by(rows, "classifier")
                lines.append([kind, network, tested, *(signed(cells[c]) for c in CLASSIFIERS)])
    return table(["trained on", "network", "tested on", *CLASSIFIERS], lines)


def range_or_level(name, kinds):
    """The dense network trained on the range of levels, and trained on the test level only."""
    lines = []
    for kind in kinds:
        frame = read(f"{name}-{kind}")
        frame = frame[(frame["denoiser"] == "dense") & (frame["kind"] == kind)]
        for level in LEVELS:
            rows = frame[frame["level"] == level]
            sides = [by(rows[ranged(rows)], "classifier"), by(rows[~ranged(rows)], "classifier")]
            if not all(sides):
                continue
            cells = [f"{side['MLP']['psnr_denoised']:.2f}" for side in sides]
            cells += [f"{side[c]['accuracy_denoised']:.3f}" for c in ("logistic regression", "MLP") for side in sides]
            lines.append([kind, f"{level:g}", *cells])
    columns = ["PSNR, range", "PSNR, level", "logistic regression, range", "level", "MLP, range", "level"]
    return table(["noise", "level", *columns], lines)


def curves(name, path, classifier="MLP"):
    """Plot accuracy against noise level, one panel per kind of noise."""
    from matplotlib.figure import Figure

    from sk_denoise.displays import RecoveryDisplay

    frames = {kind: as_trained(name, kind) for kind in KINDS}
    frames = {kind: frame for kind, frame in frames.items() if frame is not None}
    figure = Figure(figsize=(9, 3.1 * len(frames)), layout="constrained")
    for ax, (kind, frame) in zip(figure.subplots(len(frames), squeeze=False)[:, 0], frames.items()):
        report = SimpleNamespace(to_frame=frame[frame["denoiser"].isin(SHOWN)].copy)
        display = RecoveryDisplay.from_report(report, kind=kind, classifier=classifier, ax=ax)
        recolour(ax, display.curves)
        ax.set_ylabel(f"accuracy of the {classifier}")
        ax.get_legend().set_title(None)  # training differs between denoisers, as the page explains
    figure.savefig(path, dpi=110)


def recolour(ax, curves):
    """Draw each denoiser in the same colour in all panels, although not all denoisers are in each panel."""
    from sk_denoise.displays._style import look

    looks = {name: look(number) for number, name in enumerate(SHOWN) if name in curves}
    legend = ax.get_legend()
    named = [(line.get_label(), line) for line in ax.get_lines()]
    named += [(text.get_text(), handle) for text, handle in zip(legend.get_texts(), legend.legend_handles)]
    for name, line in named:
        line.set(**looks.get(name, {}))
    bars = [name for name, curve in curves.items() if "low" in curve]
    for name, lines in zip(bars, ax.collections, strict=True):
        lines.set_color(looks[name]["color"])


def label_curve():
    """Plot accuracy against the number of labels, for denoising and for the noise-augmented classifier."""
    from matplotlib.figure import Figure

    frame = read("labels")
    figure = Figure(figsize=(7.5, 3.4), layout="constrained", facecolor="white")
    ax = figure.subplots()
    for denoiser, column, style, colour, label in (
        ("U-Net", "accuracy_denoised", "^-", "#009E73", "denoised by the U-Net, classifier unchanged"),
        ("dense", "accuracy_denoised", "o-", "#0072B2", "denoised by the dense network"),
        ("U-Net", "accuracy_augmented", "s:", "black", "noise-augmented classifier, no denoiser"),
        ("U-Net", "accuracy_noisy", "x--", "0.5", "no denoiser, trained on clean rows"),
    ):
        rows = frame[frame["denoiser"] == denoiser]
        ax.plot(rows["n_labels"], rows[column], style, color=colour, label=label)
    ax.set_xscale("log")
    ax.set(xlabel="labelled rows", ylabel="accuracy at Gaussian noise of level 0.5")
    ax.grid(axis="y", alpha=0.25)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=9)
    figure.savefig(STATIC / "labels.png", dpi=110)


def label_table():
    """Table of the numbers plotted by `label_curve`."""
    lines = []
    for n_labels, rows in read("labels").groupby("n_labels"):
        cells = by(rows, "denoiser")
        unet = cells["U-Net"]
        numbers = [unet["accuracy_clean"], unet["accuracy_noisy"]]
        numbers += [cells["dense"]["accuracy_denoised"], unet["accuracy_denoised"], unet["accuracy_refitted"]]
        shown = [f"{number:.3f}" for number in numbers]
        lines.append([f"{n_labels:,.0f}", *shown, augmented(unet), signed(unet, "vs_augmented")])
    head = ["labels", "clean", "noisy", "dense", "U-Net", "U-Net, refitted", "noise-augmented classifier"]
    return table([*head, "U-Net minus noise-augmented, points"], lines)


def make():
    """Write everything that docs/measured/results.rst includes."""
    OUT.mkdir(exist_ok=True)
    parts = {"labels": label_table(), "range-digits": range_or_level("digits", KINDS)}
    parts["range-mnist"] = range_or_level("mnist", ("gaussian",))
    for name in ("mnist", "digits"):
        parts |= {
            f"{name}-half": at_half(name),
            f"{name}-each": against_each(name),
            f"{name}-filters": against_filters(name),
            f"{name}-augmented": against_augmented(name),
            f"{name}-not": where_not(name),
        }
        curves(name, OUT / f"{name}-curves.png")
    for part, text in parts.items():
        (OUT / f"{part}.inc").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    label_curve() if sys.argv[1:] == ["labels"] else make()
