"""Weights in few bits, which are computed before the graph is read, against the layer that computes them in a call."""

import numpy as np
import pytest

from support.tensorflow import Type, const, load, node

RANDOM = np.random.default_rng(0)


def weight(name: str, dtype: str, low: float, high: float, shape: tuple[int, ...], **attributes):
    info = np.iinfo(dtype)
    q = RANDOM.integers(info.min, info.max, shape, dtype, endpoint=True)
    limits = const(f"{name}_low", np.float32(low)), const(f"{name}_high", np.float32([high]))
    inputs = f"{name}_q", f"{name}_low:0", f"{name}_high"
    return const(f"{name}_q", q), *limits, node(name, "Dequantize", *inputs, T=Type(dtype), **attributes)


@pytest.mark.parametrize("mode", ["MIN_COMBINED", "MIN_FIRST", "SCALED"])
def test_they_are_what_the_layer_computes(tmp_path, mode):
    nodes = [
        *weight("a", "uint8", -1, 3, (3, 5), mode=mode),
        *weight("b", "uint8", 0, 0.5, (17,), mode=mode),
        *weight("c", "int8", -2, 2, (2, 1, 2), mode=mode),
        *weight("d", "uint8", -0.1, 0.2, (4,), mode=mode, narrow_range=True),
        node("e", "Dequantize", "a_q", "a_low", "a_high", "^b", mode=mode),
    ]
    outputs = ["a", "b", "c", "d", "e"]
    found = load(tmp_path, *nodes, outputs=outputs)
    assert not found.graph.inputs
    fed = load(tmp_path, *nodes, inputs=["a_q", "b_q", "c_q", "d_q"], outputs=outputs)
    integers = load(tmp_path, *nodes, outputs=["a_q", "b_q", "c_q", "d_q"])({})
    for name, want in fed(integers).items():
        np.testing.assert_allclose(found({})[name], want, rtol=1e-6, atol=1e-6)


def test_what_a_call_feeds_is_not_computed_before(tmp_path):
    nodes = weight("w", "uint8", 0, 255, (4,))
    for name, value, want in (
        ("w_q", np.uint8([1, 2, 3, 4]), [1, 2, 3, 4]),
        ("w", np.float32([7] * 4), [7] * 4),
    ):
        net = load(tmp_path, *nodes, inputs=[name], outputs=["w"])
        np.testing.assert_allclose(net({name: value})["w"], want, atol=1e-5)


def test_a_user_computes_them(tmp_path):
    def doubled(weights, q, low, high):
        return q.astype(np.float32) * 2

    net = load(
        tmp_path,
        *weight("w", "uint8", 0, 1, (4,)),
        custom_layers={"Dequantize": doubled},
        outputs=["w", "w_q"],
    )
    found = net({})
    np.testing.assert_allclose(found["w"], 2.0 * np.asarray(found["w_q"]))
