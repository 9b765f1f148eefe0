"""Idioms that a text graph states as one node."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from jaxdnn.importers.tensorflow.graphdef import NodeDef
from jaxdnn.importers.tensorflow.order import Reference
from jaxdnn.importers.tensorflow.textgraphs.draft import Draft

_ADD = ("Add", "AddV2")


def fuse_batch_norms(draft: Draft) -> None:
    """Make one node of each batch norm that is spelled out; it gets the last one's name.

    ::

        Given   add_1 = x * m + (beta - mean * m),  m = rsqrt(variance + epsilon) * gamma
        Result  add_1 = FusedBatchNorm(x, gamma, beta, mean, variance), epsilon

    Without gamma, m is the root alone and gamma is ones that the text graph holds.
    """
    for node in list(draft.nodes.values()):
        if node.op not in _ADD:
            continue
        for product, difference in _pairs(draft, node):
            if product.op == "Mul" and difference.op == "Sub" and _fuse(draft, node, product, difference):
                break


def _fuse(draft: Draft, node: NodeDef, product: NodeDef, difference: NodeDef) -> bool:
    beta = difference.inputs[0]
    shift = draft.source(difference, 1)
    if shift is None or shift.op != "Mul" or draft.constant(beta) is None:
        return False
    for mean, factor in _ordered(shift):
        if factor not in product.inputs or draft.constant(mean) is None:
            continue
        factors = _factor(draft, factor)
        if factors is None:
            continue
        x = next(text for text, other in _ordered(product) if other == factor)
        gamma, variance, epsilon = factors
        if not gamma:
            ones = np.ones_like(draft.constant(mean), np.float32)
            gamma = draft.add_constant(f"{node.name}/gamma", ones)
        draft.nodes[node.name] = NodeDef(
            node.name, "FusedBatchNorm", (x, gamma, beta, mean, variance), {"epsilon": epsilon}, node.line
        )
        return True
    return False


def _factor(draft: Draft, name: str) -> tuple[str, str, float] | None:
    """Return gamma, or "" for none, variance and epsilon of ``rsqrt(variance + epsilon) * gamma``."""
    node = draft.nodes.get(Reference.parse(name).node)
    if node is None:
        return None
    roots = [("", node)] if node.op == "Rsqrt" else []
    if node.op == "Mul":
        roots = [
            (gamma, draft.nodes[Reference.parse(root).node])
            for gamma, root in _ordered(node)
            if draft.constant(gamma) is not None
        ]
    for gamma, root in roots:
        total = draft.source(root)
        if root.op != "Rsqrt" or total is None or total.op not in _ADD:
            continue
        for variance, text in _ordered(total):
            epsilon = draft.constant(text)
            if epsilon is not None and epsilon.size == 1 and draft.constant(variance) is not None:
                return gamma, variance, float(epsilon.reshape(()))
    return None


def _ordered(node: NodeDef) -> Iterator[tuple[str, str]]:
    """Yield the two inputs of a commutative node in both orders."""
    if len(node.inputs) == 2:
        first, second = node.inputs
        yield first, second
        yield second, first


def _pairs(draft: Draft, node: NodeDef) -> Iterator[tuple[NodeDef, NodeDef]]:
    for first, second in _ordered(node):
        sources = [draft.nodes.get(Reference.parse(text).node) for text in (first, second)]
        if sources[0] is not None and sources[1] is not None:
            yield sources[0], sources[1]


def fuse_upsampling(draft: Draft) -> None:
    """Make one node of each repetition of pixels; it gets the last one's name.

    ::

        Given   Reshape(Pack of sy times Pack of sx times x, axes 2 and 3), or
                Reshape(Reshape(x, (n, h, 1, w, 1, c)) * ones or Tile by (1, 1, sy, 1, sx, 1))
        Result  ResizeNearestNeighbor(x, sy, sx)

    The two factors are OpenCV's own way to state this without the size of x.
    """
    for node in list(draft.nodes.values()):
        repeated = draft.source(node) if node.op == "Reshape" else None
        if repeated is None:
            continue
        for match in (_stacked, _tiled):
            found = match(draft, repeated)
            if found is not None:
                x, factors = found
                names = tuple(
                    draft.add_constant(f"{node.name}/{axis}", np.array([factor], np.int32))
                    for axis, factor in zip(("height_factor", "width_factor"), factors, strict=True)
                )
                draft.nodes[node.name] = NodeDef(
                    node.name, "ResizeNearestNeighbor", (x, *names), {}, node.line
                )
                break


def _stacked(draft: Draft, node: NodeDef) -> tuple[str, tuple[int, int]] | None:
    inner = draft.source(node)
    if inner is None or not (_repeats(node, 2) and _repeats(inner, 3)):
        return None
    return inner.inputs[0], (len(node.inputs), len(inner.inputs))


def _repeats(node: NodeDef, axis: int) -> bool:
    return node.op == "Pack" and node.attributes.get("axis") == axis and len(set(node.inputs)) == 1


def _tiled(draft: Draft, node: NodeDef) -> tuple[str, tuple[int, int]] | None:
    find: dict[str, Callable[[np.ndarray], tuple[int, ...]]] = {
        "Mul": lambda ones: ones.shape if (ones == 1).all() else (),
        "Tile": lambda multiples: tuple(multiples.tolist()),
    }
    for text, other in _ordered(node) if node.op in find else ():
        spread = draft.nodes.get(Reference.parse(text).node)
        array = draft.constant(other)
        if spread is None or spread.op != "Reshape" or array is None:
            continue
        repetitions = find[node.op](array)
        if len(repetitions) == 6 and all(repetitions[axis] == 1 for axis in (0, 1, 3, 5)):
            return spread.inputs[0], (repetitions[2], repetitions[4])
    return None
