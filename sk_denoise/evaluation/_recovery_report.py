"""`recovery_report`: how much of the accuracy that noise took denoising wins back, against what, and what it breaks."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedShuffleSplit, check_cv, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from .._core.checks import check_classes, check_count, check_flag, check_labels, check_seed, shown
from .._core.sklearn_glue import check_classifier, check_rows
from .._core.units import check_image_shape, check_in_range, is_integer, is_real, resolve_data_range
from ..noise._injector import NoiseInjector
from ._augmented import check_limits, fit_rival
from ._cells import aggregate
from ._planning import as_list, plan_noises
from ._report import RecoveryReport
from ._tasks import Setup, Task, fit_untouched, run_task

__all__ = ["RecoveryReport", "fit_rival", "recovery_report"]


def recovery_report(
    denoisers,
    classifiers,
    X,
    y,
    *,
    X_test=None,
    y_test=None,
    cv=None,
    noises="gaussian",
    levels=(0.1, 0.3, 0.5),
    trained_on=None,
    unseen="auto",
    n_labels=None,
    rival=True,
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
    """Measure, for noise x level x denoiser x classifier, what denoising wins back and what it breaks.

    Each denoiser is trained once for each noise, split and seed. Each classifier is trained on clean rows and left
    untouched, and trained anew on denoised rows. Its rival is the same classifier trained on the same labelled rows
    with noise redrawn until it gains no more (`fit_rival`), without a denoiser. Every report tests denoisers on clean
    rows and on a kind of noise that they were not trained on, too.

    Parameters
    ----------
    denoisers : transformer, list or dict of transformers
        What turns noisy rows into clean ones: a `DenoisingAutoencoder`, an `ImageFilter`, an `EstimatorDenoiser`, any
        transformer or pipeline that gives rows of the shape it gets, or "passthrough". Those that come fitted are used
        as they are, all others are cloned and fitted to rows out of a `NoiseInjector` (a search, which slices them, to
        noisy rows with the clean ones as `y`). In a pipeline nothing may stand in front of a denoiser of this package,
        or it takes noisy rows for clean ones.
    classifiers : classifier, list or dict of classifiers
        The models behind. Those that come fitted stay untouched as they are.
    X : array-like of shape (n_samples, n_features)
        Clean rows, in any units; one flattened image each.
    y : array-like of shape (n_samples,)
        Labels.
    X_test : array-like of shape (n_test, n_features), default=None
        Clean test rows.
    y_test : array-like of shape (n_test,), default=None
        Their labels.
    cv : int, splitter or iterable, default=None
        How to split `X` where there is no `X_test`. None holds out a stratified quarter.
    noises : str, NoiseInjector, callable, or list of them, default="gaussian"
        Kinds of noise; of an injector, `kind` and `clip` count.
    levels : float or list of floats, default=(0.1, 0.3, 0.5)
        Levels to test, as fractions of the data range; 0 comes by itself.
    trained_on : NoiseInjector, str, list of them, or None, default=None
        None trains for each noise and level that is tested. Noise given here, such as
        ``NoiseInjector(level=(0, 0.7))``, is trained on instead, and each is tested on all noises and levels.
    unseen : str, NoiseInjector or "auto", default="auto"
        A kind to test that is not trained on; "auto" is "salt_pepper", or "gaussian" for denoisers of that, and
        nothing more where `noises` hold such a kind already.
    n_labels : int or None, default=None
        Labelled rows that classifiers and rival get, a stratified draw of the training rows; denoisers get all rows.
        None gives all labels.
    rival : bool or dict, default=True
        Whether to train the rival, and options for `fit_rival`, such as ``{"max_draws": 64}``.
    refit : bool, default=True
        Whether to train classifiers anew on denoised rows, too.
    cross_fit : int or None, default=None
        Folds in which the rows that classifiers are trained anew on are denoised by a denoiser that did not see them.
        None takes the denoiser of all rows, which is faster, and said in the report.
    n_seeds : int, default=3
        How often everything is drawn and fitted anew, so that luck of training shows. Every `random_state` parameter
        is set for that.
    confidence_level : float, default=0.95
        Chance that all intervals of the report cover, together, as far as a bootstrap can tell: with few test rows, or
        few rows that change, they cover less.
    n_resamples : int, default=2000
        Resamples of the paired bootstrap over test rows.
    data_range : "auto" or pair of floats, default="auto"
        The darkest and brightest value of clean pixels; "auto" as in `NoiseInjector`, read off `X`.
    image_shape : tuple of int or None, default=None
        ``(height, width)`` or ``(height, width, channels)``, for SSIM and pictures; None reads square grey images.
        Denoisers have a parameter of their own.
    n_jobs : int or None, default=None
        Processes, by joblib.
    random_state : int, RandomState or None, default=0
        Seeds splits, noise and fits.
    verbose : int, default=0
        1 prints a line for each training noise, split and seed that is done.

    Returns
    -------
    report : RecoveryReport
        Prints as a table; `to_frame`, `to_html`, `matrix`, `predictions`.

    Raises
    ------
    ValueError, TypeError
        For bad input, before anything is trained, naming the argument.

    See Also
    --------
    sk_denoise.displays.RecoveryDisplay : Draws accuracy against level.
    sk_denoise.displays.ConfusionChangeDisplay : Draws what was repaired and what was broken.

    Notes
    -----
    Accuracies and times are means over seeds. Differences are paired: the same test rows with the same noise. Their
    intervals are simultaneous over the whole report, by a bootstrap over test rows with each row's mean over seeds
    [1]_; they do not count the luck of training, which `seed_spread` shows. Estimators that come fitted may have seen
    the test rows: give `X_test` that they did not see.

    References
    ----------
    .. [1] P. H. Westfall, S. S. Young, "Resampling-Based Multiple Testing", Wiley, 1993.

    Examples
    --------
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sk_denoise import EstimatorDenoiser, recovery_report
    >>> from sk_denoise.datasets import load_digit_images
    >>> X, y = load_digit_images()
    >>> report = recovery_report(
    ...     {"PCA": EstimatorDenoiser(PCA(24))}, LogisticRegression(max_iter=500), X / 16, y, levels=0.5, rival=False,
    ...     n_seeds=1,
    ... )
    >>> row = report.rows[0]
    >>> row["trained_on"], row["test"], row["accuracy_clean"] > row["accuracy_denoised"] > row["accuracy_noisy"]
    ('gaussian 0.5', 'as trained', True)
    """
    X, y = _check_data(X, y, "X", "y")
    check_classes(y)
    denoisers = _named(denoisers, "denoisers", _check_denoiser)
    classifiers = _named(classifiers, "classifiers", _check_classifier)
    check_count(n_seeds, "n_seeds")
    check_count(n_resamples, "n_resamples", 100)
    if not is_real(confidence_level) or not 0 < confidence_level < 1:
        raise ValueError(
            f"confidence_level must be a number between 0 and 1, such as 0.95, got {shown(confidence_level)}."
        )
    check_flag(refit, "refit")
    if cross_fit is not None and (not is_integer(cross_fit) or not 2 <= cross_fit <= len(X)):
        raise ValueError(
            f"cross_fit must be None or a number of folds from 2 to {len(X)}, the rows of X, got {shown(cross_fit)}."
        )
    if n_jobs is not None and (not is_integer(n_jobs) or n_jobs == 0 or abs(n_jobs) >= 2**31):
        raise ValueError(f"n_jobs must be None or an integer other than 0, got {shown(n_jobs)}.")
    if not isinstance(verbose, (bool, np.bool_)):
        check_count(verbose, "verbose", 0)
    plan = plan_noises(noises, levels, trained_on, unseen)
    rng = check_seed(random_state)
    data_range = resolve_data_range(data_range, X)
    check_in_range(X, data_range, "X")
    X, y, splits = _split(X, y, X_test, y_test, cv, data_range, rng)
    setup = Setup(
        denoisers=denoisers,
        given=frozenset(name for name, denoiser in denoisers.items() if _is_fitted(denoiser)),
        classifiers={name: (classifier, _is_fitted(classifier)) for name, classifier in classifiers.items()},
        data_range=data_range,
        image_shape=check_image_shape(image_shape, X.shape[1]),
        refit=bool(refit),
        cross_fit=cross_fit,
        rival=None if rival is False else dict(_check_rival(rival)),
    )
    groups = _make_tasks(y, splits, n_labels, n_seeds, plan, rng)
    start = time.perf_counter()
    results = _run(setup, X, y, groups, n_jobs, verbose)
    return aggregate(
        setup,
        X,
        y,
        [task for tasks in groups for task in tasks],
        results,
        confidence_level=confidence_level,
        n_resamples=n_resamples,
        rng=np.random.default_rng(rng.randint(2**31 - 1)),
        seconds=time.perf_counter() - start,
    )


def _run(setup, X, y, groups, n_jobs, verbose):
    """Results of all tasks, in their order; classifiers that know clean rows only are shared by the noises."""
    parallel = Parallel(n_jobs=n_jobs, return_as="generator")
    untouched = list(parallel(delayed(fit_untouched)(setup, X, y, tasks[0]) for tasks in groups))
    tasks = [(classifiers, task) for classifiers, group in zip(untouched, groups, strict=True) for task in group]
    start, results = time.monotonic(), []
    for result in parallel(delayed(run_task)(setup, X, y, classifiers, task) for classifiers, task in tasks):
        task = tasks[len(results)][1]
        results.append(result)
        if verbose:
            spent = time.monotonic() - start
            left = spent / len(results) * (len(tasks) - len(results))
            what = f"{len(results)}/{len(tasks)}: trained on {task.noise.label}, seed {task.seed}"
            print(f"{what}, {spent:.0f} s, about {left:.0f} s left", flush=True)
    return results


def _make_tasks(y, splits, n_labels, n_seeds, plan, rng):
    """Tasks in groups of one split and one seed."""
    groups = []
    for train, test in splits:
        for repeat in range(n_seeds):
            seed = int(rng.randint(2**31 - 2))
            labelled = _draw_labelled(y[train], n_labels, seed)
            groups.append([Task(train, test, labelled, repeat, seed, *of_noise) for of_noise in plan])
    return groups


def _draw_labelled(y, n_labels, seed):
    if n_labels is None or (is_integer(n_labels) and n_labels == len(y)):
        return np.arange(len(y))
    n_classes = len(np.unique(y))
    if not is_integer(n_labels) or not n_classes <= n_labels < len(y):
        raise ValueError(
            f"n_labels must be None or a number of rows from {n_classes}, one of each class, to {len(y)}, all there"
            f" are, got {shown(n_labels)}."
        )
    if len(y) - n_labels < n_classes:  # too few left over for a stratified draw
        return np.sort(np.random.RandomState(seed).permutation(len(y))[:n_labels])
    return np.sort(train_test_split(np.arange(len(y)), train_size=int(n_labels), stratify=y, random_state=seed)[0])


def _check_rival(rival):
    if rival is True:
        return {}
    allowed = {"max_draws", "max_values"}
    if not isinstance(rival, Mapping) or not set(rival) <= allowed:
        raise ValueError(f"rival must be True, False or a dict of {sorted(allowed)}, got {shown(rival)}.")
    check_limits(**rival)
    return rival


def _check_data(X, y, name, y_name):
    X = check_rows(X, name)
    return X, check_labels(y, y_name, len(X), of=f"rows of {name}")


def _split(X, y, X_test, y_test, cv, data_range, rng):
    """All rows, and pairs of indices of training and test rows."""
    if (X_test is None) != (y_test is None):
        given = "X_test" if y_test is None else "y_test"
        raise ValueError(f"X_test and y_test go together, got {given} alone.")
    if X_test is None:
        if cv is None:
            splits = _held_out(X, y, rng)
        else:
            splits = _cv_splits(cv, X, y)
    else:
        if cv is not None:
            raise ValueError(f"cv={shown(cv)} splits X, and X_test is a split already. Give one of them.")
        X_test, y_test = _check_data(X_test, y_test, "X_test", "y_test")
        if X_test.shape[1] != X.shape[1]:
            raise ValueError(f"X_test must have the {X.shape[1]} features of X, got {X_test.shape[1]}.")
        check_in_range(X_test, data_range, "X_test")
        splits = [(np.arange(len(X)), len(X) + np.arange(len(X_test)))]
        X, y = np.concatenate([X, X_test]), np.concatenate([y, y_test])
    n_test = len(np.unique(np.concatenate([test for _, test in splits])))
    if n_test < 2:
        raise ValueError(f"The report needs at least two test rows for its intervals, got {n_test}.")
    return X, y, splits


def _held_out(X, y, rng):
    cv = StratifiedShuffleSplit(1, test_size=0.25, random_state=rng.randint(2**31 - 1))
    try:
        return list(cv.split(X, y))
    except ValueError as error:
        counts = np.unique(y, return_counts=True)[1]
        raise ValueError(
            f"y must have at least two rows of each class, and four for each class in all, to hold out a quarter for"
            f" testing, got {len(y)} rows of {len(counts)} classes, one of {counts.min()}. Or pass X_test and y_test."
        ) from error


def _cv_splits(cv, X, y):
    try:
        splits = [tuple(map(_indices, split)) for split in check_cv(cv, y, classifier=True).split(X, y)]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"cv must be None, a number of folds from 2 on that the rows of each class are enough for, a splitter, or"
            f" pairs of arrays (training rows, test rows), got {shown(cv)}."
        ) from error
    for split in splits:
        parts = [part.dtype.kind in "iu" and part.ndim == 1 and len(part) > 0 for part in split]
        if len(split) != 2 or not all(parts) or max(map(np.max, split)) >= len(X) or min(map(np.min, split)) < 0:
            raise ValueError(
                f"cv must give pairs of arrays of row numbers from 0 to {len(X) - 1}, training and test rows, got"
                f" {shown(split)}."
            )
    if not splits:
        raise ValueError(f"cv must give at least one pair of training and test rows, got none from {shown(cv)}.")
    return splits


def _indices(rows):
    """What a splitter gives, which may be a list or a mask, as indices."""
    rows = np.asarray(rows)
    return np.flatnonzero(rows) if rows.dtype == bool else rows


def _named(estimators, argument, check):
    """Estimators by name, as a dict."""
    if not isinstance(estimators, Mapping):
        listed = as_list(estimators)
        names = ["passthrough" if estimator is None else _name(estimator) for estimator in listed]
        names = [f"{n} ({names[:i].count(n) + 1})" if names.count(n) > 1 else n for i, n in enumerate(names)]
        estimators = dict(zip(names, listed))
    if not estimators:
        raise ValueError(f"{argument} must hold at least one, got none.")
    named = {str(name): check(estimator, argument) for name, estimator in estimators.items()}
    if len(named) < len(estimators):
        raise ValueError(f"{argument} must have names that differ as text, got {list(estimators)!r}.")
    return named


def _name(estimator):
    """Short and telling: the class, with what it is made of."""
    if isinstance(estimator, str):
        return estimator
    if type(estimator).__module__.startswith("sk_denoise."):
        made_of = (getattr(estimator, name, None) for name in ("architecture", "method", "estimator"))
        made_of = next(part for part in (*made_of, estimator) if part is not None)
        return made_of if isinstance(made_of, str) else getattr(made_of, "__name__", type(made_of).__name__)
    steps = getattr(estimator, "steps", None)
    return _name(steps[-1][1]) if steps else type(estimator).__name__


def _check_denoiser(estimator, argument):
    if estimator is None or (isinstance(estimator, str) and estimator == "passthrough"):
        return FunctionTransformer()
    if isinstance(estimator, type) or not hasattr(estimator, "fit") or not hasattr(estimator, "transform"):
        raise TypeError(
            f"{argument} must have fit and transform, or be 'passthrough', got {shown(estimator)}. Wrap a regressor or"
            " a decomposition in EstimatorDenoiser; of a pipeline with a classifier, pass the part up to the denoiser."
        )
    return _refuse_noise(estimator, argument)


def _check_classifier(estimator, argument):
    check_classifier(estimator, argument)
    return _refuse_noise(estimator, argument)


def _is_fitted(estimator):
    if isinstance(estimator, Pipeline):
        needed = [step for _, step in estimator.steps if step != "passthrough" and get_tags(step).requires_fit]
        return bool(needed) and all(_is_fitted(step) for step in needed)
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    # What needs no fit passes for fitted, and is nobody's trained model.
    return isinstance(estimator, FrozenEstimator) or get_tags(estimator).requires_fit


def _refuse_noise(estimator, argument):
    """A report adds the noise itself; an injector inside would add it twice, and hide what is measured."""
    steps = estimator.steps if isinstance(estimator, Pipeline) else []
    if any(isinstance(step, NoiseInjector) for _, step in steps):
        raise ValueError(
            f"{argument} must hold no NoiseInjector, for the report adds the noise itself. Pass the part behind it,"
            " such as pipe[1:]."
        )
    return estimator
