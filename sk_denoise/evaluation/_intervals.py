"""Confidence intervals for many comparisons at once."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import binomtest, bootstrap

_BATCH_VALUES = 1 << 23  # resampled values held at a time


def simultaneous_intervals(
    differences, *, confidence_level=0.95, n_resamples=2000, rng=None, groups=None, largest=None
):
    """Intervals for the means of paired differences that hold together with `confidence_level`.

    Test rows are resampled, the same ones for all comparisons (SciPy's bootstrap does so within one call). The half
    width, in standard errors, is the quantile over resamples of the largest deviation of any comparison (max-t,
    Westfall and Young 1993): an adjustment for multiplicity that, unlike Bonferroni's, accounts for correlation.

    Few rows that change make the bootstrap too narrow, and none give it no width. For differences between -`largest`
    and `largest`, such as those of correct and wrong predictions, no half width is therefore below
    ``largest * rare_share(n_rows, ...)``, Bonferroni-adjusted. Other differences, such as those of SSIM, have no such
    bound, and images that are all identical an interval of no width.

    `differences` has shape (n_comparisons, n_rows); the means and both bounds have shape (n_comparisons,). With
    `groups`, one for each row, groups are resampled and counted in place of rows.
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
    varying = errors > 1e-12  # a comparison that is the same on every row has no interval
    deviations = np.abs(drawn.bootstrap_distribution[varying] - means[varying, np.newaxis])
    deviations /= errors[varying, np.newaxis]
    width = np.quantile(deviations.max(axis=0, initial=0), confidence_level)
    halves = width * errors
    if largest is not None:
        n_comparisons, n_units = differences.shape
        halves = np.maximum(halves, largest * rare_share(n_units, 1 - (1 - confidence_level) / n_comparisons))
    return means, means - halves, means + halves


def rare_share(n, confidence_level):
    """The largest share of rows that may change if none of `n` did: the upper end of an exact interval [1]_.

    Both a share of repaired rows and one of broken rows may be that large, so it bounds their difference both ways.

    References
    ----------
    .. [1] C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
       binomial", Biometrika 26(4), 1934.
    """
    return binomtest(0, n).proportion_ci(confidence_level, method="exact").high


def _by_group(differences, groups):
    """A value for each group whose mean is that of all rows: the mean as a ratio of sums, linearized [1]_.

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
    """The first word for an interval below zero, the second above, "no difference" if it contains zero, "" for NaN."""
    if math.isnan(low):
        return ""
    return words[0] if high < 0 else words[1] if low > 0 else "no difference"
