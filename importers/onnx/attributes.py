"""A typed view of an ONNX node's attributes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx

from jaxdnn.errors import GraphError
from jaxdnn.importers import attributes
from jaxdnn.importers.onnx.external import ExternalFiles
from jaxdnn.importers.onnx.tensors import array_of, dense_of
from jaxdnn.layers.custom import Fields

_KINDS = onnx.AttributeProto
_SINGLE = {_KINDS.FLOAT: "f", _KINDS.INT: "i", _KINDS.STRING: "s", _KINDS.TENSOR: "t", _KINDS.GRAPH: "g"}
_LISTS = {
    _KINDS.FLOATS: "floats",
    _KINDS.INTS: "ints",
    _KINDS.STRINGS: "strings",
    _KINDS.TENSORS: "tensors",
    _KINDS.GRAPHS: "graphs",
}
_OTHERS = {_KINDS.SPARSE_TENSOR: "sparse_tensor", _KINDS.TYPE_PROTO: "tp"}


class Attributes(attributes.Attributes):
    """The attributes of one node.

    Attributes:
        files: where tensors lie that are stored apart.
    """

    files: ExternalFiles | None = None

    @classmethod
    def of(cls, stated: Iterable[onnx.AttributeProto], files: ExternalFiles | None = None) -> Attributes:
        """Read a node's attributes; in a function's body those that refer to the call's are bound already.

        Raises:
            GraphError: an attribute has no kind that is known, or is stated twice.
        """
        values: dict[str, Any] = {}
        for attribute in stated:
            if attribute.name in values:
                raise GraphError(f"attribute {attribute.name!r} is stated twice")
            values[attribute.name] = _value(attribute)
        attributes = cls(values)
        attributes.files = files
        return attributes

    def flag(self, name: str, default: bool | None = None) -> bool:
        """Return whether a whole number is not zero."""
        return bool(self.integer(name, None if default is None else int(default)))

    def tensor(self, name: str) -> np.ndarray:
        """Return a stored array."""
        return array_of(self._get(name, onnx.TensorProto, "a tensor", None), self.files)

    def sparse(self, name: str) -> np.ndarray:
        """Return a stored sparse tensor as an array."""
        return dense_of(self._get(name, onnx.SparseTensorProto, "a sparse tensor", None), self.files)

    def graph(self, name: str) -> onnx.GraphProto:
        """Return a graph."""
        return self._get(name, onnx.GraphProto, "a graph", None)

    def _may_stay_unread(self, name: str, value: object) -> bool:
        """What the first version of many operators says of memory does not matter."""
        del value
        return name == "consumed_inputs"

    def plain(self) -> Fields:
        """Return all attributes as Python values, arrays as numpy's, for a user's function."""
        self._read.update(self._stated)
        return tuple((name, self._plain(value)) for name, value in self._stated.items())

    def _plain(self, value: Any) -> object:
        if isinstance(value, list):
            return tuple(map(self._plain, value))
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        return array_of(value, self.files) if isinstance(value, onnx.TensorProto) else value


def _value(attribute: onnx.AttributeProto) -> Any:
    if attribute.type in _LISTS:
        return list(getattr(attribute, _LISTS[attribute.type]))
    field = (_SINGLE | _OTHERS).get(attribute.type)
    if field is None:
        raise GraphError(f"attribute {attribute.name!r} has an unknown kind, {attribute.type}")
    return getattr(attribute, field)
