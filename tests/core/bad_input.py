"""All public callables, and invalid values for their arguments, derived from signatures and constraints."""

import contextlib
import copy
import datetime
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from helpers import quick
from matplotlib.figure import Figure
from scipy.sparse import csr_array
from skimage.data import data_dir
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.utils._param_validation import StrOptions, generate_invalid_param_val, make_constraint

import sk_denoise
from sk_denoise import ImageFilter, NoiseInjector, estimate_noise, recovery_report
from sk_denoise.evaluation import residual_check

X = np.random.default_rng(0).random((12, 16))
X.flags.writeable = False
SCENE = np.random.default_rng(0).random((40, 40))
Y = np.arange(12) % 3
Y.flags.writeable = False


class Nonsense:
    """An object without any methods."""


def _report(name):
    median = {name: ImageFilter("median", size=3)}
    return recovery_report(median, GaussianNB(), X, Y, levels=0.3, n_seeds=1, n_resamples=100)


def _search():
    return GridSearchCV(quick(epochs=1), {"latent_dim": [1, 2]}, cv=2).fit(X)


def _checks():
    return [residual_check(SCENE, SCENE / 2, 0.1)]


#: Factories of valid values for required arguments; a prefix names the class or function that an entry applies to.
VALID = {
    **dict.fromkeys(("X", "X_true", "X_pred", "noisy", "clean"), lambda: X),
    **dict.fromkeys(("y", "y_true", "y_before", "y_after"), lambda: Y),
    "Z": lambda: X[:, :4],
    "level": lambda: 0.3,
    "rng": lambda: np.random.default_rng(0),
    "estimator": lambda: PCA(2),
    "save.estimator": lambda: NoiseInjector().fit(X),
    **dict.fromkeys(("NoisyImages.noisy", "NoisyImages.clean"), lambda: [X]),
    "injector": lambda: NoiseInjector(random_state=0),
    "denoisers": lambda: "passthrough",
    "denoiser": lambda: "median",
    **dict.fromkeys(("classifier", "classifiers"), GaussianNB),
    "path": lambda: "file.zip",
    "image_shape": lambda: (4, 4),
    "n_rows": lambda: 12,
    "data_range": lambda: (0, 1),
    "report": lambda: _report("median"),
    "other": lambda: _report("other"),
    "search": _search,
    **dict.fromkeys(("accuracy_recovery.clean", "denoised"), lambda: 0.9),
    "accuracy_recovery.noisy": lambda: 0.5,
    "images": lambda: {"clean": X[:3]},
    "from_images.denoised": lambda: X / 2,
    "DenoisingDisplay.estimator": lambda: ImageFilter("median", size=3).fit(X),
    **dict.fromkeys(("LatentDisplay.estimator", "LossCurveDisplay.estimator"), lambda: quick().fit(X)),
    "change": lambda: np.eye(3, dtype=int),
    "repaired": lambda: [1, 1, 1],
    "broken": lambda: [0, 0, 0],
    "LatentDisplay.sizes": lambda: [1, 2],
    "LatentDisplay.means": lambda: [0.1, 0.2],
    "denoise.image": lambda: np.random.default_rng(0).random((40, 40)),
    "estimate_noise.images": lambda: np.random.default_rng(0).random((40, 40)),
    **dict.fromkeys(("paths", "like"), lambda: f"{data_dir}/microaneurysms.png"),
    **{"write_image.array": lambda: np.zeros((102, 102)), "write_image.path": lambda: "image.png"},
    "PatchDenoiser.denoiser": lambda: ImageFilter("median", size=3),
    **dict.fromkeys(("PatchDenoiser.images", "PatchDenoiser.X_clean"), lambda: [X]),
    **dict.fromkeys(("sure_score.denoiser", "blind_spot_score.denoiser"), lambda: ImageFilter("median", size=3).fit(X)),
    "sure_score.noise": lambda: 0.1,
    "estimate": lambda: estimate_noise(np.random.default_rng(0).random((64, 64))),
    **dict.fromkeys(("NoiseDisplay.brightness", "NoiseDisplay.variance"), lambda: [1.0, 2.0]),
    "history": lambda: {"loss": [1.0, 0.5]},
    "curves": lambda: {"a": {"level": [0.1, 0.2], "accuracy": [0.5, 0.4]}},
    "RecoveryDisplay.labels": lambda: {},
    **dict.fromkeys(("residual_check.noisy", "residual_check.denoised"), lambda: SCENE),
    **dict.fromkeys(("denoised_a", "denoised_b"), lambda: SCENE),
    **dict.fromkeys(("residual_check.noise", "agreement_check.noise"), lambda: 0.1),
    **dict.fromkeys(("from_checks.noisy", "from_checks.denoised"), lambda: SCENE),
    "from_checks.checks": lambda: _checks()[0],
    "ResidualDisplay.images": lambda: {"noisy": [SCENE], "denoised": [SCENE / 2]},
    "ResidualDisplay.checks": _checks,
}
#: Other arguments to pass, without which an argument is not checked.
ALSO_PASSED = {
    "X_test": {"y_test": Y},
    "y_test": {"X_test": X},
    "sample_weight": {"X_clean": X},
    "codes": {"sizes": None, "means": None},
    "y": {"sizes": None, "means": None, "codes": X[:, :2]},
}
#: Arguments that scikit-learn checks or ignores.
UNCHECKED = ("input_features", "copy")
#: Classes that users do not instantiate, and scorers, which only delegate.
NOT_CALLED = ("DemoResult", "NoiseEstimate", "RecoveryReport", "InvalidFileError")
NOT_CALLED += ("psnr_scorer", "ssim_scorer", "sure_scorer", "blind_spot_scorer")

#: Values that few arguments accept; those that satisfy the constraints of an argument are skipped.
VALUES = [None, Nonsense, "nonsense", "", b"ab", {"a": 1}, [], ["a"], (2, 1), -1, 2.5, 10**400, float("nan"), 1j]
VALUES += [float("inf"), np.array([0.5, 1.5]), datetime.date(2020, 1, 1), np.random.default_rng(0)]


def _with(rows, value):
    rows = np.array(rows, dtype=float)
    rows.flat[-1] = value
    return rows


ROWS = {
    "1-D": lambda rows: rows[0],
    "3-D": lambda rows: rows.reshape(len(rows), -1, 1),
    "no rows": lambda rows: rows[:0],
    "no columns": lambda rows: rows[:, :0],
    "ragged": lambda rows: [[1, 2], [3]],
    "strings": lambda rows: np.full(rows.shape, "a"),
    "objects": lambda rows: np.full(rows.shape, Nonsense(), dtype=object),
    "complex": lambda rows: rows + 1j,
    "dates": lambda rows: np.full(rows.shape, "2020-01-01", dtype="M8[D]"),
    "sparse": csr_array,
    "NaN in it": lambda rows: _with(rows, np.nan),
    "inf in it": lambda rows: _with(rows, -np.inf),
    "masked": lambda rows: np.ma.masked_array(rows, mask=rows == np.max(rows)),
    "frame of texts": lambda rows: pd.DataFrame(np.full(rows.shape, "a")),
}
UNCHECKED_IN_ARRAYS = ("NaN in it", "inf in it", "masked")
VECTORS = {
    "2-D": lambda values: np.stack([values, values], axis=1),
    "one less": lambda values: values[:-1],
    "one more": lambda values: np.append(values, values[:1]),
    "complex": lambda values: np.full(len(values), 1j),
    "objects": lambda values: np.full(len(values), Nonsense(), dtype=object),
}
ROW_ARGUMENTS = ("X", "X_true", "X_pred", "X_clean", "X_test", "Z")
VECTOR_ARGUMENTS = ("y", "y_true", "y_before", "y_after", "y_test", "sample_weight")


@functools.cache
def _made(key):
    return VALID[key]()


@dataclass(frozen=True)
class Entry:
    """A public callable; if it is a method, `subject` creates the object, which is its first argument."""

    name: str
    function: Callable
    parameters: dict
    constraints: dict
    subject: Callable | None = None

    def valid(self):
        """Return valid values for the required arguments."""
        values = {}
        for name, parameter in self.parameters.items():
            keys = [f"{owner}.{name}" for owner in self.name.split(".")]
            keys += [name] if parameter.default is parameter.empty else []
            key = next((key for key in keys if key in VALID), None)
            assert key or parameter.default is not parameter.empty, f"VALID has no {name} for {self.name}"
            values |= {name: _made(key)} if key else {}
        return values

    def bad_values(self, argument):
        """Yield a description and a value for each invalid value of the argument."""
        yield "object", Nonsense()
        declared = self.constraints.get(argument, "no_validation")
        if declared != "no_validation":
            yield from _violations([make_constraint(constraint) for constraint in declared])
        for arguments, kinds in ((ROW_ARGUMENTS, ROWS), (VECTOR_ARGUMENTS, VECTORS)):
            if argument in arguments:
                rows = X if kinds is ROWS else Y
                rows = rows[:, :4] if argument == "Z" else rows
                skipped = UNCHECKED_IN_ARRAYS if "rng" in self.parameters else ()  # noise models do not check values
                yield from ((kind, make(rows)) for kind, make in kinds.items() if kind not in skipped)

    def call(self, argument, value):
        """Return the error raised by a call with one invalid argument, and the attributes of the subject it changes."""
        beside = {name: given for name, given in ALSO_PASSED.get(argument, {}).items() if name in self.parameters}
        subject = [copy.copy(self.subject())] if self.subject else []
        before, error = dict(vars(*subject)) if subject else {}, None
        try:
            self.function(*subject, **self.valid() | beside | {argument: value})
        except Exception as raised:
            error = raised
        after = dict(vars(*subject)) if subject else {}
        return error, {name for name in before | after if before.get(name) is not after.get(name)} - {argument}


def _violations(constraints):
    values = list(VALUES)
    for constraint in constraints:
        if isinstance(constraint, StrOptions):
            values += [option[:-1] for option in constraint.options]  # a typo
        with contextlib.suppress(NotImplementedError):
            values.append(generate_invalid_param_val(constraint))
    for value in values:
        if not any(constraint.is_satisfied_by(value) for constraint in constraints):
            yield repr(value), value


def _parameters(function, *, without=()):
    kinds = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p for p in parameters if p.kind not in kinds and p.name not in ("self", "cls", *without)}


def _entry(name, function, *, call=None, subject=None, without=UNCHECKED):
    constraints = getattr(function, "_skl_parameter_constraints", {})
    return Entry(name, call or function, _parameters(function, without=without), constraints, subject)


def _methods(cls, subject, without=UNCHECKED):
    for name, method in inspect.getmembers(cls, inspect.isfunction):
        if name[0] != "_" and method.__module__.startswith("sk_denoise"):
            call = lambda obj, /, name=name, **arguments: getattr(obj, name)(**arguments)
            with_codes = lambda: copy.copy(subject()).set_params(output="latent")
            own_subject = with_codes if name == "inverse_transform" else subject
            yield _entry(f"{cls.__name__}.{name}", method, call=call, subject=own_subject, without=without)


def _estimator(cls):
    required = [name for name, p in _parameters(cls).items() if p.default is p.empty]

    @functools.cache
    def fitted():
        params = {"epochs": 1, "latent_dim": 4} if cls.__name__ == "DenoisingAutoencoder" else {}
        given = {
            name: _made(f"{cls.__name__}.{name}" if f"{cls.__name__}.{name}" in VALID else name) for name in required
        }
        return cls(**given, **params).fit(X)

    def refit(estimator, /, **params):
        return estimator.set_params(**params).fit(X)

    optional = {name: p.replace(default=None) for name, p in _parameters(cls).items()}
    yield Entry(cls.__name__, refit, optional, cls._parameter_constraints, fitted)
    yield from _methods(cls, fitted, without=(*UNCHECKED, "y"))  # labels are ignored


def _display(cls):
    plot = lambda **arguments: cls(**arguments).plot(ax=Figure().subplots())
    entry = Entry(cls.__name__, plot, _parameters(cls), getattr(cls, "_parameter_constraints", {}))
    yield entry
    yield from _methods(cls, lambda: cls(**entry.valid()))
    for name, method in inspect.getmembers(cls, inspect.ismethod):
        yield _entry(f"{cls.__name__}.{name}", method)


def _entries(module):
    for name in getattr(module, "__all__", ()):
        member = getattr(module, name)
        if inspect.ismodule(member):
            yield from _entries(member)
        elif inspect.isfunction(member) and name not in NOT_CALLED:
            yield _entry(name, member)
        elif inspect.isclass(member) and issubclass(member, BaseEstimator):
            yield from _estimator(member)
        elif inspect.isclass(member) and hasattr(member, "plot"):
            yield from _display(member)
        elif inspect.isclass(member) and name == "RecoveryReport":
            yield from _methods(member, lambda: _made("report"))
        elif inspect.isclass(member) and name not in NOT_CALLED:
            yield _entry(name, member.__init__ if issubclass(member, list) else member.__new__, call=member)


#: All entries by name.
ENTRIES = {entry.name: entry for name in sk_denoise._MODULES for entry in _entries(getattr(sk_denoise, name))}
