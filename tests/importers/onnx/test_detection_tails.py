"""What detectors exported by other programs end with: rows whose number the data decides, against ONNX Runtime."""

import numpy as np
import pytest
from onnx import TensorProto

from support.onnx_graphs import load, model, node, runtime, tensor

BIG = np.iinfo(np.int64).max


def ints(*values):
    return np.array(values, np.int64)


def suppressed(rows):
    """Return the tail of a detector: boxes of what suppression selects, and what becomes of them."""
    stored = {
        "count": ints(20),
        "overlap": np.float32(0.5),
        "least": np.float32(0.3),
        "columns": ints(2),
        "one": ints(1),
        "axis": ints(1),
        "far": ints(BIG),
        "classes": ints(1),
        "last": ints(-1),
    }
    nodes = [
        node("NonMaxSuppression", ["boxes", "scores", "count", "overlap", "least"], "selected"),
        node("Gather", ["selected", "columns"], "column", axis=1),
        node("Squeeze", ["column", "axis"], "index"),
        node("Squeeze", ["boxes", "zero"], "flat"),
        node("Gather", ["flat", "index"], "kept_boxes", axis=0),
        node("GatherND", ["scores", "selected"], "kept_scores"),
        node("Unsqueeze", ["kept_scores", "axis"], "score_column"),
        node("Slice", ["selected", "one", "two", "axis"], "class_column"),
        node("Cast", "class_column", "class_number", to=TensorProto.FLOAT),
        node("Concat", ["kept_boxes", "score_column", "class_number"], "rows", axis=1),
        *rows,
    ]
    return nodes, stored | {"zero": ints(0), "two": ints(2)}


TAILS = {
    "rows": [node("Identity", "rows", "y")],
    "best": [
        node("Shape", "kept_scores", "size"),
        node("Gather", ["size", "none"], "number"),
        node("Min", ["number", "four"], "few"),
        node("Unsqueeze", ["few", "zero"], "k"),
        node("TopK", ["kept_scores", "k"], ["values", "places"], axis=0),
        node("Gather", ["rows", "places"], "y", axis=0),
    ],
    "first": [node("Slice", ["rows", "zero", "two", "zero"], "y")],
    "above": [
        node("Greater", ["kept_scores", "half"], "above"),
        node("NonZero", "above", "marked"),
        node("Transpose", "marked", "turned", perm=[1, 0]),
        node("GatherND", ["rows", "turned"], "y"),
    ],
    "compressed": [
        node("Greater", ["kept_scores", "half"], "above"),
        node("Compress", ["rows", "above"], "y", axis=0),
    ],
}


@pytest.mark.parametrize("tail", TAILS)
def test_what_follows_suppression_has_as_many_rows_as_the_data_say(tmp_path, tail):
    random = np.random.default_rng(0)
    corners = random.uniform(0, 0.7, (1, 12, 2))
    boxes = np.concatenate([corners, corners + random.uniform(0.1, 0.3, (1, 12, 2))], 2).astype(np.float32)
    nodes, stored = suppressed(TAILS[tail])
    stored |= {"none": ints(0).reshape(()), "four": ints(4).reshape(()), "half": np.float32(0.5)}
    parts = (nodes, [tensor("boxes", (1, 12, 4)), tensor("scores", (1, 2, 12))], ["y"], stored)
    net, made = load(tmp_path, *parts), model(*parts)
    for scale in (1.0, 0.4):
        fed = {"boxes": boxes, "scores": (scale * random.random((1, 2, 12))).astype(np.float32)}
        (want,) = runtime(made, fed)
        np.testing.assert_allclose(net(fed)["y"], want, rtol=1e-6)
