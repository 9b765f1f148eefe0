"""A typed view of a node's attributes that remembers what was asked for."""

from __future__ import annotations

from typing import Any

from jaxdnn.errors import LayerError
from jaxdnn.importers import attributes
from jaxdnn.importers.tensorflow.graphdef import Attribute, FunctionName, TensorShape
from jaxdnn.importers.tensorflow.tensors import DType, Tensor
from jaxdnn.layers.custom import Fields

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


class Attributes(attributes.Attributes):
    """The attributes of one TensorFlow node.

    Types, names that begin with an underscore, and a few that never matter may stay unread. A list may be stated as
    a tensor.
    """

    def is_list(self, name: str) -> bool:
        """Whether the attribute is a list or a tensor, not a single value."""
        return isinstance(self._stated.get(name), list | Tensor)

    def boolean(self, name: str, default: bool | None = None) -> bool:
        """Return true or false."""
        return self._get(name, bool, "true or false", default)

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

    def shapes(self, name: str, default: list[TensorShape] | None = None) -> list[TensorShape]:
        """Return shapes."""
        return self._elements(name, TensorShape, "shapes", default)

    def dtypes(self, name: str, default: list[DType] | None = None) -> list[DType]:
        """Return element types."""
        return self._elements(name, DType, "types", default)

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

    def _may_stay_unread(self, name: str, value: object) -> bool:
        return _may_stay_unread(name, value)

    def _unpacked(self, name: str, values: Any) -> Any:
        if not isinstance(values, Tensor):
            return values
        array = values.array()
        if array.size > MAX_LENGTH:
            raise LayerError(f"attribute {name!r} has {array.size} values, more than {MAX_LENGTH}")
        return array.ravel().tolist()


def _may_stay_unread(name: str, value: object) -> bool:
    return name in _HARMLESS or isinstance(value, DType) or name.startswith("_") or _is_type(value)


def _is_type(value: object) -> bool:
    return isinstance(value, DType) or (isinstance(value, list) and all(map(_is_type, value)))


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
