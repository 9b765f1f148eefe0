"""Convolutions that pad and resize by themselves, pools undone, rows changed, and which input a Merge took."""

import numpy as np
import pytest

from jaxdnn.errors import LayerError
from support.layer import assert_close
from support.tensorflow import compute, const, load, node, placeholder

RNG = np.random.default_rng(0)
IMAGE = RNG.standard_normal((2, 4, 5, 3)).astype(np.float32)
FILTER = RNG.standard_normal((3, 3, 3, 2)).astype(np.float32)
PADDINGS = np.int32([[0, 0], [2, 1], [0, 3], [0, 0]])
WINDOW = {"strides": [1, 1, 1, 1], "padding": "VALID"}


def correlate(x, weight):
    rows, columns = x.shape[1] - 2, x.shape[2] - 2
    return sum(x[:, i : i + rows, j : j + columns] @ weight[i, j] for i in range(3) for j in range(3))


class TestMirroredConvolution:
    @pytest.mark.parametrize(("mode", "numpy"), [("REFLECT", "reflect"), ("SYMMETRIC", "symmetric")])
    def test_padded(self, tmp_path, mode, numpy):
        got = compute(tmp_path, "FusedPadConv2D", IMAGE, PADDINGS, FILTER, mode=mode, **WINDOW)
        assert_close(got, correlate(np.pad(IMAGE, PADDINGS, numpy), FILTER))

    @pytest.mark.parametrize("align", [False, True])
    def test_resized(self, tmp_path, align):
        size = np.int32([7, 9])
        options = {"mode": "REFLECT", "resize_align_corners": align}
        arrays = (IMAGE, size, PADDINGS, FILTER)
        got = compute(tmp_path, "FusedResizeAndPadConv2D", *arrays, **options, **WINDOW)
        resized = IMAGE
        for axis, (old, new) in enumerate(((4, 7), (5, 9)), 1):
            places = np.arange(new) * ((old - 1) / (new - 1) if align else old / new)
            first = np.minimum(np.floor(places).astype(int), old - 1)
            share = (places - first).reshape([-1 if i == axis else 1 for i in range(4)])
            after = np.minimum(first + 1, old - 1)
            resized = resized.take(first, axis) * (1 - share) + resized.take(after, axis) * share
        assert_close(got, correlate(np.pad(resized, PADDINGS, "reflect"), FILTER))

    def test_a_strange_mode(self, tmp_path):
        with pytest.raises(LayerError, match="'mode' must be one of REFLECT, SYMMETRIC, got 'EDGE'"):
            compute(tmp_path, "FusedPadConv2D", IMAGE, PADDINGS, FILTER, mode="EDGE", **WINDOW)


def unpooled(x, values, kernel, stride, before):
    """Add each value to the first of the largest elements of its window."""
    y = np.zeros_like(x)
    for n, i, j, c in np.ndindex(values.shape):
        places = [
            (row, column)
            for row in range(max(i * stride - before, 0), min(i * stride - before + kernel, x.shape[1]))
            for column in range(max(j * stride - before, 0), min(j * stride - before + kernel, x.shape[2]))
        ]
        row, column = max(places, key=lambda place: x[n, place[0], place[1], c])
        y[n, row, column, c] += values[n, i, j, c]
    return y


class TestUnpooling:
    @pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
    @pytest.mark.parametrize(
        ("kernel", "stride", "padding"), [(2, 2, "VALID"), (3, 1, "SAME"), (3, 2, "VALID")]
    )
    def test_values_return_to_the_maxima(self, tmp_path, kernel, stride, padding, layout):
        x = RNG.integers(0, 6, (2, 5, 7, 3)).astype(np.float32)
        sizes = [-(-n // stride) if padding == "SAME" else (n - kernel) // stride + 1 for n in (5, 7)]
        values = RNG.standard_normal((2, *sizes, 3)).astype(np.float32)
        want = unpooled(x, values, kernel, stride, 1 if padding == "SAME" else 0)
        order, back = ((0, 1, 2, 3), (0, 1, 2, 3)) if layout == "NHWC" else ((0, 3, 1, 2), (0, 2, 3, 1))
        window, step = ([1, n, n, 1] if layout == "NHWC" else [1, 1, n, n] for n in (kernel, stride))
        options = {"ksize": window, "strides": step, "padding": padding, "data_format": layout}
        arrays = (x.transpose(order), values.transpose(order), values.transpose(order))
        got = compute(tmp_path, "MaxPoolGrad", *arrays, feeds=(0, 2), **options)
        assert_close(got.transpose(back), want)


@pytest.mark.parametrize(("op", "sign"), [("InplaceUpdate", 0), ("InplaceAdd", 1), ("InplaceSub", -1)])
def test_rows_are_changed(tmp_path, op, sign):
    x, values = IMAGE[0, :, :, 0], IMAGE[1, :2, :, 0]
    want = x.copy()
    want[[3, 0]] = x[[3, 0]] + sign * values if sign else values
    assert_close(compute(tmp_path, op, x, np.int32([3, 0]), values, feeds=(0, 1, 2)), want)


class TestMerge:
    @pytest.mark.parametrize("swapped", [False, True])
    def test_the_second_output_tells_the_input(self, tmp_path, swapped):
        parts = (
            placeholder("x", (3,)),
            placeholder("p", (), "bool"),
            node("s", "Switch", "x", "p"),
            node("no", "Neg", "s"),
            node("yes", "Square", "s:1"),
            node("y", "Merge", *(("yes", "no") if swapped else ("no", "yes"))),
        )
        net = load(tmp_path, *parts, outputs=["y", "y:1"])
        x = np.float32([1, 2, 3])
        for decision in (False, True):
            got = net(x=x, p=np.array(decision))
            assert_close(np.asarray(got["y"]), x * x if decision else -x)
            assert int(got["y:1"]) == decision ^ swapped

    def test_a_decision_of_the_file(self, tmp_path):
        parts = (
            placeholder("x", (3,)),
            const("p", np.array(True)),
            node("s", "Switch", "x", "p"),
            node("no", "Neg", "s"),
            node("yes", "Square", "s:1"),
            node("y", "Merge", "no", "yes"),
        )
        got = load(tmp_path, *parts, outputs=["y", "y:1"])(np.float32([1, 2, 3]))
        assert_close(np.asarray(got["y"]), np.float32([1, 4, 9]))
        assert int(got["y:1"]) == 1
