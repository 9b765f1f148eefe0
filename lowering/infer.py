"""Shapes and types of all values and parameters, from one abstract run of the program."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import JaxdnnError, ShapeError, WeightsError
from jaxdnn.ir import Node
from jaxdnn.layers.base import Shape, dims
from jaxdnn.layers.custom import Custom
from jaxdnn.lowering.padded import Padded
from jaxdnn.lowering.program import Program

MAX_ELEMENTS = 2**31 - 1
"""No value and no parameter may be larger: XLA indexes with 32 bits on some devices, and Caffe everywhere."""

_TRIAL_SIZES = (64, 96)


@dataclass(frozen=True)
class Spec:
    """Shape and dtype of a value.

    Attributes:
        shape: sizes; None where the size depends on the data, or on a size that the file leaves open. None
            instead of sizes where not even their number is known.
        dtype: numpy name of the element type; ``?`` where it is not known.
    """

    shape: tuple[int | None, ...] | None
    dtype: str

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.dtype}[...]"
        return f"{self.dtype}[{', '.join('?' if size is None else str(size) for size in self.shape)}]"


@dataclass(frozen=True)
class Inferred:
    """The result of :func:`infer`.

    Attributes:
        values: the spec of each computable value.
        params: the shape that the layers demand of each parameter, by ``"owner/slot"``.
        shapes: for each node's name the padded shapes of its inputs and of its outputs.
    """

    values: dict[str, Spec]
    params: dict[str, Shape]
    shapes: dict[str, tuple[tuple[Shape, ...], tuple[Shape, ...]]]


def infer(program: Program, inputs: Mapping[str, Spec], stored: Mapping[str, Shape]) -> Inferred:
    """Run the program on shapes alone; nothing is allocated or computed.

    Args:
        program: the lowered graph.
        inputs: the spec of each fed input.
        stored: shapes of parameters as the file holds them, by ``"owner/slot"``.

    Raises:
        ShapeError: shapes do not fit, or a size is beyond :data:`MAX_ELEMENTS`.
        WeightsError: a stored parameter is not of the shape that its layer demands.
    """
    values = dict(inputs)
    params: dict[str, Shape] = {}
    shapes: dict[str, tuple[tuple[Shape, ...], tuple[Shape, ...]]] = {}

    def weights_of(node: Node, arguments: tuple[Any, ...]) -> dict[str, Any]:
        shapes[node.name] = (tuple(np.shape(value) for value in arguments), ())
        if isinstance(node.layer, Custom):
            expected = {s: stored[r] for s, r in node.params.items() if r in stored}
        else:
            expected = dict(node.layer.param_shapes(*shapes[node.name][0]))
            assert expected.keys() == node.params.keys(), f"{node}: slots {sorted(expected)}"
        weights = {}
        for slot, shape in expected.items():
            _check_param(node, slot, shape, stored, params)
            weights[slot] = jnp.zeros(shape, program.policy.params)
        return weights

    def observe(node: Node, results: tuple[Any, ...]) -> None:
        shapes[node.name] = (shapes[node.name][0], tuple(value.shape for value in results))
        for name, value in zip(node.outputs, results, strict=True):
            _check_size(f"output {name!r}", value.shape)
            values[name] = _spec(value)

    def run(feeds: dict[str, Any]) -> None:
        program.evaluate(weights_of, feeds, program.computable(feeds), observe)

    for name, spec in inputs.items():
        _check_size(f"input {name!r}", tuple(size or 1 for size in spec.shape or ()))
    feeds = {n: jax.ShapeDtypeStruct(s.shape, s.dtype) for n, s in inputs.items()}  # type: ignore[no-untyped-call]
    jax.eval_shape(run, feeds)
    return Inferred(values, params, shapes)


def infer_open(program: Program, inputs: Mapping[str, Spec], stored: Mapping[str, Shape]) -> dict[str, Spec]:
    """Return what is known of values while sizes of inputs are open.

    Two runs with different sizes in their places tell: where their results differ, a size is open too. What cannot
    be computed at both is not in the result.
    """
    runs = []
    for size in _TRIAL_SIZES:
        specs = {
            name: Spec(tuple(known or size for known in spec.shape), spec.dtype)
            for name, spec in inputs.items()
            if spec.shape is not None
        }
        try:
            runs.append(infer(program, specs, stored).values)
        except JaxdnnError:
            return {}
    return {
        name: Spec(tuple(a if a == b else None for a, b in zip(one.shape, other.shape, strict=True)), one.dtype)
        for (name, one), other in zip(runs[0].items(), runs[1].values(), strict=True)
        if one.shape is not None and other.shape is not None
    }


def fits(stored: Shape, expected: Shape) -> bool:
    """Whether a stored shape means the expected one: they differ in axes of size 1 at most.

    Old Caffe files store every blob with four axes (``1x1x1x10`` for a bias of 10).
    """
    return [size for size in stored if size != 1] == [size for size in expected if size != 1]


def _check_param(
    node: Node, slot: str, shape: Shape, stored: Mapping[str, Shape], seen: dict[str, Shape]
) -> None:
    reference = node.params[slot]
    _check_size(f"parameter {slot!r}", shape)
    if seen.setdefault(reference, shape) != shape:
        raise WeightsError(
            f"{slot} is {dims(shape)}, but it shares {reference!r}, which is {dims(seen[reference])}"
        )
    if reference in stored and not fits(stored[reference], shape):
        raise WeightsError(f"{slot} is {dims(stored[reference])} in the weights file, {dims(shape)} expected")


def _check_size(what: str, shape: Shape) -> None:
    if math.prod(shape) > MAX_ELEMENTS:
        raise ShapeError(f"{what} of {dims(shape)} has more than {MAX_ELEMENTS} elements")


def _spec(value: Any) -> Spec:
    shape: list[int | None] = list(value.shape)
    if isinstance(value, Padded):
        shape[value.axis] = None
    return Spec(tuple(shape), str(value.dtype))


def stored_shapes(params: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, Shape]:
    """Return the shapes of stored parameters by ``"owner/slot"``."""
    return {
        f"{owner}/{slot}": array.shape for owner, slots in params.items() for slot, array in slots.items()
    }
