"""ROIPooling, PSROIPooling, ROIAlign, from prototxt text."""

import numpy as np
import pytest

from jaxdnn import JaxdnnError, ParseError
from jaxdnn.layers.roi import PsRoiPool, RoiAlign, RoiPool
from support.caffe import inputs, load, opencv, write
from support.layer import assert_close

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 8, 7, 9)).astype(np.float32)
ROIS = np.array([[0, 0, 0, 31, 23], [1, 4, 8, 20, 25], [1, 30, 2, 35, 6], [0, 12, 12, 12, 12]], np.float32)


def net_text(kind, param):
    return inputs(x=X.shape, rois=ROIS.shape) + (
        f'layer {{ name: "y" type: "{kind}" bottom: "x" bottom: "rois" top: "y" {param} }}'
    )


def layer_of(net):
    (node,) = net.graph.nodes
    return node.layer


@pytest.mark.parametrize(
    ("kind", "param", "layer"),
    [
        (
            "ROIPooling",
            "roi_pooling_param { pooled_h: 3 pooled_w: 2 spatial_scale: 0.25 }",
            RoiPool(output=(3, 2), spatial_scale=0.25),
        ),
        (
            "PSROIPooling",
            "psroi_pooling_param { output_dim: 2 group_size: 2 spatial_scale: 0.25 }",
            PsRoiPool(channels=2, groups=2, spatial_scale=0.25),
        ),
    ],
)
def test_against_opencv(tmp_path, kind, param, layer):
    text = net_text(kind, param)
    net = load(tmp_path, text)
    assert layer_of(net) == layer
    feeds = {"x": X, "rois": ROIS}
    (want,) = opencv(write(tmp_path, text, {}), feeds, ["y"])
    assert_close(np.asarray(net(feeds)["y"]), want)


@pytest.mark.parametrize("kind", ["ROIAlign", "RoIAlign"])
def test_roi_align(tmp_path, kind):
    text = net_text(kind, "roi_align_param { pooled_h: 3 pooled_w: 2 spatial_scale: 0.25 sampling_ratio: 2 }")
    assert layer_of(load(tmp_path, text)) == RoiAlign(output=(3, 2), spatial_scale=0.25, samples=2)
    text = net_text(kind, "roi_align_param { pooled_h: 3 pooled_w: 2 }")
    assert layer_of(load(tmp_path, text)) == RoiAlign(output=(3, 2))
    text = net_text(kind, "roi_align_param { pooled_h: 3 pooled_w: 2 sample_ratio: 4 }")
    assert layer_of(load(tmp_path, text)) == RoiAlign(output=(3, 2), samples=4)


def test_another_number_of_regions_needs_no_new_net(tmp_path):
    net = load(tmp_path, net_text("ROIPooling", "roi_pooling_param { pooled_h: 2 pooled_w: 2 }"))
    assert net({"x": X, "rois": ROIS[:1]})["y"].shape == (1, 8, 2, 2)


@pytest.mark.parametrize(
    ("kind", "param", "message"),
    [
        ("ROIPooling", "roi_pooling_param { pooled_h: 2 }", "pooled_w is missing in roi_pooling_param"),
        ("PSROIPooling", "psroi_pooling_param { group_size: 2 }", "spatial_scale is missing"),
        ("PSROIPooling", "psroi_pooling_param { spatial_scale: 1 }", "output_dim is missing"),
        ("ROIAlign", "", "pooled_h is missing in roi_align_param"),
    ],
)
def test_missing_fields(tmp_path, kind, param, message):
    with pytest.raises(ParseError, match=message):
        load(tmp_path, net_text(kind, param))


def test_no_bins(tmp_path):
    with pytest.raises(JaxdnnError, match="output must be at least 1, got 0"):
        load(tmp_path, net_text("ROIPooling", "roi_pooling_param { pooled_h: 0 pooled_w: 2 }"))


def test_proposals_are_pooled_and_trimmed(tmp_path):
    """The number of regions depends on the data; what is computed from them has as many rows."""
    text = inputs(x=(1, 2, 3, 3), scores=(1, 2, 3, 3), deltas=(1, 4, 3, 3), info=(1, 3)) + (
        'layer { name: "r" type: "Proposal" bottom: "scores" bottom: "deltas" bottom: "info" top: "r" '
        "proposal_param { ratio: 1 scale: 1 min_size: 8 nms_thresh: 0.3 } }\n"
        'layer { name: "y" type: "ROIPooling" bottom: "x" bottom: "r" top: "y" '
        "roi_pooling_param { pooled_h: 2 pooled_w: 2 spatial_scale: 0.0625 } }"
    )
    net = load(tmp_path, text)
    assert net.outputs["y"].shape == (None, 2, 2, 2)
    feeds = {
        "x": RNG.random((1, 2, 3, 3)),
        "scores": RNG.random((1, 2, 3, 3)),
        "deltas": np.zeros((1, 4, 3, 3)),
        "info": [[40, 48, 1]],
    }
    got = net(feeds, outputs=["r", "y"])
    assert got["r"].shape == (9, 5)
    assert got["y"].shape == (9, 2, 2, 2)
    feeds["info"] = [[32, 32, 1]]
    assert net(feeds)["y"].shape == (4, 2, 2, 2)
