"""Caffe's normalisation layers, and those of its forks, against formulas and OpenCV."""

import numpy as np
import pytest

from jaxdnn import JaxdnnError, JaxdnnWarning, ShapeError, WeightsError
from jaxdnn.layers.normalization import BatchNorm, LocalResponseNorm, Normalize
from support import caffe
from support.layer import assert_close

SHAPE = (2, 3, 4, 5)
RNG = np.random.default_rng(0)
X = RNG.standard_normal(SHAPE).astype(np.float32)
MEAN, SCALE, SHIFT = RNG.standard_normal((3, 3)).astype(np.float32)
VARIANCE = RNG.uniform(0.5, 2, 3).astype(np.float32)


def layer(kind, fields="", param="", bottoms=("x",)):
    bottoms = " ".join(f'bottom: "{name}"' for name in bottoms)
    param = f"{param} {{ {fields} }}" if fields else ""
    return f'layer {{ name: "l" type: "{kind}" {bottoms} top: "y" {param} }}\n'


def load(tmp_path, text, blobs=None, **shapes):
    return caffe.load(
        tmp_path, caffe.inputs(x=SHAPE, **shapes) + text, None if blobs is None else {"l": blobs}
    )


def channels(array):
    return array.reshape(1, 3, 1, 1)


def normalized(x, mean, variance, epsilon=1e-5):
    return (x - channels(mean)) / np.sqrt(channels(variance) + epsilon)


@pytest.mark.parametrize("factor", [1.0, 2.5, 999.0])
def test_batch_norm_divides_its_sums_by_their_factor(tmp_path, factor):
    blobs = [MEAN * factor, VARIANCE * factor, np.float32([factor])]
    net = load(tmp_path, layer("BatchNorm"), blobs)
    assert_close(net(X)["y"], normalized(X, MEAN, VARIANCE))
    assert_close(np.asarray(net.params["l"]["mean"]), MEAN)


@pytest.mark.parametrize("blobs", [None, [MEAN, VARIANCE, np.zeros(1, np.float32)]])
def test_batch_norm_of_no_statistics(tmp_path, blobs):
    net = load(tmp_path, layer("BatchNorm", "eps: 0.01", "batch_norm_param"), blobs)
    assert_close(net(X)["y"], X / np.sqrt(0.01))


def test_batch_norm_by_the_batch(tmp_path):
    text = layer("BatchNorm", "use_global_stats: false", "batch_norm_param")
    want = normalized(X, X.mean((0, 2, 3)), X.var((0, 2, 3)))
    for blobs in (None, [MEAN, VARIANCE, np.ones(1, np.float32)]):
        assert_close(load(tmp_path, text, blobs)(X)["y"], want)


def test_batch_norm_and_scale_in_place_against_opencv(tmp_path):
    text = caffe.inputs(x=SHAPE) + (
        'layer { name: "b" type: "BatchNorm" bottom: "x" top: "y" }\n'
        'layer { name: "s" type: "Scale" bottom: "y" top: "y" scale_param { bias_term: true } }\n'
    )
    blobs = {"b": [MEAN * 2, VARIANCE * 2, np.float32([2])], "s": [SCALE, SHIFT]}
    (want,) = caffe.opencv(caffe.write(tmp_path, text, blobs), {"x": X}, ["s"])
    assert_close(caffe.load(tmp_path, text, blobs)(X)["y"], want)


@pytest.mark.parametrize("factor", [(), (np.float32([3]),)])
@pytest.mark.parametrize("fields", ["", "scale_bias: true", "scale_filler { value: 2 }"])
def test_nvcaffe_batch_norm(tmp_path, factor, fields):
    text = layer("BatchNorm", fields + " eps: 1e-9 use_global_stats: false", "batch_norm_param")
    net = load(tmp_path, text, [MEAN, VARIANCE, *factor, SCALE, SHIFT])
    want = normalized(X, MEAN, VARIANCE) * channels(SCALE) + channels(SHIFT)
    assert_close(net(X)["y"], want)
    assert net.graph.nodes[0].layer == BatchNorm(scale=True, bias=True)


def test_nvcaffe_batch_norm_without_weights(tmp_path):
    text = layer("BatchNorm", "bias_filler { value: 2 } eps: 0.01", "batch_norm_param")
    assert_close(load(tmp_path, text)(X)["y"], X / np.sqrt(0.01) + 2)


@pytest.mark.parametrize(
    "blobs",
    [[MEAN, VARIANCE, np.ones(1, np.float32)], [MEAN, VARIANCE, np.ones(1, np.float32), SCALE, SHIFT]],
)
def test_intel_batch_norm_is_affine_if_its_blobs_are(tmp_path, blobs):
    fields = "filler { value: 1 } bias_filler { value: 0 } use_weight_bias: true eps: 0.001"
    net = load(tmp_path, layer("BatchNorm", fields, "batch_norm_param"), blobs)
    want = normalized(X, MEAN, VARIANCE, 0.001)
    want = want * channels(SCALE) + channels(SHIFT) if len(blobs) == 5 else want
    assert_close(net(X)["y"], want)


def test_batch_norm_refuses(tmp_path):
    with pytest.raises(WeightsError, match="has 2 blobs in the weights file, 3 expected"):
        load(tmp_path, layer("BatchNorm"), [MEAN, VARIANCE])
    with pytest.raises(WeightsError, match="the factor of mean and variance has 3 values, 1 expected"):
        load(tmp_path, layer("BatchNorm"), [MEAN, VARIANCE, VARIANCE])
    with pytest.raises(WeightsError, match="mean is 2 in the weights file, 3 expected"):
        load(tmp_path, layer("BatchNorm"), [MEAN[:2], VARIANCE[:2], np.ones(1, np.float32)])


def test_segnet_bn(tmp_path):
    blobs = [channels(SCALE), channels(SHIFT)]
    text = layer("BN", "bn_mode: INFERENCE scale_filler { value: 1 } shift_filler { value: 0.5 }", "bn_param")
    assert_close(load(tmp_path, text, blobs)(X)["y"], X * channels(SCALE) + channels(SHIFT))
    assert_close(load(tmp_path, text)(X)["y"], X + 0.5)


def test_segnet_bn_that_learns(tmp_path):
    with pytest.warns(JaxdnnWarning, match="need bn_mode: INFERENCE"):
        net = load(tmp_path, layer("BN"), [channels(SCALE), channels(SHIFT)])
    want = normalized(X, X.mean((0, 2, 3)), X.var((0, 2, 3)), 1e-9)
    assert_close(net(X)["y"], want * channels(SCALE) + channels(SHIFT))


@pytest.mark.parametrize(
    ("fields", "epsilon"),
    [
        ("", 1e-5),
        ("slope_filler { value: 1 } bias_filler { value: 0 } frozen: true momentum: 0.95 eps: 0.1", 0.1),
        ("scale_filler { value: 1 } shift_filler { value: 0 } var_eps: 0.1", 0.1),
    ],
)
def test_pspnet_bn(tmp_path, fields, epsilon):
    blobs = [channels(array) for array in (SCALE, SHIFT, MEAN, VARIANCE)]
    net = load(tmp_path, layer("BN", fields, "bn_param"), blobs)
    want = normalized(X, MEAN, VARIANCE, epsilon) * channels(SCALE) + channels(SHIFT)
    assert_close(net(X)["y"], want)


def test_pspnet_bn_without_weights(tmp_path):
    net = load(tmp_path, layer("BN", "slope_filler { value: 3 } eps: 0.01", "bn_param"))
    assert_close(net(X)["y"], 3 * X / np.sqrt(0.01))


@pytest.mark.parametrize(
    ("fields", "shape"),
    [
        ("", (1, 3, 1, 1)),
        ("axis: -1", (1, 1, 1, 5)),
        ("axis: 0", (2, 1, 1, 1)),
        ("axis: 2 num_axes: -1", (1, 1, 4, 5)),
        ("axis: 1 num_axes: 2", (1, 3, 4, 1)),
        ("num_axes: 0", (1, 1, 1, 1)),
    ],
)
def test_scale_and_bias(tmp_path, fields, shape):
    factor, summand = np.random.default_rng(1).standard_normal((2, *shape)).astype(np.float32)
    net = load(tmp_path, layer("Scale", f"bias_term: true {fields}", "scale_param"), [factor, summand])
    assert_close(net(X)["y"], X * factor + summand)
    net = load(tmp_path, layer("Bias", fields, "bias_param"), [summand])
    assert_close(net(X)["y"], X + summand)


def test_scale_and_bias_of_two_bottoms(tmp_path):
    s = np.random.default_rng(1).standard_normal((4, 5)).astype(np.float32)
    for kind, want in (("Scale", X * s), ("Bias", X + s)):
        text = layer(kind, "axis: 2", f"{kind.lower()}_param", ("x", "s"))
        assert_close(load(tmp_path, text, s=(4, 5))({"x": X, "s": s})["y"], want)
    text = layer("Scale", "axis: 2 bias_term: true", "scale_param", ("x", "s"))
    assert_close(load(tmp_path, text, [s + 1], s=(4, 5))({"x": X, "s": s})["y"], X * s + s + 1)


def test_scale_and_bias_without_weights(tmp_path):
    net = load(tmp_path, layer("Scale", "filler { value: 2 } bias_term: true", "scale_param"))
    assert_close(net(X)["y"], X * 2)
    net = load(tmp_path, layer("Scale", "bias_term: true bias_filler { value: 3 }", "scale_param"))
    assert_close(net(X)["y"], X + 3)
    assert_close(load(tmp_path, layer("Bias"))(X)["y"], X)


def test_scale_refuses(tmp_path):
    with pytest.raises(JaxdnnError, match="num_axes must be at least -1, got -2"):
        load(tmp_path, layer("Scale", "num_axes: -2", "scale_param"))
    with pytest.raises(ShapeError, match="second input is 4, 3 expected"):
        load(tmp_path, layer("Scale", bottoms=("x", "s")), s=(4,))
    with pytest.raises(WeightsError, match=r"has 2 blobs in the weights file, 1 expected \(scale\)"):
        load(tmp_path, layer("Scale"), [SCALE, SHIFT])


@pytest.mark.parametrize("fields", ["local_size: 3 alpha: 0.5 beta: 0.6", "alpha: 0.5 norm_region: 1"])
def test_lrn_against_opencv(tmp_path, fields):
    text = caffe.inputs(x=SHAPE) + layer("LRN", fields, "lrn_param")
    (want,) = caffe.opencv(caffe.write(tmp_path, text), {"x": X}, ["l"])
    assert_close(caffe.load(tmp_path, text)(X)["y"], want)


def test_lrn_fields(tmp_path):
    assert load(tmp_path, layer("LRN")).graph.nodes[0].layer == LocalResponseNorm()
    net = load(tmp_path, layer("LRN", "k: 2", "lrn_param"))
    assert net.graph.nodes[0].layer == LocalResponseNorm(bias=2)
    net = load(tmp_path, layer("LRN", "k: 2 norm_region: WITHIN_CHANNEL", "lrn_param"))
    assert net.graph.nodes[0].layer == LocalResponseNorm(region="within_channel")
    with pytest.raises(JaxdnnError, match="local_size must be odd, got 4"):
        load(tmp_path, layer("LRN", "local_size: 4", "lrn_param"))


def test_mvn(tmp_path):
    centred = X - X.mean((2, 3), keepdims=True)
    want = centred / (X.std((2, 3), keepdims=True) + 0.5)
    assert_close(load(tmp_path, layer("MVN", "eps: 0.5", "mvn_param"))(X)["y"], want)
    text = layer("MVN", "across_channels: true normalize_variance: false", "mvn_param")
    assert_close(load(tmp_path, text)(X)["y"], X - X.mean((1, 2, 3), keepdims=True))


def test_mvn_as_opencv_computes_it(tmp_path):
    text = layer("MVN", "eps: 0.5", "mvn_param")
    want = (X - X.mean((2, 3), keepdims=True)) / np.sqrt(X.var((2, 3), keepdims=True) + 0.5)
    net = caffe.load(tmp_path, caffe.inputs(x=SHAPE) + text, compat="opencv")
    assert_close(net(X)["y"], want)


def test_normalize(tmp_path):
    norm = np.sqrt((X**2).sum(1, keepdims=True))
    text = layer("Normalize", "across_spatial: false channel_shared: false", "norm_param")
    assert_close(load(tmp_path, text, [SCALE])(X)["y"], X / norm * channels(SCALE))
    text = layer("Normalize", "scale_filler { value: 20 } eps: 0.5", "norm_param")
    total = np.sqrt((X**2).sum((1, 2, 3), keepdims=True) + 0.5)
    assert_close(load(tmp_path, text)(X)["y"], 20 * X / total)
    assert_close(load(tmp_path, text, [np.float32([3])])(X)["y"], 3 * X / total)


def test_normalize_without_scale(tmp_path):
    for kind, order in (("L1", 1), ("L2", 2)):
        net = load(tmp_path, layer("Normalize", f'normalize_type: "{kind}"', "norm_param"))
        assert net.graph.nodes[0].layer == Normalize(order=order, epsilon=1e-6)
