"""The wording of recovery reports, and the report as text for a terminal."""

from __future__ import annotations

import math

_LINE = "  %-19s%6s%7s%10s%10s  %-25s%-14s%8s  %s"
_HEAD = _LINE % (
    *("denoiser", "PSNR", "SSIM", "accuracy", "recovered", "gain in points, interval", "", "refitted", "vs augmented"),
)
_ALONE_LINE = "  %-19s%10s  %-25s%-14s%10s  %-25s%s"
_ALONE_HEAD = _ALONE_LINE[:-2] % ("denoiser", "accuracy", "gain in points, interval", "", "refitted", "its gain")
KNOWN = ("as trained", "fitted before")
NO_COST = "Denoising does not cost accuracy significantly in any cell."
_NO_CLEAN = (
    "Left out, because they require clean images: PSNR, SSIM, clean accuracy, recovered share, noise-augmented"
    " classifier."
)


def text(report):
    """Format the whole report."""
    head, line = (_HEAD, _line) if has_clean(report.frame) else (_ALONE_HEAD, _alone_line)
    lines = [f"Recovery report: {summary(report)}", "", "In short, on the training noise:"]
    lines += [f"  {_in_short(row)}" for row in best_rows(report.frame)]
    lines.append("")
    for block in blocks(report.frame):
        lines += [title(block[0]), f"  {references(block[0])}", head, *(line(row) for row in block), ""]
    hurting = costs(report.frame)
    heading = f"Where denoising costs accuracy ({len(hurting)} of {len(report.frame)} cells):"
    lines.append(heading if hurting else NO_COST)
    for row in hurting:
        name = f"{row['denoiser']}, {row['classifier']}: trained on {row['trained_on']}, tested on {tested_name(row)}"
        lines.append(f"  {name}: {row['gain']:+.1f} points")
    return "\n".join([*lines, "", *notes(report)])


def tested_name(row):
    """Name of the test noise."""
    if row["level"] is None:
        return row["kind"]
    return "clean" if row["level"] == 0 else f"{row['kind']} {row['level']:g}"


def has_clean(frame):
    """Whether the report was made from clean images; otherwise, all results that require them are left out."""
    return "accuracy_clean" in frame


def _grouped(frame):
    # The level of rows that were noisy already is None.
    return frame.groupby(["classifier", "trained_on", "kind", "level"], sort=False, dropna=False)


def blocks(frame):
    """Rows grouped by classifier and noise; those of a block have the same references."""
    return [block.to_dict("records") for _, block in _grouped(frame)]


def best_rows(frame):
    """For each classifier and training noise, the row of the denoiser with the highest accuracy.

    Without clean images, the accuracy of the refitted classifier counts as well.
    """
    known = frame[frame["test"].isin(KNOWN)]
    counted = ["accuracy_denoised"] if has_clean(frame) else ["accuracy_denoised", "accuracy_refitted"]
    best = _grouped(known.assign(best=known[counted].max(axis=1)))["best"].idxmax()
    return known.loc[best].to_dict("records")


def costs(frame):
    """Rows in which denoising costs accuracy significantly, worst first."""
    return frame[frame["gain_verdict"] == "hurts"].sort_values("gain", kind="stable").to_dict("records")


def share(value):
    """Format a fraction in percent; empty if missing."""
    return "" if math.isnan(value) else f"{100 * value:.0f} %"


def number(value, spec=".3f"):
    """Format a number; empty if missing."""
    return "" if math.isnan(value) else format(value, spec)


def decibels(value, unit=""):
    """Format a PSNR; infinity is "exact"."""
    return "exact" if math.isinf(value) else f"{value:.2f}{unit}"


def interval(row, name):
    """Format a difference and its interval."""
    return f"{row[name]:+.1f} [{row[f'{name}_low']:+.1f}, {row[f'{name}_high']:+.1f}]"


def word(row, name):
    """The verdict on a difference, or "unchanged" for the gain of a denoiser that did not change the rows."""
    known = name == "gain" and "psnr_noisy" in row
    unchanged = known and row["psnr_denoised"] == row["psnr_noisy"] and row["gain"] == 0
    return "unchanged" if unchanged else row[f"{name}_verdict"]


def summary(report):
    """Numbers of rows, labels and seeds, and the run time."""
    row, seeds = report.frame.iloc[0], f"{report.n_seeds} seed{'s' * (report.n_seeds > 1)}"
    return (
        f"{row['n_rows']:,} training rows, {row['n_labels']:,} labels, {row['n_test']:,} test rows,"
        f" {seeds}, {report.seconds:.0f} s"
    )


def notes(report):
    """Explanations of the terms in a report."""
    refit = ", ".join(sorted(report.frame["refit"].unique()))
    refit = refit.replace("not cross-fitted", "not cross-fitted: the denoiser was trained on these rows")
    rows = "test rows" if report.groups is None else "groups of test rows"
    clean = has_clean(report.frame)
    lines = [] if clean else [_NO_CLEAN]
    lines += [
        f"Intervals: {100 * report.confidence_level:g} % confidence, simultaneous for {report.n_comparisons}"
        " differences"
        f"{f', in each of {report.n_parts} reports joined' * (report.n_parts > 1)} (paired bootstrap over {rows}).",
        "Intervals are at least as wide as the exact interval for no changed predictions.",
        "no difference: the interval contains zero.",
    ]
    if not clean:
        return [
            *lines,
            "accuracy: original classifier, trained on noisy rows or passed fitted, not retrained.",
            f"refitted: classifier retrained on denoised rows ({refit}).",
            "Unless the classifier was passed fitted, look at refitted: the original was not made for denoised rows.",
        ]
    lines += [
        "accuracy: original classifier, not retrained.",
        "recovered: share of the accuracy lost to noise; empty if that is insignificant, negative if denoising costs.",
        f"refitted: classifier retrained on denoised rows ({refit}).",
        "unchanged: the denoiser did not change the rows.",
    ]
    if (report.frame["augmented_draws"] > 0).any():
        lines += [
            "augmented: same classifier and labels, trained on noisy rows, without a denoiser.",
            "draws: noisy copies of each row used to train it. limit: more draws might have helped.",
        ]
    return lines


def title(row):
    """Title of a block: the classifier, the training noise and the test noise."""
    tested = "clean rows" if row["test"] == "clean" else f"{tested_name(row)} ({row['test']})"
    return f"{row['classifier']}: trained on {row['trained_on']}, tested on {tested}"


def references(row):
    """References of a block: accuracy and image quality without a denoiser."""
    if not has_clean(row):
        return f"accuracy noisy {row['accuracy_noisy']:.3f}"
    augmented = "no noise-augmented classifier"
    if not math.isnan(row["accuracy_augmented"]):
        limit = "" if row["augmented_saturated"] == "yes" else ", limit"
        draws = f"{row['augmented_draws']:.0f} draw{'s' * (row['augmented_draws'] != 1)}"
        augmented = f"augmented {row['accuracy_augmented']:.3f} ({draws}{limit})"
    images = f"noisy images {decibels(row['psnr_noisy'], ' dB')}, SSIM {number(row['ssim_noisy'])}"
    return f"accuracy clean {row['accuracy_clean']:.3f}, noisy {row['accuracy_noisy']:.3f}, {augmented}; {images}"


def _in_short(row):
    parts = [
        f"{row['classifier']}, {tested_name(row)}: {row['denoiser']}: {word(row, 'gain')}, {interval(row, 'gain')}"
    ]
    if not has_clean(row):
        refitted = row["refitted_gain_verdict"]
        return ", ".join([*parts, f"refitted: {refitted}, {interval(row, 'refitted_gain')}"] if refitted else parts)
    recovered = share(row["recovery"])
    parts += [f"{recovered} recovered"] if recovered else []
    parts += [f"vs augmented: {row['vs_augmented_verdict']}"] if row["vs_augmented_verdict"] else []
    return ", ".join(parts)


def _line(row):
    augmented = f"{row['vs_augmented']:+.1f} {row['vs_augmented_verdict']}" if row["vs_augmented_verdict"] else ""
    numbers = decibels(row["psnr_denoised"]), number(row["ssim_denoised"]), number(row["accuracy_denoised"])
    gain = interval(row, "gain"), word(row, "gain")
    cells = row["denoiser"][:18], *numbers, share(row["recovery"]), *gain, number(row["accuracy_refitted"]), augmented
    return (_LINE % cells).rstrip()


def _alone_line(row):
    """Line of a denoiser if there are no clean images."""
    gain = interval(row, "gain"), word(row, "gain")
    refitted = ("", "", "")
    if row["refitted_gain_verdict"]:
        refitted = number(row["accuracy_refitted"]), interval(row, "refitted_gain"), word(row, "refitted_gain")
    return (_ALONE_LINE % (row["denoiser"][:18], number(row["accuracy_denoised"]), *gain, *refitted)).rstrip()
