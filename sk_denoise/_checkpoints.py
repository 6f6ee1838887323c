"""Checkpoints: a file for each fit, from which a killed fit goes on as if nothing had happened."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import marshal
import os
import sys
import types

import numpy as np

from ._archive import MAX_SIZE, InvalidFileError, invalid, read_archive, write_archive
from ._checks import is_integer, shown
from ._training import Progress

_BLOCK_VALUES = 1 << 20  # read at a time, so that a memory map is not copied
_LIBRARIES = ("sk_denoise", "numpy", "keras", "tensorflow")


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
        os.makedirs(folder, exist_ok=True)
        self.path = os.path.join(os.fsdecode(folder), f"{fingerprint}.zip")

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
            raise InvalidFileError(f"{error} To train from the start, delete it.") from error
        try:
            progress = self._progress(document, arrays)
            trainer.set_state([arrays[f"state_{i}"] for i in range(sum(name.startswith("state_") for name in arrays))])
        except (KeyError, TypeError, ValueError) as error:
            raise invalid(self.path, f"it is no checkpoint of this fit ({error!r})") from error
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
    """A name for a fit: equal for fits that end with the same weights, and for no others.

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
    plan = {name: value for name, value in vars(job.plan).items() if name != "verbose"}
    settings = [vars(job.spec), plan, job.source, job.noise, getattr(job.noise, "data_range_", None), job.data_range]
    callbacks = [_name_of(type(callback)) for callback in job.callbacks]
    from . import _keras

    versions = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    told = [settings, callbacks, _keras.precision(), versions, sys.byteorder]
    digest, known = hashlib.sha256(json.dumps(told, sort_keys=True, default=_describe).encode()), {}
    for rows in (job.training, job.held_out):
        for array in (None, None, None) if rows is None else (rows.clean, rows.noisy, rows.chosen):
            if array is not None and id(array) not in known:  # training and validation rows may be of one array
                known[id(array)] = _digest_of(array)
            digest.update(b"-" if array is None else known[id(array)])
    for array in weights or ():
        digest.update(_digest_of(array))
    return digest.hexdigest()


def _digest_of(array):
    """Digest of dtype, shape and values, whatever the layout in memory."""
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape}".encode())
    step = max(1, _BLOCK_VALUES // max(1, array[:1].size))
    for start in range(0, len(array), step):
        digest.update(np.ascontiguousarray(array[start : start + step]).view(np.uint8).data)
    return digest.digest()


def _describe(value):
    """`value`, which JSON does not have, as something that it has."""
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "get_params"):  # noise
        params = value.get_params(deep=False)
        # Training draws the noise from generators of its own, and draws it always.
        return [type(value).__name__, {k: v for k, v in params.items() if k not in ("random_state", "when")}]
    if hasattr(value, "get_config") and not isinstance(value, type):  # of Keras
        return [_name_of(type(value)), value.get_config()]
    if isinstance(value, type):
        return _name_of(value)
    if isinstance(value, types.FunctionType) and value.__closure__ is None:
        # Without references, whose number differs from process to process.
        return [_name_of(value), hashlib.sha256(marshal.dumps(value.__code__, 2)).hexdigest(), value.__defaults__]
    raise ValueError(
        f"checkpoint must know again what a fit depends on, and cannot tell {shown(value)} from others like it. Use a"
        " function without variables of functions around it, a class, or an object with get_config; or checkpoint=None."
    )


def _name_of(value):
    return f"{value.__module__}:{value.__qualname__}"
