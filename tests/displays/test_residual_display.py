import numpy as np
import pytest
from scipy.ndimage import shift
from skimage.data import astronaut, moon

from sk_denoise import denoise
from sk_denoise.displays import ResidualDisplay
from sk_denoise.evaluation import agreement_check, residual_check

CLEAN = moon()[100:200, 100:220].astype(float)
NOISY = CLEAN + 10 * np.random.default_rng(0).standard_normal(CLEAN.shape)
DENOISED = denoise(NOISY, method="tv", noise=10)


def rings(display):
    return [[patch.get_gid() for patch in ax.patches] for ax in display.axes_[:, 3]]


def test_worst_first_and_a_ring_where_detail_is_missing(inside):
    lost = DENOISED.copy()
    lost[30:42, 60:72] += 25
    noisy, denoised = [NOISY] * 3, [DENOISED, lost, shift(DENOISED, (0.2, 0), mode="nearest")]
    checks = residual_check(noisy, denoised, 10.0, denoiser="tv")
    display = ResidualDisplay.from_checks(noisy, denoised, checks)
    assert display.axes_.shape == (3, 4)
    severities = [check.severity for check in display.checks]
    assert severities == sorted(severities, reverse=True)
    worst = display.checks[0]
    labels = [ax.get_ylabel() for ax in display.axes_[:, 0]]
    assert labels[0].startswith("image 2: structure")
    for label, check in zip(labels, display.checks):
        number = next(i for i, one in enumerate(checks) if one is check) + 1
        assert label.startswith(f"image {number}: {check.verdict}")
    assert "detail" in worst.found
    assert [bool(ring) for ring in rings(display)] == ["detail" in check.found for check in display.checks]
    centre = display.axes_[0, 3].patches[0].center
    np.testing.assert_allclose(centre, (66, 36), atol=6)
    np.testing.assert_array_equal(display.axes_[0, 2].images[0].get_array(), worst.residual)
    assert display.axes_[0, 2].images[0].get_clim() == (-4, 4)
    assert inside(display.figure_)
    assert len(ResidualDisplay.from_checks(noisy, denoised, checks, n_images=1).axes_) == 1


def test_colour(inside):
    clean = astronaut()[50:150, 150:250]
    noisy = clean + 20 * np.random.default_rng(0).standard_normal(clean.shape)
    check = residual_check(noisy, clean, 20.0, channel_axis=-1)
    display = ResidualDisplay.from_checks(noisy, clean, check, channel_axis=-1)
    assert display.axes_.shape == (1, 4)
    assert display.axes_[0, 0].images[0].get_array().shape == clean.shape
    assert display.axes_[0, 3].images[0].get_array().shape == clean.shape[:2]
    assert inside(display.figure_)


def test_a_ring_around_a_lost_pixel():
    noisy = NOISY.copy()
    noisy[30, 60] += 150
    check = residual_check(noisy, DENOISED, 10.0, denoiser="tv")
    display = ResidualDisplay.from_checks(noisy, DENOISED, check)
    assert display.axes_[0, 2].patches[0].center == (60, 30)
    assert display.axes_[0, 0].get_ylabel().startswith("structure")  # a single image needs no number


def test_two_shots():
    check = agreement_check(DENOISED, CLEAN, 10.0)
    titles = [ax.get_title() for ax in ResidualDisplay.from_checks(DENOISED, CLEAN, check).axes_[0]]
    assert titles[:3] == ["first", "second", "difference in sigma"]


def test_what_was_not_checked_comes_last():
    small = NOISY[:20, :20]
    checks = [residual_check(small, small, 10.0), residual_check(NOISY, DENOISED, 10.0)]
    display = ResidualDisplay.from_checks([small, NOISY], [small, DENOISED], checks)
    assert [check.verdict == "not checked" for check in display.checks] == [False, True]


def test_bad_input():
    check = residual_check(NOISY, DENOISED, 10.0)
    with pytest.raises(ValueError, match="checks must hold one result"):
        ResidualDisplay.from_checks(NOISY, DENOISED, [check, check])
    with pytest.raises(ValueError, match="shapes of the checked"):
        ResidualDisplay.from_checks(NOISY[1:], DENOISED[1:], check)
    with pytest.raises(TypeError, match="checks"):
        ResidualDisplay.from_checks(NOISY, DENOISED, "fine")
    with pytest.raises(ValueError, match="n_images"):
        ResidualDisplay.from_checks(NOISY, DENOISED, check, n_images=0)
    with pytest.raises(ValueError, match="two lists"):
        ResidualDisplay({"noisy": [NOISY]}, [check], data_range=(0, 255)).plot()
