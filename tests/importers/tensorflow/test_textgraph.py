"""Text graphs in OpenCV's words: what they leave out, and the nodes that TensorFlow does not have."""

import numpy as np
import pytest

import jaxdnn
from support.tensorflow import const, graph

RNG = np.random.default_rng(0)


def numbers(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def text(name, op, *inputs, **attributes):
    """Write a node; attributes are in the text format."""
    lines = [f'name: "{name}" op: "{op}"', *(f'input: "{source}"' for source in inputs)]
    lines += [f'attr {{ key: "{key}" value {{ {value} }} }}' for key, value in attributes.items()]
    return f"node {{ {' '.join(lines)} }}\n"


def load(folder, nodes, *stored, **options):
    (folder / "graph.pbtxt").write_text("".join(nodes))
    (folder / "graph.pb").write_bytes(graph(*stored))
    return jaxdnn.load(folder / "graph.pb", folder / "graph.pbtxt", **options)


def floats(*values):
    listed = " ".join(f"float_val: {value}" for value in values)
    return f"tensor {{ dtype: DT_FLOAT tensor_shape {{ dim {{ size: {len(values)} }} }} {listed} }}"


X = text("x", "Placeholder", dtype="type: DT_FLOAT")
ONES = "list { i: 1 i: 1 i: 1 i: 1 }"


def test_a_batch_to_space_without_sizes_is_a_dilation(tmp_path):
    weights, x = numbers(3, 3, 2, 4), numbers(1, 7, 9, 2)
    nodes = (
        X,
        text("deal", "SpaceToBatchND", "x", "block", "pads"),
        text("conv", "Conv2D", "deal", "w", strides=ONES, padding='s: "VALID"'),
        text("gather", "BatchToSpaceND", "conv"),
    )
    stored = (
        const("block", np.int32([2, 2])),
        const("pads", np.int32([[2, 2], [1, 1]])),
        const("w", weights),
    )
    got = load(tmp_path, nodes, *stored)(x)["gather"]
    padded = np.pad(x, ((0, 0), (2, 2), (1, 1), (0, 0)))
    want = sum(
        padded[:, 2 * i : 2 * i + 7, 2 * j : 2 * j + 7] @ weights[i, j] for i in range(3) for j in range(3)
    )
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-4)


def test_what_a_batch_to_space_without_sizes_follows(tmp_path):
    with pytest.raises(jaxdnn.JaxdnnError, match=r"'gather' \(BatchToSpaceND\): .*has to follow a Conv2D"):
        load(tmp_path, (X, text("gather", "BatchToSpaceND", "x")), const("w", numbers(1)))


@pytest.mark.parametrize("bias", [False, True])
def test_box_predictions_with_y_before_x(tmp_path, bias):
    weights, biases, x = numbers(1, 1, 2, 8), numbers(8), numbers(1, 3, 4, 2)
    nodes = [
        X,
        text("box", "Conv2D", "x", "w", strides=ONES, padding='s: "SAME"', loc_pred_transposed="b: true"),
        text("bias", "BiasAdd", "box", "b"),
        text("flat", "Flatten", "bias" if bias else "box"),
    ]
    if not bias:
        del nodes[2]
    got = load(tmp_path, nodes, const("w", weights), const("b", biases))(x)["flat"]
    want = (x @ weights[0, 0] + biases * bias)[..., [1, 0, 3, 2, 5, 4, 7, 6]]
    np.testing.assert_allclose(got, want.reshape(1, -1), rtol=0, atol=1e-5)


def test_prior_boxes(tmp_path):
    nodes = (
        X,
        text("pool", "MaxPool", "x", ksize=ONES, strides="list { i: 1 i: 4 i: 4 i: 1 }", padding='s: "SAME"'),
        text("one", "PriorBox", "pool", "x", width=floats(4, 2), height=floats(2, 6), clip="b: false"),
        text("two", "PriorBox", "pool", "x", min_size="i: 4", max_size="i: 9", aspect_ratio=floats(4)),
    )
    x = numbers(1, 8, 12, 3)
    got = load(tmp_path, nodes, const("w", numbers(1)), outputs=["one", "two"])(x)
    centres = [(4 * j + 2, 4 * i + 2) for i in range(2) for j in range(3)]
    for name, sizes in (("one", [(4, 2), (2, 6)]), ("two", [(4, 4), (6, 6), (8, 2), (2, 8)])):
        want = np.array(
            [((a - w / 2) / 12, (b - h / 2) / 8, (a + w / 2) / 12, (b + h / 2) / 8)
             for a, b in centres for w, h in sizes]
        )  # fmt: skip
        want = want if name == "one" else want.clip(0, 1)
        np.testing.assert_allclose(got[name][0, 0].reshape(-1, 4), want, atol=1e-6)
        np.testing.assert_allclose(got[name][0, 1], 0.1, atol=1e-6)


@pytest.mark.parametrize("grouped", [None, "b: true", "b: false"])
def test_detections_are_grouped_by_class_where_the_file_says_so(tmp_path, grouped):
    names = ("location", "confidence", "priors")
    nodes = [text(name, "Placeholder", dtype="type: DT_FLOAT") for name in names]
    attributes = {"num_classes": "i: 3", "code_type": 's: "CENTER_SIZE"', "top_k": "i: 5"}
    attributes |= {"group_by_classes": grouped} if grouped else {}
    net = load(tmp_path, [*nodes, text("d", "DetectionOutput", *names, **attributes)], const("w", numbers(1)))
    boxes = np.float32([[0, 0, 0.2, 0.2], [0.5, 0.5, 0.7, 0.7]])
    feeds = {
        "location": np.zeros((1, 8), np.float32),
        "confidence": np.float32([[0.1, 0.6, 0.9, 0.1, 0.8, 0.7]]),
        "priors": np.stack([boxes.ravel(), np.full(8, 0.1, np.float32)])[None],
    }
    got = net(feeds)["d"].reshape(-1, 7)
    want = (
        [(1, 0.8), (1, 0.6), (2, 0.9), (2, 0.7)]
        if grouped == "b: true"
        else [(2, 0.9), (1, 0.8), (2, 0.7), (1, 0.6)]
    )
    np.testing.assert_allclose(got[:, 1:3], want, atol=1e-6)


def test_statistics_that_are_given_are_used_and_a_zero_copies(tmp_path):
    slots = {name: np.abs(numbers(2)) for name in ("scale", "bias", "mean", "var")}
    nodes = (
        X,
        text("bn", "FusedBatchNorm", "x", *slots, epsilon="f: 0.5"),
        text("shape", "Const", dtype="type: DT_INT32", value="tensor { dtype: DT_INT32 tensor_shape "
             "{ dim { size: 3 } } int_val: 0 int_val: -1 int_val: 2 }"),
        text("rows", "Reshape", "bn", "shape"),
    )  # fmt: skip
    x = numbers(2, 3, 1, 2)
    got = load(tmp_path, nodes, *(const(name, array) for name, array in slots.items()))(x)["rows"]
    want = (x - slots["mean"]) / np.sqrt(slots["var"] + 0.5) * slots["scale"] + slots["bias"]
    np.testing.assert_allclose(got, want.reshape(2, 3, 2), rtol=0, atol=1e-5)


def test_a_resize_by_factors(tmp_path):
    x = numbers(1, 2, 3, 2)
    factors = (const("down", np.int32([3])), const("right", np.int32([2])))
    nodes = (X, text("up", "ResizeNearestNeighbor", "x", "down", "right"))
    got = load(tmp_path, nodes, *factors)(x)["up"]
    np.testing.assert_array_equal(got, x.repeat(3, axis=1).repeat(2, axis=2))
    with pytest.raises(jaxdnn.LayerError, match=r"the factor 'x' must be a constant of one element"):
        load(tmp_path, (X, text("up", "ResizeNearestNeighbor", "x", "x", "right")), *factors)


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"min_size": "i: 4"}, "has width and height, so that it cannot have 'min_size' too"),
        ({"max_size": "i: 4"}, "has width and height, so that it cannot have 'max_size' too"),
        ({"aspect_ratio": floats(1, 2)}, "has width and height, so that aspect_ratio must be 1"),
        ({"scales": floats(1, 2)}, "scales must be 1: state width and height"),
    ],
)
def test_prior_boxes_whose_sizes_are_stated_twice(tmp_path, stated, message):
    nodes = (X, text("p", "PriorBox", "x", "x", width=floats(4), height=floats(2), **stated))
    with pytest.raises(jaxdnn.JaxdnnError, match=f"'p' .PriorBox.: {message}"):
        load(tmp_path, nodes, const("w", numbers(1)))


def test_a_product_may_state_its_axis(tmp_path):
    factors, x = numbers(3), numbers(2, 3, 4)
    nodes = (text("x", "Placeholder", dtype="type: DT_FLOAT"), text("y", "Mul", "x", "f", axis="i: 1"))
    got = load(tmp_path, nodes, const("f", factors))(x)["y"]
    np.testing.assert_allclose(got, x * factors[:, None], rtol=0, atol=1e-6)


def test_bytes_are_numbers_because_nothing_converts_them(tmp_path):
    nodes = (text("x", "Placeholder", dtype="type: DT_UINT8"), text("y", "Mul", "x", "f"))
    net = load(tmp_path, nodes, const("f", np.float32(0.5)))
    np.testing.assert_array_equal(net(np.uint8([1, 255]))["y"], [0.5, 127.5])
    np.testing.assert_array_equal(net(np.float32([0.5]))["y"], [0.25])
