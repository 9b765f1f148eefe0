"""Recurrent layers over sequences, one step after the other."""

from __future__ import annotations

import math

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import Layer, Shape, dims, require, require_at_least, require_one_of


class Recurrent(Layer):
    """Base of the layers that carry a state along a sequence.

    Inputs, in this order:

    - x (steps, batch, …); all later axes count as features,
    - continuation (steps, batch), if ``continuation``: it multiplies the state before each step, so that 0
      starts a new sequence,
    - static (batch, …), if ``static``: it is seen at every step,
    - the initial state, if ``initial_state``: one array (1, batch, units) per part of the state, zeros
      otherwise.

    Outputs: the output of all steps (steps, batch, units); then, if ``final_state``, the parts of the state
    after the last step, each (1, batch, units).

    Attributes:
        units: size of the state.
        continuation, static, initial_state, final_state: which inputs and outputs there are.
    """

    units: int
    continuation: bool = False
    static: bool = False
    initial_state: bool = False
    final_state: bool = False

    def __post_init__(self) -> None:
        require_at_least(1, units=self.units)

    def gate_shapes(self, gates: int, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """Return the shapes of the weights that lead to so many stacked gates.

        Raises:
            ShapeError: the inputs' numbers of steps or samples differ.
        """
        x = inputs[0]
        if len(x) < 2:
            raise ShapeError(f"the input is {dims(x)}, steps x batch x features expected")
        rows = gates * self.units
        shapes: dict[str, Shape] = {"input_weight": (rows, math.prod(x[2:])), "bias": (rows,)}
        rest = iter(inputs[1:])
        if self.continuation:
            _require_shape("continuation", next(rest), x[:2], "steps x batch")
        if self.static:
            static = next(rest)
            _require_shape("static", static[:1], x[1:2], "batch")
            shapes["static_weight"] = (rows, math.prod(static[1:]))
        for state in rest:
            _require_shape("the initial state", state, (1, x[1], self.units), "1 x batch x units")
        return shapes | {"hidden_weight": (rows, self.units)}

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one multiply-add per weight, sample and step."""
        weights = sum(math.prod(shape) for shape in self.param_shapes(*inputs).values())
        return 2 * weights * math.prod(outputs[0][:2])


def _require_shape(name: str, shape: Shape, expected: Shape, meaning: str) -> None:
    if shape != expected:
        raise ShapeError(f"{name} is {dims(shape)}, {dims(expected)} expected ({meaning})")


class Rnn(Recurrent):
    """The simple recurrent network, with a layer on top of the state.

    ``h = tanh(W_input x + bias + W_static static + W_hidden (continuation * h))``; the output is
    ``tanh(W_output h + output_bias)``, or h itself without ``output_layer``. The state is h.

    Params: ``input_weight`` (units, features); ``bias`` (units,); ``static_weight`` (units, static features)
    if ``static``; ``hidden_weight`` (units, units); ``output_weight`` (units, units) and ``output_bias``
    (units,) if ``output_layer``.

    Attributes:
        output_layer: whether there is a layer on top of the state.
    """

    output_layer: bool = True

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        """See :class:`Rnn`."""
        shapes = self.gate_shapes(1, inputs)
        if self.output_layer:
            shapes |= {"output_weight": (self.units, self.units), "output_bias": (self.units,)}
        return shapes


class Lstm(Recurrent):
    """Long short-term memory.

    With ``z = W_input x + bias + W_static static + W_hidden (continuation * h)``, cut into the gates i, f, o
    and the candidate g: ``c = continuation * σ(f) * c + σ(i) * tanh(g)`` and ``h = σ(o) * tanh(c)``. The
    output is h; the state is h and c.

    Params: ``input_weight`` (4 units, features); ``bias`` (4 units,); ``static_weight`` (4 units, static
    features) if ``static``; ``hidden_weight`` (4 units, units).

    Attributes:
        gates: the order in which the params stack input gate, forget gate, output gate and candidate.
    """

    gates: str = "ifog"

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_gates("ifog", self.gates)

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        """See :class:`Lstm`."""
        return self.gate_shapes(4, inputs)


class LstmUnit(Layer):
    """One step of :class:`Lstm` whose gates are given.

    Inputs: c (1, batch, units); z (1, batch, 4 units); continuation (1, batch). Outputs: the new c, and h.

    Attributes:
        gates: as for :class:`Lstm`.
    """

    gates: str = "ifog"

    def __post_init__(self) -> None:
        _require_gates("ifog", self.gates)

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count five functions and five products or sums per unit."""
        del inputs
        return 10 * math.prod(outputs[0])


class Gru(Recurrent):
    """Gated recurrent unit.

    With ``a = W_input x + bias + W_static static``, the state ``s = continuation * h`` and f the activation:

    - update gate ``z = σ(a_z + W_hidden_z s)``, reset gate ``r = σ(a_r + W_hidden_r s)``,
    - candidate ``g = f(a_g + W_hidden_g (r * s))`` if ``reset`` is ``before``,
      ``g = f(a_g + r * (W_hidden_g s + hidden_bias_g))`` if it is ``after``; the hidden biases of z and r are
      added to those gates too,
    - ``h = z * s + (1 - z) * g``.

    The output is h; so is the state.

    Params: ``input_weight`` (3 units, features); ``bias`` (3 units,); ``static_weight`` (3 units, static
    features) if ``static``; ``hidden_weight`` (3 units, units); ``hidden_bias`` (3 units,) if ``reset`` is
    ``after``.

    Attributes:
        gates: the order in which the params stack update gate, reset gate and candidate.
        reset: whether the reset gate multiplies ``before`` or ``after`` the hidden weights.
        activation: f, ``tanh`` or ``sigmoid``.
    """

    gates: str = "zrg"
    reset: str = "before"
    activation: str = "tanh"

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_gates("zrg", self.gates)
        require_one_of(("before", "after"), reset=self.reset)
        require_one_of(("tanh", "sigmoid"), activation=self.activation)

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        """See :class:`Gru`."""
        shapes = self.gate_shapes(3, inputs)
        return shapes | ({"hidden_bias": (3 * self.units,)} if self.reset == "after" else {})


def _require_gates(letters: str, gates: str) -> None:
    require(sorted(gates) == sorted(letters), f"gates must be an order of {letters!r}, got {gates!r}")
