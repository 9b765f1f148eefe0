"""Which function computes which layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from jaxdnn.layers.base import Layer

F = TypeVar("F", bound=Callable[..., Any])


class Interpreter(Protocol):
    """A graph inside a layer, as that layer's lowering runs it."""

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
        float32: whether it computes in float32 even under a half-precision policy.
        numpy: whether it computes numpy arrays from numpy arrays, so that constants stay concrete. The others
            are never given a numpy array.
        known: of a layer and its number of inputs, those that have to be known while the program is traced.
        nested: whether it runs the layer's ``graphs``: the function gets an :class:`Interpreter` of each, ``graphs=``.
    """

    function: Callable[..., Any]
    float32: bool = False
    numpy: bool = False
    known: Callable[[Any, int], Iterable[int]] = lambda layer, count: ()
    nested: bool = False


LOWERINGS: dict[type[Layer], Lowering] = {}


def lowers(
    *layers: type[Layer],
    float32: bool = False,
    numpy: bool = False,
    known: Callable[[Any, int], Iterable[int]] = lambda layer, count: (),
    nested: bool = False,
) -> Callable[[F], F]:
    """Register a function as the lowering of these layer types, see :class:`Lowering`."""

    def register(function: F) -> F:
        for layer in layers:
            assert layer not in LOWERINGS, f"{layer.__name__} has two lowerings"
            LOWERINGS[layer] = Lowering(function, float32, numpy, known, nested)
        return function

    return register


def lower_function(layer: type[Layer], function: Callable[[Any], Any], *, float32: bool = False) -> None:
    """Register a function of one array as the lowering of a layer that has neither attributes nor weights."""

    @lowers(layer, float32=float32)
    def call(layer: Layer, weights: Mapping[str, Any], x: Any) -> Any:
        del layer, weights
        return function(x)
