"""`RecoveryReport`: the results of `recovery_report`, as a data frame, as text and as a page."""

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
from ._text import tested_name, text

KEYS = ("trained_on", "kind", "level", "test", "denoiser", "classifier")
_UNIQUE = ["trained_on", "kind", "level", "denoiser", "classifier"]
_ADDED = ("cells", "n_comparisons", "n_parts", "seconds")  # when reports are joined


@dataclasses.dataclass(repr=False, eq=False)
class RecoveryReport:
    """Results of `sk_denoise.evaluation.recovery_report`, for each noise x level x denoiser x classifier.

    Notes
    -----
    Columns: `trained_on`, `kind` and `level` tested, `test` ("as trained", "clean", "other level", "other kind", or
    "fitted before" if the training noise is unknown), `denoiser`, `classifier`; `psnr_noisy`, `psnr_denoised` (dB),
    `ssim_noisy`, `ssim_denoised`; `accuracy_clean`, `accuracy_noisy`, `accuracy_denoised` (classifier unchanged),
    `accuracy_refitted` (trained again on denoised rows), `accuracy_augmented` (trained on noisy rows, no denoiser);
    `recovery`, the fraction of the lost accuracy that the unchanged classifier recovers, NaN with the reason in
    `recovery_note` if the loss is within twice its standard error. Differences in percentage points, each with `_low`,
    `_high` and `_verdict`: `gain` (denoised minus noisy), `refitted_gain`, `vs_augmented` (denoised minus augmented),
    `refitted_vs_augmented`. `seed_spread`, standard deviation of the denoised accuracy over seeds, in points;
    `repaired` and `broken`, test rows that denoising turned from wrong to right and from right to wrong, per seed;
    `fit_seconds`, `transform_seconds`, `augmented_seconds`; `augmented_draws`, `augmented_saturated`; `refit`, how rows
    for refitting were denoised; `n_rows`, `n_labels`, `n_test`.
    """

    frame: pd.DataFrame
    cells: list  # predictions and measures of each test row, in the order of `frame`
    _: dataclasses.KW_ONLY
    examples: dict  # some test images by (trained on, kind, level): clean, noisy and denoised rows
    image_shape: tuple  # (height, width, channels)
    data_range: tuple
    confidence_level: float
    n_comparisons: int  # for which the intervals are adjusted
    n_seeds: int
    seconds: float
    key: str  # identifies test rows, labels and seeds, for `join`
    n_parts: int = 1  # number of reports joined
    groups: np.ndarray | None = None  # of the test rows, if given

    def to_frame(self):
        """Return the cells as a data frame, one row each.

        Returns
        -------
        frame : pandas.DataFrame
            A copy.
        """
        return self.frame.copy()

    def select(self, **names):
        """Select rows of the data frame by name.

        Parameters
        ----------
        **names : str or float
            Values of `trained_on`, `kind`, `level`, `test`, `denoiser` or `classifier`; None selects all.

        Returns
        -------
        frame : pandas.DataFrame
            At least one row, with the index of `to_frame`.
        """
        frame = self.frame
        for key, value in names.items():
            if value is None:
                continue
            check_choice(key, "the name of a column", list(frame))
            held = frame[key].unique().tolist()
            if not isinstance(value, (str, Real)) or value not in held:
                raise ValueError(f"{key} must be {likely(value, held)} Selected: {names}.")
            frame = frame[frame[key] == value]
        return frame.copy()

    def predictions(self, **names):
        """True labels, and labels predicted from noisy and from denoised rows, over seeds and splits.

        Parameters
        ----------
        **names : str or float
            Values of columns, as in `select`. The first match is used.

        Returns
        -------
        y_true, y_noisy, y_denoised : ndarray of shape (n_predictions,)
            Labels.
        """
        labels = self.cells[self.select(**names).index[0]].labels
        return labels["true"], labels["noisy"], labels["denoised"]

    def matrix(self, value="gain", *, denoiser=None, classifier=None):
        """Matrix of results of one denoiser and classifier, by training noise and test noise.

        Parameters
        ----------
        value : str, default="gain"
            A numeric column.
        denoiser, classifier : str, default=None
            Names. If None, the first.

        Returns
        -------
        matrix : pandas.DataFrame of shape (n_trained, n_tested)
            NaN for pairs that were not tested.
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
        """Compare one denoiser with each of the others, on the same test rows and noise.

        Parameters
        ----------
        denoiser : str
            Name of the denoiser.
        trained_on : str, default=None
            If given, use only results of that denoiser trained on this noise.
        n_resamples : int, default=2000
            Resamples of the paired bootstrap over test rows.
        random_state : int, RandomState or None, default=0
            Seeds the bootstrap.

        Returns
        -------
        frame : pandas.DataFrame
            For each noise tested, classifier and other denoiser: `other` and `other_trained_on`; the denoiser's value
            less the other's as `accuracy` (points, classifier untouched), `psnr` (dB) and `ssim`, with `_verdict`;
            accuracy and SSIM also with `_low` and `_high`. The verdict on PSNR is that on the squared error. Intervals
            are simultaneous over all lines, separately for each of the three; those of accuracy are at least as wide as
            the exact one for no changed row, and those of images that are all identical have no width.
        """
        first = self.select(denoiser=denoiser, trained_on=trained_on).reset_index(names="i")
        second = self.frame[self.frame["denoiser"] != denoiser].reset_index(names="j")
        pairs = first.merge(second, on=["kind", "level", "classifier"], suffixes=("", "_other"))
        if pairs.empty:
            raise ValueError(f"denoiser={denoiser!r} has no other denoiser in the report to compare with.")
        renamed = {"denoiser_other": "other", "trained_on_other": "other_trained_on"}
        frame = pairs[[*KEYS, *renamed]].rename(columns=renamed)
        frame["psnr"] = pairs["psnr_denoised"] - pairs["psnr_denoised_other"]
        options = {"confidence_level": self.confidence_level, "n_resamples": n_resamples, "groups": self.groups}
        seed = as_seed(random_state)
        measures = {"accuracy": ("correct_denoised", 100), "psnr": ("mse_denoised", -1), "ssim": ("ssim_denoised", 1)}
        for name, (column, scale) in measures.items():
            differences = [
                scale * (self.cells[i].by_row[column] - self.cells[j].by_row[column]).to_numpy()
                for i, j in zip(pairs["i"], pairs["j"])
            ]
            # Predictions change by whole rows, images by any amount.
            options |= {"rng": np.random.default_rng(seed), "largest": scale if name == "accuracy" else None}
            bounds = simultaneous_intervals(np.array(differences), **options)
            bounds = np.clip(bounds, -100, 100) if name == "accuracy" else bounds
            if name != "psnr":
                frame[name], frame[f"{name}_low"], frame[f"{name}_high"] = bounds
            frame[f"{name}_verdict"] = [verdict(low, high, ("worse", "better")) for _, low, high in zip(*bounds)]
        return frame

    def join(self, other):
        """Join two reports of the same test rows and seeds, to compare and to draw.

        Parameters
        ----------
        other : RecoveryReport
            Its intervals are not changed: they remain adjusted for its own comparisons.

        Returns
        -------
        report : RecoveryReport
            A new report.
        """
        if not isinstance(other, RecoveryReport):
            raise TypeError(f"other must be a RecoveryReport, got {type(other).__name__}.")
        if self.key != other.key:
            raise ValueError("other must be a report of the same test rows, labels and seeds (random_state).")
        frame = pd.concat([self.frame, other.frame], ignore_index=True)
        n_twice = int(frame.duplicated(_UNIQUE).sum())
        if n_twice:
            raise ValueError(f"other must not repeat cells of this report, got {n_twice} that are in both.")
        keys = self.examples | other.examples
        added = {name: getattr(self, name) + getattr(other, name) for name in _ADDED}
        examples = {key: self.examples.get(key, {}) | other.examples.get(key, {}) for key in keys}
        return dataclasses.replace(self, frame=frame, examples=examples, **added)

    @validate_function_params({"path": [str, PathLike, None]})
    def to_html(self, path=None):
        """Render a self-contained page with tables and figures, for light and dark screens.

        Parameters
        ----------
        path : path, default=None
            Path of the file to write, if any.

        Returns
        -------
        page : str
            The page as HTML.
        """
        written = page(self)
        if path is not None:
            Path(path).write_text(written, encoding="utf-8")
        return written

    def __str__(self):
        return text(self)

    def __repr__(self):
        return f"<RecoveryReport of {len(self.frame)} cells; print it, or see to_frame and to_html>"

    def _repr_html_(self):
        return fragment(self)
