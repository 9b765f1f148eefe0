"""Anchors, against a grid of them computed in numpy as the Object Detection API lays it; and errors."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jaxdnn
from jaxdnn.importers import textproto
from jaxdnn.importers.tensorflow.textgraphs.anchors import read_anchors
from jaxdnn.importers.tensorflow.textgraphs.config import Section, read_config

SIDES = st.integers(16, 400)
RATIOS = st.lists(st.floats(0.2, 5), min_size=1, max_size=4)


def read(text, width=300, height=300):
    section = Section("ssd", textproto.parse(f"anchor_generator {{ {text} }}"), "pipeline.config")
    return read_anchors(section, width, height)


def listed(name, values):
    return " ".join(f"{name}: {value!r}" for value in values)


def expected(scales, ratios, base, width, height):
    """Widths and heights in pixels of scales and ratios whose unit is the smaller side of the picture."""
    roots = np.sqrt(ratios)
    smaller = min(width, height)
    normalized = np.stack(
        [scales * roots * base[0] * smaller / width, scales / roots * base[1] * smaller / height], 1
    )
    return normalized * (width, height)


@given(
    RATIOS, SIDES, SIDES, st.integers(1, 6), st.booleans(), st.sampled_from([0.0, 1.0, 2.0]),
    st.tuples(st.floats(0.5, 2), st.floats(0.5, 2)),
)  # fmt: skip
def test_the_scales_of_several_maps(ratios, width, height, count, reduced, interpolated, base):
    got = read(
        f"ssd_anchor_generator {{ num_layers: {count} min_scale: 0.15 max_scale: 0.9 {listed('aspect_ratios', ratios)} "
        f"reduce_boxes_in_lowest_layer: {str(reduced).lower()} interpolated_scale_aspect_ratio: {interpolated} "
        f"base_anchor_width: {base[0]!r} base_anchor_height: {base[1]!r} }}",
        width,
        height,
    )
    scales = [*np.linspace(0.15, 0.9, count), 1.0]
    assert len(got) == count
    for index, anchors in enumerate(got):
        pairs = [(scales[index], ratio) for ratio in ratios]
        if interpolated:
            pairs.append((math.sqrt(scales[index] * scales[index + 1]), interpolated))
        if index == 0 and reduced:
            pairs = [(0.1, 1), (scales[0], 2), (scales[0], 0.5)]
        want = expected(*np.array(pairs).reshape(-1, 2).T, base, width, height)
        np.testing.assert_allclose(np.reshape(anchors.sizes, (-1, 2)), want, rtol=1e-6)
        assert (anchors.step, anchors.offset) == (None, 0.5)


def test_explicit_scales_strides_and_offsets():
    first, second = read(
        "ssd_anchor_generator { num_layers: 2 scales: 0.25 scales: 0.64 aspect_ratios: 1 "
        "reduce_boxes_in_lowest_layer: false height_stride: 16 width_stride: 16 height_stride: 32 width_stride: 32 "
        "height_offset: 4 width_offset: 4 height_offset: 16 width_offset: 16 }",
        200,
        100,
    )
    np.testing.assert_allclose(first.sizes, [(25, 25), (40, 40)])
    np.testing.assert_allclose(second.sizes, [(64, 64), (80, 80)])
    assert (first.step, first.offset, second.step, second.offset) == (16, 0.25, 32, 0.5)


def test_strides_without_offsets_lay_centres_in_the_middle():
    (only,) = read("ssd_anchor_generator { num_layers: 1 height_stride: 16 width_stride: 16 }")
    assert (only.step, only.offset) == (16, 0.5)


@given(RATIOS, st.integers(0, 3), st.integers(0, 3), st.integers(1, 4), SIDES)
def test_the_scales_of_a_pyramid(ratios, low, more, octaves, side):
    got = read(
        f"multiscale_anchor_generator {{ min_level: {low} max_level: {low + more} anchor_scale: 3 "
        f"scales_per_octave: {octaves} {listed('aspect_ratios', ratios)} }}",
        side,
        side,
    )
    assert len(got) == more + 1
    for level, anchors in enumerate(got, low):
        base = 3 * 2.0**level
        want = [
            (base * 2 ** (k / octaves) * math.sqrt(ratio), base * 2 ** (k / octaves) / math.sqrt(ratio))
            for ratio in ratios
            for k in range(octaves)
        ]
        np.testing.assert_allclose(np.reshape(anchors.sizes, (-1, 2)), np.reshape(want, (-1, 2)), rtol=1e-6)
        grid = (None, 0.5) if side % 2**level == 0 else (2**level, 0.0)
        assert (anchors.step, anchors.offset) == grid


SSD = "ssd_anchor_generator {{ num_layers: 2 {} }}"
PYRAMID = "multiscale_anchor_generator {{ {} }}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grid_anchor_generator {}", "ssd.anchor_generator must have 'ssd_anchor_generator' or "
         "'multiscale_anchor_generator', it has 'grid_anchor_generator'"),
        ("", "it has nothing"),
        (SSD.format("num_layers: 0"), "'num_layers' must be at least 1, got 0"),
        (SSD.format("scales: 0.1"), "'scales' must have one for each of 2 layers, got 1"),
        (SSD.format("scales: 0.1 scales: -1"), "'scales' must be positive, got -1"),
        (SSD.format("min_scale: 0 aspect_ratios: 1"), "'scales' must be positive, got 0"),
        (SSD.format("aspect_ratios: 0"), "'aspect_ratios' must be positive, got 0"),
        (SSD.format("aspect_ratios: [1, nan]"), "'aspect_ratios' must be positive, got nan"),
        (SSD.format("height_stride: [8, 16]"), "'width_stride' must have one for each of 2 layers, got 0"),
        (SSD.format("height_stride: [8, 16] width_stride: [8, 8]"), "'height_stride' and 'width_stride' differ"),
        (SSD.format("height_stride: [8, 8] width_stride: [8, 8] width_offset: 4"),
         "'width_offset' must have one for each of 2 layers, got 1"),
        (SSD.format("height_stride: [8, 8] width_stride: [8, 8] width_offset: [4, 0]"),
         "'height_offset' and 'width_offset' differ"),
        (PYRAMID.format("max_level: 2 min_level: 2"), "lays no anchors on map 0: it has no 'aspect_ratios'"),
        (PYRAMID.format("min_level: 4 max_level: 3"), "'min_level' 4 and 'max_level' 3 must be levels"),
        (PYRAMID.format("scales_per_octave: 0"), "'scales_per_octave' must be at least 1, got 0"),
        (PYRAMID.format("anchor_scale: 0"), "'anchor_scale' must be positive, got 0"),
        (PYRAMID.format("aspect_ratios: 1 min_level: 3 max_level: 3"),
         "level 3 divides only one of width 96 and height 300 by 8"),
    ],
)  # fmt: skip
def test_configurations_without_an_answer(text, message):
    with pytest.raises(jaxdnn.ParseError) as caught:
        read(text, 96, 300)
    assert message in str(caught.value)
    assert str(caught.value).startswith("pipeline.config:1:")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1:1: has no 'model'"),
        ("train_config {}", ":1:1: has no 'model'"),
        ("model: 3", ":1:8: 'model' must be a message, not a value"),
        ("model {", ":1:8: the file ends"),
    ],
)
def test_files_that_are_no_configuration(tmp_path, text, message):
    path = tmp_path / "pipeline.config"
    path.write_text(text or "\n# nothing\n")
    if not text:
        message = ":1:1: has no 'model'"
    with pytest.raises(jaxdnn.JaxdnnError) as caught:
        read_config(str(path))
    assert f"{path}{message}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "get", "message"),
    [
        ("a: x", lambda s: s.integer("a"), "1:4: m states 'a': an integer expected, got 'x'"),
        ("a: 'x'", lambda s: s.number("a"), "1:4: m states 'a': a number expected, got 'x'"),
        ("a: 2", lambda s: s.boolean("a"), "1:4: m states 'a': true or false expected, got '2'"),
        ("\na: C", lambda s: s.word("a", ("A", "B"), "A"), "2:4: m 'a' must be A or B, got 'C'"),
        ("a {}", lambda s: s.integer("a"), "1:1: m 'a' must be a value, not a message"),
        ("b: 1", lambda s: s.integer("a"), "1:1: m has no 'a'"),
        ("b: 1", lambda s: s.section("a"), "1:1: m has no 'a'"),
        ("a: 1", lambda s: s.section("a"), "1:4: m 'a' must be a message, not a value"),
    ],
)
def test_fields_of_another_kind(text, get, message):
    with pytest.raises(jaxdnn.ParseError) as caught:
        get(Section("m", textproto.parse(text), "f"))
    assert str(caught.value) == f"f:{message}"
