"""What :func:`jaxdnn.quantize` did to a net, as data and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np

from jaxdnn.comparison import Comparison, Difference, compare
from jaxdnn.ir import Node, Params, split_reference
from jaxdnn.layers.filters import filter_count
from jaxdnn.layers.quantized import Quantized
from jaxdnn.net import Net
from jaxdnn.tables import quantity, table

HEADERS = ("layer", "type", "weights", "before", "after", "input range", "max abs", "max rel", "cosine")
NUMERIC = HEADERS[3:]
"""The columns that hold numbers, which stand flush right."""


@dataclass(frozen=True)
class QuantizedLayer:
    """What became of one convolution or dense layer.

    Attributes:
        layer: its name.
        type: of the layer that is quantised.
        weights: the type that its weight is stored in now.
        before, after: bytes of its params.
        input_range: what the integer 127 stands for in its input; None where that stays as it is.
        difference: of its output from that of the net before; None where no batch was given.
    """

    layer: str
    type: str
    weights: str
    before: int
    after: int
    input_range: float | None
    difference: Difference | None

    def cells(self) -> tuple[str, ...]:
        """Return the row as text, one cell for each of :data:`HEADERS`."""
        sizes = quantity(self.before, "B"), quantity(self.after, "B")
        limit = "" if self.input_range is None else f"{self.input_range:.3g}"
        errors = ("", "", "") if self.difference is None else self.difference.cells()[4:]
        return (self.layer, self.type, self.weights, *sizes, limit, *errors)


@dataclass(frozen=True, eq=False)
class Quantization:
    """What :func:`jaxdnn.quantize` did; ``str`` gives a table.

    Attributes:
        before: the net with batch norms folded.
        after: the quantised net, whose layers have the same names.
        batch: the first batch, if one was given, in a tuple.
        ranges: of the values that quantised layers read.
    """

    before: Net
    after: Net
    batch: tuple[Any, ...]
    ranges: Mapping[str, float]

    @cached_property
    def comparison(self) -> Comparison | None:
        """All values of the two nets on the first batch, computed when first asked for; None without a batch."""
        return compare(self.before, self.after, self.batch[0]) if self.batch else None

    @cached_property
    def rows(self) -> tuple[QuantizedLayer, ...]:
        """The convolutions and dense layers, quantised or not, in the order of computation.

        A weight that several share counts with each of them.
        """
        found = {row.value: row for row in self.comparison.rows} if self.comparison else {}
        pairs = zip(self.before.graph.nodes, self.after.graph.nodes, strict=True)
        return tuple(self._row(old, new, found) for old, new in pairs if filter_count(old.layer) is not None)

    @property
    def bytes(self) -> tuple[int, int]:
        """The size of all params, before and after."""
        return _bytes(self.before.stored), _bytes(self.after.stored)

    def to_dict(self) -> dict[str, Any]:
        """Return the rows and the sizes as plain dicts, lists and numbers."""
        return {"rows": [asdict(row) for row in self.rows], "bytes": list(self.bytes)}

    def __str__(self) -> str:
        lines = table(HEADERS, (row.cells() for row in self.rows), numeric=NUMERIC)
        return "\n".join([self.after.name, "", *lines, *self._foot()])

    def _row(self, old: Node, new: Node, found: Mapping[str, Difference]) -> QuantizedLayer:
        before, after = (
            sum(_array(net.stored, reference).nbytes for reference in node.params.values())
            for net, node in ((self.before, old), (self.after, new))
        )
        kind, weights = type(old.layer).__name__, "input"
        if "weight" in new.params:
            weights = str(_array(self.after.stored, new.params["weight"]).dtype)
        limit = self.ranges[new.inputs[0]] if isinstance(new.layer, Quantized) else None
        return QuantizedLayer(old.name, kind, weights, before, after, limit, found.get(old.outputs[0]))

    def _foot(self) -> Iterator[str]:
        count = sum(row.weights == "int8" for row in self.rows)
        before, after = self.bytes
        yield f"{count} of {len(self.rows)} layers quantised"
        yield f"parameters: {quantity(before, 'B')} before, {quantity(after, 'B')} after"
        if self.comparison is not None:
            for row in self.comparison.rows:
                if row.value in self.comparison.outputs:
                    yield f"output {row.value!r}: max abs {row.max_abs:.2e}, max rel {row.max_rel:.2e}"


def _array(params: Params, reference: str) -> np.ndarray | jax.Array:
    owner, slot = split_reference(reference)
    array: np.ndarray | jax.Array = params[owner][slot]
    return array


def _bytes(params: Params) -> int:
    return sum(array.nbytes for slots in params.values() for array in slots.values())
