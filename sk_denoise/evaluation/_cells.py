"""Combine the measurements of all tasks into the cells of a report."""

from __future__ import annotations

import dataclasses
import math

import joblib
import numpy as np
import pandas as pd
from sklearn.frozen import FrozenEstimator

from ..metrics import accuracy_recovery
from ._intervals import simultaneous_intervals, verdict
from ._planning import GIVEN
from ._report import KEYS, RecoveryReport

SITUATIONS = ("clean", "noisy", "denoised", "refitted", "augmented")
_NEED_CLEAN = ("clean", "augmented")
# For each difference: minuend, subtrahend, and the verdicts if it is significantly negative or positive.
COMPARISONS = {
    "gain": ("denoised", "noisy", ("hurts", "helps")),
    "refitted_gain": ("refitted", "noisy", ("hurts", "helps")),
    "vs_augmented": ("denoised", "augmented", ("worse", "better")),
    "refitted_vs_augmented": ("refitted", "augmented", ("worse", "better")),
}


@dataclasses.dataclass
class Cell:
    """All measurements of one training noise, test noise, denoiser and classifier, over seeds and splits."""

    trained_on: str
    kind: str
    level: float
    test: str
    denoiser: str
    classifier: str
    labels: dict  # "true", and predictions in each situation, for each test row, split and seed
    by_row: pd.DataFrame  # means over splits and seeds by test row: correct_*, mse_*, ssim_*
    seed_spread: float
    numbers: dict  # means over tasks: seconds, draws

    @classmethod
    def collect(cls, tasks, measurements, y):
        """Make a cell from its measurements, one per task."""
        first = measurements[0]
        rows = np.concatenate([task.test for task in tasks])
        labels = {"true": y[rows]}
        labels |= {name: np.concatenate([m.labels[name] for m in measurements]) for name in first.labels}
        values = {f"correct_{name}": labels[name] == labels["true"] for name in first.labels}
        values |= {name: np.concatenate([m.images[name] for m in measurements]) for name in first.images}
        repeats = np.repeat([task.repeat for task in tasks], [len(task.test) for task in tasks])
        by_seed = pd.Series(values["correct_denoised"]).groupby(repeats).mean()
        return cls(
            **{name: getattr(first, name) for name in ("trained_on", "test", "denoiser", "classifier")},
            kind=first.noise.kind,
            level=first.noise.level,
            labels=labels,
            by_row=pd.DataFrame(values).groupby(rows).mean(),
            seed_spread=100 * by_seed.std(),  # NaN for a single seed
            numbers=pd.DataFrame([m.numbers for m in measurements]).mean().to_dict(),
        )

    def difference(self, first, second):
        """Accuracy in the first situation minus that in the second, by test row."""
        return (self.by_row[f"correct_{first}"] - self.by_row[f"correct_{second}"]).to_numpy()

    def columns(self, intervals, setup):
        """The cell as a row of the data frame."""
        means = self.by_row.mean()
        situations = [name for name in SITUATIONS if setup.has_clean or name not in _NEED_CLEAN]
        line = {name: getattr(self, name) for name in KEYS}
        for name in ("noisy", "denoised") if setup.has_clean else ():
            error = means[f"mse_{name}"]
            line[f"psnr_{name}"] = -10 * math.log10(error) if error else math.inf
            line[f"ssim_{name}"] = means[f"ssim_{name}"]
        line |= {f"accuracy_{name}": means.get(f"correct_{name}", math.nan) for name in situations}
        if setup.has_clean:
            line |= self._recovery(line)
        for name, (*pair, words) in COMPARISONS.items():
            if not set(pair) <= set(situations):
                continue
            mean, low, high = intervals.get(name, (math.nan,) * 3)
            line |= {name: mean, f"{name}_low": low, f"{name}_high": high, f"{name}_verdict": verdict(low, high, words)}
        before, after = (self.labels[name] == self.labels["true"] for name in ("noisy", "denoised"))
        changes = {"repaired": np.mean(~before & after), "broken": np.mean(before & ~after)}
        line |= {"seed_spread": self.seed_spread} | {name: len(self.by_row) * part for name, part in changes.items()}
        line |= {name: self.numbers[name] for name in ("fit_seconds", "transform_seconds")}
        if setup.has_clean:
            line |= {name: self.numbers[name] for name in ("augmented_seconds", "augmented_draws")}
            saturated = self.numbers["augmented_saturated"]
            line["augmented_saturated"] = "" if math.isnan(saturated) else "yes" if saturated == 1 else "no"
        return line | {"refit": self._how_refitted(setup)}

    def _recovery(self, line):
        """Recovered fraction of the loss; NaN if the loss is within two standard errors: then it is meaningless."""
        loss = self.difference("clean", "noisy")
        if loss.mean() <= 2 * loss.std() / math.sqrt(len(loss)):
            return {"recovery": math.nan, "recovery_note": "no significant loss of accuracy to noise"}
        accuracies = (line[f"accuracy_{name}"] for name in ("clean", "noisy", "denoised"))
        return {"recovery": accuracy_recovery(*accuracies), "recovery_note": ""}

    def _how_refitted(self, setup):
        if "refitted" not in self.labels:
            frozen = isinstance(setup.classifiers[self.classifier][0], FrozenEstimator)
            return "frozen classifier" if frozen else "training noise unknown" if setup.refit else "not requested"
        if self.trained_on == GIVEN:
            return "denoiser as given"
        return "not cross-fitted" if setup.cross_fit is None else f"cross-fitted in {setup.cross_fit} folds"


def aggregate(setup, X, y, tasks, results, *, confidence_level, n_resamples, rng, seconds):
    """Make the report from `results`, one per task."""
    grouped = {}
    for task, (measurements, _) in zip(tasks, results, strict=True):
        for m in measurements:
            grouped.setdefault((m.trained_on, m.noise, m.denoiser, m.classifier), []).append((task, m))
    cells = [Cell.collect(*zip(*parts), y) for parts in grouped.values()]
    test_rows = np.unique(np.concatenate([task.test for task in tasks]))  # as in the index of each `by_row`
    groups = None if setup.groups is None else setup.groups[test_rows]
    options = {"confidence_level": confidence_level, "n_resamples": n_resamples, "rng": rng, "groups": groups}
    intervals = _intervals(cells, **options)
    frame = pd.DataFrame([cell.columns(of_cell, setup) for cell, of_cell in zip(cells, intervals)])
    of_one_noise = [(task.seed, task.test) for task in tasks if task.noise == tasks[0].noise]
    return RecoveryReport(
        frame.assign(n_rows=len(tasks[0].train), n_labels=len(tasks[0].labelled), n_test=len(test_rows)),
        cells,
        examples=_examples(setup, tasks, results),
        image_shape=setup.image_shape,
        data_range=setup.data_range,
        confidence_level=confidence_level,
        n_comparisons=sum(map(len, intervals)),
        n_seeds=len({task.repeat for task in tasks}),
        seconds=seconds,
        key=joblib.hash((X[test_rows], y[test_rows], groups, of_one_noise, setup.has_clean)),
        groups=groups,
    )


def _intervals(cells, **options):
    """Mean and simultaneous interval of each comparison of each cell, in percentage points."""
    measured = [
        {name: cell.difference(*pair) for name, (*pair, _) in COMPARISONS.items() if set(pair) <= set(cell.labels)}
        for cell in cells
    ]
    differences = np.array([values for of_cell in measured for values in of_cell.values()])
    found = simultaneous_intervals(differences, largest=1, **options)
    bounds = zip(*(np.clip(100 * bound, -100, 100).tolist() for bound in found))
    return [{name: next(bounds) for name in of_cell} for of_cell in measured]


def _examples(setup, tasks, results):
    """Example images of the first split and seed, by training noise, kind and level."""
    examples = {}
    for task, (_, of_task) in zip(tasks, results, strict=True):
        for noise, images in of_task.items():
            given = {name: rows for name, rows in images.items() if name in (*setup.given, "clean", "noisy")}
            trained = {name: rows for name, rows in images.items() if name not in setup.given}
            examples.setdefault((task.noise.label, noise.kind, noise.level), trained)
            if noise in task.with_given:
                examples.setdefault((GIVEN, noise.kind, noise.level), given)
    return examples
