"""Recurrent layers."""

from __future__ import annotations

from typing import TypedDict

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.layers.directed import DirectedGru, DirectedLstm, DirectedRnn, Function
from jaxdnn.layers.shape import Permute
from jaxdnn.layers.tensor import FillLike

Layer = DirectedRnn | DirectedGru | DirectedLstm


class _Common(TypedDict):
    units: int
    directions: tuple[str, ...]
    functions: tuple[tuple[Function, ...], ...]
    clip: float
    bias: bool
    lengths: bool
    initial_state: bool


_DIRECTIONS = {"forward": ("forward",), "reverse": ("reverse",), "bidirectional": ("forward", "reverse")}
_FUNCTIONS: dict[str, tuple[Function, int]] = {
    "relu": (("relu", 0.0, 0.0), 0),
    "tanh": (("tanh", 0.0, 0.0), 0),
    "sigmoid": (("sigmoid", 0.0, 0.0), 0),
    "softsign": (("softsign", 0.0, 0.0), 0),
    "softplus": (("softplus", 0.0, 0.0), 0),
    "affine": (("affine", 1.0, 0.0), 2),
    "leakyrelu": (("leaky_relu", 0.01, 0.0), 1),
    "thresholdedrelu": (("thresholded_relu", 1.0, 0.0), 1),
    "scaledtanh": (("scaled_tanh", 1.0, 1.0), 2),
    "hardsigmoid": (("hard_sigmoid", 0.2, 0.5), 2),
    "elu": (("elu", 1.0, 0.0), 1),
}
"""The functions by name, with their usual parameters, and how many of those a node states."""


@rules("RNN", inputs=(3, 6))
def rnn(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The simple network."""
    x, *weights, lengths, h = inputs
    layer = DirectedRnn(**_common(node, ("Tanh",), weights, lengths, h))
    return _emit(b, node, layer, x, lengths, (h,), weights)


@rules("GRU", inputs=(3, 6))
def gru(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Gated units."""
    x, *weights, lengths, h = inputs
    reset = "after" if node.attributes.flag("linear_before_reset", False) else "before"
    layer = DirectedGru(**_common(node, ("Sigmoid", "Tanh"), weights, lengths, h), reset=reset)
    return _emit(b, node, layer, x, lengths, (h,), weights)


@rules("LSTM", inputs=(3, 8))
def lstm(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Long short-term memory."""
    x, weight, hidden, bias, lengths, h, c, peephole = inputs
    weights = [weight, hidden, bias]
    layer = DirectedLstm(
        **_common(node, ("Sigmoid", "Tanh", "Tanh"), weights, lengths, h or c),
        peephole=bool(peephole),
        coupled=node.attributes.flag("input_forget", False),
    )
    return _emit(b, node, layer, x, lengths, (h, c), [*weights, peephole])


def _common(
    node: NodeSource, defaults: tuple[str, ...], weights: list[str], lengths: str, state: str
) -> _Common:
    """Return what all three state."""
    attributes = node.attributes
    directions = _DIRECTIONS[attributes.one_of("direction", tuple(_DIRECTIONS), "forward")]
    attributes.ignore("output_sequence")
    return {
        "units": attributes.integer("hidden_size"),
        "directions": directions,
        "functions": _functions(node, defaults, len(directions)),
        "clip": attributes.number("clip", 0.0),
        "bias": bool(weights[2]),
        "lengths": bool(lengths),
        "initial_state": bool(state),
    }


def _functions(
    node: NodeSource, defaults: tuple[str, ...], directions: int
) -> tuple[tuple[Function, ...], ...]:
    """Return the functions of each direction; parameters are listed one after the other for those that have any."""
    names = node.attributes.texts("activations", ()) or defaults * directions
    if len(names) != len(defaults) * directions:
        raise LayerError(f"activations has {len(names)} names, {len(defaults) * directions} expected")
    alphas = list(node.attributes.numbers("activation_alpha", ()))
    betas = list(node.attributes.numbers("activation_beta", ()))
    functions = []
    for name in names:
        if name.lower() not in _FUNCTIONS:
            raise LayerError(f"activation {name!r} is not known")
        (function, alpha, beta), parameters = _FUNCTIONS[name.lower()]
        alpha = alphas.pop(0) if parameters and alphas else alpha
        beta = betas.pop(0) if parameters == 2 and betas else beta
        functions.append((function, alpha, beta))
    count = len(defaults)
    return tuple(tuple(functions[at : at + count]) for at in range(0, len(functions), count))


def _emit(
    b: OnnxBuilder,
    node: NodeSource,
    layer: Layer,
    x: str,
    lengths: str,
    states: tuple[str, ...],
    weights: list[str],
) -> Values:
    """Add the layer, its weights as params if all of them are constants; a batch may come before the steps."""
    batch_first = node.attributes.flag("layout", False)
    swap = Permute(order=(1, 0))
    if batch_first:
        (x,) = b.emit(node, swap, (x,), part="steps")
        states = tuple(
            state and b.emit(node, swap, (state,), part=f"state_{index}")[0]
            for index, state in enumerate(states)
        )
    if layer.initial_state:
        given = next(filter(None, states))
        states = tuple(state or b.emit(node, FillLike(), (given,), part="zeros")[0] for state in states)
    inputs = tuple(filter(None, (x, lengths, *states)))
    slots = dict(zip(layer.slots, filter(None, weights), strict=True))
    params = {slot: b.learned(value, slot) for slot, value in slots.items()}
    known = {slot: reference for slot, reference in params.items() if reference is not None}
    if len(known) < len(params):
        inputs, known = (*inputs, *slots.values()), {}
    count = 1 + layer.parts
    if not batch_first:
        return b.emit(node, layer, inputs, known, outputs=count)
    y, *last = b.emit(node, layer, inputs, known, outputs=count, part="sequence")
    (y,) = b.emit(node, Permute(order=(2, 0, 1, 3)), (y,), part="batches")
    final = (b.emit(node, swap, (state,), part=f"last_{index}")[0] for index, state in enumerate(last))
    return (y, *final)
