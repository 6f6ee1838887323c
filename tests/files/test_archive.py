import io
import json
import os
import stat
import tracemalloc
import zipfile

import numpy as np
import pytest

from sk_denoise.files import _archive
from sk_denoise.files._archive import InvalidFileError, read_archive, write_archive

DOCUMENT = {
    "kind": "test",
    "text": "é\ud800",
    "numbers": [1, -2.5, 1e-300, 2**70],
    "nothing": None,
    "deep": {"a": [{}]},
}
ARRAYS = {
    "matrix": np.arange(6, dtype="f4").reshape(2, 3).T,
    "empty": np.zeros((0, 3)),
    "scalar": np.array(7),
    "big-endian": np.arange(3, dtype=">f8"),
    "flags": np.array([True, False]),
}


def read(path, max_size=1 << 20):
    return read_archive(path, max_size=max_size)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.zip"
    write_archive(path, DOCUMENT, ARRAYS)
    return path


def pack(text, blobs=()):
    """A file of the right layout around any document and any entries, given as (name, bytes)."""
    blobs = [("document.json", text), *blobs]
    entries = [(name, len(blob), _archive.zlib.crc32(blob)) for name, blob in blobs]
    body = b"".join(_archive._local(*entry) + blob for entry, (_, blob) in zip(entries, blobs))
    return body + _archive._directory(entries)


def test_round_trip(path):
    document, arrays = read(path)
    assert document == DOCUMENT
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array, strict=array.dtype.isnative)
        assert arrays[name].dtype.isnative
        assert arrays[name].flags.writeable


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"])
def test_every_dtype(tmp_path, dtype):
    array = np.arange(4).astype(dtype)
    write_archive(tmp_path / "a", {}, {"x": array})
    np.testing.assert_array_equal(read(tmp_path / "a")[1]["x"], array, strict=True)


def test_other_programs_read_it(path):
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        assert file.namelist() == ["document.json", *(f"arrays/{name}.npy" for name in ARRAYS)]
        assert json.loads(file.read("document.json"))["numbers"] == DOCUMENT["numbers"]
        for name, array in ARRAYS.items():
            entry = file.read(f"arrays/{name}.npy")
            np.testing.assert_array_equal(np.load(io.BytesIO(entry)), array)
            expected = io.BytesIO()
            np.save(expected, np.asarray(array, array.dtype.newbyteorder("<"), order="C"))
            assert entry == expected.getvalue()


def test_equal_content_is_equal_bytes(path, tmp_path):
    write_archive(tmp_path / "b", DOCUMENT, ARRAYS)
    assert path.read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("document", "arrays"),
    [
        ({"version": 2}, {}),
        ({}, {"../x": np.zeros(1)}),
        ({}, {"": np.zeros(1)}),
        ({}, {"x": np.array([None])}),
        ({}, {"x": np.zeros(1, "c8")}),
        ({}, {"x": np.zeros(1, "g")}),
        ({}, {"x": np.zeros((1,) * 17)}),
        ({"x": float("nan")}, {}),
        ({"x": "a" * (17 << 20)}, {}),
        ({}, dict.fromkeys(map(str, range(10_001)), np.zeros(1))),
    ],
)
def test_what_the_format_cannot_hold_is_refused_before_writing(tmp_path, document, arrays):
    with pytest.raises(ValueError):
        write_archive(tmp_path / "a", document, arrays)
    assert not os.listdir(tmp_path)


def test_too_large_for_the_format(tmp_path, monkeypatch):
    monkeypatch.setattr(_archive, "MAX_SIZE", 1000)
    with pytest.raises(ValueError, match=r"more than the 1000 of this format\. Use joblib"):
        write_archive(tmp_path / "a", {}, {"x": np.zeros(1000)})
    assert not os.listdir(tmp_path)


class TestDamage:
    def test_every_flipped_bit_is_noticed(self, tmp_path):
        path = tmp_path / "a"
        write_archive(path, {"a": 1}, {"x": np.arange(3)})
        whole = path.read_bytes()
        for position in range(8 * len(whole)):
            damaged = bytearray(whole)
            damaged[position // 8] ^= 1 << position % 8
            path.write_bytes(damaged)
            with pytest.raises(InvalidFileError, match=r"a cannot be loaded: .* save again|newer version"):
                read(path)

    def test_every_truncation_is_noticed(self, tmp_path, path):
        whole = path.read_bytes()
        for length in range(len(whole)):
            (tmp_path / "b").write_bytes(whole[:length])
            with pytest.raises(InvalidFileError):
                read(tmp_path / "b")

    def test_an_entry_of_another_file_is_noticed(self, path, tmp_path):
        changed = ARRAYS | {"matrix": ARRAYS["matrix"] + 1}
        write_archive(tmp_path / "b", DOCUMENT, changed)
        with zipfile.ZipFile(path) as one, zipfile.ZipFile(tmp_path / "b") as other:
            blobs = [(name, one.read(name)) for name in one.namelist()]
            blobs[1] = blobs[1][0], other.read(blobs[1][0])
        path.write_bytes(pack(blobs[0][1], blobs[1:]))
        with pytest.raises(InvalidFileError, match="not the one that its document speaks of"):
            read(path)

    @pytest.mark.parametrize("options", [{"compression": zipfile.ZIP_DEFLATED}, {}])
    def test_zipped_again_is_refused(self, path, options):
        with zipfile.ZipFile(path) as file:
            blobs = {name: file.read(name) for name in file.namelist()}
        with zipfile.ZipFile(path, "w", **options) as file:
            for name, blob in blobs.items():
                file.writestr(name, blob)
        with pytest.raises(InvalidFileError):
            read(path)

    @pytest.mark.parametrize(
        ("text", "match"),
        [
            (b'{"format": "sk_denoise", "version": 1, "arrays": {}, "a": 1, "a": 2}', "a key twice"),
            (b'{"format": "sk_denoise", "version": 1, "arrays": {}, "a": NaN}', "the number NaN"),
            (b'{"format": "sk_denoise", "version": 1, "arrays": {}, "a": 1e400}', "the number 1e400"),
            (b'{"format": "sk_denoise", "version": 1, "arrays": {}, "a": ' + b"1" * 5000 + b"}", "5000 digits"),
            (b'{"format": "sk_denoise", "version": 1, "arrays": {}, "a": ' + b"[" * 99_999, "nested too deeply"),
            (b'{"format": "sk_denoise", "version": 1, "arrays": {}, "a": "\xc3\xa9"}', "ascii"),
            (b'{"format": "sk_denoise", "version": 1, "arrays": []}', "no table"),
            (b'{"format": "sk_denoise", "version": 1}', "no table"),
            (b'{"format": "sk_denoise", "version": 0, "arrays": {}}', "version 0"),
            (b'{"format": "sk_denoise", "version": true, "arrays": {}}', "version True"),
            (b'{"format": "other", "version": 1, "arrays": {}}', "not of the format"),
            (b"[1, 2]", "not of the format"),
            (b"", "Expecting value"),
        ],
    )
    def test_documents_that_are_none(self, tmp_path, text, match):
        (tmp_path / "a").write_bytes(pack(text))
        with pytest.raises(InvalidFileError, match=match):
            read(tmp_path / "a")

    def test_newer_version(self, tmp_path):
        (tmp_path / "a").write_bytes(pack(b'{"format": "sk_denoise", "version": 2, "arrays": 0}'))
        with pytest.raises(InvalidFileError, match=r"newer version .* format 2, and this one reads up to 1\. Upgrade"):
            read(tmp_path / "a")

    @pytest.mark.parametrize("name", ["../x", "/x", "x/y", "x.npy", "ｘ", "x\0", "", "x" * 101])
    def test_names_out_of_the_folder(self, tmp_path, name):
        table = {name: {"dtype": "<f4", "shape": [], "sha256": ""}}
        text = json.dumps({"format": "sk_denoise", "version": 1, "arrays": table}).encode()
        (tmp_path / "a").write_bytes(pack(text))
        with pytest.raises(InvalidFileError, match="not described"):
            read(tmp_path / "a")

    @pytest.mark.parametrize("dtype", ["|O", "O", ">f4", "<U9", "<f16", "f4", "<M8[s]", ["<f4"], 7, None])
    def test_dtypes_that_are_none(self, tmp_path, dtype):
        table = {"x": {"dtype": dtype, "shape": [], "sha256": ""}}
        (tmp_path / "a").write_bytes(pack(json.dumps({"format": "sk_denoise", "version": 1, "arrays": table}).encode()))
        with pytest.raises(InvalidFileError, match="dtype"):
            read(tmp_path / "a")

    @pytest.mark.parametrize("shape", [[2**62], [2**40, 2**40], [0, 2**62], [-1], [1.0], [True], [1] * 99, "11", None])
    def test_absurd_shapes_allocate_nothing(self, tmp_path, shape):
        table = {"x": {"dtype": "<f8", "shape": shape, "sha256": ""}}
        (tmp_path / "a").write_bytes(pack(json.dumps({"format": "sk_denoise", "version": 1, "arrays": table}).encode()))
        tracemalloc.start()
        with pytest.raises(InvalidFileError, match="shape"):
            read(tmp_path / "a")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
        tracemalloc.stop()

    def test_a_large_file_of_nothing(self, tmp_path):
        with open(tmp_path / "a", "wb") as file:
            file.truncate(1 << 33)
        with pytest.raises(InvalidFileError, match=r"more than max_size=100\. Pass a larger"):
            read(tmp_path / "a", max_size=100)
        with pytest.raises(InvalidFileError, match="does not start"):
            read(tmp_path / "a", max_size=1 << 40)

    def test_missing_files_and_folders_raise_as_usual(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "none")
        with pytest.raises((IsADirectoryError, PermissionError)):
            read(tmp_path)


class TestWriting:
    @pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
    @pytest.mark.parametrize("broken", ["fsync", "replace", "chmod", "_directory"])
    def test_a_failure_leaves_the_old_file_and_nothing_else(self, path, monkeypatch, error, broken):
        before = path.read_bytes()

        def fail(*args):
            raise error

        monkeypatch.setattr(_archive if broken == "_directory" else _archive.os, broken, fail)
        with pytest.raises(type(error)):
            write_archive(path, {}, {"x": np.ones(100_000)})
        assert path.read_bytes() == before
        assert os.listdir(path.parent) == [path.name]

    def test_a_failure_in_the_middle_of_the_data(self, path, monkeypatch):
        calls, bytes_of = [], _archive._bytes_of

        def fail_late(array):
            calls.append(array)
            if len(calls) > 3:
                raise MemoryError
            return bytes_of(array)

        monkeypatch.setattr(_archive, "_bytes_of", fail_late)
        with pytest.raises(MemoryError):
            write_archive(path, {}, {"x": np.ones(9), "y": np.ones(9)})
        assert os.listdir(path.parent) == [path.name]
        assert read(path)[0] == DOCUMENT

    def test_missing_folder_and_folder_in_the_way(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="No such folder"):
            write_archive(tmp_path / "none" / "a", {}, {})
        with pytest.raises(IsADirectoryError):
            write_archive(tmp_path, {}, {})
        assert not os.listdir(tmp_path)

    @pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
    @pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
    def test_permissions_as_open_gives_them(self, tmp_path, umask):
        old = os.umask(umask)
        try:
            write_archive(tmp_path / "a", {}, {})
        finally:
            os.umask(old)
        assert stat.S_IMODE(os.stat(tmp_path / "a").st_mode) == 0o666 & ~umask

    @pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
    @pytest.mark.parametrize("mode", [0o600, 0o664])
    def test_a_file_replaced_keeps_its_permissions(self, path, mode):
        os.chmod(path, mode)
        write_archive(path, {}, {})
        assert stat.S_IMODE(os.stat(path).st_mode) == mode

    @pytest.mark.skipif(os.name != "posix", reason="links of POSIX")
    def test_writes_through_a_link(self, path, tmp_path):
        link = tmp_path / "link"
        link.symlink_to(path)
        write_archive(link, {"new": 1}, {})
        assert link.is_symlink()
        assert read(path)[0] == {"new": 1}

    def test_paths_of_every_kind(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for path in ("a", b"a", tmp_path / "a"):
            write_archive(path, {}, {})
            assert read(path) == ({}, {})
        with pytest.raises(TypeError):
            write_archive(io.BytesIO(), {}, {})


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_what_is_no_regular_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="No regular file"):
        write_archive(tmp_path / "pipe", {}, {})
    assert stat.S_ISFIFO(os.stat(tmp_path / "pipe").st_mode)
