"""The pictures, in the shape of scikit-learn's displays: ``from_estimator``, then ``plot``."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ._sklearn import check_clean, check_rows
from ._units import check_image_shape, is_integer, resolve_data_range

__all__ = ["DenoisingDisplay", "LossCurveDisplay", "choose_rows"]


def choose_rows(n_rows, n_images=10, *, y=None, labels=None, random_state=None, shuffle=False):
    """Indices of rows to show: the first ones, or random ones, of all labels or of some.

    Parameters
    ----------
    n_rows : int
        Rows there are.
    n_images : int, default=10
        Rows wanted; fewer come out where there are fewer.
    y : array-like of shape (n_rows,), default=None
        Labels, for `labels`.
    labels : array-like, default=None
        Labels to choose among.
    random_state : int, RandomState or None, default=None
        Seed for `shuffle`.
    shuffle : bool, default=False
        Choose at random.

    Returns
    -------
    index : ndarray of int
        Rows to show.

    Examples
    --------
    >>> from sk_denoise.displays import choose_rows
    >>> choose_rows(6, 2, y=[8, 1, 9, 8, 9, 1], labels=[8, 9])
    array([0, 2])
    """
    if not is_integer(n_images) or n_images < 1:
        raise ValueError(f"n_images must be a positive integer, got {n_images!r}.")
    index = np.arange(n_rows)
    if labels is not None:
        if y is None or len(y) != n_rows:
            raise ValueError(f"labels={labels!r} needs y, one label for each of the {n_rows} rows.")
        index = index[np.isin(np.asarray(y), labels)]
        if not len(index):
            raise ValueError(
                f"labels={labels!r} must hold some of the labels in y, {sorted(set(np.asarray(y).tolist()))}."
            )
    if shuffle:
        index = check_random_state(random_state).permutation(index)
    return index[:n_images]


class DenoisingDisplay:
    """Rows of images, one above the other: clean, noisy, denoised and what is left between clean and denoised.

    Parameters
    ----------
    images : dict of str to ndarray of shape (n_images, n_features)
        What to show, from top to bottom. A row named "residual" is drawn in a diverging colour map.
    image_shape : tuple of int
        ``(height, width)`` or ``(height, width, channels)``.
    data_range : tuple of float
        Values of black and white.
    labels : array-like, default=None
        Titles of the columns.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        Its figure.

    Examples
    --------
    >>> from sk_denoise import NoiseInjector
    >>> from sk_denoise.datasets import load_digit_images
    >>> from sk_denoise.displays import DenoisingDisplay
    >>> X, y = load_digit_images()
    >>> noisy = NoiseInjector(level=0.3, random_state=0).fit_transform(X)
    >>> display = DenoisingDisplay({"clean": X[:5], "noisy": noisy[:5]}, image_shape=(8, 8), data_range=(0, 16))
    >>> display.plot().ax_.get_yticks().size
    2
    """

    def __init__(self, images, *, image_shape, data_range, labels=None):
        self.images = images
        self.image_shape = image_shape
        self.data_range = data_range
        self.labels = labels

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        X_clean=None,
        y=None,
        n_images=10,
        labels=None,
        shuffle=False,
        random_state=None,
        image_shape=None,
        data_range=None,
        ax=None,
    ):
        """Denoise some of the noisy rows `X` and draw them.

        Parameters
        ----------
        estimator : transformer
            Fitted denoiser.
        X : array-like of shape (n_samples, n_features)
            Noisy rows.
        X_clean : array-like of shape (n_samples, n_features), default=None
            Clean rows; with them, clean images and residuals are drawn too.
        y : array-like of shape (n_samples,), default=None
            Labels, written above the columns.
        n_images : int, default=10
            Columns.
        labels : array-like, default=None
            Show only rows of these labels.
        shuffle : bool, default=False
            Show random rows, not the first ones.
        random_state : int, RandomState or None, default=None
            Seed for `shuffle`.
        image_shape : tuple of int or None, default=None
            None takes the estimator's, or reads a square grey image.
        data_range : pair of floats or None, default=None
            None takes the estimator's, or reads it off the clean rows.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : DenoisingDisplay
            With `ax_` and `figure_`.
        """
        X = check_rows(X)
        if not hasattr(estimator, "transform"):
            raise TypeError(
                f"estimator must have transform, got {type(estimator).__name__}. Of a pipeline with a classifier, pass"
                " the part up to the denoiser: pipe[:-1]."
            )
        index = choose_rows(len(X), n_images, y=y, labels=labels, shuffle=shuffle, random_state=random_state)
        images = {"noisy": X[index], "denoised": np.asarray(estimator.transform(X[index]))}
        if X_clean is not None:
            clean = check_clean(X_clean, X.shape)[index]
            images = {"clean": clean, **images, "residual": images["denoised"] - clean.astype(float)}
        data_range = data_range or getattr(estimator, "data_range_", None)
        data_range = data_range or resolve_data_range("auto", images.get("clean", images["noisy"]))
        shape = image_shape or getattr(estimator, "image_shape_", None)
        titles = None if y is None else np.asarray(y)[index]
        shape = check_image_shape(shape, X.shape[1])
        return cls(images, image_shape=shape, data_range=data_range, labels=titles).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : DenoisingDisplay
            This display.
        """
        import matplotlib.pyplot as plt

        n_images = len(next(iter(self.images.values())))
        height, width = self.image_shape[:2]
        if ax is None:
            size = 9 * len(self.images) * (height + 1) / (n_images * (width + 1)) + 0.4
            _, ax = plt.subplots(figsize=(9, min(12, max(1.2, size))), layout="constrained")
        low, high = self.data_range
        for number, (name, rows) in enumerate(self.images.items()):
            residual = name == "residual"
            unit = (np.asarray(rows, dtype=float) - (0 if residual else low)) / (high - low)
            unit = np.clip((unit + 1) / 2 if residual else unit, 0, 1)
            tiles = unit.reshape(n_images, height, width, -1)
            tiles = tiles if tiles.shape[-1] == 3 else tiles.mean(axis=-1)  # other channels are shown as their mean
            for column, tile in enumerate(tiles):
                left, top = column * (width + 1), number * (height + 1)
                extent = (left, left + width, top + height, top)
                colours = "PuOr" if residual else "gray"
                ax.imshow(tile, cmap=colours, vmin=0, vmax=1, extent=extent, interpolation="nearest")
        ax.set_xlim(0, n_images * (width + 1) - 1)
        ax.set_ylim(len(self.images) * (height + 1) - 1, 0)
        ax.set_yticks([i * (height + 1) + height / 2 for i in range(len(self.images))], list(self.images))
        titles = [] if self.labels is None else [str(label) for label in self.labels]
        ax.set_xticks([i * (width + 1) + width / 2 for i in range(len(titles))], titles)
        ax.xaxis.tick_top()
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        self.ax_, self.figure_ = ax, ax.figure
        return self


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
        check_is_fitted(estimator)
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
        import matplotlib.pyplot as plt

        if ax is None:
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
