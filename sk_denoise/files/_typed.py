"""Parameters as JSON and back: plain values, the state of random generators, and callables by name only.

What JSON lacks is an object of one key that names its type: ``{"tuple": [...]}``, ``{"float": "nan"}``,
``{"reference": "module:name"}``, ``{"generator": 0}``.
"""

from __future__ import annotations

import math
import os

import numpy as np

_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def fields(value, required, optional=(), *, where):
    """Check that `value` is an object with these keys and no others."""
    if not isinstance(value, dict):
        raise ValueError(f"{where} is no object.")
    missing, unknown = set(required) - set(value), set(value) - set(required) - set(optional)
    if missing or unknown:
        raise ValueError(f"{where} lacks {sorted(missing)} and has the unknown {sorted(unknown)}.")
    return value


def items(value, where, length=None):
    """Check that `value` is a list, of that length."""
    if not isinstance(value, list) or (length is not None and len(value) != length):
        raise ValueError(f"{where} is no list{'' if length is None else f' of {length}'}.")
    return value


def integer(value, where, low=0, high=None):
    """Check that `value` is an int within bounds."""
    if type(value) is not int or value < low or (high is not None and value > high):
        raise ValueError(f"{where} is no integer from {low}{'' if high is None else f' to {high}'}.")
    return value


def text(value, where, allowed=None):
    """Check that `value` is a str, one of those allowed."""
    if not isinstance(value, str) or (allowed is not None and value not in allowed):
        raise ValueError(f"{where} is no string{'' if allowed is None else f' out of {sorted(allowed)}'}.")
    return value


def reference_name(target):
    """Name of a callable: of itself, or for an object without a name, of its class and "()"."""
    owner, end = (target, "") if hasattr(target, "__qualname__") else (type(target), "()")
    return f"{owner.__module__}:{owner.__qualname__}{end}"


class Encoder:
    """Turns values into JSON; gathers arrays, callables and generators on the way."""

    def __init__(self):
        self.arrays, self.objects, self.generators = {}, {}, []
        self._numbers = {}  # of generators met, by identity: one used twice stays one

    def array(self, kind, array):
        """Take up an array; returns its name."""
        name = f"{kind}_{len(self.arrays)}"
        self.arrays[name] = array
        return name

    def value(self, value, where):
        """JSON for a parameter."""
        if isinstance(value, (np.bool_, np.number, np.str_)):
            value = value.item()
        elif isinstance(value, os.PathLike):
            value = os.fspath(value)
        elif isinstance(value, np.ndarray) and value.ndim == 1:
            value = value.tolist()
        if type(value) is float and not math.isfinite(value):
            return {"float": repr(value)}
        if value is None or type(value) in (bool, int, float, str):
            return value
        if type(value) is list:
            return [self.value(item, where) for item in value]
        if type(value) is tuple:
            return {"tuple": [self.value(item, where) for item in value]}
        if isinstance(value, (np.random.RandomState, np.random.Generator)):
            return {"generator": self._generator(value, where)}
        if callable(value):
            return {"reference": self._reference(value)}
        raise TypeError(
            f"{where} is {value!r:.200}, which cannot be saved. Saved are None, bool, int, float, str, tuples and lists"
            " of these, random generators, callables by name, and as noise a NoiseInjector. Set it to one of these, or"
            " use pickle."
        )

    def _reference(self, target):
        name = plain = reference_name(target)
        number = 1
        while self.objects.setdefault(name, target) is not target:  # two lambdas of one function, say
            number += 1
            name = f"{plain}#{number}"
        return name

    def _generator(self, generator, where):
        if id(generator) not in self._numbers:
            self._numbers[id(generator)] = len(self.generators)
            self.generators.append(_generator_state(generator, where))
        return self._numbers[id(generator)]


class Decoder:
    """Turns JSON into values, with callables taken from `objects` and never looked up."""

    def __init__(self, arrays, objects, generators):
        self._arrays, self._objects = dict(arrays), objects
        self._generators = [_make_generator(state) for state in items(generators, "generators")]
        self.used = set()  # names of objects

    def array(self, name, where):
        """Hand out an array; each once."""
        if not isinstance(name, str) or name not in self._arrays:
            raise ValueError(f"{where} names the array {name!r:.100}, which is not there, or is already in use.")
        return self._arrays.pop(name)

    def check_all_used(self):
        """Refuse arrays and references that nothing speaks of."""
        if self._arrays or self.used != set(self._objects):
            unused = sorted([*self._arrays, *(set(self._objects) - self.used)])
            raise ValueError(f"it has {unused!r:.200}, which belong to nothing.")

    def value(self, value, where):
        """The parameter that this JSON stands for."""
        if value is None or type(value) in (bool, int, float, str):
            return value
        if isinstance(value, list):
            return [self.value(item, where) for item in value]
        if len(value) != 1:
            raise ValueError(f"{where} is an object of {len(value)} keys instead of one.")
        ((kind, content),) = value.items()
        if kind == "tuple":
            return tuple(self.value(item, where) for item in items(content, where))
        if kind == "float":
            return _NON_FINITE[text(content, where, _NON_FINITE)]
        if kind == "generator":
            return self._generators[integer(content, where, 0, len(self._generators) - 1)]
        if kind == "reference":
            name = text(content, where, self._objects)
            self.used.add(name)
            return self._objects[name]
        raise ValueError(f"{where} is of the unknown type {kind!r:.100}.")


# Random generators. Their states are checked here, because NumPy does not: a position beyond its table would have it
# read memory that is not its own.

_BITS = {"has_uint32": 1, "uinteger": 32}
_PCG = {"state": {"state": 128, "inc": 128}, **_BITS}
_STATES = {  # an int is so many bits; a tuple (length, bits) a list of ints; a range its bounds
    "MT19937": {"state": {"key": (624, 32), "pos": range(625)}},
    "PCG64": _PCG,
    "PCG64DXSM": _PCG,
    "SFC64": {"state": {"state": (4, 64)}, **_BITS},
    "Philox": {
        "state": {"counter": (4, 64), "key": (2, 64)},
        "buffer": (4, 64),
        "buffer_pos": range(5),
        **_BITS,
    },
}


def _generator_state(generator, where):
    legacy = isinstance(generator, np.random.RandomState)
    state = generator.get_state(legacy=False) if legacy else generator.bit_generator.state
    name = state["bit_generator"]
    if type(generator) not in (np.random.RandomState, np.random.Generator) or name not in _STATES:
        raise TypeError(f"{where} is a {generator!r}, which cannot be saved. Use a generator of numpy.random.")
    saved = {"class": type(generator).__name__, "bit_generator": name}
    saved |= {key: _plain(value) for key, value in state.items() if key in _STATES[name]}
    if legacy:
        return saved | {"has_gauss": int(state["has_gauss"]), "gauss": float(state["gauss"])}
    sequence = generator.bit_generator.seed_seq  # what spawn() draws from
    if type(sequence) is np.random.SeedSequence:
        parts = "entropy", "spawn_key", "pool_size", "n_children_spawned"
        saved["seed_sequence"] = {part: _plain(getattr(sequence, part)) for part in parts}
    return saved


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [int(item) for item in value] if isinstance(value, (tuple, list)) else int(value)


def _make_generator(saved):
    where = "a random generator"
    if not isinstance(saved, dict):
        raise ValueError(f"{where} is no object.")
    name = text(saved.get("bit_generator"), where, _STATES)
    legacy = text(saved.get("class"), where, ("RandomState", "Generator")) == "RandomState"
    more = ("has_gauss", "gauss") if legacy else ()
    fields(saved, ("class", "bit_generator", *_STATES[name], *more), () if legacy else ("seed_sequence",), where=where)
    state = {"bit_generator": name} | {key: _checked(saved[key], kind, where) for key, kind in _STATES[name].items()}
    seed = _seed_sequence(saved["seed_sequence"], where) if "seed_sequence" in saved else 0
    bit_generator = getattr(np.random, name)(seed)
    if not legacy:
        bit_generator.state = state
        return np.random.Generator(bit_generator)
    if type(saved["gauss"]) is not float:
        raise ValueError(f"{where} has a gauss that is no float.")
    generator = np.random.RandomState(bit_generator)
    generator.set_state(state | {"has_gauss": integer(saved["has_gauss"], where, 0, 1), "gauss": saved["gauss"]})
    return generator


def _checked(value, kind, where):
    """A part of a state, of the kind that `_STATES` says."""
    if isinstance(kind, dict):
        fields(value, kind, where=where)
        return {key: _checked(value[key], part, where) for key, part in kind.items()}
    if isinstance(kind, tuple):
        length, bits = kind
        numbers = [integer(item, where, 0, 2**bits - 1) for item in items(value, where, length)]
        return np.array(numbers, dtype=f"u{bits // 8}")
    return integer(value, where, 0, kind[-1] if isinstance(kind, range) else 2**kind - 1)


def _seed_sequence(saved, where):
    fields(saved, ("entropy", "spawn_key", "pool_size", "n_children_spawned"), where=where)
    entropy = saved["entropy"]
    numbers = [integer(item, where) for item in (entropy if isinstance(entropy, list) else [entropy])]
    return np.random.SeedSequence(
        numbers if isinstance(entropy, list) else numbers[0],
        spawn_key=tuple(integer(item, where) for item in items(saved["spawn_key"], where)),
        pool_size=integer(saved["pool_size"], where, 4, 64),
        n_children_spawned=integer(saved["n_children_spawned"], where, 0, 2**32 - 1),
    )
