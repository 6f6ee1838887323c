"""Images in files: pixels and metadata survive a denoiser that changes nothing; files are read when they are used."""

import gzip
import importlib.util
import os
import pickle
import sys
import tracemalloc
import warnings
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import skimage
import tifffile
import zarr
from helpers import run_python
from PIL import Image
from pydicom.data import get_testdata_file
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, cross_val_score

import sk_denoise
from sk_denoise import EstimatorDenoiser, ImageFilter, InvalidFileError, NoiseInjector, PatchDenoiser
from sk_denoise.files import ImageFile, _image_file, _png, read_images, write_image

RNG = np.random.default_rng(0)
SKIMAGE = Path(skimage.__file__).parent / "data"
NIBABEL = Path(nibabel.__file__).parent / "tests" / "data"
PNGS = sorted(path.name for path in SKIMAGE.glob("*.png"))


def copied(source, tmp_path, change=0.0, **options):
    """Write a source, changed by a number, and return the paths of the new file and the number of clipped values."""
    image = ImageFile(source)
    path = tmp_path / f"copy{image.suffixes[0]}"
    n_clipped = write_image(np.asarray(image) + np.asarray(change, dtype=image.dtype), path, like=image, **options)
    return path, n_clipped


def assert_same_image(path, source, n_clipped=0):
    new, old = ImageFile(path), ImageFile(source)
    assert (new.shape, new.dtype, new.axes, new.channel_axis) == (old.shape, old.dtype, old.axes, old.channel_axis)
    np.testing.assert_array_equal(np.asarray(new), np.asarray(old))
    assert n_clipped == 0


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


# TIFF

STACK = RNG.integers(0, 60000, (2, 3, 33, 40), dtype=np.uint16)
COLOUR = RNG.integers(0, 255, (33, 40, 3), dtype=np.uint8)
SCALE = {"resolution": (50, 25), "resolutionunit": "CENTIMETER"}
TIFFS = {
    "imagej": (STACK, {"imagej": True, "metadata": {"axes": "ZCYX", "spacing": 2.5, "unit": "um"}, **SCALE}),
    "ome": (
        STACK,
        {
            "ome": True,
            "photometric": "minisblack",
            "metadata": {"axes": "TCYX", "PhysicalSizeX": 0.1, "PhysicalSizeXUnit": "um"},
        },
    ),
    "ome compressed": (
        STACK,
        {"photometric": "minisblack", "ome": True, "metadata": {"axes": "CZYX"}, "compression": "zlib"},
    ),
    "float": (RNG.random((33, 40), dtype=np.float32), {"description": "a cell", **SCALE}),
    "big": (STACK[0], {"photometric": "minisblack", "bigtiff": True, "compression": "zlib", "rowsperstrip": 8}),
    "big endian": (STACK[0], {"photometric": "minisblack", "byteorder": ">"}),
    "tiles": (STACK[0], {"photometric": "minisblack", "tile": (16, 16), "compression": "zlib"}),
    "uncompressed tiles": (STACK[0], {"photometric": "minisblack", "tile": (16, 16), "byteorder": ">"}),
    "predictor": (STACK[0], {"photometric": "minisblack", "compression": "zlib", "predictor": True}),
    "strips": (STACK[0, 0], {"rowsperstrip": 5, "compression": "zlib", "extratags": [(65000, "s", 0, "mine", True)]}),
    "rgb": (COLOUR, {"photometric": "rgb"}),
    "rgb planes": (
        np.moveaxis(COLOUR, -1, 0),
        {"photometric": "rgb", "planarconfig": "separate", "compression": "zlib"},
    ),
    "rgb tiles": (COLOUR, {"photometric": "rgb", "tile": (16, 32)}),
    "rgba": (np.dstack([COLOUR, COLOUR[..., 0]]), {"photometric": "rgb", "extrasamples": ["unassalpha"]}),
    "rgba tiles": (
        np.dstack([COLOUR, COLOUR[..., 0]]),
        {"photometric": "rgb", "extrasamples": ["unassalpha"], "tile": (16, 16), "compression": "zlib"},
    ),
    "many samples": (
        np.moveaxis(STACK, (0, 1), (2, 3))[:, :, 0],
        {"photometric": "minisblack", "planarconfig": "contig"},
    ),
    "grey and alpha": (
        COLOUR[..., :2],
        {"photometric": "minisblack", "planarconfig": "contig", "extrasamples": ["unassalpha"], "compression": "zlib"},
    ),
    "white is zero": (STACK[0, 0], {"photometric": "miniswhite"}),
    "signed": ((STACK[0, 0] / 2).astype(np.int16) - 9000, {}),
}
LAYOUT = {"StripOffsets", "StripByteCounts", "TileOffsets", "TileByteCounts", "Compression", "Predictor"}


def read_tags(path, source):
    with tifffile.TiffFile(source) as tiff:
        layout = LAYOUT if tiff.series[0].dataoffset is None else set()
    with tifffile.TiffFile(path) as tiff:
        return (
            tiff.byteorder,
            tiff.is_bigtiff,
            [
                {tag.code: (tag.dtype, tag.value) for tag in page.aspage().tags if tag.name not in layout}
                for page in tiff.pages
            ],
        )


@pytest.mark.parametrize("name", TIFFS)
def test_tiff_keeps_pixels_axes_and_tags(name, tmp_path):
    array, options = TIFFS[name]
    source = tmp_path / "a.tif"
    tifffile.imwrite(source, array, **options)
    path, n_clipped = copied(source, tmp_path)
    assert_same_image(path, source, n_clipped)
    np.testing.assert_array_equal(tifffile.imread(path), array)
    assert read_tags(path, source) == read_tags(source, source)
    with tifffile.TiffFile(path) as new, tifffile.TiffFile(source) as old:
        assert new.series[0].axes == old.series[0].axes
        assert new.imagej_metadata == old.imagej_metadata and new.ome_metadata == old.ome_metadata


@pytest.mark.parametrize("name", TIFFS)
def test_edited_pixels_are_in_the_file(name, tmp_path):
    array, options = TIFFS[name]
    tifffile.imwrite(tmp_path / "a.tif", array, **options)
    image = ImageFile(tmp_path / "a.tif")
    new = np.asarray(image) // 2
    write_image(new, tmp_path / "b.tif", like=image)
    np.testing.assert_array_equal(np.asarray(ImageFile(tmp_path / "b.tif")), new)
    written = tifffile.imread(tmp_path / "b.tif")
    if "rgba" in name or "alpha" in name:
        np.testing.assert_array_equal(written[..., -1], array[..., -1])
    else:
        np.testing.assert_array_equal(written, array // 2)


@pytest.mark.parametrize("name", ["multipage.tif", "multipage_rgb.tif"])
def test_tiff_of_other_programs(name, tmp_path):
    path, n_clipped = copied(SKIMAGE / name, tmp_path)
    assert_same_image(path, SKIMAGE / name, n_clipped)
    assert read_tags(path, SKIMAGE / name) == read_tags(SKIMAGE / name, SKIMAGE / name)


def test_axes_and_planes_of_a_stack(tmp_path):
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK, ome=True, photometric="minisblack", metadata={"axes": "TCYX"})
    image = ImageFile(tmp_path / "a.ome.tif")
    assert (image.axes, image.channel_axis, len(image.planes)) == ("TCYX", None, 6)  # channels are not colours
    np.testing.assert_array_equal(np.asarray(image.planes[4]), STACK[1, 1])
    write_image([np.asarray(plane) + 1 for plane in image.planes], tmp_path / "b.ome.tif", like=image)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.ome.tif"), STACK + 1)


def test_tiff_that_cannot_be_denoised(tmp_path):
    with tifffile.TiffWriter(tmp_path / "two.tif") as file:
        file.write(COLOUR, photometric="rgb")
        file.write(STACK[0], photometric="minisblack")
    with tifffile.TiffWriter(tmp_path / "pyramid.tif") as file:
        file.write(STACK[0, 0], subifds=1)
        file.write(STACK[0, 0, ::2, ::2], subfiletype=1)
    tifffile.imwrite(tmp_path / "binary.tif", STACK[0, 0] > 9)
    colormap = np.zeros((3, 256), np.uint16)
    tifffile.imwrite(tmp_path / "palette.tif", COLOUR[..., 0], photometric="palette", colormap=colormap)
    for name, match in [("two", "2 images"), ("pyramid", "pyramid"), ("binary", "1 bits"), ("palette", "PALETTE")]:
        with pytest.raises(InvalidFileError, match=rf"{name}\.tif.*{match}"):
            _ = ImageFile(tmp_path / f"{name}.tif").shape


@pytest.mark.skipif(importlib.util.find_spec("imagecodecs") is not None, reason="imagecodecs is installed")
def test_compression_that_needs_another_package(tmp_path):
    Image.fromarray(COLOUR).save(tmp_path / "a.tif", compression="tiff_lzw")
    image = ImageFile(tmp_path / "a.tif")
    assert image.shape == COLOUR.shape
    with pytest.raises(InvalidFileError, match=r"a\.tif.*LZW.*pip install imagecodecs"):
        np.asarray(image)
    Image.fromarray(COLOUR).save(tmp_path / "b.tif", compression="packbits")
    path, _ = copied(tmp_path / "b.tif", tmp_path)
    assert_same_image(path, tmp_path / "b.tif")


# DICOM

DICOMS = [
    "693_J2KI.dcm", "CT_small.dcm", "ExplVR_BigEnd.dcm", "J2K_pixelrep_mismatch.dcm", "JPEG2000.dcm", "MR_small.dcm",
    "MR_small_RLE.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm", "MR_small_jp2klossless.dcm",
    "MR_small_padded.dcm", "SC_rgb_dcmtk_+eb+cr.dcm", "SC_rgb_dcmtk_+eb+cy+np.dcm", "SC_rgb_gdcm_KY.dcm",
    "SC_rgb_jpeg_dcmd.dcm", "SC_rgb_rle.dcm", "SC_rgb_rle_16bit_2frame.dcm", "SC_rgb_rle_32bit.dcm",
    "SC_rgb_small_odd.dcm", "SC_rgb_small_odd_big_endian.dcm", "SC_rgb_small_odd_jpeg.dcm",
    "SC_ybr_full_422_uncompressed.dcm", "examples_jpeg2k.dcm", "examples_overlay.dcm", "examples_rgb_color.dcm",
    "examples_ybr_color.dcm", "image_dfl.dcm", "rtdose.dcm", "rtdose_expb_1frame.dcm", "rtdose_rle.dcm",
]  # fmt: skip
CHANGED = {"SOPInstanceUID", "SeriesInstanceUID", "ImageType", "DerivationDescription", "PixelData"}
TABLES = {"ExtendedOffsetTable", "ExtendedOffsetTableLengths"}
META = {"FileMetaInformationGroupLength", "TransferSyntaxUID", "MediaStorageSOPInstanceUID"}


def dicom(name):
    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"{name} is not in this version of pydicom")
    return path


def read_dicom(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd values in the files of pydicom
        data = pydicom.dcmread(path)
        return data, data.pixel_array


def elements(data, without):
    return {
        element.tag: (element.VR, element.value)
        for element in data
        if element.tag.element and element.keyword not in without
    }


def assert_same_dicom(path, source):
    (new, pixels), (old, before) = read_dicom(path), read_dicom(source)
    np.testing.assert_array_equal(pixels, before)
    assert pixels.dtype.newbyteorder("=") == before.dtype.newbyteorder("=")
    without = CHANGED | TABLES
    if "YBR" in old.PhotometricInterpretation:
        assert new.PhotometricInterpretation == "RGB"
        without = without | {"PhotometricInterpretation"}
    if pixels.shape[-1] == 3 and new.SamplesPerPixel == 3:
        assert new.PlanarConfiguration == 0
        without = without | {"PlanarConfiguration"}
    assert elements(new, without) == elements(old, without)
    more = {"ImplementationClassUID", "ImplementationVersionName", "FileMetaInformationVersion"}
    assert elements(new.file_meta, META | more) == elements(old.file_meta, META | more)
    syntax = old.file_meta.TransferSyntaxUID
    assert new.file_meta.TransferSyntaxUID == (
        syntax if not (syntax.is_compressed or syntax.is_deflated) else pydicom.uid.ExplicitVRLittleEndian
    )
    assert new.ImageType[0] == "DERIVED" and new.ImageType[1:] == list(old.get("ImageType", ["", "PRIMARY"]))[1:]
    assert new.SOPInstanceUID == new.file_meta.MediaStorageSOPInstanceUID != old.SOPInstanceUID
    assert new.SeriesInstanceUID != old.get("SeriesInstanceUID")
    assert new.DerivationDescription.endswith(f"Denoised by identity (sk_denoise {sk_denoise.__version__})")


@pytest.mark.filterwarnings("ignore:Invalid value for VR")  # in the files of pydicom
@pytest.mark.parametrize("name", DICOMS)
def test_dicom_keeps_pixels_and_tags(name, tmp_path):
    path, n_clipped = copied(dicom(name), tmp_path, denoiser="identity")
    assert_same_image(path, dicom(name), n_clipped)
    assert_same_dicom(path, dicom(name))


@pytest.mark.slow
def test_all_files_of_pydicom_data(tmp_path):
    spec = importlib.util.find_spec("data_store")
    if spec is None:
        pytest.skip("pydicom-data is not installed")
    refused, n_copied = {}, 0
    for folder in spec.submodule_search_locations:
        for source in sorted(Path(folder).rglob("*.dcm")):
            try:
                path, n_clipped = copied(source, tmp_path, denoiser="identity")
            except InvalidFileError as error:
                refused[source.name] = str(error)
                continue
            assert_same_image(path, source, n_clipped)
            assert_same_dicom(path, source)
            n_copied += 1
    assert n_copied >= 35
    reasons = ("palette", "no image", "decoder", "header", "1 of 1 bits", "available plugins", "incomplete")
    assert not {name: text for name, text in refused.items() if not any(reason in text for reason in reasons)}


def changed_dicom(source, path, pixels=None, **tags):
    """Write a copy of a DICOM file with other pixels and tags, and return its path."""
    data = pydicom.dcmread(source)
    if pixels is not None:
        data.PixelData = pixels.tobytes()
    for name, value in tags.items():
        setattr(data, name, value)
    data.save_as(path)
    return path


def test_values_are_hounsfield_units_and_are_rounded():
    image = ImageFile(dicom("CT_small.dcm"))
    stored = pydicom.dcmread(image.path).pixel_array
    np.testing.assert_array_equal(np.asarray(image), stored.astype(int) - 1024)


@pytest.mark.parametrize(("slope", "intercept"), [(1, -1024), (0.37, -512.5), (2.5e-5, 0), (0.1, 40000)])
@pytest.mark.parametrize("signed", [0, 1])
def test_rescaling_is_inverted_for_all_stored_values(slope, intercept, signed, tmp_path):
    stored = np.arange(1 << 16, dtype=np.uint16).reshape(256, 256)
    tags = {"Rows": 256, "Columns": 256, "RescaleSlope": slope, "RescaleIntercept": intercept}
    source = changed_dicom(dicom("MR_small.dcm"), tmp_path / "a.dcm", stored, PixelRepresentation=signed, **tags)
    path, n_clipped = copied(source, tmp_path)
    assert n_clipped == 0
    assert pydicom.dcmread(path).PixelData == stored.tobytes()


def test_rounding_and_clipping_to_the_bits_stored(tmp_path):
    image = ImageFile(dicom("examples_overlay.dcm"))  # 12 bits
    values = np.asarray(image) + 0.6
    values[0, :3], values[1, :2] = 5000, -0.6
    assert write_image(values, tmp_path / "a.dcm", like=image) == 5
    new = np.asarray(ImageFile(tmp_path / "a.dcm"))
    np.testing.assert_array_equal(new[2:], np.asarray(image)[2:] + 1)
    assert (new[0, :3] == 4095).all() and (new[1, :2] == 0).all()


@pytest.mark.parametrize("padding", [-2000, 63536])
def test_padding_is_untouched(padding, tmp_path):
    source = dicom("CT_small.dcm")
    pixels = pydicom.dcmread(source).pixel_array.copy()
    pixels[:10] = -2000
    source = changed_dicom(source, tmp_path / "a.dcm", pixels)
    if padding > 0:  # without its sign
        data = pydicom.dcmread(source)
        data["PixelPaddingValue"] = pydicom.DataElement("PixelPaddingValue", "US", padding)
        data.save_as(source)
    image = ImageFile(source)
    write_image(np.asarray(image) + 7, tmp_path / "b.dcm", like=image)
    new = pydicom.dcmread(tmp_path / "b.dcm").pixel_array
    assert (new[:10] == -2000).all()
    np.testing.assert_array_equal(new[10:], pixels[10:] + 7)


def test_overlays_in_unused_bits_are_kept(tmp_path):
    source = dicom("examples_overlay.dcm")
    pixels = pydicom.dcmread(source).pixel_array | np.uint16(1 << 15)
    image = ImageFile(changed_dicom(source, tmp_path / "a.dcm", pixels))
    assert np.asarray(image).max() < 4096
    write_image(np.minimum(np.asarray(image) + 1, 4095), tmp_path / "b.dcm", like=image)
    new = np.frombuffer(pydicom.dcmread(tmp_path / "b.dcm").PixelData, np.uint16)
    np.testing.assert_array_equal(new, pixels.ravel() + 1)


@pytest.mark.parametrize("extended", [True, False])
def test_signed_values_of_12_bits(extended, tmp_path):
    values = np.arange(-2048, 2048, dtype=np.int16).reshape(64, 64)
    stored = values if extended else values & 0xFFF
    tags = {"BitsStored": 12, "HighBit": 11, "PixelRepresentation": 1, "PhotometricInterpretation": "MONOCHROME1"}
    source = changed_dicom(dicom("MR_small.dcm"), tmp_path / "a.dcm", stored, **tags)
    np.testing.assert_array_equal(np.asarray(ImageFile(source)), values)
    path, _ = copied(source, tmp_path)
    assert pydicom.dcmread(path).PixelData == stored.tobytes()
    write_image(-values - 1, tmp_path / "b.dcm", like=source)
    np.testing.assert_array_equal(np.asarray(ImageFile(tmp_path / "b.dcm")), -values - 1)


def test_frames_with_their_own_scale(tmp_path):
    data = pydicom.dcmread(dicom("MR_small.dcm"))
    stored = np.stack([data.pixel_array, data.pixel_array + 1])
    frames = []
    for slope in (1.5, 3.0):
        inner, frame = pydicom.Dataset(), pydicom.Dataset()
        inner.RescaleSlope, inner.RescaleIntercept = slope, 10
        frame.PixelValueTransformationSequence = [inner]
        frames.append(frame)
    tags = {"NumberOfFrames": 2, "PerFrameFunctionalGroupsSequence": frames}
    source = changed_dicom(dicom("MR_small.dcm"), tmp_path / "a.dcm", stored, **tags)
    image = ImageFile(source)
    assert image.axes == "FYX"
    np.testing.assert_array_equal(np.asarray(image), stored * np.array([1.5, 3.0])[:, None, None] + 10)
    path, _ = copied(source, tmp_path)
    assert pydicom.dcmread(path).PixelData == stored.tobytes()


def test_files_of_a_series_stay_in_one_series(tmp_path):
    source = dicom("CT_small.dcm")
    new = []
    for name, denoiser in [("a", "x"), ("b", "x"), ("c", ImageFilter("tv"))]:
        write_image(np.asarray(ImageFile(source)), tmp_path / f"{name}.dcm", like=source, denoiser=denoiser)
        new.append(pydicom.dcmread(tmp_path / f"{name}.dcm"))
    assert new[0].SeriesInstanceUID == new[1].SeriesInstanceUID != new[2].SeriesInstanceUID
    assert len({data.SOPInstanceUID for data in new}) == 3
    assert "ImageFilter" in new[2].DerivationDescription


BAD_DICOMS = {
    "examples_palette.dcm": "palette",
    "MR_truncated.dcm": "8130 bytes instead of 8192|truncated",
    "no_meta.dcm": "header",
    "rtplan.dcm": "RTPLAN",
    "liver_1frame.dcm": "1 of 1 bits",
    "JPEG-lossy.dcm": "12-bit|libjpeg",
}


@pytest.mark.parametrize("name", BAD_DICOMS)
def test_dicom_that_cannot_be_denoised(name):
    with pytest.raises(InvalidFileError, match=f"{name}.*({BAD_DICOMS[name]})"):
        np.asarray(ImageFile(dicom(name)))


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


# Handles


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
    return PatchDenoiser(EstimatorDenoiser(PCA(6)), patch_shape=(6, 6), n_patches=200, random_state=0)


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
