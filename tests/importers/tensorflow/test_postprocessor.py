"""The Object Detection API's suppression, recognised by its scope."""

import numpy as np
import pytest

from jaxdnn.importers.tensorflow.graphdef import NodeDef
from jaxdnn.importers.tensorflow.postprocessor import recognize
from jaxdnn.importers.tensorflow.tensors import INT_VAL, NAMES, DType, Tensor

SCOPE = "Postprocessor/BatchMultiClassNonMaxSuppression"


def const(name, value):
    if isinstance(value, int):
        tensor = Tensor(DType(NAMES["INT32"]), (), values={INT_VAL: np.array([value])})
    else:
        tensor = Tensor(DType(NAMES["FLOAT"]), (), np.float32(value).tobytes())
    return NodeDef(name, "Const", (), {"value": tensor})


def loop(thresholds=(0.5, 0.5), masks=False):
    """Two classes in one image, with the ways that names and values take, not a graph that would run."""
    inside = [
        NodeDef("map/boxes", "TensorArrayReadV3", ("Boxes",)),
        NodeDef("map/scores", "TensorArrayReadV3", ("Scores:1",)),
        NodeDef("map/shape", "Shape", ("Boxes",)),
        NodeDef("map/column", "Slice", ("map/scores", "map/shape")),
        const("map/total", 7),
        NodeDef("map/Minimum", "Minimum", ("map/shape", "map/total")),
        const("map/class_count", 5),
        const("map/score_threshold", 0.25),
        NodeDef("map/clip/Maximum", "Maximum", ("map/boxes", "map/boxes")),
    ]
    for index, threshold in enumerate(thresholds):
        inside.append(const(f"map/iou_{index}", threshold))
        inputs = ("map/boxes", "map/column", "map/class_count", f"map/iou_{index}", "map/score_threshold")
        inside.append(NodeDef(f"map/nms_{index}", "NonMaxSuppressionV3", inputs))
    for index, kind in enumerate(("FLOAT", "FLOAT", "FLOAT", "FLOAT", "INT32")):
        stack = f"map/TensorArrayStack{f'_{index}' if index else ''}/TensorArrayGatherV3"
        inside.append(NodeDef(stack, "TensorArrayGatherV3", ("map/nms_0",), {"dtype": DType(NAMES[kind])}))
    names = {node.name for node in inside}
    scoped = [
        NodeDef(
            f"{SCOPE}/{node.name}",
            node.op,
            tuple(f"{SCOPE}/{text}" if text in names else text for text in node.inputs),
            node.attributes,
        )
        for node in inside
    ]
    stack = f"{SCOPE}/map/TensorArrayStack"
    read = {"boxes": "", "scores": "_1", "classes": "_2", "number": "_4"} | ({"masks": "_3"} if masks else {})
    outside = [NodeDef("Boxes", "Placeholder"), NodeDef("Scores", "Unpack", ("Boxes",))]
    outside += [
        NodeDef(name, "Identity", (f"{stack}{end}/TensorArrayGatherV3",)) for name, end in read.items()
    ]
    return (*outside, *scoped)


def test_the_scope_becomes_one_suppression():
    found = {node.name: node for node in recognize(loop())}
    joined = found[f"{SCOPE}@detections"]
    assert joined.op == "CombinedNonMaxSuppression"
    names = ("class_count", "total", "iou_0", "score_threshold")
    assert joined.inputs == ("Boxes", "Scores:1", *(f"{SCOPE}/map/{name}" for name in names))
    assert joined.attributes == {"clip_boxes": True, "pad_per_class": False}
    for end, port in (("", 0), ("_1", 1), ("_2", 2), ("_4", 3)):
        result = found[f"{SCOPE}/map/TensorArrayStack{end}/TensorArrayGatherV3"]
        assert (result.op, result.inputs) == ("Identity", (f"{SCOPE}@detections:{port}",))


@pytest.mark.parametrize("unexpected", [{"thresholds": (0.5, 0.6)}, {"masks": True}, {"thresholds": ()}])
def test_anything_unexpected_stays(unexpected):
    nodes = loop(**unexpected)
    assert recognize(nodes) == nodes
