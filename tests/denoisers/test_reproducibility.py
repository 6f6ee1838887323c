"""Results are reproducible, and the user's settings are not changed."""

import json
import random

import joblib
import keras
import numpy as np
import pytest
from helpers import DECIBELS, run_python
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sk_denoise import DenoisingAutoencoder, NoiseInjector

pytestmark = pytest.mark.slow

ANSWERS = """
import hashlib, json
import numpy as np
from sk_denoise import DenoisingAutoencoder, ImageFilter, NoiseInjector
from sk_denoise.datasets import load_digit_images

def digest(arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()[:16]

def answers():
    X = load_digit_images()[0][:300].reshape(-1, 8, 8) / 16
    X = np.kron(X, np.ones((1, 3, 3))).reshape(300, -1).astype(np.float32)
    noisy = np.asarray(NoiseInjector(level=0.3, random_state=0).fit_transform(X))
    found = {"noise": digest([noisy]), "filter": digest([ImageFilter("tv", random_state=0).fit(X).transform(noisy)])}
    scores = {}
    # Sizes at which threads were seen to split sums: few maps, long sums, batches that are not powers of two.
    cases = [("dense", {"batch_size": 16, "latent_dim": 128}), ("dense", {"hidden_layer_sizes": (300,)}),
             ("dense", {"batch_size": 300, "latent_dim": 4, "optimizer": "sgd"}), ("conv", {"latent_dim": 4}),
             ("conv", {"batch_size": 300}), ("unet", {"latent_dim": 4, "batch_size": 300}), ("unet", {})]
    for number, (architecture, params) in enumerate(cases):
        denoiser = DenoisingAutoencoder(architecture, epochs=2, validation_split=0.1, random_state=0, **params).fit(X)
        name = f"{architecture} {params}"
        found[name] = digest(denoiser._weights), repr(denoiser.history_), digest([denoiser.transform(noisy)])
        scores[name] = float(denoiser.score(noisy, X_clean=X))
    return found, scores
"""


def answers_of(n_threads, hash_seed):
    """Return the results of a new process."""
    number = str(n_threads)
    threads = {"TF_NUM_INTRAOP_THREADS": number, "TF_NUM_INTEROP_THREADS": number, "OMP_NUM_THREADS": number}
    out = run_python(ANSWERS + "\nprint(json.dumps(answers()))", **threads, PYTHONHASHSEED=hash_seed)
    return json.loads(out.splitlines()[-1])


def test_processes_with_as_many_threads_give_the_same_bits_and_others_the_same_scores():
    first, scores = answers_of(2, 0)
    assert len(set(map(str, first.values()))) == len(first)
    assert answers_of(2, 1) == [first, scores]
    for n_threads in (1, 8):
        found, others = answers_of(n_threads, 2)
        assert (found["noise"], found["filter"]) == (first["noise"], first["filter"])  # computed without TensorFlow
        assert others == pytest.approx(scores, abs=DECIBELS)


def search(architecture):
    pipe = make_pipeline(
        NoiseInjector(level=0.3, random_state=0), DenoisingAutoencoder(architecture, epochs=2, random_state=0)
    )
    return GridSearchCV(pipe, {"denoisingautoencoder__latent_dim": [2, 128]}, cv=2, n_jobs=2)


@pytest.fixture(scope="module")
def dask_client():
    distributed = pytest.importorskip("distributed")
    # No dashboard, and a scheduler on a free port.
    with distributed.Client(n_workers=2, threads_per_worker=2, dashboard_address=None, silence_logs=50) as client:
        yield client


@pytest.mark.parametrize("architecture", ["dense", "conv", "unet"])
def test_backends_of_joblib_give_the_same_scores(architecture, digits, dask_client):
    X = digits[0][:120]
    scores = {}
    for backend in ("sequential", "loky", "threading", "dask"):
        with joblib.parallel_backend(backend):
            scores[backend] = search(architecture).fit(X).cv_results_["mean_test_score"]
    for found in scores.values():
        # Tighter, because these fits are short; other seeds differ by more.
        np.testing.assert_allclose(found, scores["sequential"], rtol=0, atol=DECIBELS / 10)


def test_after_and_between_what_the_user_does_with_keras(small):
    def fit():
        return DenoisingAutoencoder(latent_dim=3, epochs=2, random_state=0).fit(small).transform(small)

    expected = fit()
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(3), keras.layers.Dropout(0.5)])
    model.compile("adam", "mse")
    model.fit(small, small[:, :3], epochs=1, verbose=0)
    np.testing.assert_array_equal(fit(), expected)
    model.fit(small, small[:, :3], epochs=1, verbose=0)
    np.testing.assert_array_equal(fit(), expected)


class Own(keras.layers.Layer):
    def build(self, shape):
        self.k = self.add_weight(shape=(shape[-1], shape[-1]), initializer="glorot_uniform")

    def call(self, x):
        return keras.ops.matmul(x, self.k)


def separable(image_shape, latent_dim):
    images = keras.Input(image_shape)
    maps = keras.layers.SeparableConv2D(2, 3, padding="same")(images)
    return keras.Model(images, keras.layers.Dense(16, activation="sigmoid")(keras.layers.Flatten()(maps)))


def own_layer(image_shape, latent_dim):
    rows = keras.Input((16,))
    return keras.Model(rows, keras.layers.Dense(16, activation="sigmoid")(Own()(rows)))


@pytest.mark.parametrize("architecture", [separable, own_layer])
def test_weights_of_any_layer_are_seeded(architecture, small):
    def weights(seed):
        random.random()
        return DenoisingAutoencoder(architecture, epochs=1, learning_rate=1e-9, random_state=seed).fit(small)._weights

    first, again, other = weights(0), weights(0), weights(1)
    for a, b, c in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.ndim == 1 or not np.allclose(a, c, atol=1e-3)  # biases start at zero
    before = random.getstate()
    DenoisingAutoencoder(architecture, epochs=1, random_state=0).fit(small)
    assert random.getstate() == before


ACTIVATION = "relu"


def of_the_module(image_shape, latent_dim):
    rows = keras.Input((16,))
    return keras.Model(rows, keras.layers.Dense(16, activation="sigmoid")(keras.layers.Dense(5, ACTIVATION)(rows)))


def test_what_a_function_uses_may_change_between_fits(small, monkeypatch):
    relu = DenoisingAutoencoder(of_the_module, epochs=1, random_state=0).fit(small)
    monkeypatch.setitem(globals(), "ACTIVATION", "tanh")
    tanh = DenoisingAutoencoder(of_the_module, epochs=1, random_state=0).fit(small)
    assert relu.history_ != tanh.history_
    np.testing.assert_allclose(tanh.transform(small), tanh.model_.predict(small, verbose=0), rtol=1e-5)


UNTOUCHED = """
import json, locale, logging, os, random, signal, sys, threading, warnings
import keras, matplotlib, numpy as np, sklearn, tensorflow as tf, threadpoolctl

def draws():
    '''Draws from the user's random streams, which reveal their states.'''
    return [
        tf.random.normal((3,)).numpy().tolist(), tf.random.get_global_generator().normal((3,)).numpy().tolist(),
        np.random.random(3).tolist(), random.random(), keras.random.normal((3,)).numpy().tolist(),
    ]

def settings():
    config = tf.config
    return {
        "environment": dict(os.environ), "warnings": repr(warnings.filters), "path": list(sys.path),
        "folder": os.getcwd(), "locale": locale.setlocale(locale.LC_ALL), "recursion": sys.getrecursionlimit(),
        "tensorflow threads": [config.threading.get_intra_op_parallelism_threads(),
                               config.threading.get_inter_op_parallelism_threads()],
        "tensorflow": [config.get_soft_device_placement(), config.functions_run_eagerly(),
                       config.optimizer.get_jit(), config.optimizer.get_experimental_options(),
                       config.experimental.is_op_determinism_enabled() if hasattr(
                           config.experimental, "is_op_determinism_enabled") else None],
        "keras": [keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format(),
                  keras.config.dtype_policy().name, keras.config.backend(),
                  keras.config.is_traceback_filtering_enabled(), keras.config.is_interactive_logging_enabled()],
        "threads of libraries": [[p["filepath"], p["num_threads"]] for p in threadpoolctl.threadpool_info()
                                 if p["filepath"] in libraries],
        "numpy": [np.geterr(), np.get_printoptions()], "scikit-learn": sklearn.get_config(),
        "matplotlib": [matplotlib.get_backend(), {k: repr(v) for k, v in matplotlib.rcParams.items()}],
        "signals": [repr(signal.getsignal(s)) for s in (signal.SIGINT, signal.SIGTERM)],
        "logging": [logging.root.level, tf.get_logger().level, repr(logging.root.handlers)],
        "python threads": [t.name for t in threading.enumerate()],
        "default device": repr(keras.distribution.distribution()),
    }

libraries = {p["filepath"] for p in threadpoolctl.threadpool_info()}

def start():
    tf.random.get_global_generator().reset_from_seed(5)
    keras.utils.set_random_seed(4)

start()
before, first = settings(), draws()
start()

import tempfile
import sk_denoise
from sk_denoise import DenoisingAutoencoder, ImageFilter, NoiseInjector, recovery_report
from sk_denoise.datasets import load_digit_images
from sk_denoise.metrics import psnr, ssim
from sklearn.linear_model import LogisticRegression

X, y = load_digit_images()
X, y = X[:200], y[:200]
for architecture in ("dense", "conv", "unet"):
    for seed in (0, np.random.RandomState(0)):
        denoiser = DenoisingAutoencoder(architecture, epochs=1, random_state=seed).fit(X)
        denoiser.transform(X)
        denoiser.model_
noisy = NoiseInjector().fit_transform(X)
ImageFilter("tv", random_state=0).fit(noisy).transform(noisy)
psnr(X, noisy), ssim(X, noisy)
with tempfile.TemporaryDirectory() as folder:
    DenoisingAutoencoder(epochs=1, random_state=0, checkpoint=folder).fit(X)
    sk_denoise.save(denoiser, os.path.join(folder, "denoiser.zip"))
    sk_denoise.load(os.path.join(folder, "denoiser.zip")).transform(X)
classifier = LogisticRegression(max_iter=50, random_state=0)
recovery_report(ImageFilter(random_state=0), classifier, X, y, levels=0.5, n_jobs=1)

after, second = settings(), draws()
changed = {name: [before[name], after[name]] for name in before if before[name] != after[name]}
print(json.dumps([changed, [a for a, b in zip(first, second) if a != b]], default=repr))
"""


def test_nothing_of_the_users_is_changed():
    changed, other_draws = json.loads(run_python(UNTOUCHED).splitlines()[-1])
    assert changed == {}
    assert other_draws == []
