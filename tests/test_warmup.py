"""``net.warmup``."""

import jax
import numpy as np
import pytest

import jaxdnn
from support import caffe

LAYER = """layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param {
  num_output: 3 kernel_size: 3 } }
"""


@pytest.fixture
def net(tmp_path):
    [path] = caffe.write(tmp_path, caffe.inputs(data=(1, 2, 5, 5)) + LAYER)
    return jaxdnn.load(path, key=jax.random.key(0))


@pytest.fixture
def compilations():
    """How often jax compiled something whose trace ends in this module's nets."""
    seen = []

    def listen(event, duration, **details):
        del duration
        if event == "/jax/core/compile/backend_compile_duration":
            seen.append(details.get("fun_name"))

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield seen
    jax.monitoring.unregister_event_duration_listener(listen)


def test_calls_of_these_sizes_compile_nothing(net, compilations):
    seconds = net.warmup({"data": (1, 2, 7, 6)}, batch=[1, 4])
    assert seconds > 0
    assert compilations
    compilations.clear()
    for batch in (1, 4):
        net(np.ones((batch, 2, 7, 6), "float32"))
    assert compilations == []
    net(np.ones((2, 2, 7, 6), "float32"))
    assert compilations


def test_stated_sizes_and_several(net, compilations):
    net.warmup()
    net.warmup([{"data": (1, 2, 5, 6)}, {"data": (3, 2, 5, 5)}], outputs="conv")
    compilations.clear()
    for shape in ((1, 2, 5, 5), (1, 2, 5, 6), (3, 2, 5, 5)):
        net(np.ones(shape, "float32"))
    assert compilations == []


def test_labels_are_not_fed(tmp_path):
    text = caffe.inputs(data=(1, 3), label=(1,)) + (
        'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "data" bottom: "label" top: "loss" }'
    )
    [path] = caffe.write(tmp_path, text)
    assert jaxdnn.load(path).warmup(batch=2) > 0


def test_artifact(net, tmp_path):
    net.export(tmp_path / "net.jaxdnn", executables=False)
    assert jaxdnn.load_artifact(tmp_path / "net.jaxdnn").warmup(batch=[1, 2]) > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shapes": {"image": (1, 2, 5, 5)}}, "shapes names 'image'; the inputs are 'data'"),
        ({"shapes": {"data": (1, 2, 0, 5)}}, r"input 'data' needs sizes from 1, got \(1, 2, 0, 5\)"),
        ({"batch": -1}, "input 'data' needs sizes from 1"),
        ({"outputs": "nothing"}, "nothing"),
    ],
)
def test_bad_arguments(net, arguments, message):
    with pytest.raises(jaxdnn.InputError, match=message):
        net.warmup(**arguments)
