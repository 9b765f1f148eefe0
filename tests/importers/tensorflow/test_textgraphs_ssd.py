"""Text graphs of single-shot detectors: what they compute in OpenCV and here, and what cannot be written."""

import cv2
import numpy as np
import pytest

import jaxdnn
from jaxdnn.importers.tensorflow.text import read_text
from jaxdnn.importers.tensorflow.textgraphs import text_graph
from support.single_shot import single_shot
from support.tensorflow import const, graph, node, placeholder

SIZE = (64, 48)
ANCHORS = "ssd_anchor_generator { num_layers: 2 aspect_ratios: [1, 2, 0.5] }"
PYRAMID = (
    "multiscale_anchor_generator { min_level: 2 max_level: 3 aspect_ratios: [1, 2] scales_per_octave: 2 }"
)
PLAIN = "convolutional_box_predictor {}"
SHARED = "weight_shared_convolutional_box_predictor {}"


def config(
    anchors=ANCHORS,
    predictor=PLAIN,
    resizer="fixed_shape_resizer { width: 64 height: 48 }",
    post="score_converter: SIGMOID batch_non_max_suppression { score_threshold: 0.4 iou_threshold: 0.5 }",
    coder="faster_rcnn_box_coder { x_scale: 8 y_scale: 12 width_scale: 4 height_scale: 6 }",
    more="num_classes: 3",
):
    return f"""model {{ ssd {{ {more}
      box_coder {{ {coder} }} anchor_generator {{ {anchors} }} image_resizer {{ {resizer} }}
      box_predictor {{ {predictor} }} post_processing {{ {post} }} }} }}
      train_config {{ batch_size: 24 }}"""


@pytest.fixture
def write(tmp_path):
    """Write a detector and its configuration, and return the text graph with the paths of graph and text."""

    def write(nodes, text=None, **options):
        model, stated, path = (tmp_path / name for name in ("graph.pb", "pipeline.config", "graph.pbtxt"))
        model.write_bytes(graph(*nodes))
        stated.write_text(config() if text is None else text)
        written = text_graph(model, stated, **options)
        path.write_text(written.text)
        return written, str(model), str(path)

    return write


def picture(width=64, height=48):
    return np.random.default_rng(5).integers(0, 256, (1, height, width, 3)).astype(np.float32)


def detections(model, text, x, name="detection_out"):
    """Return what OpenCV and this library detect; OpenCV fills up with zeros."""
    ours = np.asarray(jaxdnn.load(model, text)(x)[name]).reshape(-1, 7)
    net = cv2.dnn.readNetFromTensorflow(model, text)
    net.setInput(x.transpose(0, 3, 1, 2))
    theirs = net.forward().reshape(-1, 7)
    return ours, theirs[theirs[:, 2] > 0]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, config()),
        ({"shared": True}, config(predictor=SHARED, post="score_converter: SOFTMAX")),
        ({"norm": "unfused", "idiom": "ones"}, config(post="score_converter: SIGMOID logit_scale: 2.5")),
        ({"norm": "without gamma", "idiom": "tile"}, config(post="")),
        ({}, config(anchors="ssd_anchor_generator { num_layers: 2 aspect_ratios: [1, 2, 0.5] height_stride: [4, 8] "
                            "width_stride: [4, 8] height_offset: [0, 4] width_offset: [0, 4] }")),
        ({"anchors": (4, 4), "shared": True}, config(anchors=PYRAMID, predictor=SHARED)),
    ],
)  # fmt: skip
def test_opencv_detects_the_same(write, options, text):
    options = {"anchors": (3, 4), **options}
    written, *paths = write(single_shot(SIZE, options.pop("anchors"), 3, **options), text)
    ours, theirs = detections(*paths, picture())
    assert written.detector == "ssd"
    assert written.outputs == ("detection_out",)
    assert len(ours) == len(theirs) > 3
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("shared", "norm", "idiom"),
    [(False, "fused", "stack"), (True, "unfused", "ones"), (False, "without gamma", "tile")],
)
def test_predictions_are_those_of_the_frozen_graph(write, shared, norm, idiom):
    nodes = single_shot(SIZE, (3, 4), 3, shared=shared, norm=norm, idiom=idiom)
    _, model, text = write(nodes, config(predictor=SHARED if shared else PLAIN))
    scope = "WeightSharedConvolutionalBoxPredictor" if shared else "BoxPredictor_0"
    label = "BoxPredictor" if shared else "BoxEncodingPredictor"
    names = [f"{scope}/{label}/BiasAdd", f"{scope}/ClassPredictor/BiasAdd"]
    x = picture()
    want = jaxdnn.load(model, outputs=names)(x.astype(np.uint8))
    got = jaxdnn.load(model, text, outputs=names)(x)
    yx_swapped = np.asarray(got[names[0]]).reshape(-1, 2)[:, ::-1].reshape(want[names[0]].shape)
    np.testing.assert_allclose(yx_swapped, want[names[0]], rtol=0, atol=1e-5)
    np.testing.assert_allclose(got[names[1]], want[names[1]], rtol=0, atol=1e-5)


def test_prior_boxes_in_numpy(write):
    _, model, text = write(single_shot(SIZE, (3, 4), 3))
    got = np.asarray(jaxdnn.load(model, text, outputs=["PriorBox/concat"])(picture())["PriorBox/concat"])
    fine, coarse, unit = 0.2, 0.95, 48
    sizes = {
        4: [(0.1, 1), (fine, 2), (fine, 0.5)],
        8: [(coarse, 1), (coarse, 2), (coarse, 0.5), (np.sqrt(coarse), 1)],
    }
    want = [
        ((j + 0.5) * step + side * w / 2, (i + 0.5) * step + side * h / 2)
        for step, shapes in sizes.items()
        for i in range(48 // step)
        for j in range(64 // step)
        for scale, ratio in shapes
        for w, h in [(unit * scale * np.sqrt(ratio), unit * scale / np.sqrt(ratio))]
        for side in (-1, 1)
    ]
    np.testing.assert_allclose(got[0, 0].reshape(-1, 2), np.array(want) / SIZE, rtol=0, atol=1e-6)
    np.testing.assert_allclose(got[0, 1].reshape(-1, 4)[7], [1 / 8, 1 / 12, 1 / 4, 1 / 6], rtol=1e-6)


def test_the_graph_holds_what_the_network_needs_and_nothing_else(write):
    written, *_ = write(single_shot(SIZE, (3, 4), 3, norm="unfused"))
    nodes = {node.name: node for node in read_text(written.text).nodes}
    assert written.nodes == len(nodes)
    ops = {node.op for node in nodes.values()}
    assert not ops & {"Identity", "Cast", "Rsqrt", "Pack", "ResizeBilinear"}
    assert {name for name, node in nodes.items() if node.attributes.get("loc_pred_transposed")} == {
        f"BoxPredictor_{index}/BoxEncodingPredictor/Conv2D" for index in range(2)
    }
    assert nodes["Preprocessor/mul"].inputs == ("image_tensor", "Preprocessor/mul/x")
    assert "Postprocessor/convert_scores" not in nodes
    out = nodes["detection_out"].attributes
    assert (out["num_classes"], out["background_label_id"], out["top_k"], out["keep_top_k"]) == (
        4,
        0,
        100,
        100,
    )
    assert out["nms_threshold"] == pytest.approx(0.5)
    assert out["confidence_threshold"] == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("resizer", "size", "want"),
    [
        ("fixed_shape_resizer { width: 64 height: 48 }", None, (48, 64)),
        ("fixed_shape_resizer { width: 64 height: 48 }", (32, 16), (16, 32)),
        ("keep_aspect_ratio_resizer { min_dimension: 32 max_dimension: 64 pad_to_max_dimension: true }",
         None, (64, 64)),
        ("keep_aspect_ratio_resizer { min_dimension: 64 max_dimension: 64 }", None, (64, 64)),
        ("keep_aspect_ratio_resizer {}", (32, 16), (16, 32)),
    ],
)  # fmt: skip
def test_the_size_of_pictures(write, resizer, size, want):
    written, *_ = write(single_shot(SIZE, (3, 4), 3), config(resizer=resizer), size=size)
    (image,) = (node for node in read_text(written.text).nodes if node.op == "Placeholder")
    assert image.attributes["shape"].sizes == (1, *want, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model { yolo {} }", "pipeline.config:1:1: model must have 'ssd' or 'faster_rcnn', it has 'yolo'"),
        (config(more=""), "model.ssd has no 'num_classes'"),
        (config(more="num_classes: 3 add_background_class: false"), "'add_background_class' must be true"),
        (config(resizer="identity_resizer {}"), "must have 'fixed_shape_resizer' or 'keep_aspect_ratio_resizer'"),
        (config(resizer="fixed_shape_resizer { width: 0 }"), "must make pictures of at least 1x1, not 0x300"),
        (config(resizer="keep_aspect_ratio_resizer {}"), "leaves the size of pictures open (sides from 600 to 1024)"),
        (config(predictor="mask_rcnn_box_predictor {}"), "must have 'convolutional_box_predictor' or "),
        (config(coder="square_box_coder {}"), "must have 'faster_rcnn_box_coder', it has 'square_box_coder'"),
        (config(coder="faster_rcnn_box_coder { x_scale: 0 }"), "'x_scale' must be positive, got 0"),
        (config(post="logit_scale: 0"), "'logit_scale' must be positive, got 0"),
        (config(post="score_converter: TANH"), "must be IDENTITY or SIGMOID or SOFTMAX, got 'TANH'"),
        (config(predictor=SHARED), "no node 'WeightSharedConvolutionalBoxPredictor/BoxPredictor/BiasAdd'"),
        (config(more="num_classes: 4"), "'BoxPredictor_0/ClassPredictor/BiasAdd' (BiasAdd): it predicts 12 values "
         "for each cell, 15 are needed for 3 anchors with 5 classes"),
        (config(anchors=PYRAMID), "'BoxPredictor_0/BoxEncodingPredictor/BiasAdd' (BiasAdd): it predicts 12 values for "
         "each cell, 16 are needed for 4 anchors with 4 coordinates"),
    ],
)  # fmt: skip
def test_what_cannot_be_written(write, text, message):
    with pytest.raises(jaxdnn.JaxdnnError) as caught:
        write(single_shot(SIZE, (3, 4), 3), text)
    assert message in str(caught.value)


def test_files_of_another_kind(write, tmp_path):
    _, model, text = write(single_shot(SIZE, (3, 4), 3))
    with pytest.raises(
        jaxdnn.FileError, match=r"graph\.pbtxt: this is a text file, a binary frozen graph is"
    ):
        text_graph(text, tmp_path / "pipeline.config")
    with pytest.raises(jaxdnn.FileError, match=r"missing: cannot be read"):
        text_graph(model, tmp_path / "missing")
    with pytest.raises(jaxdnn.FileError, match=r"missing: cannot be read"):
        text_graph(tmp_path / "missing", tmp_path / "pipeline.config")


PREDICTIONS = [
    f"BoxPredictor_{index}/{kind}/BiasAdd"
    for index in range(2)
    for kind in ("BoxEncodingPredictor", "ClassPredictor")
]


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (("x", "y"), "a detector reads one placeholder, this one reads 'x', 'y'"),
        (("zeros", "zeros"), "a detector reads one placeholder, this one reads none"),
        (("x", "x"), "boxes must be predicted by a Conv2D or MatMul, not by 'BoxPredictor_0/"),
    ],
)
def test_graphs_of_another_kind(write, sources, message):
    nodes = [placeholder(name, [1, 8, 8, 3]) for name in "xy"] + [
        const("zeros", np.zeros((1, 8, 8, 3), np.float32))
    ]
    nodes += [node(name, "Relu", sources[index % 2]) for index, name in enumerate(PREDICTIONS)]
    with pytest.raises(jaxdnn.GraphError) as caught:
        write(nodes)
    assert message in str(caught.value)
