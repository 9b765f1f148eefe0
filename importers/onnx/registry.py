"""What a rule is: the function that turns one ONNX node into typed layers.

How to write one, in ``rules/<family>.py``::

    @rules("Relu")
    def relu(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
        return b.emit(node, Relu(), inputs)

* ``inputs`` are names of values of the graph under construction, ``""`` where an optional input is left out. Up to
  the rule's highest number of inputs they are filled with ``""``, so that a rule can unpack them. A rule returns one
  value per output of the node, in order; it may leave out those at the end that the node does not name
  (``node.outputs``). Returning an input makes the output another name of it (Identity).
* ``node.version`` is the operator set of the node's domain. A rule knows every version of its operator: what was
  an attribute in an old one is often an input in a new one.
* Attributes are read through ``node.attributes``: the getters check kinds, one without a default demands the
  attribute, and what nobody read is reported as a warning.
* ``b.emit(node, layer, inputs, params, outputs=n)`` adds a node; its values get the names of the node's outputs. A
  rule that needs several nodes gives all but the last one a ``part``: they are called ``name@part``.
* What ONNX takes as an input tensor and our layer as an attribute (axes, shapes, sizes, paddings) goes through
  ``b.late(node, layer, inputs, axes=value)``: the attribute itself where the value is a constant of the file;
  otherwise a :class:`~jaxdnn.layers.late.Late` node, which takes it while the program is traced. So shape
  arithmetic of any kind works as long as it depends on shapes alone. The layer is given with ``axes=()`` (a tuple:
  also a scalar becomes one) or with a number (an array of one element becomes one).
* ``b.constant(value)`` is the array of a value that the file itself fixes, or None. A rule that has to know more
  while importing says so with an error that names the input; most do not need it.
* ``b.const(node, array, part=...)`` adds a constant of the rule's own.
* Weights: ``b.learned(value, slot, convert, layout)`` makes a parameter ``<initializer's name>/<slot>`` of a floating
  constant and returns its reference, or None where the value is computed; then the layer takes it as an input. Of a
  name like ``conv1.weight`` or ``conv1/weight`` the part before the last dot or slash is what parameters are called.
* Graphs in attributes: ``node.scope.run(node.attributes.graph(name), arguments, node.name)`` imports one in place;
  inside of ``b.part`` it becomes the graph of a layer, see ``rules/control.py``.
* Arithmetic, comparisons and everything about shapes is computed by layers of ``layers/arithmetic.py``,
  ``layers/tensor.py`` and ``layers/indexing.py``, whose lowerings keep numpy values numpy. A new layer of that kind
  is registered with ``numpy=True`` and computes with ``namespace(...)``.
* An operator that the standard defines by a function of others needs no rule if that function serves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from jaxdnn.errors import GraphError
from jaxdnn.importers.onnx.attributes import Attributes

if TYPE_CHECKING:
    from jaxdnn.importers.onnx.builder import OnnxBuilder
    from jaxdnn.importers.onnx.scope import Scope

Values = tuple[str, ...]
Count = int | tuple[int, int | None]
RuleFunction = Callable[["OnnxBuilder", "NodeSource", Values], Values]


class NodeSource(NamedTuple):
    """One node of a graph.

    Attributes:
        name: its own, or else that of its first output.
        op: what it computes.
        version: of its domain's operator set.
        attributes: the view that rules read.
        outputs: the names that its values get, ``""`` where one is not wanted.
        scope: the graph that it lies in, which imports the graphs inside of it.
    """

    name: str
    op: str
    version: int
    attributes: Attributes
    outputs: tuple[str, ...]
    scope: Scope


@dataclass(frozen=True)
class Rule:
    """A rule and the number of inputs that its operators take.

    Attributes:
        function: the rule.
        inputs: a number, or (at least, at most or None).
    """

    function: RuleFunction
    inputs: Count

    def filled(self, inputs: Values) -> Values:
        """Return the inputs, with ``""`` for those that are left out at the end.

        Raises:
            GraphError: there are too many or too few.
        """
        low, high = self.inputs if isinstance(self.inputs, tuple) else (self.inputs, self.inputs)
        count = len(inputs)
        if count < low or (high is not None and count > high) or not all(inputs[:low]):
            wanted = str(low) if low == high else f"at least {low}" if high is None else f"{low} to {high}"
            given = sum(map(bool, inputs))
            raise GraphError(f"takes {wanted} input{'s' * (wanted != '1')}, {given} given")
        return inputs if high is None else inputs + ("",) * (high - count)


RULES: dict[tuple[str, str], Rule] = {}
"""By domain and operator; the standard's domain is ``""``."""


def rules(*ops: str, inputs: Count = 1, domain: str = "") -> Callable[[RuleFunction], RuleFunction]:
    """Register a function as the rule of these operators, see :class:`Rule`."""

    def register(function: RuleFunction) -> RuleFunction:
        for op in ops:
            assert (domain, op) not in RULES, f"{op} has two rules"
            RULES[domain, op] = Rule(function, inputs)
        return function

    return register
