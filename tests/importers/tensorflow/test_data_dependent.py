"""Sizes that depend on the data: exact in a call, in as many compiled parts as are needed."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdnn import Padded, ShapeError
from support.layer import assert_close
from support.tensorflow import Function, Shape, Type, const, function, load, node, placeholder

X = np.float32([3, -1, 0, 2, -5, 2])
ROWS = (
    placeholder("x", (6,)),
    const("zero", np.int32(0)),
    const("one", np.int32(1)),
    const("none", np.float32(0)),
    node("above", "Greater", "x", "none"),
    node("places", "Where", "above"),
    node("vector", "Reshape", "places", "flat"),
    const("flat", np.int32([-1])),
    node("kept", "GatherV2", "x", "vector", "zero"),
)
"""``kept`` are the elements of x above 0."""
NUMBERS = st.lists(st.integers(-3, 3), min_size=6, max_size=6).map(np.float32)


def count(of="kept"):
    """``n`` is how many rows there are."""
    edges = (const(f"n/{name}", np.int32([value])) for name, value in (("a", 0), ("b", 1), ("c", 1)))
    parts = node("sizes", "Shape", of), *edges
    return *parts, node("n", "StridedSlice", "sizes", "n/a", "n/b", "n/c", shrink_axis_mask=1)


def check(folder, nodes, reference, data=X, name="y", **options):
    got = np.asarray(load(folder, *nodes, outputs=[name], **options)(np.float32(data))[name])
    want = np.asarray(reference(np.float32(data)))
    assert got.shape == want.shape
    assert_close(got, want)


CASES = {
    "sum": (node("y", "Sum", "kept", "zero"), lambda k: k.sum()),
    "maximum of itself and more": (node("y", "ConcatV2", "kept", "x", "zero"), lambda k: np.r_[k, X]),
    "shape": (node("y", "Shape", "kept"), lambda k: np.int32(k.shape)),
    "reversed": (node("y", "ReverseV2", "kept", "flat"), lambda k: k[::-1]),
    "running sum": (node("y", "Cumsum", "kept", "zero", reverse=True), lambda k: k[::-1].cumsum()[::-1]),
    "column": (node("y", "ExpandDims", "kept", "one"), lambda k: k[:, None]),
    "row": (node("y", "ExpandDims", "kept", "zero"), lambda k: k[None]),
    "doubled": (node("y", "AddV2", "kept", "kept"), lambda k: k + k),
    "different": (node("y", "Unique", "kept"), lambda k: np.float32(list(dict.fromkeys(k.tolist())))),
    "zeros": (node("y", "ZerosLike", "kept"), np.zeros_like),
}


@pytest.mark.parametrize("name", CASES)
def test_what_reads_chosen_elements(tmp_path, name):
    """Elementwise layers compute on all of them, the others only on those that are valid."""
    layer, reference = CASES[name]
    check(tmp_path, (*ROWS, layer), lambda x: reference(x[x > 0]))


SIZED = {
    "Range": ((node("y", "Range", "zero", "n", "one"),), np.arange),
    "Fill": (
        (node("sizes2", "Pack", "n", "two"), node("y", "Fill", "sizes2", "none")),
        lambda n: np.zeros((n, 2)),
    ),
    "Tile": (
        (node("times", "Pack", "n"), node("y", "Tile", "x", "times")),
        lambda n: np.tile(X, n),
    ),
    "TopKV2": ((node("y", "TopKV2", "x", "n"),), lambda n: np.sort(X)[::-1][:n]),
    "Slice": (
        (node("size", "Pack", "n"), const("from", np.int32([1])), node("y", "Slice", "x", "from", "size")),
        lambda n: X[1 : 1 + n],
    ),
    "Reshape": (
        (node("size", "Pack", "n", "one"), node("y", "Reshape", "kept", "size")),
        lambda n: X[X > 0].reshape(n, 1),
    ),
    "sum with a Range": (
        (
            node("range", "Range", "zero", "n", "one"),
            node("float", "Cast", "range", SrcT=Type("int32"), DstT=Type("float32")),
            node("y", "AddV2", "kept", "float"),
        ),
        lambda n: X[X > 0] + np.arange(n),
    ),
}


@pytest.mark.parametrize("name", SIZED)
def test_a_size_that_is_a_number_of_rows(tmp_path, name):
    nodes, reference = SIZED[name]
    check(tmp_path, (*ROWS, *count(), const("two", np.int32(2)), *nodes), lambda x: reference((x > 0).sum()))


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    """A net whose loop squares the chosen elements one by one, as map_fn does."""
    folder = tmp_path_factory.mktemp("squares")
    below = function("below", ["i", "l", "k", "n"], {"go": "less:z"}, node("less", "Less", "i", "n"))
    body = function(
        "body",
        ["i", "l", "k", "n"],
        {"j": "up:z", "m": "set:output_handle", "k2": "k", "n2": "n"},
        const("one", np.int32(1)),
        const("axis", np.int32(0)),
        node("up", "AddV2", "i", "one:output"),
        node("item", "GatherV2", "k", "i", "axis:output"),
        node("square", "Mul", "item:output", "item:output"),
        node("set", "TensorListSetItem", "l", "i", "square:z"),
    )
    nodes = (
        *ROWS,
        *count(),
        const("scalar", np.zeros(0, np.int32)),
        node("list", "TensorListReserve", "scalar", "n", element_dtype=Type("float32")),
        node("loop", "While", "zero", "list", "kept", "n", cond=Function("below"), body=Function("body")),
        node("y", "TensorListStack", "loop:1", "scalar", element_dtype=Type("float32")),
    )
    return load(folder, *nodes, functions=(below, body), outputs=["y"])


@settings(max_examples=15)
@given(NUMBERS)
def test_a_loop_over_chosen_elements(squares, data):
    got = np.asarray(squares(data)["y"])
    kept = data[data > 0]
    assert got.shape == kept.shape
    assert_close(got, kept**2)


def test_a_size_that_is_computed_from_numbers(tmp_path):
    """The number of rows is no count of anything: the sum of x, rounded."""
    nodes = (
        *ROWS,
        node("sum", "Sum", "x", "zero"),
        node("n", "Cast", "sum", SrcT=Type("float32"), DstT=Type("int32")),
        node("y", "Range", "zero", "n", "one"),
    )
    net = load(tmp_path, *nodes, outputs=["y"])
    for size in (0, 1, 7):
        np.testing.assert_array_equal(net(np.float32([size, 0, 0, 0, 0, 0]))["y"], np.arange(size))


def test_sizes_that_depend_on_sizes(tmp_path):
    """Chosen elements of a Range up to the number of chosen elements: three parts."""
    nodes = (
        *ROWS,
        *count(),
        node("range", "Range", "zero", "n", "one"),
        node("odd", "FloorMod", "range", "two"),
        const("two", np.int32(2)),
        node("bits", "Cast", "odd", SrcT=Type("int32"), DstT=Type("bool")),
        node("y/places", "Where", "bits"),
        node("y", "Sum", "y/places", "zero"),
        node("z", "Range", "zero", "y/0", "one"),
        const("first", np.int32(0)),
        node("y/0", "GatherV2", "y", "first", "zero"),
    )
    net = load(tmp_path, *nodes, outputs=["y", "z"])
    for chosen in range(7):
        x = np.where(np.arange(6) < chosen, 1, -1).astype(np.float32)
        odd = sum(range(1, chosen, 2))
        got = net(x)
        np.testing.assert_array_equal(got["y"], [odd])
        np.testing.assert_array_equal(got["z"], np.arange(odd))


def test_the_part_before_is_not_computed_again(tmp_path):
    """A custom function counts how often it is traced."""
    calls = []

    def heavy(weights, x, **attributes):
        del weights, attributes
        calls.append(x.shape)
        return 2 * x

    nodes = (
        placeholder("x", (6,)),
        const("zero", np.int32(0)),
        const("none", np.float32(0)),
        node("heavy", "Heavy", "x", T=Type("float32")),
        node("above", "Greater", "heavy", "none"),
        node("places", "Where", "above"),
        node("kept", "GatherNd", "heavy", "places"),
        node("sum", "Sum", "kept", "zero"),
        node("y", "AddV2", "heavy", "sum"),
    )
    net = load(tmp_path, *nodes, outputs=["y"], custom_layers={"Heavy": heavy})
    calls.clear()
    for _ in range(3):
        assert_close(np.asarray(net(X)["y"]), 2 * X + 2 * X[X > 0].sum())
    assert len(calls) <= 2  # the attempt in one part, and the part itself


def test_a_pure_function_has_padded_rows_or_says_what_depends_on_data(tmp_path):
    net = load(
        tmp_path,
        *ROWS,
        node("y", "AddV2", "kept", "kept"),
        node("z", "Sum", "kept", "zero"),
        outputs=["y", "z"],
    )
    padded = net.apply(net.params, X, outputs=["y"])["y"]
    assert isinstance(padded, Padded)
    assert_close(np.asarray(padded.trim()), 2 * X[X > 0])
    said = r"'z' \(Reduce\): the size of an input depends on the data.*: net\(x\) outside of jit computes it"
    with pytest.raises(ShapeError, match=said):
        net.apply(net.params, X, outputs=["z"])
    with pytest.raises(ShapeError, match=said):
        jax.jit(lambda x: net(x, outputs=["z"]))(X)


def test_a_size_that_changes_in_a_loop(tmp_path):
    below = function(
        "below",
        ["s", "x"],
        {"go": "less:z"},
        const("ten", np.float32(10)),
        node("less", "Less", "s", "ten:output"),
    )
    body = function(
        "body",
        ["s", "x"],
        {"t": "sum:output", "x2": "x"},
        const("none", np.float32(0)),
        const("axis", np.int32(0)),
        node("above", "Greater", "x", "s"),
        node("places", "Where", "above:z"),
        node("kept", "GatherNd", "x", "places:index"),
        node("sum", "Sum", "kept:output", "axis:output"),
    )
    nodes = (
        *ROWS,
        node("begin", "Max", "x", "zero"),
        node("loop", "While", "begin", "x", cond=Function("below"), body=Function("body")),
    )
    net = load(tmp_path, *nodes, functions=(below, body), outputs=["loop"])
    with pytest.raises(ShapeError, match=r"loop/sum.*depends on the data"):
        net(X)


def test_shapes_that_are_not_known_before_a_call(tmp_path):
    net = load(tmp_path, *ROWS, *count(), node("y", "Range", "zero", "n", "one"), outputs=["y", "kept"])
    assert str(net.outputs["kept"]) == "float32[?]"
    assert str(net.outputs["y"]) == "?[...]"


def test_an_input_that_is_a_size_in_a_branch_or_loop(tmp_path):
    then = function(
        "then",
        ["n"],
        {"y": "sum:output"},
        *(
            const("zero", np.int32(0)),
            const("one", np.int32(1)),
            node("range", "Range", "zero:output", "n", "one:output"),
            node("sum", "Sum", "range:output", "zero:output"),
        ),
    )
    other = function("other", ["n"], {"y": "n"})
    nodes = (
        placeholder("p", (), "bool"),
        placeholder("n", (), "int32"),
        node(
            "y",
            "If",
            "p",
            "n",
            then_branch=Function("then"),
            else_branch=Function("other"),
            Tcond=Type("bool"),
            output_shapes=[Shape(())],
        ),
    )
    net = load(tmp_path, *nodes, functions=(then, other), outputs=["y"])
    assert net.program.static_inputs == ("n",)
    for n in (0, 3, 5):
        for p in (True, False):
            assert int(net(p=p, n=n)["y"]) == (sum(range(n)) if p else n)


def test_the_summary_says_what_depends_on_data(tmp_path, squares):
    net = load(tmp_path, *ROWS, *count(), node("y", "Range", "zero", "n", "one"), outputs=["y"])
    assert net.summary().notes == (
        "sizes that depend on the data: 'places' (at most 6)",
        "compiled once sizes before them are known, with all behind them: 'sizes'",
    )
    assert str(net.summary()).endswith(net.summary().notes[-1])
    below = function(
        "below",
        ["x", "axis"],
        {"go": "l:z"},
        const("ten", np.float32(10)),
        node("m", "Max", "x", "axis"),
        node("l", "Less", "m:output", "ten:output"),
    )
    body = function("body", ["x", "axis"], {"y": "s:z", "axis2": "axis"}, node("s", "AddV2", "x", "x"))
    loop = node("loop", "While", "x", "zero", cond=Function("below"), body=Function("body"))
    parts = placeholder("x", (3,)), const("zero", np.int32(0)), loop
    net = load(tmp_path, *parts, functions=(below, body), outputs=["loop"])
    assert net.summary().notes == ("loops whose rounds depend on the data: 'loop'",)


def test_nothing_to_say_of_a_loop_whose_rounds_are_known(tmp_path):
    below = function(
        "below", ["i", "x"], {"go": "l:z"}, const("ten", np.int32(10)), node("l", "Less", "i", "ten:output")
    )
    one = const("one", np.int32(1)), node("j", "AddV2", "i", "one:output")
    body = function("body", ["i", "x"], {"j2": "j:z", "y": "s:z"}, *one, node("s", "AddV2", "x", "x"))
    loop = node("loop", "While", "zero", "x", cond=Function("below"), body=Function("body"))
    net = load(
        tmp_path,
        placeholder("x", (3,)),
        const("zero", np.int32(0)),
        loop,
        functions=(below, body),
        outputs=["loop:1"],
    )
    assert net.summary().notes == ()
