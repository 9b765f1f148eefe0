"""Images looked up at positions, against loops over the formulas."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.sampling import AffineGrid, GridSample
from support.layer import assert_close, run


def element(line, index, outside, corners):
    """Return an element of a vector, or what counts as one beyond its ends."""
    n = len(line)
    if 0 <= index < n:
        return line[index]
    if outside == "zeros":
        return np.zeros_like(line[0])
    if outside == "border":
        return line[min(max(index, 0), n - 1)]
    while not 0 <= index < n:
        if corners:
            index = -index if index < 0 else 2 * (n - 1) - index
        else:
            index = -1 - index if index < 0 else 2 * n - 1 - index
        if n == 1:
            index = 0
    return line[index]


def keys(d, a=-0.75):
    d = abs(d)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


def lookup(image, place, mode, outside, corners):
    """Interpolate along the first axis, and so on."""
    if image.ndim == 0:
        return image
    p = float(place[0])
    first = int(np.floor(p))
    weights = {
        "nearest": {int(np.rint(p)): 1.0},
        "linear": {first: 1 - (p - first), first + 1: p - first},
        "cubic": {k: keys(p - k) for k in range(first - 1, first + 3)},
    }[mode]
    return sum(
        weight * lookup(element(image, k, outside, corners), place[1:], mode, outside, corners)
        for k, weight in weights.items()
    )


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=3),
    st.sampled_from(["nearest", "linear", "cubic"]),
    st.sampled_from(["zeros", "border", "reflection"]),
    st.booleans(),
    st.integers(0, 1000),
)
def test_grid_sample(sizes, mode, outside, corners, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, 2, *sizes)).astype(np.float32)
    grid = rng.uniform(-2.5, 2.5, (2, 4, *[1] * (len(sizes) - 1), len(sizes))).astype(np.float32)
    got = run(GridSample(mode=mode, outside=outside, align_corners=corners), x, grid)
    want = np.empty((2, 2, *grid.shape[1:-1]))
    for n, *at in itertools.product(range(2), *map(range, grid.shape[1:-1])):
        g = grid[(n, *at)][::-1].astype(np.float64)
        size = np.array(sizes)
        place = (g + 1) / 2 * (size - 1) if corners else ((g + 1) * size - 1) / 2
        for c in range(2):
            want[(n, c, *at)] = lookup(x[n, c], place, mode, outside, corners)
    assert_close(got, want, 1e-4)


def test_what_is_not_a_number_counts_only_where_it_is():
    x = np.array([[[1, np.nan, 3]]], np.float32)
    grid = np.array([[[-1], [1], [0]]], np.float32)
    got = run(GridSample(align_corners=True), x, grid)
    np.testing.assert_array_equal(got, [[[1, 3, np.nan]]])


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("size", [(2, 1, 3, 4), (1, 5, 2, 3, 4), (1, 1, 4)])
def test_affine_grid(size, corners):
    batch, _, *spatial = size
    rank = len(spatial)
    matrix = np.random.default_rng(0).standard_normal((batch, rank, rank + 1)).astype(np.float32)
    want = np.empty((batch, *spatial, rank))
    for n, *at in itertools.product(range(batch), *map(range, spatial)):
        place = [
            -1 + 2 * i / (s - 1) if corners else (2 * i + 1) / s - 1 for i, s in zip(at, spatial, strict=True)
        ]
        want[(n, *at)] = matrix[n] @ [*place[::-1], 1]
    assert_close(run(AffineGrid(size=size, align_corners=corners), matrix), want)


def test_an_unchanged_grid_gives_the_image_back():
    x = np.random.default_rng(0).standard_normal((1, 2, 3, 4)).astype(np.float32)
    matrix = np.array([[[1, 0, 0], [0, 1, 0]]], np.float32)
    for corners in (False, True):
        grid = run(AffineGrid(size=x.shape, align_corners=corners), matrix)
        assert_close(run(GridSample(align_corners=corners), x, grid), x)


def test_errors():
    with pytest.raises(LayerError, match="mode must be one of nearest, linear, cubic, got 'area'"):
        GridSample(mode="area")
    with pytest.raises(LayerError, match="outside must be one of zeros, border, reflection"):
        GridSample(outside="wrap")
    with pytest.raises(ShapeError, match="the grid 2x3x1 does not fit images of 1x1x4"):
        run(GridSample(), np.zeros((1, 1, 4), np.float32), np.zeros((2, 3, 1), np.float32))
    with pytest.raises(LayerError, match="size must be batch, channels and spatial sizes"):
        AffineGrid(size=(1, 2))
    with pytest.raises(ShapeError, match="matrices are 1x2x2, 1x2x3 expected for 1x1x4x4"):
        run(AffineGrid(size=(1, 1, 4, 4)), np.zeros((1, 2, 2), np.float32))
