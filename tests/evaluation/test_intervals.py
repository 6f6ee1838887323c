import numpy as np
import pytest

from sk_denoise.evaluation._intervals import simultaneous_intervals


@pytest.mark.slow
def test_they_cover_together():
    """Of 200 families of 20 comparisons without a difference, about one in ten has an interval that excludes zero."""
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(200):
        options = {"confidence_level": 0.9, "n_resamples": 400, "rng": rng}
        _, low, high = simultaneous_intervals(rng.normal(size=(20, 80)), **options)
        missed += bool(np.any((low > 0) | (high < 0)))
    assert 8 <= missed <= 36


def test_more_comparisons_widen_them():
    D = np.random.default_rng(0).normal(size=(50, 100))
    one, many = (simultaneous_intervals(d, rng=np.random.default_rng(0)) for d in (D[:1], D))
    assert many[2][0] - many[1][0] > 1.2 * (one[2][0] - one[1][0])


def test_a_single_one_is_the_normal_one():
    D = np.random.default_rng(0).normal(1, 2, size=(1, 400))
    mean, low, high = simultaneous_intervals(D, n_resamples=4000, rng=np.random.default_rng(0))
    assert high[0] - mean[0] == pytest.approx(1.96 * D.std() / 20, rel=0.08)
    assert mean[0] - low[0] == pytest.approx(high[0] - mean[0])


def test_no_spread_no_width():
    means, low, high = simultaneous_intervals(np.array([[0.0] * 9, [1.0] * 9]), rng=np.random.default_rng(0))
    assert means.tolist() == low.tolist() == high.tolist() == [0, 1]
