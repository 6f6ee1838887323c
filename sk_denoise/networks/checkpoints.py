"""Checkpoints: one file per fit, from which a killed fit resumes with the same result."""

from __future__ import annotations

import dataclasses
import importlib
import os
import zipfile
import zlib

import joblib
import numpy as np

from .._core.checks import is_integer, shown
from .._core.files import InvalidFileError, replacing
from .building import keras_settings
from .training import Progress

#: Exceptions that NumPy and zipfile raise for damaged files.
_DAMAGES = EOFError, KeyError, NotImplementedError, OSError, RuntimeError, TypeError, ValueError
#: Increase it when the layers of a built-in architecture or the contents of the files change. Older checkpoints then
#: have other names, so they are ignored, and training starts from the beginning.
FORMAT = 2
_LIBRARIES = ("sk_denoise", "numpy", "keras", "tensorflow")


class Checkpoint:
    """The checkpoint file of one fit.

    Parameters
    ----------
    folder : str or path-like
        Folder of the file. It is created if it does not exist.
    name : str
        Name of the fit, as returned by `fingerprint`.

    Raises
    ------
    NotADirectoryError
        If `folder` is a file.
    """

    def __init__(self, folder, name):
        folder = os.fsdecode(folder)
        if os.path.exists(folder) and not os.path.isdir(folder):
            raise NotADirectoryError(f"checkpoint must be a folder, but {folder!r} is a file. Pass another path.")
        os.makedirs(folder, exist_ok=True)
        self.path = os.path.join(folder, f"{name}.npz")

    def save(self, trainer, progress):
        """Save the state after the current epoch, replacing the previous one."""
        arrays = {f"state_{i}": values for i, values in enumerate(trainer.state())}
        arrays |= {f"best_{i}": values for i, values in enumerate(progress.best_weights or ())}
        arrays |= {f"history_{name}": values for name, values in progress.history.items()}
        numbers = {name: getattr(progress, name) for name in ("best", "best_epoch", "stopped")}
        with replacing(self.path) as file:
            np.savez(file, **arrays, **numbers)

    def load(self, trainer):
        """Restore the state of `trainer` after the last saved epoch; return the progress, or None without a file."""
        try:
            with np.load(self.path, allow_pickle=False) as file:
                progress, state = _read(file)
            best = progress.best_weights
            if best is not None and [w.shape for w in best] != [tuple(v.shape) for v in trainer.model.weights]:
                raise ValueError("the shapes of the best weights do not match this network")
            trainer.set_state(state)
        except FileNotFoundError:
            return None
        except (*_DAMAGES, zipfile.BadZipFile, zlib.error) as error:
            raise InvalidFileError(
                f"{self.path} is damaged or is not a checkpoint of this fit. To train from the start, delete it."
            ) from error
        return progress


def _read(file):
    """Read the progress, and the state of the trainer."""
    best = [file[name] for name in file.files if name.startswith("best_") and name != "best_epoch"]
    history = {name.removeprefix("history_"): file[name].tolist() for name in file.files if name.startswith("history_")}
    progress = Progress(
        history=history,
        best=float(file["best"]),
        best_epoch=int(file["best_epoch"]),
        best_weights=best or None,
        stopped=bool(file["stopped"]),
    )
    if progress.n_epochs == 0 or {len(values) for values in history.values()} != {progress.n_epochs}:
        raise ValueError("the history does not have one entry per epoch")
    return progress, [file[name] for name in file.files if name.startswith("state_")]


def fingerprint(spec, plan, training, held_out, about, weights):
    """Name of a fit: the `joblib.hash` of everything that determines its result.

    Parameters
    ----------
    spec : NetworkSpec
        The network.
    plan : Plan
        Training schedule and seed.
    training, held_out : Rows or None
        Training and validation rows.
    about : dict
        Other parameters that affect the result, including `random_state`.
    weights : list of ndarray or None
        Weights from which training continues, if any.

    Returns
    -------
    name : str
        Hexadecimal digits.

    Raises
    ------
    ValueError
        If `random_state` is not an int, or if `architecture`, `loss`, `optimizer`, `learning_rate` or the kind of noise
        is a callable: the hash cannot identify what it does.
    """
    if not is_integer(about["random_state"]):
        raise ValueError(
            "random_state must be an int with checkpoint, so that a later call can recognize the fit, got"
            f" {shown(about['random_state'])}. Pass an int such as random_state=0, or checkpoint=None."
        )
    named = [(name, getattr(spec, name)) for name in ("architecture", "loss", "optimizer")]
    named.append(("learning_rate", plan.rate))
    rows = []
    for part in (training, held_out):
        noise = None if part is None or part.noise is None else part.noise.get_params(deep=False)
        if noise is not None:
            named.append(("kind", noise["kind"]))
            # Neither affects training, which always adds noise and draws it from generators of its own.
            noise = {k: v for k, v in noise.items() if k not in ("random_state", "when")}
            noise["data_range_"] = getattr(part.noise, "data_range_", None)
        rows.append(None if part is None else _plain((part.contents(), noise)))
    for name, value in named:
        if not (value is None or isinstance(value, (str, float))):
            raise ValueError(
                f"{name} must be given by name with checkpoint, got {shown(value)}: the hash of a function or an object"
                " does not identify what it does. Pass a name, or checkpoint=None."
            )
    versions = [FORMAT, *(importlib.import_module(name).__version__ for name in _LIBRARIES)]
    settings = _plain(vars(spec)), dataclasses.replace(plan, verbose=0), _plain(about), keras_settings(), versions
    return joblib.hash((settings, rows, weights), coerce_mmap=True)


def _plain(value):
    """Normalize types and memory layouts that do not affect the fit."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(map(_plain, value))
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        padded = value.dtype.kind == "f" and value.dtype.itemsize > 8  # long doubles, whose padding bits are undefined
        return np.ascontiguousarray(value, dtype=np.float64 if padded else value.dtype.newbyteorder("="))
    return value
