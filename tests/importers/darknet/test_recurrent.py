"""Recurrent sections against loops over time in float64."""

import numpy as np
import pytest

from jaxdnn import ShapeError
from support.darknet import load, picture, randomized
from support.layer import assert_close

FLAT = "[net]\ninputs=6\n"
STEPS = 3


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def compute(net, xs):
    """Run a net step by step, each with the states that the one before gave; return the first output's values."""
    state, outputs = {}, []
    for x in xs:
        got = net({"data": x, **state})
        state = {name.removesuffix("_next"): v for name, v in got.items() if name.endswith("_next")}
        outputs.append(np.asarray(got[net.graph.outputs[0]]))
    return outputs


def dense(net, name):
    """Return a dense part of a layer as a function, with its batch norm if it has one."""
    own = {slot: np.asarray(array, np.float64) for slot, array in net.params[name].items()}
    norm = {s: np.asarray(array, np.float64) for s, array in net.params.get(f"{name}/norm", {}).items()}

    def apply(x):
        y = x @ own["weight"].T
        if norm:
            y = (y - norm["mean"]) / np.sqrt(norm["variance"] + 1e-5) * norm["scale"] + norm["bias"]
        return y + own.get("bias", 0)

    return apply


@pytest.mark.parametrize("normalize", [0, 1])
@pytest.mark.parametrize(("logistic", "own"), [(0, np.tanh), (1, sigmoid), (2, lambda x: 2 * sigmoid(x) - 1)])
@pytest.mark.parametrize("residual", [0, 1])
def test_rnn(tmp_path, normalize, logistic, own, residual):
    options = f"batch_normalize={normalize}\nlogistic={logistic}\nshortcut={residual}\n"
    net = randomized(tmp_path, f"{FLAT}[rnn]\noutput=4\nhidden=5\nactivation=tanh\n{options}")
    xs = draw(STEPS, 2, 6)
    state = np.zeros((2, 5))
    parts = [dense(net, f"rnn_0/{part}") for part in ("input", "self", "output")]
    for x, got in zip(xs, compute(net, xs), strict=True):
        state = residual * state + np.tanh(parts[0](x)) + own(parts[1](state))
        assert_close(got, np.tanh(parts[2](state)))


@pytest.mark.parametrize("normalize", [0, 1])
def test_gru(tmp_path, normalize):
    net = randomized(tmp_path, f"{FLAT}[gru]\noutput=4\nbatch_normalize={normalize}\n")
    xs, state = draw(STEPS, 2, 6), np.zeros((2, 4))
    x_part = {gate: dense(net, f"gru_0/input_{gate}") for gate in "zrh"}
    h_part = {gate: dense(net, f"gru_0/state_{gate}") for gate in "zrh"}
    for x, got in zip(xs, compute(net, xs), strict=True):
        update = sigmoid(x_part["z"](x) + h_part["z"](state))
        reset = sigmoid(x_part["r"](x) + h_part["r"](state))
        candidate = sigmoid(x_part["h"](x) + h_part["h"](reset * state))
        state = update * state + (1 - update) * candidate
        assert_close(got, state)


@pytest.mark.parametrize("normalize", [0, 1])
def test_lstm(tmp_path, normalize):
    net = randomized(tmp_path, f"{FLAT}[lstm]\noutput=4\nbatch_normalize={normalize}\n")
    xs, state, cell = draw(STEPS, 2, 6), np.zeros((2, 4)), np.zeros((2, 4))
    w = {gate: dense(net, f"lstm_0/w{gate}") for gate in "figo"}
    u = {gate: dense(net, f"lstm_0/u{gate}") for gate in "figo"}
    for x, got in zip(xs, compute(net, xs), strict=True):
        forget, add, out = (sigmoid(w[gate](state) + u[gate](x)) for gate in "fio")
        cell = forget * cell + add * np.tanh(w["g"](state) + u["g"](x))
        state = out * np.tanh(cell)
        assert_close(got, state)


def pointwise(net, name):
    """Return a convolution of one pixel as a function."""
    weight, bias = (np.asarray(net.params[name][slot], np.float64) for slot in ("weight", "bias"))
    return lambda x: np.einsum("nchw,fc->nfhw", x, weight[:, :, 0, 0]) + bias.reshape(1, -1, 1, 1)


def test_crnn(tmp_path):
    cfg = picture(3, 2, 4) + "[crnn]\nsize=1\noutput=2\nhidden=5\nactivation=relu\nshortcut=1\n"
    net = randomized(tmp_path, cfg)
    xs, state = draw(STEPS, 2, 4, 2, 3), np.zeros((2, 5, 2, 3))
    parts = [pointwise(net, f"crnn_0/{part}") for part in ("input", "self", "output")]
    for x, got in zip(xs, compute(net, xs), strict=True):
        state = state + np.maximum(parts[0](x), 0) + np.maximum(parts[1](state), 0)
        assert_close(got, np.maximum(parts[2](state), 0))


@pytest.mark.parametrize("peephole", [0, 1])
def test_conv_lstm(tmp_path, peephole):
    options = f"size=1\noutput=5\npeephole={peephole}\nstate_constrain=1\n"
    net = randomized(tmp_path, picture(3, 2, 4) + f"[conv_lstm]\n{options}")
    xs = 4 * draw(STEPS, 2, 4, 2, 3)
    state = cell = np.zeros((2, 5, 2, 3))
    gates = {name: pointwise(net, name) for name in net.params}

    def part(letter, gate, value):
        name = f"conv_lstm_0/{letter}{gate}"
        return gates[name](value) if name in gates else 0

    for x, got in zip(xs, compute(net, xs), strict=True):
        sums = {gate: part("w", gate, state) + part("u", gate, x) for gate in "figo"}
        forget = sigmoid(sums["f"] + part("v", "f", cell))
        add = sigmoid(sums["i"] + part("v", "i", cell))
        cell = forget * cell + add * np.tanh(sums["g"])
        state = sigmoid(sums["o"] + part("v", "o", cell)) * np.tanh(cell)
        cell = np.clip(cell, -1, 1)
        assert_close(got, state)


def test_conv_lstm_with_a_bottleneck(tmp_path):
    options = "size=1\noutput=4\nbottleneck=1\nactivation=relu\nlstm_activation=hardtan\n"
    net = randomized(tmp_path, picture(3, 2, 4) + f"[conv_lstm]\n{options}")
    xs = draw(STEPS, 2, 4, 2, 3)
    state = cell = np.zeros((2, 4, 2, 3))
    parts = {name.rpartition("/")[2]: pointwise(net, name) for name in net.params}
    assert set(parts) == {"wf", "uf", "ui", "ug", "uo"}
    for x, got in zip(xs, compute(net, xs), strict=True):
        joined = np.maximum(parts["wf"](np.concatenate([state, x], axis=1)), 0)
        sums = {gate: np.maximum(parts[f"u{gate}"](np.clip(joined, -1, 1)), 0) for gate in "figo"}
        cell = sigmoid(sums["f"]) * cell + sigmoid(sums["i"]) * np.clip(sums["g"], -1, 1)
        state = sigmoid(sums["o"]) * np.clip(cell, -1, 1)
        assert_close(got, state)


def test_history_holds_the_newest_picture_first(tmp_path):
    net = load(tmp_path, picture(3, 2, 1) + "[history]\nhistory_size=3\n", [])
    xs = draw(4, 2, 1, 2, 3)
    *_, last = compute(net, xs)
    np.testing.assert_array_equal(last, np.concatenate([xs[3], xs[2], xs[1]], axis=1))
    first, *_ = compute(net, xs)
    np.testing.assert_array_equal(first[:, 1:], np.zeros((2, 2, 2, 3)))


def test_names_and_shapes_of_states(tmp_path):
    net = load(tmp_path, f"{FLAT}[lstm]\noutput=4\n[gru]\noutput=3\n[connected]\noutput=2\n")
    states = {"lstm_0_state": (1, 4), "lstm_0_cell": (1, 4), "gru_1_state": (1, 3)}
    assert {name: spec.shape for name, spec in net.inputs.items()} == {"data": (1, 6)} | states
    assert net.graph.outputs[0] == "logistic_3"
    assert set(net.graph.outputs[1:]) == {f"{name}_next" for name in states}


def test_a_state_that_changes_its_size(tmp_path):
    with pytest.raises(ShapeError, match="a state of 1x2x2 becomes 1x1x1: it must keep its size"):
        load(tmp_path, picture(3, 3, 1) + "[crnn]\nsize=2\n")
