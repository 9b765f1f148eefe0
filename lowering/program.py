"""A graph as a pure jax function of its parameters and inputs."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Container, Iterable, Mapping, Set
from dataclasses import replace
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import InputError, JaxdnnError, LayerError, ShapeError, UnsupportedLayerError, located
from jaxdnn.ir import Graph, Node, Params, split_reference
from jaxdnn.layers.base import dims
from jaxdnn.layers.control import While
from jaxdnn.layers.custom import Custom
from jaxdnn.layers.late import Late
from jaxdnn.lowering.chains import chains, compute_together
from jaxdnn.lowering.custom import Given, describe_unknown, parse
from jaxdnn.lowering.equality import ComparedByContent
from jaxdnn.lowering.layout import channels_last, given, logical, taken
from jaxdnn.lowering.namespace import narrow
from jaxdnn.lowering.nested import Nested
from jaxdnn.lowering.opencv import HostLayer, lower_custom
from jaxdnn.lowering.padded import (
    DataDependentError,
    Padded,
    depends_on_data,
    repad,
    unpad,
    with_origin,
)
from jaxdnn.lowering.places import place
from jaxdnn.lowering.precision import at_least_float32, cast, is_half, widest
from jaxdnn.lowering.preparation import Jitted, jit_here
from jaxdnn.lowering.recipes import Choices, choosing, on_cpu
from jaxdnn.lowering.registry import LOWERINGS, Lowering
from jaxdnn.lowering.rows import keeps_rows, may_need_rows
from jaxdnn.lowering.static import decides_shapes, deciding, nested_deciders, shape_deciders, static_inputs
from jaxdnn.policy import Policy

_KEPT = 128
"""How many compiled functions a program keeps."""
_SIZE = "the size of an input"

CustomLayers = Mapping[str, Given]


class Program(ComparedByContent):
    """A lowered graph. Calling it computes outputs; it is pure, so jit, grad and vmap apply to it.

    Attributes:
        graph: what it computes.
        policy: in which types.
        custom_layers: the user's functions, by source type.
        host_layers: the layers that run on the host, by node name; those of nested graphs are among them.
        static_inputs: the inputs that decide shapes. Fed as numpy arrays they are known while tracing.
        parts: what has to be known before values can be computed, as calls have found out, see
            :mod:`~jaxdnn.lowering.parts`.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        policy: Policy | None = None,
        custom_layers: CustomLayers | None = None,
        stored: Params | None = None,
    ) -> None:
        self.graph = graph
        self.policy = policy or Policy()
        self.custom_layers = parse(custom_layers or {})
        self.host_layers: dict[str, HostLayer] = {}
        self._nested: dict[str, tuple[Nested, ...]] = {}
        self._lowerings = {node.name: self._lowering(node, stored or {}) for node in graph.nodes}
        self.fallbacks = {v.name: narrow(v.fallback) for v in graph.inputs if v.fallback is not None}
        self.static_inputs = static_inputs(graph, self._lowerings)
        self._types = {node.name: self._types_of(node) for node in graph.nodes}
        self._check_policy()
        self.parts: dict[tuple[str, ...], tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = {}
        self._compiled: dict[tuple[Any, ...], Jitted] = {}
        self._default_outputs: dict[frozenset[str], tuple[str, ...]] = {}
        self._lock = threading.Lock()
        unknown = [node for node in graph.nodes if self._lowerings[node.name] is None]
        if unknown:
            raise UnsupportedLayerError(describe_unknown(unknown))

    def _lowering(self, node: Node, stored: Params) -> Lowering | None:
        if isinstance(node.layer, Custom):
            custom = self.custom_layers.get(node.layer.type)
            if custom is None:
                return None
            lowering = lower_custom(custom, node, self.graph, stored, place(node))
            if isinstance(lowering.function, HostLayer):
                self.host_layers[node.name] = lowering.function
            return lowering
        lowering = LOWERINGS[type(node.layer)]
        if isinstance(node.layer, Late):
            inner = LOWERINGS[type(node.layer.layer)]
            return replace(lowering, float32=inner.keeps_float32(node.layer.layer), moves=inner.moves)
        if not lowering.nested:
            return lowering
        programs = [
            Program(graph, policy=self.policy, custom_layers=self.custom_layers, stored=stored)
            for graph in node.layer.graphs  # type: ignore[attr-defined]
        ]
        for program in programs:
            self.host_layers |= program.host_layers
        dtype = at_least_float32(self.policy.of(node.name).compute)
        self._nested[node.name] = graphs = tuple(Nested(program, dtype) for program in programs)
        function, known = (partial(each, graphs=graphs) for each in (lowering.function, nested_deciders))
        return replace(lowering, function=function, known=known)

    def _types_of(self, node: Node) -> tuple[str, str]:
        """Return the types that a node's parameters are kept and its results computed in."""
        policy, lowering = self.policy.of(node.name), self._lowerings[node.name]
        if lowering is not None and lowering.keeps_float32(node.layer):
            return at_least_float32(policy.params), at_least_float32(policy.compute)
        return policy.params, policy.compute

    def _check_policy(self) -> None:
        used = {self.policy.params, self.policy.compute, self.policy.output}.union(*self._types.values())
        if "float64" in used and jax.dtypes.canonicalize_dtype("float64") != "float64":
            raise InputError(f"policy '{self.policy}' has float64, which needs jax_enable_x64")

    def compute_type(self, node: Node) -> str:
        """Return the type that a node computes in."""
        return self._types[node.name][1]

    @cached_property
    def param_types(self) -> dict[str, str]:
        """The type that each parameter is kept in, by ``"owner/slot"``: of those that share it, the widest."""
        types: dict[str, str] = {}
        for node in self.graph.nodes:
            for slot, reference in node.params.items():
                nested = [graph.param_types for graph in self._nested.get(node.name, ())]
                inner = [kept[slot] for kept in nested if slot in kept]
                for kept in inner or [self._types[node.name][0]]:
                    types[reference] = widest(types.get(reference, kept), kept)
        return types

    def lowering_of(self, node: Node) -> Lowering:
        """Return how a node computes."""
        lowering = self._lowerings[node.name]
        assert lowering is not None
        return lowering

    def choices_for(self, node: Node) -> Choices:
        """Return what decides how a CPU computes a node."""
        return Choices(self.policy.of(node.name).exact, measured=self.policy.tuning.recipes)

    def type_for(self, node: Node, arguments: tuple[Any, ...]) -> str:
        """Return the type that a node computes in when it reads these values."""
        lowering, compute = self.lowering_of(node), self.compute_type(node)
        # Constants among themselves (sizes, prior boxes) lose nothing to a half type: only what reads them rounds.
        concrete = lowering.numpy and all(isinstance(v, np.ndarray | np.generic) for v in arguments)
        if concrete or (lowering.moves and not any(map(is_half, arguments))):
            return at_least_float32(compute)
        return compute

    def __call__(
        self,
        params: Params,
        inputs: Mapping[str, Any],
        outputs: Iterable[str] | None = None,
        known: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Compute values by name.

        Args:
            params: arrays by owner and slot.
            inputs: arrays by input name. Optional inputs may be left out.
            outputs: names as :meth:`Graph.resolve` knows them; by default :meth:`default_outputs` for what is fed.
            known: any of the graph's values that are not to be computed; numpy arrays are known while tracing.

        Returns:
            arrays by these names, or :class:`Padded` where a size depends on the data.
        """
        names = self.default_outputs(inputs) if outputs is None else outputs
        values = {name: self.graph.resolve(name) for name in names}
        arrays = self.evaluate(params, inputs, tuple(dict.fromkeys(values.values())), known)
        results = {value: cast(array, self.policy.output) for value, array in arrays.items()}
        return {name: results[value] for name, value in values.items()}

    def jitted(
        self, function: Callable[..., Any], names: tuple[str, ...], fixed: Mapping[str, np.ndarray]
    ) -> Jitted:
        """Return ``f(params, inputs, known)``, compiled per shape.

        Args:
            function: ``f(params, inputs, names, known)``, a method of this program.
            names: its third argument.
            fixed: what is known while tracing, too: for all else it is compiled anew. The latest are kept.
        """
        constants = dict(fixed)
        key = function, names, tuple((n, x.shape, x.dtype.str, x.tobytes()) for n, x in constants.items())
        with self._lock:
            if key not in self._compiled:

                def run(params: Params, inputs: Mapping[str, Any], known: Mapping[str, Any]) -> Any:
                    return function(params, inputs, names, {**known, **constants})

                while len(self._compiled) >= _KEPT:
                    del self._compiled[next(iter(self._compiled))]
                self._compiled[key] = jit_here(run)
            return self._compiled[key]

    def computable(self, fed: Iterable[str]) -> tuple[str, ...]:
        """See :meth:`Graph.computable`."""
        return self.graph.computable(fed)

    def default_outputs(self, fed: Iterable[str]) -> tuple[str, ...]:
        """See :meth:`Graph.default_outputs`."""
        key = frozenset(fed)
        if key not in self._default_outputs:
            self._default_outputs[key] = self.graph.default_outputs(key)
        return self._default_outputs[key]

    def evaluate(
        self,
        params: Params,
        inputs: Mapping[str, Any],
        wanted: tuple[str, ...],
        known: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Interpret the graph as far as these values need it; they keep the types that they are computed in."""
        # Each layer converts what it reads; labels and boxes reach those that compute in float32 exactly.
        values: dict[str, Any] = dict(self.fallbacks)
        for name, value in inputs.items():
            fixed = name in self.static_inputs and isinstance(value, np.ndarray)
            values[name] = narrow(value) if fixed else self._taken(name, jax.tree.map(jnp.asarray, value))
        values |= {name: narrow(value) for name, value in (known or {}).items()}
        return self.interpret(lambda node: self._weights(node, params), values, wanted)

    def traced(
        self, params: Params, inputs: Mapping[str, Any], wanted: tuple[str, ...], known: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Compute values like :meth:`evaluate`, without those that are known while tracing."""
        arrays = self.evaluate(params, inputs, wanted, known)
        return {name: array for name, array in arrays.items() if not isinstance(array, np.ndarray)}

    def interpret(
        self,
        weights_of: Callable[[Node], Mapping[str, Any]],
        known: dict[str, Any],
        wanted: tuple[str, ...],
    ) -> dict[str, Any]:
        """Compute values from known ones, which are taken as they are, in the policy's types."""
        with jax.default_matmul_precision("float32"):
            nodes = self.needed(wanted, set(known))
            for chain in chains(nodes, {*wanted, *known}, self._may_join):
                if len(chain.nodes) > 1 and compute_together(chain, self.run, weights_of, known):
                    continue
                for node in chain.nodes:
                    missing = [name for name in node.inputs if name not in known]
                    if missing:
                        raise InputError(f"input {missing[0]!r} is needed for {', '.join(map(repr, wanted))}")
                    arguments = tuple(known[name] for name in node.inputs)
                    results = self._results(node, weights_of(node), arguments)
                    for name, value in zip(node.outputs, results, strict=True):
                        known.setdefault(name, value)
        return {name: given(known[name]) for name in wanted}

    def _taken(self, name: str, value: Any) -> Any:
        readers = (node.layer for node in self.graph.nodes if name in node.inputs)
        return taken(value, readers) if on_cpu() else value

    def _may_join(self, node: Node) -> bool:
        return on_cpu() and self.compute_type(node) == "float32"

    def _results(self, node: Node, weights: Mapping[str, Any], arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Compute one node in the order of axes that is the fastest one."""
        relaid = channels_last(node.layer, arguments) if on_cpu() else None
        if relaid is not None:
            layer, arrays, wrap = relaid
            # What cannot be computed is told in the graph's own order, below.
            with contextlib.suppress(JaxdnnError):
                return tuple(map(wrap, self.run(replace(node, layer=layer), weights, arrays)))
        return with_origin(node.outputs, self.run(node, weights, tuple(map(logical, arguments))))

    def needed(self, wanted: Iterable[str], known: Set[str] = frozenset()) -> list[Node]:
        """Return the nodes that these values need, in order, where others are known."""
        alive = set(wanted) - known
        needed = []
        for node in reversed(self.graph.nodes):
            if alive.intersection(node.outputs):
                alive.update(name for name in node.inputs if name not in known)
                needed.append(node)
        return needed[::-1]

    def run(
        self,
        node: Node,
        weights: Mapping[str, Any],
        arguments: tuple[Any, ...],
        after: Mapping[str, Any] = MappingProxyType({}),
    ) -> tuple[Any, ...]:
        """Compute one node.

        Args:
            node: of the graph.
            weights: arrays by slot.
            arguments: the values of the node's inputs.
            after: what the lowering is given by name: what it computes besides.

        Raises:
            JaxdnnError: with the node's name and place in its file.
        """
        lowering, compute = self.lowering_of(node), self.type_for(node, arguments)
        plain = tuple(
            unpad(value) if index in lowering.indices else cast(unpad(value), compute)
            for index, value in enumerate(arguments)
        )
        if not lowering.numpy:
            plain = tuple(jnp.asarray(v) if isinstance(v, np.ndarray | np.generic) else v for v in plain)
        needs_rows = may_need_rows(node.layer) and any(isinstance(value, Padded) for value in arguments)
        try:
            with located(**place(node)), jax.named_scope(node.name), choosing(self.choices_for(node)):
                if needs_rows and not keeps_rows(node.layer, arguments):
                    raise depends_on_data(_SIZE)
                if not lowering.nested:
                    weights = {slot: cast(weight, compute) for slot, weight in weights.items()}
                result = lowering.function(node.layer, weights, *plain, **after)
                results = result if isinstance(result, tuple) else (result,)
                results = tuple(self._result(repad(arguments, narrow(value)), compute) for value in results)
                if needs_rows and not keeps_rows(node.layer, arguments, results):
                    raise depends_on_data(_SIZE)
        except DataDependentError as error:
            error.values, error.rows = self._unknown(node, arguments, error.arguments)
            error.arguments = ()
            raise
        except (TypeError, ValueError, IndexError, ArithmeticError) as error:
            shapes = ", ".join(dims(np.shape(value)) for value in plain)
            raise ShapeError(
                f"cannot be computed on inputs of shape {shapes}: {error}", **place(node)
            ) from error
        if len(results) != len(node.outputs):
            raise LayerError(f"gives {len(results)} outputs, {len(node.outputs)} are named", **place(node))
        return results

    def open_loops(self, known: Container[str]) -> tuple[str, ...]:
        """Return the names of the loops whose rounds depend on more than known values."""
        return tuple(
            node.name
            for node in self.graph.nodes
            if isinstance(node.layer, While)
            and any(node.inputs[index] not in known for index in deciding(*self._nested[node.name]))
        )

    def shape_deciders(self) -> set[str]:
        """Return the values from which a shape is computed."""
        return shape_deciders(self.graph, self._lowerings)

    def _unknown(
        self, node: Node, arguments: tuple[Any, ...], stated: tuple[int, ...]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the values that a node, which cannot be computed, has to know, see :class:`DataDependentError`."""
        rows = tuple(dict.fromkeys(value.origin for value in arguments if isinstance(value, Padded)))
        if rows:
            return rows, rows
        traced = {
            index: name
            for index, (name, value) in enumerate(zip(node.inputs, arguments, strict=True))
            if not isinstance(value, np.ndarray)
        }
        lowering = self.lowering_of(node)
        decisive = stated or lowering.known(node.layer, len(arguments))
        known = [traced[i] for i in decisive if i in traced]
        small = [traced[i] for i in traced if decides_shapes(arguments[i].shape, arguments[i].dtype)]
        return tuple(known or small), ()

    def _weights(self, node: Node, params: Params) -> dict[str, Any]:
        weights = {}
        for slot, reference in node.params.items():
            owner, key = split_reference(reference)
            try:
                weights[slot] = params[owner][key]
            except KeyError:
                raise InputError(f"has no parameter {reference!r}", **place(node)) from None
        return weights

    def _result(self, value: Any, dtype: str) -> Any:
        return cast(value, at_least_float32(dtype) if isinstance(value, np.ndarray) else dtype)
