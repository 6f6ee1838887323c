import copy
import pickle
import random

import keras
import numpy as np
import pytest
from helpers import quick
from sklearn.base import clone

from sk_denoise import NoiseInjector


def weights_equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a.model_.get_weights(), b.model_.get_weights(), strict=True))


class TestTarget:
    """The target of training; for the rule itself, see test_targets.py."""

    def test_pairs_are_used(self, small):
        est = quick().fit(small * 0.5, small[::-1], X_clean=small)
        assert not weights_equal(est, quick().fit(small * 0.5, small[::-1]))

    @pytest.mark.parametrize("y", [np.arange(60), np.arange(60).reshape(-1, 1), ["a"] * 60, np.full((60, 16), "a")])
    def test_other_y_is_labels(self, small, y):
        est = quick().fit(small, y)
        assert est.target_source_ == "noise"
        assert weights_equal(est, quick().fit(small))

    def test_rows_of_an_injector(self, small):
        injector = NoiseInjector("masking", 0.2, random_state=0)
        est = quick().fit(injector.fit_transform(small))
        assert est.target_source_ == "injector"
        # Training redraws the noise on the clean rows, so it does not depend on the noise in the input.
        assert weights_equal(est, quick(noise=clone(injector)).fit(small))

    @pytest.mark.parametrize("from_injector", [True, False])
    def test_noise_is_redrawn_each_epoch(self, small, from_injector):
        seen = []

        def spy(X, level, rng):
            seen.append(X + level * rng.standard_normal(X.shape))
            return seen[-1]

        injector = NoiseInjector(spy, random_state=0)
        if from_injector:
            rows, est = injector.fit_transform(small), quick(epochs=3)
            seen.clear()
        else:
            rows, est = small, quick(epochs=3, noise=injector)
        est.fit(rows)
        assert len(seen) == 3
        assert not np.allclose(np.sort(seen[0].ravel()), np.sort(seen[1].ravel()))

    def test_injectors_own_range_counts(self, small):
        noisy = NoiseInjector(data_range=(0, 4), random_state=0).fit_transform(small)
        assert quick().fit(noisy).data_range_ == (0, 4)
        explicit = quick(data_range=(0, 2)).fit(noisy)
        assert explicit.data_range_ == (0, 2)


class TestUnits:
    @pytest.mark.parametrize(("dtype", "out"), [("f4", "f4"), ("f8", "f8"), ("u1", "f4"), ("i4", "f4"), (">f8", "f8")])
    def test_dtypes(self, fitted, digits, dtype, out):
        X = digits[0][:5].astype(dtype)
        assert fitted[-1].transform(X).dtype == fitted[-1].encode(X).dtype == np.dtype(out)

    def test_fit_and_transform_may_differ_in_dtype(self, digits):
        X = digits[0][:100]
        est = quick().fit(X.astype("f4"))
        np.testing.assert_allclose(est.transform(X), est.transform(X.astype("u1")), rtol=1e-6)

    def test_partial_fit_fixes_the_range(self, small):
        est = quick().partial_fit(small * 5)
        with pytest.raises(ValueError, match="data_range"):
            est.partial_fit(small * 50)
        assert est.n_iter_ == 1


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(8, 8), (28, 28, 1), (29, 31), (6, 5, 3), (1, 13)])
@pytest.mark.parametrize("architecture", ["dense", "conv", "unet"])
def test_every_architecture_takes_every_shape(architecture, shape):
    X = np.random.default_rng(0).random((20, np.prod(shape)))
    est = quick(architecture=architecture, image_shape=shape, epochs=1).fit(X)
    assert est.transform(X).shape == X.shape
    assert est.image_shape_ == (*shape, 1)[:3]


def test_guessed_signal_warns(small):
    with pytest.warns(UserWarning, match="image_shape"):
        est = quick().fit(small[:, :15])
    assert est.image_shape_ == (1, 15, 1)


class TestCode:
    @pytest.mark.parametrize("architecture", ["dense", "conv"])
    def test_encode_decode(self, small, architecture):
        est = quick(architecture=architecture, output="latent").fit(small)
        codes = est.transform(small)
        assert codes.shape == (60, 4)
        np.testing.assert_array_equal(codes, est.encode(small))
        np.testing.assert_allclose(est.inverse_transform(codes), est.predict(small), rtol=1e-5)
        np.testing.assert_allclose(est.encoder_.predict(small, verbose=0), codes, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(est.decoder_.predict(codes, verbose=0), est.decode(codes), rtol=1e-4)
        assert list(est.get_feature_names_out()) == [f"denoisingautoencoder{i}" for i in range(4)]

    def test_absent_methods_say_why(self, small):
        unet = quick(architecture="unet")
        for est in (unet, unet.fit(small)):
            for name in ("encode", "decode", "encoder_", "decoder_"):
                if name in ("encode", "decode") or est.__sklearn_is_fitted__():
                    assert not hasattr(est, name)
        with pytest.raises(AttributeError) as error:
            unet.encode(small)
        assert "has no code" in str(error.value.__cause__)
        assert not hasattr(quick(), "inverse_transform")
        with pytest.raises(ValueError, match="output='latent'"):
            quick(architecture="unet", output="latent").fit(small)

    def test_wrong_code_size(self, small):
        with pytest.raises(ValueError, match="Z must have 4 columns"):
            quick().fit(small).decode(small)


def tiny(image_shape, latent_dim):
    rows = keras.Input((16,))
    x = keras.layers.Dense(latent_dim, activation="relu")(rows)
    x = keras.layers.Dropout(0.1, seed=1)(x)
    return keras.Model(rows, keras.layers.Dense(16, activation="sigmoid")(keras.layers.BatchNormalization()(x)))


def images(image_shape, latent_dim):
    image = keras.Input(image_shape)
    return keras.Model(image, keras.layers.Conv2D(1, 3, padding="same", activation="sigmoid")(image))


class TestCallable:
    @pytest.mark.parametrize("architecture", [tiny, images])
    def test_fits(self, small, architecture):
        a, b = (quick(architecture=architecture).fit(small) for _ in range(2))
        assert weights_equal(a, b)
        assert a.transform(small).shape == small.shape
        assert not hasattr(a, "encode")

    @pytest.mark.parametrize(
        ("make", "match"),
        [
            (keras.Sequential([keras.Input((16,)), keras.layers.Dense(16)]), "architecture must be a function"),
            (lambda s, k: 3, "must return a keras.Model"),
            (lambda s, k: keras.Sequential([keras.Input((16,)), keras.layers.Dense(7)]), "output_shape"),
        ],
    )
    def test_bad_ones(self, small, make, match):
        with pytest.raises(ValueError, match=match):
            quick(architecture=make).fit(small)


class TestTraining:
    def test_same_seed_same_bits_whatever_ran_between(self, small):
        a = quick().fit(small)
        quick(random_state=1).fit(small)
        keras.Sequential([keras.layers.Dense(1)]).predict(small, verbose=0)
        assert weights_equal(a, quick().fit(small))
        assert not weights_equal(a, quick(random_state=1).fit(small))

    def test_random_streams_of_the_user_are_left_alone(self, small):
        import tensorflow as tf

        np_before, py_before = np.random.get_state()[1].copy(), random.getstate()
        tf.random.set_seed(3)
        first = tf.random.uniform([4]).numpy()
        tf.random.set_seed(3)
        quick(architecture="conv", latent_dim=3).fit(small).model_.get_weights()
        np.testing.assert_array_equal(tf.random.uniform([4]).numpy(), first)
        np.testing.assert_array_equal(np.random.get_state()[1], np_before)
        assert random.getstate() == py_before
        from tensorflow.python.framework import config

        assert not config.is_op_determinism_enabled()

    @pytest.mark.slow
    def test_threads_give_the_same_as_alone(self, small):
        from joblib import Parallel, delayed

        jobs = [quick(random_state=i % 4, latent_dim=3 + i % 2) for i in range(12)]
        alone = [clone(job).fit(small) for job in jobs]
        together = Parallel(n_jobs=4, backend="threading")(delayed(job.fit)(small) for job in jobs)
        assert all(weights_equal(a, b) for a, b in zip(alone, together, strict=True))

    def test_input_is_not_modified_and_memory_maps_do(self, digits, tmp_path):
        X = digits[0][:100].astype("f4")
        path = tmp_path / "rows.npy"
        np.save(path, X)
        mapped = np.load(path, mmap_mode="r")
        assert weights_equal(quick().fit(X), quick().fit(mapped))
        np.testing.assert_array_equal(np.load(path), X)

    def test_trained_models_are_the_users_own(self, small):
        est = quick().fit(small)
        model, before = est.model_, est.transform(small)
        weights = [w.copy() for w in model.get_weights()]
        quick(random_state=9).fit(small)
        assert all(np.array_equal(a, b) for a, b in zip(weights, model.get_weights(), strict=True))
        model.fit(small, small, verbose=0)
        np.testing.assert_array_equal(est.transform(small), before)
        assert est.model_ is model

    @pytest.mark.parametrize("loss", ["mse", keras.losses.Huber, lambda y, p: keras.ops.mean((y - p) ** 2, axis=-1)])
    @pytest.mark.parametrize("optimizer", ["Adadelta", keras.optimizers.RMSprop])
    def test_losses_and_optimizers(self, small, loss, optimizer):
        est = quick(loss=loss, optimizer=optimizer).fit(small)
        assert len(est.history_["loss"]) == 2

    def test_rate_left_to_keras(self, small):
        slow = quick(optimizer="adadelta").fit(small)  # 0.001 in Keras 3, almost no training
        fast = quick(optimizer="adadelta", learning_rate=1.0, learning_rate_schedule="constant").fit(small)
        start = quick(optimizer="adadelta", learning_rate=1e-9).fit(small)
        moved = [np.abs(e.model_.get_weights()[0] - start.model_.get_weights()[0]).max() for e in (slow, fast)]
        assert moved[1] > 50 * moved[0]

    def test_keras_schedule(self, small):
        schedule = keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.5)
        assert weights_equal(
            quick(learning_rate=schedule).fit(small), quick(learning_rate=lambda i: 0.01 * 0.5 ** (i / 10)).fit(small)
        )

    def test_validation_and_early_stopping(self, digits):
        X = digits[0][:300]
        est = quick(epochs=40, early_stopping=True, patience=2, learning_rate=0.3).fit(X)
        losses = est.history_["val_loss"]
        assert len(losses) == est.n_iter_ < 40
        assert np.argmin(losses) == est.n_iter_ - 3
        assert len(quick(validation_split=0.2).fit(X).history_["val_loss"]) == 2
        given = quick().fit(X, validation_data=X[:50])
        pairs = quick().fit(X, validation_data=(X[:50], X[:50]))
        assert len(given.history_["val_loss"]) == len(pairs.history_["val_loss"]) == 2

    def test_best_weights_are_restored(self, digits):
        X = digits[0][:300]
        est = quick(epochs=30, early_stopping=True, patience=3, learning_rate=0.3).fit(X, validation_data=(X, X))
        best = quick(epochs=30, learning_rate=0.3).fit(X)
        output = np.clip(est.predict(X) / 16, 1e-7, 1 - 1e-7)
        loss = -np.mean(X / 16 * np.log(output) + (1 - X / 16) * np.log(1 - output))
        assert loss == pytest.approx(min(est.history_["val_loss"]), rel=1e-4)
        assert best.n_iter_ == 30

    def test_warm_start_and_partial_fit_go_on(self, digits):
        X = digits[0][:300]
        est = quick(warm_start=True).fit(X)
        first = est.history_["loss"][0]
        est.fit(X)
        assert est.n_iter_ == 4 and est.history_["loss"][-1] < first
        many = quick()
        for _ in range(10):
            many.partial_fit(X)
        assert many.n_iter_ == 10 and many.history_["loss"][-1] < many.history_["loss"][0]
        with pytest.raises(ValueError, match="warm_start=True continues from"):
            est.set_params(latent_dim=9).fit(X)

    def test_progress_bar(self, small, capsys):
        quick(verbose=1).fit(small)
        lines = capsys.readouterr().out.strip().splitlines()
        assert len(lines) == 2 and "epoch 2/2" in lines[1] and "loss" in lines[1] and "left" in lines[1]

    @pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
    @pytest.mark.parametrize(
        ("architecture", "side", "head", "loss"),
        [
            ("unet", 32, "residual", "mse"),
            ("unet", 16, "sigmoid", "binary_crossentropy"),
            ("conv", 32, "sigmoid", "binary_crossentropy"),
            ("dense", 32, "sigmoid", "binary_crossentropy"),
        ],
    )
    def test_head_and_loss_follow_the_images(self, architecture, side, head, loss):
        rows = np.random.default_rng(0).random((4, side * side))
        est = quick(architecture=architecture, latent_dim=4, epochs=1).fit(rows)
        assert (est._spec.head, est._spec.loss) == (head, loss)
        other = quick(architecture=architecture, latent_dim=4, epochs=1, loss="mae").fit(rows)
        assert other._spec.loss == "mae"

    @pytest.mark.slow
    def test_residual_head_restores_values_outside_the_range(self):
        rows = np.random.default_rng(0).normal(0.5, 2, (4, 64))
        est = quick(architecture="unet", head="residual", latent_dim=4, epochs=1, data_range=(0, 1), noise=None)
        assert np.ptp(est.fit(np.clip(rows, 0, 1)).transform(rows)) > 3
        assert np.ptp(est.set_params(head="sigmoid").fit(np.clip(rows, 0, 1)).transform(rows)) <= 1

    def test_loss_that_is_not_finite(self, small):
        with pytest.raises(ValueError, match="Lower learning_rate"):
            quick(loss="mse", architecture=lambda s, k: _explosive(), learning_rate=1e30, epochs=20).fit(small)


def _explosive():
    rows = keras.Input((16,))
    return keras.Model(rows, keras.layers.Dense(16)(keras.layers.Dense(16)(rows)))


class Recorder(keras.callbacks.Callback):
    def __init__(self, log):
        super().__init__()
        self.log = log

    def __deepcopy__(self, memo):
        return type(self)(self.log)

    def on_epoch_end(self, epoch, logs=None):
        self.log.append(("epoch", epoch, sorted(logs)))


class BatchRecorder(Recorder):
    def on_train_batch_end(self, batch, logs=None):
        self.log.append(("batch", batch))


class TestCallbacks:
    @pytest.mark.parametrize(("kind", "n_batches"), [(Recorder, 0), (BatchRecorder, 4)])
    def test_events_and_same_result(self, small, kind, n_batches):
        callback = kind([])
        est = quick(callbacks=[callback], batch_size=30).fit(small)
        assert [e for e in callback.log if e[0] == "epoch"] == [("epoch", 0, ["loss"]), ("epoch", 1, ["loss"])]
        assert sum(e[0] == "batch" for e in callback.log) == n_batches
        assert callback.model is None
        np.testing.assert_allclose(est.predict(small), quick(batch_size=30).fit(small).predict(small), rtol=1e-5)
        pickle.loads(pickle.dumps(quick().fit(small)))

    def test_keras_own(self, small):
        stop = keras.callbacks.EarlyStopping(monitor="loss", patience=1, min_delta=10)
        assert quick(epochs=20, callbacks=[stop]).fit(small).n_iter_ == 2

    def test_not_a_callback(self, small):
        with pytest.raises(ValueError, match="callbacks must be a list"):
            quick(callbacks=["EarlyStopping"]).fit(small)


@pytest.mark.parametrize("copied", [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy])
def test_copies_are_equal_and_go_on_training(small, copied):
    est = quick().fit(small)
    _ = est.model_
    again = copied(est)
    np.testing.assert_array_equal(again.transform(small), est.transform(small))
    before = est.transform(small)
    assert again.partial_fit(small).n_iter_ == 3
    np.testing.assert_array_equal(est.transform(small), before)
    assert len(pickle.dumps(est)) < 8000


class TestGoingOn:
    def test_partial_fit_takes_a_new_rate(self, small):
        est = quick(learning_rate=0.1).partial_fit(small)
        before = est.predict(small)
        est.set_params(learning_rate=1e-12).partial_fit(small)
        np.testing.assert_allclose(est.predict(small), before, atol=1e-6)

    def test_warm_start_draws_other_noise(self, small):
        seen = []

        def spy(X, level, rng):
            seen.append(rng.random())
            return X

        est = quick(noise=NoiseInjector(spy), epochs=1, warm_start=True)
        for _ in range(3):
            est.fit(small)
        assert len(set(seen)) == 3

    def test_history_has_an_entry_for_each_epoch(self, small):
        est = quick(warm_start=True, validation_split=0.2).fit(small).partial_fit(small)
        assert [len(v) for v in est.history_.values()] == [3, 3]
        assert np.isnan(est.history_["val_loss"][2])

    def test_output_changed_after_fit(self, small):
        for est in (quick().fit(small).set_params(output="codes"), quick(architecture="unet").fit(small)):
            with pytest.raises(ValueError, match="output must be"):
                est.set_params(output="latent" if est.architecture == "unet" else "codes").transform(small)


class Widening:
    """An unhashable callable with state."""

    __hash__ = None
    units = 4

    def __call__(self, image_shape, latent_dim):
        rows = keras.Input((16,))
        return keras.Model(rows, keras.layers.Dense(16, "sigmoid")(keras.layers.Dense(self.units)(rows)))


def test_callable_objects_may_change(small):
    make = Widening()
    assert quick(architecture=make).fit(small).transform(small).shape == small.shape
    make.units = 7
    assert quick(architecture=make).fit(small).model_.get_weights()[0].shape == (16, 7)


def test_frozen_layers_are_kept(small):
    def make(image_shape, latent_dim):
        rows = keras.Input((16,))
        frozen = keras.layers.Dense(16, use_bias=False)
        x = frozen(rows)
        frozen.set_weights([3 * np.eye(16)])
        frozen.trainable = False
        return keras.Model(rows, keras.layers.Dense(16, activation="sigmoid")(x))

    weights = quick(architecture=make).fit(small).model_.get_weights()
    assert any(np.array_equal(w, 3 * np.eye(16)) for w in weights)


def test_a_fitted_injector_as_noise_counts_by_its_parameters(small):
    fitted = NoiseInjector(level=0.1).fit(small * 255)
    assert weights_equal(quick(noise=fitted).fit(small), quick(noise=NoiseInjector(level=0.1)).fit(small))


class TestTraps:
    def test_values_beyond_float32(self, small):
        est = quick().fit(small)
        far = small.copy()
        far[0, 0] = 1e300
        for call, name in ((est.transform, "X"), (est.decode, "Z"), (lambda X: est.fit(X, X_clean=small), "X")):
            with pytest.raises(ValueError, match=f"^{name} has values up to"):
                call(far[:, :4] if name == "Z" else far)
        huge = quick().fit(small * 1e150)
        assert np.isfinite(huge.score(small * 1e150))

    @pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # from the callback of Keras
    def test_schedule_against_callback(self, small):
        scheduler = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.0)
        with pytest.warns(UserWarning, match="learning_rate_schedule='constant'"):
            quick(callbacks=[scheduler]).fit(small)
        still = quick(callbacks=[scheduler], learning_rate_schedule="constant").fit(small)
        assert weights_equal(
            still, quick(callbacks=[scheduler], learning_rate_schedule="constant", epochs=1).fit(small)
        )

    @pytest.mark.parametrize(
        ("validation_data", "match"),
        [
            (np.full((5, 16), np.nan), "validation_data contains NaN"),
            (np.zeros((5, 4)), "validation_data must have the 16 features"),
            ((np.zeros((5, 16)), np.zeros((4, 16))), r"validation_data\[1\] must have the shape"),
        ],
    )
    def test_validation_data_is_named(self, small, validation_data, match):
        with pytest.raises(ValueError, match=match):
            quick().fit(small, validation_data=validation_data)

    def test_validation_takes_the_noise_trained_on(self, small):
        noisy = NoiseInjector(level=0.01, random_state=0).fit_transform(small)
        losses = [quick().fit(noisy, validation_data=v).history_["val_loss"][-1] for v in (small, noisy)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_wrong_number_of_features(fitted):
    for method in (fitted.transform, fitted[-1].predict, fitted[-1].partial_fit):
        with pytest.raises(ValueError, match="features"):
            method(np.zeros((3, 63)))


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"latent_dim": 10**9}, "latent_dim"),
        ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes"),
        ({"hidden_layer_sizes": (8,), "architecture": "conv"}, "hidden_layer_sizes"),
        ({"validation_split": 0.999}, "validation_split"),
        ({"early_stopping": True, "validation_split": 0}, "validation_split"),
        ({"architecture": "cnov"}, "architecture.*Did you mean 'conv'"),
        ({"noise": "gausian"}, "noise.*Did you mean 'gaussian'"),
        ({"noise": NoiseInjector(level=-1)}, "level"),
        ({"head": "residual"}, "head='residual' requires architecture='unet'"),
        ({"head": "residual", "architecture": "unet", "loss": "binary_crossentropy"}, "does not ensure"),
        ({"loss": "binary_crosentropy"}, "loss.*Did you mean 'binary_crossentropy'"),
        ({"optimizer": "adm"}, "optimizer.*Did you mean 'adam'"),
        ({"optimizer": keras.optimizers.Adam(0.1)}, "optimizer='adam' and learning_rate=0.1"),
        ({"image_shape": (3, 3)}, "image_shape"),
    ],
)
def test_errors_that_name_a_remedy(small, params, match):
    with pytest.raises(ValueError, match=match):
        quick(**params).fit(small)


@pytest.mark.slow
def test_networks_of_the_users_own_are_compiled_once_for_each_estimator(small):
    built = []

    def counted(image_shape, latent_dim):
        built.append(1)
        return tiny(image_shape, latent_dim)

    est = quick(counted, learning_rate=0.01)
    for _ in range(3):
        est.partial_fit(small).transform(small)
    assert len(built) == 1
    quick(counted).fit(small).transform(small)
    assert len(built) == 2  # never shared
    again = pickle.loads(pickle.dumps(quick(tiny).fit(small)))
    np.testing.assert_allclose(again.transform(small), quick(tiny).fit(small).transform(small), rtol=1e-5)
