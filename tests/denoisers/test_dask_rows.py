"""dask arrays and iterators of rows: the same values as in memory, chunk by chunk."""

import itertools

import numpy as np
import pytest
from dask_images import ATOL, GREY, STACK
from helpers import quick
from sklearn.base import clone
from sklearn.decomposition import PCA

from sk_denoise import EstimatorDenoiser, ImageFilter

da = pytest.importorskip("dask.array")


class TestRows:
    ROWS = STACK[:, :72, :64].reshape(-1, 64)
    CHUNKS = ((50, 100, 66), 64)
    ESTIMATORS = {
        "dense": quick(noise="gaussian"),
        "codes": quick(noise="gaussian", output="latent"),
        "filter": ImageFilter("median", size=3),
        "decomposition": EstimatorDenoiser(PCA(6), noise="gaussian"),
    }

    @pytest.mark.parametrize("columns", [64, 20])
    @pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
    @pytest.mark.parametrize("name", ESTIMATORS)
    def test_transform(self, name, dtype, columns):
        rows = (self.ROWS * (200 if dtype == "uint8" else 1)).astype(dtype)
        est = clone(self.ESTIMATORS[name]).fit(rows)
        lazy = da.from_array(rows, chunks=(self.CHUNKS[0], columns))
        for method in ("transform", "predict"):
            result, local = getattr(est, method)(lazy), getattr(est, method)(rows)
            assert isinstance(result, da.Array) and result.shape == local.shape
            assert result.chunks[0] == lazy.chunks[0]
            assert result.dtype == result.compute().dtype == local.dtype
            np.testing.assert_allclose(result, local, rtol=0, atol=ATOL * np.ptp(est.data_range_))

    def test_rows_of_unknown_number(self):
        est = clone(self.ESTIMATORS["filter"]).fit(self.ROWS)
        lazy = da.from_array(self.ROWS, chunks=self.CHUNKS)
        bright = lazy[lazy.mean(axis=1) > 0.5]
        np.testing.assert_allclose(est.transform(bright), est.transform(bright.compute()), atol=ATOL)
        none = lazy[lazy.mean(axis=1) > 2]
        assert est.transform(none).compute().shape == (0, 64)

    def test_chunk_that_raises_is_named(self):
        damaged = self.ROWS.copy()
        damaged[60, 3] = np.nan
        with pytest.raises(ValueError, match="NaN") as caught:
            clone(GREY).fit(self.ROWS).transform(da.from_array(damaged, chunks=self.CHUNKS)).compute()
        assert "in chunk 1 of the rows" in caught.value.__notes__[-1]

    @pytest.mark.parametrize(
        ("change", "match"),
        [
            (lambda x: x[:, :10], "X has 10 features"),
            (lambda x: x[:, 0], r"X must be a dask array of shape \(n_samples"),
            (lambda x: x.astype(object), "X .*dtype object"),
        ],
    )
    def test_bad_input(self, change, match):
        lazy = da.from_array(self.ROWS, chunks=self.CHUNKS)
        with pytest.raises(ValueError, match=match):
            clone(GREY).fit(self.ROWS).transform(change(lazy))

    def test_iterators(self):
        est = clone(self.ESTIMATORS["codes"]).fit(self.ROWS)
        batches = [self.ROWS[:50], self.ROWS[50:]]
        for method in ("transform", "predict", "encode"):
            results = getattr(est, method)(iter(batches))
            assert iter(results) is results
            np.testing.assert_allclose(np.concatenate([*results]), getattr(est, method)(self.ROWS), atol=ATOL)

    @pytest.mark.parametrize("clean", [None, "y", "X_clean"])
    def test_partial_fit(self, clean):
        """Chunks and iterators are batches, one after the other."""
        noisy = self.ROWS if clean is None else self.ROWS + np.float32(0.1)
        ends = np.cumsum([0, *self.CHUNKS[0]])
        parts = [slice(*some) for some in itertools.pairwise(ends)]
        expected, chunked, mixed, streamed = (quick(data_range=(0, 1)) for _ in range(4))
        for part in parts:
            expected.partial_fit(noisy[part], **({} if clean is None else {clean: self.ROWS[part]}))
        lazy = da.from_array(noisy, chunks=(self.CHUNKS[0], 20))
        chunked.partial_fit(lazy, **({} if clean is None else {clean: da.from_array(self.ROWS, chunks=40)}))
        mixed.partial_fit(lazy, **({} if clean is None else {clean: self.ROWS}))
        streamed.partial_fit(noisy[part] if clean is None else (noisy[part], self.ROWS[part]) for part in parts)
        for est in (chunked, mixed, streamed):
            assert est.n_iter_ == 3
            np.testing.assert_allclose(est.transform(noisy), expected.transform(noisy), atol=ATOL)

    def test_batches_before_a_bad_one_are_kept(self):
        est = quick(data_range=(0, 1))
        with pytest.raises(ValueError, match="NaN") as caught:
            est.partial_fit(iter([self.ROWS, self.ROWS, np.full((3, 64), np.nan)]))
        assert "batch 2" in caught.value.__notes__[-1]
        assert est.n_iter_ == 2

    @pytest.mark.parametrize("name", ["y", "X_clean"])
    def test_clean_rows_of_iterators(self, name):
        with pytest.raises(ValueError, match=f"{name} must be None if X is an iterator"):
            quick().partial_fit(iter([self.ROWS]), **{name: self.ROWS})

    def test_clean_rows_of_another_number(self):
        with pytest.raises(ValueError, match=r"y must have as many rows as X, 216, got .*\(10, 64\)"):
            quick().partial_fit(da.from_array(self.ROWS, chunks=self.CHUNKS), self.ROWS[:10])
