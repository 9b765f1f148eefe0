"""Recurrent layers against loops over steps and samples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.recurrent import Gru, Lstm, LstmUnit, Rnn
from support.layer import assert_close, net_of, run


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@st.composite
def cases(draw, states):
    """Draw a sequence and which of the optional inputs there are."""
    steps, batch, units, features = (draw(st.integers(1, 4)) for _ in range(4))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))

    def random(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    options = {name: draw(st.booleans()) for name in ("continuation", "static", "initial_state")}
    inputs = [random(steps, batch, features, 2)]
    if options["continuation"]:
        inputs.append(rng.integers(0, 2, (steps, batch)).astype(np.float32))
    if options["static"]:
        inputs.append(random(batch, 3))
    if options["initial_state"]:
        inputs.extend(random(1, batch, units) for _ in range(states))
    return random, {"units": units, "final_state": draw(st.booleans()), **options}, inputs


def weights_of(layer, random, inputs):
    return {slot: random(*shape) for slot, shape in layer.param_shapes(*(x.shape for x in inputs)).items()}


def reference(options, inputs, weights, states, step):
    """Run ``step(z, state parts) -> state parts`` for each sample and step on its own."""
    x, *rest = inputs
    steps, batch = x.shape[:2]
    continuation = rest.pop(0) if options["continuation"] else np.ones((steps, batch))
    static = rest.pop(0) @ weights["static_weight"].T if options["static"] else np.zeros((batch, 1))
    first = [part[0] for part in rest] or [np.zeros((batch, options["units"]))] * states
    y = np.zeros((steps, batch, options["units"]))
    final = np.zeros((states, 1, batch, options["units"]))
    for n in range(batch):
        state = [part[n] for part in first]
        for t in range(steps):
            z = weights["input_weight"] @ x[t, n].ravel() + weights["bias"] + static[n]
            state = step(z, [part * continuation[t, n] for part in state])
            y[t, n] = state[0]
        final[:, 0, n] = state
    return y, final


def check(layer, options, inputs, weights, y, final):
    outputs = 1 + len(final) * options["final_state"]
    got = run(layer, *inputs, outputs=outputs, **weights)
    got, *parts = got if outputs > 1 else (got,)
    assert_close(got, y)
    for part, want in zip(parts, final, strict=options["final_state"]):
        assert_close(part, want)


@settings(max_examples=12)
@given(cases(states=2), st.permutations("ifog"))
def test_lstm(case, gates):
    random, options, inputs = case
    layer = Lstm(gates="".join(gates), **options)
    weights = weights_of(layer, random, inputs)

    def step(z, state):
        z = dict(zip(gates, np.split(z + weights["hidden_weight"] @ state[0], 4), strict=True))
        c = sigmoid(z["f"]) * state[1] + sigmoid(z["i"]) * np.tanh(z["g"])
        return sigmoid(z["o"]) * np.tanh(c), c

    check(layer, options, inputs, weights, *reference(options, inputs, weights, 2, step))


@settings(max_examples=12)
@given(cases(states=1), st.booleans())
def test_rnn(case, output_layer):
    random, options, inputs = case
    layer = Rnn(output_layer=output_layer, **options)
    weights = weights_of(layer, random, inputs)

    def step(z, state):
        return (np.tanh(z + weights["hidden_weight"] @ state[0]),)

    y, final = reference(options, inputs, weights, 1, step)
    if output_layer:
        y = np.tanh(y @ weights["output_weight"].T + weights["output_bias"])
    check(layer, options, inputs, weights, y, final)


@settings(max_examples=12)
@given(
    cases(states=1),
    st.permutations("zrg"),
    st.sampled_from(["before", "after"]),
    st.sampled_from(["tanh", "sigmoid"]),
)
def test_gru(case, gates, reset, activation):
    random, options, inputs = case
    layer = Gru(gates="".join(gates), reset=reset, activation=activation, **options)
    weights = weights_of(layer, random, inputs)
    f = np.tanh if activation == "tanh" else sigmoid
    hidden = dict(zip(gates, np.split(weights["hidden_weight"], 3), strict=True))
    bias = dict(
        zip(gates, np.split(weights.get("hidden_bias", np.zeros(len(weights["bias"]))), 3), strict=True)
    )

    def step(z, state):
        s, a = state[0], dict(zip(gates, np.split(z, 3), strict=True))
        update = sigmoid(a["z"] + hidden["z"] @ s + bias["z"])
        r = sigmoid(a["r"] + hidden["r"] @ s + bias["r"])
        seen = hidden["g"] @ (r * s) if reset == "before" else r * (hidden["g"] @ s + bias["g"])
        return (update * s + (1 - update) * f(a["g"] + seen),)

    check(layer, options, inputs, weights, *reference(options, inputs, weights, 1, step))


def test_lstm_unit_is_one_step():
    rng = np.random.default_rng(0)
    c, z = rng.standard_normal((1, 2, 3)), rng.standard_normal((1, 2, 12))
    inputs = [x.astype(np.float32) for x in (c, z, np.array([[0, 1]]))]
    i, f, o, g = np.split(z, 4, axis=-1)
    want = sigmoid(f) * c * np.array([0, 1]).reshape(1, 2, 1) + sigmoid(i) * np.tanh(g)
    got_c, got_h = run(LstmUnit(), *inputs, outputs=2)
    assert_close(got_c, want)
    assert_close(got_h, sigmoid(o) * np.tanh(want))


def test_flops_count_every_weight_at_every_step():
    layer = Lstm(units=2)
    x = np.zeros((5, 3, 4), np.float32)
    weights = weights_of(layer, lambda *shape: np.zeros(shape, np.float32), [x])
    net = net_of(layer, x, **weights)
    assert layer.flops(*net.inferred.shapes["layer"]) == 2 * 15 * sum(w.size for w in weights.values())


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Rnn(units=0), "units must be at least 1"),
        (lambda: Lstm(units=1, gates="ifoo"), "gates must be an order of 'ifog', got 'ifoo'"),
        (lambda: LstmUnit(gates=""), "gates must be an order"),
        (lambda: Gru(units=1, gates="zr"), "gates must be an order of 'zrg'"),
        (lambda: Gru(units=1, reset="never"), "reset must be one of before, after"),
        (lambda: Gru(units=1, activation="relu"), "activation must be one of"),
    ],
)
def test_bad_attributes(build, message):
    with pytest.raises(LayerError, match=message):
        build()


@pytest.mark.parametrize(
    ("options", "shapes", "message"),
    [
        ({}, [(4,)], "the input is 4, steps x batch x features expected"),
        ({"continuation": True}, [(4, 2, 3), (4, 3)], "continuation is 4x3, 4x2 expected"),
        ({"static": True}, [(4, 2, 3), (3, 5)], "static is 3, 2 expected"),
        (
            {"initial_state": True},
            [(4, 2, 3), (1, 2, 4), (1, 2, 5)],
            "initial state is 1x2x4, 1x2x5 expected",
        ),
    ],
)
def test_shapes_that_do_not_fit(options, shapes, message):
    with pytest.raises(ShapeError, match=message):
        Lstm(units=5, **options).param_shapes(*shapes)


def test_lstm_unit_shapes():
    shapes = [(1, 2, 3), (1, 2, 9), (1, 2)]
    with pytest.raises(ShapeError, match="gates 1x2x9 and continuation 1x2 do not fit the state 1x2x3"):
        run(LstmUnit(), *(np.zeros(shape, np.float32) for shape in shapes), outputs=2)
