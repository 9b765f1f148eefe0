"""Caffe's layers that move values."""

import numpy as np
import pytest

from jaxdnn import GraphError, LayerError, ParseError
from support import caffe


def numbered(*shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def layer(kind, params="", bottoms=("x",), tops=("y",)):
    blobs = [f'bottom: "{name}"' for name in bottoms] + [f'top: "{name}"' for name in tops]
    return f'layer {{ name: "l" type: "{kind}" {" ".join(blobs)} {params} }}\n'


def compute(folder, text, **feeds):
    shapes = {name: array.shape for name, array in feeds.items()}
    return {k: np.asarray(v) for k, v in caffe.load(folder, caffe.inputs(**shapes) + text)(feeds).items()}


@pytest.mark.parametrize(
    ("params", "axis"),
    [
        ("", 1),
        ("concat_param { axis: 0 }", 0),
        ("concat_param { axis: -1 }", -1),
        ("concat_param { concat_dim: 0 }", 0),
    ],
)
def test_concat(tmp_path, params, axis):
    x = numbered(2, 3, 4)
    got = compute(tmp_path, layer("Concat", params, ("x", "x", "x")), x=x)["y"]
    np.testing.assert_array_equal(got, np.concatenate([x, x, x], axis))


def test_concat_of_one_bottom(tmp_path):
    np.testing.assert_array_equal(compute(tmp_path, layer("Concat"), x=numbered(2, 3))["y"], numbered(2, 3))


@pytest.mark.parametrize(
    ("params", "want"),
    [
        ("", [(0, 3), (3, 6)]),
        ("slice_param { slice_point: 1 }", [(0, 1), (1, 6)]),
        ("slice_param { slice_dim: 1 slice_point: 4 }", [(0, 4), (4, 6)]),
        ("slice_param { axis: -1 slice_point: 2 }", [(0, 2), (2, 6)]),
    ],
)
def test_slice(tmp_path, params, want):
    x = numbered(2, 6)
    got = compute(tmp_path, layer("Slice", params, tops=("a", "b")), x=x)
    for name, (start, end) in zip("ab", want, strict=True):
        np.testing.assert_array_equal(got[name], x[:, start:end])


@pytest.mark.parametrize(
    ("kind", "params", "shape"),
    [
        ("Flatten", "", (2, 60)),
        ("Flatten", "flatten_param { axis: -3 end_axis: 2 }", (2, 12, 5)),
        ("Reshape", "reshape_param { shape { dim: 0 dim: -1 } }", (2, 60)),
        ("Reshape", "reshape_param { axis: -1 shape { dim: 1 } }", (2, 3, 4, 5, 1)),
        ("Reshape", "reshape_param { axis: 1 num_axes: 2 shape { dim: 2 dim: -1 } }", (2, 2, 6, 5)),
        ("Reshape", "reshape_param { axis: 1 num_axes: 0 shape { dim: 1 } }", (2, 1, 3, 4, 5)),
    ],
)
def test_flatten_and_reshape(tmp_path, kind, params, shape):
    x = numbered(2, 3, 4, 5)
    np.testing.assert_array_equal(compute(tmp_path, layer(kind, params), x=x)["y"], x.reshape(shape))


@pytest.mark.parametrize(
    ("kind", "params", "order"),
    [
        ("Permute", "permute_param { order: 0 order: 2 order: 3 order: 1 }", (0, 2, 3, 1)),
        ("Permute", "permute_param { order: 2 }", (2, 0, 1, 3)),
        ("Permute", "", (0, 1, 2, 3)),
        ("Transpose", "transpose_param { dim: 3 dim: 2 dim: 0 dim: 1 }", (3, 2, 0, 1)),
    ],
)
def test_permute(tmp_path, kind, params, order):
    x = numbered(2, 3, 4, 5)
    np.testing.assert_array_equal(compute(tmp_path, layer(kind, params), x=x)["y"], x.transpose(order))


def test_reverse(tmp_path):
    got = compute(tmp_path, layer("Reverse", "reverse_param { axis: 0 }"), x=numbered(3, 2))["y"]
    np.testing.assert_array_equal(got, numbered(3, 2)[::-1])


@pytest.mark.parametrize(
    ("params", "want"),
    [
        ("", np.s_[:, :, :3, :2]),
        ("crop_param { offset: 2 }", np.s_[:, :, 2:5, 2:4]),
        ("crop_param { axis: -2 offset: 1 offset: 3 }", np.s_[:, :, 1:4, 3:5]),
        ("crop_param { axis: 1 offset: 0 offset: 1 offset: 3 }", np.s_[:, :2, 1:4, 3:5]),
    ],
)
def test_crop(tmp_path, params, want):
    x, reference = numbered(2, 4, 6, 5), numbered(1, 2, 3, 2)
    got = compute(tmp_path, layer("Crop", params, ("x", "r")), x=x, r=reference)["y"]
    np.testing.assert_array_equal(got, x[want])


def test_crop_of_an_old_file(tmp_path):
    text = 'layers { name: "l" type: CROP bottom: "x" bottom: "r" top: "y" }'
    inputs = "".join(
        f'input: "{n}" input_dim: 1 input_dim: 1 input_dim: {s} input_dim: {s} '
        for n, s in zip("xr", (4, 2), strict=True)
    )
    x, reference = numbered(1, 1, 4, 4), numbered(1, 1, 2, 2)
    got = caffe.load(tmp_path, inputs + text)({"x": x, "r": reference})["y"]
    np.testing.assert_array_equal(got, x[:, :, :2, :2])


@pytest.mark.parametrize(("params", "axis"), [("tiles: 3", 1), ("axis: -1 tiles: 3", -1)])
def test_tile(tmp_path, params, axis):
    x = numbered(2, 3, 4)
    got = compute(tmp_path, layer("Tile", f"tile_param {{ {params} }}"), x=x)["y"]
    np.testing.assert_array_equal(got, np.concatenate([x] * 3, axis))


@pytest.mark.parametrize(
    ("params", "amounts", "options"),
    [
        ("pad: 1", ((1, 1), (1, 1)), {}),
        ("pad_h: 1 pad_w: 2", ((1, 1), (2, 2)), {}),
        ("pad_beg: 1", ((1, 0), (1, 0)), {}),
        (
            "pad_method: CONSTANT pad_l: 1 pad_r: 2 pad_t: 3 pad_b: 4 pad_value: -25.0",
            ((3, 4), (1, 2)),
            {"constant_values": -25},
        ),
        ("pad_method: REPEAT pad_l: 1 pad_b: 2", ((0, 2), (1, 0)), {"mode": "edge"}),
        (
            'paddings: 0 paddings: 0 paddings: 0 paddings: 0 paddings: 1 paddings: 2 type: "reflect"',
            ((1, 2), (0, 0)),
            {"mode": "reflect"},
        ),
    ],
)
def test_padding(tmp_path, params, amounts, options):
    x = numbered(1, 2, 3, 4)
    got = compute(tmp_path, layer("Padding", f"padding_param {{ {params} }}"), x=x)["y"]
    np.testing.assert_array_equal(got, np.pad(x, ((0, 0), (0, 0), *amounts), **options))


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("ShuffleChannel", "shuffle_channel_param { group: 4 }"),
        ("Reorg", "reorg_param { stride: 2 }"),
    ],
)
def test_channel_moves_are_opencvs(tmp_path, kind, params):
    x = numbered(2, 8, 4, 6)
    text = caffe.inputs(x=x.shape) + layer(kind, params)
    paths = caffe.write(tmp_path, text, {})
    (want,) = caffe.opencv(paths, {"x": x}, ["l"])
    np.testing.assert_array_equal(compute(tmp_path, layer(kind, params), x=x)["y"], want)


def test_reverse_reorg(tmp_path):
    x = numbered(1, 8, 2, 3)
    got = compute(tmp_path, layer("Reorg", "reorg_param { stride: 2 reverse: true }"), x=x)["y"]
    want = x.reshape(1, 2, 2, 2, 2, 3).transpose(0, 3, 4, 1, 5, 2).reshape(1, 2, 4, 6)
    np.testing.assert_array_equal(got, want)


def test_batch_reindex(tmp_path):
    x, index = numbered(3, 2), np.float32([2, 0, 2, 2])
    got = compute(tmp_path, layer("BatchReindex", bottoms=("x", "i")), x=x, i=index)["y"]
    np.testing.assert_array_equal(got, x[[2, 0, 2, 2]])


@pytest.mark.parametrize("selector", [[1, 0, 2], [0, 0, 0], [1, 1, 1]])
def test_filter(tmp_path, selector):
    x, z, s = numbered(3, 2), numbered(3, 1, 4), np.float32(selector)
    text = layer("Filter", bottoms=("x", "z", "s"), tops=("y", "w"))
    got = compute(tmp_path, text, x=x, z=z, s=s)
    np.testing.assert_array_equal(got["y"], x[s != 0])
    np.testing.assert_array_equal(got["w"], z[s != 0])


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (
            layer("Concat", "concat_param { axis: 1 concat_dim: 1 }"),
            LayerError,
            "axis or concat_dim must be given, not both",
        ),
        (
            layer("Slice", "slice_param { slice_point: 1 slice_point: 2 }", tops=("a", "b")),
            LayerError,
            "2 parts need 1 slice points, 2 given",
        ),
        (layer("Tile"), LayerError, "no tiles is given"),
        (layer("Tile", "tile_param { tiles: 0 }"), LayerError, "repeats must be at least 1"),
        (layer("Reverse"), LayerError, "no axis is given"),
        (layer("Permute", "permute_param { order: -1 }"), ParseError, "order must not be negative"),
        (layer("Padding", 'padding_param { type: "wrap" }'), LayerError, "unknown pad_method 'wrap'"),
        (layer("Padding", "padding_param { paddings: 1 }"), LayerError, "paddings must be pairs, got 1"),
        (layer("Filter", bottoms=("x", "x"), tops=("a", "b")), GraphError, "takes 1 tops for 2 bottoms"),
        (layer("Crop"), GraphError, "takes 2 bottoms, 1 given"),
    ],
)
def test_errors(tmp_path, text, error, message):
    with pytest.raises(error, match=message):
        caffe.load(tmp_path, caffe.inputs(x=(2, 6)) + text)
