import pickle
import warnings

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import data
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from sk_denoise import EstimatorDenoiser, ImageFilter, NoiseInjector, estimate_noise
from sk_denoise.denoisers import _calibration, _filtering

METHODS = tuple(_filtering.METHODS)
FIXED = {
    "median": {"size": 3},
    "gaussian": {"sigma": 0.7},
    "bilateral": {"sigma_color": 0.3, "sigma_spatial": 1.0},
    "tv": {"weight": 0.1},
    "wavelet": {"level": 0.2, "wavelet": "haar"},
    "nlm": {"level": 0.0, "h": 0.2, "patch_size": 3, "patch_distance": 3},
    "nl_ridge": {"level": 0.2, "correlation": None},
}


def mse(clean, images, peak=1):
    return np.mean(((np.asarray(images, float) - clean) / peak) ** 2)


@pytest.fixture(params=METHODS)
def method(request):
    return request.param


@pytest.fixture(scope="module")
def noisy(digits):
    """Noisy digits in [0, 16] that keep the clean rows."""
    return NoiseInjector(level=0.3, random_state=0).fit_transform(digits[0][:200])


def page():
    """Return a page of text as a row, clean and noisy, and options of a filter for it."""
    image = data.page()[:120, :180].astype(float)
    clean = image.reshape(1, -1)
    noisy = clean + 25 * np.random.default_rng(0).standard_normal(clean.shape)
    return clean, noisy, {"image_shape": image.shape, "data_range": (0, 255), "random_state": 0}


def squares(n, shape, seed=0):
    """Return images with edges, clean and noisy."""
    rng = np.random.default_rng(seed)
    clean = np.zeros((n, *shape))
    for image in clean:
        top, left = rng.integers(0, shape[0] // 2 + 1), rng.integers(0, shape[1] // 2 + 1)
        image[top : top + shape[0] // 2 + 1, left : left + shape[1] // 2] = 0.2 + 0.8 * rng.random(shape[2:])
    dirty = np.clip(clean + 0.2 * rng.standard_normal(clean.shape), 0, 1)
    return clean.reshape(n, -1), dirty.reshape(n, -1)


class TestDenoises:
    @pytest.mark.parametrize("calibration", ["supervised", "j_invariant"])
    def test_error_falls(self, method, calibration):
        clean, dirty = squares(40, (16, 16))
        est = ImageFilter(method, calibration=calibration, random_state=0).fit(dirty, X_clean=clean)
        assert mse(clean, est.transform(dirty)) < 0.75 * mse(clean, dirty)
        assert set(est.params_) == set(_filtering.METHODS[method])

    def test_signals(self, method):
        clean, dirty = squares(40, (1, 40))
        options = {"calibration": "supervised", "random_state": 0}
        est = ImageFilter(method, image_shape=(1, 40), **options).fit(dirty, X_clean=clean)
        upright = ImageFilter(method, image_shape=(40, 1), **options).fit(dirty, X_clean=clean)
        assert mse(clean, est.transform(dirty)) < mse(clean, dirty)
        np.testing.assert_allclose(upright.transform(dirty), est.transform(dirty), atol=1e-9)

    def test_supervised_is_no_worse_on_the_sample(self, method, noisy):
        rows, clean = np.asarray(noisy)[:32], noisy.clean[:32]
        errors = [
            mse(clean, ImageFilter(method, calibration=how).fit(rows, X_clean=clean).transform(rows))
            for how in ("supervised", "j_invariant")
        ]
        assert errors[0] <= errors[1]

    def test_supervised_leaves_clean_images_alone(self, method, digits):
        X = digits[0][:32]
        est = ImageFilter(method, calibration="supervised").fit(X, X_clean=X)
        assert mse(X, est.transform(X), 16) < 1e-4

    def test_j_invariance_sees_no_clean_rows(self, method, noisy):
        clean = noisy.clean
        a, b = (ImageFilter(method, data_range=(0, 16), random_state=0) for _ in range(2))
        assert a.fit(noisy).params_ == b.fit(np.asarray(noisy), X_clean=clean[::-1]).params_

    def test_every_combination_is_reachable(self, method, digits):
        """Parameters chosen by calibration give the same result when they are passed explicitly."""
        clean, dirty = squares(20, (16, 16))
        found = ImageFilter(method, calibration="supervised").fit(dirty, X_clean=clean)
        given = ImageFilter(method, **found.params_).fit(dirty)
        assert given.params_ == found.params_
        np.testing.assert_array_equal(given.transform(dirty), found.transform(dirty))


class TestCalibration:
    def test_given_values_are_kept_and_others_searched(self, noisy):
        est = ImageFilter("nlm", patch_size=7, random_state=0).fit(noisy)
        assert est.params_["patch_size"] == 7
        assert est.params_["patch_distance"] in _calibration.GRIDS["patch_distance"]

    @pytest.mark.parametrize("how", ["X_clean", "y", "injector"])
    def test_sources_of_clean_rows(self, noisy, how):
        est = ImageFilter("tv", calibration="supervised", random_state=0)
        rows, clean = np.asarray(noisy), noisy.clean
        given = {"X_clean": ([rows], {"X_clean": clean}), "y": ([rows, clean], {}), "injector": ([noisy], {})}[how]
        est.fit(*given[0], **given[1])
        assert est.params_ == ImageFilter("tv", calibration="supervised", random_state=0).fit(noisy).params_
        assert est.data_range_ == (0, 16)

    def test_no_clean_rows(self, noisy):
        for rows in (np.asarray(noisy), noisy[:50]):  # a slice loses the clean rows
            with pytest.raises(ValueError, match="calibration='supervised' needs clean rows"):
                ImageFilter(calibration="supervised").fit(rows, np.arange(len(rows)))

    def test_seed(self, noisy):
        rows = np.asarray(noisy)
        fits = [ImageFilter("wavelet", random_state=seed).fit(rows) for seed in (0, 0, 1)]
        assert fits[0].level_ == fits[1].level_ != fits[2].level_

    def test_level(self, noisy):
        est = ImageFilter("wavelet", level=0.1, wavelet="db2").fit(noisy)
        assert est.level_ == est.params_["level"] == 0.1
        halved, whole = (ImageFilter("nlm", level=level).fit(noisy) for level in (1e-9, 0.2))
        assert halved.params_["h"] < whole.params_["h"]
        assert not hasattr(est.set_params(method="median", level="auto", wavelet="auto").fit(noisy), "level_")

    @pytest.mark.parametrize("shape", [(16, 16, 1), (30, 17, 1), (12, 12, 3)])
    def test_level_is_scikit_images_estimate(self, shape):
        from skimage.restoration import estimate_sigma

        images = np.random.default_rng(0).random((5, *shape))
        expected = np.mean([estimate_sigma(image, channel_axis=-1) for image in images])
        assert _calibration.estimate_level(images) == pytest.approx(expected)
        assert _calibration.estimate_level(np.ones((2, *shape))) == pytest.approx(0, abs=1e-12)

    @pytest.mark.parametrize("n_features", [1, 2, 3, 4, 9, 13, 16])
    @pytest.mark.parametrize("calibration", ["supervised", "j_invariant"])
    @pytest.mark.filterwarnings("ignore:image_shape=None:UserWarning")
    def test_tiny_images(self, method, n_features, calibration):
        X = np.random.default_rng(0).random((10, n_features))
        with warnings.catch_warnings():
            warnings.filterwarnings("error", module="(skimage|pywt|numpy|scipy)")
            warnings.simplefilter("error", RuntimeWarning)
            est = ImageFilter(method, calibration=calibration).fit(X, X_clean=X)
            assert np.isfinite(est.transform(X)).all()

    def test_blind_calibration_on_text(self, method):
        clean, noisy, options = page()
        best = ImageFilter(method, calibration="supervised", **options).fit(noisy, X_clean=clean).score(noisy, clean)
        assert ImageFilter(method, **options).fit(noisy).score(noisy, clean) > best - 0.3  # dB

    @pytest.mark.parametrize("name", ["median", "gaussian"])
    def test_rows_with_noise_of_several_levels(self, name):
        image = data.camera() / 255
        clean = np.stack([image[i : i + 64, j : j + 64].ravel() for i in range(0, 256, 64) for j in range(0, 256, 64)])
        noisy = np.asarray(NoiseInjector(level=(0.05, 0.3), random_state=0).fit_transform(clean))
        assert mse(clean, ImageFilter(name, random_state=0).fit_transform(noisy)) < 0.5 * mse(clean, noisy)

    def test_hidden_pixels_mislead_on_text(self):
        clean, noisy, options = page()
        hidden, estimated = (
            ImageFilter("gaussian", calibration=how, **options).fit(noisy).score(noisy, clean)
            for how in ("j_invariant", "auto")
        )
        assert estimated > hidden + 1

    @pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
    def test_constant_images_stay(self, method, value):
        X = np.full((4, 36), value)
        np.testing.assert_allclose(ImageFilter(method).fit(X).transform(X), X, atol=1e-6)

    @pytest.mark.parametrize("number", [np.float32, np.float64, int])
    def test_numbers_of_any_type(self, noisy, number):
        assert ImageFilter("tv", weight=number(1)).fit(noisy).params_ == {"weight": 1.0}
        assert ImageFilter("nlm", h=number(1), patch_distance=np.int64(9)).fit(noisy).transform(noisy).any()


class TestUnits:
    def test_data_range(self, noisy, small):
        assert ImageFilter().fit(noisy).data_range_ == (0, 16)
        assert ImageFilter().fit(np.asarray(noisy)).data_range_ == (0, 16)  # clipped noise
        assert ImageFilter(data_range=(0, 4)).fit(small).data_range_ == (0, 4)
        assert ImageFilter().fit(small * 3 - 1, X_clean=small).data_range_ == (0, 1)

    def test_values_outside_the_range(self, method):
        rows = np.random.default_rng(0).normal(0.5, 0.5, (20, 64))
        est = ImageFilter(method, data_range=(0, 1), **FIXED[method]).fit(rows)
        shifted = ImageFilter(method, data_range=(-3, -2), **FIXED[method]).fit(rows - 3)
        np.testing.assert_allclose(shifted.transform(rows - 3), est.transform(rows) - 3, atol=1e-5)


class TestPixels:
    def test_transposed_and_mirrored_images(self, method, digits):
        """All directions are equivalent, except for the stopping rule of "tv", blocks of wavelets, and ties."""
        if method == "nl_ridge":
            pytest.skip("patches that are equally similar are chosen at random")
        X = digits[0][:10].reshape(-1, 8, 8)
        est = ImageFilter(method, **FIXED[method]).fit(X.reshape(10, -1))

        def through(images):
            return est.transform(images.reshape(10, -1)).reshape(10, 8, 8)

        expected = through(X)
        np.testing.assert_allclose(through(X.transpose(0, 2, 1)).transpose(0, 2, 1), expected, atol=1e-6)
        if method in ("median", "gaussian", "bilateral"):
            np.testing.assert_allclose(through(X[:, ::-1])[:, ::-1], expected, atol=1e-6)

    def test_neighbours_are_those_of_the_image(self):
        X = np.zeros((1, 7 * 9 * 2))
        X.reshape(7, 9, 2)[3, 4, 1] = 1
        out = ImageFilter("gaussian", sigma=0.5, image_shape=(7, 9, 2)).fit(X).transform(X).reshape(7, 9, 2)
        assert np.all(out[..., 0] == 0)
        near = [out[2, 4, 1], out[4, 4, 1], out[3, 3, 1], out[3, 5, 1]]
        np.testing.assert_allclose(near, near[0])
        assert out[3, 4, 1] > near[0] > out[2, 3, 1] > 0

    def test_channels(self, method):
        clean, dirty = squares(10, (10, 12, 3))
        est = ImageFilter(method, image_shape=(10, 12, 3), **FIXED[method]).fit(dirty)
        out = est.transform(dirty).reshape(10, 10, 12, 3)
        assert mse(clean, out.reshape(10, -1)) < mse(clean, dirty)
        swapped = est.transform(dirty.reshape(10, 10, 12, 3)[..., ::-1].reshape(10, -1))
        np.testing.assert_allclose(swapped.reshape(out.shape)[..., ::-1], out, atol=1e-9)
        if method in ("bilateral", "nlm", "nl_ridge"):
            return  # these compare whole colours, or luminance
        one = ImageFilter(method, image_shape=(10, 12), **FIXED[method]).fit(squares(10, (10, 12))[1])
        green = dirty.reshape(10, 10, 12, 3)[..., 1].reshape(10, -1)
        np.testing.assert_allclose(one.transform(green).reshape(10, 10, 12), out[..., 1], atol=1e-9)

    @pytest.mark.parametrize("calibration", ["supervised", "j_invariant"])
    def test_auto_on_colours(self, method, calibration):
        clean, dirty = squares(10, (10, 12, 3))
        est = ImageFilter(method, image_shape=(10, 12, 3), calibration=calibration).fit(dirty, X_clean=clean)
        assert est.image_shape_ == (10, 12, 3)
        assert mse(clean, est.transform(dirty)) <= mse(clean, dirty)

    def test_bilateral_is_the_papers_formula(self):
        rng = np.random.default_rng(0)
        images = rng.random((2, 5, 6, 2))
        out = _filtering.bilateral(images, 0.3, 0.6)
        y, x = np.mgrid[:5, :6]
        for i, j in ((0, 0), (2, 3), (4, 5)):
            distance = (y - i) ** 2 + (x - j) ** 2
            near = (abs(y - i) <= 2) & (abs(x - j) <= 2)  # three standard deviations
            contrast = ((images - images[:, i : i + 1, j : j + 1]) ** 2).sum(-1)
            weight = near * np.exp(-distance / (2 * 0.6**2) - contrast / (2 * 0.3**2))
            expected = (weight[..., None] * images).sum((1, 2)) / weight.sum((1, 2))[:, None]
            np.testing.assert_allclose(out[:, i, j], expected)


class TestInSearches:
    def pipe(self, denoiser):
        noise = NoiseInjector(level=0.3, random_state=0)
        classifier = LogisticRegression(max_iter=5000)
        return Pipeline([("noise", noise), ("denoise", denoiser), ("classify", classifier)])

    def test_choosing_among_denoisers(self, digits):
        choices = {"denoise": [ImageFilter("tv", random_state=0), EstimatorDenoiser(PCA(16)), "passthrough"]}
        search = GridSearchCV(self.pipe("passthrough"), choices, cv=2, error_score="raise")
        search.fit(digits[0][:300], digits[1][:300])
        assert len(set(search.cv_results_["mean_test_score"])) == 3

    def test_weights_in_decibels(self, digits):
        pipe = self.pipe(ImageFilter("tv"))[:-1]
        search = GridSearchCV(pipe, {"denoise__weight": [1e-3, 0.08, 5.0]}, cv=2, error_score="raise")
        search.fit(digits[0][:200])
        assert search.best_params_ == {"denoise__weight": 0.08}
        assert 10 < search.best_score_ < 30

    def test_between_noise_and_autoencoder_the_source_is_lost(self, noisy):
        assert not hasattr(ImageFilter().fit_transform(noisy), "clean")


def test_parameters_set_after_fit_count_at_the_next_fit(small):
    est = ImageFilter("gaussian", sigma=0.7).fit(small)
    before = est.transform(small)
    np.testing.assert_array_equal(est.set_params(method="median", sigma="auto").transform(small), before)


def test_pickles_are_small_and_equal(method, noisy):
    est = ImageFilter(method).fit(noisy)
    dumped = pickle.dumps(est)
    assert len(dumped) < 2000
    np.testing.assert_array_equal(pickle.loads(dumped).transform(noisy), est.transform(noisy))


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"method": "medain"}, "method.*Did you mean 'median'"),
        ({"weight": 0.1}, "weight=0.1 belongs to method='tv'"),
        ({"level": 0.1}, "level=0.1 belongs to method='wavelet' or 'nlm'"),
        ({"method": "nlm", "level": 20}, "level must be a number in .* level=25/255"),
        ({"size": 4}, "size must be odd"),
        ({"method": "wavelet", "wavelet": "db"}, "wavelet must be the name"),
        ({"method": "wavelet", "wavelet": "bior2.2"}, "wavelet must be the name"),
        ({"method": "wavelet", "wavelet": "db20"}, "wavelet='db20' is longer"),
        ({"image_shape": (3, 3)}, "image_shape"),
    ],
)
def test_errors_that_name_a_remedy(small, params, match):
    with pytest.raises(ValueError, match=match):
        ImageFilter(**params).fit(small)


class TestNoise:
    """Filters adapt to the noise of images that are large enough to measure it."""

    clean = data.camera()[100:228, 150:278].astype(float)

    def options(self, **more):
        return {"image_shape": self.clean.shape, "data_range": (0, 255), **more}

    def score(self, name, noisy, **more):
        rows = noisy.reshape(1, -1)
        return ImageFilter(name, **self.options(**more)).fit(rows).score(rows, self.clean.reshape(1, -1))

    def white(self, seed=0):
        return np.random.default_rng(seed).standard_normal(self.clean.shape)

    @pytest.mark.parametrize("name", ["tv", "nl_ridge"])
    def test_variance_of_photons_is_stabilized(self, name):
        noisy = np.random.default_rng(0).poisson(self.clean / 255 * 30) * 255 / 30
        assert self.score(name, noisy) > self.score(name, noisy, noise=None) + 0.5

    def test_stabilized_filters_keep_precision_and_units(self):
        noisy = (np.random.default_rng(0).poisson(self.clean / 255 * 30) * 255 / 30).reshape(1, -1)
        est = ImageFilter("tv", **self.options()).fit(noisy)
        assert est.noise_.kind == "poisson_gaussian"
        expected = est.transform(noisy)
        single = est.transform(noisy.astype("float32"))
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, expected, atol=0.05)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(est)).transform(noisy), expected)
        given = ImageFilter("tv", noise=est.noise_, **est.params_, **self.options()).fit(noisy)
        np.testing.assert_array_equal(given.transform(noisy), expected)
        shifted = ImageFilter("tv", image_shape=self.clean.shape, data_range=(0, 1)).fit(noisy / 255)
        np.testing.assert_allclose(255 * shifted.transform(noisy / 255), expected, atol=2)

    def test_correlated_noise_is_measured_and_warns(self):
        blurred = gaussian_filter(self.white(), 0.8, mode="wrap")
        noisy = self.clean + 25 * blurred / blurred.std()
        with pytest.warns(UserWarning, match="correlated"):
            known = self.score("tv", noisy)
        assert known > self.score("tv", noisy, calibration="j_invariant") + 1

    def test_nlm_uses_its_level(self):
        noisy = self.clean + 25 * self.white()
        options = {"h": 0.06, "patch_size": 5, "patch_distance": 6}
        assert self.score("nlm", noisy, level=0.1, **options) > self.score("nlm", noisy, level=0.0, **options) + 0.5

    @pytest.mark.parametrize("name", ["gaussian", "bilateral", "tv", "nlm", "wavelet"])
    def test_the_choice_does_not_depend_on_the_data_range(self, name):
        noisy = self.clean + 25 * self.white()
        scores = [self.score(name, noisy), self.score(name, noisy, data_range=(-200, 2000))]
        peak = 20 * np.log10(2200 / 255)
        assert abs(scores[1] - peak - scores[0]) < 0.1

    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["median", "gaussian", "bilateral", "tv", "nlm"])
    def test_strong_noise_is_not_left_in(self, name):
        """J-invariance would choose to do nothing on text, where neighbouring pixels differ."""
        page = data.page()[:120, :180].astype(float)
        clean = np.stack([page.ravel(), page[::-1].ravel()])
        noisy = clean + np.array([[15.0], [45.0]]) * np.random.default_rng(0).standard_normal(clean.shape)
        est = ImageFilter(name, image_shape=page.shape, data_range=(0, 255)).fit(noisy)
        assert est.noise_.spread > 0.25 * est.noise_.sigma
        hidden = ImageFilter(name, image_shape=page.shape, data_range=(0, 255), calibration="j_invariant").fit(noisy)
        assert mse(clean, est.transform(noisy)) < mse(clean, noisy)
        assert mse(clean, est.transform(noisy)) <= mse(clean, hidden.transform(noisy)) + 1

    def test_padding_does_not_mislead(self):
        noisy = self.clean + 25 * self.white()
        padded = np.pad(noisy, 100, constant_values=noisy.min())
        fits = [
            ImageFilter("gaussian", image_shape=image.shape, data_range=(0, 255), noise=estimate_noise(noisy))
            .fit(image.reshape(1, -1))
            .params_["sigma"]
            for image in (noisy, padded)
        ]
        assert abs(fits[0] - fits[1]) < 0.3

    def test_unclear_noise_is_refused(self, small):
        with pytest.raises(ValueError, match="noise must be an estimate of known kind"):
            ImageFilter(noise=estimate_noise(small, image_shape=(4, 4))).fit(small)
