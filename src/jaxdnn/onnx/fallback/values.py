"""The values of a traced function on their way into an ONNX graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxdnn.onnx.fallback.sizes import Shape, Size


@dataclass(frozen=True)
class Spec:
    """Shape and numpy type of a value, for all trials."""

    shape: Shape
    dtype: str


@dataclass(frozen=True)
class Value:
    """An array of the traced function.

    The graph may hold a smaller array, which numpy's broadcasting stretches to the shape: elementwise operators
    take it as it is, so that a filled array is a scalar.

    Attributes:
        spec: what the function sees.
        held: the shape of what the graph holds.
        name: in the graph; empty for a constant that no operator reads yet.
        array: the constant, of the shape ``held``.
    """

    spec: Spec
    held: Shape
    name: str = ""
    array: np.ndarray | None = None

    @property
    def shape(self) -> Shape:
        """What the function sees."""
        return self.spec.shape

    @property
    def dtype(self) -> str:
        """numpy's name of the element type."""
        return self.spec.dtype

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.spec.shape)

    @classmethod
    def of(cls, array: np.ndarray) -> Value:
        """Return a constant."""
        return cls(Spec(array.shape, str(array.dtype)), array.shape, array=array)

    @classmethod
    def named(cls, name: str, spec: Spec) -> Value:
        """Return a value that the graph holds in full."""
        return cls(spec, spec.shape, name)


def broadcast(*shapes: Shape) -> Shape:
    """Return the shape that numpy's broadcasting gives shapes that fit each other."""
    rank = max(map(len, shapes), default=0)
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    return tuple(_common(sizes) for sizes in zip(*padded, strict=True))


def _common(sizes: tuple[Size, ...]) -> Size:
    return next((size for size in sizes if size != 1), 1)
