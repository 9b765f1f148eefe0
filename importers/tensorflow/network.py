"""From files to a model: the graph, what it is fed, and what it yields."""

from __future__ import annotations

from collections.abc import Container, Iterable

from jaxdnn.errors import FileError, GraphError, InputError, located, some
from jaxdnn.importers.files import basename, kind_of, read_head, read_text
from jaxdnn.importers.tensorflow import rules as _rules  # noqa: F401  (registers all rules)
from jaxdnn.importers.tensorflow.attributes import Attributes
from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.graphdef import GraphDef, NodeDef, TensorShape
from jaxdnn.importers.tensorflow.order import Reference, data_inputs, needed
from jaxdnn.importers.tensorflow.postprocessor import recognize
from jaxdnn.importers.tensorflow.savedmodel import read_graph
from jaxdnn.importers.tensorflow.scope import Scope
from jaxdnn.importers.tensorflow.stored import dequantized
from jaxdnn.importers.tensorflow.tensors import NAMES, DType
from jaxdnn.importers.tensorflow.text import read_text as parse_text
from jaxdnn.importers.tensorflow.textgraph import CROP, translate
from jaxdnn.ir import Model, Source

_NO_RESULT = frozenset(
    (
        *("Const", "NoOp", "Assert", "Print", "PrintV2", "SaveV2", "RestoreV2", "Placeholder"),
        *("PlaceholderWithDefault", "ScalarSummary", "MergeSummary", "HistogramSummary", "ImageSummary"),
    )
)
_VARIABLES = frozenset(("Variable", "VariableV2", "VarHandleOp", "VarIsInitializedOp", "TemporaryVariable"))
_SOURCES = frozenset(("Const", "Identity", "Dequantize", "Cast", "Bitcast"))
"""What a text graph may take from its binary file: weights, however they are stored."""

_INPUTS = ("Placeholder", "PlaceholderV2", "PlaceholderWithDefault")


def load_model(
    paths: list[str],
    *,
    inputs: Iterable[str] | None = None,
    outputs: Iterable[str] | None = None,
    custom: Container[str] = (),
) -> Model:
    """Read a frozen graph.

    Args:
        paths: a binary GraphDef, a text one, or both: then the text says what is computed, and the binary
            file's constants are its weights. A SavedModel's file, if its variables are constants.
        inputs: what a call feeds instead of the placeholders.
        outputs: what a call returns; by default a SavedModel's outputs under the names of its signature,
            else the nodes that nobody reads.
        custom: the ops that functions of the user compute, known ones too.

    Raises:
        JaxdnnError: a file cannot be read or does not make sense; the message says where.
    """
    graph = _read(paths)
    with located(file=paths[0]):
        if not graph.nodes:
            raise FileError("not a GraphDef: there is no node in it")
        return _import(graph, paths, inputs, outputs, custom)


def _read(paths: list[str]) -> GraphDef:
    """Read a graph, or a text graph and the binary one that holds its weights."""
    kinds = {path: kind_of(read_head(path)) for path in paths}
    if len(paths) == 1:
        return _read_text(paths[0]) if kinds[paths[0]] == "text" else _read_binary(paths[0])
    texts = [path for path in paths if kinds[path] == "text"]
    binaries = [path for path in paths if kinds[path] == "binary"]
    if len(texts) != 1 or len(binaries) != 1:
        kind = "text" if texts else "binary"
        raise FileError(f"both files are {kind}: one .pb and one .pbtxt are expected", file=paths[1])
    return _merge(_read_text(texts[0]), _read_binary(binaries[0], _SOURCES))


def _read_text(path: str) -> GraphDef:
    with located(file=path):
        return parse_text(read_text(path))


def _read_binary(path: str, ops: Container[str] | None = None) -> GraphDef:
    with located(file=path), open(path, "rb") as file:
        return read_graph(file.read(), ops)


def _merge(text: GraphDef, binary: GraphDef) -> GraphDef:
    """Join a text graph and the binary one that holds its weights.

    The text's nodes are the graph. A constant is the binary file's of the same name, if there is one; constants and
    other pure sources that only the binary file has may be read by name.
    """
    stored = {node.name: node.attributes for node in binary.nodes if node.op == "Const"}
    own = {node.name for node in text.nodes}
    nodes = [
        NodeDef(node.name, "Const", node.inputs, stored[node.name], node.line)
        if node.op == "Const" and node.name in stored
        else node
        for node in text.nodes
    ]
    nodes += _read_only_there(nodes, [node for node in binary.nodes if node.name not in own])
    functions = {**binary.functions, **text.functions}
    return GraphDef(translate(tuple(nodes)), functions, text.producer or binary.producer)


def _read_only_there(nodes: list[NodeDef], others: list[NodeDef]) -> list[NodeDef]:
    """Return the binary file's sources that the text graph's nodes read, and what those read."""
    sources = {node.name: node for node in others if node.op in _SOURCES}
    found: dict[str, NodeDef] = {}
    pending = list(nodes)
    while pending:
        for text in data_inputs(pending.pop()):
            name = Reference.parse(text).node
            if name in sources and name not in found:
                found[name] = sources[name]
                pending.append(sources[name])
    return list(found.values())


def _import(
    graph: GraphDef,
    paths: list[str],
    inputs: Iterable[str] | None,
    outputs: Iterable[str] | None,
    custom: Container[str],
) -> Model:
    builder = TensorFlowBuilder(graph.functions, graph.producer, paths[0], custom)
    fed = {Reference.parse(name).node for name in inputs or ()}
    nodes = graph.nodes if "Dequantize" in custom else dequantized(graph.nodes, fed)
    scope = Scope(builder, recognize(nodes))
    if outputs is None:
        outputs = graph.results or _guessed_outputs(graph)
    names = tuple(outputs)
    ends = tuple(graph.results.get(name, name) for name in names)
    for name in (*ends, *(inputs or ())):
        if Reference.parse(name).node not in scope.nodes:
            raise InputError(f"the graph has no node {name!r}; it has {some(list(scope.nodes))}")
    for name in inputs or ():
        _feed(scope, name)
    if any(node.op in _VARIABLES for node in graph.nodes):
        _refuse_variables(needed(scope.nodes, [Reference.parse(name).node for name in ends], scope.values))
    values = scope.compute(ends)
    aliases = {
        name if port == 0 else f"{name}:{port}": value
        for name, found in scope.values.items()
        for port, value in enumerate(found)
    }
    aliases |= dict(zip(names, values, strict=True))
    aliases = {name: value for name, value in aliases.items() if name != value}
    source = Source("tensorflow", tuple(paths), {})
    return builder.finish(basename(paths[0]), names, aliases, source)


def _guessed_outputs(graph: GraphDef) -> tuple[str, ...]:
    """Return the nodes that no node reads, without those that yield nothing and forgotten constants.

    Detections are a result even where masks are computed for them.
    """
    texts = {
        text
        for node in graph.nodes
        for text in (data_inputs(node)[:1] if node.op == CROP else data_inputs(node))
    }
    read = {Reference.parse(text).node for text in texts}
    ends = [node for node in graph.nodes if node.name not in read and node.op not in _NO_RESULT]
    if any(node.op == "Identity" for node in ends):
        constants = {node.name for node in graph.nodes if node.op == "Const"}
        ends = [
            node for node in ends if not (node.op == "Identity" and constants.issuperset(data_inputs(node)))
        ]
    if not ends:
        raise GraphError("the graph yields nothing that no other node reads: name the outputs")
    return tuple([node.name for node in ends])


def _feed(scope: Scope, name: str) -> None:
    """Make an inner node an input of the graph. A placeholder becomes one when it is imported."""
    reference = Reference.parse(name)
    node = scope.nodes[reference.node]
    if node.op in _INPUTS:
        return
    attributes = Attributes(node.attributes)
    shapes = attributes.shapes("_output_shapes", [])
    shape = shapes[reference.port] if reference.port < len(shapes) else TensorShape(None)
    value = scope.builder.input(name, shape.sizes, _output_type(node).numpy or "float32")
    known = scope.values.get(node.name, ())
    missing = tuple(f"{node.name}:{port}" for port in range(len(known), reference.port))
    scope.values[node.name] = (*known, *missing, value)


def _output_type(node: NodeDef) -> DType:
    attributes = Attributes(node.attributes)
    for name in ("dtype", "DstT", "out_type", "Tout", "T"):
        value = node.attributes.get(name)
        if isinstance(value, DType):
            return attributes.dtype(name)
    return DType(NAMES["FLOAT"])


def _refuse_variables(nodes: list[NodeDef]) -> None:
    variables = [node.name for node in nodes if node.op in _VARIABLES]
    if variables:
        raise GraphError(
            f"the graph is not frozen, it has {len(variables)} variables ({some(variables)}): "
            "freeze it first, which replaces variables by constants (convert_variables_to_constants_v2 in "
            "TensorFlow 2, freeze_graph in TensorFlow 1)"
        )
