import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.data import moon

from sk_denoise import estimate_noise
from sk_denoise.displays import NoiseDisplay


@pytest.mark.parametrize("blur", [0, 0.8])
def test_variance_fit_and_autocorrelation_are_drawn(blur, inside):
    noise = gaussian_filter(np.random.default_rng(0).standard_normal((300, 300)), blur)
    estimate = estimate_noise(moon()[100:400, 100:400] + 20 * noise / noise.std())
    display = NoiseDisplay.from_estimate(estimate)
    points, fit = display.ax_.lines
    np.testing.assert_array_equal(points.get_xydata(), np.stack([estimate.brightness, estimate.variance], axis=1))
    np.testing.assert_array_equal(fit.get_ydata(), estimate.fitted_variance)
    assert len(display.ax_.child_axes) == (blur > 0)
    assert inside(display.figure_)


def test_what_has_no_curve_cannot_be_drawn():
    with pytest.raises(ValueError, match=r"estimate.*too small"):
        NoiseDisplay.from_estimate(estimate_noise(np.eye(8)))
    with pytest.raises(TypeError, match="estimate"):
        NoiseDisplay.from_estimate(np.eye(40))
