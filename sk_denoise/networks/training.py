"""The training loop: epochs, blocks of rows with fresh noise, learning rates, validation and early stopping."""

from __future__ import annotations

import dataclasses
import math
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .._core.checks import shown
from .._core.units import to_network
from .processes import dask_worker

_BLOCK_VALUES = 1 << 20  # array elements passed to the compiled loop at a time
_WARM_UP = 0.1  # fraction of the steps during which the cosine schedule rises


@dataclasses.dataclass(frozen=True)
class Rows:
    """Training rows in the user's units; `block` returns noisy and clean rows scaled to [0, 1]."""

    clean: np.ndarray
    noisy: np.ndarray | None  # noisy versions of `clean`, if given as pairs
    pair: Callable | None  # if not, makes pairs: (rows in [0, 1], rng) -> (noisy rows, targets)
    data_range: tuple[float, float]
    noise: object = None  # the NoiseInjector behind `pair`
    chosen: np.ndarray | None = None  # indices of a subset, which avoids a copy

    def __len__(self):
        return len(self.clean) if self.chosen is None else len(self.chosen)

    @property
    def n_features(self):
        """Number of values of a row."""
        return self.clean.shape[1]

    def contents(self):
        """Return what identifies the rows."""
        return self.clean, self.noisy, self.chosen

    def take(self, chosen):
        """Return a subset of the rows."""
        return dataclasses.replace(self, chosen=chosen)

    def block(self, index, rng):
        """Return the noisy and clean rows at `index`, float32 in [0, 1]."""
        index = index if self.chosen is None else self.chosen[index]
        noisy = None if self.noisy is None else self.noisy[index]
        return _scaled_pair(self, noisy, self.clean[index], rng)


@dataclasses.dataclass(frozen=True)
class Patches:
    """Training rows that are patches of images, drawn anew in each epoch; the interface is that of `Rows`."""

    source: object  # draws patches: (n, rng) -> noisy rows, or None, and clean rows in the user's units
    n_rows: int  # in an epoch
    n_features: int
    pair: Callable | None  # makes noisy rows and targets, if the source has no noisy patches
    data_range: tuple[float, float]
    noise: object = None  # the NoiseInjector behind `pair`

    def __len__(self):
        return self.n_rows

    def contents(self):
        """Return what identifies the patches."""
        return *self.source.contents(), self.n_rows

    def take(self, chosen):
        """Return patches, as many as there are indices in `chosen`."""
        return dataclasses.replace(self, n_rows=len(chosen))

    def block(self, index, rng):
        """Draw noisy and clean patches, one for each entry of `index`, float32 in [0, 1]."""
        n = len(range(*index.indices(self.n_rows))) if isinstance(index, slice) else len(index)
        return _scaled_pair(self, *self.source.draw(n, rng), rng)


def _scaled_pair(rows, noisy, clean, rng):
    """Scale noisy and clean rows to [0, 1]; without noisy ones, make them as `rows` says."""
    clean = to_network(clean, rows.data_range, "X")
    if noisy is not None:
        return to_network(noisy, rows.data_range, "X"), clean
    return (clean, clean) if rows.pair is None else rows.pair(clean, rng)


@dataclasses.dataclass(frozen=True)
class Plan:
    """Training schedule and seed."""

    epochs: int
    batch_size: int
    seed: int
    rate: float | Callable | None  # peak rate, rate as a function of the step, or None for the default of the optimizer
    schedule: str
    patience: int | None
    verbose: int

    def rates(self, steps, n_steps):
        """Learning rate at each of `steps`; -1 leaves that of the optimizer unchanged."""
        if callable(self.rate):
            return np.array([_rate(self.rate(step)) for step in steps], dtype=np.float32)
        if self.schedule == "constant" or self.rate is None:
            return np.full(len(steps), -1, dtype=np.float32)
        warm = max(1, math.ceil(_WARM_UP * n_steps))
        fall = 0.5 * (1 + np.cos(np.pi * (steps - warm) / max(1, n_steps - warm)))
        return (self.rate * np.where(steps < warm, (steps + 1) / warm, fall)).astype(np.float32)

    def rng(self, epoch, position):
        """Return a generator for one purpose in one epoch, so that a killed fit can resume with the same draws."""
        return np.random.Generator(np.random.SFC64(np.random.SeedSequence([self.seed, epoch, position])))

    def is_over(self, progress):
        """True after the last epoch, or if training was stopped early."""
        waited = progress.n_epochs - 1 - progress.best_epoch
        patient = self.patience is None or not progress.n_epochs or waited < self.patience
        return progress.stopped or progress.n_epochs >= self.epochs or not patient


@dataclasses.dataclass(frozen=True)
class Progress:
    """Progress of training at the end of an epoch."""

    history: dict[str, list]
    best: float = math.inf  # lowest "val_loss"; it, its epoch and its weights are set only with `Plan.patience`
    best_epoch: int = 0
    best_weights: list | None = None
    stopped: bool = False  # by a callback

    @property
    def n_epochs(self):
        """Number of completed epochs."""
        return len(self.history["loss"])


def _rate(value):
    """Convert the value returned by a callable `learning_rate` to a float."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"learning_rate must return a number if it is callable, got {shown(value)}.") from None


def _block_slices(n_rows, n_features, batch_size):
    # A power of two, because `Trainer` compiles for powers of two.
    n_batches = 1 << max(0, (_BLOCK_VALUES // (batch_size * n_features)).bit_length() - 1)
    return [slice(s, min(s + n_batches * batch_size, n_rows)) for s in range(0, n_rows, n_batches * batch_size)]


def _blocks(rows, order, slices, plan, epoch):
    """Yield the blocks of an epoch; each is prepared in a thread while the previous one is trained on."""
    if dask_worker() is not None:  # a thread other than that of the task would wait for the task to end
        yield from (rows.block(order[part], plan.rng(epoch, i + 1)) for i, part in enumerate(slices))
        return
    with ThreadPoolExecutor(max_workers=1) as pool:

        def prepare(position):
            return pool.submit(rows.block, order[slices[position]], plan.rng(epoch, position + 1))

        ahead = prepare(0)
        for position in range(len(slices)):
            noisy, clean = ahead.result()
            if position + 1 < len(slices):
                ahead = prepare(position + 1)
            yield noisy, clean


def _train_epoch(trainer, rows, plan, epoch, callbacks):
    """Train on all rows once, and return the mean loss."""
    size = plan.batch_size
    n_steps = math.ceil(len(rows) / size)
    slices = _block_slices(len(rows), rows.n_features, size)
    order = plan.rng(epoch, 0).permutation(len(rows))
    total, step = 0.0, 0
    for noisy, clean in _blocks(rows, order, slices, plan, epoch):
        block_steps = np.arange(step, step + math.ceil(len(clean) / size))
        rates = plan.rates(epoch * n_steps + block_steps, plan.epochs * n_steps)
        if callbacks is not None and callbacks.want_batches:
            loss = _train_batches(trainer, noisy, clean, rates, size, callbacks, step)
        else:
            loss = trainer.train_block(noisy, clean, rates, size)
        _check_finite(loss, plan, epoch)
        total, step = total + loss, step + len(rates)
    return total / len(rows)


def _train_batches(trainer, noisy, clean, rates, size, callbacks, step):
    """Train on a block batch by batch, for callbacks with batch-level methods."""
    total = 0.0
    for i in range(len(rates)):
        batch = slice(i * size, (i + 1) * size)
        callbacks("on_train_batch_begin", step + i)
        loss = trainer.train_block(noisy[batch], clean[batch], rates[i : i + 1], size)
        callbacks("on_train_batch_end", step + i, {"loss": loss / len(clean[batch])})
        total += loss
    return total


def _check_finite(loss, plan, epoch):
    if not math.isfinite(loss):
        rate = "the optimizer's default" if plan.rate is None else plan.rate
        raise ValueError(
            f"The loss became {loss} in epoch {epoch + 1} with learning_rate={rate!r}. Lower learning_rate, or check"
            " that loss is suited to targets in [0, 1]."
        )


def evaluate(trainer, blocks):
    """Mean loss over (noisy, clean) blocks."""
    n_rows = sum(len(clean) for _, clean in blocks)
    return sum(trainer.evaluate_block(noisy, clean) for noisy, clean in blocks) / n_rows


def validation_blocks(rows, plan):
    """Validation rows in blocks, with noise drawn once per fit so that epochs are comparable."""
    # A stream that no epoch uses: epochs are numbered from 0.
    rng = plan.rng(2**32 - 1, 0)
    step = max(1, min(_BLOCK_VALUES // rows.n_features, 1024))
    return [rows.block(slice(start, start + step), rng) for start in range(0, len(rows), step)]


def train(trainer, rows, plan, progress, *, validation=None, callbacks=None, after_epoch=None):
    """Train from `progress` to the end of `plan`, and return the final progress.

    With `plan.patience`, the weights of the best epoch are restored at the end. ``after_epoch(progress)`` is called
    after each epoch, while the trainer is still in the state of that epoch.
    """
    held_out = None if validation is None else validation_blocks(validation, plan)
    first, start = progress.n_epochs, time.monotonic()
    if callbacks is not None:
        callbacks("on_train_begin")
    while not plan.is_over(progress):
        epoch = progress.n_epochs
        if callbacks is not None:
            callbacks("on_epoch_begin", epoch)
        logs = {"loss": _train_epoch(trainer, rows, plan, epoch, callbacks)}
        if held_out is not None:
            logs["val_loss"] = evaluate(trainer, held_out)
        if callbacks is not None:
            callbacks("on_epoch_end", epoch, dict(logs))
        progress = _advance(progress, logs, plan, trainer, stopped=callbacks is not None and callbacks.stop)
        if after_epoch is not None:
            after_epoch(progress)
        if plan.verbose:
            _report(epoch, plan.epochs, logs, (time.monotonic() - start) / (epoch + 1 - first))
    if plan.verbose:
        print()
    if callbacks is not None:
        callbacks("on_train_end")
    if progress.best_weights is not None:
        trainer.model.set_weights(progress.best_weights)
    return progress


def _advance(progress, logs, plan, trainer, *, stopped):
    """Return the progress after one more epoch."""
    history = {name: [*progress.history.get(name, []), value] for name, value in logs.items()}
    best = {}
    if plan.patience is not None and logs["val_loss"] < progress.best:
        weights = trainer.model.get_weights()
        best = {"best": logs["val_loss"], "best_epoch": progress.n_epochs, "best_weights": weights}
    return dataclasses.replace(progress, history=history, stopped=stopped, **best)


def _report(epoch, epochs, logs, seconds_each):
    done = (epoch + 1) / epochs
    bar = "=" * round(20 * done) + "." * (20 - round(20 * done))
    values = "  ".join(f"{name} {value:.4f}" for name, value in logs.items())
    left = seconds_each * (epochs - epoch - 1)
    line = f"epoch {epoch + 1}/{epochs} [{bar}] {values}  {int(left // 60)}:{int(left % 60):02d} left"
    # In place on a terminal; one line per epoch in a log.
    print(f"\r{line}" if sys.stdout.isatty() else line, end="" if sys.stdout.isatty() else "\n", flush=True)
