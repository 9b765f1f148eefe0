"""Recurrent layers that run through a sequence forwards, backwards or both ways, with any activations."""

from __future__ import annotations

import math

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import Layer, Shape, dims, require, require_at_least, require_one_of

FUNCTIONS = (
    *("relu", "tanh", "sigmoid", "affine", "leaky_relu", "thresholded_relu", "scaled_tanh", "hard_sigmoid"),
    *("elu", "softsign", "softplus"),
)


Function = tuple[str, float, float]
"""A function of one number that gates and candidates go through: one of :data:`FUNCTIONS`, alpha and beta.

``affine`` is ``alpha * x + beta``; ``leaky_relu`` has the slope alpha below zero; ``thresholded_relu`` is x from
alpha on and 0 below; ``scaled_tanh`` is ``alpha * tanh(beta * x)``; ``hard_sigmoid`` is
``max(min(alpha * x + beta, 1), 0)``; ``elu`` is ``alpha * (exp(x) - 1)`` below zero.
The others have no use for alpha and beta.
"""


class _Directed(Layer):
    """Base of recurrent layers with one set of weights per direction.

    With D directions, units U, G gates per unit and F features:

    Inputs, in this order: x (steps, batch, F); if ``lengths``, how many steps each sequence has (batch,); if
    ``initial_state``, each part of the state before the first step (D, batch, U), zeros otherwise; the weights,
    unless they are params.

    Params (or inputs, in this order): ``input_weight`` (D, G*U, F), ``hidden_weight`` (D, G*U, U); if ``bias``,
    ``bias`` (D, 2*G*U): those of the input's products, then those of the state's.

    Outputs: h of all steps (steps, D, batch, U), zeros behind a sequence's end; then the parts of the state after each
    sequence's last step (D, batch, U). A ``reverse`` direction begins at a sequence's last step, and its last one is
    the first; its outputs lie at the steps that they belong to.

    Attributes:
        units: size of the state.
        directions: ``forward`` and ``reverse``, one or both.
        functions: of each direction, see :data:`Function`: for the gates, then for the candidate,
            then (with a cell) for the cell.
        clip: what enters the functions of gates and candidates is cut to -clip … clip; 0 for no bound.
        bias, lengths, initial_state: which inputs and params there are.
    """

    units: int
    directions: tuple[str, ...] = ("forward",)
    functions: tuple[tuple[Function, ...], ...]
    clip: float = 0.0
    bias: bool = True
    lengths: bool = False
    initial_state: bool = False

    def __post_init__(self) -> None:
        require_at_least(1, units=self.units)
        require(self.clip >= 0, f"clip must be at least 0, got {self.clip}")
        require(bool(self.directions), "directions is empty: there must be at least one")
        for direction in self.directions:
            require_one_of(("forward", "reverse"), directions=direction)
        for functions in self.functions:
            for function in functions:
                require_one_of(FUNCTIONS, functions=function[0])
        given, wanted = tuple(map(len, self.functions)), (self.function_count,) * len(self.directions)
        require(given == wanted, f"functions has {given} elements, {wanted} expected")

    @property
    def gates(self) -> int:
        """How many gates and candidates a unit has."""
        return 1

    @property
    def function_count(self) -> int:
        """How many functions a direction has."""
        return 1

    @property
    def parts(self) -> int:
        """How many arrays the state is."""
        return 1

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of the params."""
        return ("input_weight", "hidden_weight", *(("bias",) if self.bias else ()))

    def slot_shapes(self, features: int) -> dict[str, Shape]:
        """Return the shapes of the weights, params or not."""
        count, rows = len(self.directions), self.gates * self.units
        shapes: dict[str, Shape] = {
            "input_weight": (count, rows, features),
            "hidden_weight": (count, rows, self.units),
        }
        return shapes | ({"bias": (count, 2 * rows)} if self.bias else {})

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        """See :class:`_Directed`."""
        x, *rest = inputs
        if len(x) != 3:
            raise ShapeError(f"the input is {dims(x)}, steps x batch x features expected")
        expected: dict[str, Shape] = {"lengths": (x[1],)} if self.lengths else {}
        if self.initial_state:
            state = (len(self.directions), x[1], self.units)
            expected |= {f"part {part} of the initial state": state for part in range(self.parts)}
        shapes = self.slot_shapes(x[2])
        given = len(rest) > len(expected)
        for (name, shape), found in zip((expected | shapes).items(), rest, strict=False):
            if shape != found:
                raise ShapeError(f"{name} is {dims(found)}, {dims(shape)} expected")
        return {} if given else shapes

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one multiply-add per weight, sample and step."""
        del outputs
        steps, batch, features = inputs[0]
        return 2 * steps * batch * sum(map(math.prod, self.slot_shapes(features).values()))


class DirectedRnn(_Directed):
    """``h = f(W x + bias_W + R h + bias_R)``.

    Inputs, params, outputs and attributes are those of all recurrent layers with directions, with G = 1: the state
    is h.
    """


class DirectedGru(_Directed):
    """Gated recurrent unit.

    With ``a = W x + bias_W``, f the function of the gates and g that of the candidate:

    - update gate ``z = f(a_z + R_z h + bias_R_z)``, reset gate ``r = f(a_r + R_r h + bias_R_r)``,
    - candidate ``c = g(a_c + R_c (r * h) + bias_R_c)``, or ``g(a_c + r * (R_c h + bias_R_c))`` if ``reset`` is
      ``after``,
    - ``h = z * h + (1 - z) * c``.

    Inputs, params, outputs and attributes are those of all recurrent layers with directions, with G = 3: the weights
    stack z, r and c; the state is h.

    Attributes:
        reset: whether the reset gate multiplies ``before`` or ``after`` the hidden weights.
    """

    reset: str = "before"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_one_of(("before", "after"), reset=self.reset)

    @property
    def gates(self) -> int:
        """See :class:`DirectedGru`."""
        return 3

    @property
    def function_count(self) -> int:
        """See :class:`DirectedGru`."""
        return 2


class DirectedLstm(_Directed):
    """Long short-term memory.

    With ``a = W x + bias_W + R h + bias_R``, f the function of the gates, g that of the candidate, k that of the cell:

    - ``i = f(a_i + p_i * c)``; ``f = f(a_f + p_f * c)``, or ``1 - i`` if ``coupled``,
    - ``c = f * c + i * g(a_c)``, then ``o = f(a_o + p_o * c)``,
    - ``h = o * k(c)``.

    Inputs, params, outputs and attributes are those of all recurrent layers with directions, with G = 4: the weights
    stack i, o, f and c; the state is h and c.

    Params: also ``peephole`` (D, 3*U), p_i, p_o and p_f, if ``peephole``; zeros otherwise.

    Attributes:
        peephole: whether gates see the cell.
        coupled: whether the forget gate follows from the input gate.
    """

    peephole: bool = False
    coupled: bool = False

    @property
    def gates(self) -> int:
        """See :class:`DirectedLstm`."""
        return 4

    @property
    def function_count(self) -> int:
        """See :class:`DirectedLstm`."""
        return 3

    @property
    def parts(self) -> int:
        """See :class:`DirectedLstm`."""
        return 2

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of the params."""
        return (*super().slots, *(("peephole",) if self.peephole else ()))

    def slot_shapes(self, features: int) -> dict[str, Shape]:
        """See :class:`DirectedLstm`."""
        shapes = super().slot_shapes(features)
        return shapes | ({"peephole": (len(self.directions), 3 * self.units)} if self.peephole else {})
