"""ai.onnx.ml: ensembles of decision trees."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.forest import Forest, listed_forest, numbered_forest, numbers
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.importers.onnx.rules.ml_features import ML, as_float
from jaxdnn.importers.onnx.rules.ml_linear import TRANSFORMS, labels_of, second_of_two, transformed
from jaxdnn.importers.onnx.standard import floating
from jaxdnn.layers.arithmetic import Binary, Cast, Select, Unary
from jaxdnn.layers.reduction import Reduce
from jaxdnn.layers.shape import Gather, Slice
from jaxdnn.layers.trees import TreeLeaves

_AGGREGATES = {"AVERAGE": "mean", "SUM": "sum", "MIN": "min", "MAX": "max"}
_ABSENT = {"min": np.inf, "max": -np.inf}


def _scores(
    b: OnnxBuilder, node: NodeSource, x: str, forest: Forest, aggregate: str, base: Iterable[float]
) -> str:
    """Add what joins the leaves of each row, and return it: (rows, targets)."""
    value = as_float(b, node, x)
    vectors = {
        "roots": forest.roots.astype(np.int32),
        "features": forest.features.astype(np.int32),
        "tests": forest.tests.astype(np.int32),
        "thresholds": forest.thresholds.astype(np.float32),
        "if_true": forest.if_true.astype(np.int32),
        "if_false": forest.if_false.astype(np.int32),
        "if_nan": forest.if_nan.astype(bool),
    }
    constants = [b.const(node, vector, part=name) for name, vector in vectors.items()]
    leaves = b.emit(node, TreeLeaves(depth=forest.depth()), (value, *constants), part="leaves")
    operation = _AGGREGATES[aggregate]
    absent = np.isnan(forest.weights)
    table = np.where(absent, _ABSENT.get(operation, 0.0), forest.weights).astype(np.float32)
    weights = b.const(node, table, part="weights")
    told = b.emit(node, Gather(axis=0), (weights, *leaves), part="told")
    (scores,) = b.emit(node, Reduce(operation=operation, axes=(1,)), told, part="joined")
    if operation in _ABSENT and absent[forest.leaves].any():
        infinite = b.emit(node, Unary(function="is_inf"), (scores,), part="untold")
        zero = floating(b, node, 0, part="zero")
        (scores,) = b.emit(node, Select(), (*infinite, zero, scores), part="told_of")
    offsets = np.array(tuple(base), np.float32)
    if offsets.size:
        (scores,) = b.emit(
            node, Binary(function="add"), (scores, b.const(node, offsets, part="base")), part="scores"
        )
    return scores


@rules("TreeEnsembleRegressor", domain=ML)
def regressor(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Numbers."""
    attributes = node.attributes
    forest = listed_forest(node, "target", attributes.integer("n_targets"))
    aggregate = attributes.one_of("aggregate_function", tuple(_AGGREGATES), "SUM")
    scores = _scores(b, node, inputs[0], forest, aggregate, numbers(node, "base_values"))
    return (transformed(b, node, scores),)


@rules("TreeEnsembleClassifier", domain=ML)
def classifier(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The class of the highest score of those that leaves tell, and scores."""
    labels = labels_of(node, "classlabels_int64s")
    count, base = len(labels.numbers), numbers(node, "base_values")
    told = set(node.attributes.integers("class_ids"))
    forest = listed_forest(node, "class", count)
    if count == 2 and len(told) == 1:
        return _one_of_two(b, node, inputs[0], forest, base)
    scores = _scores(b, node, inputs[0], forest, "SUM", base)
    known = scores
    if not base and np.isnan(forest.weights[forest.leaves]).any():
        flags = replace(forest, weights=np.where(np.isnan(forest.weights), np.nan, 1.0))
        marks = _scores(b, node._replace(name=f"{node.name}@told"), inputs[0], flags, "MAX", ())
        (untold,) = b.emit(node, Unary(function="not"), _marks(b, node, marks), part="untold")
        never = floating(b, node, -np.inf, part="never")
        (known,) = b.emit(node, Select(), (untold, never, scores), part="known")
    return labels.best(b, node, known), transformed(b, node, scores)


def _marks(b: OnnxBuilder, node: NodeSource, value: str) -> Values:
    return b.emit(node, Cast(dtype="bool"), (value,), part="marks")


def _one_of_two(b: OnnxBuilder, node: NodeSource, x: str, forest: Forest, base: tuple[float, ...]) -> Values:
    """Leaves that tell one of two classes: the first one's scores are those of the second class."""
    labels = labels_of(node, "classlabels_int64s")
    second = np.isnan(forest.weights[:, 0]).all()
    if len(base) > (0 if second else 1):
        raise LayerError(f"{len(base)} base values do not fit leaves that tell a single class of two")
    limit = 0.5 if np.nanmin(forest.weights) >= 0 else 0.0
    scores = _scores(b, node, x, forest, "SUM", ())
    score = b.emit(node, Slice(parts=2, axis=1), (scores,), outputs=2, part="classes")[int(second)]
    if base:
        offset = floating(b, node, base[0], part="base")
        (score,) = b.emit(node, Binary(function="add"), (score, offset), part="score")
    label = labels.second(b, node, score, limit)
    return label, transformed(b, node, scores) if second else second_of_two(b, node, score, 2 * limit)


@rules("TreeEnsemble", domain=ML)
def ensemble(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The newest form, for all kinds; what leaves tell is joined and transformed as numbers say."""
    aggregate = _chosen(node, "aggregate_function", tuple(_AGGREGATES), 1)
    forest = numbered_forest(node, node.attributes.integer("n_targets"))
    scores = _scores(b, node, inputs[0], forest, aggregate, ())
    return (transformed(b, node, scores, kind=_chosen(node, "post_transform", TRANSFORMS, 0)),)


def _chosen(node: NodeSource, name: str, choices: tuple[str, ...], default: int) -> str:
    number = node.attributes.integer(name, default)
    if not 0 <= number < len(choices):
        raise LayerError(f"{name} must be a number below {len(choices)}, got {number}")
    return choices[number]
