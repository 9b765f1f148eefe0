"""Caffe's InnerProduct and Embed."""

import jax
import numpy as np
import pytest

from jaxdnn import JaxdnnError
from support.caffe import inputs, load, opencv, write
from support.layer import assert_close


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


X, BIAS = normal(2, 3, 4, 5), normal(6)


def net_text(kind: str, params: str, *shape: int) -> str:
    param = {"InnerProduct": "inner_product_param", "Embed": "embed_param"}[kind]
    return inputs(data=shape or X.shape) + (
        f'layer {{ name: "l" type: "{kind}" bottom: "data" top: "out" {param} {{ {params} }} }}'
    )


def test_inner_product(tmp_path):
    text, weight = net_text("InnerProduct", "num_output: 6"), normal(6, 60)
    got = np.asarray(load(tmp_path, text, {"l": [weight, BIAS]})(X)["out"])
    assert_close(got, X.reshape(2, 60).astype(np.float64) @ weight.T + BIAS)
    paths = write(tmp_path, text, {"l": [weight, BIAS]})
    assert_close(got, opencv(paths, {"data": X}, ["l"])[0])


@pytest.mark.parametrize("axis", [1, 2, 3, -1, -2, -3, 0])
@pytest.mark.parametrize("transpose", [False, True])
def test_inner_product_from_an_axis(tmp_path, axis, transpose):
    flat = X.reshape(*X.shape[: axis % 4], -1)
    weight = normal(6, flat.shape[-1])
    params = f"num_output: 6 axis: {axis} transpose: {str(transpose).lower()} bias_term: false"
    net = load(tmp_path, net_text("InnerProduct", params), {"l": [weight.T if transpose else weight]})
    assert_close(np.asarray(net(X)["out"]), flat.astype(np.float64) @ weight.T)


def test_inner_product_with_blobs_of_four_axes(tmp_path):
    weight = normal(6, 60)
    net = load(
        tmp_path,
        net_text("InnerProduct", "num_output: 6"),
        {"l": [weight.reshape(1, 1, 6, 60), BIAS.reshape(1, 1, 1, 6)]},
    )
    assert_close(np.asarray(net(X)["out"]), X.reshape(2, 60).astype(np.float64) @ weight.T + BIAS)


def test_inner_product_on_its_fillers(tmp_path):
    params = "num_output: 2 weight_filler { value: 0.5 } bias_filler { type: 'constant' value: 1 }"
    got = load(tmp_path, net_text("InnerProduct", params))(X)["out"]
    assert_close(np.asarray(got), np.repeat(X.reshape(2, 60).sum(1, keepdims=True) / 2 + 1, 2, 1))
    net = load(tmp_path, net_text("InnerProduct", "num_output: 2"), key=jax.random.key(0))
    assert net.params["l"]["weight"].shape == (2, 60)


@pytest.mark.parametrize("shape", [(4,), (2, 3), (2, 3, 1)])
@pytest.mark.parametrize("bias", [False, True])
def test_embed(tmp_path, shape, bias):
    x = np.random.default_rng(0).integers(0, 7, shape).astype(np.float32)
    weight = normal(7, 6)
    text = net_text("Embed", f"input_dim: 7 num_output: 6 bias_term: {str(bias).lower()}", *shape)
    net = load(tmp_path, text, {"l": [weight, BIAS][: 1 + bias]})
    assert_close(np.asarray(net(x)["out"]), weight[x.astype(int)] + (BIAS if bias else 0))


def test_matmul(tmp_path):
    a, b = normal(2, 3, 4), normal(2, 5, 4)
    text = inputs(a=a.shape, b=b.shape) + (
        'layer { name: "l" type: "MatMul" bottom: "a" bottom: "b" top: "out" '
        "matmul_param { transpose_b: true } }"
    )
    assert_close(np.asarray(load(tmp_path, text)(a=a, b=b)["out"]), a @ b.swapaxes(1, 2))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (net_text("InnerProduct", "axis: 1"), "num_output is missing in inner_product_param"),
        (net_text("InnerProduct", "num_output: 0"), "units must be at least 1, got 0"),
        (net_text("InnerProduct", "num_output: 3 axis: 5"), "axis 5 is out of range for 4 axes"),
        (net_text("InnerProduct", "num_output: 3", 4), "axis 1 is out of range for 1 axes"),
        (net_text("InnerProduct", "num_output: 2000000000"), "'weight' of 2000000000x60 has more than"),
        (net_text("Embed", "num_output: 3"), "input_dim is missing in embed_param"),
        (net_text("Embed", "input_dim: 3"), "num_output is missing in embed_param"),
    ],
)
def test_errors_of_attributes(tmp_path, text, message):
    with pytest.raises(JaxdnnError, match=message):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("blobs", "message"),
    [
        ([normal(60, 6), BIAS], "weight is 60x6 in the weights file, 6x60 expected"),
        ([normal(6, 60), normal(5)], "bias is 5 in the weights file, 6 expected"),
        ([normal(6, 60)], r"has 1 blobs in the weights file, 2 expected \(weight, bias\)"),
    ],
)
def test_errors_of_weights(tmp_path, blobs, message):
    with pytest.raises(JaxdnnError, match=message):
        load(tmp_path, net_text("InnerProduct", "num_output: 6"), {"l": blobs})
