"""Numbers in few bits: from floating numbers to integers, back, and both in one step."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxdnn.layers.base import Layer, require, require_one_of

MODES = ("min_combined", "min_first", "scaled")
ROUNDINGS = ("half_even", "half_away", "half_up")


class Dequantize(Layer):
    """The floating numbers that integers q stand for.

    Inputs: q, of type T; low and high, the ends of the range, scalars or vectors along ``axis``. With the smallest
    and the largest value of T, a and b:

    * ``min_combined``: ``(q - a) * s + low`` with ``s = (high - low) / (b - a)``;
    * ``min_first``: ``(q - a) * s + round(low / s) * s`` with the same s, halves away from zero, so that zero is
      exact;
    * ``scaled``: ``q * s`` with ``s = max(low / a, high / b)``, or ``high / b`` where T has no sign.

    Attributes:
        mode: one of :data:`MODES`.
        axis: that the vectors run along; None for scalars.
        narrow_range: whether the smallest value of a T with a sign is never used, so that a is one more; only for
            ``scaled``.
    """

    mode: str = "min_combined"
    axis: int | None = None
    narrow_range: bool = False

    def __post_init__(self) -> None:
        require_one_of(MODES, mode=self.mode)

    def affine(self, dtype: Any, low: Any, high: Any, xp: Any = np) -> tuple[Any, Any]:
        """Return factor and summand, of q as it is, for integers of this type.

        Args:
            dtype: T.
            low, high: the range, arrays of ``xp``.
            xp: numpy or an array module like it.
        """
        smallest, largest = integer_range(dtype)
        if self.mode == "scaled":
            factor = high / np.float32(largest)
            if smallest < 0:
                factor = xp.maximum(low / np.float32(smallest + self.narrow_range), factor)
            return factor, xp.zeros_like(factor)
        factor = (high - low) / np.float32(largest - smallest)
        if self.mode == "min_first":
            steps = low / xp.where(factor == 0, np.float32(1), factor)
            rounded = xp.sign(steps) * xp.floor(xp.abs(steps) + np.float32(0.5)) * factor
            low = xp.where(factor == 0, low, rounded)
        return factor, low - np.float32(smallest) * factor


class Quantize(Layer):
    """Floating numbers as integers: the nearest ones that :class:`Dequantize` understands.

    Inputs: x; low and high, as for :class:`Dequantize`. Unless ``exact``, the range is widened first: it holds zero,
    and high is at least ``e * max(1, |low|, |high|)`` above low, with e = ``minimum_range``.

    Outputs: the integers; the ends of the range that they are to be read with, which ``scaled`` widens to the
    type's own.

    Attributes:
        dtype: numpy's name of the integers' type.
        mode, axis, narrow_range: as for :class:`Dequantize`.
        rounding: ``half_even`` or ``half_away`` from zero; only ``scaled`` has a choice.
        minimum_range: e.
        exact: whether the range is taken as it is; an empty one gives the integers of zero.
    """

    dtype: str
    mode: str = "min_combined"
    axis: int | None = None
    narrow_range: bool = False
    rounding: str = "half_away"
    minimum_range: float = 0.01
    exact: bool = False

    def __post_init__(self) -> None:
        require_one_of(MODES, mode=self.mode)
        require_one_of(ROUNDINGS[:2], rounding=self.rounding)
        require(np.dtype(self.dtype).kind in "iu", f"dtype must be an integer type, got {self.dtype}")


class QuantizeDequantize(Layer):
    """x as it comes out of symmetric integers of a few bits: ``round(x * s) / s``.

    Inputs: x; low and high if ``given``, scalars or vectors along ``axis``. Otherwise they are the smallest and the
    largest element of x, along the other axes where there is an axis.

    The integers reach from a to b, ``-2**(bits-1)`` to ``2**(bits-1) - 1`` or 0 to ``2**bits - 1``; s is the
    smaller one of ``a / low`` and ``b / high``, as far as they are positive. A range that is given cuts x first,
    widened to what the integers can stand for.

    Attributes:
        bits: of the integers.
        signed: whether they have a sign.
        given: whether the range is an input.
        narrow_range: whether the smallest signed integer is never used.
        rounding: ``half_even`` or ``half_up``.
        axis: that the ranges run along; None for one range.
    """

    bits: int = 8
    signed: bool = True
    given: bool = True
    narrow_range: bool = False
    rounding: str = "half_even"
    axis: int | None = None

    def __post_init__(self) -> None:
        require(1 + self.signed <= self.bits < 64, f"bits must be 2 to 63, got {self.bits}")
        require_one_of(ROUNDINGS, rounding=self.rounding)


class FakeQuantize(Layer):
    """x as it comes out of integers between a and b that cover a range: training's view of a quantised network.

    Inputs: x; low and high, scalars or vectors along the last axis. With ``s = (high - low) / (b - a)`` the range is
    moved so that zero is one of its steps: z is ``a - low / s``, rounded (halves away from zero) and cut to a … b,
    and low and high become ``(a - z) * s`` and ``(b - z) * s``. x is cut to these, then becomes
    ``floor((x - low) / s + 0.5) * s + low``. An empty range, 0 to 0, gives zeros.

    Attributes:
        bits: b is ``2**bits - 1``.
        narrow_range: whether a is 1 instead of 0.
    """

    bits: int = 8
    narrow_range: bool = False

    def __post_init__(self) -> None:
        require(2 <= self.bits <= 16, f"bits must be 2 to 16, got {self.bits}")


class ProductRange(Layer):
    """The range of 32-bit integers that hold sums of products of integers: what the ends of int32 stand for.

    Inputs: low and high of the one factor; low and high of the other one. One step of a factor of type T, whose
    values reach from a to b, is ``(high - low) / (b - a)``; one step of the product, s, is the product of the two.
    The other factor may have vectors, which give vectors.

    Outputs: ``-2**31 * s`` and ``(2**31 - 1) * s``.

    Attributes:
        dtypes: numpy's names of the two types.
        narrow_range: whether the smallest value of a T with a sign is never used, so that a is one more.
    """

    dtypes: tuple[str, str]
    narrow_range: bool = False

    def __post_init__(self) -> None:
        for dtype in self.dtypes:
            require(np.dtype(dtype).kind in "iu", f"dtypes must be integer types, got {dtype}")


class Bitcast(Layer):
    """The same bits as numbers of another type; a last axis appears or vanishes where its width differs.

    Attributes:
        dtype: numpy's name of the type, or that of ``ml_dtypes``.
        source: the type that the bits of x are those of, if that is not the one it is computed in; empty if it is.
    """

    dtype: str
    source: str = ""


def integer_range(dtype: Any) -> tuple[int, int]:
    """Return the smallest and the largest value of an integer type."""
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)
