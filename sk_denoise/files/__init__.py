"""Images in and out of files, and estimators in and out of files that contain no code."""

from .._core.files import InvalidFileError
from ._image_file import ImageFile, Plane, Planes
from ._images import ImageFiles, read_images, write_image
from ._skops import load, save

__all__ = [
    "ImageFile",
    "ImageFiles",
    "InvalidFileError",
    "Plane",
    "Planes",
    "load",
    "read_images",
    "save",
    "write_image",
]
