"""Curves: loss by epoch, and accuracy by noise level."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._core.checks import check_axes, check_choice, check_text, check_vector, likely, shown

# Okabe and Ito's colours for all eyes, less black, which is for references, and yellow, which white paper swallows.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = "osD^vP*Xph"
_STYLES = ("-", "--", "-.", ":")
# In the colour of text, which shows on light and on dark paper, unless one is named.
_REFERENCES = {
    "clean": {"linestyle": "-", "linewidth": 1},
    "noisy (no denoiser)": {"color": "0.5", "linestyle": "--", "linewidth": 2},
    "noise-augmented": {"linestyle": ":", "linewidth": 2},
}
_MOST_BANDS = 4  # more shaded bands than that hide each other


def plain(name):
    """A name of the user's as text that matplotlib takes for no formula, and for no line to leave out."""
    text = str(name).replace("$", r"\$")
    return f"\u200b{text}" if text.startswith("_") else text  # an invisible character


def _look(number):
    """Colour, marker and line style of series `number`; no two of the first sixty share all three."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": _STYLES[number // len(COLOURS) % len(_STYLES)],
    }


class LossCurveDisplay:
    """Training loss and, where rows were held out, validation loss by epoch.

    Parameters
    ----------
    history : dict of list
        "loss" and "val_loss", such as `DenoisingAutoencoder.history_`.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        Its figure.

    Examples
    --------
    >>> from sk_denoise.displays import LossCurveDisplay
    >>> display = LossCurveDisplay({"loss": [0.5, 0.3], "val_loss": [0.45, 0.35]}).plot()
    >>> [line.get_label() for line in display.ax_.lines]
    ['training', 'validation']
    """

    def __init__(self, history):
        self.history = history

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the history of a fitted denoiser.

        Parameters
        ----------
        estimator : DenoisingAutoencoder
            Fitted denoiser.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : LossCurveDisplay
            With `ax_` and `figure_`.
        """
        if hasattr(estimator, "fit") and not isinstance(estimator, type):
            check_is_fitted(estimator)
        if isinstance(estimator, type) or not hasattr(estimator, "history_"):
            raise TypeError(f"estimator must be a fitted DenoisingAutoencoder, got {shown(estimator)}.")
        return cls(estimator.history_).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : LossCurveDisplay
            This display.
        """
        if not isinstance(self.history, Mapping) or "loss" not in self.history:
            raise TypeError(f"history must be a dict with 'loss', a number for each epoch, got {shown(self.history)}.")
        for key in self.history:
            check_vector(self.history[key], f"history[{key!r}]", missing=True)
        check_axes(ax)
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
        styles = {"loss": ("training", "-", "#0072B2"), "val_loss": ("validation", "--", "#D55E00")}
        for key, (label, style, colour) in styles.items():
            if key in self.history:
                values = self.history[key]
                ax.plot(range(1, len(values) + 1), values, style, color=colour, label=label)
        ax.set(xlabel="epoch", ylabel="loss")
        ax.legend(frameon=False)
        ax.spines[["top", "right"]].set_visible(False)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _choose(rows, key, value):
    """Rows whose `key` is `value`, or the first that occurs where it is None; and that value."""
    held = list(dict.fromkeys(row[key] for row in rows))
    value = held[0] if value is None else value
    if not isinstance(value, (str, int, float)) or value not in held:
        raise ValueError(f"{key} must be {likely(value, held)}")
    return [row for row in rows if row[key] == value], value


def _rows_as_trained(rows):
    """Rows tested on the noise trained on, with the clean ones where they belong to one training noise only."""
    chosen = [row for row in rows if row["test"] in ("as trained", "fitted before")]
    trained = list(dict.fromkeys(row["trained_on"] for row in chosen))
    if len(trained) == 1:
        chosen += [row for row in rows if row["test"] == "clean" and row["trained_on"] == trained[0]]
    seen = [(row["denoiser"], row["level"]) for row in chosen]
    if not chosen or len(set(seen)) < len(seen):
        why = "several were trained for the same level" if chosen else "none was tested on the noise it was trained on"
        held = sorted({row["trained_on"] for row in rows})
        raise ValueError(f"trained_on must say whose denoisers to draw, for {why}: one of {held}, got None.")
    return chosen, trained[0] if len(trained) == 1 else "each level"


def _series(rows, key, low=None, high=None):
    """Accuracy by level, where measured, in ascending order; with bounds, given as gains over no denoiser."""
    points = {}
    for row in rows:
        if np.isfinite(row[key]):
            points.setdefault(float(row["level"]), row)
    levels = sorted(points)
    series = {"level": np.array(levels), "accuracy": np.array([float(points[level][key]) for level in levels])}
    if low is not None:
        noisy = np.array([points[level]["accuracy_noisy"] for level in levels], dtype=float)
        for name, gain in (("low", low), ("high", high)):
            gains = np.array([points[level][gain] for level in levels], dtype=float)
            series[name] = np.clip(noisy + gains / 100, 0, 1)
    return series


class RecoveryDisplay:
    """Accuracy against noise level: a line with its interval for each denoiser, beside none, clean rows and the rival.

    Parameters
    ----------
    curves : dict of str to dict of str to ndarray of shape (n_levels,)
        For each denoiser "level", "accuracy" and, for intervals, "low" and "high".
    references : dict of str to dict of str to ndarray, default=None
        The same for what to compare with, drawn without markers: "clean", "noisy (no denoiser)", "noise-augmented", or names of your own.
    xlabel : str, default="noise level"
        Title of the x axis.
    ylabel : str, default="accuracy"
        Title of the y axis.
    legend_title : str, default=None
        Title of the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        Its figure.

    See Also
    --------
    ConfusionChangeDisplay : Which classes the gain comes from.

    Notes
    -----
    Up to four denoisers have a shaded band; with more, or with one level only, the interval is a bar at each point, and
    points of one level stand beside each other so that the bars can be told apart. The legend is in the order of the
    lines at the highest level.

    Examples
    --------
    >>> from sk_denoise.displays import RecoveryDisplay
    >>> curves = {"median": {"level": [0.2, 0.5], "accuracy": [0.9, 0.7], "low": [0.88, 0.65], "high": [0.92, 0.74]}}
    >>> noisy = {"level": [0.2, 0.5], "accuracy": [0.85, 0.5]}
    >>> display = RecoveryDisplay(curves, references={"noisy (no denoiser)": noisy}).plot()
    >>> [text.get_text() for text in display.ax_.get_legend().get_texts()]
    ['median', 'noisy (no denoiser)']
    """

    def __init__(self, curves, *, references=None, xlabel="noise level", ylabel="accuracy", legend_title=None):
        self.curves = curves
        self.references = references
        self.xlabel = xlabel
        self.ylabel = ylabel
        self.legend_title = legend_title

    @classmethod
    def from_report(
        cls, report, *, kind=None, classifier=None, trained_on=None, denoisers=None, accuracy="denoised", ax=None
    ):
        """Draw the rows of a report that share one kind of noise and one classifier.

        Parameters
        ----------
        report : RecoveryReport
            Its ``rows`` are read.
        kind : str or None, default=None
            Kind of noise tested; None takes the report's first.
        classifier : str or None, default=None
            Name of the classifier; None takes the report's first.
        trained_on : str or None, default=None
            Draw all that was tested, of this kind, on denoisers trained on this noise. None draws each level with the
            denoisers trained on it, and clean rows too where one training noise covers all levels.
        denoisers : list of str or None, default=None
            Names of the denoisers to draw; None draws all.
        accuracy : {"denoised", "refitted"}, default="denoised"
            Of the classifier untouched, or fitted again on denoised rows.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : RecoveryDisplay
            With `ax_` and `figure_`.
        """
        check_choice(accuracy, "accuracy", ("denoised", "refitted"))
        check_axes(ax)
        if isinstance(report, type) or not hasattr(report, "to_frame"):
            raise TypeError(f"report must be a RecoveryReport, got {shown(report)}.")
        all_rows = report.to_frame().to_dict("records")
        if not all_rows:
            raise ValueError("report must hold rows, got none.")
        of_kind, kind = _choose(all_rows, "kind", kind)
        # Clean rows are tested once, whatever the kinds.
        rows = of_kind + [row for row in all_rows if row["level"] == 0 and row["kind"] != kind]
        rows, classifier = _choose(rows, "classifier", classifier)
        if trained_on is None:
            rows, trained_on = _rows_as_trained(rows)
        else:
            rows, trained_on = _choose(rows, "trained_on", trained_on)
        held = list(dict.fromkeys(row["denoiser"] for row in rows))
        denoisers = held if denoisers is None else [denoisers] if isinstance(denoisers, str) else denoisers
        if not isinstance(denoisers, (list, tuple)) or not denoisers:
            raise TypeError(f"denoisers must be a list of names out of {held}, got {shown(denoisers)}.")
        for name in denoisers:
            if name not in held:
                raise ValueError(f"denoisers must be {likely(name, held)}")
        bounds = ("gain_low", "gain_high") if accuracy == "denoised" else ("refitted_gain_low", "refitted_gain_high")
        key = f"accuracy_{accuracy}"
        curves = {name: _series([r for r in rows if r["denoiser"] == name], key, *bounds) for name in denoisers}
        curves = {name: curve for name, curve in curves.items() if len(curve["level"])}
        if not curves:
            raise ValueError(f"accuracy={accuracy!r} was not measured: the report's {key} is NaN in these rows.")
        columns = dict(zip(_REFERENCES, ("accuracy_clean", "accuracy_noisy", "accuracy_augmented")))
        references = {name: _series(rows, column) for name, column in columns.items()}
        return cls(
            curves,
            references={name: line for name, line in references.items() if len(line["level"])},
            xlabel=f"level of {plain(kind)} noise",
            ylabel=f"accuracy of {plain(classifier)}" + (", refitted" if accuracy == "refitted" else ""),
            legend_title=f"trained on {trained_on}",
        ).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : RecoveryDisplay
            This display.
        """
        from matplotlib import rcParams

        self._check()
        check_axes(ax)
        ink = rcParams["text.color"]
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots(figsize=(8, 4.4), layout="constrained")
        references = self.references or {}
        levels = np.unique(np.concatenate([line["level"] for line in (*self.curves.values(), *references.values())]))
        bands = len(self.curves) <= _MOST_BANDS and len(levels) > 1
        # Points of one level share at most a third of the gap to the next.
        gap = np.diff(levels).min() if len(levels) > 1 else 1.0
        step = 0 if bands else min(0.06, 0.34 / len(self.curves)) * gap
        lines = {}
        for name, line in references.items():
            look = {"color": ink} | _REFERENCES.get(name, {"color": "0.6", "linestyle": "-."})
            x, y = np.asarray(line["level"]), np.asarray(line["accuracy"])
            if len(levels) == 1:  # a line needs two points
                x, y = [levels[0] - 0.5, levels[0] + 0.5], [y[0], y[0]]
            lines[name] = ax.plot(x, y, zorder=2, label=plain(name), **look)[0]
        for number, (name, curve) in enumerate(self.curves.items()):
            look = _look(number)
            x = np.asarray(curve["level"]) + step * (number - (len(self.curves) - 1) / 2)
            line = ax.plot(x, curve["accuracy"], zorder=3, markersize=6, label=plain(name), **look)[0]
            lines[name] = line
            if "low" not in curve:
                continue
            if bands:
                # An edge, for where bands lie on each other.
                shade = {"facecolor": (look["color"], 0.12), "edgecolor": (look["color"], 0.5), "linewidth": 0.8}
                ax.fill_between(x, curve["low"], curve["high"], **shade)
            else:
                ax.vlines(x, curve["low"], curve["high"], color=look["color"], linewidth=1.2, zorder=2.5)
        if len(levels) <= 12:
            ax.set_xticks(levels, [f"{level:g}" for level in levels])
        ax.set(xlabel=self.xlabel, ylabel=self.ylabel)
        ax.grid(axis="y", color=ink, alpha=0.12, linewidth=0.8)
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
        handles = sorted(lines.values(), key=lambda line: -line.get_ydata()[-1])
        place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1), "borderaxespad": 0}
        ax.legend(handles=handles, title=self.legend_title, frameon=False, fontsize=9, handlelength=3.2, **place)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _check(self):
        """Refuse what cannot be drawn."""
        if not isinstance(self.curves, Mapping):
            raise TypeError(f"curves must be a dict of lines by name, got {shown(self.curves)}.")
        if not self.curves:
            raise ValueError("curves must hold at least one denoiser, got none.")
        if self.references is not None and not isinstance(self.references, Mapping):
            raise TypeError(f"references must be None or a dict of lines by name, got {shown(self.references)}.")
        for name, lines in (("curves", self.curves), ("references", self.references or {})):
            for label, line in lines.items():
                if not isinstance(line, Mapping) or not {"level", "accuracy"} <= set(line):
                    raise TypeError(f"{name}[{label!r}] must be a dict with 'level' and 'accuracy', got {shown(line)}.")
                n_levels = len(check_vector(line["level"], f"{name}[{label!r}]['level']"))
                for key in set(line) & {"level", "accuracy", "low", "high"}:
                    check_vector(line[key], f"{name}[{label!r}][{key!r}]", n_levels, of="levels")
        for name in ("xlabel", "ylabel"):
            check_text(getattr(self, name), name)
        if self.legend_title is not None:
            check_text(self.legend_title, "legend_title")
