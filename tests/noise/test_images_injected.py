"""Noise in stacks and lists of images of any size."""

import copy
import pickle
import tracemalloc
import warnings

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.decomposition import PCA
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import sk_denoise
from sk_denoise import DenoisingAutoencoder, EstimatorDenoiser, NoiseInjector, NoisyArray, NoisyImages, estimate_noise
from sk_denoise.evaluation import recovery_report
from sk_denoise.noise.kinds import KINDS

SIZES = [(20, 30), (31, 17), (2, 3), (20, 30)]


@pytest.fixture
def ragged():
    """Images of several sizes in [0, 1]."""
    rng = np.random.default_rng(0)
    return [rng.random(size) for size in SIZES]


@pytest.fixture
def stack():
    return np.random.default_rng(0).random((6, 12, 10))


def _assert_same(noisy, expected):
    assert len(noisy) == len(expected)
    for image, other in zip(noisy, expected):
        np.testing.assert_array_equal(image, other)


class TestForms:
    def test_a_list_comes_back_as_a_list(self, ragged):
        noisy = NoiseInjector(level=0.1, random_state=0).fit_transform(ragged)
        assert isinstance(noisy, NoisyImages)
        assert [image.shape for image in noisy] == SIZES
        assert all(type(image) is np.ndarray for image in noisy)
        assert all(clean is image for clean, image in zip(noisy.clean, ragged))
        assert noisy.injector.get_params() == NoiseInjector(level=0.1, random_state=0).get_params()
        _assert_same(NoiseInjector(level=0.1, random_state=0).fit_transform(tuple(ragged)), noisy)

    def test_a_stack_comes_back_as_a_stack(self, stack):
        noisy = NoiseInjector(random_state=0).fit_transform(stack)
        assert isinstance(noisy, NoisyArray)
        assert noisy.shape == stack.shape
        assert noisy.clean is stack

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("seed", [0, np.random.RandomState])
    @pytest.mark.parametrize("level", [0.3, (0.1, 0.5)])
    def test_a_stack_gets_the_noise_of_its_images(self, kind, seed, level, stack, monkeypatch):
        monkeypatch.setattr("sk_denoise.noise._drawing._BLOCK_VALUES", 300)
        monkeypatch.setattr("sk_denoise.noise._drawing.effective_n_threads", lambda: 2)
        noisy = [
            NoiseInjector(kind, level, random_state=seed if seed == 0 else seed(0)).fit_transform(X)
            for X in (stack, list(stack))
        ]
        _assert_same(*noisy)

    @pytest.mark.parametrize("blur", [0, 1])
    def test_an_image_gets_the_noise_of_a_row(self, blur, stack):
        injector = NoiseInjector("rician", level=0.1, blur=blur, random_state=0)
        rows = NoiseInjector("rician", 0.1, blur=blur, image_shape=(12, 10), random_state=0)
        expected = rows.fit_transform(stack.reshape(6, -1)).reshape(stack.shape)
        np.testing.assert_array_equal(injector.fit_transform(stack), expected)

    @pytest.mark.parametrize("axis", [-1, 0, 1, 2])
    def test_colour_images_of_any_axis(self, axis):
        image = np.moveaxis(np.random.default_rng(0).random((9, 8, 3)), -1, axis)
        injector = NoiseInjector(channel_axis=axis, blur=0.5, random_state=0).fit([image])
        alone = injector.fit_transform(image)
        assert isinstance(alone, NoisyArray)
        assert alone.shape == image.shape and alone.clean is image
        (listed,) = injector.transform([image])
        np.testing.assert_array_equal(alone, listed)
        last = NoiseInjector(channel_axis=-1, blur=0.5, random_state=0).fit_transform(np.moveaxis(image, axis, -1))
        np.testing.assert_array_equal(np.moveaxis(np.asarray(alone), axis, -1), last)
        stacked = NoiseInjector(channel_axis=axis if axis < 0 else axis + 1, blur=0.5, random_state=0)
        np.testing.assert_array_equal(stacked.fit_transform(np.stack([image, image / 2]))[0], alone)

    @pytest.mark.parametrize(
        "rows",
        [
            [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]],
            [np.array([0.1, 0.2]), np.array([0.3, 0.4])],
            ([0.1, 0.2], [0.3, 0.4]),
            np.array([[0.1, 0.2]]),
        ],
    )
    def test_rows_stay_rows(self, rows):
        injector = NoiseInjector(random_state=0)
        assert injector.fit_transform(rows).shape == (len(rows), 2)
        assert injector.n_features_in_ == 2

    def test_nested_lists_are_an_image_each(self):
        noisy = NoiseInjector(random_state=0).fit_transform([[[0.1, 0.2], [0.3, 0.4]], [[1.0, 2, 3], [4, 5, 6]]])
        assert [image.shape for image in noisy] == [(2, 2), (2, 3)]

    @pytest.mark.parametrize(("when", "at_fit", "later"), [("fit", True, False), ("transform", False, True)])
    def test_when(self, when, at_fit, later, ragged, stack):
        for X, noisy_class, plain_class in ((ragged, NoisyImages, list), (stack, NoisyArray, np.ndarray)):
            injector = NoiseInjector(when=when, random_state=0)
            for noisy, expected in ((injector.fit_transform(X), at_fit), (injector.transform(X), later)):
                assert type(noisy) is (noisy_class if expected else plain_class)
                assert noisy[0] is not X[0]
                assert np.array_equal(noisy[0], X[0]) != expected

    @pytest.mark.parametrize("level", [0, (0, 0)])
    def test_level_zero_gives_plain_copies(self, level, ragged, stack):
        injector = NoiseInjector(level=level)
        noisy = injector.fit_transform(tuple(ragged))
        assert type(noisy) is list
        _assert_same(noisy, ragged)
        assert not any(np.shares_memory(*pair) for pair in zip(noisy, ragged))
        assert type(injector.fit_transform(stack)) is np.ndarray


class TestDtypes:
    @pytest.mark.parametrize(
        ("dtype", "expected"),
        [("u1", "f4"), ("i8", "f4"), ("?", "f4"), ("f2", "f2"), ("f4", "f4"), ("f8", "f8"), (">f4", "f4")],
    )
    @pytest.mark.parametrize("as_stack", [True, False])
    def test_float_dtypes_are_kept_and_integers_become_float32(self, dtype, expected, as_stack, stack):
        X = (stack * (1 if np.dtype(dtype).kind == "f" else 100)).astype(dtype)
        before = X.copy()
        noisy = NoiseInjector(level=0.1, random_state=0).fit_transform(X if as_stack else list(X))
        assert {image.dtype for image in noisy} == {np.dtype(expected)}
        np.testing.assert_array_equal(X, before)

    def test_the_noise_does_not_depend_on_the_dtype(self):
        X = np.random.default_rng(0).integers(0, 256, (3, 16, 15)).astype("u1")
        images = [X.astype(dtype) for dtype in ("u1", "f4", "f8")]
        injector = NoiseInjector(level=0.1, data_range=(0, 255), random_state=0)
        noisy = [np.asarray(injector.fit_transform(image)) for image in images]
        for other in noisy[1:]:
            np.testing.assert_allclose(other, noisy[0], atol=1e-4)

    def test_memory_maps(self, tmp_path, stack):
        np.save(tmp_path / "stack.npy", stack)
        mapped = np.load(tmp_path / "stack.npy", mmap_mode="r")
        injector = NoiseInjector(level=0.1, blur=1, random_state=0)
        expected = injector.fit_transform(stack)
        np.testing.assert_array_equal(injector.fit_transform(mapped), expected)
        noisy = injector.fit_transform(list(mapped))
        _assert_same(noisy, expected)
        assert all(np.shares_memory(clean, image) for clean, image in zip(noisy.clean, mapped))

    def test_data_range_is_that_of_all_images(self, ragged):
        def read(images):
            return NoiseInjector(random_state=0).fit(images).data_range_

        assert read(ragged) == (0, 1)
        with pytest.warns(UserWarning, match="all except"):
            assert read([*ragged, np.full((2, 2), 7.0)]) == pytest.approx((min(map(np.min, ragged)), 7))
        assert read([np.full((3, 4), 90, "u1"), np.full((5, 4), 200, "u1")]) == (0, 255)
        assert read([np.full((3, 4), 90, "u1"), np.full((5, 4), 200.0)]) == (90, 200)
        assert read([np.full((3, 4), 7.0)]) == (7, 8)

    def test_ranges_of_few_bits_and_hot_pixels_cause_warnings(self):
        images = [np.random.default_rng(0).integers(0, 17, size).astype("u1") for size in ((40, 40), (50, 30))]
        with pytest.warns(UserWarning, match="maximum is 16"):
            NoiseInjector().fit(images)
        images = [2.0 + np.random.default_rng(0).random(size) for size in ((40, 40), (50, 30))]
        images[1][3, 4] = 1000
        with pytest.warns(UserWarning, match="all except"):
            NoiseInjector().fit(images)

    def test_other_units_cause_one_warning(self, ragged):
        injector = NoiseInjector(random_state=0).fit([image * 255 for image in ragged])
        for images in (ragged, [image * 1e5 for image in ragged]):
            with pytest.warns(UserWarning, match="X has values") as record:
                injector.transform(images)
            assert len(record) == 1
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            injector.transform([image * 255 for image in ragged])


N_PIXELS = 300 * 400


class TestNoise:
    @pytest.mark.parametrize("kind", ["gaussian", "uniform", "poisson", "speckle", "masking"])
    def test_moments(self, kind):
        images = [np.full((300, 400), 0.5), np.full((600, 200), 0.25)]
        noisy = NoiseInjector(kind, 0.1, clip=False, random_state=0).fit_transform(images)
        for image, x in zip(noisy, (0.5, 0.25)):
            variance = {
                "gaussian": 0.1**2,
                "uniform": 0.1**2 / 3,
                "poisson": 0.1**2 * x,
                "speckle": (0.1 * x) ** 2,
                "masking": 0.9 * 0.1 * x**2,
            }[kind]
            mean = 0.9 * x if kind == "masking" else x
            assert image.mean() == pytest.approx(mean, abs=5 * np.sqrt(variance / N_PIXELS))
            # The standard error of the standard deviation of normal numbers is 0.2 %.
            assert image.std() == pytest.approx(np.sqrt(variance), rel=0.02)

    def test_the_range_is_that_of_the_images_and_clipped(self):
        images = [np.full((200, 200), 100, "u1"), np.full((150, 100), 250, "u1")]
        noisy = NoiseInjector(level=25 / 255, random_state=0).fit_transform(images)
        assert noisy[0].std() == pytest.approx(25, rel=0.02)
        assert noisy[1].max() == 255
        free = NoiseInjector(level=25 / 255, clip=False, random_state=0).fit_transform(images)
        assert free[1].max() > 255

    @pytest.mark.parametrize("kind", ["gaussian", "speckle"])
    def test_blur_correlates_neighbours_in_each_shape(self, kind):
        images = [np.full((200, 300), 0.5), np.full((401, 150), 0.25)]
        noisy = NoiseInjector(kind, 0.1, blur=(1, 0), clip=False, random_state=0).fit_transform(images)
        for image, x in zip(noisy, (0.5, 0.25)):
            noise = image - x
            assert noise.std() == pytest.approx(0.1 * (x if kind == "speckle" else 1), rel=0.05)
            assert _correlation(noise, 0) == pytest.approx(np.exp(-1 / 4), abs=0.03)
            assert abs(_correlation(noise, 1)) < 0.03

    def test_channels_are_blurred_separately(self):
        noise = NoiseInjector(level=0.1, blur=1, channel_axis=0, clip=False, random_state=0).fit_transform(
            np.full((3, 100, 120), 0.5)
        )
        noise = np.asarray(noise) - 0.5
        assert abs(_correlation(noise, 0)) < 0.05
        assert min(_correlation(noise, 1), _correlation(noise, 2)) > 0.7

    def test_one_level_per_image(self):
        images = [np.full((80 + i, 90), 0.5) for i in range(40)]
        noisy = NoiseInjector(level=(0.05, 0.15), clip=False, random_state=0).fit_transform(images)
        levels = [image.std() for image in noisy]
        assert 0.04 < min(levels) < 0.07 and 0.13 < max(levels) < 0.16
        halves = [(image[:40].std(), image[40:].std()) for image in noisy]
        np.testing.assert_allclose(*zip(*halves), rtol=0.1)

    def test_an_integer_seed_makes_noise_depend_on_the_image_alone(self, ragged):
        injector = NoiseInjector(level=(0.1, 0.3), blur=0.5, random_state=0).fit(ragged)
        noisy = injector.transform(ragged)
        _assert_same(injector.transform(ragged[::-1])[::-1], noisy)
        _assert_same([injector.transform([image])[0] for image in ragged], noisy)
        _assert_same(pickle.loads(pickle.dumps(injector)).transform(ragged), noisy)
        assert not np.array_equal(NoiseInjector(random_state=1).fit_transform(ragged)[0], noisy[0])
        noise = [image - clean for image, clean in zip(noisy, ragged)]
        assert abs(np.corrcoef(noise[0].ravel(), noise[3].ravel())[0, 1]) < 0.2

    @pytest.mark.parametrize("state", [None, np.random.RandomState(0)])
    def test_other_seeds_draw_fresh_noise(self, state):
        images = [np.zeros((20, 20)), np.zeros((20, 20))]
        injector = NoiseInjector(clip=False, random_state=state).fit(images)
        noisy = [*injector.transform(images), *injector.transform(images)]
        assert len(np.unique([image.ravel() for image in noisy], axis=0)) == 4

    @pytest.mark.parametrize("n_threads", [1, 2, 5])
    @pytest.mark.parametrize("kind", ["gaussian", "poisson"])
    def test_threads_do_not_show(self, n_threads, kind, ragged, monkeypatch):
        expected = NoiseInjector(kind, random_state=0).fit_transform(ragged)
        monkeypatch.setattr("sk_denoise.noise._drawing.effective_n_threads", lambda: n_threads)
        _assert_same(NoiseInjector(kind, random_state=0).fit_transform(ragged), expected)

    @pytest.mark.parametrize("seed", [0, None])
    @pytest.mark.parametrize(("level", "shape"), [(0.3, ()), ((0.1, 0.3), (1,))])
    def test_callables_get_each_image_as_one_row_in_unit_range(self, seed, level, shape, ragged, stack):
        def kind(X, level, rng):
            seen.append((X.shape, np.shape(level), X.max() <= 1))
            return X + rng.standard_normal(X.shape)

        for images in (ragged, stack):
            seen = []
            injector = NoiseInjector(kind, level, data_range=(0, 255), random_state=seed)
            noisy = injector.fit_transform([image * 255 for image in images])
            assert seen == [((1, image.size), (1, *shape) if shape else (), True) for image in images]
            assert [image.shape for image in noisy] == [image.shape for image in images]

    def test_memory_is_that_of_the_result_and_of_one_image(self, monkeypatch):
        monkeypatch.setattr("sk_denoise.noise._drawing.effective_n_threads", lambda: 1)
        images = [np.full((300, 300), i / 40, "f4") for i in range(40)]
        injector = NoiseInjector(level=0.1, blur=1, random_state=0).fit(images)
        tracemalloc.start()
        injector.transform(images)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < sum(image.nbytes for image in images) + 100 * images[0].size


def _correlation(noise, axis):
    """Correlation of neighbours along an axis of an image."""
    first, second = (np.take(noise, range(start, noise.shape[axis] - 1 + start), axis) for start in (0, 1))
    return float(np.mean(first * second) / noise.var())


class TestEstimates:
    @pytest.fixture
    def image(self):
        """Flat areas of several grey values, with an edge here and there."""
        return np.repeat(np.repeat(np.linspace(0.1, 0.9, 16).reshape(4, 4), 64, axis=0), 80, axis=1)

    @pytest.mark.parametrize(
        "params",
        [
            {"kind": "gaussian", "level": 0.05},
            {"kind": "gaussian", "level": 0.05, "blur": 0.8},
            {"kind": "poisson_gaussian", "level": 0.1, "read_noise": 0.02},
        ],
        ids=["white", "blurred", "poisson_gaussian"],
    )
    def test_the_injector_of_an_estimate_draws_that_noise_on_images(self, params, image):
        given = NoiseInjector(**params, data_range=(0, 1), clip=False, random_state=0).fit_transform([image])
        estimate = estimate_noise(given)
        injector = estimate.injector(random_state=1)
        assert injector.kind == params["kind"]
        drawn = injector.fit_transform([image])
        noise, other = given[0] - image, drawn[0] - image
        assert other.std() == pytest.approx(noise.std(), rel=0.1)
        for axis in (0, 1):
            assert _correlation(other, axis) == pytest.approx(_correlation(noise, axis), abs=0.05)
        dark, bright = np.s_[:64, :80], np.s_[-64:, -80:]
        ratio = noise[bright].std() / noise[dark].std()
        assert other[bright].std() / other[dark].std() == pytest.approx(ratio, rel=0.15)


class TestErrors:
    @pytest.mark.parametrize(
        ("X", "params", "match"),
        [
            ([np.ones((4, 4)), np.full((3, 5), np.nan)], {}, r"X\[1\].*finite"),
            (np.full((3, 4, 5), np.inf), {}, r"X\[0\].*finite"),
            (np.ones((8, 8, 3)), {}, "channel_axis=-1"),
            ([np.ones((8, 8, 4))], {}, "channel_axis=-1"),
            ([np.ones((4, 4)), np.ones(4)], {}, r"X\[1\]"),
            ([np.ones((4, 4, 3)), np.ones((4, 4, 2))], {"channel_axis": -1}, "number of channels"),
            (np.ones((4, 9)), {"channel_axis": -1}, "channel_axis must be None.*image"),
            ([[1.0, 2.0], [3.0, 4.0]], {"channel_axis": -1}, "channel_axis must be None"),
            ([np.ones((4, 4))], {"channel_axis": -1}, "channel_axis"),
            (np.ones((4, 4, 3)), {"channel_axis": 3}, "channel_axis"),
            (np.ones((4, 4, 5)), {"image_shape": (4, 5)}, "image_shape must be None"),
            ([np.ones((1, 1))], {}, r"X\[0\].*2 x 2"),
            (np.ones((3, 1, 9)), {}, r"X\[0\].*2 x 2"),
            (np.ones((0, 4, 4)), {}, r"X.*\(0, 4, 4\)"),
            ([], {}, "X.*no rows"),
            ((np.ones((3, 4)), np.ones(3)), {}, "pair of arrays"),
            ([np.ma.masked_equal(np.eye(3), 0)], {}, "masked"),
            ([np.eye(3) * 1j], {}, "complex"),
            ([np.array([["a", "b"], ["c", "d"]])], {}, "integers or floats"),
        ],
    )
    def test_what_fit_refuses(self, X, params, match):
        with pytest.raises((ValueError, TypeError), match=f"(?s){match}"):
            NoiseInjector(**params).fit(X)

    @pytest.mark.parametrize("axis", [1.5, True, "last"])
    def test_the_axis_is_an_integer(self, axis):
        with pytest.raises((ValueError, TypeError), match="channel_axis"):
            NoiseInjector(channel_axis=axis).fit(np.ones((4, 4, 3)))

    def test_rows_and_images_are_not_mixed(self, ragged, small):
        on_images, on_rows = NoiseInjector().fit(ragged), NoiseInjector().fit(small)
        with pytest.raises(ValueError, match=r"X must hold images.*rows.*\[image\]"):
            on_images.transform(small)
        with pytest.raises(ValueError, match=r"X must hold rows of 16 features.*images"):
            on_rows.transform(ragged)
        with pytest.raises(ValueError, match="NaN"):
            on_images.transform([np.full((3, 3), np.nan)])
        assert on_images.transform([ragged[0][:7, :9]])[0].shape == (7, 9)

    def test_a_refit_forgets_the_other_form(self, ragged, small):
        import pandas as pd

        injector = NoiseInjector(random_state=0).fit(pd.DataFrame(small).add_prefix("pixel"))
        with pytest.raises(ValueError, match="finite"):
            injector.fit([np.full((3, 3), np.nan)])
        assert injector.n_features_in_ == len(injector.feature_names_in_) == 16
        injector.fit(ragged)
        assert not hasattr(injector, "n_features_in_") and not hasattr(injector, "feature_names_in_")
        assert injector.fit(small).transform(small).shape == small.shape

    def test_images_have_no_feature_names(self, ragged, small):
        assert NoiseInjector().fit(small).get_feature_names_out().shape == (16,)
        with pytest.raises(AttributeError, match="get_feature_names_out") as caught:
            NoiseInjector().fit(ragged).get_feature_names_out()
        assert "images" in str(caught.value.__cause__)

    def test_frames_do_not_apply_to_images(self, ragged, stack):
        for X, kind in ((ragged, NoisyImages), (stack, NoisyArray)):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                injector = NoiseInjector(random_state=0).set_output(transform="pandas")
                assert type(injector.fit_transform(X)) is type(injector.transform(X)) is kind
                with sklearn.config_context(transform_output="pandas"):
                    assert type(NoiseInjector(level=0).fit_transform(X)) in (list, np.ndarray)

    def test_a_second_injector_warns(self, ragged, stack):
        for X in (ragged, stack):
            with pytest.warns(UserWarning, match="noisy rows as clean"):
                NoiseInjector("masking").fit_transform(NoiseInjector().fit_transform(X))

    @pytest.mark.parametrize(
        "denoiser", [DenoisingAutoencoder(), EstimatorDenoiser(PCA(2))], ids=["network", "estimator"]
    )
    def test_denoisers_of_rows_say_so(self, denoiser, ragged, stack):
        for X in (ragged, list(stack), stack):
            with pytest.raises(ValueError, match=r"X must be rows.*PatchDenoiser"):
                make_pipeline(NoiseInjector(), copy.copy(denoiser)).fit(X)

    def test_reports_say_so(self, stack):
        with pytest.raises(ValueError, match=r"X must contain clean rows.*X\.clean"):
            recovery_report("passthrough", GaussianNB(), NoiseInjector().fit_transform(list(stack)), np.arange(6))


class TestNoisyImages:
    @pytest.fixture
    def noisy(self, ragged):
        return NoiseInjector(random_state=0).fit_transform(ragged)

    def test_what_is_derived_is_a_plain_list(self, noisy):
        for derived in (noisy[:2], noisy.copy(), [*noisy, *noisy], noisy * 1, list(noisy), copy.copy(noisy)):
            assert type(derived) is list

    def test_pickle_and_joblib_keep_it(self, noisy, tmp_path):
        joblib.dump(noisy, tmp_path / "noisy")
        for again in (pickle.loads(pickle.dumps(noisy)), joblib.load(tmp_path / "noisy"), copy.deepcopy(noisy)):
            assert isinstance(again, NoisyImages)
            _assert_same(again, noisy)
            _assert_same(again.clean, noisy.clean)
            assert again.injector.get_params() == noisy.injector.get_params()
            again._check_unchanged()

    def test_stacks_are_pickled_too(self, stack):
        noisy = NoiseInjector(random_state=0).fit_transform(stack)
        again = pickle.loads(pickle.dumps(noisy))
        np.testing.assert_array_equal(again.clean, stack)
        again._check_unchanged()
        stack /= 255
        with pytest.raises(ValueError, match="changed"):
            noisy._check_unchanged()

    @pytest.mark.parametrize(
        "change",
        [
            lambda noisy: noisy.clean[1].__imul__(0.5),
            lambda noisy: noisy[1].__imul__(0.5),
            lambda noisy: noisy.reverse(),
            lambda noisy: noisy.pop(),
            lambda noisy: noisy.append(noisy[0]),
        ],
        ids=["clean", "noisy", "order", "less", "more"],
    )
    def test_changes_are_noticed(self, change, noisy):
        noisy._check_unchanged()
        change(noisy)
        with pytest.raises(ValueError, match="do not match any more"):
            noisy._check_unchanged()

    def test_the_clean_images_have_its_shapes(self, noisy):
        for clean in (noisy.clean[:-1], noisy.clean[::-1]):
            with pytest.raises(ValueError, match="clean"):
                NoisyImages(list(noisy), clean, noisy.injector)

    def test_injectors_of_images_are_saved(self, ragged, tmp_path):
        injector = NoiseInjector(random_state=0).fit(ragged)
        sk_denoise.save(injector, tmp_path / "noise.zip")
        _assert_same(sk_denoise.load(tmp_path / "noise.zip").transform(ragged), injector.transform(ragged))

    def test_pipelines_pass_it_on(self, ragged):
        pipe = make_pipeline(NoiseInjector(random_state=0), FunctionTransformer(lambda X: X))
        assert isinstance(pipe.fit_transform(ragged), NoisyImages)


def test_integers_and_unit_values_together_warn():
    image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    with pytest.warns(UserWarning, match="same units"):
        NoiseInjector(level=0.1, random_state=0).fit([image, image / 255])
