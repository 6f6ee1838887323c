"""Images of any size: validation of the input, and results in the form of the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .checks import is_integer, sample_rows, shown
from .dask_arrays import DaskPlane, channels_last, collection_error, dask_error, is_dask_array
from .files import InvalidFileError
from .remedies import image_error, tensor_error
from .shapes import COLOUR_CHANNELS, check_image_shape

_ALLOWED = "one array (height, width), a stack (n, height, width), or a list of arrays (height, width)"
_IN_MEMORY = "PatchDenoiser takes it as it is. Otherwise, pass what fits into memory, such as images[:10].compute()."
_SMALLEST = 2  # pixels along each side
_MANY_CHANNELS = 32  # more channels than real images of so few rows or columns have
_CHUNK = 1 << 22  # values checked at a time, so that memory maps are not read whole


@dataclass(frozen=True)
class ImageLayout:
    """The form in which images came.

    Attributes
    ----------
    form : {"image", "stack", "list", "tuple", "rows"}
        One array, a stack, a list or tuple of arrays, or rows of flattened images.
    channel_axis : int or None
        Axis of the colour channels: of the array, and in lists of each image.
    """

    form: str
    channel_axis: int | None = None

    def restore(self, images):
        """Return `images`, a list of arrays with channels last, in the form of the input.

        Parameters
        ----------
        images : list of ndarray of shape (height, width) or (height, width, channels)
            One result for each image that was read, of the same size.

        Returns
        -------
        restored : ndarray, list or tuple
            Array, stack, list, tuple or rows, with the channels on their axis.
        """
        images = list(images)
        if self.form == "rows":
            return np.stack([image.ravel() for image in images])
        if self.form == "image":
            return self.move_back(images[0])
        if self.form == "stack":
            return self.move_back(np.stack(images))
        return (list if self.form == "list" else tuple)(map(self.move_back, images))

    def move_back(self, array):
        """Return an image or a stack, whose channels are last, with the channels on the axis of the input."""
        return array if self.channel_axis is None else np.moveaxis(array, -1, self.channel_axis)


def read_images(images, *, image_shape=None, channel_axis=None, name="images", lazy=False):
    """Validate images and return them as a list of arrays, with the layout that restores their form.

    Parameters
    ----------
    images : array-like or list of array-like
        One array (height, width), a stack (n, height, width), or a list of arrays of any sizes, of integers or floats.
        Arrays and memory maps are not copied. With `image_shape`, rows of shape (n_samples, n_features).
    image_shape : tuple of int, default=None
        If given, `images` must be rows, and each is read as (height, width) or (height, width, channels).
    channel_axis : int, default=None
        Axis of the colour channels. If None, images are greyscale. For a colour image or a stack of them, it is an axis
        of the array; for a list, of each image. For rows, `image_shape` defines the channels.
    name : str, default="images"
        Name of the argument in error messages.
    lazy : bool, default=False
        If True, pixels are not read: values are not checked, and items of a list that have a shape and a dtype, such
        as arrays in files, stay as they are, as do dask arrays. Images may then have a single pixel. `check_pixels`
        checks them later.

    Returns
    -------
    arrays : list of ndarray of shape (height, width) or (height, width, channels)
        The images, with channels last.
    layout : ImageLayout
        The form of the input.
    """
    if channel_axis is not None and not is_integer(channel_axis):
        raise TypeError(f"channel_axis must be an integer or None, got {shown(channel_axis)}.")
    problem = collection_error(images, name, _ALLOWED) if lazy else dask_error(images, name, _ALLOWED, _IN_MEMORY)
    problem = problem or image_error(images, name, _ALLOWED)
    if problem is not None:
        raise problem
    if image_shape is not None:
        arrays, layout = _read_rows(images, image_shape, channel_axis, name)
    elif is_sequence(images):
        if not len(images):
            raise ValueError(
                f"{name} must be {_ALLOWED}, got an empty {type(images).__name__}. Pass at least one image."
            )
        parts = [_read_item(image, channel_axis, f"{name}[{i}]", lazy) for i, image in enumerate(images)]
        arrays = [image for part in parts for image in part]
        layout = ImageLayout("tuple" if isinstance(images, tuple) else "list", channel_axis)
        _check_same_channels(arrays, name)
    elif is_dask_array(images):
        arrays, layout = _read_dask(images, channel_axis, name)
    elif lazy and _is_lazy(images) and images.ndim == (2 if channel_axis is None else 3):
        arrays, layout = [_read_one(images, channel_axis, name, lazy)], ImageLayout("image", channel_axis)
    else:
        arrays, layout = _read_array(_as_numbers(images, name), channel_axis, name)
    single = layout.form == "image"
    for i, array in enumerate(arrays):
        check_pixels(array, name if single else f"{name}[{i}]", lazy)
    return arrays, layout


def is_sequence(images):
    """Return whether `images` is a list or tuple, or another sequence of lazy images, such as those in files."""
    if isinstance(images, (list, tuple)):
        return True
    sequence = isinstance(images, Sequence) and not isinstance(images, (str, bytes, memoryview)) and len(images) > 0
    return sequence and _is_lazy(images[0])


def some_images(images, n):
    """At most `n` images, spread over them, of a sequence of lazy ones; anything else is returned as it is."""
    if is_sequence(images) and len(images) > n and _is_lazy(images[0]):
        return [images[i] for i in sample_rows(np.arange(len(images)), n, jitter=True)]
    return images


def check_alike(arrays, others, name, other_name, *, single=False):
    """Raise unless `arrays` and `others` are as many images, of the same shapes; `single` omits their numbers."""
    if len(arrays) != len(others):
        raise ValueError(
            f"{name} must hold as many images as {other_name}, {len(others)}, got {len(arrays)}. Pass one for each"
            f" image of {other_name}, in the same order."
        )
    for i, (array, other) in enumerate(zip(arrays, others)):
        leads = [getattr(image, "lead_shape", ()) for image in (array, other)]
        if leads[0] != leads[1] and not any(lead in ((), (len(arrays),)) for lead in leads):
            raise ValueError(
                f"{name} must have leading axes of shape {leads[1]}, like {other_name}, got {leads[0]}. Move its axes,"
                " or reshape both to (n, height, width)."
            )
        if array.shape != other.shape:
            which = "" if single else f"[{i}]"
            raise ValueError(
                f"{name}{which} must have the shape of {other_name}{which}, {other.shape}, got {array.shape}. Pass the"
                " same images in the same order, neither cropped nor resized."
            )


def count_channels(image):
    """Return the number of channels of an image whose channels, if any, are last."""
    return image.shape[2] if image.ndim == 3 else 1


def _as_numbers(image, name):
    """`image` as an array of real numbers, without a copy if it is one already."""
    if np.ma.is_masked(image):
        raise ValueError(f"{name} has masked values, whose mask would be ignored. Fill them first: {name}.filled(0).")
    try:
        array = np.asarray(image)
    except InvalidFileError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        raise tensor_error(image, name, error) or ValueError(
            f"{name} must hold numbers in rows of equal length, got {shown(image)}. {_ALLOWED.capitalize()} is allowed."
        ) from None
    if array.dtype.kind == "c":
        raise ValueError(f"{name} must hold real numbers, got complex ones. Pass their magnitude: np.abs({name}).")
    if array.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} must hold integers or floats, got dtype {array.dtype}. Convert it: np.asarray({name}, float)."
        )
    return array


def _read_array(array, channel_axis, name):
    shape = array.shape
    if channel_axis is None:
        if array.ndim == 3 and shape[-1] in COLOUR_CHANNELS:
            raise ValueError(
                f"{name} has shape {shape}: one colour image, or a stack of grey ones? Pass channel_axis=-1 if it is a"
                f" colour image. If it is a stack, pass a list of its images, list({name})."
            )
        if array.ndim == 2:
            return [array], ImageLayout("image")
        if array.ndim == 3 and len(array):
            return list(array), ImageLayout("stack")
        if array.ndim == 4:
            remedy = f"Pass channel_axis=-1 if the last axis holds colours, or {name}.reshape(-1, *{name}.shape[-2:])"
            raise ValueError(f"{name} must be {_ALLOWED}, got an array of shape {shape}. {remedy} for grey images.")
    elif array.ndim in (3, 4):
        array = np.moveaxis(array, _check_axis(channel_axis, array.ndim, shape, name), -1)
        if array.ndim == 3:
            return [array], ImageLayout("image", channel_axis)
        if len(array):
            return list(array), ImageLayout("stack", channel_axis)
    else:
        raise ValueError(
            f"{name} must have 3 axes, or 4 for a stack, if channel_axis is given, got an array of shape {shape}. Leave"
            " out channel_axis for grey images."
        )
    rows = f" If it holds flattened images, pass {name}.reshape(height, width)." if array.ndim == 1 and shape[0] else ""
    raise ValueError(f"{name} must be {_ALLOWED}, got an array of shape {shape}.{rows}")


def _read_dask(array, channel_axis, name):
    """The planes of a dask array."""
    array = channels_last(array, channel_axis, name)
    n_lead = array.ndim - (2 if channel_axis is None else 3)
    if not n_lead:
        return [array], ImageLayout("image", channel_axis)
    return [DaskPlane(array, index) for index in np.ndindex(array.shape[:n_lead])], ImageLayout("stack", channel_axis)


def _read_item(item, channel_axis, name, lazy):
    """Return the images in an item of a list: one, or all planes of a dask array."""
    if lazy and is_dask_array(item):
        return _read_dask(item, channel_axis, name)[0]
    return [_read_one(item, channel_axis, name, lazy)]


def _read_one(image, channel_axis, name, lazy):
    movable = channel_axis in (None, -1, 2)
    array = image if lazy and movable and _is_lazy(image) else _as_numbers(image, name)
    n_axes = 2 if channel_axis is None else 3
    if array.ndim == n_axes:
        axis = None if channel_axis is None else _check_axis(channel_axis, 3, array.shape, name)
        return array if axis in (None, -1, 2) else np.moveaxis(array, axis, -1)
    if channel_axis is not None:
        what, remedy = "(height, width, channels) in any order", "Leave out channel_axis for grey images."
    elif array.ndim == 3 and array.shape[-1] in COLOUR_CHANNELS:
        what, remedy = "(height, width)", "Pass channel_axis=-1 for colour images."
    elif hasattr(image, "planes"):
        what, remedy = "(height, width)", f"Pass the images in the file: {name}.planes."
    elif array.ndim == 3:
        what, remedy = "(height, width)", "Pass the images of a stack one by one, as in [*stack, *other_stack]."
    else:
        what, remedy = "(height, width)", "Pass a 2-D array for each image; rows are read only with image_shape."
    raise ValueError(f"{name} must be an array {what}, got one of shape {array.shape}. {remedy}")


def _is_lazy(image):
    """Whether an image of numbers can be read by slices without being an array, as in a file."""
    array = isinstance(image, np.ndarray) or hasattr(image, "toarray")  # sparse matrices
    lazy = not array and all(hasattr(image, name) for name in ("shape", "ndim", "__getitem__"))
    return lazy and isinstance(getattr(image, "dtype", None), np.dtype) and image.dtype.kind in "biuf"


def _read_rows(rows, image_shape, channel_axis, name):
    array = _as_numbers(rows, name)
    if array.ndim != 2 or not array.size:
        raise ValueError(
            f"{name} must be rows of shape (n_samples, n_features) if image_shape is given, got an array of shape"
            f" {array.shape}. Leave out image_shape for arrays of images."
        )
    height, width, channels = check_image_shape(image_shape, array.shape[1], len(array))
    if channel_axis not in (None, -1, 2) or (channel_axis is not None and channels == 1):
        raise ValueError(
            f"channel_axis must be None or -1 for rows, got {channel_axis}. Their channels come last: pass"
            " image_shape=(height, width, channels)."
        )
    shape = (height, width) if channels == 1 else (height, width, channels)
    return [row.reshape(shape) for row in array], ImageLayout("rows")


def _check_axis(axis, n_axes, shape, name):
    if not -n_axes <= axis < n_axes:
        raise ValueError(
            f"channel_axis must be in [{-n_axes}, {n_axes - 1}] for {name} of shape {shape}, got {axis}. Pass -1 if the"
            " channels come last."
        )
    return axis


def _check_same_channels(arrays, name):
    numbers = [count_channels(array) for array in arrays]
    other = next((i for i, number in enumerate(numbers) if number != numbers[0]), None)
    if other is not None:
        raise ValueError(
            f"{name} must have the same number of channels, got {numbers[0]} in {name}[0] and {numbers[other]} in"
            f" {name}[{other}]. Convert them first, as with skimage.color.rgb2gray, or pass them separately."
        )


def check_pixels(image, name, lazy=False):
    """Raise for images that are too small or, unless `lazy`, hold NaN."""
    if image.ndim == 3 and 0 < min(image.shape[:2]) <= max(COLOUR_CHANNELS) and image.shape[2] >= _MANY_CHANNELS:
        raise ValueError(
            f"{name} must have the channels on channel_axis, got {image.shape[2]} channels of {image.shape[0]} x"
            f" {image.shape[1]} pixels. Pass the axis of {min(image.shape[:2])} values as channel_axis."
        )
    smallest = 1 if lazy else _SMALLEST
    if min(image.shape) < 1 or min(image.shape[:2]) < smallest:
        raise ValueError(
            f"{name} must be at least {smallest} x {smallest} pixels, got shape {image.shape}. Leave it out, or check"
            " the order of the axes."
        )
    if lazy or image.dtype.kind != "f":
        return
    lines = max(1, _CHUNK // (image.size // len(image)))
    if all(np.isfinite(image[i : i + lines]).all() for i in range(0, len(image), lines)):
        return
    bad = ~np.isfinite(image)
    bad = bad if bad.ndim == 2 else bad.any(axis=2)
    n_bad = int(bad.sum())
    what = "NaN" if np.isnan(image).any() else "infinity"
    inner = [np.flatnonzero(~bad.all(axis=axis)) for axis in (1, 0)]
    start = f"{name} must hold finite numbers, got {what} in {n_bad} of {bad.size} pixels"
    fill = f"fill them, as with np.nan_to_num({name})"
    if all(len(kept) for kept in inner):
        (top, bottom), (left, right) = ((kept[0], kept[-1] + 1) for kept in inner)
        if n_bad == bad.size - (bottom - top) * (right - left):
            crop = f"{name}[{top}:{bottom}, {left}:{right}]"
            raise ValueError(f"{start}, all along the borders. Crop the image, {crop}, or {fill}.")
    raise ValueError(f"{start}. Crop the image to where it has values, or {fill}.")
