"""What denoising changed in a classifier's answers, class by class."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import confusion_matrix

from .._core.checks import check_axes, check_labels, check_vector, shown
from ._curves import plain

_SMALLEST, _LARGEST = 8, 9  # points
_CHARACTER = 0.64  # width of a digit, in parts of its height


class ConfusionChangeDisplay:
    """Confusion matrix after denoising minus the one before, and how many rows of each class that repaired and broke.

    Parameters
    ----------
    change : ndarray of shape (n_classes, n_classes)
        Counts after minus counts before; a line for each true class, a column for each predicted one.
    repaired : ndarray of shape (n_classes,)
        Rows of each true class that were wrong before and are right after.
    broken : ndarray of shape (n_classes,)
        Rows of each true class that were right before and are wrong after.
    labels : array-like of shape (n_classes,), default=None
        Names of the classes; None numbers them.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        Its figure.

    See Also
    --------
    RecoveryDisplay : The accuracy that this adds up to.

    Notes
    -----
    Good news is more on the diagonal and less beside it. Cells without change are empty, and all numbers are left out
    where there are too many classes for them. The two columns at the right count what the matrix cannot
    show: rows repaired and rows broken cancel out on its diagonal.

    Examples
    --------
    >>> from sk_denoise.displays import ConfusionChangeDisplay
    >>> display = ConfusionChangeDisplay.from_predictions(y_true=[0, 0, 1], y_before=[1, 0, 1], y_after=[0, 0, 0])
    >>> display.change
    array([[ 1, -1],
           [ 1, -1]])
    >>> display.repaired, display.broken
    (array([1, 0]), array([0, 1]))
    """

    def __init__(self, change, repaired, broken, *, labels=None):
        self.change = change
        self.repaired = repaired
        self.broken = broken
        self.labels = labels

    @classmethod
    def from_predictions(cls, y_true, y_before, y_after, *, labels=None, ax=None):
        """Compare predictions for the same rows before and after denoising.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            True classes.
        y_before : array-like of shape (n_samples,)
            Classes predicted from noisy rows.
        y_after : array-like of shape (n_samples,)
            Classes predicted from denoised rows.
        labels : array-like, default=None
            Classes to show, in this order; None shows all, sorted.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ConfusionChangeDisplay
            With `ax_` and `figure_`.
        """
        y_true = check_labels(y_true, "y_true")
        if not len(y_true):
            raise ValueError("y_true must hold at least one class, got none.")
        for name, y in (("y_before", y_before), ("y_after", y_after)):
            y = check_labels(y, name, len(y_true), of="rows of y_true")
            if (y.dtype.kind in "US") != (y_true.dtype.kind in "US"):
                kind = "text" if y_true.dtype.kind in "US" else "numbers"
                raise ValueError(f"{name} must hold {kind}, as y_true does, got {shown(y)}.")
        check_axes(ax)
        if labels is None:
            labels = np.unique(np.concatenate([y_true, y_before, y_after]))
        else:
            labels = check_labels(labels, "labels")
            if not len(labels) or not np.isin(labels, y_true).all():
                known = np.unique(y_true).tolist()
                raise ValueError(f"labels must be some of the classes in y_true, {known}, got {labels.tolist()}.")
        change = confusion_matrix(y_true, y_after, labels=labels) - confusion_matrix(y_true, y_before, labels=labels)
        y_before, y_after = np.asarray(y_before), np.asarray(y_after)
        right_before, right_after = y_before == y_true, y_after == y_true
        repaired = np.array([np.sum(right_after & ~right_before & (y_true == label)) for label in labels])
        broken = np.array([np.sum(right_before & ~right_after & (y_true == label)) for label in labels])
        return cls(change, repaired, broken, labels=labels).plot(ax=ax)

    @classmethod
    def from_report(
        cls, report, *, denoiser=None, classifier=None, kind=None, level=None, trained_on=None, labels=None, ax=None
    ):
        """Compare the predictions that a report keeps.

        Parameters
        ----------
        report : RecoveryReport
            Its ``predictions`` chooses by the names below, and takes its own first where one is None.
        denoiser : str or None, default=None
            Name of a denoiser.
        classifier : str or None, default=None
            Name of a classifier.
        kind : str or None, default=None
            Kind of noise tested.
        level : float or None, default=None
            Level of noise tested.
        trained_on : str or None, default=None
            Noise that the denoiser was trained on.
        labels : array-like, default=None
            Classes to show, in this order; None shows all, sorted.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ConfusionChangeDisplay
            With `ax_` and `figure_`.
        """
        if isinstance(report, type) or not hasattr(report, "predictions"):
            raise TypeError(f"report must be a RecoveryReport, got {shown(report)}.")
        check_axes(ax)
        y_true, y_noisy, y_denoised = report.predictions(
            denoiser=denoiser, classifier=classifier, kind=kind, level=level, trained_on=trained_on
        )
        return cls.from_predictions(y_true, y_noisy, y_denoised, labels=labels, ax=ax)

    def plot(self, *, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ConfusionChangeDisplay
            This display.
        """
        change = self._check()
        check_axes(ax)
        n_classes = len(change)
        names = [plain(name) for name in (range(n_classes) if self.labels is None else self.labels)]
        upright = max(map(len, names)) > 3
        # The columns at the right are as wide as their words, not as a cell.
        step = max(1.6, n_classes / 7)
        if ax is None:
            import matplotlib.pyplot as plt

            # Inches: words at both sides, and below where they stand upright.
            words = 1.55 + 0.08 * max(map(len, names))
            cell = min(0.7, max(0.48, 2 / n_classes), (9 - words) / (n_classes + 2.2 * step))
            height = max(2.4, cell * n_classes + 0.7 + (0.08 * max(map(len, names)) if upright else 0))
            _, ax = plt.subplots(figsize=(cell * (n_classes + 2.2 * step) + words, height), layout="constrained")
        limit = max(1, np.abs(change).max(initial=0))
        image = ax.imshow(change, cmap="PuOr", vmin=-limit, vmax=limit)
        # Lines of text, one a class, shrink before they touch.
        line_height = ax.bbox.height / ax.figure.dpi * 72 / n_classes
        size = min(max(_SMALLEST, line_height), 10)
        self._numbers(ax, change, limit, n_classes + 2.2 * step)
        columns = n_classes - 0.5 + step * np.array([0.65, 1.65])
        for at, counts, sign, colour in zip(columns, (self.repaired, self.broken), "+−", ("#0072B2", "#D55E00")):
            for line, count in enumerate(counts):
                text = f"{sign}{count}" if count else "0"
                weight, shade = ("bold", colour) if count else ("normal", "0.6")
                ax.text(
                    at, line, text, ha="center", va="center", fontsize=min(size, _LARGEST), weight=weight, color=shade
                )
        ax.set_xlim(-0.5, columns[-1] + step / 2)
        totals = [f"repaired\n{np.sum(self.repaired)}", f"broken\n{np.sum(self.broken)}"]
        ax.set_xticks([*range(n_classes), *columns], [*names, *totals])
        ax.set_yticks(range(n_classes), names)
        if upright:
            for label in ax.get_xticklabels()[:n_classes]:
                label.set(rotation=90)
        ax.tick_params(length=0, labelsize=size)
        ax.set_ylabel("true class")
        ax.set_xlabel("predicted class", x=(n_classes / 2) / (n_classes + 2.15 * step), labelpad=4)
        ax.spines[:].set_visible(False)
        bar = ax.figure.colorbar(image, cax=ax.inset_axes((1.02, 0, 0.025, 1)))
        bar.set_label("change in count\n(after − before denoising)")
        bar.outline.set_visible(False)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _check(self):
        """Refuse what cannot be drawn; return the matrix."""
        try:
            change = np.array(self.change)
        except ValueError:  # ragged
            change = np.empty(0)
        if change.ndim != 2 or change.shape[0] != change.shape[1] or change.dtype.kind not in "biu" or not change.size:
            raise ValueError(f"change must be a square matrix of whole numbers, got {shown(self.change)}.")
        for name in ("repaired", "broken"):
            if check_vector(getattr(self, name), name, len(change), of="classes").min() < 0:
                raise ValueError(f"{name} must hold counts from 0 on, got {shown(getattr(self, name))}.")
        if self.labels is not None:
            check_labels(self.labels, "labels", len(change), of="classes")
        return change

    @staticmethod
    def _numbers(ax, change, limit, width):
        """Write the numbers where cells, of an axes of `width` cells, are wide enough for them."""
        cells = np.ndindex(np.shape(change))
        texts = {cell: f"{change[cell]:+}".replace("-", "−") for cell in cells if change[cell]}
        points = ax.bbox.width / ax.figure.dpi * 72 / width
        size = min(_LARGEST, points / (_CHARACTER * max(map(len, texts.values()), default=1)))
        if size < _SMALLEST:
            return
        for (line, column), text in texts.items():
            colour = "white" if abs(change[line, column]) > 0.6 * limit else "black"
            ax.text(column, line, text, ha="center", va="center", fontsize=size, color=colour)
