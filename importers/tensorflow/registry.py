"""What a rule is: the function that turns one TensorFlow node into typed layers.

How to write one, in ``rules/<family>.py``::

    @rules("Relu6", inputs=1)
    def relu6(b: TensorFlowBuilder, node: NodeSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
        return b.emit(node, Clip(floor=0, ceiling=6), inputs)

* ``inputs`` are names of values of the graph under construction; control inputs are gone. A rule returns one
  value per output of the node, in order. Returning an input makes the node another name of it (Identity).
* Attributes are read through ``node.attributes``: the getters check kinds, one without a default demands the
  attribute, and what nobody read is reported as a warning.
* ``b.emit(node, layer, inputs, params, outputs=n)`` adds a node; its values get the TensorFlow names (``a``,
  ``a:1``). A rule that needs several nodes gives all but the last one a ``part``: they are called ``a@part``.
* What TensorFlow takes as an input tensor and our layer as an attribute (axes, shapes, sizes, paddings) goes
  through ``b.late(node, layer, inputs, axes=value)``: the attribute itself where the value is a constant of the
  file; otherwise a :class:`~jaxdnn.layers.late.Late` node, which takes it while the program is traced. So
  shape arithmetic of any kind works as long as it depends on shapes alone. The layer is given with
  ``axes=()`` (a tuple: also a scalar becomes one) or with a number (an array of one element becomes one).
* ``b.constant(value)`` is the array of a value that the file itself fixes, or None. A rule that has to know more
  while importing says so with an error that names the input; most do not need it.
* Weights: ``b.learned(value, slot, convert, layout)`` makes a parameter ``<Const's name>/<slot>`` of a floating
  constant and returns its reference, or None where the value is computed; then the layer takes it as an input.
* Arithmetic, comparisons and everything about shapes is computed by layers of ``layers/arithmetic.py``,
  ``layers/tensor.py`` and ``layers/indexing.py``, whose lowerings keep numpy values numpy. A new layer of
  that kind is registered with ``numpy=True`` and computes with ``namespace(...)``.
* An op with several named outputs lists their names in ``rules(..., outputs=("values", "indices"))``: the
  bodies of functions refer to them by name.
* Functions: ``scope.call(b, function, arguments, name)`` imports a function's body in place;
  ``scope.Scope`` imports any set of nodes (``order.py`` sorts them and prunes what is not needed).
* No layout is guessed: a layer gets ``channels_last`` from ``data_format`` and the values stay as written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from jaxdnn.errors import GraphError
from jaxdnn.importers.tensorflow.attributes import Attributes

if TYPE_CHECKING:
    from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder

Count = int | tuple[int, int | None]
RuleFunction = Callable[["TensorFlowBuilder", "NodeSource", tuple[str, ...]], tuple[str, ...]]


class NodeSource(NamedTuple):
    """One node of a graph.

    Attributes:
        name: unique in the graph under construction; nodes of functions carry the call's name before theirs.
        op: what it computes.
        attributes: the view that rules read.
    """

    name: str
    op: str
    attributes: Attributes


@dataclass(frozen=True)
class Rule:
    """A rule, the number of inputs that its ops take, and the names of their outputs.

    Attributes:
        function: the rule.
        inputs: a number, or (at least, at most or None).
        outputs: names of the output arguments where there are several; one that is a list comes last.
    """

    function: RuleFunction
    inputs: Count
    outputs: tuple[str, ...] = ()

    def check(self, count: int) -> None:
        """Check the number of inputs.

        Raises:
            GraphError: there are too many or too few.
        """
        if count == self.inputs:
            return
        low, high = self.inputs if isinstance(self.inputs, tuple) else (self.inputs, self.inputs)
        if count < low or (high is not None and count > high):
            wanted = str(low) if low == high else f"at least {low}" if high is None else f"{low} to {high}"
            raise GraphError(f"takes {wanted} input{'s' * (wanted != '1')}, {count} given")

    def port(self, argument: str, index: int) -> int:
        """Return the number of an output that a function's body names as ``node:argument:index``."""
        return (self.outputs.index(argument) if argument in self.outputs else 0) + index


RULES: dict[str, Rule] = {}


def rules(
    *ops: str, inputs: Count = 1, outputs: tuple[str, ...] = ()
) -> Callable[[RuleFunction], RuleFunction]:
    """Register a function as the rule of these ops, see :class:`Rule`."""

    def register(function: RuleFunction) -> RuleFunction:
        for op in ops:
            assert op not in RULES, f"{op} has two rules"
            RULES[op] = Rule(function, inputs, outputs)
        return function

    return register
