"""Caffe's arithmetic on blobs."""

import math

import numpy as np
import pytest

from jaxdnn import JaxdnnError
from support.caffe import inputs, load, opencv, write
from support.layer import assert_close

A, B, C = np.random.default_rng(0).standard_normal((3, 2, 3, 4, 5)).astype(np.float32)


def one(kind: str, params: str = "") -> str:
    return inputs(a=A.shape) + f'layer {{ name: "l" type: "{kind}" bottom: "a" top: "out" {params} }}'


def several(kind: str, params: str, *shapes: tuple[int, ...]) -> str:
    names = "abcd"[: len(shapes)]
    bottoms = " ".join(f'bottom: "{name}"' for name in names)
    return inputs(**dict(zip(names, shapes, strict=True))) + (
        f'layer {{ name: "l" type: "{kind}" {bottoms} top: "out" {params} }}'
    )


@pytest.mark.parametrize(
    ("kind", "params", "formula"),
    [
        ("AbsVal", "", np.abs),
        ("Power", "", lambda x: x),
        ("Power", "power_param { power: 3 scale: 0.5 shift: 1 }", lambda x: (1 + x / 2) ** 3),
        ("Power", "power_param { power: -1 shift: 0.2 }", lambda x: 1 / (0.2 + x)),
        ("Power", "power_param { power: 2 scale: 0 shift: 3 }", lambda x: 9 + 0 * x),
        ("Power", "power_param { power: 0 }", lambda x: 1 + 0 * x),
        ("Exp", "", np.exp),
        ("Exp", "exp_param { base: 2 scale: 0.5 shift: 1 }", lambda x: 2 ** (1 + x / 2)),
        ("Exp", "exp_param { base: -1 scale: 2 }", lambda x: np.exp(2 * x)),
        ("Log", "log_param { shift: 9 }", lambda x: np.log(9 + x)),
        ("Log", "log_param { base: 10 scale: 0.5 shift: 9 }", lambda x: np.log10(9 + x / 2)),
        ("Dropout", "", lambda x: x),
        ("Dropout", "dropout_param { dropout_ratio: 0.4 scale_train: false }", lambda x: 0.6 * x),
        ("Dropout", "dropout_param { dropout_ratio: 0.7 sample_weights_test: false }", lambda x: x),
    ],
)
def test_of_one_blob(tmp_path, kind, params, formula):
    got = load(tmp_path, one(kind, params))(A)["out"]
    assert_close(np.asarray(got), formula(A.astype(np.float64)))


def test_dropout_names_its_blob_and_works_in_place(tmp_path):
    text = one("Power", "power_param { scale: 2 }") + (
        'layer { name: "kept" type: "Dropout" bottom: "out" top: "kept" }'
        'layer { name: "drop" type: "Dropout" bottom: "kept" top: "kept" }'
        'layer { name: "end" type: "AbsVal" bottom: "kept" top: "end" }'
    )
    got = load(tmp_path, text)(A, outputs=["out", "kept", "drop", "end"])
    for name in ("out", "kept", "drop"):
        assert_close(np.asarray(got[name]), 2 * A)
    assert_close(np.asarray(got["end"]), 2 * np.abs(A))


@pytest.mark.parametrize(
    ("params", "formula"),
    [
        ("", lambda a, b, c: a + b + c),
        ("eltwise_param { coeff: 0.5 coeff: -2 coeff: 1 }", lambda a, b, c: a / 2 - 2 * b + c),
        ("eltwise_param { operation: SUM coeff: 0 coeff: 1 coeff: 1 }", lambda a, b, c: b + c),
        ("eltwise_param { operation: PROD stable_prod_grad: false }", lambda a, b, c: a * b * c),
        ("eltwise_param { operation: 2 }", lambda a, b, c: np.maximum(np.maximum(a, b), c)),
    ],
)
def test_eltwise(tmp_path, params, formula):
    text = several("Eltwise", params, A.shape, B.shape, C.shape)
    feeds = {"a": A, "b": B, "c": C}
    got = np.asarray(load(tmp_path, text)(feeds)["out"])
    assert_close(got, formula(A.astype(np.float64), B, C))
    assert_close(got, opencv(write(tmp_path, text, {}), feeds, ["l"])[0])


@pytest.mark.parametrize(("name", "function"), [("DIV", np.divide), ("MIN", np.minimum)])
def test_eltwise_operations_of_opencv(tmp_path, name, function):
    text = several("Eltwise", f"eltwise_param {{ operation: {name} }}", A.shape, B.shape)
    assert_close(np.asarray(load(tmp_path, text)(a=A, b=B)["out"]), function(A.astype(np.float64), B))


def test_eltwise_of_one_blob_twice(tmp_path):
    text = inputs(a=A.shape) + (
        'layer { name: "l" type: "Eltwise" bottom: "a" bottom: "a" top: "out" '
        "eltwise_param { coeff: 2 coeff: 0.5 } }"
    )
    assert_close(np.asarray(load(tmp_path, text)(A)["out"]), 2.5 * A)


@pytest.mark.parametrize("shape", [(2, 3, 1, 1), (2, 3)])
def test_axpy(tmp_path, shape):
    scale = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    net = load(tmp_path, several("Axpy", "", shape, A.shape, B.shape))
    assert_close(np.asarray(net(a=scale, b=A, c=B)["out"]), scale.reshape(2, 3, 1, 1) * A + B)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (several("Eltwise", "", (2, 3, 4), (2, 3, 5)), "shapes differ, 2x3x4 and 2x3x5"),
        (several("Eltwise", "", (2, 3, 4, 5), (1, 3, 4, 5)), "shapes differ, 2x3x4x5 and 1x3x4x5"),
        (several("Eltwise", "eltwise_param { coeff: 1 }", (2, 3), (2, 3)), "1 coefficients .* 2 inputs"),
        (
            several("Eltwise", "eltwise_param { operation: MAX coeff: 1 coeff: 1 }", (2, 3), (2, 3)),
            "coefficients are for a sum",
        ),
        (
            several("Eltwise", "eltwise_param { operation: MEAN }", (2, 3), (2, 3)),
            "unknown value 'MEAN' for operation",
        ),
        (several("Eltwise", "", (2, 3)), "takes at least 2 bottoms, 1 given"),
        (several("Axpy", "", (2, 3), (2, 3)), "takes 3 bottoms, 2 given"),
        (one("Exp", "exp_param { base: 0 }"), "base must be positive and finite, got 0"),
        (one("Log", "log_param { base: 1 }"), "not 1, got 1"),
        (one("Dropout", "dropout_param { dropout_ratio: -1 }"), "ratio must lie between 0 and 1"),
        (one("Power", "power_param { powers: 2 }"), "did you mean 'power'"),
    ],
)
def test_errors(tmp_path, text, message):
    with pytest.raises(JaxdnnError, match=message) as caught:
        load(tmp_path, text)
    assert caught.value.layer.startswith("'l'")


def test_absurd_numbers_do_not_crash(tmp_path):
    for params in ("power: 1e38 shift: -1", "power: -0.5 scale: 0 shift: -1", "power: inf scale: 0"):
        load(tmp_path, one("Power", f"power_param {{ {params} }}"))(A)
    got = load(tmp_path, one("Exp", "exp_param { shift: 1e30 }"))(A)["out"]
    assert np.asarray(got).min() == math.inf
