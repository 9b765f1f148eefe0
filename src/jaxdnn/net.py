"""A network: an immutable pair of a program and its parameters."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Unpack

import jax
import numpy as np

from jaxdnn.calls import Calls
from jaxdnn.errors import located
from jaxdnn.feeds import feeds_of, has_open_inputs, output_names, stated_inputs
from jaxdnn.initialize import bind, require_complete
from jaxdnn.ir import Graph, Model, Params, Source, verify
from jaxdnn.lowering import Inferred, Program, Spec, common_specs, infer, infer_open
from jaxdnn.lowering.guard import guarded
from jaxdnn.lowering.infer import stored_shapes
from jaxdnn.lowering.parts import compute, known_outside
from jaxdnn.lowering.program import CustomLayers
from jaxdnn.policy import AnyPolicy, Policy
from jaxdnn.programs import lowered, references, with_types_of

if TYPE_CHECKING:
    from onnx import ModelProto

    from jaxdnn.artifact.manifest import Manifest
    from jaxdnn.compiled import Compiled
    from jaxdnn.finite import NonFinite
    from jaxdnn.new_layer import NewLayer, NewOptions
    from jaxdnn.summary import Summary
    from jaxdnn.warmup import Shapes


@jax.tree_util.register_pytree_node_class
@dataclass(frozen=True, eq=False)
class Net:
    """A network that can be called, differentiated, and taken apart.

    ``net(x)`` is jitted and cached by shape; ``net.apply(params, inputs)`` is the pure function below it.
    A Net is a pytree whose leaves are its parameters, so it may be passed through ``jax.jit`` and
    ``jax.tree.map``. Nothing changes it: :meth:`replace` makes another one. Nets are equal if they compute the same
    with equal parameters, so that a net may be a static argument of ``jax.jit`` too.

    Attributes:
        stored: the parameters as they were given, numpy or jax arrays.
        program: the lowered graph.
        source: which files it came from.
        missing: parameters that have no value yet (the weights file was not given).
    """

    stored: Params
    program: Program
    source: Source
    missing: tuple[str, ...] = ()

    @property
    def params(self) -> dict[str, dict[str, Any]]:
        """jax arrays by layer and slot, ``{"conv1": {"weight": …, "bias": …}}``; to change it changes no net."""
        return {owner: dict(slots) for owner, slots in self._params.items()}

    @cached_property
    def _params(self) -> dict[str, dict[str, Any]]:
        leaves, structure = jax.tree.flatten({owner: dict(slots) for owner, slots in self.stored.items()})
        if any(isinstance(leaf, np.ndarray | np.generic) for leaf in leaves):
            # While jax traces, the arrays would be tracers of that trace, and this property outlives it.
            with jax.ensure_compile_time_eval():
                leaves = jax.device_put(leaves)
        params: dict[str, dict[str, Any]] = jax.tree.unflatten(structure, leaves)
        return params

    def tree_flatten(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Return the parameters, and what is static beside them."""
        return (self.params,), (self.program, self.source, self.missing)

    @classmethod
    def tree_unflatten(cls, static: tuple[Any, ...], leaves: tuple[Any, ...]) -> Net:
        """Put a net together again."""
        return cls(*leaves, *static)

    @classmethod
    def from_model(
        cls,
        model: Model,
        *,
        policy: AnyPolicy = "float32",
        custom_layers: CustomLayers | None = None,
        key: jax.Array | None = None,
    ) -> Net:
        """Lower a model, check every shape in it, and give its parameters their values.

        Args:
            model: what an importer returned.
            policy: dtype policy, see :class:`~jaxdnn.policy.Policy`.
            custom_layers: functions of the types of :class:`~jaxdnn.layers.custom.Custom` layers.
            key: draws the parameters that the model does not hold.

        Raises:
            JaxdnnError: the graph, the shapes or the weights are not legal.
        """
        with located(file=next(iter(model.source.files), None)):
            return cls._from_model(model, policy, custom_layers, key)

    @classmethod
    def _from_model(
        cls,
        model: Model,
        policy: AnyPolicy,
        custom_layers: CustomLayers | None,
        key: jax.Array | None,
    ) -> Net:
        verify(model.graph)
        program = lowered(model.graph, policy, custom_layers, model.params)
        stored = stored_shapes(model.params)
        expected: Mapping[str, tuple[int, ...]] = stored
        if not (
            (model.checked and stored.keys() >= references(model.graph))
            or (model.open_shapes and (program.static_inputs or has_open_inputs(model.graph)))
        ):
            expected = stored | infer(program, stated_inputs(model.graph), stored).params
        params, missing = bind(model.params, model.initializers, expected, key)
        return cls(with_types_of(params, program), program, model.source, tuple(missing))

    @property
    def graph(self) -> Graph:
        """The graph that this net computes."""
        return self.program.graph

    @property
    def policy(self) -> Policy:
        """The dtype policy."""
        return self.program.policy

    @property
    def name(self) -> str:
        """The network's own name."""
        return self.graph.name

    @cached_property
    def inferred(self) -> Inferred:
        """Shapes of all values for the input sizes that the file states; a batch that it leaves open is 1."""
        return infer(self.program, stated_inputs(self.graph, batch=1), stored_shapes(self.stored))

    @cached_property
    def trials(self) -> tuple[Inferred, ...]:
        """What is inferred: once, or for two sizes in the places of those that inputs leave open."""
        if self.program.static_inputs or has_open_inputs(self.graph):
            return infer_open(self.program, self.inputs, stored_shapes(self.stored))
        return (self.inferred,)

    @cached_property
    def specs(self) -> dict[str, Spec]:
        """What is known of each value before the first call."""
        return common_specs(self.trials)

    @property
    def inputs(self) -> dict[str, Spec]:
        """Name, shape and dtype of each input. The first size may differ in a call: it is the batch."""
        return {v.name: Spec(v.shape, v.dtype) for v in self.graph.inputs}

    @property
    def outputs(self) -> dict[str, Spec]:
        """Name, shape and dtype of each output, as far as the input sizes that the file states tell."""
        unknown = Spec(None, "?")
        return {name: self.specs.get(self.graph.resolve(name), unknown) for name in self.graph.outputs}

    def __call__(
        self, x: Any = None, /, *, outputs: Iterable[str] | None = None, **inputs: Any
    ) -> dict[str, jax.Array]:
        """Compute outputs, jitted. For every value of an input that decides shapes it compiles anew.

        Where a layer has to know a size that depends on the data, the call runs in several compiled parts: sizes
        come to the host, and what follows is compiled for them.

        Args:
            x: the array of the net's only required input, or a dict of arrays by input name.
            outputs: names of the values to return, any layer or blob; by default the net's outputs.
            inputs: arrays by input name.

        Returns:
            arrays by output name, trimmed to their valid size where that depends on the data.

        Raises:
            InputError: a name is unknown, or an input is missing or of a wrong rank or type.
            ShapeError: the layers cannot compute on inputs of these shapes.
        """
        return self._calls(x, inputs, outputs)

    def tune(
        self,
        x: Any = None,
        /,
        *,
        outputs: Iterable[str] | None = None,
        seconds: float = 60,
        chunks: bool = True,
        report: Callable[[str], None] | None = None,
        **inputs: Any,
    ) -> Net:
        """Return this net, tuned to this machine: measured on inputs, for inputs of their sizes.

        See :func:`jaxdnn.tuning.tune`.
        """
        from jaxdnn.tuning import tune

        feeds = self._feeds(x, inputs)
        require_complete(list(self.missing))
        return tune(self, feeds, self._names(feeds, outputs), seconds, chunks, report)

    def values(self, x: Any = None, /, **inputs: Any) -> dict[str, jax.Array]:
        """Compute every value of the graph that the fed inputs allow, jitted.

        Args:
            x, inputs: as for a call.

        Returns:
            arrays by value name, the inputs too, in the order of computation, trimmed as a call trims them, in the
            types that they are computed in.
        """
        feeds = self._feeds(x, inputs)
        require_complete(list(self.missing))
        names = tuple(n for n in self.graph.computable(feeds) if self.graph.resolve(n) == n)
        program, params = self.program, self._params
        return guarded(program, lambda: compute(program, params, feeds, names, as_computed=True))

    def warmup(
        self,
        shapes: Shapes | Sequence[Shapes] | None = None,
        *,
        batch: int | Sequence[int] | None = None,
        outputs: Iterable[str] | None = None,
    ) -> float:
        """Compile before the first request, for one or several sizes; return the seconds that it took.

        Every size is called once with zeros. A net that runs in parts is compiled for the sizes that zeros lead to.

        Args:
            shapes: sizes by input name, or several such dicts; by default those that the file states.
            batch: the first size of all inputs, or several of them, for each of the shapes.
            outputs: as for a call.
        """
        from jaxdnn.warmup import warmup

        return warmup(self, self.graph.required_inputs, shapes, batch, outputs)

    def compile(
        self, shapes: Shapes | None = None, *, batch: int | None = None, outputs: Iterable[str] | None = None
    ) -> Compiled:
        """Return a :class:`~jaxdnn.compiled.Compiled` for one size, which needs no net; arguments: :meth:`warmup`'s."""
        from jaxdnn.compiled import Compiled
        from jaxdnn.warmup import zeros

        require_complete(list(self.missing))
        feeds = self._feeds(zeros(self.inputs, self.graph.required_inputs, shapes, batch), {})
        return Compiled(self, feeds, self._names(feeds, outputs))

    def check_finite(self, x: Any = None, /, **inputs: Any) -> NonFinite | None:
        """Return the first layer that yields NaN or infinity, None if every value is finite.

        Args:
            x, inputs: as for a call.
        """
        from jaxdnn.finite import check_finite

        return check_finite(self, self._feeds(x, inputs))

    def apply(
        self, params: Params, inputs: Mapping[str, Any] | Any, *, outputs: Iterable[str] | None = None
    ) -> dict[str, Any]:
        """Compute outputs as a pure function of params and inputs, for jit, grad, vmap and sharding.

        Args:
            params: a pytree like :attr:`params`.
            inputs: arrays by input name, or the array of the only required input. One that decides shapes has
                to be a numpy array.
            outputs: names of the values to return; by default the net's outputs.

        Returns:
            arrays by output name; :class:`~jaxdnn.Padded` where a size depends on the data.
        """
        feeds = self._feeds(inputs, {})
        names = self._names(feeds, outputs)
        with known_outside():
            program = self.program
            return guarded(program, lambda: program(params, feeds, names))

    def replace(self, *, params: Params | None = None, policy: AnyPolicy | None = None) -> Net:
        """Return a net with other parameters or another dtype policy.

        Params of the same structure keep the compiled program; a new policy compiles again.
        """
        net = self
        if policy is not None:
            program = lowered(self.graph, policy, self.program.custom_layers, self.stored)
            net = replace(net, program=program, stored=with_types_of(self.stored, program))
        if params is not None:
            net = replace(net, stored=params, missing=())
        return net

    def subnet(
        self, inputs: str | Iterable[str] | None = None, outputs: str | Iterable[str] | None = None
    ) -> Net:
        """Return the part that computes ``outputs`` from ``inputs``, see :func:`jaxdnn.surgery.subnet`."""
        from jaxdnn import surgery

        return surgery.subnet(self, inputs, outputs)

    def with_layer(self, name: str, layer: NewLayer, **options: Unpack[NewOptions]) -> Net:
        """Return a net in which a layer is replaced, see :func:`jaxdnn.surgery.with_layer`."""
        from jaxdnn import surgery

        return surgery.with_layer(self, name, layer, **options)

    def insert(self, name: str, layer: NewLayer, *, after: str, **options: Unpack[NewOptions]) -> Net:
        """Return a net with one more layer behind a value, see :func:`jaxdnn.surgery.insert`."""
        from jaxdnn import surgery

        return surgery.insert(self, name, layer, after=after, **options)

    def without(self, name: str) -> Net:
        """Return a net that lacks a layer, see :func:`jaxdnn.surgery.without`."""
        from jaxdnn import surgery

        return surgery.without(self, name)

    def rename(self, names: Mapping[str, str]) -> Net:
        """Return a net with other names by old name, see :func:`jaxdnn.surgery.rename`."""
        from jaxdnn import surgery

        return surgery.rename(self, names)

    def export(self, path: str | os.PathLike[str], **options: Any) -> Manifest:
        """Write one file for :func:`jaxdnn.load_artifact`, see :func:`jaxdnn.artifact.exporting.export`."""
        from jaxdnn.artifact.exporting import export

        return export(self, path, **options)

    def to_onnx(self, path: str | os.PathLike[str] | None = None, **options: Any) -> ModelProto:
        """Return an ONNX model of this net, see :func:`jaxdnn.onnx.exporting.to_onnx`."""
        from jaxdnn.onnx.exporting import to_onnx

        return to_onnx(self, path, **options)

    def to_stablehlo(self, shapes: Mapping[str, tuple[int, ...]] | None = None) -> str:
        """Return what XLA is given, for inputs of the stated sizes or those of ``shapes``, by name."""
        from jaxdnn.artifact.texts import to_stablehlo

        return to_stablehlo(self, shapes)

    def to_hlo(self, shapes: Mapping[str, tuple[int, ...]] | None = None) -> str:
        """Return what XLA compiles for this machine: fused, with layers' names in its metadata."""
        from jaxdnn.artifact.texts import to_hlo

        return to_hlo(self, shapes)

    def summary(self, *, recipes: bool = False) -> Summary:
        """Return a table of the layers with shapes, parameters, FLOPs and bytes; print it to see it.

        Args:
            recipes: whether the table shows how a CPU computes the layers for which there is a choice.
        """
        from jaxdnn.summary import Summary

        return Summary.of(self, recipes=recipes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Net) or (self.program, self.missing) != (other.program, other.missing):
            return False
        if stored_shapes(self.stored) != stored_shapes(other.stored):
            return False
        pairs = zip(jax.tree.leaves(self.params), jax.tree.leaves(other.params), strict=True)
        return all(a is b or (a.dtype == b.dtype and np.array_equal(a, b)) for a, b in pairs)

    def __hash__(self) -> int:
        return hash((self.program, self.missing))

    def __repr__(self) -> str:
        count = sum(math.prod(np.shape(leaf)) for leaf in jax.tree.leaves(self.stored))
        inputs = ", ".join(f"{name}: {spec}" for name, spec in self.inputs.items())
        return (
            f"Net({self.name!r}, {inputs} -> {', '.join(self.graph.outputs)}; "
            f"{len(self.graph.nodes)} layers, {count:,} parameters, {self.policy})"
        )

    def _feeds(self, x: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        return feeds_of(self.program, x, inputs)

    def _names(self, feeds: Mapping[str, Any], outputs: Iterable[str] | None) -> tuple[str, ...]:
        return output_names(self.program, feeds, outputs)

    @cached_property
    def _calls(self) -> Calls:
        require_complete(list(self.missing))
        return Calls(self.program, self._params)
