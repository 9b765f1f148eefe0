"""Trained networks compute the same inside jax's transformations."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdnn
from jaxdnn.lowering.padded import unpad
from support.shared import shared_folder

MODELS = shared_folder()
MANIFEST = json.loads((MODELS / "manifest.json").read_text()) if MODELS else {}
TRAINED = sorted(name for name, entry in MANIFEST.items() if "ref" in entry)

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(MODELS is None, reason="needs the shared networks: set JAXDNN_SHARED"),
]


@pytest.fixture(scope="module", params=TRAINED)
def case(request):
    """A net and two frames, the stored one and a darker one; of large ones the net sees every second pixel."""
    entry = MANIFEST[request.param]
    net = jaxdnn.load(MODELS / request.param, MODELS / entry["weights"])
    with np.load(MODELS / entry["ref"]) as reference:
        x = reference["input"]
    if request.param.startswith("tf/"):
        x = x.transpose(0, 2, 3, 1)
    x = x[:1]
    return net, np.concatenate([x, x * np.float32(0.9)])


def assert_close(got, want):
    """Compare all outputs; sums are made in another order, and rows that are not valid hold anything."""

    def compare(got, want):
        got, want = np.asarray(unpad(got)), np.asarray(unpad(want))
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=0, atol=2e-5 * max(1, np.abs(want).max(initial=0)))

    for name in want:
        compare(got[name], want[name])


def test_jit_and_scan(case):
    net, frames = case
    want = [jax.jit(net.apply)(net.params, frame[None]) for frame in frames]
    assert_close(net(frames[:1]), {name: trimmed(value) for name, value in want[0].items()})
    _, got = jax.lax.scan(lambda c, x: (c, net.apply(net.params, x[None])), None, frames)
    for index in range(2):
        assert_close(jax.tree.map(lambda value, i=index: value[i], got), want[index])


def test_vmap(case):
    net, frames = case
    got = jax.jit(jax.vmap(lambda x: net.apply(net.params, x[None])))(frames)
    for index in range(2):
        want = jax.jit(net.apply)(net.params, frames[index][None])
        assert_close(jax.tree.map(lambda value, i=index: value[i], got), want)


def test_checkpointed_gradients(case):
    net, frames = case
    small = jnp.asarray(frames[:1])

    def loss(params):
        return sum(jnp.square(unpad(value)).mean() for value in net.apply(params, small).values())

    want = jax.jit(jax.grad(loss))(net.params)
    got = jax.jit(jax.grad(jax.checkpoint(loss)))(net.params)
    scale = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(want))
    assert 0 < scale < np.inf
    for ours, theirs in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4 * scale)


def trimmed(value):
    return value.trim() if isinstance(value, jaxdnn.Padded) else value
