"""Graphs that are well encoded and make no sense: a JaxdnnError while loading or calling, or a result."""

import copy
import warnings
from contextlib import suppress

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import jaxdnn
from jaxdnn.errors import JaxdnnError
from support.tensorflow import Function, Shape, Type, function, graph, node

WINDOW = {"strides": [1, 2, 2, 1], "padding": "SAME", "data_format": "NHWC"}
NODES = {
    "x": ("Placeholder", [], {"dtype": Type("float32"), "shape": Shape((2, 6, 6, 2))}),
    "filter": ("Const", [], {"value": np.ones((3, 3, 2, 4), np.float32)}),
    "conv": ("Conv2D", ["x", "filter"], {**WINDOW, "dilations": [1, 1, 1, 1]}),
    "offset": ("Const", [], {"value": np.ones(4, np.float32)}),
    "biased": ("BiasAdd", ["conv", "offset"], {"data_format": "NHWC"}),
    "norm": (
        "FusedBatchNormV3",
        ["biased", "offset", "offset", "offset", "offset"],
        {"epsilon": 0.1, "is_training": False, "data_format": "NHWC"},
    ),
    "pool": ("MaxPool", ["norm"], {"ksize": [1, 2, 2, 1], **WINDOW}),
    "shape": ("Shape", ["pool"], {"out_type": Type("int32")}),
    "zero": ("Const", [], {"value": np.int32([0])}),
    "one": ("Const", [], {"value": np.int32([1])}),
    "batch": ("StridedSlice", ["shape", "zero", "one", "one"], {"shrink_axis_mask": 1, "begin_mask": 0}),
    "rest": ("Const", [], {"value": np.int32(-1)}),
    "sizes": ("Pack", ["batch", "rest"], {"axis": 0, "N": 2}),
    "flat": ("Reshape", ["pool", "sizes"], {}),
    "matrix": ("Const", [], {"value": np.ones((16, 5), np.float32)}),
    "dense": ("MatMul", ["flat", "matrix"], {"transpose_a": False, "transpose_b": False}),
    "split": ("SplitV", ["dense", "parts", "rest"], {"num_split": 2}),
    "parts": ("Const", [], {"value": np.int32([2, 3])}),
    "joined": ("ConcatV2", ["split:1", "split", "rest"], {"N": 2}),
    "top": ("TopKV2", ["joined", "k"], {"sorted": True}),
    "k": ("Const", [], {"value": np.int32(2)}),
    "gathered": ("GatherV2", ["joined", "top:1", "rest"], {"batch_dims": 1}),
    "mean": ("Mean", ["top", "zero"], {"keep_dims": True}),
    "padding": ("Const", [], {"value": np.int32([[0, 1], [1, 0]])}),
    "padded": ("Pad", ["mean", "padding"], {}),
    "loop": ("While", ["rest", "padded"], {"cond": Function("cond"), "body": Function("body")}),
    "branch": (
        "If",
        ["truth", "loop:1"],
        {"then_branch": Function("half"), "else_branch": Function("same")},
    ),
    "truth": ("Less", ["loop", "k"], {}),
    "called": ("PartitionedCall", ["branch"], {"f": Function("half")}),
}
FUNCTIONS = (
    function(
        "cond",
        ["i", "v"],
        {"go": "l:z:0"},
        node("l", "Less", "i", "n:output:0"),
        node("n", "Const", value=np.int32(3)),
    ),
    function(
        "body",
        ["i", "v"],
        {"next": "a:z:0", "value": "w:z:0"},
        node("n", "Const", value=np.int32(1)),
        node("a", "AddV2", "i", "n:output:0"),
        node("w", "AddV2", "v", "v"),
    ),
    function("half", ["v"], {"r": "h:y:0"}, node("h", "Sigmoid", "v")),
    function("same", ["v"], {"r": "v"}),
)
SIZES = st.sampled_from([-5, -1, 0, 1, 2, 3, 7, 300])
ARRAYS = st.one_of(
    st.builds(np.int32, SIZES),
    st.builds(np.int32, st.lists(SIZES, max_size=5)),
    st.builds(np.float32, st.lists(SIZES, max_size=5)),
    st.builds(
        lambda sizes, dtype: np.ones(sizes, dtype),
        st.lists(st.integers(0, 4), max_size=5),
        st.sampled_from(["float32", "float64", "float16", "int64", "int32", "uint8", "bool", "complex64"]),
    ),
)
VALUES = st.one_of(
    *(
        SIZES,
        st.booleans(),
        st.just(0.5),
        ARRAYS,
        st.sampled_from(["SAME", "VALID", "NHWC", "NCHW", "strange"]),
    ),
    *(st.lists(SIZES, max_size=5), st.sampled_from(["float32", "int64", "bool", "int32"]).map(Type)),
    *(
        st.sampled_from(["half", "body", "cond", "none"]).map(Function),
        st.lists(SIZES, max_size=4).map(Shape),
    ),
)
OPS = st.sampled_from(
    [
        *sorted({op for op, _, _ in NODES.values()}),
        *(
            "Transpose",
            "Tile",
            "Fill",
            "Range",
            "OneHot",
            "Slice",
            "Split",
            "Unpack",
            "Cast",
            "ResizeBilinear",
        ),
        *("Where", "Unique", "NonMaxSuppressionV3", "CropAndResize", "Conv2DBackpropInput", "SpaceToBatchND"),
        *(
            "DepthwiseConv2dNative",
            "AvgPool",
            "ArgMax",
            "Cumsum",
            "ScatterNd",
            "Select",
            "Squeeze",
            "ExpandDims",
        ),
        *("Case", "Switch", "Merge", "Enter", "Exit", "NextIteration", "TensorArrayV3", "TensorListReserve"),
        *(
            "Dequantize",
            "QuantizeV2",
            "Einsum",
            "MirrorPad",
            "BatchToSpaceND",
            "DepthToSpace",
            "LRN",
            "Softmax",
        ),
    ]
)


def mutate(nodes: dict, data) -> None:
    """Change one thing of one node."""
    name = data.draw(st.sampled_from(sorted(nodes)))
    op, inputs, attributes = nodes[name]
    source = st.sampled_from([*sorted(nodes), "split:1", "top:1", "loop:7", "^x", "nothing"])
    kind = data.draw(
        st.sampled_from(["delete", "op", "input", "add", "drop", "attribute", "remove", "value"])
    )
    if kind == "delete":
        del nodes[name]
    elif kind == "op":
        nodes[name] = (data.draw(OPS), inputs, attributes)
    elif kind == "input" and inputs:
        inputs[data.draw(st.integers(0, len(inputs) - 1))] = data.draw(source)
    elif kind == "add":
        inputs.append(data.draw(source))
    elif kind == "drop" and inputs:
        inputs.pop()
    elif kind == "attribute" and attributes:
        attributes[data.draw(st.sampled_from(sorted(attributes)))] = data.draw(VALUES)
    elif kind == "remove" and attributes:
        del attributes[data.draw(st.sampled_from(sorted(attributes)))]
    elif kind == "value" and op == "Const":
        attributes["value"] = data.draw(ARRAYS)


def compute(path) -> None:
    """Load a graph and call it."""
    net = jaxdnn.load(path, format="tensorflow")
    feeds = {}
    for name, spec in net.inputs.items():
        feeds[name] = np.ones([size or 2 for size in spec.shape or (2,)], spec.dtype)
    net(feeds)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_mutated_graphs(tmp_path_factory, data):
    nodes = copy.deepcopy(NODES)
    for _ in range(data.draw(st.integers(1, 3))):
        if nodes:
            mutate(nodes, data)
    parts = (node(name, op, *inputs, **attributes) for name, (op, inputs, attributes) in nodes.items())
    path = tmp_path_factory.getbasetemp() / "mutated.pb"
    path.write_bytes(graph(*parts, functions=FUNCTIONS))
    with warnings.catch_warnings(), suppress(JaxdnnError):
        warnings.simplefilter("ignore")
        compute(path)


def test_the_graph_itself_computes(tmp_path):
    parts = (node(name, op, *inputs, **attributes) for name, (op, inputs, attributes) in NODES.items())
    path = tmp_path / "graph.pb"
    path.write_bytes(graph(*parts, functions=FUNCTIONS))
    compute(path)
