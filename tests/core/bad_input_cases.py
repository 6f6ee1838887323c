"""Every public function with arguments that it takes, for `test_bad_input.py` to make wrong one by one."""

import argparse
import contextlib
import dataclasses
import functools
import inspect
import io
import tempfile
from pathlib import Path

import numpy as np
import pytest
from bad_input_displays import report_methods, shown
from bad_input_entry import LEVELS, NEAR, Entry, X, Y, fitted, make_adapter, make_filter, make_injector, methods, quick
from sklearn.naive_bayes import GaussianNB

import sk_denoise
from sk_denoise import (
    DenoisingAutoencoder,
    EstimatorDenoiser,
    ImageFilter,
    NoiseInjector,
    NoisyArray,
    architectures,
    cli,
    datasets,
    demo,
    evaluation,
    metrics,
    noise_models,
    recovery_report,
)


def estimator_entries(cls, make):
    """The constructor's parameters, through a fit, and the methods of a fitted estimator."""

    def refit(fitted, /, **params):
        return fitted.set_params(**params).fit(X)

    subject = functools.partial(fitted, make)
    yield Entry(cls.__name__, refit, dict, signature=cls, near=NEAR, subject=subject)
    for name in methods(cls):
        if name == "set_params":
            continue

        def method(fitted, /, name=name, **arguments):
            return getattr(fitted, name)(**arguments)

        own = subject
        if name == "inverse_transform":
            own = functools.partial(fitted, functools.partial(make, output="latent"))
        codes = name in ("decode", "inverse_transform")
        signature = getattr(cls, name)
        valid = {"X": X[:, :2] if codes else X, "Z": X[:, :2], "unit": X, "rng": np.random.default_rng(0)}
        held = inspect.signature(signature).parameters
        yield Entry(
            f"{cls.__name__}.{name}",
            method,
            functools.partial(lambda valid, held: {k: v for k, v in valid.items() if k in held}, valid, held),
            signature=signature,
            rows=("X", "Z", "X_clean", "validation_data", "unit"),
            vectors=("sample_weight",),
            subject=own,
        )


def _filter_entries():
    from sk_denoise.denoisers._filtering import METHODS

    owners = {name: method for method, names in METHODS.items() for name in names}

    def refit(fitted, /, **params):
        # A parameter is looked at where its method uses it.
        method = next((owners[name] for name in params if name in owners), "median")
        return fitted.set_params(**({"method": method, "size": "auto"} | params)).fit(X)

    first, *others = estimator_entries(ImageFilter, make_filter)
    yield dataclasses.replace(first, call=refit, sets=("method", "size"))
    beside = {"sample_weight": {"X_clean": X}}  # without clean rows a filter has nothing to score by
    yield from (dataclasses.replace(entry, beside=beside) for entry in others)


def estimators():
    first, *others = estimator_entries(NoiseInjector, make_injector)
    add = lambda injector, /, **params: injector.set_params(**params).fit_transform(X)
    yield from (dataclasses.replace(first, call=add), *others)
    yield from estimator_entries(DenoisingAutoencoder, quick)
    yield from estimator_entries(EstimatorDenoiser, make_adapter)
    yield from _filter_entries()
    parts = lambda: {"noisy": X, "clean": X, "injector": make_injector()}
    yield Entry("NoisyArray", NoisyArray, parts, rows=("noisy", "clean"))


class Started(Exception):
    """Raised instead of the work, once arguments have passed."""


def _stopped(function):
    """`function` up to where the work begins."""

    def call(**arguments):
        def start(*_):
            raise Started

        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Started):
            patch.setattr(demo.GridSearchCV, "fit", start)
            patch.setattr(evaluation, "_run", start)
            function(**{"log": str, **arguments})

    return call


@functools.cache
def _saved():
    path = Path(tempfile.mkdtemp()) / "injector.zip"
    sk_denoise.save(fitted(make_injector), path)
    return path


class CommandError(ValueError):
    """What the command line wrote to standard error."""


def commands():
    """The parsers of all commands by name."""
    actions = cli.make_parser()._actions
    return next(action for action in actions if isinstance(action, argparse._SubParsersAction)).choices


class Command(Entry):
    """A command of the command line; its options are its arguments, and all values are text."""

    VALUES = ("nonsense", "", "-1", "0", "2.5", "1e400", "nan", "True", "gausian", "digit", "medain", "no/folder/file")

    def arguments(self):
        options = commands()[self.name.split()[1]]._actions
        return [option.option_strings[-1] for option in options if not isinstance(option, argparse._HelpAction)]

    def cases(self, argument):
        for value in self.VALUES:
            yield repr(value), value

    def is_default(self, argument, kind):
        return False

    def run(self, argument, value):
        written = io.StringIO()
        values = [value, value] if argument == "--trained-level" else [value]
        with contextlib.redirect_stderr(written), contextlib.suppress(SystemExit):
            _stopped(lambda log: cli.main([self.name.split()[1], f"{argument}={values[0]}", *values[1:]]))()
        if written.getvalue():
            raise CommandError(written.getvalue())


def _score(scorer, /, estimator, X, y_true):
    return scorer(estimator, X, y_true)


def functions():
    """Functions that need no state."""
    pair = {"rows": ("X_true", "X_pred"), "vectors": ("sample_weight",)}
    given = lambda: {"X_true": X, "X_pred": X / 2}
    for metric in (metrics.mean_squared_error, metrics.psnr, metrics.ssim):
        yield Entry(f"metrics.{metric.__name__}", metric, given, near=NEAR, **pair)
    for name in ("psnr_scorer", "ssim_scorer"):
        scorer = getattr(metrics, name)

        scored = lambda: {"estimator": fitted(quick), "X": X, "y_true": X}
        yield Entry(f"metrics.{name}", functools.partial(_score, scorer), scored, rows=("X", "y_true"))
    accuracies = {"clean": 0.9, "noisy": 0.5, "denoised": 0.8}
    yield Entry("metrics.accuracy_recovery", metrics.accuracy_recovery, lambda: dict(accuracies))
    for name, kind in noise_models.KINDS.items():
        valid = lambda: {"X": X, "level": 0.3, "rng": np.random.default_rng(0)}
        yield Entry(f"noise_models.{name}", kind, valid, rows=("X",))
    for name in architectures.__all__:
        sizes = lambda: {"image_shape": (4, 4, 1), "latent_dim": 2}
        yield Entry(f"architectures.{name}", getattr(architectures, name), sizes)
    for name in datasets.__all__:
        yield Entry(f"datasets.{name}", getattr(datasets, name), dict)
    evaluated = {"X": X, "y": Y}
    yield Entry(
        "recovery_report",
        recovery_report,
        lambda: {"denoisers": "passthrough", "classifiers": GaussianNB(), **evaluated, **LEVELS},
        rows=("X", "X_test"),
        vectors=("y", "y_test"),
        near=NEAR,
        beside={"X_test": {"y_test": Y}, "y_test": {"X_test": X}},
    )
    yield Entry(
        "fit_rival",
        evaluation.fit_rival,
        lambda: {"classifier": GaussianNB(), "injector": make_injector(), **evaluated, "max_draws": 1},
        rows=("X",),
        vectors=("y",),
    )
    yield Entry("demo.run_demo", _stopped(demo.run_demo), dict, signature=demo.run_demo, near=NEAR)
    for command in commands():
        yield Command(f"sk-denoise {command}", None, dict)
    saved = lambda: {"estimator": fitted(make_injector), "path": "denoiser.zip"}
    yield Entry("save", sk_denoise.save, saved)
    yield Entry("load", sk_denoise.load, lambda: {"path": _saved()})


@functools.cache
def entries():
    """All of them by name."""
    return {entry.name: entry for entry in (*estimators(), *functions(), *report_methods(), *shown())}
