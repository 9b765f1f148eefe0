"""Elements chosen by the data; their number is the size of the result."""

from __future__ import annotations

import numpy as np

from jaxdnn.layers.selection import NonZero, Partition, Unique
from jaxdnn.onnx.exporter import Exporter
from jaxdnn.onnx.registry import NotExpressible, exports
from jaxdnn.onnx.sizes import product


@exports(NonZero)
def non_zero(e: Exporter, layer: NonZero, x: str) -> str:
    """See :class:`~jaxdnn.layers.selection.NonZero`."""
    del layer
    if e.inputs[0].rank == 0:
        raise NotExpressible("a scalar has no places")
    return e.cast(e.transpose(e.op("NonZero", x), [1, 0]), "int32")


@exports(Unique)
def unique(e: Exporter, layer: Unique, x: str) -> tuple[str, str, str]:
    """Unsorted, the operator keeps the order of first appearances."""
    del layer
    dtype = e.inputs[0].dtype
    whole = np.dtype(dtype).kind in "iub"
    values, _, places, counts = e.ops("Unique", 4, e.cast(x, "int64") if whole else x, sorted=0)
    values = e.cast(values, dtype) if whole else values
    return values, e.cast(places, "int32"), e.cast(counts, "int32")


@exports(Partition)
def partition(e: Exporter, layer: Partition, x: str, parts: str) -> tuple[str, ...]:
    """Keep the slices of each part."""
    source, numbers = e.inputs
    if numbers.rank != 1:
        count = product(numbers.sizes)
        x = e.reshape(x, (count, *source.sizes[numbers.rank :]))
        parts = e.reshape(parts, (count,))
    chosen = (e.op("Equal", parts, np.array(part, numbers.dtype)) for part in range(layer.parts))
    return tuple(e.op("Compress", x, mask, axis=0) for mask in chosen)
