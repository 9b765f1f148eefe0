"""route, reorg, reorg3d, crop, implicit."""

from __future__ import annotations

from jaxdnn.errors import ShapeError
from jaxdnn.importers.darknet.cfg import Section
from jaxdnn.importers.darknet.registry import DarknetBuilder, Output, rules
from jaxdnn.importers.darknet.rules.elementwise import identity
from jaxdnn.ir import Initializer
from jaxdnn.layers.base import Layer, dims, require
from jaxdnn.layers.constant import Parameter
from jaxdnn.layers.elementwise import Power
from jaxdnn.layers.shape import Concat, DepthToSpace, Pad, Reorg, SpaceToDepth


@rules("route")
def route(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """Other layers' channels one after the other, of each source the same slice."""
    del x
    section.ignore("stream", "wait_stream")
    sources = b.sources(section, "layers")
    groups, group = section.integer("groups", 1), section.integer("group_id", 0)
    require(groups >= 1 and 0 <= group < groups, f"group_id {group} is not one of {groups} groups")
    if groups > 1:
        sources = [_part(b, source, groups, group) for source in sources]
    if len(sources) == 1:
        return sources[0] if groups > 1 else identity(b, sources[0])
    sizes = {source.shape[1:] for source in sources}
    if len(sizes) > 1:
        raise ShapeError(f"the sources' sizes differ: {' and '.join(dims(s.shape) for s in sources)}")
    shape = (sum(source.shape[0] for source in sources), *sources[0].shape[1:])
    if not all(source.flat for source in sources):
        sources = [b.image(source) for source in sources]
    return b.emit(Concat(), *sources, shape=shape, name=b.name("concat"), flat=sources[0].flat)


def _part(b: DarknetBuilder, source: Output, groups: int, group: int) -> Output:
    """Cut the channels into equal parts and return one of them."""
    channels, *size = source.shape
    if channels % groups:
        raise ShapeError(f"groups {groups} does not divide {channels} channels")
    part = channels // groups
    layer = Pad(before=(-group * part,), after=(-(groups - 1 - group) * part,), axis=1)
    return b.emit(layer, source, shape=(part, size[0], size[1]), name=b.name("slice"), flat=source.flat)


@rules("reorg")
def reorg(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """The old, odd exchange of pixels for channels."""
    return _exchange(b, section, x, Reorg(stride=section.integer("stride", 1)))


@rules("reorg3d")
def reorg3d(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """Blocks of pixels become channels."""
    return _exchange(b, section, x, SpaceToDepth(block=section.integer("stride", 1)))


def _exchange(b: DarknetBuilder, section: Section, x: Output, forward: Layer) -> Output:
    """Add the layer, or with ``reverse`` the one that both sections have for it."""
    x = b.image(x)
    channels, height, width = x.shape
    stride = section.integer("stride", 1)
    name = b.name("reorg")
    reverse = section.flag("reverse")
    if (reverse or isinstance(forward, Reorg)) and channels % stride**2:
        raise ShapeError(f"the stride's square {stride**2} does not divide {channels} channels")
    if not reverse and (height % stride or width % stride):
        raise ShapeError(f"stride {stride} does not divide {height} rows and {width} columns")
    if reverse:
        shape = (channels // stride**2, height * stride, width * stride)
        return b.emit(DepthToSpace(block=stride), x, shape=shape, name=name)
    return b.emit(forward, x, shape=(channels * stride**2, height // stride, width // stride), name=name)


@rules("crop")
def crop(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """The middle of the picture, and values from -1 to 1 instead of 0 to 1."""
    section.ignore("flip", "angle", "saturation", "exposure", "shift")
    x = b.image(x)
    channels, *sizes = x.shape
    wanted = (section.integer("crop_height", 1), section.integer("crop_width", 1))
    if any(size < new for size, new in zip(sizes, wanted, strict=True)):
        raise ShapeError(f"a crop of {dims(wanted)} is larger than the input of {dims(x.shape)}")
    before = tuple(-((size - new) // 2) for size, new in zip(sizes, wanted, strict=True))
    after = tuple(new - size - cut for size, new, cut in zip(sizes, wanted, before, strict=True))
    y = b.emit(Pad(before=before, after=after, axis=2), x, shape=(channels, *wanted), name=b.name("crop"))
    if section.flag("noadjust"):
        return y
    return b.emit(Power(scale=2.0, shift=-1.0), y, shape=y.shape, name=b.name("adjust_crop", 1))


@rules("implicit", "implicit_add", "implicit_mul")
def implicit(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """Learned values that depend on no input."""
    mean, std = section.number("mean", 0.0), section.number("std", 0.2)
    shape = (section.integer("filters", 128), section.integer("atoms", 1), 1)
    name = b.name("implicit")
    filler = Initializer(kind="uniform", low=mean - std, high=mean + std)
    weight = b.stored(name, "value", (1, *shape), filler)
    return b.emit(Parameter(shape=(1, *shape)), shape=shape, name=name, params={"value": weight})
