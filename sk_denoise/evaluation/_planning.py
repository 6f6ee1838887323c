"""Which noises a recovery report trains on, and which it tests."""

from __future__ import annotations

import numpy as np

from .._core.checks import likely, shown
from .._core.units import is_real
from ..noise._injector import NoiseInjector
from ..noise.kinds import KINDS
from ._tasks import Noise


def plan_noises(noises, levels, trained_on, unseen):
    """For each training noise: itself, the noises to test, and those on which fitted denoisers are tested."""
    kinds = [_as_injector(noise, "noises") for noise in as_list(noises)]
    if not kinds:
        raise ValueError(f"noises must hold at least one kind, got {shown(noises)}.")
    levels = [float(level) for level in _check_levels(levels)]
    tested = [_noise(kind, level) for kind in kinds for level in levels]
    _check_same(tested)
    if len(set(tested)) < len(tested):
        raise ValueError(f"noises and levels must differ from each other, got {noises!r} and {levels!r}.")
    if trained_on is None:
        plan = []
        for noise in tested:
            others = _noise(noise.template, 0.0), _unseen_noise(unseen, {noise.kind}, noise.level)
            plan.append((noise, (noise, *others)))
    else:
        trained = [_noise(injector, injector.level) for injector in _trained(trained_on, levels)]
        if len(set(trained)) < len(trained) or not trained or any(noise.level in (0, (0, 0)) for noise in trained):
            raise ValueError(
                f"trained_on must hold noises that differ, each of a level above 0, got {shown(trained_on)}."
            )
        known = {noise.kind for noise in trained}
        tests = [*tested, _noise(tested[0].template, 0.0)]
        if unseen != "auto" or not {noise.kind for noise in tested} - known:
            tests += [_unseen_noise(unseen, known, level) for level in levels]
        tests = tuple(dict.fromkeys(tests))
        plan = [(noise, tests) for noise in trained]
    _check_same([noise for trained, tests in plan for noise in (trained, *tests)])
    return _assign_given(plan)


def _assign_given(plan):
    """Add to each training noise the tests of fitted denoisers: each test once, with its own training noise if any."""
    trained, owned, assigned = {noise for noise, _ in plan}, set(), []
    for noise, tests in plan:
        mine = frozenset(t for t in tests if t not in owned and (t == noise or t not in trained))
        owned |= mine
        assigned.append((noise, tests, mine))
    return assigned


def _trained(trained_on, levels):
    """Injectors to train on; a kind given by name stands for all levels tested."""
    injectors = []
    for noise in as_list(trained_on):
        if isinstance(noise, NoiseInjector):
            injectors.append(_as_injector(noise, "trained_on"))
        else:
            injectors += [_as_injector(noise, "trained_on").set_params(level=level) for level in levels]
    return injectors


def _noise(injector, level):
    injector = NoiseInjector(injector.kind, level, clip=injector.clip)
    injector._check_params()
    kind = injector.kind if isinstance(injector.kind, str) else getattr(injector.kind, "__name__", "custom noise")
    pair = isinstance(level, (tuple, list))
    return Noise(kind, tuple(float(bound) for bound in level) if pair else float(level), injector)


def _unseen_noise(unseen, known, level):
    if isinstance(unseen, str) and unseen == "auto":
        unseen = next((kind for kind in ("salt_pepper", "gaussian", *sorted(KINDS)) if kind not in known), None)
        if unseen is None:
            raise ValueError("unseen='auto' finds no kind that no denoiser is trained on. Pass a callable.")
    noise = _noise(_as_injector(unseen, "unseen"), min(level, 1.0))
    if noise.kind in known:
        raise ValueError(
            f"unseen must be a kind that no denoiser is trained on, got {shown(unseen)}. Leave it at 'auto'."
        )
    return noise


def _check_same(noises):
    """Noises of one name must be one noise, for names are what tells them apart."""
    known = {}
    for noise in noises:
        made = noise.template.kind, noise.template.clip
        if known.setdefault(noise.kind, made) != made:
            raise ValueError(
                f"noises, trained_on and unseen hold two different noises called {noise.kind!r}. Give callables names"
                " of their own, and clip all noise of a kind or none."
            )


def as_list(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _as_injector(noise, name):
    if isinstance(noise, NoiseInjector):
        return noise._check_params()
    if callable(noise) or (isinstance(noise, str) and noise in KINDS):
        return NoiseInjector(noise)
    raise ValueError(f"{name} must hold NoiseInjectors, callables or kinds: {likely(noise, KINDS)}")


def _check_levels(levels):
    given = levels
    listed = isinstance(levels, (list, tuple)) or (isinstance(levels, np.ndarray) and levels.ndim > 0)
    levels = list(levels) if listed else [levels]
    if not all(is_real(level) and level >= 0 for level in levels):
        raise ValueError(f"levels must be numbers from 0 on, fractions of the data range, got {shown(given)}.")
    levels = [level for level in levels if level > 0]
    if not levels:
        raise ValueError(
            f"levels must hold a level above 0, for without noise there is nothing to win back, got {shown(given)}."
        )
    return levels
