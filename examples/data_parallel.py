"""One net on several devices at once: each takes a share of the batch.

Parameters are replicated, pictures are split along the batch; jax does the rest, also the sum of the gradients over
all devices. Where there is one CPU only, it is divided into eight devices, on which everything works as on eight GPUs.

    python -m examples.data_parallel      # needs pip install jaxdnn[examples]
"""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

import jaxdnn
from examples.digits.train import drawings
from examples.handwriting import split

DIGITS = Path(__file__).parent / "digits"
DEVICES = 8
STEPS, BATCH = 20, 128


def train(
    net: jaxdnn.Net, x: np.ndarray, labels: np.ndarray, batches: NamedSharding
) -> tuple[jaxdnn.Net, float]:
    """Return the net after some steps of gradient descent, and the last loss.

    Nothing in here knows of devices, but for ``batches``: how a batch is laid out on them.
    """
    optimizer = optax.sgd(0.02, momentum=0.9)

    @jax.jit
    def step(net, state, pictures, targets):
        def loss(params):
            scores = net.apply(params, pictures, outputs=["score"])["score"]
            return optax.softmax_cross_entropy_with_integer_labels(scores, targets).mean()

        value, gradient = jax.value_and_grad(loss)(net.params)
        updates, state = optimizer.update(gradient, state, net.params)
        return net.replace(params=optax.apply_updates(net.params, updates)), state, value

    state = optimizer.init(net.params)
    for number in range(STEPS):
        rows = np.arange(number * BATCH, (number + 1) * BATCH) % len(x)
        net, state, value = step(net, state, *jax.device_put((x[rows], labels[rows]), batches))
    return net, float(value)


def largest_difference(first: object, second: object) -> float:
    """Return the largest difference between two pytrees, relative to the largest number of the array it is in."""

    def difference(a, b):
        a, b = np.asarray(a), np.asarray(b)
        return np.abs(a - b).max() / np.abs(a).max()

    return max(jax.tree.leaves(jax.tree.map(difference, first, second)))


def main() -> None:
    """Run and train the digit reader on all devices and on one, and compare."""
    # Only before the first use of jax; where there are accelerators, they are the devices.
    jax.config.update("jax_num_cpu_devices", DEVICES)
    devices = np.array(jax.devices())
    everywhere, alone = Mesh(devices, ("batch",)), Mesh(devices[:1], ("batch",))
    print(f"{len(devices)} devices: {devices[0]} to {devices[-1]}")

    (pictures, labels), (unseen, truth) = split()
    net = jaxdnn.load(DIGITS / "digits.prototxt", DIGITS / "digits.caffemodel")
    x = drawings(unseen, 1, seed=1)
    probabilities = []
    for mesh in (alone, everywhere):
        replicated, batches = NamedSharding(mesh, P()), NamedSharding(mesh, P("batch"))
        prob = jax.device_put(net, replicated)(jax.device_put(x, batches))["prob"]
        shares = [shard.data.shape[0] for shard in prob.addressable_shards]
        print(f"inference: {len(shares)} x {shares[0]} digits, ", end="")
        print(f"{(np.asarray(prob).argmax(axis=1) == truth).mean():.3f} right")
        probabilities.append(prob)
    print(f"largest difference of the probabilities: {largest_difference(*probabilities):.1e}")

    x, fresh = drawings(pictures, 1, seed=0), jaxdnn.load(DIGITS / "digits.prototxt", key=jax.random.key(0))
    trained = []
    for mesh in (alone, everywhere):
        replicated, batches = NamedSharding(mesh, P()), NamedSharding(mesh, P("batch"))
        net, loss = train(jax.device_put(fresh, replicated), x, labels, batches)
        print(f"training: loss {loss:.3f} after {STEPS} steps of {mesh.size} x {BATCH // mesh.size} digits")
        trained.append(net.params)
    print(f"largest difference of the parameters: {largest_difference(*trained):.1e}")


if __name__ == "__main__":
    main()
