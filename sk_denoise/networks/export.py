"""Export a fitted denoiser as a standalone model in the units of the data: as a Keras model, and as an ONNX file."""

from __future__ import annotations

import json
import math
import os
import tempfile
import warnings
from pathlib import Path

import keras

from .._core.checks import shown
from .._core.files import replacing
from . import building

_MOST_BYTES = (1 << 31) - (1 << 20)  # of weights: an ONNX file is a single protobuf message, which is limited to 2 GiB
_NAMES = {"model": ("denoiser", "denoised"), "encoder": ("row_encoder", "codes")}  # of the model and its output


def keras_model(estimator, part):
    """Build an uncompiled model of `part` ("model" or "encoder") for rows in the units of `data_range_`."""
    network = building.model_with(estimator._spec, estimator._weights, compiled=False)
    network = building.parts_of(network)[part]
    low, high = estimator.data_range_
    dtype = _dtype(low, high)
    rows = x = keras.Input((estimator.n_features_in_,), dtype=dtype, name="rows")
    # Same arithmetic as `to_unit` and `from_unit`; the Rescaling layer would round its constants to float32.
    if low:
        x = x - low
    if high - low != 1:
        x = x / (high - low)
    x = network(_reshaped(_cast(x, "float32"), network.input_shape[1:]))
    x = _reshaped(_cast(x, "float32"), (math.prod(network.output_shape[1:]),))
    if part == "model":
        x = _cast(x, dtype)
        if high - low != 1:
            x = x * (high - low)
        if low:
            x = x + low
    model = keras.Model(rows, x, name=_NAMES[part][0])
    model(keras.ops.zeros((1, estimator.n_features_in_), dtype))  # `export` requires that the model has been called
    return model


def _dtype(low, high):
    """Dtype of the rows: float32 if its precision suffices for the range, otherwise float64."""
    # At 16 widths of the range from zero, rounding to float32 changes a value by 1e-6 of the width.
    fits = max(abs(low), abs(high)) <= 16 * (high - low) and 1e-30 < high - low < 1e30
    return "float32" if fits else "float64"


def _cast(x, dtype):
    return x if x.dtype == dtype else keras.ops.cast(x, dtype)


def _reshaped(x, shape):
    return x if tuple(x.shape[1:]) == tuple(shape) else keras.layers.Reshape(shape, dtype=x.dtype)(x)


def write_onnx(estimator, part, path):
    """Write the model of `keras_model` to an ONNX file."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must be a str or path-like, got {shown(path)}.")
    try:
        import onnx
        import tf2onnx  # noqa: F401 - used by the export of Keras
    except ImportError as error:
        raise ImportError("to_onnx requires onnx and tf2onnx: pip install 'sk_denoise[onnx]'") from error
    n_bytes = sum(weights.nbytes for weights in estimator._weights)
    if n_bytes > _MOST_BYTES:
        raise ValueError(
            f"The network has {n_bytes} bytes of weights, but an ONNX file holds at most {_MOST_BYTES}. Lower"
            " latent_dim or hidden_layer_sizes and fit again, or use to_keras."
        )
    with replacing(path) as file:
        model = _converted(keras_model(estimator, part))
        _replace_erfc(model.graph)
        unknown = sorted({n.op_type for n in model.graph.node if not onnx.defs.has(n.op_type, n.domain)})
        if unknown:
            raise ValueError(
                f"architecture={shown(estimator._spec.architecture)} cannot be exported to ONNX, because tf2onnx does"
                f" not support its operations {unknown}. Use other layers, or to_keras."
            )
        _describe(model, estimator, part)
        file.write(model.SerializeToString())


def _converted(model):
    """Convert a Keras model to ONNX."""
    import onnx

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # for deprecated names that Keras uses to support tf2onnx with NumPy 2
        path = Path(folder) / "model.onnx"
        model.export(path, format="onnx", verbose=False)
        return onnx.load(path)


def _replace_erfc(graph):
    """Replace Erfc, which the "gelu" activation of Keras uses and ONNX lacks, with ``1 - Erf``."""
    from onnx import helper

    nodes = []
    for i, node in enumerate(graph.node):
        if node.op_type == "Erfc":
            one, one_like, erf = (f"{name}_of_erfc_{i}" for name in ("one", "one_like", "erf"))
            nodes += [
                helper.make_node("Erf", node.input, [erf]),
                helper.make_node("Constant", [], [one], value_float=1.0),
                helper.make_node("CastLike", [one, erf], [one_like]),
                helper.make_node("Sub", [one_like, erf], node.output),
            ]
        else:
            nodes.append(node)
    if len(nodes) > len(graph.node):
        nodes = [type(node).FromString(node.SerializeToString()) for node in nodes]  # clearing deletes the originals
        graph.ClearField("node")
        graph.node.extend(nodes)


def _describe(model, estimator, part):
    """Set readable names, and the metadata needed to use the model."""
    from onnx import helper

    from .. import __version__

    graph, (graph.name, name) = model.graph, _NAMES[part]
    (rows,), (output,) = graph.input, graph.output
    for node in graph.node:
        node.output[:] = [name if given == output.name else given for given in node.output]
        node.input[:] = [name if given == output.name else given for given in node.input]
    output.name = name
    graph.ClearField("value_info")  # shapes of intermediate values; runtimes infer them
    for value in (rows, output):
        value.type.tensor_type.shape.dim[0].dim_param = "n_samples"
    model.producer_name, model.producer_version = "sk_denoise", __version__
    low, high = estimator.data_range_
    what = "denoised rows in the same units" if part == "model" else "their codes"
    model.doc_string = f"Takes rows, one flattened image each, in units of [{low:g}, {high:g}]; returns {what}."
    about = {"image_shape": estimator.image_shape_, "data_range": (low, high), "output": name}
    helper.set_model_props(model, {key: json.dumps(value) for key, value in about.items()})
