"""Which format a file has, by its first bytes; the modules of the formats are imported when needed."""

from __future__ import annotations

import importlib
import os

from ._format import refuse, suffix_of

#: Module and class of each format. Those of other libraries are imported only for their files.
_CLASSES = {
    "png": ("_png", "PngFormat"),
    "jpeg": ("_png", "JpegFormat"),
    "tiff": ("_tiff", "TiffFormat"),
    "dicom": ("_dicom", "DicomFormat"),
    "nifti": ("_nifti", "NiftiFormat"),
    "npy": ("_arrays", "NpyFormat"),
    "npz": ("_arrays", "NpzFormat"),
    "zarr": ("_zarr", "ZarrFormat"),
}
_ARRAYS = ("npy", "npz", "zarr")
_BY_SUFFIX = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".btf": "tiff",
    ".tf8": "tiff",
    ".dcm": "dicom",
    ".dicom": "dicom",
    ".ima": "dicom",
    ".nii": "nifti",
    ".nii.gz": "nifti",
    ".npy": "npy",
    ".npz": "npz",
    ".zarr": "zarr",
}
_HEAD = 352  # bytes at the start of a file, which tell its format
#: Extensions of image files.
SUFFIXES = tuple(_BY_SUFFIX)
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ALLOWED = "PNG, JPEG, TIFF, DICOM, NIfTI (.nii, .nii.gz), .npy, .npz or zarr"


def format_of(path, channel_axis=None):
    """Return the `Format` of a file, read from its header."""
    kind = _find_kind(path)
    if channel_axis is not None and kind not in _ARRAYS:
        raise refuse(path, f"is a {kind} file, which says which axis holds colours", "Leave out channel_axis.")
    module, name = _CLASSES[kind]
    form = getattr(importlib.import_module(f".{module}", __package__), name).open(path, channel_axis)
    if min(form.shape) < 1:
        raise refuse(path, f"holds no pixels, but an array of shape {form.shape}", "Leave it out.")
    return form


def _find_kind(path):
    if os.path.isdir(path):
        if _is_zarr(path):
            return "zarr"
        raise refuse(path, "is a folder", "Pass the files in it: sorted(pathlib.Path(folder).glob('*')).")
    if os.path.exists(path) and not os.path.isfile(path):
        raise refuse(path, "is not a file", f"Pass {_ALLOWED}.")
    with open(path, "rb") as file:
        head = file.read(_HEAD)
    kind = _by_content(head)
    if kind == "npz" and suffix_of(path) != ".npz":
        kind = None  # any other zip file
    kind = kind or _BY_SUFFIX.get(suffix_of(path))
    if kind is None:
        raise refuse(path, "is not an image in a known format", f"Convert it to one of {_ALLOWED}.")
    return kind


def is_image(path):
    """Return whether a file seems to be an image: by its extension, or else by its content."""
    if os.path.isdir(path):
        return _is_zarr(path)
    if not os.path.isfile(path):  # a pipe would wait for a writer
        return False
    if suffix_of(path) in _BY_SUFFIX:
        return True
    try:
        with open(path, "rb") as file:
            return _by_content(file.read(_HEAD)) not in (None, "npz")  # other zip files are no images
    except OSError:
        return False


def _is_zarr(path):
    return any(os.path.exists(os.path.join(path, name)) for name in ("zarr.json", ".zarray", ".zgroup"))


def _by_content(head):
    if head[128:132] == b"DICM":
        return "dicom"
    if head[:4] in _TIFF:
        return "tiff"
    if head[344:347] in (b"n+1", b"ni1") or head[4:7] in (b"n+2", b"ni2"):
        return "nifti"
    for start, kind in (
        (b"\x89PNG", "png"),
        (b"\xff\xd8\xff", "jpeg"),
        (b"\x93NUMPY", "npy"),
        (b"PK\x03\x04", "npz"),
    ):
        if head.startswith(start):
            return kind
    return None
