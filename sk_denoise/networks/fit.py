"""Fit a network: take it from the cache, initialize and train it, and return the attributes of the estimator."""

from __future__ import annotations

import dataclasses
import math
import os

import numpy as np

from .._core.checks import shown
from . import accelerator, processes
from .callbacks import Callbacks, check_callbacks, check_rate_callbacks
from .checkpoints import Checkpoint, fingerprint
from .checks import check_memory, check_names, check_weights
from .spec import NetworkSpec
from .training import Plan, Progress, Rows, train


@dataclasses.dataclass(frozen=True)
class Job:
    """Everything that is determined before training starts."""

    spec: NetworkSpec
    plan: Plan
    training: Rows
    held_out: Rows | None
    callbacks: list
    weights: list | None  # to continue from
    optimizer_state: list | None
    keeps_optimizer: bool  # whether to store its state, so that the next call can continue
    needs_code: bool
    checkpoint: Checkpoint | None


def check_keras_params(loss, optimizer, callbacks):
    """Check the parameters passed to Keras, and return copies of the callbacks."""
    processes.prepare()  # first, because Keras makes tensors of the parameters of an optimizer
    check_names(loss, optimizer)
    return check_callbacks(callbacks)


def make_job(spec, plan, training, held_out, *, checkpoint=None, about=None, **options):
    """Make a job, after the checks that require the network and the plan."""
    check_rate_callbacks(options["callbacks"], scheduled=plan.schedule == "cosine" and plan.rate is not None)
    check_memory(spec, min(plan.batch_size, len(training)))
    if checkpoint is not None:
        if options["callbacks"]:
            raise ValueError(
                "checkpoint cannot save what callbacks remember between epochs, got"
                f" callbacks={shown(options['callbacks'])}. Pass callbacks=None, or early_stopping=True instead of"
                " EarlyStopping, or checkpoint=None."
            )
        name = fingerprint(spec, plan, training, held_out, about, options["weights"])
        checkpoint = Checkpoint(checkpoint, name)
    return Job(spec, plan, training, held_out, checkpoint=checkpoint, **options)


def run(job, networks):
    """Train, and return the fitted attributes of the estimator."""
    with networks.trainer(job.spec, private=bool(job.callbacks)) as trainer:  # callbacks may change the model
        if job.needs_code and trainer.code_size is None:
            raise ValueError(
                f"output='latent' requires a code, which architecture={job.spec.architecture!r} does not have. Use"
                " output='denoised', or an architecture with a code, such as 'dense' or 'conv'."
            )
        _set_up(trainer, job)
        progress = _train(trainer, job)
        weights = trainer.weights()
        if not all(np.isfinite(values).all() for values in weights):
            # The loss is checked during training, but not with the weights after the last step.
            raise ValueError(
                f"The weights became NaN or infinite with learning_rate={shown(job.plan.rate)}. Lower learning_rate, or"
                " check that loss is suited to targets in [0, 1]."
            )
        return {
            "history_": progress.history,
            "image_shape_": job.spec.image_shape,
            "head_": job.spec.head,
            "_spec": job.spec,
            "_weights": weights,
            "_code_size": trainer.code_size,
            "_optimizer_state": trainer.optimizer_state() if job.keeps_optimizer else None,
        }


def _set_up(trainer, job):
    """Set the initial weights, and the state of the optimizer."""
    rate = job.plan.rate
    if job.weights is not None:
        check_weights(job.spec, trainer.model.weights, job.weights)
    trainer.reset(job.plan.seed, None if callable(rate) else rate)
    if job.weights is not None:
        trainer.model.set_weights(job.weights)
        if job.optimizer_state is not None:
            trainer.set_optimizer_state(job.optimizer_state, keep_rate=rate is not None)


def _train(trainer, job):
    """Train, from the checkpoint if there is one; errors get a note on how far training went."""
    events = None
    if job.callbacks:
        n_steps = math.ceil(len(job.training) / job.plan.batch_size)
        events = Callbacks(job.callbacks, trainer, job.plan.epochs, n_steps)
    progress = Progress({"loss": []})
    if job.checkpoint is not None:
        progress = job.checkpoint.load(trainer) or progress

    def after_epoch(now):
        nonlocal progress
        if job.checkpoint is not None:
            job.checkpoint.save(trainer, now)
        progress = now

    options = {"validation": job.held_out, "callbacks": events, "after_epoch": after_epoch}
    try:
        training = accelerator.with_noise_drawn_there(job.training)
        return train(trainer, training, job.plan, progress, **options)
    except BaseException as error:
        error.add_note(_note(job, progress.n_epochs))
        raise


def _note(job, n_epochs):
    note = f"Training stopped after {n_epochs} of {job.plan.epochs} epochs. The estimator is as it was before this fit."
    if job.checkpoint is not None and n_epochs and os.path.exists(job.checkpoint.path):
        note += f" A fit with the same parameters and rows will resume from the checkpoint, after epoch {n_epochs}."
    return note
