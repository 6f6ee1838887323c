"""PNG and JPEG files; both are written as PNG."""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass

import imageio.v3 as iio
import numpy as np
from PIL import Image

from ._format import Format, refuse

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LONGEST = 1 << 30  # bytes of a chunk
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # of the colour types of PNG
_NOT_COPIED = (b"IHDR", b"IDAT", b"IEND")
_PALETTE = "has a palette, so neighbouring numbers are not similar colours"
_REWRITE = "Convert it to grey or RGB first, as with Pillow: Image.open(path).convert('RGB').save('converted.png')"


@dataclass
class PngFormat(Format):
    """PNG of 8 or 16 bits, grey or RGB; alpha and all chunks but the pixels are copied from the source."""

    name = "PNG"
    suffixes = (".png",)

    @classmethod
    def open(cls, path, channel_axis=None):
        """Read the header."""
        chunks = dict(_chunks(path))
        width, height, bits, colour = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
        if b"acTL" in chunks:
            raise refuse(path, "is animated", "Save its frames as separate files, or as one TIFF file.")
        if colour == 3:
            raise refuse(path, _PALETTE, _REWRITE)
        if bits < 8:
            raise refuse(path, f"has a bit depth of {bits}, but 8 or 16 is needed", _REWRITE)
        n_colours = 3 if colour & 2 else 1
        shape, axes = (height, width) + (3,) * (n_colours == 3), "YXS"[: 2 + (n_colours == 3)]
        dtype = np.dtype(f"u{bits // 8}")
        return cls(path, shape, axes, dtype, dtype, 2 if n_colours == 3 else None)

    def raw(self, index):
        return self._colours(_decode(self.path))

    def _colours(self, pixels):
        pixels = pixels.reshape(*self.shape[:2], -1)
        return pixels[..., :3] if self.channel_axis else pixels[..., 0]

    def write(self, file, planes):
        pixels = _decode(self.path).copy()
        colours, transparent = self._colours(pixels), dict(_chunks(self.path)).get(b"tRNS")
        for _, stored in planes:
            colours[:] = stored if transparent is None else _keep_transparent(stored, colours, transparent)
        write_png(file, pixels, [(kind, data) for kind, data in _chunks(self.path) if kind not in _NOT_COPIED])


def _keep_transparent(stored, before, transparent):
    """Return `stored` with the pixels of the transparent colour as they were, and no others of that colour."""
    key = np.frombuffer(transparent, ">u2").astype(before.dtype)
    is_key = lambda pixels: (pixels == key).reshape(*pixels.shape[:2], -1).all(axis=2)
    kept, result = is_key(before), stored.astype(before.dtype)
    result[is_key(result) & ~kept] ^= 1  # the next grey value
    result[kept] = before[kept]
    return result


@dataclass
class JpegFormat(Format):
    """JPEG of 8 bits, grey or RGB; written as PNG with the resolution, the colour profile and the EXIF data."""

    name = "JPEG"
    suffixes = (".png",)

    @classmethod
    def open(cls, path, channel_axis=None):
        """Read the header."""
        with Image.open(path) as image:
            mode, (width, height) = image.mode, image.size
        if mode not in ("L", "RGB"):
            raise refuse(path, f"has the colours {mode}, not grey or RGB", _REWRITE)
        shape, axes = ((height, width), "YX") if mode == "L" else ((height, width, 3), "YXS")
        return cls(path, shape, axes, np.dtype(np.uint8), np.dtype(np.uint8), None if mode == "L" else 2)

    def raw(self, index):
        return iio.imread(self.path, plugin="pillow")

    def write(self, file, planes):
        for _, stored in planes:
            write_png(file, stored, self._metadata())

    def _metadata(self):
        """Return the chunks of PNG that say what the segments of JPEG say."""
        with Image.open(self.path) as image:
            info, exif = image.info, image.getexif().tobytes()
        chunks = []
        if "icc_profile" in info:
            chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(info["icc_profile"])))
        if "dpi" in info:
            chunks.append((b"pHYs", struct.pack(">IIB", *(round(float(dpi) / 0.0254) for dpi in info["dpi"]), 1)))
        if len(exif) > 6 and "exif" in info:
            chunks.append((b"eXIf", info["exif"].removeprefix(b"Exif\0\0")))
        if "comment" in info:
            chunks.append((b"tEXt", b"Comment\0" + info["comment"].replace(b"\0", b"")))
        if "xmp" in info:
            chunks.append((b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + info["xmp"]))
        return chunks


def _chunks(path):
    """Yield the kind and the data of the chunks of a PNG file; the data of pixels are skipped."""
    with open(path, "rb") as file:
        if file.read(8) != _SIGNATURE:
            raise ValueError("it is not a PNG file.")
        kind = None
        while kind != b"IEND":
            head = file.read(8)
            if len(head) < 8:
                raise ValueError("the file is truncated.")
            length, kind = struct.unpack(">I4s", head)
            if kind == b"IDAT":
                file.seek(length + 4, os.SEEK_CUR)
                yield kind, b""
                continue
            data = file.read(length)
            if len(data) < length or file.read(4) != struct.pack(">I", zlib.crc32(kind + data)):
                raise ValueError("the file is damaged or truncated.")
            yield kind, data


def _decode(path):
    """Return all pixels of a PNG file, alpha included."""
    with Image.open(path) as image:
        if image.tile[0].args not in ("RGB;16B", "RGBA;16B", "LA;16B"):
            return iio.imread(path, plugin="pillow")
        mode = image.mode
        if image.tile[0].args == "LA;16B":
            pixels = _decode_as(path, "RGBA")  # its four bytes are the two values of a pixel
            return np.ascontiguousarray(pixels).view(">u2").astype(np.uint16)
    # Pillow reduces 16-bit colours to 8 bits. The high and the low bytes can be read one after the other.
    high, low = (_decode_as(path, f"{mode};16{order}") for order in "BL")
    return high.astype(np.uint16) << 8 | low


def _decode_as(path, raw_mode):
    with Image.open(path) as image:
        image.tile = [image.tile[0]._replace(args=raw_mode)]
        return np.asarray(image)


def write_png(file, pixels, chunks=()):
    """Write an array of uint8 or uint16 as a PNG file; Pillow cannot write 16-bit colours.

    Parameters
    ----------
    file : file
        Where to write.
    pixels : ndarray of shape (height, width) or (height, width, n_channels)
        Grey, grey and alpha, RGB, or RGB and alpha.
    chunks : list of (bytes, bytes)
        Kind and data of further chunks.
    """
    height, width = pixels.shape[:2]
    lines = pixels.astype(pixels.dtype.newbyteorder(">")).reshape(height, -1).view(np.uint8)
    colour = {n: kind for kind, n in _CHANNELS.items()}[pixels.size // (height * width)]
    file.write(_SIGNATURE)
    _write_chunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, pixels.itemsize * 8, colour, 0, 0, 0))
    for kind, data in chunks:
        _write_chunk(file, kind, data)
    filtered = np.full((height, 1 + lines.shape[1]), 2, dtype=np.uint8)  # 2: differences from the line above
    filtered[0, 1:], filtered[1:, 1:] = lines[0], lines[1:] - lines[:-1]
    data = zlib.compress(filtered, 6)
    for start in range(0, len(data), _LONGEST):
        _write_chunk(file, b"IDAT", data[start : start + _LONGEST])
    _write_chunk(file, b"IEND", b"")


def _write_chunk(file, kind, data):
    file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
