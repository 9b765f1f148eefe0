"""Ops outside the usual networks: what their attributes and inputs mean, against numpy."""

import numpy as np
import pytest

from jaxdnn.errors import JaxdnnWarning, LayerError
from support.layer import assert_close
from support.tensorflow import Type, compute, load, node, placeholder

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 3, 4)).astype(np.float32)
IMAGE = RNG.uniform(0, 1, (2, 5, 6, 3)).astype(np.float32)


class TestDiagonals:
    def test_versions_align_differently(self, tmp_path):
        arrays = X, np.int32([-1, 1]), np.float32(0)
        right_left = compute(tmp_path, "MatrixDiagPartV3", *arrays)
        left_left = compute(tmp_path, "MatrixDiagPartV2", *arrays)
        np.testing.assert_array_equal(right_left[:, 0], X[:, [0, 1, 2], [1, 2, 3]])
        np.testing.assert_array_equal(left_left[:, 2, :2], X[:, [1, 2], [0, 1]])
        stated = compute(tmp_path, "MatrixDiagPartV3", *arrays, align="LEFT_RIGHT")
        np.testing.assert_array_equal(stated[:, 2], np.pad(X[:, [1, 2], [0, 1]], [(0, 0), (1, 0)]))

    def test_made_and_replaced(self, tmp_path):
        line = X[:, 0, :3]
        want = np.stack([np.diag(row) for row in line])
        np.testing.assert_array_equal(compute(tmp_path, "MatrixDiag", line), want)
        sizes = np.int32(1), np.int32(3), np.int32(4), np.float32(5)
        got = compute(tmp_path, "MatrixDiagV3", line, *sizes)
        assert got.shape == (2, 3, 4)
        np.testing.assert_array_equal(got[:, [0, 1, 2], [1, 2, 3]], line)
        assert (got == 5).sum() == 18
        replaced = compute(tmp_path, "MatrixSetDiagV3", X, line, np.int32(0))
        np.testing.assert_array_equal(replaced[:, range(3), range(3)], line)
        np.testing.assert_array_equal(compute(tmp_path, "MatrixSetDiag", X, line), replaced)
        np.testing.assert_array_equal(compute(tmp_path, "MatrixDiagPart", replaced), line)
        np.testing.assert_array_equal(compute(tmp_path, "DiagPart", compute(tmp_path, "Diag", X)), X)


class TestLinearAlgebra:
    square = (X[:, :3, :3] + 3 * np.eye(3)).astype(np.float32)

    def test_solved(self, tmp_path):
        b = X[:, :, :2].copy()
        want = np.linalg.solve(self.square.swapaxes(1, 2), b)
        assert_close(compute(tmp_path, "MatrixSolve", self.square, b, adjoint=True), want)
        upper = compute(tmp_path, "MatrixTriangularSolve", self.square, b, lower=False)
        assert_close(np.triu(self.square) @ upper, b)
        lower = compute(tmp_path, "MatrixTriangularSolve", self.square, b)
        assert_close(np.tril(self.square) @ lower, b)
        assert_close(
            compute(tmp_path, "MatrixInverse", self.square) @ self.square, np.tile(np.eye(3), (2, 1, 1))
        )

    def test_factors(self, tmp_path):
        s, u, v = compute(tmp_path, "Svd", X, outputs=("y", "y:1", "y:2"))
        assert_close((u * s[:, None]) @ v.swapaxes(1, 2), X)
        assert_close(compute(tmp_path, "Svd", X, compute_uv=False), s)
        q, r = compute(tmp_path, "Qr", X, outputs=("y", "y:1"), full_matrices=True)
        assert_close(q @ r, X)
        positive = self.square @ self.square.swapaxes(1, 2)
        low = compute(tmp_path, "Cholesky", positive)
        assert_close(low @ low.swapaxes(1, 2), positive)
        values = np.linalg.eigvalsh(positive)
        assert_close(compute(tmp_path, "SelfAdjointEigV2", positive, outputs=("y", "y:1"))[0], values)
        assert_close(compute(tmp_path, "SelfAdjointEigV2", positive, compute_v=False), values)
        sign, log = compute(tmp_path, "LogMatrixDeterminant", self.square, outputs=("y", "y:1"))
        assert_close(sign * np.exp(log), compute(tmp_path, "MatrixDeterminant", self.square), 1e-4)

    def test_a_sparse_matrix(self, tmp_path):
        places, values = np.int32([[0, 1], [2, 0]]), np.float32([3, 5])
        dense = np.zeros((3, 2), np.float32)
        dense[0, 1], dense[2, 0] = values
        arrays = places, values, np.int32([3, 2]), X[0]
        got = compute(tmp_path, "SparseTensorDenseMatMul", *arrays, feeds=(1, 3), adjoint_a=True)
        assert_close(got, dense.T @ X[0])

    def test_adjoints_are_conjugate(self, tmp_path):
        a = (X + 1j * X[::-1]).astype(np.complex64)
        got = compute(tmp_path, "BatchMatMulV2", a, a, feeds=(0, 1), adj_x=True, T=Type("complex64"))
        assert np.abs(got - a.conj().swapaxes(1, 2) @ a).max() < 1e-4


class TestFourier:
    def test_sizes_are_inputs(self, tmp_path):
        y = compute(tmp_path, "RFFT", X, np.int32([6]))
        np.testing.assert_allclose(y, np.fft.rfft(X, 6), atol=1e-5)
        np.testing.assert_allclose(compute(tmp_path, "IRFFT", y, np.int32([6]))[..., :4], X, atol=1e-5)
        plane = compute(tmp_path, "RFFT2D", X, np.int32([3, 4]))
        np.testing.assert_allclose(plane, np.fft.rfft2(X), atol=1e-5)
        np.testing.assert_allclose(compute(tmp_path, "IRFFT2D", plane, np.int32([3, 4])), X, atol=1e-5)

    def test_complex(self, tmp_path):
        z = compute(tmp_path, "Complex", X, X[::-1].copy(), feeds=(0, 1))
        for op, reference in {"FFT": np.fft.fft, "IFFT2D": np.fft.ifft2, "FFT3D": np.fft.fftn}.items():
            np.testing.assert_allclose(compute(tmp_path, op, z), reference(z), atol=2e-5)
        for op, reference in {
            "Real": np.real,
            "Imag": np.imag,
            "Angle": np.angle,
            "ComplexAbs": np.abs,
        }.items():
            np.testing.assert_allclose(compute(tmp_path, op, z), reference(z), atol=1e-6)


class TestNumbersOfRows:
    def test_segments(self, tmp_path):
        numbers = np.int32([0, 0, 2])
        x = X[0]
        np.testing.assert_allclose(
            compute(tmp_path, "SegmentMean", x, numbers), [x[:2].mean(0), x[0] * 0, x[2]]
        )
        unsorted = np.int32([1, -1, 1])
        got = compute(tmp_path, "UnsortedSegmentSum", x, unsorted, np.int32(3), feeds=(0, 1))
        np.testing.assert_allclose(got, [x[0] * 0, x[0] + x[2], x[0] * 0])
        chosen = np.int32([2, 0, 2])
        got = compute(tmp_path, "SparseSegmentSqrtN", x, chosen, np.int32([0, 0, 1]))
        np.testing.assert_allclose(got, [(x[2] + x[0]) / np.sqrt(2), x[2]], rtol=1e-5)
        arrays = x, chosen, np.int32([0, 0, 2]), np.int32(4)
        got = compute(tmp_path, "SparseSegmentMeanWithNumSegments", *arrays)
        np.testing.assert_allclose(got, [(x[2] + x[0]) / 2, x[0] * 0, x[2], x[0] * 0], rtol=1e-5)

    def test_counts(self, tmp_path):
        values, none = np.int32([[1, 1, 5], [0, 2, 1]]), np.zeros(0, np.float32)
        size = np.int32(3)
        np.testing.assert_array_equal(compute(tmp_path, "Bincount", values, size, none), [1, 3, 1])
        got = compute(tmp_path, "DenseBincount", values, size, none, binary_output=True)
        np.testing.assert_array_equal(got, [[0, 1, 0], [1, 1, 1]])
        parts = compute(tmp_path, "HistogramFixedWidth", X, np.float32([-1, 1]), np.int32(4))
        np.testing.assert_array_equal(parts, np.histogram(X.clip(-1, 1), 4, (-1, 1))[0])

    def test_places(self, tmp_path):
        ordered, values = np.float32([[1, 2, 2, 4]]), np.float32([[2, 5, 0]])
        np.testing.assert_array_equal(compute(tmp_path, "LowerBound", ordered, values), [[1, 4, 0]])
        np.testing.assert_array_equal(compute(tmp_path, "UpperBound", ordered, values), [[3, 4, 0]])
        got = compute(tmp_path, "Bucketize", np.int32([[-5, 0], [3, 10]]), boundaries=[0.0, 10.0])
        np.testing.assert_array_equal(got, [[0, 1], [1, 2]])
        np.testing.assert_array_equal(compute(tmp_path, "InvertPermutation", np.int32([2, 0, 1])), [1, 2, 0])
        arrays = np.float32([[1, 2], [2, 1]]), np.int32([1, 1])
        np.testing.assert_array_equal(compute(tmp_path, "InTopK", *arrays, k=1), [True, False])
        np.testing.assert_array_equal(compute(tmp_path, "InTopKV2", *arrays, np.int32(2)), [True, True])


class TestImages:
    def test_contrast_and_colour(self, tmp_path):
        mean = IMAGE.mean((1, 2), keepdims=True)
        assert_close(compute(tmp_path, "AdjustContrastv2", IMAGE, np.float32(2)), (IMAGE - mean) * 2 + mean)
        hsv = compute(tmp_path, "RGBToHSV", IMAGE)
        assert_close(compute(tmp_path, "HSVToRGB", hsv), IMAGE)
        grey = compute(tmp_path, "AdjustSaturation", IMAGE, np.float32(0))
        assert_close(grey, np.repeat(IMAGE.max(-1, keepdims=True), 3, -1))
        assert_close(compute(tmp_path, "AdjustHue", IMAGE, np.float32(1 / 3)), IMAGE[..., [2, 0, 1]])

    def test_area(self, tmp_path):
        got = compute(tmp_path, "ResizeArea", IMAGE, np.int32([5, 2]))
        assert_close(got, IMAGE.reshape(2, 5, 2, 3, 3).mean(3))

    def test_dilation(self, tmp_path):
        shifts = RNG.normal(size=(1, 2, 3)).astype(np.float32)
        options = {"strides": [1, 1, 1, 1], "rates": [1, 1, 2, 1], "padding": "VALID"}
        got = compute(tmp_path, "Dilation2D", IMAGE, shifts, **options)
        np.testing.assert_array_equal(
            got, np.maximum(IMAGE[:, :, :-2] + shifts[0, 0], IMAGE[:, :, 2:] + shifts[0, 1])
        )

    def test_patches_of_volumes(self, tmp_path):
        x = RNG.normal(size=(1, 4, 4, 2, 3)).astype(np.float32)
        options = {"ksizes": [1, 2, 2, 1, 1], "strides": [1, 2, 2, 1, 1], "padding": "VALID"}
        got = compute(tmp_path, "ExtractVolumePatches", x, **options)
        want = x.reshape(1, 2, 2, 2, 2, 2, 3).transpose(0, 1, 3, 5, 2, 4, 6).reshape(1, 2, 2, 2, 12)
        np.testing.assert_array_equal(got, want)

    def test_depthwise_gradient_is_the_adjoint(self, tmp_path):
        weight = RNG.normal(size=(3, 3, 3, 2)).astype(np.float32)
        options = {"strides": [1, 2, 2, 1], "padding": "SAME"}
        small = RNG.normal(size=(2, 3, 3, 6)).astype(np.float32)
        arrays = np.int32(IMAGE.shape), weight, small
        got = compute(tmp_path, "DepthwiseConv2dNativeBackpropInput", *arrays, feeds=(2,), **options)
        forward = compute(tmp_path, "DepthwiseConv2dNative", IMAGE, weight, **options)
        assert got.shape == IMAGE.shape
        np.testing.assert_allclose((got * IMAGE).sum(), (small * forward).sum(), rtol=1e-4)
        with pytest.raises(LayerError, match="the filter must be a constant of floating numbers"):
            compute(tmp_path, "DepthwiseConv2dNativeBackpropInput", *arrays, feeds=(1, 2), **options)

    @pytest.mark.parametrize("op", ["SpaceToBatch", "BatchToSpace"])
    def test_square_blocks(self, tmp_path, op):
        x = RNG.normal(size=(4, 2, 4, 1)).astype(np.float32)
        pairs = np.int32([[0, 0], [2, 0]])
        got = compute(tmp_path, op, x, pairs, block_size=2)
        np.testing.assert_array_equal(got, compute(tmp_path, f"{op}ND", x, np.int32([2, 2]), pairs))


def test_sound(tmp_path):
    samples = RNG.normal(size=(400, 1)).astype(np.float32)
    options = {"window_size": 64, "stride": 32, "magnitude_squared": True}
    squares = compute(tmp_path, "AudioSpectrogram", samples, **options)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(64) / 64)
    want = [abs(np.fft.rfft(samples[i : i + 64, 0] * window)) ** 2 for i in range(0, 337, 32)]
    assert_close(squares, [want])
    cepstrum = compute(
        tmp_path, "Mfcc", squares, np.int32(16000), filterbank_channel_count=8, dct_coefficient_count=4
    )
    assert cepstrum.shape == (1, 11, 4)
    louder = compute(
        tmp_path, "Mfcc", squares * 100, np.int32(16000), filterbank_channel_count=8, dct_coefficient_count=4
    )
    assert_close(louder[..., 0] - cepstrum[..., 0], np.full((1, 11), np.sqrt(2 * 8) * np.log(10)), 1e-4)


class TestArithmetic:
    def test_vectors_and_norms(self, tmp_path):
        a, b = X[..., :3].copy(), X[..., 1:].copy()
        assert_close(compute(tmp_path, "Cross", a, b, feeds=(0, 1)), np.cross(a, b))
        assert_close(compute(tmp_path, "L2Loss", X), (X.astype(float) ** 2).sum() / 2)
        got = compute(tmp_path, "EuclideanNorm", X, np.int32([-1]), keep_dims=True)
        assert_close(got, np.linalg.norm(X, axis=-1, keepdims=True))

    def test_nearly_equal(self, tmp_path):
        a, b = np.float32([1, 1, 1]), np.float32([1.05, 0.8, 1.2])
        got = compute(tmp_path, "ApproximateEqual", a, b, feeds=(0, 1), tolerance=0.1)
        np.testing.assert_array_equal(got, [True, False, False])

    def test_losses(self, tmp_path):
        scores, labels = X[0], np.int32([1, 0, 3])
        logarithms = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
        want = -logarithms[range(3), labels]
        assert_close(
            compute(tmp_path, "SparseSoftmaxCrossEntropyWithLogits", scores, labels, feeds=(0, 1)), want
        )
        marked = np.eye(4, dtype=np.float32)[labels]
        assert_close(compute(tmp_path, "SoftmaxCrossEntropyWithLogits", scores, marked, feeds=(0, 1)), want)


class TestShapes:
    def test_shapes_that_are_broadcast(self, tmp_path):
        got = compute(tmp_path, "BroadcastArgs", np.int32([2, 1, 3]), np.int32([4, 1]), feeds=())
        np.testing.assert_array_equal(got, [2, 4, 3])

    def test_empty_is_zero(self, tmp_path):
        got = compute(tmp_path, "Empty", np.int32([2, 2]), feeds=(), dtype=Type("int32"), init=True)
        np.testing.assert_array_equal(got, np.zeros((2, 2), np.int32))
        assert got.dtype == np.int32

    def test_layouts(self, tmp_path):
        sizes = np.int32([8, 9, 10, 3])
        np.testing.assert_array_equal(compute(tmp_path, "DataFormatVecPermute", sizes), [8, 3, 9, 10])
        back = {"src_format": "NCHW", "dst_format": "NHWC"}
        np.testing.assert_array_equal(compute(tmp_path, "DataFormatVecPermute", sizes, **back), [8, 10, 3, 9])
        axes = np.int32([0, 1, -2, -1])
        np.testing.assert_array_equal(compute(tmp_path, "DataFormatDimMap", axes), [0, 2, 3, 1])
        with pytest.raises(
            LayerError, match="src_format 'NHWC' and dst_format 'NCW' do not have the same axes"
        ):
            compute(tmp_path, "DataFormatDimMap", axes, dst_format="NCW")


@pytest.mark.parametrize("activation", ["Identity", "Relu"])
@pytest.mark.parametrize("side", [False, True])
def test_batch_norm_with_what_follows(tmp_path, activation, side):
    scale, bias, mean, variance = (
        np.float32(values) for values in ([1, 2, 3], [0, 1, -1], [0.1, 0, 0.5], [4, 1, 9])
    )
    added = (RNG.normal(size=IMAGE.shape).astype(np.float32),) if side else ()
    options = {
        "epsilon": 0.01,
        "is_training": False,
        "num_side_inputs": int(side),
        "activation_mode": activation,
    }
    arrays = IMAGE, scale, bias, mean, variance, *added
    got = compute(tmp_path, "_FusedBatchNormEx", *arrays, feeds=(0, 5)[: 1 + side], **options)
    want = (IMAGE - mean) / np.sqrt(variance + 0.01) * scale + bias + (added[0] if side else 0)
    assert_close(got, np.maximum(want, 0) if activation == "Relu" else want)


class TestRandom:
    @pytest.mark.parametrize(
        ("op", "mean"), [("StatelessRandomUniform", 0.5), ("StatelessTruncatedNormal", 0)]
    )
    def test_means(self, tmp_path, op, mean):
        with pytest.warns(JaxdnnWarning, match=f"its mean {mean}.* takes the place of random numbers"):
            got = compute(tmp_path, op, np.int32([2, 3]), np.int32([1, 2]), feeds=())
        np.testing.assert_array_equal(got, np.full((2, 3), mean))

    def test_the_second_version_takes_a_key(self, tmp_path):
        parts = (
            placeholder("seed", (2,), "int32"),
            placeholder("shape", (1,), "int32"),
            node("key", "StatelessRandomGetKeyCounter", "seed"),
            node("alg", "StatelessRandomGetAlg"),
            node("y", "StatelessRandomNormalV2", "shape", "key", "key:1", "alg"),
        )
        with pytest.warns(JaxdnnWarning, match="its mean 0.0"):
            net = load(tmp_path, *parts)
        np.testing.assert_array_equal(
            net({"shape": np.int32([3]), "seed": np.int32([1, 2])})["y"], np.zeros(3)
        )

    def test_draws(self, tmp_path):
        logits = np.float32([[0, 2, 1], [3, 0, 0]])
        with pytest.warns(JaxdnnWarning, match="the most likely class takes the place of random draws"):
            got = compute(tmp_path, "Multinomial", logits, np.int32(4))
        np.testing.assert_array_equal(got, [[1] * 4, [0] * 4])
        with pytest.warns(JaxdnnWarning, match="the rows stay in their order"):
            np.testing.assert_array_equal(compute(tmp_path, "RandomShuffle", logits), logits)
