"""Tables and figures of the results page, drawn from the CSV files that benchmarks/recovery.py keeps."""

import csv
import math
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "recovery"
OUT = Path(__file__).parent / "generated_results"
KINDS = ("gaussian", "rician", "poisson", "speckle", "uniform", "salt_pepper", "masking")
LEVELS = (0.1, 0.3, 0.5, 0.7)
CLASSIFIERS = ("logistic regression", "k-nearest neighbours", "random forest", "MLP")
FILTERS = ("median", "gaussian", "bilateral", "tv", "wavelet", "nlm")
MARKS = {"helps": "+", "better": "+", "hurts": "−", "worse": "−", "no difference": "=", "": ""}


def number(text):
    """A number where the text is one."""
    try:
        return float(text)
    except ValueError:
        return text


def read(name):
    """Rows of a CSV file; none where it was not made."""
    path = RESULTS / f"{name}.csv"
    if not path.exists():
        return []
    with open(path, newline="") as file:
        return [{key: number(value) for key, value in row.items()} for row in csv.DictReader(file)]


def table(head, rows, widths=None):
    """A list-table."""
    lines = [".. list-table::", "   :header-rows: 1", "   :class: results"]
    lines += [f"   :widths: {widths}"] if widths else []
    lines.append("")
    for row in [head, *rows]:
        for i, cell in enumerate(row):
            lines.append(f"   {'* -' if i == 0 else '  -'} {cell}")
    return "\n".join(lines) + "\n"


def signed(row, name="gain"):
    """A difference in points, its interval, and its mark."""
    if math.isnan(row[name]):
        return ""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"{row[name]:+.1f} [{low:+.1f}, {high:+.1f}] {MARKS[row[f'{name}_verdict']]}"


def networks(rows):
    """Names of the networks, the best last."""
    held = {row["denoiser"] for row in rows}
    return [name for name in ("dense", "conv", "U-Net") if name in held]


def ranged(rows):
    """Rows of what was trained on the range of levels."""
    return [row for row in rows if "-" in row["trained_on"]]


def as_trained(rows, kind):
    """Rows tested on the noise trained on: networks on the range, filters on each level."""
    return [
        row
        for row in rows
        if row["kind"] == kind
        and row["test"] == "as trained"
        and not (row["denoiser"] == "dense" and "-" not in row["trained_on"])
    ]


def at_half(name, kind="gaussian", level=0.5):
    """All denoisers at one noise: quality, and accuracy with four classifiers."""
    rows = [row for row in as_trained(read(f"{name}-{kind}"), kind) if row["level"] == level]
    if not rows:
        return ""
    by_name = {}
    for row in rows:
        by_name.setdefault(row["denoiser"], {})[row["classifier"]] = row
    first = next(iter(by_name.values()))
    lines = [
        ["none", f"{first['MLP']['psnr_noisy']:.2f}", f"{first['MLP']['ssim_noisy']:.3f}"]
        + [f"{first[c]['accuracy_noisy']:.3f}" for c in CLASSIFIERS]
    ]
    for denoiser, cells in by_name.items():
        row = cells["MLP"]
        accuracy = [f"{cells[c]['accuracy_denoised']:.3f} {MARKS[cells[c]['gain_verdict']]}" for c in CLASSIFIERS]
        lines.append([denoiser, f"{row['psnr_denoised']:.2f}", f"{row['ssim_denoised']:.3f}", *accuracy])
    with_rival = next(cells for cells in by_name.values() if not math.isnan(cells["MLP"]["accuracy_rival"]))
    lines.append(["rival", "", "", *(rival(with_rival[c]) for c in CLASSIFIERS)])
    lines.append(["clean rows", "", "", *(f"{first[c]['accuracy_clean']:.3f}" for c in CLASSIFIERS)])
    return table(["denoiser", "PSNR (dB)", "SSIM", *CLASSIFIERS], lines)


def rival(row):
    """Accuracy and draws."""
    limit = "" if row["rival_saturated"] == "yes" else ", limit"
    return f"{row['accuracy_rival']:.3f} ({row['rival_draws']:.0f} draws{limit})"


def against_filters(name):
    """How often each network is better than, no different from, or worse than the twelve filters."""
    lines = []
    for kind in KINDS:
        rows = [row for row in read(f"{name}-{kind}-compared") if row["other"].split(",")[0] in FILTERS]
        for network in networks(rows):
            for level in LEVELS:
                chosen = [r for r in rows if r["denoiser"] == network and r["level"] == level]
                images = [r for r in chosen if r["classifier"] == "MLP"]  # quality does not depend on it
                cells = [count(images, "psnr"), count(images, "ssim")]
                cells += [count([r for r in chosen if r["classifier"] == c], "accuracy") for c in CLASSIFIERS]
                lines.append([kind, f"{level:g}", network, *cells])
    head = ["noise", "level", "network", "PSNR", "SSIM", *(f"accuracy, {c}" for c in CLASSIFIERS)]
    return table(head, lines) if lines else ""


def count(rows, name):
    """Better / no different / worse."""
    verdicts = [row[f"{name}_verdict"] for row in rows]
    return "/".join(str(verdicts.count(word)) for word in ("better", "no difference", "worse"))


def against_each(name, kind="gaussian", level=0.5):
    """The best network less each other denoiser at one noise, with intervals."""
    rows = [row for row in read(f"{name}-{kind}-compared") if row["level"] == level]
    best = networks(rows)[-1:]
    rows = [row for row in rows if row["denoiser"] in best and row["other"] not in ("dense", "conv")]
    lines = []
    for other in dict.fromkeys(row["other"] for row in rows):
        cells = {row["classifier"]: row for row in rows if row["other"] == other}
        row = cells["MLP"]
        quality = [f"{row['psnr']:+.2f} {MARKS[row['psnr_verdict']]}"]
        quality.append(
            f"{row['ssim']:+.3f} [{row['ssim_low']:+.3f}, {row['ssim_high']:+.3f}] {MARKS[row['ssim_verdict']]}"
        )
        lines.append([other, *quality, *(signed(cells[c], "accuracy") for c in CLASSIFIERS)])
    head = [f"{(best or ['network'])[0]} less", "PSNR (dB)", "SSIM", *CLASSIFIERS]
    return table(head, lines) if lines else ""


def against_rival(name):
    """The best network against the rival, classifier untouched, at each level."""
    lines = []
    for kind in KINDS:
        rows = ranged(as_trained(read(f"{name}-{kind}"), kind))
        for network in networks(rows)[-1:]:
            for level in LEVELS:
                cells = {r["classifier"]: r for r in rows if r["denoiser"] == network and r["level"] == level}
                lines.append([kind, f"{level:g}", network, *(signed(cells[c], "vs_rival") for c in CLASSIFIERS)])
    return table(["noise", "level", "network", *CLASSIFIERS], lines) if lines else ""


def where_not(name):
    """What networks trained on each kind do to clean rows and to a kind that they do not know."""
    lines = []
    for kind in KINDS:
        rows = ranged(read(f"{name}-{kind}"))
        for network in networks(rows):
            chosen = [r for r in rows if r["denoiser"] == network]
            clean = {r["classifier"]: r for r in chosen if r["test"] == "clean"}
            lines.append([kind, network, "clean rows", *(signed(clean[c]) for c in CLASSIFIERS)])
            unseen = {r["classifier"]: r for r in chosen if r["test"] == "other kind" and r["level"] == 0.5}
            tested = next(iter(unseen.values()))["kind"]
            lines.append([kind, network, f"{tested} 0.5", *(signed(unseen[c]) for c in CLASSIFIERS)])
    return table(["trained on", "network", "tested on", *CLASSIFIERS], lines) if lines else ""


def range_or_level(name, kinds):
    """The dense network trained on the range of levels, and trained on the level tested."""
    lines = []
    for kind in kinds:
        rows = [r for r in read(f"{name}-{kind}") if r["denoiser"] == "dense" and r["kind"] == kind]
        for level in LEVELS:
            pair = [
                {r["classifier"]: r for r in rows if r["level"] == level and ("-" in r["trained_on"]) == many}
                for many in (True, False)
            ]
            if not all(pair):
                continue
            cells = [f"{side['MLP']['psnr_denoised']:.2f}" for side in pair]
            cells += [f"{side[c]['accuracy_denoised']:.3f}" for c in ("logistic regression", "MLP") for side in pair]
            lines.append([kind, f"{level:g}", *cells])
    head = [
        "noise",
        "level",
        "PSNR, range",
        "PSNR, level",
        "logistic regression, range",
        "level",
        "MLP, range",
        "level",
    ]
    return table(head, lines) if lines else ""


def curves(name, path, classifier="MLP"):
    """Accuracy against level, a panel for each kind."""
    from matplotlib.figure import Figure

    from sk_denoise.displays import RecoveryDisplay

    kinds = [kind for kind in KINDS if read(f"{name}-{kind}")]
    if not kinds:
        return False
    figure = Figure(figsize=(9, 3.1 * len(kinds)), layout="constrained")
    for ax, kind in zip(figure.subplots(len(kinds), squeeze=False)[:, 0], kinds):
        rows = as_trained(read(f"{name}-{kind}"), kind)
        shown = [*networks(rows), "PCA", "median, tuned", "tv, tuned", "nlm, tuned"]
        rows = [row for row in rows if row["denoiser"] in shown]
        # References are the same in all rows; the rival is in those trained on the range, which come first.
        report = SimpleNamespace(rows=sorted(rows, key=lambda row: "-" not in row["trained_on"]))
        RecoveryDisplay.from_report(report, kind=kind, classifier=classifier, ax=ax)
        ax.set_ylabel(f"accuracy of the {classifier}")
        ax.get_legend().set_title(None)  # networks on the range, filters on each level: the page says so
    figure.savefig(path, dpi=110)
    return True


def label_curve(path):
    """Accuracy against labels: denoisers trained without labels, and the rival."""
    from matplotlib.figure import Figure

    rows = read("labels")
    if not rows:
        return False
    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    ax = figure.subplots()
    series = {name: "accuracy_denoised" for name in ("U-Net", "dense")}
    looks = {"U-Net": ("#009E73", "^-"), "dense": ("#0072B2", "o-"), "rival": ("black", "s:"), "none": ("0.5", "x--")}
    labels = {"U-Net": "denoised by the U-Net, classifier untouched", "dense": "denoised by the dense network"}
    labels |= {"rival": "rival: trained on noise, no denoiser", "none": "no denoiser, trained on clean rows"}
    for name, key in (*series.items(), ("rival", "accuracy_rival"), ("none", "accuracy_noisy")):
        chosen = [row for row in rows if row["denoiser"] == (name if name in series else "U-Net")]
        colour, style = looks[name]
        ax.plot([r["n_labels"] for r in chosen], [r[key] for r in chosen], style, color=colour, label=labels[name])
    ax.set_xscale("log")
    ax.set(xlabel="labelled rows", ylabel="accuracy at Gaussian noise of level 0.5")
    ax.grid(axis="y", alpha=0.25)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=9)
    figure.savefig(path, dpi=110)
    return True


def label_table():
    """The same as numbers."""
    rows = read("labels")
    lines = []
    for n_labels in dict.fromkeys(row["n_labels"] for row in rows):
        cells = {row["denoiser"]: row for row in rows if row["n_labels"] == n_labels}
        unet = cells["U-Net"]
        lines.append(
            [f"{n_labels:,.0f}", f"{unet['accuracy_clean']:.3f}", f"{unet['accuracy_noisy']:.3f}"]
            + [f"{cells[name]['accuracy_denoised']:.3f}" for name in ("dense", "U-Net")]
            + [f"{unet['accuracy_refitted']:.3f}", rival(unet), signed(unet, "vs_rival")]
        )
    head = ["labels", "clean", "noisy", "dense", "U-Net", "U-Net, refitted", "rival", "U-Net less rival, points"]
    return table(head, lines) if lines else ""


def make():
    """Write everything that docs/results.rst includes."""
    OUT.mkdir(exist_ok=True)
    parts = {"labels": label_table(), "range-digits": range_or_level("digits", KINDS)}
    parts["range-mnist"] = range_or_level("mnist", ("gaussian",))
    for name in ("mnist", "digits"):
        parts |= {
            f"{name}-half": at_half(name),
            f"{name}-each": against_each(name),
            f"{name}-filters": against_filters(name),
            f"{name}-rival": against_rival(name),
            f"{name}-not": where_not(name),
        }
        curves(name, OUT / f"{name}-curves.png")
    label_curve(OUT / "labels.png")
    for part, text in parts.items():
        (OUT / f"{part}.inc").write_text(text or "*Not measured.*\n", encoding="utf-8")


if __name__ == "__main__":
    make()
