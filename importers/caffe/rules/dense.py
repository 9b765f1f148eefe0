"""InnerProduct, Embed, and the MatMul of forks."""

from __future__ import annotations

from jaxdnn.importers.caffe.fields import Fields
from jaxdnn.importers.caffe.registry import CaffeBuilder, LayerSource, rules
from jaxdnn.layers.dense import Dense, Embed, MatMul


@rules("InnerProduct")
def inner_product(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Dense layer."""
    p = source.param("inner_product_param")
    layer = Dense(
        units=p.required_uint("num_output"),
        bias=p.boolean("bias_term", True),
        axis=p.integer("axis", 1),
        transpose=p.boolean("transpose", False),
    )
    return b.emit(source, layer, inputs, _slots(b, source, p, layer.bias))


@rules("Embed")
def embed(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Rows of a table; indices are floats, as every blob is."""
    p = source.param("embed_param")
    layer = Embed(
        rows=p.required_uint("input_dim"),
        units=p.required_uint("num_output"),
        bias=p.boolean("bias_term", True),
    )
    return b.emit(source, layer, inputs, _slots(b, source, p, layer.bias))


def _slots(b: CaffeBuilder, source: LayerSource, p: Fields, bias: bool) -> dict[str, str]:
    fillers = {"weight": p.filler("weight_filler"), "bias": p.filler("bias_filler")}
    if not bias:
        del fillers["bias"]
    return b.slots(source, **fillers)


@rules("MatMul", bottoms=2)
def matmul(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Product of two blobs."""
    p = source.param("matmul_param")
    layer = MatMul(transpose_a=p.boolean("transpose_a", False), transpose_b=p.boolean("transpose_b", False))
    return b.emit(source, layer, inputs)
