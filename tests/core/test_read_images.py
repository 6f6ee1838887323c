"""Images: every accepted form comes back as it came, and errors name the argument and a remedy."""

from collections.abc import Sequence

import numpy as np
import pytest

from sk_denoise._core.images import is_sequence, read_images, some_images

RNG = np.random.default_rng(0)
GREY = RNG.random((12, 10))
STACK = RNG.random((5, 12, 10))
COLOUR = RNG.random((12, 10, 3))

FORMS = [
    (GREY, {}, 1, (12, 10)),
    (STACK, {}, 5, (12, 10)),
    ([GREY, GREY[:6]], {}, 2, (12, 10)),
    ((GREY, GREY[:6]), {}, 2, (12, 10)),
    (COLOUR, {"channel_axis": -1}, 1, (12, 10, 3)),
    (COLOUR.transpose(2, 0, 1), {"channel_axis": 0}, 1, (12, 10, 3)),
    (np.stack([COLOUR] * 4), {"channel_axis": 3}, 4, (12, 10, 3)),
    (np.stack([COLOUR.transpose(2, 0, 1)] * 4), {"channel_axis": 1}, 4, (12, 10, 3)),
    ([COLOUR.transpose(2, 0, 1), COLOUR[:7].transpose(2, 0, 1)], {"channel_axis": 0}, 2, (12, 10, 3)),
    (STACK.reshape(5, -1), {"image_shape": (12, 10)}, 5, (12, 10)),
    (COLOUR.reshape(1, -1), {"image_shape": (12, 10, 3)}, 1, (12, 10, 3)),
]


@pytest.mark.parametrize(("images", "options", "n", "shape"), FORMS)
def test_forms_are_read_and_restored(images, options, n, shape):
    arrays, layout = read_images(images, **options)
    assert len(arrays) == n and arrays[0].shape == shape
    restored = layout.restore([array.copy() for array in arrays])
    assert type(restored) is type(images)
    for back, image in zip(restored, images):
        np.testing.assert_array_equal(back, image)


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">i2", "f4", "f8", "?"])
def test_dtypes_are_kept(dtype):
    (array,), _ = read_images(GREY.astype(dtype))
    assert array.dtype == np.dtype(dtype)


def test_memory_maps_are_not_copied(tmp_path):
    mapped = np.memmap(tmp_path / "stack.bin", np.float32, "w+", shape=(4, 16, 16))
    arrays, _ = read_images(mapped)
    assert all(np.shares_memory(array, mapped) for array in arrays)


WRONG = [
    (COLOUR, {}, "channel_axis=-1"),
    (RNG.random((9, 8, 4)), {}, "channel_axis=-1"),
    ([COLOUR], {}, "channel_axis=-1"),
    ([STACK], {}, r"images\[0\]"),
    (RNG.random((2, 3, 4, 5)), {}, "channel_axis"),
    (GREY, {"channel_axis": -1}, "channel_axis"),
    ([GREY], {"channel_axis": -1}, "channel_axis"),
    (COLOUR, {"channel_axis": 3}, "channel_axis"),
    (RNG.random(50), {}, "reshape"),
    ([RNG.random(50)], {}, "image_shape"),
    ([], {}, "empty list"),
    ((), {}, "empty tuple"),
    (np.empty((0, 5, 5)), {}, "images"),
    (np.ones((1, 1)), {}, "2 x 2"),
    ([GREY, np.ones((1, 9))], {}, r"images\[1\].*2 x 2"),
    ([COLOUR, RNG.random((9, 8, 4))], {"channel_axis": -1}, "same number of channels"),
    (GREY.astype(complex), {}, r"np\.abs"),
    (GREY.astype(str), {}, "dtype"),
    (np.array([GREY, GREY[:3]], dtype=object), {}, "dtype"),
    (np.ma.masked_less(GREY, 0.5), {}, "filled"),
    (STACK.reshape(5, -1), {"image_shape": (12, 11)}, "image_shape"),
    (STACK, {"image_shape": (12, 10)}, "image_shape"),
    (COLOUR.reshape(1, -1), {"image_shape": (12, 10, 3), "channel_axis": 0}, "channel_axis"),
]


@pytest.mark.parametrize(("images", "options", "match"), WRONG)
def test_values_that_are_no_images(images, options, match):
    with pytest.raises(ValueError, match=match):
        read_images(images, **options)


@pytest.mark.parametrize("images", ["scan.png", ["a.dcm"], None, {"a": GREY}, 3, iter([GREY])])
def test_objects_that_are_no_images(images):
    with pytest.raises(TypeError, match="images"):
        read_images(images)
    with pytest.raises(TypeError, match="channel_axis"):
        read_images(GREY, channel_axis="last")


class _Dicom:
    pixel_array = GREY


@pytest.mark.parametrize("images", [_Dicom(), [_Dicom()]])
def test_objects_that_hold_pixels(images):
    with pytest.raises(TypeError, match="pixel_array"):
        read_images(images)


def test_nan_borders_are_to_be_cropped():
    image = GREY.copy()
    image[:2] = image[:, -1] = np.nan
    with pytest.raises(ValueError, match=r"images\[1\].*Crop.*images\[1\]\[2:12, 0:9\]"):
        read_images([GREY, image])
    image[5, 5] = np.nan
    with pytest.raises(ValueError, match="nan_to_num") as error:
        read_images(image)
    assert "borders" not in str(error.value)


def test_infinity_and_images_of_nan():
    for value in (np.inf, np.nan):
        with pytest.raises(ValueError, match="finite"):
            read_images(np.full((4, 4), value))


def test_an_axis_of_pixels_is_not_taken_for_channels():
    for lazy in (False, True):
        with pytest.raises(ValueError, match=r"got 40 channels of 2 x 40 pixels. Pass the axis of 2 values"):
            read_images([np.zeros((2, 40, 40))], channel_axis=-1, lazy=lazy)


class _Lazy:
    """An image in a file, which counts how often it is read."""

    shape, ndim, dtype = GREY.shape, 2, GREY.dtype

    def __init__(self):
        self.n_reads = 0

    def __getitem__(self, index):
        self.n_reads += 1
        return GREY[index]

    def __array__(self, dtype=None, copy=None):
        return np.array(self[...], dtype=dtype)


class _Files(Sequence):
    def __init__(self, items):
        self._items = items

    def __len__(self):
        return len(self._items)

    def __getitem__(self, index):
        return self._items[index]


def test_sequences_of_lazy_images():
    files = _Files([_Lazy() for _ in range(40)])
    arrays, layout = read_images(files, lazy=True)
    assert arrays == list(files) and layout.form == "list" and not any(image.n_reads for image in files)
    some = some_images(files, 16)
    assert len(some) == 16 and set(some) < set(files) and not any(image.n_reads for image in files)
    assert some_images(STACK, 2) is STACK
    arrays, _ = read_images(files)
    assert all(isinstance(array, np.ndarray) for array in arrays)
    (single,), layout = read_images(files[3], lazy=True)
    assert single is files[3] and layout.form == "image"


def test_other_sequences_are_arrays():
    assert not is_sequence(_Files([GREY, GREY])) and not is_sequence("text") and not is_sequence(memoryview(b"text"))
    arrays, layout = read_images(_Files([GREY, GREY]))
    assert layout.form == "stack" and len(arrays) == 2
