"""Layers without an exporter of their own: what jax traces of their lowering, primitive by primitive.

A layer is traced for a few batches and numbers of rows; what differs from trace to trace are the sizes that the file
computes (:mod:`~jaxdnn.onnx.fallback.sizes`). Each primitive is written by a conversion
(:mod:`~jaxdnn.onnx.fallback.registry`), and what depends on constants alone is computed at once
(:mod:`~jaxdnn.onnx.fallback.translator`). A result that is padded to its largest size is cut to its valid entries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from jaxdnn.lowering.padded import Padded
from jaxdnn.lowering.ragged import Ragged
from jaxdnn.onnx.exporter import Exporter, Tensor
from jaxdnn.onnx.fallback.primitives import CONVERSIONS
from jaxdnn.onnx.fallback.tracing import computed, translated
from jaxdnn.onnx.fallback.translator import Translator
from jaxdnn.onnx.fallback.values import Value
from jaxdnn.onnx.registry import NotExpressible

__all__ = ["CONVERSIONS", "fallback", "lowered"]


def fallback(e: Exporter) -> tuple[str, ...]:
    """Write a node as what its lowering computes, and return the names of its results.

    Raises:
        NotExpressible: a primitive has no standard operators, or a size is no multiple of the batch plus a number.
    """
    slots = sorted(e.params)
    params = tuple(Tensor(e.param(slot), e.params[slot].shape, str(e.params[slot].dtype)) for slot in slots)
    trials: list[tuple[Any, ...]] = []

    def run(*arrays: Any) -> list[Any]:
        weights = dict(zip(slots, arrays, strict=False))
        trials.append(e.program.run(e.node, weights, arrays[len(slots) :]))
        return [part for result in trials[-1] for part in _parts(result)]

    translator = _translator(e, e.arguments)
    values = iter(translated(translator, run, (*params, *e.arguments)))
    return tuple(_result(translator, results, values) for results in zip(*trials, strict=True))


def lowered(e: Exporter, function: Callable[..., Any], *tensors: Tensor) -> tuple[str, ...]:
    """Write a function of arrays that is a part of a lowering, and return the names of its results."""
    return computed(_translator(e, tensors), function, tensors)


def _parts(result: Any) -> list[Any]:
    """Return the arrays of a result that depend on what is read.

    Raises:
        NotExpressible: it is a list of arrays of different shapes.
    """
    if isinstance(result, Ragged):
        raise NotExpressible("a list of arrays of different shapes is no array")
    if isinstance(result, Padded):
        return [result.values, result.count]
    return [] if isinstance(result, np.ndarray) else [result]


def _result(translator: Translator, trials: tuple[Any, ...], values: Any) -> str:
    """Return the name of a node's result, without its padding if it is padded.

    Args:
        translator: takes the operators.
        trials: the result of each trial.
        values: yields what was written of it.
    """
    kinds = {(type(trial), trial.axis if isinstance(trial, Padded) else None) for trial in trials}
    first = trials[0]
    if isinstance(first, np.ndarray) and len(kinds) == 1:
        return translator.full(translator.constant(trials))
    if any(isinstance(trial, np.ndarray) for trial in trials) or len({axis for _, axis in kinds}) > 1:
        raise NotExpressible("what it yields differs with the batch")
    value: Value = next(values)
    name = translator.full(value)
    if not isinstance(first, Padded):
        return name
    count = translator.e.cast(translator.full(next(values)), "int64")
    return translator.e.op("Slice", name, [0], translator.e.op("Reshape", count, [1]), [first.axis])


def _translator(e: Exporter, tensors: tuple[Tensor, ...]) -> Translator:
    def rows() -> str:
        """Return the name of the size of the first axis whose size depends on the data."""
        for tensor in tensors:
            if None in tensor.sizes:
                return e.op("Gather", e.op("Shape", tensor.name), [tensor.sizes.index(None)])
        raise NotExpressible("a size inside of it depends on the data")

    return Translator(e, rows)
