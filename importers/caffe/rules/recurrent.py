"""LSTM, RNN, LSTMUnit, and the forks' Lstm."""

from __future__ import annotations

from jaxdnn.errors import GraphError
from jaxdnn.importers.caffe.fields import Fields
from jaxdnn.importers.caffe.registry import CaffeBuilder, LayerSource, rules
from jaxdnn.ir import Initializer
from jaxdnn.layers.recurrent import Lstm, LstmUnit, Rnn
from jaxdnn.layers.shape import Reshape


@rules("LSTM", "RNN", bottoms=(2, 5), tops=(1, 3))
def recurrent(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Bottoms: x, cont, a static one if there is one more than the states need, and exposed states."""
    p = source.param("recurrent_param")
    p.ignore("debug_info")
    exposed = p.boolean("expose_hidden", False)
    states = (2 if source.type == "LSTM" else 1) * exposed
    if len(inputs) - 2 - states not in (0, 1):
        raise GraphError(f"takes {2 + states} bottoms, and one more for a static input, {len(inputs)} given")
    if len(source.tops) != 1 + states:
        raise GraphError(f"takes {1 + states} tops, {len(source.tops)} given")
    kind = Lstm if source.type == "LSTM" else Rnn
    layer = kind(
        units=p.required_uint("num_output"),
        continuation=True,
        static=len(inputs) == 3 + states,
        initial_state=exposed,
        final_state=exposed,
    )
    weight, bias = _fillers(p)
    slots = {"input_weight": weight, "bias": bias}
    if layer.static:
        slots["static_weight"] = weight
    slots["hidden_weight"] = weight
    if kind is Rnn:
        slots |= {"output_weight": weight, "output_bias": bias}
    return b.emit(source, layer, inputs, b.slots(source, **slots))


@rules("LSTMUnit", bottoms=3, tops=2)
def lstm_unit(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """One step, its gates given."""
    return b.emit(source, LstmUnit(), inputs)


@rules("Lstm", bottoms=(1, 2))
def lstm(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """A fork's layer: (steps, batch, …) without batch_size, (steps * batch, …) with it or with clip."""
    p = source.param("lstm_param")
    p.ignore("clipping_threshold")  # of gradients
    weight, bias = _fillers(p)
    params = b.slots(source, input_weight=weight, hidden_weight=weight, bias=bias)
    clip = len(inputs) == 2
    layer = Lstm(units=p.required_uint("num_output"), continuation=clip)
    if not clip and not p.has("batch_size"):
        return b.emit(source, layer, inputs, params)
    split = Reshape(shape=(-1, p.uint("batch_size", 1)), num_axes=1)
    inputs = tuple(
        value
        for bottom, name in zip(inputs, ("input", "clip"), strict=False)
        for value in b.emit(source, split, (bottom,), name=f"{source.name}/{name}")
    )
    outputs = b.emit(source, layer, inputs, params)
    return b.emit(source, Reshape(shape=(-1,), num_axes=2), outputs, name=f"{source.name}/output")


def _fillers(p: Fields) -> tuple[Initializer | None, Initializer | None]:
    return p.filler("weight_filler"), p.filler("bias_filler")
