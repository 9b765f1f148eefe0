"""Importing the nodes of a graph: the model's, a branch's, a loop's or a function's."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import onnx

from jaxdnn.errors import GraphError, JaxdnnWarning, located
from jaxdnn.importers.onnx.attributes import Attributes
from jaxdnn.importers.onnx.functions import Key, body_of, calls_of, standard_function
from jaxdnn.importers.onnx.graphs import Body, Stored, bodies_of, domain_of, place
from jaxdnn.importers.onnx.registry import RULES, NodeSource, Values
from jaxdnn.importers.onnx.tensors import array_of, dense_of
from jaxdnn.layers.custom import Custom

if TYPE_CHECKING:
    from jaxdnn.importers.onnx.builder import OnnxBuilder


class Scope:
    """Nodes, and the values of those imported so far.

    Attributes:
        builder: what is built.
        body: the nodes.
        values: names of the builder's values by ONNX's names; ``""`` for what is left out.
        versions: of the operator set of each domain.
        outer: the graph around this one, whose values it may read.
        prefix: what the names of nodes and values get in front.
    """

    def __init__(
        self,
        builder: OnnxBuilder,
        body: Body,
        given: Mapping[str, str],
        versions: Mapping[str, int],
        outer: Scope | None = None,
        prefix: str = "",
    ) -> None:
        self.builder = builder
        self.body = body
        self.values = dict(given)
        self.versions = versions
        self.outer = outer
        self.prefix = prefix

    def compute(self, names: Iterable[str]) -> Values:
        """Import what these values need, and return them."""
        names = tuple(names)
        for node in self.body.needed(names, self.values):
            with located(layer=place(node)):
                self._import(node)
        return tuple(self.read(name) for name in names)

    def read(self, name: str) -> str:
        """Return the builder's value of this name; ``""`` is the one that is left out.

        Raises:
            GraphError: nothing yields it.
        """
        if not name:
            return ""
        if name in self.values:
            return self.values[name]
        if name in self.body.stored:
            self.values[name] = self.builder.stored(self.prefix + name, self._array(self.body.stored[name]))
            return self.values[name]
        if self.outer is None:
            raise GraphError(f"reads {name!r}, which no node yields")
        return self.outer.read(name)

    def run(self, graph: onnx.GraphProto, arguments: Values, place: str) -> Values:
        """Import a graph that lies inside of a node, and return its outputs.

        Args:
            graph: may read the values of this scope.
            arguments: what its inputs are.
            place: what the names of its nodes get in front.

        Raises:
            GraphError: the graph has another number of inputs.
        """
        body = Body.of(graph)
        names = [name for name in body.inputs if name not in body.stored]
        if len(names) != len(arguments):
            raise GraphError(
                f"its graph {graph.name!r} has {len(names)} inputs, {len(arguments)} are expected"
            )
        given = dict(zip(names, arguments, strict=True))
        scope = Scope(self.builder, body, given, self.versions, self, f"{place}/")
        return scope.compute(body.outputs)

    def _array(self, stored: Stored) -> np.ndarray:
        files = self.builder.files
        return array_of(stored, files) if isinstance(stored, onnx.TensorProto) else dense_of(stored, files)

    def _import(self, proto: onnx.NodeProto) -> None:
        b = self.builder
        b.origin = b.path
        # What graphs inside of the node read has to be there before: what they add themselves only they can read.
        for name in (name for body in bodies_of(proto) for name in body.captured):
            self.read(name)
        inputs = tuple([self.read(name) for name in proto.input])
        results = self._results(proto, inputs)
        for output, value in zip(proto.output, results, strict=False):
            if output:
                self.values.setdefault(output, value)

    def _results(self, proto: onnx.NodeProto, inputs: Values) -> Values:
        b, domain = self.builder, domain_of(proto)
        name = proto.name or next(filter(None, proto.output), proto.op_type)
        outputs = tuple([output and self.prefix + output for output in proto.output])
        source = NodeSource(
            self.prefix + name,
            proto.op_type,
            self._version(domain),
            Attributes.of(proto.attribute, b.files),
            outputs,
            self,
        )
        key = domain, proto.op_type, proto.overload
        custom = b.custom_type(domain, proto.op_type)
        if custom is None and key in b.functions:
            return self._call(key, b.functions[key], proto, inputs, source.name)
        rule = RULES.get((domain, proto.op_type))
        if custom is None and rule is not None:
            results = rule.function(b, source, rule.filled(inputs))
            _report_unread(source)
            return results
        if custom is None:
            types = [b.type_of(name) for name in proto.input]
            function = standard_function(proto, domain, source.version, types)
            if function is not None:
                return self._call(key, function, proto, inputs, source.name)
        layer = Custom(
            type=custom or (f"{domain}::{proto.op_type}" if domain else proto.op_type),
            fields=source.attributes.plain(),
            open_outputs=True,
        )
        return b.emit(source, layer, tuple(filter(None, inputs)), outputs=len(outputs))

    def _version(self, domain: str) -> int:
        if domain in self.versions:
            return self.versions[domain]
        if not domain:
            raise GraphError("the model does not say which version of the standard's operators it uses")
        return 1

    def _call(
        self, key: Key, function: onnx.FunctionProto, node: onnx.NodeProto, inputs: Values, place: str
    ) -> Values:
        """Import a function's body."""
        b = self.builder
        body = body_of(function, node)
        calls, b.calls = b.calls, calls_of(b, key, len(body.nodes))
        arguments = dict(zip(body.inputs, inputs + ("",) * (len(body.inputs) - len(inputs)), strict=True))
        versions = {domain_of(item): item.version for item in function.opset_import} or self.versions
        try:
            scope = Scope(b, body, arguments, versions, prefix=f"{place}/")
            wanted = [name if given else "" for name, given in zip(body.outputs, node.output, strict=False)]
            return scope.compute(wanted)
        finally:
            b.calls = calls


def _report_unread(source: NodeSource) -> None:
    for unread in source.attributes.unread():
        warnings.warn(
            f"{source.name!r} ({source.op}): attribute {unread!r} is not known and was ignored",
            JaxdnnWarning,
            stacklevel=2,
        )
