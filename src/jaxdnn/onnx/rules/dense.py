"""Matrix products and table look-ups."""

from __future__ import annotations

from jaxdnn.layers.base import normalize_axis
from jaxdnn.layers.dense import Dense, Embed, MatMul
from jaxdnn.onnx.exporter import Exporter
from jaxdnn.onnx.registry import exports
from jaxdnn.onnx.sizes import product


@exports(Dense)
def dense(e: Exporter, layer: Dense, x: str) -> str:
    """Merge batch axes into one and use Gemm, as everybody does."""
    source = e.inputs[0]
    axis = normalize_axis(layer.axis, source.rank)
    if axis == 1 and source.rank > 2:
        x = e.op("Flatten", x, axis=1)
    elif (axis, source.rank) != (1, 2):
        count = e.params["weight"].shape[0 if layer.transpose else 1]
        x = e.reshape(x, (product(source.sizes[:axis]), count))
    bias = e.param("bias") if layer.bias else None
    y = e.op("Gemm", x, e.param("weight"), bias, transB=int(not layer.transpose))
    return y if axis == 1 else e.reshape(y, e.outputs[0].sizes)


@exports(Embed)
def embed(e: Exporter, layer: Embed, x: str) -> str:
    """See :class:`~jaxdnn.layers.dense.Embed`."""
    y = e.op("Gather", e.param("weight"), e.cast(x, "int64"))
    return e.op("Add", y, e.param("bias")) if layer.bias else y


@exports(MatMul)
def matmul(e: Exporter, layer: MatMul, a: str, b: str) -> str:
    """See :class:`~jaxdnn.layers.dense.MatMul`."""

    def swapped(x: str, rank: int) -> str:
        return e.transpose(x, [*range(rank - 2), rank - 1, rank - 2]) if rank > 1 else x

    a = swapped(a, e.inputs[0].rank) if layer.transpose_a else a
    b = swapped(b, e.inputs[1].rank) if layer.transpose_b else b
    return e.op("MatMul", a, b)
