"""Names that are no texts: protobuf's old syntax lets any bytes pass for one."""

from __future__ import annotations

from typing import Any

import onnx
from google.protobuf.message import Message

from jaxdnn.errors import ParseError


def check_texts(message: Message) -> None:
    """Check that all texts in a message are texts.

    Raises:
        ParseError: one is not UTF-8.
    """
    if isinstance(message, onnx.TensorProto):  # without its bytes, which listing its fields would copy
        for text in (message.name, *(part for e in message.external_data for part in (e.key, e.value))):
            _check(text)
        return
    values: Any
    for field, value in message.ListFields():
        values = (value,) if isinstance(value, str | bytes | Message | int | float) else value
        if field.type == field.TYPE_STRING:
            for text in values:
                _check(text)
        elif field.type == field.TYPE_MESSAGE:
            for part in values:
                check_texts(part)


def _check(text: str | bytes) -> None:
    if not isinstance(text, str):
        raise ParseError(f"damaged: {text!r} stands where a text in UTF-8 is expected")
