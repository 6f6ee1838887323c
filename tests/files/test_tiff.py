"""TIFF files: axes, pixel sizes and all other tags survive, and edited pixels are in the file."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import skimage
import tifffile
from image_files import COLOUR, RNG, STACK, assert_same_image, copied
from PIL import Image

from sk_denoise import InvalidFileError
from sk_denoise.files import ImageFile, write_image

SKIMAGE = Path(skimage.__file__).parent / "data"
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
