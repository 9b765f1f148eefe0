"""Integers that stand for floating numbers by a scale and a zero point."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import Layer, Shape, dims, normalize_axis, require, require_at_least

_INTEGER = re.compile(r"(u?)int(2|4|8|16)")
_FLOAT = re.compile(r"float[48]_\w+")


class _Scaled(Layer):
    """What both directions have in common.

    Scale and zero point are of one element, or of as many as ``axis`` of x has, or of x's number of axes: they are then
    broadcast or, along ``axis``, repeated ``block`` times, the last one fewer times if they do not come out even.

    Attributes:
        axis: see above; the only axis of a vector in any case.
        block: how many elements along ``axis`` share a scale; 0 where they do not.
    """

    axis: int = 1
    block: int = 0

    def __post_init__(self) -> None:
        require_at_least(0, block=self.block)

    def spread(self, limit: Any, shape: Shape, xp: Any = np) -> Any:
        """Return a scale or zero point so that it can be broadcast against x.

        Args:
            limit: an array of ``xp``.
            shape: of x.
            xp: numpy or an array module like it.

        Raises:
            ShapeError: it does not fit.
        """
        if limit.size == 1:
            return limit.reshape(())
        place = 0 if len(shape) == 1 else normalize_axis(self.axis, len(shape))
        if not self.block and limit.shape == shape[place : place + 1]:
            return limit.reshape((1,) * place + (-1,) + (1,) * (len(shape) - place - 1))
        wanted = list(shape)
        if self.block:
            wanted[place] = -(-shape[place] // self.block)
        if limit.ndim != len(shape) or not all(
            size == full or (size == 1 and not self.block)
            for size, full in zip(limit.shape, wanted, strict=True)
        ):
            raise ShapeError(f"a scale of {dims(limit.shape)} does not fit {dims(shape)}")
        if not self.block:
            return limit
        repeated = xp.repeat(limit, self.block, axis=place)
        return repeated[(slice(None),) * place + (slice(0, shape[place]),)]


class LinearDequantize(_Scaled):
    """The floating numbers that integers, or floating numbers of few bits, stand for: ``y = (q - zero) * scale``.

    Inputs: q; scale; zero, 0 if there is none. See :class:`_Scaled` for their shapes.

    The difference of integers is computed in int32, all else in the type of the scale, which is float32 at least.
    """

    def values(self, q: Any, scale: Any, zero: Any = None, xp: Any = np) -> Any:
        """Return y, of arrays of ``xp``: numpy or an array module like it."""
        real = np.promote_types(scale.dtype, np.float32)
        number = np.dtype(np.int32) if _is_integer(q.dtype) else real
        q = q.astype(number)
        if zero is not None:
            q = q - self.spread(zero.astype(number), q.shape, xp)
        return q.astype(real) * self.spread(scale.astype(real), q.shape, xp)


class LinearQuantize(_Scaled):
    """Floating numbers in a type of few bits.

    Inputs: x; scale; zero, 0 if there is none. See :class:`_Scaled` for their shapes.

    Integers are ``clip(round(x / scale) + zero)`` between the type's ends, halves rounded to the even neighbour; what
    is no number counts as 0. Floating types round ``x / scale + zero``, see
    :class:`~jaxdnn.layers.arithmetic.Cast`.

    Attributes:
        dtype: numpy's name of the type, or that of ``ml_dtypes``: an integer type of up to 16 bits, or a floating type
            of up to 8.
        saturate: whether numbers beyond those of a floating type become its ends.
    """

    dtype: str
    saturate: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        known = _INTEGER.fullmatch(self.dtype) or _FLOAT.fullmatch(self.dtype)
        require(known is not None, f"dtype must be a type of few bits, got {self.dtype}")

    @property
    def limits(self) -> tuple[int, int] | None:
        """The type's smallest and largest integer, None of a floating type."""
        return integer_limits(self.dtype)


def integer_limits(dtype: str) -> tuple[int, int] | None:
    """Return the smallest and largest value of an integer type of up to 16 bits, None of any other type."""
    match = _INTEGER.fullmatch(dtype)
    if match is None:
        return None
    bits = int(match[2])
    return (0, 2**bits - 1) if match[1] else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _is_integer(dtype: Any) -> bool:
    return str(dtype).lstrip("u").startswith("int")


class DynamicQuantize(Layer):
    """x as uint8 with scale and zero point of its own range, which is widened to hold 0.

    ``scale = (high - low) / 255`` with ``low = min(x, 0)`` and ``high = max(x, 0)``, 1 where both are 0;
    ``zero = round(-low / scale)``; ``q = clip(round(x / scale) + zero, 0, 255)``. Halves are rounded to even.

    Outputs: q; scale, a scalar; zero, uint8, a scalar.
    """
