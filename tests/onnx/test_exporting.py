"""What a file is called, states and holds, and what cannot be written."""

import json
import re

import numpy as np
import onnx
import pytest

import jaxdnn
from jaxdnn.ir import Graph, Model, Node, Source, Value
from jaxdnn.layers.activation import Relu, Softmax
from jaxdnn.layers.constant import Const
from jaxdnn.layers.dense import Dense
from jaxdnn.layers.elementwise import Eltwise, Identity
from jaxdnn.layers.linear_algebra import Qr
from jaxdnn.layers.loss import EuclideanLoss
from jaxdnn.layers.shape import Reshape
from jaxdnn.layers.tensor import FillLike, ShapeOf
from jaxdnn.net import Net
from jaxdnn.onnx import exporting
from support import darknet, small_nets
from support.onnx_runtime import assert_same, check, properties, run

INPUTS = (Value("x", (2, 3)),)
X = np.random.default_rng(0).standard_normal((1, 3, 8, 8)).astype(np.float32)


def net_of_nodes(*nodes, outputs=("y",), inputs=INPUTS, params=None, source=None):
    graph = Graph("net", inputs, outputs, nodes)
    return Net.from_model(Model(graph, params or {}, source or Source("test")))


def dimensions(value):
    return [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]


@pytest.fixture
def net(tmp_path):
    return small_nets.load("caffe", tmp_path)[0]


def test_names_and_sizes(net):
    model = check(net, {"data": X})
    graph = model.graph
    assert (graph.name, [v.name for v in graph.input], [v.name for v in graph.output]) == (
        *("caffe", ["data"], ["prob"]),
    )
    assert dimensions(graph.input[0]) == ["batch", 3, 8, 8]
    assert dimensions(graph.output[0]) == ["batch", 5]
    assert [node.name for node in graph.node] == ["conv", "relu", "norm", "pool", "fc/Flatten", "fc", "prob"]
    assert [node.output[0] for node in graph.node][-3:] == ["fc/Flatten", "fc", "prob"]
    assert {tensor.name for tensor in graph.initializer} == {
        *("conv/weight", "conv/bias", "fc/weight", "fc/bias"),
    }
    assert model.opset_import[0].version == 17
    assert {entry.domain for entry in model.opset_import} == {""}


def test_metadata(tmp_path):
    source = Source("caffe", ("folder/net.prototxt",), {"mean": (1, 2)})
    model = net_of_nodes(Node("y", Relu(), ("x",), ("y",)), source=source).to_onnx()
    found = properties(model)
    assert found["source_format"] == "caffe"
    assert found["source_files"] == "net.prototxt"
    assert json.loads(found["preprocessing"]) == {"mean": [1, 2]}
    assert (model.producer_name, model.producer_version) == ("jaxdnn", jaxdnn.__version__)


def test_batch(net):
    assert dimensions(net.to_onnx(batch="n").graph.input[0])[0] == "n"
    assert dimensions(net.to_onnx(batch=4).graph.output[0]) == [4, 5]
    assert properties(net.to_onnx(batch=4))["batch"] == "4"


def test_a_batch_that_layers_fix():
    fixed = net_of_nodes(Node("y", Reshape(shape=(3, 2)), ("x",), ("y",)))
    model = fixed.to_onnx()
    assert dimensions(model.graph.input[0]) == [2, 3]
    assert properties(model)["batch"].startswith(
        "2: with another batch layer 'y' (Reshape): 3x3 has 9 elements"
    )
    with pytest.raises(jaxdnn.InputError, match="'net' has no open batch: with another batch layer 'y'"):
        fixed.to_onnx(batch="n")


def test_sizes_that_follow_from_the_batch():
    nodes = (
        Node("s", ShapeOf(), ("x",), ("s",)),
        Node("z", FillLike(value=2.0), ("x",), ("z",)),
        Node("r", Reshape(shape=(-1,)), ("x",), ("r",)),
        Node("y", Eltwise(), ("x", "z"), ("y",)),
    )
    model = check(net_of_nodes(*nodes, outputs=("y", "s", "r")), {"x": X[0, 0, :2, :3]})
    assert properties(model)["batch"] == "any"


def test_stated_shapes(net):
    with pytest.raises(jaxdnn.WeightsError, match="fc"):
        net.to_onnx(input_shapes={"data": (1, 3, 9, 9)})
    model = net.to_onnx(input_shapes={"data": (7, 3, 8, 8)}, batch=7)
    assert dimensions(model.graph.output[0]) == [7, 5]
    with pytest.raises(jaxdnn.InputError, match="input_shapes names 'image'; the inputs are 'data'"):
        net.to_onnx(input_shapes={"image": (1,)})
    with pytest.raises(jaxdnn.InputError, match="input 'data' has 4 axes, and input_shapes gives 2 sizes"):
        net.to_onnx(input_shapes={"data": (1, 3)})


def test_open_sizes_have_to_be_stated():
    node = Node("y", Relu(), ("x",), ("y",))

    def relu(*sizes):
        graph = Graph("net", (Value("x", sizes),), ("y",), (node,))
        return Net.from_model(Model(graph, {}, Source("test"), open_shapes=True, checked=True))

    assert dimensions(relu(None, 3).to_onnx().graph.input[0]) == ["batch", 3]
    with pytest.raises(jaxdnn.InputError, match=r"input 'x' has no complete shape: float32\[1, \?\]; give"):
        relu(1, None).to_onnx()
    assert dimensions(relu(1, None).to_onnx(input_shapes={"x": (1, 5)}).graph.output[0]) == ["batch", 5]


@pytest.mark.parametrize("opset", [12, 22])
def test_unknown_opsets(net, opset):
    with pytest.raises(jaxdnn.InputError, match=f"opset must be 13 to 21, got {opset}"):
        net.to_onnx(opset=opset)


@pytest.mark.parametrize("batch", ["", 0, -1, (1, 2)])
def test_batches_that_are_none(net, batch):
    with pytest.raises(
        jaxdnn.InputError, match=re.escape(f"batch must be a name or a size from 1, got {batch!r}")
    ):
        net.to_onnx(batch=batch)


@pytest.mark.parametrize("opset", [13, 15, 18, 21])
def test_opsets(net, opset):
    model = check(net, {"data": X}, opset=opset)
    assert model.opset_import[0].version == opset


def test_half_precision(net):
    model = net.to_onnx(fp16=True)
    assert_same(run(model, {"data": X}), net(X), tolerance=5e-3)
    types = {
        tensor.name: onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
        for tensor in model.graph.initializer
    }
    assert set(types.values()) == {np.dtype(np.float16)}
    values = (*model.graph.input, *model.graph.output)
    assert {value.type.tensor_type.elem_type for value in values} == {onnx.TensorProto.FLOAT}
    kept = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    assert (kept["conv"], kept["norm"]) == (onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT)


def test_the_policy_does_not_count(net):
    assert net.replace(policy="bfloat16").to_onnx().graph.node == net.to_onnx().graph.node


def test_all_layers_that_cannot_be_expressed_are_named():
    nodes = (
        Node("a", Qr(), ("x",), ("a", "b")),
        Node("y", Relu(), ("a",), ("y",)),
        Node("c", Qr(), ("x",), ("c", "d")),
    )
    with pytest.raises(jaxdnn.UnsupportedLayerError) as error:
        net_of_nodes(*nodes, outputs=("y", "c")).to_onnx()
    assert "no standard operators for 2 of the layers: 'a' (Qr): " in str(error.value)
    assert "; 'c' (Qr): " in str(error.value)


def test_missing_parameters(tmp_path):
    net = jaxdnn.load(darknet.write(tmp_path, small_nets.CFG)[0])
    with pytest.raises(jaxdnn.WeightsError, match="no values for"):
        net.to_onnx()


def test_files(net, tmp_path):
    path = tmp_path / "net.onnx"
    model = net.to_onnx(path)
    assert onnx.load(path) == model
    with pytest.raises(jaxdnn.FileError, match="cannot be written: "):
        net.to_onnx(tmp_path / "nowhere" / "net.onnx")


def test_large_models_keep_their_numbers_in_a_second_file(tmp_path, monkeypatch):
    path = tmp_path / "net.onnx"
    weight = np.random.default_rng(1).standard_normal((500, 3)).astype(np.float32)
    node = Node("y", Dense(units=500, bias=False), ("x",), ("y",), {"weight": "y/weight"})
    net = net_of_nodes(node, params={"y": {"weight": weight}})
    monkeypatch.setattr(exporting, "_MOST_BYTES", 1000)
    for _ in range(2):
        net.to_onnx(path)
    assert (tmp_path / "net.onnx.data").stat().st_size == weight.nbytes
    assert path.stat().st_size < 1000
    x = X[0, 0, :2, :3]
    assert_same(run(onnx.load(path), {"x": x}), net(x))


def test_shared_parameters_are_stored_once():
    weight = np.ones((3, 3), np.float32)
    nodes = [
        Node(name, Dense(units=3, bias=False), (read,), (name,), {"weight": "a/weight"})
        for name, read in (("a", "x"), ("y", "a"))
    ]
    model = check(net_of_nodes(*nodes, params={"a": {"weight": weight}}), {"x": X[0, 0, :2, :3]})
    assert [tensor.name for tensor in model.graph.initializer] == ["a/weight"]


def test_outputs_that_are_inputs_constants_or_twice_the_same():
    nodes = (
        Node("k", Const(value=np.float32([1, 2])), (), ("k",)),
        Node("y", Softmax(), ("x",), ("y",)),
        Node("z", Identity(), ("y",), ("z",)),
    )
    model = net_of_nodes(*nodes, outputs=("x", "k", "y", "z")).to_onnx()
    assert [value.name for value in model.graph.output] == ["x", "k", "y", "z"]
    x = X[0, 0, :2, :3]
    found = run(model, {"x": x})
    np.testing.assert_array_equal(found["x"], x)
    np.testing.assert_array_equal(found["k"], [1, 2])
    np.testing.assert_array_equal(found["y"], found["z"])


def test_inputs_of_64_bits():
    net = net_of_nodes(Node("y", Identity(), ("x",), ("y",)), inputs=(Value("x", (2, 2), "int64"),))
    assert_same(run(net.to_onnx(), {"x": np.array([[1, -2], [3, 4]])}), {"y": np.int32([[1, -2], [3, 4]])})


def test_a_loss_alone_is_fed_its_labels():
    inputs = (Value("x", (2, 3)), Value("t", (2, 3), optional=True))
    net = net_of_nodes(Node("y", EuclideanLoss(), ("x", "t"), ("y",)), inputs=inputs)
    feeds = {"x": X[0, 0, :2, :3], "t": X[0, 1, :2, :3]}
    assert_same(run(net.to_onnx(), feeds), net(feeds))
