"""Loops and branches of both kinds: nodes that close circles, and functions."""

import numpy as np
import pytest

from jaxdnn import GraphError, InputError
from jaxdnn.layers.control import Branch, While
from support.layer import assert_close
from support.tensorflow import Function, Type, const, function, load, node, placeholder

X = np.float32([1, -2, 3])


def enter(name, source, frame="w", constant=False):
    return node(name, "Enter", source, frame_name=frame, is_constant=constant)


def variable(name, begin, after, frame="w", condition="go"):
    """The nodes of a loop's variable: in the loop it is ``name:1``, behind it ``name/exit``."""
    return (
        enter(f"{name}/enter", begin, frame),
        node(f"{name}/merge", "Merge", f"{name}/enter", f"{name}/next"),
        node(name, "Switch", f"{name}/merge", condition),
        node(f"{name}/next", "NextIteration", after),
        node(f"{name}/exit", "Exit", name),
    )


def layers(net, kind):
    return [each.layer for each in net.graph.nodes if isinstance(each.layer, kind)]


class TestCircles:
    def loop(self, limit):
        """Add ``w`` to ``x`` while the sum's first element is below the limit."""
        return (
            placeholder("x", (3,)),
            const("w", np.float32([2, 3, 4])),
            limit,
            const("first", np.int32(0)),
            enter("w/in", "w", constant=True),
            enter("limit/in", "limit", constant=True),
            node("at", "GatherV2", "s/merge", "first", "first"),
            node("below", "Less", "at", "limit/in"),
            node("go", "LoopCond", "below"),
            node("sum", "AddV2", "s:1", "w/in"),
            *variable("s", "x", "sum"),
        )

    def test_a_loop_with_what_stays_the_same(self, tmp_path):
        net = load(tmp_path, *self.loop(const("limit", np.float32(6))), outputs=["s/exit"])
        assert_close(np.asarray(net(X)["s/exit"]), X + 3 * np.float32([2, 3, 4]))
        assert len(layers(net, While)) == 1

    def test_the_limit_may_be_fed(self, tmp_path):
        net = load(tmp_path, *self.loop(placeholder("limit", ())), outputs=["s/exit"])
        for limit, rounds in ((0, 0), (2, 1), (99, 49)):
            got = net(x=X, limit=np.float32(limit))["s/exit"]
            assert_close(np.asarray(got), X + rounds * np.float32([2, 3, 4]))

    def test_variables_that_begin_alike_and_swap(self, tmp_path):
        parts = (
            placeholder("x", (3,)),
            const("zero", np.int32(0)),
            const("one", np.int32(1)),
            const("n", np.int32(5)),
            node("below", "Less", "i/merge", "n"),
            node("go", "LoopCond", "below"),
            node("up", "AddV2", "i:1", "one"),
            node("both", "AddV2", "a:1", "b:1"),
            *variable("i", "zero", "up"),
            *variable("a", "x", "b:1"),
            *variable("b", "x", "both"),
        )
        got = load(tmp_path, *parts, outputs=["a/exit", "b/exit"])(X)
        assert_close(np.asarray(got["a/exit"]), 8 * X)
        assert_close(np.asarray(got["b/exit"]), 13 * X)

    def test_a_loop_in_a_loop(self, tmp_path):
        inner = {"frame": "v", "condition": "inner/go"}
        parts = (
            placeholder("x", (3,)),
            const("zero", np.int32(0)),
            const("one", np.int32(1)),
            const("n", np.int32(3)),
            node("below", "Less", "i/merge", "n"),
            node("go", "LoopCond", "below"),
            node("up", "AddV2", "i:1", "one"),
            enter("i/in", "i:1", "v", constant=True),
            node("inner/below", "Less", "j/merge", "i/in"),
            node("inner/go", "LoopCond", "inner/below"),
            node("inner/up", "AddV2", "j:1", "one"),
            node("double", "AddV2", "t:1", "t:1"),
            *variable("j", "zero", "inner/up", **inner),
            *variable("t", "s:1", "double", **inner),
            *variable("i", "zero", "up"),
            *variable("s", "x", "t/exit"),
        )
        assert_close(np.asarray(load(tmp_path, *parts, outputs=["s/exit"])(X)["s/exit"]), 8 * X)

    @pytest.mark.parametrize("truth", [True, False])
    def test_a_condition_with_branches(self, tmp_path, truth):
        """The loop goes on while i < 4 if p, else while i < 0."""
        parts = (
            placeholder("x", (3,)),
            placeholder("p", (), "bool"),
            const("zero", np.int32(0)),
            const("one", np.int32(1)),
            const("four", np.int32(4)),
            enter("p/in", "p", constant=True),
            enter("zero/in", "zero", constant=True),
            enter("four/in", "four", constant=True),
            node("i/switch", "Switch", "i/merge", "p/in"),
            node("more", "Less", "i/switch:1", "four/in"),
            node("less", "Less", "i/switch", "zero/in"),
            node("either", "Merge", "less", "more"),
            node("go", "LoopCond", "either"),
            node("up", "AddV2", "i:1", "one"),
            node("double", "AddV2", "s:1", "s:1"),
            *variable("i", "zero", "up"),
            *variable("s", "x", "double"),
        )
        got = load(tmp_path, *parts, outputs=["s/exit"])(x=X, p=np.bool_(truth))["s/exit"]
        assert_close(np.asarray(got), 16 * X if truth else X)

    def test_what_lies_inside_is_no_output(self, tmp_path):
        with pytest.raises(InputError, match="'s/merge' lies inside of a loop"):
            load(tmp_path, *self.loop(const("limit", np.float32(6))), outputs=["s/merge"])

    def test_a_loop_without_a_condition(self, tmp_path):
        parts = [part for part in self.loop(const("limit", np.float32(6))) if b"LoopCond" not in part]
        with pytest.raises(GraphError, match="has no condition"):
            load(tmp_path, *parts, outputs=["s/exit"])

    def test_a_loop_without_a_variable(self, tmp_path):
        parts = (placeholder("x", (3,)), enter("in", "x"), node("y", "Merge", "in", "in"))
        with pytest.raises(GraphError, match="has no variable"):
            load(tmp_path, *parts, outputs=["y"])


def choice(*decider):
    """y is x + 1 where p is false, and -x where it is true; z is x and 2x."""
    return (
        placeholder("x", (3,)),
        *decider,
        node("id", "Identity", "p"),
        node("x/switch", "Switch", "x", "id"),
        node("pivot", "Switch", "p", "p"),
        node("no", "Identity", "pivot"),
        node("one", "Const", "^no", dtype=Type("float32"), value=np.float32(1)),
        node("plus", "AddV2", "x/switch", "one"),
        node("minus", "Neg", "x/switch:1"),
        node("twice", "AddV2", "x/switch:1", "x/switch:1"),
        node("y", "Merge", "plus", "minus"),
        node("z", "Merge", "x/switch", "twice"),
    )


class TestSwitches:
    @pytest.mark.parametrize("truth", [True, False])
    def test_the_decision_may_be_fed(self, tmp_path, truth):
        net = load(tmp_path, *choice(placeholder("p", (), "bool")), outputs=["y", "z"])
        got = net(x=X, p=np.bool_(truth))
        assert_close(np.asarray(got["y"]), -X if truth else X + 1)
        assert_close(np.asarray(got["z"]), 2 * X if truth else X)
        assert len(layers(net, Branch)) == 1, "what is decided together is computed together"

    @pytest.mark.parametrize("truth", [True, False])
    def test_a_decision_in_the_file_leaves_no_branch(self, tmp_path, truth):
        parts = choice(const("p", np.bool_(truth)))
        dead = node("minus", "Unheard", "x/switch:1") if not truth else node("plus", "Unheard", "x/switch")
        parts = [part for part in parts if dead[:7] != part[:7] or b"Merge" in part] + [dead]
        net = load(tmp_path, *parts, outputs=["y"])
        assert_close(np.asarray(net(X)["y"]), -X if truth else X + 1)
        assert not layers(net, Branch)

    @pytest.mark.parametrize("truth", [True, False])
    def test_a_branch_that_is_a_constant(self, tmp_path, truth):
        parts = (*choice(placeholder("p", (), "bool")), node("c", "Merge", "one", "minus"))
        parts += (const("three", np.zeros(3, np.float32)), node("one3", "AddV2", "one", "three"))
        parts += (node("d", "Merge", "one3", "minus"),)
        got = load(tmp_path, *parts, outputs=["d"])(x=X, p=np.bool_(truth))["d"]
        assert_close(np.asarray(got), -X if truth else np.ones(3))

    @pytest.mark.parametrize("outer", [True, False])
    @pytest.mark.parametrize("inner", [True, False])
    def test_a_branch_in_a_branch(self, tmp_path, outer, inner):
        parts = (
            placeholder("x", (3,)),
            placeholder("p", (), "bool"),
            placeholder("q", (), "bool"),
            node("x/p", "Switch", "x", "p"),
            node("q/p", "Switch", "q", "p"),
            node("x/q", "Switch", "x/p:1", "q/p:1"),
            node("minus", "Neg", "x/q:1"),
            node("inner", "Merge", "x/q", "minus"),
            node("more", "AddV2", "inner", "inner"),
            node("y", "Merge", "x/p", "more"),
        )
        got = load(tmp_path, *parts, outputs=["y"])(x=X, p=np.bool_(outer), q=np.bool_(inner))["y"]
        assert_close(np.asarray(got), (-2 * X if inner else 2 * X) if outer else X)

    @pytest.mark.parametrize("truth", [True, False])
    def test_one_decision_after_another(self, tmp_path, truth):
        parts = (
            *choice(placeholder("p", (), "bool")),
            node("y/switch", "Switch", "y", "p"),
            node("square", "Square", "y/switch"),
            node("again", "Merge", "square", "y/switch:1"),
        )
        got = load(tmp_path, *parts, outputs=["again"])(x=X, p=np.bool_(truth))["again"]
        assert_close(np.asarray(got), -X if truth else (X + 1) ** 2)

    @pytest.mark.parametrize("fed", [True, False])
    @pytest.mark.parametrize("index", [0, 1, 2, 5])
    def test_more_than_two_branches(self, tmp_path, index, fed):
        index = np.int32(index)
        parts = (
            placeholder("x", (3,)),
            placeholder("i", (), "int32") if fed else const("i", index),
            node("s", "_SwitchN", "x", "i", num_outs=3),
            node("minus", "Neg", "s"),
            node("square", "Square", "s:1"),
            node("y", "Merge", "minus", "square", "s:2"),
        )
        got = load(tmp_path, *parts, outputs=["y"])({"x": X, "i": index} if fed else X)["y"]
        assert_close(np.asarray(got), {0: -X, 1: X**2}.get(int(index), X))

    def test_a_switch_alone_passes_on(self, tmp_path):
        net = load(tmp_path, *choice(placeholder("p", (), "bool")), outputs=["minus"])
        assert_close(np.asarray(net(X)["minus"]), -X)

    def test_nothing_tells_which_input_is_alive(self, tmp_path):
        parts = (placeholder("x", (3,)), node("a", "Neg", "x"), node("y", "Merge", "a", "x"))
        with pytest.raises(GraphError, match=r"'y' \(Merge\): nothing tells which of its inputs is alive"):
            load(tmp_path, *parts)


NEGATE = function("negate", ["v"], {"r": "n:y:0"}, node("n", "Neg", "v"))
DOUBLE = function("double", ["v"], {"r": "n:z:0"}, node("n", "AddV2", "v", "v"))
SAME = function("same", ["v"], {"r": "v"})


class TestFunctions:
    @pytest.mark.parametrize("fed", [True, False])
    @pytest.mark.parametrize("value", [np.bool_(True), np.bool_(False), np.int32(0), np.float32(7)])
    def test_if(self, tmp_path, fed, value):
        given = placeholder("p", (), str(value.dtype)) if fed else const("p", value)
        call = node("y", "If", "p", "x", then_branch=Function("double"), else_branch=Function("negate"))
        net = load(tmp_path, placeholder("x", (3,)), given, call, functions=(NEGATE, DOUBLE))
        got = net({"x": X, "p": value} if fed else X)["y"]
        assert_close(np.asarray(got), 2 * X if value else -X)

    @pytest.mark.parametrize("index", [-1, 0, 1, 2, 9])
    def test_case(self, tmp_path, index):
        names = [Function(name) for name in ("negate", "double", "same")]
        call = node("y", "StatelessCase", "i", "x", branches=names)
        parts = (placeholder("x", (3,)), placeholder("i", (), "int32"), call)
        net = load(tmp_path, *parts, functions=(NEGATE, DOUBLE, SAME))
        assert_close(np.asarray(net(x=X, i=np.int32(index))["y"]), {0: -X, 1: 2 * X}.get(index, X))

    def test_while_knows_weights_that_it_passes_on(self, tmp_path):
        weight = np.float32([[0, 1, 0], [0, 0, 1], [1, 0, 0.5]])
        condition = function("cond", ["i", "h", "w"], {"go": "l:z:0"}, const("n", np.float32(3)), *_LESS)
        body = function(
            "body",
            ["i", "h", "w"],
            {"j": "a:z:0", "g": "m:product:0", "v": "w"},
            const("one", np.float32(1)),
            node("a", "AddV2", "i", "one:output:0"),
            node("m", "MatMul", "h", "w"),
        )
        loop = node("loop", "While", "zero", "x", "w", cond=Function("cond"), body=Function("body"))
        parts = (placeholder("x", (1, 3)), const("zero", np.float32(0)), const("w", weight), loop)
        end = node("y", "Identity", "loop:1")
        net = load(tmp_path, *parts, end, outputs=["y"], functions=(condition, body))
        assert list(net.params) == ["w"]
        assert_close(np.asarray(net(X[None])["y"]), X[None] @ weight @ weight @ weight)

    def test_a_body_that_returns_too_little(self, tmp_path):
        condition = function("cond", ["i"], {"go": "i"})
        body = function("body", ["i"], {})
        loop = node("y", "While", "x", cond=Function("cond"), body=Function("body"))
        with pytest.raises(GraphError, match="'body' returns 0 values, 1 expected"):
            load(tmp_path, placeholder("x", ()), loop, functions=(condition, body))

    @pytest.mark.parametrize("op", ["PartitionedCall", "StatelessIf"])
    def test_functions_that_call_each_other_too_deep(self, tmp_path, op):
        def call(name, target):
            if op == "PartitionedCall":
                return node(name, op, "x", f=Function(target))
            return node(name, op, "x", "x", then_branch=Function(target), else_branch=Function(target))

        functions = [
            function(f"f{i}", ["x"], {"r": "y:output:0"}, call("y", f"f{i + 1}")) for i in range(500)
        ]
        functions.append(function("f500", ["x"], {"r": "x"}))
        with pytest.raises(GraphError, match="deep"):
            load(tmp_path, placeholder("x", ()), call("y", "f0"), functions=tuple(functions))

    @pytest.mark.parametrize("depth", [3, 12])
    def test_branches_in_branches(self, tmp_path, depth):
        functions = [
            function(
                f"f{i}",
                ["x"],
                {"r": "y:output:0"},
                node("n", "Neg", "x"),
                node("y", "If", "x", "n:y:0", then_branch=Function(f"f{i + 1}"), else_branch=Function("end")),
            )
            for i in range(depth - 1)
        ]
        functions += [function(f"f{depth - 1}", ["x"], {"r": "x"}), function("end", ["x"], {"r": "x"})]
        call = node("y", "If", "x", "x", then_branch=Function("f0"), else_branch=Function("end"))
        net = load(tmp_path, placeholder("x", ()), call, functions=tuple(functions))
        assert float(net(np.float32(5))["y"]) == 5 * (-1) ** (depth - 1)

    def test_a_function_that_is_missing(self, tmp_path):
        loop = node("y", "While", "x", cond=Function("cond"), body=Function("body"))
        with pytest.raises(GraphError, match="'cond' is not in the graph's library"):
            load(tmp_path, placeholder("x", ()), loop)


_LESS = (node("l", "Less", "i", "n:output:0"),)


class TestLists:
    def test_arrays(self, tmp_path):
        array = {"dtype": Type("float32"), "dynamic_size": False}
        parts = (
            placeholder("x", (2, 3)),
            const("two", np.int32(2)),
            const("zero", np.int32(0)),
            const("one", np.int32(1)),
            const("both", np.int32([0, 1])),
            node("a", "TensorArrayV3", "two", **array),
            node("in", "TensorArrayScatterV3", "a", "both", "x", "a:1"),
            node("first", "TensorArrayReadV3", "a", "zero", "in"),
            node("b", "TensorArrayV3", "two", **array),
            node("w", "TensorArrayWriteV3", "b", "one", "first", "b:1"),
            node("all", "TensorArrayGatherV3", "b", "both", "w"),
            node("size", "TensorArraySizeV3", "b", "w"),
            node("joined", "TensorArrayConcatV3", "a", "in"),
            node("lengths", "Identity", "joined:1"),
        )
        x = np.stack([X, 2 * X])
        got = load(tmp_path, *parts, outputs=["all", "size", "joined", "lengths"])(x)
        assert_close(np.asarray(got["all"]), np.stack([0 * X, X]))
        assert int(got["size"]) == 2
        assert_close(np.asarray(got["joined"]), x.reshape(6))
        assert np.asarray(got["lengths"]).tolist() == [3, 3]

    def test_lists(self, tmp_path):
        parts = (
            placeholder("x", (3,)),
            const("any", np.int32(-1)),
            const("zero", np.int32(0)),
            const("three", np.int32(3)),
            node("empty", "EmptyTensorList", "any", "any", element_dtype=Type("float32")),
            node("l1", "TensorListPushBack", "empty", "x"),
            node("minus", "Neg", "x"),
            node("l2", "TensorListPushBack", "l1", "minus"),
            node("l3", "TensorListResize", "l2", "three"),
            node("l4", "TensorListSetItem", "l3", "zero", "minus"),
            node("all", "TensorListStack", "l4", "any"),
            node("count", "TensorListLength", "l4"),
            node("element", "TensorListElementShape", "l4"),
            node("popped", "TensorListPopBack", "l2", "any"),
            node("last", "Identity", "popped:1"),
        )
        got = load(tmp_path, *parts, outputs=["all", "count", "element", "last"])(X)
        assert_close(np.asarray(got["all"]), np.stack([-X, -X, 0 * X]))
        assert int(got["count"]) == 3
        assert np.asarray(got["element"]).tolist() == [3]
        assert_close(np.asarray(got["last"]), -X)
