"""``jaxdnn inspect``."""

import pytest

import jaxdnn
from support import caffe


def test_table(jaxdnn_command, net):
    result = jaxdnn_command("inspect", *net)
    assert result.code == 0
    assert result.out.startswith("averages (float32)\ninputs   data: float32[1, 3, 4, 4]\n")
    assert "fc      Conv   1x3x4x4   1x3x1x1          144" in result.out
    assert "1 layers, 144 parameters" in result.out
    assert result.err == ""


def test_weights_are_not_needed(jaxdnn_command, net):
    assert jaxdnn_command("inspect", net[0]).out == jaxdnn_command("inspect", *net).out


def test_weights_of_another_shape_are_reported(jaxdnn_command, net, tmp_path):
    bad = tmp_path / "bad.caffemodel"
    bad.write_bytes(caffe.caffemodel({"fc": []}))
    result = jaxdnn_command("inspect", net[0], bad)
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1
    assert result.err.startswith("Error: ")
    assert "fc" in result.err


@pytest.mark.usefixtures("no_kernels")
def test_json(jaxdnn_command, net):
    assert jaxdnn_command("inspect", "--json", *net).json() == jaxdnn.load(*net).summary().to_dict() | {
        "inputs": {"data": {"shape": [1, 3, 4, 4], "dtype": "float32"}},
        "outputs": {"fc": {"shape": [1, 3, 1, 1], "dtype": "float32"}},
        "rows": [
            {
                "name": "fc",
                "type": "Conv",
                "inputs": [[1, 3, 4, 4]],
                "outputs": [[1, 3, 1, 1]],
                "parameters": 144,
                "shared": False,
                "flops": 288,
                "bytes": 12,
                "recipe": "convolution",
            }
        ],
    }


@pytest.mark.usefixtures("no_kernels")
def test_recipes(jaxdnn_command, net):
    result = jaxdnn_command("inspect", "--recipes", *net)
    assert "memory   recipe on a CPU" in result.out
    assert "12 B   convolution" in result.out
    assert "recipe" not in jaxdnn_command("inspect", *net).out


def test_graph_of_a_net_with_unknown_layers(jaxdnn_command, tmp_path):
    text = caffe.inputs(data=(1, 3, 4, 4)) + 'layer { name: "x" type: "Mystery" bottom: "data" top: "y" }'
    [path] = caffe.write(tmp_path, text)
    assert "y = Custom(data)" in jaxdnn_command("inspect", "--graph", path).out
    result = jaxdnn_command("inspect", path)
    assert result.code == 2
    assert "Mystery: layer 'x' at" in result.err


def test_input_shape(jaxdnn_command, net):
    result = jaxdnn_command("inspect", "--input-shape", "data=2,3,9,4", net[0])
    assert "2x3x9x4   2x3x6x1" in result.out


def test_stage_and_level(jaxdnn_command, tmp_path):
    layer = 'layer {{ name: "{0}" type: "ReLU" bottom: "data" top: "{0}" include {{ {1} }} }}\n'
    text = (
        caffe.inputs(data=(1, 3)) + layer.format("a", 'stage: "deploy"') + layer.format("b", "min_level: 2")
    )
    [path] = caffe.write(tmp_path, text)
    assert jaxdnn_command("inspect", "--stage", "deploy", "--level", 2, path).out.count("Relu") == 2
    assert jaxdnn_command("inspect", "--stage", "deploy", path).out.count("Relu") == 1


@pytest.mark.parametrize("shape", ["data", "data=", "=1,2", "data=1,0", "data=a"])
def test_bad_input_shape(jaxdnn_command, net, shape):
    result = jaxdnn_command("inspect", "--input-shape", shape, net[0])
    assert result.code == 2
    assert f"{shape!r} is not an input's shape" in result.err


def test_warnings_are_single_lines(jaxdnn_command, tmp_path):
    text = caffe.inputs(data=(1, 3)) + 'layer { name: "r" type: "ReLU" bottom: "data" top: "r" zzz: 1 }'
    result = jaxdnn_command("inspect", *caffe.write(tmp_path, text))
    assert result.code == 0
    assert result.err.startswith("Warning: ")
    assert "'layer.zzz' is not known" in result.err
    assert result.err.count("\n") == 1
