"""Control flow that does not make sense: one error that names the node."""

import numpy as np
import pytest

from jaxdnn import JaxdnnError
from support.tensorflow import Function, Type, const, function, load, node, placeholder

X = np.float32([1, -2, 3])
FLOAT = {"element_dtype": Type("float32")}


def doubled(name, **returns):
    return function(name, ["a"], returns or {"r": "s:z"}, node("s", "AddV2", "a", "a"))


def compared(name, of="m:output", **returns):
    """A condition: whether the largest element is below 10, or each of them."""
    zero, ten = const("zero", np.int32(0)), const("ten", np.float32(10))
    parts = node("m", "Max", "a", "zero"), node("l", "Less", of, "ten:output")
    return function(name, ["a"], returns or {"r": "l:z"}, zero, ten, *parts)


JOINED = function(
    "joined", ["a"], {"r": "s:output"}, const("z", np.int32(0)), node("s", "ConcatV2", "a", "a", "z")
)
CAST = function("cast", ["a"], {"r": "s:y"}, node("s", "Cast", "a", SrcT=Type("float32"), DstT=Type("int32")))

LOOPS = {
    "a condition that is a vector": (
        compared("c", of="a"),
        doubled("b"),
        "the condition is 3, one truth value expected",
    ),
    "a condition of two values": (
        compared("c", r="l:z", q="l:z"),
        doubled("b"),
        "'c' returns 2 values, 1 expected",
    ),
    "a body of another type": (
        compared("c"),
        CAST,
        "variable 0 is float32 3 before a round and int32 3 after it",
    ),
    "a body of another shape": (
        compared("c"),
        JOINED,
        "variable 0 is float32 3 before a round and float32 6 after",
    ),
    "a body of two values": (compared("c"), doubled("b", r="s:z", q="a"), "'b' returns 2 values, 1 expected"),
    "a body of no value": (compared("c"), function("b", ["a"], {}), "returns 0 values, 1 expected"),
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops(tmp_path, name):
    condition, body, message = LOOPS[name]
    called = {CAST: "cast", JOINED: "joined"}.get(body, "b")
    loop = node("y", "While", "x", cond=Function("c"), body=Function(called))
    with pytest.raises(JaxdnnError, match=rf"'y' \(While\).*{message}"):
        load(tmp_path, placeholder("x", (3,)), loop, functions=(condition, body), outputs=["y"])(X)


def choice(*names, inputs=("x",)):
    branches = [Function(name) for name in names]
    return (
        placeholder("x", (3,)),
        placeholder("i", (), "int32"),
        node("y", "Case", "i", *inputs, branches=branches),
    )


BRANCHES = {
    "another number of values": (choice("b", "two"), "as many inputs and outputs as each other"),
    "too many arguments": (
        choice("b", "b", inputs=("x", "x")),
        "function 'b' takes 1 arguments, 2 are given",
    ),
    "no branch": (choice(), "there must be a branch"),
    "a function that is missing": (choice("b", "none"), "function 'none' is not in the graph's library"),
}


@pytest.mark.parametrize("name", BRANCHES)
def test_branches(tmp_path, name):
    nodes, message = BRANCHES[name]
    functions = doubled("b"), function("two", ["a"], {"r": "a", "q": "a"})
    with pytest.raises(JaxdnnError, match=rf"'y' \(Case\).*{message}"):
        load(tmp_path, *nodes, functions=functions, outputs=["y"])


@pytest.mark.parametrize(
    ("index", "want"), [(0, 2 * X), (1, np.tile(X, 2)), (2, X.astype(np.int32)), (9, X.astype(np.int32))]
)
def test_branches_of_different_shapes_and_types(tmp_path, index, want):
    """The number comes to the host, and what follows is compiled for its branch."""
    functions = doubled("b"), JOINED, CAST
    net = load(tmp_path, *choice("b", "joined", "cast"), functions=functions, outputs=["y"])
    got = np.asarray(net(x=X, i=np.int32(index))["y"])
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


LISTS = {
    "taken behind the end": (
        node("y", "TensorListGetItem", "list", "five", "sizes", **FLOAT),
        "element 5 of a list of 2",
    ),
    "taken before the first": (
        node("y", "TensorListGetItem", "list", "minus", "sizes", **FLOAT),
        "element -1 of a list of 2",
    ),
    "set before the first": (
        node("y", "TensorListSetItem", "list", "minus", "x"),
        "element -1 of a list of 2 is wanted",
    ),
    "several at once": (
        node("y", "TensorListGetItem", "list", "sizes2", "sizes", **FLOAT),
        "number is 2, a scalar expected",
    ),
    "popped from nothing": (
        node("y", "TensorListPopBack", "empty", "sizes", **FLOAT),
        "element 0 of a list of 0",
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_lists(tmp_path, name):
    wrong, message = LISTS[name]
    nodes = (
        placeholder("x", (3,)),
        const("sizes", np.int32([3])),
        const("sizes2", np.int32([0, 1])),
        *(
            const(key, np.int32(value))
            for key, value in (("two", 2), ("zero", 0), ("five", 5), ("minus", -1))
        ),
        node("list", "TensorListReserve", "sizes", "two", **FLOAT),
        node("empty", "EmptyTensorList", "sizes", "zero", **FLOAT),
    )
    with pytest.raises(JaxdnnError, match=rf"'y' .*{message}"):
        load(tmp_path, *nodes, wrong, outputs=["y"])(X)


SWITCH = node("s", "Switch", "x", "p")
CIRCLES = {
    "two inputs that both live": (
        (node("a", "AddV2", "x", "x"), node("y", "Merge", "a", "x")),
        "nothing tells which",
    ),
    "two inputs of one side": (
        (SWITCH, node("a", "AddV2", "s:1", "s:1"), node("y", "Merge", "a", "s:1")),
        "nothing tells",
    ),
    "a Merge of itself": ((node("y", "Merge", "x", "y"),), "in a circle: y -> y"),
    "an Exit of no loop": ((node("y", "Exit", "x"),), "Exit: layer 'y'"),
    "an Enter of no loop": ((node("y", "Enter", "x", frame_name="f"),), "Enter: layer 'y'"),
    "a NextIteration of no loop": ((node("y", "NextIteration", "x"),), "NextIteration: layer 'y'"),
}


@pytest.mark.parametrize("name", CIRCLES)
def test_circles(tmp_path, name):
    nodes, message = CIRCLES[name]
    with pytest.raises(JaxdnnError, match=message):
        load(tmp_path, placeholder("x", (3,)), placeholder("p", (), "bool"), *nodes, outputs=["y"])


def test_a_frame_inside_of_another_one_that_ends_nowhere(tmp_path):
    def enter(name, source, frame):
        return node(name, "Enter", source, frame_name=frame)

    nodes = (
        placeholder("x", (3,)),
        const("zero", np.int32(0)),
        const("three", np.float32(3)),
        enter("a/in", "x", "a"),
        node("a/merge", "Merge", "a/in", "a/next"),
        node("a/go", "LoopCond", "below"),
        node("a/switch", "Switch", "a/merge", "a/go"),
        node("a/next", "NextIteration", "a/switch:1"),
        node("y", "Exit", "a/switch"),
        enter("b/in", "a/merge", "b"),
        node("b/merge", "Merge", "b/in", "b/next"),
        node("largest", "Max", "b/merge", "zero"),
        node("below", "Less", "largest", "three"),
        node("b/go", "LoopCond", "below"),
        node("b/switch", "Switch", "b/merge", "b/go"),
        node("b/next", "NextIteration", "b/switch:1"),
    )
    with pytest.raises(JaxdnnError, match=r"'largest' .* 'b/merge', which no node produces"):
        load(tmp_path, *nodes, outputs=["y"])
