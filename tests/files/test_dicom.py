"""DICOM files: stored pixels and all tags but those of a derived image survive."""

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from image_files import assert_same_image, copied, dicom

import sk_denoise
from sk_denoise import ImageFilter, InvalidFileError
from sk_denoise.files import ImageFile, write_image

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
