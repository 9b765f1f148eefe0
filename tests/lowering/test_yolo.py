"""YOLO heads against loops over cells and anchors in float64."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.yolo import GridDecode, YoloDecode, YoloMap
from support.layer import assert_close, run

ANCHORS = ((1.5, 2.0), (3.0, 0.5), (4.0, 4.0))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    return np.exp(x) / np.exp(x).sum()


def cells(x, boxes):
    """Yield the index of each box in the rows of a picture, its cell, its anchor and its numbers."""
    _, channels, rows, columns = x.shape
    entries = channels // boxes
    for i in range(rows):
        for j in range(columns):
            for a in range(boxes):
                index = (i * columns + j) * boxes + a
                yield index, i, j, a, slice(a * entries, (a + 1) * entries)


def reference_map(layer, x):
    y = x.astype(np.float64)
    steps = 2 if layer.uncertainty else 1
    function = {"sigmoid": sigmoid, "none": lambda v: v, "softmax": softmax}
    for n in range(len(x)):
        for _, i, j, _, entries in cells(x, layer.boxes):
            values = y[n, entries, i, j]
            for axis in range(2):
                centre = function[layer.centre](values[axis * steps])
                values[axis * steps] = centre * layer.scale_xy - (layer.scale_xy - 1) / 2
            if layer.uncertainty:
                values[1:8:2] = sigmoid(values[1:8:2])
            values[4 * steps] = function[layer.objectness](values[4 * steps])
            start = 4 * steps + 1
            for size in layer.groups or (layer.classes,):
                values[start : start + size] = function[layer.scores](values[start : start + size])
                start += size
            y[n, entries, i, j] = values
    return y


def reference_decode(layer, x, image=None):
    batch, _, rows, columns = x.shape
    boxes, steps = len(layer.anchors), 2 if layer.uncertainty else 1
    unit_h, unit_w = (rows, columns) if image is None else image.shape[2:]
    move = {"center": 0.0, "left_top": 0.5, "right_bottom": -0.5}[layer.point]
    out = np.zeros((batch, rows * columns * boxes, 5 + layer.classes))
    for n in range(batch):
        for index, i, j, a, entries in cells(x, boxes):
            values = x[n, entries, i, j].astype(np.float64)
            box, objectness, scores = values[: 4 * steps : steps], values[4 * steps], values[4 * steps + 1 :]
            point = sigmoid(box[:2]) if layer.centre == "sigmoid" else box[:2]
            size = np.exp(box[2:]) if layer.size == "exp" else (2 * box[2:]) ** 2
            size = size * layer.anchors[a] / (unit_w, unit_h)
            centre = np.add(point, (j, i)) / (columns, rows) + move * size
            scores = scores.copy()
            for child, parent in enumerate(layer.parents):
                scores[child] *= scores[parent] if parent >= 0 else 1
            scores *= objectness
            if layer.uncertainty:
                scores *= 1 - values[1:8:2].mean()
            scores[scores <= layer.threshold] = 0
            out[n, index] = [*centre, *size, objectness, *scores]
    return out


@st.composite
def maps(draw, boxes, entries, positive=False):
    shape = (draw(st.integers(1, 2)), boxes * entries, draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    return (rng.random(shape) if positive else rng.standard_normal(shape)).astype(np.float32)


@given(st.data())
def test_yolo_map(data):
    classes = data.draw(st.integers(1, 5))
    scores = data.draw(st.sampled_from(["sigmoid", "softmax", "none"]))
    split = data.draw(st.integers(0, classes - 1)) if scores == "softmax" else 0
    layer = YoloMap(
        boxes=data.draw(st.integers(1, 3)),
        classes=classes,
        centre=data.draw(st.sampled_from(["sigmoid", "none"])),
        objectness=data.draw(st.sampled_from(["sigmoid", "none"])),
        scores=scores,
        groups=(split, classes - split) if split else (),
        scale_xy=data.draw(st.sampled_from([1.0, 1.05, 2.0])),
        uncertainty=data.draw(st.booleans()),
    )
    x = data.draw(maps(layer.boxes, (9 if layer.uncertainty else 5) + classes))
    assert_close(run(layer, x), reference_map(layer, x))


@given(st.data())
def test_yolo_decode(data):
    layer = YoloDecode(
        anchors=ANCHORS[: data.draw(st.integers(1, 3))],
        classes=data.draw(st.integers(1, 3)),
        centre=data.draw(st.sampled_from(["sigmoid", "none"])),
        size=data.draw(st.sampled_from(["exp", "square"])),
        point=data.draw(st.sampled_from(["center", "left_top", "right_bottom"])),
        uncertainty=data.draw(st.booleans()),
        threshold=data.draw(st.sampled_from([-np.inf, 0.2])),
    )
    entries = (9 if layer.uncertainty else 5) + layer.classes
    x = data.draw(maps(len(layer.anchors), entries, positive=True))
    image = np.zeros((len(x), 3, 32, 64), np.float32)
    assert_close(run(layer, x), reference_decode(layer, x))
    assert_close(run(layer, x, image), reference_decode(layer, x, image))


@given(st.data())
def test_classes_of_a_tree_are_multiplied_down_from_the_root(data):
    parents = tuple(data.draw(st.integers(-1, child - 1)) for child in range(data.draw(st.integers(1, 9))))
    layer = YoloDecode(anchors=ANCHORS[:2], classes=len(parents), parents=parents)
    x = data.draw(maps(2, 5 + len(parents), positive=True))
    assert_close(run(layer, x), reference_decode(layer, x))


@given(st.data())
def test_grid_decode(data):
    layer = GridDecode(
        side=data.draw(st.integers(1, 3)),
        boxes=data.draw(st.integers(1, 3)),
        classes=data.draw(st.integers(1, 3)),
        squared=data.draw(st.booleans()),
    )
    cells, batch = layer.side**2, data.draw(st.integers(1, 2))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    scores = rng.standard_normal((batch, cells, layer.classes))
    objectness = rng.standard_normal((batch, cells, layer.boxes))
    boxes = rng.standard_normal((batch, cells, layer.boxes, 4))
    x = np.concatenate([array.reshape(batch, -1) for array in (scores, objectness, boxes)], axis=1)
    want = []
    for n in range(batch):
        for cell in range(cells):
            for k in range(layer.boxes):
                centre = (boxes[n, cell, k, :2] + (cell % layer.side, cell // layer.side)) / layer.side
                size = boxes[n, cell, k, 2:] ** (2 if layer.squared else 1)
                certain = objectness[n, cell, k]
                want.append([*centre, *size, certain, *(certain * scores[n, cell])])
    want = np.reshape(want, (batch, cells * layer.boxes, -1))
    assert_close(run(layer, x.astype(np.float32)), want)


def test_errors():
    x = np.zeros((1, 15, 2, 2), np.float32)
    with pytest.raises(
        ShapeError, match="2 boxes of 8 values need batch x 16 x height x width, got 1x15x2x2"
    ):
        run(YoloDecode(anchors=((1, 1), (2, 2)), classes=3), x)
    with pytest.raises(ShapeError, match="1 boxes of 12 values need batch x 12"):
        run(YoloMap(boxes=1, classes=3, uncertainty=True), x)
    with pytest.raises(ShapeError, match="4 cells need vectors of 24 numbers, got 23"):
        run(GridDecode(side=2, boxes=1, classes=1), np.zeros((1, 23), np.float32))
    with pytest.raises(LayerError, match="anchors is empty"):
        YoloDecode(anchors=(), classes=1)
    with pytest.raises(LayerError, match="groups have 3 of 4 classes"):
        YoloMap(boxes=1, classes=4, scores="softmax", groups=(1, 2))
    with pytest.raises(LayerError, match="2 parents are given for 3 classes"):
        YoloDecode(anchors=ANCHORS, classes=3, parents=(-1, 0))
    with pytest.raises(LayerError, match="class 1 has the parent 1, which does not precede it"):
        YoloDecode(anchors=ANCHORS, classes=2, parents=(-1, 1))
