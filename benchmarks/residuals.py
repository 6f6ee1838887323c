"""Thresholds of `residual_check`, and its rates of false alarms and of faults found.

Run: python benchmarks/residuals.py [thresholds | held-out | agreement]

- "thresholds" chooses the thresholds and weights on crops of ten images, and prints the tables that
  sk_denoise/evaluation/_residual_table.py holds. The weights of "smoothing" are those of a logistic regression; its
  thresholds come from scores of images that the regression was not fitted to.
- "held-out" applies `residual_check` to crops of 14 other images, on which nothing was chosen, with good and faulty
  outputs of each denoiser, and writes the counts to benchmarks/results/residuals/.
- "agreement" applies `agreement_check` to two noisy shots of the same crops, with and without a detail that only one
  of the denoised images has.

Goals, on at least 60 good outputs per denoiser: shifts, a removed disc of 2 sigma and 12 pixels, a removed pixel of 10
sigma, an offset of 0.2 sigma, a sigma that is wrong by a quarter, and stripes found in 95 % at 5 % false alarms each;
blur and over-smoothing in 90 % at 5 %; at most 10 % false alarms of all tests together. Some are missed, see
docs/measured/residuals.rst. All three take about half an hour on one core; with the environment variable
RESIDUALS_CACHE, a folder, the images are denoised only once.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
import provenance
from residuals_cases import FILTERS, cases, faulty, invented, shots
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_denoise.evaluation import agreement_check
from sk_denoise.evaluation._residual_statistics import FEATURES, Planes, centre, find, level, smoothing_features
from sk_denoise.evaluation._residual_table import TESTS
from sk_denoise.evaluation._residuals import judge, smoothing

RESULTS = Path(__file__).parent / "results" / "residuals"
DENOISERS = (*FILTERS, "network")
TWO_SIDED = ("brightness", "level", "variance")
AT_LEAST = {"peak": 1.0}  # thresholds that noise alone exceeds as often as it may
#: Faults that each test is for, and the share of good training outputs that may be above the threshold.
TRAINED = {
    "shift": (["shift 0.5 px", "shift 1 px"], 0.015),
    "detail": (["disc"], 0.015),
    "peak": (["pixel"], 0.01),
    "brightness": (["offset"], 0.01),
    "stripes": (["stripes"], 0.015),
    "level": (["sigma -25 %", "sigma +25 %"], 0.015),
    "variance": ([], 0.01),
    "smoothing": (["blur", "over-smoothed"], 0.04),
}
_MOST_ALARMS = 0.03  # share of good training outputs above the threshold, if that is needed to find faults
STRICT = ("peak", "brightness")  # tests without this concession, so that all tests together have few false alarms
#: Faults that are weaker than any test is for; their rates say what is not seen.
UNSEEN = ("faint disc", "line")
ANY = "any"  # for denoisers that are not known


def outputs(which):
    """Yield case, denoiser, fault, and the arguments of `residual_check`."""
    for case, clean, noisy, stripes, found in cases(which):
        for number, denoiser in enumerate(DENOISERS):
            rng = np.random.default_rng([case["crop"], case["draw"], number])
            for fault, *arguments in faulty(clean, noisy, stripes, case["sigma"], found[denoiser], rng):
                yield case | {"denoiser": denoiser, "fault": fault}, arguments


def measure(which):
    """A data frame of the statistics and features of each output."""
    rows, levels = [], {}
    for case, (noisy, denoised, sigma) in outputs(which):
        residual = (noisy.astype(float) - denoised)[np.newaxis] / sigma
        planes = Planes(residual, denoised[np.newaxis].astype(float) / sigma, np.ones(residual.shape, bool), None)
        found = find(planes, skipped=("level",))
        # The level depends neither on the denoiser nor noticeably on the disc.
        key = case["crop"], case["draw"], case["fault"] == "stripes"
        if key not in levels:
            levels[key] = level(planes) + np.log(sigma)
        found["level"] = levels[key] - np.log(sigma)
        rows.append(case | found | dict(zip(FEATURES, smoothing_features(centre(planes)))))
    return pd.DataFrame(rows)


def learn_smoothing(frame):
    """Weights and intercept of the score, and scores of images that the regression was not fitted to."""
    frame = frame[frame["fault"].isin(["good", "blur", "over-smoothed"])]
    X, faulty_ones = frame[list(FEATURES)].to_numpy(), (frame["fault"] != "good").to_numpy()
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=5000, class_weight="balanced"))
    groups = frame["image"].to_numpy()
    folds = GroupKFold(len(set(groups)))
    scores = cross_val_predict(model, X, faulty_ones, groups=groups, cv=folds, method="decision_function")
    scale, regression = model.fit(X, faulty_ones)
    weights = regression.coef_[0] / scale.scale_
    return [*weights, regression.intercept_[0] - weights @ scale.mean_], pd.Series(scores, frame.index)


def choose(frame, test):
    """Lower threshold, centre and upper threshold of a test; without a lower one, None."""
    names, share = TRAINED[test]
    good = frame.loc[frame["fault"] == "good", test].dropna().to_numpy()
    faults = frame.loc[frame["fault"].isin(names), test].dropna().to_numpy()
    shares = share, share if test in STRICT else _MOST_ALARMS
    centre, enough = np.median(good), len(faults) / 4
    above, below = faults[faults > centre], faults[faults <= centre]
    high = max(_limit(good, above if len(above) > enough else None, *shares), AT_LEAST.get(test, -np.inf))
    low = -_limit(-good, -below if len(below) > enough else None, *shares) if test in TWO_SIDED else None
    return low, centre, high


def _limit(good, faults, share, most_alarms):
    """Upper threshold: halfway to the faults where there is room; otherwise near the quantile of good outputs."""
    least, most = np.quantile(good, [1 - most_alarms, 1 - share])
    if faults is None:  # a margin, because nothing else keeps the threshold away from the good outputs
        return most + 0.05 + 0.3 * (most - np.median(good))
    weakest = np.quantile(faults, 0.05)
    return (most + weakest) / 2 if weakest > most else max(weakest, least)


def thresholds():
    """Print the weights and thresholds of each denoiser."""
    frame = measure("training")
    weights, rows = {}, {}
    for denoiser in (*DENOISERS, ANY):
        own = frame if denoiser == ANY else frame[frame["denoiser"] == denoiser]
        weights[denoiser], scores = learn_smoothing(own)
        own = own.assign(smoothing=scores)
        cells = [value for test in TRAINED for value in choose(own, test)]
        rows[denoiser] = ["None" if value is None else f"{value:.4g}" for value in cells]
        weights[denoiser] = [f"{value:.4g}" for value in weights[denoiser]]
    _print_table("WEIGHTS", weights)
    _print_table("THRESHOLDS", rows)


def held_out():
    """Count alarms and faults found on held-out images, with the thresholds of the package."""
    frame = measure("held-out")
    features = frame[list(FEATURES)].to_numpy()
    rows = []
    for number, row in enumerate(frame.to_dict("records")):
        for name in (row["denoiser"], ANY):
            found = {test: row[test] for test in TESTS if test != "smoothing" and np.isfinite(row[test])}
            found["smoothing"] = smoothing(features[number], name)
            ratios = judge(found, name)
            case = {key: row[key] for key in ("image", "crop", "draw", "sigma", "denoiser", "fault")}
            rows.append(case | {"thresholds": name} | {test: ratios.get(test, np.nan) for test in TESTS})
    write("held_out", pd.DataFrame(rows))
    show_rates(pd.DataFrame(rows))


def show_rates(frame):
    """Print shares of alarms by denoiser, and the table of rates for the package."""
    frame = frame.assign(denoiser=frame["denoiser"].where(frame["thresholds"] != ANY, ANY))
    alarms = frame[list(TESTS)] > 1
    alarms["all"] = alarms.any(axis=1)
    shares = alarms.groupby([frame["denoiser"], frame["fault"]], sort=False).mean()
    counts = frame.groupby(["denoiser", "fault"], sort=False).size().rename("n")
    print(shares.join(counts).map(lambda value: f"{value:.2f}" if value <= 1 else f"{value:.0f}").to_string())
    print("RATES = {")
    for denoiser in (*DENOISERS, ANY):
        own = shares.loc[denoiser]
        cells = []
        for test, (faults, _) in TRAINED.items():
            faults = [fault for fault in faults if fault in own.index]
            found = f"{own.loc[faults, test].mean():.3f}" if faults else "nan"
            cells.append(f'"{test}": ({own.loc["good", test]:.3f}, {found})')
        cells.append(f'"all": ({own.loc["good", "all"]:.3f}, {own.drop(index=["good", *UNSEEN])["all"].mean():.3f})')
        print(f'    "{denoiser}": {{{", ".join(cells)}}},')
    print("}")


def agreement():
    """Count how often `agreement_check` alarms, without and with invented detail."""
    rows = []
    for case, found in shots():
        for number, (denoiser, (first, second)) in enumerate(found.items()):
            rng = np.random.default_rng([case["crop"], number])
            for fault, image in (("good", first), ("invented disc", invented(first, case["sigma"], rng))):
                check = agreement_check(image, second, case["sigma"])
                rows.append(case | {"denoiser": denoiser, "fault": fault, "agreement": check.severity})
    frame = pd.DataFrame(rows)
    write("agreement", frame)
    alarms = (frame["agreement"] > 1).groupby([frame["denoiser"], frame["fault"]], sort=False).mean().unstack()
    print(alarms.to_string(), *(f"{share:.3f}" for share in alarms.mean()), sep="\n")


def write(name, frame):
    """Write a table of ratios to thresholds."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    frame.round(3).to_csv(RESULTS / f"{name}.csv", index=False)


def _print_table(name, rows):
    """Print a dict of tuples as Python code."""
    print(f"{name} = {{")
    for key, row in rows.items():
        print(f'    "{key}": ({", ".join(row)}),')
    print("}")


PARTS = {"thresholds": thresholds, "held-out": held_out, "agreement": agreement}

if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        with provenance.kept(f"residuals.py {part}"):
            PARTS[part]()
