"""Frozen dataclasses that cost nothing to define."""

from __future__ import annotations

from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, fields
from inspect import Parameter, Signature
from typing import Any, ClassVar, NoReturn, dataclass_transform


class _SignatureOfFields:
    """What ``help`` and ``inspect.signature`` show of a class: its fields."""

    def __get__(self, instance: object, owner: type[Frozen]) -> Signature:
        return Signature(
            [
                Parameter(
                    field.name,
                    Parameter.KEYWORD_ONLY,
                    default=Parameter.empty if field.default is MISSING else field.default,
                    annotation=field.type,
                )
                for field in fields(owner)
            ]
        )


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Frozen:
    """Base of classes that are frozen dataclasses with keywords only.

    ``@dataclass`` writes and compiles six methods for each class; for two hundred layers that is a third of
    ``import jaxdnn``. Here the methods are written once and read the fields.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    __signature__ = _SignatureOfFields()
    _names: ClassVar[frozenset[str]]
    _defaults: ClassVar[dict[str, object]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        found = fields(dataclass(init=False, repr=False, eq=False, kw_only=True)(cls))
        cls._names = frozenset(field.name for field in found)
        cls._defaults = {field.name: field.default for field in found if field.default is not MISSING}

    def __init__(self, **values: Any) -> None:
        own = self.__dict__
        own.update(self._defaults)
        own.update(values)
        if own.keys() != self._names:
            unknown, missing = own.keys() - self._names, self._names - own.keys()
            problem = f"has no {min(unknown)!r}" if unknown else f"needs {min(missing)!r}"
            raise TypeError(f"{type(self).__name__} {problem}")
        self.__post_init__()

    def __post_init__(self) -> None:
        """Check the fields."""

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *(self.__dict__[name] for name in self.__dataclass_fields__)))

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={self.__dict__[name]!r}" for name in self.__dataclass_fields__)
        return f"{type(self).__name__}({values})"
