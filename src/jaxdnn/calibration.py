"""The ranges of the values in a network, from what batches of inputs give."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxdnn.errors import InputError

if TYPE_CHECKING:
    from jaxdnn.net import Net


def calibrate(net: Net, batches: Iterable[Any], values: Iterable[str]) -> dict[str, float]:
    """Return the largest absolute number in each of these values over batches of inputs.

    Args:
        net: whose values they are.
        batches: of what a call takes.
        values: names.

    Raises:
        InputError: a value is not finite for some batch.
    """
    ranges = dict.fromkeys(values, 0.0)
    for number, batch in enumerate(batches, 1):
        for name, array in net(batch, outputs=ranges).items():
            largest = float(np.max(np.abs(np.asarray(array, np.float32)), initial=0))
            if not np.isfinite(largest):
                raise InputError(f"calibration batch {number} gives numbers in {name!r} that are not finite")
            ranges[name] = max(ranges[name], largest)
    return ranges
