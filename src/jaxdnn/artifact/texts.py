"""What XLA is given, and what it makes of that, as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax

from jaxdnn.artifact.calling import flat_params, plain_function
from jaxdnn.artifact.sizes import Request, fed_values
from jaxdnn.artifact.stablehlo import structures, structures_of, unexportable
from jaxdnn.errors import InputError
from jaxdnn.lowering.recipes import jit_for
from jaxdnn.net import Net

Shapes = Mapping[str, tuple[int, ...]]


def to_stablehlo(net: Net, shapes: Shapes | None = None) -> str:
    """Return a net as StableHLO, see :meth:`jaxdnn.Net.to_stablehlo`."""
    return str(_lowered(net, shapes, kernels=False).as_text())


def to_hlo(net: Net, shapes: Shapes | None = None) -> str:
    """Return a net as compiled HLO, see :meth:`jaxdnn.Net.to_hlo`."""
    return str(_lowered(net, shapes, kernels=True).compile().as_text())


def _lowered(net: Net, shapes: Shapes | None, kernels: bool) -> Any:
    values = fed_values(net.graph)
    reason = unexportable(net.program)
    if reason:
        raise InputError(f"{net.name!r} has no text: {reason}")
    found = next(Request(values, None, shapes or {}).executables(), None)
    if found is None:
        raise InputError(f"{net.name!r} has open sizes: give shapes={{name: sizes}}")
    inputs = structures(found, {value.name: value.dtype for value in values})
    function = plain_function(net.program, net.program.default_outputs(inputs))
    platform = jax.local_devices()[0].platform
    jitted = jit_for(platform, function, kernels=kernels, keep_unused=True)
    return jitted.lower(structures_of(flat_params(net.params)), inputs)
