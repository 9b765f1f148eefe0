"""How far two nets are apart, layer by layer: a policy from float32, an optimised net from the original."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxdnn.errors import InputError
from jaxdnn.lowering.places import type_name
from jaxdnn.tables import table

if TYPE_CHECKING:
    from PIL.Image import Image

    from jaxdnn.net import Net

HEADERS = ("layer", "type", "value", "dtype", "max abs", "max rel", "cosine")
NUMERIC = HEADERS[4:]
"""The columns that hold numbers, which stand flush right."""


@dataclass(frozen=True)
class Difference:
    """One value of two nets.

    Attributes:
        layer: the name of the node that computes it in the first net.
        type: of that node's layer.
        value: its name.
        dtypes: its types in the two nets.
        shapes: its shapes; they differ where a size depends on the data. There are no numbers then.
        max_abs: the largest absolute difference. NaN if one net has NaN where the other has none.
        max_rel: ``max_abs`` divided by the largest absolute value in the first net.
        cosine: of the angle between the two as vectors; 1 where both are zero.
    """

    layer: str
    type: str
    value: str
    dtypes: tuple[str, str]
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    max_abs: float = float("nan")
    max_rel: float = float("nan")
    cosine: float = float("nan")

    def cells(self) -> tuple[str, ...]:
        """Return the row as text, one cell for each of :data:`HEADERS`."""
        if self.shapes[0] != self.shapes[1]:
            numbers: tuple[str, ...] = (f"{self.shapes[0]} / {self.shapes[1]}", "", "")
        else:
            numbers = (f"{self.max_abs:.2e}", f"{self.max_rel:.2e}", f"{self.cosine:.6f}")
        return (self.layer, self.type, self.value, " / ".join(dict.fromkeys(self.dtypes)), *numbers)


@dataclass(frozen=True)
class Comparison:
    """The values that two nets have in common; ``str`` gives a table, :meth:`picture` a chart.

    Attributes:
        titles: what the two nets are called: their policies where these differ, their names otherwise.
        rows: one for each value, in the order of computation.
        outputs: the names of the first net's outputs.
    """

    titles: tuple[str, str]
    rows: tuple[Difference, ...]
    outputs: tuple[str, ...]

    @property
    def worst(self) -> Difference:
        """The value with the largest relative difference; NaN counts as larger than anything."""
        return max(self.rows, key=lambda row: np.nan_to_num(row.max_rel, nan=np.inf))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain dicts, lists and numbers."""
        return asdict(self)

    def picture(self) -> Image:
        """Draw the relative difference of each value, on a logarithmic scale, in the order of computation."""
        from jaxdnn.chart import Bar, draw_bars

        bars = [Bar(row.value, row.max_rel, int(row.dtypes[0] != row.dtypes[1])) for row in self.rows]
        title = f"largest difference relative to the largest value: {' and '.join(self.titles)}"
        return draw_bars(title, bars, groups=("same type", "other type"))

    def __str__(self) -> str:
        head = " and ".join(self.titles)
        worst = self.worst
        foot = f"the largest relative difference is {worst.max_rel:.2e}, in {worst.value!r}"
        lines = table(HEADERS, (row.cells() for row in self.rows), numeric=NUMERIC)
        return "\n".join([head, "", *lines, foot])


def compare(first: Net, second: Net, x: Any) -> Comparison:
    """Compute all values of two nets on one input and tell how far they are apart.

    Args:
        first: the reference, such as the net in float32.
        second: the net in another policy, quantised, optimised or converted. It has inputs of the same names.
        x: as for a call.

    Raises:
        InputError: the nets have no value in common.
    """
    ours, theirs = first.values(x), second.values(x)
    inputs = {value.name for value in first.graph.inputs}
    rows = [
        _difference(type_name(node), node.name, name, ours[name], theirs[name])
        for node in first.graph.nodes
        for name in node.outputs
        if name in ours and name in theirs and name not in inputs
    ]
    if not rows:
        raise InputError(f"{first.name!r} and {second.name!r} have no value of the same name")
    policies = str(first.policy), str(second.policy)
    titles = policies if policies[0] != policies[1] else (first.name, second.name)
    outputs = tuple(first.graph.resolve(name) for name in first.graph.outputs)
    return Comparison(titles, tuple(rows), outputs)


def _difference(kind: str, layer: str, name: str, ours: Any, theirs: Any) -> Difference:
    dtypes = str(ours.dtype), str(theirs.dtype)
    a, b = (np.asarray(array).astype(np.float64) for array in (ours, theirs))
    if a.shape != b.shape:
        return Difference(layer, kind, name, dtypes, (a.shape, b.shape))
    same = (a == b) | (np.isnan(a) & np.isnan(b))  # infinities of one sign do not differ
    with np.errstate(invalid="ignore", over="ignore"):
        max_abs = float(np.max(np.where(same, 0, np.abs(a - b)), initial=0))
        largest = float(np.max(np.abs(a), initial=0, where=~np.isnan(a)))
        lengths = np.linalg.norm(a) * np.linalg.norm(b)
        cosine = float(np.vdot(a, b) / lengths) if lengths else float(same.all())
    return Difference(
        layer,
        kind,
        name,
        dtypes,
        (a.shape, b.shape),
        max_abs,
        max_abs / largest if largest else float("inf") if max_abs else 0.0,
        cosine,
    )
