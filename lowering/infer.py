"""Shapes and types of all values and parameters, from an abstract run of each node."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import jax
import numpy as np

from jaxdnn.errors import JaxdnnError, ShapeError, WeightsError, located
from jaxdnn.ir import Node, Params
from jaxdnn.layers.base import Shape, dims
from jaxdnn.layers.constant import Const
from jaxdnn.layers.custom import Custom
from jaxdnn.lowering.padded import DataDependentError, Padded, with_origin
from jaxdnn.lowering.places import place
from jaxdnn.lowering.program import Program
from jaxdnn.lowering.recipes import Note, for_platform, noting

MAX_ELEMENTS = 2**31 - 1
"""No value and no parameter may be larger: XLA indexes with 32 bits on some devices, and Caffe everywhere."""

_TRIAL_SIZES = (64, 96)

_NONE = "none"
"""A platform for which all is plain: shapes are the same on each, and plain operations are traced fastest."""


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
        constants: the values that are known while tracing: they depend on constants and shapes alone.
        counts: the values whose number of entries depends on the data, and how many there are at most.
        stops: the nodes that have to know something that depends on the data; nothing is known of what is behind.
        recipes: for each node's name, how a CPU computes it; empty where there is no choice.
    """

    values: dict[str, Spec]
    params: dict[str, Shape]
    shapes: dict[str, tuple[tuple[Shape, ...], tuple[Shape, ...]]]
    constants: dict[str, np.ndarray]
    counts: dict[str, int]
    stops: tuple[str, ...]
    recipes: dict[str, tuple[Note, ...]]


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
    known: dict[str, Any] = dict(program.fallbacks)
    for name, spec in inputs.items():
        assert spec.shape is not None
        _check_size(f"input {name!r}", tuple(size or 1 for size in spec.shape))
        known[name] = _struct(spec.shape, spec.dtype)
    params: dict[str, Shape] = {}
    shapes: dict[str, tuple[tuple[Shape, ...], tuple[Shape, ...]]] = {}
    stops: list[str] = []
    recipes: dict[str, tuple[Note, ...]] = {}
    for node in program.graph.nodes:
        if not known.keys() >= set(node.inputs):
            continue
        arguments = tuple(known[name] for name in node.inputs)
        with located(**place(node)):
            read = tuple(tuple(value.shape) for value in arguments)
            weights = {}
            for slot, shape in _expected(node, read, stored).items():
                _check_param(node, slot, shape, stored, params)
                weights[slot] = _struct(shape, program.param_types[node.params[slot]])
            try:
                found, recipes[node.name] = _run(program, node, weights, arguments)
                results = with_origin(node.outputs, found)
            except DataDependentError:
                stops.append(node.name)
                continue
            for name, value in zip(node.outputs, results, strict=True):
                _check_size(f"output {name!r}", value.shape)
        known.update(zip(node.outputs, results, strict=True))
        shapes[node.name] = (read, tuple(tuple(value.shape) for value in results))
    constants = {name: value for name, value in known.items() if isinstance(value, np.ndarray)}
    counts = {each.origin: each.shape[each.axis] for each in known.values() if isinstance(each, Padded)}
    specs = {name: _spec(value) for name, value in known.items()}
    return Inferred(specs, params, shapes, constants, counts, tuple(stops), recipes)


_MEMORY: dict[Hashable, tuple[tuple[Any, ...], tuple[Note, ...]]] = {}
"""Results of :func:`_run`. A network repeats its blocks, and a service loads the same network again."""

_MOST_BYTES = 1 << 20
"""What a layer computes from larger constants is not remembered."""


def _run(
    program: Program, node: Node, weights: dict[str, Any], arguments: tuple[Any, ...]
) -> tuple[tuple[Any, ...], tuple[Note, ...]]:
    """Trace one node: a structure for each array that it computes, and constants as they are; and its recipes."""
    leaves, structure = jax.tree.flatten(arguments)
    concrete = {i: leaf for i, leaf in enumerate(leaves) if isinstance(leaf, np.ndarray)}
    abstract = {i: leaf for i, leaf in enumerate(leaves) if i not in concrete}
    results: tuple[Any, ...] = ()

    def run(weights: dict[str, Any], abstract: dict[int, Any]) -> tuple[Any, ...]:
        nonlocal results
        merged = abstract | concrete
        given = jax.tree.unflatten(structure, [merged[i] for i in range(len(merged))])
        results = program.run(node, weights, given)
        return results

    key = _key(program, node, weights, arguments)
    if key is None or key not in _MEMORY:
        with for_platform(_NONE), noting() as notes:
            traced = jax.eval_shape(run, weights, abstract)
        kept: tuple[Any, ...] = jax.tree.map(
            lambda value, spec: value if isinstance(value, np.ndarray) else spec, results, traced
        )
        if key is None:
            return kept, tuple(notes)
        if len(_MEMORY) >= 10_000:
            _MEMORY.clear()
        _MEMORY[key] = kept, tuple(notes)
    return _MEMORY[key]


def _key(
    program: Program, node: Node, weights: dict[str, Any], arguments: tuple[Any, ...]
) -> Hashable | None:
    """Return what a node's result depends on; None for a layer that cannot be remembered."""
    if isinstance(node.layer, Custom | Const):
        return None
    leaves, structure = jax.tree.flatten((weights, arguments))
    constants = [leaf for leaf in leaves if isinstance(leaf, np.ndarray)]
    if sum(constant.nbytes for constant in constants) > _MOST_BYTES:
        return None
    digests = tuple(blake2b(constant.tobytes()).digest() for constant in constants)
    specs = tuple((leaf.shape, leaf.dtype, isinstance(leaf, np.ndarray)) for leaf in leaves), digests
    computed = program.compute_type(node), program.choices_for(node)
    key = type(node.layer), node.layer, len(node.outputs), computed, structure, specs
    try:
        hash(key)
    except TypeError:  # a layer whose attributes are arrays or graphs
        return None
    return key


def _expected(node: Node, inputs: tuple[Shape, ...], stored: Mapping[str, Shape]) -> Mapping[str, Shape]:
    """Return the shape of each of a node's parameters; those of a custom layer are as stored or stated."""
    expected = node.layer.param_shapes(*inputs)
    if isinstance(node.layer, Custom):
        return {**{slot: stored[r] for slot, r in node.params.items() if r in stored}, **expected}
    assert expected.keys() == node.params.keys(), f"{node}: slots {sorted(expected)}"
    return expected


def infer_open(
    program: Program, inputs: Mapping[str, Spec], stored: Mapping[str, Shape]
) -> tuple[Inferred, ...]:
    """Infer while sizes of inputs are open: one run for each of two sizes in their places; none if one cannot be."""
    runs = []
    for size in _TRIAL_SIZES:
        specs = {
            name: Spec(tuple(known or size for known in spec.shape), spec.dtype)
            for name, spec in inputs.items()
            if spec.shape is not None
        }
        try:
            runs.append(infer(program, specs, stored))
        except JaxdnnError:
            return ()
    return tuple(runs)


def common_specs(runs: Sequence[Inferred]) -> dict[str, Spec]:
    """Return what is known of values from runs with different sizes: where their results differ, a size is open."""
    first, *others = (run.values for run in runs) if runs else ({},)
    common = {}
    for name, spec in first.items():
        shapes = [spec.shape, *(other[name].shape for other in others)]
        sizes = [set(axis) for axis in zip(*(shape for shape in shapes if shape is not None), strict=True)]
        common[name] = Spec(tuple(axis.pop() if len(axis) == 1 else None for axis in sizes), spec.dtype)
    return common


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


def _struct(shape: tuple[int | None, ...], dtype: str) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype)  # type: ignore[no-untyped-call]


def _spec(value: Any) -> Spec:
    shape: list[int | None] = list(value.shape)
    if isinstance(value, Padded):
        shape[value.axis] = None
    return Spec(tuple(shape), str(value.dtype))


def stored_shapes(params: Params) -> dict[str, Shape]:
    """Return the shapes of stored parameters by ``"owner/slot"``."""
    return {
        f"{owner}/{slot}": np.shape(array) for owner, slots in params.items() for slot, array in slots.items()
    }
