"""`save` and `load`; hostile files are in test_persistence_fuzz.py.

Run as a script, this writes the test files of the present format to tests/data, where they stay for ever: files of
older formats are loaded by the same test, and are never written again.
"""

import copy
import functools
import importlib.metadata
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

import sk_denoise
from sk_denoise import DenoisingAutoencoder, EstimatorDenoiser, ImageFilter, NoiseInjector, load, save
from sk_denoise._core.sklearn_glue import settings
from sk_denoise.files import InvalidFileError
from sk_denoise.files._archive import VERSION, read_archive, write_archive

DATA = Path(__file__).parent / "data"
ROWS = (np.arange(60 * 16) * 7919 % 257 / 256).reshape(60, 16)  # without a random generator, whose stream may change


def quick(architecture="dense", **params):
    return DenoisingAutoencoder(architecture, **({"epochs": 2, "latent_dim": 3, "random_state": 0} | params))


def dense():
    return quick(early_stopping=True).fit(ROWS)


def partly():
    noise = NoiseInjector("masking", (0.1, 0.3), random_state=7)
    return quick(noise=noise, data_range=(-0.5, 2), learning_rate=0.003).partial_fit(ROWS).partial_fit(ROWS)


def unet():
    return quick("unet", latent_dim=2, image_shape=(4, 4), random_state=np.random.RandomState(3)).fit(ROWS)


def injector():
    return NoiseInjector("poisson", 0.3, when="transform", random_state=5).fit(ROWS * 16)


def pipeline():
    filters = Pipeline([("tv", ImageFilter("tv", random_state=0)), ("nlm", ImageFilter("nlm", h=0.2)), ("end", None)])
    steps = [("noise", NoiseInjector(random_state=0)), ("filters", filters), ("skip", "passthrough"), ("net", quick())]
    return Pipeline(steps).fit(ROWS)


MAKERS = {f.__name__: f for f in (dense, partly, unet, injector, pipeline)}


def write_files_of_this_format():
    DATA.mkdir(exist_ok=True)
    outputs = DATA / f"format_{VERSION}.json"
    if outputs.exists():
        raise SystemExit(f"{outputs} is there, and stays: a change of the format raises VERSION.")
    expected = {}
    for name, make in MAKERS.items():
        estimator = make()
        save(estimator, DATA / f"format_{VERSION}_{name}.zip")
        expected[name] = np.asarray(estimator.transform(ROWS[:5])).tolist()
    outputs.write_text(json.dumps(expected))


def same(a, b):
    """Whether two estimators, or what is in them, are equal in everything that can be seen."""
    if isinstance(a, (np.ndarray, np.generic)) and isinstance(b, (np.ndarray, np.generic)):
        return a.dtype == b.dtype and np.array_equal(a, b)
    if type(a) is not type(b):
        return False
    if isinstance(a, sklearn.base.BaseEstimator):
        parts = [{k: v for k, v in vars(e).items() if k not in ("_metadata_request", "_model")} for e in (a, b)]
        return same(*parts) and settings(a) == settings(b)
    if isinstance(a, np.random.RandomState):
        return same(a.get_state(legacy=False), b.get_state(legacy=False))
    if isinstance(a, np.random.Generator):
        sequences = [g.bit_generator.seed_seq.state for g in (a, b)]
        return same(a.bit_generator.state, b.bit_generator.state) and same(*sequences)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if hasattr(a, "architecture"):  # a NetworkSpec
        return same(vars(a), vars(b))
    return a == b or (a != a and b != b)


def again(estimator, path, **options):
    save(estimator, path)
    return load(path, **options)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "saved.zip"


@pytest.fixture(scope="module")
def made():
    """One of each, made when it is first asked for; shared, so not to be changed."""

    class Made(dict):
        def __missing__(self, name):
            return self.setdefault(name, MAKERS[name]())

    return Made()


class TestRoundTrip:
    @pytest.mark.parametrize("name", MAKERS)
    def test_fitted(self, made, path, name):
        loaded = again(made[name], path)
        assert same(loaded, made[name])
        noisy = loaded.transform(ROWS), made[name].transform(ROWS)
        np.testing.assert_array_equal(*map(np.asarray, noisy))

    @pytest.mark.parametrize("name", MAKERS)
    def test_equal_estimators_give_equal_bytes(self, made, tmp_path, name):
        save(made[name], tmp_path / "a")
        save(load(tmp_path / "a"), tmp_path / "b")
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()

    def test_unfitted(self, path):
        for estimator in (quick(), NoiseInjector(), ImageFilter("wavelet"), make_pipeline(NoiseInjector(), quick())):
            loaded = again(estimator, path)
            assert same(loaded, estimator)
            with pytest.raises(sklearn.exceptions.NotFittedError):
                loaded.transform(ROWS)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "params",
        [
            {"architecture": "conv", "output": "latent"},
            {"hidden_layer_sizes": [8, np.int64(5)]},
            {"hidden_layer_sizes": (8, 5), "latent_dim": np.int32(2)},
            {"noise": None, "image_shape": (2, 4, 2), "optimizer": "Adam", "loss": "mse"},
            {"image_shape": [1, 16], "data_range": (np.float32(-1), 3), "learning_rate": np.float64(0.1)},
            {"validation_split": 0.5, "verbose": False, "callbacks": [], "batch_size": 7},
        ],
    )
    def test_denoiser_parameters(self, path, params):
        estimator = quick(**params).fit(ROWS)
        loaded = again(estimator, path)
        assert loaded.get_params(deep=False) == estimator.get_params(deep=False)
        np.testing.assert_array_equal(loaded.transform(ROWS), estimator.transform(ROWS))
        assert loaded.score(ROWS, ROWS) == estimator.score(ROWS, ROWS)

    @pytest.mark.parametrize("method", ["median", "gaussian", "bilateral", "tv", "wavelet", "nlm"])
    def test_filters(self, path, method):
        estimator = ImageFilter(method, random_state=0).fit(ROWS)
        loaded = again(estimator, path)
        assert same(loaded, estimator)
        np.testing.assert_array_equal(loaded.transform(ROWS), estimator.transform(ROWS))

    def test_files_at_hand(self, path):
        for name in MAKERS:
            loaded = load(DATA / f"format_{VERSION}_{name}.zip")
            assert same(again(loaded, path), loaded)

    def test_validation_losses_may_be_missing(self, path):
        estimator = quick(warm_start=True).fit(ROWS).set_params(validation_split=0.2).fit(ROWS)
        assert np.isnan(estimator.history_["val_loss"][0])
        assert same(again(estimator, path), estimator)

    def test_data_frames_and_their_names(self, path):
        import pandas as pd

        frame = pd.DataFrame(ROWS, columns=[f"pixel é {i}" for i in range(16)])
        for estimator in (quick(), NoiseInjector(random_state=0), ImageFilter()):
            estimator.fit(frame).set_output(transform="pandas")
            loaded = again(estimator, path)
            assert same(loaded, estimator)
            pd.testing.assert_frame_equal(loaded.transform(frame), estimator.transform(frame))

    def test_metadata_requests(self, path):
        with sklearn.config_context(enable_metadata_routing=True):
            estimator = quick().set_fit_request(X_clean=True).set_score_request(X_clean="clean")
            estimator = Pipeline([("net", estimator)]).set_score_request(sample_weight=False)
        loaded = again(estimator, path)
        assert settings(loaded) == settings(estimator)
        assert settings(loaded[0])["requests"]["fit"]["X_clean"] is True
        assert settings(loaded[0])["requests"]["score"]["X_clean"] == "clean"
        assert not sklearn.get_config()["enable_metadata_routing"]

    def test_pipeline_parameters(self, path):
        pipe = make_pipeline(NoiseInjector(), ImageFilter(), verbose=True, transform_input=["X_clean"])
        assert same(again(pipe, path), pipe)

    @pytest.mark.parametrize("kind", ["MT19937", "PCG64", "PCG64DXSM", "SFC64", "Philox"])
    @pytest.mark.parametrize("legacy", [True, False])
    def test_random_generators_go_on_where_they_were(self, path, kind, legacy):
        bits = getattr(np.random, kind)(np.random.SeedSequence([1, 2**80], spawn_key=(3,)))
        generator = np.random.RandomState(bits) if legacy else np.random.Generator(bits)
        generator.standard_normal(3)
        (generator.randint if legacy else generator.integers)(9, dtype=np.uint32)
        if not legacy:
            generator.spawn(2)
        loaded = again(NoiseInjector(random_state=generator), path).random_state
        assert np.array_equal(loaded.standard_normal(701), generator.standard_normal(701))
        assert legacy or loaded.spawn(1)[0].random() == generator.spawn(1)[0].random()

    def test_a_generator_shared_by_two_steps_stays_shared(self, path):
        rng = np.random.RandomState(0)
        loaded = again(make_pipeline(NoiseInjector(random_state=rng), quick(random_state=rng)), path)
        assert loaded[0].random_state is loaded[1].random_state

    def test_what_is_absent_stays_absent(self, path):
        loaded = again(ImageFilter("median").fit(ROWS), path)
        assert not hasattr(loaded, "level_")
        assert not hasattr(loaded, "feature_names_in_")
        assert again(quick().fit(ROWS), path)._optimizer_state is None

    def test_paths_become_strings_and_number_types_plain(self, path):
        loaded = again(NoiseInjector(level=np.array([0.1, 0.2]).tolist(), random_state=np.uint8(3)), path)
        assert (loaded.level, loaded.random_state) == ([0.1, 0.2], 3)
        assert type(loaded.random_state) is int


class TestTrainingGoesOn:
    def test_partial_fit(self, made, path):
        loaded, original = again(made["partly"], path), copy.deepcopy(made["partly"])
        assert same(loaded.partial_fit(ROWS)._weights, original.partial_fit(ROWS)._weights)
        assert loaded.history_ == original.history_

    def test_warm_start(self, path):
        original = quick(warm_start=True).fit(ROWS)
        loaded = again(original, path)
        assert same(loaded.fit(ROWS), original.fit(ROWS))
        assert loaded.n_iter_ == 4

    def test_an_optimizers_state_that_does_not_fit_is_refused(self, made, path):
        loaded = again(made["partly"], path).set_params(optimizer="sgd")
        with pytest.raises(ValueError, match="partial_fit goes on with"):
            loaded.partial_fit(ROWS)
        loaded = again(made["partly"], path)
        loaded._optimizer_state.pop()
        with pytest.raises(ValueError, match="optimizer's state that was kept does not fit"):
            loaded.partial_fit(ROWS)


class TestRefusedAtSave:
    @pytest.mark.parametrize(
        ("estimator", "match"),
        [
            (make_pipeline(NoiseInjector(), LogisticRegression()), r"step 'logisticregression' .* pipe\[:-1\].*skops"),
            (
                Pipeline([("a", Pipeline([("b", EstimatorDenoiser(LogisticRegression()))]))]),
                "step 'a__b' is EstimatorDenoiser",
            ),
            (type("Mine", (NoiseInjector,), {})(), "the estimator is Mine.* no subclasses"),
            (type("Mine", (Pipeline,), {})([("a", NoiseInjector())]), "the estimator is Mine"),
            ("dense", "the estimator is 'dense'"),
            (quick(callbacks=[object()]), r"callbacks of the estimator .*set_params\(callbacks=None\)"),
            (make_pipeline(quick(noise=type("Mine", (NoiseInjector,), {})())), "step 'denoisingautoencoder__noise'"),
            (make_pipeline(NoiseInjector(), memory="somewhere"), r"set_params\(memory=None\)"),
            (make_pipeline(NoiseInjector(), memory=joblib.Memory(None)), r"set_params\(memory=None\)"),
            (
                Pipeline([("a", "median")]),
                r"^step 'a' is 'median'; only NoiseInjector, DenoisingAutoencoder, ImageFilter and a Pipeline of these"
                r" can be saved, and no subclasses\. Save the denoising part alone, such as pipe\[:-1\], or use"
                r" skops\.io or joblib for the whole\.$",
            ),
            (quick(noise=NoiseInjector(level={"a": 1})), "^level of step 'noise' is"),
            (make_pipeline(NoiseInjector(), verbose=1j), "^verbose is 1j, which cannot be saved"),
            (
                Pipeline([("a", make_pipeline(NoiseInjector(), memory="x"))]),
                r"^memory='x' of step 'a' cannot be saved: it names a folder of pickles, which can run code\. Call",
            ),
            (NoiseInjector(level={"a": 1}), "level of the estimator is"),
            (Pipeline([("a", NoiseInjector(level=1j))]), "level of step 'a' is 1j, which cannot be saved"),
            (quick(latent_dim=0), "^This DenoisingAutoencoder cannot be saved: The 'latent_dim' parameter"),
            (quick(image_shape="square"), "image_shape"),
            (quick(loss=3), "loss is no string"),
            (ImageFilter("medan"), "Did you mean 'median'"),
            (NoiseInjector(level=9), "level must be"),
            (Pipeline([("a__b", NoiseInjector())]), "no names of steps"),
            (Pipeline([("a", NoiseInjector()), ("a", ImageFilter())]), "no names of steps"),
        ],
    )
    def test_nothing_is_written(self, tmp_path, estimator, match):
        with pytest.raises((TypeError, ValueError), match=match):
            save(estimator, tmp_path / "saved.zip")
        assert not os.listdir(tmp_path)

    @pytest.mark.parametrize("name", MAKERS)
    def test_every_attribute_is_known(self, made, path, name):
        """Fails where a class has got a fitted attribute that a file would lose."""
        estimator = copy.deepcopy(made[name])
        save(estimator, path)
        estimator.note = "mine"
        with pytest.raises(ValueError, match=r"the estimator .*attributes \['note'\].*delattr"):
            save(estimator, path)

    def test_attributes_of_pipelines(self, path):
        inner = make_pipeline(NoiseInjector())
        inner.note = "mine"
        for pipe, where in ((inner, "the estimator"), (Pipeline([("a", inner)]), "step 'a'")):
            with pytest.raises(ValueError, match=rf"{where} .*attributes \['note'\]|attributes \['note'\].* {where}"):
                save(pipe, path)

    def test_the_model_is_built_again(self, made, path):
        estimator = copy.deepcopy(made["dense"])
        assert estimator.model_ is not None
        loaded = again(estimator, path)
        assert "_model" not in vars(loaded)
        assert same(loaded.model_.get_weights(), estimator._weights)

    def test_weights_that_are_not_finite(self, made, path):
        estimator = copy.deepcopy(made["dense"])
        estimator._weights[0][0] = np.nan
        with pytest.raises(ValueError, match="cannot be saved: the weights of the estimator are not all finite"):
            save(estimator, path)

    def test_a_failure_keeps_the_old_file(self, made, path, monkeypatch):
        save(made["injector"], path)

        def fail(*args):
            raise OSError("no space left")

        monkeypatch.setattr(os, "replace", fail)
        with pytest.raises(OSError, match="no space left"):
            save(quick(), path)
        assert os.listdir(path.parent) == [path.name]
        assert same(load(path), made["injector"])


def put(document, place, value):
    """Set what stands at a place such as "estimator/steps/0/0"; without a value, take it away."""
    *inner, last = [int(key) if key.isdecimal() else key for key in place.split("/")]
    for key in inner:
        document = document[key]
    if value is ABSENT:
        del document[last]
    else:
        document[last] = value


ABSENT = object()
NEWER = "which this version of sk_denoise does not know: a newer one may have written it. Upgrade with: pip install -U"
PARAMS, STEP = "estimator/params", "estimator/steps/1/1"


class TestRefusedAtLoad:
    """Documents that `save` does not write, each with a digest that is right."""

    @pytest.fixture
    def forged(self, path):
        inner = Pipeline([("tv", ImageFilter("tv")), ("none", None)])
        denoiser = quick(noise=NoiseInjector("masking", 0.2))
        save(
            Pipeline([("noise", NoiseInjector()), ("filters", inner), ("net", denoiser), ("skip", "passthrough")]), path
        )

        def forge(place, value):
            document, arrays = read_archive(path, max_size=1 << 20)
            put(document, place, value)
            write_archive(path, document, arrays)
            return path

        return forge

    @pytest.mark.parametrize(
        ("place", "value", "message"),
        [
            ("kind", ABSENT, "it holds None, and no estimator."),
            ("kind", ["estimator"], "it holds ['estimator'], and no estimator."),
            ("written_by", ABSENT, "document.json lacks ['written_by'] and has the unknown []."),
            ("estimator", ABSENT, "document.json lacks ['estimator'] and has the unknown []."),
            ("references", ABSENT, "document.json lacks ['references'] and has the unknown []."),
            ("generators", ABSENT, "document.json lacks ['generators'] and has the unknown []."),
            ("more", 1, "document.json lacks [] and has the unknown ['more']."),
            ("references", {}, "references is no list."),
            ("references", [1], "references is no string."),
            ("estimator", [], "class of the estimator is no string out of ['DenoisingAutoencoder', 'ImageFilter', "),
            (
                "estimator/class",
                "os:system",
                "class of the estimator is no string out of ['DenoisingAutoencoder', 'Ima",
            ),
            ("estimator/steps/0/1/class", "Mine", "class of step 'noise' is no string out of"),
            (f"{STEP}/class", "ImageFilter", "step 'filters' lacks [] and has the unknown ['steps']."),
            (f"{STEP}/steps/0/1/class", "Mine", "class of step 'filters__tv' is no string out of"),
            ("estimator/state", {}, "the estimator lacks [] and has the unknown ['state']."),
            ("estimator/params", ABSENT, "the estimator lacks ['params'] and has the unknown []."),
            (f"{STEP}/steps", ABSENT, "step 'filters' lacks ['steps'] and has the unknown []."),
            (f"{STEP}/params/memory", "x", "params of step 'filters' lacks [] and has the unknown ['memory']."),
            (f"{STEP}/params", [], "params of step 'filters' is no object."),
            (f"{PARAMS}/verbose", "loud", "The 'verbose' parameter of Pipeline must be"),
            (f"{PARAMS}/verbose", {"tuple": 1}, "verbose"),
            ("estimator/steps", {}, "steps of the estimator is no list."),
            (STEP, [1, 2], "class of step 'filters' is no string"),
            ("estimator/steps/1", ["filters"], "a step of the estimator is no list of 2."),
            ("estimator/steps/1", 3, "a step of the estimator is no list of 2."),
            ("estimator/steps/1/0", 3, "name of a step of the estimator is no string."),
            (
                "estimator/steps/1/0",
                "noise",
                "steps of the estimator have the names ['noise', 'noise', 'net', 'skip'], w",
            ),
            (
                "estimator/steps/1/0",
                "a__b",
                "have the names ['noise', 'a__b', 'net', 'skip'], which are no names of st",
            ),
            ("estimator/steps/1/0", "steps", "have the names ['noise', 'steps', 'net', 'skip'], which are no names"),
            ("estimator/steps/1/0", "memory", "have the names ['noise', 'memory', 'net', 'skip'], which are no names"),
            ("estimator/steps/1/0", "verbose", "have the names ['noise', 'verbose', 'net', 'skip'], which are no name"),
            ("estimator/steps", [], "steps of the estimator have the names [], which are no names of steps."),
            ("estimator/steps/0/1/params", [], "params of step 'noise' is no object."),
            ("estimator/steps/0/1/params/glow", 1, f"step 'noise' has the parameters ['glow'], {NEWER}"),
            ("estimator/steps/2/1/params/checkpoint", "x", f"step 'net' has the parameters ['checkpoint'], {NEWER}"),
            ("estimator/steps/0/1/params/level", {"a": 1}, "level of step 'noise'"),
            ("estimator/steps/0/1/params/level", 9, "level must be a number"),
            ("estimator/steps/0/1/state", {}, "step 'noise'"),
            ("estimator/steps/2/1/params/noise/estimator/class", "Mine", "class of step 'net__noise' is no string out"),
            ("estimator/steps/2/1/params/noise/other", 1, "noise of step 'net'"),
            ("estimator/steps/2/1/params/noise/estimator/params/level", {"a": 1}, "level of step 'net__noise'"),
            (
                "estimator/steps/0/1/set_output",
                "polar",
                "set_output of step 'noise' is no string out of ['default', 'pandas', ",
            ),
            ("estimator/requests", [], "requests of the estimator is no object."),
            ("estimator/steps/0/1/requests", [], "requests of step 'noise' is no object."),
            ("estimator/requests", {"fit": []}, "requests of the estimator for 'fit' are none that can be set."),
            ("estimator/requests", {"fly": {}}, "requests of the estimator for 'fly' are none that can be set."),
            ("estimator/requests", {"score": {"sample_weight": "a b"}}, "the estimator for score has 'a b'."),
            ("estimator/requests", {"score": {"sample_weight": 1}}, "requests of the estimator is no string."),
        ],
    )
    def test_what_is_wrong_is_told(self, forged, place, value, message):
        path = forged(place, value)
        with pytest.raises(InvalidFileError) as error:
            load(path)
        assert message in str(error.value)
        assert str(error.value).startswith(str(path))

    def test_noise_of_a_denoiser_alone(self, path):
        save(quick(noise=NoiseInjector("masking")), path)
        document, arrays = read_archive(path, max_size=1 << 20)
        put(document, f"{PARAMS}/noise/estimator/class", "Mine")
        write_archive(path, document, arrays)
        with pytest.raises(InvalidFileError, match="class of step 'noise' is no string"):
            load(path)

    def test_parameters_that_are_missing_take_their_defaults(self, forged):
        assert load(forged(f"{PARAMS}/verbose", ABSENT)).verbose is False
        assert load(forged(f"{STEP}/steps/0/1/params/method", ABSENT))[1][0].method == ImageFilter().method

    @pytest.mark.parametrize("value", ["default", "pandas", "polars"])
    def test_set_output(self, forged, value):
        assert settings(load(forged("estimator/steps/0/1/set_output", value))[0])["set_output"] == value

    @pytest.mark.parametrize("alias", [None, True, False, "weights"])
    def test_requests(self, forged, alias):
        loaded = load(forged("estimator/requests", {"score": {"sample_weight": alias}}))
        assert settings(loaded).get("requests", {}).get("score", {}).get("sample_weight") == alias

    def test_arrays_that_nobody_names(self, path):
        save(NoiseInjector(), path)
        document, _ = read_archive(path, max_size=1 << 20)
        write_archive(path, document, {"weight_0": np.zeros(3, "f4")})
        with pytest.raises(InvalidFileError, match="weight_0"):
            load(path)


def test_what_is_written_beside_the_estimator(path, monkeypatch):
    version = importlib.metadata.version

    def lacks_keras(name):
        if name == "keras":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", lacks_keras)
    save(NoiseInjector(random_state=np.random.RandomState(0)), path)
    document, arrays = read_archive(path, max_size=1 << 20)
    libraries = ("sk_denoise", "numpy", "scikit-learn", "tensorflow")
    assert document["written_by"] == {name: version(name) for name in libraries} | {"keras": None}
    assert document["kind"] == "estimator" and document["references"] == [] and arrays == {}
    assert [generator["class"] for generator in document["generators"]] == ["RandomState"]
    assert set(document["estimator"]) == {"class", "params"}


def network(image_shape, latent_dim):
    import keras

    rows = keras.Input((int(np.prod(image_shape)),))
    code = keras.Input((latent_dim,))
    encoder = keras.Model(rows, keras.layers.Dense(latent_dim, activation="tanh")(rows), name="encoder")
    decoder = keras.Model(code, keras.layers.Dense(rows.shape[1], activation="sigmoid")(code), name="decoder")
    return keras.Model(rows, decoder(encoder(rows)))


def other_network(image_shape, latent_dim):
    return network(image_shape, latent_dim + 1)


def stripes(X, level, rng):
    return X + level * (rng.random((len(X), 1)) < 0.5)


NETWORK, STRIPES = f"{__name__}:network", f"{__name__}:stripes"


class TestCallables:
    def test_handed_over(self, path):
        estimator = quick(network, noise=NoiseInjector(stripes, 0.1)).fit(ROWS)
        save(estimator, path)
        loaded = load(path, objects={NETWORK: network, STRIPES: stripes})
        assert same(loaded, estimator)
        np.testing.assert_array_equal(loaded.transform(ROWS), estimator.transform(ROWS))
        np.testing.assert_array_equal(loaded.encode(ROWS), estimator.encode(ROWS))

    def test_missing_ones_are_listed(self, path):
        save(quick(network, noise=NoiseInjector(stripes, 0.1)), path)
        call = rf"load\(path, objects=\{{'{NETWORK}': \.\.\., '{STRIPES}': \.\.\.\}}\)"
        with pytest.raises(InvalidFileError, match=call):
            load(path)
        with pytest.raises(InvalidFileError, match=rf"bring along: \['{STRIPES}'\]"):
            load(path, objects={NETWORK: network})

    def test_too_many_are_named(self, path):
        save(NoiseInjector(stripes), path)
        with pytest.raises(ValueError, match=r"objects has \['os:system'\], which .* names \['"):
            load(path, objects={STRIPES: stripes, "os:system": print})

    @pytest.mark.parametrize("objects", [[network], {NETWORK: None}, {1: network}])
    def test_objects_that_are_none(self, path, objects):
        with pytest.raises(ValueError, match="objects must be a dict"):
            load(path, objects=objects)

    def test_nothing_is_looked_up(self, path):
        save(NoiseInjector(stripes), path)
        document, arrays = read_archive(path, max_size=1 << 20)
        document["references"] = ["os:system"]
        document["estimator"]["params"]["kind"] = {"reference": "os:system"}
        write_archive(path, document, arrays)
        with pytest.raises(InvalidFileError, match="os:system"):
            load(path)

    def test_another_network_is_refused(self, path):
        fitted = quick(network).fit(ROWS)
        for estimator in (fitted, make_pipeline(NoiseInjector(), fitted)):
            save(estimator, path)
            with pytest.raises(InvalidFileError, match="Hand over the function that it was trained with"):
                load(path, objects={NETWORK: other_network})

    def test_classes_losses_and_objects_without_a_name(self, path):
        import keras

        rate = keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)
        part = functools.partial(stripes)
        estimator = quick(
            optimizer=keras.optimizers.Adam, loss=keras.losses.mean_squared_error, learning_rate=rate
        ).fit(ROWS)
        pipe = make_pipeline(NoiseInjector(part), estimator)
        save(pipe, path)
        names = read_archive(path, max_size=1 << 20)[0]["references"]
        assert [name.rpartition(":")[2] for name in names] == [
            "partial()",
            "ExponentialDecay()",
            "mean_squared_error",
            "Adam",
        ]
        handed = dict(zip(names, (part, rate, keras.losses.mean_squared_error, keras.optimizers.Adam)))
        assert same(load(path, objects=handed), pipe)

    def test_two_of_one_name(self, path):
        one, two = (lambda X, level, rng, shift=shift: X + shift for shift in (1, 2))
        save(make_pipeline(NoiseInjector(one), NoiseInjector(two), NoiseInjector(one)), path)
        names = read_archive(path, max_size=1 << 20)[0]["references"]
        assert names[1] == names[0] + "#2"
        loaded = load(path, objects={names[0]: one, names[1]: two})
        assert [step.kind for _, step in loaded.steps] == [one, two, one]


class TestVersions:
    @pytest.mark.parametrize("name", sorted(path.name for path in DATA.glob("format_*.zip")))
    def test_files_of_every_format_load(self, name):
        version, _, which = name.removesuffix(".zip").removeprefix("format_").partition("_")
        expected = json.loads((DATA / f"format_{version}.json").read_text())[which]
        loaded = load(DATA / name)
        np.testing.assert_allclose(loaded.transform(ROWS[:5]), expected, rtol=1e-5, atol=1e-6)
        if isinstance(loaded, DenoisingAutoencoder):
            loaded.partial_fit(ROWS)

    def test_there_are_files_of_this_format(self):
        assert {f"format_{VERSION}_{name}.zip" for name in MAKERS} <= set(os.listdir(DATA))

    def test_a_parameter_that_the_file_does_not_have_takes_its_default(self, made, path):
        save(made["dense"], path)
        document, arrays = read_archive(path, max_size=1 << 20)
        del document["estimator"]["params"]["patience"]
        write_archive(path, document, arrays)
        assert load(path).patience == 10

    def test_a_parameter_of_a_newer_version(self, made, path):
        save(made["dense"], path)
        document, arrays = read_archive(path, max_size=1 << 20)
        document["estimator"]["params"]["attention"] = True
        write_archive(path, document, arrays)
        with pytest.raises(InvalidFileError, match=r"the parameters \['attention'\].*Upgrade"):
            load(path)

    def test_an_archive_of_something_else(self, path):
        write_archive(path, {"kind": "checkpoint"}, {})
        with pytest.raises(InvalidFileError, match="holds 'checkpoint', and no estimator"):
            load(path)

    def test_versions_are_written_for_information(self, made, path):
        save(made["dense"], path)
        assert read_archive(path, max_size=1 << 20)[0]["written_by"]["numpy"] == np.__version__


def test_max_size(path):
    save(quick(), path)
    size = path.stat().st_size
    assert same(load(path, max_size=size), quick())
    for small in (1, size - 1):
        with pytest.raises(InvalidFileError, match="Pass a larger max_size"):
            load(path, max_size=small)
    for wrong in (0, None, 1e9, "1", True):
        with pytest.raises(ValueError, match=rf"^max_size must be a positive int, a number of bytes, got {wrong!r}\.$"):
            load(path, max_size=wrong)


def test_missing_files_raise_as_usual(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.zip")
    with pytest.raises(FileNotFoundError):
        save(NoiseInjector(), tmp_path / "none" / "saved.zip")
    with pytest.raises(IsADirectoryError):
        save(NoiseInjector(), tmp_path)


def test_loading_imports_neither_tensorflow_nor_keras():
    code = f"""
import sys
import sk_denoise
for name in {sorted(MAKERS)}:
    sk_denoise.load(f"{DATA.as_posix()}/format_{VERSION}_{{name}}.zip")
assert not [name for name in sys.modules if name.split(".")[0] in ("tensorflow", "keras", "scikeras")]
"""
    subprocess.run([sys.executable, "-c", code], check=True)


class TestOtherWays:
    """Pickle, joblib, copy and skops keep all of it too, and training goes on from them."""

    @staticmethod
    def ways(estimator):
        import skops.io

        yield pickle.loads(pickle.dumps(estimator))
        yield copy.deepcopy(estimator)
        file = io.BytesIO()
        joblib.dump(estimator, file)
        file.seek(0)
        yield joblib.load(file)
        data = skops.io.dumps(estimator)
        yield skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))

    @pytest.mark.parametrize("name", MAKERS)
    def test_round_trip(self, made, name):
        expected = np.asarray(made[name].transform(ROWS))
        for loaded in self.ways(made[name]):
            np.testing.assert_array_equal(np.asarray(loaded.transform(ROWS)), expected)

    def test_skops_asks_for_no_type_but_ours(self, made):
        import skops.io

        for estimator in (made[name] for name in MAKERS):
            asked = skops.io.get_untrusted_types(data=skops.io.dumps(estimator))
            assert all(name.startswith("sk_denoise.") for name in asked)

    def test_partial_fit_goes_on(self, made):
        expected = copy.deepcopy(made["partly"]).partial_fit(ROWS)
        for loaded in self.ways(made["partly"]):
            assert same(loaded.partial_fit(ROWS)._weights, expected._weights)

    def test_warm_start_goes_on(self):
        estimator = quick(warm_start=True).fit(ROWS)
        expected = copy.deepcopy(estimator).fit(ROWS)
        for loaded in self.ways(estimator):
            assert same(loaded.fit(ROWS)._weights, expected._weights)
            assert loaded.n_iter_ == 4


def test_the_file_is_a_zip_of_json_and_arrays(made, path):
    save(made["dense"], path)
    with zipfile.ZipFile(path) as file:
        names = file.namelist()
        document = json.loads(file.read("document.json"))
        weights = [np.load(io.BytesIO(file.read(name))) for name in names[1:]]
    assert (document["format"], document["version"]) == ("sk_denoise", VERSION)
    assert document["estimator"]["params"]["latent_dim"] == 3
    assert same(weights, made["dense"]._weights)


def test_names_of_the_package():
    assert sk_denoise.InvalidFileError is InvalidFileError
    assert issubclass(InvalidFileError, ValueError)


if __name__ == "__main__":
    write_files_of_this_format()
