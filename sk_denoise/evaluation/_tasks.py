"""Measure all denoisers and classifiers of a recovery report on all test noises, for one training noise."""

from __future__ import annotations

import contextlib
import dataclasses
import time

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GroupKFold, KFold

from .. import metrics
from .._core.checks import shown
from .._core.sklearn_glue import BaseSearchCV, fitted_names, set_random_states, with_names
from .._core.units import result_dtype, units_unchecked
from ._augmented import fit_noise_augmented
from ._planning import AS_TRAINED, CLEAN, GIVEN, Noise

_N_EXAMPLES = 10
_NO_BASELINE = {"augmented_draws": np.nan, "augmented_saturated": np.nan, "augmented_seconds": np.nan}


@dataclasses.dataclass(frozen=True)
class Setup:
    """Settings shared by all tasks."""

    denoisers: dict
    given: frozenset  # names of denoisers that were passed fitted
    classifiers: dict  # by name: the classifier, and whether it was passed fitted
    data_range: tuple
    image_shape: tuple
    refit: bool
    cross_fit: int | None
    groups: np.ndarray | None  # of all rows
    augmented: dict | None  # options of fit_noise_augmented
    has_clean: bool  # whether rows are clean; otherwise, they are noisy already
    other_units: bool  # whether rows are not in those of the range, of which a warning has told


@dataclasses.dataclass
class Measurement:
    """Results of one task for one denoiser, classifier and test noise."""

    trained_on: str
    noise: Noise  # of the test rows
    test: str  # its relation to the training noise
    denoiser: str
    classifier: str
    labels: dict  # predictions in each situation
    images: dict  # squared error and SSIM of each noisy and denoised image
    numbers: dict  # seconds, draws


def fit_untouched(setup, X, y, task):
    """Train the classifiers on the rows before noise is added; fitted ones are used as they are."""
    rows = task.train[task.labelled]
    return {
        name: classifier if fitted else _seeded(classifier, task.seed).fit(X[rows], y[rows])
        for name, (classifier, fitted) in setup.classifiers.items()
    }


def run_task(setup, X, y, untouched, task):
    """Run one task: return its measurements, and example images by test noise and denoiser."""
    with units_unchecked() if setup.other_units else contextlib.nullcontext():
        return _measure(setup, X, y, untouched, task)


def _measure(setup, X, y, untouched, task):
    X_train, X_test = X[task.train], X[task.test]
    y_labelled = y[task.train][task.labelled]
    injector = task.noise.injector(setup.data_range, task.seed)
    noisy_labelled = np.asarray(injector.fit_transform(X_train))[task.labelled]
    # Another seed, so that a row in both the training and the test set does not get the same noise.
    noisy = {test: test.add(X_test, setup.data_range, task.seed + 1) for test in task.tests}
    quality = {test: _quality(setup, X_test, rows, "noisy") for test, rows in noisy.items()}
    references = _run_references(setup, untouched, injector, X_train[task.labelled], y_labelled, X_test, noisy, task)
    clean = {"clean": X_test[:_N_EXAMPLES]} if setup.has_clean else {}
    examples = {test: clean | {"noisy": rows[:_N_EXAMPLES]} for test, rows in noisy.items()}
    measurements = []
    for name, denoiser in setup.denoisers.items():
        given = name in setup.given
        tests = [test for test in task.tests if not given or test in task.with_given]
        if not tests:
            continue
        start = time.perf_counter()
        fitted = denoiser if given else _fit_denoiser(setup, denoiser, task.seed, injector, X_train)
        fit_seconds = 0.0 if given else time.perf_counter() - start
        refitted = {}
        if setup.refit:
            denoised = _denoise_labelled(setup, name, fitted, injector, X_train, noisy_labelled, task)
            refitted = {
                classifier: _seeded(estimator, task.seed).fit(denoised, y_labelled)
                for classifier, (estimator, _) in setup.classifiers.items()
                if not isinstance(estimator, FrozenEstimator)
            }
        for test in tests:
            start = time.perf_counter()
            images = _transform(fitted, name, noisy[test])
            numbers = {"fit_seconds": fit_seconds, "transform_seconds": time.perf_counter() - start}
            examples[test][name] = images[:_N_EXAMPLES]
            of_images = quality[test] | _quality(setup, X_test, images, "denoised")
            for classifier in setup.classifiers:
                labels, baseline = references[test, classifier]
                labels = labels | {"denoised": _predict(untouched[classifier], images)}
                if classifier in refitted:
                    labels["refitted"] = refitted[classifier].predict(images)
                measured = labels, of_images, numbers | baseline
                relation = task.noise.relation(test)
                measurement = Measurement(task.noise.label, test, relation, name, classifier, *measured)
                measurements.append(_as_given(measurement) if given else measurement)
    return measurements, examples


def _as_given(measurement):
    """Drop results of classifiers trained on the noise of this task, unless it is also the test noise."""
    if measurement.test != AS_TRAINED:
        for situation in ("refitted", "augmented"):
            measurement.labels.pop(situation, None)
        measurement.numbers |= _NO_BASELINE
    measurement.trained_on = GIVEN
    if measurement.test != CLEAN:
        measurement.test = GIVEN
    return measurement


def _run_references(setup, untouched, injector, X, y, X_test, noisy, task):
    """For each test noise and classifier, predictions without a denoiser, and the cost of the baseline."""
    references = {}
    for name, (classifier, _) in setup.classifiers.items():
        clean = {"clean": _predict(untouched[name], X_test)} if setup.has_clean else {}
        fitted, numbers = None, _NO_BASELINE
        if setup.augmented is not None and not isinstance(classifier, FrozenEstimator):
            start, options = time.perf_counter(), {"random_state": task.seed, **setup.augmented}
            fitted, *found = fit_noise_augmented(_seeded(classifier, task.seed), injector, X, y, **options)
            numbers = dict(zip(_NO_BASELINE, (*found, time.perf_counter() - start)))
        for test, rows in noisy.items():
            labels = clean | {"noisy": _predict(untouched[name], rows)}
            if fitted is not None:
                labels["augmented"] = fitted.predict(rows)
            references[test, name] = labels, numbers
    return references


def _predict(classifier, rows):
    """Predict labels, with column names if the classifier was fitted on a data frame."""
    return classifier.predict(with_names(rows, fitted_names(classifier)))


def _quality(setup, clean, images, name):
    """Mean squared error and SSIM of each image; NaN for images too small for SSIM."""
    if not setup.has_clean:
        return {}
    with units_unchecked():  # their warnings would not name the arguments of the report
        error, ssim = metrics.image_errors(clean, images, setup.data_range), np.full(len(images), np.nan)
        if min((side for side in setup.image_shape[:2] if side > 1), default=0) >= 3:
            options = {"data_range": setup.data_range, "image_shape": setup.image_shape, "per_image": True}
            ssim = metrics.ssim(clean, images, **options)
    return {f"mse_{name}": error, f"ssim_{name}": ssim}


def _seeded(estimator, seed):
    """Clone an estimator and set all its `random_state` parameters."""
    estimator = clone(estimator)
    set_random_states(estimator, seed)
    return estimator


def _fit_denoiser(setup, denoiser, seed, injector, X):
    """Fit a clone to freshly drawn noisy rows; not shared rows, because some estimators work in place."""
    noisy, estimator = injector.fit_transform(X.copy()), _seeded(denoiser, seed)
    if isinstance(denoiser, BaseSearchCV) and setup.has_clean:
        return estimator.fit(np.asarray(noisy), X)  # slicing drops the clean rows, so pass them as y
    return estimator.fit(noisy)


def _denoise_labelled(setup, name, fitted, injector, X_train, noisy_labelled, task):
    """Denoise the labelled rows; with `cross_fit`, by denoisers that were not trained on them."""
    if setup.cross_fit is None or name in setup.given:
        return _transform(fitted, name, noisy_labelled)
    denoised = np.empty(noisy_labelled.shape, result_dtype(noisy_labelled.dtype))
    groups, kind = (None, KFold) if setup.groups is None else (setup.groups[task.train], GroupKFold)
    folds = kind(setup.cross_fit, shuffle=True, random_state=task.seed).split(X_train, groups=groups)
    for train, test in folds:
        chosen = np.isin(task.labelled, test)
        if chosen.any():
            part = _fit_denoiser(setup, setup.denoisers[name], task.seed, injector, X_train[train])
            denoised[chosen] = _transform(part, name, noisy_labelled[chosen])
    return denoised


def _transform(denoiser, name, rows):
    """Denoise rows and check the result."""
    # A copy, because some denoisers work in place and others get the same rows.
    images = np.asarray(denoiser.transform(with_names(rows.copy(), fitted_names(denoiser))))
    if images.shape != rows.shape or images.dtype.kind not in "fiub" or not np.isfinite(images).all():
        raise ValueError(
            f"denoisers must return finite numbers in the shape of their input, {rows.shape}, got {shown(images)}, or"
            f" NaN or infinity, from {name!r}. Pass transformers that return images, not codes or labels."
        )
    return images
