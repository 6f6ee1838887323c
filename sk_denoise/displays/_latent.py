"""Display of the latent space: score against its size, and maps of codes."""

from __future__ import annotations

import numpy as np
from sklearn.base import is_classifier
from sklearn.decomposition import PCA

from .._core.checks import check_choice, check_labels, check_vector, is_real, shown
from .._core.sklearn_glue import HasMethods, check_rows, validate_function_params
from ._style import COLOURS, MARKERS, Display, finish, legend_beside, plain

# Ten colours, because small markers are hard to tell apart by shape.
_MAP_COLOURS = (*COLOURS, "black", "#999933", "0.6", "#882255")


class LatentDisplay(Display):
    """Score against the size of the latent space, from a search, or a map of codes, from a fitted denoiser.

    Parameters
    ----------
    sizes : array-like of shape (n_sizes,), default=None
        Latent sizes, positive. Requires `means`.
    means : array-like of shape (n_sizes,), default=None
        Mean score at each size, higher is better. NaN is not drawn.
    spreads : array-like of shape (n_sizes,), default=None
        Standard deviation of the score at each size, for error bars.
    codes : array-like of shape (n_samples, 2), default=None
        Points of a map, drawn if `sizes` is None.
    y : array-like of shape (n_samples,), default=None
        Classes of the points.
    xlabel : str, default="latent size"
        Label of the x axis.
    ylabel : str, default="score"
        Label of the y axis.

    Examples
    --------
    >>> from sk_denoise.displays import LatentDisplay
    >>> display = LatentDisplay([16, 32, 64], [0.90, 0.94, 0.93], [0.01, 0.02, 0.01]).plot()
    >>> display.ax_.get_legend().get_texts()[0].get_text()
    'best: 32'
    """

    _parameter_constraints: dict = {"xlabel": [str], "ylabel": [str]}

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
        """Draw the mean score of a search against the latent size, with its standard deviation over folds.

        Parameters
        ----------
        search : GridSearchCV or RandomizedSearchCV
            Fitted search. If it also varied other parameters, the best candidate of each size is drawn.
        param : str or None, default=None
            Name of the searched parameter that is the latent size. If None, the one that ends in "latent_dim".
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : LatentDisplay

        Raises
        ------
        TypeError
            If `search` is not fitted.
        ValueError
            If `param` was not searched or is ambiguous, if its values are not positive numbers, if no score is finite,
            or if there are several scores and `refit` of the search does not name one.
        """
        if not hasattr(search, "cv_results_"):
            raise TypeError(
                f"search must be a fitted search with cv_results_, got {shown(search)}. Call its fit first."
            )
        param = _latent_parameter(search.cv_results_, param)
        means, spreads, score = _scores(search)
        candidates = search.cv_results_["params"]
        with_size = [number for number, candidate in enumerate(candidates) if param in candidate]
        best = {}
        for number in with_size:
            size = candidates[number][param]
            if not is_real(size) or size <= 0:
                raise ValueError(
                    f"{param} must have positive numbers as values to be drawn, got {size!r} in the search."
                )
            if np.isfinite(means[number]) and (size not in best or means[number] > means[best[size]]):
                best[size] = number
        if not best:
            raise ValueError(
                f"search must have a finite score for at least one {param}, got none: did all its fits fail?"
            )
        sizes = sorted(best)
        chosen = [best[size] for size in sizes]
        ylabel = f"{score} over {search.n_splits_} folds"
        ylabel += "\n(best of the other parameters)" if len(with_size) > len(sizes) else ""
        return cls(sizes, means[chosen], spreads[chosen], ylabel=ylabel).plot(ax=ax)

    @classmethod
    @validate_function_params({"estimator": [HasMethods("encode")]})
    def from_estimator(cls, estimator, X, y=None, *, ax=None):
        """Draw a map of codes; those of more than two dimensions are projected onto two principal components.

        Parameters
        ----------
        estimator : DenoisingAutoencoder
            Fitted denoiser with ``encode`` (not "unet"). For a pipeline, pass the denoiser, such as ``pipe[-1]``.
        X : array-like of shape (n_samples, n_features)
            Rows to encode, in the units that the denoiser was fitted with.
        y : array-like of shape (n_samples,), default=None
            Classes, distinguished by colours and markers.
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : LatentDisplay

        Raises
        ------
        TypeError
            If `estimator` has no ``encode``.
        ValueError
            If `X` or `y` is invalid.
        """
        codes = np.asarray(estimator.encode(X))
        y = None if y is None else check_labels(y, "y", len(codes), of="rows of X")
        xlabel, ylabel = "first dimension of the code", "second dimension of the code"
        if codes.shape[1] > 2:
            pca = PCA(2, random_state=0)
            codes = pca.fit_transform(codes)
            shares = zip(("first", "second"), pca.explained_variance_ratio_)
            xlabel, ylabel = (f"{name} component ({share:.0%} of variance)" for name, share in shares)
        elif codes.shape[1] == 1:  # one line of points per class
            heights = np.zeros(len(codes)) if y is None else np.unique(y, return_inverse=True)[1]
            codes = np.column_stack([codes, heights])
            xlabel, ylabel = "code", "class, in the order of the legend"
        return cls(codes=codes, y=y, xlabel=xlabel, ylabel=ylabel).plot(ax=ax)

    @property
    def _size(self):
        return (6, 3.5) if self.codes is None else (6.5, 5)

    def _check(self):
        if self.sizes is None:
            if self.codes is None:
                raise ValueError("LatentDisplay requires sizes and means, or codes, got None for both sizes and codes.")
            codes = check_rows(self.codes, "codes")
            if codes.shape[1] != 2:
                raise ValueError(
                    f"codes must have shape (n_samples, 2), got {codes.shape}. Use from_estimator to project codes."
                )
            if self.y is not None:
                check_labels(self.y, "y", len(codes))
            return
        sizes = check_vector(self.sizes, "sizes")
        if not len(sizes) or sizes.min() <= 0:
            raise ValueError(f"sizes must contain positive numbers, at least one, got {shown(self.sizes)}.")
        if not np.isfinite(check_vector(self.means, "means", len(sizes), of="sizes", missing=True)).any():
            raise ValueError("means must contain a finite score, got none: did all fits of the search fail?")
        if self.spreads is not None:
            spreads = check_vector(self.spreads, "spreads", len(sizes), of="sizes", missing=True)
            if np.nanmin(spreads, initial=0) < 0:
                raise ValueError(f"spreads must contain numbers of at least 0, got {shown(self.spreads)}.")

    def _draw(self, ax):
        if self.sizes is None:
            self._draw_map(ax)
            finish(ax)
        else:
            self._draw_sizes(ax)
            finish(ax, grid="0.5", alpha=0.25)
        ax.set(xlabel=self.xlabel, ylabel=self.ylabel)

    def _draw_sizes(self, ax):
        sizes, means = np.asarray(self.sizes), np.asarray(self.means)
        ax.errorbar(sizes, means, self.spreads, fmt="o-", color=COLOURS[0], capsize=3)
        top = int(np.nanargmax(means))
        ring = {"markersize": 13, "markerfacecolor": "none", "markeredgewidth": 2, "color": COLOURS[1]}
        label = f"best: {sizes[top]:g}"
        ax.plot(sizes[top], means[top], "o", linestyle="none", label=label, zorder=3, **ring)
        ax.set_xscale("log", base=2)
        ax.set_xticks(sizes, [f"{size:g}" for size in sizes])
        ax.minorticks_off()
        ax.margins(x=0.08)
        ax.legend(frameon=False)

    def _draw_map(self, ax):
        codes = np.asarray(self.codes)
        size = float(np.clip(12_000 / len(codes), 4, 24))
        look = {"s": size, "linewidths": 0, "alpha": 0.8, "rasterized": len(codes) > 5000}
        if self.y is None:
            ax.scatter(*codes.T, color=COLOURS[0], **look)
            return
        y = np.asarray(self.y)
        for number, label in enumerate(np.unique(y)):
            colour = _MAP_COLOURS[number % len(_MAP_COLOURS)]
            marker = MARKERS[(number + number // len(_MAP_COLOURS)) % len(MARKERS)]
            ax.scatter(*codes[y == label].T, color=colour, marker=marker, label=plain(label), **look)
        options = {"ncols": 1 + (number + 1) // 21, "handletextpad": 0.2, "columnspacing": 0.8}
        legend = legend_beside(ax, title="class", **options)
        for handle in legend.legend_handles:
            handle.set(sizes=[36], alpha=1)


def _latent_parameter(results, param):
    """Name of the latent size in a search: `param`, or the only parameter that ends in latent_dim."""
    searched = [key.removeprefix("param_") for key in results if key.startswith("param_")]
    if param is not None:
        check_choice(param, "param", searched)
        return param
    found = [name for name in searched if name.endswith("latent_dim")]
    if len(found) != 1:
        raise ValueError(
            f"param must name the latent size, one of {sorted(searched)}, got None, but {len(found)} end in latent_dim."
        )
    return found[0]


def _scores(search):
    """Mean and standard deviation over folds of each candidate, and the name of the score."""
    results, key, name = search.cv_results_, "score", "score"
    if "mean_test_score" not in results:
        key = name = search.refit
        if f"mean_test_{key}" not in results:
            measured = [key.removeprefix("mean_test_") for key in results if key.startswith("mean_test_")]
            raise ValueError(f"search must have refit set to the score to draw, one of {measured}, got refit={name!r}.")
    elif isinstance(search.scoring, str):
        name = search.scoring
    elif search.scoring is None:
        last = search.estimator[-1] if hasattr(search.estimator, "steps") else search.estimator
        name = "accuracy" if is_classifier(last) else "PSNR in dB" if hasattr(last, "decode") else "score"
    return results[f"mean_test_{key}"], results[f"std_test_{key}"], name.replace("_", " ")
