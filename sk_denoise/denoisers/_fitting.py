"""What a fit does, step by step: check, find the target, split, plan, train, and only then touch the estimator."""

from __future__ import annotations

import dataclasses
import math
import os

import numpy as np
from sklearn.utils import check_random_state

from .._core.checks import check_path, shown
from .._core.sklearn_glue import check_clean, check_rows, likely, read_rows
from .._core.units import check_data_range, check_image_shape, check_in_range, is_integer, resolve_data_range
from ..networks._defaults import resolve_batch_size, resolve_epochs, resolve_learning_rate
from ..networks.spec import ARCHITECTURES, NetworkSpec
from ..networks.training import Plan, Progress, Rows, train
from ._targets import check_noise, corruption, find_target


@dataclasses.dataclass(frozen=True)
class Job:
    """Everything that is settled before training starts."""

    spec: NetworkSpec
    source: str  # of the clean rows
    data_range: tuple[float, float]
    training: Rows
    held_out: Rows | None
    plan: Plan
    callbacks: list


def run_fit(estimator, kept, X, y, X_clean, validation_data, *, continued, partial=False):
    """Fit `estimator`, from scratch or going on from its weights; set its fitted attributes.

    With `warm_start`, `kept` has those of each whole epoch.
    """
    job = prepare(estimator, X, y, X_clean, validation_data, continued=continued, partial=partial)
    from ..networks import _keras

    with _keras.lease_trainer(job.spec, private=bool(job.callbacks)) as trainer:
        if estimator.output == "latent" and trainer.code_size is None:
            raise ValueError(
                f"output='latent' needs a code, which architecture={estimator.architecture!r} does not have."
            )
        set_up(trainer, estimator, job, continued, partial)
        keeper = Keeper(estimator, kept, job, trainer, continued, partial)
        events = None
        if job.callbacks:
            n_steps = math.ceil(len(job.training) / job.plan.batch_size)
            events = _keras.Callbacks(job.callbacks, trainer, job.plan.epochs, n_steps)
        try:
            rest = {"validation": job.held_out, "callbacks": events, "after_epoch": keeper}
            progress = train(trainer, job.training, job.plan, keeper.start(), **rest)
            estimator.__dict__ = keeper.attributes(progress)
        except BaseException as error:
            error.add_note(keeper.note())
            raise
    return estimator


def prepare(estimator, X, y, X_clean, validation_data, *, continued, partial):
    """Check everything and settle it."""
    check_params(estimator)
    from ..networks import checks as _keras_checks  # here, so that importing the package does not import TensorFlow

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
    return Job(spec, target.source, data_range, training, held_out, plan, callbacks)


def set_up(trainer, estimator, job, continued, partial):
    """Give `trainer` the weights to start from."""
    trainer.reset(job.plan.seed, None if callable(job.plan.rate) else job.plan.rate)
    if continued:
        trainer.model.set_weights(estimator._weights)
        if partial and estimator._optimizer_state is not None:
            trainer.set_optimizer_state(estimator._optimizer_state, keep_rate=job.plan.rate is not None)


class Keeper:
    """What is kept of a fit at the end of each epoch: a checkpoint, and attributes for an estimator that goes on."""

    def __init__(self, estimator, kept, job, trainer, continued, partial):
        self._estimator, self._kept, self._job, self._trainer = estimator, kept, job, trainer
        self._before = estimator.history_ if continued else None
        self._partial, self._progress = partial, Progress({"loss": []})
        self._checkpoint = None
        if estimator.checkpoint is not None and not partial:
            from ..networks.checkpoints import Checkpoint, fingerprint

            name = fingerprint(estimator, job, estimator._weights if continued else None)
            self._checkpoint = Checkpoint(estimator.checkpoint, name)

    def start(self):
        """Where to go on: after the last epoch of a fit like this that was stopped, else at the start."""
        if self._checkpoint is not None:
            self._progress = self._checkpoint.load(self._trainer) or self._progress
        return self._progress

    def __call__(self, progress):
        """Keep an epoch."""
        if self._checkpoint is not None:
            self._checkpoint.save(self._trainer, progress)
        if self._estimator.warm_start and not self._partial:
            self._kept.attributes = self.attributes(progress)
        self._progress = progress

    def attributes(self, progress):
        """All attributes of the estimator with the trainer's weights."""
        job, state = self._job, self._trainer.result(with_state=self._partial)
        if not all(np.isfinite(values).all() for values in state["_weights"]):
            # The last step's, which no loss has seen.
            raise ValueError(
                f"The weights became NaN or infinite with learning_rate={shown(self._estimator.learning_rate)}. Lower"
                " learning_rate, or check that loss suits targets scaled to [0, 1]."
            )
        history = progress.history if self._before is None else join_histories(self._before, progress.history)
        fitted = vars(self._estimator) | state
        fitted.pop("_model", None)
        return fitted | {
            "history_": history,
            "n_iter_": len(history["loss"]),
            "data_range_": job.data_range,
            "image_shape_": job.spec.image_shape,
            "target_source_": job.source,
            "_spec": job.spec,
        }

    def note(self):
        """What became of a fit that something stopped."""
        n_epochs, name = self._progress.n_epochs, type(self._estimator).__name__
        holds_epoch = self._estimator.warm_start and not self._partial and n_epochs
        if holds_epoch:
            kept = f"holds epoch {n_epochs}, the last whole one; with warm_start=True the next fit trains on from there"
        else:
            kept = "is as it was before this fit"
        if self._checkpoint is not None and n_epochs and os.path.exists(self._checkpoint.path):
            again = "the same estimator, as it was before," if holds_epoch else "the same parameters and rows"
            kept += f". A fit with {again} goes on after epoch {n_epochs}, from the checkpoint"
        return f"Training stopped after {n_epochs} of {self._job.plan.epochs} epochs. The {name} {kept}."


def join_histories(before, after):
    """One entry for each epoch; NaN where an epoch had nothing held out."""

    def values(history, name):
        return history.get(name, [math.nan] * len(history["loss"]))

    return {name: values(before, name) + values(after, name) for name in before | after}


def check_params(estimator):
    """The checks that `_parameter_constraints` cannot say."""
    architecture, sizes = estimator.architecture, estimator.hidden_layer_sizes
    if not callable(architecture) and architecture not in ARCHITECTURES:
        raise ValueError(f"architecture must be a callable or {likely(architecture, ARCHITECTURES)}")
    if not all(is_integer(size) and 0 < size < 2**31 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be a tuple of positive integers, got {shown(sizes)}.")
    if len(sizes) and architecture != "dense":
        raise ValueError(
            f"hidden_layer_sizes={sizes!r} belongs to architecture='dense', got architecture={architecture!r}."
            " Leave it at ()."
        )
    if estimator.output == "latent" and architecture == "unet":
        raise ValueError("output='latent' needs a code, which architecture='unet' does not have. Use 'conv'.")
    if estimator.checkpoint is not None:
        check_path(estimator.checkpoint, "checkpoint")
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
    return Rows(target.clean, noisy, corrupt, data_range, target.noise)


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
