"""The target rule, and the pairing of rows by it; for its use by networks, see test_autoencoder.py."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import quick
from scipy.sparse import csr_array
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor

from sk_denoise import DenoisingAutoencoder, EstimatorDenoiser, NoiseInjector
from sk_denoise.denoisers._targets import (
    AUTO,
    Target,
    check_labels_or_rows,
    check_noise,
    find_target,
    image_target,
    pairing,
)
from sk_denoise.noise.kinds import KINDS


def find(X, y=None, X_clean=None, noise=AUTO):
    return find_target(X, np.asarray(X), y, X_clean, noise)


@pytest.fixture
def noisy(small):
    return NoiseInjector("masking", 0.2, random_state=0).fit_transform(small)


class TestNoise:
    def test_none_stays(self):
        assert check_noise(None) is None

    def test_an_injector_stays_itself(self):
        injector = NoiseInjector("masking")
        assert check_noise(injector) is injector

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_name_is_an_injector_of_that_kind(self, kind):
        assert check_noise(kind).get_params() == NoiseInjector(kind).get_params()

    @pytest.mark.parametrize(
        ("noise", "match"),
        [
            ("gausian", "^noise must be None, .* or one of .*got 'gausian'. Did you mean 'gaussian'"),
            (3, "^noise must be None, .* or one of .*got 3"),
            (["masking"], "^noise must be None, .* or one of"),
            (NoiseInjector, "^noise must be None, .* or one of"),
            (NoiseInjector(level=9), "^level must be"),
        ],
    )
    def test_others_are_refused(self, noise, match, small):
        with pytest.raises(ValueError, match=match):
            check_noise(noise)
        with pytest.raises(ValueError, match=match):  # even if it would not be used
            find(small, X_clean=small, noise=noise)


class TestLength:
    @pytest.mark.parametrize(
        "y",
        [
            None,
            3,
            [1, 2, 3],
            np.zeros((3, 2)),
            ["a", "b", "c"],
            [[1], [2, 3], [4]],
            np.eye(3),  # one-hot labels
            np.full((3, 7), True),
            np.full((3, 7), "a"),
            np.full((3, 1), 0.5),  # regression target
            csr_array((3, 7)),
        ],
    )
    def test_fits(self, y):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_labels_or_rows(y, (3, 4))

    @pytest.mark.parametrize("y", [[1, 2], np.zeros((4, 2)), []])
    def test_does_not(self, y, small):
        with pytest.raises(ValueError, match=rf"^y must have as many rows as X, 3, got {len(y)}\.$"):
            check_labels_or_rows(y, (3, 4))
        with pytest.raises(ValueError, match="as many rows as X, 60"):
            find(small, y)

    def test_images_as_y_are_told_of(self, small):
        images = small.reshape(60, 4, 4)
        for y in (images, list(images), images.tolist(), np.c_[small, small], small[:, :9]):
            with pytest.warns(UserWarning, match=r"^y has the shape \(60, .*is ignored"):
                target = find(small, y)
            assert target.source == "noise"

    @pytest.mark.parametrize("y", ["images.npz", Path("images.npz"), (row for row in "ab"), {"a": 1}])
    def test_what_leads_to_images_is_refused(self, small, y):
        with pytest.raises(TypeError, match=r"^y must be"):
            find(small, y)


class TestImages:
    @pytest.mark.parametrize("dtype", ["f2", "f4", ">f8", "u1", "i8", "?"])
    def test_numbers_of_the_shape_of_x(self, small, dtype):
        y = (small * 2).astype(dtype)
        clean = image_target(y, small.shape)
        np.testing.assert_array_equal(clean, y)
        assert find(small, y).source == "y"

    def test_lists_and_frames_too(self, small):
        pl = pytest.importorskip("polars")
        frame = pd.DataFrame(small)
        frames = [frame, frame.astype("Float64"), frame.convert_dtypes(), frame.astype(str), pl.DataFrame(small)]
        for y in (small.tolist(), list(small), small.astype(object), *frames):
            np.testing.assert_array_equal(image_target(y, small.shape), small)
        mixed = frame.assign(**{"0": True})
        np.testing.assert_array_equal(image_target(mixed, mixed.shape), mixed.astype(float))

    @pytest.mark.parametrize(
        "y",
        [
            None,
            3,
            [0, 1, 2],
            np.arange(3),
            np.zeros((3, 1)),
            np.zeros((3, 2, 1)),
            np.zeros((2, 2)),
            np.full((3, 2), "a"),
            np.zeros((3, 2), dtype="m8[s]"),
            [[1], [2, 3], [4]],
            [[0, 1], [1, 0], ["a", "b"]],
        ],
    )
    def test_everything_else_is_labels(self, y):
        assert image_target(y, (3, 2)) is None

    def test_a_row_is_no_label_array(self):
        assert image_target(np.zeros(3), (3,)) is None

    def test_bad_numbers_are_those_of_y(self, small):
        y = small.copy()
        y[0, 0] = np.nan
        with pytest.raises(ValueError, match="y contains NaN"):
            find(small, y)

    @pytest.mark.parametrize(
        "bad",
        [
            lambda rows: np.ma.masked_array(rows, rows > 0.9),
            lambda rows: rows + 1j,
            csr_array,
            lambda rows: pd.DataFrame(rows).astype("Float64").mask(rows > 0.9),
            lambda rows: pd.DataFrame(rows).assign(**{"0": "a"}).iloc[:, 1:],
        ],
    )
    def test_rows_that_X_clean_refuses_are_no_labels(self, small, bad):
        for arguments in ({"X_clean": bad(small)}, {"y": bad(small)}):
            with pytest.raises((ValueError, TypeError), match=next(iter(arguments))):
                find(small, **arguments)


class TestRule:
    """The cases of the rule in order; each takes precedence over those below it."""

    def test_x_clean(self, noisy, small):
        target = find(noisy, small[::-1], X_clean=small * 2)
        assert (target.source, target.noise) == ("X_clean", None)
        np.testing.assert_array_equal(target.clean, small * 2)
        with pytest.raises(ValueError, match=r"^X_clean must have the shape of X, \(60, 16\), got \(9, 16\)\."):
            find(small, X_clean=small[:9])

    def test_x_clean_leaves_y_alone(self, small):
        assert find(small, [1, 2], X_clean=small).source == "X_clean"

    def test_y(self, noisy, small):
        target = find(noisy, small * 2)
        assert (target.source, target.noise) == ("y", None)
        np.testing.assert_array_equal(target.clean, small * 2)

    def test_injector(self, noisy, small):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            target = find(noisy, np.arange(60))
        assert target.source == "injector"
        assert target.clean is noisy.clean is small
        assert target.noise is noisy.injector

    @pytest.mark.parametrize("noise", [None, "masking", NoiseInjector("gaussian")])
    def test_injector_before_noise_with_a_warning(self, noisy, noise):
        message = (
            r"^The rows come from NoiseInjector\(.*, so noise=.* of this denoiser is not used\. Leave noise at its"
        )
        with pytest.warns(UserWarning, match=message + r" default after an injector\.$"):
            target = find(noisy, noise=noise)
        assert target.noise is noisy.injector

    @pytest.mark.parametrize(("noise", "source"), [("masking", "noise"), (None, "identity")])
    def test_lost_source_with_a_warning(self, noisy, noise, source):
        for rows in (noisy[:9], np.clip(noisy, 0, 1), noisy / 2):
            with pytest.warns(UserWarning, match="no longer carries the clean rows"):
                target = find(rows, noise=noise)
            assert target.source == source
            np.testing.assert_array_equal(target.clean, rows)

    @pytest.mark.parametrize("name", ["clean", "injector"])
    def test_half_a_source_is_none(self, noisy, name):
        setattr(noisy, name, None)
        with pytest.warns(UserWarning, match="no longer carries the clean rows"):
            assert find(noisy).source == "noise"

    def test_noise(self, small):
        injector = NoiseInjector("masking")
        X = np.asarray(small)
        for noise in ("masking", injector):
            target = find_target(small, X, None, None, noise)
            assert target.source == "noise" and target.clean is X
            assert target.noise.kind == "masking"
        assert target.noise is injector

    def test_identity(self, small):
        target = find(small, noise=None)
        assert target == Target("identity", target.clean, None)
        assert target.clean is small


class TestCorruption:
    """Noise on rows scaled by the denoiser, with levels relative to the range of the injector."""

    def draw(self, target, data_range, unit):
        noisy, clean = pairing(target, data_range, None)(unit, np.random.default_rng(0))
        assert clean is unit
        return noisy

    @pytest.mark.parametrize("data_range", ["auto", (0, 4), [0, 4]])
    def test_same_range(self, small, data_range):
        injector = NoiseInjector(data_range=data_range)
        expected = injector._redraw(small, np.random.default_rng(0))
        np.testing.assert_array_equal(self.draw(Target("noise", small, injector), (0, 4), small), expected)

    def test_an_injector_in_front_counts_with_what_it_has_read(self, small):
        # Of an injector passed as a parameter, only its own parameters matter, whether it is fitted or not.
        injector = NoiseInjector(data_range="auto", clip=False).fit(small * 7 - 3)
        plain = injector._redraw(small, np.random.default_rng(0))
        np.testing.assert_array_equal(self.draw(Target("noise", small, injector), (0, 1), small), plain)
        scaled = self.draw(Target("injector", small, injector), (0, 1), small)
        assert not np.allclose(scaled, plain)

    @pytest.mark.parametrize("kind", ["gaussian", "speckle"])
    @pytest.mark.parametrize(
        ("noise_range", "data_range"), [((0, 10), (2, 7)), ((-1, 1), (0, 16)), ((100, 200), (0, 50))]
    )
    def test_other_range(self, kind, noise_range, data_range):
        unit = np.random.default_rng(1).random((40, 9)).astype(np.float32)
        injector = NoiseInjector(kind, 0.2, data_range=noise_range, clip=False)
        noisy = self.draw(Target("noise", unit, injector), data_range, unit)
        assert noisy.dtype == np.float32
        # The same in data units: convert to these, then to the injector's scale, add noise, and convert back.
        (low, high), (noise_low, noise_high) = data_range, noise_range
        values = unit * (high - low) + low
        drawn = injector._redraw((values - noise_low) / (noise_high - noise_low), np.random.default_rng(0))
        expected = (drawn * (noise_high - noise_low) + noise_low - low) / (high - low)
        np.testing.assert_allclose(noisy, expected, rtol=1e-4, atol=1e-4)

    def test_clipping_is_to_the_injectors_range(self):
        unit = np.random.default_rng(1).random((40, 9)).astype(np.float32)
        target = Target("noise", unit, NoiseInjector(level=2, data_range=(0, 10)))
        noisy = self.draw(target, (2, 7), unit)
        assert noisy.min() == pytest.approx(-0.4) and noisy.max() == pytest.approx(1.6)


def test_warnings_point_at_the_line_that_calls_fit(small, noisy):
    # Fails under mutmut, which adds stack frames.
    for call in ("fit", "partial_fit", "fit_transform"):
        for rows, y in ((small, small.reshape(60, 4, 4)), (noisy, None), (noisy[:30], None)):
            denoiser = DenoisingAutoencoder(noise="masking", epochs=1, latent_dim=2)
            with pytest.warns(UserWarning) as record:
                getattr(denoiser, call)(rows, y)
            assert [warning.filename for warning in record] == [__file__], (call, record[0].message)


class TestPairs:
    """Pairing of rows, arrays that belong to the user, and column names of frames."""

    @pytest.fixture
    def frames(self, small):
        names = [f"p{i}" for i in range(16)]
        return pd.DataFrame(small, columns=names), pd.DataFrame(small / 2, columns=names)

    def test_y_counts_in_score_as_in_fit(self, small):
        denoiser = EstimatorDenoiser(Ridge()).fit(small / 2, small)
        expected = denoiser.score(small / 2, X_clean=small)
        for y in (small, small.astype(object), pd.DataFrame(small).astype("Float64")):
            assert denoiser.score(small / 2, y) == expected

    def test_rows_in_another_order_are_told_of(self, frames):
        noisy, clean = frames
        denoiser = EstimatorDenoiser(Ridge()).fit(noisy, clean)
        for call in (denoiser.fit, denoiser.score):
            for argument in ("y", "X_clean"):
                with pytest.warns(UserWarning, match=f"^The index of {argument}"):
                    call(noisy, **{argument: clean[::-1]})

    def test_rows_in_the_same_order_are_not(self, frames):
        noisy, clean = frames
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            EstimatorDenoiser(Ridge()).fit(noisy[::-1], clean[::-1]).score(noisy[9:], clean[9:].reset_index(drop=True))
            EstimatorDenoiser(Ridge()).fit(noisy, pd.Series(np.arange(60))[::-1])  # labels

    @pytest.mark.parametrize("library", ["pandas", "polars"])
    def test_columns_of_validation_data(self, frames, library):
        noisy, clean = (pytest.importorskip(library).DataFrame(frame.to_dict("list")) for frame in frames)
        names = list(noisy.columns)[::-1]
        for validation in (noisy[names], (noisy[names], clean[names]), (noisy, clean[names])):
            with pytest.raises(ValueError, match=r"^validation_data.* columns"):
                quick().fit(noisy, X_clean=clean, validation_data=validation)
        quick().fit(noisy, X_clean=clean, validation_data=(noisy, clean))

    @pytest.mark.parametrize("estimator", [LinearRegression(copy_X=False), KNeighborsRegressor()])
    @pytest.mark.parametrize("paired", [True, False])
    def test_arrays_stay_those_of_the_user(self, small, estimator, paired):
        noisy, clean = small.copy(), small[::-1].copy()
        denoiser = EstimatorDenoiser(estimator, noise=None).fit(noisy, X_clean=clean if paired else None)
        np.testing.assert_array_equal(noisy, small)
        np.testing.assert_array_equal(clean, small[::-1])
        before = denoiser.transform(small)
        noisy[:] = clean[:] = 0
        np.testing.assert_array_equal(denoiser.transform(small), before)


class TestContinuedFits:
    def test_from_pairs_to_rows_alone_with_a_warning(self, small):
        for noise in ("masking", None):
            denoiser = quick(noise=noise).partial_fit(small / 2, X_clean=small)
            with pytest.warns(UserWarning, match="rows alone"):
                denoiser.partial_fit(small / 2)
            denoiser = quick(noise=noise, warm_start=True).fit(small / 2, small)
            with pytest.warns(UserWarning, match="rows alone"):
                denoiser.fit(small / 2)

    def test_otherwise_without_one(self, small):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            quick().partial_fit(small).partial_fit(small / 2, X_clean=small).partial_fit(small / 2, small)
            quick().partial_fit(small).partial_fit(small)

    @pytest.mark.filterwarnings("ignore:The rows come from")
    def test_validation_rows_get_the_training_noise(self, noisy, small):
        losses = [
            quick(noise=noise).fit(noisy, validation_data=small).history_["val_loss"] for noise in ("gaussian", None)
        ]
        assert losses[0] == losses[1]
