"""Shapes as values, against index formulas."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.tensor import (
    AlignAxes,
    BatchToSpace,
    BroadcastTo,
    ExpandDims,
    Fill,
    FillLike,
    LinSpace,
    Range,
    ReverseSequence,
    Roll,
    ShapeOf,
    SpaceToBatch,
    SplitSizes,
    Squeeze,
    Stack,
    Unstack,
)
from jaxdnn.lowering import LOWERINGS
from support.layer import assert_close, run

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def constant(layer, *inputs):
    """Compute a layer on constants; the result must be one too."""
    y = LOWERINGS[type(layer)].function(layer, {}, *inputs)
    assert isinstance(y, np.ndarray)
    return y


@pytest.mark.parametrize(("what", "want"), [("sizes", [2, 3, 4]), ("rank", 3), ("count", 24)])
def test_shape_of(what, want):
    got = constant(ShapeOf(what=what), X)
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got, want)


def test_fill_and_broadcast():
    np.testing.assert_array_equal(run(Fill(shape=(2, 3)), np.int32(7)), np.full((2, 3), 7))
    np.testing.assert_array_equal(run(FillLike(value=1.0), X), np.ones_like(X))
    assert constant(FillLike(), X.astype(np.int32)).dtype == np.int32
    np.testing.assert_array_equal(run(BroadcastTo(shape=(2, 2, 3, 4)), X)[1], X)
    got = run(BroadcastTo(shape=(2, 1, 1, 4), mutual=True), X[..., :1])
    np.testing.assert_array_equal(got, np.broadcast_to(X[..., :1], (2, 2, 3, 4)))
    with pytest.raises(ShapeError, match="the value is 2, a scalar expected"):
        run(Fill(shape=(2,)), np.zeros(2, np.float32))
    with pytest.raises(ShapeError, match="2x3x4"):
        run(BroadcastTo(shape=(5,)), X)


@given(st.integers(-5, 5), st.integers(-5, 12), st.integers(-3, 3).filter(bool))
def test_range(start, limit, step):
    got = constant(Range(), *(np.array(value, np.int32) for value in (start, limit, step)))
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got, range(start, limit, step))


def test_range_of_what_is_computed():
    with pytest.raises(ShapeError, match="the limit depends on the data"):
        LOWERINGS[Range].function(Range(), {}, np.int32(0).reshape(()), _Traced(), np.int32(1).reshape(()))
    with pytest.raises(ShapeError, match="the step is 0"):
        constant(Range(), *(np.array(value) for value in (0, 3, 0)))


class _Traced:
    """Stands for a value that only the compiled program knows."""


def test_linspace():
    got = run(LinSpace(count=5), np.float32(1), np.float32(-1))
    assert_close(got, [1, 0.5, 0, -0.5, -1])


def test_squeeze_and_expand():
    x = X.reshape(1, 2, 3, 1, 4)
    assert run(Squeeze(), x).shape == (2, 3, 4)
    assert run(Squeeze(axes=(-2,)), x).shape == (1, 2, 3, 4)
    assert run(ExpandDims(axes=(-1,)), X).shape == (2, 3, 4, 1)
    assert run(ExpandDims(axes=(0, 2)), X).shape == (1, 2, 1, 3, 4)
    with pytest.raises(ShapeError, match="axis 1 of 1x2x3x1x4 is not of size 1"):
        run(Squeeze(axes=(1,)), x)


@pytest.mark.parametrize("axis", [0, 1, 3, -1])
def test_stack_and_unstack_are_inverse(axis):
    stacked = run(Stack(axis=axis), X, -X)
    np.testing.assert_array_equal(stacked, np.stack([X, -X], axis))
    parts = run(Unstack(parts=2, axis=axis), stacked, outputs=2)
    np.testing.assert_array_equal(parts[1], -X)


def test_stack_and_unstack_refuse():
    with pytest.raises(ShapeError, match="shapes differ, 2x3x4 and 3x4"):
        run(Stack(), X, X[0])
    with pytest.raises(ShapeError, match="axis 0 of 2x3x4 does not have 3 elements"):
        run(Unstack(parts=3), X, outputs=3)


def test_split_sizes():
    first, second, third = run(SplitSizes(sizes=(1, -1, 1), axis=2), X, outputs=3)
    np.testing.assert_array_equal(first, X[..., :1])
    np.testing.assert_array_equal(second, X[..., 1:3])
    np.testing.assert_array_equal(third, X[..., 3:])
    with pytest.raises(ShapeError, match=r"axis 2 of size 4 cannot be cut into parts of \(1, 2\)"):
        run(SplitSizes(sizes=(1, 2), axis=2), X, outputs=2)


def test_roll():
    np.testing.assert_array_equal(run(Roll(shift=(1, -2), axes=(0, 2)), X), np.roll(X, (1, -2), (0, 2)))


def test_reverse_sequence():
    lengths = np.int32([0, 2, 3])
    want = X.copy()
    for row, length in enumerate(lengths):
        want[:, row, :length] = X[:, row, :length][:, ::-1]
    np.testing.assert_array_equal(run(ReverseSequence(axis=2, batch_axis=1), X, lengths), want)


@settings(max_examples=15)
@given(st.data())
def test_space_to_batch_and_back(data):
    rank = data.draw(st.integers(1, 2))
    block = tuple(data.draw(st.integers(1, 3)) for _ in range(rank))
    size = tuple(data.draw(st.integers(1, 5)) for _ in range(rank))
    before = tuple(data.draw(st.integers(0, 2)) for _ in range(rank))
    padding = tuple((p, p + -(s + 2 * p) % b) for p, s, b in zip(before, size, block, strict=True))
    x = np.random.default_rng(0).standard_normal((2, *size, 3)).astype(np.float32)
    got = run(SpaceToBatch(block=block, padding=padding), x)
    padded = np.pad(x, [(0, 0), *padding, (0, 0)])
    for index, place in enumerate(itertools.product(*map(range, block))):
        part = padded[(slice(None), *(slice(p, None, b) for p, b in zip(place, block, strict=True)))]
        np.testing.assert_array_equal(got[2 * index : 2 * index + 2], part)
    np.testing.assert_array_equal(run(BatchToSpace(block=block, crops=padding), got), x)


def test_blocks_that_do_not_fit():
    with pytest.raises(ShapeError, match="block 2 does not divide the padded size 3"):
        run(SpaceToBatch(block=(2,), padding=((0, 0),)), X)
    with pytest.raises(ShapeError, match="blocks of 4 places do not divide the batch 2"):
        run(BatchToSpace(block=(4,), crops=((0, 0),)), X)
    with pytest.raises(ShapeError, match="1 block sizes do not fit 2 pairs"):
        run(SpaceToBatch(block=(2,), padding=((0, 0), (0, 0))), X)
    with pytest.raises(LayerError, match="block must be at least 1"):
        SpaceToBatch(block=(0,), padding=((0, 0),))


def test_axes_like_another():
    x, other = np.arange(6).reshape(2, 3), np.zeros((4, 2, 3, 5, 1))
    assert run(AlignAxes(axis=1), x, other).shape == (2, 3, 1, 1)
    assert run(AlignAxes(axis=-2), x, other).shape == (2, 3)
    with pytest.raises(ShapeError, match="2x3 does not fit 4x2x3x5x1 from axis 4 on"):
        run(AlignAxes(axis=4), x, other)
