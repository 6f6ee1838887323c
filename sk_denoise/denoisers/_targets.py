"""Where the clean target comes from: the one question that a pipeline leaves open, answered in one place."""

from __future__ import annotations

import dataclasses
from numbers import Number

import numpy as np
from sklearn.base import clone

from .._core.checks import is_integer, likely, warn_user
from .._core.remedies import object_error
from .._core.sklearn_glue import check_clean, check_same_names
from .._core.units import resolve_data_range
from ..noise._injector import NoiseInjector, NoisyArray
from ..noise.kinds import KINDS

DEFAULT_NOISE = "gaussian"
UNKNOWN = object()  # noise of denoisers that have no such parameter: rows that come alone may be noisy
_WIDE = 0.5  # of the width of X: images of another size are that wide, the targets of a regressor hardly ever


@dataclasses.dataclass(frozen=True)
class Target:
    """The clean rows, where they came from, and the noise to draw on them (None: the rows given are used)."""

    source: str  # "X_clean", "y", "injector", "noise", "identity" or "none"
    clean: np.ndarray | None  # None where the source is "none"
    noise: NoiseInjector | None


def check_noise(noise):
    """The parameter `noise` as an injector, or None."""
    if noise is None or noise is UNKNOWN:
        return None
    if isinstance(noise, NoiseInjector):
        return noise._check_params()
    if isinstance(noise, str) and noise in KINDS:
        return NoiseInjector(noise)
    raise ValueError(f"noise must be None, a NoiseInjector or {likely(noise, KINDS)}")


def _shape(y):
    """The shape of `y` without reading it, where it has one; () for a scalar."""
    if hasattr(y, "shape"):
        return tuple(y.shape)
    try:
        return np.shape(y)
    except (TypeError, ValueError, RuntimeError):  # ragged labels; tensors
        return (len(y),) if hasattr(y, "__len__") else ()


def check_labels_or_rows(y, shape):
    """Refuse a `y` that does not go with rows of this `shape`, and warn of images that would pass for labels."""
    texts = isinstance(y, (list, tuple)) and len(y) > 0 and isinstance(y[0], (str, bytes))
    problem = None if y is None or texts or isinstance(y, np.ndarray) else object_error(y, "y")
    if problem is not None:
        raise problem
    own = _shape(y)
    if y is None or not own:
        return
    if own[0] != shape[0]:
        raise ValueError(f"y must have as many rows as X, {shape[0]}, got {own[0]}.")
    if len(own) > 2:
        remedy = f"flatten them: {'y.reshape' if hasattr(y, 'reshape') else 'np.stack(y).reshape'}(len(y), -1)."
    elif len(own) == 2 and own != shape and own[1] >= _WIDE * shape[1] and _has_fractions(y):
        remedy = f"bring them to the {shape[1]} features of X."
    else:
        return
    warn_user(
        f"y has the shape {own} and not that of X, {shape}, so it counts as labels and is ignored. If it holds the"
        f" clean images, {remedy}"
    )


def _has_fractions(y):
    """Whether `y` holds numbers that are not whole, which no labels are."""
    array = np.asarray(y)
    return array.dtype.kind == "f" and bool(np.any(array != np.floor(array)))


def _is_numeric(y):
    """Whether `y`, of the shape of `X`, is meant to hold numbers: `check_clean` says if it fails to."""
    try:
        array = np.asarray(y)
    except (TypeError, ValueError, RuntimeError):  # a tensor
        return True
    if array.ndim != 2 or array.dtype.kind in "biufc":  # sparse arrays become objects without dimensions
        return True
    if array.dtype.kind == "O" and any(isinstance(value, Number) for value in array.flat):
        return True  # also with missing values, or with a column of texts
    try:
        array.astype(np.float64)
    except (TypeError, ValueError):
        return False
    return array.dtype.kind in "OUS"


def image_target(y, shape):
    """`y` as clean rows where it is shaped like X and meant to be numbers, else None: then it is labels."""
    if y is None or len(shape) != 2 or _shape(y) != shape or not _is_numeric(y):
        return None
    return check_clean(y, shape, "y")


def find_target(given, X, y, X_clean, noise):
    """The clean target for the validated rows `X`, which the caller gave as `given`."""
    injector = check_noise(noise)
    for name, other in (("X_clean", X_clean), ("y", y)):
        check_same_names(given, other, name)
    if X_clean is not None:
        return Target("X_clean", check_clean(X_clean, X.shape), None)
    check_labels_or_rows(y, X.shape)
    clean = image_target(y, X.shape)
    if clean is not None:
        return Target("y", clean, None)
    if isinstance(given, NoisyArray) and given.clean is not None and given.injector is not None:
        given._check_unchanged()
        if noise is not UNKNOWN and not (isinstance(noise, str) and noise == DEFAULT_NOISE):
            warn_user(
                f"The rows come from {given.injector!r}, so noise={noise!r} of this denoiser is not used. Leave noise"
                " at its default behind an injector."
            )
        return Target("injector", given.clean, given.injector)
    if noise is UNKNOWN:
        return Target("none", None, None)
    if isinstance(given, NoisyArray):
        warn_user(
            "X is a slice, copy or cast of rows out of a NoiseInjector, or computed from them, and has lost their clean"
            " source, so noisy rows count as clean ones. Split or scale before adding noise, or pass X_clean=."
        )
    if injector is not None:
        return Target("noise", X, injector)
    return Target("identity", X, None)


def scoring_noise(target, data_range):
    """The noise trained on, the same at each call, to score plain rows with; None if none was drawn."""
    if target.noise is None:
        return None
    own = target.noise.data_range_ if target.source == "injector" else target.noise.data_range
    own = data_range if isinstance(own, str) else own
    seed = target.noise.random_state if is_integer(target.noise.random_state) else 0
    return clone(target.noise).set_params(when="always", data_range=own, random_state=seed)


def resolve_range(own, target, rows):
    """The range `own`, or for "auto" the injector's, else the one read off the clean rows, or off the rows."""
    if own == "auto" and target.source == "injector":
        return target.noise.data_range_
    if own == "auto" and target.source == "noise":
        own = target.noise.data_range
    return resolve_data_range(own, rows if target.clean is None else target.clean)


def corruption(target, data_range):
    """What draws `target`'s noise on rows scaled by `data_range`: ``(unit, rng) -> noisy``."""
    injector = target.noise
    # An injector in front has read its range; of one that is a parameter, only the parameters count.
    own = injector.data_range_ if target.source == "injector" else injector.data_range
    if isinstance(own, str) or tuple(own) == tuple(data_range):
        return injector._redraw
    # Levels are fractions of the injector's range, which is not ours: go there and back.
    scale = np.float32((data_range[1] - data_range[0]) / (own[1] - own[0]))
    shift = np.float32((data_range[0] - own[0]) / (own[1] - own[0]))

    def redraw(unit, rng):
        return (injector._redraw(unit * scale + shift, rng) - shift) / scale

    return redraw
