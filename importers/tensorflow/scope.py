"""Importing a set of nodes: a graph's, or a function's in the place of its call."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping

from jaxdnn.errors import GraphError, InputError, JaxdnnError, JaxdnnWarning, located, some
from jaxdnn.importers.tensorflow.attributes import Attributes
from jaxdnn.importers.tensorflow.branches import lift_branches
from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.extract import reachable
from jaxdnn.importers.tensorflow.graphdef import Argument, FunctionDef, NodeDef
from jaxdnn.importers.tensorflow.loops import MERGES, lift_loops
from jaxdnn.importers.tensorflow.order import Reference, data_inputs, needed
from jaxdnn.importers.tensorflow.registry import RULES, NodeSource
from jaxdnn.importers.tensorflow.tensors import Tensor
from jaxdnn.layers.custom import Custom

MAX_CALLS = 64
"""How deep functions may call each other."""

MAX_CALLED = 2**17
"""How many nodes the bodies of all calls may have: functions that call each other twice make any number of a few."""


class Scope:
    """Nodes by name, and the values of those imported so far.

    Attributes:
        builder: what is built.
        nodes: all nodes by name.
        values: the values of each node or argument.
        prefix: what the names of values get in front.
    """

    def __init__(
        self,
        builder: TensorFlowBuilder,
        nodes: tuple[NodeDef, ...],
        given: Mapping[str, tuple[str, ...]] | None = None,
        prefix: str = "",
    ) -> None:
        self.builder = builder
        self.prefix = prefix
        self.values: dict[str, tuple[str, ...]] = dict(given or {})
        self.nodes: dict[str, NodeDef] = {}
        self._ports: dict[str, int] | None = None
        for node in nodes:
            if node.name in self.nodes:
                raise GraphError(f"two nodes are called {node.name!r}", line=node.line or None)
            self.nodes[node.name] = node

    def compute(self, references: tuple[str, ...]) -> tuple[str, ...]:
        """Import what the named outputs of nodes need, and return their values."""
        wanted = [Reference.parse(text) for text in references]
        ends = [reference.node for reference in wanted]
        self._lift(ends)
        for node in needed(self.nodes, ends, self.values):
            try:
                self._import(node, wanted)
            except JaxdnnError:
                with located(line=node.line or None, layer=node.place):
                    raise
        return tuple(self.read(reference) for reference in wanted)

    def _lift(self, ends: list[str]) -> None:
        """Turn TensorFlow 1's loops and branches into calls of functions."""
        if not any(node.op in MERGES for node in self.nodes.values()):
            return
        alive = reachable(self.nodes, ends, self.values)
        if not any(self.nodes[name].op in MERGES for name in alive):
            return
        nodes, loops = lift_loops(self.nodes, alive, self.values)
        for name in ends:
            if name not in nodes and name not in self.values:
                raise InputError(f"{name!r} lies inside of a loop and has no value behind it")
        nodes, branches = lift_branches(nodes, ends, self.values)
        self.nodes = dict(nodes)
        self.builder.functions = {**self.builder.functions, **loops, **branches}

    def read(self, reference: Reference) -> str:
        """Return the value that a reference means.

        Raises:
            GraphError: the node has fewer outputs.
        """
        if reference.node not in self.values:
            raise GraphError(f"the loop through {reference.node!r} is of a form that is not known")
        values = self.values[reference.node]
        node = self.nodes.get(reference.node)
        port = reference.port
        if node is not None and reference.argument:
            port = self._port(node, reference)
        if port >= len(values):
            what = f"output {port} of {reference.node!r}"
            plural = "s" * (len(values) != 1)
            raise GraphError(f"reads {what}, {node.op if node else 'which'} has {len(values)} output{plural}")
        return values[port]

    def _port(self, node: NodeDef, reference: Reference) -> int:
        if node.op in RULES:
            return RULES[node.op].port(reference.argument, reference.port)
        function = self.builder.functions.get(node.op)
        names = [argument.name for argument in function.outputs] if function else []
        first = names.index(reference.argument) if reference.argument in names else 0
        return first + reference.port

    def _highest_ports(self, wanted: Iterable[Reference]) -> dict[str, int]:
        """Return the highest output of each node that is wanted or that any node reads."""
        read = (Reference.parse(text) for node in self.nodes.values() for text in data_inputs(node))
        ports: dict[str, int] = {}
        for reference in (*wanted, *read):
            node = self.nodes.get(reference.node)
            port = self._port(node, reference) if node and reference.argument else reference.port
            ports[reference.node] = max(ports.get(reference.node, 0), port)
        return ports

    def _keep(self, node: NodeDef) -> bool:
        """Add a constant as its rule does, in half the time, if it is a usual one: they are half of a graph's nodes."""
        value = node.attributes.get("value")
        if self.prefix or node.inputs or "Const" in self.builder.custom or not isinstance(value, Tensor):
            return False
        array = value.array()
        if array.dtype == object:
            return False
        self.values[node.name] = (self.builder.const(node, array),)
        return True

    def _import(self, node: NodeDef, wanted: list[Reference]) -> None:
        b = self.builder
        b.origin = f"{b.path}:{node.line}" if node.line else b.path
        if node.op == "Const" and self._keep(node):
            return
        inputs = tuple([self.read(Reference.parse(text)) for text in data_inputs(node)])
        source = NodeSource(self.prefix + node.name, node.op, Attributes(node.attributes))
        if node.op in RULES and node.op not in b.custom:
            rule = RULES[node.op]
            rule.check(len(inputs))
            self.values[node.name] = rule.function(b, source, inputs)
            _report_unread(source)
        elif node.op in b.functions and node.op not in b.custom:
            self.values[node.name] = call(b, node.op, inputs, source.name)
        else:
            if self._ports is None:
                self._ports = self._highest_ports(wanted)
            fields, optional = source.attributes.plain()
            layer = Custom(
                type=node.op, fields=fields, optional=optional, channels_last=True, open_outputs=True
            )
            outputs = self._ports.get(node.name, 0) + 1
            self.values[node.name] = b.emit(source, layer, inputs, outputs=outputs)


def call(b: TensorFlowBuilder, name: str, arguments: tuple[str, ...], place: str) -> tuple[str, ...]:
    """Import a function's body and return its results.

    Args:
        b: what is built.
        name: of the function.
        arguments: value names.
        place: name of the call; the body's nodes are called ``place/node``.

    Raises:
        GraphError: the library has no such function, it calls itself, or the arguments do not fit.
    """
    if name not in b.functions:
        known = f"it has {some(list(b.functions))}" if b.functions else "it is empty"
        raise GraphError(f"function {name!r} is not in the graph's library: {known}")
    if name in b.calls:
        raise GraphError(f"function {name!r} calls itself without a bound: {' -> '.join([*b.calls, name])}")
    if len(b.calls) == MAX_CALLS:
        raise GraphError(f"functions call each other more than {MAX_CALLS} deep, down to {name!r}")
    function = b.functions[name]
    b.called += 1 + len(function.nodes)
    if b.called > MAX_CALLED:
        raise GraphError(
            f"functions call each other so often that they stand for more than {MAX_CALLED} nodes"
        )
    scope = Scope(b, function.nodes, _bind(function, arguments), f"{place}/")
    calls, b.calls = b.calls, (*b.calls, name)
    try:
        return scope.compute(_returned(function))
    finally:
        b.calls = calls


def _returned(function: FunctionDef) -> tuple[str, ...]:
    for output in function.outputs:
        if output.name not in function.returns:
            raise GraphError(f"function {function.name!r} does not say what its output {output.name!r} is")
    return tuple(function.returns[output.name] for output in function.outputs)


def _bind(function: FunctionDef, arguments: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Give each argument its values; one that is a list takes what the others leave."""
    lists = [argument for argument in function.inputs if _is_list(argument)]
    spare = len(arguments) - (len(function.inputs) - len(lists))
    if spare < 0 or (spare > 0 and len(lists) != 1):
        raise GraphError(
            f"function {function.name!r} takes {len(function.inputs)} arguments, {len(arguments)} are given"
        )
    bound, position = {}, 0
    for argument in function.inputs:
        count = spare if _is_list(argument) else 1
        bound[argument.name] = arguments[position : position + count]
        position += count
    return bound


def _is_list(argument: Argument) -> bool:
    return bool(argument.count_from or argument.types_from)


def _report_unread(source: NodeSource) -> None:
    for name in source.attributes.unread():
        warnings.warn(
            f"{source.name!r} ({source.op}): attribute {name!r} is not known and was ignored",
            JaxdnnWarning,
            stacklevel=2,
        )
