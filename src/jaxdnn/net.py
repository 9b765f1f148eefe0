"""A network: an immutable pair of a program and its parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import InputError, located
from jaxdnn.initialize import bind, require_complete
from jaxdnn.ir import Graph, Model, Params, Source, verify
from jaxdnn.lowering import Inferred, Program, Spec, infer, infer_open
from jaxdnn.lowering.infer import stored_shapes
from jaxdnn.lowering.padded import trim
from jaxdnn.policy import Policy

if TYPE_CHECKING:
    from jaxdnn.summary import Summary


@jax.tree_util.register_pytree_node_class
@dataclass(frozen=True)
class Net:
    """A network that can be called, differentiated, and taken apart.

    ``net(x)`` is jitted and cached by shape; ``net.apply(params, inputs)`` is the pure function below it.
    A Net is a pytree whose leaves are its parameters, so it may be passed through ``jax.jit`` and
    ``jax.tree.map``. Nothing changes it: :meth:`replace` makes another one.

    Attributes:
        stored: the parameters as they were given, numpy or jax arrays.
        program: the lowered graph.
        source: which files it came from.
        missing: parameters that have no value yet (the weights file was not given).
    """

    stored: Params
    program: Program
    source: Source = field(compare=False)
    missing: tuple[str, ...] = ()

    @cached_property
    def params(self) -> dict[str, dict[str, Any]]:
        """jax arrays by layer and slot, ``{"conv1": {"weight": …, "bias": …}}``."""
        leaves, structure = jax.tree.flatten({owner: dict(slots) for owner, slots in self.stored.items()})
        if any(isinstance(leaf, np.ndarray) for leaf in leaves):
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
        policy: str | Policy = "float32",
        custom_layers: Mapping[str, Callable[..., Any]] | None = None,
        key: jax.Array | None = None,
    ) -> Net:
        """Lower a model, check every shape in it, and give its parameters their values.

        Args:
            model: what an importer returned.
            policy: dtype policy, see :class:`~jaxdnn.policy.Policy`.
            custom_layers: functions for layer types that jaxdnn does not know.
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
        policy: str | Policy,
        custom_layers: Mapping[str, Callable[..., Any]] | None,
        key: jax.Array | None,
    ) -> Net:
        verify(model.graph)
        program = Program(model.graph, policy=Policy.parse(policy), custom_layers=custom_layers)
        stored = stored_shapes(model.params)
        expected: Mapping[str, tuple[int, ...]] = stored
        if not (
            (model.checked and stored.keys() >= _references(model.graph))
            or (model.open_shapes and (program.static_inputs or _has_open_inputs(model.graph)))
        ):
            expected = stored | infer(program, _stated_inputs(model.graph), stored).params
        params, missing = bind(model.params, model.initializers, expected, key)
        return cls(_cast(params, program.policy), program, model.source, tuple(missing))

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
        """Shapes of all values for the input sizes that the file states."""
        return infer(self.program, _stated_inputs(self.graph), stored_shapes(self.stored))

    @cached_property
    def _specs(self) -> dict[str, Spec]:
        """What is known of each value before the first call."""
        if self.program.static_inputs or _has_open_inputs(self.graph):
            return infer_open(self.program, self.inputs, stored_shapes(self.stored))
        return self.inferred.values

    @property
    def inputs(self) -> dict[str, Spec]:
        """Name, shape and dtype of each input. The first size may differ in a call: it is the batch."""
        return {v.name: Spec(v.shape, v.dtype) for v in self.graph.inputs}

    @property
    def outputs(self) -> dict[str, Spec]:
        """Name, shape and dtype of each output, as far as the input sizes that the file states tell."""
        unknown = Spec(None, "?")
        return {name: self._specs.get(self.graph.resolve(name), unknown) for name in self.graph.outputs}

    def __call__(
        self, x: Any = None, /, *, outputs: Iterable[str] | None = None, **inputs: Any
    ) -> dict[str, jax.Array]:
        """Compute outputs, jitted. For every value of an input that decides shapes it compiles anew.

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
        feeds = self._feeds(x, inputs)
        require_complete(list(self.missing))
        names = self._names(feeds, outputs)
        static = {name: np.asarray(feeds.pop(name)) for name in self.program.static_inputs if name in feeds}
        values = self.program.jitted(names, static)(self.params, feeds)
        return {name: trim(values[name]) for name in names}

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
        return self.program(params, feeds, self._names(feeds, outputs))

    def replace(self, *, params: Params | None = None, policy: str | Policy | None = None) -> Net:
        """Return a net with other parameters or another dtype policy.

        Params of the same structure keep the compiled program; a new policy compiles again.
        """
        net = self
        if policy is not None:
            program = Program(
                self.graph, policy=Policy.parse(policy), custom_layers=self.program.custom_layers
            )
            net = replace(net, program=program, stored=_cast(self.stored, program.policy))
        if params is not None:
            net = replace(net, stored=params, missing=())
        return net

    def summary(self) -> Summary:
        """Return a table of the layers with shapes, parameters, FLOPs and bytes; print it to see it."""
        from jaxdnn.summary import Summary

        return Summary.of(self)

    def __repr__(self) -> str:
        count = sum(math.prod(np.shape(leaf)) for leaf in jax.tree.leaves(self.stored))
        inputs = ", ".join(f"{name}: {spec}" for name, spec in self.inputs.items())
        return (
            f"Net({self.name!r}, {inputs} -> {', '.join(self.graph.outputs)}; "
            f"{len(self.graph.nodes)} layers, {count:,} parameters, {self.policy})"
        )

    def _feeds(self, x: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        if x is not None and not isinstance(x, Mapping):
            required = [value.name for value in self.graph.inputs if not value.optional]
            if len(required) != 1:
                names = ", ".join(map(repr, required))
                raise InputError(f"{self.name!r} has {len(required)} inputs, {names}: name them in a dict")
            x = {required[0]: x}
        feeds = {**(x or {}), **inputs}
        known = {value.name: value for value in self.graph.inputs}
        for name in feeds:
            if name not in known:
                raise InputError(f"{self.name!r} has no input {name!r}; its inputs are {', '.join(known)}")
        for value in known.values():
            if not value.optional and value.name not in feeds:
                raise InputError(f"input {value.name!r} of {self.name!r} is missing")
        feeds = {name: _as_input(known[name], array) for name, array in feeds.items()}
        batch = next((array.shape[0] for array in feeds.values() if array.ndim), 1)
        for value in known.values():
            if value.default is not None and value.name not in feeds:
                feeds[value.name] = np.full((batch, *(value.shape or ())[1:]), value.default, value.dtype)
        return feeds

    def _names(self, feeds: Mapping[str, Any], outputs: Iterable[str] | None) -> tuple[str, ...]:
        if outputs is None:
            return self.program.default_outputs(feeds)
        names = (outputs,) if isinstance(outputs, str) else tuple(dict.fromkeys(outputs))
        for name in names:
            self.graph.resolve(name)  # an unknown name is an error before anything is traced
        return names


def _references(graph: Graph) -> set[str]:
    return {reference for node in graph.nodes for reference in node.params.values()}


def _cast(params: Params, policy: Policy) -> Params:
    """Give parameters the policy's type; those that have it stay what they are."""
    dtype = jnp.dtype(policy.params)
    return {
        owner: {slot: array if array.dtype == dtype else array.astype(dtype) for slot, array in slots.items()}
        for owner, slots in params.items()
    }


def _as_input(value: Any, array: Any) -> Any:
    if not isinstance(array, jax.Array):
        array = np.asarray(array)
        if array.dtype == object or array.dtype.kind in "USMm":
            raise InputError(f"input {value.name!r} takes numbers, got {array.dtype}")
    if value.shape is not None and array.ndim != len(value.shape):
        array = _match_rank(array, value.shape)
    if value.shape is not None and array.ndim != len(value.shape):
        raise InputError(
            f"input {value.name!r} has {len(value.shape)} axes ({Spec(value.shape, value.dtype)}), "
            f"got an array of shape {tuple(array.shape)}"
        )
    return array if array.dtype == value.dtype else array.astype(value.dtype)


def _match_rank(array: Any, shape: tuple[int | None, ...]) -> Any:
    """Drop or add trailing axes of size 1: old files write labels as (N, 1, 1, 1), new ones as (N,)."""
    while array.ndim > len(shape) and array.shape[-1] == 1:
        array = array[..., 0]
    missing = shape[array.ndim :]
    return array.reshape(*array.shape, *missing) if missing.count(1) == len(missing) else array


def _has_open_inputs(graph: Graph) -> bool:
    return any(value.shape is None or None in value.shape for value in graph.inputs)


def _stated_inputs(graph: Graph) -> dict[str, Spec]:
    specs = {}
    for value in graph.inputs:
        if value.shape is None or None in value.shape:
            raise InputError(
                f"input {value.name!r} has no complete shape in the file: give "
                f"input_shapes={{{value.name!r}: (…)}}"
            )
        specs[value.name] = Spec(value.shape, value.dtype)
    return specs
