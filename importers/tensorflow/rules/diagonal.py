"""Diagonals of matrices."""

from __future__ import annotations

from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.layers.diagonal import (
    ALIGNMENTS,
    BandPart,
    Diagonal,
    DiagonalPart,
    SetDiagonal,
    TensorDiagonal,
    TensorDiagonalPart,
)

Values = tuple[str, ...]


def _align(node: NodeSource) -> str:
    """Return the alignment, which the second version does not state."""
    default = "LEFT_LEFT" if node.op.endswith("V2") else "RIGHT_LEFT"
    return node.attributes.one_of("align", tuple(map(str.upper, ALIGNMENTS)), default).lower()


@rules("MatrixBandPart", inputs=3)
def band_part(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Keep diagonals."""
    return b.late(node, BandPart(lower=-1, upper=-1), inputs[:1], lower=inputs[1], upper=inputs[2])


@rules("MatrixDiag", "BatchMatrixDiag")
def diagonal(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Put vectors on the main diagonal."""
    return b.emit(node, Diagonal(), inputs)


@rules("MatrixDiagV2", "MatrixDiagV3", inputs=5)
def diagonal_v3(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Put vectors on any diagonals of matrices of any size."""
    x, diagonals, rows, columns, fill = inputs
    layer = Diagonal(align=_align(node))
    return b.late(node, layer, (x, fill), diagonals=diagonals, rows=rows, columns=columns)


@rules("MatrixDiagPart", "BatchMatrixDiagPart")
def diagonal_part(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Take the main diagonal."""
    return b.emit(node, DiagonalPart(), inputs)


@rules("MatrixDiagPartV2", "MatrixDiagPartV3", inputs=3)
def diagonal_part_v3(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Take any diagonals."""
    x, diagonals, fill = inputs
    return b.late(node, DiagonalPart(align=_align(node)), (x, fill), diagonals=diagonals)


@rules("MatrixSetDiag", "BatchMatrixSetDiag", inputs=2)
def set_diagonal(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Replace the main diagonal."""
    return b.emit(node, SetDiagonal(), inputs)


@rules("MatrixSetDiagV2", "MatrixSetDiagV3", inputs=3)
def set_diagonal_v3(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Replace any diagonals."""
    return b.late(node, SetDiagonal(align=_align(node)), inputs[:2], diagonals=inputs[2])


@rules("Diag")
def tensor_diagonal(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Here an array of any rank is on the diagonal."""
    return b.emit(node, TensorDiagonal(), inputs)


@rules("DiagPart")
def tensor_diagonal_part(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Take such a diagonal."""
    return b.emit(node, TensorDiagonalPart(), inputs)
