"""Make the tables of the networks' quality, of their defaults and of provenance from benchmarks/results."""

import pandas as pd
from results_page import OUT, ROOT, table

RESULTS = ROOT / "benchmarks" / "results"
NAMES = {"none": "none", "dense": "dense, ``latent_dim=64``", "conv": "conv, ``latent_dim=64``", "unet": "U-Net"}
DATA = ("digits", "mnist", "heads", "photographs")


def quality(frame):
    """Means over the seeds, and the ranges of the errors, by architecture."""
    lines = []
    for name, rows in frame.groupby("denoiser", sort=False):
        mean = rows.mean(numeric_only=True)
        errors = f"{mean['mse']:.4f} ({rows['mse'].min():.4f} to {rows['mse'].max():.4f})"
        scores = f"{mean['psnr']:.2f}", f"{mean['ssim']:.3f}", f"{mean['accuracy']:.3f}", f"{mean['recovered']:.1%}"
        fit = ("", "") if name == "none" else (f"{mean['epochs']:.0f}", f"{mean['fit_seconds']:.0f} s")
        lines.append([NAMES[name], *fit, errors, *scores[:3], "" if name == "none" else scores[3]])
    head = ["denoiser", "epochs", "fit", "MSE", "PSNR (dB)", "SSIM", "accuracy", "lost accuracy recovered"]
    return table(head, lines)


def defaults(frame, data):
    """Held-out PSNR of each setting on one data set."""
    rows = frame[frame["data"] == data]
    lines = [
        [f"{r.level:g}", r.network, r.settings, str(r.epochs), f"{r.psnr:.2f}", f"{r.fit_seconds:.0f} s"]
        for r in rows.itertuples()
    ]
    return table(["level", "network", "settings", "epochs", "PSNR (dB)", "fit"], lines)


def provenance(frame):
    """Command, date, duration and machine of each result."""
    lines = [
        [f"``{r.command}``", r.date, f"{r.minutes:g}", r.machine, r.versions] for r in frame.itertuples(index=False)
    ]
    return table(["command", "date", "minutes", "machine", "versions"], lines)


def make():
    """Write everything that the pages include."""
    OUT.mkdir(exist_ok=True)
    chosen = pd.read_csv(RESULTS / "defaults.csv")
    parts = {f"defaults-{data}": defaults(chosen, data) for data in DATA}
    parts["quality"] = quality(pd.read_csv(RESULTS / "quality.csv"))
    parts["provenance"] = provenance(pd.read_csv(RESULTS / "provenance.csv"))
    for name, text in parts.items():
        (OUT / f"{name}.inc").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    make()
