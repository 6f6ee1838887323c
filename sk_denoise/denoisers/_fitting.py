"""Preparation of the fit of a `DenoisingAutoencoder`: training rows, validation rows and training plan."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from sklearn.utils import check_random_state

from .._core.checks import shown, warn_user
from .._core.shapes import read_layout
from .._core.sklearn_glue import check_clean, check_rows, check_same_names, draw_seed, feature_names, fitted_names
from .._core.units import check_in_range, check_scale
from ..networks.spec import (
    NetworkSpec,
    needs_unit_outputs,
    resolve_batch_size,
    resolve_epochs,
    resolve_head,
    resolve_learning_rate,
)
from ..networks.training import Patches, Plan, Rows
from ._self_supervision import ALONE, check_second_shot
from ._targets import Target, find_target, pairing

_PAIRS = ("X_clean", "y", "noise2noise")  # sources of targets for which noisy rows are given
_ALONE = ("noise", "identity")  # sources of targets that are the given rows themselves


def fit_network(estimator, rows, target, data_range, validation_data, *, continued, partial, patches=None):
    """Train a network on `rows`, or on `patches`, of which they are a sample; return its fitted attributes."""
    from ..networks import fit  # here, so that importing the package does not import TensorFlow

    spec = _network_spec(estimator, read_layout(estimator.image_shape, target.clean), target)
    callbacks = fit.check_keras_params(spec.loss, spec.optimizer, estimator.callbacks)
    if len(rows) == 1 and not continued:
        warn_user("X has one row only, so the network can only memorize it. Pass more images.")
    if continued and spec != estimator._spec:
        raise ValueError(
            f"{'partial_fit' if partial else 'warm_start=True'} continues from {estimator._spec}, but the parameters"
            f" and rows now require {spec}. Restore the parameters, or fit a clone of this estimator."
        )
    if continued and estimator.target_source_ in _PAIRS and target.source in _ALONE:
        warn_user(
            "The network was trained on pairs of noisy and clean rows, but this fit continues with rows alone, which"
            " are taken as clean. If they are noisy, also pass the clean rows, as y or X_clean=."
        )
    make = _make_rows if patches is None else _make_patches
    all_rows = make(rows if patches is None else patches, target, data_range, spec.image_shape)
    training, held_out = _split(estimator, all_rows, target, data_range, spec.image_shape, validation_data, partial)
    job = fit.make_job(
        spec,
        _make_plan(estimator, len(training), continued, partial),
        training,
        held_out,
        callbacks=callbacks,
        weights=estimator._weights if continued else None,
        optimizer_state=estimator._optimizer_state if continued and partial else None,
        keeps_optimizer=partial,
        needs_code=estimator.output == "latent",
        checkpoint=None if partial else estimator.checkpoint,
        about={"source": target.source, "data_range": data_range, "random_state": estimator.random_state},
    )
    fitted = fit.run(job, estimator._networks(spec))
    if continued:
        fitted["history_"] = _join_histories(estimator.history_, fitted["history_"])
    return fitted | {"n_iter_": len(fitted["history_"]["loss"])}


def _join_histories(before, after):
    """Concatenate the entries for each epoch, with NaN for epochs without validation rows."""

    def values(history, name):
        return history.get(name, [math.nan] * len(history["loss"]))

    return {name: values(before, name) + values(after, name) for name in before | after}


def _network_spec(estimator, image_shape, target):
    loss = estimator.loss
    head = resolve_head(estimator.head, estimator.architecture, image_shape, loss, noisy_targets=target.is_noisy)
    if target.source in ALONE and loss not in ("auto", "mse", "mean_squared_error"):
        raise ValueError(
            f"loss must be 'auto' or 'mse' with self_supervised={target.source!r}, got {shown(loss)}: with noisy"
            " targets, only the squared error is smallest for the clean image."
        )
    if isinstance(loss, str) and loss == "auto":
        loss = "binary_crossentropy" if head == "sigmoid" and not target.is_noisy else "mse"
    if (head != "sigmoid" or target.is_noisy) and needs_unit_outputs(loss):
        if target.is_noisy:
            reason = "targets in [0, 1], but noisy ones may lie outside. Leave loss at 'auto'."
        else:
            reason = f"outputs in [0, 1], which head={head!r} does not ensure. Use head='sigmoid', or loss='auto'."
        raise ValueError(f"loss={loss!r} requires {reason}")
    return NetworkSpec(
        architecture=estimator.architecture,
        image_shape=image_shape,
        latent_dim=int(estimator.latent_dim),
        hidden_layer_sizes=tuple(int(size) for size in estimator.hidden_layer_sizes),
        loss=loss,
        optimizer=estimator.optimizer,
        head=head,
        hides=target.source == "blind_spot",
    )


def _make_rows(rows, target, data_range, image_shape):
    """Return rows to train or validate on, according to `target`."""
    noisy = rows if target.source in _PAIRS else None
    return Rows(target.clean, noisy, pairing(target, data_range, image_shape), data_range, target.noise)


def _make_patches(patches, target, data_range, image_shape):
    """Return patches to train on; `patches` is a source and the number to draw in each epoch."""
    source, n = patches
    if target.source in ALONE and source.noisy is not None:
        source = dataclasses.replace(source, clean=source.noisy, names=source.names[1:] * 2)
    if target.source not in _PAIRS:  # the noise that is drawn in each epoch takes the place of that of the images
        source = dataclasses.replace(source, noisy=None)
    return Patches(source, n, source.n_features, pairing(target, data_range, image_shape), data_range, target.noise)


def _split(estimator, all_rows, target, data_range, image_shape, validation_data, partial):
    """Return the training rows and the validation rows, or None."""
    if partial:
        return all_rows, None
    if validation_data is not None:
        return all_rows, _validation_rows(estimator, validation_data, target, data_range, image_shape)
    fraction = estimator.validation_split
    if fraction is None:
        fraction = 0.1 if estimator.early_stopping else 0
    if estimator.early_stopping and not fraction:
        raise ValueError(
            "early_stopping=True requires validation rows. Set validation_split above 0, or pass validation_data."
        )
    if not fraction:
        return all_rows, None
    n_rows = len(all_rows)
    n_held_out = math.ceil(fraction * n_rows)
    if n_held_out >= n_rows:
        raise ValueError(
            f"validation_split={fraction} with n_samples={n_rows} leaves no training rows. Pass more rows, or"
            " a smaller fraction."
        )
    order = check_random_state(estimator.random_state).permutation(n_rows)
    return all_rows.take(np.sort(order[n_held_out:])), all_rows.take(np.sort(order[:n_held_out]))


def _validation_rows(estimator, validation_data, training, data_range, image_shape):
    """Return the rows of `validation_data`, by the same rule as for the training rows."""
    pair = isinstance(validation_data, tuple)
    if pair and len(validation_data) != 2:
        raise ValueError(f"validation_data must be rows or a pair (X, X_clean), got {len(validation_data)} items.")
    given, X_clean = validation_data if pair else (validation_data, None)
    name = "validation_data[0]" if pair else "validation_data"
    names, validation_names = fitted_names(estimator), feature_names(given)
    if names is not None and validation_names is not None and list(names) != list(validation_names):
        raise ValueError(f"{name} must have the columns of X in the same order. Pass {name}[X.columns].")
    rows = check_rows(given, "validation_data")
    check_scale(rows, data_range, "validation_data")
    if rows.shape[1] != estimator.n_features_in_:
        raise ValueError(
            f"validation_data must have the {estimator.n_features_in_} features of X, got {rows.shape[1]}."
        )
    if X_clean is not None:
        check_same_names(given, X_clean, "validation_data[1]", of=name)
        X_clean = check_clean(X_clean, rows.shape, "validation_data[1]", of=name)
        check_scale(X_clean, data_range, "validation_data[1]")
    if training.is_noisy:
        return _make_rows(rows, _noisy_validation(rows, X_clean, training), data_range, image_shape)
    target = find_target(given, rows, None, X_clean, estimator.noise)
    if training.source in _PAIRS and target.source in _ALONE:
        raise ValueError(
            f"validation_data must be a pair (X, X_clean) if the training rows are pairs, got {shown(given)}:"
            " noise drawn on rows alone would differ from that of the pairs."
        )
    if target.source in _ALONE and training.source == "injector":
        target = dataclasses.replace(target, source="injector", noise=training.noise)
    check_in_range(target.clean, data_range, "validation_data")
    return _make_rows(rows, target, data_range, image_shape)


def _noisy_validation(rows, second, training):
    """Return the target of validation rows with self-supervision."""
    mode = training.source
    if (second is None) == (mode == "noise2noise"):
        expected = "a pair of noisy shots" if mode == "noise2noise" else "noisy rows alone"
        raise ValueError(f"validation_data must be {expected} with self_supervised={mode!r}.")
    if second is not None:
        check_second_shot(second, rows, "validation_data")
    return Target(mode, rows if second is None else second, training.noise)


def _make_plan(estimator, n_rows, continued, partial):
    """Return the training plan for `n_rows`."""
    seed = draw_seed(estimator.random_state)
    if continued:
        # Each fit numbers its epochs from 0, so a continued fit needs another seed to draw different noise.
        seed = int(np.random.SeedSequence([seed, estimator.n_iter_]).generate_state(1)[0])
    batch_size = resolve_batch_size(estimator.batch_size, estimator.architecture)
    return Plan(
        epochs=1 if partial else resolve_epochs(estimator.epochs, estimator.architecture, n_rows, batch_size),
        batch_size=batch_size,
        seed=seed,
        rate=resolve_learning_rate(estimator.learning_rate, estimator.architecture, estimator.optimizer),
        schedule="constant" if partial else estimator.learning_rate_schedule,
        patience=int(estimator.patience) if estimator.early_stopping and not partial else None,
        verbose=int(estimator.verbose),
    )
