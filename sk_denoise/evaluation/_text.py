"""A recovery report in words: what its tables say, and the whole of it as text for a terminal."""

from __future__ import annotations

import math

_HEAD = (
    f"  {'denoiser':<19}{'PSNR':>6}{'SSIM':>7}{'accuracy':>10}{'won back':>10}  {'gain in points, interval':<25}"
    f"{'':<14}{'refitted':>8}  against rival"
)
_NO_COST = "In no cell does denoising cost accuracy beyond doubt."


def text(report):
    """The whole report."""
    lines = [f"Recovery report: {summary(report)}", "", "In short, on the noise trained on:"]
    lines += [f"  {_in_short(row)}" for row in best_rows(report.rows)]
    lines.append("")
    for block in blocks(report.rows):
        lines += [*_block_head(block[0]), _HEAD, *(_line(row) for row in block), ""]
    hurting = costs(report.rows)
    lines.append(
        f"Where denoising costs accuracy ({len(hurting)} of {len(report.rows)} cells):" if hurting else _NO_COST
    )
    lines += [
        f"  {row['denoiser']}, {row['classifier']}: trained on {row['trained_on']}, tested on {tested_name(row)}:"
        f" {row['gain']:+.1f} points"
        for row in hurting
    ]
    return "\n".join([*lines, "", *notes(report)])


def tested_name(row):
    """What a row was tested on."""
    return "clean" if row["level"] == 0 else f"{row['kind']} {row['level']:g}"


def blocks(rows):
    """Rows in blocks that share classifier and noise, and so what they are compared with."""
    held = {}
    for row in rows:
        held.setdefault((row["classifier"], row["trained_on"], row["kind"], row["level"]), []).append(row)
    return list(held.values())


def best_rows(rows):
    """For each classifier and noise that was trained on, the row of the denoiser with the highest accuracy."""
    return [
        max(block, key=lambda row: row["accuracy_denoised"])
        for block in blocks(rows)
        if block[0]["test"] in ("as trained", "fitted before")
    ]


def costs(rows):
    """Rows where denoising costs accuracy, beyond doubt, worst first."""
    return sorted((row for row in rows if row["gain_verdict"] == "hurts"), key=lambda row: row["gain"])


def share(value):
    """A share as percent; empty where there is none."""
    return "" if math.isnan(value) else f"{100 * value:.0f} %"


def decibels(value, unit=""):
    """PSNR; infinite where images are exact."""
    return "exact" if math.isinf(value) else f"{value:.2f}{unit}"


def interval(row, name):
    """A difference and its interval."""
    return f"{row[name]:+.1f} [{row[f'{name}_low']:+.1f}, {row[f'{name}_high']:+.1f}]"


def summary(report):
    """What was measured."""
    row, seeds = report.rows[0], f"{report.n_seeds} seed{'s' * (report.n_seeds > 1)}"
    return (
        f"{row['n_rows']:,} training rows, {row['n_labels']:,} labels, {row['n_test']:,} test rows,"
        f" {seeds}, {report.seconds:.0f} s"
    )


def notes(report):
    """How to read it."""
    refit = ", ".join(sorted({row["refit"] for row in report.rows}))
    refit = refit.replace("not cross-fitted", "not cross-fitted: the denoiser was trained on them, too")
    lines = [
        f"Intervals: {100 * report.confidence_level:g} % for all {report.n_comparisons} differences together"
        f"{f', in each of {report.n_parts} reports joined' * (report.n_parts > 1)} (paired bootstrap over test rows).",
        "'no difference': the interval spans zero.",
        "accuracy: classifier untouched.",
        f"refitted: classifier trained anew on denoised rows ({refit}).",
        "unchanged: the denoiser left the rows as they are.",
    ]
    if any(row["rival_draws"] > 0 for row in report.rows):
        lines += [
            "rival: the same classifier and labels, trained on noisy rows, no denoiser.",
            "draws: noisy versions of each row that it saw. limit: more might help.",
        ]
    return lines


def rival_note(row):
    """The rival's accuracy and what it was trained on."""
    if math.isnan(row["accuracy_rival"]):
        return "no rival"
    limit = "" if row["rival_saturated"] == "yes" else ", limit"
    plural = "s" * (row["rival_draws"] != 1)
    return f"rival {row['accuracy_rival']:.3f} ({row['rival_draws']:.0f} draw{plural}{limit})"


def gain_word(row):
    """The verdict on the gain, or that the denoiser did nothing, of which "no difference" would say too little."""
    return "unchanged" if row["psnr_denoised"] == row["psnr_noisy"] and row["gain"] == 0 else row["gain_verdict"]


def title(row):
    """What the rows of a block share."""
    tested = "clean rows" if row["test"] == "clean" else f"{tested_name(row)} ({row['test']})"
    return f"{row['classifier']}: trained on {row['trained_on']}, tested on {tested}"


def _in_short(row):
    won = share(row["recovery"])
    parts = [f"{row['classifier']}, {tested_name(row)}: {row['denoiser']}: {gain_word(row)}, {interval(row, 'gain')}"]
    parts += [f"{won} won back"] if won else []
    parts += [f"against the rival: {row['vs_rival_verdict']}"] if row["vs_rival_verdict"] else []
    return ", ".join(parts)


def _block_head(row):
    accuracy = f"clean {row['accuracy_clean']:.3f}, noisy {row['accuracy_noisy']:.3f}, {rival_note(row)}"
    images = f"noisy images {decibels(row['psnr_noisy'], ' dB')}, SSIM {row['ssim_noisy']:.3f}"
    return [
        title(row),
        f"  accuracy {accuracy}; {images}",
    ]


def _line(row):
    refitted = "" if math.isnan(row["accuracy_refitted"]) else f"{row['accuracy_refitted']:.3f}"
    rival = "" if not row["vs_rival_verdict"] else f"{row['vs_rival']:+.1f} {row['vs_rival_verdict']}"
    return (
        f"  {row['denoiser'][:18]:<19}{decibels(row['psnr_denoised']):>6}{row['ssim_denoised']:>7.3f}"
        f"{row['accuracy_denoised']:>10.3f}{share(row['recovery']):>10}  {interval(row, 'gain'):<25}"
        f"{gain_word(row):<14}{refitted:>8}  {rival}"
    ).rstrip()
