"""Confidence intervals for many comparisons at once."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import bootstrap

_BATCH_VALUES = 1 << 23  # resampled values held at a time


def simultaneous_intervals(differences, *, confidence_level=0.95, n_resamples=2000, rng=None):
    """Intervals for the means of paired differences that hold together with `confidence_level`.

    Test rows are resampled, the same ones for all comparisons (SciPy's bootstrap does so within one call). The half
    width, in standard errors, is the quantile over resamples of the largest deviation of any comparison (max-t,
    Westfall and Young 1993): an adjustment for multiplicity that, unlike Bonferroni's, accounts for correlation.

    `differences` has shape (n_comparisons, n_rows); the means and both bounds have shape (n_comparisons,).
    """
    means = differences.mean(axis=1)
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
    return means, means - width * errors, means + width * errors


def verdict(low, high, words):
    """The first word for an interval below zero, the second above, "no difference" if it contains zero, "" for NaN."""
    if math.isnan(low):
        return ""
    return words[0] if high < 0 else words[1] if low > 0 else "no difference"
