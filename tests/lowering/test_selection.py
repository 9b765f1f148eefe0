"""Elements chosen by the data, against numpy: with constants, and padded inside a compiled program."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from jaxdnn import ShapeError
from jaxdnn.layers.indexing import Stitch
from jaxdnn.layers.selection import NonZero, Partition, Unique
from jaxdnn.lowering import LOWERINGS
from support.layer import run

MATRICES = hn.arrays(np.int32, hn.array_shapes(max_dims=3, max_side=4), elements=st.integers(0, 2))
VECTORS = hn.arrays(np.int32, st.integers(1, 8), elements=st.integers(0, 3))


def constant(layer, *inputs):
    """Compute on constants, as shape arithmetic does."""
    return LOWERINGS[type(layer)].function(layer, {}, *inputs)


def compiled(layer, *inputs):
    """Compute where nothing is known, and trim."""
    found = jax.jit(lambda *arrays: constant(layer, *arrays))(*inputs)
    parts = found if isinstance(found, tuple) else (found,)
    return tuple(np.asarray(part.trim() if hasattr(part, "trim") else part) for part in parts)


@given(MATRICES)
def test_non_zero(x):
    np.testing.assert_array_equal(run(NonZero(), x), np.argwhere(x))
    np.testing.assert_array_equal(constant(NonZero(), x), np.argwhere(x))


@given(VECTORS)
def test_unique(x):
    values = list(dict.fromkeys(x.tolist()))
    want = (values, [values.index(v) for v in x], [x.tolist().count(v) for v in values])
    for got in (constant(Unique(), x), compiled(Unique(), x)):
        for one, other in zip(got, want, strict=True):
            np.testing.assert_array_equal(one, other)


@given(VECTORS)
def test_partition_and_stitch(parts):
    x = np.arange(2.0 * len(parts), dtype=np.float32).reshape(-1, 2)
    for compute in (constant, compiled):
        for part, rows in enumerate(compute(Partition(parts=3), x, parts)):
            np.testing.assert_array_equal(rows, x[parts == part])

    def there_and_back(parts):
        places = constant(Partition(parts=4), jax.numpy.arange(len(parts)), parts)
        rows = constant(Partition(parts=4), x, parts)
        return constant(Stitch(), *(part.values for part in (*places, *rows)))

    np.testing.assert_array_equal(jax.jit(there_and_back)(parts).trim(), x)


def test_what_does_not_fit():
    with pytest.raises(ShapeError, match="a vector expected, got 2x2"):
        run(Unique(), np.zeros((2, 2), np.float32), outputs=3)
    with pytest.raises(ShapeError, match="parts 3 do not fit 2x2"):
        run(Partition(parts=1), np.zeros((2, 2), np.float32), np.zeros(3, np.int32))
