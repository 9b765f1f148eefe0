"""What passes between the stages of a detector, against numpy written from the formulas."""

import numpy as np
import pytest

from jaxdnn.errors import ShapeError
from jaxdnn.layers.detection import DetectionOutput
from jaxdnn.layers.stages import DetectedBoxes, ProposalRows, ProposalScores
from support.layer import net_of, run

RNG = np.random.default_rng(0)
FEATURES = np.zeros((1, 2, 2, 3), np.float32)


def detections(rows, empty=0):
    """Random rows of one image, and after them rows that hold nothing."""
    found = RNG.uniform(size=(rows, 7)).astype(np.float32)
    found[:, 0] = 0
    found[:, 1] = 1
    return np.concatenate([found, np.full((empty, 7), -1, np.float32)]).reshape(1, 1, -1, 7)


def test_all_rows_are_rows():
    x = detections(3, empty=2)
    np.testing.assert_array_equal(run(ProposalRows(), x), x[0, 0])


def test_scores_of_rows_without_a_proposal():
    proposals, scores = detections(3, empty=2), RNG.uniform(size=(1, 20)).astype(np.float32)
    got = run(ProposalScores(classes=4), scores, proposals)
    np.testing.assert_array_equal(got[:, :12], scores[:, :12])
    np.testing.assert_array_equal(got[:, 12:], -np.inf)


def test_the_row_that_says_there_is_nothing_is_no_proposal():
    nothing = np.float32([[[[0, -1, -1, -1, -1, -1, -1]]]])
    assert run(ProposalScores(classes=1), np.float32([[0.5]]), nothing) == -np.inf


def test_scores_must_be_as_many_as_proposals_have_classes():
    with pytest.raises(ShapeError, match="scores of 1x6 do not match 3 proposals of 4 classes"):
        run(ProposalScores(classes=4), np.zeros((1, 6), np.float32), detections(3))


@pytest.mark.parametrize(("counted", "length"), [(True, 3), (False, 5)])
def test_boxes_of_detections(counted, length):
    x = detections(3, empty=2)
    boxes, images = run(DetectedBoxes(counted=counted), x, FEATURES, outputs=2)
    np.testing.assert_array_equal(boxes, x[0, 0, :length][:, [4, 3, 6, 5]])
    assert images.dtype == np.int32
    np.testing.assert_array_equal(images, np.zeros(length))


def test_boxes_are_cut_out_of_one_image():
    with pytest.raises(ShapeError, match="one image at a time, got features of 2x2x2x3"):
        run(DetectedBoxes(), detections(1), np.concatenate([FEATURES, FEATURES]), outputs=2)


@pytest.mark.parametrize("layer", [ProposalRows(), DetectedBoxes()])
def test_detections_have_seven_values(layer):
    inputs = (np.zeros((1, 1, 2, 6), np.float32), FEATURES)[: 1 + isinstance(layer, DetectedBoxes)]
    with pytest.raises(ShapeError, match="rows of 7 values, got 1x1x2x6"):
        run(layer, *inputs, outputs=len(inputs))


def test_scores_per_proposal_are_positive():
    with pytest.raises(Exception, match="classes must be at least 1"):
        ProposalScores(classes=0)


def test_rows_of_a_first_stage_stay_as_many_as_there_may_be():
    """What DetectionOutput yields is trimmed, what a second stage starts from is not."""
    prior = np.float32([[0, 0, 0.5, 0.5], [0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]]).ravel()
    priors = np.stack([prior, np.ones(12, np.float32)])[None]
    scores = np.float32([[0.1, 0.9, 0.2, 0.8, 0.3, 0.7]])
    net = net_of(DetectionOutput(classes=2), np.zeros((1, 12), np.float32), scores, priors)
    feeds = {"x0": np.zeros((1, 12), np.float32), "x1": scores, "x2": priors}
    assert net(feeds)["y0"].shape == (1, 1, 2, 7)
    padded = np.asarray(net.apply(net.params, feeds)["y0"].values)
    assert run(ProposalRows(), padded).shape == (3, 7)
    assert (run(ProposalRows(), padded)[2] == -1).all()
