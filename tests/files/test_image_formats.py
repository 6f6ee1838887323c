"""PNG, JPEG, NIfTI and arrays: a denoiser that changes nothing leaves pixels and metadata as they were."""

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest
import skimage
import zarr
from image_files import COLOUR, RNG, assert_same_image, copied
from PIL import Image

from sk_denoise import InvalidFileError
from sk_denoise.files import ImageFile, _png, write_image

SKIMAGE = Path(skimage.__file__).parent / "data"
NIBABEL = Path(nibabel.__file__).parent / "tests" / "data"
PNGS = sorted(path.name for path in SKIMAGE.glob("*.png"))

# PNG and JPEG


@pytest.mark.parametrize("name", PNGS)
def test_png_keeps_pixels_and_chunks(name, tmp_path):
    path, n_clipped = copied(SKIMAGE / name, tmp_path)
    assert_same_image(path, SKIMAGE / name, n_clipped)
    kept = [[chunk for chunk in _png._chunks(p) if chunk[0] != b"IDAT"] for p in (path, SKIMAGE / name)]
    assert kept[0] == kept[1]
    np.testing.assert_array_equal(skimage.io.imread(path), skimage.io.imread(SKIMAGE / name))  # alpha, too


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("n_channels", [1, 2, 3, 4])
def test_png_of_every_depth_and_colour(dtype, n_channels, tmp_path):
    pixels = RNG.integers(0, np.iinfo(dtype).max, (9, 7, n_channels), dtype=dtype, endpoint=True)
    with open(tmp_path / "a.png", "wb") as file:
        _png.write_png(file, pixels)
    image = ImageFile(tmp_path / "a.png")
    assert image.dtype == dtype and image.channel_axis == (2 if n_channels > 2 else None)
    np.testing.assert_array_equal(_png._decode(tmp_path / "a.png").reshape(pixels.shape), pixels)
    colours = pixels[..., :3] if n_channels > 2 else pixels[..., 0]
    np.testing.assert_array_equal(np.asarray(image), colours)
    write_image(colours // 2, tmp_path / "b.png", like=image)
    written = _png._decode(tmp_path / "b.png").reshape(pixels.shape)
    np.testing.assert_array_equal(
        written[..., : colours.ndim if n_channels > 2 else 1].reshape(colours.shape), colours // 2
    )
    if n_channels in (2, 4):
        np.testing.assert_array_equal(written[..., -1], pixels[..., -1])


def test_transparent_colour_is_kept(tmp_path):
    Image.fromarray(RNG.integers(0, 9, (8, 8, 3), dtype=np.uint8)).save(tmp_path / "a.png", transparency=(1, 2, 3))
    path, _ = copied(tmp_path / "a.png", tmp_path)
    assert ImageFile(path).shape == (8, 8, 3)
    assert Image.open(path).info["transparency"] == (1, 2, 3)


@pytest.mark.parametrize("name", ["rocket.jpg", "hubble_deep_field.jpg", "retina.jpg"])
def test_jpeg_is_written_as_png(name, tmp_path):
    path, n_clipped = copied(SKIMAGE / name, tmp_path)
    assert path.suffix == ".png"
    assert_same_image(path, SKIMAGE / name, n_clipped)
    new, old = Image.open(path), Image.open(SKIMAGE / name)
    assert new.info.get("icc_profile") == old.info.get("icc_profile")
    assert new.info["dpi"] == pytest.approx(old.info["dpi"], abs=0.02)
    assert dict(new.getexif()) == dict(old.getexif())
    assert new.info.get("Comment", "").encode() == old.info.get("comment", b"").rstrip(b"\0")


# NIfTI

NIFTIS = [
    "anatomical.nii", "example4d.nii.gz", "example_nifti2.nii.gz", "functional.nii", "reoriented_anat_moved.nii",
    "resampled_anat_moved.nii", "standard.nii.gz",
]  # fmt: skip


def read_bytes(path):
    return (gzip.decompress if str(path).endswith(".gz") else bytes)(Path(path).read_bytes())


@pytest.mark.parametrize("name", NIFTIS)
def test_nifti_keeps_every_byte(name, tmp_path):
    path, n_clipped = copied(NIBABEL / name, tmp_path)
    assert_same_image(path, NIBABEL / name, n_clipped)
    assert read_bytes(path) == read_bytes(NIBABEL / name)
    np.testing.assert_allclose(np.asarray(ImageFile(path)), nibabel.load(path).get_fdata(), rtol=1e-6)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_edited_nifti_keeps_header_and_scaling(suffix, tmp_path):
    source = nibabel.load(NIBABEL / "functional.nii")
    path = tmp_path / f"a{suffix}"
    path.write_bytes(
        read_bytes(NIBABEL / "functional.nii")
        if suffix == ".nii"
        else gzip.compress(read_bytes(NIBABEL / "functional.nii"))
    )
    image = ImageFile(path)
    slope = float(source.dataobj.slope)
    planes = [np.asarray(plane) + 0.6 * slope for plane in image.planes]
    assert image.axes == "XYZT" and len(planes) == 60
    n_clipped = write_image(planes, tmp_path / f"b{suffix}", like=image)
    new = nibabel.load(tmp_path / f"b{suffix}")
    assert new.header == source.header and np.array_equal(new.affine, source.affine)
    before, after = (np.asarray(data.dataobj.get_unscaled()).astype(int) for data in (source, new))
    np.testing.assert_array_equal(after, np.minimum(before + 1, 32767))
    assert n_clipped == (before == 32767).sum()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32])
def test_scaled_pixels_of_every_dtype(dtype, tmp_path):
    limits = (-1e6, 1e6) if dtype == np.float32 else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    pixels = np.linspace(*limits, 3000).astype(dtype).reshape(20, 30, 5)
    nibabel.save(nibabel.Nifti1Image(pixels, np.eye(4), dtype=dtype), tmp_path / "a.nii")
    data = bytearray((tmp_path / "a.nii").read_bytes())
    data[112:120] = np.array([0.0173, -57.3], np.float32).tobytes()  # slope and intercept
    (tmp_path / "a.nii").write_bytes(data)
    path, _ = copied(tmp_path / "a.nii", tmp_path)
    assert path.read_bytes() == data
    np.testing.assert_allclose(np.asarray(ImageFile(path)), nibabel.load(path).get_fdata(), rtol=1e-5, atol=1e-4)


# Arrays


@pytest.mark.parametrize("dtype", ["u1", "<i2", ">f4", "f8", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_keeps_every_byte(dtype, order, tmp_path):
    np.save(tmp_path / "a.npy", np.asarray(RNG.random((3, 9, 7)) * 9, dtype=dtype, order=order))
    path, _ = copied(tmp_path / "a.npy", tmp_path)
    assert path.read_bytes() == (tmp_path / "a.npy").read_bytes()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_keeps_names_and_compression(save, tmp_path):
    save(tmp_path / "a.npz", pixels=RNG.random((3, 9, 7)).astype("f4"))
    path, _ = copied(tmp_path / "a.npz", tmp_path)
    assert_same_image(path, tmp_path / "a.npz")
    assert list(np.load(path)) == ["pixels"]
    assert abs(path.stat().st_size - (tmp_path / "a.npz").stat().st_size) < 200


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("shape", [(9, 7), (5, 9, 7), (2, 5, 9, 7)])
def test_zarr_keeps_chunks_and_attributes(version, shape, tmp_path):
    chunks = (*(2,) * (len(shape) - 2), 4, 4)
    values = RNG.integers(0, 999, shape, dtype=np.uint16)
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=shape, chunks=chunks, dtype="u2", zarr_format=version, attributes={"unit": "um"}
    )
    array[...] = values
    image = ImageFile(tmp_path / "a.zarr")
    np.testing.assert_array_equal(image[..., ::-1, 2:5], values[..., ::-1, 2:5])
    path, _ = copied(tmp_path / "a.zarr", tmp_path)
    assert_same_image(path, tmp_path / "a.zarr")
    new = zarr.open_array(path, mode="r")
    assert (new.chunks, new.dtype, new.metadata) == (chunks, np.uint16, array.metadata)
    assert dict(new.attrs) == {"unit": "um"}
    with pytest.raises(FileExistsError, match="copy"):
        write_image(values, path, like=image)
    with pytest.raises(FileNotFoundError):
        write_image(values, tmp_path / "none" / "b.zarr", like=image)
    with pytest.raises(ValueError, match="finite"):
        write_image(np.full(shape, np.nan), tmp_path / "b.zarr", like=image)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zarr", "copy.zarr"]


def test_channel_axis_of_arrays(tmp_path):
    np.save(tmp_path / "a.npy", np.moveaxis(COLOUR, -1, 0))
    image = ImageFile(tmp_path / "a.npy", channel_axis=0)
    assert image.axes == "SYX" and image.planes[0].shape == COLOUR.shape
    np.testing.assert_array_equal(np.asarray(image.planes[0]), COLOUR)
    np.testing.assert_array_equal(image.planes[0][3:5, ::-2, 1], COLOUR[3:5, ::-2, 1])
    write_image([COLOUR], tmp_path / "b.npy", like=image)
    np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), np.moveaxis(COLOUR, -1, 0))
    np.save(tmp_path / "c.npy", COLOUR)
    for axis, match in [(None, "channel_axis=-1"), (4, "channel_axis")]:
        with pytest.raises(InvalidFileError, match=match):
            _ = ImageFile(tmp_path / "c.npy", channel_axis=axis).shape


@pytest.mark.parametrize("colour", [False, True])
def test_pixels_of_the_transparent_colour_stay_the_only_ones(tmp_path, colour):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 4, (20, 30, 3) if colour else (20, 30)).astype("uint8")
    key = (1, 2, 3) if colour else 2
    Image.fromarray(pixels).save(tmp_path / "a.png", transparency=key)
    image = ImageFile(tmp_path / "a.png")
    write_image(rng.integers(0, 4, pixels.shape), tmp_path / "b.png", like=image)
    is_key = lambda values: (values.reshape(20, 30, -1) == key).all(axis=2)
    np.testing.assert_array_equal(is_key(np.asarray(ImageFile(tmp_path / "b.png"))), is_key(pixels))
    assert is_key(pixels).any()
