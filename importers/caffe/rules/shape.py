"""Layers that move values: joins, cuts, reshapes, permutations, pads."""

from __future__ import annotations

from jaxdnn.errors import GraphError, LayerError
from jaxdnn.importers.caffe.fields import Fields
from jaxdnn.importers.caffe.registry import CaffeBuilder, LayerSource, rules
from jaxdnn.layers.base import require, require_at_least
from jaxdnn.layers.shape import (
    Concat,
    Crop,
    DepthToSpace,
    Filter,
    Flatten,
    Gather,
    Pad,
    Permute,
    Reorg,
    Reshape,
    Reverse,
    ShuffleChannel,
    Slice,
    Tile,
)

_PAD_MODES = {
    "CONSTANT": "constant",
    "constant": "constant",
    "REPEAT": "edge",
    "REFLECT": "reflect",
    "reflect": "reflect",
}


@rules("Concat", bottoms=(1, None))
def concat(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Join along an axis."""
    p = source.param("concat_param")
    p.ignore("engine")
    return b.emit(source, Concat(axis=_axis(p, "concat_dim")), inputs)


@rules("Slice", tops=(1, None))
def slice_(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Cut along an axis, one top per part."""
    p = source.param("slice_param")
    layer = Slice(parts=len(source.tops), points=p.uints("slice_point"), axis=_axis(p, "slice_dim"))
    return b.emit(source, layer, inputs)


def _axis(p: Fields, old: str) -> int:
    """Return the axis, which old files state under another name."""
    if not p.has(old):
        return p.integer("axis", 1)
    require(not p.has("axis"), f"axis or {old} must be given, not both")
    return p.uint(old, 1)


@rules("Flatten")
def flatten(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Merge axes."""
    p = source.param("flatten_param")
    return b.emit(source, Flatten(axis=p.integer("axis", 1), end_axis=p.integer("end_axis", -1)), inputs)


@rules("Reshape")
def reshape(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Replace axes."""
    p = source.param("reshape_param")
    layer = Reshape(
        shape=p.message("shape").integers("dim"),
        axis=p.integer("axis", 0),
        num_axes=p.integer("num_axes", -1),
    )
    return b.emit(source, layer, inputs)


@rules("Permute")
def permute(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Reorder axes."""
    return b.emit(source, Permute(order=source.param("permute_param").uints("order")), inputs)


@rules("Transpose")
def transpose(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Reorder axes, as CTPN's fork names it."""
    return b.emit(source, Permute(order=source.param("transpose_param").uints("dim")), inputs)


@rules("Reverse")
def reverse(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Reverse axes."""
    axes = source.param("reverse_param").integers("axis")
    require(bool(axes), "no axis is given")
    return b.emit(source, Reverse(axes=axes), inputs)


@rules("Crop", bottoms=2)
def crop(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Cut to the second bottom's size; one offset serves all axes."""
    p = source.param("crop_param")
    offsets = p.uints("offset")
    offset = offsets if len(offsets) > 1 else sum(offsets)
    return b.emit(source, Crop(axis=p.integer("axis", 2), offset=offset), inputs)


@rules("Tile")
def tile(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Repeat along an axis."""
    p = source.param("tile_param")
    tiles = p.integer("tiles")
    if tiles is None:
        raise LayerError("no tiles is given")
    require_at_least(1, repeats=tiles)
    return b.emit(source, Tile(repeats=(tiles,), axis=p.integer("axis", 1)), inputs)


@rules("Padding", "PadLayer")
def padding(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Pad all axes (OpenCV's ``paddings``, a pair each), or rows and columns (as forks state it)."""
    p = source.param("padding_param", "pad_param")
    mode = p.string("pad_method") or p.string("type", "constant")
    require(mode in _PAD_MODES, f"unknown pad_method {mode!r} ({', '.join(_PAD_MODES)})")
    value = p.number("pad_value", p.number("value", 0.0))
    pairs = p.integers("paddings")
    require(len(pairs) % 2 == 0, f"paddings must be pairs, got {len(pairs)} values")
    before, after, axis = pairs[::2], pairs[1::2], 0
    if not pairs:
        both = p.integer("pad", 0)
        rows, columns = both + p.integer("pad_h", 0), both + p.integer("pad_w", 0)
        begin, end = p.integer("pad_beg", 0), p.integer("pad_end", 0)
        before = (rows + begin + p.integer("pad_t", 0), columns + begin + p.integer("pad_l", 0))
        after = (rows + end + p.integer("pad_b", 0), columns + end + p.integer("pad_r", 0))
        axis = 2
    layer = Pad(before=before, after=after, axis=axis, mode=_PAD_MODES[mode], value=value)
    return b.emit(source, layer, inputs)


@rules("ShuffleChannel")
def shuffle_channel(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Deal channels out."""
    groups = source.param("shuffle_channel_param").uint("group", 1)
    return b.emit(source, ShuffleChannel(groups=groups), inputs)


@rules("Reorg")
def reorg(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Darknet's reorganisation, or its reverse."""
    p = source.param("reorg_param")
    stride = p.uint("stride", 1)
    if p.boolean("reverse", False):
        return b.emit(source, DepthToSpace(block=stride), inputs)
    return b.emit(source, Reorg(stride=stride), inputs)


@rules("BatchReindex", bottoms=2)
def batch_reindex(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Select samples by number."""
    return b.emit(source, Gather(), inputs)


@rules("Filter", bottoms=(2, None), tops=(1, None))
def filter_(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Keep the samples that the last bottom marks."""
    if len(source.tops) != len(inputs) - 1:
        raise GraphError(f"takes {len(inputs) - 1} tops for {len(inputs)} bottoms, {len(source.tops)} given")
    return b.emit(source, Filter(), inputs)
