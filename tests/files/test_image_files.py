"""Images in files are read when they are used, written completely or not at all, and their errors name the file."""

import os
import pickle
import sys
import tracemalloc
from pathlib import Path

import nibabel
import numpy as np
import pytest
import skimage
import tifffile
import zarr
from helpers import run_python
from image_files import COLOUR, STACK, assert_same_image, dicom
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, cross_val_score

import sk_denoise
from sk_denoise import EstimatorDenoiser, InvalidFileError, NoiseInjector, PatchDenoiser
from sk_denoise.files import ImageFile, _image_file, _png, read_images, write_image

SKIMAGE = Path(skimage.__file__).parent / "data"
NIBABEL = Path(nibabel.__file__).parent / "tests" / "data"


@pytest.fixture
def stacks(tmp_path):
    """Paths of noisy grey images, and a list of their pixels."""
    clean = skimage.data.camera()[:240, :300] / 255
    images = [clean[i : i + 34, j : j + 38] for i in (100, 60, 120) for j in (80, 160)]
    noisy = NoiseInjector(level=0.1, random_state=0).fit_transform(images)
    paths = []
    for i, image in enumerate(noisy):
        paths.append(tmp_path / f"{i}.png")
        with open(paths[-1], "wb") as file:
            _png.write_png(file, np.clip(image * 65535, 0, 65535).astype(np.uint16))
    return paths, [skimage.io.imread(path) for path in paths]


@pytest.fixture
def reads(monkeypatch):
    """The paths whose pixels were decoded."""
    paths = []
    decode = _png._decode
    monkeypatch.setattr(_png, "_decode", lambda path: (paths.append(path), decode(path))[1])
    monkeypatch.setattr(_image_file, "_CACHE", _image_file._Cache())
    return paths


INDEXES = [
    0, -1, slice(1, 3), (0, 1), np.s_[..., ::-2], np.s_[2:0:-1, 0], np.s_[:, 1, ::-1, 3:], ..., (),
    (0, 0, 0, 0), np.s_[:0],
]  # fmt: skip


@pytest.mark.parametrize("index", INDEXES, ids=str)
def test_indexing_is_that_of_arrays(index, tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif", STACK, compression="zlib", photometric="minisblack", metadata={"axes": "TZYX"}, ome=True
    )
    image = ImageFile(tmp_path / "a.tif")
    got = image[index]
    assert np.shape(got) == STACK[index].shape
    np.testing.assert_array_equal(got, STACK[index])
    np.testing.assert_array_equal(image[[1, 0]], STACK[[1, 0]])
    with pytest.raises(IndexError):
        image[2]
    with pytest.raises(IndexError):
        image[0, 0, 0, 0, 0]


def test_nothing_is_read_before_it_is_used(stacks, reads):
    paths, pixels = stacks
    images = read_images(paths)
    assert [image.shape for image in images] == [image.shape for image in pixels]
    assert len(images.planes) == 6 and not reads
    np.testing.assert_array_equal(images[4][10:12, :5], pixels[4][10:12, :5])
    _ = images[4][0], images[4][1]
    assert reads == [str(paths[4])]


def test_ten_thousand_files_cost_little(stacks, reads):
    paths, _ = stacks
    tracemalloc.start()
    images = read_images(paths * 1667)
    half = images[np.arange(len(images)) % 2 == 0]
    assert all(image.shape == (34, 38) for image in images[::5])
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(images) == 10002 and len(half) == 5001 and not reads
    assert size < 1000 * len(images)


def test_changed_files_are_read_again(tmp_path):
    for value in (1, 2):
        with open(tmp_path / "a.png", "wb") as file:
            _png.write_png(file, np.full((5, 5 + value), value, np.uint8))
        assert (np.asarray(ImageFile(tmp_path / "a.png")) == value).all()


def test_handles_can_be_pickled_and_indexed(stacks):
    paths, pixels = stacks
    images = pickle.loads(pickle.dumps(read_images(paths)))
    np.testing.assert_array_equal(np.asarray(images[2]), pixels[2])
    np.testing.assert_array_equal(np.asarray(pickle.loads(pickle.dumps(images.planes))[3]), pixels[3])
    assert images[1:4].paths == [str(path) for path in paths[1:4]]
    assert images[np.array([5, 1])].paths == [str(paths[5]), str(paths[1])]
    assert images[np.array([4, -1])][1].path == str(paths[-1])
    assert images[np.int64(3)].path == str(paths[3]) and "6" in repr(images)
    assert [image.path for image in images] == images.paths


def denoiser():
    return PatchDenoiser(EstimatorDenoiser(PCA(6), noise=None), patch_shape=(6, 6), n_patches=200, random_state=0)


def test_patch_denoiser_takes_files_and_planes(stacks, tmp_path):
    paths, pixels = stacks
    expected = denoiser().fit(pixels).transform(pixels)
    images = read_images(paths)
    for given in (images, images.planes, list(images)):
        got = denoiser().fit(given).transform(given)
        assert isinstance(got, list)
        for one, other in zip(got, expected):
            np.testing.assert_array_equal(one, other)
    single = denoiser().fit(images[0]).transform(images[0])
    np.testing.assert_array_equal(single, denoiser().fit(pixels[0]).transform(pixels[0]))
    tifffile.imwrite(tmp_path / "stack.tif", np.stack(pixels))
    stack = read_images(tmp_path / "stack.tif")
    with pytest.raises(ValueError, match=r"images\[0\]\.planes"):
        denoiser().fit(stack)
    for one, other in zip(denoiser().fit(stack.planes).transform(stack[0].planes), expected):
        np.testing.assert_array_equal(one, other)


def test_colour_files(reads):
    images = read_images([SKIMAGE / "coffee.png", SKIMAGE / "chelsea.png"])
    fitted = denoiser().set_params(channel_axis=-1).fit(images)
    assert fitted.n_channels_ == 3 and len(set(reads)) == 2
    with pytest.raises(ValueError, match="channel_axis=-1"):
        denoiser().fit(images)


def test_noise_and_denoise_take_files(stacks, reads):
    paths, pixels = stacks
    images = read_images(paths)
    assert sk_denoise.estimate_noise(images).sigma == sk_denoise.estimate_noise(pixels).sigma
    options = {"method": "tv", "noise": 6500.0}
    for one, other in zip(sk_denoise.denoise(images[:2], **options), sk_denoise.denoise(pixels[:2], **options)):
        np.testing.assert_array_equal(one, other)
    reads.clear()
    _image_file._CACHE._planes.clear()
    sk_denoise.estimate_noise(read_images(paths * 10))
    assert len(reads) <= 16
    noisy = NoiseInjector(level=0.1, random_state=0).fit_transform(images[:2])
    np.testing.assert_array_equal(noisy.clean[1], pixels[1])


def test_search_and_cross_validation(stacks):
    paths, pixels = stacks
    images, clean = read_images(paths), read_images(paths)
    params = {"denoiser__estimator__n_components": [1, 12]}
    search = GridSearchCV(denoiser(), params, cv=3, error_score="raise").fit(images, clean)
    other = GridSearchCV(denoiser(), params, cv=3, error_score="raise").fit(pixels, pixels)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], other.cv_results_["mean_test_score"])
    assert np.isfinite(cross_val_score(denoiser(), images, clean, cv=3)).all()


# Errors


def test_float_values_are_rounded_and_counted(tmp_path):
    source = SKIMAGE / "camera.png"
    values = np.asarray(ImageFile(source)).astype(float)
    values[0, :4] = [-0.4, 255.4, -0.6, 300]
    values[1, 0] = 12.7
    assert write_image(values, tmp_path / "a.png", like=source) == 2
    new = np.asarray(ImageFile(tmp_path / "a.png"))
    assert new[0, :4].tolist() == [0, 255, 0, 255] and new[1, 0] == 13


def test_generators_and_lists_of_rows_are_written(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], photometric="minisblack")
    image = ImageFile(tmp_path / "a.tif")
    write_image((np.asarray(plane) + 1 for plane in image.planes), tmp_path / "b.tif", like=image)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), STACK[0] + 1)
    write_image(STACK[0].tolist(), tmp_path / "c.tif", like=image)
    assert_same_image(tmp_path / "c.tif", tmp_path / "a.tif")
    with pytest.raises(TypeError, match="array"):
        write_image(None, tmp_path / "d.tif", like=image)


@pytest.mark.parametrize("suffix", [".tif", ".nii", ".nii.gz", ".npy"])
def test_large_stacks_are_written_plane_by_plane(suffix, tmp_path, monkeypatch):
    monkeypatch.setattr(_image_file, "_CACHED_BYTES", 0)
    source, shape = tmp_path / f"a{suffix}", (256, 200, 60)
    if suffix == ".tif":
        tifffile.imwrite(source, shape=shape[::-1], dtype=np.float32)
    elif suffix == ".npy":
        np.save(source, np.zeros(shape[::-1], np.float32))
    else:
        nibabel.save(nibabel.Nifti1Image(np.zeros(shape, np.float32), np.eye(4)), source)
    image = ImageFile(source)
    assert len(image.planes) == 60
    tracemalloc.start()
    write_image((np.asarray(plane) + 1 for plane in image.planes), tmp_path / f"b{suffix}", like=image)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < image.nbytes / 2
    assert (np.asarray(ImageFile(tmp_path / f"b{suffix}").planes[59]) == 1).all()


def test_memory_maps_are_written(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="minisblack")
    mapped = np.memmap(tmp_path / "denoised.bin", np.float32, "w+", shape=STACK.shape)
    mapped[:] = STACK
    write_image(mapped, tmp_path / "b.tif", like=tmp_path / "a.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), STACK)


@pytest.mark.parametrize("source", ["png", "tif", "ome.tif", "dcm", "nii", "nii.gz", "npy", "npz"])
def test_a_failed_write_leaves_nothing(source, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    path = tmp_path / f"a.{source}"
    if source == "png":
        path.write_bytes((SKIMAGE / "camera.png").read_bytes())
    elif "tif" in source:
        tifffile.imwrite(
            path, STACK, photometric="minisblack", ome="ome" in source, compression="zlib" if "ome" in source else None
        )
    elif source == "dcm":
        path.write_bytes(Path(dicom("CT_small.dcm")).read_bytes())
    elif "nii" in source:
        path.write_bytes((NIBABEL / ("anatomical.nii" if source == "nii" else "example_nifti2.nii.gz")).read_bytes())
    else:
        (np.save if source == "npy" else np.savez)(path, STACK)
    image = ImageFile(path)
    values = np.asarray(image).astype(float)
    values[(-1,) * values.ndim] = np.nan  # in the last plane
    with pytest.raises(ValueError, match="array must hold finite") as error:
        write_image(values, folder / f"b.{source}", like=image)
    assert not isinstance(error.value, InvalidFileError)
    assert not list(folder.iterdir())
    with pytest.raises(FileNotFoundError):
        write_image(np.asarray(image), folder / "none" / f"b.{source}", like=image)


@pytest.mark.parametrize(
    ("array", "name", "match"),
    [
        (np.zeros((512, 511)), "a.png", "shape"),
        ([np.zeros((512, 512)), np.zeros((512, 512))], "a.png", "1 planes.*more than 1"),
        ([np.zeros((512, 512)), np.zeros((512, 12))], "a.png", "1 planes.*more than 1"),
        ([np.zeros((512, 511))], "a.png", "shape"),
        (iter([]), "a.png", "1 planes.*got 0"),
        (np.zeros((512, 512), complex), "a.png", "complex"),
        (np.zeros((512, 512)), "a.tif", r"\.png"),
        (np.zeros((512, 512)), "a", r"\.png"),
    ],
)
def test_what_cannot_be_written(array, name, match, tmp_path):
    with pytest.raises(ValueError, match=match):
        write_image(array, tmp_path / name, like=SKIMAGE / "camera.png")
    assert not list(tmp_path.iterdir())


def test_the_source_is_not_overwritten(tmp_path):
    source = tmp_path / "a.png"
    source.write_bytes((SKIMAGE / "camera.png").read_bytes())
    with pytest.raises(ValueError, match="source"):
        write_image(np.zeros((512, 512)), source, like=source)
    os.link(source, tmp_path / "b.png")
    with pytest.raises(ValueError, match="source"):
        write_image(np.zeros((512, 512)), tmp_path / "b.png", like=source)


def test_files_without_images(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.png"):
        read_images([SKIMAGE / "camera.png", tmp_path / "missing.png"])
    with pytest.raises(FileNotFoundError):
        _ = ImageFile(tmp_path / "missing.png").shape
    for wrong in (3, [3], None):
        with pytest.raises(TypeError, match="path"):
            read_images(wrong)
    with pytest.raises(ValueError, match="paths"):
        read_images([])
    with pytest.raises(TypeError, match="channel_axis"):
        read_images(SKIMAGE / "camera.png", channel_axis="last")
    with pytest.raises(InvalidFileError, match="channel_axis"):
        _ = ImageFile(SKIMAGE / "coffee.png", channel_axis=-1).shape
    with pytest.raises(InvalidFileError, match="folder"):
        _ = ImageFile(tmp_path).shape
    (tmp_path / "a.txt").write_text("no image")
    (tmp_path / "b.dcm").write_text("no image")
    for name in ("a.txt", "b.dcm"):
        with pytest.raises(InvalidFileError, match=name):
            _ = ImageFile(tmp_path / name).shape
    np.savez(tmp_path / "two.npz", a=GREY_ROW, b=GREY_ROW)
    np.save(tmp_path / "row.npy", GREY_ROW)
    np.save(tmp_path / "text.npy", np.array([["a"]]))
    np.save(tmp_path / "empty.npy", np.zeros((0, 5)))
    for name in ("two.npz", "row.npy", "text.npy", "empty.npy"):
        with pytest.raises(InvalidFileError, match=name):
            _ = ImageFile(tmp_path / name).shape


GREY_ROW = np.zeros(9)


def test_palettes_and_other_colours_are_refused(tmp_path):
    image = Image.fromarray(COLOUR)
    image.convert("P").save(tmp_path / "palette.png")
    image.convert("1").save(tmp_path / "binary.png")
    image.convert("CMYK").save(tmp_path / "cmyk.jpg")
    image.save(tmp_path / "animated.png", save_all=True, append_images=[Image.fromarray(255 - COLOUR)])
    for name in ("palette.png", "binary.png", "cmyk.jpg", "animated.png"):
        with pytest.raises(InvalidFileError, match=name):
            _ = ImageFile(tmp_path / name).shape


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.95])
@pytest.mark.parametrize(
    "source",
    [SKIMAGE / "camera.png", SKIMAGE / "rocket.jpg", SKIMAGE / "multipage.tif", NIBABEL / "anatomical.nii",
     NIBABEL / "example_nifti2.nii.gz", SKIMAGE / "motorcycle_disp.npz", SKIMAGE / "lfw_subset.npy", "CT_small.dcm"],
    ids=lambda path: Path(path).name,
)  # fmt: skip
def test_truncated_files(source, kept, tmp_path):
    source = Path(dicom(source) if source == "CT_small.dcm" else source)
    path = tmp_path / f"half{''.join(source.suffixes)}"
    data = source.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(InvalidFileError, match="half"):
        np.asarray(ImageFile(path))


@pytest.mark.parametrize(
    ("module", "source", "extra"),
    [("pydicom", "CT_small.dcm", "dicom"), ("nibabel", "anatomical.nii", "nifti"), ("zarr", "a.zarr", "zarr")],
)
def test_missing_packages_are_named(module, source, extra, tmp_path, monkeypatch):
    path = {"pydicom": lambda: dicom(source), "nibabel": lambda: NIBABEL / source, "zarr": lambda: tmp_path / source}[
        module
    ]()
    if module == "zarr":
        zarr.create_array(path, shape=(5, 5), dtype="u1")
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=rf'pip install "sk_denoise\[{extra}\]"'):
        _ = ImageFile(path).shape


def test_importing_the_package_imports_no_reader():
    code = (
        "import sys, sk_denoise.files\nprint({'pydicom', 'nibabel', 'zarr', 'tifffile', 'imageio'} & set(sys.modules))"
    )
    assert run_python(code).strip().splitlines()[-1] == "set()"
