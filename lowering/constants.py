"""Which values are the same in every call."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import numpy as np

from jaxdnn.errors import JaxdnnError
from jaxdnn.ir import Node, Value
from jaxdnn.layers.base import Shape
from jaxdnn.layers.constant import Const
from jaxdnn.layers.control import Control
from jaxdnn.layers.custom import Custom
from jaxdnn.lowering.infer import Spec, infer
from jaxdnn.lowering.namespace import narrow
from jaxdnn.lowering.padded import Padded
from jaxdnn.lowering.program import Program

_TRIALS = ((1, 0, 64), (1, 1, 97), (4, 3, 171))
"""What inputs have in each trial: a factor of their batch and what is added to it, and a size for open ones."""


def constants(program: Program, stored: Mapping[str, Shape], *, limit: int) -> dict[str, np.ndarray]:
    """Return the values that are the same in every call.

    Those are constants, what follows from constants, and what follows from the sizes that inputs state. The batch of
    an input, its first size, is free, and so is a size that it leaves open: a value that follows from sizes counts
    if it is the same in three trials with other batches. Results of custom layers never count.

    Args:
        program: the lowered graph.
        stored: shapes of parameters as the file holds them, by ``"owner/slot"``.
        limit: bytes of the largest value that is computed only to be returned, unless what it is computed from is
            larger.
    """
    known = _from_sizes(program, stored)
    for node in program.graph.nodes:
        if isinstance(node.layer, Custom):
            known = {name: array for name, array in known.items() if name not in node.outputs}
        elif isinstance(node.layer, Const):
            known[node.outputs[0]] = narrow(node.layer.value)
        elif not known.keys() >= set(node.outputs) and known.keys() >= set(node.inputs):
            results = _compute(program, node, tuple(known[name] for name in node.inputs), limit)
            known.update(zip(node.outputs, results, strict=False))  # there may be none
    return known


def _from_sizes(program: Program, stored: Mapping[str, Shape]) -> dict[str, np.ndarray]:
    """Return what is known while tracing and the same in all trials; nothing if one of them is not possible."""
    inputs = program.graph.inputs
    if any(value.shape is None and value.fallback is not None for value in inputs):
        return {}  # such an input would be taken for its fallback
    same: dict[str, np.ndarray] = {}
    for number, trial in enumerate(_TRIALS):
        specs = {value.name: _trial(value, *trial) for value in inputs if value.shape is not None}
        try:
            found = infer(program, specs, stored).constants
        except JaxdnnError:
            return {}
        same = {
            name: array
            for name, array in found.items()
            if number == 0 or (name in same and _equal(array, same[name]))
        }
    return same


def _trial(value: Value, factor: int, summand: int, size: int) -> Spec:
    first, *others = value.shape or (None,)
    batch = size if first is None else factor * first + summand
    return Spec((batch, *(known or size for known in others)) if value.shape else (), value.dtype)


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def _compute(
    program: Program, node: Node, inputs: tuple[np.ndarray, ...], limit: int
) -> tuple[np.ndarray, ...]:
    """Run a node; no results if it has parameters, is a loop, fails, or its results are too large or padded."""
    if node.params or isinstance(node.layer, Control):
        return ()
    try:
        specs = jax.eval_shape(lambda: program.run(node, {}, inputs))
        if any(isinstance(spec, Padded) for spec in specs):
            return ()
        size = sum(spec.size * spec.dtype.itemsize for spec in specs)
        if size > max(limit, sum(array.nbytes for array in inputs)):
            return ()
        with jax.default_matmul_precision("float32"):
            return tuple(map(np.asarray, program.run(node, {}, inputs)))
    except JaxdnnError:
        return ()
