"""`recovery_report`: how much of the accuracy lost to noise is recovered by denoising, and where it does harm."""

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
from ._inputs import check_cross_fit, check_data, check_frames, check_groups, is_fitted, name_estimators, split_data
from ._planning import make_tasks, plan_noises
from ._tasks import Setup, fit_untouched, run_task

_END = 2**31  # the underlying libraries take C integers
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


# Nested validation is not skipped, because the estimators and injectors passed must be validated, too.
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
    levels=(0.1, 0.3, 0.5),
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
    """Measure the accuracy recovered and lost by denoising, for noise x level x denoiser x classifier.

    Each denoiser is trained once for each noise, split and seed. Each classifier is trained on clean rows and left
    unchanged, and a clone of it is trained on denoised rows. The baseline is the noise-augmented classifier: the same
    classifier trained on noisy copies of the same labelled rows, without a denoiser (`fit_noise_augmented`). Every
    report also tests denoisers on clean rows and on a kind of noise that they were not trained on.

    Parameters
    ----------
    denoisers : transformer, list or dict of transformers
        A `DenoisingAutoencoder`, an `ImageFilter`, an `EstimatorDenoiser`, any transformer or pipeline whose output has
        the shape of its input, or "passthrough". Fitted denoisers are used as they are. All others are cloned and
        fitted to rows from a `NoiseInjector`; a search is fitted to noisy rows with the clean ones as `y`, because it
        slices its input. A denoiser of this package must be the first step of a pipeline; otherwise it takes noisy rows
        for clean ones.
    classifiers : classifier, list or dict of classifiers
        The classifiers applied to denoised rows. Fitted classifiers are used as they are for the unchanged classifier.
    X : array-like of shape (n_samples, n_features)
        Clean rows, in any units; one flattened image each. Fitted estimators that know column names get frames with
        them, and the names of a frame `X` must agree; what the report fits, it fits on arrays.
    y : array-like of shape (n_samples,)
        Labels.
    X_test, y_test : array-like of shape (n_test, n_features) and (n_test,), default=None
        Clean test rows and their labels.
    cv : int, splitter or iterable, default=None
        How to split `X` if there is no `X_test`. If None, a stratified quarter of the rows is held out.
    groups : array-like of shape (n_samples,), default=None
        Group of each row of `X`, such as the patient; needs `cv`, whose `split` gets it, as in ``cv=GroupKFold(5)``.
        They cannot be given for an `X_test`: pass all rows as `X`, and ``cv=[(train, test)]``, a pair of indices.
        `cross_fit` leaves out whole groups, too, and intervals come from resampling groups, not rows.
    noises : str, NoiseInjector, callable, or list of them, default="gaussian"
        Kinds of noise; only `kind` and `clip` of an injector are used.
    levels : float or list of floats, default=(0.1, 0.3, 0.5)
        Levels to test, as fractions of the data range. Level 0 is always included.
    trained_on : NoiseInjector, str, list of them, or None, default=None
        If None, denoisers are trained for each noise and level that is tested. Otherwise they are trained on each noise
        given here, such as ``NoiseInjector(level=(0, 0.7))``, and tested on all noises and levels.
    unseen : str, NoiseInjector or "auto", default="auto"
        A kind of test noise that denoisers are not trained on. "auto" is "salt_pepper", or "gaussian" for denoisers
        trained on "salt_pepper". With `trained_on`, "auto" adds no kind if `noises` already contain such a kind.
    n_labels : int or None, default=None
        Number of labelled rows for classifiers, drawn from the training rows with stratification; denoisers are trained
        on all rows. If None, all rows are labelled.
    augmented : bool or dict, default=True
        Whether to train noise-augmented classifiers, or options for `fit_noise_augmented`, such as
        ``{"max_draws": 64}``.
    refit : bool, default=True
        Whether to also train classifiers on denoised rows.
    cross_fit : int or None, default=None
        Number of folds in which the rows for refitting are denoised by a denoiser that was not trained on them. If
        None, they are denoised by the denoiser trained on all rows, which is faster, and the report says so.
    n_seeds : int, default=3
        Number of repetitions with other labelled rows, noise and `random_state`, to expose the variability of training.
    confidence_level : float, default=0.95
        Confidence that all intervals of the report cover together. With few test rows, or few rows that change, the
        bootstrap covers less; no interval is narrower than the exact one for no changed row.
    n_resamples : int, default=2000
        Resamples of the paired bootstrap over test rows.
    data_range : "auto" or pair of floats, default="auto"
        The darkest and brightest value of clean pixels; "auto" determines it from `X`, as in `NoiseInjector`.
    image_shape : tuple of int or None, default=None
        ``(height, width)`` or ``(height, width, channels)``, for SSIM and figures. If None, rows are read as square
        greyscale images. Denoisers have their own parameter.
    n_jobs : int or None, default=None
        Number of joblib processes.
    random_state : int, RandomState or None, default=0
        Seeds the splits, the noise and the fits.
    verbose : int, default=0
        1 prints a line whenever a training noise, split and seed is finished.

    Returns
    -------
    report : RecoveryReport
        The report, which can be printed as a table; see `to_frame`, `to_html`, `matrix` and `predictions`.

    Notes
    -----
    Accuracies and times are means over seeds. Differences are paired: the same test rows with the same noise. Their
    intervals are simultaneous over the whole report, by a bootstrap over test rows with each row's mean over seeds
    [1]_; they do not include the variability of training, which `seed_spread` shows. Where no or few predictions
    change, a bootstrap has little or no width, and the exact interval for no changed row, adjusted for the number of
    comparisons by Bonferroni, takes its place [2]_: with 50 test rows, at least 7 points each way. Rows count as
    independent unless `groups` says otherwise. With fitted estimators, pass an `X_test` that they did not see.

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
    X, y = check_data(X, y)
    check_classes(y)
    plan = plan_noises(noises, levels, trained_on, unseen)
    rng = check_random_state(random_state)
    data_range = resolve_data_range(data_range, X)
    check_in_range(X, data_range, "X")
    image_shape = read_layout(image_shape, X)
    groups = check_groups(groups, cv, len(X))
    n_rows = len(X)
    X, y, splits = split_data(X, y, X_test, y_test, cv, groups, data_range, rng)
    other_units = check_scale(X[:n_rows], data_range, "X")
    if not other_units and X_test is not None:
        other_units = check_scale(X[n_rows:], data_range, "X_test")
    check_cross_fit(cross_fit, splits, groups)
    setup = Setup(
        denoisers=denoisers,
        given=frozenset(name for name, denoiser in denoisers.items() if is_fitted(denoiser)),
        classifiers={name: (classifier, is_fitted(classifier)) for name, classifier in classifiers.items()},
        data_range=data_range,
        image_shape=image_shape,
        refit=bool(refit),
        cross_fit=cross_fit,
        groups=groups,
        augmented=check_augmented(augmented),
        other_units=other_units,
    )
    parts = make_tasks(y, splits, n_labels, n_seeds, plan, rng)
    start = time.perf_counter()
    results = _run(setup, X, y, parts, n_jobs, verbose)
    seconds, rng = time.perf_counter() - start, np.random.default_rng(rng.randint(2**31 - 1))
    options = {"confidence_level": confidence_level, "n_resamples": n_resamples, "rng": rng, "seconds": seconds}
    return aggregate(setup, X, y, [task for tasks in parts for task in tasks], results, **options)


def _run(setup, X, y, parts, n_jobs, verbose):
    """Results of all tasks, in order; classifiers that know clean rows only are shared by the noises."""
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
