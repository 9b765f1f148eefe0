"""The summary of a small net, counted by hand."""

import json

import pytest

from jaxdnn.tables import quantity
from support import caffe

NET = (
    caffe.inputs(data=(2, 3, 8, 8))
    + """
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 } param { name: "w" } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "twin" type: "Convolution" bottom: "data" top: "twin"
  convolution_param { num_output: 4 kernel_size: 3 bias_term: false } param { name: "w" } }
"""
)


@pytest.fixture
def summary(tmp_path):
    return caffe.load(tmp_path, f'name: "small" {NET}').summary()


def test_rows(summary):
    conv, relu, twin = summary.rows
    assert (conv.name, conv.type, conv.inputs, conv.outputs) == (
        "conv",
        "Conv",
        ((2, 3, 8, 8),),
        ((2, 4, 6, 6),),
    )
    assert (conv.parameters, conv.shared) == (4 * 3 * 9 + 4, False)
    assert conv.flops == 2 * 4 * 6 * 6 * (2 * 27 + 1)
    assert conv.bytes == 4 * 2 * 4 * 6 * 6
    assert (relu.type, relu.parameters, relu.shared) == ("Relu", 0, False)
    assert (twin.parameters, twin.shared) == (0, True)


def test_totals_count_shared_parameters_once(summary):
    assert summary.parameters == 112
    assert summary.parameter_bytes == 448
    assert summary.flops == sum(row.flops for row in summary.rows)
    assert summary.bytes == 3 * 4 * 288


def test_half_precision_halves_the_memory(tmp_path):
    summary = caffe.load(tmp_path, NET, policy="float16").summary()
    assert summary.parameter_bytes == 224
    assert summary.bytes == 3 * 2 * 288


def test_text(summary):
    assert (
        str(summary)
        == """\
small (float32)
inputs   data: float32[2, 3, 8, 8]
outputs  conv: float32[2, 4, 6, 6]
outputs  twin: float32[2, 4, 6, 6]

layer  type  input    output   parameters   FLOPs   memory
----------------------------------------------------------
conv   Conv  2x3x8x8  2x4x6x6         112  15.8 k  1.15 kB
relu   Relu  2x4x6x6  2x4x6x6           0     288  1.15 kB
twin   Conv  2x3x8x8  2x4x6x6      shared  15.6 k  1.15 kB
----------------------------------------------------------
3 layers, 112 parameters (448 B), 31.7 kFLOPs per call, 3.46 kB of layer outputs"""
    )


@pytest.mark.usefixtures("no_kernels")
def test_recipes(tmp_path):
    layer = """
layer {{ name: "{0}" type: "Convolution" bottom: "data" top: "{0}"
  convolution_param {{ num_output: 8 kernel_size: {1} stride: 2 group: {2} }} }}"""
    layers = [layer.format("depthwise", 3, 8), layer.format("pointwise", 1, 1), layer.format("half", 3, 2)]
    net = caffe.load(tmp_path, caffe.inputs(data=(1, 8, 9, 9)) + "".join(layers))
    recipes = ["shifted products", "matrix product", "split groups (convolution)"]
    assert [row.recipe for row in net.summary().rows] == recipes
    assert [row[-1] for row in net.summary(recipes=True).cells] == recipes
    assert "recipe on a CPU" in str(net.summary(recipes=True))
    assert "recipe" not in str(net.summary())


def test_dict_is_json(summary):
    read = json.loads(json.dumps(summary.to_dict()))
    assert read["inputs"] == {"data": {"shape": [2, 3, 8, 8], "dtype": "float32"}}
    assert [row["name"] for row in read["rows"]] == ["conv", "relu", "twin"]
    assert read["totals"] == {"parameters": 112, "flops": summary.flops, "bytes": 3456}


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1004, "1 kB"),
        (1550, "1.55 kB"),
        (99_949, "99.9 kB"),
        (99_951, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (10**12, "1 TB"),
        (5 * 10**21, "5000 EB"),
    ],
)
def test_quantity(number, text):
    assert quantity(number, "B") == text
