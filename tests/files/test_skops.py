"""`save` and `load`; test_damaged_files.py covers damaged and forged files."""

import copy
import functools
import os
import pickle
import stat
from unittest.mock import Mock

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from helpers import quick, run_python
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sk_denoise import DenoisingAutoencoder, EstimatorDenoiser, ImageFilter, NoiseInjector, load, save
from sk_denoise.files import InvalidFileError
from sk_denoise.metrics import psnr_scorer

ROWS = np.random.default_rng(0).random((60, 64))
LABELS = np.arange(60) % 3


def network(image_shape, latent_dim):
    import keras

    rows = keras.Input((int(np.prod(image_shape)),))
    return keras.Model(rows, keras.layers.Dense(rows.shape[1], activation="sigmoid")(rows))


def stripes(X, level, rng):
    return X + level * (rng.random((len(X), 1)) < 0.5)


NETWORK, STRIPES = f"{__name__}.network", f"{__name__}.stripes"


def filtering(**params):
    pipe = make_pipeline(NoiseInjector(random_state=0), ImageFilter(), LogisticRegression())
    return GridSearchCV(pipe, {"imagefilter__method": ["median", "tv"]}, **({"cv": 2} | params)).fit(ROWS, LABELS)


def pipeline():
    filters = Pipeline([("tv", ImageFilter("tv")), ("nlm", ImageFilter("nlm", h=0.2)), ("end", None)])
    steps = [("noise", NoiseInjector(random_state=0)), ("filters", filters), ("skip", "passthrough"), ("net", quick())]
    return Pipeline(steps).fit(ROWS)


def continued():
    noise = NoiseInjector("masking", (0.1, 0.3), random_state=7)
    return quick(noise=noise, data_range=(-0.5, 2), learning_rate=0.003).partial_fit(ROWS).partial_fit(ROWS)


MAKERS = {
    "dense": lambda: quick(early_stopping=True, hidden_layer_sizes=[np.int64(5)]).fit(ROWS),
    "conv": lambda: quick("conv", output="latent").fit(ROWS),
    "unet": lambda: quick("unet", latent_dim=2, random_state=np.random.RandomState(3)).fit(ROWS),
    "continued": continued,
    "injector": lambda: NoiseInjector("poisson", 0.3, when="transform", random_state=5).fit(ROWS * 16),
    "estimator denoiser": lambda: EstimatorDenoiser(PCA(4, random_state=0)).fit(ROWS),
    "pipeline": pipeline,
    "classifier": lambda: make_pipeline(NoiseInjector(random_state=0), quick(), LogisticRegression()).fit(ROWS, LABELS),
    "search": filtering,
    "scores": lambda: filtering(scoring=["accuracy", "f1_macro"], refit="accuracy", cv=StratifiedKFold(2)),
    "psnr": lambda: GridSearchCV(quick(), {"latent_dim": [2, 3]}, cv=2, scoring=psnr_scorer).fit(ROWS, ROWS),
}


@functools.cache
def made(name):
    """Make an estimator once and cache it; tests must not modify it."""
    return MAKERS[name]()


def state(value):
    """Return the state of an estimator and of everything it contains, in plain containers."""
    if isinstance(value, np.random.RandomState):
        value = value.get_state(legacy=False)
    if hasattr(value, "__dict__") and not callable(value) and not isinstance(value, np.ma.MaskedArray):
        requests = str(getattr(value, "_metadata_request", None))
        value = vars(value) | {"_metadata_request": requests, "_model": None, "class": type(value)}
    if isinstance(value, dict):
        return {key: state(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(state, value))
    return repr(value) if callable(value) else value


def check_same(a, b):
    np.testing.assert_equal(state(a), state(b))


def again(estimator, path, **options):
    save(estimator, path)
    return load(path, **options)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "saved.skops"


class TestRoundTrip:
    @pytest.mark.parametrize("name", MAKERS)
    def test_fitted(self, path, name):
        estimator = made(name)
        before = copy.deepcopy(estimator)
        loaded = again(estimator, path)
        check_same(loaded, estimator)
        check_same(estimator, before)
        method = "transform" if hasattr(estimator, "transform") else "predict"
        np.testing.assert_array_equal(*(np.asarray(getattr(e, method)(ROWS)) for e in (loaded, estimator)))

    def test_data_frames_and_set_output(self, path):
        frame = pd.DataFrame(ROWS, columns=[f"pixel é {i}" for i in range(64)])
        for estimator in (quick(), NoiseInjector(random_state=0), make_pipeline(ImageFilter())):
            estimator.fit(frame).set_output(transform="pandas")
            loaded = again(estimator, path)
            check_same(loaded, estimator)
            pd.testing.assert_frame_equal(loaded.transform(frame), estimator.transform(frame))

    @pytest.mark.parametrize("fitted", [False, True])
    def test_metadata_requests(self, path, fitted):
        with sklearn.config_context(enable_metadata_routing=True):
            net = quick(noise=NoiseInjector()).set_fit_request(X_clean=True).set_score_request(X_clean="clean")
            logistic = LogisticRegression().set_fit_request(sample_weight=False)
            estimator = make_pipeline(net, logistic).set_score_request(sample_weight=True)
        loaded = again(estimator.fit(ROWS, LABELS) if fitted else estimator, path)
        for pipe in (loaded, estimator):
            check_same(pipe, estimator)
            whole, net, logistic = (part._metadata_request for part in (pipe, *pipe))
            assert whole.score.requests["sample_weight"] is True
            assert (net.fit.requests["X_clean"], net.score.requests["X_clean"]) == (True, "clean")
            assert logistic.fit.requests["sample_weight"] is False

    @pytest.mark.parametrize("kind", ["RandomState", "MT19937", "PCG64", "PCG64DXSM", "SFC64", "Philox"])
    def test_random_generators_go_on_where_they_were(self, path, kind):
        seed = np.random.SeedSequence([1, 2**80], spawn_key=(3,))
        legacy = kind == "RandomState"
        generator = np.random.RandomState(3) if legacy else np.random.Generator(getattr(np.random, kind)(seed))
        generator.standard_normal(3)
        loaded = again(make_pipeline(NoiseInjector(random_state=generator), quick(random_state=generator)), path)
        assert loaded[0].random_state is loaded[1].random_state  # still shared by both steps
        generators = loaded[0].random_state, generator
        np.testing.assert_array_equal(*(g.standard_normal(701) for g in generators))
        assert legacy or len({g.spawn(1)[0].random() for g in generators}) == 1

    def test_neither_models_nor_the_folder_of_checkpoints_are_saved(self, path, tmp_path):
        estimator = copy.deepcopy(made("dense")).set_params(checkpoint=tmp_path)
        assert estimator.model_ is not None
        for loaded in (again(estimator, path), again(make_pipeline(estimator), path)[0]):
            assert loaded.checkpoint is None
            assert estimator.checkpoint == tmp_path
            assert "_model" not in vars(loaded)
            check_same(loaded.model_.get_weights(), estimator._weights)


class TestTrainingGoesOn:
    """Training continues after loading, unpickling and copying."""

    @staticmethod
    def ways(estimator, path):
        yield again(estimator, path)
        yield pickle.loads(pickle.dumps(estimator))
        yield copy.deepcopy(estimator)
        joblib.dump(estimator, path)
        yield joblib.load(path)

    def test_partial_fit(self, path):
        expected = copy.deepcopy(made("continued")).partial_fit(ROWS)
        for loaded in self.ways(made("continued"), path):
            loaded.partial_fit(ROWS)
            check_same(loaded._weights, expected._weights)
            assert loaded.history_ == expected.history_

    def test_warm_start(self, path):
        original = quick(warm_start=True).fit(ROWS)
        expected = copy.deepcopy(original).fit(ROWS)
        for loaded in self.ways(original, path):
            check_same(loaded.fit(ROWS), expected)
            assert loaded.n_iter_ == 2 * original.n_iter_


class TestCallables:
    def test_only_trusted_ones(self, path):
        estimator = quick(network, noise=NoiseInjector(stripes, 0.1)).fit(ROWS)
        save(estimator, path)
        for trusted in ((), [NETWORK], {STRIPES, f"{NETWORK}s"}):
            missing = STRIPES if NETWORK in trusted else NETWORK
            with pytest.raises(InvalidFileError, match=rf"trusted=\[.*{missing}'"):
                load(path, trusted=trusted)
        for trusted in (True, None, STRIPES, stripes):
            with pytest.raises(TypeError, match="trusted"):
                load(path, trusted=trusted)
        for trusted in ([NETWORK, STRIPES], (network, stripes)):
            loaded = load(path, trusted=trusted)
            assert (loaded.architecture, loaded.noise.kind) == (network, stripes)
            np.testing.assert_array_equal(loaded.transform(ROWS), estimator.transform(ROWS))

    def test_classes_losses_and_schedules(self, path):
        import keras

        rate = keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)
        loss = keras.losses.mean_squared_error
        estimator = quick(optimizer=keras.optimizers.Adam, loss=loss, learning_rate=rate).fit(ROWS)
        loaded = again(estimator, path, trusted=[keras.optimizers.Adam, loss, type(rate)])
        assert (loaded.optimizer, loaded.loss) == (keras.optimizers.Adam, loss)
        assert loaded.learning_rate.get_config() == rate.get_config()
        check_same(loaded.fit(ROWS)._weights, estimator._weights)


def nested():
    def network(image_shape, latent_dim):
        """Has the same name as a function at the top of this module, but is another one."""

    return network


@pytest.mark.parametrize(
    ("estimator", "match"),
    [
        ("dense", "estimator"),
        (DenoisingAutoencoder, "estimator"),
        (quick(callbacks=[object()]), "callbacks"),
        (GridSearchCV(make_pipeline(quick(callbacks=[object()])), {}), "callbacks"),
        (make_pipeline(NoiseInjector(), memory="somewhere"), r"memory=None"),
        (Pipeline([("a", make_pipeline(NoiseInjector(), memory=joblib.Memory(None)))]), r"memory=None"),
        (NoiseInjector(lambda X, level, rng: X), "lambda"),
        (quick(network, noise=NoiseInjector(functools.partial(lambda X: X))), "lambda"),
        (quick(nested()), "nested"),
        (EstimatorDenoiser(type("Mine", (PCA,), {})()), "Mine"),
    ],
)
def test_what_cannot_be_saved_leaves_the_old_file(path, estimator, match):
    save(NoiseInjector(), path)
    before = path.read_bytes()
    with pytest.raises(TypeError, match=match):
        save(estimator, path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


class TestWriting:
    @pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
    @pytest.mark.parametrize("broken", ["fsync", "replace", "chmod"])
    def test_a_failure_leaves_the_old_file_and_nothing_else(self, path, monkeypatch, error, broken):
        save(NoiseInjector(), path)
        before = path.read_bytes()
        with monkeypatch.context() as patch, pytest.raises(type(error)):
            patch.setattr(os, broken, Mock(side_effect=error))
            save(ImageFilter(), path)
        assert path.read_bytes() == before
        assert os.listdir(path.parent) == [path.name]

    @pytest.mark.skipif(os.name != "posix", reason="permissions, links and named pipes of POSIX")
    def test_permissions_links_and_pipes(self, path, tmp_path):
        old = os.umask(0o027)
        try:
            save(NoiseInjector(), path)
        finally:
            os.umask(old)
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
        os.chmod(path, 0o664)
        (tmp_path / "link").symlink_to(path)
        save(ImageFilter("median"), tmp_path / "link")
        assert (tmp_path / "link").is_symlink()
        assert load(path).method == "median"
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o664
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OSError, match="pipe"):
            save(NoiseInjector(), tmp_path / "pipe")
        assert stat.S_ISFIFO(os.stat(tmp_path / "pipe").st_mode)

    def test_paths(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for path in ("a", b"a", tmp_path / "a"):
            check_same(again(NoiseInjector(), path), NoiseInjector())
        for call in (load, functools.partial(save, NoiseInjector())):
            for error, path in ((FileNotFoundError, tmp_path / "none" / "a"), (OSError, tmp_path), (TypeError, 0)):
                with pytest.raises(error):
                    call(path)


@pytest.mark.slow
def test_loading_imports_neither_tensorflow_nor_keras(path):
    save(make_pipeline(made("continued"), made("dense")), path)
    code = "import sys, sk_denoise; sk_denoise.load(sys.argv[1])"
    run_python(code + "; assert not {'tensorflow', 'keras', 'scikeras'} & set(sys.modules)", path)


@pytest.mark.parametrize("wrap", [lambda f: f, functools.partial], ids=["method", "partial"])
def test_memory_behind_a_method_is_refused(wrap, path):
    caching = Pipeline([("pca", PCA(2)), ("again", PCA(2))], memory="folder")
    with pytest.raises(TypeError, match="memory"):
        save(FunctionTransformer(func=wrap(caching.fit_transform)), path)
    assert not path.exists()


def test_names_of_nothing_cannot_be_trusted(path):
    save(NoiseInjector(), path)
    with pytest.raises(TypeError, match="trusted"):
        load(path, trusted=[3])
