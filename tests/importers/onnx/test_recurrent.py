"""Recurrent operators against ONNX Runtime."""

import numpy as np
import pytest

from jaxdnn import JaxdnnError
from support.layer import assert_close
from support.onnx_graphs import compute, load, node, one_op, run, runtime, tensor

STEPS, BATCH, FEATURES, UNITS = 5, 3, 4, 2
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def noise(*shape, seed=0):
    return np.random.default_rng(seed + sum(shape)).standard_normal(shape).astype(np.float32)


def arrays(op, directions=1, *, bias=True, lengths=False, state=False, peephole=False, batch_first=False):
    """Return the operator's inputs."""
    gates = GATES[op]
    x = noise(STEPS, BATCH, FEATURES)
    first = noise(directions, BATCH, UNITS, seed=5)
    cell = noise(directions, BATCH, UNITS, seed=6)
    if batch_first:
        x, first, cell = x.swapaxes(0, 1), first.swapaxes(0, 1), cell.swapaxes(0, 1)
    inputs = [
        x,
        noise(directions, gates * UNITS, FEATURES, seed=1),
        noise(directions, gates * UNITS, UNITS, seed=2),
        noise(directions, 2 * gates * UNITS, seed=3) if bias else None,
        np.array([3, 5, 1], np.int32) if lengths else None,
        first if state else None,
    ]
    if op == "LSTM":
        inputs += [cell if state else None, noise(directions, 3 * UNITS, seed=4) if peephole else None]
    return inputs


def check(tmp_path, op, inputs, *, feeds=(0,), reference=runtime, **attributes):
    made, fed = one_op(op, inputs, outputs=3 if op == "LSTM" else 2, feeds=feeds, opset=14, **attributes)
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    for got, want in zip(run(path, fed), reference(made, fed), strict=True):
        assert_close(got, want)


@pytest.mark.parametrize("op", GATES)
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("lengths", [False, True])
def test_directions_and_lengths(tmp_path, op, direction, lengths):
    inputs = arrays(op, 1 + (direction == "bidirectional"), lengths=lengths, state=lengths)
    check(tmp_path, op, inputs, hidden_size=UNITS, direction=direction)


@pytest.mark.parametrize("op", GATES)
def test_without_bias_and_with_computed_weights(tmp_path, op):
    check(tmp_path, op, arrays(op, bias=False), feeds=(0, 1, 2), hidden_size=UNITS)


@pytest.mark.parametrize("op", GATES)
def test_clip(tmp_path, op):
    check(tmp_path, op, arrays(op), hidden_size=UNITS, clip=0.5)


def test_reset_after_the_hidden_weights(tmp_path):
    check(
        tmp_path, "GRU", arrays("GRU", 2), hidden_size=UNITS, linear_before_reset=1, direction="bidirectional"
    )


def test_peepholes_and_coupled_gates(tmp_path):
    check(tmp_path, "LSTM", arrays("LSTM", peephole=True), hidden_size=UNITS)
    check(tmp_path, "LSTM", arrays("LSTM", peephole=True, state=True), hidden_size=UNITS, input_forget=1)


FUNCTIONS = [
    *("Relu", "Tanh", "Sigmoid", "Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh", "HardSigmoid"),
    *("Elu", "Softsign", "Softplus"),
]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_activations(tmp_path, name):
    options = {
        "Affine": {"activation_alpha": [0.7], "activation_beta": [0.2]},
        "LeakyRelu": {"activation_alpha": [0.3]},
        "ThresholdedRelu": {"activation_alpha": [0.4]},
        "ScaledTanh": {"activation_alpha": [0.9], "activation_beta": [1.3]},
        "HardSigmoid": {"activation_alpha": [0.3], "activation_beta": [0.4]},
        "Elu": {"activation_alpha": [0.6]},
    }
    check(tmp_path, "RNN", arrays("RNN"), hidden_size=UNITS, activations=[name], **options.get(name, {}))


def test_activations_with_usual_parameters_and_of_several_gates(tmp_path):
    check(
        tmp_path,
        "LSTM",
        arrays("LSTM", 2),
        hidden_size=UNITS,
        direction="bidirectional",
        activations=["HardSigmoid", "LeakyRelu", "Tanh", "Sigmoid", "Elu", "Affine"],
        activation_alpha=[0.3, 0.2, 0.5, 0.8],
        activation_beta=[0.4, 0.1],
    )
    for name in ("LeakyRelu", "HardSigmoid", "Elu"):
        check(tmp_path, "RNN", arrays("RNN"), hidden_size=UNITS, activations=[name])


@pytest.mark.parametrize("op", GATES)
def test_batch_first(tmp_path, op):
    """ONNX Runtime does not know this layout; the other one is compared above."""
    options = {"hidden_size": UNITS, "direction": "bidirectional"}
    outputs = 3 if op == "LSTM" else 2
    want = compute(tmp_path, op, *arrays(op, 2, state=True), outputs=outputs, **options)
    inputs = arrays(op, 2, state=True, batch_first=True)
    got = compute(tmp_path, op, *inputs, outputs=outputs, layout=1, **options)
    np.testing.assert_array_equal(got[0], want[0].transpose(2, 0, 1, 3))
    for state, expected in zip(got[1:], want[1:], strict=True):
        np.testing.assert_array_equal(state, expected.swapaxes(0, 1))


def test_weights_are_parameters(tmp_path):
    names = ["x", "rnn.W", "rnn.R", "rnn.B"]
    x, *weights = arrays("GRU")[:4]
    stored = dict(zip(names[1:], weights, strict=True))
    net = load(
        tmp_path, [node("GRU", names, ["y"], hidden_size=UNITS)], [tensor("x", x.shape)], ["y"], stored
    )
    assert {slot: array.shape for slot, array in net.params["rnn"].items()} == {
        "input_weight": (1, 6, 4),
        "hidden_weight": (1, 6, 2),
        "bias": (1, 12),
    }


@pytest.mark.parametrize(
    ("op", "change", "attributes", "message"),
    [
        ("GRU", {}, {"activations": ["Tanh"]}, "activations has 1 names, 2 expected"),
        ("RNN", {}, {"activations": ["Cosine"]}, "activation 'Cosine' is not known"),
        ("RNN", {}, {"direction": "sideways"}, "'direction' must be one of forward, reverse, bidirectional"),
        ("RNN", {1: noise(1, 2, 3)}, {}, "input_weight"),
        ("LSTM", {4: np.array([1, 2], np.int32)}, {}, "lengths is 2, 3 expected"),
        ("LSTM", {5: noise(1, 2, 2)}, {}, "part 0 of the initial state is 1x2x2, 1x3x2 expected"),
        ("RNN", {0: noise(5, 4)}, {}, "the input is 5x4, steps x batch x features expected"),
    ],
)
def test_errors(tmp_path, op, change, attributes, message):
    inputs = arrays(op)
    for index, array in change.items():
        inputs[index] = array
    with pytest.raises(JaxdnnError, match=message):
        compute(tmp_path, op, *inputs, hidden_size=UNITS, **attributes)
