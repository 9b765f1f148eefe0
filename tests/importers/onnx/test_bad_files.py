"""Files that are broken, hostile or nonsense: each gives an error of ours, at once and in little memory."""

import resource
import warnings

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

import jaxdnn
from jaxdnn import JaxdnnError, ParseError
from support.onnx_graphs import graph, model, node, tensor

X = np.float32([[1, -2, 3]])


def small_net() -> onnx.ModelProto:
    """A model with most kinds of parts: weights, attributes, a branch, a loop, a function, named sizes."""
    versions = [helper.make_opsetid("", 21), helper.make_opsetid("local", 1)]
    double = helper.make_function("local", "Double", ["a"], ["b"], [node("Add", ["a", "a"], "b")], versions)
    then = graph([node("Relu", "h", "r")], [], [tensor("r")])
    other = graph([node("Mul", ["h", "k"], "r")], [], [tensor("r")], {"k": np.float32(2)})
    body = graph(
        [node("Double", "v", "w", domain="local"), node("Identity", "go", "on")],
        [tensor("i", (), "int64"), tensor("go", (), "bool"), tensor("v", (None, 2))],
        [tensor("on", (), "bool"), tensor("w", (None, 2))],
    )
    nodes = [
        node("Gemm", ["x", "weight", "bias"], "h", transB=1, alpha=0.5, name="dense"),
        node("If", "c", "b", then_branch=then, else_branch=other),
        node("Loop", ["n", "", "b"], "l", body=body),
        node("Constant", [], "shape", value_ints=[-1, 2, 1]),
        node("Reshape", ["l", "shape"], "y"),
    ]
    stored = {"weight": np.ones((2, 3), np.float32), "bias": np.float32([1, 2]), "n": np.int64(2)}
    inputs = [tensor("x", ("batch", 3)), tensor("c", (), "bool")]
    return model(nodes, inputs, [tensor("y", (None, 2, 1))], stored, {"": 21, "local": 1}, functions=[double])


DATA = small_net().SerializeToString()
FEEDS = {"x": X, "c": np.array(True)}


def attempt(path, data: bytes) -> bool:
    """Load and run; whatever is wrong must be an error of ours."""
    path.write_bytes(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            net = jaxdnn.load(path)
            net({name: FEEDS[name] for name in net.inputs})
    except JaxdnnError:
        return False
    except KeyError:  # an input has another name now
        return False
    return True


def test_the_net_itself_is_sound(tmp_path):
    assert attempt(tmp_path / "m.onnx", DATA)


@settings(max_examples=40)
@given(st.integers(0, len(DATA) - 1))
def test_cut_short(tmp_path_factory, end):
    attempt(tmp_path_factory.mktemp("m") / "m.onnx", DATA[:end])


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, len(DATA) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_bytes_that_changed(tmp_path_factory, changes):
    data = bytearray(DATA)
    for place, byte in changes:
        data[place] = byte
    attempt(tmp_path_factory.mktemp("m") / "m.onnx", bytes(data))


@settings(max_examples=60)
@given(st.integers(0, len(DATA)), st.integers(0, len(DATA)), st.integers(0, len(DATA)))
def test_pieces_that_moved(tmp_path_factory, start, end, place):
    piece = DATA[min(start, end) : max(start, end)][:64]
    attempt(tmp_path_factory.mktemp("m") / "m.onnx", DATA[:place] + piece + DATA[place:])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x08\x08:", "not an ONNX model, or cut short"),
        (b"\x08\x08", "it holds no graph"),
        (b"\x00" * 64, "not an ONNX model"),
        (b"\xff" * 64, "not an ONNX model"),
        (DATA.replace(b"dense", b"d\xffnse"), r"damaged: b'd\\xffnse' stands where a text"),
    ],
)
def test_garbage(tmp_path, data, message):
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    with pytest.raises(ParseError, match=message):
        jaxdnn.load(path)


HUGE = 2**31 - 1


@pytest.mark.parametrize(
    ("nodes", "stored", "shape"),
    [
        ([node("Add", ["x", "w"])], {"w": TensorProto(name="w", data_type=1, dims=[HUGE, HUGE])}, (2,)),
        ([node("Add", ["x", "w"])], {"w": TensorProto(name="w", data_type=1, dims=[2**28])}, (2,)),
        ([node("Relu", "x")], {}, (HUGE, HUGE)),
        ([node("Expand", ["x", "s"])], {"s": np.int64([HUGE, HUGE])}, (1,)),
        ([node("Expand", ["c", "s"])], {"s": np.int64([HUGE, 2]), "c": np.float32([1, 2])}, (1,)),
        ([node("ConstantOfShape", "s")], {"s": np.int64([HUGE, HUGE])}, (1,)),
        ([node("Tile", ["c", "s"])], {"s": np.int64([2**31 - 2]), "c": np.float32([1, 2])}, (1,)),
        (
            [node("Pad", ["c", "s"])],
            {"s": np.int64([0, 2**31 - 2]), "c": np.float32([1, 2])},
            (1,),
        ),
        ([node("Range", ["z", "s", "o"])], {"z": np.int64(0), "s": np.int64(2**40), "o": np.int64(1)}, (1,)),
    ],
)
def test_sizes_that_no_memory_holds(tmp_path, nodes, stored, shape):
    made = model(nodes, [tensor("x", shape)], ("y",), stored)
    path = tmp_path / "m.onnx"
    path.write_bytes(made.SerializeToString())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(JaxdnnError):
        jaxdnn.load(path)(np.ones(1, np.float32))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 2**20, "more than a gigabyte (ru_maxrss counts kilobytes)"


def test_graphs_deep_inside_of_each_other(tmp_path):
    leaf = inner = graph([node("Relu", "x", "r")], [], [tensor("r")])
    for _ in range(20):
        inner = graph([node("If", "c", "r", then_branch=inner, else_branch=leaf)], [], [tensor("r")])
    made = model(
        [node("If", "c", "y", then_branch=inner, else_branch=leaf)],
        [tensor("x", (2,)), tensor("c", (), "bool")],
    )
    path = tmp_path / "m.onnx"
    path.write_bytes(made.SerializeToString())
    with pytest.raises(JaxdnnError, match="deep"):
        jaxdnn.load(path)
