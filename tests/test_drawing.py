"""Marks on pictures: where they are, and that nothing breaks at the edges."""

import numpy as np
import pytest

from jaxdnn.drawing import Mark, draw


def grey(width, height):
    return np.full((height, width, 3), 127, np.uint8)


def changed(image):
    return (image != 127).any(axis=2)


def test_a_box_is_an_outline_with_its_label_above():
    drawn = draw(grey(640, 480), [Mark("cat 0.98", (200, 200, 400, 300))])
    assert drawn.shape == (480, 640, 3)
    where = changed(drawn)
    assert where[200, 200:401].all()
    assert where[300, 200:401].all()
    assert where[200:301, 200].all()
    assert where[200:301, 400].all()
    assert not where[210:290, 210:390].any()
    assert where[190, 205]
    assert not where[310:].any()


def test_a_small_picture_is_enlarged():
    drawn = draw(grey(48, 32), [Mark("cat", (10, 16, 20, 24))])
    assert drawn.shape == (320, 480, 3)
    assert changed(drawn)[160:240, 100].all()


def test_letters_grow_with_the_picture():
    small, large = (draw(grey(4 * s, 3 * s), [Mark("cat")]) for s in (200, 1000))
    assert changed(large).sum() > 10 * changed(small).sum()


def test_letters_shrink_with_the_boxes():
    def label_height(side):
        mark = Mark("8", (300, 300, 300 + side, 300 + side))
        above = changed(draw(grey(900, 900), [mark]))[:300]
        return above.any(axis=1).sum()

    heights = [label_height(side) for side in (10, 30, 60, 200, 400)]
    assert heights[0] < heights[1] < heights[2] == heights[3] == heights[4]


def test_labels_do_not_hide_boxes():
    first_row = [(100, 4, 130, 44), (100, 50, 130, 90)]
    drawn = changed(draw(grey(900, 900), [Mark("8", box) for box in first_row]))
    for left, top, right, bottom in first_row:
        assert not drawn[top + 4 : bottom - 3, left + 4 : right - 3].any()


def test_captions_stand_below_each_other():
    one, two = (changed(draw(grey(640, 480), [Mark("cat")] * n)) for n in (1, 2))
    assert two.any(axis=1).sum() > 1.9 * one.any(axis=1).sum()


def test_labels_do_not_hide_each_other():
    box = (200, 200, 400, 300)
    one = changed(draw(grey(640, 480), [Mark("cat", box)]))
    two = changed(draw(grey(640, 480), [Mark("cat", box), Mark("cat", box)]))
    assert two.sum() > one.sum() + 500


def test_groups_have_colours_of_their_own():
    boxes = [(10, 100, 100, 200), (300, 100, 400, 200)]
    drawn = draw(grey(640, 480), [Mark("", box, group) for group, box in enumerate(boxes)])
    assert (drawn[150, 10] != drawn[150, 300]).any()


@pytest.mark.parametrize(
    "box",
    [
        (-50, -50, 700, 500),
        (630, 470, 640, 480),
        (900, 900, 990, 990),
        (50, 60, 40, 30),
        (0, 0, 0, 0),
    ],
)
def test_boxes_that_stick_out(box):
    drawn = draw(grey(640, 480), [Mark("a label of some length", box)])
    assert changed(drawn).any()


def test_a_text_without_end_is_cut():
    drawn = draw(grey(320, 320), [Mark("word " * 100)])
    assert changed(drawn)[:, :10].any()
    assert not changed(drawn)[60:].any()


def test_no_marks():
    np.testing.assert_array_equal(draw(grey(640, 480), []), grey(640, 480))
