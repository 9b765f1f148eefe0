"""Scalars of the text format as numbers and booleans."""

from __future__ import annotations

import re

from jaxdnn.importers.textproto import Scalar

_NUMBER = re.compile(
    r"([+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|inf|infinity|nan))[fF]?", re.I
)
_WORDS = {"true": True, "t": True, "True": True, "1": True}
_WORDS |= {"false": False, "f": False, "False": False, "0": False}


def integer(value: Scalar | None, default: int = 0) -> int:
    """Read an integer of at most 64 bits, decimal, hexadecimal or octal.

    Raises:
        ParseError: it is none.
    """
    if value is None:
        return default
    try:
        if value.quoted:
            raise ValueError
        digits = value.text.lstrip("+-")
        octal = len(digits) > 1 and digits.startswith("0") and digits.isdigit()
        result = int(value.text, 8 if octal else 0)
    except ValueError:
        raise value.error(f"an integer expected, got {value.text!r}") from None
    if not -(2**63) <= result < 2**64:
        raise value.error(f"{value.text} does not fit 64 bits")
    return result


def number(value: Scalar) -> float:
    """Read a floating-point number.

    Raises:
        ParseError: it is none.
    """
    match = _NUMBER.fullmatch(value.text)
    if value.quoted or not match:
        raise value.error(f"a number expected, got {value.text!r}")
    return float(match[1])


def boolean(value: Scalar) -> bool:
    """Read a truth value in any of the spellings of protobuf's text format.

    Raises:
        ParseError: it is none.
    """
    if value.quoted or value.text not in _WORDS:
        raise value.error(f"true or false expected, got {value.text!r}")
    return _WORDS[value.text]
