"""Make the tables of the page on verdicts from the CSV files written by benchmarks/residuals.py."""

import pandas as pd
from results_page import OUT, ROOT, table

RESULTS = ROOT / "benchmarks" / "results" / "residuals"
TESTS = ("shift", "detail", "peak", "brightness", "stripes", "level", "variance", "smoothing")
ANY = "any"
#: Fault, test that is for it, and share of faults to be found, at 5 % false alarms.
GOALS = (
    ("shift 0.5 px", "shift", 0.95),
    ("shift 1 px", "shift", 0.95),
    ("disc", "detail", 0.95),
    ("pixel", "peak", 0.95),
    ("offset", "brightness", 0.95),
    ("sigma -25 %", "level", 0.95),
    ("sigma +25 %", "level", 0.95),
    ("stripes", "stripes", 0.95),
    ("blur", "smoothing", 0.9),
    ("over-smoothed", "smoothing", 0.9),
)


def read(name):
    """Read a table of ratios of statistics to thresholds."""
    return pd.read_csv(RESULTS / f"{name}.csv")


def alarms(frame):
    """Replace the ratios by whether there was an alarm; "all" is an alarm of any test."""
    found = frame[list(TESTS)] > 1
    return frame.drop(columns=list(TESTS)).join(found).assign(all=found.any(axis=1))


def false_alarms(frame):
    """Shares of good outputs with an alarm: a row for each denoiser, and a column for each test."""
    good = frame[frame["fault"] == "good"]
    lines = []
    for denoiser, some in good.groupby("denoiser", sort=False):
        lines.append([denoiser, str(len(some)), *(f"{some[test].mean():.0%}" for test in (*TESTS, "all"))])
    return table(["", "good outputs", *TESTS, "all together"], lines)


def detected(frame, column=None):
    """Shares of faults found by the test for them, or by any test: a row for each denoiser."""
    lines = []
    for denoiser, some in frame.groupby("denoiser", sort=False):
        shares = some.groupby("fault").mean(numeric_only=True)
        cells = []
        for fault, test, _ in GOALS:
            cells.append(f"{shares.loc[fault, column or test]:.0%}" if fault in shares.index else "")
        lines.append([denoiser, *cells])
    return table(["", *(fault for fault, _, _ in GOALS)], lines)


def unseen(frame):
    """Shares of weak faults that are found, by the test that comes closest and by any test."""
    lines = []
    for denoiser, some in frame.groupby("denoiser", sort=False):
        shares = some.groupby("fault").mean(numeric_only=True)
        cells = [shares.loc["faint disc", test] for test in ("detail", "all")]
        cells += [shares.loc["line", test] for test in ("detail", "peak", "all")]
        lines.append([denoiser, *(f"{share:.0%}" for share in cells), f"{shares.loc['good', 'all']:.0%}"])
    heads = ["faint disc: detail", "any test", "line: detail", "peak", "any test", "good output: any test"]
    return table(["", *heads], lines)


def goals(frame):
    """Goals, with the worst denoiser and the mean over the denoisers."""
    good, lines = frame[frame["fault"] == "good"], []
    rates = good.groupby("denoiser", sort=False).mean(numeric_only=True)
    for fault, test, least in GOALS:
        found = frame[frame["fault"] == fault].groupby("denoiser", sort=False)[test].mean()
        reached = (found >= least) & (rates[test].reindex(found.index) <= 0.05)
        lines.append([
            f"{fault}: {least:.0%} found by {test}, at 5 % false alarms",
            f"{found.mean():.0%} at {rates[test].mean():.0%}",
            f"{found.min():.0%} ({found.idxmin()}) at up to {rates[test].max():.0%} ({rates[test].idxmax()})",
            f"{reached.sum()} of {len(reached)} denoisers{'' if reached.all() else ', **missed**'}",
        ])  # fmt: skip
    reached = rates["all"] <= 0.1
    lines.append([
        "all tests together: at most 10 % false alarms",
        f"{rates['all'].mean():.0%}",
        f"{rates['all'].max():.0%} ({rates['all'].idxmax()})",
        f"{reached.sum()} of {len(reached)} denoisers{'' if reached.all() else ', **missed**'}",
    ])  # fmt: skip
    return table(["goal", "mean over denoisers", "worst denoiser", "reached for"], lines)


def by_level(frame):
    """False alarms of all tests, by the level of the noise."""
    good = frame[frame["fault"] == "good"]
    shares = good.groupby("sigma")[[*TESTS, "all"]].mean()
    lines = [[f"{sigma:g}", *(f"{share:.0%}" for share in row)] for sigma, row in shares.iterrows()]
    return table(["sigma", *TESTS, "all together"], lines)


def by_image(frame):
    """False alarms by image, only those with any, the most frequent ones first."""
    good = frame[frame["fault"] == "good"]
    shares = good.groupby("image")[[*TESTS, "all"]].mean().sort_values("all", ascending=False)
    shares = shares[shares["all"] > 0]
    lines = [[image, *(f"{share:.0%}" for share in row)] for image, row in shares.iterrows()]
    return table(["image", *TESTS, "all together"], lines)


def agreement(frame):
    """False alarms, and invented discs found, by denoiser."""
    shares = (frame["agreement"] > 1).groupby([frame["denoiser"], frame["fault"]], sort=False).mean().unstack()
    lines = [[denoiser, f"{row['good']:.0%}", f"{row['invented disc']:.0%}"] for denoiser, row in shares.iterrows()]
    return table(["", "false alarms", "invented discs found"], lines)


def make():
    """Write everything that docs/measured/residuals.rst includes."""
    OUT.mkdir(exist_ok=True)
    frame = alarms(read("held_out"))
    own, unknown = frame[frame["thresholds"] != ANY], frame[frame["thresholds"] == ANY]
    parts = {
        "goals": goals(own),
        "alarms": false_alarms(own),
        "detected": detected(own),
        "detected-any": detected(own, "all"),
        "unseen": unseen(own),
        "level": by_level(own),
        "image": by_image(own),
        "unknown-alarms": false_alarms(unknown),
        "unknown-detected": detected(unknown),
        "agreement": agreement(read("agreement")),
    }
    for part, text in parts.items():
        (OUT / f"residuals-{part}.inc").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    make()
