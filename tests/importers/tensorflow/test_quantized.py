"""Quantised weights, recurrent blocks and label sequences, through the importer."""

import numpy as np
import pytest

import jaxdnn
from support.tensorflow import Type, const, load, node, placeholder


def test_quantised_weights_are_weights(tmp_path):
    q = np.arange(12, dtype=np.uint8).reshape(4, 3)
    limits = const("low", np.float32(-1)), const("high", np.float32(1.55))
    nodes = const("q", q), *limits, node("w", "Dequantize", "q", "low", "high", T=Type("uint8"))
    net = load(tmp_path, placeholder("x", (2, 4)), *nodes, node("y", "MatMul", "x", "w"))
    np.testing.assert_allclose(net.params["w"]["weight"], q * 0.01 - 1, atol=1e-6)
    x = np.ones((2, 4), np.float32)
    np.testing.assert_allclose(net(x)["y"], x @ (q * 0.01 - 1), atol=1e-5)


def test_a_quantised_constant_of_a_wrong_kind(tmp_path):
    limits = const("low", np.zeros(2, np.float32)), const("high", np.float32(1))
    nodes = const("q", np.zeros(3, np.uint8)), *limits, node("w", "Dequantize", "q", "low", "high")
    with pytest.raises(jaxdnn.JaxdnnError, match=r"'w' \(Dequantize\): takes integers and one smallest"):
        load(tmp_path, *nodes)


def test_fake_quantisation_by_attributes(tmp_path):
    op = node("y", "FakeQuantWithMinMaxArgs", "x", min=0.0, max=3.0, num_bits=2)
    net = load(tmp_path, placeholder("x", (4,)), op)
    np.testing.assert_allclose(net(np.float32([-1, 0.6, 1.4, 9]))["y"], [0, 1, 1, 3], atol=1e-6)


def test_recurrent_weights_are_params_unless_they_are_computed(tmp_path):
    rng = np.random.default_rng(0)
    shapes = {"h": (2, 4), "w_ru": (7, 8), "w_c": (7, 4), "b_ru": (8,), "b_c": (4,)}
    stored = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    x = rng.normal(size=(2, 3)).astype(np.float32)
    cell = node("cell", "GRUBlockCell", "x", *stored)
    nodes = placeholder("x", (2, 3)), *(const(name, array) for name, array in stored.items()), cell
    net = load(tmp_path, *nodes, outputs=["cell:3"])
    assert net.params.keys() == {"w_ru", "w_c", "b_ru", "b_c"}
    fed = load(tmp_path, *nodes, inputs=["x", "w_c"], outputs=["cell:3"])
    got = fed({"x": x, "w_c": stored["w_c"]})["cell:3"]
    np.testing.assert_allclose(got, net(x)["cell:3"], atol=1e-6)


def test_a_sparse_array_of_known_shape(tmp_path):
    indices, values = const("i", np.int32([1, 3])), const("v", np.float32([5, 6]))
    rest = const("s", np.int32([5])), placeholder("d", ())
    op = node("y", "SparseToDense", "i", "s", "v", "d")
    net = load(tmp_path, indices, values, *rest, op)
    np.testing.assert_array_equal(net({"d": np.float32(-1)})["y"], [-1, 5, -1, 6, -1])
