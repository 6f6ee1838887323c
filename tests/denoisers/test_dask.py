"""dask arrays: the same values as in memory, lazily, in chunks of any size, on one machine and on clusters."""

import pickle

import numpy as np
import pytest
from dask_images import ATOL, DENOISERS, GREY, STACK, patched, unet
from helpers import quick, run_python
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from sk_denoise import (
    DenoisingAutoencoder,
    EstimatorDenoiser,
    ImageFilter,
    NoiseInjector,
    NoisyArray,
    denoise,
    estimate_noise,
)
from sk_denoise._core.array_like import ArrayLike
from sk_denoise.denoisers import _patch_noise, _tiles
from sk_denoise.files import ImageFile

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")


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

    def test_score_draws_the_noise_of_the_fit_and_reads_images_together(self):
        reads, est = [], patched(unet(), data_range=(0, 1)).fit(STACK)
        lazy = da.from_array(STACK, chunks=(len(STACK), 77, 93)).map_blocks(
            lambda x: reads.append(x.shape) or x, dtype=STACK.dtype, meta=STACK[:0]
        )
        assert est.score(lazy) == pytest.approx(est.score(STACK), abs=1e-6)
        assert len(reads) == 2  # to check the units, and to score


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

    @pytest.mark.parametrize("chunks", [(4, 77, 93), (2, 40, 50)])
    def test_chunks_of_another_shape_than_declared(self, chunks):
        """The rest of the result would be arbitrary memory."""
        short = self.LAZY.rechunk(chunks).map_blocks(lambda x: x[:-1], dtype=float, meta=np.empty((0, 0, 0)))
        with pytest.raises(ValueError, match=r"images must have chunks of the sizes .* declares.* got \("):
            patched(GREY, data_range=(0, 1)).fit(STACK).transform(short).compute()

    def test_chunks_of_another_dtype_than_declared(self):
        wide = self.LAZY.astype("float32").map_blocks(lambda x: x.astype(float), dtype="float32")
        assert patched(GREY).fit(STACK).transform(wide).compute().dtype == np.float32

    def test_labelled_arrays_are_not_loaded(self):
        class DataArray:  # such as that of xarray
            data = self.LAZY
            __dask_graph__ = data.__dask_graph__

            def __array__(self, *args, **kwargs):
                raise AssertionError("computed")

        with pytest.raises(TypeError, match=r"DataArray of a dask array.*images\.data"):
            patched(GREY).fit(STACK).transform(DataArray())

    def test_error_in_merged_chunks(self):
        damaged = STACK.copy()
        damaged[0, 0, 80] = np.nan
        lazy = da.from_array(damaged, chunks=(1, 77, 2))
        with pytest.raises(ValueError, match="finite") as caught:
            patched(GREY).fit(STACK).transform(lazy).compute()
        assert "This happened in merged chunk (0, 0, " in caught.value.__notes__[-1]

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
