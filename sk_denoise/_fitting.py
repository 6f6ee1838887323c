"""What a fit does, step by step: check, find the target, split, plan, train, and only then touch the estimator."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from sklearn.utils import check_random_state

from ._defaults import resolve_batch_size, resolve_epochs, resolve_learning_rate
from ._sklearn import check_clean, check_rows, likely, read_rows
from ._targets import check_noise, corruption, find_target
from ._training import Plan, Rows, train
from ._units import check_data_range, check_image_shape, check_in_range, is_integer, resolve_data_range

_ARCHITECTURES = ("dense", "conv", "unet")  # named here too: architectures.py imports keras


def run_fit(estimator, X, y, X_clean, validation_data, *, continued, partial=False):
    """Fit `estimator`, from scratch or going on from its weights; set its fitted attributes."""
    check_params(estimator)
    from . import _keras, _keras_checks  # here, so that importing the package does not import TensorFlow

    _keras_checks.check_names(estimator.loss, estimator.optimizer)
    callbacks = _keras_checks.check_callbacks(estimator.callbacks)
    rows = read_rows(estimator, X, reset=not (partial and continued))
    target = find_target(X, rows, y, X_clean, estimator.noise)
    data_range = resolve_range(estimator, target, continued)
    check_in_range(target.clean, data_range, target.source if target.source in ("X_clean", "y") else "X")
    spec = network_spec(estimator, check_image_shape(estimator.image_shape, rows.shape[1]))
    if continued and spec != estimator._spec:
        raise ValueError(
            f"{'partial_fit' if partial else 'warm_start=True'} goes on with {estimator._spec}, but the parameters and"
            f" rows now ask for {spec}. Set them back, or fit a clone of this estimator."
        )
    training, held_out = split(estimator, rows, target, data_range, validation_data, partial)
    plan = make_plan(estimator, len(training), continued, partial)
    _keras_checks.check_rate_callbacks(callbacks, scheduled=plan.schedule == "cosine" and plan.rate is not None)
    _keras_checks.check_memory(spec, min(plan.batch_size, len(training)))
    with _keras.lease_trainer(spec, private=bool(callbacks)) as trainer:
        trainer.reset(plan.seed, None if callable(plan.rate) else plan.rate)
        if continued:
            trainer.model.set_weights(estimator._weights)
            if partial and estimator._optimizer_state is not None:
                trainer.set_optimizer_state(estimator._optimizer_state, keep_rate=plan.rate is not None)
        n_steps = math.ceil(len(training) / plan.batch_size)
        events = _keras.Callbacks(callbacks, trainer, plan.epochs, n_steps) if callbacks else None
        history = train(trainer, training, plan, validation=held_out, callbacks=events)
        result = trainer.result(with_state=partial)
    if estimator.output == "latent" and result["code_size"] is None:
        raise ValueError(f"output='latent' needs a code, which architecture={estimator.architecture!r} does not have.")
    estimator.history_ = join_histories(estimator.history_, history) if continued else history
    estimator.n_iter_ = len(estimator.history_["loss"])
    estimator.data_range_, estimator.image_shape_ = data_range, spec.image_shape
    estimator.target_source_ = target.source
    estimator._spec, estimator._weights = spec, result["weights"]
    estimator._optimizer_state, estimator._code_size = result["optimizer_state"], result["code_size"]
    vars(estimator).pop("_model", None)
    return estimator


def join_histories(before, after):
    """One entry for each epoch; NaN where an epoch had nothing held out."""

    def values(history, name):
        return history.get(name, [math.nan] * len(history["loss"]))

    return {name: values(before, name) + values(after, name) for name in before | after}


def check_params(estimator):
    """The checks that `_parameter_constraints` cannot say."""
    architecture, sizes = estimator.architecture, estimator.hidden_layer_sizes
    if not callable(architecture) and architecture not in _ARCHITECTURES:
        raise ValueError(f"architecture must be a callable or {likely(architecture, _ARCHITECTURES)}")
    if not all(is_integer(size) and size > 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be a tuple of positive integers, got {sizes!r}.")
    if len(sizes) and architecture != "dense":
        raise ValueError(
            f"hidden_layer_sizes={sizes!r} belongs to architecture='dense', got architecture={architecture!r}."
            " Leave it at ()."
        )
    if estimator.output == "latent" and architecture == "unet":
        raise ValueError("output='latent' needs a code, which architecture='unet' does not have. Use 'conv'.")
    check_noise(estimator.noise)
    check_data_range(estimator.data_range)


def resolve_range(estimator, target, continued):
    """The estimator's own range, else the one fitted before, else the injector's, else read off the clean rows."""
    own = check_data_range(estimator.data_range)
    if own == "auto" and continued:
        return estimator.data_range_
    if own == "auto" and target.source == "injector":
        return target.noise.data_range_
    if own == "auto" and target.source == "noise":
        own = target.noise.data_range
    return resolve_data_range(own, target.clean)


def network_spec(estimator, image_shape):
    """What shapes the network."""
    from ._keras import NetworkSpec

    return NetworkSpec(
        architecture=estimator.architecture,
        image_shape=image_shape,
        latent_dim=int(estimator.latent_dim),
        hidden_layer_sizes=tuple(int(size) for size in estimator.hidden_layer_sizes),
        loss=estimator.loss,
        optimizer=estimator.optimizer,
    )


def make_rows(rows, target, data_range):
    """Rows to train or validate on, as `target` says."""
    noisy = rows if target.source in ("X_clean", "y") else None
    corrupt = None if target.noise is None else corruption(target, data_range)
    return Rows(target.clean, noisy, corrupt, data_range)


def split(estimator, rows, target, data_range, validation_data, partial):
    """Training rows and, where asked for, validation rows."""
    everything = make_rows(rows, target, data_range)
    if partial:
        return everything, None
    if validation_data is not None:
        return everything, validation_rows(estimator, validation_data, target, data_range)
    share = estimator.validation_split
    if share is None:
        share = 0.1 if estimator.early_stopping else 0
    if estimator.early_stopping and not share:
        raise ValueError("early_stopping=True needs rows to validate on: set validation_split above 0.")
    if not share:
        return everything, None
    n_held_out = math.ceil(share * len(rows))
    if n_held_out >= len(rows):
        raise ValueError(
            f"validation_split={share} of n_samples={len(rows)} leaves no row to train on. Give more rows, or a"
            " smaller share."
        )
    order = check_random_state(estimator.random_state).permutation(len(rows))
    return everything.take(np.sort(order[n_held_out:])), everything.take(np.sort(order[:n_held_out]))


def validation_rows(estimator, validation_data, training, data_range):
    """What `validation_data` gives, by the same rule as the training rows."""
    pair = isinstance(validation_data, tuple)
    if pair and len(validation_data) != 2:
        raise ValueError(f"validation_data must be rows or a pair (X, X_clean), got {len(validation_data)} parts.")
    given, X_clean = validation_data if pair else (validation_data, None)
    rows = check_rows(given, "validation_data")
    if rows.shape[1] != estimator.n_features_in_:
        raise ValueError(
            f"validation_data must have the {estimator.n_features_in_} features of X, got {rows.shape[1]}."
        )
    if X_clean is not None:
        X_clean = check_clean(X_clean, rows.shape, "validation_data[1]")
    target = find_target(given, rows, None, X_clean, estimator.noise)
    if target.source == "noise" and training.source == "injector":
        target = dataclasses.replace(target, source="injector", noise=training.noise)  # the noise trained on
    check_in_range(target.clean, data_range, "validation_data")
    return make_rows(rows, target, data_range)


def make_plan(estimator, n_rows, continued, partial):
    """How to train on `n_rows`."""
    if is_integer(estimator.random_state):
        seed = int(estimator.random_state)
    else:
        seed = int(check_random_state(estimator.random_state).randint(2**31 - 1))
    if continued:
        # Each fit numbers its epochs from 0, so the seed must differ for the noise to.
        seed = int(np.random.SeedSequence([seed, estimator.n_iter_]).generate_state(1)[0])
    batch_size = resolve_batch_size(estimator.batch_size, n_rows)
    return Plan(
        epochs=1 if partial else resolve_epochs(estimator.epochs, estimator.architecture, n_rows, batch_size),
        batch_size=batch_size,
        seed=seed,
        rate=resolve_learning_rate(estimator.learning_rate, estimator.architecture, estimator.optimizer),
        schedule="constant" if partial else estimator.learning_rate_schedule,
        patience=estimator.patience if estimator.early_stopping and not partial else None,
        verbose=int(estimator.verbose),
    )
