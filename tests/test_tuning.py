"""``Net.tune``, with times that the tests decide, and batches in chunks."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest

import jaxdnn
from jaxdnn import tuning
from jaxdnn.layers.convolution import Conv
from jaxdnn.layers.reduction import Reduce
from jaxdnn.policy import Policy, Tuning
from support.layer import net_of

pytestmark = pytest.mark.usefixtures("no_kernels")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, 8, 6, 6)).astype(np.float32)


@pytest.fixture
def net():
    weight = (RNG.standard_normal((8, 8, 3, 3)) / 9).astype(np.float32)
    return net_of(Conv(filters=8, kernel=3, padding=1, bias=False), X, weight=weight)


@pytest.fixture
def seconds(monkeypatch):
    """What a call takes: 1, times the factors of the recipes and chunks that a net was tuned to."""
    factors = {}

    def seconds(timed):
        found = timed.net.policy.tuning
        product = 1.0
        for key in (*(recipe for _, recipe in found.recipes), *(count for _, count in found.chunks)):
            product *= factors.get(key, 1.0)
        return product

    monkeypatch.setattr(tuning._Timed, "seconds", seconds)
    return factors


def test_keeps_what_is_faster(net, seconds):
    seconds |= {"product of patches": 0.5, "products of taps": 0.9, "Winograd": 1.2, 2: 0.5, 4: 0.25}
    reports = []
    tuned = net.tune(X, report=reports.append)
    assert [name for _, name in tuned.policy.tuning.recipes] == ["product of patches"]
    assert tuned.policy.tuning.chunks == ((4, 4),)
    assert reports == [
        "2 chunks of 2: 0.50",
        "4 chunks of 1: 0.50",
        "3x3 from 8 to 8 channels at 6x6: Winograd: 1.20",
        "3x3 from 8 to 8 channels at 6x6: product of patches: 0.50",
        "3x3 from 8 to 8 channels at 6x6: products of taps: 1.80",
    ]
    assert net.policy.tuning == Tuning()
    np.testing.assert_allclose(tuned(X)["y0"], net(X)["y0"], rtol=0, atol=1e-6)


def test_convolutions_of_chunks_are_those_that_are_computed(net, seconds):
    """With a batch in two chunks, the convolutions have half of its rows."""
    seconds |= {"product of patches": 0.5, 2: 0.8}
    [(task, _)] = net.tune(X).policy.tuning.recipes
    assert task.startswith("2,")


def test_noise_is_no_gain(net, seconds):
    seconds |= {"product of patches": 0.99, 2: 0.985}
    assert net.tune(X).policy.tuning == Tuning()


def test_the_time_is_bounded(net, seconds):
    reports = []
    tuned = net.tune(X, seconds=0, report=reports.append)
    assert reports == ["0 seconds are over"]
    assert tuned.policy.tuning == Tuning()


def test_an_exact_policy_stays_exact(net, seconds):
    seconds["Winograd"] = 0.1
    assert net.replace(policy="float32 exact").tune(X).policy.tuning == Tuning()
    assert [name for _, name in net.tune(X).policy.tuning.recipes] == ["Winograd"]


def test_rows_that_depend_on_each_other_stay_together(seconds):
    seconds |= {2: 0.1, 4: 0.1}
    mean = net_of(Reduce(operation="mean", axes=(0,), keepdims=True), X)
    reports = []
    assert mean.tune(X, report=reports.append).policy.tuning == Tuning()
    assert reports == ["2 chunks of 2: inf", "4 chunks of 1: inf"]


def test_nothing_is_lost_by_another_tuning(net, seconds):
    seconds["product of patches"] = 0.5
    tuned = net.tune(X).tune(X[:1])
    assert [task[:2] for task, _ in tuned.policy.tuning.recipes] == ["4,", "1,"]


def test_a_cache_keeps_it(net, seconds, tmp_path, monkeypatch):
    seconds["product of patches"] = 0.5
    with jaxdnn.cache(tmp_path):
        found = net.tune(X).policy.tuning
        [file] = (tmp_path / "tuning").iterdir()
        seconds["product of patches"] = 2
        assert net.tune(X).policy.tuning == found
        assert net.tune(X[:2]).policy.tuning == Tuning()
        assert len([*(tmp_path / "tuning").iterdir()]) == 2
        file.write_text("{")
        assert net.tune(X).policy.tuning == Tuning()
        assert json.loads(file.read_text()) == {"recipes": {}, "chunks": []}


def test_it_measures():
    """Without anybody deciding the times, whatever they are."""
    net = net_of(Conv(filters=4, kernel=1, bias=False), X, weight=np.ones((4, 8, 1, 1), np.float32))
    reports = []
    tuned = net.tune(X, report=reports.append)
    assert len(reports) == 3
    np.testing.assert_allclose(tuned(X)["y0"], net(X)["y0"], rtol=1e-6)


def test_an_export_tunes_for_each_size(net, seconds, tmp_path):
    """To batches as a whole, because machine code is for these."""
    seconds |= {"product of patches": 0.5, 2: 0.5}
    reports = []
    net.export(tmp_path / "net.jaxdnn", batch=[1, 4], tune=60, report=reports.append)
    tuning = jaxdnn.load_artifact(tmp_path / "net.jaxdnn").policy.tuning
    assert [task[:2] for task, _ in tuning.recipes] == ["1,", "4,"]
    assert tuning.chunks == ()
    assert len(reports) == 6


def test_an_artifact_keeps_it(net, seconds, tmp_path):
    seconds |= {"product of patches": 0.5, 2: 0.5}
    tuned = net.tune(X)
    tuned.export(tmp_path / "net.jaxdnn", batch=4)
    loaded = jaxdnn.load_artifact(tmp_path / "net.jaxdnn")
    assert loaded.policy == tuned.policy
    np.testing.assert_allclose(loaded(X)["y0"], net(X)["y0"], rtol=0, atol=1e-6)


def with_chunks(net, *chunks):
    return net.replace(policy=replace(Policy(), tuning=Tuning(chunks=chunks)))


@pytest.mark.parametrize("given", [np.asarray, jax.numpy.asarray], ids=["numpy", "jax"])
def test_chunks(net, given):
    chunked = with_chunks(net, (4, 2))
    want = net(X)["y0"]
    np.testing.assert_allclose(chunked(given(X))["y0"], want, rtol=0, atol=1e-6)
    np.testing.assert_allclose(chunked(given(X[:3]))["y0"], want[:3], rtol=0, atol=1e-6)
    np.testing.assert_allclose(jax.jit(lambda x: chunked(x)["y0"])(given(X)), want, rtol=0, atol=1e-6)
    np.testing.assert_allclose(chunked.apply(net.params, given(X))["y0"], want, rtol=0, atol=1e-6)


def test_chunks_of_a_thread_with_settings_of_its_own(net):
    """Other threads would not know them: such a call is computed as a whole."""
    chunked = with_chunks(net, (4, 2))
    with jax.default_device(jax.devices("cpu")[0]):
        np.testing.assert_allclose(chunked(X)["y0"], net(X)["y0"], rtol=0, atol=1e-6)


def test_an_error_of_a_chunk_is_ours(net):
    with pytest.raises(jaxdnn.JaxdnnError, match="3 // 1 != 8"):
        with_chunks(net, (4, 2))(X[:, :3])


@pytest.mark.parametrize(
    "chunks", [[[4]], [[4, 3]], [[4, 1]], [[4, 8]], [[4, 0]], [[-4, 2]], [["4", 2]], [4], "4"]
)
def test_chunks_that_make_no_sense(chunks):
    from jaxdnn.artifact.policies import read_tuning

    with pytest.raises(jaxdnn.ParseError, match="tuning"):
        read_tuning({"recipes": {}, "chunks": chunks}, "the tuning")
