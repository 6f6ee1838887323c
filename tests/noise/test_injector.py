import pickle
import warnings

import joblib
import numpy as np
import pytest
import sklearn
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from sk_denoise import EstimatorDenoiser, NoiseInjector, NoisyArray
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
    "poisson_gaussian": (X0, LEVEL**2 * X0),
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


def test_rows_of_different_content_do_not_share_noise(digits):
    X = digits[0]
    injector = NoiseInjector(clip=False, random_state=0).fit(X)
    noise = injector.transform(X) - X
    assert abs(np.corrcoef(noise[0], noise[1])[0, 1]) < 0.5
    assert len(np.unique(noise.round(6), axis=0)) == len(np.unique(X, axis=0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_neither_blocks_nor_threads_show(kind, n_threads, digits, monkeypatch):
    # Poisson counts that are not drawn row by row depend on the block.
    for state in (int, np.random.RandomState) if "poisson" not in kind else (int,):
        with monkeypatch.context() as patch:
            whole = np.asarray(NoiseInjector(kind, random_state=state(1)).fit_transform(digits[0][:100]))
            patch.setattr("sk_denoise.noise._drawing._BLOCK_VALUES", 64 * 7)
            patch.setattr("sk_denoise.noise._drawing.effective_n_threads", lambda: n_threads)
            again = NoiseInjector(kind, random_state=state(1)).fit_transform(digits[0][:100])
        np.testing.assert_array_equal(again, whole)


@pytest.mark.parametrize("source", [by_content, by_chance])
@pytest.mark.parametrize(("draw", "cdf"), [("standard_normal", "norm"), ("random", "uniform")])
def test_bulk_numbers_have_the_distribution_and_no_correlations(source, draw, cdf):
    numbers = getattr(source(np.empty((1000, 999))), draw)((1000, 999))
    assert stats.kstest(numbers.ravel(), cdf).pvalue > 1e-3
    # Neighbours in a row and in a column, and the two coordinates of a point, 500 columns apart; also their squares.
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


class TestNoisyArray:
    @pytest.fixture
    def noisy(self, small):
        return NoiseInjector(random_state=0).fit_transform(small)

    def test_carries_its_source(self, noisy, small):
        assert noisy.clean is small
        assert isinstance(noisy.injector, NoiseInjector)

    def test_derived_arrays_do_not(self, noisy):
        scaled = noisy.copy()
        scaled /= 16
        for derived in (noisy[:5], noisy.copy(), noisy.astype("f4"), noisy + 1, np.clip(noisy, 0, 1), scaled):
            assert derived.clean is derived.injector is None
        assert type(noisy.mean(axis=0)) is type(noisy @ noisy.T) is np.ndarray
        assert isinstance(noisy.sum(), np.floating)

    def test_pickle_and_joblib_keep_it(self, noisy, small, tmp_path):
        joblib.dump(noisy, tmp_path / "noisy")
        for again in (pickle.loads(pickle.dumps(noisy)), joblib.load(tmp_path / "noisy")):
            assert isinstance(again, NoisyArray)
            np.testing.assert_array_equal(again, noisy)
            np.testing.assert_array_equal(again.clean, small)
            assert again.injector.get_params() == noisy.injector.get_params()

    def test_a_second_injector_tells_of_noisy_rows(self, noisy):
        for when in ("always", "transform"):
            with pytest.warns(UserWarning, match="NoiseInjector"):
                NoiseInjector("masking", when=when).fit_transform(noisy)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            NoiseInjector("masking").fit_transform(np.asarray(noisy))

    def test_the_source_has_its_shape(self, noisy, small):
        with pytest.raises(ValueError, match="clean"):
            NoisyArray(small, small.T.copy(), noisy.injector)


def test_warnings_point_at_the_line_that_calls_fit(small):
    # Fails under mutmut, which adds stack frames.
    injector = NoiseInjector(random_state=0).set_output(transform="pandas")
    for call in (injector.fit_transform, make_pipeline(injector, StandardScaler()).fit):
        with pytest.warns(UserWarning, match="set_output") as record:
            assert call(small) is not None
        assert [warning.filename for warning in record] == [__file__]


@pytest.mark.parametrize(
    "params",
    [
        *[{"level": level} for level in (-0.1, 25, (0.5, 0.1), (0.5, 5), (0.1, 0.2, 0.3), True, float("nan"))],
        {"level": 1.5, "kind": "masking"},
        {"kind": "gausian"},
        {"kind": lambda X, level, rng: X[:, :1]},
        {"kind": lambda X, level, rng: X * np.nan},
        {"data_range": (1, 0)},
    ],
)
@pytest.mark.parametrize("method", ["fit_transform", "transform"])
def test_bad_parameters(params, method, small):
    injector = NoiseInjector().fit(small).set_params(**params)
    with pytest.raises(ValueError, match=next(iter(params))):
        getattr(injector, method)(small)


def test_a_failed_fit_keeps_the_fitted_one(small):
    injector = NoiseInjector(random_state=0).fit(small)
    with pytest.raises(ValueError, match="data_range"):
        injector.fit([[-1e308, 1e308]])
    assert injector.transform(small).shape == small.shape


@pytest.mark.parametrize("make", [int, np.uint8, np.random.RandomState])
def test_equal_seeds_draw_equal_noise(make, small):
    first, again, other = (
        np.asarray(NoiseInjector(random_state=make(seed)).fit_transform(small)) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_rows_by_chance_share_no_noise():
    for injector in (NoiseInjector(clip=False), NoiseInjector(clip=False, random_state=np.random.RandomState(0))):
        noise = np.asarray(injector.fit_transform(np.zeros((1000, 16), np.float32)))
        assert len(np.unique(noise, axis=0)) == 1000


@pytest.mark.parametrize(
    ("seed", "noise"),
    [(0, [-0.31339791, -1.83115995]), (np.random.RandomState(0), [-0.31010017, 0.03993851])],
    ids=["int", "RandomState"],
)
def test_noise_of_a_seed_stays_from_version_to_version(seed, noise):
    noisy = NoiseInjector(level=1, clip=False, random_state=seed).fit_transform(np.zeros((2, 2)))
    np.testing.assert_allclose(noisy[1], noise, rtol=1e-5)


def test_rows_that_get_no_noise_are_checked_and_copied(small):
    injector = NoiseInjector(when="transform")
    assert type(injector.fit_transform(small)) is np.ndarray
    assert injector.fit_transform(small.astype("u1")).dtype == np.float32
    for call in (injector.fit_transform, NoiseInjector(when="fit").fit(small).transform):
        with pytest.raises(ValueError, match="X"):
            call(np.where(small == small[3, 3], np.nan, small))


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
        monkeypatch.setattr("sk_denoise.noise._drawing._BLOCK_VALUES", 64)
        noise = NoiseInjector(clip=False)._redraw(np.zeros((1000, 16)), np.random.default_rng(0))
        assert len(np.unique(noise, axis=0)) == 1000

    def test_callables_see_all_rows_at_once(self, monkeypatch, small):
        monkeypatch.setattr("sk_denoise.noise._drawing._BLOCK_VALUES", 64)
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


class TestCallables:
    @pytest.mark.parametrize("seed", [None, 0])
    @pytest.mark.parametrize(("level", "shape"), [(0.3, ()), ((0.1, 0.3), (1,))])
    def test_get_all_rows_or_one_and_the_level_as_documented(self, seed, level, shape, small, monkeypatch):
        monkeypatch.setattr("sk_denoise.noise._drawing._BLOCK_VALUES", 64)
        seen = []

        def kind(X, level, rng):
            seen.append((X.shape, np.shape(level)))
            rng.spawn(1)
            return X

        NoiseInjector(kind, level, random_state=seed).fit_transform(small)
        n_rows = 60 if seed is None else 1
        assert set(seen) == {((n_rows, 16), (n_rows, *shape) if shape else ())}


def test_callers_settings_hold_in_threads(monkeypatch, small):
    monkeypatch.setattr("sk_denoise.noise._drawing._BLOCK_VALUES", 64)
    monkeypatch.setattr("sk_denoise.noise._drawing.effective_n_threads", lambda: 3)
    injector = NoiseInjector(random_state=0).fit(small)
    bad = small.copy()
    bad[40, 3] = np.nan
    with pytest.raises(ValueError, match="X"):
        injector.transform(bad)
    with sklearn.config_context(assume_finite=True):
        assert np.isnan(injector.transform(bad)).sum() == 1


def test_callers_numpy_settings_hold_in_threads(monkeypatch):
    monkeypatch.setattr("sk_denoise.noise._drawing._BLOCK_VALUES", 64)
    monkeypatch.setattr("sk_denoise.noise._drawing.effective_n_threads", lambda: 2)
    injector = NoiseInjector(data_range=(0, 1e-30), clip=False, random_state=0).fit(np.zeros((60, 16)))
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        injector.transform(np.full((60, 16), 1e300))
    with np.errstate(over="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        assert np.isinf(injector.transform(np.full((60, 16), 1e300))).all()


def test_poisson_counts_that_do_not_fit():
    X = np.array([[1e20, 0.5]])
    injector = NoiseInjector("poisson", data_range=(0, 1), random_state=0).fit(X)
    with pytest.raises(ValueError, match="X"):
        injector.transform(X)
    NoiseInjector("poisson", random_state=0).fit_transform(np.ones((2, 3), dtype=np.longdouble))


def test_poisson_gaussian_has_the_variance_of_both():
    X = np.random.default_rng(0).random((200, 900)) * 0.2 + 0.4
    injector = NoiseInjector("poisson_gaussian", 0.1, read_noise=0.05, clip=False, data_range=(0, 1), random_state=0)
    noise = np.asarray(injector.fit_transform(X)) - X
    assert abs(noise.mean()) < 5 * noise.std() / np.sqrt(noise.size)
    assert noise.var() == pytest.approx(0.1**2 * X.mean() + 0.05**2, rel=0.02)
    bright = X > 0.55
    assert noise[bright].var() == pytest.approx(0.1**2 * X[bright].mean() + 0.05**2, rel=0.05)


def test_read_noise_alone_is_gaussian_noise():
    X = np.full((100, 100), 0.5)
    injector = NoiseInjector("poisson_gaussian", 0, read_noise=0.1, data_range=(0, 1), clip=False, random_state=0)
    noisy = injector.fit_transform(X + np.arange(100)[:, np.newaxis] / 1000)
    assert noisy.clean is not None
    assert (np.asarray(noisy) - noisy.clean).std() == pytest.approx(0.1, rel=0.05)


def _correlation(noise, axis):
    """Correlation of neighbours along an axis of images."""
    first, second = (np.take(noise, range(start, noise.shape[axis] - 1 + start), axis) for start in (0, 1))
    return float(np.mean(first * second) / noise.var())


@pytest.mark.parametrize("kind", ["gaussian", "speckle", "rician"])
@pytest.mark.parametrize("state", [0, None])
def test_blurred_noise_keeps_its_moments_and_is_correlated_as_the_blur_says(kind, state):
    rng = np.random.default_rng(0)
    X = np.repeat(rng.random((300, 1)), 20 * 30, axis=1) * 0.2 + 0.6
    params = {"level": 0.1, "clip": False, "data_range": (0, 1), "random_state": state}
    white = np.asarray(NoiseInjector(kind, **params).fit_transform(X)) - X
    blurred = np.asarray(NoiseInjector(kind, blur=(0.7, 0), image_shape=(20, 30), **params).fit_transform(X)) - X
    assert blurred.mean() == pytest.approx(white.mean(), abs=0.003)  # seven standard errors
    assert blurred.std() == pytest.approx(white.std(), rel=0.02)
    images = (blurred - blurred.mean()).reshape(-1, 20, 30)
    # The autocorrelation of noise blurred by a Gaussian is a Gaussian, here sampled, of twice its variance.
    assert _correlation(images, 1) == pytest.approx(np.exp(-1 / (4 * 0.7**2)), abs=0.03)
    assert abs(_correlation(images, 2)) < 0.02


def test_noise_of_channels_is_blurred_separately():
    X = np.random.default_rng(0).random((100, 12 * 12 * 3)) / 100 + 0.5
    injector = NoiseInjector(level=0.1, blur=1, image_shape=(12, 12, 3), clip=False, data_range=(0, 1), random_state=0)
    noise = (np.asarray(injector.fit_transform(X)) - X).reshape(100, 12, 12, 3)
    assert _correlation(noise, 1) > 0.7 and _correlation(noise, 2) > 0.7 and abs(_correlation(noise, 3)) < 0.05


def test_blurred_noise_of_a_row_depends_on_the_row_alone(digits):
    X = digits[0][:50]
    injector = NoiseInjector(blur=0.7, random_state=0).fit(digits[0])
    np.testing.assert_array_equal(injector.transform(X)[::-1], injector.transform(X[::-1]))


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"kind": "masking", "blur": 1}, "blur"),
        ({"kind": lambda X, level, rng: X, "blur": 1}, "blur"),
        ({"blur": -1}, "blur"),
        ({"blur": (1, 2, 3)}, "blur"),
        ({"blur": "much"}, "blur"),
        ({"blur": 1, "image_shape": (7, 7)}, "image_shape"),
        ({"read_noise": 0.1}, "read_noise"),
        ({"kind": "poisson_gaussian", "read_noise": -1}, "read_noise"),
    ],
)
def test_parameters_of_other_kinds_and_wrong_values_raise(params, name, digits):
    with pytest.raises(ValueError, match=name):
        NoiseInjector(**params).fit(digits[0])


def test_blur_of_rows_that_are_no_squares_needs_their_shape():
    with pytest.raises(ValueError, match="image_shape"):
        NoiseInjector(blur=1).fit(np.random.default_rng(0).random((5, 15)))
    NoiseInjector(blur=1, image_shape=(3, 5)).fit_transform(np.random.default_rng(0).random((5, 15)))


def test_denoisers_are_trained_and_scored_on_blurred_noise(digits):
    X = digits[0][:600]
    white, blurred = (NoiseInjector(level=0.3, blur=blur, random_state=0) for blur in (0, 1))
    for noise in (white, blurred):
        denoiser = EstimatorDenoiser(Ridge(), noise=noise, n_draws=10, random_state=0).fit(X)
        other = blurred if noise is white else white
        own, unlike = (denoiser.score(injector.fit_transform(X)) for injector in (noise, other))
        assert denoiser.score(X) == pytest.approx(own, abs=0.3)
        assert own > unlike or noise is blurred  # white noise is easier for both
