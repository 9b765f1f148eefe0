"""Layer types that no rule covers, handed to the user's function."""

from __future__ import annotations

from typing import Any

from jaxdnn.errors import ParseError
from jaxdnn.importers.caffe.registry import CaffeBuilder, LayerSource
from jaxdnn.importers.textproto import Message, Scalar
from jaxdnn.layers.custom import Custom

_NOT_ATTRIBUTES = (
    *("name", "type", "bottom", "top", "param", "blobs", "include", "exclude", "phase", "loss_weight"),
    *("blob_share_mode", "propagate_down"),
)
_TRAINING = ("blobs_lr", "engine", "weight_decay")
_MAX_DEPTH = 50


def custom(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Keep the layer as it is, the fields of all its parameter messages in one mapping."""
    stated = attributes(source.fields.raw)
    optional = {name: value for name, value in stated.items() if _is_training(name)}
    fields = {name: value for name, value in stated.items() if name not in optional}
    layer = Custom(type=type_name(source), fields=tuple(fields.items()), optional=tuple(optional.items()))
    params = b.slots(source, **{f"blob{index}": None for index in range(len(source.blobs or ()))})
    return b.emit(source, layer, inputs, params)


def attributes(layer: Message) -> dict[str, Any]:
    """Return a layer's own fields and those of its parameter messages, merged, by name.

    Numbers and booleans are converted; a field that is stated several times becomes a tuple, and a nested
    message a tuple of (name, value) pairs.
    """
    merged = Message(layer.place)
    for name, value in layer.fields:
        if name in _NOT_ATTRIBUTES:
            continue
        if isinstance(value, Message):
            merged.fields.extend(value.fields)
        else:
            merged.add(name, value)
    return _values(merged)


def type_name(source: LayerSource) -> str:
    """Return the type; a Python layer goes by its module and class."""
    if source.type != "Python":
        return source.type
    python = source.param("python_param")
    return f"{python.string('module', '')}.{python.string('layer', '')}"


def _is_training(name: str) -> bool:
    """Whether a field of any parameter message says how to train, or on which device to compute."""
    return name in _TRAINING or name.endswith("_filler")


def _values(message: Message, depth: int = 0) -> dict[str, Any]:
    if depth > _MAX_DEPTH:
        raise ParseError(f"messages are nested more than {_MAX_DEPTH} deep", line=message.line)
    values: dict[str, Any] = {}
    for name in dict.fromkeys(name for name, _ in message.fields):
        found = [
            _scalar(value) if isinstance(value, Scalar) else tuple(_values(value, depth + 1).items())
            for value in message.all(name)
        ]
        values[name] = found[0] if len(found) == 1 else tuple(found)
    return values


def _scalar(value: Scalar) -> Any:
    if value.quoted:
        return value.text
    if value.text in ("true", "false"):
        return value.text == "true"
    for convert in (int, float):
        try:
            return convert(value.text)
        except ValueError:
            continue
    return value.text
