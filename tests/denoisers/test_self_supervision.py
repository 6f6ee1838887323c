"""Training on noisy images alone: inputs, targets, and warnings about unsuitable noise."""

import math
import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import gaussian_filter
from skimage import data
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from sk_denoise import (
    DenoisingAutoencoder,
    EstimatorDenoiser,
    NoiseInjector,
    PatchDenoiser,
    estimate_noise,
    load,
    save,
)
from sk_denoise.denoisers._self_supervision import _STRENGTH, blind_spots, recorruption
from sk_denoise.networks.spec import NetworkSpec
from sk_denoise.networks.trainer import Trainer

SHAPE = (16, 16, 1)


def injector(kind="gaussian", level=0.3, **params):
    params = {"clip": False, "data_range": (0, 1), "random_state": 0} | params
    return NoiseInjector(kind, level, **params)


@pytest.fixture(scope="module")
def rows():
    """Smooth images of 16 x 16 pixels, in [0, 1]."""
    y, x = np.mgrid[:16, :16] / 16
    phases = np.random.default_rng(0).random((400, 2, 1, 1))
    images = 0.5 + 0.2 * np.sin(6 * (x + phases[:, 0])) + 0.2 * np.cos(6 * (y + phases[:, 1]))
    return images.reshape(400, -1).astype(np.float32)


@pytest.fixture(scope="module")
def images():
    """Three images of different sizes with flat areas and edges, in [0, 1]."""
    rng = np.random.default_rng(1)
    blocks = [np.kron(rng.random((n, n + 1)), np.ones((24, 24))) for n in (4, 5, 6)]
    return [image.astype(np.float32) for image in blocks]


def network(**params):
    return DenoisingAutoencoder(**{"latent_dim": 8, "epochs": 1, "random_state": 0} | params)


def regressor(**params):
    return EstimatorDenoiser(Ridge(), **{"self_supervised": "recorrupted", "random_state": 0} | params)


class TestRecorruption:
    """The noises of input and target have no correlation, and both versions have the right mean."""

    def draw(self, noise, clean, data_range=(0, 1)):
        noisy = np.asarray(clone(noise).fit_transform(clean))
        unit = ((noisy - data_range[0]) / (data_range[1] - data_range[0])).astype(np.float32)
        pair = recorruption(noise, data_range, SHAPE)
        parts = zip(*(pair(unit, np.random.default_rng(seed)) for seed in range(20)))
        width = data_range[1] - data_range[0]
        return [np.concatenate(part) * width + data_range[0] - np.tile(clean, (20, 1)) for part in parts]

    @pytest.mark.parametrize("blur", [0, 0.7, (0, 1.5)])
    @pytest.mark.parametrize("data_range", [(0, 1), (-1, 3)])
    def test_gaussian(self, rows, blur, data_range):
        errors = self.draw(injector(blur=blur), rows, data_range)
        added, subtracted = (error.reshape(-1, 16, 16) for error in errors)
        assert added.var() == pytest.approx(0.09 * (1 + _STRENGTH**2), rel=0.03)
        assert subtracted.var() == pytest.approx(0.09 * (1 + _STRENGTH**-2), rel=0.03)
        for lags in ((0, 0), (0, 1), (1, 0), (1, 1)):  # also between neighbours
            moved = np.roll(subtracted, lags, axis=(1, 2))
            assert abs(np.mean(added * moved)) < 0.005

    @pytest.mark.parametrize(
        "noise",
        [
            injector("poisson", 0.2),
            injector("poisson_gaussian", 0.2, read_noise=0.05),
            injector("poisson", 0.2, data_range=(-1, 3)),
        ],
        ids=["poisson", "with read noise", "other range"],
    )
    def test_photons(self, rows, noise):
        errors = self.draw(noise, rows, (0, 2))
        assert_allclose([error.mean() for error in errors], 0, atol=0.01)
        spread = errors[0].std() * errors[1].std()
        assert abs(np.mean(errors[0] * errors[1])) < 0.02 * spread
        assert errors[0].var() > 0.2**2 * 0.3  # it did not lose its noise

    @pytest.mark.parametrize("read_noise", [0.1, 0.5, 1.0, 3.0])
    @pytest.mark.parametrize("photons", [0, 0.5, 3])
    def test_read_noise_in_the_dark(self, read_noise, photons):
        """Counts may be negative, which cannot be split at random."""
        noise = injector("poisson_gaussian", 1, read_noise=read_noise)  # the level of one photon per grey value
        clean = photons + 1e-5 * np.random.default_rng(0).random((1000, 256))  # equal rows would get equal noise
        left, taken = self.draw(noise, clean.astype(np.float32))
        spread = math.sqrt(photons + read_noise**2)
        assert_allclose([left.mean(), taken.mean()], 0, atol=0.02 * spread)
        assert abs(np.mean(left * taken)) < 0.06 * left.std() * taken.std()

    def test_photons_are_shared_out_whole(self):
        noise = injector("poisson", 0.5)
        counts = np.random.default_rng(0).poisson(3, (50, 256)).astype(np.float32)
        left, taken = recorruption(noise, (0, 1), SHAPE)(counts / 4, np.random.default_rng(1))
        share = _STRENGTH**2 / (1 + _STRENGTH**2)
        taken = taken * 4 * share
        assert_allclose(taken, np.rint(taken), atol=1e-5)
        assert_allclose(left * 4 * (1 - share) + taken, counts, atol=1e-4)

    def test_each_draw_is_new(self, rows):
        pair, rng = recorruption(injector(), (0, 1), SHAPE), np.random.default_rng(0)
        assert not np.array_equal(pair(rows, rng)[0], pair(rows, rng)[0])


class TestBlindSpots:
    @pytest.mark.parametrize("shape", [(16, 16, 1), (1, 64, 1), (64, 1, 1), (2, 3, 1), (8, 9, 3)])
    def test_hidden_pixels_are_the_only_targets_and_are_not_in_the_input(self, shape):
        n = math.prod(shape)
        unit = np.tile(np.arange(n, dtype=np.float32), (2000, 1))  # no two pixels are equal
        given, target = blind_spots(shape)(unit, np.random.default_rng(1))
        hidden = np.isfinite(target)
        assert hidden.mean() == pytest.approx(1 / 8, rel=0.1)
        assert_array_equal(target[hidden], unit[hidden])
        assert_array_equal(given[~hidden], unit[~hidden])
        assert (given[hidden] != unit[hidden]).all()

    def test_values_come_from_pixels_nearby(self):
        y, x = np.mgrid[:16, :16]
        places = np.stack([y, x], axis=-1).reshape(1, -1).astype(np.float32)
        given, _ = blind_spots((16, 16, 2))(places.repeat(500, axis=0), np.random.default_rng(1))
        distance = np.abs(given - places).reshape(-1, 16, 16, 2)[:, 2:-2, 2:-2]
        assert distance.max() == 2
        counts = np.unique(distance[..., 0][distance.any(axis=-1)], return_counts=True)[1]
        assert_allclose(counts / counts.sum(), [4 / 24, 10 / 24, 10 / 24], atol=0.02)

    def test_single_pixels_have_no_neighbours(self):
        with pytest.raises(ValueError, match="images of several pixels"):
            blind_spots((1, 1, 1))

    def test_colours_are_hidden_together(self):
        _, target = blind_spots((8, 9, 3))(np.ones((50, 216), np.float32), np.random.default_rng(1))
        hidden = np.isfinite(target).reshape(-1, 3)
        assert_array_equal(hidden.all(axis=1), hidden.any(axis=1))

    def test_only_hidden_pixels_count_in_the_loss(self):
        spec = NetworkSpec("dense", (2, 2, 1), 2, (), "mse", "adam", "linear", hides=True)
        trainer = Trainer(spec)
        given = np.random.default_rng(0).random((6, 4)).astype(np.float32)
        target = np.where(np.random.default_rng(1).random((6, 4)) < 0.5, 0.5, np.nan).astype(np.float32)
        output = np.asarray(trainer.model(given))
        expected = np.nanmean((output - target) ** 2)
        assert trainer.evaluate_block(given, target) / 6 == pytest.approx(expected, rel=1e-5)


class TestFits:
    @pytest.mark.parametrize("mode", ["recorrupted", "blind_spot", "noise2noise"])
    @pytest.mark.parametrize("architecture", ["dense", "unet"])
    def test_behind_an_injector(self, rows, mode, architecture):
        pipe = make_pipeline(injector(), network(architecture=architecture, self_supervised=mode)).fit(rows)
        denoiser = pipe[-1]
        assert denoiser.target_source_ == mode
        assert (denoiser.head_, denoiser._spec.loss) == ("linear", "mse")
        assert denoiser.noise_.level == 0.3
        assert denoiser.data_range_ == (0, 1)
        assert np.isfinite(pipe.score(rows))

    def test_training_sees_one_draw_of_noise(self, rows, monkeypatch):
        seen = []
        from sk_denoise.denoisers import _self_supervision, _targets

        def spy(*args):
            pair = _self_supervision.recorruption(*args)

            def record(unit, rng):
                made = pair(unit, rng)
                # From input and target, the noisy rows follow.
                seen.append((made[0] + _STRENGTH**2 * made[1]) / (1 + _STRENGTH**2))
                return made

            return record

        monkeypatch.setattr(_targets, "recorruption", spy)
        noisy = injector().fit_transform(rows)
        network(self_supervised="recorrupted", epochs=2).fit(noisy)
        assert len(seen) == 2
        first, second = (np.sort(epoch.ravel()) for epoch in seen)
        assert_allclose(first, second, atol=1e-4)
        assert_allclose(first, np.sort(np.asarray(noisy).ravel()), atol=1e-4)

    def test_noisy_rows_outside_the_range_are_neither_clipped_nor_refused(self, rows):
        noisy = np.asarray(injector(level=1.0).fit_transform(rows))
        denoiser = network(self_supervised="recorrupted", noise=injector(level=1.0)).fit(noisy)
        assert denoiser.data_range_ == (0, 1)
        assert noisy.min() < -2

    @pytest.mark.slow
    def test_self_supervision_removes_most_of_the_noise(self, rows):
        noise, errors = injector(), {}
        for mode in (None, "recorrupted", "blind_spot", "noise2noise"):
            denoiser = network(latent_dim=16, self_supervised=mode, epochs=60, head="linear")
            errors[mode] = 10 ** (-make_pipeline(noise, denoiser).fit(rows).score(rows) / 10)
        assert min(errors, key=errors.get) is None
        assert max(errors.values()) < 0.15 * 0.09

    def test_same_seed_same_bits(self, rows):
        noisy = np.asarray(injector().fit_transform(rows))
        fits = [network(self_supervised="recorrupted", noise=injector()).fit(noisy).transform(noisy) for _ in range(2)]
        assert_array_equal(*fits)

    def test_checkpoint_tells_modes_apart(self, rows, tmp_path):
        noisy = np.asarray(injector().fit_transform(rows))
        for mode in ("recorrupted", "blind_spot"):
            network(self_supervised=mode, noise=injector(), checkpoint=tmp_path).fit(noisy)
        assert len(list(tmp_path.iterdir())) == 2

    def test_validation_rows_are_noisy_too(self, rows):
        noisy = np.asarray(injector().fit_transform(rows))
        denoiser = network(self_supervised="blind_spot", noise=injector())
        assert denoiser.fit(noisy, validation_data=noisy[:50]).history_["val_loss"][0] > 0
        with pytest.raises(ValueError, match="validation_data must be noisy rows alone"):
            denoiser.fit(noisy, validation_data=(noisy, rows))
        denoiser.set_params(self_supervised="noise2noise")
        assert denoiser.fit(noisy, noisy[::-1], validation_data=(noisy, noisy[::-1])).history_["val_loss"][0] > 0

    def test_saved_and_pickled(self, rows, tmp_path):
        noisy = np.asarray(injector().fit_transform(rows))
        denoiser = network(self_supervised="recorrupted", noise=injector()).fit(noisy)
        save(denoiser, tmp_path / "denoiser.skops")
        for copy in (load(tmp_path / "denoiser.skops"), pickle.loads(pickle.dumps(denoiser))):
            assert_array_equal(copy.transform(noisy), denoiser.transform(noisy))
            assert copy.noise_.level == 0.3

    def test_custom_networks_keep_their_output(self, rows):
        import keras

        def own(image_shape, latent_dim):
            return keras.Sequential([keras.Input((256,)), keras.layers.Dense(256, activation="sigmoid")])

        noisy = injector().fit_transform(rows)
        denoiser = network(architecture=own, self_supervised="recorrupted").fit(noisy)
        assert denoiser.transform(np.asarray(noisy)).min() >= 0


class TestRegressors:
    def test_noisy_targets_remove_most_of_the_noise(self, rows):
        noise = injector()
        scores = {
            mode: make_pipeline(noise, EstimatorDenoiser(Ridge(1000), self_supervised=mode, n_draws=8, random_state=0))
            .fit(rows[:300])
            .score(rows[300:])
            for mode in (None, "recorrupted", "noise2noise")
        }
        assert scores[None] > scores["recorrupted"] > 20  # dB; the noisy rows have 10.5
        assert scores["noise2noise"] > 17

    def test_patches_of_any_shape(self, images):
        noise = injector(level=0.1, blur=0.7)
        noisy = list(noise.fit_transform(images))
        regressor = EstimatorDenoiser(Ridge(), self_supervised="recorrupted", random_state=0)
        denoiser = PatchDenoiser(regressor, patch_shape=(6, 9), random_state=0).fit(noisy)
        assert denoiser.denoiser_.noise_.image_shape == (6, 9, 1)
        assert denoiser.denoiser_.noise_.blur[0] == pytest.approx(0.7, abs=0.1)

    def test_decompositions_have_no_targets(self, rows):
        with pytest.raises(ValueError, match="self_supervised must be None for a decomposition"):
            EstimatorDenoiser(PCA(4), self_supervised="recorrupted").fit(rows)

    def test_no_blind_spot(self, rows):
        with pytest.raises(ValueError, match="self_supervised"):
            EstimatorDenoiser(Ridge(), self_supervised="blind_spot").fit(rows)


class TestImages:
    @pytest.mark.slow
    @pytest.mark.parametrize("mode", ["recorrupted", "blind_spot"])
    def test_noise_is_estimated_from_the_images(self, images, mode):
        noisy = list(injector(level=0.1).fit_transform(images))
        denoiser = PatchDenoiser(network(architecture="unet", self_supervised=mode), n_patches=8, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            denoiser.fit(noisy)
        noise = denoiser.denoiser_.noise_
        assert denoiser.target_source_ == mode
        assert denoiser.denoiser_.head_ == "residual"
        width = noise.data_range[1] - noise.data_range[0]
        assert noise.level * width == pytest.approx(0.1, rel=0.1)

    @pytest.mark.parametrize("mode", ["recorrupted", "blind_spot", "noise2noise"])
    @pytest.mark.parametrize("form", ["list", "stack"])
    def test_behind_an_injector(self, images, mode, form):
        given = images if form == "list" else np.stack([images[0]] * 3)
        inner = network(architecture="unet", self_supervised=mode)
        pipe = make_pipeline(injector(level=0.1), PatchDenoiser(inner, n_patches=8, random_state=0)).fit(given)
        assert pipe[-1].target_source_ == mode
        assert pipe[-1].denoiser_._noise is None  # plain images are not taken for clean ones
        assert np.isfinite(pipe.score(given))

    def test_second_shots(self, images):
        shots = [list(injector(level=0.1, random_state=seed).fit_transform(images)) for seed in (0, 1)]
        inner = network(architecture="unet", self_supervised="noise2noise")
        denoiser = PatchDenoiser(inner, n_patches=8, random_state=0).fit(shots[0], shots[1])
        assert denoiser.target_source_ == "noise2noise"

    def test_clean_images_given_by_mistake(self, images):
        inner = network(architecture="unet", self_supervised="blind_spot")
        with pytest.raises(ValueError, match="y must be None with self_supervised='blind_spot'"):
            PatchDenoiser(inner).fit(images, images)

    def test_supervised_patches_get_new_noise_in_each_epoch(self, images, monkeypatch):
        from sk_denoise.denoisers import _fitting

        made, patches = [], _fitting.Patches
        monkeypatch.setattr(_fitting, "Patches", lambda *args: made.append(args) or patches(*args))
        inner = network(architecture="unet")
        make_pipeline(injector(level=0.1), PatchDenoiser(inner, n_patches=8, random_state=0)).fit(images)
        assert made[0][0].noisy is None

    def test_noise_that_cannot_be_estimated(self, images):
        small = [image[:20, :20] for image in images]
        inner = network(architecture="unet", self_supervised="blind_spot")
        denoiser = PatchDenoiser(inner, n_patches=8, patch_shape=(16, 16), random_state=0).fit(small)
        assert denoiser.denoiser_.noise_ is None
        with pytest.raises(ValueError, match=r"requires the noise, which is not known\..*too small"):
            denoiser.set_params(denoiser__self_supervised="recorrupted").fit(small)

    @pytest.mark.slow
    @pytest.mark.parametrize("shape", [(4, 4), (8, 2), (1, 16), (16, 1)])
    def test_narrow_rows(self, shape):
        rows = np.random.default_rng(0).random((60, 16))
        for mode in ("recorrupted", "blind_spot"):
            network(self_supervised=mode, image_shape=shape, noise=injector()).fit(rows)

    def test_shape_of_blurred_noise_in_rows(self):
        noise = injector(blur=1.0, image_shape=(8, 16))
        noisy = np.random.default_rng(0).normal(0.5, 0.1, (60, 128))
        assert regressor(noise=noise).fit(noisy).noise_.image_shape == (8, 16)

    def test_single_image(self, images):
        noisy = injector(level=0.1).fit_transform(images[:1])[0]
        inner = network(architecture="unet", self_supervised="recorrupted")
        denoised = PatchDenoiser(inner, n_patches=8, random_state=0).fit(noisy).transform(noisy)
        assert denoised.shape == noisy.shape


@pytest.fixture(scope="module")
def batches():
    """Rows of 32 x 32 pixels with noise of 0.1 and of 0.3."""
    smooth = gaussian_filter(np.random.default_rng(0).random((40, 32, 32)), (0, 6, 6)).reshape(40, -1)
    return [smooth + level * np.random.default_rng(1).normal(size=smooth.shape) for level in (0.1, 0.3)]


class TestContinuedFits:
    def sigma(self, denoiser):
        return denoiser.noise_.level * np.ptp(denoiser.noise_.data_range)

    def test_partial_fit_keeps_the_estimate_of_the_first_batch(self, batches):
        denoiser = network(self_supervised="recorrupted").partial_fit(batches[0])
        assert self.sigma(denoiser) == pytest.approx(0.1, rel=0.1)
        assert self.sigma(denoiser.partial_fit(batches[1])) == pytest.approx(0.1, rel=0.1)
        assert self.sigma(denoiser.fit(batches[1])) == pytest.approx(0.3, rel=0.1)

    def test_it_is_estimated_anew_by_warm_start_and_in_other_units(self, batches):
        denoiser = network(self_supervised="recorrupted", warm_start=True).fit(batches[0]).fit(batches[1])
        assert self.sigma(denoiser) == pytest.approx(0.3, rel=0.1)
        denoiser = network(self_supervised="recorrupted", data_range=(0, 1)).partial_fit(batches[0])
        denoiser.set_params(data_range=(0, 255)).partial_fit(255 * batches[0])
        assert self.sigma(denoiser) == pytest.approx(25.5, rel=0.1)

    def test_noise_that_was_given_is_no_estimate(self, batches):
        denoiser = network(self_supervised="recorrupted", noise=injector(level=0.5)).partial_fit(batches[0])
        denoiser.set_params(noise="auto").partial_fit(batches[0])
        assert self.sigma(denoiser) == pytest.approx(0.1, rel=0.1)


class TestBadInput:
    @pytest.mark.parametrize("mode", ["recorrupted", "blind_spot"])
    @pytest.mark.parametrize("name", ["y", "X_clean"])
    def test_clean_targets_given_by_mistake(self, rows, mode, name):
        with pytest.raises(ValueError, match=f"{name} must be None with self_supervised='{mode}'"):
            network(self_supervised=mode, noise=injector()).fit(rows, **{name: rows})

    def test_labels_are_ignored(self, rows):
        network(self_supervised="recorrupted", noise=injector()).fit(rows, np.zeros(len(rows)))

    def test_no_second_shot(self, rows):
        with pytest.raises(ValueError, match="'noise2noise' requires a second noisy shot"):
            network(self_supervised="noise2noise").fit(rows)

    @pytest.mark.parametrize(
        ("noise", "match"),
        [
            (None, "requires the noise, which is not known"),
            ("auto", "too small to tell noise from detail"),
            (injector("rician"), "requires Gaussian, Poisson or Poisson-Gaussian noise"),
            (injector("salt_pepper"), "requires Gaussian, Poisson or Poisson-Gaussian noise"),
            (injector(level=(0.1, 0.3)), "single positive level"),
            (injector(level=0), "single positive level"),
        ],
        ids=["none", "too small", "rician", "impulses", "levels", "zero"],
    )
    def test_noise_that_cannot_be_recorrupted(self, rows, noise, match):
        with pytest.raises(ValueError, match=match):
            network(self_supervised="recorrupted", noise=noise).fit(rows)

    @pytest.mark.parametrize("noise", ["gaussian", NoiseInjector(level=0.3, clip=False)])
    def test_levels_of_an_unknown_range(self, rows, noise):
        noisy = 255 * np.asarray(injector().fit_transform(rows))
        for denoiser in (
            network(self_supervised="recorrupted", noise=noise),
            PatchDenoiser(network(self_supervised="recorrupted", noise=noise), patch_shape=(8, 8)),
        ):
            with pytest.raises(ValueError, match="noise must have a data_range"):
                denoiser.fit(noisy if isinstance(denoiser, DenoisingAutoencoder) else noisy.reshape(-1, 16, 16))
        fitted = NoiseInjector(level=0.3, clip=False).fit(255 * rows)
        low, high = network(self_supervised="recorrupted", noise=fitted).fit(noisy).noise_.data_range
        assert (low, high) == fitted.data_range_

    def test_modified_clean_rows(self, rows):
        noisy = injector().fit_transform(rows.copy())
        noisy.clean[:] = 0
        with pytest.raises(ValueError, match="changed since noise was added"):
            network(self_supervised="recorrupted").fit(noisy)

    def test_unknown_modes(self, rows):
        with pytest.raises(ValueError, match="self_supervised"):
            network(self_supervised="noise2void").fit(rows)

    @pytest.mark.parametrize(
        "params",
        [{"loss": "mae"}, {"loss": "binary_crossentropy"}, {"self_supervised": "noise2noise", "loss": "kl_divergence"}],
    )
    def test_losses_for_which_noisy_targets_are_wrong(self, rows, params):
        params = {"self_supervised": "recorrupted", "noise": injector()} | params
        second = rows[::-1] if params["self_supervised"] == "noise2noise" else None
        with pytest.raises(ValueError, match="loss"):
            network(**params).fit(rows, second)

    def test_the_same_shot_twice(self, rows):
        denoiser = network(self_supervised="noise2noise")
        for given in ({"y": rows}, {"X_clean": rows}):
            with pytest.raises(ValueError, match=f"{next(iter(given))} must hold a second shot"):
                denoiser.fit(rows, **given)
        with pytest.raises(ValueError, match="validation_data must hold a second shot"):
            denoiser.fit(rows, rows[::-1], validation_data=(rows, rows))

    def test_shots_of_images(self, images):
        denoiser = PatchDenoiser(regressor(self_supervised="noise2noise"), patch_shape=(8, 8), random_state=0)
        noisy = list(injector().fit_transform(images))
        with pytest.raises(ValueError, match="y must hold a second shot"):
            denoiser.fit(noisy, noisy)
        with pytest.raises(ValueError, match="of the shape of images"):
            denoiser.fit(noisy)

    def test_score_of_noisy_rows_names_the_remedy(self, rows):
        noisy = np.asarray(injector().fit_transform(rows))
        denoiser = network(self_supervised="recorrupted", noise=injector()).fit(noisy)
        with pytest.warns(UserWarning, match="sure_score"):
            assert np.isnan(denoiser.score(noisy))


class TestWarnings:
    def test_clean_images(self, images):
        smooth = [gaussian_filter(data.camera()[i : i + 96, :96] / 255, 1) for i in (0, 200)]
        denoiser = PatchDenoiser(network(architecture="unet", self_supervised="recorrupted"), n_patches=8)
        with pytest.warns(UserWarning, match=r"hardly have any noise: .* 0\.1% of their range"):
            denoiser.fit(smooth)

    @pytest.mark.parametrize("levels", [(0.1, 0.3, 0.3), (0, 0.2, 0.2)])
    def test_images_of_different_strength(self, images, levels):
        rng = np.random.default_rng(0)
        noisy = [image + level * rng.normal(size=image.shape) for image, level in zip(images, levels)]
        denoiser = PatchDenoiser(regressor(), patch_shape=(8, 8), n_patches=300, random_state=0)
        with pytest.warns(UserWarning, match=r"differs between .*, near the smallest, in all"):
            denoiser.fit(noisy)

    def test_rows_of_different_strength(self, batches):
        noisy = np.concatenate(batches)
        for noise, used in (("auto", r"0\.1\d*, near the smallest,"), (injector(level=0.2), "that of noise=")):
            with pytest.warns(UserWarning, match=f"differs between .*takes it as {used} in all"):
                regressor(noise=noise).fit(noisy)

    def test_hot_pixels_do_not_count_as_range(self):
        rng = np.random.default_rng(0)
        noisy = 1000 + 3000 * rng.random((1, 8, 8)).repeat(16, 1).repeat(16, 2) + rng.normal(0, 300, (4, 128, 128))
        noisy = noisy.astype(np.uint16)
        noisy[0, 5, 5] = 65535
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            PatchDenoiser(regressor(), patch_shape=(8, 8), n_patches=300, random_state=0).fit(list(noisy))
        assert not any("hardly" in str(warning.message) for warning in caught)

    def test_noisy_images_taken_as_clean(self, images):
        noisy = list(injector(level=0.15).fit_transform(images))
        denoiser = PatchDenoiser(EstimatorDenoiser(PCA(4)), patch_shape=(8, 8), n_patches=100, random_state=0)
        with pytest.warns(UserWarning, match="taken as clean.* with a standard deviation of 0.1"):
            denoiser.fit(noisy)
        for given in ({"denoiser__noise": "gaussian"}, {"denoiser__noise": None}):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                clone(denoiser).set_params(**given).fit(noisy)

    def test_photon_counts_are_not_taken_for_clipped(self):
        rng = np.random.default_rng(0)
        counts = rng.poisson(3 * rng.random((3, 5, 5)).repeat(24, 1).repeat(24, 2)).astype(float)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            PatchDenoiser(regressor(), patch_shape=(8, 8), n_patches=300, random_state=0).fit(list(counts))

    def test_impulses_are_not_taken_for_clipped_noise(self, images):
        noisy = [np.pad(image, 40, mode="reflect") for image in images]
        noisy = list(injector("salt_pepper", 0.1).fit_transform(noisy))
        denoiser = PatchDenoiser(network(architecture="unet", self_supervised="blind_spot"), n_patches=8)
        with pytest.warns(UserWarning) as caught:
            denoiser.fit(noisy)
        assert ["kind='salt_pepper'" in str(warning.message) for warning in caught] == [True]

    def test_noise_that_is_not_that_of_the_injector(self, rows):
        with pytest.warns(UserWarning, match="noise='poisson' of this denoiser is not used"):
            pipe = make_pipeline(injector(), network(self_supervised="recorrupted", noise="poisson")).fit(rows)
        assert pipe[-1].noise_.kind == "gaussian"

    def test_few_values_are_not_clipped(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            network(self_supervised="blind_spot", noise=None).fit(np.random.default_rng(0).random((5, 16)))

    def test_clipped_noise(self, rows):
        noisy = np.asarray(injector(level=0.5, clip=True).fit_transform(rows))
        for mode in ("recorrupted", "blind_spot"):
            with pytest.warns(UserWarning, match=r"noise was clipped, which biases the targets"):
                network(self_supervised=mode, noise=injector(level=0.5)).fit(noisy)

    def test_levels_that_differ(self, images):
        noisy = [injector(level=level).fit_transform([image])[0] for level, image in zip((0.05, 0.1, 0.2), images)]
        inner = network(architecture="unet", self_supervised="recorrupted")
        with pytest.warns(UserWarning, match="strength of the noise differs between images"):
            PatchDenoiser(inner, n_patches=8, random_state=0).fit(noisy)

    def test_unsuitable_means(self, rows):
        with pytest.warns(UserWarning, match="learns the mean of noisy images"):
            network(self_supervised="blind_spot", noise=injector("rician", 0.05)).fit(rows)

    def test_blind_spots_do_not_hide_correlated_noise(self, rows, images):
        with pytest.warns(UserWarning, match="correlated.*self_supervised='recorrupted'"):
            make_pipeline(injector(blur=0.7), network(self_supervised="blind_spot")).fit(rows)
        noisy = list(injector(level=0.1, blur=0.8).fit_transform(images))
        inner = network(architecture="unet", self_supervised="blind_spot")
        with pytest.warns(UserWarning, match=r"correlated \(0\.\d\d vertically"):
            PatchDenoiser(inner, n_patches=8, random_state=0).fit(noisy)

    def test_white_recorruption_of_correlated_noise(self, images):
        noisy = np.concatenate([image[:96, :96].reshape(1, -1) for image in images])
        noisy = np.asarray(injector(level=0.1, blur=0.8).fit_transform(noisy))
        with pytest.warns(UserWarning, match="leave much of it in"):
            network(architecture="unet", self_supervised="recorrupted", noise=injector(level=0.1)).fit(noisy)


def test_noise_may_be_an_estimate(images):
    estimate = estimate_noise(list(injector(level=0.1, blur=0.8).fit_transform(images)))
    rows = np.concatenate([image[:32, :32].reshape(1, -1) for image in images])
    supervised = network(noise=estimate).fit(rows)
    assert supervised.noise_.level == estimate.level
    assert supervised.target_source_ == "noise"
    noisy = np.asarray(injector(level=0.1, blur=0.8).fit_transform(rows))
    alone = network(self_supervised="recorrupted", noise=estimate).fit(noisy)
    assert alone.noise_.blur == estimate.blur


def test_auto_is_gaussian(rows):
    named, auto = (network(noise=noise).fit(rows) for noise in ("gaussian", "auto"))
    assert_array_equal(named.transform(rows), auto.transform(rows))
