"""When two programs are the same: then jax need not compile a second time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from jaxdnn.ir import Graph
from jaxdnn.ir.digest import digest
from jaxdnn.policy import Policy


class ComparedByContent:
    """Equality of programs: the same graph, constants included, the same policy, the same functions.

    Programs with layers that run on the host are equal to themselves alone: each has instances of its own.

    Attributes:
        graph, policy, custom_layers, host_layers: see :class:`~jaxdnn.lowering.Program`.
    """

    graph: Graph
    policy: Policy
    custom_layers: Mapping[str, Any]
    host_layers: Mapping[str, Any]

    @cached_property
    def _digest(self) -> str:
        return digest(self.graph)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, ComparedByContent)
            and not self.host_layers
            and not other.host_layers
            and self.policy == other.policy
            and self.custom_layers == other.custom_layers
            and self._digest == other._digest
        )

    def __hash__(self) -> int:
        return hash((self.graph.name, len(self.graph.nodes), self.policy))
