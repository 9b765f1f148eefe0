"""What a network is made of, in numbers."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp

from jaxdnn.ir import split_reference
from jaxdnn.layers.base import Shape, dims
from jaxdnn.lowering import Spec
from jaxdnn.lowering.places import type_name
from jaxdnn.tables import quantity, table

if TYPE_CHECKING:
    from jaxdnn.ir import Node
    from jaxdnn.net import Net

HEADERS = ("layer", "type", "input", "output", "parameters", "FLOPs", "memory")
NUMERIC = HEADERS[4:]
"""The columns that hold numbers, which stand flush right."""


@dataclass(frozen=True)
class Row:
    """One layer of a :class:`Summary`.

    Attributes:
        name: of the node.
        type: of its layer.
        inputs, outputs: shapes; a size that depends on the data is counted at its largest.
        parameters: numbers that the layer holds, except those that an earlier layer shares with it.
        shared: whether it shares a parameter with an earlier layer.
        flops: floating-point operations of one call; a multiply-add counts as two.
        bytes: size of the outputs.
        recipe: how a CPU computes the layer; empty where there is no choice.
    """

    name: str
    type: str
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    parameters: int
    shared: bool
    flops: int
    bytes: int
    recipe: str

    def cells(self) -> tuple[str, ...]:
        """Return the row as text, one cell for each of :data:`HEADERS`."""
        return (
            self.name,
            self.type,
            ", ".join(map(dims, self.inputs)),
            ", ".join(map(dims, self.outputs)),
            "shared" if self.shared and not self.parameters else f"{self.parameters:,}",
            quantity(self.flops),
            quantity(self.bytes, "B"),
        )


@dataclass(frozen=True)
class Summary:
    """The layers of a network with shapes, parameters, operations and memory; ``str`` gives a table.

    Shapes are those for the input sizes that the file states, its batch size included. What is counted is
    the network as the file describes it; XLA fuses layers, so that a run needs less memory.

    Attributes:
        name: of the network.
        policy: the dtype policy that memory is counted under.
        inputs: names and specs of the inputs.
        outputs: names and specs of the default outputs.
        rows: one per layer, in the order of computation.
        parameter_bytes: size of all parameters; a shared one counts once.
        host_layers: the layers that run on the host, as ``'name' (Class)``: every call waits for them there.
        notes: what depends on the data: sizes, where a call is cut into parts, and the rounds of loops.
        recipes: whether the table has the rows' recipes.
    """

    name: str
    policy: str
    inputs: dict[str, Spec]
    outputs: dict[str, Spec]
    rows: tuple[Row, ...]
    parameter_bytes: int
    host_layers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    recipes: bool = False

    @classmethod
    def of(cls, net: Net, *, recipes: bool = False) -> Summary:
        """Count what a net is made of."""
        inferred = net.inferred
        seen: set[str] = set()

        def row(node: Node) -> Row:
            inputs, outputs = inferred.shapes[node.name]
            references = set(node.params.values())
            counted = references - seen
            seen.update(references)
            items = (jnp.dtype(inferred.values[name].dtype).itemsize for name in node.outputs)
            return Row(
                node.name,
                type_name(node),
                inputs,
                outputs,
                sum(math.prod(inferred.params[reference]) for reference in counted),
                counted != references,
                node.layer.flops(inputs, outputs),
                sum(math.prod(shape) * item for shape, item in zip(outputs, items, strict=True)),
                ", ".join(dict.fromkeys(note() for note in inferred.recipes[node.name])),
            )

        rows = tuple(row(node) for node in net.graph.nodes if node.name in inferred.shapes)
        return cls(
            net.name,
            str(net.policy),
            net.inputs,
            net.outputs,
            rows,
            sum(_param_bytes(net, reference, inferred.params[reference]) for reference in seen),
            tuple(f"{name!r} ({layer.name})" for name, layer in net.program.host_layers.items()),
            _notes(net),
            recipes,
        )

    @property
    def headers(self) -> tuple[str, ...]:
        """The table's columns."""
        return (*HEADERS, "recipe on a CPU") if self.recipes else HEADERS

    @property
    def cells(self) -> list[tuple[str, ...]]:
        """The table's rows as text, one cell per column."""
        return [(*row.cells(), *((row.recipe,) if self.recipes else ())) for row in self.rows]

    @property
    def parameters(self) -> int:
        """How many numbers the network holds."""
        return sum(row.parameters for row in self.rows)

    @property
    def flops(self) -> int:
        """Floating-point operations of one call."""
        return sum(row.flops for row in self.rows)

    @property
    def bytes(self) -> int:
        """Size of all layers' outputs together."""
        return sum(row.bytes for row in self.rows)

    @property
    def head(self) -> str:
        """The network's name, inputs and outputs as text."""
        ends = (("inputs", self.inputs), ("outputs", self.outputs))
        lines = [f"{kind:8} {name}: {spec}" for kind, specs in ends for name, spec in specs.items()]
        return "\n".join([f"{self.name} ({self.policy})", *lines])

    @property
    def totals(self) -> str:
        """The sums as one sentence."""
        return (
            f"{len(self.rows)} layers, {self.parameters:,} parameters "
            f"({quantity(self.parameter_bytes, 'B')}), {quantity(self.flops, 'FLOPs')} per call, "
            f"{quantity(self.bytes, 'B')} of layer outputs"
        )

    @property
    def foot(self) -> str:
        """What stands below the table: the sums, which layers run on the host, and what depends on the data."""
        host = [f"host callbacks: {', '.join(self.host_layers)}"] if self.host_layers else []
        return "\n".join([self.totals, *host, *self.notes])

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain dicts, lists and numbers, for JSON; rows always have their recipes."""
        totals = {"parameters": self.parameters, "flops": self.flops, "bytes": self.bytes}
        lists = {name: list(getattr(self, name)) for name in ("host_layers", "notes")}
        return {**asdict(self), **lists, "totals": totals}

    def __str__(self) -> str:
        lines = table(self.headers, self.cells, numeric=NUMERIC)
        return "\n".join([self.head, "", *lines, self.foot])


def _param_bytes(net: Net, reference: str, shape: Shape) -> int:
    """Return the size of a parameter: as it is stored, or as it would be if it is missing."""
    owner, slot = split_reference(reference)
    array = net.stored.get(owner, {}).get(slot)
    dtype = net.program.param_types[reference] if array is None else array.dtype
    return math.prod(shape) * jnp.dtype(dtype).itemsize


def _notes(net: Net) -> tuple[str, ...]:
    """Say what depends on the data."""
    inferred = net.inferred
    counts = [f"{name!r} (at most {count})" for name, count in inferred.counts.items()]
    stops = [f"{name!r}" for name in inferred.stops]
    loops = [f"{name!r}" for name in net.program.open_loops(inferred.constants)]
    notes = (
        ("sizes that depend on the data", counts),
        ("compiled once sizes before them are known, with all behind them", stops),
        ("loops whose rounds depend on the data", loops),
    )
    return tuple(f"{what}: {', '.join(found)}" for what, found in notes if found)
