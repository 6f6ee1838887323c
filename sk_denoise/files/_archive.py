"""A zip of one JSON document and named arrays, which carries no code and is checked to the last byte.

The layout is a function of what the file holds: entries follow each other uncompressed, ``document.json`` first, with
one fixed header each. So reading needs no parser of zip or .npy files, which would have to be defended against what
those formats allow: the reader works out the bytes that the writer would have written, and compares.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import struct
import zlib

import numpy as np

from .._core.files import InvalidFileError, replacing

FORMAT, VERSION = "sk_denoise", 1
MAX_DOCUMENT = 16 << 20  # bytes of JSON; a million feature names
MAX_ARRAYS = 10_000
MAX_DIMENSIONS = 16
MAX_SIZE = (1 << 32) - 1  # of a file: zip's plain headers count in 32 bits

_HINT = "The file is damaged, or was not written by sk_denoise: copy it again, or save again."
_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
_RESERVED = ("format", "version", "arrays")
_DTYPES = [f"<f{n}" for n in (2, 4, 8)] + [f"{'|' if n == 1 else '<'}{kind}{n}" for kind in "iu" for n in (1, 2, 4, 8)]
_DTYPES = frozenset([*_DTYPES, "|b1"])

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_ZIP_VERSION, _UNIX, _DATE, _MODE = 20, 3 << 8, 1 << 5 | 1, 0o100644 << 16  # 1 January 1980, midnight
_DOCUMENT = "document.json"


# What each part of a file looks like


def _local(name, data_size, crc):
    start = b"PK\3\4", _ZIP_VERSION, 0, 0, 0, _DATE, crc, data_size, data_size
    return _LOCAL.pack(*start, len(name), 0) + name.encode("ascii")


def _central(name, data_size, crc, offset):
    start = b"PK\1\2", _ZIP_VERSION | _UNIX, _ZIP_VERSION, 0, 0, 0, _DATE, crc, data_size, data_size
    return _CENTRAL.pack(*start, len(name), 0, 0, 0, 0, _MODE, offset) + name.encode("ascii")


def _directory(entries):
    """What stands behind the entries, given as (name, size, crc)."""
    offset, parts = 0, []
    for name, size, crc in entries:
        parts.append(_central(name, size, crc, offset))
        offset += _LOCAL.size + len(name) + size
    size = sum(map(len, parts))
    return b"".join(parts) + _END.pack(b"PK\5\6", 0, 0, len(parts), len(parts), size, offset, 0)


def _file_size(entries):
    """Size of the whole file, for entries given as (name, size)."""
    return _END.size + sum(_LOCAL.size + _CENTRAL.size + 2 * len(name) + size for name, size in entries)


def _npy_header(dtype, shape):
    """Header of the .npy format 1.0, as NumPy writes it."""
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    length = -(-(10 + len(text) + 1) // 64) * 64 - 10  # data starts at a multiple of 64
    return b"\x93NUMPY\1\0" + struct.pack("<H", length) + text.ljust(length - 1).encode("ascii") + b"\n"


def _entry_name(name):
    return f"arrays/{name}.npy"


# Writing


def write_archive(path, document, arrays):
    """Write `document` and `arrays` to `path`, which then holds all of it or what it held before.

    Parameters
    ----------
    path : str or path-like
        Where to. The folder must exist; a file there is replaced.
    document : dict
        Of what JSON has: dicts with str keys, lists, str, int, finite float, bool, None. Tuples come back as lists.
        "format", "version" and "arrays" are keys of the archive's own.
    arrays : dict of str to ndarray
        Floats up to 64 bits, integers or booleans, any shape. Names of ASCII letters, digits, "_" and "-".

    Raises
    ------
    ValueError
        For what the format cannot hold. Nothing is written then.
    """
    arrays = {name: _plain_array(name, array) for name, array in arrays.items()}
    if len(arrays) > MAX_ARRAYS or any(key in document for key in _RESERVED):
        raise ValueError(f"An archive holds up to {MAX_ARRAYS} arrays and a document without the keys {_RESERVED}.")
    table, entries = {}, []
    for name, array in arrays.items():
        header = _npy_header(array.dtype.str, array.shape)
        data = _bytes_of(array)
        digest = hashlib.sha256(data).hexdigest()
        table[name] = {"dtype": array.dtype.str, "shape": list(array.shape), "sha256": digest}
        entries.append((_entry_name(name), len(header) + len(data), zlib.crc32(data, zlib.crc32(header))))
    whole = {"format": FORMAT, "version": VERSION, **document, "arrays": table}
    text = json.dumps(whole, allow_nan=False).encode("ascii")
    if len(text) > MAX_DOCUMENT:
        raise ValueError(f"The document has {len(text)} bytes of JSON, more than the {MAX_DOCUMENT} of this format.")
    entries.insert(0, (_DOCUMENT, len(text), zlib.crc32(text)))
    size = _file_size([entry[:2] for entry in entries])
    if size > MAX_SIZE:
        raise ValueError(f"The file would have {size} bytes, more than the {MAX_SIZE} of this format. Use joblib.dump.")
    with replacing(path) as file:
        file.write(_local(*entries[0]) + text)
        for entry, array in zip(entries[1:], arrays.values()):
            file.write(_local(*entry) + _npy_header(array.dtype.str, array.shape))
            file.write(_bytes_of(array))
        file.write(_directory(entries))


def _plain_array(name, array):
    """`array`, little-endian and in C order; no copy where it is so already."""
    array = np.asarray(array)
    plain = array.dtype.newbyteorder("<")
    if not _NAME.fullmatch(name) or plain.str not in _DTYPES or array.ndim > MAX_DIMENSIONS:
        raise ValueError(
            f"Array {name!r} of dtype {array.dtype} and {array.ndim} dimensions cannot be saved. Names are of ASCII"
            f" letters, digits, '_' and '-'; dtypes are {sorted(_DTYPES)}; dimensions up to {MAX_DIMENSIONS}."
        )
    return np.asarray(array, dtype=plain, order="C")


def _bytes_of(array):
    return memoryview(array.reshape(-1).view(np.uint8))


# Reading


def read_archive(path, *, max_size):
    """Read what `write_archive` wrote.

    Parameters
    ----------
    path : str or path-like
        The file.
    max_size : int
        Largest file to read, in bytes. Nothing is compressed, so this bounds the memory of the arrays too.

    Returns
    -------
    document : dict
        As given to `write_archive`.
    arrays : dict of str to ndarray
        In native byte order.

    Raises
    ------
    InvalidFileError
        For any file that `write_archive` would not have written to the last byte.
    OSError
        Where the file cannot be opened or read.
    """
    path = os.fsdecode(path)
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > max_size:
            raise InvalidFileError(
                f"{path} has {size} bytes, more than max_size={max_size}. Pass a larger max_size if you trust it."
            )
        try:
            return _read(file, size)
        except _NewerVersionError as error:
            raise InvalidFileError(f"{path} {error}") from None
        except ValueError as error:
            raise invalid(path, error) from error


def invalid(path, reason):
    """The error for a file that is not as it should be."""
    reason = str(reason).rstrip(".")
    return InvalidFileError(f"{os.fsdecode(path)} cannot be loaded: {reason}. {_HINT}")


class _NewerVersionError(ValueError):
    pass


def _read(file, size):
    text, document_entry = _read_document(file, size)
    document = _parse(text)
    table = document.pop("arrays")
    headers = {name: _check_array(name, about, size) for name, about in table.items()}
    sizes = [(_entry_name(n), len(header) + _n_bytes(table[n])) for n, header in headers.items()]
    expected = _file_size([document_entry[:2], *sizes])
    if size != expected:  # before anything is allocated
        raise ValueError(f"it has {size} bytes, and its document speaks of {expected}.")
    entries, arrays = [document_entry], {}
    for (name, header), (entry_name, entry_size) in zip(headers.items(), sizes):
        arrays[name], crc = _read_array(file, entry_name, entry_size, header, table[name])
        entries.append((entry_name, entry_size, crc))
    if file.read() != _directory(entries):
        raise ValueError("its directory is not that of its entries.")
    return document, arrays


def _read_document(file, size):
    start = file.read(_LOCAL.size + len(_DOCUMENT))
    if len(start) < _LOCAL.size + len(_DOCUMENT) or not start.startswith(b"PK\3\4"):
        raise ValueError("it does not start as it should.")
    n_bytes = _LOCAL.unpack_from(start)[7]
    if n_bytes > min(size, MAX_DOCUMENT):
        raise ValueError(f"its document is said to have {n_bytes} bytes.")
    text = file.read(n_bytes)
    entry = _DOCUMENT, len(text), zlib.crc32(text)
    if start != _local(*entry):
        raise ValueError(f"{_DOCUMENT} is not as it was written.")
    return text, entry


def _parse(text):
    try:
        document = json.loads(
            text.decode("ascii"), object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite
        )
    except RecursionError:
        raise ValueError(f"{_DOCUMENT} is nested too deeply.") from None
    if not isinstance(document, dict) or document.pop("format", None) != FORMAT:
        raise ValueError(f"{_DOCUMENT} is not of the format {FORMAT!r}.")
    version = document.pop("version", None)
    if type(version) is int and version > VERSION:
        raise _NewerVersionError(
            f"was written by a newer version of sk_denoise: format {version}, and this one reads up to {VERSION}."
            " Upgrade with: pip install -U sk_denoise"
        )
    if type(version) is not int or version < 1:
        raise ValueError(f"version {version!r} is no version of this format.")
    if not isinstance(document.get("arrays"), dict) or len(document["arrays"]) > MAX_ARRAYS:
        raise ValueError(f"{_DOCUMENT} has no table of up to {MAX_ARRAYS} arrays.")
    return document


def _unique(pairs):
    document = dict(pairs)
    if len(document) < len(pairs):
        raise ValueError(f"{_DOCUMENT} has a key twice in one object.")
    return document


def _refuse(constant):
    raise ValueError(f"{_DOCUMENT} has the number {constant}, which JSON does not have.")


def _finite(text):
    value = float(text)
    return value if math.isfinite(value) else _refuse(text)


def _check_array(name, about, size):
    """The .npy header that belongs to an array of the table."""
    if not _NAME.fullmatch(name) or not isinstance(about, dict) or set(about) != {"dtype", "shape", "sha256"}:
        raise ValueError(f"the array {name[:100]!r} is not described as it should be.")
    dtype, shape = about["dtype"], about["shape"]
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise ValueError(f"the array {name!r} has the dtype {str(dtype)[:100]!r}, which no array here has.")
    is_shape = isinstance(shape, list) and len(shape) <= MAX_DIMENSIONS
    is_shape = is_shape and all(type(n) is int and 0 <= n <= size for n in shape)
    # Zeros count as ones, so that no axis beside them is too long for NumPy.
    if not is_shape or math.prod(max(n, 1) for n in shape) > max(size, 1):
        raise ValueError(f"the array {name!r} has the shape {str(shape)[:100]}, which does not fit into the file.")
    return _npy_header(dtype, tuple(shape))


def _n_bytes(about):
    return math.prod(about["shape"]) * np.dtype(about["dtype"]).itemsize


def _read_array(file, entry_name, entry_size, header, about):
    start = file.read(_LOCAL.size + len(entry_name))
    found = file.read(len(header))
    data = file.read(entry_size - len(header))
    crc = zlib.crc32(data, zlib.crc32(header))
    if (start, found) != (_local(entry_name, entry_size, crc), header):
        raise ValueError(f"the entry {entry_name} is not as it was written.")
    if hashlib.sha256(data).hexdigest() != about["sha256"]:
        raise ValueError(f"the entry {entry_name} is not the one that its document speaks of.")
    dtype = np.dtype(about["dtype"])
    array = np.frombuffer(data, dtype=dtype).reshape(about["shape"])
    return array.astype(dtype.newbyteorder("="), copy=True), crc
