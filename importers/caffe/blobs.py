"""Which value each blob stands for while layers are read in the file's order."""

from __future__ import annotations

from collections.abc import Mapping

from jaxdnn.errors import GraphError
from jaxdnn.importers.caffe.registry import CaffeBuilder, LayerSource
from jaxdnn.layers.shape import ReshapeLike

_SHARING = ("Flatten", "Reshape", "Split")


class Blobs:
    """The blobs of a net under construction.

    Caffe's layers read and write blobs by name, some in place. Values here do not change, so a blob stands for
    a new value after each layer that writes it. Tops of Flatten, Reshape and Split share their bottom's memory
    in Caffe; when one of such a family is changed in place, the others change with it.

    Args:
        builder: takes the nodes that this bookkeeping needs.
        lines: where each blob's producing layer stands in the file, for messages.

    Attributes:
        values: the value that each blob stands for now.
        available: the blobs that nothing has read since they were written: the net's outputs, in order.
    """

    def __init__(self, builder: CaffeBuilder, lines: Mapping[str, int]) -> None:
        self.values: dict[str, str] = {}
        self.available: dict[str, None] = {}
        self._builder = builder
        self._lines = lines
        self._producers: dict[str, str] = {}
        self._memory: dict[str, str] = {}

    def read(self, source: LayerSource) -> tuple[str, ...]:
        """Return the values that a layer's bottoms stand for.

        Raises:
            GraphError: no earlier layer produces one of them.
        """
        for bottom in source.bottoms:
            if bottom not in self.values:
                raise GraphError(self._why_unknown(bottom, source.fields.line))
        return tuple(self.values[bottom] for bottom in source.bottoms)

    def write(self, source: LayerSource, values: tuple[str, ...]) -> None:
        """Let a layer's tops stand for the values that it has computed from its bottoms.

        Raises:
            GraphError: an earlier layer produces one of them, and this one does not work in place.
        """
        for bottom in source.bottoms:
            self.available.pop(bottom, None)
        # A loss layer may lack its top; Caffe then adds an anonymous one. A layer left out has no values.
        tops = (source.tops or (source.name,)) if values else ()
        for index, (top, value) in enumerate(zip(tops, values, strict=True)):
            in_place = index < len(source.bottoms) and source.bottoms[index] == top
            if top in self.values and not in_place:
                raise GraphError(f"blob {top!r} is also produced by {self._producers[top]} (not in place)")
            if not in_place:
                shared = source.type in _SHARING and source.bottoms
                self._memory[top] = self._memory[source.bottoms[0]] if shared else top
            self._set(top, value, f"layer {source.name!r}")
            if in_place:
                self._follow(top, source)

    def write_input(self, blob: str, value: str) -> None:
        """Let a blob stand for an input that the net declares outside its layers."""
        self._memory[blob] = blob
        self._set(blob, value, "input")

    def _set(self, blob: str, value: str, producer: str) -> None:
        self.values[blob] = value
        self.available[blob] = None
        self._producers[blob] = producer

    def _follow(self, changed: str, source: LayerSource) -> None:
        """Give the blobs that share the changed one's memory its new numbers, each in its own shape."""
        for blob, memory in self._memory.items():
            if memory == self._memory[changed] and blob != changed:
                pair = self.values[changed], self.values[blob]
                name = f"{source.name}:{blob}"
                (self.values[blob],) = self._builder.emit(
                    source, ReshapeLike(), pair, tops=(blob,), name=name
                )

    def _why_unknown(self, bottom: str, line: int) -> str:
        producer = self._lines.get(bottom)
        if producer is None:
            return f"bottom {bottom!r} is not produced by any layer"
        if producer < line:
            return f"bottom {bottom!r} is produced only by a layer that testing leaves out (line {producer})"
        return (
            f"bottom {bottom!r} is produced only by a later layer (line {producer}): "
            "the layers are out of order or form a cycle"
        )
