"""From a graph and a policy to a program, and to parameters of its types."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from jaxdnn.errors import InputError
from jaxdnn.ir import Graph, Params
from jaxdnn.lowering import Program
from jaxdnn.lowering.program import CustomLayers
from jaxdnn.policy import AnyPolicy, Policy


def lowered(graph: Graph, policy: AnyPolicy, custom_layers: CustomLayers | None, stored: Params) -> Program:
    """Return a graph's program.

    Raises:
        InputError: the policy names a layer that the graph does not have.
        JaxdnnError: a layer cannot be lowered.
    """
    parsed = Policy.parse(policy)
    unmatched = parsed.unmatched(graph.layer_names)
    if unmatched:
        raise InputError(f"no layer of {graph.name!r} is called {unmatched[0]!r}, which the policy names")
    return Program(graph, policy=parsed, custom_layers=custom_layers, stored=stored)


def references(graph: Graph) -> set[str]:
    """Return the parameters that a graph reads, as ``"owner/slot"``."""
    return {reference for node in graph.nodes for reference in node.params.values()}


def with_types_of(params: Params, program: Program) -> Params:
    """Give floating parameters the types of a program's policy; those that have them stay what they are."""
    types = program.param_types

    def cast(reference: str, array: Any) -> Any:
        dtype = types.get(reference, array.dtype)
        kept = array.dtype == dtype or not jnp.issubdtype(array.dtype, jnp.floating)
        return array if kept else array.astype(dtype)

    return {
        owner: {slot: cast(f"{owner}/{slot}", array) for slot, array in slots.items()}
        for owner, slots in params.items()
    }
