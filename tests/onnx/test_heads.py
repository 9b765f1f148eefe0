"""Detectors' heads as operators, in ONNX Runtime, against the heads themselves."""

import numpy as np
import onnx
import pytest

from jaxdnn.ir import Graph, Model, Node, Source, Value
from jaxdnn.layers.constant import Const
from jaxdnn.layers.detection import BestClassOutput, DetectionOutput, Proposal
from jaxdnn.layers.shape import Permute
from jaxdnn.layers.stages import ProposalRows
from jaxdnn.layers.suppression import BatchedSuppression, ClassSuppression, NonMaxSuppression
from jaxdnn.net import Net
from support.layer import net_of
from support.onnx_runtime import check_export, operators, run

rng = np.random.default_rng(1)
PRIORS, CLASSES = 12, 3


def uniform(*shape, low=0.0, high=1.0):
    """Draw numbers; of 20 different ones, so that some are equal."""
    return (low + (high - low) * rng.integers(0, 20, shape) / 20).astype(np.float32)


def boxes(*shape):
    """Draw boxes of which some overlap, and some have their corners in the wrong order."""
    return uniform(*shape, 4)


def predictions(layer, batch):
    locations = 1 if layer.share_location else layer.classes
    return (
        uniform(batch, PRIORS * locations * 4, low=-1),
        uniform(batch, PRIORS * layer.classes),
    )


def prior():
    low = uniform(PRIORS, 2) / 2
    corners = np.concatenate([low, low + 0.1 + uniform(PRIORS, 2) / 2], axis=1)
    return np.stack([corners.ravel(), np.full(PRIORS * 4, 0.2)]).reshape(1, 2, -1).astype(np.float32)


DETECTIONS = [
    {},
    {"code": "center_size", "top_k": 5, "keep_top_k": 4, "confidence_threshold": 0.3},
    {"code": "corner_size", "share_location": False, "keep_top_k": 3, "group_classes": False},
    {"share_location": False, "background": 2, "nms_threshold": 0.0, "clip": True, "top_k": 100},
    {"background": None, "variance_in_target": True, "nms_threshold": 1.5, "keep_top_k": 200},
    {"confidence_threshold": 2.0},
    {"confidence_threshold": 0.85, "group_classes": False},
]


@pytest.mark.parametrize("attributes", DETECTIONS, ids=str)
def test_detection_output(attributes):
    layer = DetectionOutput(classes=CLASSES, **attributes)
    net = net_of(layer, *predictions(layer, 1), prior())
    calls = [(*predictions(layer, 1), prior()) for _ in range(3)]
    model = check_export(net, *calls)
    assert "NonMaxSuppression" in operators(model)
    assert "Loop" not in operators(model)


def test_no_array_is_empty_where_nothing_is_found():
    """OpenCV 5 divides by zero there."""
    layer = DetectionOutput(classes=CLASSES, confidence_threshold=2.0)
    arrays = (*predictions(layer, 1), prior())
    feeds = dict(zip(("x0", "x1", "x2"), arrays, strict=True))
    model = net_of(layer, *arrays).to_onnx()
    (detections,) = run(model, feeds).values()
    np.testing.assert_array_equal(detections[0, 0], [[0, *[-1] * 6]])
    inner = [name for node in model.graph.node for name in node.output if name != model.graph.output[0].name]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in inner)
    found = run(model, feeds)
    assert len(found) > 20
    assert not [name for name, array in found.items() if array.size == 0]


def head_net(layer, priors, *further):
    """Return a net of a head whose priors are constants, and of layers that read what is before them."""
    nodes = [
        Node("priors", Const(value=priors), (), ("p",)),
        Node("head", layer, ("x0", "x1", "p"), ("y0",)),
    ]
    for number, (each, *others) in enumerate(further, start=1):
        nodes.append(Node(f"further{number}", each, (f"y{number - 1}", *others), (f"y{number}",)))
    values = tuple(Value(f"x{i}", array.shape) for i, array in enumerate(predictions(layer, 1)))
    graph = Graph("heads", values, (nodes[-1].outputs[0],), tuple(nodes))
    return Net.from_model(Model(graph, {}, Source("test")))


def test_detection_output_of_several_images():
    layer = DetectionOutput(classes=CLASSES, top_k=6, keep_top_k=5, confidence_threshold=0.5)
    calls = [predictions(layer, batch) for batch in (1, 2, 5)]
    nothing = tuple(np.zeros_like(array) for array in calls[2])
    check_export(head_net(layer, prior()), *calls, nothing)


def test_rows_of_a_first_stage_are_as_many_as_there_may_be():
    layer = DetectionOutput(classes=CLASSES, keep_top_k=7, confidence_threshold=0.8)
    net = head_net(layer, prior(), (ProposalRows(),), (Permute(order=(1, 0)),))
    nothing = tuple(np.zeros_like(array) for array in predictions(layer, 1))
    model = check_export(net, predictions(layer, 1), nothing, batch=1)
    assert [size.dim_value for size in model.graph.output[0].type.tensor_type.shape.dim] == [7, 7]


def test_detection_output_of_two_steps():
    layer = DetectionOutput(classes=CLASSES, objectness_threshold=0.5, confidence_threshold=0.2)
    inputs = (*predictions(layer, 1), prior(), uniform(1, PRIORS * 2), uniform(1, PRIORS * 4, low=-1))
    check_export(net_of(layer, *inputs), inputs)


def test_a_threshold_that_adapts_becomes_a_loop():
    layer = DetectionOutput(classes=CLASSES, nms_threshold=0.8, eta=0.7)
    inputs = (*predictions(layer, 1), prior())
    assert "Loop" in operators(check_export(net_of(layer, *inputs), inputs))


@pytest.mark.parametrize("threshold", [0.3, 0.95])
def test_best_class_output(threshold):
    layer = BestClassOutput(confidence_threshold=threshold, nms_threshold=0.4, first_label=1)
    calls = [(uniform(batch, 9, 5 + CLASSES),) for batch in (1, 3)]
    calls.append((np.zeros((2, 9, 5 + CLASSES), np.float32),))
    model = check_export(net_of(layer, *calls[0]), *calls)
    assert "NonMaxSuppression" in operators(model)


@pytest.mark.parametrize(("pre", "post", "scores"), [(None, None, False), (20, 5, True), (6, 100, True)])
def test_proposal(pre, post, scores):
    anchors = ((-8.0, -8.0, 8.0, 8.0), (-4.0, -12.0, 4.0, 12.0))
    layer = Proposal(
        anchors=anchors,
        stride=8,
        min_size=6,
        pre_nms_top_n=pre,
        post_nms_top_n=post,
        nms_threshold=0.5,
        scores=scores,
    )

    def inputs(batch):
        size = np.tile(np.float32([[30, 28, 1.2]]), (batch, 1))
        return uniform(batch, 4, 4, 3), uniform(batch, 8, 4, 3, low=-1), size

    check_export(net_of(layer, *inputs(1), outputs=1 + scores), *(inputs(batch) for batch in (1, 3)))


@pytest.mark.parametrize(
    ("count", "threshold", "least", "pad"),
    [(4, 0.5, 0.4, False), (4, 0.0, float("-inf"), True), (30, 1.5, 0.4, True), (0, 0.5, 0.4, True)],
)
def test_non_max_suppression(count, threshold, least, pad):
    layer = NonMaxSuppression(count=count, overlap_threshold=threshold, score_threshold=least, pad=pad)
    calls = [(boxes(10), uniform(10)) for _ in range(2)]
    check_export(net_of(layer, *calls[0], outputs=3), *calls)


@pytest.mark.parametrize("centers", [False, True])
def test_class_suppression(centers):
    layer = ClassSuppression(count=3, overlap_threshold=0.4, score_threshold=0.2, centers=centers)
    calls = [(boxes(batch, 8), uniform(batch, CLASSES, 8)) for batch in (1, 3)]
    assert operators(check_export(net_of(layer, *calls[0]), *calls)) <= {"NonMaxSuppression", "Cast"}


def test_soft_suppression_becomes_a_loop():
    layer = NonMaxSuppression(count=5, sigma=0.5, score_threshold=0.1)
    inputs = boxes(8), uniform(8)
    assert "Loop" in operators(check_export(net_of(layer, *inputs, outputs=3), inputs))


@pytest.mark.long
@pytest.mark.parametrize("shared", ["one", "none", "axis"])
@pytest.mark.parametrize(
    "attributes",
    [
        {"class_count": 3, "count": 5},
        {"class_count": 2, "count": 50, "pad_per_class": True, "clip": False, "score_threshold": 0.5},
        {"class_count": 50, "count": 100, "overlap_threshold": 0.1},
    ],
    ids=str,
)
def test_batched_suppression(shared, attributes):
    layer = BatchedSuppression(**attributes)
    shapes = {"one": (8, 1), "none": (8, CLASSES), "axis": (8,)}

    def inputs(batch):
        return boxes(batch, *shapes[shared]) * 1.2 - 0.1, uniform(batch, 8, CLASSES)

    model = check_export(net_of(layer, *inputs(1), outputs=4), *(inputs(batch) for batch in (1, 3)))
    assert "NonMaxSuppression" in operators(model)
