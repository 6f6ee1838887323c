"""Make the tables of the page on training and choosing without clean images, from the CSV files of the benchmark."""

import pandas as pd
from results_page import OUT, ROOT, table

RESULTS = ROOT / "benchmarks" / "results" / "self_supervised"
REFERENCE = "clean targets, fresh noise"
SAME_HEAD = "the same with a linear head"
GOALS = {("recorrupted", 0.0): 1.15, ("recorrupted", 0.7): 1.3, ("blind_spot", 0.0): 1.4}


def read(name):
    """Read the table of a part of the benchmark."""
    return pd.read_csv(RESULTS / f"{name}.csv")


def trainings(frame):
    """Mean squared error of each training, its range over seeds, and its ratio to that of training on clean images."""
    errors = frame.groupby(["blur", "trained_on"], sort=False)["mse"].agg(["mean", "min", "max"])
    has_same = SAME_HEAD in frame["trained_on"].unique()
    lines = []
    for (blur, name), error in errors.iterrows():
        references = [REFERENCE, SAME_HEAD] if has_same else [REFERENCE]
        ratios = [error["mean"] / errors["mean"][blur, reference] for reference in references]
        goal = GOALS.get((name, blur))
        verdict = "" if goal is None else f"{goal:g}, {'reached' if ratios[-1] <= goal else '**missed**'}"
        noise = f"blurred by {blur:g} pixels" if blur else "white"
        shown = f"{error['mean']:.5f} ({error['min']:.5f} to {error['max']:.5f})"
        lines.append([noise, name, shown, *(f"{ratio:.2f}" for ratio in ratios), verdict])
    head = ["ratio", "ratio, linear head"] if has_same else ["ratio"]
    return table(["noise", "trained on", "squared error", *head, "goal"], lines)


def noise2void(frame):
    """PSNR of each method for each image, and the seconds of training."""
    wide = frame.pivot(index="image", columns="method", values="psnr").loc[frame["image"].unique()]
    lines = [[image, *(f"{number:.2f}" for number in row)] for image, row in wide.iterrows()]
    seconds = frame.groupby("method")["seconds"].mean()[wide.columns]
    lines.append(["seconds", *("" if pd.isna(number) else f"{number:.0f}" for number in seconds)])
    return table(["", *wide.columns], lines)


def choosing(frame):
    """How often each criterion chooses a setting nearly as good as the best, and what it costs otherwise."""
    frame = frame.assign(loss=frame["best_psnr"] - frame["psnr"])
    lines = []
    for (noise, criterion), some in frame.groupby(["noise", "criterion"], sort=False):
        shares = (f"{(some['loss'] <= most).mean():.0%}" for most in (0.2, 0.3, 0.5))
        lines.append([noise, criterion, *shares, f"{some['loss'].mean():.2f}", f"{some['loss'].max():.2f}"])
    return table(["noise", "chosen by", "within 0.2 dB", "0.3 dB", "0.5 dB", "mean loss", "worst loss"], lines)


def make():
    """Write everything that docs/measured/self_supervised.rst includes."""
    OUT.mkdir(exist_ok=True)
    made = {"mnist": trainings, "photographs": trainings, "noise2void": noise2void, "choosing": choosing}
    for name, function in made.items():
        (OUT / f"self_supervised-{name}.inc").write_text(function(read(name)), encoding="utf-8")


if __name__ == "__main__":
    make()
