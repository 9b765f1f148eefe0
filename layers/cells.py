"""Recurrent cells whose gates can be seen, with one matrix for input and state: the blocks of older TensorFlow."""

from __future__ import annotations

import math

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import Layer, Shape, dims, require


class LstmCell(Layer):
    """One step of long short-term memory, or all steps of a sequence.

    Inputs: x (batch, features), or (steps, batch, features) if ``sequence``; c and h (batch, units), the state
    before; if ``sequence`` the number of steps to take, an integer scalar; then the weights unless they are params.

    With ``z = [x, h] weight + bias``, cut into the gates i, f, o and the candidate g:

    - ``i = σ(z_i + peephole_i * c)``, ``f = σ(z_f + forget_bias + peephole_f * c)``, ``g = tanh(z_g)``,
    - ``c = f * c + i * g``, cut to -clip … clip if clip is positive,
    - ``o = σ(z_o + peephole_o * c)`` with the new c, ``h = o * tanh(c)``.

    Outputs: i, c, f, o, g, tanh(c), h, each (batch, units), or (steps, batch, units) with zeros behind the steps
    that are taken.

    Params (or inputs, in this order): ``weight`` (features + units, 4 units), ``bias`` (4 units,), and if
    ``peephole`` ``peephole_i``, ``peephole_f``, ``peephole_o`` (units,).

    Attributes:
        gates: the order in which weight and bias hold the gates.
        forget_bias: see above.
        clip: see above.
        peephole: whether the gates see the state.
        sequence: whether x is a sequence.
    """

    gates: str = "igfo"
    forget_bias: float = 1.0
    clip: float = 0.0
    peephole: bool = False
    sequence: bool = False

    def __post_init__(self) -> None:
        require(sorted(self.gates) == sorted("ifog"), f"gates must be an order of 'ifog', got {self.gates!r}")

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of the params."""
        return ("weight", "bias", *(f"peephole_{gate}" for gate in "ifo" if self.peephole))

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        """See :class:`LstmCell`."""
        units = _units(inputs, 3 if self.sequence else 2, states=2)
        if len(inputs) > 3 + self.sequence:
            return {}
        vectors = dict.fromkeys(self.slots[2:], (units,))
        return {"weight": (inputs[0][-1] + units, 4 * units), "bias": (4 * units,), **vectors}

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one multiply-add per weight and sample."""
        return 8 * math.prod(outputs[0]) * (inputs[0][-1] + outputs[0][-1])


class GruCell(Layer):
    """One step of the gated recurrent unit.

    Inputs: x (batch, features); h (batch, units), the state before; then the weights unless they are params.

    - ``[r, u] = σ([x, h] gate_weight + gate_bias)``, two halves,
    - ``g = tanh([x, r * h] candidate_weight + candidate_bias)``,
    - ``h = u * h + (1 - u) * g``.

    Outputs: r, u, g, h, each (batch, units).

    Params (or inputs, in this order): ``gate_weight`` (features + units, 2 units), ``candidate_weight``
    (features + units, units), ``gate_bias`` (2 units,), ``candidate_bias`` (units,).
    """

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of the params."""
        return "gate_weight", "candidate_weight", "gate_bias", "candidate_bias"

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        """See :class:`GruCell`."""
        units = _units(inputs, 2, states=1)
        if len(inputs) > 2:
            return {}
        rows = inputs[0][-1] + units
        shapes = ((rows, 2 * units), (rows, units), (2 * units,), (units,))
        return dict(zip(self.slots, shapes, strict=True))

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one multiply-add per weight and sample."""
        return 6 * math.prod(outputs[0]) * (inputs[0][-1] + outputs[0][-1])


def _units(inputs: tuple[Shape, ...], rank: int, states: int) -> int:
    x, first, *rest = inputs
    if len(x) != rank or any(len(state) != 2 or state != first for state in (first, *rest[: states - 1])):
        shapes = ", ".join(map(dims, inputs[: 1 + states]))
        raise ShapeError(f"an input of {rank} axes and states (batch, units) expected, got {shapes}")
    if x[-2] != first[0]:
        raise ShapeError(f"the input's batch of {x[-2]} is not the states' {first[0]}")
    return first[1]
