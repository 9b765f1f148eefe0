"""Matrices solved and taken apart. The last two axes are the matrices."""

from __future__ import annotations

import math

from jaxdnn.layers.base import Layer, Shape


class _OfMatrices(Layer):
    """A layer whose work grows with the cube of the matrices' sides."""

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one multiply-add per element and column."""
        del outputs
        return 2 * math.prod(inputs[0]) * inputs[0][-1]


class Cholesky(_OfMatrices):
    """The lower triangular L with ``L L^H = x``, for x that are Hermitian and positive definite."""


class Inverse(_OfMatrices):
    """The inverse of each matrix.

    Attributes:
        adjoint: whether that of its conjugate transpose is meant.
    """

    adjoint: bool = False


class Determinant(_OfMatrices):
    """The determinant of each matrix.

    Outputs: the determinant; if ``logarithm`` its sign, and the logarithm of its absolute value.

    Attributes:
        logarithm: see above.
    """

    logarithm: bool = False


class Solve(_OfMatrices):
    """y with ``a y = b``.

    Inputs: a (*batch, n, n); b (*batch, n, columns).

    Attributes:
        adjoint: whether the conjugate transpose of a takes its place.
        triangle: which half of a is read, ``lower`` or ``upper``; the other one counts as zeros. Empty for both.
    """

    adjoint: bool = False
    triangle: str = ""


class Qr(_OfMatrices):
    """Q and R with ``Q R = x``: columns that are orthonormal, and an upper triangular matrix.

    Attributes:
        full: whether Q is square, and R as high as x; else they have as many columns, or rows, as the shorter side.
    """

    full: bool = False


class Svd(_OfMatrices):
    """The singular values s, in falling order, and u and v with ``u diag(s) v^H = x``.

    Outputs: s; u and v if ``vectors``.

    Attributes:
        vectors: see above.
        full: whether u and v are square; else they have as many columns as there are singular values.
    """

    vectors: bool = True
    full: bool = False


class Eigh(_OfMatrices):
    """The eigenvalues of Hermitian matrices, in rising order; of each the lower half is read.

    Outputs: the eigenvalues; the eigenvectors as columns, if ``vectors``.

    Attributes:
        vectors: see above.
    """

    vectors: bool = True
