"""A GraphDef's messages as plain data, whichever encoding they were read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from jaxdnn.errors import ParseError
from jaxdnn.importers.tensorflow.tensors import DType, Tensor

MAX_NESTING = 64
"""How deep messages may lie in each other; protobuf's own limit is 100."""

MAX_PARTS = 2**20
"""How many nodes, values in attributes and strings a file may have; large graphs have a tenth of it."""

MAX_RANK = 254
"""How many dimensions a shape may have, which is TensorFlow's own limit."""


@dataclass(frozen=True, slots=True)
class TensorShape:
    """A shape as an attribute states it.

    Attributes:
        sizes: None for an unknown size; None instead of a tuple for an unknown rank.
    """

    sizes: tuple[int | None, ...] | None


@dataclass(frozen=True, slots=True)
class FunctionName:
    """A function as an attribute states it.

    Attributes:
        name: in the library.
        attributes: what its placeholders stand for.
    """

    name: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


Attribute = bool | int | float | bytes | DType | TensorShape | Tensor | FunctionName | list["Attribute"]


@dataclass(slots=True)  # not frozen, as Tensor is not
class NodeDef:
    """A node as the file states it.

    Attributes:
        name, op: its name and what it computes.
        inputs: ``name``, ``name:port`` or ``^name``; in a function ``name:output:index`` too.
        attributes: by name.
        line: of a text file; 0 in a binary one.
    """

    name: str
    op: str
    inputs: tuple[str, ...] = ()
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    line: int = 0

    @property
    def place(self) -> str:
        """How errors name this node."""
        return f"{self.name!r} ({self.op or 'no op'})"


@dataclass(frozen=True, slots=True)
class Argument:
    """An input or output of a function.

    Attributes:
        name: of the argument.
        dtype: its type; None where it is an attribute of the call.
        count_from: the attribute that says how many tensors it stands for, or "".
        types_from: the attribute that lists the types of the tensors it stands for, or "".
    """

    name: str
    dtype: DType | None = None
    count_from: str = ""
    types_from: str = ""


@dataclass(frozen=True, slots=True)
class FunctionDef:
    """A function of the library.

    Attributes:
        name: how calls refer to it.
        inputs, outputs: its signature.
        nodes: its body.
        returns: for each output's name the tensor of the body that it is.
    """

    name: str
    inputs: tuple[Argument, ...]
    outputs: tuple[Argument, ...]
    nodes: tuple[NodeDef, ...]
    returns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class GraphDef:
    """A whole file.

    Attributes:
        nodes: in the file's order.
        functions: the library, by name.
        producer: version of the TensorFlow that wrote the graph, 0 where it is not stated.
        results: the tensors that the file says are its outputs, by the names that it calls them.
    """

    nodes: tuple[NodeDef, ...]
    functions: Mapping[str, FunctionDef] = field(default_factory=dict)
    producer: int = 0
    results: Mapping[str, str] = field(default_factory=dict)


def require_rank(rank: int) -> None:
    """Refuse shapes of too many dimensions.

    Raises:
        ParseError: there are more than :data:`MAX_RANK`.
    """
    if rank > MAX_RANK:
        raise ParseError(f"a shape has more than {MAX_RANK} dimensions")


def require_shallow(depth: int, line: int | None = None) -> None:
    """Refuse messages that nest too deep.

    Raises:
        ParseError: at a depth of more than :data:`MAX_NESTING`.
    """
    if depth > MAX_NESTING:
        raise ParseError(f"the nesting is deeper than {MAX_NESTING} messages", line=line)
