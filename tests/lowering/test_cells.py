"""Recurrent cells, against the formulas in numpy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.cells import GruCell, LstmCell
from support.layer import assert_close, run


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(layer, w, x, c, h):
    z = np.concatenate([x, h], axis=1) @ w["weight"] + w["bias"]
    i, f, o, g = (np.split(z, 4, axis=1)[layer.gates.index(gate)] for gate in "ifog")
    peephole = {gate: w.get(f"peephole_{gate}", 0) for gate in "ifo"}
    i, f, g = sigmoid(i + peephole["i"] * c), sigmoid(f + layer.forget_bias + peephole["f"] * c), np.tanh(g)
    c = f * c + i * g
    if layer.clip > 0:
        c = np.clip(c, -layer.clip, layer.clip)
    o = sigmoid(o + peephole["o"] * c)
    return i, c, f, o, g, np.tanh(c), o * np.tanh(c)


def numbers(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


@settings(max_examples=12)
@given(
    gates=st.permutations("ifog").map("".join),
    forget_bias=st.floats(-1, 1, width=32),
    clip=st.sampled_from((0.0, 0.25)),
    peephole=st.booleans(),
    steps=st.none() | st.integers(0, 4),
    runtime=st.booleans(),
)
def test_lstm_cell(gates, forget_bias, clip, peephole, steps, runtime):
    layer = LstmCell(
        gates=gates, forget_bias=forget_bias, clip=clip, peephole=peephole, sequence=steps is not None
    )
    rng = np.random.default_rng(0)
    x, c, h = numbers(rng, 4, 2, 3), numbers(rng, 2, 5), numbers(rng, 2, 5)
    w = {"weight": numbers(rng, 8, 20), "bias": numbers(rng, 20)}
    if peephole:
        w |= {f"peephole_{gate}": numbers(rng, 5) for gate in "ifo"}
    inputs = [x[0] if steps is None else x, c, h, *([] if steps is None else [np.int32(steps)])]
    got = run(layer, *inputs, *w.values(), outputs=7) if runtime else run(layer, *inputs, outputs=7, **w)
    if steps is None:
        want = lstm(layer, w, x[0], c, h)
    else:
        want = [np.zeros((4, 2, 5)) for _ in range(7)]
        for t in range(steps):
            parts = lstm(layer, w, x[t], c, h)
            c, h = parts[1], parts[6]
            for array, part in zip(want, parts, strict=True):
                array[t] = part
    for one, other in zip(got, want, strict=True):
        assert_close(one, other)


@pytest.mark.parametrize("runtime", [False, True])
def test_gru_cell(runtime):
    rng = np.random.default_rng(0)
    x, h = numbers(rng, 2, 3), numbers(rng, 2, 4)
    shapes = {"gate_weight": (7, 8), "candidate_weight": (7, 4), "gate_bias": (8,), "candidate_bias": (4,)}
    w = {slot: numbers(rng, *shape) for slot, shape in shapes.items()}
    r, u = np.split(sigmoid(np.concatenate([x, h], 1) @ w["gate_weight"] + w["gate_bias"]), 2, axis=1)
    g = np.tanh(np.concatenate([x, r * h], 1) @ w["candidate_weight"] + w["candidate_bias"])
    got = run(GruCell(), x, h, *w.values(), outputs=4) if runtime else run(GruCell(), x, h, outputs=4, **w)
    for one, other in zip(got, (r, u, g, u * h + (1 - u) * g), strict=True):
        assert_close(one, other)


def test_what_does_not_fit():
    x, c = np.zeros((2, 3), np.float32), np.zeros((2, 4), np.float32)
    with pytest.raises(LayerError, match="gates must be an order of 'ifog', got 'ifo'"):
        LstmCell(gates="ifo")
    with pytest.raises(ShapeError, match="2 axes and states"):
        run(GruCell(), x[None], c, outputs=4)
    with pytest.raises(ShapeError, match="the input's batch of 1 is not the states' 2"):
        run(LstmCell(), x[:1], c, c, outputs=7)
    weights = (np.zeros((6, 8), np.float32), np.zeros((6, 4), np.float32))
    biases = (np.zeros(8, np.float32), np.zeros(4, np.float32))
    with pytest.raises(ShapeError, match="weights 6x8 do not fit 7 features and units"):
        run(GruCell(), x, c, *weights, *biases, outputs=4)
