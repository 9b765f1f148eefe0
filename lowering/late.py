"""How layers compute whose attributes are values: the attributes are filled in while the program is traced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.layers.late import Late, with_attributes
from jaxdnn.lowering.padded import depends_on_data
from jaxdnn.lowering.registry import LOWERINGS, lowers


@lowers(Late, numpy=True, known=lambda layer, count: range(count - len(layer.names), count))
def late(layer: Late, weights: Mapping[str, jax.Array], *inputs: Any) -> Any:
    """See :class:`~jaxdnn.layers.late.Late`."""
    count = len(inputs) - len(layer.names)
    known = dict(zip(layer.names, inputs[count:], strict=True))
    for name, value in known.items():
        if not isinstance(value, np.ndarray):
            raise depends_on_data(name)
    inner = with_attributes(layer.layer, known)
    lowering = LOWERINGS[type(inner)]
    arguments = inputs[:count] if lowering.numpy else tuple(map(jnp.asarray, inputs[:count]))
    return lowering.function(inner, weights, *arguments)
