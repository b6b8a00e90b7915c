"""A Keras model as an ONNX graph, its weights copied, LSTMs as the fused operator; and as its own file.

Keras' own export unrolls an LSTM into a `Loop`, which is 30 times slower. Tensors keep Keras' order (samples
before channels); convolution and pooling, which want it the other way round, are put between transpositions
that ONNX Runtime cancels against each other as it loads the graph.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from ml.registry.contents import KERAS

OPSET = 21
IR_VERSION = 10
OUTPUT = "probabilities"

Floats = npt.NDArray[np.float32]


class ExportError(ValueError):
    """A model that this cannot express; the message names the layer."""


def to_onnx(model: Any) -> bytes:
    """Return the graph of a built functional or sequential model with one output.

    Parameters
    ----------
    model : keras.Model
        Whose layers are those of `_LAYERS`. The first dimension of its inputs, and others it leaves open,
        stay open.

    Raises
    ------
    ExportError
        When it has a layer, or a setting of one, that is not known here.
    """
    if len(model.outputs) != 1:
        raise ExportError(f"{len(model.outputs)} outputs, not one")
    graph = _Graph()
    names = [each.name for each in model.inputs]
    result = _model(graph, model, names)
    graph.add("Identity", [result], OUTPUT)
    made = helper.make_graph(
        graph.nodes,
        "model",
        [_described(name, each.shape) for name, each in zip(names, model.inputs, strict=True)],
        [_described(OUTPUT, model.outputs[0].shape)],
        graph.weights,
    )
    exported = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="chevet"
    )
    onnx.checker.check_model(exported, full_check=True)
    return bytes(exported.SerializeToString(deterministic=True))


def bare(model: Any, weights: Sequence[Floats]) -> Any:
    """Return a copy of a model with these weights, without what taught it."""
    copy = type(model).from_config(model.get_config())  # Keras' `clone_model` would take the optimizer along
    copy.set_weights(weights)
    return copy


def archived(model: Any) -> bytes:
    """Return a model's own file without what taught it, packed more tightly than Keras does."""
    packed = BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / KERAS
        bare(model, model.get_weights()).save(path)
        with ZipFile(path) as saved, ZipFile(packed, "w", ZIP_DEFLATED) as tight:
            for member in saved.infolist():
                tight.writestr(member.filename, saved.read(member))
    return packed.getvalue()


@dataclass
class _Graph:
    """A graph in the making."""

    nodes: list[Any] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)

    def add(self, kind: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        """Add an operator and return the name of its (first) output."""
        output = output or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, values: Any, dtype: type[np.generic] = np.float32) -> str:
        """Add a weight and return its name."""
        name = f"weight_{len(self.weights)}"
        array = np.ascontiguousarray(np.asarray(values, dtype))
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def transposed(self, name: str, order: Sequence[int]) -> str:
        """Return a tensor with its dimensions in another order."""
        return self.add("Transpose", [name], perm=list(order))

    def reshaped(self, name: str, shape: Sequence[int]) -> str:
        """Return a tensor in another shape: 0 keeps a dimension, -1 takes what is left."""
        return self.add("Reshape", [name, self.constant(shape, np.int64)])


def _described(name: str, shape: Sequence[int | None]) -> Any:
    open_names = ("n", "t", "u", "v")
    dimensions = [open_names[place] if size is None else size for place, size in enumerate(shape)]
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, dimensions)


def _model(graph: _Graph, model: Any, inputs: Sequence[str]) -> str:
    """Add a model's layers in their order, from these tensors on."""
    held = {id(each): name for each, name in zip(model.inputs, inputs, strict=True)}
    for operation, arguments, outputs in _calls(model):
        held[id(outputs[0])] = _converted(graph, operation, [held[id(each)] for each in arguments])
    return held[id(model.outputs[0])]


def _converted(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
    """Add a layer, or a model within the model, and return the name of its output."""
    kind = type(layer).__name__
    if kind not in _LAYERS:
        raise ExportError(f"{layer.name}: layers of the kind {kind} are not known here")
    return _LAYERS[kind](graph, layer, inputs)


def _calls(model: Any) -> Iterator[tuple[Any, Sequence[Any], Sequence[Any]]]:
    """Yield each layer's use in a model, in an order in which its inputs are known."""
    functional = getattr(model, "_functional", None) or model  # a Sequential keeps its graph within
    for depth in sorted(functional._nodes_by_depth, reverse=True):  # noqa: SLF001 - Keras has no public name
        for node in functional._nodes_by_depth[depth]:  # noqa: SLF001
            if not node.is_input:
                yield node.operation, node.arguments.keras_tensors, node.outputs


def _refuse(layer: Any, **expected: Any) -> None:
    """Refuse a layer with other settings than these."""
    for name, value in expected.items():
        if getattr(layer, name) != value:
            raise ExportError(f"{layer.name}: {name} {getattr(layer, name)!r} is not known here")


def _weight(variable: Any) -> Floats:
    return np.asarray(variable.numpy() if hasattr(variable, "numpy") else variable, np.float32)


def _activated(graph: _Graph, layer: Any, name: str) -> str:
    activation = layer.activation.__name__
    if activation == "linear":
        return name
    if activation not in _ACTIVATIONS:
        raise ExportError(f"{layer.name}: activation {activation} is not known here")
    kind, attributes = _ACTIVATIONS[activation]
    return graph.add(kind, [name], **attributes)


_ACTIVATIONS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "relu": ("Relu", {}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "softmax": ("Softmax", {"axis": -1}),
    "elu": ("Elu", {}),
    "gelu": ("Gelu", {}),
    "silu": ("Swish", {}),
}


def _same(_graph: _Graph, _layer: Any, inputs: Sequence[str]) -> str:
    return inputs[0]


def _activation(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
    return _activated(graph, layer, inputs[0])


def _relu(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
    _refuse(layer, max_value=None, negative_slope=0.0, threshold=0.0)
    return graph.add("Relu", inputs)


def _dense(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
    product = graph.add("MatMul", [inputs[0], graph.constant(_weight(layer.kernel))])
    return _activated(graph, layer, _biased(graph, layer, product))


def _biased(graph: _Graph, layer: Any, name: str) -> str:
    return graph.add("Add", [name, graph.constant(_weight(layer.bias))]) if layer.use_bias else name


def _padding(layer: Any, reach: int) -> Mapping[str, Any]:
    kinds: Mapping[str, Mapping[str, Any]] = {
        "valid": {},
        "same": {"auto_pad": "SAME_UPPER"},
        "causal": {"pads": [reach, 0]},
    }
    return kinds[layer.padding]


def _convolved(graph: _Graph, layer: Any, name: str, kernel: Floats, groups: int) -> str:
    """Add a convolution of one dimension; the kernel's shape is (outputs, inputs of a group, size)."""
    dilation = layer.dilation_rate[0]
    inner = graph.add(
        "Conv",
        [graph.transposed(name, (0, 2, 1)), graph.constant(kernel)],
        group=groups,
        kernel_shape=[kernel.shape[2]],
        strides=[layer.strides[0]],
        dilations=[dilation],
        **_padding(layer, (kernel.shape[2] - 1) * dilation),
    )
    return graph.transposed(inner, (0, 2, 1))


def _conv1d(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
    _refuse(layer, data_format="channels_last")
    kernel = _weight(layer.kernel).transpose(2, 1, 0)
    convolved = _convolved(graph, layer, inputs[0], kernel, layer.groups)
    return _activated(graph, layer, _biased(graph, layer, convolved))


def _depthwise(graph: _Graph, layer: Any, name: str, kernel: Floats) -> str:
    size, channels, multiple = kernel.shape
    arranged = kernel.transpose(1, 2, 0).reshape(channels * multiple, 1, size)
    return _convolved(graph, layer, name, arranged, channels)


def _depthwise_conv1d(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
    _refuse(layer, data_format="channels_last")
    convolved = _depthwise(graph, layer, inputs[0], _weight(layer.kernel))
    return _activated(graph, layer, _biased(graph, layer, convolved))


def _separable_conv1d(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
    _refuse(layer, data_format="channels_last")
    depthwise = _depthwise(graph, layer, inputs[0], _weight(layer.depthwise_kernel))
    mixed = graph.add("MatMul", [depthwise, graph.constant(_weight(layer.pointwise_kernel)[0])])
    return _activated(graph, layer, _biased(graph, layer, mixed))


def _conv2d(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
    _refuse(layer, data_format="channels_last", groups=1, dilation_rate=(1, 1))
    kernel = _weight(layer.kernel).transpose(3, 2, 0, 1)
    inner = graph.add(
        "Conv",
        [graph.transposed(inputs[0], (0, 3, 1, 2)), graph.constant(kernel)],
        kernel_shape=list(kernel.shape[2:]),
        strides=list(layer.strides),
        **_padding(layer, 0),
    )
    return _activated(graph, layer, _biased(graph, layer, graph.transposed(inner, (0, 2, 3, 1))))


def _max_pool2d(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
    _refuse(layer, data_format="channels_last", padding="valid")
    inner = graph.add(
        "MaxPool",
        [graph.transposed(inputs[0], (0, 3, 1, 2))],
        kernel_shape=list(layer.pool_size),
        strides=list(layer.strides),
    )
    return graph.transposed(inner, (0, 2, 3, 1))


def _up_sampling2d(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
    _refuse(layer, data_format="channels_last", interpolation="nearest")
    scales = graph.constant([1, 1, *layer.size])
    inner = graph.add(
        "Resize",
        [graph.transposed(inputs[0], (0, 3, 1, 2)), "", scales],
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    return graph.transposed(inner, (0, 2, 3, 1))


def _pool(kind: str) -> "_Converter":
    def convert(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
        _refuse(layer, data_format="channels_last")
        inner = graph.add(
            kind,
            [graph.transposed(inputs[0], (0, 2, 1))],
            kernel_shape=[layer.pool_size[0]],
            strides=[layer.strides[0]],
            **_padding(layer, 0),
        )
        return graph.transposed(inner, (0, 2, 1))

    return convert


def _global_pool(kind: str) -> "_Converter":
    def convert(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
        _refuse(layer, data_format="channels_last")
        axes = graph.constant([1], np.int64)
        return graph.add(kind, [inputs[0], axes], keepdims=int(layer.keepdims))

    return convert


def _batch_normalization(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
    _refuse(layer, axis=-1)
    scale = 1 / np.sqrt(_weight(layer.moving_variance).astype(np.float64) + layer.epsilon)
    scale = scale * _weight(layer.gamma) if layer.scale else scale
    shift = -_weight(layer.moving_mean) * scale + (_weight(layer.beta) if layer.center else 0)
    scaled = graph.add("Mul", [inputs[0], graph.constant(scale)])
    return graph.add("Add", [scaled, graph.constant(shift)])


def _layer_normalization(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
    _refuse(layer, rms_scaling=False, scale=True, center=True)
    if layer.axis not in (-1, [-1]):
        raise ExportError(f"{layer.name}: axis {layer.axis} is not known here")
    scale, shift = _weight(layer.gamma), _weight(layer.beta)
    taken = [inputs[0], graph.constant(scale), graph.constant(shift)]
    return graph.add("LayerNormalization", taken, axis=-1, epsilon=float(layer.epsilon))


def _folded(kind: str) -> "_Converter":
    """Return what adds (multiplies) any number of tensors, two at a time."""

    def convert(graph: _Graph, _layer: Any, inputs: Sequence[str]) -> str:
        result = inputs[0]
        for other in inputs[1:]:
            result = graph.add(kind, [result, other])
        return result

    return convert


def _average(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
    total = _folded("Add")(graph, layer, inputs)
    return graph.add("Mul", [total, graph.constant(1 / len(inputs))])


def _concatenate(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
    return graph.add("Concat", inputs, axis=layer.axis)


def _reshape(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
    return graph.reshaped(inputs[0], (0, *(-1 if size is None else size for size in layer.target_shape)))


def _flatten(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
    _refuse(layer, data_format="channels_last")
    return graph.reshaped(inputs[0], (0, -1))


def _time_distributed(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
    """Apply a layer at each step: steps join the first dimension, and leave it again."""
    inner_in, inner_out = layer.input.shape[2:], layer.output.shape[2:]
    if None in (*inner_in, *inner_out):
        raise ExportError(f"{layer.name}: a step's shape must be known")
    within = graph.reshaped(inputs[0], (-1, *inner_in))
    applied = _converted(graph, layer.layer, [within])
    # The first two dimensions come back from the tensor that had them.
    leading = graph.add("Shape", [inputs[0]], start=0, end=2)
    shape = graph.add("Concat", [leading, graph.constant(inner_out, np.int64)], axis=0)
    return graph.add("Reshape", [applied, shape])


def _nested(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
    return _model(graph, layer, inputs)


def _lstm(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
    result = _recurrent(graph, [layer], inputs[0])
    if layer.return_sequences:  # (t, 1, n, units)
        squeezed = graph.add("Squeeze", [result, graph.constant([1], np.int64)])
        return graph.transposed(squeezed, (1, 0, 2))
    return graph.add("Squeeze", [result, graph.constant([0], np.int64)])  # (1, n, units)


def _bidirectional(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
    forward, backward = layer.forward_layer, layer.backward_layer
    if type(forward).__name__ != "LSTM" or layer.merge_mode != "concat" or not backward.go_backwards:
        raise ExportError(f"{layer.name}: only a bidirectional LSTM, concatenated, is known here")
    result = _recurrent(graph, [forward, backward], inputs[0])
    if forward.return_sequences:  # (t, 2, n, units)
        return graph.reshaped(graph.transposed(result, (2, 0, 1, 3)), (0, 0, 2 * forward.units))
    return graph.reshaped(graph.transposed(result, (1, 0, 2)), (0, 2 * forward.units))  # (2, n, units)


def _recurrent(graph: _Graph, layers: Sequence[Any], name: str) -> str:
    """Add the fused operator, and return all its outputs or the last ones, as the layers say."""
    for layer in layers:
        _refuse(layer, return_state=False, stateful=False)
        if layer.activation.__name__ != "tanh" or layer.recurrent_activation.__name__ != "sigmoid":
            raise ExportError(f"{layer.name}: other activations than tanh and sigmoid are not known here")
    if len(layers) == 1:
        _refuse(layers[0], go_backwards=False)
    cells = [layer.cell for layer in layers]
    biases = [_gates(_weight(cell.bias)[None])[:, 0] if cell.use_bias else _no_bias(cell) for cell in cells]
    taken = [
        graph.transposed(name, (1, 0, 2)),
        graph.constant(np.stack([_gates(_weight(cell.kernel)) for cell in cells])),
        graph.constant(np.stack([_gates(_weight(cell.recurrent_kernel)) for cell in cells])),
        graph.constant(np.stack([np.concatenate([bias, np.zeros_like(bias)]) for bias in biases])),
    ]
    outputs = [f"LSTM_{len(graph.nodes)}", f"LSTM_{len(graph.nodes)}_last"]
    direction = "bidirectional" if len(layers) == 2 else "forward"
    graph.nodes.append(
        helper.make_node("LSTM", taken, outputs, hidden_size=layers[0].units, direction=direction)
    )
    return outputs[0 if layers[0].return_sequences else 1]


def _no_bias(cell: Any) -> Floats:
    return np.zeros(4 * cell.units, np.float32)


def _gates(matrix: Floats) -> Floats:
    """Return (4 units, inputs) in the operator's order of gates, from Keras' (inputs, 4 units)."""
    into, forget, cell, out = np.split(matrix, 4, axis=1)
    return np.concatenate([into, out, forget, cell], axis=1).T


_Converter = Callable[[_Graph, Any, Sequence[str]], str]

_LAYERS: Mapping[str, _Converter] = {
    "Activation": _activation,
    "Add": _folded("Add"),
    "Average": _average,
    "AveragePooling1D": _pool("AveragePool"),
    "BatchNormalization": _batch_normalization,
    "Bidirectional": _bidirectional,
    "Concatenate": _concatenate,
    "Conv1D": _conv1d,
    "Conv2D": _conv2d,
    "Dense": _dense,
    "DepthwiseConv1D": _depthwise_conv1d,
    "Dropout": _same,
    "Flatten": _flatten,
    "Functional": _nested,
    "GaussianNoise": _same,
    "GlobalAveragePooling1D": _global_pool("ReduceMean"),
    "GlobalMaxPooling1D": _global_pool("ReduceMax"),
    "LSTM": _lstm,
    "LayerNormalization": _layer_normalization,
    "MaxPooling1D": _pool("MaxPool"),
    "MaxPooling2D": _max_pool2d,
    "Multiply": _folded("Mul"),
    "ReLU": _relu,
    "Reshape": _reshape,
    "SeparableConv1D": _separable_conv1d,
    "Sequential": _nested,
    "SpatialDropout1D": _same,
    "TimeDistributed": _time_distributed,
    "UpSampling2D": _up_sampling2d,
}
