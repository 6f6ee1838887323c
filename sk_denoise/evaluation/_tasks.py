"""What a recovery report measures for one training noise: denoisers, classifiers and rival, on every test noise."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold

from .. import metrics
from .._core.sklearn_glue import BaseSearchCV, set_random_states
from .._core.units import result_dtype
from ..noise._injector import NoiseInjector
from ._augmented import fit_rival

AS_TRAINED, CLEAN, OTHER_LEVEL, OTHER_KIND = "as trained", "clean", "other level", "other kind"
GIVEN = "fitted before"
_N_EXAMPLES = 10


@dataclasses.dataclass(frozen=True)
class Noise:
    """A kind of noise at a level, or at a range of levels, and the injector to draw it with."""

    kind: str
    level: float | tuple
    template: NoiseInjector = dataclasses.field(compare=False, repr=False)

    @property
    def label(self):
        """Its name in tables."""
        return f"{self.kind} {format_level(self.level)}"

    def injector(self, data_range, seed):
        """What draws it, the same noise each time for the same rows."""
        params = {"level": self.level, "data_range": data_range, "when": "always", "random_state": seed}
        # Whatever the user's configuration: a data frame could not carry the clean rows.
        return clone(self.template).set_params(**params).set_output(transform="default")

    def add(self, X, data_range, seed):
        """Rows with this noise, as a plain array; the rows themselves at level 0, whatever a callable would do."""
        if self.level == 0:
            return X.astype(result_dtype(X.dtype))
        return np.asarray(self.injector(data_range, seed).fit_transform(X))

    def tested_on(self, other):
        """How far `other` is what a denoiser trained on this noise knows."""
        if other.level == 0:
            return CLEAN
        if other.kind != self.kind:
            return OTHER_KIND
        low, high = self.level if isinstance(self.level, tuple) else (self.level, self.level)
        return AS_TRAINED if low <= other.level <= high else OTHER_LEVEL


def format_level(level):
    """A level or a range of levels as text."""
    return "-".join(f"{bound:g}" for bound in level) if isinstance(level, tuple) else f"{level:g}"


@dataclasses.dataclass(frozen=True)
class Task:
    """One split, one seed, one training noise and the noises to test on."""

    train: np.ndarray  # indices of rows
    test: np.ndarray
    labelled: np.ndarray  # indices among the training rows
    repeat: int  # which of the n_seeds
    seed: int
    noise: Noise
    tests: tuple
    with_given: frozenset  # tests on which denoisers that came fitted are measured, too


@dataclasses.dataclass(frozen=True)
class Setup:
    """What all tasks share."""

    denoisers: dict
    given: frozenset  # names of denoisers that came fitted
    classifiers: dict
    data_range: tuple
    image_shape: tuple | None
    refit: bool
    cross_fit: int | None
    rival: dict | None  # options of fit_rival


def fit_untouched(setup, X, y, task):
    """The classifiers that know clean rows only; those that came fitted stay as they are."""
    rows = task.train[task.labelled]
    return {
        name: classifier if fitted else seeded(classifier, task.seed).fit(X[rows], y[rows])
        for name, (classifier, fitted) in setup.classifiers.items()
    }


def seeded(estimator, seed):
    """A clone, with each `random_state` set."""
    estimator = clone(estimator)
    set_random_states(estimator, seed)
    return estimator


def fit_denoiser(denoiser, seed, injector, X):
    """A clone trained on rows straight out of the injector, drawn anew, for what it does in place to stay its own."""
    noisy, estimator = injector.fit_transform(X.copy()), seeded(denoiser, seed)
    if isinstance(denoiser, BaseSearchCV):
        return estimator.fit(np.asarray(noisy), X)  # it slices, and slices carry no clean rows: they are its y
    return estimator.fit(noisy)


def quality(setup, clean, images):
    """Squared error and SSIM of each image; NaN for images too small for that."""
    error = metrics.image_errors(clean, images, setup.data_range)
    sides = [side for side in setup.image_shape[:2] if side > 1]
    if not sides or min(sides) < 3:
        return error, np.full(len(error), np.nan)
    options = {"data_range": setup.data_range, "image_shape": setup.image_shape, "per_image": True}
    return error, metrics.ssim(clean, images, **options)


def run_task(setup, X, y, untouched, task):
    """Measure; return a dict of plain numbers and predicted labels."""
    X_train, X_test = X[task.train], X[task.test]
    y_labelled = y[task.train][task.labelled]
    injector = task.noise.injector(setup.data_range, task.seed)
    noisy_labelled = np.asarray(injector.fit_transform(X_train))[task.labelled]
    # Another seed: equal rows of the two halves must not get equal noise.
    noisy = {t: t.add(X_test, setup.data_range, task.seed + 1) for t in task.tests}
    raw = {t: {n: c.predict(rows) for n, c in untouched.items()} for t, rows in noisy.items()}
    result = {
        "clean": {name: classifier.predict(X_test) for name, classifier in untouched.items()},
        "noisy": {t: {"quality": quality(setup, X_test, rows), "predicted": raw[t]} for t, rows in noisy.items()},
        "rival": _run_rivals(setup, injector, X_train[task.labelled], y_labelled, noisy, task.seed),
        "denoisers": {},
        "examples": {t: {"clean": X_test[:_N_EXAMPLES], "noisy": noisy[t][:_N_EXAMPLES]} for t in task.tests},
    }
    for name, denoiser in setup.denoisers.items():
        given = name in setup.given
        tests = [t for t in task.tests if not given or t in task.with_given]
        if not tests:
            continue
        start = time.perf_counter()
        fitted = denoiser if given else fit_denoiser(denoiser, task.seed, injector, X_train)
        fit_seconds = 0.0 if given else time.perf_counter() - start
        refitted = {}
        if setup.refit:
            denoised = _denoise_labelled(setup, name, fitted, denoiser, injector, X_train, noisy_labelled, task)
            refitted = {n: _refit(c, task.seed, denoised, y_labelled) for n, (c, _) in setup.classifiers.items()}
        result["denoisers"][name] = {"fit_seconds": fit_seconds, "tests": {}}
        for test in tests:
            measured, images = _run_test(setup, name, fitted, untouched, refitted, X_test, noisy[test])
            result["denoisers"][name]["tests"][test] = measured
            result["examples"][test][name] = images
    return result


def _run_rivals(setup, injector, X, y, noisy, seed):
    if setup.rival is None:
        return {}
    rivals = {}
    for name, (classifier, _) in setup.classifiers.items():
        if isinstance(classifier, FrozenEstimator):
            continue  # not to be trained on anything
        start = time.perf_counter()
        fitted = fit_rival(seeded(classifier, seed), injector, X, y, random_state=seed, **setup.rival)
        rivals[name] = {
            "predicted": {test: fitted[0].predict(rows) for test, rows in noisy.items()},
            "draws": fitted[1],
            "saturated": fitted[2],
            "seconds": time.perf_counter() - start,
        }
    return rivals


def _refit(classifier, seed, rows, y):
    """The classifier trained on denoised rows; None where it is frozen."""
    return None if isinstance(classifier, FrozenEstimator) else seeded(classifier, seed).fit(rows, y)


def _denoise_labelled(setup, name, fitted, denoiser, injector, X_train, noisy_labelled, task):
    """Labelled rows denoised, each by a denoiser that did not see it where `cross_fit` says so."""
    if setup.cross_fit is None or fitted is denoiser:
        return _transform(fitted, name, noisy_labelled)
    denoised = np.empty_like(noisy_labelled)
    folds = KFold(setup.cross_fit, shuffle=True, random_state=task.seed).split(X_train)
    for fit_on, held in folds:
        chosen = np.isin(task.labelled, held)
        if chosen.any():
            part = fit_denoiser(denoiser, task.seed, injector, X_train[fit_on])
            denoised[chosen] = _transform(part, name, noisy_labelled[chosen])
    return denoised


def _transform(denoiser, name, rows):
    """Denoised rows, checked."""
    # A copy, for some steps work in place, and the rows are those of the other denoisers, too.
    images = np.asarray(denoiser.transform(rows.copy()))
    if images.shape != rows.shape:
        raise ValueError(
            f"denoisers must give rows of the shape they got, {rows.shape}; {name!r} gave {images.shape}. Codes"
            " (output='latent') and classifiers do not denoise: pass the part of a pipeline up to the denoiser."
        )
    if images.dtype.kind not in "fiub" or not np.isfinite(images).all():
        raise ValueError(f"denoisers must give finite numbers; {name!r} gave NaN, infinity or dtype {images.dtype}.")
    return images


def _run_test(setup, name, fitted, untouched, refitted, X_test, noisy):
    """One denoiser on one test noise: its quality, its time, what classifiers make of it, and some images."""
    start = time.perf_counter()
    images = _transform(fitted, name, noisy)
    seconds = time.perf_counter() - start
    measured = {
        "quality": quality(setup, X_test, images),
        "seconds": seconds,
        "denoised": {n: classifier.predict(images) for n, classifier in untouched.items()},
        "refitted": {n: c.predict(images) for n, c in refitted.items() if c is not None},
    }
    return measured, images[:_N_EXAMPLES]
