"""Losses and metrics.

A loss that starts with a softmax or a sigmoid becomes two nodes, the first of which gives probabilities: they
are what a training net is worth when it is called without labels.
"""

from __future__ import annotations

import warnings

from jaxdnn.errors import JaxdnnWarning, LayerError
from jaxdnn.importers.caffe.fields import Fields
from jaxdnn.importers.caffe.registry import CaffeBuilder, LayerSource, rules
from jaxdnn.layers.activation import Sigmoid, Softmax
from jaxdnn.layers.base import Layer
from jaxdnn.layers.loss import (
    Accuracy,
    ContrastiveLoss,
    CrossEntropyLoss,
    EuclideanLoss,
    HingeLoss,
    InfogainLoss,
    SigmoidCrossEntropyLoss,
    SmoothL1Loss,
)

_LOG_THRESHOLD = 1e-20
"""The smallest probability of the losses that do not compute it themselves."""


def _emit(b: CaffeBuilder, source: LayerSource, loss: Layer, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Add a node with one scalar, whose top may be anonymous."""
    return b.emit(source, loss, inputs, tops=source.tops[:1] or (source.name,))


def _probabilities(
    b: CaffeBuilder, source: LayerSource, layer: Layer, inputs: tuple[str, ...]
) -> tuple[str, ...]:
    """Add the node that gives probabilities: the layer's second top, or a value of its own."""
    name = f"{(source.tops or (source.name,))[0]}/prob"
    if len(source.tops) == 2:
        return b.emit(source, layer, inputs[:1], tops=source.tops[1:], name=name)
    return b.add(layer, inputs[:1], name=name)


def _leave_out(b: CaffeBuilder, source: LayerSource, why: str) -> None:
    message = f"{b.origin}: layer {source.place} {why} and was left out"
    warnings.warn(message, JaxdnnWarning, stacklevel=2)


def _normalization(p: Fields, default: str) -> str:
    """Return the normalization; ``normalize`` is its older form."""
    stated = p.enum("normalization", ("FULL", "VALID", "BATCH_SIZE", "NONE"), "").lower()
    old = p.boolean("normalize")
    if stated or old is None:
        return stated or default
    return "valid" if old else "batch_size"


@rules("SoftmaxWithLoss", "SoftmaxLoss", bottoms=2, tops=(0, 2))
def softmax_with_loss(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Softmax and the cross entropy of its probabilities."""
    p, softmax = source.param("loss_param"), source.param("softmax_param")
    softmax.ignore("engine")
    axis = softmax.integer("axis", 1)
    loss = CrossEntropyLoss(
        axis=axis, ignore_label=p.integer("ignore_label"), normalization=_normalization(p, "valid")
    )
    probabilities = _probabilities(b, source, Softmax(axis=axis), inputs)
    values = _emit(b, source, loss, (*probabilities, inputs[1]))
    return values + probabilities if len(source.tops) == 2 else values


@rules("SigmoidCrossEntropyLoss", bottoms=2, tops=(0, 1))
def sigmoid_cross_entropy_loss(
    b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]
) -> tuple[str, ...]:
    """Sigmoid, for its probabilities; the loss itself is computed from the logits."""
    p = source.param("loss_param")
    source.param("sigmoid_param").ignore("engine")
    loss = SigmoidCrossEntropyLoss(
        ignore_label=p.integer("ignore_label"), normalization=_normalization(p, "batch_size")
    )
    _probabilities(b, source, Sigmoid(), inputs)
    return _emit(b, source, loss, inputs)


@rules("MultinomialLogisticLoss", bottoms=2, tops=(0, 1))
def multinomial_logistic_loss(
    b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]
) -> tuple[str, ...]:
    """Cross entropy of given probabilities."""
    loss = CrossEntropyLoss(normalization="batch_size", floor=_LOG_THRESHOLD)
    return _emit(b, source, loss, inputs)


@rules("InfogainLoss", bottoms=(2, 3), tops=(0, 2))
def infogain_loss(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Cross entropy with a matrix of gains.

    Newer versions take scores and compute the softmax themselves; older ones take probabilities. A file that
    states what only the newer ones have is taken as theirs.
    """
    p, normalization, softmax = (
        source.param(name) for name in ("infogain_loss_param", "loss_param", "softmax_param")
    )
    if len(inputs) < 3 and not p.string("source"):
        raise LayerError("no matrix of gains is given, neither as a third bottom nor as a source file")
    softmax.ignore("axis", "engine")
    newer = p.has("axis") or bool(normalization.raw.fields) or len(source.tops) == 2
    axis = p.integer("axis", 1)
    loss = InfogainLoss(
        axis=axis,
        ignore_label=normalization.integer("ignore_label"),
        normalization=_normalization(normalization, "valid"),
        floor=_LOG_THRESHOLD,
    )
    probabilities = _probabilities(b, source, Softmax(axis=axis), inputs) if newer else inputs[:1]
    if len(inputs) < 3:
        _leave_out(b, source, "reads its matrix of gains from another file")
        return ()
    values = _emit(b, source, loss, (*probabilities, *inputs[1:]))
    return values + probabilities if len(source.tops) == 2 else values


@rules("EuclideanLoss", bottoms=2, tops=(0, 1))
def euclidean_loss(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Half the mean squared distance."""
    return _emit(b, source, EuclideanLoss(), inputs)


@rules("HingeLoss", bottoms=2, tops=(0, 1))
def hinge_loss(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """One against the rest."""
    norms = {"L1": 1, "L2": 2}
    norm = source.param("hinge_loss_param").enum("norm", norms, "L1")
    return _emit(b, source, HingeLoss(norm=norms[norm]), inputs)


@rules("ContrastiveLoss", bottoms=3, tops=(0, 1))
def contrastive_loss(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Distances of pairs."""
    p = source.param("contrastive_loss_param")
    loss = ContrastiveLoss(margin=p.number("margin", 1.0), squared_margin=p.boolean("legacy_version", False))
    return _emit(b, source, loss, inputs)


@rules("SmoothL1Loss", bottoms=(2, 4), tops=(0, 1))
def smooth_l1_loss(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Box regression."""
    sigma = source.param("smooth_l1_loss_param").number("sigma", 1.0)
    return _emit(b, source, SmoothL1Loss(sigma=sigma), inputs)


@rules("Accuracy", bottoms=2, tops=(1, 2))
def accuracy(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Share of right predictions, and that of each class."""
    p = source.param("accuracy_param")
    layer = Accuracy(
        top_k=p.uint("top_k", 1),
        axis=p.integer("axis", 1),
        ignore_label=p.integer("ignore_label"),
        per_class=len(source.tops) == 2,
    )
    return b.emit(source, layer, inputs)


@rules(
    "CenterLoss",
    "CtcLoss",
    "DetectionEvaluate",
    "DetectionLoss",
    "EvalDetection",
    "L1Loss",
    "LpqLoss",
    "MultiBoxLoss",
    "RegionLoss",
    "WarpCTCLoss",
    bottoms=(0, None),
    tops=(0, None),
)
def training_only(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Consume blobs; what such layers compute serves training and its supervision alone."""
    del inputs
    _leave_out(b, source, "serves training only")
    source.fields.ignore_all()
    return ()
