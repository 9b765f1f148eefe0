"""``jaxdnn.load_artifact``: from one file to something that can be called, without importers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax
import numpy as np

from jaxdnn.artifact.calling import Arrays, flat_params, nested_params, padded, padded_axes, plain_function
from jaxdnn.artifact.files import CONSTANTS, GRAPH, PARAMS, Members, has_graph, read_artifact
from jaxdnn.artifact.filling import filled
from jaxdnn.artifact.graphs import read_graph
from jaxdnn.artifact.manifest import Manifest
from jaxdnn.artifact.runners import Function, Origin, Runner, Runners
from jaxdnn.artifact.stablehlo import Structures, first_line, structures_of, this_device
from jaxdnn.artifact.tensors import read_tensors
from jaxdnn.errors import (
    FileError,
    GraphError,
    InputError,
    JaxdnnError,
    ParseError,
    UnsupportedLayerError,
    located,
)
from jaxdnn.feeds import as_feeds, stated_outputs
from jaxdnn.ir import Model, Params, Source
from jaxdnn.lowering import Spec
from jaxdnn.lowering.custom import parse, registered
from jaxdnn.lowering.padded import trim
from jaxdnn.lowering.program import CustomLayers
from jaxdnn.net import Net
from jaxdnn.policy import Policy
from jaxdnn.warmup import Shapes, warmup

Outputs = str | Iterable[str] | None
"""Names of outputs that a caller wants; None are all."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Artifact:
    """A network from an artifact: it is called as a :class:`~jaxdnn.Net` is.

    Attributes:
        manifest: what the file says of itself, preprocessing and labels among it.
    """

    manifest: Manifest
    _params: Mapping[str, Any]
    _members: Members
    _device: jax.Device
    _custom_layers: CustomLayers
    _runners: Runners

    @property
    def origin(self) -> Origin:
        """The fastest of what the file has that can be used here.

        A call for which it is not made (other sizes, outputs or inputs) uses what comes behind it: machine code, then
        StableHLO, then the graph.
        """
        return self._runners.origin or "IR"

    @property
    def notes(self) -> tuple[str, ...]:
        """Why something is not in the file, or cannot be used here."""
        return (*self.manifest.notes, *self._runners.notes)

    @property
    def name(self) -> str:
        """The network's own name."""
        return self.manifest.name

    @property
    def policy(self) -> Policy:
        """The dtype policy."""
        return self.manifest.policy

    @property
    def inputs(self) -> dict[str, Spec]:
        """Name, shape and dtype of each input."""
        return {value.name: Spec(value.shape, value.dtype) for value in self.manifest.inputs}

    @property
    def outputs(self) -> dict[str, Spec]:
        """Name, shape and dtype of each output, as far as they are known before a call."""
        return dict(self.manifest.outputs)

    @cached_property
    def params(self) -> dict[str, dict[str, Any]]:
        """jax arrays by layer and slot."""
        return nested_params(self._on_device)

    @cached_property
    def _on_device(self) -> dict[str, Any]:
        """jax arrays by ``"owner/slot"``."""
        arrays: dict[str, Any] = jax.device_put(dict(self._params), self._device)
        return arrays

    @property
    def source(self) -> Source:
        """Which format it came from, and what the file says of its pictures."""
        stated = self.manifest
        return Source(stated.source, (), stated.preprocessing, stated.distance_power)

    @cached_property
    def net(self) -> Net:
        """The net that the stored graph describes, with these params.

        Raises:
            JaxdnnError: the artifact has no graph, or it cannot be lowered.
        """
        if not has_graph(self._members):
            raise InputError(f"the artifact of {self.name!r} has no graph")
        graph = read_graph(self._members[GRAPH], self._members[CONSTANTS])
        if [(v.name, v.shape, v.dtype) for v in graph.inputs] != [
            (v.name, v.shape, v.dtype) for v in self.manifest.inputs
        ]:
            raise ParseError(f"the graph of {self.name!r} has other inputs than the manifest states")
        model = Model(graph, nested_params(self._params), self.source, open_shapes=True)
        with self._sensible_graph():
            net = Net.from_model(model, policy=self.policy, custom_layers=self._custom_layers)
            return net.replace(params=self.params)

    def __call__(self, x: Any = None, /, *, outputs: Outputs = None, **inputs: Any) -> dict[str, Any]:
        """Compute outputs, as :meth:`jaxdnn.Net.__call__` does.

        Batches are filled up where the artifact was exported for some sizes of them.

        Raises:
            JaxdnnError: the inputs do not fit, or the artifact holds nothing that can compute this.
        """
        feeds = self._feeds(x, inputs)
        if any(isinstance(array, jax.core.Tracer) for array in feeds.values()):
            return self.apply(self.params, feeds, outputs=outputs)
        feeds, rows, names, runner = self._plan(feeds, outputs)
        if runner is None:
            with self._sensible_graph():
                results: Mapping[str, Any] = self._net_for(feeds)(feeds, outputs=names)
        else:
            arrays = runner.function(self._on_device, jax.device_put(feeds, self._device))
            found = padded(arrays, runner.outputs)
            results = {name: trim(found[name]) for name in (found if names is None else names)}
        return {name: array if rows is None else array[:rows] for name, array in results.items()}

    def origin_of(self, x: Any = None, /, *, outputs: Outputs = None, **inputs: Any) -> Origin:
        """Return what computes a call with these arguments; what is not compiled yet is."""
        *_, runner = self._plan(self._feeds(x, inputs), outputs)
        return "IR" if runner is None else runner.origin

    def warmup(
        self,
        shapes: Shapes | Sequence[Shapes] | None = None,
        *,
        batch: int | Sequence[int] | None = None,
        outputs: Outputs = None,
    ) -> float:
        """Compile before the first request, as :meth:`jaxdnn.Net.warmup` does; machine code is only loaded."""
        return warmup(self, self.manifest.ends.required_inputs, shapes, batch, outputs)

    def apply(
        self, params: Params, inputs: Mapping[str, Any] | Any, *, outputs: Outputs = None
    ) -> dict[str, Any]:
        """Compute outputs as a pure function of params and inputs, as :meth:`jaxdnn.Net.apply` does.

        The graph computes it. Without a graph a stored program does, which has no gradient.
        """
        feeds = self._feeds(inputs, {})
        if has_graph(self._members):
            try:
                return self.net.apply(params, feeds, outputs=outputs)
            except UnsupportedLayerError:
                if not self._runners.programs:
                    raise
        names = stated_outputs(outputs)
        program = self._runners.program_for(feeds, names or ())
        if program is None:
            raise self._nothing_for(feeds)
        arrays = padded(program[1](flat_params(params), feeds), program[0].outputs)
        return arrays if names is None else {name: arrays[name] for name in names}

    def function_for(self, inputs: Structures) -> tuple[Function, Mapping[str, int | None]]:
        """Return what computes the outputs of these inputs, to be compiled, and the axes whose sizes data decide.

        Raises:
            JaxdnnError: neither the graph nor a program can.
        """
        if has_graph(self._members):
            try:
                program = self.net.program
                outputs = program.default_outputs(inputs)
                params = structures_of(flat_params(self.params))
                return plain_function(program, outputs), padded_axes(program, outputs, params, inputs)
            except UnsupportedLayerError:
                if not self._runners.programs:
                    raise
        found = self._runners.program_for(inputs)
        if found is None:
            raise self._nothing_for(inputs)
        return found[1], found[0].outputs

    def replace(self, *, params: Params) -> Artifact:
        """Return an artifact with other parameters; what is compiled stays.

        Raises:
            InputError: there are others than before, or one has another shape.
        """
        flat = flat_params(params)
        for name in flat.keys() ^ self._params.keys():
            raise InputError(f"parameter {name!r} is {'unknown' if name in flat else 'missing'}")
        for name, old in self._params.items():
            if np.shape(flat[name]) != old.shape:
                raise InputError(f"parameter {name!r} has shape {np.shape(flat[name])}, {old.shape} expected")
        cast = {name: jax.numpy.asarray(flat[name], old.dtype) for name, old in self._params.items()}
        return replace(self, _params=cast)

    @contextmanager
    def _sensible_graph(self) -> Iterator[None]:
        """Make an error of the file of whatever a graph that no importer wrote raises; layers leave open what."""
        try:
            yield
        except JaxdnnError:
            raise
        except Exception as error:
            raise GraphError(f"the graph of {self.name!r} cannot be computed: {first_line(error)}") from error

    def _feeds(self, x: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        double = self.policy.compute == "float64" and has_graph(self._members)
        return as_feeds(self.manifest.ends, x, inputs, double=double)

    def _plan(
        self, feeds: dict[str, Any], outputs: Outputs
    ) -> tuple[dict[str, Any], int | None, tuple[str, ...] | None, Runner | None]:
        """Return the inputs, filled up; how many rows then count; the outputs; and what computes, if not the graph."""
        names, rows = stated_outputs(outputs), None
        if self.manifest.batches and names is None:
            feeds, rows = filled(feeds, self.manifest.batches)
        return feeds, rows, names, self._runners.find(self._on_device, feeds, names or ())

    def _net_for(self, feeds: Arrays) -> Net:
        if not has_graph(self._members):
            raise self._nothing_for(feeds)
        return self.net

    def _nothing_for(self, feeds: Arrays) -> InputError:
        fed = ", ".join(f"{name!r} {Spec(tuple(x.shape), str(x.dtype))}" for name, x in feeds.items())
        reasons = "".join(f"; {note}" for note in self._runners.notes)
        return InputError(
            f"the artifact of {self.name!r} has no graph, and no program for these outputs of {fed}{reasons}"
        )

    def __repr__(self) -> str:
        inputs = ", ".join(f"{name}: {spec}" for name, spec in self.inputs.items())
        return f"Artifact({self.name!r}, {inputs} -> {', '.join(self.outputs)}; {self.origin}, {self.policy})"


def load_artifact(
    path: str | os.PathLike[str], *, trust: bool = False, custom_layers: CustomLayers | None = None
) -> Artifact:
    """Read an artifact and make it callable. Parameters are mapped into memory; nothing is unpickled.

    Args:
        path: of the file that :meth:`jaxdnn.Net.export` wrote.
        trust: whether XLA may read what the file holds for it. Machine code is a program that does in this process
            whatever its author wrote. A StableHLO program may call functions by their address, and damaged ones crash
            the reader or keep it busy for ever. The hashes tell damage, not intent: who changes a member
            can change its hash. So say True only of files that you made, or have from someone whose programs you
            would run. Without trust the graph computes, which is data and checked like any network's file.
        custom_layers: functions by layer type, as :func:`jaxdnn.load` takes them; only the graph needs them.

    Raises:
        JaxdnnError: the file is none, is damaged, or holds nothing that can be used here; the message says why.
    """
    manifest, members = read_artifact(path)
    with located(file=os.fspath(path)):
        device = this_device()
        artifact = Artifact(
            manifest=manifest,
            _params=read_tensors(members[PARAMS], PARAMS),
            _members=members,
            _device=device,
            _custom_layers=registered() | parse(custom_layers or {}),
            _runners=Runners(manifest, members, device, trust=trust),
        )
        with ThreadPoolExecutor() as pool:
            origin = pool.submit(lambda: artifact.origin)  # XLA links machine code meanwhile
            _ = artifact._on_device
        if origin.result() == "IR":
            if not has_graph(members):
                raise FileError(f"nothing in the artifact can be used here: {'; '.join(artifact.notes)}")
            _ = artifact.net  # what is wrong with it shows now
        return artifact
