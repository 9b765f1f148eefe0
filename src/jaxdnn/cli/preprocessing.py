"""What becomes of a picture before a network sees it, as files, artifacts and options say it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, get_args

from jaxdnn.errors import InputError
from jaxdnn.image import Mode, Resizing, Size


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """How pictures are prepared; None is what nobody says.

    Attributes:
        mean, scale: what the pictures are normalised with, see :func:`jaxdnn.image.preprocess`.
        size: width and height.
        swap_rb: whether the network sees red, green, blue.
        mode: how pictures are made to fit.
        resizing: whose way of resizing.
    """

    mean: tuple[float, ...] | None = None
    scale: tuple[float, ...] | None = None
    size: Size | None = None
    swap_rb: bool | None = None
    mode: Mode | None = None
    resizing: Resizing | None = None

    @classmethod
    def stated(cls, found: Mapping[str, Any]) -> Preprocessing:
        """Read what a network's file or an artifact says; what has another name than an attribute is left out.

        Raises:
            InputError: a value is none of its attribute's.
        """
        mode = found.get("mode") or ("letterbox" if found.get("letterbox") else None)
        size = _checked(
            "size", found.get("size"), lambda value: len(value) == 2 and all(map(_is_side, value))
        )
        return cls(
            mean=_numbers("mean", found.get("mean")),
            scale=_numbers("scale", found.get("scale")),
            size=None if size is None else (size[0], size[1]),
            swap_rb=_checked("swap_rb", found.get("swap_rb"), lambda value: isinstance(value, bool)),
            mode=_checked("mode", mode, lambda value: value in get_args(Mode)),
            resizing=_checked("resizing", found.get("resizing"), lambda value: value in get_args(Resizing)),
        )

    def over(self, other: Preprocessing) -> Preprocessing:
        """Return what this says and, where it says nothing, what the other one says."""
        return Preprocessing(**{**other.said(), **self.said()})

    def said(self) -> dict[str, Any]:
        """Return what is said by attribute, as :meth:`stated` reads it."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


def _numbers(name: str, value: Any) -> tuple[float, ...] | None:
    """Return a number, or some of them, as numbers; none at all are nothing."""
    several = value if isinstance(value, list | tuple) else [] if value is None else [value]
    return tuple(_checked(name, several, lambda numbers: all(map(_is_number, numbers)))) or None


def _checked(name: str, value: Any, legal: Callable[[Any], bool]) -> Any:
    try:
        if value is None or legal(value):
            return value
    except TypeError:
        pass  # of another kind altogether
    raise InputError(f"the preprocessing states the {name} {value!r}, which is none")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_side(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
