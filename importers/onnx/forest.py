"""Ensembles of decision trees, as ai.onnx.ml states them: two forms of one thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jaxdnn.errors import GraphError, LayerError
from jaxdnn.importers.onnx.registry import NodeSource
from jaxdnn.layers.trees import TESTS

_MODES = {
    "BRANCH_LEQ": "less_equal",
    "BRANCH_LT": "less",
    "BRANCH_GTE": "greater_equal",
    "BRANCH_GT": "greater",
    "BRANCH_EQ": "equal",
    "BRANCH_NEQ": "not_equal",
}
_MEMBER = 6
"""The number of the test whether a feature is one of a set."""


_MAX_TOLD = 2**27
"""How many numbers all nodes may tell: a few bytes of a file state how many targets there are."""

Key = tuple[int, int]
"""What a node is called: a tree, and a number in it."""


@dataclass
class Forest:
    """Trees as vectors over all their nodes; a leaf is its own successor.

    Attributes:
        roots: a number of a node for each tree.
        features, tests, thresholds, if_true, if_false, if_nan: see :class:`~jaxdnn.layers.trees.TreeLeaves`.
        weights: (nodes, targets), what each leaf adds; NaN where it tells nothing of a target.
    """

    roots: np.ndarray
    features: np.ndarray
    tests: np.ndarray
    thresholds: np.ndarray
    if_true: np.ndarray
    if_false: np.ndarray
    if_nan: np.ndarray
    weights: np.ndarray

    @property
    def leaves(self) -> np.ndarray:
        """Which nodes are leaves."""
        places = np.arange(len(self.tests))
        ends: np.ndarray = (self.if_true == places) & (self.if_false == places)
        return ends

    def depth(self) -> int:
        """Return the steps from a root to the farthest leaf.

        Raises:
            GraphError: a tree runs in circles.
        """
        leaves = self.leaves
        level, depth = np.unique(self.roots), 0
        while True:
            inner = level[~leaves[level]]
            if not len(inner):
                return depth
            level, depth = np.unique(np.concatenate([self.if_true[inner], self.if_false[inner]])), depth + 1
            if depth > len(self.tests):
                raise GraphError("a tree runs in circles")


def numbers(node: NodeSource, name: str) -> tuple[float, ...]:
    """Return floating numbers, stated as a list or in double precision as a tensor."""
    if node.attributes.has(f"{name}_as_tensor"):
        return tuple(node.attributes.tensor(f"{name}_as_tensor").reshape(-1).tolist())
    return node.attributes.numbers(name, ())


def listed_forest(node: NodeSource, kind: str, targets: int) -> Forest:
    """Read trees whose nodes are named by tree and number.

    Args:
        node: a regressor or a classifier.
        kind: what its leaves tell, as the attributes call it: ``target`` or ``class``.
        targets: how many there are.
    """
    attributes = node.attributes
    attributes.ignore("nodes_hitrates", "nodes_hitrates_as_tensor")
    trees, ids = attributes.integers("nodes_treeids"), attributes.integers("nodes_nodeids")
    modes, thresholds = attributes.texts("nodes_modes"), numbers(node, "nodes_values")
    features = attributes.integers("nodes_featureids")
    missing = attributes.integers("nodes_missing_value_tracks_true", ()) or (0,) * len(ids)
    named = {"treeids": trees, "values": thresholds, "modes": modes, "featureids": features}
    _require_lengths(len(ids), "nodes", {**named, "missing_value_tracks_true": missing})
    unknown = {mode for mode in modes if mode not in _MODES and mode != "LEAF"}
    if unknown:
        raise LayerError(f"nodes_modes {min(unknown)!r} is none of {', '.join((*_MODES, 'LEAF'))}")
    places = {key: place for place, key in enumerate(zip(trees, ids, strict=True))}
    if len(places) != len(ids):
        raise GraphError("two nodes of a tree have one number")
    if_true, if_false = (_successors(node, name, modes, places) for name in ("true", "false"))
    return Forest(
        _roots(np.array(trees), if_true, if_false),
        np.array(features),
        np.array([TESTS.index(_MODES.get(mode, "less_equal")) for mode in modes]),
        np.array(thresholds),
        if_true,
        if_false,
        np.array(missing),
        _told(node, kind, targets, places),
    )


def _require_lengths(count: int, kind: str, lists: Mapping[str, Sequence[object]]) -> None:
    for name, values in lists.items():
        if len(values) != count:
            raise LayerError(f"{kind}_{name} has {len(values)} values for {count} {kind}")


def _successors(node: NodeSource, name: str, modes: Sequence[str], places: Mapping[Key, int]) -> np.ndarray:
    """Return the place of the node that each node leads to; a leaf leads to itself."""
    stated = node.attributes.integers(f"nodes_{name}nodeids")
    _require_lengths(len(modes), "nodes", {f"{name}nodeids": stated})
    found = []
    for place, ((tree, number), goal, mode) in enumerate(zip(places, stated, modes, strict=True)):
        if mode != "LEAF" and (tree, goal) not in places:
            raise GraphError(f"node {number} of tree {tree} leads to {goal}, which it lacks")
        found.append(place if mode == "LEAF" else places[tree, goal])
    return np.array(found)


def _told(node: NodeSource, kind: str, targets: int, places: Mapping[Key, int]) -> np.ndarray:
    """Return what each node tells of each target."""
    weights = _untold(len(places), targets)
    stated = {name: node.attributes.integers(f"{kind}_{name}") for name in ("treeids", "nodeids", "ids")}
    values = numbers(node, f"{kind}_weights")
    _require_lengths(len(values), f"{kind}", stated)
    for tree, number, target, value in zip(*stated.values(), values, strict=True):
        place = places.get((tree, number))
        if place is None or not 0 <= target < targets:
            raise GraphError(f"{kind} {target} of node {number} of tree {tree} is not there")
        before = weights[place, target]
        weights[place, target] = value + (0.0 if np.isnan(before) else before)
    return weights


def _untold(nodes: int, targets: int) -> np.ndarray:
    if not 0 < targets * nodes <= _MAX_TOLD:
        raise LayerError(f"{nodes} nodes and {targets} targets are none, or more than {_MAX_TOLD} numbers")
    return np.full((nodes, targets), np.nan)


def _roots(trees: np.ndarray, if_true: np.ndarray, if_false: np.ndarray) -> np.ndarray:
    """Return the first node of each tree that none leads to."""
    places = np.arange(len(trees))
    led = np.zeros(len(trees), bool)
    for successors in (if_true, if_false):
        led[successors[successors != places]] = True
    free = places[~led]
    _, first = np.unique(trees[free], return_index=True)
    if len(first) != len(set(trees.tolist())):
        raise GraphError("a tree runs in circles")
    return free[first]


def numbered_forest(node: NodeSource, targets: int) -> Forest:
    """Read trees whose inner nodes and leaves are numbered apart; a node may ask whether a feature is one of a set.

    Such a node becomes several ones, each of which asks for one member.
    """
    attributes = node.attributes
    attributes.ignore("nodes_hitrates")
    stated = {
        name: np.array(attributes.integers(f"nodes_{name}"), np.int64)
        for name in ("featureids", "truenodeids", "falsenodeids", "trueleafs", "falseleafs")
    }
    modes = attributes.tensor("nodes_modes").reshape(-1).astype(np.int64)
    splits = attributes.tensor("nodes_splits").reshape(-1)
    count = len(modes)
    missing = np.array(attributes.integers("nodes_missing_value_tracks_true", ()) or (0,) * count)
    told = attributes.tensor("leaf_weights").reshape(-1)
    ids = np.array(attributes.integers("leaf_targetids"), np.int64)
    roots = np.array(attributes.integers("tree_roots"), np.int64)
    lengths = {len(each) for each in (*stated.values(), modes, splits, missing)}
    if lengths != {count} or len(told) != len(ids):
        raise LayerError("the lists of its nodes, or of its leaves, differ in length")
    limits = {name: np.where(stated[f"{name}leafs"] != 0, len(told), count) for name in ("true", "false")}
    outside = any(
        ((stated[f"{name}nodeids"] < 0) | (stated[f"{name}nodeids"] >= limit)).any()
        for name, limit in limits.items()
    )
    if outside or not ((roots >= 0) & (roots < count)).all() or not ((ids >= 0) & (ids < targets)).all():
        raise GraphError("a tree leads to a node, a leaf or a target that it lacks")
    if modes.size and not 0 <= modes.min() <= modes.max() <= _MEMBER:
        raise LayerError(f"nodes_modes lie between 0 and {_MEMBER}, got {modes.tolist()}")
    sets = _sets(
        attributes.tensor("membership_values") if attributes.has("membership_values") else np.zeros(0)
    )
    chains = [
        sets.pop(0) if mode == _MEMBER and sets else [split]
        for mode, split in zip(modes, splits, strict=True)
    ]
    starts = np.cumsum([0, *map(len, chains)])
    leaves = starts[-1] + np.arange(len(told))
    goals = {
        name: np.where(
            stated[f"{name}leafs"] != 0,
            leaves[np.minimum(stated[f"{name}nodeids"], len(told) - 1)],
            starts[np.minimum(stated[f"{name}nodeids"], count - 1)],
        )
        for name in ("true", "false")
    }
    owner = np.repeat(np.arange(count), [len(chain) for chain in chains])
    following = np.arange(1, len(owner) + 1)
    last = following == starts[1:][owner]
    nothing = np.zeros(len(told), np.int64)
    weights = _untold(len(owner) + len(told), targets)
    weights[leaves, ids] = told
    tests = np.where(modes == _MEMBER, TESTS.index("equal"), modes)
    return Forest(
        starts[roots],
        np.concatenate([stated["featureids"][owner], nothing]),
        np.concatenate([tests[owner], nothing]),
        np.concatenate([*map(np.asarray, chains), nothing]).astype(np.float64),
        np.concatenate([goals["true"][owner], leaves]),
        np.concatenate([np.where(last, goals["false"][owner], following), leaves]),
        np.concatenate([missing[owner], nothing]),
        weights,
    )


def _sets(values: np.ndarray) -> list[list[float]]:
    """Return lists of numbers that are separated by what is no number."""
    sets: list[list[float]] = [[]]
    for value in values.reshape(-1).tolist():
        if np.isnan(value):
            sets.append([])
        else:
            sets[-1].append(value)
    return [each for each in sets if each]
