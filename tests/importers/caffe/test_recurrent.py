"""LSTM, RNN, LSTMUnit, and the forks' Lstm."""

import numpy as np
import pytest

from jaxdnn import GraphError, ParseError, WeightsError
from support import caffe
from support.layer import assert_close

RNG = np.random.default_rng(0)
T, N, D = 4, 3, 2
FEATURES, STATIC = 5, 6


def random(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def compute(folder, kind, params, blobs, feeds, tops=("y",)):
    text = caffe.inputs(**{name: array.shape for name, array in feeds.items()})
    wires = [f'bottom: "{name}"' for name in feeds] + [f'top: "{name}"' for name in tops]
    text += f'layer {{ name: "l" type: "{kind}" {" ".join(wires)} {params} }}'
    weights = {"l": blobs} if blobs else None
    got = caffe.load(folder, text, weights)(feeds)
    return [np.asarray(got[name]) for name in tops]


def lstm(z, cont, w_h, h, c):
    """Run Caffe's formula over projected inputs z (T, N, 4D)."""
    outputs = []
    for z_t, cont_t in zip(z, cont[..., None], strict=True):
        i, f, o, g = np.split(z_t + (cont_t * h) @ w_h.T, 4, axis=1)
        c = cont_t * sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs), h, c


X, CONT = random(T, N, FEATURES), np.float32(RNG.integers(0, 2, (T, N)))
W_X, B, W_S, W_H = random(4 * D, FEATURES), random(4 * D), random(4 * D, STATIC), random(4 * D, D)
ZERO = np.zeros((N, D), np.float32)
PARAMS = "recurrent_param { num_output: 2 debug_info: false weight_filler { type: 'xavier' } }"


def test_lstm(tmp_path):
    (got,) = compute(tmp_path, "LSTM", PARAMS, [W_X, B, W_H], {"x": X, "cont": CONT})
    assert_close(got, lstm(X @ W_X.T + B, CONT, W_H, ZERO, ZERO)[0])


def test_lstm_of_pictures_with_a_static_input(tmp_path):
    static = random(N, 2, 3)
    feeds = {"x": X.reshape(T, N, FEATURES, 1), "cont": CONT, "s": static}
    (got,) = compute(tmp_path, "LSTM", PARAMS, [W_X, B, W_S, W_H], feeds)
    assert_close(got, lstm(X @ W_X.T + B + static.reshape(N, STATIC) @ W_S.T, CONT, W_H, ZERO, ZERO)[0])


def test_lstm_with_exposed_states(tmp_path):
    static, h, c = random(N, STATIC), random(1, N, D), random(1, N, D)
    params = "recurrent_param { num_output: 2 expose_hidden: true }"
    feeds = {"x": X, "cont": np.ones_like(CONT), "s": static, "h": h, "c": c}
    got = compute(tmp_path, "LSTM", params, [W_X, B, W_S, W_H], feeds, ("y", "hT", "cT"))
    y, h_last, c_last = lstm(X @ W_X.T + B + static @ W_S.T, np.ones_like(CONT), W_H, h[0], c[0])
    for value, want in zip(got, (y, h_last[None], c_last[None]), strict=True):
        assert_close(value, want)


def test_rnn_with_exposed_state(tmp_path):
    weights = [random(D, FEATURES), random(D), random(D, D), random(D, D), random(D)]
    w_x, b, w_h, w_o, b_o = weights
    h = random(1, N, D)
    params = "recurrent_param { num_output: 2 expose_hidden: true }"
    feeds = {"x": X, "cont": CONT, "h": h}
    got = compute(tmp_path, "RNN", params, weights, feeds, ("y", "hT"))
    state, want = h[0], []
    for t in range(T):
        state = np.tanh(X[t] @ w_x.T + b + (CONT[t, :, None] * state) @ w_h.T)
        want.append(np.tanh(state @ w_o.T + b_o))
    assert_close(got[0], np.stack(want))
    assert_close(got[1], state[None])


def test_lstm_unit(tmp_path):
    c, z, cont = random(1, N, D), random(1, N, 4 * D), CONT[:1]
    got = compute(tmp_path, "LSTMUnit", "", [], {"c": c, "z": z, "cont": cont}, ("c1", "h1"))
    _, h_want, c_want = lstm(z, cont, np.zeros_like(W_H), ZERO, c[0])
    assert_close(got[0], c_want[None])
    assert_close(got[1], h_want[None])


def test_the_forks_lstm(tmp_path):
    params = "lstm_param { num_output: 2 clipping_threshold: 0.1 weight_filler { type: 'gaussian' } }"
    (got,) = compute(tmp_path, "Lstm", params, [W_X, W_H, B], {"x": X})
    assert_close(got, lstm(X @ W_X.T + B, np.ones_like(CONT), W_H, ZERO, ZERO)[0])


@pytest.mark.parametrize(("batch", "stated"), [(N, "batch_size: 3"), (1, "")])
def test_the_forks_lstm_with_steps_and_samples_on_one_axis(tmp_path, batch, stated):
    clip = CONT.reshape(-1)
    params = f"lstm_param {{ num_output: 2 {stated} }}"
    feeds = {"x": X.reshape(-1, FEATURES), "clip": clip}
    (got,) = compute(tmp_path, "Lstm", params, [W_X, W_H, B], feeds)
    zero = np.zeros((batch, D), np.float32)
    z = (X @ W_X.T + B).reshape(-1, batch, 4 * D)
    assert_close(got, lstm(z, clip.reshape(-1, batch), W_H, zero, zero)[0].reshape(-1, D))


@pytest.mark.parametrize(
    ("kind", "params", "blobs", "feeds", "tops", "error", "message"),
    [
        ("LSTM", "", [], {"x": X, "cont": CONT}, ("y",), ParseError, "num_output is missing"),
        (
            "LSTM",
            "recurrent_param { num_output: 2 expose_hidden: true }",
            [],
            {"x": X, "cont": CONT},
            ("y", "h", "c"),
            GraphError,
            "takes 4 bottoms, and one more for a static input, 2 given",
        ),
        ("RNN", PARAMS, [], {"x": X, "cont": CONT}, ("y", "h"), GraphError, "takes 1 tops, 2 given"),
        ("LSTM", PARAMS, [W_X, B], {"x": X, "cont": CONT}, ("y",), WeightsError, "has 2 blobs"),
        (
            "LSTM",
            PARAMS,
            [W_X, B, W_X],
            {"x": X, "cont": CONT},
            ("y",),
            WeightsError,
            "hidden_weight is 8x5 in the weights file, 8x2 expected",
        ),
    ],
)
def test_errors(tmp_path, kind, params, blobs, feeds, tops, error, message):
    with pytest.raises(error, match=message):
        compute(tmp_path, kind, params, blobs, feeds, tops)
