"""A graph as a pure jax function of its parameters and inputs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import InputError, LayerError, ShapeError, UnsupportedLayerError, located
from jaxdnn.ir import Graph, Node, Params, split_reference
from jaxdnn.layers.base import dims
from jaxdnn.layers.custom import Custom
from jaxdnn.lowering.namespace import narrow
from jaxdnn.lowering.padded import Padded, repad, unpad
from jaxdnn.lowering.registry import LOWERINGS, Lowering
from jaxdnn.lowering.static import static_inputs
from jaxdnn.policy import Policy

CustomLayers = Mapping[str, Callable[..., Any]]


class Program:
    """A lowered graph. Calling it computes outputs; it is pure, so jit, grad and vmap apply to it.

    Attributes:
        graph: what it computes.
        policy: in which types.
        custom_layers: the user's functions, by source type.
        static_inputs: the inputs that decide shapes. Fed as numpy arrays they are known while tracing.
    """

    def __init__(
        self, graph: Graph, *, policy: Policy | None = None, custom_layers: CustomLayers | None = None
    ) -> None:
        self.graph = graph
        self.policy = policy or Policy()
        self.custom_layers = dict(custom_layers or {})
        self._lowerings = {node.name: self._lowering(node) for node in graph.nodes}
        self.fallbacks = {v.name: narrow(v.fallback) for v in graph.inputs if v.fallback is not None}
        self.static_inputs = static_inputs(graph, self._lowerings)
        self._compiled: dict[tuple[Any, ...], Callable[..., dict[str, Any]]] = {}
        self._lock = threading.Lock()
        unknown = [node for node in graph.nodes if self._lowerings[node.name] is None]
        if unknown:
            raise UnsupportedLayerError(_describe_unknown(unknown))

    def _lowering(self, node: Node) -> Lowering | None:
        if isinstance(node.layer, Custom):
            function = self.custom_layers.get(node.layer.type)
            return None if function is None else Lowering(_call_custom(function))
        lowering = LOWERINGS[type(node.layer)]
        if not lowering.nested:
            return lowering
        graphs = tuple(
            Nested(Program(graph, policy=self.policy, custom_layers=self.custom_layers))
            for graph in node.layer.graphs  # type: ignore[attr-defined]
        )
        return replace(lowering, function=partial(lowering.function, graphs=graphs))

    def __call__(
        self, params: Params, inputs: Mapping[str, Any], outputs: Iterable[str] | None = None
    ) -> dict[str, Any]:
        """Compute values by name.

        Args:
            params: arrays by owner and slot.
            inputs: arrays by input name. Optional inputs may be left out.
            outputs: names as :meth:`Graph.resolve` knows them; by default :meth:`default_outputs` for what is fed.

        Returns:
            arrays by these names, or :class:`Padded` where a size depends on the data.
        """
        names = self.default_outputs(inputs) if outputs is None else outputs
        values = {name: self.graph.resolve(name) for name in names}
        arrays = self._evaluate(params, inputs, tuple(dict.fromkeys(values.values())))
        return {name: arrays[value] for name, value in values.items()}

    def values(self, params: Params, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Compute every value that the fed inputs allow, in topological order."""
        return self._evaluate(params, inputs, self.computable(inputs))

    def jitted(
        self, outputs: tuple[str, ...], static: Mapping[str, np.ndarray] | None = None
    ) -> Callable[..., dict[str, Any]]:
        """Return ``f(params, inputs)``, compiled per shape and kept for these outputs and static inputs."""
        fixed = dict(static or {})
        key = (outputs, tuple((name, x.shape, x.dtype.str, x.tobytes()) for name, x in fixed.items()))
        with self._lock:
            if key not in self._compiled:

                def run(params: Params, inputs: Mapping[str, Any]) -> dict[str, Any]:
                    return self(params, {**inputs, **fixed}, outputs)

                self._compiled[key] = jax.jit(run)
            return self._compiled[key]

    def computable(self, fed: Iterable[str]) -> tuple[str, ...]:
        """Return the values that can be computed when just these inputs are fed."""
        fed = {*fed, *self.fallbacks}
        known = dict.fromkeys(name for name in self.graph.values if name in fed)
        for node in self.graph.nodes:
            if all(name in known for name in node.inputs):
                known.update(dict.fromkeys(node.outputs))
        return tuple(known)

    def default_outputs(self, fed: Iterable[str]) -> tuple[str, ...]:
        """Return the graph's outputs; where an optional input is not fed, what takes their place.

        An output that needs a missing input gives way to the computable values that nothing else
        computable consumes: a classifier with a loss layer yields its probabilities without labels.
        """
        fed = tuple(fed)
        computable = self.computable(fed)
        known = set(computable)
        outputs = {name: self.graph.resolve(name) for name in self.graph.outputs}
        if outputs and known.issuperset(outputs.values()):
            return self.graph.outputs
        consumed = {
            name
            for node in self.graph.nodes
            if node.outputs and node.outputs[0] in known
            for name in node.inputs
        }
        stated = tuple(name for name, value in outputs.items() if value in known)
        covered = {outputs[name] for name in stated}
        return stated + tuple(n for n in computable if n not in consumed | covered and n not in fed)

    def _evaluate(self, params: Params, inputs: Mapping[str, Any], wanted: tuple[str, ...]) -> dict[str, Any]:
        """Interpret the graph as far as these values need it."""
        # Each layer converts what it reads; labels and boxes reach those that compute in float32 exactly.
        known: dict[str, Any] = dict(self.fallbacks)
        for name, value in inputs.items():
            fixed = name in self.static_inputs and isinstance(value, np.ndarray)
            known[name] = narrow(value) if fixed else jnp.asarray(value)
        arrays = self.interpret(lambda node: self._weights(node, params), known, wanted)
        return {name: self._cast(array, self.policy.output) for name, array in arrays.items()}

    def interpret(
        self,
        weights_of: Callable[[Node], Mapping[str, Any]],
        known: dict[str, Any],
        wanted: tuple[str, ...],
    ) -> dict[str, Any]:
        """Compute values from known ones, which are taken as they are, in the policy's types."""
        with jax.default_matmul_precision("float32" if self.policy.compute == "float32" else "default"):
            for node in self.needed(wanted):
                missing = [name for name in node.inputs if name not in known]
                if missing:
                    raise InputError(f"input {missing[0]!r} is needed for {', '.join(map(repr, wanted))}")
                arguments = tuple(known[name] for name in node.inputs)
                results = self.run(node, weights_of(node), arguments)
                known.update(zip(node.outputs, results, strict=True))
        return {name: known[name] for name in wanted}

    def needed(self, wanted: Iterable[str]) -> list[Node]:
        """Return the nodes that these values need, in order."""
        alive = set(wanted)
        needed = []
        for node in reversed(self.graph.nodes):
            if alive.intersection(node.outputs):
                alive.update(node.inputs)
                needed.append(node)
        return needed[::-1]

    def run(self, node: Node, weights: Mapping[str, Any], arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Compute one node.

        Args:
            node: of the graph.
            weights: arrays by slot.
            arguments: the values of the node's inputs.

        Raises:
            JaxdnnError: with the node's name and place in its file.
        """
        lowering = self._lowerings[node.name]
        assert lowering is not None
        dtype = "float32" if lowering.float32 else self.policy.compute
        plain = tuple(self._cast(unpad(value), dtype) for value in arguments)
        if not lowering.numpy:
            plain = tuple(jnp.asarray(v) if isinstance(v, np.ndarray | np.generic) else v for v in plain)
        try:
            with located(**place(node)), jax.named_scope(node.name):
                weights = {slot: self._cast(weight, dtype) for slot, weight in weights.items()}
                result = lowering.function(node.layer, weights, *plain)
                results = result if isinstance(result, tuple) else (result,)
                results = tuple(self._cast(repad(arguments, narrow(value)), dtype) for value in results)
        except (TypeError, ValueError) as error:
            shapes = ", ".join(dims(np.shape(value)) for value in plain)
            raise ShapeError(
                f"cannot be computed on inputs of shape {shapes}: {error}", **place(node)
            ) from error
        if len(results) != len(node.outputs):
            raise LayerError(f"gives {len(results)} outputs, {len(node.outputs)} are named", **place(node))
        return results

    def _weights(self, node: Node, params: Params) -> dict[str, Any]:
        weights = {}
        for slot, reference in node.params.items():
            owner, key = split_reference(reference)
            try:
                weights[slot] = params[owner][key]
            except KeyError:
                raise InputError(f"has no parameter {reference!r}", **place(node)) from None
        return weights

    def _cast(self, value: Any, dtype: str) -> Any:
        """Convert floating arrays to a dtype; numpy stays numpy, so that constants stay concrete."""
        if isinstance(value, Padded):
            return value.like(self._cast(value.values, dtype))
        if value.dtype == dtype or not jnp.issubdtype(value.dtype, jnp.floating):
            return value
        return value.astype(dtype)


class Nested:
    """A program inside a layer: an :class:`~jaxdnn.lowering.registry.Interpreter`."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._inputs = tuple(value.name for value in program.graph.inputs)

    def __call__(
        self, weights: Mapping[str, Any], inputs: tuple[Any, ...], outputs: tuple[int, ...] | None = None
    ) -> tuple[Any, ...]:
        """See :class:`~jaxdnn.lowering.registry.Interpreter`."""

        def weights_of(node: Node) -> dict[str, Any]:
            return {slot: weights[reference] for slot, reference in node.params.items()}

        names = self._names(outputs)
        known = dict(zip(self._inputs, inputs, strict=True))
        values = self._program.interpret(weights_of, known, names)
        return tuple(values[name] for name in names)

    def reads(self, outputs: tuple[int, ...]) -> set[int]:
        """See :class:`~jaxdnn.lowering.registry.Interpreter`."""
        names = self._names(outputs)
        read = {name for node in self._program.needed(names) for name in node.inputs}.union(names)
        return {index for index, name in enumerate(self._inputs) if name in read}

    def _names(self, outputs: tuple[int, ...] | None) -> tuple[str, ...]:
        names = self._program.graph.outputs
        return names if outputs is None else tuple(names[index] for index in outputs)


def place(node: Node) -> dict[str, Any]:
    """Return where a node comes from, as :func:`~jaxdnn.errors.located` takes it."""
    file, _, line = node.origin.rpartition(":")
    where: dict[str, Any] = {"layer": f"{node.name!r} ({type_name(node)})"}
    if line.isdigit():
        where |= {"file": file, "line": int(line)}
    return where


def type_name(node: Node) -> str:
    """Return the layer's type as a message shows it: the source's name of a custom layer."""
    return node.layer.type if isinstance(node.layer, Custom) else type(node.layer).__name__


def _call_custom(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(layer: Custom, weights: Mapping[str, Any], *inputs: Any) -> Any:
        return function(weights, *inputs, **dict(layer.fields))

    return call


def _describe_unknown(nodes: list[Node]) -> str:
    lines = [
        f"  {type_name(node)}: layer {node.name!r}" + (f" at {node.origin}" if node.origin else "")
        for node in nodes
    ]
    return "\n".join(
        [
            f"unknown layer types: {', '.join(dict.fromkeys(map(type_name, nodes)))}. A function for each can be "
            "given as custom_layers={'Type': f}, f(weights, *inputs, **attributes)",
            *lines,
        ]
    )
