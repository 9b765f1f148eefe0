"""Which function computes which layer."""

from __future__ import annotations

import importlib.util
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import jaxdnn.layers
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


class Lowerings(Mapping[type[Layer], Lowering]):
    """The lowering of each type of layer.

    A family is imported when the first of its layers is looked up: a network has layers of few of them. The layers of
    ``layers/pooling.py`` have their lowerings in ``lowering/pooling.py``.
    """

    def __init__(self) -> None:
        self._found: dict[type[Layer], Lowering] = {}

    def add(self, layer: type[Layer], lowering: Lowering) -> None:
        """Add what computes layers of a type."""
        assert layer not in self._found, f"{layer.__name__} has two lowerings"
        self._found[layer] = lowering

    def __getitem__(self, layer: type[Layer]) -> Lowering:
        if layer not in self._found:
            _import_family(layer.__module__.rpartition(".")[2])
        return self._found[layer]

    def __iter__(self) -> Iterator[type[Layer]]:
        for family in pkgutil.iter_modules(jaxdnn.layers.__path__):
            _import_family(family.name)
        return iter(self._found)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _import_family(name: str) -> None:
    if importlib.util.find_spec(f"jaxdnn.lowering.{name}"):
        importlib.import_module(f"jaxdnn.lowering.{name}")


LOWERINGS = Lowerings()


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
            LOWERINGS.add(layer, Lowering(function, float32, numpy, known, indices, nested, moves))
        return function

    return register


def lower_function(layer: type[Layer], function: Callable[[Any], Any], *, float32: bool = False) -> None:
    """Register a function of one array as the lowering of a layer that has neither attributes nor weights."""

    @lowers(layer, float32=float32)
    def call(layer: Layer, weights: Mapping[str, Any], x: Any) -> Any:
        del layer, weights
        return function(x)
