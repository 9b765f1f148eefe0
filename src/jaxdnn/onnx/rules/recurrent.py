"""Recurrent layers by ONNX' own operators; where the state is multiplied before each step the fallback loops."""

from __future__ import annotations

import numpy as np

from jaxdnn.layers.recurrent import Gru, Lstm, Recurrent, Rnn
from jaxdnn.onnx.exporter import Exporter
from jaxdnn.onnx.registry import NotExpressible, exports
from jaxdnn.onnx.sizes import static_product


@exports(Lstm)
def lstm(e: Exporter, layer: Lstm, *inputs: str) -> str | tuple[str, ...]:
    """Stack the gates as the operator does: input, output, forget gate, candidate."""
    return _recurrent(e, layer, "LSTM", _order(layer.gates, "iofg"), inputs)


@exports(Gru)
def gru(e: Exporter, layer: Gru, *inputs: str) -> str | tuple[str, ...]:
    """Stack the gates as the operator does: update gate, reset gate, candidate."""
    return _recurrent(
        e,
        layer,
        "GRU",
        _order(layer.gates, "zrg"),
        inputs,
        linear_before_reset=int(layer.reset == "after"),
        activations=["Sigmoid", layer.activation.capitalize()],
    )


@exports(Rnn)
def rnn(e: Exporter, layer: Rnn, *inputs: str) -> str | tuple[str, ...]:
    """Put the layer on top of the operator's output."""
    found = _recurrent(e, layer, "RNN", [0], inputs)
    y, *final = (found,) if isinstance(found, str) else found
    if layer.output_layer:
        weight = e.stored("output_weight", e.params["output_weight"].T)
        y = e.op("Tanh", e.op("Add", e.op("MatMul", y, weight), e.param("output_bias")))
    return (y, *final) if final else y


def _order(own: str, wanted: str) -> list[int]:
    return [own.index(gate) for gate in wanted]


def _recurrent(
    e: Exporter,
    layer: Recurrent,
    operator: str,
    order: list[int],
    inputs: tuple[str, ...],
    **attributes: object,
) -> str | tuple[str, ...]:
    """Add an operator with its weights, and drop its axis of directions."""
    if layer.continuation or layer.static:
        raise NotExpressible("a state that starts anew, or an input that all steps see, has no operator")
    gates, units = len(order), layer.units

    def stacked(slot: str) -> np.ndarray:
        array = e.params[slot]
        return array.reshape(gates, units, -1)[order].reshape(1, gates * units, *array.shape[1:])

    hidden = "hidden_bias" in e.params
    bias = stacked("bias")
    both = np.concatenate([bias, stacked("hidden_bias") if hidden else np.zeros_like(bias)], axis=1)
    x, *states = inputs
    steps, batch, *features = e.inputs[0].sizes
    if len(features) != 1:
        x = e.reshape(x, [steps, batch, static_product(tuple(features))])
    y, *final = e.ops(
        operator,
        3 if operator == "LSTM" else 2,
        x,
        e.stored("input_weight", stacked("input_weight")),
        e.stored("hidden_weight", stacked("hidden_weight")),
        e.constant(both, "bias"),
        None,
        *states,
        hidden_size=units,
        **attributes,
    )
    y = e.squeeze(y, [1])
    return (y, *final) if layer.final_state else y
