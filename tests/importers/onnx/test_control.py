"""Branches and loops against ONNX Runtime and numpy."""

import numpy as np
import onnx
import pytest

import jaxdnn
from jaxdnn import GraphError, ShapeError
from support.onnx_graphs import graph, load, model, node, run, runtime, save, tensor

X = np.arange(6, dtype=np.float32).reshape(2, 3) - 2
SCALAR_BOOL, SCALAR_INT = tensor("c", (), "bool"), tensor("n", (), "int64")


def branch(*nodes, name="g", **stored):
    return graph(nodes, [], [tensor("r")], stored, name)


def if_(condition, then, other, outputs="y"):
    return node("If", condition, outputs, then_branch=then, else_branch=other)


NEGATED = branch(node("Neg", "x", "r"), name="negated")
SCALED = branch(node("Mul", ["x", "w"], "r"), name="scaled", w=np.float32([1, 2, 3]))


@pytest.mark.parametrize("condition", [True, False])
@pytest.mark.parametrize("shape", [(), (1,)])
def test_if(tmp_path, condition, shape):
    fed = {"c": np.full(shape, condition), "x": X}
    made = model([if_("c", NEGATED, SCALED)], [tensor("c", shape, "bool"), tensor("x", (2, 3))])
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    (got,) = run(tmp_path / "m.onnx", fed)
    np.testing.assert_array_equal(got, runtime(made, fed)[0])


def test_a_branch_that_is_never_taken_is_not_imported(tmp_path):
    strange = branch(node("NeverHeardOf", "x", "r"))
    nodes = [if_("c", NEGATED, strange)]
    net = load(tmp_path, nodes, [tensor("x", (2, 3))], initializers={"c": np.array([True])})
    np.testing.assert_array_equal(net(X)["y"], -X)
    assert [layer.name for layer in net.graph.nodes] == ["y/r"]


def test_branches_read_weights_and_branches_around_them(tmp_path):
    weight = np.float32([[1], [2], [3]])
    inner = branch(node("MatMul", ["x", "w"], "r"))
    outer = branch(if_("c", inner, branch(node("MatMul", ["h", "w"], "r")), "r"))
    nodes = [node("Neg", "x", "h"), if_("c", outer, branch(node("MatMul", ["h", "w"], "r")))]
    net = load(tmp_path, nodes, [SCALAR_BOOL, tensor("x", (2, 3))], initializers={"w": weight})
    np.testing.assert_allclose(net({"c": True, "x": X})["y"], X @ weight)
    np.testing.assert_allclose(net({"c": False, "x": X})["y"], -X @ weight)
    assert [array.shape for slots in net.params.values() for array in slots.values()] == [(3, 1)]


def accumulate(*, bound="n", condition="c", states=("s",), rows=True, keep=None) -> onnx.NodeProto:
    """A loop that adds its number to a variable, and gathers twice its value; ``keep`` makes its condition."""
    nodes = [
        node("Cast", "i", "f", to=onnx.TensorProto.FLOAT),
        node("Add", ["v", "f"], "w"),
        node("Add", ["w", "w"], "row"),
        keep or node("Identity", "go", "on"),
    ]
    body = graph(
        nodes,
        [tensor("i", (), "int64"), tensor("go", (), "bool"), tensor("v", (2,))],
        [tensor("on", (), "bool"), tensor("w", (2,)), *([tensor("row", (2,))] if rows else [])],
        {"limit": np.float32(9), "zero": np.int64(0)},
    )
    return node("Loop", [bound, condition, *states], ["last", *(["y"] if rows else [])], body=body)


def inputs(*names):
    known = {"n": SCALAR_INT, "c": SCALAR_BOOL, "s": tensor("s", (2,))}
    return [known[name] for name in names]


@pytest.mark.parametrize("rounds", [0, 1, 16, 17, 1100])
def test_a_number_of_rounds(tmp_path, rounds):
    made = model([accumulate(condition="")], inputs("n", "s"), [tensor("last", (2,)), tensor("y", (None, 2))])
    fed = {"n": np.int64(rounds), "s": np.float32([1, -1])}
    path = tmp_path / "m.onnx"
    path.write_bytes(made.SerializeToString())
    for got, want in zip(run(path, fed), runtime(made, fed), strict=True):
        np.testing.assert_allclose(got, want)
        assert got.shape == want.shape


UNTIL = node("Less", ["first", "limit"], "on")
FIRST = node("ReduceMax", "w", "first", keepdims=0)


def until(**options) -> onnx.NodeProto:
    """The same loop, which ends once the variable's largest number reaches 9."""
    made = accumulate(keep=UNTIL, **options)
    made.attribute[0].g.node.insert(3, FIRST)
    return made


@pytest.mark.parametrize("rows", [True, False])
@pytest.mark.parametrize("bound", ["", "n", "most"])
def test_the_data_ends_a_loop(tmp_path, bound, rows):
    known = {"most": np.int64(2**63 - 1)}
    made = model(
        [until(bound=bound, condition="", rows=rows)],
        inputs(*(["n"] if bound == "n" else []), "s"),
        [tensor("last", (2,)), *([tensor("y", (None, 2))] if rows else [])],
        known,
    )
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    for start in (-3, 4, 20):
        fed = {"s": np.float32([start, 0])} | ({"n": np.int64(3)} if bound == "n" else {})
        for got, want in zip(run(tmp_path / "m.onnx", fed), runtime(made, fed), strict=True):
            np.testing.assert_allclose(got, want)
            assert got.shape == want.shape


@pytest.mark.parametrize("go", [True, False])
def test_a_condition_before_the_first_round(tmp_path, go):
    made = model([accumulate(rows=False)], inputs("n", "c", "s"), [tensor("last", (2,))])
    fed = {"n": np.int64(3), "c": np.array(go), "s": np.float32([1, 2])}
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    np.testing.assert_allclose(run(tmp_path / "m.onnx", fed)[0], runtime(made, fed)[0])


def test_a_loop_passes_weights_on_as_such(tmp_path):
    body = graph(
        [node("MatMul", ["v", "m"], "w"), node("Identity", "m", "same"), node("Identity", "go", "on")],
        [tensor("i", (), "int64"), tensor("go", (), "bool"), tensor("v", (2,)), tensor("m", (2, 2))],
        [tensor("on", (), "bool"), tensor("w", (2,)), tensor("same", (2, 2))],
    )
    weight = np.float32([[0, 1], [2, 0]])
    nodes = [node("Loop", ["n", "", "s", "weight"], ["y", "z"], body=body)]
    net = load(tmp_path, nodes, inputs("s"), ("y",), {"n": np.int64(3), "weight": weight})
    assert [array.shape for slots in net.params.values() for array in slots.values()] == [(2, 2)]
    np.testing.assert_allclose(net(np.float32([1, 2]))["y"], np.float32([1, 2]) @ weight @ weight @ weight)


def test_loops_inside_of_loops(tmp_path):
    inner = accumulate(bound="n", condition="", states=("u",), rows=True)
    del inner.output[:]
    inner.output.extend(["inner_last", "inner_rows"])
    body = graph(
        [inner, node("ReduceSum", "inner_rows", "sum", keepdims=0), node("Identity", "og", "oo")],
        [tensor("oi", (), "int64"), tensor("og", (), "bool"), tensor("u", (2,))],
        [tensor("oo", (), "bool"), tensor("inner_last", (2,)), tensor("sum", ())],
    )
    made = model(
        [node("Loop", ["n", "", "s"], ["last", "y"], body=body)],
        inputs("n", "s"),
        [tensor("last", (2,)), tensor("y", (None,))],
    )
    fed = {"n": np.int64(3), "s": np.float32([1, 2])}
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    for got, want in zip(run(tmp_path / "m.onnx", fed), runtime(made, fed), strict=True):
        np.testing.assert_allclose(got, want)


def scan_model(*, opset=21, lengths=None, **attributes) -> onnx.ModelProto:
    """Running sums of an array's rows, and the products with the entries of another."""
    body = graph(
        [node("Add", ["v", "a"], "w"), node("Mul", ["a", "b"], "p"), node("Identity", "w", "copy")],
        [tensor(name, (3,)) for name in "vab"],
        [tensor(name, (3,)) for name in ("w", "copy", "p")],
    )
    names = ["s", "x", "z"] if opset > 8 else ["" if lengths is None else "lengths", "s", "x", "z"]
    scan = node("Scan", names, ["last", "y", "p"], body=body, num_scan_inputs=2, **attributes)
    given = {} if lengths is None else {"lengths": lengths}
    return model([scan], [tensor("s"), tensor("x"), tensor("z")], ("last", "y", "p"), given, opset)


@pytest.mark.parametrize(
    ("attributes", "shapes"),
    [
        ({}, ((3,), (4, 3), (4, 3))),
        ({"scan_input_axes": [1, -2]}, ((3,), (3, 4), (4, 3))),
        ({"scan_input_directions": [1, 0]}, ((3,), (4, 3), (4, 3))),
        ({"scan_output_axes": [1, -1]}, ((3,), (4, 3), (4, 3))),
        ({"scan_output_directions": [0, 1]}, ((3,), (20, 3), (20, 3))),
        ({"scan_output_directions": [1, 1], "scan_output_axes": [1, 0]}, ((3,), (4, 3), (4, 3))),
    ],
)
def test_scan(tmp_path, attributes, shapes):
    made = scan_model(**attributes)
    rng = np.random.default_rng(3)
    fed = {n: rng.random(shape, np.float32) for n, shape in zip("sxz", shapes, strict=True)}
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    for got, want in zip(run(tmp_path / "m.onnx", fed), runtime(made, fed), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.parametrize("lengths", [None, [5, 2]])
@pytest.mark.parametrize("backwards", [0, 1])
def test_scan_of_a_batch(tmp_path, lengths, backwards):
    made = scan_model(
        opset=8, lengths=None if lengths is None else np.int64(lengths), directions=[backwards, 0]
    )
    rng = np.random.default_rng(4)
    fed = {
        n: rng.random(shape, np.float32) for n, shape in (("s", (2, 3)), ("x", (2, 5, 3)), ("z", (2, 5, 3)))
    }
    last, rows = fed["s"].copy(), np.zeros((2, 2, 5, 3), np.float32)
    for entry, length in enumerate(lengths or [5, 5]):
        for step in range(length):
            x = fed["x"][entry, length - 1 - step if backwards else step]
            last[entry] += x
            rows[:, entry, step] = last[entry], x * fed["z"][entry, step]
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    for got, want in zip(run(tmp_path / "m.onnx", fed), (last, *rows), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6)


def test_gradients_go_through_a_known_number_of_rounds(tmp_path):
    import jax

    path = save(tmp_path, [accumulate(condition="")], inputs("s"), ("y",), {"n": np.int64(20)})
    net = jaxdnn.load(path)
    slopes = jax.grad(lambda s: net.apply(net.params, {"s": s})["y"].sum())(np.float32([1, 2]))
    np.testing.assert_allclose(slopes, [40, 40])


@pytest.mark.parametrize(
    ("made", "error", "message"),
    [
        (accumulate(bound="", condition=""), GraphError, "nothing ends the loop"),
        (accumulate(states=()), GraphError, "1 and 0|its body has 3 inputs and 3 outputs, at least 2 and 1"),
        (accumulate(states=("s", "s", "s")), GraphError, "its body has 3 inputs .* 5 and 4 are expected"),
        (
            node("Scan", ["s"], ["y"], num_scan_inputs=2, body=branch(node("Neg", "s", "r"))),
            GraphError,
            "its body has 0 inputs and 1 outputs, which does not fit 1 inputs, 2 of them scanned",
        ),
        (if_("s", NEGATED, NEGATED), GraphError, r"\(If\).*reads 'x', which no node yields|reads 'x'"),
    ],
)
def test_what_makes_no_sense(tmp_path, made, error, message):
    with pytest.raises(error, match=message):
        load(tmp_path, [made], inputs("n", "c", "s"), (made.output[-1],))


def test_rows_of_a_loop_that_the_data_ends_have_no_place_in_a_jitted_function(tmp_path):
    net = load(tmp_path, [until(bound="", condition="")], inputs("s"), ("y",))
    with pytest.raises(ShapeError, match="depends on the data"):
        net.apply(net.params, np.float32([1, 2]))


def test_subgraphs_state_their_own_names(tmp_path):
    body = graph([node("Neg", "x", "h"), node("Abs", "h", "r")], [], [tensor("r")])
    nodes = [if_("c", body, body), if_("c", body, body, "z")]
    net = load(tmp_path, nodes, [SCALAR_BOOL, tensor("x", (2, 3))], ("y", "z"))
    got = net({"c": True, "x": X})
    np.testing.assert_array_equal(got["z"], np.abs(X))
