"""Plan the training and test noises of a recovery report, and the resulting tasks."""

from __future__ import annotations

import dataclasses

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import FunctionTransformer

from .._core.checks import brief, check_vector, likely, shown
from .._core.units import result_dtype
from ..noise._injector import NoiseInjector
from ..noise.kinds import KINDS

AS_TRAINED, CLEAN, OTHER_LEVEL, OTHER_KIND = "as trained", "clean", "other level", "other kind"
GIVEN = "fitted before"
LEVELS = (0.1, 0.3, 0.5)  # the default


@dataclasses.dataclass(frozen=True)
class Noise:
    """A kind of noise at a level or over a range of levels, with the injector that adds it."""

    kind: str
    level: float | tuple | None  # None for rows that are noisy already
    template: NoiseInjector | FunctionTransformer = dataclasses.field(compare=False, repr=False)

    @property
    def label(self):
        """Name in tables."""
        if self.level is None:
            return self.kind
        return f"{self.kind} {'-'.join(f'{bound:g}' for bound in np.ravel(self.level))}"

    def injector(self, data_range, seed):
        """Make an injector that always draws the same noise for the same rows."""
        if self.level is None:
            return self.template
        params = {"level": self.level, "data_range": data_range, "when": "always", "random_state": seed}
        # Overrides the user's configuration, because a data frame cannot carry the clean rows.
        return clone(self.template).set_params(**params).set_output(transform="default")

    def add(self, X, data_range, seed):
        """Add this noise to rows; at level 0 they stay clean, even if a callable kind would change them."""
        if self.level is None:
            return X
        if self.level == 0:
            return X.astype(result_dtype(X.dtype))
        return np.asarray(self.injector(data_range, seed).fit_transform(X))

    def relation(self, other):
        """Relation of the test noise `other` to this training noise."""
        if other.level == 0:
            return CLEAN
        if other.kind != self.kind:
            return OTHER_KIND
        if other == self:
            return AS_TRAINED
        return AS_TRAINED if np.min(self.level) <= other.level <= np.max(self.level) else OTHER_LEVEL


# The noise of rows that are noisy already: nothing is added, whatever the configuration of outputs.
AS_GIVEN = Noise("noisy rows", None, FunctionTransformer().set_output(transform="default"))


@dataclasses.dataclass(frozen=True)
class Task:
    """One split, seed and training noise, with the noises to test on."""

    train: np.ndarray  # indices of rows
    test: np.ndarray
    labelled: np.ndarray  # indices among the training rows
    repeat: int  # index of the repetition, below n_seeds
    seed: int
    noise: Noise
    tests: tuple
    with_given: frozenset  # those of `tests` that include denoisers passed fitted


def make_tasks(y, splits, n_labels, n_seeds, plan, rng):
    """Make the tasks, grouped by split and seed."""
    groups = []
    for train, test in splits:
        for repeat in range(n_seeds):
            seed = int(rng.randint(2**31 - 2))
            labelled = _draw_labelled(y[train], n_labels, seed)
            groups.append([Task(train, test, labelled, repeat, seed, *of_noise) for of_noise in plan])
    return groups


def _draw_labelled(y, n_labels, seed):
    if n_labels is None or n_labels == len(y):
        return np.arange(len(y))
    n_classes = len(np.unique(y))
    if not n_classes <= n_labels < len(y):
        raise ValueError(
            f"n_labels must be at least the number of classes, {n_classes}, and at most that of training rows,"
            f" {len(y)}, got {n_labels}."
        )
    if len(y) - n_labels < n_classes:  # too few rows would remain for a stratified draw
        return np.sort(np.random.RandomState(seed).permutation(len(y))[:n_labels])
    try:
        return np.sort(train_test_split(np.arange(len(y)), train_size=int(n_labels), stratify=y, random_state=seed)[0])
    except ValueError as error:
        raise ValueError(
            f"n_labels={n_labels} rows cannot be drawn from the training rows with stratification: {brief(error)} Pass"
            " n_labels=None, or drop classes with a single row."
        ) from error


def plan_noises(noises, levels, trained_on, unseen):
    """For each training noise, return it, its test noises, and those that include denoisers passed fitted."""
    if noises is None:
        _check_no_noise(levels, trained_on, unseen)
        return [(AS_GIVEN, (AS_GIVEN,), frozenset({AS_GIVEN}))]
    levels = _check_levels(levels)
    tested = [_noise(_as_injector(noise, "noises"), level) for noise in as_list(noises) for level in levels]
    if not tested or len(set(tested)) < len(tested):
        raise ValueError(f"noises and levels must be non-empty and distinct, got {shown(noises)} and {levels}.")
    if trained_on is None:
        plan = [
            (noise, (noise, _noise(noise.template, 0.0), _unseen_noise(unseen, {noise.kind}, noise.level)))
            for noise in tested
        ]
    else:
        trained = _trained(trained_on, levels)
        known = {noise.kind for noise in trained}
        tests = [*tested, _noise(tested[0].template, 0.0)]
        if unseen != "auto" or not {noise.kind for noise in tested} - known:
            tests += [_unseen_noise(unseen, known, level) for level in levels]
        plan = [(noise, tuple(dict.fromkeys(tests))) for noise in trained]
    _check_same([noise for trained, tests in plan for noise in (trained, *tests)])
    # Denoisers passed fitted are tested once per noise, in the task that trains on that noise if there is one.
    assigned, with_given = set(), []
    for noise, tests in plan:
        given = frozenset(t for t in tests if t not in assigned and (t == noise or t not in {n for n, _ in plan}))
        assigned |= given
        with_given.append((noise, tests, given))
    return with_given


def _check_no_noise(levels, trained_on, unseen):
    """Raise if an argument describes noise, although none is drawn."""
    defaults = {"levels": (levels, LEVELS), "trained_on": (trained_on, None), "unseen": (unseen, "auto")}
    for name, (value, default) in defaults.items():
        if not np.array_equal(value, default):
            raise ValueError(
                f"{name} must be left at its default, {default!r}, with noises=None, which draws no noise because the"
                f" rows are noisy already, got {shown(value)}. If X is clean, pass noises='gaussian' or other kinds."
            )


def _trained(trained_on, levels):
    """Return the training noises; a kind without a level is used at all test levels."""
    trained = []
    for noise in as_list(trained_on):
        injector = _as_injector(noise, "trained_on")
        given_levels = [injector.level] if isinstance(noise, NoiseInjector) else levels
        trained += [_noise(injector, level) for level in given_levels]
    if not trained or len(set(trained)) < len(trained) or any(noise.level in (0, (0, 0)) for noise in trained):
        raise ValueError(f"trained_on must contain distinct noises with levels above 0, got {shown(trained_on)}.")
    return trained


def _noise(injector, level):
    injector = clone(injector).set_params(level=level)._check_params()
    kind = injector.kind if isinstance(injector.kind, str) else getattr(injector.kind, "__name__", "custom noise")
    for name in ("read_noise", "blur"):
        if getattr(injector, name):
            kind += f", {name} {getattr(injector, name)}"
    return Noise(kind, tuple(map(float, level)) if isinstance(level, (tuple, list)) else float(level), injector)


def _unseen_noise(unseen, known, level):
    if isinstance(unseen, str) and unseen == "auto":
        unseen = next((kind for kind in ("salt_pepper", "gaussian", *sorted(KINDS)) if kind not in known), "gaussian")
    noise = _noise(_as_injector(unseen, "unseen"), min(level, 1.0))
    if noise.kind in known:
        raise ValueError(f"unseen must be a kind of noise that is not trained on, got {shown(unseen)}.")
    return noise


def _check_same(noises):
    """Raise if different noises have the same name, by which tables identify them."""
    known = {}
    for noise in noises:
        made = noise.template.kind, noise.template.clip, noise.template.image_shape
        if known.setdefault(noise.kind, made) != made:
            raise ValueError(
                f"noises, trained_on and unseen must not contain different noises named {noise.kind!r}. Give them the"
                " same clip and image_shape, or rename a callable."
            )


def as_list(value):
    """`value` as a list; a single object becomes a list of one."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _as_injector(noise, name):
    if isinstance(noise, NoiseInjector):
        return noise._check_params()
    if callable(noise) or (isinstance(noise, str) and noise in KINDS):
        return NoiseInjector(noise)
    raise ValueError(f"{name} must contain NoiseInjectors, callables, or kinds of noise, {likely(noise, KINDS)}")


def _check_levels(levels):
    given = check_vector([levels] if np.isscalar(levels) else levels, "levels")
    if given.min(initial=0) < 0 or not given.any():
        raise ValueError(f"levels must be fractions of the data range, at least one above 0, got {shown(levels)}.")
    return [float(level) for level in given if level > 0]
