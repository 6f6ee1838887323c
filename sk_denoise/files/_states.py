"""The fitted attributes of each class that can be saved: one list of them, out as JSON and arrays, and back in.

Each reader checks everything before the estimator has it, without Keras.
"""

from __future__ import annotations

import math

import numpy as np

from .._core.sklearn_glue import validate_params
from ..denoisers import _filtering
from ..denoisers._autoencoder import DenoisingAutoencoder
from ..denoisers._fitting import check_params
from ..denoisers._image_filter import ImageFilter
from ..networks.spec import ARCHITECTURES, NetworkSpec, weight_shapes
from ..noise._injector import NoiseInjector
from ._typed import fields, integer, items, text

_SOURCES = ("X_clean", "y", "injector", "noise", "identity")
#: Optimizers all of whose variables are single numbers or like a weight.
_LIKE_WEIGHTS = ("adadelta", "adagrad", "adam", "adamax", "adamw", "ftrl", "lamb", "lion", "nadam", "rmsprop", "sgd")

# Attributes


def is_fitted(estimator):
    """Whether there is a state to save."""
    return _CLASSES[type(estimator)].mark in vars(estimator)


def check_attributes(estimator, where):
    """Refuse an attribute that would be lost."""
    known = _CLASSES.get(type(estimator), _Unfitted)  # a pipeline keeps nothing but its parameters
    unknown = set(vars(estimator)) - set(estimator.get_params(deep=False)) - set(known.attributes) - set(known.rebuilt)
    unknown -= {"n_features_in_", "feature_names_in_", "_sklearn_output_config", "_metadata_request"}
    if unknown:
        raise ValueError(
            f"{where} has the attributes {sorted(unknown)}, which a file would lose. Remove them with delattr, or use"
            " pickle."
        )


def check_parameters(estimator):
    """Check parameters as `fit` does, as far as that needs no Keras."""
    if isinstance(estimator, NoiseInjector):
        estimator._check_params()
        return
    validate_params(estimator)
    if isinstance(estimator, ImageFilter):
        estimator._check_params()
        return
    check_params(estimator)
    if estimator.callbacks:
        raise ValueError(f"callbacks is {estimator.callbacks!r:.100}, and no file has any.")
    _check_keras_name(estimator.loss, "loss")
    _check_keras_name(estimator.optimizer, "optimizer")


def _check_keras_name(value, where):
    """A callable, or what can be a name; whether Keras knows it is seen when the network is built."""
    if not callable(value) and not text(value, where).isidentifier():
        raise ValueError(f"{where} is {value!r:.100}, which is no name.")


def write_state(estimator, encoder):
    """The fitted attributes as JSON."""
    state = {"n_features_in_": estimator.n_features_in_}
    if hasattr(estimator, "feature_names_in_"):
        state["feature_names_in_"] = [str(name) for name in estimator.feature_names_in_]
    return state | _CLASSES[type(estimator)].write(estimator, encoder)


def read_state(estimator, saved, decoder, where):
    """Give `estimator` the fitted attributes that `write_state` wrote."""
    known = _CLASSES[type(estimator)]
    optional = ("feature_names_in_", *known.optional)
    fields(saved, ("n_features_in_", *known.required), optional, where=f"the state of {where}")
    n_features = integer(saved["n_features_in_"], f"n_features_in_ of {where}", 1)
    state = {"n_features_in_": n_features}
    if "feature_names_in_" in saved:
        names = items(saved["feature_names_in_"], f"feature_names_in_ of {where}", n_features)
        names = [text(name, f"feature_names_in_ of {where}") for name in names]
        state["feature_names_in_"] = np.array(names, dtype=object)
    state |= known.read(saved, n_features, decoder, where)
    vars(estimator).update(state)


def _read_data_range(saved, where):
    low_high = items(saved["data_range_"], f"data_range_ of {where}", 2)
    if not all(type(bound) is float for bound in low_high) or not 0 < low_high[1] - low_high[0] < math.inf:
        raise ValueError(f"data_range_ of {where} is no pair of floats, low < high.")
    return tuple(low_high)


def _read_image_shape(sizes, n_features, where):
    shape = tuple(integer(size, f"image_shape of {where}", 1) for size in items(sizes, f"image_shape of {where}", 3))
    if math.prod(shape) != n_features:
        raise ValueError(f"image_shape {shape} of {where} is not that of {n_features} features.")
    return shape


class _Unfitted:
    attributes = rebuilt = ()


# NoiseInjector


class _Injector:
    mark = "data_range_"
    attributes = required = ("data_range_",)
    optional = rebuilt = ()

    @staticmethod
    def write(estimator, encoder):
        return {"data_range_": list(estimator.data_range_)}

    @staticmethod
    def read(saved, n_features, decoder, where):
        return {"data_range_": _read_data_range(saved, where)}


# ImageFilter


class _Filter:
    mark = "params_"
    attributes = ("params_", "level_", "data_range_", "image_shape_", "_method")
    required, optional = ("method", "params_", "data_range_", "image_shape_"), ("level_",)
    rebuilt = ()

    @staticmethod
    def write(estimator, encoder):
        state = {
            "method": estimator._method,
            "params_": {name: encoder.value(value, name) for name, value in estimator.params_.items()},
            "data_range_": list(estimator.data_range_),
            "image_shape_": list(estimator.image_shape_),
        }
        return state | ({"level_": float(estimator.level_)} if hasattr(estimator, "level_") else {})

    @staticmethod
    def read(saved, n_features, decoder, where):
        method = text(saved["method"], f"method of {where}", _filtering.METHODS)
        names = [name for name in _filtering.METHODS[method] if (method, name) != ("nlm", "level")]
        params = fields(saved["params_"], names, where=f"params_ of {where}")
        trial = ImageFilter(method, **params)
        validate_params(trial)
        given = trial._check_params()
        if set(given) != set(names):
            raise ValueError(f"params_ of {where} leaves something open.")
        state = {"_method": method, "params_": {name: given[name] for name in params}}
        state["data_range_"] = _read_data_range(saved, where)
        state["image_shape_"] = _read_image_shape(saved["image_shape_"], n_features, where)
        if ("level_" in saved) != ("level" in _filtering.METHODS[method]):
            raise ValueError(f"level_ of {where} does not go with method {method!r}.")
        if "level_" in saved:
            state["level_"] = saved["level_"]
            if type(saved["level_"]) is not float or saved["level_"] < 0:
                raise ValueError(f"level_ of {where} is no float from 0.")
        return state


# DenoisingAutoencoder


class _Denoiser:
    mark = "_weights"
    attributes = ("_spec", "_weights", "_optimizer_state", "_code_size", "history_", "n_iter_", "data_range_")
    attributes += ("image_shape_", "target_source_")
    required = ("network", "weights", "optimizer_state", "code_size", "history_", "n_iter_", "data_range_")
    required += ("target_source_",)
    optional = ()
    rebuilt = ("_model",)

    @staticmethod
    def write(estimator, encoder):
        spec, optimizer_state = estimator._spec, estimator._optimizer_state
        network = {name: encoder.value(getattr(spec, name), name) for name in ("architecture", "loss", "optimizer")}
        network |= {"image_shape": list(spec.image_shape), "latent_dim": spec.latent_dim}
        network["hidden_layer_sizes"] = list(spec.hidden_layer_sizes)
        if optimizer_state is not None:
            optimizer_state = [encoder.array("optimizer", values) for values in optimizer_state]
        return {
            "network": network,
            "weights": [encoder.array("weight", values) for values in estimator._weights],
            "optimizer_state": optimizer_state,
            "code_size": estimator._code_size,
            "history_": {n: [encoder.value(v, n) for v in values] for n, values in estimator.history_.items()},
            "n_iter_": estimator.n_iter_,
            "data_range_": list(estimator.data_range_),
            "target_source_": estimator.target_source_,
        }

    @staticmethod
    def read(saved, n_features, decoder, where):
        spec = _read_spec(saved["network"], n_features, decoder, where)
        weights = _read_arrays(saved["weights"], decoder, f"weights of {where}")
        _check_weights(spec, weights, where)
        history = _read_history(saved["history_"], decoder, where)
        if integer(saved["n_iter_"], f"n_iter_ of {where}") != len(history["loss"]):
            raise ValueError(f"n_iter_ of {where} is not the length of history_.")
        return {
            "_spec": spec,
            "_weights": weights,
            "_optimizer_state": _read_optimizer_state(saved["optimizer_state"], spec, weights, decoder, where),
            "_code_size": _read_code_size(saved["code_size"], spec, where),
            "history_": history,
            "n_iter_": saved["n_iter_"],
            "data_range_": _read_data_range(saved, where),
            "image_shape_": spec.image_shape,
            "target_source_": text(saved["target_source_"], f"target_source_ of {where}", _SOURCES),
        }


def _read_spec(saved, n_features, decoder, where):
    where = f"the network of {where}"
    names = ("architecture", "image_shape", "latent_dim", "hidden_layer_sizes", "loss", "optimizer")
    fields(saved, names, where=where)
    architecture = decoder.value(saved["architecture"], where)
    if not callable(architecture):
        text(architecture, f"architecture of {where}", ARCHITECTURES)
    sizes = items(saved["hidden_layer_sizes"], f"hidden_layer_sizes of {where}")
    if sizes and architecture != "dense":
        raise ValueError(f"{where} has hidden_layer_sizes, which only 'dense' has.")
    loss, optimizer = decoder.value(saved["loss"], where), decoder.value(saved["optimizer"], where)
    _check_keras_name(loss, f"loss of {where}")
    _check_keras_name(optimizer, f"optimizer of {where}")
    return NetworkSpec(
        architecture=architecture,
        image_shape=_read_image_shape(saved["image_shape"], n_features, where),
        latent_dim=integer(saved["latent_dim"], f"latent_dim of {where}", 1),
        hidden_layer_sizes=tuple(integer(size, f"hidden_layer_sizes of {where}", 1) for size in sizes),
        loss=loss,
        optimizer=optimizer,
    )


def _read_arrays(names, decoder, where):
    arrays = [decoder.array(name, where) for name in items(names, where)]
    for array in arrays:
        if not np.all(np.isfinite(array)):
            raise ValueError(f"the {where} are not all finite.")
    return arrays


def _check_weights(spec, weights, where):
    if callable(spec.architecture):
        return  # check_built does it
    # The number first: it bounds the work that a forged network makes.
    if len(spec.hidden_layer_sizes) <= len(weights):
        expected = weight_shapes(spec.architecture, spec.image_shape, spec.latent_dim, spec.hidden_layer_sizes)
        if [array.shape for array in weights] == expected and all(array.dtype.kind == "f" for array in weights):
            return
    raise ValueError(f"the weights of {where} do not have the shapes of its network, or are no floats.")


def _read_optimizer_state(saved, spec, weights, decoder, where):
    if saved is None:
        return None
    state = _read_arrays(saved, decoder, f"numbers of the optimizer of {where}")
    if isinstance(spec.optimizer, str) and spec.optimizer.lower() in _LIKE_WEIGHTS:
        shapes = {(), *(array.shape for array in weights)}
        if not all(array.shape in shapes for array in state):
            raise ValueError(f"the optimizer's state of {where} does not have the shapes of its weights.")
    return state


def _read_code_size(code_size, spec, where):
    if code_size is not None:
        integer(code_size, f"code_size of {where}", 1)
    expected = code_size if callable(spec.architecture) else None if spec.architecture == "unet" else spec.latent_dim
    if code_size != expected:
        raise ValueError(f"code_size of {where} is {code_size}, and its network has {expected}.")
    return code_size


def _read_history(saved, decoder, where):
    where = f"history_ of {where}"
    if not isinstance(saved, dict) or not isinstance(saved.get("loss"), list):
        raise ValueError(f"{where} has no list 'loss'.")
    history = {name: items(values, where, len(saved["loss"])) for name, values in saved.items()}
    history = {name: [decoder.value(value, where) for value in values] for name, values in history.items()}
    if not all(type(value) is float for values in history.values() for value in values):
        raise ValueError(f"{where} holds something else than floats.")
    return history


def check_built(estimator):
    """Check weights against the network of a callable; this builds it, and so needs Keras."""
    from ..networks import _keras

    spec = estimator._spec
    model = _keras.build_model(spec)
    code_size = _keras.code_size(model)
    built, saved = [tuple(v.shape) for v in model.weights], [array.shape for array in estimator._weights]
    if (built, code_size) != (saved, estimator._code_size):
        raise ValueError(
            f"the network that architecture builds has weights of the shapes {built} and a code of {code_size}, and"
            f" the file {saved} and {estimator._code_size}. Hand over the function that it was trained with."
        )


_CLASSES = {NoiseInjector: _Injector, ImageFilter: _Filter, DenoisingAutoencoder: _Denoiser}
