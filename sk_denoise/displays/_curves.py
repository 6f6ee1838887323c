"""Displays of curves: loss against epoch, and accuracy against noise level."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._core.checks import check_choice, check_vector, shown
from .._core.sklearn_glue import HasMethods, StrOptions, validate_function_params
from ._style import COLOURS, Display, finish, legend_beside, look, plain

# Column of a report and line style. The default colour is that of text, because it is visible on any background.
_REFERENCES = {
    "clean": ("accuracy_clean", {"linestyle": "-", "linewidth": 1}),
    "noisy (no denoiser)": ("accuracy_noisy", {"color": "0.5", "linestyle": "--", "linewidth": 2}),
    "noise-augmented classifier": ("accuracy_augmented", {"linestyle": ":", "linewidth": 2}),
}
_OTHER_REFERENCE = (None, {"color": "0.6", "linestyle": "-."})
_MOST_TICKS = 12


class LossCurveDisplay(Display):
    """Training loss against epoch, and validation loss if rows were held out.

    Parameters
    ----------
    history : dict of list
        Values of "loss" and, if there are any, of "val_loss" after each epoch, such as
        `DenoisingAutoencoder.history_`.

    Examples
    --------
    >>> from sk_denoise.displays import LossCurveDisplay
    >>> display = LossCurveDisplay({"loss": [0.5, 0.3], "val_loss": [0.45, 0.35]}).plot()
    >>> [line.get_label() for line in display.ax_.lines]
    ['training', 'validation']
    """

    _parameter_constraints: dict = {"history": [Mapping]}

    def __init__(self, history):
        self.history = history

    @classmethod
    @validate_function_params({"estimator": [HasMethods("fit")]})
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the history of a fitted denoiser.

        Parameters
        ----------
        estimator : DenoisingAutoencoder
            Fitted denoiser.
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : LossCurveDisplay

        Raises
        ------
        NotFittedError
            If `estimator` has no `history_`.
        """
        check_is_fitted(estimator, "history_", msg="estimator must be a fitted DenoisingAutoencoder, got %(name)s.")
        return cls(estimator.history_).plot(ax=ax)

    def _check(self):
        if "loss" not in self.history:
            raise ValueError(
                f"history must contain 'loss', one number for each epoch, got the keys {list(self.history)}."
            )
        for key, values in self.history.items():
            check_vector(values, f"history[{key!r}]", missing=True)

    def _draw(self, ax):
        for key, style, colour, label in (("loss", "-", 0, "training"), ("val_loss", "--", 1, "validation")):
            if key in self.history:
                loss = self.history[key]
                ax.plot(np.arange(len(loss)) + 1, loss, style, color=COLOURS[colour], label=label)
        ax.set(xlabel="epoch", ylabel="loss")
        ax.legend(frameon=False)
        finish(ax)


class RecoveryDisplay(Display):
    """Accuracy against noise level, with intervals: one line per denoiser, and reference lines.

    Parameters
    ----------
    curves : dict of str to dict of str to array-like of shape (n_levels,)
        For each denoiser, "level" (fraction of the data range), "accuracy" (from 0 to 1) and, for intervals, "low" and
        "high".
    references : dict of str to dict of str to array-like of shape (n_levels,), default=None
        Reference lines with "level" and "accuracy", drawn without markers. "clean", "noisy (no denoiser)" and
        "noise-augmented classifier" have styles of their own; other names share one.
    xlabel : str, default="noise level"
        Label of the x axis.
    ylabel : str, default="accuracy"
        Label of the y axis.
    legend_title : str or None, default=None
        Title of the legend.

    See Also
    --------
    ConfusionChangeDisplay : Changes in the predictions of each class.

    Notes
    -----
    Intervals are drawn as bars, side by side at each level, because shaded bands would hide each other. The legend
    lists the denoisers from best to worst at the highest level, followed by the references.

    Examples
    --------
    >>> from sk_denoise.displays import RecoveryDisplay
    >>> curves = {"median": {"level": [0.2, 0.5], "accuracy": [0.9, 0.7], "low": [0.88, 0.65], "high": [0.92, 0.74]}}
    >>> noisy = {"level": [0.2, 0.5], "accuracy": [0.85, 0.5]}
    >>> display = RecoveryDisplay(curves, references={"noisy (no denoiser)": noisy}).plot()
    >>> [text.get_text() for text in display.ax_.get_legend().get_texts()]
    ['median', 'noisy (no denoiser)']
    """

    _parameter_constraints: dict = {
        "curves": [Mapping],
        "references": [Mapping, None],
        "xlabel": [str],
        "ylabel": [str],
        "legend_title": [str, None],
    }
    _size = (8, 4.4)

    def __init__(self, curves, *, references=None, xlabel="noise level", ylabel="accuracy", legend_title=None):
        self.curves = curves
        self.references = references
        self.xlabel = xlabel
        self.ylabel = ylabel
        self.legend_title = legend_title

    @classmethod
    @validate_function_params(
        {
            "report": [HasMethods("to_frame")],
            "denoisers": [list, tuple, str, None],
            "accuracy": [StrOptions({"denoised", "refitted"})],
        }
    )
    def from_report(
        cls, report, *, kind=None, classifier=None, trained_on=None, denoisers=None, accuracy="denoised", ax=None
    ):
        """Draw the results of a report for one kind of noise and one classifier.

        Parameters
        ----------
        report : RecoveryReport
            Report, or any object whose ``to_frame`` returns the columns of a report.
        kind : str or None, default=None
            Kind of test noise. If None, the first one in the report.
        classifier : str or None, default=None
            Name of the classifier. If None, the first one in the report.
        trained_on : str or None, default=None
            If given, all levels are drawn for denoisers trained on this noise. If None, each level is drawn for the
            denoisers trained on it, and clean rows are included if one training noise covers all levels.
        denoisers : list of str, str or None, default=None
            Names of the denoisers to draw. If None, all are drawn.
        accuracy : {"denoised", "refitted"}, default="denoised"
            Whether to draw the accuracy of the original classifier or of the one refitted on denoised rows.
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : RecoveryDisplay

        Raises
        ------
        ValueError
            If the report has no noise levels, if a name is not in it, if `trained_on` is None although several training
            noises cover a level, or if `accuracy` was not measured.
        """
        frame = report.to_frame()
        if frame["level"].isna().all():
            raise ValueError(
                "report must have noise levels to draw accuracy against, but its rows were noisy already (noises=None)."
                " Draw ConfusionChangeDisplay.from_report(report) instead."
            )
        kind = _name(frame["kind"], kind, "kind")
        # Clean rows are tested only once for all kinds.
        frame = frame[(frame["kind"] == kind) | (frame["level"] == 0)]
        classifier = _name(frame["classifier"], classifier, "classifier")
        frame, trained_on = _of_training(frame[frame["classifier"] == classifier], trained_on)
        if denoisers is None:
            denoisers = frame["denoiser"].unique()
        column, gain = f"accuracy_{accuracy}", "gain" if accuracy == "denoised" else "refitted_gain"
        curves = {}
        for denoiser in [denoisers] if isinstance(denoisers, str) else denoisers:
            name = _name(frame["denoiser"], denoiser, "denoisers")
            curves[name] = _line(frame[frame["denoiser"] == name], column, gain)
        references = {label: _line(frame, column) for label, (column, _) in _REFERENCES.items()}
        curves, references = ({k: v for k, v in lines.items() if len(v["level"])} for lines in (curves, references))
        if not curves:
            raise ValueError(f"accuracy={accuracy!r} was not measured for any of denoisers={denoisers}. Choose others.")
        return cls(
            curves,
            references=references,
            xlabel=f"level of {plain(kind)} noise",
            ylabel=f"accuracy of {plain(classifier)}" + (", refitted" if accuracy == "refitted" else ""),
            legend_title=f"trained on {trained_on}",
        ).plot(ax=ax)

    def _check(self):
        if not self.curves:
            raise ValueError("curves must contain at least one denoiser, got none.")
        lines = {f"curves[{name!r}]": line for name, line in self.curves.items()}
        lines |= {f"references[{name!r}]": line for name, line in (self.references or {}).items()}
        for name, line in lines.items():
            if not isinstance(line, Mapping) or not {"level", "accuracy"} <= set(line):
                raise TypeError(f"{name} must be a dict with 'level' and 'accuracy', got {shown(line)}.")
            n_levels = len(check_vector(line["level"], f"{name}['level']"))
            for key in line.keys() & {"accuracy", "low", "high"}:
                check_vector(line[key], f"{name}[{key!r}]", n_levels, of="levels")

    def _draw(self, ax):
        from matplotlib import rcParams

        ink = rcParams["text.color"]
        references = self.references or {}
        levels = np.unique(np.concatenate([line["level"] for line in (*self.curves.values(), *references.values())]))
        others = [_draw_reference(ax, name, line, levels, ink) for name, line in references.items()]
        # So that the points of one level take up at most a third of the gap to the next.
        step = min(0.06, 0.34 / len(self.curves)) * (np.diff(levels).min() if len(levels) > 1 else 1.0)
        curves = []
        for number, (name, curve) in enumerate(self.curves.items()):
            shift = step * (number - (len(self.curves) - 1) / 2)
            curves.append(_draw_curve(ax, name, curve, look(number), shift))
        if len(levels) <= _MOST_TICKS:
            ax.set_xticks(levels, [f"{level:g}" for level in levels])
        ax.set(xlabel=self.xlabel, ylabel=self.ylabel)
        finish(ax, grid=ink, alpha=0.12)
        curves.sort(key=lambda line: -line.get_ydata()[-1])
        legend_beside(ax, handles=[*curves, *others], title=self.legend_title, handlelength=3.2)


def _name(column, value, argument):
    """Check that `value` is in a column, and return it; if it is None, return the first entry of the column."""
    names = column.unique().tolist()
    if value is not None:
        check_choice(value, argument, names)
    return names[0] if value is None else value


def _of_training(frame, trained_on):
    """Select denoisers trained on one noise, or on the test noise, and return its name for the legend."""
    if trained_on is not None:
        check_choice(trained_on, "trained_on", frame["trained_on"].unique())
        return frame[frame["trained_on"] == trained_on], trained_on
    as_trained = frame["test"].isin(["as trained", "fitted before"])
    names = frame.loc[as_trained, "trained_on"].unique()
    if len(names) == 1:
        as_trained |= (frame["test"] == "clean") & (frame["trained_on"] == names[0])
    chosen = frame[as_trained]
    if chosen.empty or chosen.duplicated(["denoiser", "level"]).any():
        names = sorted(frame["trained_on"].unique())
        raise ValueError(
            f"trained_on must be one of {names}, got None, but some level has no or several training noises."
        )
    return chosen, names[0] if len(names) == 1 else "each level"


def _line(frame, column, gain=None):
    """Accuracy by level, where measured; with `gain`, also its interval, from that of the gain over no denoiser."""
    frame = frame.dropna(subset=[column]).drop_duplicates("level").sort_values("level")
    line = {"level": frame["level"], "accuracy": frame[column]}
    for bound in ("low", "high") if gain else ():
        line[bound] = (frame["accuracy_noisy"] + frame[f"{gain}_{bound}"] / 100).clip(0, 1)
    return {name: values.to_numpy(float) for name, values in line.items()}


def _draw_reference(ax, name, line, levels, ink):
    x, y = line["level"], line["accuracy"]
    if len(levels) == 1:  # a line needs two points
        x, y = levels[0] + np.array([-0.5, 0.5]), np.repeat(np.asarray(y)[:1], 2)
    _, style = _REFERENCES.get(name, _OTHER_REFERENCE)
    return ax.plot(x, y, zorder=2, label=plain(name), **{"color": ink, **style})[0]


def _draw_curve(ax, name, curve, style, shift):
    x = np.asarray(curve["level"]) + shift
    if {"low", "high"} <= set(curve):
        ax.vlines(x, curve["low"], curve["high"], color=style["color"], linewidth=1.2, zorder=2.5)
    return ax.plot(x, curve["accuracy"], zorder=3, markersize=6, label=plain(name), **style)[0]
