"""connected, softmax."""

from __future__ import annotations

from jaxdnn.importers.darknet.activations import activate, activation_name
from jaxdnn.importers.darknet.cfg import Section
from jaxdnn.importers.darknet.parts import connect
from jaxdnn.importers.darknet.registry import DarknetBuilder, Output, rules
from jaxdnn.importers.darknet.tree import group_sizes, read_tree
from jaxdnn.layers.activation import GroupedSoftmax, Softmax
from jaxdnn.layers.base import require
from jaxdnn.layers.elementwise import Power
from jaxdnn.layers.shape import Flatten, Reshape


@rules("connected", "conn")
def connected(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """Dense layer, batch norm, activation."""
    y = connect(
        b,
        x,
        section.integer("output", 1),
        name=b.name("fullyConnected"),
        norm=b.name("bn"),
        batch_normalize=section.flag("batch_normalize"),
        load_scales=not section.flag("dontloadscales"),
    )
    return activate(b, y, activation_name(section, "logistic"))


@rules("softmax", "soft")
def softmax(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """Softmax over the whole vector, over equal parts of it, over a tree's groups, or over the channels.

    OpenCV takes the channels of every pixel always, and has neither temperature nor tree.
    """
    section.ignore("noloss")
    groups = section.integer("groups", 1)
    temperature, tree = section.number("temperature", 1.0), section.text("tree", "")
    name = b.name("softmax")
    if section.number("spatial", 0.0) or b.opencv:
        return b.emit(Softmax(), x, shape=x.shape, name=name, flat=x.flat)
    x = b.vector(x)
    require(groups >= 1 and x.size % groups == 0, f"groups {groups} does not divide {x.size} inputs")
    require(temperature != 0, "temperature must not be 0")
    if temperature != 1:
        x = b.emit(Power(scale=1 / temperature), x, shape=x.shape, name=b.name("temperature"), flat=True)
    if not tree:
        return softmax_of_parts(b, x, groups, name)
    sizes = group_sizes(read_tree(tree, b.folder))
    require(sum(sizes) == x.size, f"the tree has {sum(sizes)} classes for {x.size} inputs")
    return b.emit(GroupedSoftmax(groups=sizes), x, shape=x.shape, name=name, flat=True)


def softmax_of_parts(b: DarknetBuilder, x: Output, parts: int, name: str) -> Output:
    """Add a softmax for each of the equal parts of a vector."""
    if parts == 1:
        return b.emit(Softmax(), x, shape=x.shape, name=name, flat=True)
    cut = Reshape(shape=(parts, x.size // parts), axis=1)
    x = b.emit(cut, x, shape=(parts, x.size // parts, 1), name=f"{name}/parts")
    x = b.emit(Softmax(axis=2), x, shape=x.shape, name=f"{name}/softmax")
    return b.emit(Flatten(), x, shape=(x.size, 1, 1), name=name, flat=True)
