"""Layers that move values, against index formulas."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdnn import LayerError, Padded, ShapeError
from jaxdnn.layers.shape import (
    Concat,
    Crop,
    DepthToSpace,
    Filter,
    Flatten,
    Gather,
    Pad,
    Permute,
    Reorg,
    Reshape,
    Reverse,
    ShuffleChannel,
    Slice,
    SpaceToDepth,
    Tile,
)
from jaxdnn.lowering import LOWERINGS
from support.layer import net_of, run


def numbered(*shape):
    """Return an array whose elements all differ."""
    return np.arange(math.prod(shape), dtype=np.float32).reshape(shape)


shapes = st.lists(st.integers(1, 4), min_size=1, max_size=5).map(tuple)


@st.composite
def shape_and_axis(draw):
    shape = draw(shapes)
    return shape, draw(st.integers(-len(shape), len(shape) - 1))


def with_size(shape, axis, size):
    return tuple(size if i == axis % len(shape) else n for i, n in enumerate(shape))


@settings(max_examples=12)
@given(shape_and_axis(), st.lists(st.integers(1, 3), min_size=1, max_size=3))
def test_concat_and_slice_are_inverse(case, sizes):
    shape, axis = case
    parts = [numbered(*with_size(shape, axis, size)) + 100 * i for i, size in enumerate(sizes)]
    whole = run(Concat(axis=axis), *parts)
    np.testing.assert_array_equal(whole, np.concatenate(parts, axis))
    points = tuple(itertools.accumulate(sizes))[:-1]
    got = run(Slice(parts=len(sizes), points=points, axis=axis), whole, outputs=len(sizes))
    for part, want in zip(got if len(sizes) > 1 else (got,), parts, strict=True):
        np.testing.assert_array_equal(part, want)


def test_slice_into_equal_parts():
    x = numbered(2, 6)
    first, second, third = run(Slice(parts=3), x, outputs=3)
    np.testing.assert_array_equal(np.stack([first, second, third]), [x[:, :2], x[:, 2:4], x[:, 4:]])


def test_slice_into_parts_of_which_the_last_one_is_smaller():
    x = numbered(2, 7)
    parts = run(Slice(parts=3, smaller_last=True), x, outputs=3)
    for got, want in zip(parts, (x[:, :3], x[:, 3:6], x[:, 6:]), strict=True):
        np.testing.assert_array_equal(got, want)
    with pytest.raises(ShapeError, match="axis 1 of size 3 cannot be cut into 5 parts"):
        run(Slice(parts=5, smaller_last=True), x[:, :3], outputs=5)


@given(shapes, st.data())
def test_flatten(shape, data):
    axis = data.draw(st.integers(0, len(shape) - 1))
    end = data.draw(st.integers(axis, len(shape) - 1))
    x = numbered(*shape)
    want = (*shape[:axis], math.prod(shape[axis : end + 1]), *shape[end + 1 :])
    for a, e in ((axis, end), (axis - len(shape), end - len(shape))):
        np.testing.assert_array_equal(run(Flatten(axis=a, end_axis=e), x), x.reshape(want))


def test_flatten_nothing_inserts_an_axis():
    assert run(Flatten(axis=2, end_axis=1), numbered(2, 3, 4)).shape == (2, 3, 1, 4)


@pytest.mark.parametrize(
    ("options", "want"),
    [
        ({"shape": (0, -1)}, (2, 60)),
        ({"shape": (0, 0, -1, 5)}, (2, 3, 4, 5)),
        ({"shape": (-1,)}, (120,)),
        ({"shape": (6, 20)}, (6, 20)),
        ({"shape": (0, -1), "axis": 1}, (2, 3, 20)),
        ({"shape": (-1, 4), "axis": -3}, (2, 3, 5, 4)),
        ({"shape": (2, 2), "axis": 2, "num_axes": 1}, (2, 3, 2, 2, 5)),
        ({"shape": (1,), "axis": 1, "num_axes": 0}, (2, 1, 3, 4, 5)),
        ({"shape": (1, 1), "axis": -1}, (2, 3, 4, 5, 1, 1)),
        ({"shape": (), "axis": 1, "num_axes": 0}, (2, 3, 4, 5)),
    ],
)
def test_reshape(options, want):
    x = numbered(2, 3, 4, 5)
    np.testing.assert_array_equal(run(Reshape(**options), x), x.reshape(want))


@given(shapes, st.data())
def test_permute(shape, data):
    order = tuple(data.draw(st.permutations(range(len(shape)))))
    stated = order[: data.draw(st.integers(0, len(shape)))]
    full = stated + tuple(axis for axis in range(len(shape)) if axis not in stated)
    x = numbered(*shape)
    np.testing.assert_array_equal(run(Permute(order=stated), x), np.transpose(x, full))


@given(shape_and_axis(), st.data())
def test_crop(case, data):
    shape, axis = case
    start = axis % len(shape)
    sizes = [data.draw(st.integers(1, n)) for n in shape]
    offset = tuple(data.draw(st.integers(0, n - s)) for n, s in zip(shape, sizes, strict=True))[start:]
    x, reference = numbered(*shape), np.zeros((*[1] * start, *sizes[start:]), np.float32)
    window = (slice(None),) * start + tuple(
        slice(o, o + s) for o, s in zip(offset, sizes[start:], strict=True)
    )
    np.testing.assert_array_equal(run(Crop(axis=axis, offset=offset), x, reference), x[window])


@given(shape_and_axis(), st.data())
def test_tile(case, data):
    shape, axis = case
    start = axis % len(shape)
    repeats = tuple(data.draw(st.lists(st.integers(0, 3), max_size=len(shape) - start)))
    want = numbered(*shape)
    for i, count in enumerate(repeats, start):
        want = np.take(want, np.arange(want.shape[i] * count) % want.shape[i], i)
    np.testing.assert_array_equal(run(Tile(repeats=repeats, axis=axis), numbered(*shape)), want)


@given(st.sampled_from(["constant", "edge", "reflect", "symmetric", "wrap"]), st.data())
def test_pad(mode, data):
    shape = tuple(data.draw(st.lists(st.integers(3, 5), min_size=2, max_size=3)))
    amounts = [(data.draw(st.integers(-1, 2)), data.draw(st.integers(-1, 2))) for _ in shape[1:]]
    before, after = zip(*amounts, strict=True)
    x = numbered(*shape)
    window = (slice(max(0, -b), n + min(0, a)) for n, (b, a) in zip(shape[1:], amounts, strict=True))
    want = np.pad(x[(slice(None), *window)], [(0, 0), *((max(0, b), max(0, a)) for b, a in amounts)], mode)
    got = run(Pad(before=before, after=after, axis=1, mode=mode), x)
    np.testing.assert_array_equal(got, want)


def test_pad_by_hand():
    x = np.float32([[1, 2, 3]])
    for mode, want in {
        "constant": [9, 9, 1, 2, 3, 9],
        "edge": [1, 1, 1, 2, 3, 3],
        "reflect": [3, 2, 1, 2, 3, 2],
        "symmetric": [2, 1, 1, 2, 3, 3],
        "wrap": [2, 3, 1, 2, 3, 1],
    }.items():
        got = run(Pad(before=(2,), after=(1,), axis=-1, mode=mode, value=9.0), x)
        np.testing.assert_array_equal(got, [want])


def test_pad_of_axes_in_any_order():
    x = numbered(2, 3, 4)
    got = run(Pad(before=(1, 0), after=(0, 2), axes=(-1, 0), value=5.0), x)
    want = np.pad(x, [(0, 2), (0, 0), (1, 0)], constant_values=5)
    np.testing.assert_array_equal(got, want)


def test_pad_shifts():
    got = run(Pad(before=(0, 1), after=(0, -1)), np.float32([[1, 2, 3]]))
    np.testing.assert_array_equal(got, [[0, 1, 2]])


def test_reverse():
    x = numbered(2, 3, 4)
    np.testing.assert_array_equal(run(Reverse(axes=(0, -1)), x), x[::-1, :, ::-1])


@given(st.integers(1, 3), st.integers(1, 3), st.sampled_from([1, -1]))
def test_shuffle_channel(groups, per_group, axis):
    x = numbered(2, groups * per_group) if axis == -1 else numbered(2, groups * per_group, 2, 3)
    got = run(ShuffleChannel(groups=groups, axis=axis), x)
    for g, i in itertools.product(range(groups), range(per_group)):
        np.testing.assert_array_equal(got[:, i * groups + g], x[:, g * per_group + i])


@given(
    st.integers(1, 3),
    st.lists(st.integers(1, 3), min_size=1, max_size=3),
    st.sampled_from(["block_first", "channel_first"]),
    st.booleans(),
)
def test_space_to_depth(block, outer, order, channels_last):
    channels, rank = 2, len(outer)
    x = numbered(2, channels, *(block * n for n in outer))
    want = np.zeros((2, channels * block**rank, *outer), np.float32)
    for c, (k, place) in itertools.product(
        range(channels), enumerate(itertools.product(range(block), repeat=rank))
    ):
        target = k * channels + c if order == "block_first" else c * block**rank + k
        want[:, target] = x[(slice(None), c, *(slice(p, None, block) for p in place))]
    axis = 1
    if channels_last:
        x, want, axis = np.moveaxis(x, 1, -1), np.moveaxis(want, 1, -1), -1
    got = run(SpaceToDepth(block=block, order=order, axis=axis), x)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(run(DepthToSpace(block=block, order=order, axis=axis), got), x)


@given(st.integers(1, 3), st.integers(1, 2), st.integers(1, 2), st.integers(1, 3))
def test_reorg(s, c, h, w):
    c, h, w = c * s * s, h * s, w * s
    x = numbered(2, c, h, w)
    flat = x.reshape(2, -1)
    want = np.zeros_like(flat)
    for k, j, i in itertools.product(range(c), range(h), range(w)):
        place, channel = divmod(k, c // s**2)
        row, column = j * s + place // s, i * s + place % s
        want[:, i + w * (j + h * k)] = flat[:, column + w * s * (row + h * s * channel)]
    np.testing.assert_array_equal(run(Reorg(stride=s), x), want.reshape(2, c * s * s, h // s, w // s))


def test_gather():
    x = numbered(4, 3, 2)
    got = run(Gather(), x, np.float32([3, 0, 0, -1]))
    np.testing.assert_array_equal(got, x[[3, 0, 0, 3]])
    got = run(Gather(axis=1), x, np.int32([[2, 0], [1, 5]]))
    np.testing.assert_array_equal(got[:, 0], x[:, [2, 0]])
    np.testing.assert_array_equal(got[:, 1, 0], x[:, 1])
    assert np.isnan(got[:, 1, 1]).all()


@settings(max_examples=12)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=6))
def test_filter(selector):
    a, b = numbered(len(selector), 2), numbered(len(selector), 1, 3)
    mark = np.float32(selector).reshape(-1, 1)
    kept = np.flatnonzero(selector)
    for got, x in zip(run(Filter(), a, b, mark, outputs=2), (a, b), strict=True):
        np.testing.assert_array_equal(got, x[kept])


def test_filter_is_padded_inside_a_program():
    x, mark = numbered(3, 2), np.float32([0, 1, 0])
    net = net_of(Filter(), x, mark)
    got = net.apply(net.params, {"x0": x, "x1": mark})["y0"]
    assert isinstance(got, Padded)
    assert got.shape == (3, 2)
    assert int(got.count) == 1
    assert net.outputs["y0"].shape == (None, 2)


@pytest.mark.parametrize(
    ("layer", "inputs"),
    [
        (Concat(axis=0), 2),
        (Slice(parts=2, axis=0), 1),
        (Flatten(axis=0), 1),
        (Reshape(shape=(-1,)), 1),
        (Permute(order=(1, 0)), 1),
        (Tile(repeats=(2,)), 1),
        (Pad(before=(1,), after=(0,)), 1),
        (Reverse(axes=(0,)), 1),
    ],
)
def test_constants_stay_constant(layer, inputs):
    got = LOWERINGS[type(layer)].function(layer, {}, *[numbered(2, 2)] * inputs)
    assert isinstance(got[0] if isinstance(got, tuple) else got, np.ndarray)


def test_constant_indices_are_checked():
    gather = LOWERINGS[Gather].function
    np.testing.assert_array_equal(gather(Gather(), {}, numbered(3), np.array([-1, 0])), [2, 0])
    with pytest.raises(ShapeError, match=r"the indices \[3\] leave axis 0 of size 3"):
        gather(Gather(), {}, numbered(3), np.array([3]))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Slice(parts=3, points=(1,)), "3 parts need 2 slice points, 1 given"),
        (lambda: Slice(parts=3, points=(2, 1)), "slice points must increase"),
        (lambda: Slice(parts=2, points=(0,)), "slice points must increase from above 0"),
        (lambda: Reshape(shape=(-1, -1)), "at most one size can be inferred"),
        (lambda: Reshape(shape=(-2,)), "shape must be at least -1"),
        (lambda: Permute(order=(0, 1, 0)), "repeats an axis"),
        (lambda: Crop(offset=-1), "offset must be at least 0"),
        (lambda: Tile(repeats=(-1,)), "repeats must be at least 0"),
        (lambda: Pad(before=(1,), after=()), "before has 1 values and after has 0"),
        (lambda: Pad(before=(1,), after=(1,), mode="mirror"), "mode must be one of"),
        (lambda: Pad(before=(1,), after=(1,), axes=(0, 1)), "1 values are given for 2 axes"),
        (lambda: ShuffleChannel(groups=0), "groups must be at least 1"),
        (lambda: SpaceToDepth(block=2, order="?"), "order must be one of"),
        (lambda: Reorg(stride=0), "stride must be at least 1"),
    ],
)
def test_bad_attributes(build, message):
    with pytest.raises(LayerError, match=message):
        build()


@pytest.mark.parametrize(
    ("layer", "sizes", "message"),
    [
        (Concat(), [(2, 3, 4), (2, 3, 5)], "2x3x4 and 2x3x5 differ outside axis 1"),
        (Concat(), [(2, 3), (2, 3, 1)], "2x3 and 2x3x1 differ"),
        (Concat(axis=2), [(2, 3)], "axis 2 is out of range for 2 axes"),
        (Slice(parts=2, points=(9,)), [(2, 6)], "slice point 9 is beyond axis 1 of size 6"),
        (Slice(parts=2), [(2, 5)], "axis 1 of size 5 cannot be cut into 2 equal parts"),
        (Flatten(axis=3, end_axis=1), [(1, 2, 3, 4)], "end_axis 1 lies before axis 3"),
        (Reshape(shape=(2, 5)), [(2, 3)], "2x3 has 6 elements and cannot become 2x5, which has 10"),
        (Reshape(shape=(4, -1)), [(2, 3)], "6 is no multiple of 4"),
        (Reshape(shape=(2, 3, 0)), [(2, 3)], "copies .0. an axis that the input 2x3 lacks"),
        (Reshape(shape=(1,), axis=1, num_axes=2), [(2, 3)], "axes 1 to 2 cannot be replaced"),
        (Permute(order=(2,)), [(2, 3)], "axis 2 is out of range"),
        (Crop(offset=3), [(1, 1, 8, 8), (1, 1, 6, 5)], r"outside the input: on axis 2 offset 3 \+ 6 > 8"),
        (Crop(offset=(1, 2)), [(2, 3, 4), (2, 3, 4)], "offset has 2 values"),
        (Crop(), [(2, 3, 4), (2, 3)], "another rank"),
        (Tile(repeats=(1, 2), axis=1), [(2, 3)], "2 values from axis 1 on are too many for 2x3"),
        (Pad(before=(-2,), after=(-1,), axis=1), [(2, 3)], "leaves nothing of axis 1 of size 3"),
        (ShuffleChannel(groups=2), [(1, 3)], "groups 2 does not divide 3 channels"),
        (SpaceToDepth(block=2), [(1, 1, 3)], "block 2 does not divide 3"),
        (DepthToSpace(block=2), [(1, 6, 3, 3)], "size 4 does not divide 6 channels"),
        (Reorg(stride=2), [(1, 3, 4, 4)], "square 4 does not divide 3 channels"),
        (Reorg(stride=2), [(1, 4, 3, 4)], "stride 2 does not divide 3 rows"),
        (Reorg(stride=2), [(4, 4)], "batch x channels x height x width expected"),
        (Filter(), [(2, 3), (3,)], "rows differ"),
        (Filter(), [(2, 3), (2, 2)], "more than one element per row"),
    ],
)
def test_shapes_that_do_not_fit(layer, sizes, message):
    with pytest.raises(ShapeError, match=message):
        run(layer, *(numbered(*size) for size in sizes))
