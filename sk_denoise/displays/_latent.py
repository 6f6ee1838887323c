"""The latent space: how large it should be, and what lies where in it."""

from __future__ import annotations

import numpy as np
from sklearn.base import is_classifier
from sklearn.decomposition import PCA

from .._core.checks import check_axes, check_labels, check_text, check_vector, shown
from .._core.sklearn_glue import check_rows, likely
from .._core.units import is_real
from ._curves import COLOURS, MARKERS, plain

# On a map, where markers are small, ten classes get colours of their own.
_MAP_COLOURS = (*COLOURS, "black", "#999933", "0.6", "#882255")


def _latent_parameter(results, param):
    """Name of the searched latent size: the one given, or the only one that ends in latent_dim."""
    searched = [key.removeprefix("param_") for key in results if key.startswith("param_")]
    if param is not None:
        if not isinstance(param, str) or param not in searched:
            raise ValueError(f"param must be {likely(param, searched)}")
        return param
    found = [name for name in searched if name.endswith("latent_dim")]
    if len(found) != 1:
        raise ValueError(
            f"param=None looks for the one searched parameter whose name ends in 'latent_dim', found {found or 'none'}"
            f" in {sorted(searched)}. Pass param= with the one to draw."
        )
    return found[0]


def _scores(search, results):
    """Mean and deviation over folds of each candidate, and what the score is called."""
    name = "score"
    if "mean_test_score" not in results:
        measured = [key.removeprefix("mean_test_") for key in results if key.startswith("mean_test_")]
        name = search.refit
        if name not in measured:
            raise ValueError(f"search has several scores, {measured}: its refit must name the one to draw, got {name}.")
    elif isinstance(search.scoring, str):
        name = search.scoring
    elif search.scoring is None:
        last = search.estimator[-1] if hasattr(search.estimator, "steps") else search.estimator
        name = "accuracy" if is_classifier(last) else "PSNR in dB" if hasattr(last, "decode") else "score"
    key = name if "mean_test_score" not in results else "score"
    return results[f"mean_test_{key}"], results[f"std_test_{key}"], name.replace("_", " ")


class LatentDisplay:
    """The latent space: score against its size, from a search, or a map of codes, from a fitted denoiser.

    Parameters
    ----------
    sizes : array-like of shape (n_sizes,), default=None
        Latent sizes; drawn with `means`.
    means : array-like of shape (n_sizes,), default=None
        Score at each size; higher is better.
    spreads : array-like of shape (n_sizes,), default=None
        Standard deviation of each score.
    codes : array-like of shape (n_samples, 2), default=None
        Points of a map, drawn where no `sizes` are given.
    y : array-like of shape (n_samples,), default=None
        Classes of the points.
    xlabel : str, default="latent size"
        Title of the x axis.
    ylabel : str, default="score"
        Title of the y axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        Its figure.

    See Also
    --------
    RecoveryDisplay : Accuracy against noise level.

    Examples
    --------
    >>> from sk_denoise.displays import LatentDisplay
    >>> display = LatentDisplay([16, 32, 64], [0.90, 0.94, 0.93], [0.01, 0.02, 0.01]).plot()
    >>> display.ax_.get_legend().get_texts()[0].get_text()
    'best: 32'
    """

    def __init__(
        self, sizes=None, means=None, spreads=None, *, codes=None, y=None, xlabel="latent size", ylabel="score"
    ):
        self.sizes = sizes
        self.means = means
        self.spreads = spreads
        self.codes = codes
        self.y = y
        self.xlabel = xlabel
        self.ylabel = ylabel

    @classmethod
    def from_search(cls, search, *, param=None, ax=None):
        """Draw the mean score of a grid search against the latent size, with its deviation over folds.

        Parameters
        ----------
        search : GridSearchCV or RandomizedSearchCV
            Fitted search. Where it varied other parameters too, each size shows the best of its candidates.
        param : str or None, default=None
            Name of the latent size among the parameters searched; None takes the one that ends in "latent_dim".
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : LatentDisplay
            With `ax_` and `figure_`.
        """
        check_axes(ax)
        if not hasattr(search, "cv_results_"):
            raise TypeError(f"search must be a fitted grid search with cv_results_, got {shown(search)}.")
        results = search.cv_results_
        param = _latent_parameter(results, param)
        means, spreads, score = _scores(search, results)
        best = {}
        for number, candidate in enumerate(results["params"]):
            size = candidate.get(param)
            if not is_real(size) or size <= 0:
                if param in candidate:
                    raise ValueError(f"{param} must have been searched over positive numbers, got {size!r}.")
                continue
            if np.isfinite(means[number]) and (size not in best or means[number] > means[best[size]]):
                best[size] = number
        if not best:
            raise ValueError(f"search must hold scores, got none that is finite for any {param}.")
        sizes = sorted(best)
        chosen = [best[size] for size in sizes]
        candidates = sum(param in candidate for candidate in results["params"])
        ylabel = f"{score} over {search.n_splits_} folds"
        ylabel += "\n(best of the other parameters)" if candidates > len(sizes) else ""
        return cls(sizes, means[chosen], spreads[chosen], ylabel=ylabel).plot(ax=ax)

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, ax=None):
        """Draw a map of the codes of rows: by principal components where a code has more than two numbers.

        Parameters
        ----------
        estimator : DenoisingAutoencoder
            Fitted denoiser with ``encode``.
        X : array-like of shape (n_samples, n_features)
            Rows to encode.
        y : array-like of shape (n_samples,), default=None
            Classes, for colours and markers.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : LatentDisplay
            With `ax_` and `figure_`.
        """
        check_axes(ax)
        if isinstance(estimator, (type, str)) or not hasattr(estimator, "encode"):
            raise TypeError(
                f"estimator must have encode, got {shown(estimator)}. Of a pipeline, pass the denoiser itself,"
                " such as pipe[-1]; the architecture 'unet' has no latent code."
            )
        codes = np.asarray(estimator.encode(X))
        y = None if y is None else check_labels(y, "y", len(codes), of="rows of X")
        labels = ["code, first number", "code, second number"]
        if codes.shape[1] > 2:
            pca = PCA(2, random_state=0)
            codes = pca.fit_transform(codes)
            names = ("first", "second")
            shares = pca.explained_variance_ratio_
            labels = [f"{name} component ({share:.0%} of variance)" for name, share in zip(names, shares)]
        elif codes.shape[1] == 1:
            # One number has no map: classes stand above each other.
            heights = np.zeros(len(codes)) if y is None else np.unique(y, return_inverse=True)[1]
            codes = np.column_stack([codes, heights])
            labels = ["code", "class, in the order of the legend"]
        return cls(codes=codes, y=y, xlabel=labels[0], ylabel=labels[1]).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : LatentDisplay
            This display.
        """
        if self.sizes is None and self.codes is None:
            raise ValueError("LatentDisplay needs sizes and means, or codes, got None for sizes and for codes.")
        check_axes(ax)
        for name in ("xlabel", "ylabel"):
            check_text(getattr(self, name), name)
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots(figsize=(6, 3.5) if self.codes is None else (6.5, 5), layout="constrained")
        if self.sizes is not None:
            self._plot_sizes(ax)
        else:
            self._plot_map(ax)
        ax.set(xlabel=self.xlabel, ylabel=self.ylabel)
        ax.spines[["top", "right"]].set_visible(False)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _plot_sizes(self, ax):
        sizes = check_vector(self.sizes, "sizes")
        if not len(sizes) or sizes.min() <= 0:
            raise ValueError(f"sizes must hold positive numbers, got {shown(self.sizes)}.")
        means = check_vector(self.means, "means", len(sizes), of="sizes", missing=True)
        if not np.isfinite(means).any():
            raise ValueError("means must hold a finite score, got none: did every fit of the search fail?")
        spreads = self.spreads
        if spreads is not None:
            spreads = check_vector(spreads, "spreads", len(sizes), of="sizes", missing=True)
            if np.nanmin(spreads, initial=0) < 0:
                raise ValueError(f"spreads must hold numbers from 0 on, got {shown(self.spreads)}.")
        ax.errorbar(sizes, means, spreads, fmt="o-", color=COLOURS[0], capsize=3)
        top = int(np.nanargmax(means))
        ring = {"markersize": 13, "markerfacecolor": "none", "markeredgewidth": 2, "color": COLOURS[1]}
        label = f"best: {sizes[top]:g}"
        ax.plot(sizes[top], means[top], "o", linestyle="none", label=label, zorder=3, **ring)
        ax.set_xscale("log", base=2)
        ax.set_xticks(sizes, [f"{size:g}" for size in sizes])
        ax.minorticks_off()
        ax.margins(x=0.08)
        ax.grid(axis="y", color="0.5", alpha=0.25, linewidth=0.8)
        ax.set_axisbelow(True)
        ax.legend(frameon=False)

    def _plot_map(self, ax):
        codes = check_rows(self.codes, "codes")
        if codes.shape[1] != 2:
            raise ValueError(
                f"codes must have the shape (n_samples, 2), got {codes.shape}. from_estimator projects them."
            )
        size = float(np.clip(12_000 / len(codes), 4, 24))
        look = {"s": size, "linewidths": 0, "alpha": 0.8, "rasterized": len(codes) > 5000}
        if self.y is None:
            ax.scatter(*codes.T, color=COLOURS[0], **look)
            return
        y = check_labels(self.y, "y", len(codes))
        classes = np.unique(y)
        for number, label in enumerate(classes):
            colour = _MAP_COLOURS[number % len(_MAP_COLOURS)]
            marker = MARKERS[(number + number // len(_MAP_COLOURS)) % len(MARKERS)]
            ax.scatter(*codes[y == label].T, color=colour, marker=marker, label=plain(label), **look)
        place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1), "borderaxespad": 0, "ncols": 1 + len(classes) // 21}
        legend = ax.legend(title="class", frameon=False, fontsize=9, handletextpad=0.2, columnspacing=0.8, **place)
        for handle in legend.legend_handles:
            handle.set(sizes=[36], alpha=1)
