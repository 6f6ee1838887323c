"""Rows in other units are noticed where arrays meet, once and by their public names; noise and dim rows are not."""

import warnings

import numpy as np
import pytest
import skimage.data
from helpers import quick
from sklearn.linear_model import Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sk_denoise import EstimatorDenoiser, ImageFilter, NoiseInjector, recovery_report
from sk_denoise._core.units import check_scale
from sk_denoise.displays import DenoisingDisplay
from sk_denoise.metrics import psnr, psnr_scorer, ssim, ssim_scorer
from sk_denoise.noise.kinds import KINDS, PROBABILITY_KINDS

RANGES = [
    ((0, 1), float),
    ((0, 16), float),
    ((0, 255), "u1"),
    ((0, 255), "f4"),
    ((0, 4095), "u2"),
    ((100, 4000), float),
]


def told(function):
    """Names of the arguments that `function` warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function()
    return [str(warning.message).split()[0] for warning in caught]


def filtered(X, **params):
    return ImageFilter("gaussian", sigma=0.5, **params).fit(X)


@pytest.fixture(scope="module")
def clean(digits):
    return digits[0][:400] / 16


@pytest.fixture(scope="module")
def noisy(clean):
    return clean + np.random.default_rng(0).normal(0, 60 / 255, clean.shape)


@pytest.fixture
def white_and_black():
    return np.repeat([[1.0], [0.0], [0.5]], 256, axis=1)


class TestNoticed:
    def test_factor_of_16(self, clean):
        assert told(lambda: filtered(clean).transform(clean * 16)) == ["X"]
        assert told(lambda: filtered(clean * 16).transform(clean)) == ["X"]
        assert told(lambda: EstimatorDenoiser(Ridge()).fit(clean * 16, X_clean=clean)) == ["X"]

    @pytest.mark.parametrize("change", [lambda X: X, lambda X: 2 * X - 1, lambda X: (X - X.mean()) / X.std()])
    @pytest.mark.parametrize("low, high, dtype", [(0, 255, "u1"), (100, 4000, float)])
    def test_use(self, clean, noisy, change, low, high, dtype):
        fitted = filtered((clean * (high - low) + low).astype(dtype), data_range=(low, high))
        for rows in (clean, noisy):
            assert told(lambda rows=rows: fitted.transform(change(rows))) == ["X"]

    @pytest.mark.parametrize("level", [0.235, 1, 4])
    def test_pairs_under_noise(self, clean, level):
        rows = clean + level * np.random.default_rng(0).standard_normal(clean.shape)
        for other in (rows, 2 * rows - 1):
            assert told(lambda other=other: EstimatorDenoiser(Ridge()).fit(other, X_clean=clean * 255)) == ["X"]

    @pytest.mark.parametrize("share", [1, 0.2])  # of the range that is used
    def test_twelve_bits_and_eight(self, clean, share):
        twelve, eight = (clean * share * 4095).astype("u2"), (clean * share * 255).astype("u1")
        assert told(lambda: EstimatorDenoiser(Ridge()).fit(twelve, X_clean=eight)) == ["X"]

    def test_one_pixel_and_first_rows_hide_nothing(self, clean):
        fitted = filtered((clean * 255).astype("u1"))
        for value in (-0.01, 1.05):
            rows = clean.copy()
            rows[3, 3] = value
            assert told(lambda rows=rows: fitted.transform(rows)) == ["X"]
        last = clean[:127].copy()
        last[:64] = 0
        assert told(lambda: fitted.transform(last)) == ["X"]

    def test_scores(self, clean, noisy):
        fitted = EstimatorDenoiser(Ridge()).fit(noisy, clean)
        assert told(lambda: fitted.score(noisy, clean * 255)) == ["y"]
        assert told(lambda: fitted.score(noisy * 16, clean * 16)) == ["y"]
        assert told(lambda: EstimatorDenoiser(Ridge()).fit(noisy * 255, clean * 255).score(noisy * 255, clean)) == ["y"]
        assert told(lambda: filtered(noisy).score(noisy, X_clean=clean * 255)) == ["X_clean"]

    def test_given_range(self, clean, noisy):
        denoiser = EstimatorDenoiser(Ridge(), data_range=(0, 255))
        assert told(lambda: denoiser.fit(noisy, clean)) == ["y"]
        with pytest.warns(UserWarning, match=r"^validation_data\[1\]"):
            quick().fit(clean * 255, X_clean=clean * 255, validation_data=(clean * 255, clean))

    @pytest.mark.parametrize("metric", [psnr, ssim])
    def test_metrics(self, clean, metric):
        frames = (clean * 255).astype("u1")
        assert told(lambda: metric(frames, frames / 255)) == ["X_pred"]
        assert told(lambda: metric(frames / 255, frames)) == ["X_pred"]
        assert told(lambda: metric(clean, clean * 16)) == ["X_pred"]
        assert told(lambda: metric(clean, clean, data_range=(0, 255))) == ["X_true"]

    @pytest.mark.parametrize("scorer", [psnr_scorer, ssim_scorer])
    def test_scorer_behind_a_scaler(self, clean, scorer):
        pipe = make_pipeline(MinMaxScaler(), ImageFilter("gaussian", sigma=0.5)).fit(clean * 255)
        assert told(lambda: scorer(pipe, clean * 255, clean * 255)) == ["y"]

    @pytest.mark.parametrize("show", ["first", "worst"])
    def test_display(self, clean, show):
        given = {"X_clean": clean, "show": show}
        fitted = filtered(clean * 16)
        assert told(lambda: DenoisingDisplay.from_estimator(fitted, clean * 16, **given)) == ["X_clean"]


class TestReports:
    @pytest.mark.parametrize(
        "scale, scale_test, data_range, expected", [(255, 1, "auto", "X_test"), (1, 255, (0, 255), "X")]
    )
    def test_one_warning(self, digits, clean, scale, scale_test, data_range, expected):
        y = digits[1]
        given = {"X_test": clean[300:] * scale_test, "y_test": y[300:400], "data_range": data_range}
        options = {"augmented": False, "n_seeds": 1, "levels": 0.5}
        denoisers = {"none": "passthrough", "filter": ImageFilter("gaussian", sigma=0.5)}
        report = lambda: recovery_report(denoisers, GaussianNB(), clean[:300] * scale, y[:300], **given, **options)
        assert told(report) == [expected]

    def test_a_fitted_denoiser_in_other_units_is_told_of(self, digits, clean):
        fitted = filtered(clean * 255)
        options = {"augmented": False, "n_seeds": 1, "levels": 0.1}
        names = told(lambda: recovery_report(fitted, GaussianNB(), clean, digits[1][:400], **options))
        assert set(names) == {"X"}

    def test_an_error_leads_to_the_same_units(self, digits, clean):
        """A range that covers both would give a wrong report in silence."""
        y = digits[1]
        far, near = (
            {"X_test": clean[300:] * scale, "y_test": y[300:400], "augmented": False, "n_seeds": 1}
            for scale in (255, 1.5)
        )
        with pytest.raises(ValueError, match=r"^X_test .* same units"):
            recovery_report("passthrough", GaussianNB(), clean[:300], y[:300], **far)
        with pytest.raises(ValueError, match=r"^X_test .* pass a data_range="):
            recovery_report("passthrough", GaussianNB(), clean[:300], y[:300], **near)


class TestSilent:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("clip", [True, False])
    def test_noise(self, clean, white_and_black, kind, clip):
        photographs = skimage.data.camera()[:160, :160].reshape(10, 16, 160).swapaxes(0, 1).reshape(-1, 160) / 255
        for unit in (clean, photographs, *(row[None] for row in white_and_black)):
            for data_range, dtype in RANGES:
                rows = (unit * (data_range[1] - data_range[0]) + data_range[0]).astype(dtype)
                for level in (0.05, 0.5, 1, 4):
                    noise = NoiseInjector(kind, level, data_range=data_range, clip=clip, random_state=0)
                    if kind not in PROBABILITY_KINDS or level <= 1:
                        assert not check_scale(np.asarray(noise.fit_transform(rows)), data_range, "X", rows)

    @pytest.mark.parametrize("gain", [0.05, 0.15])
    @pytest.mark.parametrize("high", [1, 16, 255])
    def test_low_light(self, clean, gain, high):
        rows = gain * clean * high + 0.02 * high * np.random.default_rng(0).standard_normal(clean.shape)
        assert told(lambda: EstimatorDenoiser(Ridge()).fit(rows, X_clean=clean * high)) == []

    def test_black_and_constant_rows_and_masks(self, clean):
        rng, fitted = np.random.default_rng(0), filtered(clean * 255)
        read_noise = rng.normal(0, 0.25, (64, 64))
        masks = (clean > 0.5).astype(float)
        for rows in (read_noise, read_noise.clip(0), masks, np.zeros((3, 64)), np.full((3, 64), 0.7)):
            assert told(lambda rows=rows: fitted.transform(rows)) == []

    def test_frames_that_fade_one_at_a_time(self, clean):
        """Down to 2 grey values, and then below 0.25, where they are black."""
        fitted = filtered(clean * 255)
        for brightness in (255, 100, 30, 10, 5, 2.5, 0.25, 0.1):
            for row in clean[:10]:
                assert told(lambda row=row, b=brightness: fitted.transform(b * row[None] / row.max())) == []

    def test_hot_pixels_are_no_units(self, clean):
        rows = clean * 255
        rows[::2, 7] = 65535
        assert told(lambda: filtered(clean * 255).transform(rows)) == []


class TestRangesThatAreGuessed:
    @pytest.mark.parametrize("scale", [15, 16, 31])
    def test_few_bits_in_uint8(self, clean, scale):
        assert told(lambda: NoiseInjector().fit((clean * scale).astype("u1")))

    @pytest.mark.parametrize("brightness", [0, 5, 9, 12, 20, 31, 100])
    def test_dim_photographs_in_uint8_are_silent(self, brightness):
        rows = np.random.default_rng(0).poisson(skimage.data.camera()[::4, ::4] / 255 * brightness).astype("u1")
        assert told(lambda: NoiseInjector().fit(rows)) == []

    def test_a_hot_position_in_all_frames(self, clean):
        rows = clean * 4000
        rows[:, 5] = 65535
        with pytest.warns(UserWarning, match="^data_range='auto' is .*pass data_range="):
            NoiseInjector().fit(rows)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            NoiseInjector(data_range=(0, 4000)).fit(rows)
