"""Sections that functions of the user compute."""

from __future__ import annotations

import math
from typing import Any

from jaxdnn.errors import ShapeError
from jaxdnn.importers.darknet.cfg import Option, Section
from jaxdnn.importers.darknet.parts import uniform
from jaxdnn.importers.darknet.registry import DarknetBuilder, Output
from jaxdnn.importers.darknet.training import EVERYWHERE
from jaxdnn.layers.base import dims
from jaxdnn.layers.custom import Custom, CustomType

_SOURCES = ("layers", "from")


def custom(b: DarknetBuilder, section: Section, x: Output, kind: CustomType) -> Output:
    """Keep the section's options as attributes: numbers, lists of numbers with commas as tuples, and words.

    Its inputs are what the section before it yields and what ``from`` lists, or, as for a route, what ``layers``
    lists alone. Its arrays lie in the weights file where it stands in the cfg, in the order that the function's
    ``weights`` gives them in.

    Raises:
        ShapeError: the output is no (batch, channels, height, width) and no (batch, elements).
    """
    inputs = b.sources(section, "layers") if section.has("layers") else [x]
    if section.has("from"):
        inputs += b.sources(section, "from")
    stated = {key: _value(option) for key, option in section.options.items() if key not in _SOURCES}
    section.ignore(*stated)
    optional = {key: value for key, value in stated.items() if key in (*EVERYWHERE, "dontload")}
    fields = {key: value for key, value in stated.items() if key not in optional}
    shapes = tuple((1, *each.sizes) for each in inputs)
    name = b.name(section.name)
    weights = kind.weight_shapes(shapes[0], stated)
    layer = Custom(
        type=section.name,
        fields=tuple(fields.items()),
        optional=tuple(optional.items()),
        weights=tuple(weights.items()),
    )
    params = {
        slot: b.stored(name, slot, shape, uniform(max(math.prod(shape[1:]), 1)))
        for slot, shape in weights.items()
    }
    found = kind.output_shape(name, layer, shapes)
    if len(found) not in (2, 4):
        raise ShapeError(f"its output is {dims(found)}, not a batch of images or of vectors")
    shape = found[1:] if len(found) == 4 else (found[1], 1, 1)
    return b.emit(layer, *inputs, shape=shape, name=name, params=params, flat=len(found) == 2)


def _value(option: Option) -> Any:
    """Return a number, a tuple of numbers, or the text itself; a comment ends numbers."""
    items = option.value.split("#", 1)[0].split(",")
    numbers = [_number(item) for item in items if item]
    if not numbers or None in numbers:
        return option.value
    return numbers[0] if len(items) == 1 else tuple(numbers)


def _number(text: str) -> int | float | None:
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return None
