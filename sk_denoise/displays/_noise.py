"""Noise: variance against brightness, and autocorrelation."""

from __future__ import annotations

import math

import numpy as np

from .._core.checks import check_vector
from .._core.sklearn_glue import validate_function_params
from ..noise import NoiseEstimate
from ._style import COLOURS, Display, finish

_INSET = (0.04, 0.62, 0.3, 0.34)  # of the axes


class NoiseDisplay(Display):
    """Variance of the noise against brightness, with its autocorrelation as an inset.

    Parameters
    ----------
    brightness, variance : array-like of shape (n_bins,)
        Mean grey value and variance of the flattest blocks.
    fitted_variance : array-like of shape (n_bins,), default=None
        Variance according to the fitted model.
    autocorrelation : ndarray of shape (2 * n_lags + 1, 2 * n_lags + 1), default=None
        Autocorrelation of the noise, with 1 in the centre. Drawn if noise is correlated.
    title : str, default=None
        Title of the axes.

    See Also
    --------
    sk_denoise.noise.estimate_noise : Estimates the noise of images.

    Examples
    --------
    >>> from sk_denoise.displays import NoiseDisplay
    >>> display = NoiseDisplay([10, 100, 200], [25, 26, 24], fitted_variance=[25, 25, 25]).plot()
    >>> display.ax_.get_xlabel(), len(display.ax_.lines)
    ('brightness (grey value)', 2)
    """

    _parameter_constraints: dict = {
        "brightness": ["array-like"],
        "variance": ["array-like"],
        "fitted_variance": ["array-like", None],
        "autocorrelation": [np.ndarray, None],
        "title": [str, None],
    }
    _size = (6, 4)

    def __init__(self, brightness, variance, *, fitted_variance=None, autocorrelation=None, title=None):
        self.brightness = brightness
        self.variance = variance
        self.fitted_variance = fitted_variance
        self.autocorrelation = autocorrelation
        self.title = title

    @classmethod
    @validate_function_params({"estimate": [NoiseEstimate]})
    def from_estimate(cls, estimate, *, ax=None):
        """Draw an estimate of noise.

        Parameters
        ----------
        estimate : NoiseEstimate
            Result of `estimate_noise`.
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : NoiseDisplay
        """
        if not len(estimate.brightness):
            raise ValueError(
                f"estimate must hold variances against brightness, got noise of kind {estimate.kind!r} without any."
                f" {' '.join(estimate.notes)}"
            )
        sigma = f", sigma {estimate.sigma:.3g}" if math.isfinite(estimate.sigma) else ""
        return cls(
            estimate.brightness,
            estimate.variance,
            fitted_variance=estimate.fitted_variance,
            autocorrelation=estimate.autocorrelation,
            title=f"{str(estimate).partition(',')[0]}{sigma}",
        ).plot(ax=ax)

    def _check(self):
        n_bins = len(check_vector(self.brightness, "brightness"))
        check_vector(self.variance, "variance", n_bins, of="bins")
        if self.fitted_variance is not None:
            check_vector(self.fitted_variance, "fitted_variance", n_bins, of="bins")
        shape = np.shape(self.autocorrelation) if self.autocorrelation is not None else (1, 1)
        if len(shape) != 2 or not all(size % 2 for size in shape):
            raise ValueError(f"autocorrelation must be a 2-D array with odd numbers of rows and columns, got {shape}.")

    def _draw(self, ax):
        from matplotlib import rcParams

        brightness, variance = np.asarray(self.brightness, float), np.asarray(self.variance, float)
        ax.plot(brightness, variance, "o", color=COLOURS[0], label="flattest blocks")
        top = variance.max()
        if self.fitted_variance is not None:
            ax.plot(brightness, self.fitted_variance, "-", color=COLOURS[1], label="fit")
            top = max(top, np.max(self.fitted_variance))
        correlated = self.autocorrelation is not None and self.autocorrelation.size > 1
        ax.set(xlabel="brightness (grey value)", ylabel="variance", ylim=(0, top * (1.9 if correlated else 1.3) or 1))
        if self.title:
            ax.set_title(self.title)
        ax.legend(frameon=False, loc="upper right")
        finish(ax, grid=rcParams["text.color"], alpha=0.12)
        if correlated:
            inset = ax.inset_axes(_INSET)
            height, width = self.autocorrelation.shape
            extent = (-width / 2, width / 2, height / 2, -height / 2)
            inset.imshow(self.autocorrelation, vmin=0, vmax=1, cmap="viridis", extent=extent)
            inset.set_title("autocorrelation", fontsize=8)
            inset.tick_params(labelsize=7)
