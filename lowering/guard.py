"""Errors of the user's functions that jax reports where it cannot know the layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import jax

from jaxdnn.errors import located
from jaxdnn.layers.custom import Custom
from jaxdnn.lowering.custom import leaked
from jaxdnn.lowering.places import place, type_name
from jaxdnn.lowering.program import Program

T = TypeVar("T")


def guarded(program: Program, compute: Callable[[], T]) -> T:
    """Compute something, and name the layer where a function leaks a tracer or fails on the host.

    A leaked tracer shows when the whole program is traced: of several custom layers any may be the one. A result that
    is computed on the host is waited for.

    Args:
        program: what is computed.
        compute: the computation.

    Raises:
        LayerError: the error of the function.
    """
    try:
        result = compute()
        if program.host_layers:
            jax.block_until_ready(result)  # type: ignore[no-untyped-call]
        return result
    except jax.errors.JaxRuntimeError:
        failures = [layer.take_failure() for layer in program.host_layers.values()]
        failure = next((failure for failure in failures if failure), None)
        if failure is None:
            raise
        raise failure from failure.__cause__
    except jax.errors.UnexpectedTracerError as error:
        nodes = [node for node in program.graph.nodes if isinstance(node.layer, Custom)]
        if not nodes:
            raise
        where = place(nodes[0]) if len(nodes) == 1 else {"layer": ", ".join(place(n)["layer"] for n in nodes)}
        names = dict.fromkeys(program.custom_layers[type_name(node)].name for node in nodes)
        with located(**where):
            raise leaked(" or ".join(names)) from error
