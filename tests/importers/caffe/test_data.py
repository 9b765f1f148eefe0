"""Data layers: the inputs that they become."""

import numpy as np
import pytest

from jaxdnn import InputError
from support.caffe import load


def data_layer(kind, fields):
    return f'layer {{ name: "d" type: "{kind}" top: "data" top: "label" {fields} }}\n'


def net_of(kind, fields):
    """A data layer and the loss of its pictures, taken as scores."""
    loss = 'layer { name: "l" type: "SoftmaxWithLoss" bottom: "data" bottom: "label" top: "loss" }'
    return data_layer(kind, fields) + loss


def shapes(net):
    return {name: spec.shape for name, spec in net.inputs.items()}


@pytest.mark.parametrize(
    ("kind", "fields", "picture"),
    [
        ("Data", "transform_param { crop_size: 5 } data_param { batch_size: 2 }", (2, 3, 5, 5)),
        ("Data", "transform_param { crop_size: 5 force_gray: true } data_param { }", (1, 1, 5, 5)),
        ("WindowData", "window_data_param { batch_size: 4 crop_size: 6 }", (4, 3, 6, 6)),
        ("ImageData", "image_data_param { batch_size: 2 new_height: 4 new_width: 5 }", (2, 3, 4, 5)),
        ("VideoData", "video_data_param { new_length: 16 new_height: 4 new_width: 5 }", (1, 3, 16, 4, 5)),
        (
            "AnnotatedData",
            "transform_param { resize_param { height: 4 width: 5 resize_mode: WARP } } "
            "data_param { batch_size: 8 } annotated_data_param { batch_sampler { } }",
            (8, 3, 4, 5),
        ),
    ],
)
def test_sizes_of_pictures(tmp_path, recwarn, kind, fields, picture):
    readers = 'layer { type: "ReLU" bottom: "data" top: "r" } layer { type: "Silence" bottom: "label" }'
    net = load(tmp_path, data_layer(kind, fields) + readers)
    assert shapes(net) == {"data": picture, "label": picture[:1]}
    assert not recwarn.list


def test_channels_of_a_modality_are_asked_for(tmp_path):
    fields = "transform_param { crop_size: 5 } video_data_param { new_length: 5 modality: FLOW }"
    with pytest.raises(InputError, match="input 'data' has no complete shape in the file"):
        load(tmp_path, net_of("VideoData", fields))


def test_label_maps(tmp_path):
    fields = "image_data_param { batch_size: 2 new_height: 4 new_width: 5 }"
    net = load(tmp_path, net_of("ImageSegData", fields))
    assert shapes(net)["label"] == (2, 1, 4, 5)
    with pytest.raises(InputError, match="input 'label' has no complete shape in the file"):
        load(tmp_path, net_of("DenseImageData", ""), input_shapes={"data": (1, 3, 4, 4)})


def test_labels_follow_the_batch_that_is_asked_for(tmp_path):
    text = net_of("Data", "data_param { batch_size: 100 }")
    net = load(tmp_path, text, input_shapes={"data": (2, 3)})
    assert shapes(net) == {"data": (2, 3), "label": (2,)}
    assert list(net(np.ones((2, 3)))) == ["loss/prob"]
