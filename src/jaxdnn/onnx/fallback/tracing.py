"""Functions of arrays as jax traces them, once for each of a few sizes of what is open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxdnn.errors import JaxdnnError
from jaxdnn.lowering.recipes import for_platform
from jaxdnn.onnx.exporter import Tensor
from jaxdnn.onnx.fallback.sizes import TRIALS, merged
from jaxdnn.onnx.fallback.translator import Functions, Translator
from jaxdnn.onnx.fallback.values import Spec, Value
from jaxdnn.onnx.registry import NotExpressible
from jaxdnn.onnx.sizes import BatchSize


def translated(
    translator: Translator, function: Callable[..., Any], tensors: Sequence[Tensor]
) -> tuple[Value, ...]:
    """Write a function of arrays that jax can trace.

    Args:
        translator: takes the operators.
        function: returns an array or a tuple of arrays. It is called once for each trial.
        tensors: what it reads; those that are known are numpy arrays.

    Raises:
        NotExpressible: it cannot be traced for other batches or numbers of rows, or be written.
    """
    given = [tensor for tensor in tensors if tensor.known is None]
    functions = _traced(function, tensors)
    specs = [
        Spec(merged([tuple(variable.aval.shape) for variable in trial]), str(trial[0].aval.dtype))
        for trial in zip(*(each.jaxpr.invars for each in functions), strict=True)
    ]
    inputs = [Value.named(tensor.name, spec) for tensor, spec in zip(given, specs, strict=True)]
    return translator.run(functions, inputs)


def computed(
    translator: Translator, function: Callable[..., Any], tensors: Sequence[Tensor]
) -> tuple[str, ...]:
    """Write a function as :func:`translated` does and return the names of its results."""
    return tuple(translator.full(value) for value in translated(translator, function, tensors))


def _traced(function: Callable[..., Any], tensors: Sequence[Tensor]) -> Functions:
    open_sizes = any(not isinstance(size, int) for tensor in tensors for size in tensor.sizes)

    def run(*arrays: Any) -> Any:
        rest = iter(arrays)
        with for_platform("onnx"):  # recipes for CPUs are many operations where one would do
            return function(*(next(rest) if tensor.known is None else tensor.known for tensor in tensors))

    try:
        return tuple(
            jax.make_jaxpr(run)(*(_struct(tensor, trial) for tensor in tensors if tensor.known is None))
            for trial in (TRIALS if open_sizes else TRIALS[:1])
        )
    except JaxdnnError as error:
        raise NotExpressible(f"with other sizes {error.message}") from error


def _struct(tensor: Tensor, trial: Mapping[str, int]) -> jax.ShapeDtypeStruct:
    shape = tuple(_size(size, trial) for size in tensor.sizes)
    return jax.ShapeDtypeStruct(shape, jnp.dtype(tensor.dtype))  # type: ignore[no-untyped-call]


def _size(size: int | BatchSize | None, trial: Mapping[str, int]) -> int:
    if size is None:
        return trial["rows"]
    return size if isinstance(size, int) else size.at(trial["batch"])
