"""Properties that hold for any images: dtypes, memory layouts, orders, chunks and units."""

import numpy as np
import pytest
from helpers import quick
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from strategies import FEW, FLOATS, PROPERTIES, Images, cuts, images, layouts, out_dtype, powers_of_two, units

from sk_denoise import EstimatorDenoiser, ImageFilter, NoiseInjector
from sk_denoise._core.units import from_unit, resolve_data_range, to_unit
from sk_denoise.denoisers._targets import find_target
from sk_denoise.metrics import image_errors, psnr, ssim
from sk_denoise.noise.kinds import KINDS, PROBABILITY_KINDS

pytestmark = pytest.mark.slow


def checkerboard(X, level, rng):
    """A custom kind of noise."""
    return X + level * rng.choice([-1, 1], X.shape)


@st.composite
def injectors(draw, kinds=(*KINDS, checkerboard)):
    """Seeded injectors of each kind, at any level, without a data range."""
    kind = draw(st.sampled_from(kinds))
    bounds = st.floats(0, 1 if kind in PROBABILITY_KINDS else 4)
    level = draw(st.one_of(bounds, st.tuples(bounds, bounds).map(sorted).map(tuple)))
    return NoiseInjector(kind, level, clip=draw(st.booleans()), random_state=draw(st.integers(0, 2**32 - 1)))


def with_range(injector, data_range):
    return injector.set_params(data_range=data_range)


class TestNoise:
    @PROPERTIES
    @given(images(), injectors(), layouts)
    def test_shape_dtype_and_range_and_the_input_stays(self, given, injector, layout):
        X = layout(given.X)
        before = np.array(X)
        noisy = with_range(injector, given.data_range).fit_transform(X)
        assert noisy.shape == given.X.shape and noisy.dtype == out_dtype(np.asarray(X).dtype)
        np.testing.assert_array_equal(np.array(X), before)
        assert np.isfinite(noisy).all()
        if injector.clip and injector.level != 0:
            low, high = given.data_range
            slack = given.rounding()
            assert noisy.min() >= low - slack and noisy.max() <= high + slack

    @PROPERTIES
    @given(st.data(), images(), injectors(), layouts)
    def test_neither_order_nor_chunks_nor_layout_show_a_bit(self, data, given, injector, layout):
        injector = with_range(injector, given.data_range).fit(given.X)
        noisy = np.asarray(injector.transform(given.X))
        for rows in data.draw(cuts(len(given.X))):
            np.testing.assert_array_equal(injector.transform(layout(given.X[rows])), noisy[rows])

    @PROPERTIES
    @given(images(("f8", ">f8", "f4")), injectors(), powers_of_two)
    def test_units_in_are_units_out(self, given, injector, factor):
        assume(1e-30 < given.width < 1e24 and 1e-30 < given.width * factor < 1e24)
        noisy = np.asarray(with_range(injector, given.data_range).fit_transform(given.X))
        scaled = with_range(injector, tuple(bound * factor for bound in given.data_range))
        expected = noisy * noisy.dtype.type(factor)
        tiny = np.finfo(noisy.dtype).tiny * 8  # below, precision is lost
        np.testing.assert_allclose(
            scaled.fit_transform(given.X * given.X.dtype.type(factor)), expected, rtol=0, atol=tiny
        )

    @PROPERTIES
    @given(images(("f4",)), injectors(sorted(set(KINDS) - {"poisson", "poisson_gaussian"})))
    def test_float32_and_float64_get_the_same_noise(self, given, injector):
        # Up to rounding; Poisson counts may change by one if a mean is rounded differently.
        injector = with_range(injector, given.data_range).fit(given.X)
        single, double = injector.transform(given.X), injector.transform(given.X.astype(float))
        np.testing.assert_allclose(single, double, rtol=1e-5, atol=2e-5 * given.width + given.rounding())

    @PROPERTIES
    @given(images(), injectors(), st.integers(0, 9))
    def test_redrawn_noise_keeps_shape_and_dtype_and_range(self, given, injector, seed):
        unit = to_unit(given.X, given.data_range)
        before = unit.copy()
        noisy = injector._redraw(unit, np.random.default_rng(seed))
        assert noisy.shape == unit.shape and noisy.dtype == unit.dtype and np.isfinite(noisy).all()
        np.testing.assert_array_equal(unit, before)
        if injector.clip:
            assert noisy.min() >= 0 and noisy.max() <= 1


def test_what_a_dtype_does_not_hold_is_an_error():
    injector = NoiseInjector(level=4, data_range=(-6e4, 6e4), clip=False, random_state=0)
    with pytest.raises(ValueError, match="float16"):
        injector.fit_transform(np.zeros((5, 9), dtype=np.float16))
    assert np.isfinite(injector.fit_transform(np.zeros((5, 9)))).all()


def test_a_range_holds_for_its_own_rounding():
    """Float32 and float16 rows at the ends of a range given in float64 count as inside it."""
    for dtype in (np.float16, np.float32, np.float64):
        X = np.array([[123.45, 124.46], [124.46, 123.45]]).astype(dtype)
        assert np.isfinite(EstimatorDenoiser(PCA(1), data_range=(123.45, 124.46)).fit(X).transform(X)).all()


class TestUnits:
    @PROPERTIES
    @given(images(), layouts)
    def test_there_and_back(self, given, layout):
        unit = to_unit(np.asarray(layout(given.X)), given.data_range)
        assert unit.dtype == np.promote_types(out_dtype(given.X.dtype), np.float32)
        slack = given.rounding(unit.dtype) / given.width
        assert unit.min() >= -slack and unit.max() <= 1 + slack
        back = np.empty(given.X.shape, out_dtype(given.X.dtype))
        from_unit(unit, given.data_range, out=back)
        np.testing.assert_allclose(back, given.X.astype(unit.dtype), rtol=0, atol=given.rounding())

    @PROPERTIES
    @given(images())
    def test_auto_range_covers_the_rows_and_has_a_width(self, given):
        low, high = resolve_data_range("auto", given.X)
        assert low <= float(given.X.min()) and float(given.X.max()) <= high
        assert low < high < np.inf and high - low > 0
        unit = to_unit(given.X, (low, high))
        assert np.isfinite(unit).all() and unit.min() >= -1e-5 and unit.max() <= 1 + 1e-5


@st.composite
def pairs(draw, dtypes=FLOATS, shape=None):
    """Clean rows, other rows of the same shape up to three widths away, and the range of the clean rows."""
    given = draw(images(dtypes, shape))
    error = draw(units(given.X.shape)) * draw(st.sampled_from([0.0, 1e-3, 3.0]))
    with np.errstate(over="ignore"):  # the maximum of float16 is 65,504
        X_pred = np.nan_to_num((given.X.astype(float) + error * given.width).astype(given.X.dtype))
    return given, X_pred


class TestMetrics:
    @PROPERTIES
    @given(pairs((*FLOATS, "u1", "i2", "?")), layouts)
    def test_layouts_do_not_show_and_nothing_is_nan(self, pair, layout):
        given, X_pred = pair
        score = psnr(given.X, X_pred, data_range=given.data_range)
        assert isinstance(score, float) and not np.isnan(score)
        assert psnr(layout(given.X), layout(X_pred), data_range=given.data_range) == score

    @PROPERTIES
    @given(st.data(), pairs())
    def test_errors_are_symmetric_and_of_each_row_alone(self, data, pair):
        given, X_pred = pair
        errors = image_errors(given.X, X_pred, given.data_range)
        np.testing.assert_array_equal(errors, image_errors(X_pred, given.X, given.data_range))
        for rows in data.draw(cuts(len(given.X))):
            np.testing.assert_array_equal(image_errors(given.X[rows], X_pred[rows], given.data_range), errors[rows])

    @PROPERTIES
    @given(st.data(), pairs())
    def test_psnr_pools_the_errors_and_a_whole_weight_is_that_many_copies(self, data, pair):
        given, X_pred = pair
        weights = data.draw(st.lists(st.integers(0, 3), min_size=len(given.X), max_size=len(given.X)).filter(any))
        rows = np.repeat(np.arange(len(given.X)), weights)
        score = psnr(given.X, X_pred, data_range=given.data_range, sample_weight=weights)
        assert score == pytest.approx(psnr(given.X[rows], X_pred[rows], data_range=given.data_range), rel=1e-9)
        with np.errstate(divide="ignore"):
            pooled = -10 * np.log10(image_errors(given.X[rows], X_pred[rows], given.data_range).mean())
        assert score == pytest.approx(pooled, rel=1e-9)

    @PROPERTIES
    @given(pairs(("f8", "f4"), (3, 49)), powers_of_two)
    def test_units_do_not_show(self, pair, factor):
        given, X_pred = pair
        assume(1e-30 < given.width < 1e24 and 1e-30 < given.width * factor < 1e24)
        scaled = tuple(bound * factor for bound in given.data_range)
        for metric in (psnr, ssim):
            score = metric(given.X, X_pred, data_range=given.data_range)
            factor = given.X.dtype.type(factor)
            assert metric(given.X * factor, X_pred * factor, data_range=scaled) == pytest.approx(score, rel=1e-9)

    @PROPERTIES
    @given(st.data(), pairs((*FLOATS, "u1", "i2", "?"), (4, 25)), layouts)
    def test_ssim(self, data, pair, layout):
        given, X_pred = pair
        options = {"data_range": given.data_range, "per_image": True}
        each = ssim(given.X, X_pred, **options)
        assert (np.abs(each) <= 1 + 1e-9).all()  # and therefore not NaN
        np.testing.assert_allclose(ssim(given.X, given.X, **options), 1, rtol=1e-9)
        assert ssim(given.X, X_pred, data_range=given.data_range) == pytest.approx(each.mean())
        for rows in data.draw(cuts(4)):
            np.testing.assert_array_equal(ssim(layout(given.X[rows]), layout(X_pred[rows]), **options), each[rows])

    @PROPERTIES
    @given(units((3, 49)), units((3, 49)), st.sampled_from([-1e6, -0.5, 3.0, 1e4]))
    def test_ssim_of_a_shifted_range(self, X_true, X_pred, shift):
        score = ssim(X_true, X_pred, data_range=(0, 1))
        shifted = ssim(X_true + shift, X_pred + shift, data_range=(shift, shift + 1))
        assert shifted == pytest.approx(score, abs=1e-6)


class TestTargetRule:
    N = 6

    @st.composite
    @staticmethod
    def arguments(draw, n):
        """Possible arguments of `fit`, and the outcome according to the table in the documentation."""
        clean = draw(units((n, 4)))
        noisy = NoiseInjector(level=0.3, random_state=0).fit_transform(clean)
        # A copy loses the clean rows.
        given, answer = draw(st.sampled_from([(clean, None), (noisy, "injector"), (noisy.copy(), None)]))
        noise = draw(st.sampled_from(["gaussian", None]))
        answer = answer or ("identity" if noise is None else "noise")
        labels = [np.arange(n), np.array(list("abcdef")), np.zeros((n, 2)), np.full((n, 4), "a"), [[0]] * n, None]
        targets = [clean.astype(dtype) for dtype in ("f4", "f8", ">f8", "u1", "i8", "?")]
        is_target, y = draw(st.sampled_from([(False, y) for y in labels] + [(True, y) for y in targets]))
        answer = "y" if is_target else answer
        X_clean = draw(st.sampled_from([None, clean]))
        return given, y, X_clean, noise, "X_clean" if X_clean is not None else answer

    @PROPERTIES
    @given(arguments(N))
    @pytest.mark.filterwarnings("ignore:The rows come from", "ignore:X is a slice, copy or cast")
    def test_answers_in_the_order_of_the_table(self, arguments):
        given, y, X_clean, noise, answer = arguments
        target = find_target(given, np.asarray(given), y, X_clean, noise)
        assert target.source == answer
        assert (target.noise is None) == (answer in ("X_clean", "y", "identity"))
        expected = {"X_clean": X_clean, "y": y, "injector": getattr(given, "clean", None)}.get(answer, given)
        np.testing.assert_array_equal(target.clean, np.asarray(expected))


@pytest.fixture(scope="module")
def clean():
    return np.random.default_rng(0).random((60, 16))


@pytest.fixture(scope="module")
def denoisers(clean):
    """One fitted denoiser of each kind, on images of 4 x 4 pixels in [0, 1]."""
    return {
        "network": quick(data_range=(0, 1)).fit(clean),
        "convolutional network": quick(data_range=(0, 1), architecture="conv").fit(clean),
        "filter": ImageFilter("gaussian", sigma=1, data_range=(0, 1)).fit(clean),
        "PCA": EstimatorDenoiser(PCA(4), data_range=(0, 1)).fit(clean),
    }


class TestDenoisers:
    # Between single rows and batches, as a fraction of the range: matrix products are summed in a different order.
    ROUNDING = 1e-5

    @pytest.mark.parametrize("name", ["network", "convolutional network", "filter", "PCA"])
    @FEW
    @given(data=st.data(), layout=layouts)
    def test_neither_order_nor_chunks_nor_layout_show(self, denoisers, name, data, layout):
        denoiser = denoisers[name]
        given = data.draw(images(("f4", ">f4", "f8", "f2", "u1", "?"), (5, 16)))
        X = np.asarray(to_unit(given.X, given.data_range), dtype=out_dtype(given.X.dtype))
        denoised = denoiser.transform(X)
        assert denoised.shape == X.shape and denoised.dtype == X.dtype and np.isfinite(denoised).all()
        np.testing.assert_array_equal(denoiser.transform(layout(X)), denoised)
        atol = 1e-3 if X.dtype == np.float16 else self.ROUNDING
        for rows in data.draw(cuts(5)):
            np.testing.assert_allclose(denoiser.transform(layout(X[rows])), denoised[rows], rtol=0, atol=atol)

    @pytest.mark.parametrize("name", ["network", "filter", "PCA"])
    @FEW
    @given(factor=powers_of_two)
    def test_units_in_are_units_out_to_the_bit(self, clean, name, factor):
        make = {
            "network": lambda: quick(noise="masking"),
            "filter": lambda: ImageFilter("tv", random_state=0),
            "PCA": lambda: EstimatorDenoiser(PCA(4), random_state=0),
        }[name]
        noisy = np.asarray(NoiseInjector(random_state=0).fit_transform(clean))
        expected = make().set_params(data_range=(0, 1)).fit(noisy, X_clean=clean).transform(noisy)
        denoiser = make().set_params(data_range=(0, factor)).fit(noisy * factor, X_clean=clean * factor)
        np.testing.assert_array_equal(denoiser.transform(noisy * factor), expected * factor)

    @FEW
    @given(units((30, 16)), st.sampled_from([1e-9, 0.1, 3.0, 255.0, 1e5, 1e20]), st.booleans())
    def test_other_factors_and_drawn_noise(self, unit, factor, by_injector):
        def denoised(factor):
            X, data_range = unit * factor, (0, factor)
            injector = NoiseInjector("uniform", 0.2, data_range=data_range, random_state=0)
            rows = injector.fit_transform(X) if by_injector else X
            return quick(noise="gaussian" if by_injector else injector).fit(rows).transform(np.asarray(rows)) / factor

        np.testing.assert_allclose(denoised(factor), denoised(1.0), rtol=0, atol=1e-5)

    @FEW
    @given(layouts)
    def test_layouts_do_not_show_in_a_fit(self, clean, layout):
        expected = quick().fit(clean).transform(clean)
        np.testing.assert_array_equal(quick().fit(layout(clean)).transform(clean), expected)


@PROPERTIES
@given(images(shape=(1, 16)))
def test_one_row_is_enough_for_all(clean_row: Images):
    """Noise, filters and metrics work for a single image, constant or not, in any units."""
    noisy = NoiseInjector(level=0.2, data_range=clean_row.data_range, random_state=0).fit_transform(clean_row.X)
    denoised = ImageFilter("median", size=3).fit(noisy).transform(noisy)
    assert denoised.shape == (1, 16) and np.isfinite(denoised).all()
    assert not np.isnan(psnr(clean_row.X, denoised, data_range=clean_row.data_range))
