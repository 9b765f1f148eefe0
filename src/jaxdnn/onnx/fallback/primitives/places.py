"""Windows of an array at computed places, as lists of complete indices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jaxdnn.onnx.fallback.sizes import Shape, Size
from jaxdnn.onnx.fallback.translator import Call
from jaxdnn.onnx.fallback.values import Value


@dataclass(frozen=True)
class Windows:
    """Windows of an array at computed places.

    The array's axes are put in this order: those that places number (``batching``, then ``indexed``), then ``whole``,
    of which each window has all. Complete indices then have the axes of the places, and one for each windowed axis.

    Attributes:
        call: the equation.
        x: the array.
        places: where windows begin, the last axis numbering the axes in ``indexed``.
        indexed: axes that places number.
        batching, place_batching: axes of the array that go along with axes of the places.
        sizes: of a window, along each axis of the array.
        dropped: axes that a window lacks.
    """

    call: Call
    x: Value
    places: Value
    indexed: tuple[int, ...]
    batching: tuple[int, ...]
    place_batching: tuple[int, ...]
    sizes: Shape
    dropped: tuple[int, ...]

    @property
    def numbered(self) -> tuple[int, ...]:
        """The axes that complete indices number."""
        return (*self.batching, *self.indexed)

    @property
    def whole(self) -> tuple[int, ...]:
        """The axes of which each window has all."""
        return tuple(axis for axis in range(self.x.rank) if axis not in self.numbered)

    @property
    def windowed(self) -> tuple[int, ...]:
        """The indexed axes along which a window has elements."""
        return tuple(a for a in sorted(self.indexed) if a not in self.dropped and a not in self.batching)

    @property
    def order(self) -> tuple[int, ...]:
        """The array's axes, those that are numbered first."""
        return (*self.numbered, *self.whole)

    @property
    def batch(self) -> Shape:
        """How many windows there are: the sizes of the places' axes but the last."""
        return self.places.shape[:-1]

    def starts(self) -> tuple[list[str], str]:
        """Return where each window begins along each indexed axis, cut to the array, and whether it did fit in.

        Both are int64 or bool and have the axes of the places but the last. The second is "" if all fit.
        """
        call = self.call
        constant = call.translator.array(self.places)
        if constant is not None and self._all_fit(constant):
            return [call.e.constant(constant[..., i].astype(np.int64)) for i in range(len(self.indexed))], ""
        places = call.e.cast(call.translator.full(self.places), "int64")
        count = len(self.indexed)
        parts = call.e.split(places, [1] * count, self.places.rank - 1) if count > 1 else (places,)
        found, fits = [], ""
        for axis, part in zip(self.indexed, parts, strict=True):
            start = call.e.squeeze(part, [self.places.rank - 1])
            last = call.translator.sizes((self.x.shape[axis] - self.sizes[axis],))
            inside = call.e.op("Max", call.e.op("Min", start, last), np.zeros(1, np.int64))
            if not self.batch:  # the bounds have one axis, a single place has none
                inside = call.e.op("Reshape", inside, np.zeros(0, np.int64))
            fit = call.e.op("Equal", start, inside)
            fits = call.e.op("And", fits, fit) if fits else fit
            found.append(inside)
        return found, fits

    def _all_fit(self, places: np.ndarray) -> bool:
        last = [self.x.shape[axis] - self.sizes[axis] for axis in self.indexed]
        return bool((places >= 0).all()) and all(
            isinstance(end, int) and bool((places[..., number] <= end).all())
            for number, end in enumerate(last)
        )

    def indices(self, starts: Sequence[str]) -> str:
        """Return complete indices: axes of the places, then of the windowed axes, then the numbered axes."""
        call, rank = self.call, len(self.batch)
        windowed = self.windowed
        parts = []
        for axis, place in zip(self.batching, self.place_batching, strict=True):
            trailing = rank - 1 - place + len(windowed)
            parts.append(self._count(self.x.shape[axis], trailing))
        for axis, start in zip(self.indexed, starts, strict=True):
            index = call.e.unsqueeze(start, range(rank, rank + len(windowed)))
            if axis in windowed:
                trailing = len(windowed) - 1 - windowed.index(axis)
                index = call.e.op("Add", index, self._count(self.sizes[axis], trailing))
            parts.append(index)
        shape = (*self.batch, *(self.sizes[axis] for axis in windowed))
        target = call.translator.sizes(shape)
        return call.e.concat(
            [call.e.unsqueeze(call.e.op("Expand", p, target), [len(shape)]) for p in parts], -1
        )

    def moved(self, x: str) -> str:
        """Return the array with its axes in order."""
        return self.call.e.transpose(x, self.order)

    def window_axes(self, offsets: Sequence[int]) -> list[int]:
        """Return where each axis of (places, windowed axes, whole axes) lies in an array with windows at offsets."""
        own = [axis for axis in range(self.x.rank) if axis not in self.dropped and axis not in self.batching]
        rank = len(self.batch) + len(own)
        at = dict(zip(own, offsets, strict=True))
        outer = [axis for axis in range(rank) if axis not in offsets]
        return [*outer, *(at[axis] for axis in (*self.windowed, *self.whole))]

    def _count(self, size: Size, trailing: int) -> str | np.ndarray:
        """Return 0, 1, 2 … with so many axes of size 1 behind."""
        if isinstance(size, int):
            return np.arange(size, dtype=np.int64).reshape(-1, *(1,) * trailing)
        end = self.call.e.op("Reshape", self.call.translator.size(size), np.zeros(0, np.int64))
        count = self.call.e.op("Range", np.array(0, np.int64), end, np.array(1, np.int64))
        return self.call.e.unsqueeze(count, range(1, 1 + trailing))


def inverse(order: Sequence[int]) -> list[int]:
    """Return the order that undoes an order of axes."""
    return [list(order).index(axis) for axis in range(len(order))]
