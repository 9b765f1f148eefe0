"""Convolutions and pools that pad themselves compute what they computed of padded inputs."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdnn.layers.activation import Clip, Relu
from jaxdnn.layers.convolution import Conv, Im2Col
from jaxdnn.layers.pooling import Pool
from jaxdnn.layers.shape import Pad
from jaxdnn.passes.merge_padding import merge_padding
from support.passes import Builder, assert_equivalent, layers

AMOUNT = st.integers(0, 2)
PAIRS = st.tuples(st.tuples(AMOUNT, AMOUNT), st.tuples(AMOUNT, AMOUNT))
ROUNDING = 1e-6
"""The same sums, perhaps in another order; a zero more or less changes none."""

LOWEST = float(np.finfo(np.float32).min)


def pad_of(pairs, *, last=False, from_end=False, value=0.0):
    """A padding of the two spatial axes of four."""
    before, after = zip(*pairs, strict=True)
    axis = (1 if last else 2) - (4 if from_end else 0)
    return Pad(before=before, after=after, axis=axis, value=value)


def weights(rng, *shape):
    return {"weight": rng.standard_normal(shape).astype(np.float32)}


def padded(layer, pad, *, last=False, source=None, **weights):
    """x -> perhaps s -> p -> y."""
    b = Builder(x=(2, 6, 7, 3) if last else (2, 3, 6, 7))
    value = b.add("s", source, "x") if source else "x"
    b.add("p", pad, value)
    b.add("y", layer, "p", **weights)
    return b.model("y")


@given(
    PAIRS,
    st.sampled_from([0, 1, (0, 1), ((1, 0), (0, 2))]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([1, 2]),
    st.sampled_from([3, (3, 2)]),
)
def test_convolution(pairs, own, last, from_end, stride, kernel):
    layer = Conv(filters=4, kernel=kernel, stride=stride, padding=own, bias=False, channels_last=last)
    spatial = (kernel, kernel) if isinstance(kernel, int) else kernel
    weight = weights(np.random.default_rng(0), 4, 3, *spatial)
    before = padded(layer, pad_of(pairs, last=last, from_end=from_end), last=last, **weight)
    after = merge_padding(before)
    assert layers(after) == {"Conv": 1}
    assert_equivalent(before, after, ROUNDING)


@settings(max_examples=6)
@given(PAIRS, st.booleans())
def test_patches(pairs, last):
    layer = Im2Col(kernel=2, stride=2, padding=1, channels_last=last)
    before = padded(layer, pad_of(pairs, last=last), last=last)
    after = merge_padding(before)
    assert layers(after) == {"Im2Col": 1}
    assert_equivalent(before, after)


@given(
    PAIRS,
    st.sampled_from(["max", "average", "stochastic"]),
    st.sampled_from(["padded", "valid", "window"]),
    st.sampled_from(["floor", "ceil", "ceil_clip"]),
    st.sampled_from([0, 1, ((0, 1), (1, 0))]),
    st.sampled_from([1, 2, 4]),
    st.booleans(),
    st.sampled_from([None, Relu(), Clip(floor=0.5)]),
    st.sampled_from([0.0, 1.0, LOWEST]),
)
def test_pools(pairs, statistic, divisor, rounding, own, stride, last, source, value):
    """Whether it merges or not, the pool's result stays."""
    layer = Pool(
        statistic=statistic,
        kernel=4,
        stride=stride,
        padding=own,
        divisor=divisor,
        rounding=rounding,
        channels_last=last,
    )
    before = padded(layer, pad_of(pairs, last=last, value=value), last=last, source=source)
    after = merge_padding(before)
    assert_equivalent(before, after, ROUNDING)
    padding_stays = layers(after)["Pad"] == 1
    if not any(map(any, pairs)):
        assert not padding_stays
    elif statistic == "max":
        neutral = value == LOWEST or (value == 0 and source is not None)
        wide = isinstance(own, int) and max(map(max, pairs)) + own < 4
        assert not (padding_stays and neutral and wide and rounding == "floor")
        assert padding_stays or (neutral and rounding == "floor")
    else:
        assert padding_stays or (value == 0 and rounding != "ceil_clip")
        if divisor != "valid" and value == 0 and own == 0 and rounding != "ceil_clip":
            assert not padding_stays


@pytest.mark.parametrize("options", [{"rounding": "ceil_inside"}, {"dilation": 2}])
def test_pools_whose_windows_depend_on_the_padding_keep_it(options):
    pad = Pad(before=(0, 0, 1, 1), after=(0, 0, 1, 1))
    model = padded(Pool(statistic="average", kernel=3, **options), pad)
    assert merge_padding(model) is model


def test_what_is_written():
    pad = Pad(before=(0, 1, 2, 0), after=(0, 1, 2, 0))
    conv = Conv(filters=4, kernel=3, bias=False, channels_last=True)
    model = padded(conv, pad, last=True, **weights(np.random.default_rng(0), 4, 3, 3, 3))
    (node,) = merge_padding(model).graph.nodes
    assert (node.name, node.inputs, node.layer.padding) == ("y", ("x",), (1, 2))
    pool = padded(Pool(statistic="average", kernel=3, divisor="valid"), pad_of([(1, 1), (1, 1)]))
    (node,) = merge_padding(pool).graph.nodes
    assert (node.layer.padding, node.layer.divisor) == (1, "padded")


def test_every_reader_pads_itself():
    b = Builder(x=(1, 3, 6, 6))
    b.add("p", pad_of([(1, 1), (0, 1)]), "x")
    rng = np.random.default_rng(0)
    for name in "yz":
        b.add(name, Conv(filters=2, kernel=3, bias=False), "p", **weights(rng, 2, 3, 3, 3))
    before = b.model("y", "z")
    after = merge_padding(before)
    assert layers(after) == {"Conv": 2}
    assert_equivalent(before, after, ROUNDING)


CONV = Conv(filters=2, kernel=3, bias=False)
ONES = pad_of([(1, 1), (1, 1)])


def unmerged():
    """Models that stay as they are, by the reason."""
    weight = weights(np.random.default_rng(0), 2, 3, 3, 3)
    yield "the constant is not zero", padded(CONV, replace(ONES, value=1.0), **weight)
    yield "the padding mirrors", padded(CONV, replace(ONES, mode="reflect"), **weight)
    yield (
        "channels are padded",
        padded(
            CONV,
            Pad(before=(1, 0, 0), after=(0, 1, 1), axis=1),
            **weights(np.random.default_rng(0), 2, 4, 3, 3),
        ),
    )
    yield "the batch is padded", padded(CONV, Pad(before=(1,), after=(0,)), **weight)
    yield "elements are removed", padded(CONV, pad_of([(1, -1), (1, 1)]), **weight)
    yield "the padding depends on the size", padded(replace(CONV, padding="same_upper"), ONES, **weight)
    yield "inputs may be negative", padded(Pool(statistic="max", kernel=3), ONES)
    leaky = Relu(negative_slope=0.1)
    yield "the rectifier leaks", padded(Pool(statistic="max", kernel=3), ONES, source=leaky)
    indices = Pool(statistic="max", kernel=3, padding=0, rounding="ceil")
    yield "the last window may lie in the padding", padded(indices, ONES, source=Relu())
    yield (
        "the padding is as large as the window",
        padded(Pool(statistic="average", kernel=2, stride=2), pad_of([(2, 0), (0, 0)])),
    )

    read = Builder(x=(1, 3, 6, 6))
    read.add("p", ONES, "x")
    read.add("y", CONV, "p", **weight)
    read.add("z", Relu(), "p")
    yield "another layer reads the padded value", read.model("y", "z")
    yield "the padded value is an output", read.model("y", "z", "p")

    runtime = Builder(x=(1, 3, 6, 6), w=(2, 3, 1, 1))
    runtime.add("p", ONES, "w")
    runtime.add("y", Conv(filters=None, kernel=None, bias=False), "x", "p")
    yield "it is the weight that is padded", runtime.model("y")

    crops = Builder(x=(1, 3, 6, 6))
    crops.add("p", pad_of([(-1, -1), (0, 0)]), "x")
    crops.add("y", ONES, "p")
    yield "a crop is padded", crops.model("y")

    values = Builder(x=(1, 3, 6, 6))
    values.add("p", ONES, "x")
    values.add("y", replace(ONES, value=2.0), "p")
    yield "two constants are added", values.model("y")

    shared = Builder(x=(1, 3, 6, 6))
    shared.add("p", ONES, "x")
    shared.add("y", ONES, "p")
    yield "the inner padding is an output", shared.model("p", "y")


UNMERGED = dict(unmerged())


@pytest.mark.parametrize("reason", UNMERGED)
def test_nothing_is_merged(reason):
    assert merge_padding(UNMERGED[reason]) is UNMERGED[reason]


def test_a_pool_with_indices_keeps_its_input():
    b = Builder(x=(1, 3, 6, 6))
    b.add("s", Relu(), "x")
    b.add("p", ONES, "s")
    b.add("y", Pool(statistic="max", kernel=3, indices=True), "p")
    b.nodes[-1] = replace(b.nodes[-1], outputs=("y", "places"))
    model = b.model("y", "places")
    assert merge_padding(model) is model


SIGNED = st.integers(-2, 3)
SIGNED_PAIRS = st.tuples(st.tuples(SIGNED, SIGNED), st.tuples(SIGNED, SIGNED))


@given(SIGNED_PAIRS, SIGNED_PAIRS, st.sampled_from([0.0, 1.5]), st.booleans())
def test_two_paddings(first, second, value, from_end):
    b = Builder(x=(2, 3, 6, 7))
    b.add("p", pad_of(first, value=value), "x")
    b.add("y", pad_of(second, value=1.5, from_end=from_end), "p")
    before = b.model("y")
    after = merge_padding(before)
    assert_equivalent(before, after)
    if value == 1.5 and min(min(pair) for pair in (*first, *second)) >= 0:
        assert layers(after)["Pad"] <= 1


def test_a_padding_of_nothing():
    b = Builder(x=(1, 3, 6, 6))
    b.add("p", Pad(before=(0, 0), after=(0, 0), axis=2, mode="reflect"), "x")
    b.add("y", Relu(), "p")
    before = b.model("y", "p")
    after = merge_padding(before)
    assert layers(after) == {"Relu": 1}
    assert after.graph.aliases == {"p": "x"}
    assert_equivalent(before, after)


def test_a_padding_and_the_crop_of_it():
    b = Builder(x=(1, 3, 6, 6))
    b.add("p", ONES, "x")
    b.add("y", pad_of([(-1, -1), (-1, -1)]), "p")
    after = merge_padding(b.model("y"))
    assert not after.graph.nodes
    assert_equivalent(b.model("y"), after)
