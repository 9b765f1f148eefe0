"""Fine-tune an imported net on another task: digits that may lie on any side.

The reader of examples/digits knows upright digits. Here each is turned by some quarters, so that nobody can tell a 6
from a 9: they are one class, and a new head has nine outputs. optax trains the layers whose names match a pattern; the
first one stays frozen.

    python -m examples.fine_tuning [sheet.png]      # needs pip install jaxdnn[examples]
"""

from __future__ import annotations

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxdnn
from examples.digits.train import drawings
from examples.handwriting import Digits, split
from jaxdnn.drawing import Mark, draw
from jaxdnn.image import write_image
from jaxdnn.layers.dense import Dense

DIGITS = Path(__file__).parent / "digits"
TRAINED = ("conv2", "fc", "score")
"""Patterns of layers' names. What conv1 sees, edges and strokes, looks the same whichever way it runs."""
EPOCHS, BATCH = 6, 64
ZOOM = 3
"""Pixels of the sheet per pixel of a digit."""


def turned(digits: Digits, copies: int, seed: int) -> Digits:
    """Return pictures (copies * n, 1, 16, 16) of digits turned by random quarters, and classes 0 to 8."""
    x, labels = drawings(digits[0], copies, seed), np.tile(digits[1], copies)
    quarters = np.random.default_rng(seed).integers(4, size=len(x))
    x = np.stack([np.rot90(picture, turns, (1, 2)) for picture, turns in zip(x, quarters, strict=True)])
    return x, classes(labels)


def classes(digits: np.ndarray) -> np.ndarray:
    """Return the classes of digits: themselves, but that a 9 is a 6."""
    return np.where(digits == 9, 6, digits)


def fine_tune(net: jaxdnn.Net, digits: Digits) -> jaxdnn.Net:
    """Return the net with the layers trained that :data:`TRAINED` names."""
    x, labels = digits
    chosen = jaxdnn.trainable(net.params, *TRAINED)
    rate = optax.cosine_decay_schedule(3e-3, EPOCHS * (len(x) // BATCH))
    optimizer = optax.partition({True: optax.adam(rate), False: optax.set_to_zero()}, chosen)

    def loss(params, pictures, targets):
        logits = net.apply(params, pictures, outputs=["score"])["score"]
        return optax.softmax_cross_entropy_with_integer_labels(logits, targets).mean()

    @jax.jit
    def step(params, state, pictures, targets):
        value, gradient = jax.value_and_grad(loss)(params, pictures, targets)
        updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state, value

    params, rng = net.params, np.random.default_rng(0)
    state = optimizer.init(params)
    for _ in range(EPOCHS):
        losses = []
        for rows in rng.permutation(len(x))[: len(x) // BATCH * BATCH].reshape(-1, BATCH):
            params, state, value = step(params, state, x[rows], labels[rows])
            losses.append(value)
    print(f"trained {', '.join(TRAINED)}: loss {jnp.stack(losses).mean():.3f} in the last of {EPOCHS} epochs")
    return net.replace(params=params)


def sheet(x: np.ndarray, truth: np.ndarray, readings: np.ndarray, columns: int = 12) -> np.ndarray:
    """Return digits in rows with their readings: orange is wrong, green is right."""
    cell = 2 * x.shape[2] * ZOOM
    page = np.full((-(-len(x) // columns) * cell, columns * cell), 255, np.uint8)
    marks = []
    for index, picture in enumerate(x[:, 0]):
        row, column = divmod(index, columns)
        ink = (255 - 255 * picture).astype(np.uint8).repeat(ZOOM, 0).repeat(ZOOM, 1)
        top, left = row * cell + cell // 12, column * cell + cell // 4
        page[top : top + len(ink), left : left + len(ink)] = ink
        right = readings[index] == truth[index]
        box = (left, top, left + len(ink), top + len(ink))
        marks.append(
            Mark("6/9" if readings[index] == 6 else str(readings[index]), box, group=2 if right else 5)
        )
    return draw(page[..., None].repeat(3, axis=2), marks)


def main(path: Path = Path("out/fine_tuning.png")) -> None:
    """Read turned digits with the net as it is and fine-tuned, and draw what the tuned one reads."""
    known, unseen = split()
    x, truth = turned(unseen, 1, seed=1)
    reader = jaxdnn.load(DIGITS / "digits.prototxt", DIGITS / "digits.caffemodel")
    before = classes(np.asarray(reader(x)["prob"]).argmax(axis=1))

    net = reader.with_layer("score", Dense(units=9), key=jax.random.key(0))
    net = fine_tune(net, turned(known, 2, seed=0))
    after = np.asarray(net(x)["prob"]).argmax(axis=1)

    same = all(np.array_equal(net.params["conv1"][slot], a) for slot, a in reader.params["conv1"].items())
    print(f"conv1 {'is what it was' if same else 'has changed'}")
    print(f"accuracy on {len(x)} unseen digits: {(before == truth).mean():.3f} before, ", end="")
    print(f"{(after == truth).mean():.3f} after")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, sheet(x[:72], truth, after))
    print(f"what it reads: {path}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
