"""Functions and objects of the user's as text that tells them from others: what they are, and what they depend on."""

from __future__ import annotations

import hashlib
import marshal
import types

import numpy as np

from .._core.checks import shown
from ..noise._injector import NoiseInjector

_LIBRARIES = ("builtins", "keras", "math", "numpy", "sk_denoise", "tensorflow")  # known by name and version


class UnknownError(ValueError):
    """What cannot be told from others like it."""


def describe(value, within=()):
    """`value` as what JSON has. Raises UnknownError where two that behave otherwise could look alike."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (tuple, list)):
        return [describe(item, within) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: describe(item, within) for key, item in value.items()}
    if type(value) is NoiseInjector:
        # Training draws the noise from generators of its own, and draws it always.
        params = {k: v for k, v in value.get_params(deep=False).items() if k not in ("random_state", "when")}
        return ["NoiseInjector", describe(params, within), describe(getattr(value, "data_range_", None))]
    if isinstance(value, types.ModuleType):
        return ["module", value.__name__]
    if isinstance(value, types.FunctionType) and not _is_of_library(value):
        return _describe_function(value, within)
    if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)) and _is_of_library(value):
        return [value.__module__ or "builtins", value.__qualname__]
    if not isinstance(value, type) and _is_of_library(type(value)) and hasattr(value, "get_config"):
        return [type(value).__module__, type(value).__qualname__, describe(value.get_config(), within)]
    raise UnknownError(f"{shown(value)} cannot be told from others like it")


def _is_of_library(value):
    return (getattr(value, "__module__", None) or "builtins").partition(".")[0] in _LIBRARIES


def _describe_function(function, within):
    if function.__closure__ is not None:
        raise UnknownError(f"{shown(function)} has variables of a function around it")
    if function in within:
        return function.__qualname__
    within = (*within, function)
    uses = {
        name: function.__globals__[name] for name in sorted(_names(function.__code__)) if name in function.__globals__
    }
    return [
        function.__qualname__,
        hashlib.sha256(marshal.dumps(_bare(function.__code__), 2)).hexdigest(),  # 2: without counts of references
        describe(function.__defaults__, within),
        describe(function.__kwdefaults__, within),
        describe(uses, within),
    ]


def _codes(code):
    return [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]


def _names(code):
    """Names that the code, or a function within it, may look up."""
    return set(code.co_names).union(*(_names(inner) for inner in _codes(code)))


def _bare(code):
    """The code without where it stands: a cell of a notebook is another file in each process."""
    constants = tuple(_bare(c) if isinstance(c, types.CodeType) else c for c in code.co_consts)
    return code.replace(co_filename="", co_firstlineno=1, co_linetable=b"", co_consts=constants)
