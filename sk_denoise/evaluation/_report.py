"""`RecoveryReport`: the results of `recovery_report` as a data frame, as text and as an HTML page."""

from __future__ import annotations

import dataclasses
from numbers import Integral, Real
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd

from .._core.checks import check_choice, likely
from .._core.sklearn_glue import Interval, validate_function_params
from ._augmented import as_seed
from ._html import fragment, page
from ._intervals import simultaneous_intervals, verdict
from ._text import has_clean, tested_name, text

KEYS = ("trained_on", "kind", "level", "test", "denoiser", "classifier")
_UNIQUE = ["trained_on", "kind", "level", "denoiser", "classifier"]
_ADDED = ("cells", "n_comparisons", "n_parts", "seconds")  # summed when reports are joined


@dataclasses.dataclass(repr=False, eq=False)
class RecoveryReport:
    """Results of `sk_denoise.evaluation.recovery_report`, by noise, level, denoiser and classifier.

    See Also
    --------
    sk_denoise.evaluation.recovery_report : Makes a report.

    Notes
    -----
    Each row of `to_frame` is a cell. Its columns are:

    - `trained_on`, the training noise; `kind` and `level` of the test noise, "noisy rows" and None with
      ``noises=None``; `test`, the relation of the two ("as trained", "clean", "other level", "other kind", or "fitted
      before" if the training noise is unknown); `denoiser`; `classifier`;
    - `psnr_noisy` and `psnr_denoised`, in dB; `ssim_noisy` and `ssim_denoised`;
    - accuracies, from 0 to 1: `accuracy_clean`, `accuracy_noisy` and `accuracy_denoised` of the original classifier,
      `accuracy_refitted` of the classifier retrained on denoised rows, `accuracy_augmented` of the one trained on noisy
      rows, without a denoiser;
    - `recovery`, the fraction of the lost accuracy that the original classifier recovers. If the loss is within twice
      its standard error, it is NaN, and `recovery_note` says why;
    - differences in percentage points: `gain` (denoised minus noisy), `refitted_gain` (refitted minus noisy),
      `vs_augmented` (denoised minus augmented) and `refitted_vs_augmented`. Each has an interval, `_low` and `_high`,
      and a `_verdict`;
    - `seed_spread`, the standard deviation of `accuracy_denoised` over seeds, in percentage points;
    - `repaired` and `broken`, the numbers of test rows, averaged over seeds, whose prediction denoising changed from
      wrong to right and from right to wrong;
    - `fit_seconds`, `transform_seconds` and `augmented_seconds`; `augmented_draws` and `augmented_saturated`, as
      returned by `fit_noise_augmented`;
    - `refit`, how the rows for refitting were denoised;
    - `n_rows`, `n_labels` and `n_test`, the numbers of training rows, labelled rows and test rows.

    With ``noises=None``, there are no clean images, and the columns that require them are left out: those that start
    with `psnr`, `ssim`, `recovery`, `vs_augmented`, `refitted_vs_augmented` and `augmented`, `accuracy_clean` and
    `accuracy_augmented`. The original classifier is then trained on noisy rows unless it was passed fitted.
    """

    frame: pd.DataFrame
    cells: list  # the `Cell` of each row of `frame`: predictions and image quality by test row
    _: dataclasses.KW_ONLY
    examples: dict  # some clean, noisy and denoised test rows, by (trained_on, kind, level)
    image_shape: tuple  # (height, width, channels)
    data_range: tuple
    confidence_level: float
    n_comparisons: int  # that the intervals are adjusted for
    n_seeds: int
    seconds: float
    key: str  # hash of test rows, labels and seeds, for `join`
    n_parts: int = 1  # number of reports joined
    groups: np.ndarray | None = None  # of the test rows

    def to_frame(self):
        """Return the results as a data frame, one row per cell.

        Returns
        -------
        frame : pandas.DataFrame
            A copy. The columns are described in the notes of the class.
        """
        return self.frame.copy()

    def select(self, **names):
        """Select rows of the data frame by the values of columns.

        Parameters
        ----------
        **names : str or float
            Value of each column to select by: `trained_on`, `kind`, `level`, `test`, `denoiser` or `classifier`. None
            selects all values.

        Returns
        -------
        frame : pandas.DataFrame
            At least one row, with the index of `to_frame`.

        Raises
        ------
        ValueError
            If a column does not exist, or no row has the values.
        """
        frame = self.frame
        for key, value in names.items():
            if value is None:
                continue
            check_choice(key, "the name of a column", list(frame))
            present = frame[key].unique().tolist()
            if not isinstance(value, (str, Real)) or value not in present:
                raise ValueError(f"{key} must be {likely(value, present)} The selection is {names}.")
            frame = frame[frame[key] == value]
        return frame.copy()

    def predictions(self, **names):
        """Return the true labels and the predictions before and after denoising, over seeds and splits.

        Parameters
        ----------
        **names : str or float
            Values of columns, as in `select`. The first match is used.

        Returns
        -------
        y_true, y_noisy, y_denoised : ndarray of shape (n_predictions,)
            True labels, and labels predicted from noisy and from denoised rows by the original classifier.

        Raises
        ------
        ValueError
            If no cell has the values.
        """
        labels = self.cells[self.select(**names).index[0]].labels
        return labels["true"], labels["noisy"], labels["denoised"]

    def matrix(self, value="gain", *, denoiser=None, classifier=None):
        """Return the results of one denoiser and classifier by training noise and test noise.

        Parameters
        ----------
        value : str, default="gain"
            Name of a numeric column.
        denoiser, classifier : str, default=None
            Name of the denoiser and of the classifier. If None, the first one in the report.

        Returns
        -------
        matrix : pandas.DataFrame of shape (n_trained, n_tested)
            Values with training noises as rows and test noises as columns; NaN for pairs that were not tested.

        Raises
        ------
        ValueError
            If there is no such column, denoiser or classifier.
        """
        check_choice(value, "value", list(self.frame.select_dtypes("number")))
        first = self.frame[["denoiser", "classifier"]].iloc[0].to_dict()
        given = {"denoiser": denoiser, "classifier": classifier}
        frame = self.select(**first | {key: name for key, name in given.items() if name is not None})
        frame["tested_on"] = [tested_name(row) for row in frame.to_dict("records")]
        trained, tested = frame["trained_on"].unique(), frame["tested_on"].unique()
        frame = frame.drop_duplicates(["trained_on", "tested_on"], keep="last")
        return frame.pivot(index="trained_on", columns="tested_on", values=value).loc[trained, tested]

    @validate_function_params(
        {
            "denoiser": [str],
            "n_resamples": [Interval(Integral, 100, 2**31, closed="left")],
            "random_state": ["random_state"],
        }
    )
    def compare(self, denoiser, *, trained_on=None, n_resamples=2000, random_state=0):
        """Compare a denoiser with each of the others on the same test rows and noise.

        Parameters
        ----------
        denoiser : str
            Name of the denoiser.
        trained_on : str, default=None
            If given, only results of `denoiser` trained on this noise are compared.
        n_resamples : int, default=2000
            Number of resamples of the paired bootstrap over test rows.
        random_state : int, RandomState or None, default=0
            Seeds the bootstrap.

        Returns
        -------
        frame : pandas.DataFrame
            One row per test noise, classifier and other denoiser. `other` and `other_trained_on` identify the other
            denoiser. `accuracy` (percentage points, original classifier), `psnr` (dB) and `ssim` are the values of
            `denoiser` minus those of the other, each with a `_verdict`; `accuracy` and `ssim` also have `_low` and
            `_high`. The verdict on PSNR is based on the squared error. Intervals are simultaneous over all rows,
            separately for each of the three measures. Those of accuracy are at least as wide as the exact one for no
            changed row; those of identical images have no width. PSNR and SSIM require clean images, and are left out
            with ``noises=None``.

        Raises
        ------
        ValueError
            If `denoiser` or `trained_on` is not in the report, or there is no other denoiser.
        """
        first = self.select(denoiser=denoiser, trained_on=trained_on).reset_index(names="i")
        second = self.frame[self.frame["denoiser"] != denoiser].reset_index(names="j")
        pairs = first.merge(second, on=["kind", "level", "classifier"], suffixes=("", "_other"))
        if pairs.empty:
            raise ValueError(
                f"denoiser={denoiser!r} has no other denoiser in the report to compare with. Add one by join."
            )
        renamed = {"denoiser_other": "other", "trained_on_other": "other_trained_on"}
        frame = pairs[[*KEYS, *renamed]].rename(columns=renamed)
        options = {"confidence_level": self.confidence_level, "n_resamples": n_resamples, "groups": self.groups}
        seed = as_seed(random_state)
        measures = {"accuracy": ("correct_denoised", 100)}
        if has_clean(self.frame):
            frame["psnr"] = pairs["psnr_denoised"] - pairs["psnr_denoised_other"]
            measures |= {"psnr": ("mse_denoised", -1), "ssim": ("ssim_denoised", 1)}
        for name, (column, scale) in measures.items():
            differences = [
                scale * (self.cells[i].by_row[column] - self.cells[j].by_row[column]).to_numpy()
                for i, j in zip(pairs["i"], pairs["j"])
            ]
            # Only the differences in accuracy are bounded, by 100 points.
            options |= {"rng": np.random.default_rng(seed), "largest": scale if name == "accuracy" else None}
            bounds = simultaneous_intervals(np.array(differences), **options)
            bounds = np.clip(bounds, -100, 100) if name == "accuracy" else bounds
            if name != "psnr":
                frame[name], frame[f"{name}_low"], frame[f"{name}_high"] = bounds
            frame[f"{name}_verdict"] = [verdict(low, high, ("worse", "better")) for _, low, high in zip(*bounds)]
        return frame

    def join(self, other):
        """Join two reports on the same test rows and seeds, to compare or draw them together.

        Parameters
        ----------
        other : RecoveryReport
            Report with other cells, on the same test rows, labels and seeds.

        Returns
        -------
        report : RecoveryReport
            A new report. Intervals are not changed: each remains simultaneous within its original report.

        Raises
        ------
        TypeError
            If `other` is not a `RecoveryReport`.
        ValueError
            If the test rows, labels or seeds differ, or both reports contain the same cell.
        """
        if not isinstance(other, RecoveryReport):
            raise TypeError(f"other must be a RecoveryReport, got {type(other).__name__}.")
        if self.key != other.key:
            raise ValueError(
                "other must be a report on the same test rows, labels and seeds. Make both with the same data and"
                " random_state, and both or neither with noises=None."
            )
        frame = pd.concat([self.frame, other.frame], ignore_index=True)
        n_twice = int(frame.duplicated(_UNIQUE).sum())
        if n_twice:
            raise ValueError(f"other must not repeat cells of this report, got {n_twice} that are in both reports.")
        keys = self.examples | other.examples
        added = {name: getattr(self, name) + getattr(other, name) for name in _ADDED}
        examples = {key: self.examples.get(key, {}) | other.examples.get(key, {}) for key in keys}
        return dataclasses.replace(self, frame=frame, examples=examples, **added)

    @validate_function_params({"path": [str, PathLike, None]})
    def to_html(self, path=None):
        """Render a self-contained HTML page with tables and figures, for light and dark mode.

        Parameters
        ----------
        path : str, path-like or None, default=None
            File to write the page to. If None, no file is written.

        Returns
        -------
        page : str
            The page.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        written = page(self)
        if path is not None:
            Path(path).write_text(written, encoding="utf-8")
        return written

    def __str__(self):
        return text(self)

    def __repr__(self):
        return f"<RecoveryReport of {len(self.frame)} cells; print it, or use to_frame or to_html>"

    def _repr_html_(self):
        return fragment(self)
