"""Operators of com.microsoft, against ONNX Runtime, or numpy where it runs them on other devices only."""

import math

import numpy as np
import pytest

from jaxdnn import LayerError
from support.layer import assert_close
from support.onnx_graphs import agree, compute, load, node, tensor

MICROSOFT = "com.microsoft"
RANDOM = np.random.default_rng(0)


def noise(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def ints(*values):
    return np.array(values, np.int32)


IMAGE, FILTER, SHIFT = noise(1, 4, 6, 7), noise(8, 4, 3, 3) * 0.2, noise(8)
WORDS = ints([1, 2, 3], [3, 0, 2])
TABLES = noise(5, 8), noise(4, 8), noise(2, 8), noise(8), noise(8)
PROJECTED = [noise(2, 5, 8), noise(8, 24), noise(24)]
MASK = ints([1, 1, 1, 0, 0], [1, 1, 1, 1, 1])
JOINED = [noise(2, 5, 8), noise(2, 6, 8), noise(2, 6, 8)]


@pytest.mark.parametrize(
    ("op", "arrays", "options"),
    [
        ("FusedConv", [IMAGE, FILTER, SHIFT], {"activation": "Relu", "pads": [1, 1, 1, 1]}),
        ("FusedConv", [IMAGE, FILTER], {"activation": "LeakyRelu", "activation_params": [0.2]}),
        ("FusedConv", [IMAGE, FILTER, SHIFT], {"activation": "Clip", "activation_params": [-0.5, 0.5]}),
        ("FusedConv", [IMAGE, FILTER], {"activation": "HardSigmoid", "activation_params": [0.3, 0.4]}),
        (
            "FusedConv",
            [IMAGE, FILTER, SHIFT, noise(1, 8, 4, 5)],
            {"activation": "Relu", "feeds": (0, 3)},
        ),
        (
            "FusedGemm",
            [noise(3, 5), noise(5, 4), noise(4)],
            {"activation": "LeakyRelu", "activation_alpha": 0.2},
        ),
        (
            "FusedGemm",
            [noise(3, 5), noise(4, 5), noise(4)],
            {"activation": "Relu", "transB": 1, "alpha": 0.5},
        ),
        ("FusedMatMul", [noise(2, 3, 5), noise(5, 4)], {"alpha": 0.5}),
        ("FusedMatMul", [noise(2, 3, 5), noise(4, 5)], {"transB": 1}),
        ("FusedMatMul", [noise(2, 3, 5), noise(2, 3, 4)], {"transA": 1, "feeds": None}),
        ("Gelu", [noise(2, 5)], {}),
        ("QuickGelu", [noise(2, 5)], {"alpha": 1.5}),
        ("FastGelu", [noise(2, 5), noise(5)], {}),
        ("FastGelu", [noise(2, 5)], {}),
        ("BiasGelu", [noise(2, 5), noise(5)], {}),
        ("SkipLayerNormalization", [*noise(2, 2, 3, 8), noise(8), noise(8), noise(8)], {"feeds": (0, 1)}),
        (
            "SkipLayerNormalization",
            [*noise(2, 2, 3, 8), noise(8)],
            {"outputs": ["o0", "", "", "o3"], "feeds": (0, 1)},
        ),
        ("SkipSimplifiedLayerNormalization", [*noise(2, 2, 3, 8), noise(8)], {"feeds": (0, 1)}),
        ("EmbedLayerNormalization", [WORDS, WORDS % 2, *TABLES], {"outputs": 2, "feeds": (0, 1)}),
        (
            "EmbedLayerNormalization",
            [WORDS, None, *TABLES[:2], None, *TABLES[3:], ints([1, 1, 0], [1, 1, 1])],
            {"outputs": 2, "feeds": (0, 7)},
        ),
        ("Attention", PROJECTED, {"num_heads": 2}),
        ("Attention", PROJECTED, {"num_heads": 2, "scale": 0.3, "unidirectional": 1}),
        ("Attention", PROJECTED, {"num_heads": 2, "outputs": 2}),
        ("Attention", [*PROJECTED, MASK], {"num_heads": 2, "feeds": (0, 3)}),
        ("Attention", [*PROJECTED, None, None, noise(2, 2, 5, 5)], {"num_heads": 2, "feeds": (0, 5)}),
        (
            "Attention",
            [noise(2, 5, 8), noise(8, 20), noise(20)],
            {"num_heads": 2, "qkv_hidden_sizes": [6, 6, 8]},
        ),
        ("MultiHeadAttention", [*JOINED, noise(24)], {"num_heads": 2, "feeds": (0, 1, 2)}),
        ("MultiHeadAttention", [*JOINED, None, MASK[:, [0, 1, 2, 3, 4, 4]]], {"num_heads": 2, "feeds": None}),
        ("MultiHeadAttention", [JOINED[0], *noise(2, 2, 2, 6, 4)], {"num_heads": 2, "feeds": None}),
        ("Inverse", [noise(2, 3, 3) + 2 * np.eye(3, dtype=np.float32)], {}),
        (
            "CropAndResize",
            [IMAGE, np.float32([[0.1, 0.2, 0.8, 0.7], [0, 0, 1.2, 1]]), ints(0, 0), ints(4, 5)],
            {"mode": "bilinear", "extrapolation_value": 2.0, "feeds": (0, 1, 2)},
        ),
        ("Unique", [np.float32([3, 1, 3, 2, 1])], {"outputs": 3}),
        (
            "GridSample",
            [IMAGE, noise(1, 3, 4, 2)],
            {"mode": "bicubic", "padding_mode": "border", "feeds": None},
        ),
        ("ExpandDims", [noise(2, 3), ints(-1).reshape(())], {}),
        ("Trilu", [noise(3, 4)], {"upper": 0}),
        ("GatherND", [noise(3, 4), np.int64([[0], [2]])], {}),
        ("Pad", [noise(2, 3), np.int64([0, 1, 1, 0]), np.float32(2)], {"mode": "constant"}),
        (
            "ConvTransposeWithDynamicPads",
            [noise(1, 4, 5, 5), noise(4, 3, 3, 3), np.int64([1, 1, 0, 1]), noise(3)],
            {"strides": [2, 2]},
        ),
    ],
)
def test_against_onnx_runtime(tmp_path, op, arrays, options):
    tolerance = 1e-4 if "LayerNorm" in op or op in ("Inverse", "BiasGelu") else 1e-5
    agree(tmp_path, op, arrays, domain=MICROSOFT, tolerance=tolerance, **options)


@pytest.mark.parametrize("op", ["LayerNormalization", "SimplifiedLayerNormalization"])
def test_names_that_the_standard_lacked(tmp_path, op):
    arrays = [noise(2, 3, 8), *noise(2 if op == "LayerNormalization" else 1, 8)]
    agree(tmp_path, op, arrays, opset=16, axis=-1, epsilon=1e-3, tolerance=1e-4)


def apply(tmp_path, op, *arrays, **options):
    return compute(tmp_path, op, *arrays, domain=MICROSOFT, **options)


def softmax(x):
    shares = np.exp(x - x.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)


def test_what_other_devices_compute(tmp_path):
    x, bias, skip = noise(2, 3, 4), noise(4), noise(2, 3, 4)
    fed = {"feeds": (0, 2)}
    assert_close(apply(tmp_path, "BiasAdd", x, bias, skip, **fed), x + bias + skip)
    y, mask = apply(tmp_path, "BiasDropout", x, bias, skip, outputs=2, **fed)
    assert_close(y, x + bias + skip)
    assert mask.dtype == bool
    assert mask.all()
    left, right = np.split(x + bias, 2, axis=-1)
    gelu = np.vectorize(lambda v: v * (1 + math.erf(v / math.sqrt(2))) / 2)(right)
    assert_close(apply(tmp_path, "BiasSplitGelu", x, bias), left * gelu)
    flat = (x + skip[:1]).reshape(2, -1)
    got = apply(tmp_path, "BiasSoftmax", x, skip[:1], axis=1, is_inner_broadcast=1)
    assert_close(got, softmax(flat).reshape(x.shape))
    assert_close(apply(tmp_path, "BiasSoftmax", x, bias, axis=-1), softmax(x + bias))


def test_fourier(tmp_path):
    x = noise(2, 8)
    transformed = np.fft.rfft(x)
    pairs = np.stack([transformed.real, transformed.imag], -1).astype(np.float32)
    options = {"signal_ndim": 1, "normalized": 0, "onesided": 1}
    assert_close(apply(tmp_path, "Rfft", x, **options), pairs)
    assert_close(apply(tmp_path, "Irfft", pairs, **options), x)


@pytest.mark.parametrize("last", [False, True])
def test_group_norm(tmp_path, last):
    x, scale, bias = noise(2, 4, 5, 8), noise(8), noise(8)
    groups = x.reshape(2, 20, 4, 2)
    normal = (groups - groups.mean((1, 3), keepdims=True)) / np.sqrt(groups.var((1, 3), keepdims=True) + 1e-5)
    want = normal.reshape(x.shape) * scale + bias
    want /= 1 + np.exp(-want)
    order = (0, 1, 2, 3) if last else (0, 3, 1, 2)
    options = {"groups": 4, "activation": 1, "channels_last": int(last)}
    got = apply(tmp_path, "GroupNorm", x.transpose(order), scale, bias, **options)
    assert_close(got, want.transpose(order), 1e-4)


def test_queries_keys_and_values_in_one_array(tmp_path):
    x = noise(2, 5, 2, 3, 4)
    query, key, value = (x[:, :, :, i].transpose(0, 2, 1, 3) for i in range(3))
    mixed = softmax(query @ key.swapaxes(2, 3) / 2) @ value
    want = mixed.transpose(0, 2, 1, 3).reshape(2, 5, 8)
    assert_close(apply(tmp_path, "MultiHeadAttention", x, num_heads=2), want)
    pairs = np.ascontiguousarray(x[:, :, :, 1:])
    got = apply(
        tmp_path, "MultiHeadAttention", x[:, :, :, 0].reshape(2, 5, 8), pairs, num_heads=2, feeds=None
    )
    assert_close(got, want)


def test_weights_are_params(tmp_path):
    nodes = [node("FusedConv", ["x", "conv.weight", "conv.bias"], domain=MICROSOFT, activation="Relu")]
    stored = {"conv.weight": FILTER, "conv.bias": SHIFT}
    opset = {"": 17, MICROSOFT: 1}
    net = load(tmp_path, nodes, [tensor("x", IMAGE.shape)], ["y"], stored, opset=opset)
    assert {owner: set(slots) for owner, slots in net.params.items()} == {"conv": {"weight", "bias"}}


@pytest.mark.parametrize(
    ("op", "arrays", "options", "message"),
    [
        (
            "FusedConv",
            [IMAGE, FILTER],
            {"activation": "Gelu"},
            "activation must be one of Clip, .*, got 'Gelu'",
        ),
        ("FusedMatMul", [noise(2, 3, 5), noise(2, 5, 4)], {"transBatchA": 1}, "transBatchA is not known"),
        ("Attention", [*PROJECTED, None, noise(2, 2, 2, 3, 4)], {"num_heads": 2}, "which only decoders have"),
        ("Attention", [*PROJECTED, ints(3, 5)], {"num_heads": 2}, "has 1 axes, 2 or 3 are known"),
        ("Attention", PROJECTED, {"num_heads": 2, "do_rotary": 1}, r"\(do_rotary\), which is not known"),
        (
            "MultiHeadAttention",
            [noise(2, 5, 2, 3, 4), None, None, noise(24)],
            {"num_heads": 2},
            "has a bias beside",
        ),
        ("Rfft", [noise(2, 8)], {"normalized": 1}, "is normalized or two-sided, which is not known"),
        (
            "SkipLayerNormalization",
            [*noise(2, 2, 3, 8), noise(8)],
            {"outputs": 2, "feeds": (0, 1)},
            "which only training needs",
        ),
    ],
)
def test_what_is_not_known(tmp_path, op, arrays, options, message):
    with pytest.raises(LayerError, match=f"'o0' .*: .*{message}"):
        apply(tmp_path, op, *arrays, **options)
