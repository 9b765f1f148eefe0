"""A typed view of a node's attributes that remembers what was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from jaxdnn.errors import LayerError
from jaxdnn.importers.tensorflow.graphdef import Attribute, FunctionName, TensorShape
from jaxdnn.importers.tensorflow.tensors import DType, Tensor
from jaxdnn.layers.custom import Fields

T = TypeVar("T")

_HARMLESS = frozenset(
    (
        *("N", "container", "incompatible_shape_error", "is_stateless", "lower_using_switch_merge"),
        *("parallel_iterations", "shared_name", "use_cudnn_on_gpu", "validate_indices", "validate_shape"),
        *("seed", "seed2", "config", "config_proto", "executor_type", "message", "summarize"),
        *("grad_a", "grad_b", "exponential_avg_factor", "U", "output_shapes", "use_inter_op_parallelism"),
    )
)
"""Attributes that never change what is computed."""

MAX_LENGTH = 2**20
"""How many values an attribute may have that is stated as a tensor."""


class Attributes:
    """The attributes of one node.

    A getter without a default demands the attribute. Types, names that begin with an underscore, and a few
    that never matter may stay unread.
    """

    def __init__(self, stated: Mapping[str, Attribute]) -> None:
        self._stated = stated
        self._read: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether the node states the attribute."""
        return name in self._stated

    def is_list(self, name: str) -> bool:
        """Whether the attribute is a list or a tensor, not a single value."""
        return isinstance(self._stated.get(name), list | Tensor)

    def integer(self, name: str, default: int | None = None) -> int:
        """Return a whole number."""
        return self._get(name, int, "a whole number", default)

    def number(self, name: str, default: float | None = None) -> float:
        """Return a number; whole ones are numbers too."""
        value = self._stated.get(name)
        if type(value) is int:
            self._read.add(name)
            return float(value)
        return self._get(name, float, "a number", default)

    def boolean(self, name: str, default: bool | None = None) -> bool:
        """Return true or false."""
        return self._get(name, bool, "true or false", default)

    def text(self, name: str, default: str | None = None) -> str:
        """Return a string."""
        value = self._get(name, bytes, "a string", None if default is None else default.encode())
        return value.decode("utf-8", "replace")

    def one_of(self, name: str, choices: tuple[str, ...], default: str | None = None) -> str:
        """Return a string that must be one of the choices."""
        value = self.text(name, default)
        if value not in choices:
            raise LayerError(f"attribute {name!r} must be one of {', '.join(choices)}, got {value!r}")
        return value

    def dtype(self, name: str, default: DType | None = None) -> DType:
        """Return an element type."""
        return self._get(name, DType, "a type", default)

    def shape(self, name: str, default: TensorShape | None = None) -> TensorShape:
        """Return a shape."""
        return self._get(name, TensorShape, "a shape", default)

    def tensor(self, name: str) -> Tensor:
        """Return a stored array."""
        return self._get(name, Tensor, "a tensor", None)

    def function(self, name: str) -> FunctionName:
        """Return a reference to a function."""
        return self._get(name, FunctionName, "a function", None)

    def functions(self, name: str) -> list[FunctionName]:
        """Return references to functions."""
        return self._elements(name, FunctionName, "functions", None)

    def integers(self, name: str, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """Return whole numbers, stated as a list or as a one-dimensional tensor."""
        return tuple(map(int, self._elements(name, int, "whole numbers", default)))

    def numbers(self, name: str, default: tuple[float, ...] | None = None) -> tuple[float, ...]:
        """Return numbers, stated as a list or as a one-dimensional tensor."""
        return tuple(float(value) for value in self._elements(name, (int, float), "numbers", default))

    def texts(self, name: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Return strings."""
        encoded = None if default is None else [text.encode() for text in default]
        return tuple(
            value.decode("utf-8", "replace") for value in self._elements(name, bytes, "strings", encoded)
        )

    def shapes(self, name: str, default: list[TensorShape] | None = None) -> list[TensorShape]:
        """Return shapes."""
        return self._elements(name, TensorShape, "shapes", default)

    def dtypes(self, name: str, default: list[DType] | None = None) -> list[DType]:
        """Return element types."""
        return self._elements(name, DType, "types", default)

    def ignore(self, *names: str) -> None:
        """Mark attributes as read that do not matter for inference."""
        self._read.update(names)

    def plain(self) -> tuple[Fields, Fields]:
        """Return all attributes as Python values, arrays as numpy's, for a user's function.

        Returns:
            those that most functions want, and those that may stay unread.
        """
        fields: list[tuple[str, object]] = []
        optional: list[tuple[str, object]] = []
        for name, value in self._stated.items():
            (optional if _may_stay_unread(name, value) else fields).append((name, _plain(value)))
        self._read.update(self._stated)
        return tuple(fields), tuple(optional)

    def unread(self) -> list[str]:
        """Return the attributes that nobody asked for and that may matter."""
        return [
            name
            for name, value in self._stated.items()
            if name not in self._read and not _may_stay_unread(name, value)
        ]

    def _get(self, name: str, kind: type[T], what: str, default: T | None) -> T:
        self._read.add(name)
        value = self._stated.get(name, default)
        if value is None:
            raise LayerError(f"has no attribute {name!r}")
        if type(value) is not kind:
            raise LayerError(f"attribute {name!r} must be {what}, got {_shown(value)}")
        return value

    def _elements(self, name: str, kind: type | tuple[type, ...], what: str, default: object) -> list[Any]:
        self._read.add(name)
        values = self._stated.get(name, default)
        if values is None:
            raise LayerError(f"has no attribute {name!r}")
        if isinstance(values, Tensor):
            array = values.array()
            if array.size > MAX_LENGTH:
                raise LayerError(f"attribute {name!r} has {array.size} values, more than {MAX_LENGTH}")
            values = array.ravel().tolist()
        if not isinstance(values, list | tuple) or not all(isinstance(value, kind) for value in values):
            raise LayerError(f"attribute {name!r} must be a list of {what}, got {_shown(values)}")
        return list(values)


def _may_stay_unread(name: str, value: object) -> bool:
    return name in _HARMLESS or isinstance(value, DType) or name.startswith("_") or _is_type(value)


def _is_type(value: object) -> bool:
    return isinstance(value, DType) or (isinstance(value, list) and all(map(_is_type, value)))


def _shown(value: object) -> str:
    return f"a {type(value).__name__}" if isinstance(value, Tensor | list) else repr(value)


def _plain(value: Attribute) -> object:
    if isinstance(value, list):
        return tuple(map(_plain, value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Tensor):
        return value.array()
    if isinstance(value, DType):
        return value.numpy
    if isinstance(value, TensorShape):
        return value.sizes
    return value.name if isinstance(value, FunctionName) else value
