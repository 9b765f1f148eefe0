"""Where the elements of a resized axis lie in the original one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def half_away(positions: np.ndarray) -> Any:
    """Round to the nearest whole position, halves away from zero."""
    return np.copysign(np.floor(np.abs(positions) + np.float32(0.5)), positions)


ROUNDING: dict[str, Callable[[np.ndarray], Any]] = {
    "floor": np.floor,
    "ceil": np.ceil,
    "half_up": lambda positions: np.floor(positions + np.float32(0.5)),
    "half_down": lambda positions: np.ceil(positions - np.float32(0.5)),
}


def positions_of(
    coordinates: str,
    size: int,
    out: int,
    scale: float | None = None,
    count: int | None = None,
    region: tuple[float, float] = (0.0, 1.0),
) -> Any:
    """Return where each output element lies, or ``count`` of them, in float32 as all the originals compute it.

    A scale divides, so that multiples of a whole scale are exact.

    Args:
        coordinates: see :class:`~jaxdnn.layers.resize.Resize`.
        size: of the original axis.
        out: of the resized one.
        scale: output elements per element, if the factor was stated.
        count: how many positions are wanted, if not ``out``.
        region: where the output begins and ends, for ``crop``.
    """
    index = np.arange(out if count is None else count, dtype=np.float32)
    if coordinates == "align_corners":
        return index * np.float32((size - 1) / (out - 1) if out > 1 else 0)
    if coordinates == "crop":
        first, last = (np.float32(end * (size - 1)) for end in region)
        return first + index * (last - first) / np.float32(out - 1) if out > 1 else index + (first + last) / 2
    if coordinates == "half_pixel_or_first" and out == 1:
        return index
    behind = np.float32(0 if coordinates in ("asymmetric", "half_pixel_unshifted") else 0.5)
    index += np.float32(0 if coordinates == "asymmetric" else 0.5)
    positions = (index * np.float32(size / out) if scale is None else index / np.float32(scale)) - behind
    if coordinates == "half_pixel_symmetric" and scale is not None:
        positions += np.float32(size / 2 * (1 - out / (size * scale)))
    return positions
