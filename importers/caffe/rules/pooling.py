"""Pooling, SPP, and the layers that undo pooling."""

from __future__ import annotations

from typing import Literal

from jaxdnn.errors import LayerError
from jaxdnn.importers.caffe.fields import Fields
from jaxdnn.importers.caffe.registry import CaffeBuilder, LayerSource, rules
from jaxdnn.importers.caffe.rules.convolution import volume_window, window
from jaxdnn.importers.caffe.rules.resize import nearest_upsample
from jaxdnn.layers.pooling import MaxUnpool, Pool, SpatialPyramidPool, Statistic

_STATISTICS: dict[str, Statistic] = {"MAX": "max", "AVE": "average", "STOCHASTIC": "stochastic"}


def _statistic(p: Fields) -> Statistic:
    return _STATISTICS[p.enum("pool", tuple(_STATISTICS), "MAX")]


def _require_plane(p: Fields) -> None:
    """Check that a global pool states no window of its own."""
    for name in ("kernel_size", "kernel_h", "kernel_w", "kernel_d", "kernel_depth"):
        if p.has(name):
            raise LayerError(f"global_pooling covers the whole plane, so that {name} must not be given")


def _rounding(p: Fields) -> Literal["ceil_clip", "floor"]:
    """Return how the output size is rounded: up, unless a fork's field says otherwise."""
    up = p.enum("round_mode", ("CEIL", "FLOOR"), "CEIL") == "CEIL"
    return "ceil_clip" if p.boolean("ceil_mode", up) else "floor"


@rules("Pooling", "Pooling3D", tops=(1, 2))
def pooling(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Pool; a second top holds the positions of the maxima."""
    p = source.param("pooling_param", "pooling3d_param")
    p.ignore("engine")
    whole = p.boolean("global_pooling", False)
    if whole:
        _require_plane(p)
    layer = Pool(
        statistic=_statistic(p),
        kernel=None if whole else volume_window(p, "kernel", None, "kernel_size"),
        stride=volume_window(p, "stride", 1),
        padding=volume_window(p, "pad", 0),
        rounding=_rounding(p),
        indices=len(source.tops) == 2,
    )
    return b.emit(source, layer, inputs)


@rules("SPP")
def spatial_pyramid_pooling(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Pyramid of pools."""
    p = source.param("spp_param")
    p.ignore("engine")
    layer = SpatialPyramidPool(levels=p.required_uint("pyramid_height"), statistic=_statistic(p))
    return b.emit(source, layer, inputs)


@rules("Upsample", bottoms=(1, 2))
def upsample(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """SegNet's inverse of a max pool, which takes the pool's indices; YOLO forks repeat pixels instead."""
    if len(inputs) == 1:
        return nearest_upsample(b, source, inputs)
    p = source.param("upsample_param")
    height, width = p.uint("upsample_h"), p.uint("upsample_w")
    scale = window(p, "scale", 2)
    cropped = [p.boolean(f"pad_out_{axis}", False) for axis in "hw"]
    if height is not None and width is not None:
        return b.emit(source, MaxUnpool(size=(height, width)), inputs)
    scales = (scale, scale) if isinstance(scale, int) else scale
    if any(crop and s != 2 for crop, s in zip(cropped, scales, strict=True)):
        raise LayerError(f"pad_out needs a scale of 2, got {scales}")
    # A crop takes the last row or column off, as if the last window had one cell less.
    kernel = tuple(s - crop for s, crop in zip(scales, cropped, strict=True))
    return b.emit(source, MaxUnpool(kernel=kernel, stride=scales), inputs)


@rules("MaxUnpool", bottoms=(2, 3))
def max_unpool(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """The inverse of a max pool that is given by the pool's window; a third bottom gives the size."""
    p = source.param("max_unpool_param", "maxunpool_param", "pooling_param")
    axes = ("h", "w")
    layer = MaxUnpool(
        kernel=tuple(p.uint(f"pool_k_{axis}", 1) for axis in axes),
        stride=tuple(p.uint(f"pool_stride_{axis}", 1) for axis in axes),
        padding=tuple(p.uint(f"pool_pad_{axis}", 0) for axis in axes),
    )
    return b.emit(source, layer, inputs)
