"""`recovery_report` measures how much of the accuracy lost to noise is recovered by denoising."""

from __future__ import annotations

import time
from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from .._core.checks import check_classes
from .._core.shapes import read_layout
from .._core.sklearn_glue import Interval, validate_function_params
from .._core.units import check_in_range, check_scale, resolve_data_range
from ._augmented import check_augmented
from ._cells import aggregate
from ._inputs import (
    check_alone,
    check_cross_fit,
    check_data,
    check_frames,
    check_groups,
    is_fitted,
    name_estimators,
    split_data,
)
from ._planning import LEVELS, make_tasks, plan_noises
from ._tasks import Setup, fit_untouched, run_task

_END = 2**31  # some of the libraries called require C integers
_CONSTRAINTS = {
    "n_labels": [Interval(Integral, 1, _END, closed="left"), None],
    "augmented": ["boolean", Mapping],
    "refit": ["boolean"],
    "cross_fit": [Interval(Integral, 2, _END, closed="left"), None],
    "n_seeds": [Interval(Integral, 1, _END, closed="left")],
    "confidence_level": [Interval(Real, 0, 1, closed="neither")],
    "n_resamples": [Interval(Integral, 100, _END, closed="left")],
    "n_jobs": [Interval(Integral, -_END, 0, closed="left"), Interval(Integral, 1, _END, closed="left"), None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}


# Nested validation is not skipped, because the estimators and injectors passed must be validated as well.
@validate_function_params(_CONSTRAINTS, prefer_skip_nested_validation=False)
def recovery_report(
    denoisers,
    classifiers,
    X,
    y,
    *,
    X_test=None,
    y_test=None,
    cv=None,
    groups=None,
    noises="gaussian",
    levels=LEVELS,
    trained_on=None,
    unseen="auto",
    n_labels=None,
    augmented=True,
    refit=True,
    cross_fit=None,
    n_seeds=3,
    confidence_level=0.95,
    n_resamples=2000,
    data_range="auto",
    image_shape=None,
    n_jobs=None,
    random_state=0,
    verbose=0,
):
    """Measure how much accuracy is gained or lost by denoising, for each noise, level, denoiser and classifier.

    Each denoiser is trained once per noise, split and seed. Each classifier is trained on clean rows and applied to
    denoised rows; a clone of it is trained on denoised rows. The baseline is the noise-augmented classifier: the same
    classifier trained on noisy copies of the same labelled rows, without a denoiser (`fit_noise_augmented`). Denoisers
    are always tested on clean rows and on a kind of noise that they were not trained on as well.

    With ``noises=None``, the rows are noisy as they are, and no clean copies are needed. Denoisers and classifiers are
    trained on noisy rows, and the columns that require clean images are left out. Unless the classifiers were passed
    fitted, look at `accuracy_refitted`, because a classifier trained on noisy rows is not made for denoised ones.

    Parameters
    ----------
    denoisers : transformer, list or dict of transformers
        A `DenoisingAutoencoder`, an `ImageFilter`, an `EstimatorDenoiser`, any transformer or pipeline whose output has
        the shape of its input, or "passthrough". Fitted denoisers are used as they are. All others are cloned and
        fitted to rows from a `NoiseInjector`; a search is fitted to noisy rows with the clean ones as `y`, because
        slicing drops the clean rows. In a pipeline, a denoiser of this package must be the first step; otherwise, it
        takes noisy rows for clean ones. With ``noises=None``, all are fitted to the noisy rows alone: networks and
        regressors require `self_supervised`, and a search requires a `scoring` such as `sure_scorer`.
    classifiers : classifier, list or dict of classifiers
        Classifiers applied to denoised rows. Fitted classifiers are used as they are instead of being trained on the
        rows of `X`.
    X : array-like of shape (n_samples, n_features)
        Clean rows, or noisy ones with ``noises=None``, one flattened image each, in any units. Fitted estimators that
        know column names are passed data frames, and if `X` is a data frame, its names must agree. Estimators fitted by
        the report are fitted on arrays.
    y : array-like of shape (n_samples,)
        Class labels.
    X_test, y_test : array-like of shape (n_test, n_features) and (n_test,), default=None
        Test rows, clean or noisy as `X` and in its units, and their labels.
    cv : int, splitter or iterable, default=None
        How to split `X` if `X_test` is None. If None, a stratified quarter of the rows is held out.
    groups : array-like of shape (n_samples,), default=None
        Group of each row of `X`, such as the patient. Requires a `cv` that keeps groups together, such as
        ``GroupKFold(5)``. For test rows of your own, pass all rows as `X`, and the indices as ``cv=[(train, test)]``,
        instead of `X_test`. The folds of `cross_fit` consist of whole groups, and intervals come from resampling groups
        instead of rows.
    noises : str, NoiseInjector, callable, list of them, or None, default="gaussian"
        Kinds of noise to test. Of an injector, `level`, `when`, `data_range` and `random_state` are not used. If None,
        the rows are noisy already and no noise is drawn: leave `levels`, `trained_on` and `unseen` at their defaults.
    levels : float or list of floats, default=(0.1, 0.3, 0.5)
        Levels to test, as fractions of the data range. Level 0 is always included.
    trained_on : NoiseInjector, str, list of them, or None, default=None
        If None, denoisers are trained on each noise and level tested. Otherwise, they are trained on each of these
        noises, such as ``NoiseInjector(level=(0, 0.7))``, and tested on all noises and levels.
    unseen : str, NoiseInjector or "auto", default="auto"
        Kind of test noise that denoisers are not trained on. "auto" is "salt_pepper", or "gaussian" for denoisers
        trained on "salt_pepper". With `trained_on`, "auto" adds no kind if `noises` already includes an unseen one.
    n_labels : int or None, default=None
        Number of labelled rows for training classifiers, drawn from the training rows with stratification. Denoisers
        are trained on all training rows. If None, all rows are labelled.
    augmented : bool or dict, default=True
        Whether to train noise-augmented classifiers, or options for `fit_noise_augmented`, such as
        ``{"max_draws": 64}``. With ``noises=None``, none are trained, because the baseline is trained on noisy rows
        anyway.
    refit : bool, default=True
        Whether to also train classifiers on denoised rows.
    cross_fit : int or None, default=None
        Number of folds for denoising the rows on which classifiers are refitted, each fold by a denoiser that was not
        trained on it. If None, these rows are denoised by the denoiser trained on all rows, which is faster; the report
        says so.
    n_seeds : int, default=3
        Number of repetitions with different labelled rows, noise and `random_state`, to expose the variability of
        training.
    confidence_level : float, default=0.95
        Simultaneous confidence level of all intervals in the report. With few test rows, or few that change, the
        coverage of the bootstrap is lower; intervals are at least as wide as the exact one for no changed row.
    n_resamples : int, default=2000
        Number of resamples of the paired bootstrap over test rows.
    data_range : "auto" or pair of floats, default="auto"
        Darkest and brightest value of clean pixels. "auto" determines it from `X`, as in `NoiseInjector`.
        With ``noises=None``, rows may lie outside it.
    image_shape : tuple of int or None, default=None
        ``(height, width)`` or ``(height, width, channels)``, for SSIM and figures. If None, rows are read as square
        greyscale images. Denoisers are not affected; they have a parameter of the same name.
    n_jobs : int or None, default=None
        Number of joblib workers. None means 1 unless in a `joblib.parallel_backend` context; -1 means one per core.
    random_state : int, RandomState or None, default=0
        Seeds the splits, the noise, the fits and the bootstrap.
    verbose : int, default=0
        If positive, print a line when each combination of training noise, split and seed is finished.

    Returns
    -------
    report : RecoveryReport
        The results. Print it as tables, or use its methods `to_frame`, `to_html`, `matrix` and `predictions`.

    Raises
    ------
    TypeError
        If a denoiser is not a transformer, or a classifier is not a classifier.
    ValueError
        If rows are not finite, if they are noisy or outside `data_range` unless `noises` is None, if labels are
        continuous or of one class, if `cv` or `n_labels` does not suit the data, if a denoiser does not return images,
        or, with ``noises=None``, if it would take noisy rows for clean ones.

    Warns
    -----
    UserWarning
        If rows of one group are in both the training and the test set.

    See Also
    --------
    fit_noise_augmented : Trains the noise-augmented classifier.
    RecoveryReport : Describes the columns of the results.

    Notes
    -----
    Accuracies and times are means over seeds. Differences are paired: they compare the same test rows with the same
    noise. Their intervals are simultaneous over the whole report, from a bootstrap over test rows of the means over
    seeds [1]_. They do not reflect the variability of training; see the column `seed_spread`. If few or no predictions
    change, the bootstrap interval is too narrow or has no width. It is then replaced by the exact interval for no
    changed row, with Bonferroni's adjustment [2]_: at least 7 points on each side with 50 test rows. Rows are assumed
    to be independent unless `groups` is passed. With fitted estimators, pass an `X_test` that they were not fitted on.

    References
    ----------
    .. [1] P. H. Westfall, S. S. Young, "Resampling-Based Multiple Testing", Wiley, 1993.
    .. [2] C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
       binomial", Biometrika 26(4), 1934.

    Examples
    --------
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sk_denoise import EstimatorDenoiser, recovery_report
    >>> from sk_denoise.datasets import load_digit_images
    >>> X, y = load_digit_images()
    >>> report = recovery_report(
    ...     {"PCA": EstimatorDenoiser(PCA(24))}, LogisticRegression(max_iter=500), X / 16, y, levels=0.5,
    ...     augmented=False, n_seeds=1,
    ... )
    >>> row = report.to_frame().iloc[0]
    >>> row["trained_on"], row["test"]
    ('gaussian 0.5', 'as trained')
    >>> bool(row["accuracy_clean"] > row["accuracy_denoised"] > row["accuracy_noisy"])
    True
    """
    denoisers, classifiers = name_estimators(denoisers, "denoisers"), name_estimators(classifiers, "classifiers")
    check_frames(X, X_test, [*denoisers.values(), *classifiers.values()])
    has_clean = noises is not None
    X, y = check_data(X, y, has_clean=has_clean)
    check_classes(y)
    plan = plan_noises(noises, levels, trained_on, unseen)
    given = frozenset(name for name, denoiser in denoisers.items() if is_fitted(denoiser))
    if not has_clean:
        check_alone({name: denoiser for name, denoiser in denoisers.items() if name not in given})
    rng = check_random_state(random_state)
    data_range = resolve_data_range(data_range, X)
    if has_clean:
        check_in_range(X, data_range, "X")
    image_shape = read_layout(image_shape, X)
    groups = check_groups(groups, cv, len(X))
    n_rows = len(X)
    X, y, splits = split_data(X, y, X_test, y_test, cv, groups, data_range if has_clean else None, rng)
    other_units = check_scale(X[:n_rows], data_range, "X")
    if not other_units and X_test is not None:
        other_units = check_scale(X[n_rows:], data_range, "X_test")
    check_cross_fit(cross_fit, splits, groups)
    setup = Setup(
        denoisers=denoisers,
        given=given,
        classifiers={name: (classifier, is_fitted(classifier)) for name, classifier in classifiers.items()},
        data_range=data_range,
        image_shape=image_shape,
        refit=bool(refit),
        cross_fit=cross_fit,
        groups=groups,
        augmented=check_augmented(augmented) if has_clean else None,
        has_clean=has_clean,
        other_units=other_units,
    )
    parts = make_tasks(y, splits, n_labels, n_seeds, plan, rng)
    start = time.perf_counter()
    results = _run(setup, X, y, parts, n_jobs, verbose)
    seconds, rng = time.perf_counter() - start, np.random.default_rng(rng.randint(2**31 - 1))
    options = {"confidence_level": confidence_level, "n_resamples": n_resamples, "rng": rng, "seconds": seconds}
    return aggregate(setup, X, y, [task for tasks in parts for task in tasks], results, **options)


def _run(setup, X, y, parts, n_jobs, verbose):
    """Run all tasks, and return their results in order; classifiers trained before noise is added are shared."""
    parallel = Parallel(n_jobs=n_jobs, return_as="generator")
    untouched = list(parallel(delayed(fit_untouched)(setup, X, y, tasks[0]) for tasks in parts))
    tasks = [(classifiers, task) for classifiers, group in zip(untouched, parts, strict=True) for task in group]
    start, results = time.monotonic(), []
    for result in parallel(delayed(run_task)(setup, X, y, classifiers, task) for classifiers, task in tasks):
        task = tasks[len(results)][1]
        results.append(result)
        if verbose:
            spent = time.monotonic() - start
            left = spent * (len(tasks) / len(results) - 1)
            what = f"{len(results)}/{len(tasks)}: trained on {task.noise.label}, seed {task.seed}"
            print(f"{what}, {spent:.0f} s, about {left:.0f} s left", flush=True)
    return results
