"""A cache of compiled networks, shared by fits and predictions of the same shape.

A network is compiled once per shape and reused: each fit sets its weights and the state of its optimizer. The `fit` and
`predict` of scikeras would compile each time. Estimators store only NumPy weights.
"""

from __future__ import annotations

import contextlib
import inspect
import threading

from . import processes
from .building import build_uncompiled, keras_settings
from .inference import Forward
from .trainer import Trainer

_SIZE = 16  # networks; enough for a typical parameter grid


def is_shared(spec):
    """Whether estimators may share networks of `spec`: not with a callable outside Keras, which may change."""
    own = [value for value in vars(spec).values() if callable(value)]
    return all((inspect.isfunction(v) or inspect.isclass(v)) and v.__module__.startswith("keras.") for v in own)


class Networks:
    """LRU cache of trainers and compiled inference, keyed by everything that determines their graph."""

    def __init__(self, size=_SIZE):
        self._size = size
        self._lock = threading.RLock()
        self._building = threading.Lock()  # so that threads that need the same network build it once
        self._trainers, self._forwards = [], []  # lists of pairs, because callables in keys need not be hashable

    @contextlib.contextmanager
    def trainer(self, spec, *, private):
        """Lend out a trainer for `spec` for exclusive use; it is discarded after an error or if `private`."""
        processes.prepare()
        key = _key(vars(spec))
        trainer = None if private else self._take(self._trainers, key)
        if trainer is None:
            trainer = Trainer(spec)
        yield trainer
        if not private:
            self._keep(self._trainers, key, trainer)
            key = _graph_key(spec)
            if self._find(self._forwards, key) is None:
                self._keep(self._forwards, key, Forward(spec, trainer.model))

    def forward(self, spec):
        """Return compiled inference for `spec`."""
        processes.prepare()
        key = _graph_key(spec)
        with self._building:
            forward = self._find(self._forwards, key)
            if forward is None:
                forward = Forward(spec, build_uncompiled(spec))
                self._keep(self._forwards, key, forward)
        return forward

    def _take(self, pairs, key):
        with self._lock:
            for i, (known, _) in enumerate(pairs):
                if known == key:
                    return pairs.pop(i)[1]
        return None

    def _find(self, pairs, key):
        with self._lock:
            value = self._take(pairs, key)
            if value is not None:
                self._keep(pairs, key, value)
        return value

    def _keep(self, pairs, key, value):
        with self._lock:
            pairs.append((key, value))
            del pairs[: -self._size]


def _key(settings):
    return settings, keras_settings()


def _graph_key(spec):
    """The key without the loss and the optimizer, which only training uses."""
    return _key({name: value for name, value in vars(spec).items() if name not in ("loss", "optimizer")})


SHARED = Networks()
