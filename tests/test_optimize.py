"""``jaxdnn.optimize``: what a net keeps, and what the report says."""

import json

import jax
import numpy as np
import pytest

import jaxdnn
from jaxdnn import InputError
from jaxdnn.layers.constant import Const
from support import caffe

TEXT = """
name: "n"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
layer { name: "label" type: "Input" top: "label" input_param { shape { dim: 1 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "drop" type: "Dropout" bottom: "conv" top: "conv" }
layer { name: "mean" type: "Pooling" bottom: "conv" top: "mean" pooling_param { pool: AVE global_pooling: true } }
layer { name: "prior" type: "PriorBox" bottom: "conv" bottom: "data" top: "prior"
  prior_box_param { min_size: 2 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "mean" bottom: "label" top: "loss" }
"""
X = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)


@pytest.fixture
def net(tmp_path):
    return caffe.load(tmp_path, TEXT, key=jax.random.key(0))


def test_it_computes_the_same(net):
    small, report = jaxdnn.optimize(net)
    want = net(X)
    got = small(X)
    assert list(got) == list(want)
    for name, array in want.items():
        np.testing.assert_array_equal(got[name], array)
    assert len(small.graph.nodes) < len(net.graph.nodes)
    assert isinstance(small.graph.producers["prior"].layer, Const)
    assert small.inputs == {"data": net.inputs["data"]}
    changes = {change.name: change for change in report.changes}
    assert changes["strip_training"].removed == {"CrossEntropyLoss": ("loss",)}
    assert changes["strip_identities"].removed == {"Dropout": ("drop",)}
    assert changes["fold_constants"].removed == {"PriorBox": ("prior",)}
    assert changes["fold_constants"].added == {"Const": ("prior",)}
    assert changes["fold_constants"].constant_bytes == 4 * 2 * 6 * 6 * 4


def test_names(net):
    small, _ = jaxdnn.optimize(net)
    np.testing.assert_array_equal(small(X, outputs=["drop"])["drop"], net(X, outputs=["conv"])["conv"])
    with pytest.raises(InputError, match="nothing in 'n' is called 'loss'"):
        small(X, outputs=["loss"])
    with pytest.raises(InputError, match="'n' has no input 'label'"):
        small({"data": X, "label": np.zeros(2)})


def test_gradients_go_on(net):
    small, _ = jaxdnn.optimize(net)

    def total(params):
        return sum(value.sum() for value in small.apply(params, X).values())

    gradient = jax.grad(total)(small.params)
    assert float(abs(gradient["conv"]["bias"]).max()) > 0


def test_nothing_to_do_is_the_same_net(net):
    small, _ = jaxdnn.optimize(net)
    again, report = jaxdnn.optimize(small)
    assert again is small
    assert {row[1] for row in report.rows()} == {"nothing"}


def test_policy_source_and_custom_layers_stay(tmp_path):
    def twice(weights, x):
        return x + x

    text = caffe.inputs(data=(1, 3)) + (
        'layer { name: "t" type: "Twice" bottom: "data" top: "t" }\n'
        'layer { name: "d" type: "Dropout" bottom: "t" top: "d" }\n'
    )
    net = caffe.load(tmp_path, text, custom_layers={"Twice": twice}, policy="mixed_bfloat16")
    small, _ = jaxdnn.optimize(net)
    assert small.source is net.source
    assert small.policy == net.policy
    assert small.graph.outputs == ("d",)
    np.testing.assert_array_equal(small(np.ones((1, 3)))["d"], 2 * np.ones((1, 3)))


def test_params_on_a_device_and_without_values(tmp_path, net):
    want = net(X, outputs=["mean"])["mean"]
    device, _ = jaxdnn.optimize(net.replace(params=net.params))
    np.testing.assert_array_equal(device(X, outputs=["mean"])["mean"], want)
    empty = caffe.load(tmp_path, TEXT)
    bare, _ = jaxdnn.optimize(empty)
    assert "conv/weight" in bare.missing
    assert bare.missing == empty.missing
    given = bare.replace(params=net.params)
    np.testing.assert_array_equal(given(X, outputs=["mean"])["mean"], want)


def test_chosen_passes(net):
    small, report = jaxdnn.optimize(net, passes=["strip_identities"])
    assert [change.name for change in report.changes] == ["strip_identities"]
    assert "loss" in small.graph.outputs
    assert jaxdnn.optimize(net, passes=[])[0] is net
    with pytest.raises(InputError, match="there is no pass 'polish'; the passes are strip_training, "):
        jaxdnn.optimize(net, passes=["polish"])


def test_the_report_as_text_and_as_json(net):
    _, report = jaxdnn.optimize(net)
    lines = str(report).splitlines()
    assert lines[0].split() == ["pass", "change", "type", "count", "layers", "parameters", "constants"]
    found = {tuple(line.split()[:5]): line.split()[5:] for line in lines[2:-1]}
    assert found["strip_identities", "removed", "Dropout", "1", "'drop'"] == ["+0", "+0", "B"]
    assert found["fold_constants", "removed", "PriorBox", "1", "'prior'"] == ["+0", "+1.15", "kB"]
    entries = {entry["name"]: entry for entry in json.loads(json.dumps(report.to_dict()))["changes"]}
    assert entries["fold_constants"]["added"] == {"Const": ["prior"]}
