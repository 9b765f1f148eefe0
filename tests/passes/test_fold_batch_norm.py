"""Affine maps of channels go into the weights before them, and nothing else changes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn.layers.activation import Relu
from jaxdnn.layers.arithmetic import Binary
from jaxdnn.layers.binary_convolution import BinaryConv
from jaxdnn.layers.constant import Parameter
from jaxdnn.layers.convolution import Conv, ConvTranspose
from jaxdnn.layers.dense import Dense
from jaxdnn.layers.elementwise import Eltwise, Power
from jaxdnn.layers.late import Late
from jaxdnn.layers.normalization import BatchNorm, Bias, Scale
from jaxdnn.passes.fold_batch_norm import fold_batch_norm
from support.passes import Builder, assert_equivalent, layers

ROUNDING = 1e-5
"""Of the largest output: sums of at most 27 products, each factor rounded once more (2^-24 each), the largest product
being some times the largest sum where signs cancel."""

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def positive(*shape):
    return RNG.uniform(0.5, 2, shape).astype(np.float32)


def statistics(channels):
    return {"mean": normal(channels), "variance": positive(channels)}


def conv_model(*, last=False, **options):
    """x -> c, six filters; the input has six channels."""
    b = Builder(x=(2, 7, 8, 6) if last else (2, 6, 7, 8))
    layer = Conv(filters=6, kernel=(3, 3), bias=False, channels_last=last, **options)
    b.add("c", layer, "x", weight=normal(6, 6 // layer.groups, 3, 3))
    return b


def along(array, last):
    """A vector of channels in the form in which it is broadcast."""
    return array if last else array.reshape(-1, 1, 1)


def add_step(b, kind, name, value, last):
    """Add one affine map of six channels behind a value of four axes."""
    axis = -1 if last else 1
    if kind == "batch norm":
        return b.add(name, BatchNorm(axis=axis), value, **statistics(6))
    if kind == "batch norm with scale":
        layer = BatchNorm(epsilon=1e-3, scale=True, bias=True, axis=3 if last else -3)
        return b.add(name, layer, value, **statistics(6), scale=normal(6), bias=normal(6))
    if kind == "scale":
        return b.add(name, Scale(axis=axis, bias=True), value, scale=normal(6), bias=normal(6))
    if kind == "scale by a scalar":
        return b.add(name, Scale(num_axes=0), value, scale=normal())
    if kind == "bias":
        return b.add(name, Bias(axis=axis), value, bias=normal(6))
    if kind == "scale by an input":
        return b.add(name, Scale(axis=axis), value, b.const(f"{name} factor", normal(6)))
    if kind == "power":
        return b.add(name, Power(scale=-1.5, shift=0.25), value)
    if kind == "parameter":
        shape = (6,) if last else (6, 1, 1)
        second = b.add(f"{name} operand", Parameter(shape=shape), value=normal(*shape))
        return b.add(name, Binary(function="add"), second, value)
    if kind == "weighted sum":
        layer = Eltwise(coefficients=(0.5, -2.0), broadcast=True)
        return b.add(name, layer, b.const(f"{name} term", along(normal(6), last)), value)
    function, reverse = kind.split(",")
    operand = b.const(f"{name} operand", along(positive(6), last))
    inputs = (operand, value) if reverse == "reversed" else (value, operand)
    if function in ("product", "division"):
        return b.add(name, Eltwise(operation=function, broadcast=True), *inputs)
    return b.add(name, Binary(function=function), *inputs)


STEPS = (
    *(
        "batch norm",
        "batch norm with scale",
        "scale",
        "scale by a scalar",
        "bias",
        "scale by an input",
        "power",
    ),
    *("parameter", "weighted sum", "add,", "add,reversed", "subtract,", "subtract,reversed", "multiply,"),
    *("multiply,reversed", "divide,", "product,", "division,"),
)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("kind", STEPS)
def test_each_map(kind, last):
    b = conv_model(last=last)
    add_step(b, kind, "y", "c", last)
    before = b.model("y")
    after = fold_batch_norm(before)
    assert layers(after) == {"Conv": 1}
    assert list(after.params) == ["c"]
    assert set(after.params["c"]) == {"weight", "bias"}
    assert all(array.dtype == np.float32 for array in after.params["c"].values())
    assert_equivalent(before, after, ROUNDING)


@given(
    st.lists(st.sampled_from(STEPS), min_size=1, max_size=4),
    st.sampled_from(["conv", "grouped", "depthwise", "transpose", "grouped transpose", "late transpose"]),
    st.sampled_from([1, 2]),
    st.booleans(),
    st.booleans(),
)
def test_chains_behind_convolutions(kinds, form, stride, last, bias):
    b = Builder(x=(2, 7, 8, 6) if last else (2, 6, 7, 8))
    groups = {"grouped": 2, "depthwise": 6, "grouped transpose": 3}.get(form, 1)
    options = {"stride": stride, "groups": groups, "bias": bias, "channels_last": last}
    weights = {"weight": normal(6, 6 // groups, 3, 3)} | ({"bias": normal(6)} if bias else {})
    inputs = ["x"]
    layer = (ConvTranspose if "transpose" in form else Conv)(filters=6, kernel=(3, 3), **options)
    if form == "late transpose":
        layer = Late(layer=replace(layer, size=(1, 1)), names=("size",))
        size = np.array([(n - 1) * stride + 3 for n in (7, 8)], np.int32)
        inputs.append(b.const("size", size))
        b.nodes[-1] = replace(b.nodes[-1], layer=replace(b.nodes[-1].layer, value=size))
    value = b.add("c", layer, *inputs, **weights)
    for index, kind in enumerate(kinds):
        value = add_step(b, kind, f"y{index}", value, last)
    before = b.model(value)
    after = fold_batch_norm(before)
    assert set(layers(after)) - {"Const"} == {type(layer).__name__}
    # Each map of the row multiplies the error of what it reads.
    assert_equivalent(before, after, ROUNDING * 2 ** len(kinds))


@given(st.booleans(), st.booleans(), st.sampled_from([1, -1]), st.sampled_from([1, 2]))
def test_chains_behind_dense_layers(transpose, bias, norm_axis, axis):
    b = Builder(x=(2, 3, 4))
    size = 12 if axis == 1 else 4
    weights = {"weight": normal(*((size, 5) if transpose else (5, size)))} | (
        {"bias": normal(5)} if bias else {}
    )
    b.add("d", Dense(units=5, transpose=transpose, bias=bias, axis=axis), "x", **weights)
    b.add("n", BatchNorm(axis=norm_axis if axis == 1 else -1), "d", **statistics(5))
    b.add("y", Scale(axis=axis, num_axes=-1, bias=True), "n", scale=normal(5), bias=normal(5))
    before = b.model("y")
    after = fold_batch_norm(before)
    assert layers(after) == {"Dense": 1}
    assert_equivalent(before, after, ROUNDING)


def test_weights_are_what_the_formula_says():
    """One weight of each filter, by hand: w * s / sqrt(v + e), and b - m * s / sqrt(v + e)."""
    b = Builder(x=(1, 1, 2, 2))
    b.add("c", Conv(filters=2, kernel=(1, 1), bias=False), "x", weight=np.float32([[[[3]]], [[[5]]]]))
    numbers = {"mean": [1, 2], "variance": [3, 8], "scale": [4, 6], "bias": [7, 9]}
    layer = BatchNorm(epsilon=1.0, scale=True, bias=True)
    b.add("y", layer, "c", **{slot: np.float32(values) for slot, values in numbers.items()})
    after = fold_batch_norm(b.model("y"))
    np.testing.assert_array_equal(after.params["c"]["weight"].ravel(), [3 * 2, 5 * 2])
    np.testing.assert_array_equal(after.params["c"]["bias"], [7 - 1 * 2, 9 - 2 * 2])


def test_names():
    b = conv_model()
    b.add("n", BatchNorm(), "c", **statistics(6))
    b.add("y", Relu(), "n")
    after = fold_batch_norm(b.model("y", old="c", norm="n"))
    (conv, _) = after.graph.nodes
    assert (conv.name, conv.outputs) == ("n", ("n",))
    assert conv.params == {"weight": "c/weight", "bias": "c/bias"}
    assert after.graph.aliases == {"norm": "n"}


def test_a_bias_slot_that_its_owner_has_already():
    b = conv_model()
    b.params["c"]["bias"] = normal(6)
    b.add("z", Bias(), "x", shared={"bias": "c/bias"})
    b.add("y", BatchNorm(), "c", **statistics(6))
    before = b.model("y", "z")
    after = fold_batch_norm(before)
    assert layers(after) == {"Conv": 1, "Bias": 1}
    assert after.graph.producers["y"].params["bias"] == "c/bias@2"
    assert_equivalent(before, after, ROUNDING)


def test_a_shared_statistic_stays_for_the_other_reader():
    b = conv_model()
    b.add("y", Bias(), "c", bias=normal(6))
    b.add("z", Bias(), "x", shared={"bias": "y/bias"})
    before = b.model("y", "z")
    after = fold_batch_norm(before)
    assert layers(after) == {"Conv": 1, "Bias": 1}
    assert_equivalent(before, after, ROUNDING)


def norm_behind(b, value="c", layer=None, **changes):
    return b.add("y", layer or BatchNorm(), value, **({**statistics(6), **changes}))


def unfolded():
    """Models in which nothing may be folded, by the reason."""
    shared = conv_model()
    shared.add("d", shared.nodes[0].layer, "x", shared={"weight": "c/weight"})
    norm_behind(shared)
    yield "the weight is shared", shared.model("y", "d")

    read = conv_model()
    norm_behind(read)
    read.add("z", Relu(), "c")
    yield "another node reads the value", read.model("y", "z")

    output = conv_model()
    norm_behind(output)
    yield "the value is an output", output.model("y", "c")
    yield "the value is an output by another name", output.model("y", "name", name="c")

    training = conv_model()
    training.add("y", BatchNorm(use_batch_statistics=True), "c")
    yield "the statistics are those of the batch", training.model("y")

    axis = Builder(x=(2, 6, 8, 8))
    axis.add("c", Conv(filters=6, kernel=(3, 3), bias=False), "x", weight=normal(6, 6, 3, 3))
    norm_behind(axis, layer=BatchNorm(axis=2))
    yield "the norm is along another axis", axis.model("y")

    for name, shape in (
        ("rows", (6, 1)),
        ("columns", (6,)),
        ("several axes", (6, 6, 1)),
        ("batches", (2, 1, 1, 1)),
    ):
        plane = Builder(x=(2, 6, 8, 8))
        plane.add("c", Conv(filters=6, kernel=(3, 3), bias=False), "x", weight=normal(6, 6, 3, 3))
        plane.add("y", Binary(function="multiply"), "c", plane.const("k", normal(*shape)))
        yield f"the factor varies along {name}", plane.model("y")

    more = conv_model()
    more.add("y", Binary(function="add"), "c", more.const("k", normal(1, 1, 1, 1, 1)))
    yield "the summand has more axes", more.model("y")

    computed = conv_model()
    computed.add("k", Relu(), "x")
    computed.add("y", Binary(function="divide"), computed.const("one", 1.0), "c")
    yield "the value divides", computed.model("y")

    twice = conv_model()
    twice.add("y", Binary(function="multiply"), "c", "c")
    yield "the value is multiplied by itself", twice.model("y")

    factor = Builder(x=(2, 6, 7))
    factor.add("c", Dense(units=6, bias=False), "x", weight=normal(6, 42))
    factor.add("y", Scale(axis=0), factor.const("k", normal(2, 6)), "c")
    yield "the value is the factor", factor.model("y")

    binary = Builder(x=(2, 6, 7, 8))
    layer = BinaryConv(filters=6, kernel=(3, 3), bias=False)
    binary.add("c", layer, "x", weight=normal(6, 6, 3, 3))
    norm_behind(binary)
    yield "the convolution changes its weights", binary.model("y")

    runtime = Builder(x=(2, 6, 7, 8), w=(6, 6, 3, 3))
    runtime.add("c", Conv(filters=None, kernel=None, bias=False), "x", "w")
    norm_behind(runtime)
    yield "the weight is an input", runtime.model("y")

    zero = conv_model()
    zero.add("y", Binary(function="divide"), "c", zero.const("k", 0.0))
    yield "the result is not finite", zero.model("y")

    power = conv_model()
    power.add("y", Power(power=2.0), "c")
    yield "the power is not linear", power.model("y")


UNFOLDED = dict(unfolded())


@pytest.mark.parametrize("reason", UNFOLDED)
def test_nothing_is_folded(reason):
    assert fold_batch_norm(UNFOLDED[reason]) is UNFOLDED[reason]


@pytest.mark.parametrize("owner", ["c", "y"])
def test_nothing_is_folded_where_numbers_are_missing(owner):
    b = conv_model()
    norm_behind(b)
    del b.params[owner]
    model = b.model("y")
    assert fold_batch_norm(model) is model


def test_a_statistic_of_another_size_is_left_for_the_check_of_shapes():
    b = conv_model()
    norm_behind(b, mean=normal(1))
    model = b.model("y")
    assert fold_batch_norm(model) is model


def test_half_precision_weights_become_float32():
    b = conv_model()
    b.params["c"]["weight"] = b.params["c"]["weight"].astype(np.float16)
    norm_behind(b)
    after = fold_batch_norm(b.model("y"))
    assert after.params["c"]["weight"].dtype == np.float32
    assert_equivalent(b.model("y"), after, ROUNDING)
