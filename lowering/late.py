"""How layers compute whose attributes are values: the attributes are filled in while the program is traced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import ShapeError
from jaxdnn.layers.late import Late, with_attribute
from jaxdnn.lowering.registry import LOWERINGS, lowers


@lowers(Late, numpy=True)
def late(layer: Late, weights: Mapping[str, jax.Array], *inputs: Any) -> Any:
    """See :class:`~jaxdnn.layers.late.Late`."""
    inner = layer.layer
    count = len(inputs) - len(layer.names)
    for name, value in zip(layer.names, inputs[count:], strict=True):
        if not isinstance(value, np.ndarray | np.generic):
            raise ShapeError(
                f"{name} depends on the data, but has to be known when the program is compiled"
            )
        inner = with_attribute(inner, name, np.asarray(value))
    lowering = LOWERINGS[type(inner)]
    arguments = inputs[:count] if lowering.numpy else tuple(map(jnp.asarray, inputs[:count]))
    return lowering.function(inner, weights, *arguments)
