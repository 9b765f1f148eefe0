"""Which function writes which primitive of jax as ONNX operators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Conversion:
    """How one primitive is written.

    Attributes:
        function: ``f(call, *values) -> name or value``, or a tuple of them if the primitive has several results.
            A name is that of an array in full.
        elementwise: whether it is given names instead, of arrays that numpy's broadcasting may have to stretch, and
            returns the name of what the operators make of them.
        folds: whether it is computed at once where all it reads is constant.
    """

    function: Callable[..., Any]
    elementwise: bool = False
    folds: bool = True


CONVERSIONS: dict[str, Conversion] = {}


def converts(*primitives: str, elementwise: bool = False, folds: bool = True) -> Callable[[F], F]:
    """Register a function for primitives of these names, see :class:`Conversion`."""

    def register(function: F) -> F:
        for primitive in primitives:
            assert primitive not in CONVERSIONS, f"{primitive} has two conversions"
            CONVERSIONS[primitive] = Conversion(function, elementwise, folds)
        return function

    return register
