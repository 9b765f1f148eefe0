"""Where a computation leaves the finite numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxdnn.layers.constant import Const
from jaxdnn.lowering.places import type_name

if TYPE_CHECKING:
    from jaxdnn.net import Net


@dataclass(frozen=True)
class NonFinite:
    """The first value of a computation that is not finite everywhere.

    Attributes:
        layer: the name of the node that computes it.
        type: of that node's layer.
        value: its name.
        dtype: its type.
        nan, infinite: how many of its elements are NaN, and how many infinite.
        size: how many elements it has.
        largest_input: the largest absolute value that the node read; 0 if it read nothing.
    """

    layer: str
    type: str
    value: str
    dtype: str
    nan: int
    infinite: int
    size: int
    largest_input: float

    def __str__(self) -> str:
        return (
            f"layer {self.layer!r} ({self.type}) yields {self.nan} NaN and {self.infinite} infinite numbers among "
            f"{self.size} of {self.dtype} in {self.value!r}; what it reads reaches {self.largest_input:.3g}"
        )


def check_finite(net: Net, x: Any) -> NonFinite | None:
    """Compute all values and return the first layer's that holds NaN or infinity; None if all are finite.

    Constants that are infinite in the file, such as masks, do not count, nor does what an input holds.

    Args:
        net: the network.
        x: as for a call.
    """
    arrays = net.values(x)
    values = {name: np.asarray(array).astype(np.float64) for name, array in arrays.items()}
    for node in net.graph.nodes:
        for name in node.outputs:
            if name not in values or isinstance(node.layer, Const):
                continue
            array = values[name]
            if np.isfinite(array).all():
                continue
            read = [np.max(np.abs(values[i]), initial=0) for i in node.inputs]
            return NonFinite(
                node.name,
                type_name(node),
                name,
                str(arrays[name].dtype),
                int(np.isnan(array).sum()),
                int(np.isinf(array).sum()),
                array.size,
                float(max(read, default=0)),
            )
    return None
