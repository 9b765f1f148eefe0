"""What passes changed, as data and as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from jaxdnn.errors import some
from jaxdnn.ir import Graph, Model, Node
from jaxdnn.layers.constant import Const, held_bytes
from jaxdnn.layers.control import Control
from jaxdnn.passes.rewrite import stored_param
from jaxdnn.tables import quantity, table

HEADERS = ("pass", "change", "type", "count", "layers", "parameters", "constants")
NUMERIC = ("count", "parameters", "constants")
"""The columns that hold numbers, which stand flush right."""

_NAMES_SHOWN = 3

Names = Mapping[str, tuple[str, ...]]
"""Names of layers by their type. One in the graph of a loop or branch is called ``loop/layer``."""


@dataclass(frozen=True)
class Change:
    """What a pass did to a model, found by comparing the models before and after.

    A layer that became one of another type under the same name was removed and added.

    Attributes:
        name: of the pass.
        removed, added: the layers that are gone, or new.
        altered: the layers that have other attributes, inputs apart, or other params.
        parameters: by how many numbers the params grew; below zero if they shrank.
        parameter_bytes: by how many bytes.
        constant_bytes: by how many bytes constants grew.
    """

    name: str
    removed: Names
    added: Names
    altered: Names
    parameters: int
    parameter_bytes: int
    constant_bytes: int

    @classmethod
    def between(cls, name: str, before: Model, after: Model) -> Change:
        """Compare two models."""
        old, new = dict(_layers(before.graph)), dict(_layers(after.graph))
        kept = {key for key in old.keys() & new.keys() if type(old[key].layer) is type(new[key].layer)}
        altered = {key for key in kept if _is_altered(old[key], new[key], before, after)}
        held, holds = _parameters(before), _parameters(after)
        return cls(
            name,
            _by_type({key: node for key, node in old.items() if key not in kept}),
            _by_type({key: node for key, node in new.items() if key not in kept}),
            _by_type({key: node for key, node in new.items() if key in altered}),
            sum(array.size for array in holds) - sum(array.size for array in held),
            sum(array.nbytes for array in holds) - sum(array.nbytes for array in held),
            _constant_bytes(new.values()) - _constant_bytes(old.values()),
        )

    def then(self, later: Change) -> Change:
        """Return both changes as one."""
        return Change(
            self.name,
            _joined(self.removed, later.removed),
            _joined(self.added, later.added),
            _joined(self.altered, later.altered),
            self.parameters + later.parameters,
            self.parameter_bytes + later.parameter_bytes,
            self.constant_bytes + later.constant_bytes,
        )

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Yield rows of text, one cell for each of :data:`HEADERS`; one row if nothing changed."""
        kinds = {"removed": self.removed, "added": self.added, "altered": self.altered}
        lines = [
            (kind, type_name, f"{len(names):,}", some(names, _NAMES_SHOWN))
            for kind, layers in kinds.items()
            for type_name, names in layers.items()
        ]
        totals = (f"{self.parameters:+,}", _signed(self.constant_bytes))
        first, *others = lines or [("nothing", "", "", "")]
        yield (self.name, *first, *(totals if lines else ("", "")))
        yield from (("", *cells, "", "") for cells in others)


@dataclass(frozen=True)
class Report:
    """What a pipeline changed; ``str`` gives a table.

    Attributes:
        changes: what each pass did, in all rounds together.
    """

    changes: tuple[Change, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain dicts, lists and numbers, for JSON."""
        return asdict(self)

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Yield rows of text, one cell for each of :data:`HEADERS`."""
        for change in self.changes:
            yield from change.rows()

    def __str__(self) -> str:
        return "\n".join(table(HEADERS, self.rows(), numeric=NUMERIC))


def _layers(graph: Graph, prefix: str = "") -> Iterator[tuple[str, Node]]:
    """Yield all nodes by name, those in graphs of branches and loops too."""
    for node in graph.nodes:
        yield prefix + node.name, node
        if isinstance(node.layer, Control):
            for inner in node.layer.graphs:
                assert isinstance(inner, Graph)
                yield from _layers(inner, f"{prefix}{node.name}/")


def _is_altered(old: Node, new: Node, before: Model, after: Model) -> bool:
    if old is not new and (old.layer != new.layer or old.params != new.params):
        return True
    return any(stored_param(before, r) is not stored_param(after, r) for r in new.params.values())


def _by_type(nodes: Mapping[str, Node]) -> Names:
    names: dict[str, tuple[str, ...]] = {}
    for name, node in nodes.items():
        kind = type(node.layer).__name__
        names[kind] = (*names.get(kind, ()), name)
    return names


def _joined(one: Names, other: Names) -> Names:
    return {
        kind: tuple(dict.fromkeys((*one.get(kind, ()), *other.get(kind, ())))) for kind in {**one, **other}
    }


def _parameters(model: Model) -> list[np.ndarray]:
    return [array for slots in model.params.values() for array in slots.values()]


def _constant_bytes(nodes: Iterable[Node]) -> int:
    return sum(held_bytes(node.layer.value) for node in nodes if isinstance(node.layer, Const))


def _signed(size: int) -> str:
    return f"{'-' if size < 0 else '+'}{quantity(abs(size), 'B')}"
