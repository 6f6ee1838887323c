"""Helpers of the tests of images in files."""

import numpy as np
import pytest
from pydicom.data import get_testdata_file

from sk_denoise.files import ImageFile, write_image

RNG = np.random.default_rng(0)
STACK = RNG.integers(0, 60000, (2, 3, 33, 40), dtype=np.uint16)
COLOUR = RNG.integers(0, 255, (33, 40, 3), dtype=np.uint8)


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


def dicom(name):
    """Path of a file that comes with pydicom."""
    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"{name} is not in this version of pydicom")
    return path
