"""Loss layers of prototxts: their two nodes, their fields, and what a call without labels gives."""

import numpy as np
import pytest

from jaxdnn import GraphError, JaxdnnWarning, LayerError, ParseError
from jaxdnn.layers.loss import ContrastiveLoss, CrossEntropyLoss, HingeLoss, InfogainLoss, SmoothL1Loss
from support.caffe import inputs, load
from support.layer import assert_close

X = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
LABELS = np.array([0, 2, 1, 2], np.float32)
PROBABILITIES = np.exp(X) / np.exp(X).sum(axis=1, keepdims=True)
PICKED = PROBABILITIES[np.arange(4), LABELS.astype(int)]


def layer(kind: str, fields: str = "", tops: tuple[str, ...] = ("loss",), bottoms: str = "x label") -> str:
    names = "".join(f'bottom: "{name}" ' for name in bottoms.split())
    names += "".join(f'top: "{name}" ' for name in tops)
    return f'layer {{ name: "l" type: "{kind}" {names} {fields} }}'


def load_loss(tmp_path, *arguments, **options):
    return load(tmp_path, inputs(x=(4, 3), label=(4,)) + layer(*arguments, **options))


def loss_of(net):
    return net.graph.nodes[-1].layer


def test_softmax_with_loss(tmp_path):
    net = load_loss(tmp_path, "SoftmaxWithLoss")
    assert net.graph.outputs == ("loss",)
    assert_close(np.asarray(net(x=X, label=LABELS)["loss"]), -np.log(PICKED).mean())


def test_without_labels_a_loss_gives_way_to_probabilities(tmp_path):
    net = load_loss(tmp_path, "SoftmaxWithLoss")
    got = net(X)
    assert list(got) == ["loss/prob"]
    assert_close(np.asarray(got["loss/prob"]), PROBABILITIES)


def test_probabilities_are_the_second_top(tmp_path):
    net = load_loss(tmp_path, "SoftmaxWithLoss", tops=("loss", "prob"))
    assert net.graph.outputs == ("loss", "prob")
    assert_close(np.asarray(net(X)["prob"]), PROBABILITIES)


def test_a_loss_without_a_top(tmp_path):
    net = load_loss(tmp_path, "SoftmaxWithLoss", tops=())
    assert net.graph.outputs == ("l",)
    assert_close(np.asarray(net(x=X, label=LABELS)["l"]), -np.log(PICKED).mean())


def test_loss_weight_changes_nothing(tmp_path):
    net = load_loss(tmp_path, "SoftmaxWithLoss", "loss_weight: 3")
    assert_close(np.asarray(net(x=X, label=LABELS)["loss"]), -np.log(PICKED).mean())


@pytest.mark.parametrize(
    ("fields", "normalization"),
    [
        ("", "valid"),
        ("normalize: true", "valid"),
        ("normalize: false", "batch_size"),
        ("normalize: false normalization: NONE", "none"),
        ("normalization: FULL", "full"),
        ("normalization: 2", "batch_size"),
    ],
)
def test_normalization(tmp_path, fields, normalization):
    net = load_loss(
        tmp_path,
        "SoftmaxWithLoss",
        f"loss_param {{ ignore_label: 255 {fields} }} softmax_param {{ axis: -1 }}",
    )
    assert loss_of(net) == CrossEntropyLoss(axis=-1, ignore_label=255, normalization=normalization)


def test_sigmoid_cross_entropy(tmp_path):
    net = load(tmp_path, inputs(x=(4, 3), t=(4, 3)) + layer("SigmoidCrossEntropyLoss", bottoms="x t"))
    sigmoid, targets = 1 / (1 + np.exp(-X)), (X > 0.3).astype(np.float32)
    want = -(targets * np.log(sigmoid) + (1 - targets) * np.log(1 - sigmoid)).sum() / 4
    assert net.graph.outputs == ("loss",)
    assert_close(np.asarray(net(x=X, t=targets)["loss"]), want)
    got = net(X)
    assert list(got) == ["loss/prob"]
    assert_close(np.asarray(got["loss/prob"]), sigmoid)


def test_multinomial_logistic_loss(tmp_path):
    net = load_loss(tmp_path, "MultinomialLogisticLoss")
    assert_close(np.asarray(net(x=PROBABILITIES, label=LABELS)["loss"]), -np.log(PICKED).mean())


INFOGAIN = inputs(x=(4, 3), label=(4,), gain=(1, 1, 3, 3))


def test_infogain_of_probabilities(tmp_path):
    net = load(tmp_path, INFOGAIN + layer("InfogainLoss", bottoms="x label gain"))
    gain = np.eye(3, dtype=np.float32).reshape(1, 1, 3, 3)
    got = net(x=PROBABILITIES, label=LABELS, gain=gain)["loss"]
    assert_close(np.asarray(got), -np.log(PICKED).mean())


@pytest.mark.parametrize(
    ("fields", "tops"),
    [
        ("infogain_loss_param { axis: 1 }", ("loss",)),
        ("loss_param { ignore_label: 9 }", ("loss",)),
        ("", None),
    ],
)
def test_infogain_of_scores_in_newer_files(tmp_path, fields, tops):
    text = layer("InfogainLoss", fields, tops or ("loss", "prob"), "x label gain")
    net = load(tmp_path, INFOGAIN + text)
    gain = np.eye(3, dtype=np.float32).reshape(1, 1, 3, 3)
    assert isinstance(loss_of(net), InfogainLoss)
    assert_close(np.asarray(net(x=X, label=LABELS, gain=gain)["loss"]), -np.log(PICKED).mean())


def test_infogain_from_another_file_is_left_out(tmp_path):
    fields = 'infogain_loss_param { source: "gain.binaryproto" axis: 1 }'
    with pytest.warns(JaxdnnWarning, match="reads its matrix of gains from another file and was left out"):
        net = load_loss(tmp_path, "InfogainLoss", fields)
    assert_close(np.asarray(net(X)["loss/prob"]), PROBABILITIES)
    with pytest.raises(LayerError, match="no matrix of gains is given"):
        load_loss(tmp_path, "InfogainLoss")


def test_distances(tmp_path):
    net = load(tmp_path, inputs(x=(4, 3), y=(4, 3)) + layer("EuclideanLoss", bottoms="x y"))
    assert_close(np.asarray(net(x=X, y=2 * X)["loss"]), (X**2).sum() / 8)
    text = inputs(x=(4, 3), y=(4, 3), i=(4, 3), o=(4, 3))
    text += layer("SmoothL1Loss", "smooth_l1_loss_param { sigma: 3 }", bottoms="x y i o")
    net = load(tmp_path, text)
    assert loss_of(net) == SmoothL1Loss(sigma=3.0)
    assert_close(np.asarray(net(x=X, y=X - 2, i=X * 0 + 1, o=X * 0 + 5)["loss"]), 15 * (2 - 1 / 18))


def test_hinge_norms(tmp_path):
    assert loss_of(load_loss(tmp_path, "HingeLoss")) == HingeLoss(norm=1)
    for norm in ("L2", 2):
        assert loss_of(load_loss(tmp_path, "HingeLoss", f"hinge_loss_param {{ norm: {norm} }}")).norm == 2


def test_contrastive(tmp_path):
    text = inputs(x=(4, 3), y=(4, 3), label=(4,))
    text += layer(
        "ContrastiveLoss", "contrastive_loss_param { margin: 2 legacy_version: true }", bottoms="x y label"
    )
    assert loss_of(load(tmp_path, text)) == ContrastiveLoss(margin=2.0, squared_margin=True)


def test_accuracy(tmp_path):
    net = load_loss(tmp_path, "Accuracy", "accuracy_param { top_k: 2 }", ("accuracy", "per_class"))
    got = net(x=X, label=LABELS)
    ranks = (X[np.arange(4), LABELS.astype(int)].reshape(4, 1) < X).sum(axis=1)
    hits = ranks < 2
    assert_close(np.asarray(got["accuracy"]), hits.mean())
    assert_close(np.asarray(got["per_class"]), [hits[label == LABELS].mean() for label in range(3)])


def test_labels_of_any_shape(tmp_path):
    net = load_loss(tmp_path, "SoftmaxWithLoss")
    got = net(x=X, label=LABELS.reshape(4, 1, 1, 1))
    assert_close(np.asarray(got["loss"]), -np.log(PICKED).mean())


def test_labels_stay_exact_in_half_precision(tmp_path):
    text = inputs(x=(1, 300), label=(1,)) + layer("Accuracy")
    x, label = np.eye(1, 300, 299, dtype=np.float32), np.array([299], np.float32)
    net = load(tmp_path, text, policy="mixed_bfloat16")
    assert np.asarray(net(x=x, label=label)["loss"], np.float32) == 1


@pytest.mark.parametrize("kind", ["MultiBoxLoss", "DetectionEvaluate", "L1Loss"])
def test_layers_for_training_are_left_out(tmp_path, kind):
    text = inputs(x=(4, 3), label=(4,))
    for name in ("r", "s"):
        text += f'layer {{ name: "{name}" type: "ReLU" bottom: "x" top: "{name}" }}'
    with pytest.warns(JaxdnnWarning, match=f"'l' \\({kind}\\) serves training only and was left out"):
        net = load(tmp_path, text + layer(kind, "any_param { field: 1 }", bottoms="r label"))
    assert net.graph.outputs == ("s",)
    assert list(net(X)) == ["s"]


def test_what_a_left_out_layer_would_give(tmp_path):
    text = inputs(x=(4, 3), label=(4,)) + layer("L1Loss")
    text += '\nlayer { name: "r" type: "ReLU" bottom: "loss" top: "r" }'
    with (
        pytest.warns(JaxdnnWarning, match="left out"),
        pytest.raises(GraphError, match="'loss' is produced only by a layer that testing leaves out"),
    ):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("kind", "fields", "bottoms", "error", "message"),
    [
        ("SoftmaxWithLoss", "", "x", GraphError, "takes 2 bottoms, 1 given"),
        ("ContrastiveLoss", "", "x label", GraphError, "takes 3 bottoms, 2 given"),
        ("HingeLoss", "hinge_loss_param { norm: L3 }", "x label", ParseError, "unknown value 'L3' for norm"),
        ("Accuracy", "accuracy_param { top_k: 0 }", "x label", LayerError, "top_k must be at least 1"),
        ("Accuracy", "accuracy_param { topk: 1 }", "x label", ParseError, "did you mean 'top_k'"),
        ("SmoothL1Loss", "smooth_l1_loss_param { sigma: -1 }", "x label", LayerError, "sigma must be pos"),
    ],
)
def test_errors(tmp_path, kind, fields, bottoms, error, message):
    with pytest.raises(error, match=message):
        load_loss(tmp_path, kind, fields, bottoms=bottoms)
