"""Caffe's pooling layers: sizes and values by hand or from OpenCV, spellings, errors."""

import numpy as np
import pytest

from jaxdnn import GraphError, JaxdnnError, LayerError
from jaxdnn.layers.pooling import MaxUnpool, Pool
from support import caffe
from support.layer import assert_close


def picture(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def pooling(fields, kind="Pooling", tops=("y",)):
    tops = " ".join(f'top: "{top}"' for top in tops)
    return f'layer {{ name: "p" type: "{kind}" bottom: "x" {tops} pooling_param {{ {fields} }} }}\n'


def layer_of(tmp_path, text, shape=(1, 2, 8, 8)):
    return caffe.load(tmp_path, caffe.inputs(x=shape) + text).graph.nodes[0].layer


@pytest.mark.parametrize(
    "fields",
    [
        "kernel_size: 3 stride: 2",
        "pool: AVE kernel_size: 3 stride: 2",
        "pool: AVE kernel_size: 3 stride: 2 pad: 1",
        "pool: 1 kernel_size: 3 stride: 3 pad: 2",
        "kernel_h: 3 kernel_w: 2 stride_h: 1 stride_w: 2",
        "pool: AVE global_pooling: true",
        "pool: MAX global_pooling: true engine: CAFFE",
        "kernel_size: 2",
    ],
)
def test_against_opencv(tmp_path, fields):
    text = caffe.inputs(x=(2, 3, 7, 9)) + pooling(fields)
    x = picture(2, 3, 7, 9)
    paths = caffe.write(tmp_path, text)
    (want,) = caffe.opencv(paths, {"x": x}, ["p"])
    assert_close(caffe.load(tmp_path, text)(x)["y"], want)


def test_a_second_top_says_where_the_maxima_are(tmp_path):
    text = caffe.inputs(x=(2, 3, 6, 7)) + pooling("kernel_size: 3 stride: 2 pad: 1", tops=("y", "mask"))
    x = picture(2, 3, 6, 7)
    got = caffe.load(tmp_path, text)(x)
    mask = np.asarray(got["mask"]).reshape(2, 3, -1)
    assert_close(np.take_along_axis(x.reshape(2, 3, -1), mask, axis=2).reshape(2, 3, 4, 4), got["y"])


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ("kernel_size: 3 stride: 2", 56),
        ("kernel_size: 3 stride: 2 pad: 1", 57),
        ("kernel_size: 3 stride: 2 round_mode: FLOOR", 55),
        ("kernel_size: 3 stride: 2 ceil_mode: false", 55),
        ("kernel_size: 3 stride: 2 ceil_mode: true", 56),
        ("kernel_size: 1 stride: 3 pad: 0", 38),
        ("kernel_size: 2 stride: 3 pad: 1", 38),
    ],
)
def test_output_sizes(tmp_path, fields, size):
    net = caffe.load(tmp_path, caffe.inputs(x=(1, 1, 112, 112)) + pooling(fields))
    assert net(np.zeros((1, 1, 112, 112), np.float32))["y"].shape == (1, 1, size, size)


def test_average_counts_padding_but_not_what_hangs_over_it(tmp_path):
    text = caffe.inputs(x=(1, 1, 4, 4)) + pooling("pool: AVE kernel_size: 3 stride: 2 pad: 1")
    got = caffe.load(tmp_path, text)(np.ones((1, 1, 4, 4), np.float32))["y"]
    assert_close(got, np.outer([2, 3, 1], [2, 3, 1]).reshape(1, 1, 3, 3) / np.outer([3, 3, 2], [3, 3, 2]))


def test_stochastic_pooling(tmp_path):
    text = caffe.inputs(x=(1, 1, 2, 2)) + pooling("pool: STOCHASTIC kernel_size: 2")
    got = caffe.load(tmp_path, text)(np.float32([1, 2, 3, 4]).reshape(1, 1, 2, 2))["y"]
    assert_close(got, np.full((1, 1, 1, 1), 3.0))


@pytest.mark.parametrize(
    ("fields", "want"),
    [
        ("kernel_size: 2 stride: 2", Pool(statistic="max", kernel=2, stride=2, rounding="ceil_clip")),
        (
            "kernel_size: 2 kernel_depth: 3 stride: 2",
            Pool(
                statistic="max", kernel=(3, 2, 2), stride=(1, 2, 2), padding=(0, 0, 0), rounding="ceil_clip"
            ),
        ),
        (
            "kernel_h: 2 kernel_w: 3 kernel_d: 1 stride: 2 pad_d: 0",
            Pool(statistic="max", kernel=(1, 2, 3), stride=2, padding=(0, 0, 0), rounding="ceil_clip"),
        ),
        (
            "kernel_size: 1 kernel_size: 2 kernel_size: 3",
            Pool(statistic="max", kernel=(1, 2, 3), rounding="ceil_clip"),
        ),
    ],
)
def test_volumes(tmp_path, fields, want):
    text = pooling(fields, "Pooling3D")
    assert layer_of(tmp_path, text, (1, 2, 4, 4, 4)) == want
    assert layer_of(tmp_path, text.replace("pooling_param", "pooling3d_param"), (1, 2, 4, 4, 4)) == want


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("", "no kernel_size is given, nor kernel_h and kernel_w"),
        ("kernel_h: 2", "kernel_h and kernel_w must be given together"),
        ("kernel_size: 0", "kernel must be at least 1, got 0"),
        ("kernel_size: 2 stride: 0", "stride must be at least 1, got 0"),
        ("kernel_size: 2 kernel_h: 2 kernel_w: 2", "must be given, not both"),
        ("kernel_size: 2 global_pooling: true", "so that kernel_size must not be given"),
        ("stride: 2 global_pooling: true", "a whole plane is pooled at stride 1"),
        ("kernel_size: 2 pad: 2", "padding 2x2 must be smaller than the kernel 2x2"),
        ("kernel_size: 9", "kernel 9x9 is larger than the padded input 8x8"),
        ("kernel_size: 2 kernel_size: 2 kernel_size: 2 kernel_d: 1", "kernel is given for 3 axes"),
        ("kernel_size: 2 pool: MEDIAN", "unknown value 'MEDIAN' for pool"),
        ("kernel_sise: 2 kernel_size: 2", "did you mean 'kernel_size'"),
    ],
)
def test_refusals(tmp_path, fields, message):
    with pytest.raises(JaxdnnError, match=message):
        layer_of(tmp_path, pooling(fields))


def test_only_maxima_have_indices(tmp_path):
    with pytest.raises(LayerError, match="a pool of average has no indices"):
        layer_of(tmp_path, pooling("pool: AVE kernel_size: 2", tops=("y", "mask")))


def test_spp(tmp_path):
    text = 'layer { name: "s" type: "SPP" bottom: "x" top: "y" spp_param { pyramid_height: 2 pool: AVE } }'
    x = picture(2, 3, 8, 8)
    got = caffe.load(tmp_path, caffe.inputs(x=x.shape) + text)(x)["y"]
    bins = x.reshape(2, 3, 2, 4, 2, 4).mean((3, 5)).reshape(2, 12)
    assert_close(got, np.concatenate([x.mean((2, 3)), bins], axis=1))


def unpool(fields, kind="Upsample", param="upsample_param"):
    return f'layer {{ name: "u" type: "{kind}" bottom: "x" bottom: "m" top: "y" {param} {{ {fields} }} }}\n'


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ("", (6, 8)),
        ("scale: 3", (9, 12)),
        ("scale_h: 2 scale_w: 3", (6, 12)),
        ("scale: 2 pad_out_h: true", (5, 8)),
        ("upsample_h: 7 upsample_w: 9", (7, 9)),
    ],
)
def test_segnet_upsample(tmp_path, fields, size):
    shape = (1, 2, 3, 4)
    x = picture(*shape)
    mask = np.random.default_rng(1).permuted(np.tile(np.arange(12, dtype=np.float32), (2, 1)), axis=1)
    net = caffe.load(tmp_path, caffe.inputs(x=shape, m=shape) + unpool(fields))
    want = np.zeros((2, size[0] * size[1]), np.float32)
    np.put_along_axis(want, mask.astype(int), x.reshape(2, 12), axis=1)
    assert_close(net({"x": x, "m": mask.reshape(shape)})["y"], want.reshape(1, 2, *size))


def test_pool_and_upsample_together(tmp_path):
    text = caffe.inputs(x=(1, 1, 4, 4)) + pooling("kernel_size: 2 stride: 2", tops=("p", "m"))
    net = caffe.load(tmp_path, text + unpool("").replace('bottom: "x"', 'bottom: "p"'))
    x = picture(1, 1, 4, 4)
    y = np.asarray(net(x)["y"])
    assert_close(y[y != 0], x[y != 0])
    assert np.count_nonzero(y) == 4


def test_upsample_of_one_bottom_repeats_pixels(tmp_path):
    text = 'layer { name: "u" type: "Upsample" bottom: "x" top: "y" upsample_param { scale: 2 } }'
    x = picture(1, 2, 3, 4)
    got = caffe.load(tmp_path, caffe.inputs(x=x.shape) + text)(x)["y"]
    assert_close(got, x.repeat(2, axis=2).repeat(2, axis=3))


def test_max_unpool(tmp_path):
    fields = "pool_k_h: 3 pool_k_w: 2 pool_stride_h: 2 pool_stride_w: 2 pool_pad_h: 1 pool_pad_w: 0"
    inputs = caffe.inputs(x=(1, 1, 3, 3), m=(1, 1, 3, 3))
    for param in ("max_unpool_param", "pooling_param"):
        net = caffe.load(tmp_path, inputs + unpool(fields, "MaxUnpool", param))
        assert net.graph.nodes[0].layer == MaxUnpool(kernel=(3, 2), stride=(2, 2), padding=(1, 0))
        y = net({"x": picture(1, 1, 3, 3), "m": np.zeros((1, 1, 3, 3), np.float32)})["y"]
        assert y.shape == (1, 1, 5, 6)


def test_unpooling_refuses(tmp_path):
    inputs = caffe.inputs(x=(1, 1, 3, 3), m=(1, 1, 3, 3))
    with pytest.raises(LayerError, match=r"pad_out needs a scale of 2, got \(3, 3\)"):
        caffe.load(tmp_path, inputs + unpool("scale: 3 pad_out_w: true"))
    with pytest.raises(LayerError, match="scale or scale_h and scale_w must be given, not both"):
        caffe.load(tmp_path, inputs + unpool("scale: 2 scale_h: 2 scale_w: 2"))
    with pytest.raises(GraphError, match="takes 2 to 3 bottoms, 1 given"):
        caffe.load(tmp_path, inputs + unpool("", "MaxUnpool").replace('bottom: "m"', ""))
