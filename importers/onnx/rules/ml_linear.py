"""ai.onnx.ml: linear models, and what turns scores into labels and probabilities."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.importers.onnx.rules.ml_features import ML, as_float
from jaxdnn.importers.onnx.standard import floating
from jaxdnn.layers.activation import Sigmoid, Softmax
from jaxdnn.layers.arithmetic import Binary, Cast, Select, Unary
from jaxdnn.layers.base import Layer
from jaxdnn.layers.dense import Dense
from jaxdnn.layers.reduction import ArgMax
from jaxdnn.layers.shape import Concat, Gather, Reshape

TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")


@rules("LinearRegressor", domain=ML)
def linear_regressor(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """A dense layer."""
    targets = node.attributes.integer("targets", 1)
    return (transformed(b, node, _dense(b, node, inputs[0], targets)),)


@rules("LinearClassifier", domain=ML)
def linear_classifier(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The class of the highest score, and scores; a single score is that of the second of two classes."""
    node.attributes.ignore("multi_class")
    labels = labels_of(node, "classlabels_ints")
    count = len(labels.numbers)
    rows = len(node.attributes.numbers("intercepts", ())) or count
    scores = _dense(b, node, inputs[0], rows)
    if rows != 1 or count > 2:
        label = labels.best(b, node, scores)
        return label, transformed(b, node, scores)
    label = labels.second(b, node, scores, 0.0)
    return label, scores if count == 1 else second_of_two(b, node, scores, 1.0)


def _dense(b: OnnxBuilder, node: NodeSource, x: str, units: int) -> str:
    coefficients = np.array(node.attributes.numbers("coefficients"), np.float32)
    if units < 1 or coefficients.size % units:
        raise LayerError(f"{coefficients.size} coefficients are not those of {units} rows")
    params = {"weight": b.param(node.name, "weight", coefficients.reshape(units, -1))}
    bias = np.array(node.attributes.numbers("intercepts", ()), np.float32)
    if bias.size:
        params["bias"] = b.param(node.name, "bias", bias)
    layer = Dense(units=units, bias=bool(bias.size), axis=-1)
    return b.emit(node, layer, (as_float(b, node, x),), params, part="scores")[0]


class Labels(NamedTuple):
    """The classes that a classifier tells apart.

    Attributes:
        numbers: of the classes; their places where they are called by strings.
        called: whether they are called by strings, so that they cannot be an output.
    """

    numbers: np.ndarray
    called: bool

    def best(self, b: OnnxBuilder, node: NodeSource, scores: str) -> str:
        """Return the class of the highest score of each row."""
        (place,) = b.emit(node, ArgMax(axis=-1, keepdims=False), (scores,), part="best")
        return self._label(b, node, place)

    def second(self, b: OnnxBuilder, node: NodeSource, score: str, threshold: float) -> str:
        """Return the second class where its score is above a threshold; a single class is told from 0."""
        limit = floating(b, node, threshold, part="threshold")
        (marks,) = b.emit(node, Binary(function="greater"), (score, limit), part="above")
        (marks,) = b.emit(node, Reshape(shape=(-1,)), (marks,), part="marks")
        (place,) = b.emit(node, Cast(dtype="int32"), (marks,), part="best")
        return self._label(b, node, place)

    def _label(self, b: OnnxBuilder, node: NodeSource, place: str) -> str:
        if self.called:
            if node.outputs[0]:
                _warn_of_strings(node)
            return place
        numbers = self.numbers if len(self.numbers) > 1 else np.array([0, *self.numbers.tolist()])
        table = b.const(node, numbers, part="classes")
        return b.emit(node, Gather(axis=0), (table, place), part="label")[0]


def _warn_of_strings(node: NodeSource) -> None:
    raise LayerError(f"its output {node.outputs[0]!r} is a string: name the others (outputs=)")


def labels_of(node: NodeSource, name: str) -> Labels:
    """Return the classes of a classifier, whose numbers an attribute lists."""
    strings = node.attributes.texts("classlabels_strings", ())
    numbers = node.attributes.integers(name, ())
    if not strings and not numbers:
        raise LayerError(f"has neither classlabels_strings nor {name}")
    return Labels(np.arange(len(strings)) if strings else np.array(numbers, np.int64), bool(strings))


def second_of_two(b: OnnxBuilder, node: NodeSource, score: str, total: float) -> str:
    """Return the scores of two classes, of which the second one's is known.

    They add up to ``total``, to one if they are made probabilities by a sigmoid; other transforms need no two.
    """
    if node.attributes.one_of("post_transform", TRANSFORMS, "NONE") == "LOGISTIC":
        (score,) = b.emit(node, Sigmoid(), (score,), part="second")
        total = 1.0
    whole = floating(b, node, total, part="total")
    first = b.emit(node, Binary(function="subtract"), (whole, score), part="first")
    return b.emit(node, Concat(axis=-1), (*first, score), part="both")[0]


def transformed(
    b: OnnxBuilder, node: NodeSource, scores: str, part: str = "probabilities", kind: str = ""
) -> str:
    """Return what the attribute post_transform, or one of :data:`TRANSFORMS`, makes of scores."""
    kind = kind or node.attributes.one_of("post_transform", TRANSFORMS, "NONE")
    if kind == "NONE":
        return scores
    if kind == "SOFTMAX_ZERO":
        # What is zero stays zero.
        zero, never = (floating(b, node, n, part=f"number{i}") for i, n in enumerate((0, -np.inf)))
        none = b.emit(node, Binary(function="equal"), (scores, zero), part="none")
        (scores,) = b.emit(node, Select(), (*none, never, scores), part="others")
    layers: dict[str, Layer] = {"LOGISTIC": Sigmoid(), "PROBIT": Unary(function="ndtri")}
    return b.emit(node, layers.get(kind, Softmax(axis=-1)), (scores,), part=part)[0]
