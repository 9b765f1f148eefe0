"""Trained networks in 8 bits: the objects on the stored pictures are those of float32.

Of objects that float32 is sure of (a score of 0.5, or of 0.2 where none has that), each must be found with its class,
an intersection over union of 0.7 and a score that differs by 0.15; and none must be found that float32 does not see at
all (a score of 0.1). Weights alone in 8 bits: 0.9 and 0.07. The networks are small ones made for phones, which lose
most; one keeps its boxes only if its first layers stay as they are, which hold a hundredth of its weights.
"""

import json

import numpy as np
import pytest

import jaxdnn
from support.shared import shared_folder

MODELS = shared_folder()
MANIFEST = json.loads((MODELS / "manifest.json").read_text()) if MODELS else {}
LIMITS = {False: (0.7, 0.15), True: (0.9, 0.07)}
"""Least intersection over union and largest difference of scores, by whether only weights are quantised."""
FIRST_LAYERS = {"darknet/yolo-fastest-1.1-xl.cfg": ("conv_0", "conv_1", "conv_2", "conv_3")}
"""What stays in float32 where integers compute."""

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(MODELS is None, reason="needs the shared networks: set JAXDNN_SHARED"),
    pytest.mark.parametrize("weights_only", [False, True]),
]


def load(name):
    """Return a network of the manifest and its stored picture."""
    entry = MANIFEST[name]
    with np.load(MODELS / entry["ref"]) as reference:
        return jaxdnn.load(MODELS / name, MODELS / entry["weights"]), reference["input"]


def quantized(net, x, weights_only, skip=()):
    small, _ = jaxdnn.quantize(net, [x], weights_only=weights_only, skip=skip)
    before, after = (
        sum(array.nbytes for slots in each.params.values() for array in slots.values())
        for each in (net, small)
    )
    assert after < before / 3
    return small


def overlaps(boxes, others):
    """Intersection over union of each box with each other one, left, top, right, bottom."""
    start, end = (
        choose(boxes[:, None, part], others[None, :, part])
        for choose, part in ((np.maximum, slice(0, 2)), (np.minimum, slice(2, 4)))
    )
    common = np.clip(end - start, 0, None).prod(axis=2)
    areas = [(each[:, 2:] - each[:, :2]).prod(axis=1) for each in (boxes, others)]
    return common / (areas[0][:, None] + areas[1] - common)


def missed(want, got, least_overlap, score_difference, sure=0.5):
    """Return the sure objects (boxes, scores, classes) of one side that the other side does not have."""
    found = overlaps(want[0], got[0]) >= least_overlap
    found &= want[2][:, None] == got[2]
    found &= np.abs(want[1][:, None] - got[1]) <= score_difference
    return (want[1] >= sure) & ~found.any(axis=1)


def assert_same_objects(want, got, weights_only):
    sure = 0.5 if (want[1] >= 0.5).any() else 0.2
    assert (want[1] >= sure).any()
    assert not missed(want, got, *LIMITS[weights_only], sure=sure).any()
    assert not missed(got, want, 0.5, 0.5, sure=sure).any()


@pytest.mark.parametrize("name", [name for name in MANIFEST if name.startswith("darknet/")])
def test_yolo(name, weights_only):
    net, x = load(name)
    small = quantized(net, x, weights_only, skip=() if weights_only else FIRST_LAYERS.get(name, ()))
    want, got = (jaxdnn.detections(each(x), score_threshold=0.1).of(0) for each in (net, small))
    assert_same_objects(want, got, weights_only)


def test_single_shot_faces(weights_only):
    folder = MODELS / "tf/face_detector"
    net = jaxdnn.load(folder / "opencv_face_detector_uint8.pb", folder / "opencv_face_detector.pbtxt")
    with np.load(MODELS / "refs/tf__face_detector__opencv_face_detector.npz") as reference:
        x = reference["input"].transpose(0, 2, 3, 1)
    small, _ = jaxdnn.quantize(net, [x], weights_only=weights_only)
    rows = (np.asarray(each(x)["detection_out"]).reshape(-1, 7) for each in (net, small))
    want, got = ((each[:, 3:], each[:, 2], each[:, 1]) for each in rows)
    # There is no face that it is sure of on this picture: the best candidates stay.
    assert (want[1] >= 0.12).any()
    assert not missed(want, got, 0.9, 0.02, sure=0.12).any()


def test_anchor_faces(weights_only):
    """UltraFace: the scores of all anchors, and the boxes of those that hold a face."""
    net, x = load("caffe/ultraface/RFB-320.prototxt")
    small = quantized(net, x, weights_only)
    (boxes, scores), (near, other) = (
        (np.asarray(each(x)[key])[0].reshape(-1, width) for key, width in (("boxes", 4), ("scores", 2)))
        for each in (net, small)
    )
    least, difference = LIMITS[weights_only]
    assert np.abs(scores - other)[:, 1].max() <= difference
    faces = scores[:, 1] >= 0.5
    assert (np.diagonal(overlaps(boxes[faces], near[faces])) >= least).all()
