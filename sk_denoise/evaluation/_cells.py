"""From the results of all tasks to the rows of a report."""

from __future__ import annotations

import math

import joblib
import numpy as np

from ..metrics import accuracy_recovery
from ._intervals import simultaneous_intervals, verdict
from ._report import RecoveryReport
from ._tasks import AS_TRAINED, CLEAN, GIVEN

_NAN = float("nan")
# Differences in a row, with what each is subtracted from: more is better for the first.
COMPARISONS = {
    "gain": ("denoised", "noisy"),
    "refitted_gain": ("refitted", "noisy"),
    "vs_rival": ("denoised", "rival"),
    "refitted_vs_rival": ("refitted", "rival"),
}


class _Cell:
    """All that was measured of one training noise, test noise, denoiser and classifier, over seeds and splits."""

    def __init__(self, trained_on, noise, test, denoiser, classifier):
        self.names = {"trained_on": trained_on, "kind": noise.kind, "level": noise.level, "test": test}
        self.names |= {"denoiser": denoiser, "classifier": classifier}
        self.predicted, self.quality = {}, {}  # of each situation, one array for each task
        self.tasks, self.numbers = [], []

    def add(self, task, predicted, quality, numbers):
        for held, new in ((self.predicted, predicted), (self.quality, quality)):
            for name, values in new.items():
                held.setdefault(name, []).append(values)
        self.tasks.append(task)
        self.numbers.append(numbers)

    def by_row(self, arrays, position):
        """Values of each test row, averaged over the seeds and splits that tested it."""
        total, count = np.zeros(len(position)), np.zeros(len(position))
        for task, values in zip(self.tasks, arrays, strict=True):
            rows = [position[row] for row in task.test.tolist()]
            total[rows] += values
            count[rows] += 1
        return total / count

    def correct(self, y, position):
        """Of each situation and test row, the share of seeds in which it was classified rightly."""
        return {
            name: self.by_row([labels == y[task.test] for task, labels in zip(self.tasks, arrays)], position)
            for name, arrays in self.predicted.items()
        }

    def mean(self, name):
        return float(np.mean([numbers[name] for numbers in self.numbers]))


def aggregate(setup, X, y, tasks, results, *, confidence_level, n_resamples, rng, seconds):
    """The report of `results`, one of each task."""
    cells = list(_cells(setup, tasks, results).values())
    test_rows = np.unique(np.concatenate([task.test for task in tasks]))
    position = {row: i for i, row in enumerate(test_rows.tolist())}
    correct = [cell.correct(y, position) for cell in cells]
    quality = [{n: cell.by_row(arrays, position) for n, arrays in cell.quality.items()} for cell in cells]
    keys, differences = [], []
    for i, shares in enumerate(correct):
        for name, (first, second) in COMPARISONS.items():
            if first in shares and second in shares:
                keys.append((i, name))
                differences.append(shares[first] - shares[second])
    options = {"confidence_level": confidence_level, "n_resamples": n_resamples, "rng": rng}
    bounds = simultaneous_intervals(np.array(differences).reshape(-1, len(test_rows)), **options)
    intervals = {
        key: tuple(float(np.clip(100 * bound[i], -100, 100)) for bound in bounds) for i, key in enumerate(keys)
    }
    rows = [_row(setup, cell, correct[i], quality[i], i, intervals, y) for i, cell in enumerate(cells)]
    for row in rows:
        row |= {"n_rows": len(tasks[0].train), "n_labels": len(tasks[0].labelled), "n_test": len(test_rows)}
    return RecoveryReport(
        rows,
        classes=np.unique(y),
        predicted=[_pooled(cell, y) for cell in cells],
        by_row=[{"index": test_rows, "correct": c["denoised"]} | q for c, q in zip(correct, quality)],
        examples=_examples(setup, tasks, results),
        image_shape=setup.image_shape,
        data_range=setup.data_range,
        confidence_level=confidence_level,
        n_comparisons=len(keys),
        n_seeds=len({task.repeat for task in tasks}),
        key=joblib.hash(
            (X[test_rows], y[test_rows], [(task.seed, task.test) for task in tasks if task.noise == tasks[0].noise])
        ),
        cross_fit=setup.cross_fit,
        seconds=seconds,
    )


def _cells(setup, tasks, results):
    cells = {}
    for task, result in zip(tasks, results, strict=True):
        for denoiser, measured in result["denoisers"].items():
            trained_on = GIVEN if denoiser in setup.given else task.noise.label
            for noise, of_test in measured["tests"].items():
                quality = _quality(result["noisy"][noise]["quality"], of_test["quality"])
                numbers = {"fit_seconds": measured["fit_seconds"], "transform_seconds": of_test["seconds"]}
                test = task.noise.tested_on(noise)
                # Rival and refitted classifier of this task's noise are no match for a denoiser of unknown training.
                alone = trained_on == GIVEN and test != AS_TRAINED
                shown = GIVEN if trained_on == GIVEN and test != CLEAN else test
                for classifier in setup.classifiers:
                    key = trained_on, noise, denoiser, classifier
                    cell = cells.setdefault(key, _Cell(trained_on, noise, shown, denoiser, classifier))
                    predicted, of_rival = _of_classifier(result, noise, of_test, classifier, alone)
                    cell.add(task, predicted, quality, numbers | of_rival)
    return cells


def _quality(noisy, denoised):
    names = ("mse_noisy", "ssim_noisy", "mse_denoised", "ssim_denoised")
    return dict(zip(names, (*noisy, *denoised), strict=True))


def _of_classifier(result, noise, of_test, classifier, alone):
    """What one classifier predicted in each situation, and numbers of its rival."""
    predicted = {
        "clean": result["clean"][classifier],
        "noisy": result["noisy"][noise]["predicted"][classifier],
        "denoised": of_test["denoised"][classifier],
    }
    if classifier in of_test["refitted"] and not alone:
        predicted["refitted"] = of_test["refitted"][classifier]
    rival = result["rival"].get(classifier)
    if rival is None or alone:
        return predicted, {"rival_draws": _NAN, "rival_saturated": _NAN, "rival_seconds": _NAN}
    predicted["rival"] = rival["predicted"][noise]
    names = {"rival_draws": "draws", "rival_saturated": "saturated", "rival_seconds": "seconds"}
    return predicted, {ours: float(rival[theirs]) for ours, theirs in names.items()}


def _decibels(error):
    return math.inf if error == 0 else -10 * math.log10(error)


def _row(setup, cell, shares, quality, index, intervals, y):
    row = dict(cell.names)
    for name in ("noisy", "denoised"):
        row[f"psnr_{name}"] = _decibels(quality[f"mse_{name}"].mean())
        row[f"ssim_{name}"] = float(quality[f"ssim_{name}"].mean())
    for situation in ("clean", "noisy", "denoised", "refitted", "rival"):
        row[f"accuracy_{situation}"] = float(shares[situation].mean()) if situation in shares else _NAN
    row |= _recovery(row, shares)
    for name in COMPARISONS:
        mean, low, high = intervals.get((index, name), (_NAN, _NAN, _NAN))
        row |= {name: mean, f"{name}_low": low, f"{name}_high": high}
        row[f"{name}_verdict"] = verdict(low, high, ("hurts", "helps") if "gain" in name else ("worse", "better"))
    row["seed_spread"] = _seed_spread(cell, y)
    row["repaired"], row["broken"] = _changes(cell, y, len(shares["noisy"]))
    row |= {name: cell.mean(name) for name in ("fit_seconds", "transform_seconds", "rival_seconds", "rival_draws")}
    row["rival_saturated"] = (
        "" if math.isnan(row["rival_draws"]) else "yes" if cell.mean("rival_saturated") == 1 else "no"
    )
    row["refit"] = _how_refitted(setup, cell)
    return row


def _how_refitted(setup, cell):
    if "refitted" not in cell.predicted:
        return "frozen classifier" if setup.refit else "not asked for"
    if cell.names["trained_on"] == GIVEN:
        return "denoiser as given"
    return "not cross-fitted" if setup.cross_fit is None else f"cross-fitted in {setup.cross_fit} folds"


def _seed_spread(cell, y):
    """Standard deviation over seeds of the accuracy on denoised rows, in points; NaN for one seed."""
    right = {}
    for task, labels in zip(cell.tasks, cell.predicted["denoised"], strict=True):
        right.setdefault(task.repeat, []).extend(labels == y[task.test])
    means = [np.mean(values) for values in right.values()]
    return float(100 * np.std(means, ddof=1)) if len(means) > 1 else _NAN


def _recovery(row, shares):
    """The share won back; none where the loss is within twice its standard error, and shares of it mean nothing."""
    loss = shares["clean"] - shares["noisy"]
    if loss.mean() <= 2 * loss.std() / math.sqrt(len(loss)):
        return {"recovery": _NAN, "recovery_note": "noise took no accuracy that shows"}
    accuracies = (row[f"accuracy_{name}"] for name in ("clean", "noisy", "denoised"))
    return {"recovery": accuracy_recovery(*accuracies), "recovery_note": ""}


def _changes(cell, y, n_test):
    """Test rows repaired and broken, a seed."""
    true = _pooled(cell, y)
    before, after = true["noisy"] == true["true"], true["denoised"] == true["true"]
    return float(n_test * np.mean(~before & after)), float(n_test * np.mean(before & ~after))


def _pooled(cell, y):
    """True labels and those predicted, over seeds and splits."""
    true = np.concatenate([y[task.test] for task in cell.tasks])
    return {"true": true} | {situation: np.concatenate(labels) for situation, labels in cell.predicted.items()}


def _examples(setup, tasks, results):
    """Some images of the first split and seed, by training label and test noise."""
    examples = {}
    for task, result in zip(tasks, results, strict=True):
        for noise, images in result["examples"].items():
            given = {name: rows for name, rows in images.items() if name in (*setup.given, "clean", "noisy")}
            trained = {name: rows for name, rows in images.items() if name not in setup.given}
            examples.setdefault((task.noise.label, noise.kind, noise.level), trained)
            if noise in task.with_given:
                examples.setdefault((GIVEN, noise.kind, noise.level), given)
    return examples
