"""Matrices solved and taken apart."""

from __future__ import annotations

from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.layers.linear_algebra import Cholesky, Determinant, Eigh, Inverse, Qr, Solve, Svd

Values = tuple[str, ...]


@rules("Cholesky")
def cholesky(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Take apart into two triangles."""
    return b.emit(node, Cholesky(), inputs)


@rules("MatrixInverse")
def inverse(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Invert."""
    return b.emit(node, Inverse(adjoint=node.attributes.boolean("adjoint", False)), inputs)


@rules("MatrixDeterminant")
def determinant(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """One number per matrix."""
    return b.emit(node, Determinant(), inputs)


@rules("LogMatrixDeterminant", outputs=("sign", "log_abs_determinant"))
def log_determinant(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Two numbers per matrix."""
    return b.emit(node, Determinant(logarithm=True), inputs, outputs=2)


@rules("MatrixSolve", "MatrixTriangularSolve", inputs=2)
def solve(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Which triangle is meant says an attribute."""
    triangle = ""
    if node.op == "MatrixTriangularSolve":
        triangle = "lower" if node.attributes.boolean("lower", True) else "upper"
    layer = Solve(adjoint=node.attributes.boolean("adjoint", False), triangle=triangle)
    return b.emit(node, layer, inputs)


@rules("Qr", outputs=("q", "r"))
def qr(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """An orthonormal matrix and a triangle."""
    return b.emit(node, Qr(full=node.attributes.boolean("full_matrices", False)), inputs, outputs=2)


@rules("Svd", outputs=("s", "u", "v"))
def svd(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Vectors that nobody asks for are not computed."""
    vectors = node.attributes.boolean("compute_uv", True)
    layer = Svd(vectors=vectors, full=node.attributes.boolean("full_matrices", False))
    if vectors:
        return b.emit(node, layer, inputs, outputs=3)
    values = b.emit(node, layer, inputs)
    return (*values, *values * 2)


@rules("SelfAdjointEigV2", outputs=("e", "v"))
def eigh(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Vectors that nobody asks for are not computed."""
    if node.attributes.boolean("compute_v", True):
        return b.emit(node, Eigh(), inputs, outputs=2)
    values = b.emit(node, Eigh(vectors=False), inputs)
    return (*values, *values)
