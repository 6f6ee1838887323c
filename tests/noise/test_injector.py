import pickle
import warnings

import joblib
import numpy as np
import pytest
import sklearn
from scipy import stats
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from sk_denoise import NoiseInjector, NoisyArray
from sk_denoise.noise._injector import _blocks
from sk_denoise.noise._streams import RowStreams, key_multipliers, row_keys
from sk_denoise.noise.kinds import KINDS

N = 1_000_000
X0 = 0.3
LEVEL = 0.2


def rician_mean(x, level):
    from scipy.special import ive

    t = x**2 / (4 * level**2)
    return level * np.sqrt(np.pi / 2) * ((1 + 2 * t) * ive(0, t) + 2 * t * ive(1, t))


MOMENTS = {
    "gaussian": (X0, LEVEL**2),
    "uniform": (X0, LEVEL**2 / 3),
    "speckle": (X0, (LEVEL * X0) ** 2),
    "salt_pepper": (0.8 * X0 + 0.1, 0.8 * X0**2 + 0.1 - (0.8 * X0 + 0.1) ** 2),
    "masking": (0.8 * X0, 0.2 * 0.8 * X0**2),
    "poisson": (X0, LEVEL**2 * X0),
    "rician": (rician_mean(X0, LEVEL), X0**2 + 2 * LEVEL**2 - rician_mean(X0, LEVEL) ** 2),
}


def by_content(X):
    streams = RowStreams(by_row=True)
    rows = np.arange(X.size).reshape(X.shape)
    streams.restart(row_keys(rows, key_multipliers(7, X.shape[1]), streams.buffer))
    return streams


def by_chance(X):
    streams = RowStreams(by_row=False)
    streams.restart(np.random.default_rng(0).integers(0, 2**64, len(X), dtype=np.uint64))
    return streams


def numpy_generator(X):
    return np.random.default_rng(0)


@pytest.mark.parametrize("source", [numpy_generator, by_content, by_chance])
@pytest.mark.parametrize("kind", KINDS)
def test_moments_match_the_closed_form(kind, source):
    X = np.full((N // 1000, 1000), X0)
    noisy = KINDS[kind](X, LEVEL, source(X))
    mean, variance = MOMENTS[kind]
    assert abs(noisy.mean() - mean) < 5 * np.sqrt(variance / N)
    assert noisy.var() == pytest.approx(variance, rel=0.02)
    assert (X == X0).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", [0, (0, 0)])
def test_level_zero_is_no_noise_and_a_plain_array(kind, level, digits):
    X = digits[0][:20]
    noisy = NoiseInjector(kind, level, random_state=0).fit_transform(X)
    assert type(noisy) is np.ndarray
    np.testing.assert_array_equal(noisy, X)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("units", [1 / 16, 1, 4096.0])
def test_level_is_a_fraction_of_the_range(kind, units, digits):
    X = digits[0][:50]
    reference = NoiseInjector(kind, 0.4, random_state=3).fit_transform(X)
    np.testing.assert_allclose(NoiseInjector(kind, 0.4, random_state=3).fit_transform(X * units), reference * units)


@pytest.mark.parametrize("kind", [*KINDS, lambda X, level, rng: X + level * rng.standard_normal(X.shape)])
@pytest.mark.parametrize("level", [0.5, (0.1, 0.6)])
def test_seeded_noise_depends_on_the_rows_content_alone(kind, level, digits):
    X = digits[0][:40]
    injector = NoiseInjector(kind, level, random_state=5).fit(X)
    noisy = np.asarray(injector.transform(X))
    order = np.random.default_rng(0).permutation(40)
    np.testing.assert_array_equal(noisy, injector.transform(X))
    np.testing.assert_array_equal(noisy[order], injector.transform(X[order]))
    np.testing.assert_array_equal(noisy[7:9], injector.transform(np.asfortranarray(X[7:9])))
    assert not np.array_equal(noisy, clone(injector).set_params(random_state=6).fit(X).transform(X))


def test_rows_of_different_content_do_not_share_noise(digits):
    X = digits[0]
    injector = NoiseInjector(clip=False, random_state=0).fit(X)
    noise = injector.transform(X) - X
    assert abs(np.corrcoef(noise[0], noise[1])[0, 1]) < 0.5
    assert len(np.unique(noise.round(6), axis=0)) == len(np.unique(X, axis=0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_neither_blocks_nor_threads_show(kind, n_threads, digits, monkeypatch):
    X = digits[0][:100]
    whole = np.asarray(NoiseInjector(kind, random_state=0).fit_transform(X))
    monkeypatch.setattr("sk_denoise.noise._injector._BLOCK_VALUES", 64 * 7)
    monkeypatch.setattr("sk_denoise.noise._injector.effective_n_threads", lambda: n_threads)
    np.testing.assert_array_equal(NoiseInjector(kind, random_state=0).fit_transform(X), whole)


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (1000, 1000), (5, 2**18), (5, 2**18 + 1), (2**18 + 1, 1)])
def test_blocks_share_out_the_rows(shape):
    blocks = [np.arange(shape[0])[rows] for rows in _blocks(shape)]
    np.testing.assert_array_equal(np.concatenate([*blocks, np.arange(0)]), np.arange(shape[0]))
    assert all(len(rows) == 1 or len(rows) * shape[1] <= 2**18 for rows in blocks)
    assert len(blocks) <= max(1, -(-shape[0] * shape[1] // 2**17))


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"poisson"}))
def test_blocks_do_not_show_in_noise_from_a_random_state(kind, digits, monkeypatch):
    X = digits[0][:100]
    whole = np.asarray(NoiseInjector(kind, random_state=np.random.RandomState(1)).fit_transform(X))
    monkeypatch.setattr("sk_denoise.noise._injector._BLOCK_VALUES", 64 * 7)
    again = NoiseInjector(kind, random_state=np.random.RandomState(1)).fit_transform(X)
    np.testing.assert_array_equal(again, whole)


@pytest.mark.parametrize("source", [by_content, by_chance])
@pytest.mark.parametrize(("draw", "cdf"), [("standard_normal", "norm"), ("random", "uniform")])
def test_bulk_numbers_have_the_distribution_and_no_correlations(source, draw, cdf):
    numbers = getattr(source(np.empty((1000, 999))), draw)((1000, 999))
    assert stats.kstest(numbers.ravel(), cdf).pvalue > 1e-3
    # Beside, below, and the two coordinates of one point, which lie 500 columns apart; of squares too.
    for values in (numbers, numbers**2):
        pairs = [(values[:, 1:], values[:, :-1]), (values[1:], values[:-1]), (values[:, 500:], values[:, :499])]
        for a, b in pairs:
            assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 5 / np.sqrt(a.size)


def test_two_draws_of_a_stream_differ_and_restart_repeats_them():
    streams = by_chance(np.empty((3, 5)))
    first, second = streams.random((3, 5)).copy(), streams.random((3, 5)).copy()
    assert len(np.unique([first, second])) == 30
    streams.restart(streams._keys)
    np.testing.assert_array_equal(streams.random((3, 5)), first)


def test_keys_of_coarse_and_constant_rows_all_differ():
    rows = [np.zeros((1, 64)), np.full((1, 64), 0.5), np.ones((1, 64)), np.eye(64), np.eye(64) / 2, 1 - np.eye(64)]
    rows = np.unique(np.concatenate([*rows, np.tril(np.ones((64, 64)))]), axis=0)
    keys = row_keys(rows, key_multipliers(0, 64), RowStreams(by_row=True).buffer)
    assert len(np.unique(keys)) == len(rows)
    negative_zeros = np.where(rows == 0, -0.0, rows).astype(np.float32)
    np.testing.assert_array_equal(
        keys, row_keys(negative_zeros, key_multipliers(0, 64), RowStreams(by_row=True).buffer)
    )


@pytest.mark.parametrize("make", [lambda: None, lambda: np.random.RandomState(0)])
def test_without_int_seed_noise_is_fresh(make, small):
    injector = NoiseInjector(random_state=make()).fit(small)
    assert not np.array_equal(injector.transform(small), injector.transform(small))


def test_global_random_state_is_not_touched(small):
    before = np.random.get_state()[1].copy()
    NoiseInjector().fit_transform(small)
    NoiseInjector(random_state=0).fit_transform(small)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize(
    ("when", "at_fit", "later"), [("always", True, True), ("fit", True, False), ("transform", False, True)]
)
def test_when(when, at_fit, later, small):
    injector = NoiseInjector(when=when, random_state=0)
    for noisy, expected in ((injector.fit_transform(small), at_fit), (injector.transform(small), later)):
        assert isinstance(noisy, NoisyArray) == expected
        assert np.array_equal(noisy, small) != expected
        assert noisy is not small


@pytest.mark.parametrize(
    ("dtype", "out"), [("f4", "f4"), ("f8", "f8"), ("u1", "f4"), ("i8", "f4"), (">f8", "f8"), ("?", "f4"), ("f2", "f2")]
)
def test_dtypes(dtype, out, digits):
    X = digits[0][:9].astype(dtype)
    before = X.copy()
    noisy = NoiseInjector(random_state=0).fit_transform(X)
    assert noisy.dtype == np.dtype(out)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("clip", [True, False])
def test_float16_is_rounded_once(clip):
    X = np.random.default_rng(0).uniform(0, 10, (50, 9)).astype(np.float16)
    injector = NoiseInjector(level=0.3, data_range=(0, 10), clip=clip, random_state=0).fit(X)
    single = np.asarray(injector.transform(X.astype(np.float32)))
    np.testing.assert_array_equal(injector.transform(X), single.astype(np.float16))


def test_auto_range():
    def read(X):
        return NoiseInjector().fit(np.asarray(X)).data_range_

    assert read([[0.2, 0.7]]) == (0, 1)
    assert read(np.array([[3, 90]], dtype=np.uint8)) == (0, 255)
    assert read([[-3.0, 5.0]]) == (-3, 5)
    assert read([[7.0, 7.0]]) == (7, 8)


def test_clip_stays_in_range_and_no_clip_leaves_it(digits):
    X = digits[0]
    clipped = NoiseInjector(random_state=0).fit_transform(X)
    assert clipped.min() == 0 and clipped.max() == 16
    assert NoiseInjector(clip=False, random_state=0).fit_transform(X).min() < 0


class TestNoisyArray:
    @pytest.fixture
    def noisy(self, small):
        return NoiseInjector(random_state=0).fit_transform(small)

    def test_carries_its_source(self, noisy, small):
        assert noisy.clean is small
        assert isinstance(noisy.injector, NoiseInjector)

    @pytest.mark.parametrize(
        "derive",
        [lambda a: a[:5], lambda a: a.copy(), lambda a: a.astype("f4"), lambda a: a + 1, lambda a: np.asarray(a)],
        ids=["slice", "copy", "cast", "arithmetic", "asarray"],
    )
    def test_derived_arrays_do_not(self, noisy, derive):
        assert getattr(derive(noisy), "clean", None) is None
        assert noisy.clean is not None

    def test_pickle_and_joblib_keep_it(self, noisy, small, tmp_path):
        joblib.dump(noisy, tmp_path / "noisy")
        for again in (pickle.loads(pickle.dumps(noisy)), joblib.load(tmp_path / "noisy")):
            assert isinstance(again, NoisyArray)
            np.testing.assert_array_equal(again, noisy)
            np.testing.assert_array_equal(again.clean, small)
            assert again.injector.get_params() == noisy.injector.get_params()

    def test_results_of_arithmetic_are_plain(self, noisy):
        assert type(noisy + 1) is type(noisy > 0) is np.ndarray
        assert isinstance(noisy.sum(), np.floating)


def test_warnings_point_at_the_line_that_calls_fit(small):
    # Not under mutmut, whose own frames lie between.
    injector = NoiseInjector(random_state=0).set_output(transform="pandas")
    for call in (injector.fit_transform, make_pipeline(injector, StandardScaler()).fit):
        with pytest.warns(UserWarning, match="set_output") as record:
            assert call(small) is not None
        assert [warning.filename for warning in record] == [__file__]


@pytest.mark.parametrize(
    "params",
    [
        {"kind": "gausian"},
        {"kind": 3},
        {"kind": lambda X, level, rng: X[:, :1]},
        {"kind": lambda X, level, rng: X * np.nan},
        {"level": -0.1},
        {"level": 25},
        {"level": "high"},
        {"level": (0.5, 0.1)},
        {"level": (0.5, 5)},
        {"level": (0.1, 0.2, 0.3)},
        {"level": (0.1,)},
        {"level": {0.1, 0.2}},
        {"level": float("nan")},
        {"level": True},
        {"level": 1.5, "kind": "masking"},
        {"when": "never"},
        {"when": ["fit"]},
        {"data_range": (1, 0)},
        {"data_range": "uint8"},
        {"clip": "yes"},
        {"clip": 1},
        {"random_state": 2**32},
        {"random_state": -1},
        {"random_state": 1.5},
        {"random_state": np.random.default_rng(0)},
    ],
)
@pytest.mark.parametrize("method", ["fit_transform", "transform"])
def test_bad_parameters(params, method, small):
    injector = NoiseInjector().fit(small).set_params(**params)
    with pytest.raises(ValueError, match=next(iter(params))):
        getattr(injector, method)(small)


def test_the_likely_kind_is_named(small):
    with pytest.raises(ValueError, match="'gaussian'"):
        NoiseInjector("gausian").fit(small)


def test_a_failed_fit_keeps_the_fitted_one(small):
    injector = NoiseInjector(random_state=0).fit(small)
    with pytest.raises(ValueError, match="data_range"):
        injector.fit([[-1e308, 1e308]])
    assert injector.transform(small).shape == small.shape


@pytest.mark.parametrize(
    ("noisy", "clean", "injector", "name"),
    [
        ([[1.0]], np.ones((1, 1)), NoiseInjector(), "noisy"),
        (np.ones((1, 1)), [[1.0]], NoiseInjector(), "clean"),
        (np.ones((2, 3)), np.ones((3, 2)), NoiseInjector(), "clean"),
        (np.ones((1, 1)), np.ones((1, 1)), "masking", "injector"),
    ],
)
def test_no_noisy_array_of_anything_else(noisy, clean, injector, name):
    with pytest.raises(ValueError, match=name):
        NoisyArray(noisy, clean, injector)


@pytest.mark.parametrize("dtype", ["?", "i4", "u1", "f4"])
def test_noisy_arrays_of_any_numbers(dtype):
    rows, injector = np.ones((2, 3), dtype), NoiseInjector()
    noisy = NoisyArray(rows, rows, injector)
    assert noisy.clean is rows and noisy.injector is injector and noisy.dtype == rows.dtype


def test_rows_by_chance_share_no_noise():
    for injector in (NoiseInjector(clip=False), NoiseInjector(clip=False, random_state=np.random.RandomState(0))):
        noise = np.asarray(injector.fit_transform(np.zeros((1000, 16), np.float32)))
        assert len(np.unique(noise, axis=0)) == 1000


def test_random_states_of_equal_state_draw_equal_noise(small):
    first, again, other = (
        np.asarray(NoiseInjector(random_state=np.random.RandomState(seed)).fit_transform(small)) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("seed", "noise"),
    [(0, [-0.31339791, -1.83115995]), (np.random.RandomState(0), [-0.31010017, 0.03993851])],
    ids=["int", "RandomState"],
)
def test_noise_of_a_seed_stays_from_version_to_version(seed, noise):
    noisy = NoiseInjector(level=1, clip=False, random_state=seed).fit_transform(np.zeros((2, 2)))
    np.testing.assert_allclose(noisy[1], noise, rtol=1e-5)


@pytest.mark.parametrize("when", ["always", "fit"])
def test_transform_takes_rows_like_those_of_fit(when, small):
    with pytest.raises(NotFittedError):
        NoiseInjector().transform(small)
    injector = NoiseInjector(when=when).fit(small)
    for rows in (small[:, :15], np.where(small == small[3, 3], np.nan, small)):
        with pytest.raises(ValueError, match="X"):
            injector.transform(rows)


def test_plain_rows_are_checked_and_copied(small):
    injector = NoiseInjector(when="transform")
    assert type(injector.fit_transform(small)) is np.ndarray
    assert injector.fit_transform(small.astype("u1")).dtype == np.float32
    with pytest.raises(ValueError, match="X"):
        injector.fit_transform([[np.nan]])


class TestRedraw:
    @pytest.mark.parametrize("kind", KINDS)
    def test_is_noise_of_the_level_clipped_where_wished(self, kind):
        unit = np.full((500, 400), X0)
        mean, variance = MOMENTS[kind]
        noisy = NoiseInjector(kind, LEVEL, clip=False)._redraw(unit, np.random.default_rng(0))
        assert noisy.mean() == pytest.approx(mean, abs=6 * np.sqrt(variance / unit.size))
        assert noisy.var() == pytest.approx(variance, rel=0.03)
        clipped = NoiseInjector(kind, LEVEL)._redraw(unit, np.random.default_rng(0))
        np.testing.assert_array_equal(clipped, np.clip(noisy, 0, 1))
        assert not np.array_equal(clipped, NoiseInjector(kind, LEVEL)._redraw(unit, np.random.default_rng(1)))

    def test_rows_share_no_noise(self, monkeypatch):
        monkeypatch.setattr("sk_denoise.noise._injector._BLOCK_VALUES", 64)
        noise = NoiseInjector(clip=False)._redraw(np.zeros((1000, 16)), np.random.default_rng(0))
        assert len(np.unique(noise, axis=0)) == 1000

    def test_callables_see_all_rows_at_once(self, monkeypatch, small):
        monkeypatch.setattr("sk_denoise.noise._injector._BLOCK_VALUES", 64)
        shapes = []
        injector = NoiseInjector(lambda X, level, rng: shapes.append((X.shape, level)) or X, 0.25)
        np.testing.assert_array_equal(injector._redraw(small, np.random.default_rng(0)), small)
        assert shapes == [(small.shape, 0.25)]

    def test_parameters_are_checked(self):
        with pytest.raises(ValueError, match="level"):
            NoiseInjector(level=9)._redraw(np.ones((1, 1)), np.random.default_rng(0))


def test_tags():
    tags = [get_tags(NoiseInjector(random_state=state)) for state in (None, np.random.RandomState(0), 0)]
    assert [tag.non_deterministic for tag in tags] == [True, True, False]
    assert tags[0].transformer_tags.preserves_dtype == ["float64", "float32"]


@pytest.mark.parametrize("level", [0, (0, 0), (0.3, 0.3), 1, (0, 4), [0.1, 0.2], np.float32(0.5)])
def test_good_levels(level, small):
    assert NoiseInjector(level=level).fit_transform(small).shape == small.shape


@pytest.mark.parametrize("seed", [0, 2**32 - 1, np.uint8(3)])
def test_good_seeds(seed, small):
    one, other = (NoiseInjector(random_state=seed).fit_transform(small) for _ in range(2))
    np.testing.assert_array_equal(one, other)


class TestCallables:
    @pytest.mark.parametrize("seed", [None, 0])
    @pytest.mark.parametrize(("level", "shape"), [(0.3, ()), ((0.1, 0.3), (1,))])
    def test_get_the_level_in_the_form_that_is_documented(self, seed, level, shape, small):
        seen = []

        def kind(X, level, rng):
            seen.append((X.shape, np.shape(level)))
            rng.spawn(1)
            return X

        NoiseInjector(kind, level, random_state=seed).fit_transform(small)
        n_rows = 60 if seed is None else 1
        assert set(seen) == {((n_rows, 16), (n_rows, *shape) if shape else ())}

    def test_see_all_rows_at_once(self, monkeypatch, small):
        monkeypatch.setattr("sk_denoise.noise._injector._BLOCK_VALUES", 64)
        shapes = []
        NoiseInjector(lambda X, level, rng: shapes.append(X.shape) or X).fit_transform(small)
        assert shapes == [small.shape]


@pytest.mark.parametrize("data_range", [(0, 0.3), (-1000, 3000), "auto"])
def test_neither_dtype_nor_units_change_seeded_noise(data_range):
    X = np.random.default_rng(0).uniform(0, 0.3, (50, 9)).astype(np.float32)
    injector = NoiseInjector(level=0.3, data_range=data_range, clip=False, random_state=0).fit(X)
    noise = injector.transform(X) - X
    np.testing.assert_allclose(injector.transform(X.astype(np.float64)) - X, noise, atol=1e-3 if X.max() < 1 else 1)
    if data_range == (0, 0.3):
        other = NoiseInjector(level=0.3, data_range=(0, 0.9), clip=False, random_state=0).fit(X)
        np.testing.assert_allclose((other.transform(X.astype(np.float64) * 3) / 3) - X, noise, atol=1e-3)


def test_callers_settings_hold_in_threads(monkeypatch, small):
    monkeypatch.setattr("sk_denoise.noise._injector._BLOCK_VALUES", 64)
    monkeypatch.setattr("sk_denoise.noise._injector.effective_n_threads", lambda: 3)
    injector = NoiseInjector(random_state=0).fit(small)
    bad = small.copy()
    bad[40, 3] = np.nan
    with pytest.raises(ValueError, match="X"):
        injector.transform(bad)
    with sklearn.config_context(assume_finite=True):
        assert np.isnan(injector.transform(bad)).sum() == 1


def test_callers_numpy_settings_hold_in_threads(monkeypatch):
    monkeypatch.setattr("sk_denoise.noise._injector._BLOCK_VALUES", 64)
    monkeypatch.setattr("sk_denoise.noise._injector.effective_n_threads", lambda: 2)
    injector = NoiseInjector(data_range=(0, 1e-30), clip=False, random_state=0).fit(np.zeros((60, 16)))
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        injector.transform(np.full((60, 16), 1e300))
    with np.errstate(over="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isinf(injector.transform(np.full((60, 16), 1e300))).all()


def test_poisson_counts_that_do_not_fit():
    X = np.array([[1e20, 0.5]])
    injector = NoiseInjector("poisson", data_range=(0, 1), random_state=0).fit(X)
    with pytest.raises(ValueError, match="X"):
        injector.transform(X)
    NoiseInjector("poisson", random_state=0).fit_transform(np.ones((2, 3), dtype=np.longdouble))
