"""Each test of `residual_check` finds its fault, is quiet on noise, and does not depend on the units."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift
from scipy.signal import fftconvolve
from skimage import color, data
from sklearn.pipeline import make_pipeline

from sk_denoise import DenoisingAutoencoder, ImageFilter, NoiseInjector, PatchDenoiser, denoise, estimate_noise
from sk_denoise.evaluation import ResidualCheck, agreement_check, residual_check
from sk_denoise.evaluation._residual_inputs import NoiseModel, read_denoiser
from sk_denoise.evaluation._residual_statistics import Planes, brightness, disc, kernel_deviation, peak
from sk_denoise.evaluation._residual_table import FAULTS, RATES, TESTS, THRESHOLDS, WEIGHTS
from sk_denoise.evaluation._residuals import limits

COLOUR = data.astronaut()[50:178, 160:288] / 255
CLEAN = color.rgb2gray(COLOUR)
SIGMA = 0.1
RIDGE = {"denoiser": "nl_ridge"}


def white(shape=CLEAN.shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def a_disc(contrast=2.0, radius=6, centre=(50, 100)):
    rows, columns = np.ogrid[: CLEAN.shape[0], : CLEAN.shape[1]]
    return contrast * SIGMA * ((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2)


NOISY = CLEAN + SIGMA * white()
DENOISED = denoise(NOISY, noise=SIGMA)


def test_nothing_is_found_in_a_good_image():
    check = residual_check(NOISY, DENOISED, SIGMA, **RIDGE)
    assert isinstance(check, ResidualCheck)
    assert check.verdict == "nothing found"
    assert check.found == ()
    assert 0 <= check.severity < 1
    assert check.map.shape == check.residual.shape == CLEAN.shape
    np.testing.assert_allclose(check.residual, (NOISY - DENOISED) / SIGMA, rtol=1e-4, atol=1e-5)
    text = str(check)
    assert "fine" not in text
    assert all(test in text for test in TESTS)
    assert "Detail that was invented or removed may be missed" in text
    assert all(f"{fault}: found in " in text for test, fault in FAULTS.items() if test in TESTS)
    assert "not measured" not in text


@pytest.mark.parametrize("denoiser", THRESHOLDS)
def test_the_tables_are_complete(denoiser):
    assert len(THRESHOLDS[denoiser]) == 3 * len(TESTS)
    assert set(RATES[denoiser]) == {*TESTS, "all"}
    assert limits("peak", denoiser)[2] >= 1  # noise alone reaches it in one of a hundred images
    assert len(WEIGHTS[denoiser]) == 16
    for test in TESTS:
        low, centre, high = limits(test, denoiser)
        assert centre < high
        assert low is None or low < centre


def test_few_false_alarms_if_the_residual_is_exactly_the_noise():
    alarms = [residual_check(CLEAN + SIGMA * white(seed=seed), CLEAN, SIGMA).verdict for seed in range(1, 11)]
    assert alarms.count("nothing found") >= 9


@pytest.mark.slow
def test_false_alarms_on_noise_of_any_level():
    count = 0
    for seed in range(100):
        sigma = (0.05, 0.1, 0.2)[seed % 3]
        count += residual_check(CLEAN + sigma * white(seed=seed), CLEAN, sigma).verdict != "nothing found"
    assert count <= 15


@pytest.mark.parametrize("pixels", [(0.5, 0), (0, -0.7), (-0.7, 0.7)])
def test_shift(pixels):
    check = residual_check(NOISY, shift(DENOISED, pixels, mode="nearest"), SIGMA, **RIDGE)
    assert check.verdict == "structure"
    assert check.found[0] == "shift"


@pytest.mark.parametrize("contrast", [-2.0, 2.0])
def test_removed_detail_is_found_where_it_is(contrast):
    removed = a_disc(contrast)
    check = residual_check(NOISY + removed, DENOISED, SIGMA, **RIDGE)
    assert check.verdict == "structure"
    assert check.found[0] == "detail"
    place = np.unravel_index(np.abs(check.map).argmax(), check.map.shape)
    np.testing.assert_allclose(place, (50, 100), atol=5)
    assert np.sign(check.map[place]) == np.sign(contrast)
    assert f"row {place[0]}, column {place[1]}" in str(check)


@pytest.mark.parametrize("contrast", [-10, 10])
def test_a_lost_pixel_is_found_where_it_is(contrast):
    noisy = CLEAN + SIGMA * white()
    noisy[50, 100] = CLEAN[50, 100] + contrast * SIGMA
    check = residual_check(noisy, DENOISED, SIGMA, **RIDGE)
    assert check.verdict == "structure"
    assert check.found == ("peak",)
    assert "at row 50, column 100" in str(check)


@pytest.mark.parametrize("denoiser", [None, "gaussian", "tv", "median"])
def test_stars_that_a_median_removed(denoiser):
    rng = np.random.default_rng(0)
    stars = np.zeros((128, 128))
    stars.flat[rng.choice(stars.size, 80, replace=False)] = 12 * SIGMA
    noisy = 0.2 + stars + SIGMA * white(stars.shape)
    check = residual_check(noisy, denoise(noisy, method="median", noise=SIGMA), SIGMA, denoiser=denoiser)
    assert "peak" in check.found


def planes_of(noisy, clean, gain, offset):
    has_noise = np.ones((*noisy.shape, 1), bool)
    return NoiseModel(gain, offset).planes(noisy[..., np.newaxis], clean[..., np.newaxis], has_noise)


@pytest.mark.parametrize("counts", [0.3, 2, 20, 200])
def test_photon_noise_has_no_peaks(counts):
    rng, clean = np.random.default_rng(0), counts * (0.05 + CLEAN)
    planes = [planes_of(rng.poisson(clean).astype(float), clean, 1.0, 0.0) for _ in range(20)]
    assert max(map(peak, planes)) < 1
    assert max(abs(brightness(plane)) for plane in planes) < 0.5


def test_clipped_noise_has_no_peaks():
    noisy = (np.clip(CLEAN + 3 * SIGMA * white(seed=seed), 0, 1) for seed in range(20))
    assert max(peak(planes_of(image, CLEAN, 0.0, 9 * SIGMA**2)) for image in noisy) < 1


def test_peaks_of_noise_do_not_depend_on_the_size():
    largest = [
        max(peak(planes_of(white((side, side), seed), np.zeros((side, side)), 0.0, 1.0)) for seed in range(5))
        for side in (48, 192, 768)
    ]
    assert 0.7 < min(largest) <= max(largest) < 1


@pytest.mark.parametrize("offset", [-0.2, 0.2])
def test_changed_brightness(offset):
    check = residual_check(NOISY, DENOISED + offset * SIGMA, SIGMA, **RIDGE)
    assert check.verdict == "structure"
    assert check.found == ("brightness",)
    assert f"{'brighter' if offset > 0 else 'darker'} than the noisy one, by 0.2 sigma" in str(check)
    assert residual_check(NOISY, DENOISED + 10 * offset * SIGMA, SIGMA, **RIDGE).found == ("brightness",)


def test_changed_brightness_of_one_channel():
    noisy, cast = COLOUR + SIGMA * white(COLOUR.shape), np.array([0.2, 0, -0.3]) * SIGMA
    check = residual_check(noisy, COLOUR + cast, SIGMA, channel_axis=-1)
    assert check.found == ("brightness",)
    assert check.figures["offset"] == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("factor", [0.75, 1.25])
def test_wrong_level(factor):
    check = residual_check(NOISY, DENOISED, factor * SIGMA, **RIDGE)
    assert check.verdict == "amount"
    assert "level" in check.found
    assert check.found[0] == "level"
    assert str(check).startswith("Wrong noise level: the noise is " + ("stronger" if factor < 1 else "weaker"))
    assert check.figures["level"] == pytest.approx(-np.log(factor), abs=0.08)


@pytest.mark.parametrize("axis", [0, 1])
def test_stripes_that_remain(axis):
    offsets = white(CLEAN.shape[axis], seed=3) * 0.5 * SIGMA
    stripes = offsets[:, np.newaxis] if axis == 0 else offsets
    noisy = NOISY + stripes
    check = residual_check(noisy, DENOISED + stripes, SIGMA, **RIDGE)
    assert check.verdict == "structure"
    assert check.found == ("stripes",)


@pytest.mark.parametrize("name", ["nl_ridge", "nlm", "tv"])
def test_blur(name):
    good = denoise(NOISY, method=name, noise=SIGMA)
    assert "smoothing" not in residual_check(NOISY, good, SIGMA, denoiser=name).found
    check = residual_check(NOISY, gaussian_filter(good, 1.5), SIGMA, denoiser=name)
    assert {"smoothing", "variance"} & set(check.found)
    assert check.verdict == "structure" or str(check).startswith("Too much was removed: ")


def test_edges_smoothed_although_little_was_removed():
    check = residual_check(NOISY, DENOISED, SIGMA)
    figures = check.figures | {"variance": -1.0}
    words = str(replace(check, verdict="amount", found=("variance", "smoothing"), figures=figures)).splitlines()[0]
    assert words.startswith("Too little was removed: less was removed than usual")
    assert "edges were smoothed although little noise was removed" in words
    assert "more than" not in words


def test_nothing_removed():
    check = residual_check(NOISY, NOISY, SIGMA)
    assert check.verdict == "amount"
    assert check.found == ("variance",)
    assert str(check).startswith("Too little was removed: less was removed than usual: 0% of")


def test_the_worst_has_the_highest_severity():
    outputs = [DENOISED, shift(DENOISED, (0.5, 0), mode="nearest"), shift(DENOISED, (2, 0), mode="nearest")]
    severities = [check.severity for check in residual_check([NOISY] * 3, outputs, SIGMA, **RIDGE)]
    assert sorted(severities) == severities


@pytest.mark.parametrize(("scale", "offset"), [(255, 0), (1e-3, 0), (4096, -1000)])
def test_units(scale, offset):
    check = residual_check(NOISY, DENOISED, SIGMA, **RIDGE)
    other = residual_check(scale * NOISY + offset, scale * DENOISED + offset, scale * SIGMA, **RIDGE)
    assert other.verdict == check.verdict
    for name in ("shift", "detail", "peak", "brightness", "variance", "stripes"):
        assert other.figures[name] == pytest.approx(check.figures[name], rel=1e-4, abs=1e-4)
    np.testing.assert_allclose(other.map, check.map, atol=1e-3)


def test_integers_and_forms():
    noisy = np.uint8(np.clip(40 + 120 * NOISY, 0, 255))
    stack = np.stack([noisy, noisy])
    denoised = np.float32(40 + 120 * DENOISED)
    single = residual_check(noisy, denoised, 12.0, **RIDGE)
    checks = residual_check(stack, [denoised, denoised], 12.0, **RIDGE)
    assert [check.severity for check in checks] == [single.severity] * 2
    assert single.verdict == "nothing found"


def test_input_is_not_modified():
    noisy, denoised = NOISY.copy(), DENOISED.copy()
    residual_check(noisy, denoised, SIGMA)
    np.testing.assert_array_equal(noisy, NOISY)
    np.testing.assert_array_equal(denoised, DENOISED)


def test_colour():
    noisy = COLOUR + SIGMA * white(COLOUR.shape)
    assert residual_check(noisy, COLOUR, SIGMA, channel_axis=-1).verdict == "nothing found"
    lost = noisy.copy()
    lost[..., 2] += a_disc(3)  # in one channel
    check = residual_check(np.moveaxis(lost, -1, 0), np.moveaxis(COLOUR, -1, 0), SIGMA, channel_axis=0)
    assert check.verdict == "structure"
    assert check.map.shape == CLEAN.shape
    assert check.residual.shape == COLOUR.shape


@pytest.mark.parametrize("width", [0.7, (0.0, 1.0)])
def test_correlated_noise(width):
    injector = NoiseInjector("gaussian", SIGMA, blur=width, clip=False, data_range=(0, 1), random_state=0)
    noisy = injector.fit_transform([CLEAN])[0]
    check = residual_check(noisy, CLEAN, injector)
    assert check.verdict == "nothing found"
    assert "smoothing" not in check.figures
    assert any("smoothing" in note for note in check.notes)
    assert abs(check.figures["autocorrelation"]) < 0.05
    assert check.figures["detail"] < 6
    assert residual_check(noisy, CLEAN, SIGMA).figures["detail"] > check.figures["detail"] + 1


def test_deviation_of_responses_to_correlated_noise():
    kernel, rng = disc(3), np.random.default_rng(0)
    noise = gaussian_filter(rng.standard_normal((400, 400)), 1.0, mode="wrap")
    lags = np.arange(-8, 9)
    correlation = np.exp(-(lags[:, np.newaxis] ** 2 + lags**2) / 4.0)
    response = fftconvolve(noise / noise.std(), kernel, mode="valid")
    assert response.std() == pytest.approx(kernel_deviation(kernel, correlation), rel=0.1)
    assert kernel_deviation(kernel) == pytest.approx(29**-0.5)


@pytest.mark.parametrize("read_noise", [0.0, 0.03])
def test_photon_noise(read_noise):
    injector = NoiseInjector(
        "poisson_gaussian", 0.15, read_noise=read_noise, clip=False, data_range=(0, 1), random_state=0
    )
    clean = 0.1 + 0.9 * CLEAN
    noisy = injector.fit_transform([clean])[0]
    check = residual_check(noisy, clean, injector)
    assert check.verdict == "nothing found"
    assert abs(check.figures["variance"]) < 0.06
    assert check.figures["tiles"] < 0.05
    lost = residual_check(noisy + a_disc(4, centre=(20, 20)), clean, estimate_noise(noisy))
    assert "detail" in lost.found


def test_estimated_noise_does_not_check_itself():
    check = residual_check(NOISY, DENOISED, **RIDGE)
    assert check.verdict == "nothing found"
    assert "level" not in check.figures
    assert any("level" in note for note in check.notes)


def test_padding_is_left_out():
    noisy, denoised = (np.pad(image, 30) for image in (NOISY, DENOISED))
    check = residual_check(noisy, denoised, SIGMA, **RIDGE)
    assert check.verdict == "nothing found"
    plain = residual_check(NOISY, DENOISED, SIGMA, **RIDGE)
    for name in ("variance", "autocorrelation", "level"):
        assert check.figures[name] == pytest.approx(plain.figures[name], abs=0.03)


def test_clipped_noise_warns():
    noisy = np.clip(NOISY - 0.3, 0, 1)
    with pytest.warns(UserWarning, match="clipped"):
        residual_check(noisy, np.clip(DENOISED - 0.3, 0, 1), SIGMA)


def test_what_cannot_be_checked():
    for noisy in (NOISY[:20, :40], np.zeros((64, 64))):
        check = residual_check(noisy, noisy, SIGMA if noisy.any() else "auto")
        assert check.verdict == "not checked"
        assert np.isnan(check.severity)
        assert check.map.shape == noisy.shape
        assert str(check).startswith("Not checked")
    impulses = np.where(white() > 1.5, 1.0, np.where(white() < -1.5, 0.0, CLEAN))
    with pytest.warns(UserWarning, match="clipped"):
        assert residual_check(impulses, CLEAN).verdict == "not checked"


def test_denoisers_are_recognized():
    assert read_denoiser(None) == "any"
    assert read_denoiser("auto") == "nl_ridge"
    assert read_denoiser(ImageFilter("tv")) == "tv"
    assert read_denoiser(make_pipeline(NoiseInjector(), ImageFilter("nlm"))) == "nlm"
    assert read_denoiser(PatchDenoiser(DenoisingAutoencoder("unet"))) == "network"
    assert read_denoiser(NoiseInjector()) == "any"
    with pytest.raises(ValueError, match=r"denoiser.*nlm"):
        read_denoiser("nlmeans")
    with pytest.raises(TypeError, match="denoiser"):
        read_denoiser(np.mean)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((NOISY, DENOISED[1:], SIGMA), ValueError, r"denoised .*shape"),
        (([NOISY, NOISY], [DENOISED], SIGMA), ValueError, "denoised"),
        ((NOISY, DENOISED, -1.0), ValueError, "noise must be"),
        ((NOISY, DENOISED, "white"), ValueError, "noise must be"),
        ((NOISY, DENOISED, 25.5), ValueError, "units"),
        ((NOISY, DENOISED, NoiseInjector("rician")), ValueError, "rician"),
        ((NOISY, DENOISED, NoiseInjector(level=0.1)), ValueError, "data range"),
        ((NOISY, DENOISED, NoiseInjector(level=(0.1, 0.2), data_range=(0, 1))), ValueError, "single"),
        ((np.full((40, 40), np.nan), np.zeros((40, 40)), 1.0), ValueError, "noisy must hold finite"),
        ((NOISY, np.where(NOISY > 0.9, np.nan, DENOISED), SIGMA), ValueError, "denoised must hold finite"),
        ((COLOUR, COLOUR, SIGMA), ValueError, "channel_axis"),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        residual_check(*arguments)


def test_two_shots_agree_unless_detail_is_invented():
    second = denoise(CLEAN + SIGMA * white(seed=1), noise=SIGMA)
    check = agreement_check(DENOISED, second, SIGMA)
    assert check.verdict == "nothing found"
    assert 0.05 < check.figures["difference"] < 0.8
    assert "What both images have in common is not seen." in str(check)
    assert f"{FAULTS['agreement']}: found in" in str(check)
    invented = DENOISED + a_disc(1)
    check = agreement_check(invented, second, SIGMA)
    assert check.verdict == "structure"
    assert check.found == ("agreement",)
    assert "row" in str(check)
    assert agreement_check(second, invented, SIGMA).map.min() == pytest.approx(-check.map.max(), rel=1e-3)
    assert residual_check(NOISY, invented, SIGMA, **RIDGE).verdict == "nothing found"  # which is why there are two


def test_images_of_one_shot_are_not_two_shots():
    with pytest.warns(UserWarning, match="hardly of two shots"):
        check = agreement_check(DENOISED, DENOISED, SIGMA)
    assert check.severity == 0
    assert "hardly of two shots" in str(check)
    with pytest.warns(UserWarning, match="hardly of two shots"):
        agreement_check(DENOISED, DENOISED + 0.005 * SIGMA * white(), SIGMA)


def test_noise_that_was_not_removed_agrees():
    quiet = [
        agreement_check(SIGMA * white(seed=seed), SIGMA * white(seed=seed + 100), SIGMA).verdict == "nothing found"
        for seed in range(20)
    ]
    assert sum(quiet) >= 17


def test_agreement_needs_the_noise_of_the_shots():
    with pytest.raises(ValueError, match="noise must be that of the shots"):
        agreement_check(DENOISED, DENOISED, "auto")
    tiny = np.zeros((8, 8))
    assert agreement_check(tiny, tiny, 1.0).verdict == "not checked"


def test_planes_know_the_noisy_image():
    planes = Planes(np.ones((1, 4, 4)), np.ones((1, 4, 4)), np.ones((1, 4, 4), bool), None)
    np.testing.assert_array_equal(planes.noisy, 2)
