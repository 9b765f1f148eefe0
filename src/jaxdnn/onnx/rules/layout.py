"""Between the net's axes and (batch, channels, spatial axes), which ONNX' windows slide over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jaxdnn.layers.base import normalize_axis
from jaxdnn.onnx.exporter import Exporter, Tensor
from jaxdnn.onnx.registry import NotExpressible
from jaxdnn.onnx.sizes import Size, Sizes, product, static

_MOST_SPATIAL_AXES = 3


@dataclass(frozen=True)
class ChannelsFirst:
    """A value with its axes as ONNX wants them.

    Attributes:
        name: of the rearranged value.
        channels: their number.
        spatial: the spatial sizes; an axis of size 1 stands in where there is none.
        flat: whether there is none.
        restore: brings a result, whose sizes are those of the node's output, back.
    """

    name: str
    channels: int
    spatial: tuple[int, ...]
    flat: bool
    restore: Callable[..., str]


def channels_first(e: Exporter, x: Tensor, axis: int, channels_last: bool) -> ChannelsFirst:
    """Move the channels to axis 1, behind one batch axis.

    Args:
        e: takes the operators.
        x: a value of the net.
        axis: the channel axis if the channels are not last; the axes before it are batch axes.
        channels_last: whether they are.

    Raises:
        NotExpressible: there are more spatial axes than runtimes know, or their sizes are not known.
    """
    rank = x.rank
    name = x.name
    if channels_last:
        name = e.transpose(name, [0, rank - 1, *range(1, rank - 1)])
        sizes: Sizes = (x.sizes[0], x.sizes[-1], *x.sizes[1:-1])
        axis = 1
    else:
        sizes, axis = x.sizes, normalize_axis(axis, rank)
    channels, *spatial = static(sizes[axis:], "the size of a window's axis")
    if len(spatial) > _MOST_SPATIAL_AXES:
        raise NotExpressible(f"a window over {len(spatial)} axes has no operator")
    batch: Size = product(sizes[:axis])
    flat = not spatial
    moved = axis != 1 or flat
    if moved:
        spatial = spatial or [1]
        name = e.reshape(name, (batch, channels, *spatial))

    def restore(y: str, output: Tensor | None = None) -> str:
        output = output or e.outputs[0]
        if channels_last:
            last = output.rank - 1
            if moved:
                y = e.reshape(y, (output.sizes[0], output.sizes[-1], *output.sizes[1:-1]))
            return e.transpose(y, [0, *range(2, last + 1), 1])
        return e.reshape(y, output.sizes) if moved else y

    return ChannelsFirst(name, channels, tuple(spatial), flat, restore)
