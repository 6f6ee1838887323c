"""The target rule: where the clean rows come from, and which noise is drawn on them."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from numbers import Number

import numpy as np
from sklearn.base import clone

from .._core.checks import is_integer, likely, warn_user
from .._core.remedies import object_error
from .._core.sklearn_glue import check_clean, check_same_names
from .._core.units import resolve_data_range
from ..noise import NoiseEstimate
from ..noise._device_kinds import device_noise
from ..noise._injector import NoiseInjector
from ..noise._noisy import NoisyArray, NoisyImages
from ..noise.kinds import KINDS
from ._calibration import check_clear
from ._self_supervision import (
    MODES,
    blind_spots,
    check_noise_range,
    check_second_shot,
    clean_given_error,
    find_noise,
    missing_shot_error,
    recorruption,
)

AUTO = "auto"
UNKNOWN = object()  # for denoisers without a `noise` parameter: rows given alone may be noisy
_MIN_WIDTH = 0.5  # of images as `y`, as a fraction of the width of X; regression targets are hardly ever as wide


@dataclasses.dataclass(frozen=True)
class Target:
    """The clean rows, their source, and the noise to draw on them, or None to use the given rows."""

    source: str  # "X_clean", "y", "injector", "noise", "identity", "none", or a mode of self-supervision
    clean: np.ndarray | None  # None if the source is "none"; with self-supervision, noisy rows take their place
    noise: NoiseInjector | None
    noise_is_estimated: bool = False

    @property
    def is_noisy(self):
        """Whether the targets are noisy."""
        return self.source in MODES


def check_noise(noise):
    """Return the parameter `noise` as an injector, or None."""
    if noise is None or noise is UNKNOWN:
        return None
    if isinstance(noise, NoiseInjector):
        return noise._check_params()
    if isinstance(noise, NoiseEstimate):
        check_clear(noise)
        return noise.injector()
    if isinstance(noise, str) and noise in (AUTO, *KINDS):
        return NoiseInjector("gaussian" if noise == AUTO else noise)
    raise ValueError(f"noise must be None, a NoiseInjector, a NoiseEstimate, 'auto' or {likely(noise, KINDS)}")


def is_auto(noise):
    """Whether the parameter `noise` is at its default."""
    return isinstance(noise, str) and noise == AUTO


def refuse_noisy_images(X, estimator):
    """Raise for images to which a `NoiseInjector` added noise; reshaping them would lose the clean ones."""
    if isinstance(X, NoisyImages) or (isinstance(X, NoisyArray) and X.ndim > 2):
        name = type(estimator).__name__
        raise ValueError(
            f"X must be rows, one flattened image each, but holds images from a NoiseInjector. {name} takes rows; for"
            f" images, use PatchDenoiser({name}(...)). Images of one size can also be flattened before the injector:"
            " images.reshape(len(images), -1)."
        )


def _shape(y):
    """Return the shape of `y`, without converting it if it has one; () for a scalar."""
    if hasattr(y, "shape"):
        return tuple(y.shape)
    try:
        return np.shape(y)
    except (TypeError, ValueError, RuntimeError):  # ragged labels; tensors
        return (len(y),) if hasattr(y, "__len__") else ()


def check_labels_or_rows(y, shape):
    """Raise if `y` does not match rows of this `shape`, and warn about images that would be taken as labels."""
    is_text = isinstance(y, (list, tuple)) and len(y) > 0 and isinstance(y[0], (str, bytes))
    problem = None if y is None or is_text or isinstance(y, np.ndarray) else object_error(y, "y")
    if problem is not None:
        raise problem
    y_shape = _shape(y)
    if y is None or not y_shape:
        return
    if y_shape[0] != shape[0]:
        raise ValueError(f"y must have as many rows as X, {shape[0]}, got {y_shape[0]}.")
    if len(y_shape) > 2:
        remedy = f"flatten them: {'y.reshape' if hasattr(y, 'reshape') else 'np.stack(y).reshape'}(len(y), -1)."
    elif len(y_shape) == 2 and y_shape != shape and y_shape[1] >= _MIN_WIDTH * shape[1] and _has_fractions(y):
        remedy = f"resize them to the {shape[1]} features of X."
    else:
        return
    warn_user(
        f"y has the shape {y_shape}, not that of X, {shape}, so it is taken as labels and is ignored. If it holds the"
        f" clean images, {remedy}"
    )


def _has_fractions(y):
    """Whether `y` contains non-integer numbers, which cannot be labels."""
    array = np.asarray(y)
    return array.dtype.kind == "f" and bool(np.any(array != np.floor(array)))


def _is_numeric(y):
    """Whether `y`, of the shape of `X`, is meant to be numeric; `check_clean` then raises if a value is invalid."""
    try:
        array = np.asarray(y)
    except (TypeError, ValueError, RuntimeError):  # a tensor
        return True
    if array.ndim != 2 or array.dtype.kind in "biufc":  # sparse arrays become 0-D object arrays
        return True
    if array.dtype.kind == "O" and any(isinstance(value, Number) for value in array.flat):
        return True  # even with missing values, or a column of strings
    try:
        array.astype(np.float64)
    except (TypeError, ValueError):
        return False
    return array.dtype.kind in "OUS"


def image_target(y, shape):
    """Return `y` as clean rows if it has the given `shape` and is numeric, otherwise None, for labels."""
    if y is None or len(shape) != 2 or _shape(y) != shape or not _is_numeric(y):
        return None
    return check_clean(y, shape, "y")


def _given_target(given, X, y, X_clean):
    """Return which argument holds rows as the target, and these; None and None if neither does."""
    for name, other in (("X_clean", X_clean), ("y", y)):
        check_same_names(given, other, name)
    if X_clean is not None:
        return "X_clean", check_clean(X_clean, X.shape)
    check_labels_or_rows(y, X.shape)
    clean = image_target(y, X.shape)
    return (None, None) if clean is None else ("y", clean)


def find_target(given, X, y, X_clean, noise):
    """Return the target for the validated rows `X`, which the caller passed as `given`."""
    injector = check_noise(noise)
    source, clean = _given_target(given, X, y, X_clean)
    if clean is not None:
        return Target(source, clean, None)
    if isinstance(given, NoisyArray) and given.clean is not None and given.injector is not None:
        given._check_unchanged()
        _warn_of_unused(noise, given.injector)
        return Target("injector", given.clean, given.injector)
    if noise is UNKNOWN:
        return Target("none", None, None)
    if isinstance(given, NoisyArray):
        warn_user(
            "X is a slice, copy or cast of the output of a NoiseInjector, or computed from it, and no longer carries"
            " the clean rows, so noisy rows are taken as clean. Split or scale before adding noise, or pass X_clean=."
        )
    if injector is not None:
        return Target("noise", X, injector)
    return Target("identity", X, None)


def _warn_of_unused(noise, injector):
    if noise is not UNKNOWN and not is_auto(noise):
        warn_user(
            f"The rows come from {injector!r}, so noise={noise!r} of this denoiser is not used. Leave noise at its"
            " default after an injector."
        )


def find_noisy_target(given, X, y, X_clean, noise, mode, image_shape, data_range, known_noise=None):
    """Return the target for the validated noisy rows `X`, passed as `given`, with self-supervision.

    `known_noise` is what an earlier fit, which this one continues, estimated the noise to be.
    """
    source, second = _given_target(given, X, y, X_clean)
    drawn = given if isinstance(given, NoisyArray) and given.injector is not None else None
    if drawn is not None:
        drawn._check_unchanged()
        _warn_of_unused(noise, drawn.injector)
    if mode == "noise2noise":
        if second is None and drawn is None:
            raise missing_shot_error("X")
        if second is None:
            return Target(mode, second_shot(drawn), drawn.injector)
        check_second_shot(second, X, source)
        return Target(mode, second, None)
    if second is not None:
        raise clean_given_error(source, mode)
    if drawn is not None:
        return Target(mode, X, find_noise(drawn.injector, X, image_shape, mode, is_known=True))
    if is_auto(noise) and known_noise is not None:
        return Target(mode, X, known_noise, noise_is_estimated=True)
    if not (is_auto(noise) or isinstance(noise, NoiseEstimate)):
        noise = copy.deepcopy(check_noise(noise))
    if mode == "recorrupted" and isinstance(noise, NoiseInjector):
        check_noise_range(noise, data_range, X.dtype)
    return Target(mode, X, find_noise(noise, X, image_shape, mode), noise_is_estimated=is_auto(noise))


def second_shot(noisy):
    """Return the clean images behind `noisy` with an independent draw of the same noise."""
    seed, data_range = noisy.injector.random_state, noisy.injector.data_range_
    params = {"random_state": seed ^ 1 if is_integer(seed) else None, "when": "always", "data_range": data_range}
    return clone(noisy.injector).set_params(**params).fit_transform(noisy.clean)


def trained_noise(target, data_range):
    """Return a copy of the training noise, with its range; None if there is none."""
    if target.noise is None:
        return None
    return clone(target.noise).set_params(data_range=_noise_range(target, data_range))


def _noise_range(target, data_range):
    """Return the range of which the level of the noise is a fraction; `data_range` if the injector does not say."""
    given = target.noise.data_range
    if target.source != "noise":  # of an injector passed as `noise`, only the parameters count
        given = getattr(target.noise, "data_range_", given)
    return data_range if isinstance(given, str) else given


def scoring_noise(target, data_range):
    """Return the training noise with a fixed seed and range, for scoring plain rows; None if no noise was drawn."""
    if target.noise is None or target.is_noisy:
        return None
    seed = target.noise.random_state if is_integer(target.noise.random_state) else 0
    return trained_noise(target, data_range).set_params(when="always", random_state=seed)


def resolve_range(data_range, target, rows):
    """Return `data_range`; if "auto", that of the injector, or else of the clean rows, or else of the rows."""
    if data_range == "auto" and target.noise is not None:
        data_range = _noise_range(target, data_range)
    return resolve_data_range(data_range, rows if target.clean is None else target.clean)


def pairing(target, data_range, image_shape):
    """Return a function ``(unit, rng) -> (input, target)`` for rows scaled by `data_range`; None to use given pairs."""
    if target.source == "recorrupted":
        return recorruption(trained_noise(target, data_range), data_range, image_shape)
    if target.source == "blind_spot":
        return blind_spots(image_shape)
    if target.noise is None or target.source == "noise2noise":
        return None
    on_device = device_noise(target.noise)
    return Pairing(
        _rescaled(target.noise._redraw, target, data_range),
        None if on_device is None else _rescaled(on_device, target, data_range),
    )


@dataclasses.dataclass(frozen=True)
class Pairing:
    """Makes pairs by adding noise to clean rows: ``(unit, rng) -> (noisy, unit)``."""

    redraw: Callable  # (unit, rng) -> noisy
    on_device: Callable | None  # the same for tensors, (unit, device) -> noisy; hashable

    def __call__(self, unit, rng):
        return self.redraw(unit, rng), unit


@dataclasses.dataclass(frozen=True)
class _Rescaled:
    """`redraw` for rows in other units; in its own units, they are ``unit * scale + shift``."""

    redraw: Callable
    scale: np.float32
    shift: np.float32

    def __call__(self, unit, source):
        return (self.redraw(unit * self.scale + self.shift, source) - self.shift) / self.scale


def _rescaled(redraw, target, data_range):
    """Return `redraw`, which adds the noise of `target`, for rows scaled by `data_range`."""
    noise_range = _noise_range(target, data_range)
    if tuple(noise_range) == tuple(data_range):
        return redraw
    # Levels are fractions of the injector's range, so convert to that range and back.
    width = noise_range[1] - noise_range[0]
    scale = np.float32((data_range[1] - data_range[0]) / width)
    return _Rescaled(redraw, scale, np.float32((data_range[0] - noise_range[0]) / width))
