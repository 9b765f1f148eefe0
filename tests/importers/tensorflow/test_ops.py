"""Ops by family, against numpy: what attributes and inputs mean."""

import numpy as np
import pytest

from jaxdnn.errors import JaxdnnWarning, LayerError, ShapeError
from support.layer import assert_close
from support.tensorflow import Type, compute, const, load, node, placeholder

RNG = np.random.default_rng(0)
IMAGE = RNG.standard_normal((2, 5, 6, 4)).astype(np.float32)
FILTER = RNG.standard_normal((3, 3, 4, 2)).astype(np.float32)


def correlate(x, weight, stride=1):
    """Slide a filter (rows, columns, in, out) over images without padding."""
    height, width = weight.shape[:2]
    rows, columns = x.shape[1] - height + 1, x.shape[2] - width + 1
    y = sum(x[:, i : i + rows, j : j + columns] @ weight[i, j] for i in range(height) for j in range(width))
    return y[:, ::stride, ::stride]


VALID = {"strides": [1, 1, 1, 1], "padding": "VALID"}


class TestConvolution:
    @pytest.mark.parametrize("feeds", [(0,), (0, 1)])
    def test_filters_are_weights_or_inputs(self, tmp_path, feeds):
        got = compute(tmp_path, "Conv2D", IMAGE, FILTER, feeds=feeds, **VALID)
        assert_close(got, correlate(IMAGE, FILTER))

    def test_same_padding_has_the_odd_zero_at_the_end(self, tmp_path):
        got = compute(tmp_path, "Conv2D", IMAGE, FILTER, strides=[1, 2, 2, 1], padding="SAME")
        padded = np.pad(IMAGE, [(0, 0), (1, 1), (0, 1), (0, 0)])
        assert_close(got, correlate(padded, FILTER, 2))

    def test_explicit_padding_with_channels_first(self, tmp_path):
        got = compute(
            tmp_path,
            "Conv2D",
            IMAGE.transpose(0, 3, 1, 2),
            FILTER,
            strides=[1, 1, 1, 1],
            padding="EXPLICIT",
            explicit_paddings=[0, 0, 0, 0, 1, 0, 0, 2],
            data_format="NCHW",
        )
        padded = np.pad(IMAGE, [(0, 0), (1, 0), (0, 2), (0, 0)])
        assert_close(got, correlate(padded, FILTER).transpose(0, 3, 1, 2))

    def test_a_filter_of_fewer_channels_makes_groups(self, tmp_path):
        weight = RNG.standard_normal((3, 3, 2, 4)).astype(np.float32)
        want = [correlate(IMAGE[..., i : i + 2], weight[..., i : i + 2]) for i in (0, 2)]
        got = compute(tmp_path, "Conv2D", IMAGE, weight, **VALID)
        assert_close(got, np.concatenate(want, -1))

    @pytest.mark.parametrize("feeds", [(0,), (0, 1)])
    def test_depthwise(self, tmp_path, feeds):
        want = [correlate(IMAGE[..., c : c + 1], FILTER[:, :, c : c + 1]) for c in range(4)]
        got = compute(tmp_path, "DepthwiseConv2dNative", IMAGE, FILTER, feeds=feeds, **VALID)
        assert_close(got, np.concatenate(want, -1))

    @pytest.mark.parametrize("feeds", [(2,), (1, 2)])
    def test_the_gradient_is_the_adjoint(self, tmp_path, feeds):
        small = RNG.standard_normal((2, 3, 3, 2)).astype(np.float32)
        options = {"strides": [1, 2, 2, 1], "padding": "SAME"}
        size = np.int32([2, 5, 6, 4])
        got = compute(tmp_path, "Conv2DBackpropInput", size, FILTER, small, feeds=feeds, **options)
        forward = compute(tmp_path, "Conv2D", IMAGE, FILTER, **options)
        assert got.shape == IMAGE.shape
        np.testing.assert_allclose((got * IMAGE).sum(), (small * forward).sum(), rtol=1e-4)

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"strides": [2, 1, 1, 1]}, "strides must be 1 for the batch and the channels"),
            ({"strides": [1, 1]}, "strides must have one value per axis"),
            ({"padding": "FULL"}, "'padding' must be one of SAME, VALID, EXPLICIT, got 'FULL'"),
            ({"padding": "EXPLICIT"}, "explicit_paddings must have two values per axis"),
            ({"data_format": "CHWN"}, "'data_format' must be one of NHWC"),
        ],
    )
    def test_attributes_that_make_no_sense(self, tmp_path, changed, message):
        with pytest.raises(LayerError, match=rf"'y' \(Conv2D\): .*{message}"):
            compute(tmp_path, "Conv2D", IMAGE, FILTER, **{**VALID, **changed})


class TestPooling:
    def test_averages_do_not_count_padding(self, tmp_path):
        got = compute(tmp_path, "AvgPool", IMAGE, ksize=[1, 3, 3, 1], strides=[1, 3, 3, 1], padding="SAME")
        assert_close(got[:, 1, 1], IMAGE[:, 3:5, 3:6].mean((1, 2)))
        assert_close(got[:, 0, 0], IMAGE[:, :3, :3].mean((1, 2)))

    def test_kernel_and_stride_as_inputs(self, tmp_path):
        sizes = np.int32([1, 2, 2, 1])
        got = compute(tmp_path, "MaxPoolV2", IMAGE, sizes, sizes, padding="VALID")
        assert_close(got[:, 1, 2], IMAGE[:, 2:4, 4:6].max((1, 2)))
        with pytest.raises(LayerError, match="ksize must be a constant"):
            compute(tmp_path, "MaxPoolV2", IMAGE, sizes, sizes, feeds=(0, 1), padding="VALID")


STATISTICS = (
    np.float32([1, 2, 3, 4]),
    np.float32([0, 1, 0, -1]),
    np.float32([1, 0, 0, 0]),
    np.float32([4, 1, 1, 9]),
)


class TestNormalization:
    @pytest.mark.parametrize("feeds", [(0,), (0, 1)])
    @pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
    def test_fused_batch_norm(self, tmp_path, feeds, layout):
        scale, bias, mean, variance = STATISTICS
        want = (IMAGE - mean) / np.sqrt(variance + 0.01) * scale + bias
        x = IMAGE if layout == "NHWC" else IMAGE.transpose(0, 3, 1, 2)
        options = {"epsilon": 0.01, "is_training": False, "data_format": layout}
        got = compute(tmp_path, "FusedBatchNormV3", x, *STATISTICS, feeds=feeds, **options)
        assert_close(got if layout == "NHWC" else got.transpose(0, 2, 3, 1), want)

    def test_statistics_of_the_batch_are_reported(self, tmp_path):
        arrays = (*STATISTICS[:2], np.zeros(0, np.float32), np.zeros(0, np.float32))
        with pytest.warns(JaxdnnWarning, match="is_training is set"):
            y, mean, variance = compute(
                tmp_path, "FusedBatchNorm", IMAGE, *arrays, outputs=("y", "y:1", "y:2"), epsilon=0.01
            )
        flat = IMAGE.reshape(-1, 4).astype(np.float64)
        assert_close(mean, flat.mean(0))
        assert_close(variance, flat.var(0, ddof=1))
        assert_close(y, (IMAGE - flat.mean(0)) / np.sqrt(flat.var(0) + 0.01) * arrays[0] + arrays[1])

    def test_lrn_does_not_divide_by_the_window(self, tmp_path):
        got = compute(tmp_path, "LRN", IMAGE, depth_radius=1, bias=2.0, alpha=0.5, beta=1.0)
        squares = np.pad(IMAGE**2, [(0, 0)] * 3 + [(1, 1)])
        assert_close(got, IMAGE / (2 + 0.5 * (squares[..., :-2] + squares[..., 1:-1] + squares[..., 2:])))


class TestFused:
    def test_convolution_bias_and_activation(self, tmp_path):
        bias = np.float32([1, -1])
        options = {"strides": [1, 1, 1, 1], "padding": "VALID", "num_args": 1, "leakyrelu_alpha": 0.5}
        got = compute(
            tmp_path, "_FusedConv2D", IMAGE, FILTER, bias, fused_ops=["BiasAdd", "LeakyRelu"], **options
        )
        want = correlate(IMAGE, FILTER) + bias
        assert_close(got, np.where(want > 0, want, want / 2))
        with pytest.raises(LayerError, match="the fused op 'Magic' is not known"):
            compute(tmp_path, "_FusedConv2D", IMAGE, FILTER, fused_ops=["Magic"], **options)
        with pytest.raises(LayerError, match="fused_ops BiasAdd need 1 arguments, 0 are given"):
            compute(tmp_path, "_FusedConv2D", IMAGE, FILTER, fused_ops=["BiasAdd"], **options)


class TestShape:
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)

    def test_an_empty_list_of_axes_reduces_nothing(self, tmp_path):
        np.testing.assert_array_equal(compute(tmp_path, "Sum", self.x, np.zeros(0, np.int32)), self.x)
        assert_close(
            compute(tmp_path, "Mean", self.x, np.int32(-1), keep_dims=True), self.x.mean(-1, keepdims=True)
        )

    def test_zero_is_a_size_in_reshape(self, tmp_path):
        empty = np.zeros((0, 3), np.float32)
        assert compute(tmp_path, "Reshape", empty, np.int32([3, 0])).shape == (3, 0)
        with pytest.raises(ShapeError, match="has 24 elements and cannot become 0x4"):
            compute(tmp_path, "Reshape", self.x, np.int32([0, 4]))

    @pytest.mark.parametrize(("mode", "numpy"), [("REFLECT", "reflect"), ("SYMMETRIC", "symmetric")])
    def test_mirror_pad(self, tmp_path, mode, numpy):
        pads = np.int32([[0, 0], [1, 2], [2, 0]])
        np.testing.assert_array_equal(
            compute(tmp_path, "MirrorPad", self.x, pads, mode=mode), np.pad(self.x, pads, numpy)
        )

    def test_paddings_that_are_computed(self, tmp_path):
        parts = (
            placeholder("x", (None, 3)),
            node("shape", "Shape", "x"),
            const("zeros", np.int32([0, 0])),
            node("pads", "Pack", "shape", "zeros"),
            const("one", np.float32(1)),
            node("y", "PadV2", "x", "pads", "one"),
        )
        got = load(tmp_path, *parts)(self.x[0, :2, :3])["y"]
        np.testing.assert_array_equal(got, np.pad(self.x[0, :2, :3], [(2, 3), (0, 0)], constant_values=1))

    def test_rows_of_a_table_are_an_embedding(self, tmp_path):
        parts = (
            placeholder("i", (2,), "int32"),
            const("table", self.x[0]),
            const("axis", np.int32(0)),
            node("y", "GatherV2", "table", "i", "axis"),
        )
        net = load(tmp_path, *parts)
        assert list(net.params) == ["table"]
        np.testing.assert_array_equal(net(np.int32([2, 0]))["y"], self.x[0, [2, 0]])

    def test_half_weights_are_weights(self, tmp_path):
        parts = (
            placeholder("x", (2, 3)),
            const("half", self.x[0].astype(np.float16)),
            node("w", "Cast", "half", DstT=Type("float32")),
            node("y", "MatMul", "x", "w"),
        )
        net = load(tmp_path, *parts)
        assert list(net.params) == ["half"]
        assert_close(net(self.x[0, :2, :3])["y"], self.x[0, :2, :3] @ self.x[0])


@pytest.mark.parametrize(
    ("flags", "places"),
    [
        ({}, [0, 0.5, 1, 1.5, 2, 2.5]),
        ({"align_corners": True}, [0, 0.4, 0.8, 1.2, 1.6, 2]),
        ({"half_pixel_centers": True}, [0, 0.25, 0.75, 1.25, 1.75, 2]),
    ],
)
def test_resize_conventions(tmp_path, flags, places):
    x = np.float32([1, 5, 2]).reshape(1, 3, 1, 1)
    got = compute(tmp_path, "ResizeBilinear", x, np.int32([6, 1]), **flags)
    assert_close(got.ravel(), np.interp(places, range(3), x.ravel()))
    nearest = compute(tmp_path, "ResizeNearestNeighbor", x, np.int32([6, 1]), **flags)
    wanted = [0, 0, 1, 1, 2, 2]
    np.testing.assert_array_equal(nearest.ravel(), x.ravel()[wanted])


def test_resize_conventions_exclude_each_other(tmp_path):
    flags = {"align_corners": True, "half_pixel_centers": True}
    with pytest.raises(LayerError, match="exclude each other"):
        compute(tmp_path, "ResizeBilinear", IMAGE, np.int32([2, 2]), **flags)


def test_random_numbers_give_way_to_their_mean(tmp_path):
    with pytest.warns(JaxdnnWarning, match="its mean 0.5 takes the place of random numbers"):
        got = compute(tmp_path, "RandomUniform", np.int32([2, 3]), feeds=(), dtype=Type("float32"))
    np.testing.assert_array_equal(got, np.full((2, 3), 0.5))
