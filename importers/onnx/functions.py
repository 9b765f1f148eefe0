"""Functions, those of the model and those by which the standard defines operators, imported in place of a call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import onnx
from onnx import defs, helper

from jaxdnn.errors import GraphError
from jaxdnn.importers.onnx.graphs import Body, domain_of

if TYPE_CHECKING:
    from jaxdnn.importers.onnx.builder import OnnxBuilder

Key = tuple[str, str, str]
"""What a call names: domain, name and overload."""

MAX_CALLS = 64
"""How deep functions may call each other."""

MAX_CALLED = 2**15
"""How many nodes the bodies of all calls may have: functions that call each other twice make any number of a few."""


def standard_function(
    node: onnx.NodeProto, domain: str, version: int, types: Iterable[onnx.TypeProto]
) -> onnx.FunctionProto | None:
    """Return the function by which the standard defines an operator, None if there is none.

    Args:
        node: one that the operator computes.
        domain: of the operator.
        version: of the domain's operator set.
        types: of the node's inputs, as far as they are known.
    """
    schema: Any  # the package's types lack the functions
    try:
        schema = defs.get_schema(node.op_type, version, domain)
    except defs.SchemaError:
        return None
    if schema.has_function:
        known = schema.function_opset_versions
        body = schema.get_function_with_opset_version(_latest(known, version))
    elif schema.has_context_dependent_function:
        known = schema.context_dependent_function_opset_versions
        body = schema.get_context_dependent_function_with_opset_version(
            _latest(known, version), node.SerializeToString(), [each.SerializeToString() for each in types]
        )
    else:
        return None
    function = onnx.FunctionProto.FromString(body)
    defaults = (attribute.default_value for attribute in schema.attributes.values())
    function.attribute_proto.extend(default for default in defaults if default.name)
    if not any(domain_of(item) == "" for item in function.opset_import):
        function.opset_import.append(helper.make_opsetid("", defs.onnx_opset_version()))
    return function if function.node else None


def _latest(known: list[int], version: int) -> int:
    """Return the latest of the versions that a function is written in, up to the model's where there is one."""
    return max((each for each in known if each <= version), default=min(known))


def body_of(function: onnx.FunctionProto, node: onnx.NodeProto) -> Body:
    """Return a function's nodes with the attributes that a call states, or else the function's defaults.

    Raises:
        GraphError: the call has more inputs or outputs than the function.
    """
    for what, given, known in (
        ("inputs", node.input, function.input),
        ("outputs", node.output, function.output),
    ):
        if len(given) > len(known):
            raise GraphError(f"has {len(given)} {what}, function {function.name!r} has {len(known)}")
    stated = {attribute.name: attribute for attribute in (*function.attribute_proto, *node.attribute)}
    bound = onnx.FunctionProto()
    bound.CopyFrom(function)
    _bind(bound.node, stated)
    return Body(tuple(bound.node), tuple(bound.input), tuple(bound.output))


def _bind(nodes: Iterable[onnx.NodeProto], stated: Mapping[str, onnx.AttributeProto]) -> None:
    """Put values in the places of references to a function's attributes; one that has none is left out."""
    for node in nodes:
        kept = []
        for attribute in node.attribute:
            name = attribute.name
            if attribute.ref_attr_name:
                if attribute.ref_attr_name not in stated:
                    continue
                attribute.CopyFrom(stated[attribute.ref_attr_name])
                attribute.name = name
            else:
                for graph in (attribute.g, *attribute.graphs):
                    _bind(graph.node, stated)
            kept.append(attribute)
        if len(kept) < len(node.attribute):
            copies = [onnx.AttributeProto.FromString(each.SerializeToString()) for each in kept]
            del node.attribute[:]
            node.attribute.extend(copies)


def calls_of(b: OnnxBuilder, key: Key, count: int) -> tuple[Key, ...]:
    """Return the calls around the body of a function of so many nodes, which is one of them.

    Raises:
        GraphError: it calls itself, or calls make too many nodes.
    """
    names = " -> ".join(name for _, name, _ in (*b.calls, key))
    if key in b.calls:
        raise GraphError(f"function {key[1]!r} calls itself without a bound: {names}")
    if len(b.calls) == MAX_CALLS:
        raise GraphError(f"functions call each other more than {MAX_CALLS} deep, down to {key[1]!r}")
    b.called += 1 + count
    if b.called > MAX_CALLED:
        raise GraphError(
            f"functions call each other so often that they stand for more than {MAX_CALLED} nodes"
        )
    return (*b.calls, key)
