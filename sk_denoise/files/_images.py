"""`read_images` and `write_image`: images in and out of files."""

from __future__ import annotations

import dataclasses
import errno
import itertools
import os
from collections.abc import Iterable

import numpy as np

from .. import __version__
from .._core.checks import shown
from .._core.files import InvalidFileError
from ._format import clear_errors, suffix_of
from ._image_file import ImageFile, Planes

_OTHERS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dcm", ".nii", ".nii.gz", ".npy", ".npz", ".zarr")


class ImageFiles(Planes):
    """Sequence of `ImageFile`, as `read_images` returns it.

    Slices, boolean masks and arrays of indices give a part of it. It takes almost no memory, and can be pickled.

    Parameters
    ----------
    items : list of ImageFile
        The files.
    """

    @property
    def planes(self):
        """Sequence of the planes of all files, one after the other. Headers are read, pixels are not."""
        return Planes(itertools.chain.from_iterable(image.planes for image in self._items))

    @property
    def paths(self):
        """List of the paths."""
        return [image.path for image in self._items]


def read_images(paths, *, channel_axis=None):
    """Return handles of images in files, which are read when their pixels are asked for.

    Parameters
    ----------
    paths : str, path-like or iterable of them
        Files in the formats of `ImageFile`.
    channel_axis : int, default=None
        Axis of the colour channels, only for ``.npy``, ``.npz`` and zarr. All other formats say what their axes are.

    Returns
    -------
    images : ImageFiles
        Sequence of `ImageFile`. ``images.planes`` is a sequence of the 2-D images in them: slices, frames, channels.

    Raises
    ------
    FileNotFoundError
        If a file does not exist.
    InvalidFileError
        When the header or the pixels are read, if a file is damaged or has no image that can be denoised. A folder,
        except that of a zarr array, is an error, too.
    ImportError
        When a header is read, if the package for its format is not installed; the message names the extra.

    See Also
    --------
    write_image : Writes an image in the format of a file.
    PatchDenoiser : Takes these images in `fit` and `transform`.

    Examples
    --------
    >>> from skimage.data import data_dir
    >>> from sklearn.decomposition import PCA
    >>> from sk_denoise import EstimatorDenoiser, PatchDenoiser
    >>> from sk_denoise.files import read_images
    >>> images = read_images([f"{data_dir}/{name}.png" for name in ("camera", "coins")])
    >>> images[1].shape, images[1].dtype
    ((303, 384), dtype('uint8'))
    >>> denoiser = PatchDenoiser(EstimatorDenoiser(PCA(12)), patch_shape=(8, 8), random_state=0).fit(images)
    >>> [image.shape for image in denoiser.transform(images)]
    [(512, 512), (303, 384)]
    """
    single = isinstance(paths, (str, os.PathLike))
    if not single and not isinstance(paths, Iterable):
        raise TypeError(f"paths must be a path or a list of paths, got {shown(paths)}.")
    items = [ImageFile(path, channel_axis=channel_axis) for path in ([paths] if single else paths)]
    if not items:
        raise ValueError("paths must name at least one file, got none. Check the pattern or the folder.")
    missing = next((item.path for item in items if not os.path.exists(item.path)), None)
    if missing is not None:
        raise FileNotFoundError(errno.ENOENT, "No such file", missing)
    return ImageFiles(items)


def write_image(array, path, like, *, denoiser=None):
    """Write an image to a file in the format of another one, with its metadata.

    Values are rounded and clipped to the dtype of the source, not truncated; rescaling, such as that to Hounsfield
    units, is inverted. The file is written to a temporary file in the same folder and then renamed, so that `path` is
    never incomplete.

    Parameters
    ----------
    array : array-like of the shape of `like`, or iterable of array-like
        The image, in the units of `like`, or one array for each of its planes, in the order of ``like.planes``. It is
        read plane by plane, so it may be a memory map, or a generator that denoises one plane after the other.
    path : str or path-like
        Path of the file to write; it must differ from that of `like`. Its extension must be one of ``like.suffixes``.
        An existing file is replaced; the folder of a zarr array is not.
    like : ImageFile, str or path-like
        The file that the image was read from. It must be unchanged.
    denoiser : str or estimator object, default=None
        Denoiser to name in the derivation description of DICOM files, with the version of this package.

    Returns
    -------
    n_clipped : int
        Number of values that were clipped, because they were beyond those that can be stored.

    Raises
    ------
    ValueError
        If `array` has another shape, or NaN or infinity where integers are stored, or if `path` has another extension
        or is the source. Nothing is written.
    InvalidFileError
        If `like` is damaged.
    OSError
        If `path` cannot be written.

    See Also
    --------
    read_images : Reads images from files.

    Notes
    -----
    What is kept, and what is not:

    - PNG: all chunks, and alpha. JPEG is written as PNG, with resolution, colour profile, EXIF data and comment.
    - TIFF: all tags and the type of the file. Compressed pages are written uncompressed.
    - DICOM: all tags except SOP Instance UID and Series Instance UID, which are new (one new series for each series of
      the sources), Image Type, Derivation Description, and for YBR colours Photometric Interpretation, which becomes
      RGB. Padding pixels keep their value. Compressed pixels are written uncompressed.
    - NIfTI: the header, with its affine and scaling, and extensions. Compressed files stay compressed.
    - ``.npy``, ``.npz``, zarr: dtype, order, chunks, compression and attributes.

    PNG files, ``.npz`` files, compressed pages of TIFF and single frames of DICOM are held in memory while they are
    written; everything else goes plane by plane.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from skimage.data import data_dir
    >>> from sk_denoise.files import ImageFile, write_image
    >>> camera = ImageFile(f"{data_dir}/camera.png")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "brighter.png")
    ...     n_clipped = write_image(np.asarray(camera) + 60.4, path, like=camera)
    ...     print(n_clipped, ImageFile(path)[0, :3])
    72087 [255 255 255]
    """
    if not isinstance(like, (ImageFile, str, os.PathLike)):
        raise TypeError(f"like must be an ImageFile or the path of the source, got {shown(like)}.")
    if not (denoiser is None or isinstance(denoiser, str) or hasattr(denoiser, "get_params")):
        raise TypeError(f"denoiser must be a str, an estimator or None, got {shown(denoiser)}.")
    like = like if isinstance(like, ImageFile) else ImageFile(like)
    path = os.fsdecode(path)
    form = dataclasses.replace(like._format, path=like.path)
    form.description = _describe(denoiser)
    _check_path(path, like)
    planes = _Converted(form, _read_planes(array, like))
    try:
        with clear_errors(path, f"written from {like.path}"):
            form.write_to(path, iter(planes))
    except InvalidFileError:
        if planes.error is not None:  # of the array, not of a file
            raise planes.error from None
        raise
    return planes.n_clipped


class _Converted:
    """Iterates over the indexes and the stored pixels of all planes, and counts clipped values."""

    def __init__(self, form, values):
        self._form, self._values = form, values
        self.n_clipped, self.error = 0, None

    def __iter__(self):
        try:
            for index, values in self._values:
                stored, n_clipped = self._form.to_stored(values, index)
                self.n_clipped += n_clipped
                yield index, stored
        except Exception as error:
            self.error = error
            raise


def _describe(denoiser):
    """Text of a derivation description."""
    text = denoiser if isinstance(denoiser, str) or denoiser is None else " ".join(repr(denoiser).split())
    return f"Denoised{f' by {text}' if text else ''} (sk_denoise {__version__})"


def _check_path(path, like):
    """Raise if the format does not go with the name of the file, or if the file is the source."""
    suffix, allowed = suffix_of(path), like.suffixes
    if suffix not in allowed and ("" not in allowed or suffix in _OTHERS):
        raise ValueError(
            f"path must end in {' or '.join(filter(None, allowed))}, because {like.path} is written as"
            f" {like.format if like.format != 'JPEG' else 'PNG'}, got {path!r}."
        )
    if os.path.exists(path) and os.path.samefile(path, like.path):
        raise ValueError(f"path must not be the source, whose pixels would be lost, got {path!r}. Choose another name.")


def _read_planes(array, like):
    """Return an iterator over the index and the values of each plane, with its axes in the order of the file."""
    if not hasattr(array, "shape") and (not isinstance(array, (list, tuple)) or _holds_planes(array, like)):
        return _read_one_by_one(array, like)
    array = array if hasattr(array, "shape") and hasattr(array, "__getitem__") else np.asarray(array)
    if tuple(array.shape) != like.shape:
        raise ValueError(
            f"array must have the shape of {like.path}, {like.shape}, or hold its {len(like.planes)} planes, got"
            f" {shown(array)}. Pass the denoised image, neither cropped nor resized."
        )
    form = like._format
    return ((index, _numbers(array[form.place(index)])) for index in form.indexes())


def _holds_planes(array, like):
    return len(array) > 0 and getattr(array[0], "ndim", 0) == like.planes[0].ndim


def _read_one_by_one(planes, like):
    """Yield the index and the values of planes that come one after the other."""
    if not isinstance(planes, Iterable):
        raise TypeError(f"array must be an array or an iterable of planes, got {shown(planes)}.")
    form, first, n_planes = like._format, like.planes[0], len(like.planes)
    back = [first._order.index(axis) for axis in form.plane_axes]
    missing = object()
    pairs = itertools.zip_longest(form.indexes(), planes, fillvalue=missing)
    for n_read, (index, plane) in enumerate(pairs):
        if index is missing or plane is missing:
            got = n_read if plane is missing else f"more than {n_read}"
            raise ValueError(f"array must hold the {n_planes} planes of {like.path}, got {got}. Pass one for each.")
        plane = _numbers(plane)
        if plane.shape != first.shape:
            raise ValueError(f"array must hold planes of shape {first.shape}, got {plane.shape} for number {n_read}.")
        yield index, plane.transpose(back)


def _numbers(values):
    values = np.asarray(values)
    if values.dtype.kind not in "biuf":
        raise ValueError(f"array must hold integers or floats, got dtype {values.dtype}. Convert it to real numbers.")
    return values
