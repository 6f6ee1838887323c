"""Display of the predictions changed by denoising, by class."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import confusion_matrix

from .._core.checks import check_labels, check_vector, shown
from .._core.sklearn_glue import HasMethods, check_rows, validate_function_params
from ._style import COLOURS, Display, plain

_SMALLEST, _LARGEST = 8, 9  # font sizes, in points
_CHARACTER = 0.64  # width of a digit, as a fraction of its height


def count_changes(y_true, y_before, y_after, labels):
    """Count the rows of each class that are classified correctly only after, and only before denoising."""
    before, after, of_class = y_before == y_true, y_after == y_true, y_true == labels[:, np.newaxis]
    return np.sum(of_class & after & ~before, axis=1), np.sum(of_class & before & ~after, axis=1)


class ConfusionChangeDisplay(Display):
    """Confusion matrix after denoising minus that before, with repaired and broken predictions by class.

    Parameters
    ----------
    change : ndarray of shape (n_classes, n_classes)
        Confusion matrix after denoising minus that before: integers, with true classes as rows and predicted classes as
        columns.
    repaired, broken : ndarray of shape (n_classes,)
        Number of samples of each true class that are classified correctly only after denoising, and only before.
    labels : array-like of shape (n_classes,), default=None
        Names of the classes. If None, they are numbered from 0.

    See Also
    --------
    RecoveryDisplay : Accuracy against noise level.

    Notes
    -----
    Denoising helps if counts increase on the diagonal and decrease elsewhere. Cells without change are empty, and
    numbers are omitted if the cells are too small. The two columns on the right show what the matrix cannot: repaired
    and broken predictions cancel on its diagonal.

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
        """Compare predictions for the same samples before and after denoising.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            True classes.
        y_before, y_after : array-like of shape (n_samples,)
            Classes predicted from noisy and from denoised rows.
        labels : array-like of shape (n_classes,), default=None
            Classes to show, in this order. If None, all classes are shown in sorted order.
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : ConfusionChangeDisplay

        Raises
        ------
        ValueError
            If the predictions are empty, differ in length, or mix text and numbers, or if `labels` contains others.
        """
        y_true = check_labels(y_true, "y_true")
        y_before = check_labels(y_before, "y_before", len(y_true), of="rows of y_true")
        y_after = check_labels(y_after, "y_after", len(y_true), of="rows of y_true")
        if not len(y_true):
            raise ValueError("y_true must contain at least one sample, got none.")
        dtypes = y_true.dtype, y_before.dtype, y_after.dtype
        if len({dtype.kind in "US" for dtype in dtypes}) > 1:
            raise ValueError(f"y_true, y_before and y_after must be all text or all numbers, got the dtypes {dtypes}.")
        classes = np.unique(np.concatenate([y_true, y_before, y_after]))
        labels = classes if labels is None else check_labels(labels, "labels")
        if not len(labels) or not np.isin(labels, classes).all():
            raise ValueError(f"labels must contain only classes of the data, {classes.tolist()}, got {shown(labels)}.")
        change = confusion_matrix(y_true, y_after, labels=labels) - confusion_matrix(y_true, y_before, labels=labels)
        repaired, broken = count_changes(y_true, y_before, y_after, labels)
        return cls(change, repaired, broken, labels=labels).plot(ax=ax)

    @classmethod
    @validate_function_params({"report": [HasMethods("predictions")]})
    def from_report(cls, report, *, labels=None, ax=None, **names):
        """Compare the predictions stored in a report.

        Parameters
        ----------
        report : RecoveryReport
            Report with the predictions.
        labels : array-like of shape (n_classes,), default=None
            Classes to show, in this order. If None, all classes are shown in sorted order.
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is created.
        **names : str or float
            Values of `denoiser`, `classifier`, `kind`, `level` and `trained_on` that select the predictions. They are
            passed to ``report.predictions``, which uses the first match.

        Returns
        -------
        display : ConfusionChangeDisplay

        Raises
        ------
        ValueError
            If nothing in the report matches, or `labels` contains other classes.
        """
        return cls.from_predictions(*report.predictions(**names), labels=labels, ax=ax)

    def _check(self):
        change = check_rows(self.change, "change")
        if change.shape[0] != change.shape[1] or change.dtype.kind not in "iu":
            raise ValueError(f"change must be a square matrix of integers, got {shown(self.change)}.")
        for name in ("repaired", "broken"):
            if check_vector(getattr(self, name), name, len(change), of="classes").min() < 0:
                raise ValueError(f"{name} must contain counts of at least 0, got {shown(getattr(self, name))}.")
        if self.labels is not None:
            check_labels(self.labels, "labels", len(change), of="classes")

    def _layout(self):
        """Class names, whether to write them vertically, and the width of a column of counts in cells."""
        names = [plain(name) for name in (range(len(self.change)) if self.labels is None else self.labels)]
        return names, max(map(len, names)) > 3, max(1.6, len(names) / 7)

    @property
    def _size(self):
        names, upright, step = self._layout()
        n_classes, letters = len(names), 0.08 * max(map(len, names))
        sides, n_cells = 1.55 + letters, n_classes + 2.2 * step
        cell = min(0.7, max(0.48, 2 / n_classes), (9 - sides) / n_cells)
        return cell * n_cells + sides, max(2.4, cell * n_classes + 0.7 + (letters if upright else 0))

    def _draw(self, ax):
        change = np.asarray(self.change)
        names, upright, step = self._layout()
        n_classes = len(names)
        limit = max(1, np.abs(change).max())
        image = ax.imshow(change, cmap="PuOr", vmin=-limit, vmax=limit)
        _write_changes(ax, change, limit, n_classes + 2.2 * step)
        # Class labels shrink with the cells, so that they do not touch.
        size = min(max(_SMALLEST, ax.bbox.height / ax.figure.dpi * 72 / n_classes), 10)
        columns = n_classes - 0.5 + step * np.array([0.65, 1.65])
        _write_counts(ax, columns[0], self.repaired, "+", COLOURS[0], min(size, _LARGEST))
        _write_counts(ax, columns[1], self.broken, "−", COLOURS[1], min(size, _LARGEST))
        ax.set_xlim(-0.5, columns[1] + step / 2)
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


def _write_counts(ax, x, counts, sign, colour, size):
    """Write a column of counts beside the matrix."""
    for line, count in enumerate(counts):
        text, style = (f"{sign}{count}", {"weight": "bold", "color": colour}) if count else ("0", {"color": "0.6"})
        ax.text(x, line, text, ha="center", va="center", fontsize=size, **style)


def _write_changes(ax, change, limit, width):
    """Write the changes in the cells of the matrix if they fit; the axes are `width` cells wide."""
    texts = {cell: f"{change[cell]:+}".replace("-", "−") for cell in np.ndindex(change.shape) if change[cell]}
    points = ax.bbox.width / ax.figure.dpi * 72 / width
    size = min(_LARGEST, points / (_CHARACTER * max(map(len, texts.values()), default=1)))
    if size < _SMALLEST:
        return
    for (line, column), text in texts.items():
        colour = "white" if abs(change[line, column]) > 0.6 * limit else "black"
        ax.text(column, line, text, ha="center", va="center", fontsize=size, color=colour)
