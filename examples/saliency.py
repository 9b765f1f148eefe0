"""What an imported net looks at, and what it looks for.

Saliency is the gradient of a digit's score with respect to the picture: where the score would change most.
Activation maximisation climbs that gradient from an empty picture to what the net takes for the purest example of
each digit. Both are ordinary uses of jax.grad on net.apply.

    python -m examples.saliency [sheet.png]      # needs pip install jaxdnn[examples]
"""

from __future__ import annotations

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import jaxdnn
from examples.digits.train import drawings
from examples.handwriting import split
from jaxdnn.drawing import Mark, draw
from jaxdnn.image import write_image

DIGITS = Path(__file__).parent / "digits"
ERASED = 16
"""How many of the 256 pixels are taken away to see what they mean."""
STEPS, RATE, DECAY = 100, 0.3, 0.05
ZOOM = 6
"""Pixels of the sheet per pixel of a digit."""


def score(net: jaxdnn.Net, picture: jax.Array, digit: jax.Array) -> jax.Array:
    """Return how much a picture (1, 16, 16) is that digit to the net, before softmax."""
    return net.apply(net.params, picture[None], outputs=["score"])["score"][0, digit]


@jax.jit
def saliency(net: jaxdnn.Net, pictures: jax.Array, digits: jax.Array) -> jax.Array:
    """Return the gradients of the digits' scores with respect to their pictures, (n, 1, 16, 16)."""
    return jax.vmap(jax.grad(score, argnums=1), in_axes=(None, 0, 0))(net, pictures, digits)


@jax.jit
def maximise(net: jaxdnn.Net, digits: jax.Array) -> jax.Array:
    """Return pictures (n, 1, 16, 16) of ink 0 to 1 that score high for the digits.

    Each step climbs the smoothed gradient of the logarithm of the digit's probability, fades the ink a little, so
    that none stays which is of no use, and keeps it between 0 and 1.
    """
    kernel = jnp.outer(jnp.array([1, 2, 1]) / 4, jnp.array([1, 2, 1]) / 4)

    def certainty(picture, digit):
        scores = net.apply(net.params, picture[None], outputs=["score"])["score"]
        return jax.nn.log_softmax(scores)[0, digit]

    def climb(_, pictures):
        gradients = jax.vmap(jax.grad(certainty))(pictures, digits)
        smooth = jax.vmap(lambda g: jax.scipy.signal.convolve2d(g[0], kernel, mode="same")[None])(gradients)
        length = jnp.sqrt(jnp.square(smooth).sum((1, 2, 3), keepdims=True))
        return jnp.clip((1 - DECAY) * pictures + RATE * smooth / (length + 1e-6), 0, 1)

    return jax.lax.fori_loop(0, STEPS, climb, jnp.zeros((len(digits), 1, 16, 16)))


def erase(pictures: np.ndarray, importance: np.ndarray) -> np.ndarray:
    """Return pictures without the ink of their most important pixels."""
    flat, order = pictures.reshape(len(pictures), -1).copy(), importance.reshape(len(pictures), -1)
    np.put_along_axis(flat, np.argsort(order, axis=1)[:, -ERASED:], 0, axis=1)
    return flat.reshape(pictures.shape)


def sheet(pictures: np.ndarray, gradients: np.ndarray, ideals: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return three rows: digits; where more ink raises (red) or lowers (blue) their scores; the ideal digits."""
    ideals = ideals / ideals.max(axis=(2, 3), keepdims=True)
    signed = gradients / np.abs(gradients).max(axis=(2, 3), keepdims=True)
    seen, ideal = (255 - 255 * np.stack([ink[:, 0]] * 3, axis=-1) for ink in (pictures, ideals))
    red, blue = np.maximum(signed[:, 0], 0), np.maximum(-signed[:, 0], 0)
    heat = 255 * np.stack([1 - red, 1 - np.maximum(red, blue), 1 - blue], axis=-1)
    rows = np.stack(
        [np.pad(row, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=230) for row in (seen, heat, ideal)]
    )
    cell, top = ZOOM * rows.shape[2], 30
    page = np.concatenate(list(np.concatenate(list(rows.transpose(1, 0, 2, 3, 4)), axis=2)))
    page = page.astype(np.uint8).repeat(ZOOM, 0).repeat(ZOOM, 1)
    page = np.pad(page, ((top, 0), (0, 0), (0, 0)), constant_values=255)
    boxes = [(cell * index + 2, top, cell * (index + 1) - 3, len(page) - 3) for index in range(len(labels))]
    return draw(page, [Mark(str(label), box, group=4) for label, box in zip(labels, boxes, strict=True)])


def main(path: Path = Path("out/saliency.png")) -> None:
    """Print what erasing salient ink does and how sure the net is of its ideals, and draw both."""
    net = jaxdnn.load(DIGITS / "digits.prototxt", DIGITS / "digits.caffemodel")
    _, (unseen, labels) = split()
    x = drawings(unseen, 1, seed=1)
    gradients = np.asarray(saliency(net, x, labels))

    def certainty(pictures):
        return np.asarray(net(pictures)["prob"])[np.arange(len(labels)), labels].mean()

    noise = np.random.default_rng(0).random(x.shape)
    ink = x > 0.1
    salient, random = erase(x, gradients * x), erase(x, noise * ink)
    print(f"{len(x)} digits are read with {certainty(x):.0%} certainty on average,")
    print(f"{certainty(random):.0%} without {ERASED} inked pixels at random,")
    print(f"{certainty(salient):.0%} without the {ERASED} most salient ones")

    ideals = np.asarray(maximise(net, jnp.arange(10)))
    sure = np.asarray(net(ideals)["prob"]).diagonal()
    print(f"the net reads its ideals of all digits, the least certain one at {sure.min():.1%}")
    first = np.array([np.flatnonzero(labels == digit)[0] for digit in range(10)])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, sheet(x[first], gradients[first], ideals, labels[first]))
    print(f"digits, saliency, ideals: {path}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
