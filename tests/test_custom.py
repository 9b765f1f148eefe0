"""Custom layers: functions and OpenCV's classes in the place of layers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdnn
from jaxdnn import InputError, LayerError, ShapeError, UnsupportedLayerError
from support import caffe, darknet
from support import tensorflow as tf

NET = caffe.inputs(data=(1, 2, 3, 3)) + (
    'layer { name: "mine" type: "Mine" bottom: "data" top: "mine" mine_param { a: 3 } }'
)
X = np.random.default_rng(0).standard_normal((1, 2, 3, 3)).astype(np.float32)


def times(weights, x, *, a):
    return x * a


def test_a_function_computes_with_attributes_and_blobs(tmp_path):
    def scaled(weights, x, *, a, b=2.0):
        return x * weights["blob0"][:, None, None][None] * a * b

    net = caffe.load(tmp_path, NET, {"mine": [np.array([1, 2], np.float32)]}, custom_layers={"Mine": scaled})
    want = X * np.array([1, 2], np.float32)[:, None, None] * 6
    np.testing.assert_allclose(net(X)["mine"], want, rtol=1e-6)
    gradient = jax.grad(lambda params: net.apply(params, X)["mine"].sum())(net.params)
    np.testing.assert_allclose(gradient["mine"]["blob0"], 6 * X.sum((0, 2, 3)), rtol=1e-4)
    batched = jax.vmap(lambda x: net.apply(net.params, x)["mine"])(np.stack([X, 2 * X]))
    np.testing.assert_allclose(batched, np.stack([want, 2 * want]), rtol=1e-6)


def test_the_policy_decides_types(tmp_path):
    seen = []

    def spy(weights, x, *, a):
        seen.append(x.dtype)
        return x.astype(jnp.float32)

    net = caffe.load(tmp_path, NET, custom_layers={"Mine": spy}, policy="bfloat16")
    assert net(X)["mine"].dtype == jnp.bfloat16
    assert set(seen) == {jnp.dtype("bfloat16")}


def test_registration(tmp_path):
    jaxdnn.register_layer("Mine")(times)
    try:
        np.testing.assert_allclose(caffe.load(tmp_path, NET)(X)["mine"], 3 * X)
        net = caffe.load(tmp_path, NET, custom_layers={"Mine": lambda weights, x, *, a: x + a})
        np.testing.assert_allclose(net(X)["mine"], X + 3)
    finally:
        jaxdnn.unregister_layer("Mine")
    with pytest.raises(UnsupportedLayerError, match="unknown layer types: Mine"):
        caffe.load(tmp_path, NET)
    with pytest.raises(InputError, match="no layer type 'Mine' is registered"):
        jaxdnn.unregister_layer("Mine")
    with pytest.raises(InputError, match="custom layer 'Mine' must be a function, got 3"):
        caffe.load(tmp_path, NET, custom_layers={"Mine": 3})


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda w, x: x, r"<lambda>\(w, x\) does not take attribute 'a'; the file states a=3"),
        (lambda w, x, *, a, b: x, r"needs attribute 'b'; the file states a=3"),
        (lambda w, *, a: 1, r"does not take weights and 1 inputs"),
        (lambda w, a, **others: a, r"does not take attribute 'a'"),
        (lambda w, x, *, a: x / w["blob7"], r"<lambda> raises KeyError: 'blob7'"),
        (lambda w, x, *, a: (x, x), r"<lambda> returns 2 outputs, 1 are named"),
        (lambda w, x, *, a: [x], r"<lambda> returns a list, not an array"),
        (lambda w, x, *, a: None, r"<lambda> returns a NoneType, not an array"),
        (lambda w, x, *, a: np.zeros(3), r"<lambda> returns a float64 array, and jax computes in float32"),
        (lambda w, x, *, a: np.array([None]), r"<lambda> returns an array of object, not of numbers"),
    ],
)
def test_bad_functions(tmp_path, function, said):
    with pytest.raises(LayerError, match=rf"net\.prototxt:2: layer 'mine' \(Mine\): .*{said}"):
        caffe.load(tmp_path, NET, custom_layers={"Mine": function})


def test_the_original_exception_is_the_cause(tmp_path):
    def broken(weights, x, *, a):
        raise ZeroDivisionError("mine")

    with pytest.raises(LayerError, match="broken raises ZeroDivisionError: mine") as caught:
        caffe.load(tmp_path, NET, custom_layers={"Mine": broken})
    chain, error = [], caught.value
    while error is not None:
        chain.append(type(error))
        error = error.__cause__
    assert ZeroDivisionError in chain


def test_a_leaked_tracer(tmp_path):
    kept = []

    def leaks(weights, x, *, a):
        kept.append(x)
        return kept[0] * a

    net = caffe.load(tmp_path, NET, custom_layers={"Mine": leaks})
    with pytest.raises(LayerError, match=r"layer 'mine' \(Mine\): leaks uses or returns a traced array"):
        net(X)


def test_caffe_rules_are_overridden(tmp_path):
    text = caffe.inputs(data=(1, 2, 3, 3)) + (
        'layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param '
        '{ num_output: 2 kernel_size: 3 weight_filler { type: "xavier" } } }'
    )

    def convolve(weights, x, *, num_output, kernel_size):
        return jnp.einsum("nchw,ochw->no", x, weights["blob0"]) + weights["blob1"][None]

    kernel = np.random.default_rng(1).standard_normal((2, 2, 3, 3)).astype(np.float32)
    blobs = {"conv": [kernel, np.array([1, 2], np.float32)]}
    own = caffe.load(tmp_path, text, blobs)
    net = caffe.load(tmp_path, text, blobs, custom_layers={"Convolution": convolve})
    np.testing.assert_allclose(net(X)["conv"], own(X)["conv"][:, :, 0, 0], rtol=1e-5)


def test_a_darknet_section_has_weights_and_feeds_known_ones(tmp_path):
    cfg = darknet.picture(3, 3, 2) + "[grow]\nfactor=2\n[convolutional]\nfilters=1\nactivation=linear\n"
    cfg += "[shortcut]\nfrom=-1\n"

    def grow(weights, x, *, factor):
        return jnp.tile(x * weights["scale"][None, :, None, None], (1, factor, 1, 1))

    def add(weights, x, other):
        return x + other

    custom = {
        "grow": jaxdnn.CustomLayer(grow, weights=lambda shape, attributes: {"scale": (shape[1],)}),
        "shortcut": add,
    }
    scale, bias, kernel = (np.array(v, np.float32) for v in ([2, 3], [1], [1, 2, 3, 4]))
    net = darknet.load(tmp_path, cfg, [scale, bias, kernel], custom_layers=custom)
    grown = np.tile(X * scale[:, None, None], (1, 2, 1, 1))
    want = 2 * (np.einsum("nchw,c->nhw", grown, kernel) + 1)
    (got,) = net(X).values()
    np.testing.assert_allclose(got[:, 0], want, rtol=1e-5, atol=1e-5)
    with pytest.raises(ShapeError, match=r"its output is 2, not a batch of images"):
        darknet.load(tmp_path, cfg, custom_layers=custom | {"shortcut": lambda w, x, y: jnp.zeros(2)})
    bad = custom | {"grow": jaxdnn.CustomLayer(grow, weights=lambda shape, attributes: 3)}
    with pytest.raises(LayerError, match=r"the weights of grow must be shapes by name, got 3"):
        darknet.load(tmp_path, cfg, custom_layers=bad)


def test_tensorflow_constants_are_known_and_types_optional(tmp_path):
    nodes = (
        tf.placeholder("x", (2, 3)),
        tf.const("size", np.array([3, 2], np.int32)),
        tf.node("y", "Reshape", "x", "size", T=tf.Type("float32"), Tshape=tf.Type("int32")),
    )

    def reshape(weights, x, size, *, T):
        assert isinstance(size, np.ndarray)
        assert T == "float32"
        return 2 * x.reshape(size.tolist()), x

    net = tf.load(tmp_path, *nodes, custom_layers={"Reshape": reshape})
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(net(x)["y"], 2 * x.reshape(3, 2))


class Shifted:
    """OpenCV's interface."""

    made: list = []  # noqa: RUF012

    def __init__(self, params, blobs):
        self.made.append((params, blobs))
        self.shift = blobs[0] if blobs else np.zeros(1, np.float32)

    def getMemoryShapes(self, inputs):
        return [inputs[0]]

    def forward(self, inputs):
        if inputs[0].max() > 100:
            raise RuntimeError("too large")
        return [inputs[0] + self.shift.reshape(-1, 1, 1)]


CLASS_NET = caffe.inputs(data=(1, 2, 3, 3)) + (
    'layer { name: "mine" type: "Convolution" bottom: "data" top: "mine" convolution_param '
    "{ num_output: 2 kernel_size: 2 kernel_size: 3 bias_term: true } }"
)


def test_a_class_computes_what_it_computes_in_opencv(tmp_path):
    import cv2

    blobs = {"mine": [np.array([1, -2], np.float32), np.ones((2, 2, 2, 3), np.float32)]}
    Shifted.made.clear()
    net = caffe.load(tmp_path, CLASS_NET, blobs, custom_layers={"Convolution": Shifted})
    got = net(X)["mine"]
    net(2 * X)
    assert len(Shifted.made) == 1
    cv2.dnn_registerLayer("Convolution", Shifted)
    try:
        (want,) = caffe.opencv(caffe.write(tmp_path, CLASS_NET, blobs), {"data": X}, ["mine"])
    finally:
        cv2.dnn_unregisterLayer("Convolution")
    np.testing.assert_allclose(got, want, rtol=1e-6)
    (ours, our_blobs), (theirs, their_blobs) = Shifted.made
    assert {k: (type(v), v) for k, v in ours.items()} == {k: (type(v), v) for k, v in theirs.items()}
    assert [(b.shape, b.dtype) for b in our_blobs] == [(b.shape, b.dtype) for b in their_blobs]
    assert "host callbacks: 'mine' (Shifted)" in str(net.summary())
    several = jax.vmap(lambda x: net.apply(net.params, x)["mine"])(np.stack([X, 2 * X]))
    np.testing.assert_allclose(several[1] - X, several[0], rtol=1e-4, atol=1e-5)
    params = {"mine": {**net.params["mine"], "blob0": jnp.zeros(2)}}
    np.testing.assert_allclose(net.replace(params=params)(X)["mine"], X)


def test_what_a_class_does_wrong_on_the_host(tmp_path):
    net = caffe.load(tmp_path, CLASS_NET, custom_layers={"Convolution": Shifted})
    with pytest.raises(
        LayerError, match=r"'mine' \(Convolution\): Shifted.forward raises RuntimeError: too"
    ) as e:
        net(1000 + X)
    assert e.value.line == 2
    np.testing.assert_allclose(net(X)["mine"], X)

    class Wrong(Shifted):
        def getMemoryShapes(self, inputs):
            return [[1, 2]]

    net = caffe.load(tmp_path, CLASS_NET, custom_layers={"Convolution": Wrong})
    with pytest.raises(ShapeError, match=r"Wrong.forward returns 1x2x3x3, getMemoryShapes says 1x2"):
        net(X)
