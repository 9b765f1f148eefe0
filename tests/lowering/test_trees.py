"""Trees and tables, against loops."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.trees import TESTS, LookUp, TreeLeaves
from jaxdnn.lowering import LOWERINGS
from support.layer import run

COMPARE = {
    "less_equal": np.less_equal,
    "less": np.less,
    "greater_equal": np.greater_equal,
    "greater": np.greater,
    "equal": np.equal,
    "not_equal": np.not_equal,
}


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_leaves(seed):
    random = np.random.default_rng(seed)
    depth, trees = 3, 2
    size = 2 ** (depth + 1) - 1
    places = np.arange(size)
    leaf = places >= size // 2
    offsets = np.arange(trees).reshape(-1, 1) * size
    if_true = (np.where(leaf, places, 2 * places + 1) + offsets).reshape(-1).astype(np.int32)
    if_false = (np.where(leaf, places, 2 * places + 2) + offsets).reshape(-1).astype(np.int32)
    features, tests = (random.integers(0, n, size * trees).astype(np.int32) for n in (4, len(TESTS)))
    thresholds = random.integers(-2, 3, size * trees).astype(np.float32)
    if_nan = random.integers(0, 2, size * trees).astype(bool)
    x = random.integers(-2, 3, (5, 4)).astype(np.float32)
    x[random.random(x.shape) < 0.1] = np.nan
    want = np.empty((5, trees), np.int32)
    for row in range(5):
        for tree in range(trees):
            node = tree * size
            while if_true[node] != node:
                value = x[row, features[node]]
                true = COMPARE[TESTS[tests[node]]](value, thresholds[node])
                true = true or (math.isnan(value) and if_nan[node])
                node = (if_true if true else if_false)[node]
            want[row, tree] = node
    nodes = (features, tests, thresholds, if_true, if_false, if_nan)
    got = run(TreeLeaves(depth=depth), x, offsets.reshape(-1).astype(np.int32), *nodes)
    np.testing.assert_array_equal(got, want)


def test_leaves_need_rows():
    with pytest.raises(ShapeError, match="the input is 4, rows x features expected"):
        run(TreeLeaves(depth=0), np.zeros(4, np.float32), *(np.zeros(1, np.int32) for _ in range(7)))
    with pytest.raises(LayerError, match="depth must be at least 0, got -1"):
        TreeLeaves(depth=-1)


@settings(max_examples=8)
@given(st.lists(st.integers(-3, 3), max_size=6), st.booleans())
def test_looked_up(keys, floats):
    dtype = np.float32 if floats else np.int32
    table = np.array(keys, dtype)
    if floats and len(keys) > 1:
        table[1] = np.nan
    values = np.arange(len(keys), dtype=np.float32)
    x = np.arange(-4, 5).astype(dtype).reshape(3, 3)
    if floats:
        x[1, 1] = np.nan
    same = (table == x[..., None]) | ((table != table) & (x[..., None] != x[..., None]))
    want = np.where(same.any(-1), values[same.argmax(-1)], -1) if keys else np.full(x.shape, -1)
    arrays = (x, table, values, np.float32(-1))
    np.testing.assert_array_equal(run(LookUp(), *arrays), want)
    np.testing.assert_array_equal(LOWERINGS[LookUp].function(LookUp(), {}, *arrays), want)


def test_tables_have_a_value_for_each_key():
    with pytest.raises(ShapeError, match="keys 2, values 3 and default scalar do not fit"):
        run(LookUp(), np.int32([1]), np.int32([1, 2]), np.float32([1, 2, 3]), np.float32(0))
