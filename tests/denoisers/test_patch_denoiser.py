"""`PatchDenoiser`: tiles equal the whole, all sizes and forms, scikit-learn's contract by hand, and bad input."""

import pickle
import warnings

import numpy as np
import pytest
from skimage import data
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError, UndefinedMetricWarning
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline

import sk_denoise
from sk_denoise import DenoisingAutoencoder, EstimatorDenoiser, ImageFilter, NoiseInjector, PatchDenoiser
from sk_denoise.denoisers import _patches, _tiles
from sk_denoise.metrics import psnr
from sk_denoise.networks.inference import Forward

CAMERA = data.camera()[60:260, 150:350] / 255
IMAGES = [CAMERA[:90, :110], CAMERA[100:, :75], CAMERA[30:95, 100:]]
CORRELATION = [[0, 0.3, 0], [0.3, 1, 0.3], [0, 0.3, 0]]
SIZES = [(1, 1), (1, 7), (2, 3), (5, 64), (8, 8), (9, 31), (23, 17), (40, 40), (63, 70), (70, 64)]


def unet(**params):
    return DenoisingAutoencoder("unet", latent_dim=4, epochs=1, batch_size=32, random_state=0, **params)


def quick(denoiser, **params):
    return PatchDenoiser(denoiser, **{"patch_shape": (16, 16), "n_patches": 64, "random_state": 0, **params})


def filters():
    return [
        ImageFilter("median", size=5),
        ImageFilter("gaussian", sigma=1.1),
        ImageFilter("bilateral", sigma_color=0.2, sigma_spatial=1.5),
        ImageFilter("nlm", level=0.1, h=0.08, patch_size=5, patch_distance=6),
    ]


@pytest.fixture(scope="module")
def noisy():
    return NoiseInjector(level=0.1, clip=False, random_state=0).fit_transform(IMAGES)


@pytest.fixture(scope="module")
def fitted_unet(noisy):
    return quick(unet(), patch_shape=(64, 64)).fit(noisy)


def padded(image, multiple):
    missing = [-side % multiple for side in image.shape[:2]]
    return np.pad(image, [(0, n) for n in missing] + [(0, 0)] * (image.ndim - 2), mode="reflect")


class TestTiles:
    """Tiles of a few pixels give what the denoiser gives for the whole image, extended to its multiple."""

    @pytest.mark.parametrize("denoiser", filters(), ids=lambda denoiser: denoiser.method)
    @pytest.mark.parametrize("channels", [None, 3])
    def test_filters(self, denoiser, channels, monkeypatch):
        monkeypatch.setattr(_tiles, "_TILE", 24)
        shape = (70, 61) if channels is None else (70, 61, channels)
        image = np.random.default_rng(0).random(shape)
        axis = None if channels is None else -1
        tiled = quick(denoiser, channel_axis=axis, data_range=(0, 1)).fit(image).transform(image)
        row = clone(denoiser).set_params(image_shape=shape, data_range=(0, 1)).fit(image.reshape(1, -1))
        np.testing.assert_allclose(tiled.ravel(), row.transform(image.reshape(1, -1))[0], atol=1e-5)

    @pytest.mark.parametrize(
        ("shape", "correlation"), [((343, 41), None), ((41, 343), None), ((350, 30, 3), None), ((303, 50), CORRELATION)]
    )
    def test_nl_ridge(self, shape, correlation, monkeypatch):
        """Also where many patches are alike, so that rounding decides which of them are chosen."""
        rng = np.random.default_rng(0)
        squares = np.kron(rng.integers(0, 2, (44, 44)), np.ones((8, 8)))[: shape[0], : shape[1]]
        image = (squares.T + 0.1 * rng.standard_normal(shape[::-1])).T.astype("float32")
        filter_ = ImageFilter("nl_ridge", level=0.1, correlation=correlation, data_range=(0, 1))
        denoiser = quick(filter_, channel_axis=None if len(shape) == 2 else -1).fit(image)
        whole = denoiser.transform(image)
        monkeypatch.setattr(_tiles, "_MOST_WHOLE", 1000)
        monkeypatch.setattr(_tiles, "_LARGE_TILE", 96)
        np.testing.assert_allclose(denoiser.transform(image), whole, rtol=0, atol=1e-5)

    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_unet(self, fitted_unet, size, dtype, monkeypatch):
        image = np.random.default_rng(0).random(size).astype(dtype)
        whole = padded(image, 8)
        inner = clone(fitted_unet.denoiser_).set_params(image_shape=whole.shape)
        vars(inner).update({k: v for k, v in vars(fitted_unet.denoiser_).items() if k.endswith("_") or k[0] == "_"})
        expected = inner._restore_images(whole[np.newaxis, ..., np.newaxis])[0, : size[0], : size[1], 0]
        np.testing.assert_array_equal(fitted_unet.transform(image), expected)
        monkeypatch.setattr(_tiles, "_TILE", 16)
        np.testing.assert_allclose(fitted_unet.transform(image), expected, atol=1e-5)

    def test_unet_on_large_and_colour_images(self, monkeypatch):
        image = np.random.default_rng(0).random((201, 187, 3)).astype("float32")
        denoiser = quick(unet(), channel_axis=-1, patch_shape=(24, 24)).fit(image)
        whole = denoiser.transform(image)
        assert np.ptp(whole) > 0.01
        monkeypatch.setattr(_tiles, "_TILE", 64)
        np.testing.assert_allclose(denoiser.transform(image), whole, atol=1e-5)

    def test_the_network_on_images_is_the_network_on_rows(self, fitted_unet):
        patch = np.random.default_rng(0).random((64, 64))
        row = fitted_unet.denoiser_.transform(patch.reshape(1, -1))
        np.testing.assert_allclose(fitted_unet.transform(patch).ravel(), row[0], atol=1e-9)

    def test_reflection_is_that_of_numpy(self):
        image = np.random.default_rng(0).random((7, 5))
        expected = np.pad(image, ((0, 9), (0, 11)), mode="reflect")
        for rows, columns in ((range(16), range(16)), (range(6, 14), range(2, 9)), (range(9, 16), range(8, 16))):
            part = _patches.read_part(image, rows, columns)
            np.testing.assert_array_equal(part, expected[rows.start : rows.stop, columns.start : columns.stop])

    @pytest.mark.parametrize("shape", [(9, 8), (16, 16), (40, 23), (130, 17)])
    def test_overlapping_patches_of_the_identity(self, shape):
        """Averaging what a denoiser that changes nothing returns gives the image."""
        image = np.random.default_rng(0).random(shape)
        identity = EstimatorDenoiser(PCA(64), data_range=(0, 1), noise=None)
        denoiser = quick(identity, patch_shape=(8, 8), n_patches=500).fit(CAMERA)
        np.testing.assert_allclose(denoiser.transform(image), image, atol=1e-9)

    def test_overlapping_patches_pass_networks_in_blocks(self, monkeypatch):
        est = quick(DenoisingAutoencoder("conv", latent_dim=3, epochs=1, random_state=0)).fit([CAMERA])
        whole, sizes, through = est.transform(CAMERA), [], Forward.through

        def recorded(forward, *args):
            monkeypatch.setattr(forward, "block_rows", 7)
            function = through(forward, *args)
            return lambda rows: sizes.append(len(rows)) or function(rows)

        monkeypatch.setattr(Forward, "through", recorded)
        np.testing.assert_allclose(est.transform(CAMERA), whole, rtol=0, atol=1e-5)
        assert max(sizes) == 7

    def test_whole_images_too_large(self, monkeypatch):
        image = CAMERA + 0.1 * np.random.default_rng(0).standard_normal(CAMERA.shape)
        denoiser = quick(ImageFilter("tv", weight=0.1), patch_shape=(64, 64)).fit(image)
        whole = denoiser.transform(image)
        monkeypatch.setattr(_tiles, "_MOST_WHOLE", 1000)
        monkeypatch.setattr(_tiles, "_LARGE_PATCH", 96)
        assert np.abs(denoiser.transform(image) - whole).mean() < 5e-3


class TestFits:
    @pytest.mark.parametrize(
        ("denoiser", "patch"),
        [
            (EstimatorDenoiser(PCA(6)), (6, 6)),
            (EstimatorDenoiser(LinearRegression()), (6, 6)),
            (ImageFilter("tv", calibration="supervised"), (32, 32)),
            (DenoisingAutoencoder("dense", epochs=3, random_state=0), (8, 8)),
        ],
        ids=["PCA", "regressor", "filter", "network"],
    )
    def test_error_falls(self, denoiser, patch, noisy):
        est = quick(denoiser, patch_shape=patch, n_patches=2000).fit(noisy)
        assert est.target_source_ == "injector"
        assert est.score(noisy) > psnr_of(IMAGES, noisy) + 2
        assert [image.shape for image in est.transform(noisy)] == [image.shape for image in IMAGES]

    def test_networks_draw_new_patches_each_epoch(self, noisy):
        drawn = []

        class Recorded(_patches.PatchSource):
            def draw(self, n, rng):
                noisy, clean = super().draw(n, rng)
                drawn.append(clean)
                return noisy, clean

        est = quick(unet().set_params(epochs=2), n_patches=32)
        source = Recorded([np.asarray(image) for image in IMAGES], None, (16, 16), True)
        inner = est._prepared(0, 1).set_params(data_range=(0, 1))
        rows = source.draw(32, np.random.default_rng(0))[1]
        inner._fit_patches(rows, None, (source, 32))
        assert len(drawn) == 3
        assert not np.array_equal(drawn[1], drawn[2])

    def test_patches_are_drawn_uniformly_over_positions(self):
        """Each position of a patch is equally likely, in images of different sizes, also ones smaller than a patch."""
        images = [np.arange(12.0).reshape(3, 4), 100 + np.arange(6.0).reshape(2, 3), np.full((1, 1), 200.0)]
        source = _patches.PatchSource(images, None, (2, 2), False)
        _, rows = source.draw(9000, np.random.default_rng(0))
        firsts, counts = np.unique(rows[:, 0], return_counts=True)
        assert sorted(firsts) == [0, 1, 2, 4, 5, 6, 100, 101, 200]
        assert np.all(np.abs(counts - 1000) < 5 * np.sqrt(1000))
        assert np.all(rows[rows[:, 0] == 200] == 200)

    def test_augmentation(self):
        image = np.arange(9.0).reshape(3, 3)
        drawn = {
            augment: {tuple(row) for row in _patches.PatchSource([image], None, (3, 3), augment).draw(
                300, np.random.default_rng(0))[1]}
            for augment in (False, True)
        }  # fmt: skip
        assert drawn[False] == {tuple(image.ravel())}
        turned = {tuple(np.rot90(side, k).ravel()) for side in (image, image.T) for k in range(4)}
        assert drawn[True] == turned

    def test_pairs_stay_together(self):
        images = [np.arange(400.0).reshape(20, 20)]
        noisy, clean = _patches.PatchSource(images, [images[0] + 1000], (6, 6), True).draw(50, np.random.default_rng(0))
        np.testing.assert_array_equal(noisy, clean + 1000)

    @pytest.mark.parametrize("how", ["X_clean", "y", "none", "noise"])
    def test_sources_of_clean_images(self, how, noisy):
        rows = list(noisy)
        denoiser = EstimatorDenoiser(PCA(6)) if how == "noise" else ImageFilter("gaussian", sigma=1.0)
        given = {"X_clean": {"X_clean": IMAGES}, "y": {"y": IMAGES}}.get(how, {"y": ["a", "b", "c"]})
        assert quick(denoiser).fit(rows, **given).target_source_ == how

    def test_blurred_noise_is_redrawn_in_patches(self):
        injector = NoiseInjector(level=0.1, blur=1.0, clip=False, random_state=0)
        est = quick(unet()).fit(injector.fit_transform(IMAGES))
        noise = est.denoiser_._noise
        assert noise.blur == 1.0 and noise.image_shape == (16, 16, 1)

    def test_seed(self, noisy):
        fits = [quick(EstimatorDenoiser(PCA(4)), random_state=seed).fit(noisy) for seed in (0, 0, 1)]
        outs = [est.transform(noisy[0]) for est in fits]
        np.testing.assert_array_equal(outs[0], outs[1])
        assert np.abs(outs[0] - outs[2]).max() > 1e-6

    def test_images_are_not_modified(self, noisy):
        before = [image.copy() for image in noisy]
        quick(unet()).fit(noisy).transform(noisy)
        assert all(map(np.array_equal, before, noisy))

    def test_interrupted_fit_changes_nothing(self, noisy):
        est = quick(EstimatorDenoiser(PCA(4))).fit(noisy)
        before = dict(vars(est))
        with pytest.raises(ValueError, match="finite"):
            est.fit([np.full((40, 40), np.nan)])
        assert vars(est) == before


def psnr_of(clean, images):
    rows = [np.concatenate([np.ravel(image) for image in some])[np.newaxis] for some in (clean, images)]
    return psnr(*rows, data_range=(0, 1))


class TestUnits:
    def test_data_range(self, noisy):
        gaussian = ImageFilter("gaussian", sigma=1.0)
        fit = lambda images, **params: quick(gaussian, **params).fit(images).data_range_
        assert fit([np.uint8(255 * image) for image in IMAGES]) == (0, 255)
        assert fit([image > 0.5 for image in IMAGES]) == (0, 1)
        assert fit(IMAGES) == (0, 1)
        assert fit(noisy) == (0, 1)
        assert fit(IMAGES, data_range=(-1, 3)) == (-1, 3)
        assert quick(clone(gaussian).set_params(data_range=(0, 2))).fit(IMAGES).data_range_ == (0, 2)
        low, high = fit([1000 * CAMERA - 300])
        assert low < -280 and high > 680

    @pytest.mark.parametrize("dtype", ["uint8", "float32", "float64", "int16"])
    def test_dtypes(self, dtype):
        image = (255 * CAMERA[:60, :50]).astype(dtype)
        out = quick(ImageFilter("gaussian", sigma=1.0), data_range=(0, 255)).fit(image).transform(image)
        assert out.dtype == (dtype if dtype.startswith("float") else np.float32)
        assert out.min() >= 0 and out.max() <= 255

    def test_other_units_warn(self):
        est = quick(ImageFilter("gaussian", sigma=1.0)).fit(CAMERA)
        with pytest.warns(UserWarning, match="order of magnitude"):
            est.transform(255 * CAMERA)


class TestForms:
    def test_array_stack_list_and_out(self, noisy, tmp_path):
        est = quick(ImageFilter("gaussian", sigma=1.0)).fit(noisy)
        image = noisy[0]
        single = est.transform(image)
        assert isinstance(single, np.ndarray)
        np.testing.assert_array_equal(est.transform(np.stack([image, image[::-1]]))[0], single)
        np.testing.assert_array_equal(est.transform([image])[0], single)
        out = np.lib.format.open_memmap(tmp_path / "out.npy", mode="w+", dtype="float32", shape=image.shape)
        assert est.transform(image, out=out) is out
        np.testing.assert_allclose(np.load(tmp_path / "out.npy"), single, atol=1e-6)
        outs = [np.empty_like(one) for one in noisy]
        est.transform(noisy, out=outs)
        np.testing.assert_array_equal(outs[0], single)

    def test_only_drawn_pixels_of_files_are_read(self):
        class Lazy:
            """An image in a file, as far as `fit` may touch it."""

            def __init__(self, array):
                self.array, self.shape, self.dtype, self.ndim, self.n_read = array, array.shape, array.dtype, 2, 0

            def __getitem__(self, where):
                part = self.array[where]
                self.n_read = max(self.n_read, part.size)
                return part

        lazy = Lazy(np.tile(CAMERA, (4, 4)))
        est = quick(ImageFilter("gaussian", sigma=1.0)).fit([lazy])
        assert 0 < lazy.n_read <= 256
        np.testing.assert_array_equal(est.transform([lazy])[0], est.transform(lazy.array))

    @pytest.mark.parametrize("size", SIZES)
    def test_all_sizes_are_trained_on(self, size):
        image = np.random.default_rng(0).random(size)
        for denoiser in (EstimatorDenoiser(LinearRegression()), ImageFilter("gaussian", sigma=1.0), unet()):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                assert quick(denoiser, n_patches=40).fit([image]).transform([image])[0].shape == size


class TestContract:
    def test_clone_pickle_and_parameters(self, noisy):
        est = quick(unet(), augment=False).fit(noisy)
        copied = clone(est)
        assert not hasattr(copied, "denoiser_") and copied.get_params()["denoiser__latent_dim"] == 4
        assert copied.set_params(denoiser__latent_dim=8).denoiser.latent_dim == 8
        assert est.denoiser.image_shape is None  # fit does not modify the parameter
        restored = pickle.loads(pickle.dumps(est))
        np.testing.assert_array_equal(restored.transform(noisy[0]), est.transform(noisy[0]))

    def test_saved(self, noisy, tmp_path):
        est = make_pipeline(NoiseInjector(level=0.1, random_state=0), quick(ImageFilter("tv"))).fit(IMAGES)
        sk_denoise.save(est, tmp_path / "pipe.skops")
        loaded = sk_denoise.load(tmp_path / "pipe.skops")
        np.testing.assert_array_equal(loaded.transform(IMAGES)[1], est.transform(IMAGES)[1])

    def test_search_over_lists(self):
        images = [CAMERA[i : i + 40, j : j + 50] for i in (0, 60, 120) for j in (0, 70)]
        pipe = Pipeline(
            [("noise", NoiseInjector(level=0.1, random_state=0)), ("denoise", quick(EstimatorDenoiser(PCA(2))))]
        )
        grid = {"denoise__denoiser__estimator__n_components": [1, 12], "denoise__patch_shape": [(6, 6)]}
        search = GridSearchCV(pipe, grid, cv=3, error_score="raise").fit(images)
        assert search.best_params_["denoise__denoiser__estimator__n_components"] == 12
        assert 20 < search.best_score_ < 40

    def test_search_over_pairs(self, noisy):
        images = [CAMERA[i : i + 40, j : j + 50 + i] for i in (0, 60, 120) for j in (0, 70)]
        pairs = list(NoiseInjector(level=0.1, random_state=0).fit_transform(images))
        filters = quick(ImageFilter("gaussian", sigma=1.0), data_range=(0, 1))
        search = GridSearchCV(filters, {"denoiser__sigma": [0.1, 0.8, 9.0]}, cv=3, error_score="raise")
        assert search.fit(pairs, images).best_params_ == {"denoiser__sigma": 0.8}

    def test_routed_clean_images(self, noisy):
        with sk_denoise_routing():
            est = quick(ImageFilter("tv", calibration="supervised")).set_fit_request(X_clean=True)
            pipe = make_pipeline(est).fit(list(noisy), X_clean=IMAGES)
        assert pipe[-1].target_source_ == "X_clean"

    def test_score_needs_clean_images(self, noisy):
        est = quick(ImageFilter("gaussian", sigma=1.0), data_range=(0, 1)).fit(list(noisy))
        with pytest.warns(UndefinedMetricWarning, match="clean images"):
            assert np.isnan(est.score(list(noisy)))
        assert est.score(noisy) == est.score(list(noisy), IMAGES) == est.score(list(noisy), X_clean=IMAGES)
        assert est.score(noisy) == pytest.approx(psnr_of(IMAGES, est.transform(noisy)))

    def test_scores_of_clean_images_draw_the_noise_of_the_fit(self):
        est = quick(EstimatorDenoiser(PCA(6), noise=NoiseInjector(level=0.05))).fit(IMAGES)
        assert est.score(IMAGES) == est.score(IMAGES)
        assert 20 < est.score(IMAGES) < 40

    def test_not_fitted(self):
        with pytest.raises(NotFittedError):
            PatchDenoiser(ImageFilter()).transform(CAMERA)


def sk_denoise_routing():
    import sklearn

    return sklearn.config_context(enable_metadata_routing=True)


GREY = ImageFilter("gaussian", sigma=1.0)


@pytest.mark.parametrize(
    ("params", "images", "options", "match"),
    [
        ({}, [CAMERA, np.stack([CAMERA] * 3, -1)], {}, r"images\[1\].*channel_axis"),
        ({"channel_axis": -1}, [np.stack([CAMERA] * n, -1) for n in (3, 4)], {}, "same number of channels"),
        ({}, np.stack([CAMERA] * 3, -1), {}, "channel_axis=-1"),
        ({}, np.pad(CAMERA, 60, constant_values=np.nan), {}, "finite"),
        ({}, [], {}, "empty list"),
        ({}, [np.zeros((0, 5))], {}, "at least 1 x 1"),
        ({}, [CAMERA], {"X_clean": [CAMERA[1:]]}, r"X_clean\[0\] must have the shape"),
        ({}, [CAMERA], {"X_clean": [CAMERA, CAMERA]}, "as many images"),
        ({}, [CAMERA], {"y": [CAMERA[1:]]}, r"y\[0\] must have the shape"),
        ({"patch_shape": (8, 0)}, [CAMERA], {}, "patch_shape"),
        ({"n_patches": 0}, [CAMERA], {}, "n_patches"),
        ({"data_range": (1, 0)}, [CAMERA], {}, "data_range"),
    ],
)
def test_bad_input_to_fit(params, images, options, match):
    with pytest.raises(ValueError, match=match):
        quick(GREY, **params).fit(images, **options)


def test_other_estimators_are_refused():
    with pytest.raises(TypeError, match="EstimatorDenoiser"):
        PatchDenoiser(PCA(2)).fit([CAMERA])


@pytest.mark.parametrize(
    ("images", "options", "match"),
    [
        ([CAMERA], {"out": [np.empty((5, 5))]}, "out must have the shapes"),
        ([CAMERA], {"out": []}, "out"),
        ([np.where(CAMERA > 0.9, np.nan, CAMERA)], {}, r"images\[0\] must hold finite"),
        (np.stack([CAMERA] * 3, -1), {}, "channel_axis"),
    ],
)
def test_bad_input_to_transform(images, options, match):
    with pytest.raises(ValueError, match=match):
        quick(GREY).fit([CAMERA]).transform(images, **options)


def test_other_channels_than_in_fit():
    colour = np.stack([CAMERA] * 3, -1)
    est = quick(GREY, channel_axis=-1).fit(colour)
    with pytest.raises(ValueError, match="channels seen during fit"):
        est.transform(np.stack([CAMERA] * 4, -1))


def test_search_with_routed_clean_images():
    images = [CAMERA[i : i + 40, j : j + 50 + i] for i in (0, 60, 120) for j in (0, 70)]
    noisy = list(NoiseInjector(level=0.1, random_state=0).fit_transform(images))
    with sk_denoise_routing():
        est = quick(GREY, data_range=(0, 1)).set_fit_request(X_clean=True).set_score_request(X_clean=True)
        search = GridSearchCV(est, {"denoiser__sigma": [0.1, 0.8, 9.0]}, cv=3, error_score="raise")
        assert search.fit(noisy, X_clean=images).best_params_ == {"denoiser__sigma": 0.8}
    assert search.best_estimator_.target_source_ == "X_clean"


class Written:
    """Something in a file that can be assigned to by slices, and is no array."""

    def __init__(self, shape):
        self.array = np.zeros(shape, dtype="float32")
        self.shape, self.dtype, self.ndim = shape, self.array.dtype, len(shape)

    def __setitem__(self, places, values):
        self.array[places] = values


class TestOutputs:
    def test_things_that_are_not_arrays(self):
        est = quick(GREY).fit(CAMERA)
        expected = est.transform(CAMERA)
        single, stack, listed = Written(CAMERA.shape), Written((2, *CAMERA.shape)), [Written(CAMERA.shape)]
        est.transform(CAMERA, out=single)
        est.transform(np.stack([CAMERA, CAMERA]), out=stack)
        est.transform([CAMERA], out=listed)
        for found in (single.array, *stack.array, listed[0].array):
            np.testing.assert_allclose(found, expected, atol=1e-6)

    @pytest.mark.parametrize("axis", [0, 1, -1])
    def test_colour(self, axis):
        image = np.moveaxis(np.stack([CAMERA, CAMERA**2, 1 - CAMERA]), 0, axis)
        est = quick(GREY, channel_axis=axis).fit(image)
        out = np.zeros_like(image)
        assert est.transform(image, out=out) is out
        np.testing.assert_array_equal(out, est.transform(image))
        outs = [np.zeros_like(image)]
        est.transform([image], out=outs)
        np.testing.assert_array_equal(outs[0], out)

    @pytest.mark.parametrize(
        ("out", "match"),
        [
            (np.zeros(CAMERA.shape, dtype=np.uint8), "out must hold floats"),
            (np.broadcast_to(np.float32(0), CAMERA.shape), "out must be writeable"),
            ([[0.0] * 200] * 200, "out must be an array"),
            (CAMERA, "share memory"),
        ],
    )
    def test_refused(self, out, match):
        with pytest.raises((ValueError, TypeError), match=match):
            quick(GREY).fit(CAMERA).transform(CAMERA, out=out)


class TestTraps:
    """What was silent once: ranges of injectors, single clean images, slices, and parameters without effect."""

    def test_the_range_of_the_injector_is_that_of_its_level(self):
        """A wider range of the denoiser does not change the noise."""
        image = 255 * CAMERA
        injector = NoiseInjector(level=0.1, clip=False, random_state=0, data_range=(0, 255))
        est = quick(EstimatorDenoiser(LinearRegression(), n_draws=2), data_range=(0, 2550))
        pipe = make_pipeline(injector, est).fit([image])
        assert pipe.score([image]) == pytest.approx(pipe[-1].score([image]), abs=0.3)

    def test_one_clean_image(self):
        noisy = CAMERA + 0.1 * np.random.default_rng(0).standard_normal(CAMERA.shape)
        est = quick(GREY).fit(noisy, CAMERA)
        assert est.target_source_ == "y"
        assert est.score(noisy, CAMERA) == est.score([noisy], [CAMERA])

    def test_slices_of_noisy_stacks_warn(self):
        noisy = NoiseInjector(level=0.1, random_state=0).fit_transform(np.stack([CAMERA] * 3))
        with pytest.warns(UserWarning, match="no longer carries"):
            quick(EstimatorDenoiser(PCA(2))).fit(noisy[:2])

    def test_integers_and_unit_values_together_warn(self):
        with pytest.warns(UserWarning, match="same units"):
            quick(GREY).fit([data.camera(), data.camera() / 255])

    def test_masks_in_uint8_warn(self):
        with pytest.warns(UserWarning, match="all values are 0 or 1"):
            quick(GREY).fit(np.uint8(CAMERA > 0.5))

    @pytest.mark.parametrize("params", [{"warm_start": True}, {"output": "latent", "architecture": "dense"}])
    def test_parameters_without_effect_are_refused(self, params):
        with pytest.raises(ValueError, match="denoiser must have"):
            quick(unet().set_params(**params)).fit(CAMERA)

    def test_losses_that_need_outputs_in_the_range_keep_the_sigmoid(self):
        rows = np.random.default_rng(0).random((4, 1024))
        assert unet(loss="binary_crossentropy").fit(rows)._spec.head == "sigmoid"
        with pytest.raises(ValueError, match="head='residual' does not ensure"):
            unet(loss="kl_divergence", head="residual").fit(rows)
