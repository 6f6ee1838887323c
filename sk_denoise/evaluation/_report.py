"""`RecoveryReport`: what `recovery_report` found, as rows, table, data frame, matrix and page."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np

from .._core.checks import check_choice, check_count, check_path, check_text, likely, shown
from ._intervals import simultaneous_intervals, verdict
from ._text import tested_name, text

__all__ = ["RecoveryReport"]


class RecoveryReport:
    """What `sk_denoise.evaluation.recovery_report` found: one row per noise x level x denoiser x classifier.

    Parameters
    ----------
    rows : list of dict
        One for each trained noise, tested noise, denoiser and classifier; see Notes.
    classes : ndarray
        The labels.
    predicted : list of dict of ndarray
        For each row, the true labels and those predicted in each situation, over seeds and splits.
    by_row : list of dict of ndarray
        For each row, by test row and averaged over seeds: its index, whether it was classified rightly when denoised,
        squared errors and SSIM.
    examples : dict
        Some test images, by (trained on, kind, level): arrays of clean, noisy and denoised rows.
    image_shape : tuple of int
        ``(height, width, channels)``.
    data_range : tuple of float
        Values of black and white.
    confidence_level : float
        Chance that all intervals cover, together.
    n_comparisons : int
        Differences that the intervals are adjusted for.
    n_seeds : int
        How often everything was drawn and fitted.
    cross_fit : int or None
        Folds for the rows that classifiers were trained anew on.
    seconds : float
        How long it took.
    key : str, default=None
        Tells test rows, labels and seeds from others, for `join`.

    Attributes
    ----------
    n_parts : int
        Reports joined in this one.

    See Also
    --------
    sk_denoise.evaluation.recovery_report : Makes it.

    Notes
    -----
    Keys of a row: `trained_on`, `kind` and `level` tested, `test` ("as trained", "clean", "other level", "other kind"
    or "fitted before", for which nobody knows), `denoiser`, `classifier`; `psnr_noisy`, `psnr_denoised` (dB),
    `ssim_noisy`, `ssim_denoised`; `accuracy_clean`, `accuracy_noisy`, `accuracy_denoised` (classifier untouched),
    `accuracy_refitted` (trained anew on denoised rows), `accuracy_rival` (trained on noise, no denoiser); `recovery`,
    the share of the lost accuracy won back by the untouched classifier, NaN with the reason in `recovery_note` where
    the loss is within twice its standard error. Differences in percentage points, each with `_low`, `_high` and
    `_verdict`: `gain` (denoised less noisy), `refitted_gain`, `vs_rival` (denoised less rival), `refitted_vs_rival`.
    `seed_spread`, standard deviation of the denoised accuracy over seeds, in points; `repaired` and `broken`, test rows
    wrong before and right after and the reverse, a seed; `fit_seconds`, `transform_seconds`, `rival_seconds`;
    `rival_draws`, `rival_saturated`; `refit`, how rows for refitting were denoised; `n_rows`, `n_labels`, `n_test`.

    Examples
    --------
    See `sk_denoise.evaluation.recovery_report`.
    """

    def __init__(
        self,
        rows,
        *,
        classes,
        predicted,
        by_row,
        examples,
        image_shape,
        data_range,
        confidence_level,
        n_comparisons,
        n_seeds,
        cross_fit,
        seconds,
        key=None,
    ):
        self.rows = rows
        self.classes = classes
        self.predicted = predicted
        self.by_row = by_row
        self.examples = examples
        self.image_shape = image_shape
        self.data_range = data_range
        self.confidence_level = confidence_level
        self.n_comparisons = n_comparisons
        self.n_seeds = n_seeds
        self.cross_fit = cross_fit
        self.seconds = seconds
        self.key = key
        self.n_parts = 1

    def select(self, **names):
        """Rows of given names.

        Parameters
        ----------
        **names : str or float
            Values of `trained_on`, `kind`, `level`, `test`, `denoiser` or `classifier`; None lets all pass.

        Returns
        -------
        rows : list of dict
            At least one.

        Raises
        ------
        ValueError
            For a name that the report does not hold, with those it does.
        """
        rows = self.rows
        for key, value in names.items():
            if value is None:
                continue
            held = {row[key]: None for row in rows} if rows and key in rows[0] else None
            if held is None:
                raise ValueError(f"{key!r} is no column of the report; it has {list(self.rows[0])}.")
            comparable = isinstance(value, (str, int, float, tuple))
            rows = [row for row in rows if comparable and row[key] == value]
            if not rows:
                chosen = ", ".join(f"{k}={v!r}" for k, v in names.items() if v is not None and k != key)
                among = f" Looked for among rows with {chosen}." if chosen else ""
                raise ValueError(f"{key} must be {likely(value, held)}{among}")
        return rows

    def predictions(self, *, denoiser=None, classifier=None, kind=None, level=None, trained_on=None):
        """True labels, and those predicted from noisy and from denoised rows, over seeds and splits.

        Parameters
        ----------
        denoiser : str, default=None
            Name; None takes that of the first row that fits the other names, here and below.
        classifier : str, default=None
            Name.
        kind : str, default=None
            Kind of noise tested.
        level : float, default=None
            Level tested.
        trained_on : str, default=None
            Label of the training noise.

        Returns
        -------
        y_true, y_noisy, y_denoised : ndarray of shape (n_predictions,)
            Labels.
        """
        names = {"trained_on": trained_on, "kind": kind, "level": level, "denoiser": denoiser, "classifier": classifier}
        row = self.select(**names)[0]
        held = self.predicted[next(i for i, other in enumerate(self.rows) if other is row)]
        return held["true"], held["noisy"], held["denoised"]

    def matrix(self, value="gain", *, denoiser=None, classifier=None):
        """One denoiser and classifier as a matrix: trained on one noise, tested on others.

        Parameters
        ----------
        value : str, default="gain"
            Key of a number in the rows.
        denoiser : str, default=None
            Name; None is the first.
        classifier : str, default=None
            Name; None is the first.

        Returns
        -------
        values : ndarray of shape (n_trained, n_tested)
            NaN where a pair was not tested.
        trained : list of str
            What the rows were trained on.
        tested : list of str
            What the columns were tested on.
        """
        first = self.rows[0]
        check_choice(value, "value", [key for key, held in first.items() if isinstance(held, (int, float))])
        rows = self.select(
            denoiser=first["denoiser"] if denoiser is None else denoiser,
            classifier=first["classifier"] if classifier is None else classifier,
        )
        trained = list(dict.fromkeys(row["trained_on"] for row in rows))
        tested = list(dict.fromkeys(tested_name(row) for row in rows))
        values = np.full((len(trained), len(tested)), np.nan)
        for row in rows:
            values[trained.index(row["trained_on"]), tested.index(tested_name(row))] = row[value]
        return values, trained, tested

    def compare(self, denoiser, *, trained_on=None, n_resamples=2000, random_state=0):
        """One denoiser against each other one, on the same test rows and noise.

        Parameters
        ----------
        denoiser : str
            Name.
        trained_on : str, default=None
            Only what was trained on this, of the denoiser named; None takes all.
        n_resamples : int, default=2000
            Resamples of the paired bootstrap over test rows.
        random_state : int, default=0
            Seeds it.

        Returns
        -------
        rows : list of dict
            For each noise tested, classifier and other denoiser: `other` and `other_trained_on`; the denoiser's value
            less the other's as `accuracy` (points, classifier untouched), `psnr` (dB) and `ssim`, with `_verdict`;
            accuracy and SSIM also with `_low` and `_high`. The verdict on PSNR is that on the squared error. Intervals
            are simultaneous over all rows, a set for each of the three.
        """
        check_text(denoiser, "denoiser")
        self.select(denoiser=denoiser, trained_on=trained_on)
        check_count(n_resamples, "n_resamples", 100)
        check_count(random_state, "random_state", 0)
        pairs = [
            (i, j)
            for i, row in enumerate(self.rows)
            for j, other in enumerate(self.rows)
            if row["denoiser"] == denoiser != other["denoiser"]
            and trained_on in (None, row["trained_on"])
            and all(row[key] == other[key] for key in ("kind", "level", "classifier"))
        ]
        if not pairs:
            raise ValueError(f"denoiser={denoiser!r} has no other in the report to compare with.")
        rows = []
        for i, j in pairs:
            row, other = self.rows[i], self.rows[j]
            names = {key: row[key] for key in ("trained_on", "kind", "level", "test", "denoiser", "classifier")}
            names |= {"other": other["denoiser"], "other_trained_on": other["trained_on"]}
            rows.append(names | {"psnr": row["psnr_denoised"] - other["psnr_denoised"]})
        for name, key, scale in (
            ("accuracy", "correct", 100),
            ("psnr", "mse_denoised", -1),
            ("ssim", "ssim_denoised", 1),
        ):
            differences = np.array([scale * (self.by_row[i][key] - self.by_row[j][key]) for i, j in pairs])
            options = {"confidence_level": self.confidence_level, "n_resamples": n_resamples}
            bounds = simultaneous_intervals(differences, **options, rng=np.random.default_rng(random_state))
            for row, mean, low, high in zip(rows, *(bound.tolist() for bound in bounds), strict=True):
                row[f"{name}_verdict"] = verdict(low, high, ("worse", "better"))
                if name != "psnr":
                    row |= {name: mean, f"{name}_low": low, f"{name}_high": high}
        return rows

    def join(self, other):
        """Rows of two reports of the same test rows and seeds as one, to compare and to draw.

        Parameters
        ----------
        other : RecoveryReport
            Its intervals stay as they are, adjusted for its own comparisons.

        Returns
        -------
        report : RecoveryReport
            A new one.
        """
        if not isinstance(other, RecoveryReport):
            raise TypeError(f"other must be a RecoveryReport, got {shown(other)}.")
        if self.key is None or self.key != other.key:
            raise ValueError(
                "other must be a report of the same test rows, labels and seeds: give both one random_state."
            )
        names = ("trained_on", "kind", "level", "denoiser", "classifier")
        mine = {tuple(row[name] for name in names) for row in self.rows}
        twice = [row for row in other.rows if tuple(row[name] for name in names) in mine]
        if twice:
            raise ValueError(f"other must hold other rows than this report, got {len(twice)} that are in both.")
        joined = copy.copy(self)
        joined.rows = self.rows + other.rows
        joined.predicted, joined.by_row = self.predicted + other.predicted, self.by_row + other.by_row
        keys = self.examples | other.examples
        joined.examples = {k: self.examples.get(k, {}) | other.examples.get(k, {}) for k in keys}
        joined.n_parts = self.n_parts + other.n_parts
        joined.n_comparisons = self.n_comparisons + other.n_comparisons
        joined.seconds = self.seconds + other.seconds
        return joined

    def to_frame(self):
        """The rows as a data frame.

        Returns
        -------
        frame : pandas.DataFrame
            One line for each row.

        Raises
        ------
        ImportError
            Where pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError("to_frame needs pandas: pip install pandas. The rows are in report.rows.") from error
        return pd.DataFrame(self.rows)

    def to_html(self, path=None):
        """One self-contained page with tables and figures, for light and dark screens.

        Parameters
        ----------
        path : path, default=None
            Where to write it.

        Returns
        -------
        page : str
            The page.
        """
        from ._html import page

        if path is not None:
            check_path(path, "path")
        written = page(self)
        if path is not None:
            Path(path).write_text(written, encoding="utf-8")
        return written

    def __str__(self):
        return text(self)

    def __repr__(self):
        return f"<RecoveryReport of {len(self.rows)} rows; print it, or see to_frame and to_html>"

    def _repr_html_(self):
        from ._html import fragment

        return fragment(self)
