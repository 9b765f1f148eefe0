"""For which sizes of its inputs a net is exported."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxdnn.artifact.manifest import MAX_SIZE, Sizes
from jaxdnn.errors import InputError
from jaxdnn.ir import Graph, Value

Batch = str | int | Sequence[int] | None


def fed_values(graph: Graph) -> tuple[Value, ...]:
    """Return the inputs that a program is fed: all but labels."""
    return tuple(value for value in graph.inputs if value.name in graph.required_inputs)


@dataclass(frozen=True)
class Request:
    """What the caller wants, and what the graph states.

    Attributes:
        values: the inputs that are fed.
        batch: a name for any size of the batch; a size; several sizes, for which others are filled up; None for any
            size if that can be exported and else the stated one.
        shapes: the sizes of inputs that are not those that the graph states, by name.
    """

    values: tuple[Value, ...]
    batch: Batch
    shapes: Mapping[str, Sizes]

    def __post_init__(self) -> None:
        names = [value.name for value in self.values]
        for name, sizes in self.shapes.items():
            if name not in names:
                raise InputError(f"shapes names {name!r}; the inputs are {', '.join(names)}")
            if not all(isinstance(size, str) or _is_size(size) for size in sizes):
                raise InputError(f"shapes of {name!r} must be sizes from 1 and names, got {tuple(sizes)}")
        for size in (self.batch,) if isinstance(self.batch, int) else self.batch or ():
            if not isinstance(self.batch, str) and not _is_size(size, MAX_SIZE):
                raise InputError(
                    f"batch must be a name, a size from 1 to {MAX_SIZE}, or several sizes, got {self.batch!r}"
                )

    @property
    def batches(self) -> tuple[int, ...]:
        """The sizes for which others are filled up."""
        several = not isinstance(self.batch, str | int) and self.batch is not None
        return tuple(sorted(set(self.batch))) if several else ()  # type: ignore[arg-type]

    def programs(self) -> Iterator[tuple[dict[str, Sizes], ...]]:
        """Yield sets of sizes to export programs for; each set is worth trying only if those before it fail.

        Raises:
            InputError: the rank of an input is open.
        """
        if isinstance(self.batch, int):
            yield (self._sizes(self.batch),)
            return
        stated = {value.shape[0] for value in self.values if value.shape and value.name not in self.shapes}
        if len(stated) < 2:  # else the first sizes are no batch
            yield (self._sizes(self.batch if isinstance(self.batch, str) else "b"),)
        if self.batches:
            yield tuple(self._sizes(batch) for batch in self.batches)
        elif self.batch is None:
            yield (self._sizes(None),)

    def executables(self) -> Iterator[dict[str, tuple[int, ...]]]:
        """Yield sizes to compile for; sizes that are open are taken from the graph, the batch is 1 if it is open."""
        for batch in self.batches or (self.batch if isinstance(self.batch, int) else None,):
            found: dict[str, tuple[int, ...]] = {}
            for value in self.values:
                sizes = self._sizes(batch)[value.name]
                stated = (
                    value.shape if value.shape and len(value.shape) == len(sizes) else (None,) * len(sizes)
                )
                known = [
                    size if isinstance(size, int) else other or (1 if axis == 0 else None)
                    for axis, (size, other) in enumerate(zip(sizes, stated, strict=True))
                ]
                found[value.name] = tuple(size for size in known if size is not None)
                if None in known:
                    return
            yield found

    def _sizes(self, batch: str | int | None) -> dict[str, Sizes]:
        """Return the sizes of all inputs for a batch; None is the one that the graph states, or 1."""
        return {value.name: self._of(value, index, batch) for index, value in enumerate(self.values)}

    def _of(self, value: Value, index: int, batch: str | int | None) -> Sizes:
        if value.name in self.shapes:
            return tuple(self.shapes[value.name])
        if value.shape is None:
            raise InputError(f"the rank of input {value.name!r} is open: give shapes={{{value.name!r}: (…)}}")
        if not value.shape:
            return ()
        first, *others = value.shape
        sizes = (size or f"size{index}_{axis}" for axis, size in enumerate(others, 1))
        return ((first or 1) if batch is None else batch, *sizes)


def _is_size(size: Any, most: float = math.inf) -> bool:
    return isinstance(size, int) and not isinstance(size, bool) and 0 < size <= most
