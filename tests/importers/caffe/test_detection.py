"""PriorBox, DetectionOutput, Proposal and its relatives, Region, from prototxt text."""

import math

import numpy as np
import pytest

from jaxdnn import GraphError, InputError, LayerError, ParseError, UnsupportedLayerError
from jaxdnn.importers.caffe.rules.detection import anchor_boxes
from jaxdnn.layers.detection import DetectionOutput, PriorBox, Proposal
from jaxdnn.layers.yolo import YoloDecode, YoloMap
from support.caffe import inputs, load, opencv, write
from support.layer import assert_close
from support.nms import reference_nms

RNG = np.random.default_rng(0)
PRIOR_INPUTS = inputs(f=(2, 3, 2, 3), data=(2, 3, 30, 60))
RPN_INPUTS = inputs(scores=(1, 18, 3, 4), deltas=(1, 36, 3, 4), info=(1, 3))


def prior_box(param):
    return (
        PRIOR_INPUTS
        + f'layer {{ name: "p" type: "PriorBox" bottom: "f" bottom: "data" top: "p" prior_box_param {{ {param} }} }}'
    )


def layer_of(net):
    (node,) = net.graph.nodes
    return node.layer


def sizes_of(folder, param):
    return np.round(layer_of(load(folder, prior_box(param))).sizes, 3).tolist()


def test_prior_box_computes_on_shapes_alone(tmp_path):
    net = load(tmp_path, prior_box("min_size: 12 variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.3"))
    got = net({"f": np.full((2, 3, 2, 3), np.nan), "data": np.zeros((2, 3, 30, 60))})["p"]
    assert got.shape == (1, 2, 24)
    boxes, variance = got[0].reshape(2, 6, 4)
    np.testing.assert_allclose(boxes[0], [4 / 60, 1.5 / 30, 16 / 60, 13.5 / 30], rtol=1e-6)
    np.testing.assert_allclose(boxes[4], [24 / 60, 16.5 / 30, 36 / 60, 28.5 / 30], rtol=1e-6)
    np.testing.assert_allclose(variance, np.tile([0.1, 0.1, 0.2, 0.3], (6, 1)), rtol=1e-6)


def test_prior_sizes_in_caffe_order(tmp_path):
    two, three = round(math.sqrt(2), 6), round(math.sqrt(3), 6)
    assert sizes_of(tmp_path, "min_size: 8 max_size: 18") == [[8, 8], [12, 12]]
    got = sizes_of(
        tmp_path, "min_size: 10 min_size: 20 max_size: 40 max_size: 45 aspect_ratio: 2 flip: false"
    )
    want = [[10, 10], [20, 20], [10 * two, 10 / two], [20, 20], [30, 30], [20 * two, 20 / two]]
    np.testing.assert_allclose(got, want, atol=1e-3)
    got = sizes_of(tmp_path, "min_size: 6 aspect_ratio: 1 aspect_ratio: 3 aspect_ratio: 0.33333334")
    np.testing.assert_allclose(got, [[6, 6], [6 * three, 6 / three], [6 / three, 6 * three]], atol=1e-3)


def test_fractions_of_a_pixel_are_cut_off_sizes(tmp_path):
    assert sizes_of(tmp_path, "min_size: 8.9 max_size: 18.5") == [[8, 8], [12, 12]]


def test_prior_box_options(tmp_path):
    layer = layer_of(
        load(tmp_path, prior_box("min_size: 4 step_w: 8 step_h: 16 img_size: 100 offset: 0.25 clip: true"))
    )
    assert layer == PriorBox(sizes=((4, 4),), step=(8, 16), image=(100, 100), offset=0.25, clip=True)
    layer = layer_of(load(tmp_path, prior_box("min_size: 4 step: 8 img_w: 100 img_h: 50 variance: 0.2")))
    assert layer == PriorBox(sizes=((4, 4),), variance=(0.2,) * 4, step=(8, 8), image=(100, 50))


@pytest.mark.parametrize(
    ("param", "message"),
    [
        ("", "no min_size is given"),
        ("min_size: 10 max_size: 8", "max_size must be greater than min_size, got 8 for 10"),
        ("min_size: 10 min_size: 20 max_size: 30", "1 max_size are given for 2 min_size"),
        ("min_size: -1", "min_size must be positive, got -1"),
        ("min_size: 4 aspect_ratio: 0", "aspect_ratio must be positive, got 0"),
        ("min_size: 4 variance: 0.1 variance: 0.2", "variance must have 1 or 4 values, got 2"),
        ("min_size: 4 variance: 0", "variance must be positive, got 0"),
        ("min_size: 4 step: 8 step_w: 8", "step or step_h and step_w must be given, not both"),
        ("min_size: 4 img_w: 8", "img_h and img_w must be given together"),
        ("min_size: 4 step: 0", "step must be positive"),
    ],
)
def test_prior_box_errors(tmp_path, param, message):
    with pytest.raises(LayerError, match=message):
        load(tmp_path, prior_box(param))


def detection_output(param, batch=1, boxes_per_prior=1):
    return inputs(loc=(batch, 24 * boxes_per_prior), conf=(batch, 18), prior=(1, 2, 24)) + (
        'layer { name: "d" type: "DetectionOutput" bottom: "loc" bottom: "conf" bottom: "prior" top: "d" '
        f"detection_output_param {{ num_classes: 3 {param} }} }}"
    )


def test_detection_output_against_opencv(tmp_path):
    """OpenCV orders an image's rows by score and fills up with zeros; the detections are the same."""
    param = (
        "share_location: true background_label_id: 0 code_type: CENTER_SIZE keep_top_k: 8 "
        "confidence_threshold: 0.3 nms_param { nms_threshold: 0.4 top_k: 5 }"
    )
    text = detection_output(param, batch=2)
    centre, size = RNG.random((6, 2)), RNG.random((6, 2)) * 0.4 + 0.2
    prior = np.stack(
        [np.concatenate([centre - size / 2, centre + size / 2], axis=1).ravel(), np.full(24, 0.1)]
    )
    feeds = {
        "loc": RNG.standard_normal((2, 24)).astype(np.float32),
        "conf": RNG.random((2, 18)).astype(np.float32),
        "prior": prior[None].astype(np.float32),
    }
    got = np.asarray(load(tmp_path, text)(feeds)["d"])
    (want,) = opencv(write(tmp_path, text, {}), feeds, ["d"])
    want = want.reshape(-1, 7)
    want = want[want[:, 2] > 0]
    want = want[np.lexsort((-want[:, 2], want[:, 1], want[:, 0]))]
    assert_close(got, want[None, None])


def test_detection_output_options(tmp_path):
    assert layer_of(load(tmp_path, detection_output(""))) == DetectionOutput(classes=3)
    param = (
        "share_location: false background_label_id: -1 code_type: 3 variance_encoded_in_target: true clip: true "
        "keep_top_k: -1 confidence_threshold: 0.5 nms_param { nms_threshold: 0.6 top_k: 7 eta: 0.9 } "
        "save_output_param { output_directory: 'x' } visualize: true"
    )
    assert layer_of(load(tmp_path, detection_output(param, boxes_per_prior=3))) == DetectionOutput(
        classes=3,
        background=None,
        share_location=False,
        code="corner_size",
        variance_in_target=True,
        clip=True,
        confidence_threshold=0.5,
        nms_threshold=0.6,
        eta=0.9,
        top_k=7,
    )


def test_detection_output_needs_the_number_of_classes(tmp_path):
    text = detection_output("").replace("num_classes: 3", "")
    with pytest.raises(ParseError, match="num_classes is missing in detection_output_param"):
        load(tmp_path, text)


def test_detection_output_in_two_steps(tmp_path):
    """RefineDet's bottoms; a fourth bottom alone is a picture to draw on unless an objectness is stated."""
    more = inputs(objects=(1, 12), first=(1, 24))
    text = detection_output("objectness_score: 0.25").replace(
        'bottom: "prior"', 'bottom: "prior" bottom: "objects"'
    )
    net = load(tmp_path, more + text)
    assert layer_of(net) == DetectionOutput(classes=3, objectness_threshold=0.25)
    assert net.graph.nodes[0].inputs == ("loc", "conf", "prior", "objects")
    five = text.replace('bottom: "objects"', 'bottom: "objects" bottom: "first"')
    assert load(tmp_path, more + five).graph.nodes[0].inputs == ("loc", "conf", "prior", "objects", "first")
    drawn = text.replace("objectness_score: 0.25", "visualize: true")
    assert load(tmp_path, more + drawn).graph.nodes[0].inputs == ("loc", "conf", "prior")


def yolo(version, param, heads):
    kind, message = {2: ("Yolo", "yolo"), 3: ("Yolov3", "yolov3")}[version]
    bottoms = " ".join(f'bottom: "{name}"' for name in heads)
    return inputs(**heads) + (
        f'layer {{ name: "d" type: "{kind}DetectionOutput" {bottoms} top: "d" '
        f"{message}_detection_output_param {{ {param} }} }}"
    )


def yolo_boxes(x, anchors, softmax):
    """One image's boxes of a head, in rows of centre, size and best class score, and their labels from 1."""
    rows, labels = [], []
    x = x.reshape(len(anchors), -1, *x.shape[1:]).astype(np.float64)
    for i, j, a in np.ndindex(*x.shape[2:], len(anchors)):
        v = x[a, :, i, j]
        objectness = 1 / (1 + np.exp(-v[4]))
        scores = np.exp(v[5:]) / np.exp(v[5:]).sum() if softmax else 1 / (1 + np.exp(-v[5:]))
        point = (np.array([j, i]) + 1 / (1 + np.exp(-v[:2]))) / [x.shape[3], x.shape[2]]
        size = np.exp(v[2:4]) * anchors[a] / [x.shape[3], x.shape[2]]
        rows.append([*point, *size, scores.max() * objectness])
        labels.append(1 + scores.argmax())
    return np.array(rows), np.array(labels)


@pytest.mark.parametrize("version", [2, 3])
def test_yolo_detection_output(tmp_path, version):
    heads = {"x": (1, 14, 2, 3), "y": (1, 14, 4, 6)}
    feeds = {name: RNG.standard_normal(shape).astype(np.float32) for name, shape in heads.items()}
    if version == 2:
        param = "biases: [2, 3, 3, 3] num_box: 2 side: 13 coords: 4 label_map_file: 'x'"
        anchors = [[(2, 3), (3, 3)]] * 2
    else:
        param = (
            "biases: [8, 8, 16, 32, 24, 16, 64, 48] num_box: 2 mask: [2, 3, 0, 1] anchors_scale: [32, 16] "
            "mask_group_num: 2"
        )
        anchors = [[(24 / 32, 0.5), (2, 1.5)], [(0.5, 0.5), (1, 2)]]
    text = yolo(version, f"{param} num_classes: 2 confidence_threshold: 0.3 nms_threshold: 0.4", heads)
    found = [yolo_boxes(feeds[name][0], a, version == 2) for name, a in zip(heads, anchors, strict=True)]
    boxes, labels = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = [i for i in np.argsort(-boxes[:, 4], kind="stable") if boxes[i, 4] > 0.3]
    corners = np.concatenate([boxes[:, :2] - boxes[:, 2:4] / 2, boxes[:, :2] + boxes[:, 2:4] / 2], axis=1)
    kept = [order[k] for k in reference_nms(corners[order], 0.4)]
    want = [[0, labels[i], boxes[i, 4], *corners[i]] for i in kept]
    assert 1 < len(kept) < len(order)
    assert_close(np.asarray(load(tmp_path, text)(feeds)["d"]), np.reshape(want, (1, 1, -1, 7)))


def test_yolo_detection_output_with_uncertainty(tmp_path):
    param = "num_classes: 2 num_box: 1 biases: [32, 32] mask: 0 anchors_scale: 32 gaussian_box: true"
    net = load(tmp_path, yolo(3, param, {"x": (1, 11, 1, 1)}))
    logits = np.zeros((1, 11, 1, 1), np.float32)
    logits[0, 9:, 0, 0] = 2, 5
    score = 0.5 * 0.5 / (1 + np.exp(-5))
    want = [[[[0, 2, score, 0, 0, 1, 1]]]]
    np.testing.assert_allclose(net(logits)["d"], want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("version", "param", "message"),
    [
        (2, "biases: [1, 2, 3]", "biases must be pairs of width and height, got 3 values"),
        (2, "biases: [1, 2] num_box: 3", "3 boxes per cell are given, and 1 anchors"),
        (2, "biases: [1, 2] coords: 5", "coords must be 4, got 5"),
        (3, "biases: [1, 2] mask: 0", "0 anchors_scale are given for 1 bottoms"),
        (3, "biases: [1, 2] mask: [0, 0] anchors_scale: 8", "2 mask are given for 1 bottoms of 3 boxes"),
        (3, "biases: [1, 2] mask: 1 anchors_scale: 8 num_box: 1", "mask 1 is not one of 1 anchors"),
        (3, "biases: [1, 2] mask: 0 anchors_scale: 0 num_box: 1", "anchors_scale must be positive, got 0"),
    ],
)
def test_yolo_detection_output_errors(tmp_path, version, param, message):
    with pytest.raises(LayerError, match=message):
        load(tmp_path, yolo(version, f"num_classes: 2 {param}", {"x": (1, 7, 2, 3)}))


def rpn(kind, param, tops=("rois",)):
    named = " ".join(f'top: "{top}"' for top in tops)
    bottoms = 'bottom: "scores" bottom: "deltas" bottom: "info"'
    return f'{RPN_INPUTS} layer {{ name: "r" type: "{kind}" {bottoms} {named} {param} }}'


def python_layer(param_str, module="rpn.proposal_layer", tops=("rois",)):
    param = f'module: "{module}" layer: "ProposalLayer" param_str: "{param_str}" share_in_parallel: false'
    return rpn("Python", f"python_param {{ {param} }}", tops)


def test_anchors_of_py_faster_rcnn():
    """The nine that its generate_anchors.py lists in a comment, there counted from 1."""
    assert np.add(anchor_boxes(16, (0.5, 1, 2), (8, 16, 32)), 1).tolist() == [
        [-83, -39, 100, 56],
        [-175, -87, 192, 104],
        [-359, -183, 376, 200],
        [-55, -55, 72, 72],
        [-119, -119, 136, 136],
        [-247, -247, 264, 264],
        [-35, -79, 52, 96],
        [-79, -167, 96, 184],
        [-167, -343, 184, 360],
    ]


DEFAULT_ANCHORS = anchor_boxes(16, (0.5, 1, 2), (8, 16, 32))


def test_proposal(tmp_path):
    assert layer_of(load(tmp_path, rpn("Proposal", ""))) == Proposal(anchors=DEFAULT_ANCHORS)
    param = (
        "feat_stride: 8 base_size: 8 min_size: 4 ratio: 1 scale: 2 scale: 4 scale: 8 "
        "pre_nms_topn: 100 post_nms_topn: 10 nms_thresh: 0.5"
    )
    text = rpn("Proposal", f"proposal_param {{ {param} }}", ("rois", "rois_scores"))
    text = text.replace("dim: 18", "dim: 6").replace("dim: 36", "dim: 12")
    net = load(tmp_path, text)
    assert layer_of(net) == Proposal(
        anchors=anchor_boxes(8, (1,), (2, 4, 8)),
        stride=8,
        min_size=4,
        pre_nms_top_n=100,
        post_nms_top_n=10,
        nms_threshold=0.5,
        scores=True,
    )
    scores = RNG.random((1, 6, 3, 4))
    got = net({"scores": scores, "deltas": np.zeros((1, 12, 3, 4)), "info": [[24, 32, 1]]})
    assert got["rois"].shape[1] == 5
    assert got["rois_scores"].shape == (len(got["rois"]), 1)
    assert got["rois_scores"][0, 0] == scores[:, 3:].max().astype(np.float32)


def test_simpler_nms(tmp_path):
    param = "iou_threshold: 0.6 min_bbox_size: 8 cls_threshold: 0.5 post_nms_topn: 150 max_num_proposals: 100"
    text = rpn("SimplerNMS", f"simpler_nms_param {{ {param} scale: 8 scale: 16 scale: 32 }}")
    want = Proposal(anchors=DEFAULT_ANCHORS, min_size=8, post_nms_top_n=100, nms_threshold=0.6)
    assert layer_of(load(tmp_path, text)) == want


@pytest.mark.parametrize(
    "param_str",
    [
        "'feat_stride': 8",
        "feat_stride: 8",
        "{'feat_stride': 8, 'scales': [8, 16, 32], 'ratios': [0.5, 1, 2]}",
        "'feat_stride': 8\\n'scales': !!python/tuple [8, 16, 32]",
        "feat_stride: 8\\nscales:\\n- 8\\n- 16.0\\n- 32\\n",
    ],
)
def test_python_proposal_layer(tmp_path, param_str):
    net = load(tmp_path, python_layer(param_str, tops=("rois", "scores_")))
    assert layer_of(net) == Proposal(anchors=DEFAULT_ANCHORS, stride=8, scores=True)


def test_python_proposal_layer_errors(tmp_path):
    with pytest.raises(LayerError, match="param_str has the unknown key 'kind'"):
        load(tmp_path, python_layer("'feat_stride': 16, 'kind': 2"))
    with pytest.raises(LayerError, match="feat_stride in param_str must be one number, got 2"):
        load(tmp_path, python_layer("'feat_stride': [16, 8]"))
    with pytest.raises(LayerError, match="anchors is empty"):
        load(tmp_path, python_layer("'scales': []"))
    with pytest.raises(GraphError, match="takes 3 bottoms, 2 given"):
        load(tmp_path, python_layer("'feat_stride': 16").replace('bottom: "info"', ""))


def test_other_python_layers_are_the_users(tmp_path):
    text = python_layer("'feat_stride': 16", module="layers.text_proposal_layer")
    with pytest.raises(UnsupportedLayerError, match=r"layers\.text_proposal_layer\.ProposalLayer: layer 'r'"):
        load(tmp_path, text)

    def function(weights, scores, deltas, info, *, param_str, **attributes):
        return scores * len(param_str)

    custom = {"layers.text_proposal_layer.ProposalLayer": function}
    net = load(tmp_path, text, custom_layers=custom)
    got = net({"scores": np.ones((1, 18, 3, 4)), "deltas": np.ones((1, 36, 3, 4)), "info": np.ones((1, 3))})
    assert (got["rois"] == len("'feat_stride': 16")).all()


def test_python_layers_that_read_data_become_inputs(tmp_path):
    data = (
        'layer { name: "d" type: "Python" top: "data" top: "label" python_param { module: "m" layer: "L" } }'
    )
    text = data + ('layer { name: "s" type: "SoftmaxWithLoss" bottom: "data" bottom: "label" top: "loss" }')
    with pytest.raises(InputError, match="input 'data' has no complete shape in the file"):
        load(tmp_path, text)
    net = load(tmp_path, text, input_shapes={"data": (1, 3, 4, 4), "label": (1, 1, 4, 4)})
    assert list(net(np.ones((1, 3, 4, 4)))) == ["loss/prob"]


def test_spatial_dropout_does_nothing_when_a_net_is_tested(tmp_path):
    text = inputs(x=(1, 2, 3, 4)) + (
        'layer { name: "d" type: "Python" bottom: "x" top: "y" python_param { module: "spatial_dropout" '
        'layer: "SpatialDropoutLayer" param_str: "{\'dropout_ratio\': 0.5}" } }'
    )
    x = RNG.standard_normal((1, 2, 3, 4)).astype(np.float32)
    np.testing.assert_array_equal(load(tmp_path, text)(x)["y"], x)


def region(param):
    return inputs(x=(1, 16, 2, 3)) + (
        f'layer {{ name: "r" type: "Region" bottom: "x" top: "r" region_param {{ {param} }} }}'
    )


@pytest.mark.parametrize("anchors", ['anchors: "1,2, 3.5,4"', "biases: 1 biases: 2 biases: 3.5 biases: 4"])
def test_region(tmp_path, anchors):
    net = load(tmp_path, region(f"{anchors} classes: 3 num: 2 coords: 4"))
    assert [node.layer for node in net.graph.nodes] == [
        YoloMap(boxes=2, classes=3, scores="softmax"),
        YoloDecode(anchors=((1, 2), (3.5, 4)), classes=3),
    ]
    got = np.asarray(net({"x": np.zeros((1, 16, 2, 3))})["r"])
    assert got.shape == (1, 12, 8)
    np.testing.assert_allclose(got[0, 1], [0.5 / 3, 0.25, 3.5 / 3, 2, 0.5, *[1 / 6] * 3], rtol=1e-5)


@pytest.mark.parametrize(
    ("param", "message"),
    [
        ('anchors: "1,2,3"', "anchors must be pairs of width and height, got 3 values"),
        ('anchors: "1,two"', "anchors must be numbers, got '1,two'"),
        ('anchors: "1,2" num: 5', "5 boxes per cell are given, and 1 anchors"),
        ('anchors: "1,2" coords: 5', "coords must be 4, got 5"),
    ],
)
def test_region_errors(tmp_path, param, message):
    with pytest.raises(LayerError, match=message):
        load(tmp_path, region(param))


def test_region_without_anchors_is_the_users(tmp_path):
    with pytest.raises(UnsupportedLayerError, match="Region: layer 'r'"):
        load(tmp_path, region("classes: 3 coords: 4 boxes_of_each_grid: 2 softmax: true"))
