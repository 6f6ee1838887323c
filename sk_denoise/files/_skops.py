"""`save` and `load`: estimators in files that contain no code, in the format of skops.

They add metadata requests, a digest of the file, and checks of parameters that name a folder.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import io
import os
import sys
import types
import zipfile

import numpy as np
import sklearn.metrics
import skops.io
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold, StratifiedKFold

from .. import metrics
from .._core.checks import shown
from .._core.files import InvalidFileError, replacing
from ..denoisers import DenoisingAutoencoder, EstimatorDenoiser, ImageFilter, PatchDenoiser
from ..networks.spec import NetworkSpec
from ..noise import NoiseEstimate, NoiseInjector

__all__ = ["load", "save"]

_DIGEST_SIZE = 64  # hexadecimal digits of SHA-256
_REQUESTS = "_metadata_request"


def _name(target):
    return f"{target.__module__}.{target.__name__}"


_METRICS = [f for name, f in vars(sklearn.metrics).items() if name.endswith(("_score", "_error", "_loss"))]
_SEARCH = [metrics.psnr, metrics.ssim, metrics.psnr_scorer, metrics.ssim_scorer, KFold, StratifiedKFold]
_SCORERS = ["sklearn.metrics._scorer._PassthroughScorer", "sklearn.metrics._scorer._Scorer"]
_TYPES = [
    DenoisingAutoencoder,
    EstimatorDenoiser,
    ImageFilter,
    PatchDenoiser,
    NoiseInjector,
    NoiseEstimate,
    NetworkSpec,
]
_TRUSTED = {*map(_name, [*_TYPES, *_SEARCH, *_METRICS]), *_SCORERS}


def save(estimator, path):
    """Save an estimator to a file that contains no code.

    The file is written next to `path` and then renamed, so that `path` is a complete file, old or new, at any time. It
    has the format of skops [1]_.

    Parameters
    ----------
    estimator : estimator object
        Estimator of this package or of scikit-learn, such as a pipeline or a search, fitted or not.
    path : str or path-like
        Path of the file. The folder must exist; an existing file is replaced.

    Raises
    ------
    TypeError
        If the estimator contains Keras callbacks, a pipeline with `memory`, or a function or class that is not defined
        at the top level of a module. Nothing is written.
    OSError
        If `path` cannot be written.

    See Also
    --------
    load : Loads the estimator.

    Notes
    -----
    Functions and classes passed as parameters are saved by name; `load` imports them only if you trust them. The
    parameter `checkpoint`, a folder on this machine, is None after loading.

    References
    ----------
    .. [1] skops, "Secure persistence with skops", https://skops.readthedocs.io/en/stable/persistence.html

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
    ...     path = os.path.join(folder, "denoiser.skops")
    ...     sk_denoise.save(pipe, path)
    ...     loaded = sk_denoise.load(path)
    >>> np.array_equal(loaded.transform(X), pipe.transform(X))
    True
    """
    if not isinstance(estimator, BaseEstimator):
        raise TypeError(f"estimator must be an instance of a scikit-learn estimator, got {shown(estimator)}.")
    for part in _parts(estimator):
        _check_saveable(part)
    estimator = copy.deepcopy(estimator)
    for part in list(_parts(estimator)):
        if _has("checkpoint", part):
            part.checkpoint = None
        if _takes_requests(part) and _REQUESTS in vars(part):
            # Requests refer back to their estimator, on which skops would recurse endlessly.
            found = vars(part._metadata_request).items()
            part._metadata_request = {name: dict(m.requests) for name, m in found if name != "owner" and m.requests}
    try:
        data = skops.io.dumps(estimator)
        _construct(data, skops.io.get_untrusted_types(data=data))  # fail before writing if it cannot be loaded
    except (AttributeError, ImportError, RecursionError, TypeError, ValueError) as error:
        raise TypeError(f"This {type(estimator).__name__} cannot be saved: {error}") from error
    with replacing(path) as file:
        file.write(_with_digest(data))


def load(path, *, trusted=()):
    """Load an estimator saved by `save`.

    Only types of this package, of scikit-learn and of NumPy, universal functions of SciPy, and the types and functions
    in `trusted` are loaded. A file with other types is refused before anything in it is called.

    Parameters
    ----------
    path : str or path-like
        Path of the file.
    trusted : list of str, type or function, default=()
        Further types and functions that the file may import and call, or their full names. None by default, because
        trusting a name allows the file to call it. If any are missing, the error lists them.

    Returns
    -------
    estimator : estimator object
        The saved estimator, with the same parameters, fitted attributes and state of random generators.

    Raises
    ------
    InvalidFileError
        If the file is damaged or forged, or contains untrusted types. Nothing of it is used.
    OSError
        If the file cannot be read.
    TypeError
        If `trusted` is not a list of names, types and functions.

    See Also
    --------
    save : Saves an estimator.

    Examples
    --------
    >>> import os, tempfile
    >>> import sk_denoise
    >>> from sklearn.cluster import kmeans_plusplus
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "noise.skops")
    ...     sk_denoise.save(sk_denoise.NoiseInjector(kmeans_plusplus), path)  # any function
    ...     loaded = sk_denoise.load(path, trusted=["sklearn.cluster._kmeans.kmeans_plusplus"])
    >>> loaded.kind is kmeans_plusplus
    True
    """
    listed = isinstance(trusted, (list, tuple, set, frozenset))
    if not listed or not all(isinstance(item, (str, type, types.FunctionType)) for item in trusted):
        raise TypeError(f"trusted must be a list of full names, types or functions, got {shown(trusted)}.")
    path = os.fsdecode(path)
    with open(path, "rb") as file:
        data = file.read()
    trusted = _TRUSTED | {item if isinstance(item, str) else _name(item) for item in trusted}
    try:
        return _construct(_without_digest(data), trusted)
    except Exception as error:  # forged files can cause any exception
        raise InvalidFileError(f"{path} cannot be loaded: {error}") from error


# The digest is stored as the comment of the zip file. The comment comes last, so the digest covers all other bytes, and
# skops can read the file as it is.


def _with_digest(data):
    digest = hashlib.sha256(data).hexdigest().encode("ascii")
    return data[:-2] + len(digest).to_bytes(2, "little") + digest


def _without_digest(data):
    plain = data[: -2 - _DIGEST_SIZE] + bytes(2)
    if _with_digest(plain) != data:
        raise ValueError("the file is damaged or was not written by sk_denoise.save. Copy or save it again.")
    return plain


def _construct(data, trusted):
    """Construct the estimator from a skops file, and restore what skops does not store."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        if any(member.compress_type != zipfile.ZIP_STORED for member in file.infolist()):
            raise ValueError("the file is compressed.")  # a small file could expand to any size
    unknown = sorted(set(skops.io.get_untrusted_types(data=data)).difference(trusted))
    if unknown:
        raise TypeError(f"the file contains untrusted types. Pass those that you trust: trusted={unknown}.")
    estimator = skops.io.loads(data, trusted=list(trusted))
    if not isinstance(estimator, BaseEstimator):
        raise TypeError(f"the file does not contain an estimator, but an instance of {type(estimator).__name__}.")
    for part in list(_parts(estimator)):
        _check_loaded(part)
        if _takes_requests(part) and _REQUESTS in vars(part):
            with config_context(enable_metadata_routing=True):  # otherwise, setting a request raises
                for method, asked in vars(part).pop(_REQUESTS).items():
                    getattr(part, f"set_{method}_request")(**asked)
    return estimator


def _parts(value):
    """Yield `value` and everything that it contains, each estimator, container and parameter once."""
    stack, seen = [value], {}
    while stack:
        value = stack.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value  # stored, so that no other object gets its id
        yield value
        if isinstance(value, dict):
            stack.extend(value.values())
        elif isinstance(value, (list, tuple, set, frozenset)):
            stack.extend(value)
        elif isinstance(value, np.ndarray) and value.dtype == object:
            stack.extend(np.ravel(np.ma.getdata(value)))
        elif isinstance(value, types.MethodType):
            stack.append(value.__self__)
        elif isinstance(value, functools.partial):
            stack.extend([value.func, value.args, value.keywords])
        elif isinstance(value, NetworkSpec) or _takes_requests(value):
            stack.extend(type(value).__getstate__(value).values())  # the state to be saved, without built networks


def _takes_requests(value):
    """True for estimators, scorers and splitters, which have metadata requests and can contain other objects."""
    return hasattr(value, "get_metadata_routing") and not isinstance(value, type)


def _check_saveable(part):
    if _has("callbacks", part) and part.callbacks:
        raise TypeError(
            f"callbacks must be None for saving a {type(part).__name__}, got {shown(part.callbacks)}. Call"
            " set_params(callbacks=None) first."
        )
    if isinstance(part, (type, types.FunctionType)):
        found = getattr(sys.modules.get(part.__module__), part.__name__, None)
        if found is not part:
            raise TypeError(
                f"{part!r} cannot be saved, because it cannot be imported. Define it at the top level of a module."
            )


def _has(name, part):
    return _takes_requests(part) and getattr(part, name, None) is not None


def _check_loaded(part):
    """Refuse values that would do harm when the estimator is used."""
    if _has("memory", part):
        raise ValueError(
            f"memory of a {type(part).__name__} must be None, because it names a folder of pickles, which can run code."
            " Call set_params(memory=None) before saving, and set it again after loading."
        )
    if _has("checkpoint", part):
        raise ValueError("checkpoint must be None in a file, because it names a folder to write to.")
    if isinstance(part, DenoisingAutoencoder) and type(vars(part).get("_spec", None)) not in (NetworkSpec, type(None)):
        raise TypeError("the network of a DenoisingAutoencoder must be described by a NetworkSpec.")
    if isinstance(part, NetworkSpec):
        for name in ("architecture", "loss", "optimizer"):
            # Keras would import whatever a dict names.
            if not isinstance(getattr(part, name), str) and not callable(getattr(part, name)):
                raise TypeError(f"{name} of a network must be a name or a callable.")
    if isinstance(part, (np.random.RandomState, np.random.Generator)):
        legacy = isinstance(part, np.random.RandomState)
        state = part.get_state(legacy=False) if legacy else part.bit_generator.state
        # NumPy does not check positions, and would read out of bounds.
        if not 0 <= state["state"].get("pos", 0) <= 624 or not 0 <= state.get("buffer_pos", 0) <= 4:
            raise ValueError("the state of a random generator is out of bounds.")
