"""Which function computes which layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from jaxdnn.layers.base import Layer

F = TypeVar("F", bound=Callable[..., Any])


class Interpreter(Protocol):
    """A graph inside a layer, as that layer's lowering runs it.

    Attributes:
        inputs: the names of its inputs.
        outputs: how many outputs it has.
        deciders: the numbers of the inputs from which a shape is computed.
    """

    inputs: tuple[str, ...]
    outputs: int
    deciders: frozenset[int]

    def __call__(
        self, weights: Mapping[str, Any], inputs: tuple[Any, ...], outputs: tuple[int, ...] | None = None
    ) -> tuple[Any, ...]:
        """Compute outputs, all or those of these numbers. numpy inputs stay numpy."""

    def reads(self, outputs: tuple[int, ...]) -> set[int]:
        """Return the numbers of the inputs that these outputs depend on."""


@dataclass(frozen=True)
class Lowering:
    """How one type of layer computes.

    Attributes:
        function: ``f(layer, weights, *inputs) -> array or tuple of arrays``, pure.
        float32: whether it computes in float32 even under a half-precision policy, or a function of the layer that
            says so.
        numpy: whether it computes numpy arrays from numpy arrays, so that constants stay concrete. The others
            are never given a numpy array.
        known: of a layer and its number of inputs, those that have to be known while the program is traced.
        indices: the numbers of inputs that hold indices or positions, which some formats write as floats. No half
            type may round them.
        nested: whether it runs the layer's ``graphs``: the function gets an :class:`Interpreter` of each, ``graphs=``.
            What enters and leaves the graphs is float32 at least, or a loop's counter would stop at 2048.
        moves: whether it moves or joins values and computes nothing. What others computed in float32 then stays so.
    """

    function: Callable[..., Any]
    float32: bool | Callable[[Any], bool] = False
    numpy: bool = False
    known: Callable[[Any, int], Iterable[int]] = lambda layer, count: ()
    indices: tuple[int, ...] = ()
    nested: bool = False
    moves: bool = False

    def keeps_float32(self, layer: Layer) -> bool:
        """Return whether this layer computes in float32 under half-precision policies."""
        return self.nested or (self.float32(layer) if callable(self.float32) else self.float32)


LOWERINGS: dict[type[Layer], Lowering] = {}


def lowers(
    *layers: type[Layer],
    float32: bool | Callable[[Any], bool] = False,
    numpy: bool = False,
    known: Callable[[Any, int], Iterable[int]] = lambda layer, count: (),
    indices: tuple[int, ...] = (),
    nested: bool = False,
    moves: bool = False,
) -> Callable[[F], F]:
    """Register a function as the lowering of these layer types, see :class:`Lowering`."""

    def register(function: F) -> F:
        for layer in layers:
            assert layer not in LOWERINGS, f"{layer.__name__} has two lowerings"
            LOWERINGS[layer] = Lowering(function, float32, numpy, known, indices, nested, moves)
        return function

    return register


def lower_function(layer: type[Layer], function: Callable[[Any], Any], *, float32: bool = False) -> None:
    """Register a function of one array as the lowering of a layer that has neither attributes nor weights."""

    @lowers(layer, float32=float32)
    def call(layer: Layer, weights: Mapping[str, Any], x: Any) -> Any:
        del layer, weights
        return function(x)
