"""Ops that are variants of usual ones: what they do otherwise, against numpy."""

import numpy as np
import pytest

from jaxdnn import JaxdnnWarning, LayerError
from support.layer import assert_close
from support.tensorflow import Type, compute, const, load, node, placeholder

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3)).astype(np.float32)


@pytest.mark.parametrize("op", ["GuaranteeConst", "DeepCopy"])
def test_other_names(tmp_path, op):
    np.testing.assert_array_equal(compute(tmp_path, op, X), X)


def test_joined_along_the_first_axis(tmp_path):
    got = compute(tmp_path, "ParallelConcat", X, X + 1, feeds=(0, 1))
    np.testing.assert_array_equal(got, np.concatenate([X, X + 1]))


def test_small_integers_are_counted_and_multiplied_in_types_that_hold_them(tmp_path):
    count = compute(tmp_path, "PopulationCount", np.int32([0, 7, -1]))
    np.testing.assert_array_equal(count, np.uint8([0, 3, 32]), strict=True)
    a, b = RNG.integers(-128, 128, (2, 2, 3, 3)).astype(np.int8)
    got = compute(tmp_path, "BatchMatMulV3", a, b, feeds=(0, 1), adj_y=True, Tout=Type("int32"))
    np.testing.assert_array_equal(got, a.astype(np.int32) @ b.astype(np.int32).swapaxes(1, 2), strict=True)
    floats = compute(tmp_path, "BatchMatMulV3", X, X, feeds=(0, 1), adj_y=True, Tout=Type("float32"))
    assert_close(floats, X @ X.T)


@pytest.mark.parametrize("exclusive", [False, True])
def test_logarithms_of_sums_are_accumulated(tmp_path, exclusive):
    got = compute(tmp_path, "CumulativeLogsumexp", X, np.int32(0), exclusive=exclusive, reverse=True)
    sums = np.cumsum(np.exp(X[::-1]), axis=0)[::-1]
    want = np.concatenate([np.log(sums[1:]), np.full((1, 3), -np.inf)]) if exclusive else np.log(sums)
    assert_close(np.exp(got), np.exp(want.astype(np.float32)))


@pytest.mark.parametrize("axis", [np.zeros(0, np.int32), np.int32([0])])
def test_different_elements_of_a_vector(tmp_path, axis):
    x = np.int32([3, 1, 3, 2, 1])
    names = ("y", "y:1", "y:2")
    elements, places, counts = compute(tmp_path, "UniqueWithCountsV2", x, axis, outputs=names)
    np.testing.assert_array_equal(elements, [3, 1, 2])
    np.testing.assert_array_equal(places, [0, 1, 0, 2, 1])
    np.testing.assert_array_equal(counts, [2, 2, 1])
    np.testing.assert_array_equal(compute(tmp_path, "UniqueV2", x, axis), elements)


def test_different_slices_are_refused(tmp_path):
    with pytest.raises(
        LayerError, match="only different elements of a vector are found, not different slices"
    ):
        compute(tmp_path, "UniqueV2", X, np.int32([1]))


def test_the_gradient_of_a_relu(tmp_path):
    gradient = X[::-1].copy()
    got = compute(tmp_path, "ReluGrad", gradient, X, feeds=(0, 1))
    np.testing.assert_array_equal(got, gradient * (X > 0))


def test_running_statistics_move_a_share_of_the_way(tmp_path):
    x = RNG.normal(size=(2, 3, 4, 5)).astype(np.float32)
    scale, bias, mean, variance = RNG.uniform(0.5, 2, (4, 5)).astype(np.float32)
    options = {"is_training": True, "exponential_avg_factor": 0.25, "outputs": ("y:1", "y:2")}
    with pytest.warns(JaxdnnWarning, match="is_training is set"):
        got = compute(tmp_path, "FusedBatchNormV3", x, scale, bias, mean, variance, **options)
    axes = (0, 1, 2)
    assert_close(got[0], 0.75 * mean + 0.25 * x.mean(axes))
    assert_close(got[1], 0.75 * variance + 0.25 * x.var(axes, ddof=1))


def test_one_element_has_no_variance(tmp_path):
    x, parts = X[:1, None, None], [np.ones(3, np.float32)] * 2 + [np.zeros(0, np.float32)] * 2
    with pytest.warns(JaxdnnWarning, match="is_training is set"):
        got = compute(tmp_path, "FusedBatchNormV3", x, *parts, is_training=True, outputs=("y:2",))
    np.testing.assert_array_equal(got, [0, 0, 0])


def test_counts_have_the_type_of_absent_weights(tmp_path):
    got = compute(tmp_path, "DenseBincount", np.int32([1, 2, 2]), np.int32(4), np.zeros(0, np.float32))
    np.testing.assert_array_equal(got, np.float32([0, 1, 2, 0]), strict=True)


def list_of(tmp_path, op, *inputs, **attributes):
    """Return the elements of the list that an op makes of X, indices and further inputs."""
    names = [f"i{i}" for i in range(len(inputs))]
    parts = [const(name, value) for name, value in zip(names, inputs, strict=True)]
    stack = node("y", "TensorListStack", "list", "shape", element_dtype=Type("float32"))
    made = node("list", op, "x", *names, element_dtype=Type("float32"), **attributes)
    net = load(tmp_path, placeholder("x", X.shape), *parts, const("shape", np.int32([3])), made, stack)
    return np.asarray(net(X)["y"])


def test_lists_of_scattered_elements(tmp_path):
    indices, shape = np.int32([2, 0, 3, 1]), np.int32([3])
    want = np.zeros((6, 3), np.float32)
    want[indices] = X
    for inputs, count in (((), 4), ((np.int32(-1),), 4), ((np.int32(6),), 6)):
        op = "TensorListScatterV2" if inputs else "TensorListScatter"
        np.testing.assert_array_equal(list_of(tmp_path, op, indices, shape, *inputs), want[:count])


def test_lists_are_joined(tmp_path):
    got = list_of(tmp_path, "TensorListConcatLists", X + 1)
    np.testing.assert_array_equal(got, np.concatenate([X, X + 1]))


def test_resampling_with_a_kernel(tmp_path):
    image = RNG.normal(size=(1, 4, 6, 2)).astype(np.float32)
    half, zero = np.float32([0.5, 0.5]), np.float32([0, 0])
    got = compute(tmp_path, "ScaleAndTranslate", image, np.int32([2, 3]), half, zero, kernel_type="box")
    assert_close(got, image.reshape(1, 2, 2, 3, 2, 2).mean((2, 4)))
    same = compute(
        tmp_path, "ScaleAndTranslate", image, np.int32([4, 6]), half * 2, zero, kernel_type="keyscubic"
    )
    assert_close(same, image)
    with pytest.raises(
        LayerError, match=r"attribute 'kernel_type' must be one of lanczos1, .*, got 'bilinear'"
    ):
        compute(tmp_path, "ScaleAndTranslate", image, np.int32([2, 3]), half, zero, kernel_type="bilinear")
