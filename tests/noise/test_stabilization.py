import numpy as np
import pytest

from sk_denoise.noise.stabilization import anscombe, inverse_anscombe, inverse_rician, stabilize_rician

N = 200_000


@pytest.mark.parametrize("photons", [4, 20, 300])
@pytest.mark.parametrize("read_noise", [0.0, 2.0])
def test_anscombe_stabilizes_and_its_inverse_is_unbiased(photons, read_noise):
    rng = np.random.default_rng(0)
    gain, offset = 0.5, 3.0
    noisy = gain * rng.poisson(photons, N) + offset + gain * read_noise * rng.standard_normal(N)
    transformed = anscombe(noisy, gain, gain * read_noise, offset)
    assert transformed.std() == pytest.approx(1, abs=0.06)
    clean = inverse_anscombe(transformed.mean(), gain, gain * read_noise, offset)
    assert clean == pytest.approx(offset + gain * photons, abs=0.01 * gain * photons + 0.03)


def test_the_algebraic_inverse_would_be_biased():
    transformed = anscombe(np.random.default_rng(0).poisson(2, N), 1).mean()
    assert abs(inverse_anscombe(transformed, 1) - 2) < 0.03 < abs((transformed / 2) ** 2 - 3 / 8 - 2)


@pytest.mark.parametrize("snr", [1.0, 2.0, 5.0, 20.0, 100.0])
def test_rician_transform_stabilizes_and_its_inverse_is_unbiased(snr):
    real, imaginary = np.random.default_rng(0).standard_normal((2, N))
    sigma = 7.0
    transformed = stabilize_rician(sigma * np.hypot(snr + real, imaginary), sigma)
    assert transformed.std() == pytest.approx(1, abs=0.1)
    assert inverse_rician(transformed.mean(), sigma) == pytest.approx(sigma * snr, rel=0.02)


def test_transforms_are_monotonic_finite_and_keep_shapes():
    x = np.linspace(0, 1000, 5001).reshape(3, -1)
    for y in (anscombe(x, 2.0, 1.0), inverse_anscombe(x / 10, 2.0, 1.0), stabilize_rician(x, 3), inverse_rician(x, 3)):
        assert y.shape == x.shape and np.isfinite(y).all() and (np.diff(y.ravel()) >= 0).all()


def test_values_below_black_come_out_black():
    assert np.isfinite(anscombe([-5.0, 0.0], 1.0, 0.5)).all()
    below = inverse_anscombe([-1.0, 0.0], 1.0, 0.5)
    assert (below >= 0).all() and (below < 0.1).all()  # of a photon


@pytest.mark.parametrize("function", [anscombe, inverse_anscombe])
def test_gain_must_be_positive(function):
    with pytest.raises(ValueError, match="gain"):
        function([1.0], 0.0)
