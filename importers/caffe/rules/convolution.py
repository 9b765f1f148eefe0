"""Convolution, Deconvolution, Im2col."""

from __future__ import annotations

from jaxdnn.errors import GraphError, LayerError
from jaxdnn.importers.caffe.fields import Fields
from jaxdnn.importers.caffe.registry import CaffeBuilder, LayerSource, rules
from jaxdnn.layers.base import PerAxis
from jaxdnn.layers.convolution import Conv, ConvTranspose, Im2Col

_C3D = {"kernel": ("kernel_depth", 1), "stride": ("temporal_stride", 1), "pad": ("temporal_pad", 0)}
"""What C3D calls each attribute along the first axis, and the default there, whatever the other axes have."""


def window(p: Fields, name: str, default: int | None, repeated: str | None = None) -> PerAxis:
    """Return a window's attribute, stated once, once per axis, or as ``name_h`` and ``name_w``.

    Args:
        p: the parameter message.
        name: ``kernel``, ``stride`` or ``pad``.
        default: where the file states nothing; None makes it an error.
        repeated: the name of the general form, if it is not ``name``.
    """
    general = p.uints(repeated or name)
    height, width = p.uint(f"{name}_h"), p.uint(f"{name}_w")
    if height is not None or width is not None:
        if general:
            raise LayerError(f"{repeated or name} or {name}_h and {name}_w must be given, not both")
        if default is None and (height is None or width is None):
            raise LayerError(f"{name}_h and {name}_w must be given together")
        return (default or 0 if height is None else height, default or 0 if width is None else width)
    if not general:
        if default is None:
            raise LayerError(f"no {repeated or name} is given, nor {name}_h and {name}_w")
        return default
    return general[0] if len(general) == 1 else general


def volume_window(p: Fields, name: str, default: int | None, repeated: str | None = None) -> PerAxis:
    """Return a window's attribute as :func:`window` does, and with a depth that is stated apart, if it is."""
    plane = window(p, name, default, repeated)
    depth = p.uint(f"{name}_d")
    c3d, depth_default = _C3D[name]
    if depth is None and any(p.has(field) for field, _ in _C3D.values()):
        depth = p.uint(c3d, depth_default)
    if depth is None:
        return plane
    height_width = (plane, plane) if isinstance(plane, int) else plane
    if len(height_width) != 2:
        raise LayerError(f"{name} is given for {len(height_width)} axes, and for the depth apart from them")
    return (depth, *height_width)


def _kernel(p: Fields) -> PerAxis:
    """Return the kernel size; a blob without spatial axes needs none."""
    stated = p.has("kernel_size") or p.has("kernel_h") or p.has("kernel_w")
    return volume_window(p, "kernel", None, "kernel_size") if stated else ()


def _dilation(p: Fields) -> PerAxis:
    """Return the dilation; DeepLab's forks call it hole."""
    name = "hole" if p.has("hole") or p.has("hole_h") or p.has("hole_w") else "dilation"
    return window(p, name, 1)


@rules(
    "Convolution",
    "Convolution3D",
    "ConvolutionDepthwise",
    "DepthwiseConvolution",
    "Deconvolution",
    "Deconvolution3D",
    bottoms=(1, None),
    tops=(1, None),
)
def convolution(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Apply the same weights to each bottom, one top per bottom."""
    p = source.param("convolution_param", "convolution3d_param")
    p.ignore("engine", "force_nd_im2col", "filter_group", "weight_filler", "bias_filler")
    if len(source.bottoms) != len(source.tops):
        raise GraphError(f"takes one top per bottom, got {len(source.tops)} for {len(source.bottoms)}")
    filters = p.required_uint("num_output")
    groups = p.uint("group", 1)
    kind = ConvTranspose if source.type.startswith("Deconvolution") else Conv
    layer = kind(
        filters=filters,
        kernel=_kernel(p),
        stride=volume_window(p, "stride", 1),
        padding=volume_window(p, "pad", 0),
        dilation=_dilation(p),
        groups=filters if "epthwise" in source.type else groups,
        bias=p.boolean("bias_term", True),
        axis=p.integer("axis", 1),
    )
    fillers = {"weight": p.filler("weight_filler")}
    if layer.bias:
        fillers["bias"] = p.filler("bias_filler")
    params = b.slots(source, **fillers)
    outputs: tuple[str, ...] = ()
    for bottom, top in zip(inputs, source.tops, strict=True):
        outputs += b.emit(source, layer, (bottom,), params, tops=(top,))
    return outputs


@rules("Im2col")
def im2col(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Patches as channels."""
    p = source.param("convolution_param")
    p.ignore("num_output", "bias_term", "group", "engine", "force_nd_im2col", "weight_filler", "bias_filler")
    layer = Im2Col(
        kernel=_kernel(p),
        stride=window(p, "stride", 1),
        padding=window(p, "pad", 0),
        dilation=_dilation(p),
        axis=p.integer("axis", 1),
    )
    return b.emit(source, layer, inputs)
