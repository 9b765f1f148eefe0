"""Nets that many threads load and call at once."""

from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
import pytest

import jaxdnn
from support import small_nets


@pytest.mark.parametrize("format", small_nets.FORMATS)
def test_loads_and_calls_of_eight_threads(format, tmp_path):
    """Of several batches, with the file's params and with others in turn."""
    files = small_nets.paths(format, tmp_path)
    net, x = small_nets.load(format, tmp_path)
    other = jax.tree.map(lambda array: array * 0.5, net.params)
    nets = [net, net.replace(params=other)]
    apply = jax.jit(net.apply)
    want = [apply(params, x) for params in (net.params, other)]

    def work(turn):
        which, batch = turn % 2, turn // 2 % 8 + 1
        called = jaxdnn.load(*files) if turn % 16 == 0 else nets[which]
        return which, batch, called(x[:batch])

    with ThreadPoolExecutor(8) as pool:
        for which, batch, got in pool.map(work, range(64)):
            for name, y in got.items():
                np.testing.assert_allclose(y, want[which][name][:batch], rtol=1e-4, atol=1e-6)
