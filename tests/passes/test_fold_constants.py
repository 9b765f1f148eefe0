"""Folding: what is the same in every call is computed once, and nothing else is."""

import numpy as np
import pytest

from jaxdnn import LayerError, Net
from jaxdnn.ir import Graph, Model, Node, Source, Value, verify
from jaxdnn.layers.arithmetic import Binary, Unary
from jaxdnn.layers.constant import Const, Parameter
from jaxdnn.layers.convolution import Conv
from jaxdnn.layers.custom import Custom
from jaxdnn.layers.detection import PriorBox
from jaxdnn.layers.elementwise import Exp, Power
from jaxdnn.layers.indexing import StridedSlice
from jaxdnn.layers.late import Late
from jaxdnn.layers.pooling import Pool
from jaxdnn.layers.selection import NonZero
from jaxdnn.layers.shape import Reshape, Slice
from jaxdnn.layers.tensor import Fill, ShapeOf, Stack
from jaxdnn.lowering import Program
from jaxdnn.lowering.constants import constants
from jaxdnn.lowering.infer import stored_shapes
from jaxdnn.passes import fold_constants
from jaxdnn.passes.fold_constants import LARGEST

X = np.random.default_rng(0).standard_normal((2, 3, 8, 6)).astype(np.float32)


def const(name, array):
    return Node(name, Const(value=np.asarray(array)), (), (name,))


def node(name, layer, *inputs, outputs=None):
    return Node(name, layer, inputs, outputs or (name,))


INPUTS = (Value("x", (1, 3, 8, 6)),)


def model(*nodes, inputs=INPUTS, outputs=("y",), params=None):
    return Model(Graph("n", inputs, outputs, nodes), params or {}, Source("test"), open_shapes=True)


def fold(before, **custom_layers):
    """Fold with the values that the lowering finds, and verify."""

    def find(model):
        program = Program(model.graph, custom_layers=custom_layers)
        return constants(program, stored_shapes(model.params), limit=LARGEST)

    after = fold_constants(before, find)
    verify(after.graph)
    assert fold_constants(after, find) is after
    return after


def same_results(before, after, feeds, **custom_layers):
    one = Net.from_model(before, custom_layers=custom_layers)(feeds)
    other = Net.from_model(after, custom_layers=custom_layers)(feeds)
    assert list(one) == list(other)
    for name, want in one.items():
        np.testing.assert_array_equal(other[name], want)


def names(model):
    return [node.name for node in model.graph.nodes]


def value(model, name):
    return model.graph.producers[name].layer.value


def test_a_chain_of_constants():
    before = model(
        const("a", np.float32(2)),
        const("b", np.float32([3, 4])),
        node("c", Binary(function="multiply"), "a", "b"),
        node("d", Exp(), "c"),
        const("e", np.float32(1)),
        node("f", Binary(function="add"), "d", "e"),
        const("s", np.int32([0, 0, 0, 0])),
        node("y", Binary(function="add"), "x", "f"),
        inputs=(Value("x", (1, 2)),),
    )
    after = fold(before)
    assert names(after) == ["f", "y"]
    np.testing.assert_allclose(value(after, "f"), np.exp([6, 8]) + 1, rtol=1e-6)
    same_results(before, after, np.ones((3, 2), np.float32))


def test_parts_keep_their_names():
    before = model(
        const("a", np.arange(6, dtype=np.float32).reshape(1, 6)),
        node("split", Slice(parts=3), "a", outputs=("p", "q@1", "r")),
        node("r", Power(scale=2.0), "x", outputs=("double",)),
        node("y", Binary(function="add"), "x", "r"),
        inputs=(Value("x", (1, 2)),),
        outputs=("y", "p", "q@1", "double"),
    )
    after = fold(before)
    assert names(after) == ["split", "q@1", "r@2", "r", "y"]
    assert after.graph.resolve("split") == "p"
    same_results(before, after, np.ones((1, 2), np.float32))


def test_prior_boxes():
    before = model(
        node("f", Pool(statistic="max", kernel=2, stride=2), "x"),
        node("y", PriorBox(sizes=((2.0, 2.0),)), "f", "x"),
    )
    after = fold(before)
    assert names(after) == ["y"]
    assert value(after, "y").shape == (1, 2, 4 * 3 * 4)
    same_results(before, after, X)


def sizes_of(name, begin, end):
    """Elements of the shape of x, as TensorFlow writes that."""
    bounds = {"begin": begin, "end": end, "step": 1}
    consts = [const(f"{name}/{bound}", np.int32([number])) for bound, number in bounds.items()]
    slices = node(name, StridedSlice(shrink_axis_mask=1), "shape", *(f"{name}/{bound}" for bound in bounds))
    return *consts, slices


def test_sizes_fold_and_the_batch_does_not():
    before = model(
        node("shape", ShapeOf(), "x"),
        *sizes_of("batch", 0, 1),
        *sizes_of("height", 2, 3),
        const("rest", np.int32(-1)),
        node("to", Stack(), "batch", "height", "rest"),
        node("y", Late(layer=Reshape(shape=(1, 1, 1)), names=("shape",)), "x", "to"),
        node("h", Stack(), "height", "height"),
        outputs=("y", "h"),
    )
    after = fold(before)
    assert isinstance(after.graph.producers["height"].layer, Const)
    np.testing.assert_array_equal(value(after, "h"), [8, 8])
    assert isinstance(after.graph.producers["y"].layer, Late)
    for batch in (1, 2, 5):
        same_results(before, after, np.ones((batch, 3, 8, 6), np.float32))


def test_open_sizes_do_not_fold():
    before = model(node("shape", ShapeOf(), "x"), *sizes_of("y", 2, 3), inputs=(Value("x", (1, 3, None, 6)),))
    assert fold(before) is before
    same_results(before, fold(before), X)


def test_what_is_left_of_an_open_size_does_not_fold():
    before = model(
        node("shape", ShapeOf(), "x"),
        *sizes_of("height", 2, 3),
        const("two", np.int32(2)),
        node("y", Binary(function="floor_remainder"), "height", "two"),
        inputs=(Value("x", (1, 3, None, 6)),),
    )
    after = fold(before)
    assert isinstance(after.graph.producers["y"].layer, Binary)
    for height in (7, 8):
        same_results(before, after, np.ones((1, 3, height, 6), np.float32))


def test_late_attributes_become_attributes():
    before = model(
        const("a", np.int32(3)),
        const("b", np.int32([0, 1])),
        node("to", Binary(function="subtract"), "b", "a"),
        const("axis", np.int32(1)),
        node("y", Late(layer=Reshape(shape=(1,)), names=("shape", "axis")), "x", "free", "axis"),
        inputs=(Value("x", (1, 4)), Value("free", (1,), "int32")),
    )
    after = fold(before)
    assert names(after) == ["y"]
    layer = after.graph.nodes[0].layer
    assert layer == Late(layer=Reshape(shape=(1,), axis=1), names=("shape",))
    assert after.graph.nodes[0].inputs == ("x", "free")
    same_results(before, after, {"x": np.ones((1, 4), np.float32), "free": np.int32([2, 2])})

    known = model(
        const("to", np.int32([0, 2, 2])),
        node("y", Late(layer=Reshape(shape=(1,)), names=("shape",)), "x", "to"),
        inputs=(Value("x", (1, 4)),),
    )
    after = fold(known)
    assert [str(n) for n in after.graph.nodes] == ["y = Reshape(x) {shape=(0, 2, 2)}"]
    same_results(known, after, np.ones((1, 4), np.float32))


def test_a_late_attribute_that_its_layer_refuses():
    before = model(
        const("to", np.int32([-1, -1])),
        node("y", Late(layer=Reshape(shape=(1,)), names=("shape",)), "x", "to"),
    )
    with pytest.raises(LayerError, match=r"layer 'y' \(Reshape\): at most one size can be inferred"):
        fold(before)


def test_parameters_can_be_trained_and_stay():
    before = model(
        Node("w", Parameter(shape=(3,)), (), ("w",), {"value": "w/value"}),
        node("y", Exp(), "w"),
        params={"w": {"value": np.float32([1, 2, 3])}},
    )
    assert fold(before) is before


def test_fallbacks_of_inputs_are_no_constants():
    fallback = np.ones((1, 2), np.float32)
    inputs = (
        Value("x", (1, 2)),
        Value("b", (1, 2), optional=True, fallback=fallback),
        Value("c", None, optional=True, fallback=fallback),
    )
    before = model(
        node("e", Unary(function="exp"), "b"),
        node("f", ShapeOf(what="rank"), "c"),
        node("y", Binary(function="add"), "x", "e"),
        inputs=inputs,
        outputs=("y", "f"),
    )
    assert fold(before) is before


def test_custom_layers_may_be_random():
    def draw(weights):
        return np.random.default_rng().standard_normal(3).astype(np.float32)

    before = model(node("r", Custom(type="Draw")), node("y", Unary(function="exp"), "r"))
    assert fold(before, Draw=draw) is before


def test_large_results_of_little_stay_computed():
    rows = LARGEST // 4 + 1
    before = model(
        const("one", np.float32(1)),
        const("two", np.float32(2)),
        node("three", Binary(function="add"), "one", "two"),
        node("many", Fill(shape=(rows,)), "three"),
        const("none", np.zeros(1, np.float32)),
        node("y", Binary(function="add"), "many", "none"),
    )
    after = fold(before)
    assert isinstance(after.graph.producers["many"].layer, Const)  # one number, repeated without memory
    assert value(after, "many").strides == (0,)
    assert isinstance(after.graph.producers["y"].layer, Binary)
    same_results(before, after, np.ones((1, 3, 8, 6), np.float32))


def test_large_results_of_as_much_fold():
    much = np.ones(LARGEST // 4 + 1, np.float32)
    before = model(const("a", much), node("y", Unary(function="negate"), "a"))
    np.testing.assert_array_equal(value(fold(before), "y"), -much)


def test_sizes_that_depend_on_data_do_not_fold():
    before = model(const("a", np.float32([0, 1, 0, 2])), node("y", NonZero(), "a"))
    same_results(before, fold(before), np.ones((1, 3, 8, 6), np.float32))


def test_nothing_that_depends_on_inputs_folds():
    weight = np.ones((2, 3, 1, 1), np.float32)
    conv = Node("y", Conv(filters=2, kernel=1, bias=False), ("x",), ("y",), {"weight": "y/weight"})
    before = model(conv, params={"y": {"weight": weight}})
    assert fold(before) is before


def test_a_net_of_one_batch_alone_folds_its_constants():
    before = model(
        const("a", np.float32([1])),
        node("b", Unary(function="exp"), "a"),
        node("r", Reshape(shape=(1, 3, 48), zero_copies=False), "x"),
        node("y", Binary(function="add"), "r", "b"),
    )
    after = fold(before)
    assert names(after) == ["b", "r", "y"]
    assert isinstance(after.graph.nodes[0].layer, Const)
    same_results(before, after, np.ones((1, 3, 8, 6), np.float32))
