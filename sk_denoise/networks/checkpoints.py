"""Checkpoints: a file for each fit, from which a killed fit goes on as if nothing had happened."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import sys

import numpy as np

from .._core.checks import is_integer, shown
from ..files._archive import MAX_SIZE, InvalidFileError, read_archive, write_archive
from ._callables import UnknownError, describe
from .training import Progress

_BLOCK_VALUES = 1 << 20  # read at a time, so that a memory map is not copied
_LIBRARIES = ("sk_denoise", "numpy", "keras", "tensorflow")
_NOT_OURS = "{path} is damaged, or no checkpoint of this fit. To train from the start, delete it."


class Checkpoint:
    """The file of one fit in the folder that the parameter `checkpoint` names.

    Parameters
    ----------
    folder : str or path-like
        Made where it does not exist.
    fingerprint : str
        Names the file; see `fingerprint`.
    """

    def __init__(self, folder, fingerprint):
        folder = os.fsdecode(folder)
        if os.path.exists(folder) and not os.path.isdir(folder):
            raise NotADirectoryError(f"checkpoint must be a folder, and {folder!r} is none. Name another.")
        os.makedirs(folder, exist_ok=True)
        self.path = os.path.join(folder, f"{fingerprint}.zip")

    def save(self, trainer, progress):
        """Write what an epoch has left, in the place of what the epoch before had left."""
        best = progress.best_weights
        arrays = {f"state_{i}": values for i, values in enumerate(trainer.state())}
        arrays |= {f"best_{i}": values for i, values in enumerate(best or ())}
        # Arrays, for a best loss that no epoch has bettered is infinite, which JSON does not have.
        arrays |= {f"history_{name}": np.asarray(values, dtype=np.float64) for name, values in progress.history.items()}
        arrays["best"] = np.float64(progress.best)
        document = {
            "kind": "checkpoint",
            "history": list(progress.history),
            "best_epoch": progress.best_epoch,
            "n_best": None if best is None else len(best),
            "stopped": progress.stopped,
        }
        write_archive(self.path, document, arrays)

    def load(self, trainer):
        """Set `trainer` as the last epoch left it and return the progress; None where there is no file."""
        try:
            document, arrays = read_archive(self.path, max_size=MAX_SIZE)
        except FileNotFoundError:
            return None
        except InvalidFileError as error:
            raise InvalidFileError(_NOT_OURS.format(path=self.path)) from error
        try:
            progress = self._progress(document, arrays)
            trainer.set_state([arrays[f"state_{i}"] for i in range(sum(name.startswith("state_") for name in arrays))])
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidFileError(_NOT_OURS.format(path=self.path)) from error
        return progress

    @staticmethod
    def _progress(document, arrays):
        n_best = document["n_best"]
        return Progress(
            history={name: arrays[f"history_{name}"].tolist() for name in document["history"]},
            best=float(arrays["best"]),
            best_epoch=document["best_epoch"],
            best_weights=None if n_best is None else [arrays[f"best_{i}"] for i in range(n_best)],
            stopped=document["stopped"],
        )


def fingerprint(estimator, job, weights):
    """A name for a fit, which no fit has that could end with other weights.

    Parameters
    ----------
    estimator : DenoisingAutoencoder
        Whose fit it is.
    job : Job
        What is settled before training starts.
    weights : list of ndarray or None
        Where training goes on from.

    Returns
    -------
    name : str
        64 hexadecimal digits.
    """
    if not is_integer(estimator.random_state):
        raise ValueError(
            f"random_state must be an int with checkpoint, so that a fit can be known again, got"
            f" {shown(estimator.random_state)}. Pass random_state=0, or checkpoint=None."
        )
    if job.callbacks:
        raise ValueError(
            f"checkpoint cannot keep what callbacks remember from epoch to epoch, got callbacks={shown(job.callbacks)}."
            " Pass callbacks=None, early_stopping=True in the place of EarlyStopping, or checkpoint=None."
        )
    from . import _keras

    noises = [None if rows is None else rows.noise for rows in (job.training, job.held_out)]
    plan = {name: value for name, value in vars(job.plan).items() if name != "verbose"}
    settings = [vars(job.spec), plan, job.source, noises, job.data_range, _keras.precision()]
    try:
        told = [describe(settings), {name: module_version(name) for name in _LIBRARIES}, sys.byteorder]
    except UnknownError as error:
        raise ValueError(
            f"checkpoint must know again what a fit depends on, but {error}. Use Keras' own classes, or functions that"
            " use nothing but their arguments, libraries, numbers, texts and such functions; or checkpoint=None."
        ) from None
    digest, known = hashlib.sha256(json.dumps(told, sort_keys=True).encode()), {}
    for rows in (job.training, job.held_out):
        for array in (None, None, None) if rows is None else (rows.clean, rows.noisy, rows.chosen):
            if array is not None and id(array) not in known:  # training and validation rows may be of one array
                known[id(array)] = _digest_of(array)
            digest.update(b"-" if array is None else known[id(array)])
    for array in weights or ():
        digest.update(_digest_of(array))
    return digest.hexdigest()


def module_version(name):
    """By the module, for TensorFlow comes in distributions of several names."""
    return importlib.import_module(name).__version__


def _digest_of(array):
    """Digest of dtype, shape and values, whatever the layout in memory."""
    array = np.asarray(array)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)  # the rest of it is padding, and nothing that training sees
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape}".encode())
    if array.ndim == 0:
        array = array[None]
    step = max(1, _BLOCK_VALUES // max(1, array[:1].size))
    for start in range(0, len(array), step):
        digest.update(np.ascontiguousarray(array[start : start + step]).view(np.uint8).data)
    return digest.digest()
