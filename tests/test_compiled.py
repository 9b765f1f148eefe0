"""``net.compile``."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import jax
import numpy as np
import pytest

import jaxdnn
from jaxdnn import InputError, Padded, ShapeError
from jaxdnn.layers.selection import NonZero
from jaxdnn.policy import Tuning
from support import small_nets, tensorflow
from support.layer import net_of

RNG = np.random.default_rng(0)


@pytest.fixture(params=small_nets.FORMATS)
def net(request, tmp_path):
    return jaxdnn.load(*small_nets.paths(request.param, tmp_path))


def drawn(compiled):
    return {
        name: RNG.standard_normal(spec.shape).astype(spec.dtype) for name, spec in compiled.inputs.items()
    }


def assert_same(got, want):
    assert list(got) == list(want)
    for name, array in want.items():
        np.testing.assert_array_equal(got[name], array, name)


def test_computes_what_the_net_does(net):
    compiled = net.compile(batch=3)
    feeds = drawn(compiled)
    assert_same(compiled(feeds), net(feeds))
    assert_same(compiled(**feeds), net(feeds))


def test_outputs_are_any_values(tmp_path):
    net = jaxdnn.load(*small_nets.paths("caffe", tmp_path))
    compiled = net.compile(outputs=["norm", "fc"])
    assert compiled.outputs == ("norm", "fc")
    feeds = drawn(compiled)
    assert_same(compiled(feeds), net(feeds, outputs=["norm", "fc"]))
    assert repr(compiled) == "Compiled('caffe', data: float32[1, 3, 8, 8] -> norm, fc)"


@pytest.mark.parametrize("called", [False, True])
def test_the_net_may_go_with_its_weights(tmp_path, called):
    """A convolution's weight lies otherwise in what is compiled, so that nothing needs the net's."""
    net = jaxdnn.load(*small_nets.paths("caffe", tmp_path))
    weight = weakref.ref(net.params["conv"]["weight"])
    if called:
        net(np.zeros((1, 3, 8, 8), np.float32))
    compiled = net.compile()
    feeds = drawn(compiled)
    want = net(feeds)
    del net
    gc.collect()
    assert weight() is None
    assert_same(compiled(feeds), want)


def test_a_batch_in_chunks(tmp_path):
    net = jaxdnn.load(*small_nets.paths("caffe", tmp_path))
    net = net.replace(policy=replace(net.policy, tuning=Tuning(chunks=((4, 2),))))
    compiled = net.compile(batch=4)
    feeds = drawn(compiled)
    assert_same(compiled(feeds), net(feeds))


def test_rows_that_are_not_valid_are_cut_off():
    net = net_of(NonZero(), np.zeros((2, 3), np.float32))
    x = np.float32([[0, 1, 0], [2, 0, 3]])
    assert isinstance(net.apply(net.params, x)["y0"], Padded)
    np.testing.assert_array_equal(net.compile()(x)["y0"], np.argwhere(x))


def test_threads(net):
    compiled = net.compile()
    feeds = [drawn(compiled) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(compiled, feeds))
    for got, fed in zip(results, feeds, strict=True):
        assert_same(got, net(fed))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            np.zeros((2, 3, 8, 8), np.float32),
            r"'caffe' was compiled for data: float32\[1, 3, 8, 8\]; got data: float32\[2, 3, 8, 8\]",
        ),
        (np.zeros((8, 8), np.float32), "input 'data' has 4 axes"),
        ({"picture": np.zeros(1)}, "'caffe' has no input 'picture'"),
    ],
)
def test_other_inputs(tmp_path, x, message):
    compiled = jaxdnn.load(*small_nets.paths("caffe", tmp_path)).compile()
    with pytest.raises(InputError, match=message):
        compiled(x)


def test_cannot_be_traced(tmp_path):
    compiled = jaxdnn.load(*small_nets.paths("caffe", tmp_path)).compile()
    with pytest.raises(
        InputError, match=r"a compiled net cannot be traced: net.apply is the function for that"
    ):
        jax.jit(compiled)(np.zeros((1, 3, 8, 8), np.float32))


def test_weights_must_be_there(tmp_path):
    net = jaxdnn.load(small_nets.paths("caffe", tmp_path)[0])
    with pytest.raises(jaxdnn.WeightsError):
        net.compile()


def test_sizes_must_be_known(tmp_path):
    net = jaxdnn.load(*small_nets.paths("caffe", tmp_path))
    with pytest.raises(InputError, match="input 'data' needs sizes from 1"):
        net.compile({"data": (1, 3, 0, 8)})


def test_sizes_that_depend_on_values(tmp_path):
    nodes = (
        tensorflow.placeholder("x", (6,)),
        tensorflow.placeholder("times", (1,), "int32"),
    )
    net = tensorflow.load(tmp_path, *nodes, tensorflow.node("y", "Tile", "x", "times"))
    with pytest.raises(
        InputError, match="input 'times' of 'graph' decides shapes: only the net itself can be called"
    ):
        net.compile()
    places = (tensorflow.node("places", "Where", "x"), tensorflow.node("sizes", "Shape", "places"))
    none = tensorflow.const("none", np.float32(0))
    net = tensorflow.load(tmp_path, nodes[0], *places, none, tensorflow.node("y", "Fill", "sizes", "none"))
    with pytest.raises(ShapeError, match="computes it in several parts"):
        net.compile()
