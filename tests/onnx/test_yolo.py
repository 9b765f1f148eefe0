"""YOLO heads in ONNX Runtime against the heads."""

import numpy as np
import pytest

from jaxdnn.layers.yolo import GridDecode, YoloDecode, YoloMap
from support.layer import net_of
from support.onnx_runtime import check, check_export, operators

rng = np.random.default_rng(5)
ANCHORS = ((10.0, 14.0), (23.0, 27.0))


def planes(entries, batch=2):
    return rng.standard_normal((batch, 2 * entries, 4, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("layer", "entries"),
    [
        (YoloMap(boxes=2, classes=3, scale_xy=1.2), 8),
        (YoloMap(boxes=2, classes=3, scores="softmax"), 8),
        (YoloMap(boxes=2, classes=5, scores="softmax", groups=(2, 3)), 10),
        (YoloMap(boxes=2, classes=1, uncertainty=True), 10),
        (YoloDecode(anchors=ANCHORS, classes=3), 8),
        (YoloDecode(anchors=ANCHORS, classes=5, parents=(-1, 0, 0, 2, -1), threshold=0.2), 10),
        (YoloDecode(anchors=ANCHORS, classes=2, uncertainty=True, size="square", point="left_top"), 11),
    ],
    ids=str,
)
def test_head(layer, entries):
    x = planes(entries)
    model = check(net_of(layer, x), {"x0": x}, 1e-5)
    assert not {"Loop", "If"} & operators(model)


def test_head_that_knows_its_picture():
    layer = YoloDecode(anchors=ANCHORS, classes=3)
    calls = [(planes(8, batch), np.zeros((batch, 3, 128, 96), np.float32)) for batch in (1, 3)]
    check_export(net_of(layer, *calls[0]), *calls)


def test_grid():
    layer = GridDecode(side=3, boxes=2, classes=4, squared=True)
    x = rng.uniform(0, 1, (2, 9 * (4 + 10))).astype(np.float32)
    check(net_of(layer, x), {"x0": x}, 1e-5)
