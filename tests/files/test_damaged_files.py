"""Loading a damaged or forged file raises `InvalidFileError` or returns the estimator that was saved.

Damaged files have a wrong digest. A forger can compute the digest of any content, so even then only trusted types may
be imported or called.
"""

import builtins
import copy
import io
import itertools
import json
import pickle
import random
import sys
import zipfile

import numpy as np
import pytest
import skops.io
from helpers import quick
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from test_skops import ROWS

from sk_denoise import ImageFilter, NoiseInjector, load, save
from sk_denoise.files import InvalidFileError, _skops
from sk_denoise.networks.spec import NetworkSpec


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    generators = np.random.RandomState(0), np.random.default_rng(0)
    injectors = [NoiseInjector("masking", (0.1, 0.2), random_state=generator) for generator in generators]
    net = quick(noise=injectors[0]).partial_fit(ROWS)
    path = tmp_path_factory.mktemp("files") / "saved.skops"
    save(make_pipeline(injectors[1], ImageFilter("tv"), net, LogisticRegression()), path)
    return path.read_bytes()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bad.skops"


def members(data):
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {name: file.read(name) for name in file.namelist()}


def pack(content, **options):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as target:
        for name, member in content.items():
            target.writestr(name, member)
    return file.getvalue()


def forge(path, content):
    path.write_bytes(_skops._with_digest(pack(content)))


def damaged(rng, data):
    start, length = rng.randrange(len(data)), rng.randrange(1, 99)
    content = members(data)
    a, b = rng.choice(
        [pair for pair in itertools.combinations(sorted(content), 2) if len({content[n] for n in pair}) > 1]
    )
    changed = {
        "truncated": data[:start],
        "flipped": data[:start] + bytes([data[start] ^ 1 << rng.randrange(8)]) + data[start + 1 :],
        "removed": data[:start] + data[start + length :],
        "inserted": data[:start] + rng.randbytes(length) + data[start:],
        "overwritten": data[:start] + rng.randbytes(length) + data[start + length :],
        "swapped": pack(content | {a: content[b], b: content[a]})[:-2] + data[-66:],
        "zipped again": pack(content),
    }
    return changed[rng.choice(sorted(changed))]


def test_damage_is_noticed(data, path):
    rng = random.Random(0)
    for changed in [damaged(rng, data) for _ in range(500)]:
        path.write_bytes(changed)
        with pytest.raises(InvalidFileError, match=path.name):
            load(path)


def test_other_files(data, path):
    contents = [b"", b"x" * 1_000, pickle.dumps(NoiseInjector()), skops.io.dumps(NoiseInjector())]
    compressed = pack(members(data), compression=zipfile.ZIP_DEFLATED)  # refused, because it could expand to any size
    forged = [b"xx", contents[1], pack({}), skops.io.dumps([1]), compressed]
    contents += map(_skops._with_digest, forged)
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(InvalidFileError):
            load(path)


class Evil:
    def __reduce__(self):
        return exec, ("import builtins; builtins.evil = True",)


def node(loader, name, **more):
    module, _, name = name.rpartition(".")
    return {"__loader__": loader, "__module__": module, "__class__": name, "protocol": 2} | more


TRUE = node("JsonNode", "builtins.str", content='"true"')
ARGUMENTS = node("TupleNode", "builtins.tuple", content=[TRUE])
HOSTILE = [
    node("FunctionNode", "os.system"),
    node("TypeNode", "subprocess.Popen"),
    node("ConstructorFromReduceNode", "os.system", content=ARGUMENTS),
    node("ObjectNode", "test_damaged_files.Evil"),
    node("NdArrayNode", "builtins.exec", type="numpy", file="evil.npy"),
    node("NdArrayNode", "numpy.ndarray", type="numpy", file="evil.npy"),
    node("OperatorFuncNode", "operator.methodcaller", attrs=ARGUMENTS),
    node("LossNode", "os.system", content=TRUE, __reduce__={"args": ARGUMENTS}),
    node("EvilNode", "os.system"),
]


def forge_schema(path, data, schema):
    """Write a file with a forged schema, and with a pickle among its arrays."""
    evil = io.BytesIO()
    np.save(evil, np.array([Evil()], dtype=object), allow_pickle=True)
    forge(path, members(data) | {"schema.json": json.dumps(schema), "evil.npy": evil.getvalue()})


@pytest.mark.parametrize("hostile", HOSTILE)
def test_forged_types_are_refused(data, path, hostile):
    inside = json.loads(members(data)["schema.json"])
    inside["content"]["content"]["verbose"] = hostile
    for schema in (hostile, inside):
        forge_schema(path, data, schema)
        with pytest.raises(InvalidFileError):
            load(path)
    assert not hasattr(builtins, "evil")


def forged_values():
    moved = np.random.RandomState(0)
    moved.set_state(moved.get_state(legacy=False) | {"state": moved.get_state(legacy=False)["state"] | {"pos": 10**6}})
    philox = np.random.Generator(np.random.Philox(0))
    philox.bit_generator.state = philox.bit_generator.state | {"buffer_pos": 9}
    nets = quick(checkpoint="folder"), quick()
    nets[1]._spec = NetworkSpec("dense", (8, 8, 1), 4, (), {"module": "os", "class_name": "system"}, "adam")
    pipes = make_pipeline(NoiseInjector(), memory="folder"), make_pipeline(quick(noise=NoiseInjector()))
    pipes[1][0].noise._metadata_request = {"fly": {"X": True}}
    return [NoiseInjector(random_state=moved), NoiseInjector(random_state=philox), *nets, *pipes]


@pytest.mark.parametrize("i", range(6))
def test_forged_values_are_refused(path, i):
    for forged in (forged_values()[i], make_pipeline(forged_values()[i])):
        path.write_bytes(_skops._with_digest(skops.io.dumps(forged)))
        with pytest.raises(InvalidFileError):
            load(path)


def places(value):
    """Yield all pairs (container, key) in a document."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


VALUES = [None, True, 0, -1, 2**63, 0.5, "", "os", "system", "eval", "numpy", "ObjectNode", "JsonNode", "TypeNode"]
VALUES += ["FunctionNode", "9" * 5_000, "[" * 5_000, [], {}, [[]], *HOSTILE]


@pytest.mark.slow
def test_forged_documents_run_no_code_and_open_no_other_file(data, path):
    rng, events, refused, watching = random.Random(0), [], 0, False

    def watch(event, args):
        harmful = event in ("exec", "os.system", "subprocess.Popen", "os.posix_spawn", "socket.connect", "os.remove")
        if watching and (harmful or (event == "open" and str(args[0]) != str(path))):
            events.append((event, repr(args)[:200]))

    path.write_bytes(data)
    load(path)  # imports everything that loading needs before files are watched
    sys.addaudithook(watch)
    for _ in range(600):
        schema = json.loads(members(data)["schema.json"])
        for _ in range(rng.choice([1, 1, 2, 5])):
            (container, key), (other, other_key) = rng.choices(list(places(schema)), k=2)
            container[key] = copy.deepcopy(rng.choice([rng.choice(VALUES), other[other_key]]))
        forge_schema(path, data, schema)
        watching = True
        try:
            load(path)
        except InvalidFileError:
            refused += 1
        finally:
            watching = False
    assert 100 < refused < 600
    assert events == []
    assert not hasattr(builtins, "evil")
