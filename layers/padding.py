"""Zeros around the spatial axes, and where the spatial axes are."""

from __future__ import annotations

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import Shape, normalize_axis, require_at_least, require_one_of, spread

Padding = int | tuple[int | tuple[int, int], ...] | str
"""Cells added to every spatial axis, or one value per axis: a number for both ends, or (before, after).

Or ``same_upper`` or ``same_lower``: as many that there are ``ceil(size / stride)`` positions,
``total = max((positions - 1) * stride + dilation * (kernel - 1) + 1 - size, 0)`` in all, of which the odd one is
added behind (upper) or in front (lower).
"""

SAME = ("same_upper", "same_lower")


def require_padding(padding: Padding) -> None:
    """Check that padding is one of the words, or that no number in it is negative."""
    if isinstance(padding, str):
        require_one_of(SAME, padding=padding)
        return
    for item in padding if isinstance(padding, tuple) else (padding,):
        require_at_least(0, padding=item)


def ends(
    padding: Padding, spatial: Shape, kernel: Shape, stride: Shape, dilation: Shape | None = None
) -> tuple[Shape, Shape]:
    """Return the cells before and behind each spatial axis of these sizes.

    Raises:
        ShapeError: padding is given for another number of axes.
    """
    rank = len(spatial)
    if isinstance(padding, int):
        return (padding,) * rank, (padding,) * rank
    if isinstance(padding, str):
        totals = []
        for size, k, s, d in zip(spatial, kernel, stride, dilation or (1,) * rank, strict=True):
            totals.append(max((-(-size // s) - 1) * s + d * (k - 1) + 1 - size, 0))
        fewer = tuple(total // 2 for total in totals)
        more = tuple(total - half for total, half in zip(totals, fewer, strict=True))
        return (fewer, more) if padding == "same_upper" else (more, fewer)
    pairs = [(p, p) if isinstance(p, int) else p for p in padding]
    before, after = tuple(b for b, _ in pairs), tuple(a for _, a in pairs)
    return spread("padding", before, rank), spread("padding", after, rank)


def spatial_axes(axis: int, channels_last: bool, rank: int) -> tuple[int, range]:
    """Return the channel axis and the spatial axes.

    Raises:
        ShapeError: there is no such axis.
    """
    if not channels_last:
        channel = normalize_axis(axis, rank)
        return channel, range(channel + 1, rank)
    if rank < 2:
        raise ShapeError(f"{rank} axes are too few for a batch and channels")
    return rank - 1, range(1, rank - 1)
