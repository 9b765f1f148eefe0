"""Text graphs of EfficientDet: what they compute in OpenCV and here, and what cannot be written."""

import cv2
import numpy as np
import pytest

import jaxdnn
from jaxdnn.importers.tensorflow.text import read_text
from jaxdnn.importers.tensorflow.textgraphs import AutomlAnchors, text_graph
from support.single_shot import efficientdet
from support.tensorflow import const, graph, node, placeholder

SIZE = (64, 48)


@pytest.fixture
def write(tmp_path):
    """Write a detector, and return the text graph with the paths of graph and text."""

    def write(nodes, **options):
        model, path = tmp_path / "graph.pb", tmp_path / "graph.pbtxt"
        model.write_bytes(graph(*nodes))
        written = text_graph(model, **options)
        path.write_text(written.text)
        return written, str(model), str(path)

    return write


def picture():
    return np.random.default_rng(5).integers(0, 256, (1, 48, 64, 3)).astype(np.float32)


def test_opencv_detects_the_same(write):
    written, model, text = write(efficientdet(SIZE))
    assert (written.detector, written.outputs) == ("efficientdet", ("detection_out",))
    ours = np.asarray(jaxdnn.load(model, text)(picture())["detection_out"]).reshape(-1, 7)
    net = cv2.dnn.readNetFromTensorflow(model, text)
    net.setInput(picture().transpose(0, 3, 1, 2))
    theirs = net.forward().reshape(-1, 7)
    assert ours.shape == theirs.shape
    assert len(ours) > 10
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


def test_predictions_are_those_of_the_frozen_graph(write):
    _, model, text = write(efficientdet(SIZE, stated=False), size=SIZE)
    names = ["class_net/class-predict/BiasAdd", "box_net/box-predict_1/BiasAdd"]
    want = jaxdnn.load(model, outputs=names)(picture().astype(np.uint8))
    got = jaxdnn.load(model, text, outputs=names)(picture())
    np.testing.assert_allclose(got[names[0]], want[names[0]], rtol=0, atol=1e-5)
    swapped = np.asarray(got[names[1]]).reshape(-1, 2)[:, ::-1].reshape(want[names[1]].shape)
    np.testing.assert_allclose(swapped, want[names[1]], rtol=0, atol=1e-5)


def test_prior_boxes_in_numpy(write):
    anchors = AutomlAnchors(
        min_level=4, num_scales=2, anchor_scale=3.0, aspect_ratios=((1.0, 1.0), (1.5, 0.5))
    )
    _, model, text = write(efficientdet(SIZE, anchors=4), anchors=anchors)
    got = np.asarray(jaxdnn.load(model, text, outputs=["PriorBox/concat"])(picture())["PriorBox/concat"])
    want = [
        (
            (j + 0.5) * step + side * 3 * cell * octave * a / 2,
            (i + 0.5) * step + side * 3 * cell * octave * b / 2,
        )
        for step, cell in ((8, 16), (16, 32))
        for i in range(48 // step)
        for j in range(64 // step)
        for octave in (1, np.sqrt(2))
        for a, b in ((1, 1), (1.5, 0.5))
        for side in (-1, 1)
    ]
    np.testing.assert_allclose(got[0, 0].reshape(-1, 2), np.array(want) / SIZE, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(got[0, 1], 1)


def test_what_constants_decide_is_written_as_constants(write):
    written, *_ = write(efficientdet(SIZE))
    nodes = {node.name: node for node in read_text(written.text).nodes}
    assert not {node.op for node in nodes.values()} & {"RealDiv", "Relu", "Tile", "Cast"}
    inverse = nodes["fpn_cells/cell_0/fnode0/truediv_0/inverse"].attributes["value"].array()
    np.testing.assert_allclose(inverse, 1 / (0.7 + 1.6 + 1e-4), rtol=1e-6)
    assert nodes["sub"].inputs == ("image_arrays", "sub/y")
    assert nodes["truediv"].op == "Mul"
    out = nodes["detection_out"].attributes
    assert (out["num_classes"], out["background_label_id"]) == (3, 4)


OTHER = (placeholder("x", [1, 8, 8, 3]), node("y", "Relu", "x"))
UNBIASED = (
    placeholder("x", [1, 8, 8, 36]),
    const("zeros", np.zeros(36, np.float32)),
    node("box_net/box-predict/BiasAdd", "BiasAdd", "x", "zeros"),
    node("class_net/class-predict/BiasAdd", "BiasAdd", "x", "x"),
)


@pytest.mark.parametrize(
    ("nodes", "options", "message"),
    [
        (
            OTHER,
            {},
            "0 nodes like 'box_net/box-predict/BiasAdd' and 0 like 'class_net/class-predict/BiasAdd'",
        ),
        (
            efficientdet(SIZE, stated=False),
            {},
            "the placeholder 'image_arrays' leaves the size of pictures open",
        ),
        (
            efficientdet(SIZE),
            {"anchors": AutomlAnchors(num_scales=4)},
            "it has 27 biases, a multiple of 12 anchors",
        ),
        (
            efficientdet(SIZE),
            {"anchors": AutomlAnchors(num_scales=1)},
            "it predicts 36 values for each cell, 12 are",
        ),
        (UNBIASED, {}, "'class_net/class-predict/BiasAdd' (BiasAdd): it has no constant bias"),
        (efficientdet(SIZE), {"config": "x", "anchors": AutomlAnchors()}, "which has no pipeline.config"),
        ((*OTHER, OTHER[0]), {}, "two nodes are called 'x'"),
    ],
)
def test_what_cannot_be_written(write, nodes, options, message):
    with pytest.raises(jaxdnn.JaxdnnError) as caught:
        write(nodes, **options)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_level": -1}, "min_level must be at least 0, got -1"),
        ({"num_scales": 0}, "num_scales must be at least 1, got 0"),
        ({"anchor_scale": 0.0}, "anchor_scale must be positive, got 0"),
        ({"aspect_ratios": ()}, r"aspect_ratios must be pairs of positive numbers, got \(\)"),
        (
            {"aspect_ratios": ((1.0, -1.0),)},
            r"aspect_ratios must be pairs of positive numbers, got \(\(1.0, -1.0\),\)",
        ),
    ],
)
def test_anchors_that_are_none(options, message):
    with pytest.raises(jaxdnn.InputError, match=message):
        AutomlAnchors(**options)
