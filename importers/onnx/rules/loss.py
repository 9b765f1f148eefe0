"""Losses that an evaluation graph kept."""

from __future__ import annotations

from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.layers.activation import LogSoftmax
from jaxdnn.layers.loss import NegativeLogLikelihood

_REDUCTIONS = ("none", "mean", "sum")


def _likelihood(node: NodeSource) -> NegativeLogLikelihood:
    ignored = node.attributes.integer("ignore_index") if node.attributes.has("ignore_index") else None
    return NegativeLogLikelihood(
        ignore_label=ignored, reduction=node.attributes.one_of("reduction", _REDUCTIONS, "mean")
    )


@rules("NegativeLogLikelihoodLoss", inputs=(2, 3))
def negative_log_likelihood(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The input holds logarithms of probabilities."""
    return b.emit(node, _likelihood(node), tuple(filter(None, inputs)))


@rules("SoftmaxCrossEntropyLoss", inputs=(2, 3))
def softmax_cross_entropy(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """These are computed first, and are the second output."""
    scores, *rest = inputs
    (logarithms,) = b.emit(node, LogSoftmax(axis=1), (scores,), part="log_prob")
    return (*b.emit(node, _likelihood(node), tuple(filter(None, (logarithms, *rest)))), logarithms)
