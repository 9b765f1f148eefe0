"""V0 and V1 prototxts mean what their V2 forms mean."""

import numpy as np
import pytest

import jaxdnn
from jaxdnn import ParseError
from jaxdnn.importers import textproto
from jaxdnn.importers.caffe.upgrade import V1_TYPES, upgrade
from jaxdnn.importers.textproto import Message, Scalar
from support.caffe import layer, load, write


def tree(message: Message) -> list:
    return [
        (name, value.text if isinstance(value, Scalar) else tree(value)) for name, value in message.fields
    ]


def upgraded(text: str) -> list:
    return [dict(tree(layer)) for layer in upgrade(textproto.parse(text))]


def test_v2_layers_stay():
    assert upgraded('layer { name: "a" type: "ReLU" x: 1 }') == [{"name": "a", "type": "ReLU", "x": "1"}]


@pytest.mark.parametrize(("number", "enum", "name"), [(k, *v) for k, v in V1_TYPES.items() if v[1]])
def test_v1_types_by_every_spelling(number, enum, name):
    text = "".join(f"layers {{ type: {spelling} }}" for spelling in (enum, number, f'"{name}"'))
    assert [layer["type"] for layer in upgraded(text)] == [name] * 3
    assert upgraded(f"layer {{ type: {enum} }}") == [{"type": name}]


def test_v1_types_of_forks():
    text = "layers { type: CONVOLUTION3D } layers { type: VIDEO_DATA } layers { type: BN }"
    assert [layer["type"] for layer in upgraded(text)] == ["Convolution3D", "VideoData", "BN"]


def test_v1_shared_parameters():
    (layer,) = upgraded("layers { type: CONVOLUTION param: 'w' blobs_lr: 1 }")
    assert layer == {"type": "Convolution", "param": [("name", "w")], "blobs_lr": "1"}


def test_v0_convolution():
    (layer,) = upgraded(
        """layers { layer { name: "c" type: "conv" num_output: 4 kernelsize: 3 biasterm: false pad: 1
        weight_filler { type: "xavier" } blobs_lr: 1 weight_decay: 0 } bottom: "data" top: "c" }"""
    )
    params = [
        ("num_output", "4"),
        ("kernel_size", "3"),
        ("bias_term", "false"),
        ("pad", "1"),
        ("weight_filler", [("type", "xavier")]),
    ]
    assert layer["type"] == "Convolution"
    assert layer["convolution_param"] == params
    assert (layer["name"], layer["bottom"], layer["top"]) == ("c", "data", "c")
    assert (layer["blobs_lr"], layer["weight_decay"]) == ("1", "0")


@pytest.mark.parametrize(
    ("inner", "param", "fields"),
    [
        (
            'type: "pool" pool: AVE kernelsize: 2 stride: 2',
            "pooling_param",
            ["pool", "kernel_size", "stride"],
        ),
        ('type: "innerproduct" num_output: 2', "inner_product_param", ["num_output"]),
        ('type: "lrn" local_size: 5 alpha: 1 beta: 2', "lrn_param", ["local_size", "alpha", "beta"]),
        ('type: "dropout" dropout_ratio: 0.5', "dropout_param", ["dropout_ratio"]),
        ('type: "concat" concat_dim: 1', "concat_param", ["concat_dim"]),
        ('type: "im2col" kernelsize: 2', "convolution_param", ["kernel_size"]),
        ('type: "power" scale: 2 shift: 1', "power_param", ["scale", "shift"]),
        ('type: "data" source: "x" batchsize: 2', "data_param", ["source", "batch_size"]),
        ('type: "data" scale: 2 cropsize: 3', "transform_param", ["scale", "crop_size"]),
        ('type: "images" meanfile: "m" mirror: 1', "transform_param", ["mean_file", "mirror"]),
    ],
)
def test_v0_fields_find_their_message(inner, param, fields):
    (layer,) = upgraded(f"layers {{ layer {{ {inner} }} }}")
    assert [name for name, _ in layer[param]] == fields


PADDED = """
input: "data" input_dim: 2 input_dim: 3 input_dim: 5 input_dim: 6
layers { layer { name: "pad" type: "padding" pad: 2 } bottom: "data" top: "padded" }
layers { layer { name: "c" type: "conv" num_output: 4 kernelsize: 3 } bottom: "padded" top: "c" }
layers { layer { name: "r" type: "relu" } bottom: "c" top: "c" }
"""


def test_a_v0_net_with_its_v0_weights(tmp_path):
    from support.caffe import blob

    rng = np.random.default_rng(0)
    weight, bias = rng.standard_normal((4, 3, 3, 3)), rng.standard_normal(4)
    paths = write(tmp_path, PADDED, {})
    blobs = [blob(array.astype(np.float32), shape="legacy") for array in (weight, bias)]
    (tmp_path / "net.caffemodel").write_bytes(layer("c", blobs, version=0))
    x = rng.standard_normal((2, 3, 5, 6)).astype(np.float32)
    got = np.asarray(jaxdnn.load(*paths)(x)["c"])
    today = """input: "data" input_dim: 2 input_dim: 3 input_dim: 5 input_dim: 6
    layer { name: "c" type: "Convolution" bottom: "data" top: "c"
        convolution_param { num_output: 4 kernel_size: 3 pad: 2 } }
    layer { name: "r" type: "ReLU" bottom: "c" top: "c" }"""
    arrays = {"c": [weight.astype(np.float32), bias.astype(np.float32)]}
    np.testing.assert_array_equal(got, load(tmp_path, today, arrays)(x)["c"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layer { type: 'ReLU' }\nlayers { type: RELU }", 'the file has both "layer" and "layers"'),
        ("layers { type: RELOO }", "unknown V1 layer type RELOO"),
        (PADDED.replace("pad: 2", ""), "a padding layer needs a bottom, a top and a pad"),
        (PADDED.replace('"conv"', '"relu"'), "padding layer's top 'padded' feeds a ReLU layer"),
    ],
)
def test_errors(text, message):
    with pytest.raises(ParseError, match=message) as caught:
        upgraded(text)
    assert caught.value.line is not None


def test_an_unknown_number_is_an_unknown_type(tmp_path):
    text = 'input: "x" input_dim: [1, 1, 1, 1] layers { name: "a" type: 99 bottom: "x" top: "y" }'
    with pytest.raises(jaxdnn.UnsupportedLayerError, match="'a'"):
        load(tmp_path, text)
