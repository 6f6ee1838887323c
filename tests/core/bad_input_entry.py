"""A public function with arguments that it takes, and the objects that the functions are called with."""

import copy
import dataclasses
import functools
import inspect
from collections.abc import Callable

import numpy as np
from bad_input_values import ANYTHING, ROWS, VECTORS
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB

from sk_denoise import DenoisingAutoencoder, EstimatorDenoiser, ImageFilter, NoiseInjector, recovery_report

X = np.random.default_rng(0).random((12, 16))
Y = np.arange(12) % 3
LEVELS = {"levels": 0.3, "n_seeds": 1, "n_resamples": 100, "rival": False}


@dataclasses.dataclass(frozen=True)
class Entry:
    """A public function, and arguments that it takes."""

    name: str
    call: Callable  # with the arguments as keywords
    valid: Callable  # a dict of valid arguments, made anew
    signature: Callable | None = None  # what the arguments are read off; None: `call`
    rows: tuple = ()
    vectors: tuple = ()
    near: dict = dataclasses.field(default_factory=dict)  # names with a letter missing
    subject: Callable | None = None  # the object whose state must survive
    sets: tuple = ()  # attributes that the call sets on it, whatever happens
    beside: dict = dataclasses.field(default_factory=dict)  # what an argument needs beside it to be looked at
    without: dict = dataclasses.field(default_factory=dict)  # and what has to be left out

    def arguments(self):
        """Names of the arguments, as the signature has them."""
        parameters = inspect.signature(self.signature or self.call).parameters.values()
        kinds = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
        return [p.name for p in parameters if p.name not in ("self", "cls") and p.kind not in kinds]

    def is_default(self, argument, kind):
        """True for None where it is the default, and for True where a flag is wanted."""
        default = inspect.signature(self.signature or self.call).parameters[argument].default
        return (kind, default) == ("None", None) or (kind == "True" and isinstance(default, bool))

    def run(self, argument, value, *subject):
        """Call with one wrong argument."""
        valid = self.valid()
        for name in self.without.get(argument, ()):
            valid.pop(name)
        return self.call(*subject, **{**valid, **self.beside.get(argument, {}), argument: value})

    def cases(self, argument):
        """Kind and value of everything wrong for `argument`."""
        for kind, make in ANYTHING.items():
            yield kind, make()
        if argument in self.near:
            yield "near miss", self.near[argument]
        for kinds, arguments, right in ((ROWS, self.rows, X), (VECTORS, self.vectors, Y)):
            if argument in arguments:
                right = np.asarray(self.valid().get(argument, right))
                right = right[:, :2] if argument == "codes" else right
                for kind, make in kinds.items():
                    yield kind, make(right)


def quick(**params):
    return DenoisingAutoencoder(**({"latent_dim": 2, "epochs": 1, "random_state": 0} | params))


@functools.cache
def report():
    return recovery_report(
        {"median": ImageFilter("median", size=3), "PCA": EstimatorDenoiser(PCA(2))}, GaussianNB(), X, Y, **LEVELS
    )


@functools.cache
def other_report():
    return recovery_report({"blur": ImageFilter("gaussian", sigma=1)}, GaussianNB(), X, Y, **LEVELS)


@functools.cache
def search():
    return GridSearchCV(quick(), {"latent_dim": [1, 2]}, cv=2).fit(X)


@functools.cache
def _fitted(make):
    return make().fit(X)


def fitted(make):
    """A shallow copy of one fitted estimator, so that only attributes set anew can differ."""
    return copy.copy(_fitted(make))


def axes():
    return Figure().subplots()


NEAR = {
    "kind": "gausian", "when": "allways", "method": "medain", "wavelet": "harr", "calibration": "supervized",
    "architecture": "cnov", "noise": "gausian", "loss": "binary_crosentropy", "optimizer": "adm", "output": "denoise",
    "learning_rate_schedule": "cosin", "data_range": "aut", "noises": "gausian", "trained_on": "gausian",
    "unseen": "gausian", "denoisers": "passtrough", "show": "wurst", "accuracy": "denoise", "denoiser": "medain",
    "classifier": "GaussianBN", "value": "gian", "param": "latent_dims", "dataset": "digit", "epochs": "aut",
}  # fmt: skip


def methods(cls):
    """Public methods that are this package's own, or that lead to them."""
    names = ("fit_transform", "get_feature_names_out")
    for name, member in inspect.getmembers(cls, callable):
        module = getattr(member, "__module__", None) or ""
        if not name.startswith("_") and (module.startswith("sk_denoise") or name in names):
            yield name


def make_injector(**params):
    return NoiseInjector(**({"random_state": 0} | params))


def make_filter(**params):
    return ImageFilter(**({"size": 3} | params))


def make_adapter(**params):
    return EstimatorDenoiser(**({"estimator": PCA(2)} | params))
