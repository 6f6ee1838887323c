"""Damaged and forged files: each ends in an `InvalidFileError` or in the estimator that it speaks of.

Two families of mutations. Those of bytes must leave nothing but the estimator saved, or the error. Those of documents
have all digests computed anew, as a forger would: what loads then must be what the document says.
"""

import copy
import hashlib
import io
import json
import pickle
import random
import struct
import subprocess
import sys
import time
import tracemalloc
import warnings
import zipfile
import zlib

import numpy as np
import pytest
from test_archive import pack
from test_persistence import DATA, MAKERS, VERSION, same

from sk_denoise.files import InvalidFileError, _archive, load
from sk_denoise.files import _persistence as persistence
from sk_denoise.files._archive import read_archive
from sk_denoise.files._typed import Encoder

pytestmark = pytest.mark.slow

FILES = {name: (DATA / f"format_{VERSION}_{name}.zip").read_bytes() for name in MAKERS}
N_MUTATIONS = 5_000


def entries_of(data):
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return [(name, file.read(name)) for name in file.namelist()]


ENTRIES = {name: entries_of(data) for name, data in FILES.items()}


# Mutations of bytes: (random generator, name of a file) -> bytes


def truncated(rng, name):
    return FILES[name][: rng.randrange(len(FILES[name]))]


def bits_flipped(rng, name):
    data = bytearray(FILES[name])
    for _ in range(rng.choice([1, 1, 2, 8, 64])):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def bytes_overwritten(rng, name):
    data, start = bytearray(FILES[name]), rng.randrange(len(FILES[name]))
    new = rng.choice([rng.randbytes(rng.randrange(1, 99)), b"\0" * rng.randrange(1, 99), b"\xff" * 4])
    data[start : start + len(new)] = new[: len(data) - start]
    return bytes(data)


def bytes_inserted(rng, name):
    start = rng.choice([0, len(FILES[name]), rng.randrange(len(FILES[name]))])
    return FILES[name][:start] + rng.randbytes(rng.randrange(1, 99)) + FILES[name][start:]


def bytes_removed(rng, name):
    start = rng.randrange(len(FILES[name]))
    return FILES[name][:start] + FILES[name][start + rng.randrange(1, 99) :]


def parts_moved(rng, name):
    data = FILES[name]
    a, b, c = sorted(rng.randrange(len(data) + 1) for _ in range(3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def files_joined(rng, name):
    other = FILES[rng.choice(list(FILES))]
    return rng.choice([FILES[name] + other, FILES[name][: rng.randrange(len(FILES[name]))] + other])


def header_fields_forged(rng, name):
    data = bytearray(FILES[name])
    marks = [i for i in range(len(data) - 4) if data[i : i + 4] in (b"PK\1\2", b"PK\3\4", b"PK\5\6")]
    size, value = rng.choice([("<H", 0xFFFF), ("<L", 0xFFFFFFFF)])
    offset = rng.choice(marks) + rng.randrange(4, 44)
    offset = min(offset, len(data) - 4)
    struct.pack_into(size, data, offset, rng.choice([0, 1, 8, value, value >> 1, rng.randrange(value)]))
    return bytes(data)


def entries_swapped(rng, name):
    entries = list(ENTRIES[name])
    i, j = rng.randrange(len(entries)), rng.randrange(len(entries))
    entries[i], entries[j] = (entries[i][0], entries[j][1]), (entries[j][0], entries[i][1])
    return pack(entries[0][1], entries[1:])


def entries_of_another_file(rng, name):
    entries, others = list(ENTRIES[name]), ENTRIES[rng.choice(list(FILES))]
    i = rng.randrange(len(entries))
    entries[i] = entries[i][0], rng.choice(others[1:] or others)[1]
    return pack(entries[0][1], entries[1:])


def entries_renamed(rng, name):
    entries = list(ENTRIES[name])
    i = rng.randrange(len(entries))
    new = rng.choice(
        [
            "../../etc/passwd",
            "/etc/passwd",
            "C:\\x",
            "arrays/../x.npy",
            "arrays/",
            "",
            "document.json",
            "Document.json",
            "x" * 60_000,
            "arrays/WEIGHT_0.npy",
            "arrays/weight_0.npy ",
            "arrays/weight_0.npy\0",
        ]
    )
    entries[i] = new, entries[i][1]
    sized = [(n, len(blob), zlib.crc32(blob)) for n, blob in entries]
    body = b"".join(_archive._local(*entry) + blob for entry, (_, blob) in zip(sized, entries))
    return body + _archive._directory(sized)


def zipped_otherwise(rng, name):
    file, entries = io.BytesIO(), list(ENTRIES[name])
    method = rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    change = rng.choice(["double", "folder", "unicode", "comment", "order", "bomb"])
    if change == "double":
        entries.append(rng.choice(entries))
    elif change == "folder":
        entries.append(("arrays/", b""))
    elif change == "unicode":
        entries.append(("arrays/weight_０\u202e.npy", b"x"))
    elif change == "order":
        rng.shuffle(entries)
    elif change == "bomb":
        entries.append(("arrays/bomb.npy", bytes(1 << 22)))
        method = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(file, "w", method) as target, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of entries that are there twice
        for entry, blob in entries:
            if entry not in target.namelist() or change == "double":
                info = zipfile.ZipInfo(entry)
                info.compress_type = method
                target.writestr(info, blob)
        target.comment = b"PK\5\6" * 3 if change == "comment" else b""
    return file.getvalue()


def npy_headers_forged(rng, name):
    """Other headers or pickled objects, under a document that is left as it is or speaks of them."""
    entries = list(ENTRIES[name])
    document = json.loads(entries[0][1])
    i = rng.randrange(1, len(entries)) if len(entries) > 1 else 0
    if i == 0:
        return truncated(rng, name)
    array = rng.choice(
        [np.array([Evil()], dtype=object), np.zeros(3, "c16"), np.zeros((3, 3), order="F"), np.zeros(2, "<M8[s]")]
    )
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    blob = file.getvalue()
    if rng.random() < 0.3:
        shape = rng.choice([(2**62,), (2**31, 2**31), (-1,), (0, 2**62), (), (1.5,)])
        blob = _archive._npy_header("<f4", shape) + b"\0" * 64
    about = document["arrays"][entries[i][0].removeprefix("arrays/").removesuffix(".npy")]
    if rng.random() < 0.7:
        about["sha256"] = hashlib.sha256(blob[128:]).hexdigest()
        about["dtype"] = rng.choice([about["dtype"], array.dtype.str, "|O"])
        about["shape"] = rng.choice([about["shape"], list(array.shape)])
    entries[i] = entries[i][0], blob
    return pack(json.dumps(document).encode(), entries[1:])


class Evil:
    """Would leave a trace if anything unpickled it."""

    def __reduce__(self):
        return exec, ("import builtins; builtins.evil = True",)


OF_BYTES = [truncated, bits_flipped, bytes_overwritten, bytes_inserted, bytes_removed, parts_moved, files_joined]
OF_BYTES += [header_fields_forged, entries_swapped, entries_of_another_file, entries_renamed, zipped_otherwise]
OF_BYTES += [npy_headers_forged]


# Mutations of documents, packed with right sizes and digests

VALUES = [None, True, False, 0, 1, -1, 2, 3, 2**31, 2**63, 10**30, -0.0, 0.5, 1.5, 1e300, 5e-324, "", "dense", "conv"]
VALUES += ["unet", "auto", "gaussian", "os:system", "builtins:eval", "__import__('os').system('true')", "weight_0"]
VALUES += ["optimizer_4", "../x", "\0", "\ud800", "а", "x" * 10_000, [], {}, [[]], [1, 2], [0.0, 1.0], ["a", "b"]]
VALUES += [{"tuple": []}, {"tuple": [0.0, 1.0]}, {"float": "nan"}, {"float": "inf"}, {"float": "1"}, {"generator": 0}]
VALUES += [{"generator": -1}, {"reference": "os:system"}, {"reference": []}, {"estimator": {}}, {"tuple": 1}, {"a": 1}]
VALUES += [
    [1] * 1000,
    ["weight_0"] * 50,
    {"class": "NoiseInjector", "params": {}},
    {"class": "os:system", "params": {}},
]
VALUES += [{"estimator": {"class": "NoiseInjector", "params": {}}}, {"class": "Pipeline", "params": {}, "steps": []}]


def places(value, found=None):
    """All (container, key) in a document."""
    found = [] if found is None else found
    for key in value if isinstance(value, dict) else range(len(value)):
        found.append((value, key))
        if isinstance(value[key], (dict, list)):
            places(value[key], found)
    return found


def changed(rng, document):
    """One change somewhere; all of the interesting ones lie outside of the table of arrays."""
    estimator = document.get("estimator")
    inner = isinstance(estimator, dict) and estimator and rng.random() < 0.8
    container, key = rng.choice(places(estimator if inner else document))
    action = rng.choice(["value", "value", "value", "number", "delete", "double", "rename", "nest", "swap"])
    if action == "delete":
        del container[key]
    elif action == "double" and isinstance(container, list):
        container.insert(key, container[key])
    elif action == "rename" and isinstance(container, dict):
        container[rng.choice([key + "_", "__class__", "é", key.upper()])] = container.pop(key)
    elif action == "nest":
        for _ in range(rng.choice([1, 3, 90])):
            container[key] = rng.choice([[container[key]], {"tuple": [container[key]]}])
    elif action == "number" and isinstance(container[key], (int, float)):
        container[key] = rng.choice(
            [-container[key], container[key] + 1, container[key] * 10**12, float(container[key])]
        )
    elif action == "swap":
        other, other_key = rng.choice(places(document))
        container[key] = json.loads(json.dumps(other[other_key]))
    else:
        container[key] = copy.deepcopy(rng.choice(VALUES))


def document_forged(rng, name):
    document = json.loads(ENTRIES[name][0][1])
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        changed(rng, document)
    return pack(json.dumps(document).encode(), ENTRIES[name][1:])


def state_forged(rng, name):
    """Absurd sizes in a fitted network."""
    name = rng.choice(["dense", "partly", "unet"])
    document = json.loads(ENTRIES[name][0][1])
    state = document["estimator"]["state"]
    size = rng.choice([0, -1, 1, 4, 10**6, 2**31, 2**62, 10**40])
    change = rng.randrange(7)
    if change == 0:
        state["network"]["latent_dim"] = state["code_size"] = size
    elif change == 1:
        state["network"]["hidden_layer_sizes"] = [size] * rng.choice([1, 3, 100_000])
    elif change == 2:
        state["network"]["image_shape"] = [size, 1, 1]
        state["n_features_in_"] = rng.choice([16, size])
    elif change == 3:
        state["weights"] = rng.choice([state["weights"][::-1], state["weights"] * 2, state["weights"][:-1], []])
    elif change == 4:
        state["feature_names_in_"] = ["a"] * rng.choice([16, 15, 1_000])
    elif change == 5:
        state["history_"] = {"loss": [1.0] * rng.choice([2, 3, 10_000]), "val_loss": [{"float": "nan"}] * 2}
    else:
        state["network"]["architecture"] = rng.choice(["dense", "conv", "unet", "Dense", "os:system"])
    return pack(json.dumps(document).encode(), ENTRIES[name][1:])


def generators_forged(rng, name):
    """States that NumPy would take, and read foreign memory with."""
    document = json.loads(ENTRIES["unet"][0][1])
    (generator,) = document["generators"]
    change = rng.randrange(6)
    if change == 0:
        generator["state"]["pos"] = rng.choice([-1, 624, 625, 2**31 - 1, 2**40, 1.0, "1"])
    elif change == 1:
        generator["state"]["key"] = rng.choice([[], [0] * 623, [2**32] * 624, [-1] * 624, [0.5] * 624, [7] * 624])
    elif change == 2:
        generator["bit_generator"] = rng.choice(["PCG64", "os", "default_rng", "SeedSequence", 7])
    elif change == 3:
        generator["class"] = rng.choice(["Generator", "mtrand", None])
    elif change == 4:
        generator["gauss"] = rng.choice([1, "0", None, 1e308])
    else:
        document["generators"] = rng.choice([[], {}, [generator] * 2, [None], None])
    return pack(json.dumps(document).encode(), ENTRIES["unet"][1:])


def arrays_forged(rng, name):
    """Other arrays, with digests that are right."""
    entries = list(ENTRIES[name])
    document = json.loads(entries[0][1])
    if len(entries) == 1:
        return document_forged(rng, name)
    i = rng.randrange(1, len(entries))
    key = entries[i][0].removeprefix("arrays/").removesuffix(".npy")
    array = np.load(io.BytesIO(entries[i][1]))
    array = rng.choice(
        [
            np.full_like(array, np.nan if array.dtype.kind == "f" else 1),
            array.astype(rng.choice(["f2", "f8", "i8", "?"])),
            array[..., None],
            array.ravel(),
            array.T,
            np.zeros((0, 7), "f4"),
            array + 1,
        ]
    )
    data = np.ascontiguousarray(array).tobytes()
    document["arrays"][key] = {
        "dtype": array.dtype.str,
        "shape": list(array.shape),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    entries[i] = entries[i][0], _archive._npy_header(array.dtype.str, array.shape) + data
    return pack(json.dumps(document).encode(), entries[1:])


def text_forged(rng, name):
    """What only the text of a document can have."""
    text = ENTRIES[name][0][1].decode()
    text = rng.choice(
        [
            text.replace('"class": ', '"class": "Pipeline", "class": ', 1),
            text.replace("null", "NaN", 1),
            text.replace("null", "-Infinity", 1),
            text.replace("null", "1e999", 1),
            text.replace("null", "[" * 5_000 + "]" * 5_000, 1),
            text.replace("null", '{"tuple": [' * 400 + "1" + "]}" * 400, 1),
            text.replace("null", "9" * 5_000, 1),
            text.replace('"class"', '"cl\\u0061ss"'),
            text.replace('"class"', '"сlass"', 1),
            "\ufeff" + text,
            text + "{}",
            text.replace("}", "", 1),
            text.replace(" ", "\t"),
            text.replace('"version": 1', '"version": 1.0'),
        ]
    )
    return pack(text.encode(), ENTRIES[name][1:])


OF_DOCUMENTS = [document_forged] * 5 + [state_forged, generators_forged, arrays_forged, text_forged]


def contents(document, arrays):
    """The estimator of a document with arrays and generators put in the place of their names."""

    def put(value, key=None):
        if isinstance(value, dict):
            if set(value) == {"generator"} and type(value["generator"]) is int:
                return document["generators"][value["generator"]]
            return {k: put(v, k) for k, v in value.items()}
        if key in ("weights", "optimizer_state") and isinstance(value, list):
            return [(a.dtype.str, a.shape, a.tobytes()) for a in (arrays[name] for name in value)]
        return [put(item) for item in value] if isinstance(value, list) else value

    return put(document["estimator"])


def is_said_by(part, whole):
    """Whether all that a document says is so; what it leaves out are defaults."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and is_said_by(part[key], whole[key]) for key in part)
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) == len(whole) and all(map(is_said_by, part, whole))
    return part == whole


def mutations(kinds, n, seed=0):
    rng = random.Random(seed)
    for i in range(n):
        kind, name = kinds[i % len(kinds)], rng.choice(list(FILES))
        yield kind, name, kind(rng, name)


def load_measured(path):
    """Load, and fail where that takes long or much more memory than such files need."""
    tracemalloc.start()
    start = time.monotonic()
    try:
        return load(path)
    except InvalidFileError as error:
        assert path.name in str(error)
        return None
    finally:
        seconds, peak = time.monotonic() - start, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert seconds < 5
        assert peak < 16 << 20


def test_damaged_files(tmp_path):
    path, refused = tmp_path / "damaged.zip", 0
    originals = {name: load(DATA / f"format_{VERSION}_{name}.zip") for name in FILES}
    for kind, name, data in mutations(OF_BYTES, N_MUTATIONS * 3 // 5):
        path.write_bytes(data)
        loaded = load_measured(path)
        refused += loaded is None
        if kind is entries_of_another_file:  # a document without arrays may be all of another file
            assert loaded is None or any(same(loaded, original) for original in originals.values())
        else:
            assert loaded is None or same(loaded, originals[name]), kind
    assert refused > 0.9 * N_MUTATIONS * 3 // 5


def test_forged_files(tmp_path):
    path, loads = tmp_path / "forged.zip", 0
    for kind, _, data in mutations(OF_DOCUMENTS, N_MUTATIONS * 2 // 5):
        path.write_bytes(data)
        loaded = load_measured(path)
        if loaded is None:
            continue
        loads += 1
        encoder = Encoder()
        seen = {"estimator": persistence._encode(loaded, encoder, ""), "generators": encoder.generators}
        document, arrays = read_archive(path, max_size=1 << 20)
        assert is_said_by(contents(document, arrays), contents(seen, encoder.arrays)), kind
    assert loads > 100


WATCHED = """
import json, os, resource, sys
from pathlib import Path
from sk_denoise import InvalidFileError, NoiseInjector, load

folder, good = Path(sys.argv[1]), sorted(Path(sys.argv[2]).glob("format_*.zip"))
for path in good:  # what loading imports, it has imported now
    load(path)
try:
    load(folder / "first")
except InvalidFileError:
    repr(NoiseInjector())  # as in messages

in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (in_use + (256 << 20),) * 2)
watching, events = False, []

def watch(event, args):
    # Looking at the signatures of our own classes, and opening the file to read.
    harmless = event in ("builtins.id", "object.__getattr__") or (event, *args[:2]) == ("open", str(path), "r")
    if watching and not harmless:
        events.append((event, repr(args)[:200]))

sys.addaudithook(watch)
outcomes = {"loaded": 0, "refused": 0}
for path in sorted(folder.iterdir()):
    watching = True
    try:
        load(path)
        outcomes["loaded"] += 1
    except InvalidFileError:
        outcomes["refused"] += 1
    finally:
        watching = False
import builtins
print(json.dumps({"events": events, "evil": hasattr(builtins, "evil"), **outcomes}))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the process's memory as Linux does")
def test_hostile_files_run_no_code_and_open_no_other_file(tmp_path):
    n = 1_500
    kinds = [*OF_BYTES, *OF_DOCUMENTS, npy_headers_forged, npy_headers_forged]
    for i, (_, _, data) in enumerate(mutations(kinds, n, seed=1)):
        (tmp_path / f"{i:04}").write_bytes(data)
    (tmp_path / "first").write_bytes(b"")
    command = [sys.executable, "-c", WATCHED, str(tmp_path), str(DATA)]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout)
    assert report["loaded"] + report["refused"] == n + 1
    assert report["loaded"] > 50
    assert not report["evil"]
    assert report["events"] == []


def test_the_payload_would_run_if_it_were_unpickled():
    import builtins

    pickle.loads(pickle.dumps(Evil()))
    assert builtins.evil
    del builtins.evil
