"""Rows in batches, from iterators and chunks of dask arrays: lazy results, and refused input."""

import numpy as np
import pytest
from helpers import quick
from sklearn.base import clone

from sk_denoise import ImageFilter, NoiseInjector

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

ROWS = np.random.default_rng(0).random((216, 64)).astype("float32")
LAZY = da.from_array(ROWS, chunks=(72, 64))
ATOL = 1e-5


@pytest.fixture(autouse=True)
def in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.fixture(scope="module")
def fitted():
    return quick(noise="gaussian", data_range=(0, 1), output="latent").fit(ROWS)


def values(results):
    """The rows of a dask array, or of an iterator."""
    return np.asarray(results) if isinstance(results, da.Array) else np.concatenate(list(results))


class TestLater:
    """Results computed later are those of the estimator at the time of the call."""

    @pytest.mark.parametrize("lazy", [lambda: LAZY, lambda: iter([ROWS[:100], ROWS[100:]])], ids=["dask", "iterator"])
    def test_after_another_fit(self, fitted, lazy):
        est = clone(fitted).fit(ROWS)
        for method in ("predict", "encode"):
            results, expected = getattr(est, method)(lazy()), getattr(est, method)(ROWS)
            est.partial_fit(ROWS)
            np.testing.assert_allclose(values(results), expected, rtol=0, atol=ATOL)
        codes, expected = est.transform(lazy()), est.transform(ROWS)
        est.set_params(latent_dim=2, output="denoised").fit(ROWS)
        np.testing.assert_allclose(values(codes), expected, rtol=0, atol=ATOL)

    def test_other_parameters(self):
        est = ImageFilter("gaussian", sigma=1.0).fit(ROWS)
        results, expected = est.transform(LAZY), est.transform(ROWS)
        est.set_params(sigma=2.0).fit(ROWS)
        np.testing.assert_allclose(results, expected, rtol=0, atol=ATOL)


class TestCodes:
    def test_codes_are_decoded_chunk_by_chunk(self, fitted):
        codes = fitted.transform(ROWS)
        for method in ("decode", "inverse_transform"):
            expected = getattr(fitted, method)(codes)
            lazily = getattr(fitted, method)(fitted.transform(LAZY))
            assert isinstance(lazily, da.Array) and lazily.chunks == LAZY.chunks and lazily.dtype == expected.dtype
            np.testing.assert_allclose(lazily, expected, rtol=0, atol=ATOL)
            np.testing.assert_allclose(values(getattr(fitted, method)(iter([codes]))), expected, rtol=0, atol=ATOL)

    def test_codes_of_another_size(self, fitted):
        for method, name in (("decode", "Z"), ("inverse_transform", "X")):
            with pytest.raises(ValueError, match=f"{name} .*64.* 4 "):
                getattr(fitted, method)(LAZY)


class TestPartialFit:
    def test_empty_chunks_are_skipped(self):
        late = da.from_array(np.arange(216) >= 72, chunks=72)
        est = quick(data_range=(0, 1)).partial_fit(LAZY[late])
        assert est.n_iter_ == 2
        with pytest.raises(ValueError, match=r"(?s)NaN") as caught:
            est.partial_fit(da.where(da.arange(216, chunks=72)[:, None] < 144, LAZY, np.nan)[late])
        assert "batch 2" in caught.value.__notes__[-1]

    @pytest.mark.parametrize("name", ["y", "X_clean"])
    def test_pairs_of_unknown_number_are_paired_chunk_by_chunk(self, name):
        some, halves = da.from_array(np.arange(216) % 2 == 0, chunks=72), LAZY.rechunk((108, 64))
        est = quick(data_range=(0, 1)).partial_fit(LAZY[some], **{name: LAZY[some]})
        assert est.n_iter_ == 3 and est.target_source_ == name
        for other in (LAZY, ROWS, halves[halves[:, 0] > 0.5]):
            with pytest.raises(ValueError, match=rf"{name} must have as many rows as X.*X\.compute_chunk_sizes\(\)"):
                clone(est).partial_fit(LAZY[some], **{name: other})

    def test_labels_of_unknown_number(self):
        some = da.from_array(np.arange(216) % 2 == 0, chunks=72)
        est = quick(data_range=(0, 1)).partial_fit(LAZY[some], da.arange(216, chunks=72)[some])
        assert est.n_iter_ == 3 and est.target_source_ == "noise"

    @pytest.mark.parametrize(
        ("name", "value", "error", "match"),
        [
            ("y", 5, ValueError, "y must have as many rows as X, 216, got 5"),
            ("X_clean", np.ma.masked_less(ROWS, 0.3), ValueError, "X_clean contains masked values"),
            ("X_clean", dask.delayed(ROWS), TypeError, r"X_clean .*Delayed.*X_clean\.compute\(\)"),
        ],
    )
    def test_what_cannot_be_paired(self, name, value, error, match):
        with pytest.raises(error, match=match):
            quick(data_range=(0, 1)).partial_fit(LAZY, **{name: value})

    def test_pairs_may_be_lists(self):
        pairs = [[ROWS[:72], ROWS[:72]], [ROWS[72:], ROWS[72:]]]
        expected = quick(data_range=(0, 1)).partial_fit(map(tuple, pairs))
        est = quick(data_range=(0, 1)).partial_fit(iter(pairs))
        assert est.target_source_ == "y"
        np.testing.assert_array_equal(est.predict(ROWS), expected.predict(ROWS))

    def test_a_list_of_two_rows_is_a_batch(self):
        assert quick(data_range=(0, 1)).partial_fit(iter([[ROWS[0], ROWS[1]]])).target_source_ == "noise"

    @pytest.mark.parametrize(("batch", "remedy"), [([ROWS], r"batch\[0\]"), ((ROWS, ROWS, ROWS), r"batch\[:2\]")])
    def test_batches_of_other_numbers_of_arrays(self, batch, remedy):
        with pytest.raises(ValueError, match=f"X must yield rows or pairs.*{remedy}") as caught:
            quick(data_range=(0, 1)).partial_fit(iter([ROWS, batch]))
        assert "batch 1" in caught.value.__notes__[-1]


class TestErrors:
    @pytest.mark.parametrize("none", [lambda: iter([]), lambda: LAZY[LAZY[:, 0] > 2]])
    def test_no_batches(self, none):
        est = quick()
        with pytest.raises(ValueError, match="X yielded no batches"):
            est.partial_fit(none())
        assert not hasattr(est, "n_iter_")

    def test_transform_of_an_iterator_that_was_used_before(self, fitted):
        batches = iter([ROWS])
        list(fitted.predict(batches))
        with pytest.raises(ValueError, match="X yielded no batches"):
            list(fitted.predict(batches))

    def test_batch_that_raises_is_named(self, fitted):
        with pytest.raises(ValueError, match="features") as caught:
            list(fitted.predict(iter([ROWS, ROWS[:, :60]])))
        assert "batch 1 of X" in caught.value.__notes__[-1]

    @pytest.mark.parametrize("method", ["predict", "partial_fit"])
    def test_delayed_batches(self, fitted, method):
        with pytest.raises(TypeError, match=r"Delayed.*compute\(\)"):
            list(getattr(clone(fitted).fit(ROWS), method)(iter([dask.delayed(ROWS)])))

    def test_data_frames_are_not_loaded(self, fitted):
        frame = type("DataFrame", (), {"__module__": "dask.dataframe", "__dask_graph__": None, "to_dask_array": None})
        for call in (quick().fit, quick().partial_fit, fitted.transform, fitted.score):
            with pytest.raises(TypeError, match=r"X .*dask DataFrame.*to_dask_array\(lengths=True\)"):
                call(frame())

    def test_dask_data_frames(self, fitted):
        frames = pytest.importorskip("dask.dataframe", exc_type=ImportError)
        frame = frames.from_dask_array(LAZY)
        for call in (quick().fit, quick().partial_fit, fitted.transform, fitted.score):
            with pytest.raises(TypeError, match=r"X .*dask DataFrame.*to_dask_array\(lengths=True\)"):
                call(frame)
        with pytest.raises(TypeError, match=r"X_clean .*dask DataFrame"):
            quick().partial_fit(LAZY, X_clean=frame)

    @pytest.mark.parametrize("est", [quick(), quick(output="latent"), ImageFilter(), NoiseInjector(when="fit")])
    def test_frames(self, est):
        """Lazy results cannot be data frames; the error does not exhaust iterators."""
        est = clone(est).fit(ROWS).set_output(transform="pandas")
        batches = iter([ROWS])
        with pytest.raises(ValueError, match=r"X must be in memory.*set_output\(transform='default'\)"):
            est.transform(LAZY)
        if hasattr(est, "predict"):
            with pytest.raises(ValueError, match="X must be in memory"):
                est.transform(batches)
            assert len(list(est.predict(batches))) == 1

    def test_rows_that_are_no_plain_arrays(self):
        noisy = da.from_array(NoiseInjector().fit_transform(ROWS), chunks=72)
        with pytest.raises(TypeError, match=r"X .*NoisyArray.*np\.asarray\(X\)"):
            quick().partial_fit(noisy)
