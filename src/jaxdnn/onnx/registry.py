"""Which function writes which layer as ONNX operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from jaxdnn.layers.base import Layer

F = TypeVar("F", bound=Callable[..., Any])

EXPORTERS: dict[type[Layer], Callable[..., Any]] = {}
"""By layer ``f(e, layer, *inputs) -> name``, or a tuple of names if the layer has several outputs."""


class NotExpressible(Exception):  # noqa: N818
    """Standard operators cannot express a layer, or not with these attributes, sizes or this opset.

    Its text completes the sentence "layer 'x' (Type): …": ``stochastic pooling has no operator``.
    """


def exports(*layers: type[Layer]) -> Callable[[F], F]:
    """Register a function as the exporter of these layer types.

    It is called ``f(e, layer, *inputs)``: ``e`` is the :class:`~jaxdnn.onnx.exporter.Exporter` of the node, and each
    input the name of an ONNX value whose floating-point elements have the type ``e.type``, in which the node
    computes; inputs that the lowering calls indices keep their own. It returns the name of the result, or a tuple,
    with the shapes and types that :attr:`~jaxdnn.onnx.exporter.Exporter.outputs` says, or raises
    :class:`NotExpressible`; the layer then goes to :mod:`jaxdnn.onnx.fallback`.
    """

    def register(function: F) -> F:
        for layer in layers:
            assert layer not in EXPORTERS, f"{layer.__name__} has two exporters"
            EXPORTERS[layer] = function
        return function

    return register
