"""Decision trees, and tables that numbers are looked up in."""

from __future__ import annotations

import math

from jaxdnn.layers.base import Layer, Shape, require_at_least
from jaxdnn.layers.shape import Movement

TESTS = ("less_equal", "less", "greater_equal", "greater", "equal", "not_equal")
"""What a node may ask of a feature and its threshold; the place in this tuple is the test's number."""


class TreeLeaves(Layer):
    """The leaf at which each row of x arrives in each tree.

    Inputs: x (rows, features); roots (trees,), the numbers of nodes; for each node the feature that it asks for, its
    test by its place in :data:`TESTS`, its threshold, its successor if the test is true, that if it is false, and
    whether what is not a number goes to the former. A leaf is its own successor. The roots and all vectors of the nodes
    are constants, the floating ones of the type of x.

    Output: (rows, trees), int32: numbers of nodes.

    Attributes:
        depth: steps from a root to the farthest leaf.
    """

    depth: int

    def __post_init__(self) -> None:
        require_at_least(0, depth=self.depth)

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one comparison per step."""
        del inputs
        return math.prod(outputs[0]) * self.depth


class LookUp(Movement):
    """The value that belongs to the key that an element equals; what is not a number equals itself.

    Inputs: x; keys (n,), of the type of x; values (n,); the value of elements that are no key, a scalar. Of equal keys
    the first one counts.

    Output: the shape of x.
    """
