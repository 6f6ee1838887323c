"""`save` and `load`: fitted estimators in a file that carries no code.

What such a file holds, and what is checked before any of it is used, stands in :doc:`/saving`.
"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Mapping

from sklearn.pipeline import Pipeline

from .._core.sklearn_glue import apply_settings, settings, validate_params
from ..denoisers._autoencoder import DenoisingAutoencoder
from ..denoisers._image_filter import ImageFilter
from ..noise._injector import NoiseInjector
from . import _states
from ._archive import InvalidFileError, invalid, read_archive, write_archive
from ._typed import Decoder, Encoder, fields, items, text

__all__ = ["InvalidFileError", "load", "save"]

_CLASSES = {cls.__name__: cls for cls in (NoiseInjector, DenoisingAutoencoder, ImageFilter)}
_PIPELINE_PARAMS = ("transform_input", "verbose")
# A folder on the machine that trained. A file must not choose one for a later fit to write to.
_NOT_SAVED = ("checkpoint",)
_OUTPUTS = ("default", "pandas", "polars")
_LIBRARIES = ("sk_denoise", "numpy", "scikit-learn", "keras", "tensorflow")


def save(estimator, path):
    """Save an estimator, or a pipeline of them, to a file without code.

    The file is written beside `path` and then moved there, so that `path` holds all of it or what it held before.
    Equal estimators give equal bytes, with equal versions of the libraries.

    Parameters
    ----------
    estimator : NoiseInjector, DenoisingAutoencoder, ImageFilter or Pipeline
        Fitted or not. A pipeline must hold these three, pipelines of them, "passthrough" or None.
    path : str or path-like
        Where to. The folder must exist; a file there is replaced.

    Raises
    ------
    TypeError
        For an estimator or a parameter that the file cannot hold, naming it. Nothing is written.
    ValueError
        For parameters that `fit` would refuse, for attributes that would be lost, and for what has no place in
        4 GiB. Nothing is written.
    OSError
        Where `path` cannot be written.

    See Also
    --------
    load : Reads the file.

    Notes
    -----
    Callables (an architecture, a loss, a kind of noise) are saved as a name only, and have to be handed to `load`.
    Keras callbacks are not saved, and `checkpoint`, a folder on this machine, comes back as None.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> import sk_denoise
    >>> from sk_denoise import ImageFilter, NoiseInjector
    >>> X = np.random.default_rng(0).random((20, 64))
    >>> pipe = make_pipeline(NoiseInjector(random_state=0), ImageFilter("tv")).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "denoiser.zip")
    ...     sk_denoise.save(pipe, path)
    ...     loaded = sk_denoise.load(path)
    >>> np.array_equal(loaded.transform(X), pipe.transform(X))
    True
    """
    encoder = Encoder()
    document = {
        "kind": "estimator",
        "written_by": _versions(),
        "estimator": _encode(estimator, encoder, ""),
        "references": list(encoder.objects),
        "generators": encoder.generators,
    }
    try:  # what is written must load again
        _decode_document(document, encoder.arrays, encoder.objects)
    except ValueError as error:
        raise ValueError(f"This {type(estimator).__name__} cannot be saved: {error}") from error
    write_archive(path, document, encoder.arrays)


def load(path, *, objects=None, max_size=1 << 31):
    """Load what `save` wrote; no code comes out of the file, and it names none to import.

    Parameters
    ----------
    path : str or path-like
        The file.
    objects : dict of str to callable, default=None
        The callables that the file has by name only, as ``{"module:name": callable}``. An error lists the names.
    max_size : int, default=2**31
        Largest file to read, in bytes: 2 GiB. Nothing in it is compressed, so that memory is bounded, too. Lower it
        for files from elsewhere.

    Returns
    -------
    estimator : NoiseInjector, DenoisingAutoencoder, ImageFilter or Pipeline
        As it was saved: same parameters, same fitted attributes, same state of random generators.

    Raises
    ------
    InvalidFileError
        For a file that is damaged, forged, larger than `max_size`, written by a newer version, or whose callables are
        not all in `objects`. Nothing of it is used.
    ValueError
        Where `objects` has what the file does not name.
    OSError
        Where the file cannot be opened.

    See Also
    --------
    save : Writes the file.

    Examples
    --------
    >>> import os, tempfile
    >>> import sk_denoise
    >>> from sk_denoise import NoiseInjector
    >>> def stripes(X, level, rng):
    ...     return X + level * (rng.random((len(X), 1)) < 0.5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "noise.zip")
    ...     sk_denoise.save(NoiseInjector(stripes), path)
    ...     loaded = sk_denoise.load(path, objects={f"{__name__}:stripes": stripes})
    >>> loaded.kind is stripes
    True
    """
    objects = _check_arguments(objects, max_size)
    document, arrays = read_archive(path, max_size=max_size)
    try:
        estimator, denoisers = _decode_document(document, arrays, objects)
        for denoiser in denoisers:
            _states.check_built(denoiser)
    except _MissingObjectsError as error:
        raise InvalidFileError(f"{os.fsdecode(path)} {error}") from None
    except (ValueError, TypeError, OverflowError, RecursionError) as error:  # the last three from checks of others
        raise invalid(path, error) from error
    extra = sorted(set(objects) - set(document["references"]))
    if extra:
        raise ValueError(
            f"objects has {extra}, which {os.fsdecode(path)} does not name. It names {document['references']}."
        )
    return estimator


class _MissingObjectsError(ValueError):
    pass


def _check_arguments(objects, max_size):
    if type(max_size) is not int or max_size < 1:
        raise ValueError(f"max_size must be a positive int, a number of bytes, got {max_size!r}.")
    objects = {} if objects is None else objects
    is_mapping = isinstance(objects, Mapping)
    if not is_mapping or not all(isinstance(name, str) and callable(target) for name, target in objects.items()):
        raise ValueError(f"objects must be a dict of 'module:name' to callable, got {objects!r:.200}.")
    return objects


def _versions():
    versions = {}
    for library in _LIBRARIES:
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            versions[library] = None
    return versions


# Estimators as JSON. A path is the name of a step as in set_params, "" for the whole.


def _called(path):
    return f"step {path!r}" if path else "the estimator"


def _encode(estimator, encoder, path):
    where = _called(path)
    if type(estimator) is Pipeline:
        return _encode_pipeline(estimator, encoder, path)
    if type(estimator) not in _CLASSES.values():
        raise TypeError(
            f"{where} is {estimator!r:.200}; only NoiseInjector, DenoisingAutoencoder, ImageFilter and a Pipeline of"
            " these can be saved, and no subclasses. Save the denoising part alone, such as pipe[:-1], or use skops.io"
            " or joblib for the whole."
        )
    _states.check_attributes(estimator, where)
    params = estimator.get_params(deep=False)
    if params.get("callbacks"):
        raise TypeError(f"callbacks of {where} cannot be saved. Call set_params(callbacks=None) first.")
    for name in _NOT_SAVED:
        params.pop(name, None)
    saved = {"class": type(estimator).__name__}
    saved["params"] = {name: _encode_param(value, encoder, name, path) for name, value in params.items()}
    if _states.is_fitted(estimator):
        saved["state"] = _states.write_state(estimator, encoder)
    return saved | settings(estimator)


def _encode_param(value, encoder, name, path):
    if isinstance(value, NoiseInjector):
        return {"estimator": _encode(value, encoder, f"{path}__{name}" if path else name)}
    return encoder.value(value, f"{name} of {_called(path)}")


def _encode_pipeline(pipe, encoder, path):
    _states.check_attributes(pipe, _called(path))
    if pipe.memory is not None:
        # Whoever fits the loaded pipeline would unpickle what lies in a folder that the file has chosen.
        raise TypeError(
            f"memory={pipe.memory!r:.200} of {_called(path)} cannot be saved: it names a folder of pickles, which can"
            " run code. Call set_params(memory=None) first, and set it again after loading."
        )
    steps = []
    for name, step in pipe.steps:
        inner = f"{path}__{name}" if path else str(name)
        kept = step is None or (isinstance(step, str) and step == "passthrough")
        steps.append([name, step if kept else _encode(step, encoder, inner)])
    params = {name: encoder.value(getattr(pipe, name), name) for name in _PIPELINE_PARAMS}
    return {"class": "Pipeline", "params": params, "steps": steps} | settings(pipe)


def _decode_document(document, arrays, objects):
    """The estimator, and those denoisers in it whose network only a callable knows."""
    if not isinstance(document.get("kind"), str) or document["kind"] != "estimator":
        raise ValueError(f"it holds {document.get('kind')!r:.100}, and no estimator.")
    fields(document, ("kind", "written_by", "estimator", "references", "generators"), where="document.json")
    names = [text(name, "references") for name in items(document["references"], "references")]
    missing = [name for name in names if name not in objects]
    if missing:
        handed = ", ".join(f"{name!r}: ..." for name in missing)
        raise _MissingObjectsError(
            f"names callables, which no file can bring along: {missing}. Hand them over:"
            f" load(path, objects={{{handed}}})"
        )
    decoder = Decoder(arrays, {name: objects[name] for name in names}, document["generators"])
    denoisers = []
    estimator = _decode(document["estimator"], decoder, "", denoisers)
    decoder.check_all_used()
    return estimator, denoisers


def _decode(saved, decoder, path, denoisers):
    where = _called(path)
    name = text(saved.get("class") if isinstance(saved, dict) else None, f"class of {where}", (*_CLASSES, "Pipeline"))
    if name == "Pipeline":
        fields(saved, ("class", "params", "steps"), ("requests",), where=where)
        estimator = _decode_pipeline(saved, decoder, path, denoisers)
    else:
        fields(saved, ("class", "params"), ("state", "set_output", "requests"), where=where)
        known = set(_CLASSES[name]().get_params(deep=False)) - set(_NOT_SAVED)
        params = _check_param_names(saved["params"], known, where)
        params = {key: _decode_param(value, decoder, key, path, denoisers) for key, value in params.items()}
        estimator = _CLASSES[name](**params)
        _states.check_parameters(estimator)
        if "state" in saved:
            _states.read_state(estimator, saved["state"], decoder, where)
    if "_weights" in vars(estimator) and callable(estimator._spec.architecture):
        denoisers.append(estimator)
    apply_settings(estimator, _check_settings(saved, estimator, where))
    return estimator


def _check_param_names(params, known, where):
    if not isinstance(params, dict):
        raise ValueError(f"params of {where} is no object.")
    unknown = sorted(set(params) - set(known))
    if unknown:
        raise ValueError(
            f"{where} has the parameters {unknown!r:.200}, which this version of sk_denoise does not know: a newer one"
            " may have written it. Upgrade with: pip install -U sk_denoise."
        )
    return params


def _decode_param(value, decoder, name, path, denoisers):
    if isinstance(value, dict) and set(value) == {"estimator"}:
        return _decode(value["estimator"], decoder, f"{path}__{name}" if path else name, denoisers)
    return decoder.value(value, f"{name} of {_called(path)}")


def _decode_pipeline(saved, decoder, path, denoisers):
    where = _called(path)
    params = fields(saved["params"], (), _PIPELINE_PARAMS, where=f"params of {where}")
    params = {name: decoder.value(value, name) for name, value in params.items()}
    steps = []
    for pair in items(saved["steps"], f"steps of {where}"):
        name, step = items(pair, f"a step of {where}", 2)
        text(name, f"name of a step of {where}")
        if step is not None and step != "passthrough":
            step = _decode(step, decoder, f"{path}__{name}" if path else name, denoisers)
        steps.append((name, step))
    names, taken = [name for name, _ in steps], ("steps", "memory", *_PIPELINE_PARAMS)
    if not names or len(set(names)) < len(names) or any("__" in name or name in taken for name in names):
        raise ValueError(f"steps of {where} have the names {names!r:.200}, which are no names of steps.")
    pipe = Pipeline(steps, **params)
    validate_params(pipe)
    return pipe


def _check_settings(saved, estimator, where):
    """What was set by set_output and set_fit_request and its like."""
    found = {key: saved[key] for key in ("set_output", "requests") if key in saved}
    if "set_output" in found:
        text(found["set_output"], f"set_output of {where}", _OUTPUTS)
    if not isinstance(found.get("requests", {}), dict):
        raise ValueError(f"requests of {where} is no object.")
    for method, asked in found.get("requests", {}).items():
        if not hasattr(estimator, f"set_{method}_request") or not isinstance(asked, dict):
            raise ValueError(f"requests of {where} for {method!r:.100} are none that can be set.")
        for alias in asked.values():
            if not (alias is None or isinstance(alias, bool) or text(alias, f"requests of {where}").isidentifier()):
                raise ValueError(f"requests of {where} for {method} has {alias!r:.100}.")
    return found
