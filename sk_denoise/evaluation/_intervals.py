"""Simultaneous confidence intervals for many comparisons."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import binomtest, bootstrap

_BATCH_VALUES = 1 << 23  # resampled values in memory at a time


def simultaneous_intervals(
    differences, *, confidence_level=0.95, n_resamples=2000, rng=None, groups=None, largest=None
):
    """Simultaneous bootstrap confidence intervals for the means of paired differences (max-t [1]_).

    Test rows are resampled, the same ones for all comparisons, as SciPy's bootstrap does within one call. The half
    width, in standard errors, is a quantile over resamples of the largest deviation of any comparison. Unlike
    Bonferroni's, this adjustment for multiplicity accounts for correlation.

    If few rows differ, the bootstrap interval is too narrow; if none do, it has no width. For differences bounded by
    `largest`, such as those of correct and wrong predictions, half widths are therefore at least
    ``largest * rare_share(n_rows, ...)``, with Bonferroni's adjustment. Unbounded differences, such as those of squared
    errors, have no such minimum, and identical images have an interval of no width.

    Parameters
    ----------
    differences : ndarray of shape (n_comparisons, n_rows)
        Paired differences, one column per test row.
    confidence_level : float, default=0.95
        Probability that all intervals cover their means.
    n_resamples : int, default=2000
        Number of bootstrap resamples.
    rng : numpy.random.Generator or None, default=None
        Generator of the resamples.
    groups : ndarray of shape (n_rows,) or None, default=None
        Group of each row. If given, groups are resampled and counted instead of rows.
    largest : float or None, default=None
        Largest absolute difference possible. If None, there is no minimum half width.

    Returns
    -------
    means, low, high : ndarray of shape (n_comparisons,)
        Means and bounds of the intervals.

    References
    ----------
    .. [1] P. H. Westfall, S. S. Young, "Resampling-Based Multiple Testing", Wiley, 1993.
    """
    means = differences.mean(axis=1)
    if groups is not None:
        differences = _by_group(differences, groups)
    drawn = bootstrap(
        (differences,),
        np.mean,
        axis=-1,
        n_resamples=n_resamples,
        method="percentile",
        batch=max(1, _BATCH_VALUES // differences.size),
        rng=rng,
    )
    errors = drawn.standard_error
    varying = errors > 1e-12  # constant differences have a standard error of zero
    deviations = np.abs(drawn.bootstrap_distribution[varying] - means[varying, np.newaxis])
    deviations /= errors[varying, np.newaxis]
    width = np.quantile(deviations.max(axis=0, initial=0), confidence_level)
    halves = width * errors
    if largest is not None:
        n_comparisons, n_units = differences.shape
        halves = np.maximum(halves, largest * rare_share(n_units, 1 - (1 - confidence_level) / n_comparisons))
    return means, means - halves, means + halves


def rare_share(n, confidence_level):
    """Upper bound of the exact confidence interval for a proportion of which no event was observed in `n` rows [1]_.

    The true shares of repaired and of broken rows may each be that large, so it bounds their difference on both sides.

    References
    ----------
    .. [1] C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
       binomial", Biometrika 26(4), 1934.
    """
    return binomtest(0, n).proportion_ci(confidence_level, method="exact").high


def _by_group(differences, groups):
    """One value per group, with the same mean as all rows: the linearized ratio estimator of the mean [1]_.

    References
    ----------
    .. [1] W. G. Cochran, "Sampling Techniques", 3rd edition, Wiley, 1977, section 6.4.
    """
    numbers = np.unique(groups, return_inverse=True)[1]
    counts = np.bincount(numbers)
    sums = np.array([np.bincount(numbers, weights=of_rows) for of_rows in differences])
    means = differences.mean(axis=1, keepdims=True)
    return means + (sums - means * counts) / counts.mean()


def verdict(low, high, words):
    """`words[0]` for an interval below zero, `words[1]` above, "no difference" if it contains zero, "" for NaN."""
    if math.isnan(low):
        return ""
    return words[0] if high < 0 else words[1] if low > 0 else "no difference"
