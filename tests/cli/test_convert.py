"""``jaxdnn convert``."""

import numpy as np
import onnx
import pytest

import jaxdnn
from support.onnx_runtime import assert_same, run


def test_file(jaxdnn_command, net, tmp_path):
    path = tmp_path / "net.onnx"
    result = jaxdnn_command("convert", *net, "-o", path)
    assert (result.code, result.err) == (0, "")
    first, *others = result.out.splitlines()
    assert first.startswith(f"{path}: opset 17, 1 nodes, ")
    assert first.endswith("B, batch any")
    assert others == ["  input data: float32[batch, 3, 4, 4]", "  output fc: float32[batch, 3, 1, 1]"]
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 4)).astype(np.float32)
    assert_same(run(onnx.load(path), {"data": x}), jaxdnn.load(*net)(x))


def test_options(jaxdnn_command, net, tmp_path):
    path = tmp_path / "net.onnx"
    options = ("--opset", "13", "--batch", "4", "--fp16", "--json")
    written = jaxdnn_command("convert", *net, "-o", path, *options).json()
    model = onnx.load(path)
    assert written["bytes"] == path.stat().st_size
    assert {key: value for key, value in written.items() if key != "bytes"} == {
        "opset": 13,
        "nodes": len(model.graph.node),
        "batch": "4",
        "inputs": {"data": "float32[4, 3, 4, 4]"},
        "outputs": {"fc": "float32[4, 3, 1, 1]"},
    }
    assert model.graph.initializer[0].data_type == onnx.TensorProto.FLOAT16


def test_input_shape(jaxdnn_command, net, tmp_path):
    arguments = ("convert", *net, "-o", tmp_path / "net.onnx", "--input-shape", "data=1,3,5,6")
    assert "  output fc: float32[batch, 3, 2, 3]" in jaxdnn_command(*arguments).out


def test_a_file_is_replaced_only_on_demand(jaxdnn_command, net, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_text("mine")
    result = jaxdnn_command("convert", *net, "-o", path)
    assert result.code == 2
    assert "the file exists: give --force to replace it" in result.err
    assert path.read_text() == "mine"
    assert jaxdnn_command("convert", *net, "-o", path, "--force").code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--opset", "3"), "opset must be 13 to 21, got 3"),
        (("--batch", "1,2"), "batch must be a name or a size from 1, got (1, 2)"),
    ],
)
def test_wrong_options(jaxdnn_command, net, tmp_path, options, message):
    result = jaxdnn_command("convert", *net, "-o", tmp_path / "net.onnx", *options)
    assert result.code == 2
    assert message in result.err
    assert not (tmp_path / "net.onnx").exists()
