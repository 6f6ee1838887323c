"""What `score` means, once for all denoisers."""

from __future__ import annotations

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils.validation import check_is_fitted

from .. import metrics
from .._core.checks import warn_user
from .._core.sklearn_glue import read_rows
from .._core.units import is_integer
from ..noise._injector import NoisyArray
from ._targets import DEFAULT_NOISE, find_target


def with_source(given, rows):
    """`given` where it carries clean rows, else the plain `rows`.

    For denoisers without a parameter `noise`, which take nobody's noisy rows for clean ones: `find_target` would warn
    of that.
    """
    return rows if isinstance(given, NoisyArray) and given.clean is None else given


def score(denoiser, X, y, X_clean, sample_weight):
    """PSNR in dB of the pooled error of what `denoiser` makes of `X`, against the clean rows of the target rule."""
    check_is_fitted(denoiser)
    rows = read_rows(denoiser, X, reset=False)
    adds_noise = hasattr(denoiser, "noise")
    if adds_noise:
        target = find_target(X, rows, y, X_clean, denoiser.noise)
    else:
        target = find_target(with_source(X, rows), rows, y, X_clean, DEFAULT_NOISE)
    if target.source == "identity":
        raise ValueError(
            "score needs clean rows to compare with, and noise=None adds no noise to these. Pass X_clean=, put a"
            " NoiseInjector in front, or set noise."
        )
    if target.source == "noise" and not adds_noise:
        # Not an error, for scikit-learn's checks, and its searches, score whatever can be fitted.
        warn_user(
            "score needs clean rows to compare with, and these rows carry none, so the score is NaN. Pass X_clean=, or"
            " put a NoiseInjector in front.",
            UndefinedMetricWarning,
        )
        return float("nan")
    if target.source == "noise":
        injector = clone(target.noise).set_params(when="always")
        injector.random_state = injector.random_state if is_integer(injector.random_state) else 0
        if injector.data_range == "auto":
            injector.data_range = denoiser.data_range_
        rows = np.asarray(injector.fit(rows).transform(rows))
    # The autoencoder's `transform` may give codes.
    denoise = denoiser.predict if hasattr(denoiser, "predict") else denoiser.transform
    denoised = denoise(named(rows, X))
    return metrics.psnr(target.clean, denoised, data_range=denoiser.data_range_, sample_weight=sample_weight)


def named(rows, given):
    """`rows` under the column names of `given`, so that scoring a frame raises no warning about names."""
    return type(given)(rows, columns=given.columns) if hasattr(given, "columns") else rows
