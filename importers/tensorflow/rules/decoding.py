"""Label sequences and sparse arrays."""

from __future__ import annotations

from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.layers.decoding import CtcBeamDecode, CtcGreedyDecode, DenseRows, SparseRows
from jaxdnn.layers.indexing import ScatterUpdate
from jaxdnn.layers.shape import Reshape
from jaxdnn.layers.tensor import Fill

Values = tuple[str, ...]


@rules(
    "CTCGreedyDecoder",
    inputs=2,
    outputs=("decoded_indices", "decoded_values", "decoded_shape", "log_probability"),
)
def ctc_greedy_decoder(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Decode, then write the labels as a sparse matrix."""
    layer = CtcGreedyDecode(
        blank=node.attributes.integer("blank_index", -1),
        merge_repeated=node.attributes.boolean("merge_repeated", False),
    )
    labels, lengths, score = b.emit(node, layer, inputs, outputs=3, part="labels")
    return (*b.emit(node, SparseRows(), (labels, lengths), outputs=3), score)


@rules(
    "CTCBeamSearchDecoder",
    inputs=2,
    outputs=("decoded_indices", "decoded_values", "decoded_shape", "log_probability"),
)
def ctc_beam_decoder(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Several label sequences, each as a sparse matrix; places, values and shapes come together."""
    paths = node.attributes.integer("top_paths")
    layer = CtcBeamDecode(
        width=node.attributes.integer("beam_width"),
        paths=paths,
        merge_repeated=node.attributes.boolean("merge_repeated", True),
    )
    *found, score = b.emit(node, layer, inputs, outputs=2 * paths + 1, part="labels")
    sparse = [
        b.emit(node, SparseRows(), tuple(found[2 * i : 2 * i + 2]), outputs=3, part=f"path{i}")
        for i in range(paths)
    ]
    return (*(value for kind in zip(*sparse, strict=True) for value in kind), score)


@rules("SparseToDense", inputs=4)
def sparse_to_dense(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Sparse rows become dense where their values are known; anything else needs a shape that is known."""
    indices, shape, values, rest = inputs
    for source in b.nodes:
        if source.outputs[:3] == (indices, values, shape) and isinstance(source.layer, SparseRows):
            return b.emit(node, DenseRows(), (*source.inputs, rest))
    full = b.late(node, Fill(shape=()), (rest,), shape=shape, part="full")
    sizes = b.constant(shape)
    if sizes is not None:
        # The places in a vector may be written as a vector.
        (indices,) = b.emit(node, Reshape(shape=(-1, sizes.size)), (indices,), part="places")
    return b.emit(node, ScatterUpdate(operation="set"), (*full, indices, values))
