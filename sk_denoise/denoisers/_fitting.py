"""Prepares the fit of a `DenoisingAutoencoder`: what its network is trained on, and how."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from sklearn.utils import check_random_state

from .._core.checks import is_integer, shown, warn_user
from .._core.shapes import read_layout
from .._core.sklearn_glue import check_clean, check_rows, check_same_names, feature_names, fitted_names
from .._core.units import check_in_range, check_scale
from ..networks.spec import NetworkSpec, resolve_batch_size, resolve_epochs, resolve_learning_rate
from ..networks.training import Plan, Rows
from ._targets import corruption, find_target

_PAIRS = ("X_clean", "y")  # sources of targets that come with noisy rows
_ALONE = ("noise", "identity")  # sources of targets that are the rows themselves


def fit_network(estimator, rows, target, data_range, validation_data, *, continued, partial):
    """Train the network of `estimator`; return its fitted attributes."""
    from ..networks import fit  # here, so that importing the package does not import TensorFlow

    callbacks = fit.check_keras_params(estimator.loss, estimator.optimizer, estimator.callbacks)
    spec = _network_spec(estimator, read_layout(estimator.image_shape, target.clean))
    if len(rows) == 1 and not continued:
        warn_user("X has one row only, from which a network learns nothing but that row. Give it more images.")
    if continued and spec != estimator._spec:
        raise ValueError(
            f"{'partial_fit' if partial else 'warm_start=True'} goes on with {estimator._spec}, but the parameters and"
            f" rows now require {spec}. Restore the parameters, or fit a clone of this estimator."
        )
    if continued and estimator.target_source_ in _PAIRS and target.source in _ALONE:
        warn_user(
            "The network was trained on pairs of noisy and clean rows, and this fit goes on with rows alone, which"
            " count as clean ones. If they are noisy, pass the clean rows, too, as y or X_clean=."
        )
    training, held_out = _split(estimator, rows, target, data_range, validation_data, partial)
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
    """One entry for each epoch; NaN for epochs without held-out rows."""

    def values(history, name):
        return history.get(name, [math.nan] * len(history["loss"]))

    return {name: values(before, name) + values(after, name) for name in before | after}


def _network_spec(estimator, image_shape):
    return NetworkSpec(
        architecture=estimator.architecture,
        image_shape=image_shape,
        latent_dim=int(estimator.latent_dim),
        hidden_layer_sizes=tuple(int(size) for size in estimator.hidden_layer_sizes),
        loss=estimator.loss,
        optimizer=estimator.optimizer,
    )


def _make_rows(rows, target, data_range):
    """Rows to train or validate on, according to `target`."""
    noisy = rows if target.source in _PAIRS else None
    corrupt = None if target.noise is None else corruption(target, data_range)
    return Rows(target.clean, noisy, corrupt, data_range, target.noise)


def _split(estimator, rows, target, data_range, validation_data, partial):
    """Training rows and validation rows, if any."""
    everything = _make_rows(rows, target, data_range)
    if partial:
        return everything, None
    if validation_data is not None:
        return everything, _validation_rows(estimator, validation_data, target, data_range)
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
            f"validation_split={share} with n_samples={len(rows)} leaves no row to train on. Pass more rows, or a"
            " smaller fraction."
        )
    order = check_random_state(estimator.random_state).permutation(len(rows))
    return everything.take(np.sort(order[n_held_out:])), everything.take(np.sort(order[:n_held_out]))


def _validation_rows(estimator, validation_data, training, data_range):
    """Rows of `validation_data`, by the same rule as the training rows."""
    pair = isinstance(validation_data, tuple)
    if pair and len(validation_data) != 2:
        raise ValueError(f"validation_data must be rows or a pair (X, X_clean), got {len(validation_data)} parts.")
    given, X_clean = validation_data if pair else (validation_data, None)
    name = "validation_data[0]" if pair else "validation_data"
    names, of_validation = fitted_names(estimator), feature_names(given)
    if names is not None and of_validation is not None and list(names) != list(of_validation):
        raise ValueError(f"{name} must have the columns of X in the same order: {name}[X.columns].")
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
    target = find_target(given, rows, None, X_clean, estimator.noise)
    if training.source in _PAIRS and target.source in _ALONE:
        raise ValueError(
            f"validation_data must be a pair (X, X_clean) after a fit on pairs, got {shown(given)} alone: noise other"
            " than that of the pairs would judge the training."
        )
    if target.source in _ALONE and training.source == "injector":
        target = dataclasses.replace(target, source="injector", noise=training.noise)  # the training noise
    check_in_range(target.clean, data_range, "validation_data")
    return _make_rows(rows, target, data_range)


def _make_plan(estimator, n_rows, continued, partial):
    """How to train on `n_rows`."""
    if is_integer(estimator.random_state):
        seed = int(estimator.random_state)
    else:
        seed = int(check_random_state(estimator.random_state).randint(2**31 - 1))
    if continued:
        # Each fit numbers its epochs from 0, so its noise differs only if the seed does.
        seed = int(np.random.SeedSequence([seed, estimator.n_iter_]).generate_state(1)[0])
    batch_size = resolve_batch_size(estimator.batch_size, n_rows)
    return Plan(
        epochs=1 if partial else resolve_epochs(estimator.epochs, estimator.architecture, n_rows, batch_size),
        batch_size=batch_size,
        seed=seed,
        rate=resolve_learning_rate(estimator.learning_rate, estimator.architecture, estimator.optimizer),
        schedule="constant" if partial else estimator.learning_rate_schedule,
        patience=int(estimator.patience) if estimator.early_stopping and not partial else None,
        verbose=int(estimator.verbose),
    )
