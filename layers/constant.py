"""Values that do not depend on any input."""

from __future__ import annotations

import math

import numpy as np

from jaxdnn.layers.base import Layer, Shape, dims


class Const(Layer):
    """A constant array, known while the program is traced.

    Attributes:
        value: the array. One value for all elements may be given with strides of zero (``np.broadcast_to``),
            so that it takes no memory.
    """

    value: np.ndarray

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"Const(value={self.value.dtype}[{dims(self.value.shape)}])"


class Parameter(Layer):
    """A learned array that is an output by itself.

    Params: ``value`` of ``shape``.

    Attributes:
        shape: of the array.
    """

    shape: Shape

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        """See :class:`Parameter`."""
        del inputs
        return {"value": self.shape}


def held_bytes(array: np.ndarray) -> int:
    """Return the memory that an array takes; one that repeats its elements with strides of zero takes little."""
    sizes = (size for size, stride in zip(array.shape, array.strides, strict=True) if stride)
    return int(array.itemsize * math.prod(sizes))
