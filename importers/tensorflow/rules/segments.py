"""Rows joined and counted by numbers."""

from __future__ import annotations

import numpy as np

from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.layers.segments import (
    CountValues,
    Histogram,
    InTop,
    InvertPermutation,
    SearchSorted,
    SegmentReduce,
)
from jaxdnn.layers.shape import Gather

Values = tuple[str, ...]

_SUFFIXES = {
    "Sum": "sum",
    "Mean": "mean",
    "Prod": "product",
    "Max": "max",
    "Min": "min",
    "SqrtN": "root_mean",
}
_SORTED = {f"Segment{name}": _SUFFIXES[name] for name in ("Sum", "Mean", "Prod", "Max", "Min")}
_UNSORTED = {f"UnsortedSegment{name}": _SUFFIXES[name] for name in ("Sum", "Prod", "Max", "Min")}
_SPARSE = {f"SparseSegment{name}": _SUFFIXES[name] for name in ("Sum", "Mean", "SqrtN")}
_SPARSE_COUNTED = {f"{op}WithNumSegments": operation for op, operation in _SPARSE.items()}


@rules(*_SORTED, inputs=2)
def segments(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Consecutive rows."""
    return b.emit(node, SegmentReduce(operation=_SORTED[node.op]), inputs)


@rules(*_UNSORTED, inputs=3)
def unsorted_segments(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Rows in any order; their number is an input."""
    layer = SegmentReduce(operation=_UNSORTED[node.op], segments=0)
    return b.late(node, layer, inputs[:2], segments=inputs[2])


@rules(*_SPARSE, inputs=3)
def sparse_segments(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Rows of a table are chosen first."""
    node.attributes.ignore("sparse_gradient")
    rows = b.emit(node, Gather(axis=0), inputs[:2], part="rows")
    return b.emit(node, SegmentReduce(operation=_SPARSE[node.op]), (*rows, inputs[2]))


@rules(*_SPARSE_COUNTED, inputs=4)
def sparse_counted_segments(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Here the number of segments is an input, too."""
    node.attributes.ignore("sparse_gradient")
    rows = b.emit(node, Gather(axis=0), inputs[:2], part="rows")
    layer = SegmentReduce(operation=_SPARSE_COUNTED[node.op], segments=0)
    return b.late(node, layer, (*rows, inputs[2]), segments=inputs[3])


@rules("Bincount", "DenseBincount", inputs=3)
def count_values(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Weights may be empty; the newer op counts rows alone and may only say what occurs."""
    x, size, weights = inputs
    dense = node.op == "DenseBincount"
    layer = CountValues(size=0, rows=dense, binary=dense and node.attributes.boolean("binary_output", False))
    return b.late(node, layer, (x, weights), size=size)


@rules("HistogramFixedWidth", inputs=3)
def histogram(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The number of parts is an input."""
    return b.late(node, Histogram(count=1), inputs[:2], count=inputs[2])


@rules("LowerBound", "UpperBound", inputs=2)
def bound(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The two differ in what becomes of equal elements."""
    return b.emit(node, SearchSorted(side="left" if node.op == "LowerBound" else "right"), inputs)


@rules("Bucketize")
def bucketize(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The bounds of the buckets are an attribute."""
    bounds = b.const(node, np.array(node.attributes.numbers("boundaries"), np.float32), part="boundaries")
    return b.emit(node, SearchSorted(side="right"), (bounds, *inputs))


@rules("InTopK", inputs=2)
def in_top(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The number is an attribute."""
    return b.emit(node, InTop(count=node.attributes.integer("k")), inputs)


@rules("InTopKV2", inputs=3)
def in_top_v2(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The number is an input."""
    return b.late(node, InTop(count=1), inputs[:2], count=inputs[2])


@rules("InvertPermutation")
def invert_permutation(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Of a vector."""
    return b.emit(node, InvertPermutation(), inputs)
