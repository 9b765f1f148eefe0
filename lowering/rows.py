"""Which layers compute the entries of a padded array one by one, so that what lies behind the valid ones is harmless.

The others need the array itself: its size is then a size that the program has to know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from jaxdnn.layers import elements, indexing, shape, tensor
from jaxdnn.layers.activation import LogSoftmax, NormalizeAlong, Softmax
from jaxdnn.layers.arithmetic import Accumulate, Binary, Cast, CastLike, Select, Unary
from jaxdnn.layers.base import Layer
from jaxdnn.layers.dense import MatMul
from jaxdnn.layers.elementwise import Identity
from jaxdnn.layers.late import Late, with_attributes
from jaxdnn.layers.linear_quantization import LinearDequantize, LinearQuantize
from jaxdnn.layers.reduction import ArgMax, Reduce
from jaxdnn.layers.resize import CropAndResize
from jaxdnn.lowering.padded import Padded

Arguments = tuple[Any, ...]


def keeps_rows(layer: Layer, arguments: Arguments, results: Arguments = ()) -> bool:
    """Whether the valid entries of a layer's results are those of its padded arguments.

    Args:
        layer: what is computed.
        arguments: its inputs.
        results: its outputs on all entries, if they are known already.
    """
    padded = [value for value in arguments if isinstance(value, Padded)]
    if isinstance(layer, Late):
        count = len(arguments) - len(layer.names)
        arguments, given = arguments[:count], dict(zip(layer.names, arguments[count:], strict=True))
        if padded and not all(isinstance(value, np.ndarray) for value in given.values()):
            return False
        layer = with_attributes(layer.layer, given) if padded else layer
    if not padded or not may_need_rows(layer):
        return True
    rule = _RULES.get(type(layer), _never)
    if any(value.axis for value in padded):
        return isinstance(layer, _POINTWISE) and all(np.shape(each) == padded[0].shape for each in results)
    return rule(layer, arguments) and all(np.shape(each)[:1] == padded[0].shape[:1] for each in results)


def may_need_rows(layer: Layer) -> bool:
    """Whether there are padded arguments of which the layer cannot compute the entries one by one."""
    kind = type(layer.layer if isinstance(layer, Late) else layer)
    if kind in _RULES:
        return True
    # Stitch drops what lies behind the valid entries itself.
    return kind is not indexing.Stitch and kind.__module__.rpartition(".")[2] not in _BATCHED


def _always(layer: Any, arguments: Arguments) -> bool:
    del layer, arguments
    return True


def _never(layer: Any, arguments: Arguments) -> bool:
    del layer, arguments
    return False


def _together(layer: Any, arguments: Arguments) -> bool:
    """Whether all arguments have the same entries, or none of their own: they are broadcast."""
    del layer
    rank = max(len(value.shape) for value in arguments)
    origins = set()
    for value in arguments:
        if isinstance(value, Padded):
            if len(value.shape) < rank:
                return False
            origins.add(value.origin)
        elif len(value.shape) == rank and value.shape[0] != 1:
            return False
    return len(origins) == 1


def _along(layer: Any, arguments: Arguments) -> bool:
    """Whether the axes that the layer works along are others."""
    return 0 not in _axes(layer, len(arguments[0].shape))


def _joined(layer: Any, arguments: Arguments) -> bool:
    rank = len(arguments[0].shape) + isinstance(layer, tensor.Stack)
    return 0 not in _axes(layer, rank) and _together(layer, arguments)


def _axes(layer: Any, rank: int) -> Iterable[int]:
    named = layer.axes if hasattr(layer, "axes") else layer.axis
    axes = range(rank) if named is None else named if isinstance(named, tuple) else (named,)
    found = {axis % rank if rank else 0 for axis in axes}
    return range(min(found), rank) if getattr(layer, "later_axes", False) else found


def _strided(layer: indexing.StridedSlice, arguments: Arguments) -> bool:
    """Whether the slice takes the first axis as it is."""
    x, begin, _, step = arguments
    if layer.ellipsis_mask & 1:
        return len(begin.shape) == 1 and begin.shape[0] <= len(x.shape)
    whole = layer.begin_mask & layer.end_mask & ~layer.new_axis_mask & ~layer.shrink_axis_mask & 1
    return bool(whole) and isinstance(step, np.ndarray) and int(step[0]) == 1


def _gathered(layer: Any, arguments: Arguments) -> bool:
    """Whether only the places are padded, or only what lies behind the places."""
    x, places = arguments
    axis = getattr(layer, "axis", 0) % max(len(x.shape), 1)
    if layer.batch_axes or isinstance(x, Padded) == isinstance(places, Padded):
        return False
    if isinstance(x, Padded):
        return axis != 0
    return axis == 0 and (isinstance(layer, shape.Gather) or len(places.shape) > 1)


def _sliced(layer: elements.SliceAxes, arguments: Arguments) -> bool:
    x, starts, *_ = arguments
    axes = layer.axes or range(*starts.shape)
    return not isinstance(starts, Padded) and 0 not in {axis % len(x.shape) for axis in axes}


def _picked(layer: elements.GatherElements, arguments: Arguments) -> bool:
    """Whether the same entries of both are padded, and the axis that is indexed is another one."""
    return bool(layer.axis % len(arguments[0].shape)) and _together(layer, arguments)


def _one_hot(layer: indexing.OneHot, arguments: Arguments) -> bool:
    return layer.axis % (len(arguments[0].shape) + 1) != 0


def _product(layer: MatMul, arguments: Arguments) -> bool:
    """Whether the first argument's rows are multiplied by one matrix."""
    a, b = arguments
    return isinstance(a, Padded) and len(b.shape) == 2 and not (layer.transpose_a or isinstance(b, Padded))


def _crops(layer: CropAndResize, arguments: Arguments) -> bool:
    image, *boxes = arguments
    first = tuple(value for value in boxes if isinstance(value, Padded))
    return not isinstance(image, Padded) and len(first) == len(boxes) and _same_origin(first)


def _same_origin(values: tuple[Padded, ...]) -> bool:
    return len({value.origin for value in values}) == 1


_POINTWISE = (Unary, Cast, CastLike, Identity, tensor.FillLike, LinearQuantize, LinearDequantize)
_MOVING = (shape.Reshape, shape.Flatten, shape.ReshapeLike, shape.Crop, tensor.Squeeze, tensor.ExpandDims)
_CHANNELS = (shape.ShuffleChannel, shape.SpaceToDepth, shape.DepthToSpace, shape.Reorg)
_Rule = Callable[[Any, Arguments], bool]
_RULES: dict[type[Layer], _Rule] = {
    **dict.fromkeys((*_POINTWISE, *_MOVING, *_CHANNELS), _always),
    **dict.fromkeys((Binary, Select), _together),
    **dict.fromkeys((shape.Slice, tensor.SplitSizes, shape.Reverse, tensor.Roll, tensor.Unstack), _along),
    **dict.fromkeys((Softmax, LogSoftmax, NormalizeAlong, Accumulate, Reduce, ArgMax, indexing.TopK), _along),
    **dict.fromkeys((shape.Concat, tensor.Stack), _joined),
    **dict.fromkeys((shape.Gather, indexing.GatherNd), _gathered),
    shape.Permute: lambda layer, arguments: layer.order[:1] == (0,),
    indexing.StridedSlice: _strided,
    indexing.OneHot: _one_hot,
    elements.SliceAxes: _sliced,
    elements.GatherElements: _picked,
    MatMul: _product,
    CropAndResize: _crops,
}
_BATCHED = frozenset(
    (
        *("activation", "binary_convolution", "convolution", "custom", "dense", "detection", "elementwise"),
        *(
            "locally_connected",
            "loss",
            "normalization",
            "optical_flow",
            "padding",
            "patches",
            "pooling",
            "quantization",
        ),
        *("quantized",),
        *("resize", "roi", "sampling", "stages", "yolo"),
    )
)
"""The modules whose layers work on the entries of a batch; the program then trusts the number of rows."""
