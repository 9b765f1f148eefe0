"""``jaxdnn.quantize``: which layers change, how near the results stay, what the report and errors say."""

import json

import jax
import numpy as np
import pytest

import jaxdnn
from jaxdnn import InputError, WeightsError
from support import caffe

TEXT = (
    caffe.inputs(data=(1, 3, 8, 8))
    + """
layer { name: "first" type: "Convolution" bottom: "data" top: "first"
  convolution_param { num_output: 8 kernel_size: 3 bias_term: false } }
layer { name: "norm" type: "BatchNorm" bottom: "first" top: "norm" }
layer { name: "relu" type: "ReLU" bottom: "norm" top: "relu" }
layer { name: "depth" type: "Convolution" bottom: "relu" top: "depth"
  convolution_param { num_output: 8 kernel_size: 3 group: 8 } }
layer { name: "up" type: "Deconvolution" bottom: "depth" top: "up"
  convolution_param { num_output: 4 kernel_size: 2 stride: 2 } }
layer { name: "answer" type: "InnerProduct" bottom: "up" top: "answer" inner_product_param { num_output: 5 } }
"""
)
X = np.random.default_rng(0).standard_normal((4, 3, 8, 8)).astype(np.float32)
SHARED = caffe.inputs(a=(1, 6), b=(1, 6)) + "".join(
    f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{name[-1]}" top: "{name}" '
    'param { name: "w" } param { name: "v" } inner_product_param { num_output: 4 } }\n'
    for name in ("on_a", "on_b")
)
PAIR = {"a": X[:, 0, 0, :6], "b": 3 * X[:, 1, 1, :6]}


@pytest.fixture
def net(tmp_path):
    net = caffe.load(tmp_path, TEXT, key=jax.random.key(0))
    statistics = {"mean": np.linspace(-0.2, 0.2, 8), "variance": np.linspace(0.2, 3, 8)}
    norm = {slot: array.astype(np.float32) for slot, array in statistics.items()}
    return net.replace(params={**net.params, "norm": norm})


def kinds(net):
    return {node.name: type(node.layer).__name__ for node in net.graph.nodes}


def relative_error(got, want):
    return float(np.abs(np.asarray(got, np.float32) - want).max() / np.abs(want).max())


def test_every_product_is_of_integers(net):
    small, _ = jaxdnn.quantize(net, [X[:2], X[2:]])
    assert kinds(small) == {
        "norm": "Quantized",
        "relu": "Relu",
        "depth": "Quantized",
        "up": "Quantized",
        "answer": "Quantized",
    }
    for owner in ("first", "depth", "up", "answer"):
        assert small.params[owner]["weight"].dtype == "int8"
        assert small.params[owner]["bias"].dtype == "float32"
        assert int(abs(small.params[owner]["weight"].astype("int32")).max()) == 127
    assert small.inputs == net.inputs
    assert small.outputs == net.outputs
    assert 0 < relative_error(small(X)["answer"], np.asarray(net(X)["answer"])) < 0.03


def test_ranges(net):
    small, _ = jaxdnn.quantize(net, [X[:2], X[2:]])
    largest = np.abs(X).max()
    (limit,) = {float(small.params["first"]["input_range"])}
    assert largest <= limit <= largest * (1 + 2**-7)
    mantissa, _ = np.frexp(np.asarray(small.params["first"]["weight_range"]))
    np.testing.assert_array_equal(mantissa * 256, np.round(mantissa * 256))


def test_weights_only_without_batches(net):
    small, report = jaxdnn.quantize(net, weights_only=True)
    assert set(kinds(small).values()) == {"QuantizedWeight", "Relu"}
    assert relative_error(small(X)["answer"], np.asarray(net(X)["answer"])) < 0.02
    assert report.comparison is None
    assert all(row.difference is None and row.input_range is None for row in report.rows)


def test_one_range_for_a_weight_is_coarser(net):
    want = np.asarray(net(X)["answer"])
    fine, coarse = (jaxdnn.quantize(net, [X], per_channel=choice)[0] for choice in (True, False))
    assert coarse.params["up"]["weight_range"].shape == ()
    assert relative_error(fine(X)["answer"], want) < relative_error(coarse(X)["answer"], want) < 0.1


def test_channels_and_inputs_that_are_zero(net):
    depth = {**net.params["depth"], "weight": net.params["depth"]["weight"].at[2].set(0)}
    dead = net.replace(params={**net.params, "depth": depth})
    small, _ = jaxdnn.quantize(dead, [X])
    assert small.params["depth"]["weight_range"][2] == 0
    assert relative_error(small(X)["answer"], np.asarray(dead(X)["answer"])) < 0.03
    silent, _ = jaxdnn.quantize(net, [np.zeros_like(X)])
    assert silent.params["first"]["input_range"] == 0
    np.testing.assert_allclose(silent(0 * X)["answer"], net(0 * X)["answer"], atol=0.01)


def test_skip_by_names_of_the_net_before_and_after_folding(net):
    for pattern in ("first", "norm", ["n*"]):
        small, report = jaxdnn.quantize(net, [X], skip=pattern)
        assert kinds(small)["norm"] == "Conv"
        assert small.params["first"]["weight"].dtype == "float32"
        assert [row.weights for row in report.rows] == ["float32", "int8", "int8", "int8"]


def test_shared_weights(tmp_path):
    net = caffe.load(tmp_path, SHARED, key=jax.random.key(1))
    small, _ = jaxdnn.quantize(net, [PAIR])
    (owner,) = small.params
    assert {s: a.shape for s, a in small.params[owner].items() if s.startswith("input_range")} == {
        "input_range": (),
        "input_range@2": (),
    }
    want = net(PAIR)
    for name, array in small(PAIR).items():
        assert relative_error(array, np.asarray(want[name])) < 0.03
    with pytest.raises(InputError, match=r"^'.*' has no convolution or dense layer to quantise$"):
        jaxdnn.quantize(net, [PAIR], skip=["on_a"])


def test_policies_go_on(net):
    half = net.replace(policy="mixed_bfloat16")
    for options in ({}, {"weights_only": True}):
        small, _ = jaxdnn.quantize(half, [X], **options)
        assert small.policy == half.policy
        assert small.params["up"]["weight"].dtype == "int8"
        assert relative_error(small(X)["answer"], np.asarray(net(X)["answer"])) < 0.05
    again, _ = jaxdnn.quantize(net, [X])
    assert again.replace(policy="float16").params["up"]["weight"].dtype == "int8"


def test_inside_of_jit_and_vmap(net):
    small, _ = jaxdnn.quantize(net, [X])
    want = small(X)["answer"]
    got = jax.jit(lambda net, x: net.apply(net.params, x)["answer"])(small, X)
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)
    got = jax.vmap(lambda x: small.apply(small.params, x[None])["answer"][0])(X)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def test_report(net):
    small, report = jaxdnn.quantize(net, [X])
    rows = {row.layer: row for row in report.rows}
    assert list(rows) == ["norm", "depth", "up", "answer"]
    # 8 filters of 27 numbers and the folded bias; then integers, bias and ranges.
    assert (rows["norm"].before, rows["norm"].after) == (4 * (216 + 8), 216 + 4 * (8 + 8 + 1))
    assert rows["up"].type == "ConvTranspose"
    want, got = (np.asarray(each(X, outputs=["up"])["up"]) for each in (net, small))
    assert rows["up"].difference.max_abs == pytest.approx(float(np.abs(got - want).max()), rel=1e-3)
    assert report.bytes[1] == sum(leaf.nbytes for leaf in jax.tree.leaves(small.params))
    assert small.summary().parameter_bytes == report.bytes[1]
    lines = str(report).splitlines()
    assert lines[2].split()[:5] == ["layer", "type", "weights", "before", "after"]
    assert lines[4].split()[:3] == ["norm", "Conv", "int8"]
    assert "4 of 4 layers quantised" in lines
    assert lines[-1].startswith("output 'answer': max abs ")
    data = json.loads(json.dumps(report.to_dict()))
    assert data["rows"][2]["difference"]["value"] == "up"


class TestErrors:
    def test_no_layer(self, net):
        small, _ = jaxdnn.quantize(net, [X])
        with pytest.raises(InputError, match=r"has no convolution or dense layer to quantise$"):
            jaxdnn.quantize(small, [X])

    def test_no_batch(self, net):
        for batches in ((), iter([])):
            with pytest.raises(InputError, match=r"^calibration_batches holds no batch$"):
                jaxdnn.quantize(net, batches)

    def test_a_single_batch(self, net):
        for batch in (X, {"data": X}):
            with pytest.raises(
                InputError, match=r"^calibration_batches must be a list or another iterable of batches, got a"
            ):
                jaxdnn.quantize(net, batch)

    def test_numbers_that_are_not_finite(self, net):
        bad = X.copy()
        bad[0, 0, 0, 0] = np.nan
        with pytest.raises(
            InputError, match=r"^calibration batch 2 gives numbers in 'data' that are not fin"
        ):
            jaxdnn.quantize(net, [X, bad])

    def test_weights_that_are_not_finite(self, net):
        params = {**net.params, "up": {**net.params["up"], "weight": net.params["up"]["weight"] * np.inf}}
        with pytest.raises(
            WeightsError, match=r"^weight 'up/weight' of 'up' has numbers that are not finite$"
        ):
            jaxdnn.quantize(net.replace(params=params), weights_only=True)

    def test_missing_weights(self, tmp_path):
        with pytest.raises(WeightsError, match=r"^no values for "):
            jaxdnn.quantize(caffe.load(tmp_path, TEXT), weights_only=True)

    def test_names_to_skip(self, net):
        for name in ("relu", "nothing*"):
            with pytest.raises(InputError) as caught:
                jaxdnn.quantize(net, [X], skip=["up", name])
            assert str(caught.value) == f"no layer that can be quantised is called {name!r}, which skip names"
