"""Products, against ONNX Runtime; constants are params."""

import jax
import numpy as np
import pytest

from jaxdnn import LayerError
from support.onnx_graphs import compute, load, node, one_op, runtime, tensor

RNG = np.random.default_rng(1)


def numbers(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def agree(folder, op, *arrays, **options):
    (want,) = runtime(*one_op(op, arrays, **options))
    np.testing.assert_allclose(compute(folder, op, *arrays, **options), want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "shapes", [((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((3,), (3, 4)), ((2, 3), (3,)), ((3,), (3,))]
)
def test_matmul(shapes, tmp_path):
    arrays = tuple(numbers(*shape) for shape in shapes)
    agree(tmp_path, "MatMul", *arrays)
    agree(tmp_path, "MatMul", *arrays, feeds=(1,))
    agree(tmp_path, "MatMul", *arrays, feeds=None)


def test_a_batch_of_stored_matrices_is_learned(tmp_path):
    x, w = numbers(2, 3, 4), numbers(2, 4, 5)
    net = load(tmp_path, [node("MatMul", ["x", "w"])], [tensor("x", x.shape)], initializers={"w": w})
    np.testing.assert_allclose(net(x)["y"], x @ w, rtol=1e-5, atol=1e-5)
    gradient = jax.grad(lambda params: net.apply(params, {"x": x})["y"].sum())(net.params)
    assert gradient["w"]["weight"].shape == w.shape


@pytest.mark.parametrize("trans_a", [0, 1])
@pytest.mark.parametrize("trans_b", [0, 1])
def test_gemm(trans_a, trans_b, tmp_path):
    a, b = numbers(*((3, 2) if trans_a else (2, 3))), numbers(*((4, 3) if trans_b else (3, 4)))
    options = {"transA": trans_a, "transB": trans_b, "opset": 13}
    agree(tmp_path, "Gemm", a, b, numbers(4), **options)
    agree(tmp_path, "Gemm", a, b, numbers(2, 1), alpha=0.5, beta=2.0, feeds=(0, 2), **options)
    agree(tmp_path, "Gemm", a, b, alpha=0.5, **options)


def test_an_old_gemm_is_a_dense_layer(tmp_path):
    x, w, c = numbers(2, 3), numbers(4, 3), numbers(4)
    net = load(
        tmp_path,
        [node("Gemm", ["x", "fc.weight", "fc.bias"], transB=1, broadcast=1)],
        [tensor("x", ["N", 3])],
        initializers={"fc.weight": w, "fc.bias": c},
        opset=6,
    )
    np.testing.assert_allclose(net(x)["y"], x @ w.T + c, rtol=1e-5, atol=1e-5)
    assert {slot: array.shape for slot, array in net.params["fc"].items()} == {"weight": (4, 3), "bias": (4,)}


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij,jk", ((2, 3), (3, 4))),
        ("bij, bjk -> bik", ((2, 3, 4), (2, 4, 2))),
        ("...ii->...i", ((2, 3, 3),)),
        ("ii", ((3, 3),)),
        ("ba", ((2, 3),)),
    ],
)
def test_einsum(equation, shapes, tmp_path):
    arrays = tuple(numbers(*shape) for shape in shapes)
    got = compute(tmp_path, "Einsum", *arrays, equation=equation, feeds=None)
    np.testing.assert_allclose(got, np.einsum(equation, *arrays), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("equation", ["ij->i->j", "i1->i", "i....->i"])
def test_equations_that_make_no_sense(equation, tmp_path):
    with pytest.raises(LayerError, match=r"equation .* makes no sense"):
        compute(tmp_path, "Einsum", numbers(2, 3), equation=equation)


def test_an_equation_has_a_term_for_each_input(tmp_path):
    with pytest.raises(LayerError, match="equation 'ij,jk' has 2 terms for 1 inputs"):
        compute(tmp_path, "Einsum", numbers(2, 3), equation="ij,jk")


def test_determinants(tmp_path):
    agree(tmp_path, "Det", numbers(2, 3, 3), opset=11)
