"""DICOM files, of one or several frames."""

from __future__ import annotations

import math
import os
import tempfile
from dataclasses import dataclass, field

import numpy as np

from ._format import Format, clear_errors, refuse, require, round_and_clip, scaled, scaled_dtype, unscaled

_DEFERRED = 1 << 16  # bytes of elements that are read only when they are written
_GREY = ("MONOCHROME1", "MONOCHROME2")
_RGB = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")  # read as RGB
_LONGEST = 1024  # characters of a derivation description


@dataclass
class DicomFormat(Format):
    """A DICOM file, whose values are rescaled, as in Hounsfield units.

    Attributes
    ----------
    scales : list of (float, float)
        Slope and intercept of each frame, or one of all.
    bits : int
        Number of bits stored.
    padding : tuple of int or None
        Lowest and highest stored value of padding.
    offset : int or None
        Where uncompressed grey pixels start in the file; 0 if they are to be decoded, None before they are looked for.
    """

    scales: list = field(default_factory=lambda: [(1, 0)])
    bits: int = 16
    padding: tuple[int, int] | None = None
    offset: int | None = None

    name = "DICOM"
    suffixes = (".dcm", ".dicom", ".ima", "")

    @classmethod
    def open(cls, path, channel_axis=None):
        """Read the data set without the pixels."""
        data = _read(path, stop_before_pixels=True)
        n_frames, signed = int(data.get("NumberOfFrames") or 1), bool(data.get("PixelRepresentation"))
        _check_pixels(path, data)
        stored, bits = np.dtype(f"{'i' if signed else 'u'}{data.BitsAllocated // 8}"), int(data.BitsStored)
        shape, axes = (int(data.Rows), int(data.Columns)), "YX"
        colour = data.PhotometricInterpretation in _RGB
        if colour:
            shape, axes = (*shape, 3), "YXS"
        if n_frames > 1:
            shape, axes = (n_frames, *shape), f"F{axes}"
        scales = [(1, 0)] if colour else _find_scales(data, n_frames)
        limits = _limits(bits, signed)
        dtype = np.result_type(*{scaled_dtype(stored, *scale, limits) for scale in scales})
        channels = len(shape) - 1 if colour else None
        return cls(path, shape, axes, stored, dtype, channels, scales, bits, _find_padding(data, stored))

    def raw(self, index):
        frame = index[0] if index else 0
        if self.offset is None:
            self.offset, self.stored = _find_pixels(self.path, self.shape, self.stored)
        if self.offset:
            # pydicom would clear unused bits, which are to be kept.
            shape = self.shape if index else (1, *self.shape)
            return np.memmap(self.path, self.stored, "r", self.offset, shape)[frame]
        return _decode(self.path, frame)

    def _scale(self, index):
        return self.scales[index[0] if index and len(self.scales) > 1 else 0]

    def to_values(self, stored, index):
        return scaled(self._meaning(stored), *self._scale(index), self.dtype)

    def _meaning(self, stored):
        """Return the integers in the bits stored; other bits, such as those of overlays, are not part of them."""
        stored = np.asarray(stored).astype(self.stored.newbyteorder("="), copy=False)
        unused = 8 * self.stored.itemsize - self.bits
        return stored if not unused else (stored << unused) >> unused

    def to_stored(self, values, index):
        """Return the pixels to store; padding and bits that are not part of the pixels stay as they are."""
        scale, limits = self._scale(index), _limits(self.bits, self.stored.kind == "i")
        if self.padding is None and self.bits == 8 * self.stored.itemsize:
            return round_and_clip(unscaled(values, *scale), self.stored, limits)
        with clear_errors(self.path):
            before = np.asarray(self.raw(index)).astype(self.stored.newbyteorder("="), copy=False)
        old = self._meaning(before)
        pad = self._is_padding(before) | self._is_padding(old)
        values = np.where(pad, scaled(old, *scale, self.dtype), values) if pad.any() else values
        stored, n_clipped = round_and_clip(unscaled(values, *scale), self.stored, limits)
        mask = np.array((1 << self.bits) - 1, dtype=f"u{self.stored.itemsize}").view(before.dtype)
        stored = np.where(before == old, stored, (before & ~mask) | (stored & mask))
        return np.where(pad, before, stored), n_clipped

    def _is_padding(self, stored):
        low, high = self.padding or (1, 0)
        return (stored >= low) & (stored <= high)

    def write(self, file, planes):
        pydicom = require("pydicom", "dicom")
        data = _read(self.path, defer_size=_DEFERRED)
        if "PixelData" not in data:
            raise ValueError("its data set is incomplete. Copy the file again.")
        syntax = data.file_meta.TransferSyntaxUID
        if syntax.is_compressed or syntax.is_deflated:
            data.file_meta.TransferSyntaxUID = syntax = pydicom.uid.ExplicitVRLittleEndian
        self._mark(data)
        order = "<" if syntax.is_little_endian else ">"
        with tempfile.TemporaryFile() as pixels:
            for _, stored in planes:
                pixels.write(np.ascontiguousarray(stored, self.stored.newbyteorder(order)).data)
            pixels.write(bytes(pixels.tell() % 2))
            pixels.seek(0)
            _set_pixels(data, pixels, self.stored.itemsize)
            pydicom.dcmwrite(file, data, enforce_file_format=True)

    def _mark(self, data):
        """Say in the tags that the image is derived, and from what; it is a new instance in a new series."""
        uid = require("pydicom.uid", "dicom").generate_uid
        # Files of one series, denoised in the same way, belong to one new series.
        names = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID")
        sources = [*(str(data.get(name, "")) for name in names), self.description]
        data.SeriesInstanceUID = uid(entropy_srcs=sources)
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = uid()
        kind = data.get("ImageType") or ["", "PRIMARY"]
        data.ImageType = ["DERIVED", *([kind] if isinstance(kind, str) else list(kind))[1:]]
        before = str(data.get("DerivationDescription") or "")
        own = self.description if len(self.description) <= _LONGEST else f"{self.description[: _LONGEST - 3]}..."
        data.DerivationDescription = "; ".join(filter(None, [before, own]))[-_LONGEST:]
        if data.PhotometricInterpretation in _RGB:
            data.PhotometricInterpretation, data.PlanarConfiguration = "RGB", 0
        for name in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
            if name in data:
                del data[name]


def _read(path, **options):
    pydicom = require("pydicom", "dicom")
    try:
        return pydicom.dcmread(path, **options)
    except pydicom.errors.InvalidDicomError:
        raise ValueError(
            "it is not a DICOM file, or lacks its header. If it holds a data set, write it with a header:"
            " pydicom.dcmread(path, force=True).save_as(other, enforce_file_format=True)."
        ) from None


def _find_pixels(path, shape, stored):
    """Return where uncompressed grey pixels start, or 0, and their dtype with the byte order."""
    data = _read(path, defer_size=_DEFERRED, specific_tags=["PixelData", "SamplesPerPixel"])
    syntax, pixels = data.file_meta.TransferSyntaxUID, data.get_item("PixelData", keep_deferred=True)
    swapped = not syntax.is_little_endian and stored.itemsize == 1  # in words of two bytes
    if pixels is None or syntax.is_compressed or syntax.is_deflated or swapped or data.get("SamplesPerPixel", 1) > 1:
        return 0, stored
    wanted, found = math.prod(shape) * stored.itemsize, min(pixels.length, os.path.getsize(path) - pixels.value_tell)
    if found < wanted:
        raise ValueError(f"its pixels are {found} bytes instead of {wanted}. The file may be truncated.")
    return pixels.value_tell, stored.newbyteorder("<" if syntax.is_little_endian else ">")


def _decode(path, frame):
    """Return the pixels of one frame, decoded by pydicom."""
    decode = require("pydicom.pixels", "dicom").pixel_array
    try:
        return decode(path, index=frame)  # reads one frame only
    except Exception:
        data = _read(path)  # deflated files, and some unusual ones
    try:
        return decode(data, index=frame)
    except RuntimeError as error:
        if "missing dependencies" not in str(error):
            raise
        raise ValueError(
            f"no decoder for {data.file_meta.TransferSyntaxUID.name} is installed. Install one: pip install pylibjpeg"
            " pylibjpeg-libjpeg. See the documentation page 'DICOM and NIfTI' for its licence and for other decoders."
        ) from error


def _set_pixels(data, pixels, itemsize):
    """Set the pixel data to the contents of an open file."""
    from pydicom.dataelem import DataElement

    wide = itemsize > 1 or data.file_meta.TransferSyntaxUID.is_implicit_VR
    data["PixelData"] = DataElement("PixelData", "OW" if wide else "OB", pixels)


def _check_pixels(path, data):
    """Raise unless the pixels are grey or RGB integers."""
    if "Rows" not in data or "BitsStored" not in data:
        what = data.get("Modality") or "an object without pixels"
        raise refuse(path, f"holds no image, but {what}", "Leave it out.")
    colours = data.get("PhotometricInterpretation")
    if colours == "PALETTE COLOR":
        remedy = "Convert it to RGB first: pydicom.pixels.apply_color_lut(data.pixel_array, data)."
        raise refuse(path, "has a palette, so neighbouring numbers are not similar colours", remedy)
    if colours not in (*_GREY, *_RGB):
        raise refuse(path, f"has the colours {colours}, neither grey nor RGB", "Convert it first.")
    if data.BitsAllocated not in (8, 16, 32) or data.HighBit != data.BitsStored - 1:
        what = f"stores {data.BitsStored} of {data.BitsAllocated} bits, up to bit {data.HighBit}"
        raise refuse(path, what, "Save the pixels in the lowest bits of 8, 16 or 32.")
    if data.get("SamplesPerPixel", 1) != (3 if colours in _RGB else 1):
        raise refuse(path, f"has {data.SamplesPerPixel} samples per pixel for {colours}", "Correct its tags.")
    if "TransferSyntaxUID" not in data.file_meta:
        raise refuse(path, "does not say how its pixels are encoded", "Set its TransferSyntaxUID with pydicom.")


def _limits(bits, signed):
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)


def _find_scales(data, n_frames):
    """Return slope and intercept: of all frames, or of each one in enhanced multi-frame images."""
    shared = _transformation(data.get("SharedFunctionalGroupsSequence"), 0)
    if shared is None and "PerFrameFunctionalGroupsSequence" in data:
        frames = data.PerFrameFunctionalGroupsSequence
        scales = [_transformation(frames, i) for i in range(min(n_frames, len(frames)))]
        if len(scales) == n_frames and all(scale is not None for scale in scales):
            return scales
    if shared is not None:
        return [shared]
    return [_slope_and_intercept(data)]


def _transformation(groups, number):
    """Slope and intercept in one item of a sequence of functional groups, or None."""
    sequence = groups[number].get("PixelValueTransformationSequence") if groups else None
    return _slope_and_intercept(sequence[0]) if sequence else None


def _slope_and_intercept(data):
    slope, intercept = data.get("RescaleSlope"), data.get("RescaleIntercept")
    slope = 1 if slope in (None, "", 0) else float(slope)
    return slope, 0 if intercept in (None, "") else float(intercept)


def _find_padding(data, stored):
    """Return the lowest and the highest stored value of padding, or None."""
    value = data.get("PixelPaddingValue")
    if value is None:
        return None
    limit = data.get("PixelPaddingRangeLimit")
    # Some files give the value of signed pixels without a sign, or the other way round.
    ends = np.array([value, value if limit is None else limit], dtype=np.int64).astype(stored).tolist()
    return min(ends), max(ends)
