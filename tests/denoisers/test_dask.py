"""dask arrays: the same values as in memory, lazily, in chunks of any size, on one machine and on clusters."""

import itertools
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import joblib
import numpy as np
import pandas
import pytest
from helpers import DECIBELS, quick, run_python
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sk_denoise import (
    DenoisingAutoencoder,
    EstimatorDenoiser,
    ImageFilter,
    NoiseInjector,
    NoisyArray,
    PatchDenoiser,
    denoise,
    estimate_noise,
    recovery_report,
)
from sk_denoise._core.array_like import ArrayLike
from sk_denoise.denoisers import _patch_noise, _tiles
from sk_denoise.files import ImageFile

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

ATOL = 1e-5
STACK = np.random.default_rng(0).random((3, 77, 93)).astype("float32")
GREY = ImageFilter("gaussian", sigma=1.0)


def patched(denoiser, **params):
    return PatchDenoiser(denoiser, **{"patch_shape": (16, 16), "n_patches": 64, "random_state": 0, **params})


def unet(**params):
    return quick("unet", noise="gaussian", epochs=1, **params)


DENOISERS = {
    "median": ImageFilter("median", size=5),
    "gaussian": GREY,
    "bilateral": ImageFilter("bilateral", sigma_color=0.2, sigma_spatial=1.5),
    "nlm": ImageFilter("nlm", level=0.1, h=0.08, patch_size=3, patch_distance=4),
    "tv": ImageFilter("tv", weight=0.1),
    "wavelet": ImageFilter("wavelet", level=0.1),
    "nl_ridge": ImageFilter("nl_ridge", level=0.1),
    "unet": unet(),
    "dense": quick(noise="gaussian"),
    "decomposition": EstimatorDenoiser(PCA(6), noise="gaussian"),
    "regressor": EstimatorDenoiser(LinearRegression(), noise="gaussian"),
}


@pytest.fixture(autouse=True)
def in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


class OnDisk(ArrayLike):
    """An image that is not in memory."""

    def __init__(self, image):
        self._image, self.shape, self.dtype = image, image.shape, image.dtype

    def __getitem__(self, where):
        return self._image[where]


def as_noisy(array):
    return NoisyArray(array, array, NoiseInjector())


def check_same(est, images, chunks):
    """Check that chunks give what the array gives, in chunks and dtype of the input."""
    lazy = da.from_array(images, chunks=chunks)
    denoised = est.transform(lazy)
    assert isinstance(denoised, da.Array)
    assert denoised.chunks == lazy.chunks
    local = est.transform(images)
    values = denoised.compute()
    assert values.dtype == denoised.dtype == local.dtype
    np.testing.assert_allclose(values, local, rtol=0, atol=ATOL)


class TestTransform:
    @pytest.mark.parametrize("method", DENOISERS)
    @pytest.mark.parametrize("chunks", [(2, 40, 31), (1, 77, 93), (3, 5, 93)], ids=str)
    def test_chunks_equal_the_array(self, method, chunks):
        images = STACK[:, :41, :37] if method == "nl_ridge" else STACK
        check_same(patched(DENOISERS[method]).fit(images), images, tuple(map(min, chunks, images.shape)))

    @pytest.mark.parametrize("method", ["median", "unet", "decomposition"])
    def test_any_size_in_any_chunks(self, method):
        est = patched(DENOISERS[method]).fit(STACK)
        rng = np.random.default_rng(1)
        for _ in range(12):
            shape = tuple(int(n) for n in rng.integers(1, [4, 150, 150]))
            if shape[-1] in (3, 4):
                continue
            chunks = tuple(int(rng.integers(1, n + 1)) for n in shape)
            chunks = (chunks[0], *(max(c, n // 6 + 1) for c, n in zip(chunks[1:], shape[1:])))  # for speed
            check_same(est, rng.random(shape).astype("float32"), chunks)

    def test_irregular_chunks(self):
        check_same(patched(unet()).fit(STACK), STACK, ((1, 2), (3, 50, 1, 23), (41, 7, 7, 38)))

    def test_chunks_smaller_than_tiles_and_tiles_smaller_than_chunks(self, monkeypatch):
        est = patched(unet()).fit(STACK)
        monkeypatch.setattr(_tiles, "_TILE", 16)
        check_same(est, STACK, (1, 64, 64))

    def test_planes_too_large_for_filters_of_whole_images(self, monkeypatch):
        monkeypatch.setattr(_tiles, "_MOST_WHOLE", 1000)
        monkeypatch.setattr(_tiles, "_LARGE_PATCH", 32)
        check_same(patched(ImageFilter("tv", weight=0.1)).fit(STACK), STACK, (1, 40, 31))

    def test_nl_ridge_reads_margins(self, monkeypatch):
        monkeypatch.setattr(_tiles, "_LARGE_TILE", 48)
        est = patched(DENOISERS["nl_ridge"]).fit(STACK)
        image = np.random.default_rng(0).random((520, 31)).astype("float32")
        check_same(est, image, (150, 20))
        read = []
        lazy = da.map_blocks(
            lambda block_id: read.append(block_id[0]) or np.ones((150, 31)),
            chunks=((150,) * 6, (31,)),
            meta=np.empty((0, 0)),
        )
        est.transform(lazy)[:10].compute()
        assert sorted(read) == [0, 1, 2]

    @pytest.mark.parametrize("axis", [0, 1, 2, -1])
    @pytest.mark.parametrize("method", ["median", "unet", "nl_ridge", "decomposition"])
    def test_colours_on_any_axis(self, axis, method):
        image = np.moveaxis(np.random.default_rng(0).random((50, 45, 3)), -1, axis)
        est = patched(DENOISERS[method], channel_axis=axis).fit(image)
        chunks = [20, 20, 20]
        chunks[axis] = 3
        check_same(est, image, tuple(chunks))
        stack = np.stack([image, image[::-1]], axis=-1 if axis >= 0 else 0)
        lazy = da.from_array(stack, chunks=[3 if n == 3 else 25 for n in stack.shape])
        planes = [est.transform(part) for part in (image, image[::-1])]
        if axis < 0:
            np.testing.assert_allclose(est.transform(lazy)[0], planes[0], atol=ATOL)

    def test_planes_of_volumes_in_time(self):
        est = patched(GREY).fit(STACK)
        volumes = np.random.default_rng(0).random((2, 3, 40, 30))
        denoised = est.transform(da.from_array(volumes, chunks=(1, 2, 20, 20)))
        assert denoised.shape == volumes.shape
        for index in np.ndindex(2, 3):
            np.testing.assert_allclose(denoised[index], est.transform(volumes[index]), atol=ATOL)

    @pytest.mark.parametrize("dtype", ["uint8", "int16", "bool", "float16", "float32", "float64"])
    def test_dtypes(self, dtype):
        images = (200 * STACK).astype(dtype)
        check_same(patched(GREY, data_range=(0, 200)).fit(images), images, (1, 40, 40))

    def test_lists_and_single_images(self):
        est = patched(GREY).fit(STACK)
        check_same(est, STACK[0], (40, 40))
        lazy = [da.from_array(image, chunks=30) for image in (STACK[0], STACK[1, :40])]
        for some in (lazy, tuple(lazy)):
            denoised = est.transform(some)
            assert type(denoised) is type(some)
            for image, result in zip(some, denoised):
                np.testing.assert_allclose(result, est.transform(image.compute()), atol=ATOL)

    def test_nothing_is_computed_before_it_is_asked_for(self):
        def fail(block):
            raise AssertionError("computed")

        est = patched(GREY).fit(STACK)
        lazy = da.from_array(STACK, chunks=(1, 40, 40))
        denoised = est.transform(lazy.map_blocks(fail, meta=lazy._meta))
        with pytest.raises(AssertionError, match="computed"):
            denoised.compute()

    def test_a_part_needs_only_the_chunks_around_it(self):
        read = []
        lazy = da.map_blocks(
            lambda block_id: read.append(block_id) or np.ones((1, 40, 40)),
            chunks=((1,) * 3, (40,) * 5, (40,) * 5),
            meta=np.empty((0, 0, 0)),
        )
        patched(GREY).fit(STACK).transform(lazy)[1, 90:100, 90:100].compute()
        assert sorted(read) == [(1, y, x) for y in (1, 2, 3) for x in (1, 2, 3)]

    def test_zarr_in_and_zarr_out(self, tmp_path):
        pytest.importorskip("zarr")
        da.from_array(STACK, chunks=(1, 50, 50)).to_zarr(str(tmp_path / "in.zarr"))
        images = da.from_zarr(str(tmp_path / "in.zarr"))
        est = patched(unet()).fit(images)
        est.transform(images).to_zarr(str(tmp_path / "out.zarr"))
        denoised = da.from_zarr(str(tmp_path / "out.zarr"))
        assert denoised.chunksize == (1, 50, 50)
        np.testing.assert_allclose(denoised, est.transform(STACK), atol=ATOL)

    def test_memory_maps_and_files(self, tmp_path):
        np.save(tmp_path / "in.npy", STACK)
        est = patched(GREY).fit(STACK)
        for source in (np.load(tmp_path / "in.npy", mmap_mode="r"), ImageFile(tmp_path / "in.npy")):
            denoised = est.transform(da.from_array(source, chunks=(1, 40, 40)))
            np.testing.assert_allclose(denoised, est.transform(STACK), rtol=0, atol=ATOL)

    def test_the_same_images_have_the_same_keys(self):
        lazy = da.from_array(STACK, chunks=(1, 40, 40))
        est = patched(GREY).fit(STACK)
        assert est.transform(lazy).name == pickle.loads(pickle.dumps(est)).transform(lazy).name
        assert est.transform(lazy).name != patched(ImageFilter("gaussian", sigma=2.0)).fit(STACK).transform(lazy).name

    def test_the_result_is_that_of_the_denoiser_at_the_call(self):
        est, lazy = patched(quick(noise="gaussian"), data_range=(0, 1)).fit(STACK), da.from_array(STACK, chunks=77)
        denoised, expected = est.transform(lazy), est.transform(STACK)
        est.denoiser_.partial_fit(STACK[0, :64, :64].reshape(16, 256))
        np.testing.assert_allclose(denoised, expected, rtol=0, atol=ATOL)

    def test_images_are_not_modified(self):
        before = STACK.copy()
        patched(DENOISERS["decomposition"]).fit(STACK).transform(da.from_array(STACK, chunks=(1, 40, 40))).compute()
        np.testing.assert_array_equal(STACK, before)


class TestFit:
    @pytest.mark.slow
    @pytest.mark.parametrize("method", ["median", "unet", "decomposition", "regressor"])
    def test_the_fit_is_that_of_the_array(self, method):
        lazy = da.from_array(STACK, chunks=(2, 40, 31))
        local, remote = (patched(DENOISERS[method]).fit(images) for images in (STACK, lazy))
        assert remote.data_range_ == local.data_range_
        np.testing.assert_array_equal(remote.transform(STACK), local.transform(STACK))

    @pytest.mark.parametrize("how", ["y", "X_clean"])
    def test_pairs(self, how):
        noisy = STACK + np.float32(0.1)
        clean = {how: da.from_array(STACK, chunks=(1, 33, 40))}
        supervised = EstimatorDenoiser(LinearRegression())
        est = patched(supervised).fit(da.from_array(noisy, chunks=(2, 40, 31)), **clean)
        assert est.target_source_ == how
        expected = patched(supervised).fit(noisy, **{how: STACK})
        np.testing.assert_array_equal(est.transform(noisy), expected.transform(noisy))

    @pytest.mark.parametrize("name", ["y", "X_clean"])
    @pytest.mark.parametrize("unknown", [lambda x: da.from_array(x, chunks=40), lambda x: [*map(OnDisk, x)]])
    def test_checkpoints_require_clean_images_in_memory(self, tmp_path, name, unknown):
        est = patched(quick(checkpoint=tmp_path))
        with pytest.raises(ValueError, match=f"checkpoint=None for {name} that are not NumPy arrays"):
            est.fit(STACK, **{name: unknown(STACK)})

    def test_pairs_whose_first_axes_are_swapped(self):
        volumes = da.random.default_rng(0).random((2, 3, 40, 40), chunks=20)
        swapped = volumes.swapaxes(0, 1)
        est = patched(EstimatorDenoiser(LinearRegression()), data_range=(0, 1)).fit(volumes, X_clean=volumes)
        for call in (lambda: clone(est).fit(volumes, X_clean=swapped), lambda: est.score(volumes, swapped)):
            with pytest.raises(ValueError, match=r"(X_clean|y) must have leading axes .*\(2, 3\), .*got \(3, 2\)"):
                call()
        for flat in (volumes.reshape(6, 40, 40), volumes.reshape(6, 40, 40).compute()):
            assert est.score(volumes, flat) == pytest.approx(est.score(volumes, volumes))

    def test_list_of_stacks(self):
        lazy = da.from_array(STACK, chunks=(2, 40, 31))
        est = patched(DENOISERS["regressor"]).fit([lazy[:1], lazy[1:]])
        np.testing.assert_array_equal(est.transform(STACK), patched(DENOISERS["regressor"]).fit(STACK).transform(STACK))
        assert [planes.shape for planes in est.transform([lazy[:1], lazy[1:]])] == [(1, 77, 93), (2, 77, 93)]

    @pytest.mark.slow
    def test_noise_is_estimated_from_few_images(self):
        rng = np.random.default_rng(0)
        noisy = da.from_array(rng.normal(0.5, 0.1, (40, 64, 64)), chunks=(10, 64, 64))
        est = patched(unet(self_supervised="recorrupted").set_params(noise="auto")).fit(noisy)
        assert est.denoiser_.noise.sigma == pytest.approx(0.1, rel=0.1)

    @pytest.mark.slow
    def test_only_parts_of_very_large_planes_are_read_for_the_noise(self, monkeypatch):
        noisy = np.random.default_rng(0).normal(0.5, 0.1, (400, 500))
        for name, value in (("_MOST_VALUES", 1 << 16), ("_PART", 64)):
            monkeypatch.setattr(_patch_noise, name, value)
        parts = _patch_noise._readable(da.from_array(noisy, chunks=100))
        assert len(parts) == 16 and all(part.shape == (64, 64) for part in parts)
        est = patched(unet(self_supervised="recorrupted").set_params(noise="auto")).fit(
            da.from_array(noisy, chunks=100)
        )
        assert est.denoiser_.noise.sigma == pytest.approx(0.1, rel=0.1)

    def test_few_patches_are_computed_at_a_time(self, monkeypatch):
        n_parts = []
        compute = dask.compute
        monkeypatch.setattr(dask, "compute", lambda *parts, **options: n_parts.append(len(parts)) or compute(*parts))
        patched(GREY, n_patches=300).fit(da.from_array(STACK, chunks=(1, 40, 40)))
        assert sum(n_parts) >= 300 and max(n_parts) <= 64

    def test_score(self):
        est = patched(GREY, data_range=(0, 1)).fit(STACK)
        noisy = STACK + np.float32(0.1)
        lazy = [da.from_array(images, chunks=(1, 40, 40)) for images in (noisy, STACK)]
        assert est.score(*lazy) == pytest.approx(est.score(noisy, STACK), abs=1e-6)


class TestErrors:
    LAZY = da.from_array(STACK, chunks=(1, 40, 40))

    @pytest.mark.parametrize(
        ("change", "error", "match"),
        [
            (lambda x: x.astype(object), ValueError, r"images .*dtype object.*astype\(float\)"),
            (lambda x: x.astype(complex), ValueError, "images .*complex"),
            (lambda x: x[x[:, 0, 0] > 0], ValueError, "images .*compute_chunk_sizes"),
            (lambda x: x[0, 0], ValueError, r"images .*\(93,\)"),
            (lambda x: x[:0], ValueError, "images .*at least one pixel"),
            (lambda x: x[..., :3], ValueError, "images .*channel_axis=-1"),
            (lambda x: da.ma.masked_greater(x, 0.5), TypeError, "images .*MaskedArray.*filling"),
            (lambda x: x.map_blocks(as_noisy, meta=as_noisy(x._meta)), TypeError, r"NoisyArray.*np.asarray\(images\)"),
            (dask.delayed, TypeError, r"images .*Delayed.*images.compute\(\)"),
        ],
    )
    @pytest.mark.parametrize("method", ["fit", "transform"])
    def test_arrays_that_are_no_images(self, change, error, match, method):
        est = patched(GREY).fit(STACK)
        with pytest.raises(error, match=match):
            getattr(est, method)(change(self.LAZY))

    @pytest.mark.parametrize(
        ("hidden", "match"),
        [
            (lambda x: np.ma.masked_greater(x, 0.9), r"images has masked values in chunk \([012], 0, 0\)"),
            (lambda x: x + 1j, r"images must hold .*complex64 in chunk \([012], 0, 0\)"),
        ],
    )
    @pytest.mark.parametrize("call", [lambda est, x: est.fit(x), lambda est, x: est.transform(x).compute()])
    def test_chunks_that_are_not_what_the_array_declares(self, hidden, match, call):
        est = patched(GREY, data_range=(0, 1)).fit(STACK)
        with pytest.raises(ValueError, match=match):
            call(est, self.LAZY.rechunk((1, 77, 93)).map_blocks(hidden, dtype=float, meta=np.empty((0, 0, 0))))

    @pytest.mark.parametrize(("axis", "match"), [(0, "all channels in one chunk"), (5, "channel_axis must be in")])
    def test_channels(self, axis, match):
        with pytest.raises(ValueError, match=match):
            patched(GREY, channel_axis=axis).fit(self.LAZY)

    def test_other_channels_than_in_fit(self):
        est = patched(GREY, channel_axis=-1).fit(np.zeros((20, 20, 3)) + np.eye(20)[..., np.newaxis])
        with pytest.raises(ValueError, match="channels seen during fit"):
            est.transform(da.zeros((30, 30, 4), chunks=(10, 10, 4)))

    def test_out(self):
        with pytest.raises(ValueError, match=r"out must be None.*to_zarr"):
            patched(GREY).fit(STACK).transform(self.LAZY, out=np.empty_like(STACK))

    def test_lists_of_both_kinds(self):
        with pytest.raises(TypeError, match=r"images\[1\] must be a dask array"):
            patched(GREY).fit(STACK).transform([self.LAZY[0], STACK[0]])

    def test_chunk_that_raises_is_named(self):
        damaged = STACK.copy()
        damaged[2, 60, 50] = np.nan
        with pytest.raises(ValueError, match="images must hold finite numbers") as caught:
            patched(GREY).fit(STACK).transform(da.from_array(damaged, chunks=(1, 40, 40))).compute()
        assert caught.value.__notes__[-1] == (
            "This happened in chunk (2, 1, 1) of images, which computes images[2:3, 40:77, 40:80]."
        )

    def test_chunk_of_colours_that_raises_is_named_in_the_order_of_the_axes(self):
        image = np.random.default_rng(0).random((3, 40, 40))
        est = patched(GREY, channel_axis=0).fit(image)
        image[0, 30, 5] = np.inf
        with pytest.raises(ValueError, match="finite") as caught:
            est.transform(da.from_array(image, chunks=(3, 20, 20))).compute()
        assert "images[0:3, 20:40, 0:20]" in caught.value.__notes__[-1]

    @pytest.mark.parametrize(
        "call",
        [
            denoise,
            estimate_noise,
            NoiseInjector().fit,
            lambda x: NoiseInjector().fit([x[0]]),
            lambda x: NoiseInjector().fit(x.reshape(3, -1)),
            lambda x: GREY.fit(x.reshape(3, -1)),
            lambda x: DenoisingAutoencoder().fit(x.reshape(3, -1)),
            lambda x: EstimatorDenoiser(PCA(2)).fit(x.reshape(3, -1)),
        ],
    )
    def test_those_who_would_load_everything_refuse(self, call):
        with pytest.raises(TypeError, match=r"(X|image|images) must be .*dask array.*compute\(\)"):
            call(self.LAZY)


class TestPipelines:
    LAZY = da.from_array((200 * STACK).astype("uint8"), chunks=(1, 40, 40))
    PIPE = make_pipeline(NoiseInjector(when="fit", random_state=0), patched(GREY, data_range=(0, 200)))

    def test_an_injector_that_adds_noise_in_fit_only_passes_them_on(self):
        pipe = self.PIPE.fit(list(self.LAZY.compute()))
        expected = pipe.transform(list(self.LAZY.compute()))
        np.testing.assert_allclose(pipe.transform(self.LAZY), expected, rtol=0, atol=200 * ATOL)
        np.testing.assert_allclose(pipe.transform(list(self.LAZY)), expected, rtol=0, atol=200 * ATOL)
        rows = self.LAZY.reshape(3, -1)[:, :64]
        pipe = make_pipeline(NoiseInjector(when="fit"), ImageFilter("gaussian", sigma=1.0)).fit(rows.compute())
        np.testing.assert_allclose(pipe.transform(rows), pipe.transform(rows.compute()), rtol=0, atol=200 * ATOL)

    def test_an_injector_that_would_have_to_draw_noise_refuses(self):
        for lazy in (self.LAZY, list(self.LAZY)):
            with pytest.raises(TypeError, match=r"X must be in memory.*when='fit'"):
                NoiseInjector().fit(list(STACK)).transform(lazy)


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


@pytest.mark.slow
def test_importing_and_using_the_package_imports_no_dask():
    code = """
import sys
import numpy as np, sk_denoise
from sk_denoise import datasets, demo, denoisers, displays, evaluation, metrics, networks, noise
images = np.random.default_rng(0).random((2, 40, 40))
sk_denoise.PatchDenoiser(sk_denoise.ImageFilter("gaussian", sigma=1.0)).fit(images).transform(images)
print([name for name in ("dask", "distributed") if name in sys.modules])
"""
    assert run_python(code).splitlines()[-1] == "[]"


class Counted(ImageFilter):
    """A filter that notes each process in which it is unpickled."""

    folder = None

    def __setstate__(self, state):
        super().__setstate__(state)
        if self.folder:
            Path(self.folder, f"{os.getpid()}-{time.monotonic_ns()}").touch()


def noted(block, folder, block_id):
    """Return the chunk, and note in which process it was made."""
    time.sleep(0.1)
    Path(folder, f"{'.'.join(map(str, block_id))}-{os.getpid()}-{time.monotonic_ns()}").touch()
    return block


def dies_once(block, folder, block_id):
    """Kill the worker of one chunk in the middle of the work, once."""
    mark = Path(folder, "killed")
    if block_id == (4, 1, 0) and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return block


def n_threads():
    """Numbers of threads within and between operations of TensorFlow in this process, once a network has run."""
    import tensorflow as tf

    unet().fit(STACK[0, :16, :16].reshape(1, -1))
    threads = tf.config.threading
    return threads.get_intra_op_parallelism_threads(), threads.get_inter_op_parallelism_threads()


@pytest.fixture(scope="module")
def cluster():
    """Two workers in processes of their own, each with two threads."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None, silence_logs=50) as local,
        distributed.Client(local) as client,
    ):
        yield client


@pytest.fixture
def client(cluster):
    """The client alone, without the scheduler of this thread."""
    with dask.config.set(scheduler=None):
        yield cluster


@pytest.mark.slow
class TestCluster:
    LAZY = da.from_array(np.concatenate([STACK] * 3), chunks=(1, 40, 93))

    @pytest.mark.parametrize("method", ["median", "unet", "dense", "decomposition"])
    def test_the_same_values(self, client, method):
        est = patched(DENOISERS[method]).fit(self.LAZY)
        np.testing.assert_allclose(est.transform(self.LAZY), est.transform(self.LAZY.compute()), rtol=0, atol=ATOL)

    def test_the_model_travels_once_to_each_worker(self, client, tmp_path):
        est = patched(Counted("gaussian", sigma=1.0)).fit(STACK)
        est.denoiser_.folder = str(tmp_path)
        denoised = est.transform(self.LAZY).map_blocks(noted, folder=str(tmp_path), meta=self.LAZY._meta)
        denoised.compute()
        names = [path.name.split("-")[0] for path in tmp_path.iterdir()]
        for pid in client.run(os.getpid).values():
            assert names.count(str(pid)) == 1

    def test_the_result_is_that_of_the_network_at_the_call(self, client):
        rows = TestRows.ROWS
        est = quick(noise="gaussian", data_range=(0, 1)).fit(rows)
        expected, denoised = est.transform(rows), est.transform(da.from_array(rows, chunks=TestRows.CHUNKS))
        est.partial_fit(rows)
        np.testing.assert_allclose(denoised, expected, rtol=0, atol=ATOL)

    def test_killed_worker(self, client, tmp_path):
        """The chunks of the killed worker are computed again, and no others."""
        est = patched(GREY).fit(STACK)
        before = set(client.run(os.getpid).values())
        lazy = self.LAZY.map_blocks(dies_once, folder=str(tmp_path), meta=self.LAZY._meta)
        denoised = est.transform(lazy).map_blocks(noted, folder=str(tmp_path), meta=self.LAZY._meta)
        np.testing.assert_allclose(denoised, est.transform(self.LAZY.compute()), rtol=0, atol=ATOL)
        made = [path.name.split("-")[:2] for path in tmp_path.iterdir() if path.name != "killed"]
        killed = before - set(client.run(os.getpid).values())
        assert (tmp_path / "killed").exists() and len(killed) == 1
        kept = [index for index, pid in made if int(pid) not in killed]
        assert len(kept) == len(set(kept)) == self.LAZY.npartitions

    def test_chunk_that_raises_is_named(self, client):
        damaged = self.LAZY.compute()
        damaged[5, 70, 50] = np.nan
        with pytest.raises(ValueError, match="images must hold finite numbers") as caught:
            patched(GREY).fit(STACK).transform(da.from_array(damaged, chunks=(1, 40, 93))).compute()
        assert "chunk (5, 1, 0) of images" in caught.value.__notes__[-1]

    def test_workers_share_the_cores(self, client):
        found = client.submit(n_threads, pure=False).result()
        assert found == (1, 2)  # one within an operation, and as many networks at a time as the worker has threads

    def test_search(self, client):
        noisy = list(STACK + np.random.default_rng(0).normal(0, 0.1, STACK.shape))
        search = GridSearchCV(patched(GREY, data_range=(0, 1)), {"denoiser__sigma": [0.3, 1.0]}, cv=3, n_jobs=2)
        scores = {}
        for backend in ("sequential", "dask"):
            with joblib.parallel_config(backend):
                scores[backend] = search.fit(noisy, list(STACK)).cv_results_["mean_test_score"]
        np.testing.assert_allclose(scores["dask"], scores["sequential"], atol=DECIBELS / 10)

    def test_search_over_a_dask_array_does_not_wait_for_itself(self, client):
        """More fits than the workers have threads, which read their patches on the same workers."""
        noisy = self.LAZY[:3].persist()
        network = patched(quick(noise=NoiseInjector(level=0.1, random_state=0)), patch_shape=(8, 8), data_range=(0, 1))
        search = GridSearchCV(network, {"denoiser__epochs": [1, 2]}, cv=3, n_jobs=2, error_score="raise")
        with joblib.parallel_config("dask"):
            search.fit(noisy, self.LAZY[:3])
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        np.testing.assert_allclose(search.transform(noisy)[0], search.transform(STACK[0]), rtol=0, atol=ATOL)

    def test_report(self, client, digits):
        X, y = digits[0][:120], digits[1][:120]
        tables = []
        for backend in ("sequential", "dask"):
            with joblib.parallel_config(backend):
                report = recovery_report(
                    {"gaussian": ImageFilter("gaussian", sigma=0.5)}, RidgeClassifier(), X, y, levels=[0.3], n_jobs=2
                )
            table = report.to_frame()
            tables.append(table.drop(columns=[name for name in table if name.endswith("_seconds")]))
        pandas.testing.assert_frame_equal(*tables)


@pytest.mark.slow
def test_four_processes_give_what_two_give(cluster):
    distributed = pytest.importorskip("distributed")
    est = patched(DENOISERS["nlm"]).fit(STACK)
    options = {"n_workers": 4, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    with dask.config.set(scheduler=None):
        two = cluster.compute(est.transform(TestCluster.LAZY)).result()
        with distributed.LocalCluster(**options) as local, distributed.Client(local) as client:
            four = client.compute(est.transform(TestCluster.LAZY)).result()
    np.testing.assert_array_equal(four, two)
    np.testing.assert_allclose(four, est.transform(TestCluster.LAZY.compute()), rtol=0, atol=ATOL)


@pytest.mark.slow
def test_cluster_started_by_two_commands(tmp_path):
    distributed = pytest.importorskip("distributed")
    command, address = [sys.executable, "-m", "dask"], ["--scheduler-file", str(tmp_path / "cluster.json")]
    commands = [
        [*command, "scheduler", *address, "--port", "0", "--no-dashboard"],
        [*command, "worker", *address, "--nworkers", "2", "--nthreads", "1", "--no-dashboard"],
    ]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    options = {"env": env, "cwd": tmp_path, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running = [subprocess.Popen(command, **options) for command in commands]
    try:
        with distributed.Client(scheduler_file=address[1], timeout=60) as client, dask.config.set(scheduler=None):
            client.wait_for_workers(2, timeout=60)
            est = patched(unet()).fit(STACK)
            denoised = est.transform(TestCluster.LAZY)
            np.testing.assert_allclose(denoised, est.transform(TestCluster.LAZY.compute()), rtol=0, atol=ATOL)
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait(30)
