"""Looking images up at any positions, and the positions of an affine map."""

from __future__ import annotations

import math

from jaxdnn.layers.base import Layer, Shape, require, require_at_least, require_one_of

TAPS = {"nearest": 1, "linear": 2, "cubic": 4}
"""How many elements along each axis an interpolation mixes."""


class GridSample(Layer):
    """An image, looked up at the positions that a grid holds.

    Along an axis of n elements -1 and 1 are the middles of the first and the last element if ``align_corners``: a
    coordinate g lies at ``(g + 1) / 2 * (n - 1)``. Otherwise they are the outer ends of those elements, and g lies
    at ``((g + 1) * n - 1) / 2``.

    ``nearest`` takes the element at the rounded position, halves to the even one; ``linear`` mixes the two elements
    around it along each axis, ``cubic`` the four, by Keys' kernel of coefficient -0.75.

    Inputs: x (batch, channels, *spatial); grid (batch, *output, rank), the coordinate along the last spatial axis
    first.

    Output: (batch, channels, *output).

    Attributes:
        mode: ``nearest``, ``linear`` or ``cubic``.
        outside: what elements beyond the ends are: ``zeros``; ``border``, the outermost element; or
            ``reflection``, x mirrored at -1 and 1 again and again.
        align_corners: what -1 and 1 mean.
    """

    mode: str = "linear"
    outside: str = "zeros"
    align_corners: bool = False

    def __post_init__(self) -> None:
        require_one_of(tuple(TAPS), mode=self.mode)
        require_one_of(("zeros", "border", "reflection"), outside=self.outside)

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one multiply-add per element that is mixed."""
        mixed: int = TAPS[self.mode] ** (len(inputs[0]) - 2)
        return 2 * math.prod(outputs[0]) * mixed


class AffineGrid(Layer):
    """The positions at which :class:`GridSample` turns, scales and moves an image.

    Output element i holds ``matrix[:, :rank] @ p + matrix[:, rank]``, where p is the position of element i of the
    output, its coordinates from -1 to 1 as :class:`GridSample` counts them (-1 where an axis has one element, if
    ``align_corners``).

    Input: a matrix (rank, rank + 1) for each image of the batch, its rows the coordinates along the last spatial
    axis first.

    Output: (batch, *spatial, rank).

    Attributes:
        size: batch, channels, and the spatial sizes of the image that the grid is for.
        align_corners: as for :class:`GridSample`.
    """

    size: tuple[int, ...]
    align_corners: bool = False

    def __post_init__(self) -> None:
        require(len(self.size) > 2, f"size must be batch, channels and spatial sizes, got {self.size}")
        require_at_least(0, size=self.size)
