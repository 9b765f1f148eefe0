"""Include and exclude rules, as Caffe filters a net for its state."""

import numpy as np
import pytest

from jaxdnn import GraphError, ParseError
from jaxdnn.importers import textproto
from jaxdnn.importers.caffe.phase import NetState, is_kept, net_state
from support.caffe import inputs, load


def kept(rules: str, level: int = 0, stages: tuple[str, ...] = ()) -> bool:
    return is_kept(textproto.parse(rules), NetState(level, frozenset(stages)))


@pytest.mark.parametrize(
    ("rules", "want"),
    [
        ("", True),
        ("include { phase: TEST }", True),
        ("include { phase: TRAIN }", False),
        ("include { phase: 1 }", True),
        ("include { phase: 0 }", False),
        ("include { }", True),
        ("exclude { phase: TRAIN }", True),
        ("exclude { phase: TEST }", False),
        ("exclude { }", False),
        ("include { phase: TRAIN } include { phase: TEST }", True),
        ("exclude { phase: TRAIN } exclude { phase: TEST }", False),
        ("phase: TRAIN", True),
    ],
)
def test_phases(rules, want):
    assert kept(rules) is want


@pytest.mark.parametrize(
    ("rules", "level", "want"),
    [
        ("include { min_level: 2 }", 1, False),
        ("include { min_level: 2 }", 2, True),
        ("include { max_level: 2 }", 2, True),
        ("include { max_level: 2 }", 3, False),
        ("include { min_level: -1 max_level: 1 }", 0, True),
        ("include { phase: TRAIN min_level: 0 }", 0, False),
    ],
)
def test_levels(rules, level, want):
    assert kept(rules, level) is want


@pytest.mark.parametrize(
    ("rules", "stages", "want"),
    [
        ("include { stage: 'a' }", (), False),
        ("include { stage: 'a' }", ("a", "b"), True),
        ("include { stage: 'a' stage: 'b' }", ("a",), False),
        ("include { stage: 'a' } include { stage: 'b' }", ("b",), True),
        ("include { not_stage: 'a' }", (), True),
        ("include { not_stage: 'a' not_stage: 'b' }", ("b",), False),
        ("exclude { stage: 'a' not_stage: 'b' }", ("a",), False),
        ("exclude { stage: 'a' not_stage: 'b' }", ("a", "b"), True),
    ],
)
def test_stages(rules, stages, want):
    assert kept(rules, stages=stages) is want


def test_the_callers_state_over_the_files():
    net = textproto.parse("state { level: 2 stage: 'a' phase: TRAIN }")
    assert net_state(net, 0, ()) == NetState(2, frozenset("a"))
    assert net_state(net, 3, ("b",)) == NetState(3, frozenset("ab"))


def power(rule: str, shift: int) -> str:
    return f"""layer {{ name: "p{shift}" type: "Power" bottom: "x" top: "y"
        power_param {{ shift: {shift} }} {rule} }}\n"""


def test_a_net_with_a_layer_per_stage(tmp_path):
    text = inputs(x=(1,))
    text += power("include { phase: TRAIN }", 1)
    text += power("include { phase: TEST not_stage: 'deploy' }", 2)
    text += power("include { phase: TEST stage: 'deploy' }", 3)
    x = np.zeros(1, np.float32)
    assert np.asarray(load(tmp_path, text)(x)["y"]) == 2
    assert np.asarray(load(tmp_path, text, stages=("deploy",))(x)["y"]) == 3


def test_both_kinds_of_rules(tmp_path):
    with pytest.raises(GraphError, match="has both include and exclude rules"):
        load(tmp_path, inputs(x=(1,)) + power("include { } exclude { }", 1))


def test_an_unknown_phase(tmp_path):
    with pytest.raises(ParseError, match="unknown value 'VALIDATE' for phase"):
        load(tmp_path, inputs(x=(1,)) + power("include { phase: VALIDATE }", 1))


def test_nothing_is_left(tmp_path):
    with pytest.raises(GraphError, match="no layer is left for the phase TEST"):
        load(tmp_path, inputs(x=(1,)) + power("include { phase: TRAIN }", 1))


def test_a_bottom_of_a_layer_that_is_filtered_out(tmp_path):
    text = inputs(x=(1,)) + power("include { phase: TRAIN }", 1)
    text += 'layer { name: "r" type: "ReLU" bottom: "y" top: "r" }'
    with pytest.raises(GraphError, match="'y' is produced only by a layer that testing leaves out"):
        load(tmp_path, text)
