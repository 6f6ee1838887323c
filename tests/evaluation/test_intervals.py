import numpy as np
import pytest
from scipy.stats import binom

from sk_denoise.evaluation._intervals import rare_share, simultaneous_intervals, verdict


@pytest.mark.slow
def test_they_cover_together():
    """Among 200 families of 20 null comparisons, about one in ten has an interval that excludes zero."""
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


def test_no_event_has_the_width_of_an_exact_interval():
    """Without events, the bootstrap interval would have no width (kind H)."""
    for n, n_comparisons in ((50, 1), (50, 40), (1000, 1)):
        _, low, high = simultaneous_intervals(np.zeros((n_comparisons, n)), largest=1, rng=np.random.default_rng(0))
        assert high == pytest.approx(rare_share(n, 1 - 0.05 / n_comparisons)) and (low == -high).all()
        assert binom.pmf(0, n, high[0]) == pytest.approx(0.025 / n_comparisons)
        assert verdict(low[0], high[0], ("worse", "better")) == "no difference"
    assert rare_share(50, 0.95) == pytest.approx(0.0711, abs=1e-4)


def test_few_events_are_no_evidence():
    changed = np.zeros((4, 50))
    for n_events, row in enumerate(changed):
        row[: n_events + 1] = 1
    _, low, _ = simultaneous_intervals(changed, largest=1, rng=np.random.default_rng(0))
    assert (low < 0).all()


def test_many_events_are_left_to_the_bootstrap():
    D = np.random.default_rng(0).choice([-1, 0, 1], size=(3, 400))
    options = {"n_resamples": 500}
    with_bound, without = (
        simultaneous_intervals(D, largest=largest, rng=np.random.default_rng(0), **options) for largest in (1, None)
    )
    np.testing.assert_array_equal(with_bound, without)


@pytest.mark.slow
def test_it_covers_rare_events():
    """If on average one of 50 rows is repaired, at most one in twenty of 300 intervals misses that share."""
    rng, missed = np.random.default_rng(0), 0
    for _ in range(300):
        events = (rng.random((1, 50)) < 0.02).astype(float)
        _, low, high = simultaneous_intervals(events, largest=1, n_resamples=300, rng=rng)
        missed += not low[0] <= 0.02 <= high[0]
    assert missed <= 15


def test_groups_are_resampled_whole():
    rng = np.random.default_rng(0)
    of_group = rng.normal(size=(2, 60))
    groups = np.repeat(np.arange(60), 5)
    means, low, high = simultaneous_intervals(of_group[:, groups], groups=groups, rng=np.random.default_rng(0))
    expected = simultaneous_intervals(of_group, rng=np.random.default_rng(0))
    np.testing.assert_allclose((means, low, high), expected)
    uneven = rng.integers(60, size=400)
    means, low, high = simultaneous_intervals(of_group[:, uneven], groups=uneven, rng=np.random.default_rng(0))
    np.testing.assert_allclose(means, of_group[:, uneven].mean(axis=1))
    assert (low < means).all() and (means < high).all()
