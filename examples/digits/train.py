"""Train the digit reader on scikit-learn's handwritten digits, through jaxdnn.

The prototxt is imported without weights, its fillers draw the first values, optax trains them with the
gradient of ``net.apply``, and the result is written as a caffemodel that Caffe and OpenCV read as well.

    python -m examples.digits.train      # about a minute on two cores; needs pip install jaxdnn[examples]
"""

from __future__ import annotations

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from PIL import Image, ImageFilter

import jaxdnn
from examples.digits.page import crop_digits, find_digits
from examples.handwriting import draw_digit, split
from jaxdnn.importers.caffe import save_weights

HERE = Path(__file__).parent
COPIES = 12
"""How many drawings of each training digit the network sees."""
COLUMNS, ROWS = 12, 8
CELL = 64
PITCH = 72, 100
"""Horizontal and vertical distance of the digits on a page."""


def draw(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return one digit in a cell, of a random size and slant."""
    width, height = rng.integers(34, 46), rng.integers(40, 50)
    return draw_digit(pixels, (int(width), int(height)), rng.uniform(-9, 9), CELL)


def draw_page(digits: list[np.ndarray], columns: int, rng: np.random.Generator) -> Image.Image:
    """Return a grey page with the digits in lines, as a scanner would see it."""
    rows = -(-len(digits) // columns)
    across, down = PITCH
    ink = np.zeros((rows * down + CELL, columns * across + CELL), np.float32)
    for index, pixels in enumerate(digits):
        row, column = divmod(index, columns)
        top = CELL // 2 + row * down + int(rng.integers(0, 12))
        left = CELL // 2 + column * across + int(rng.integers(-3, 4))
        cell = draw(pixels, rng)
        ink[top : top + CELL, left : left + CELL] = np.maximum(
            ink[top : top + CELL, left : left + CELL], cell
        )
    shade = np.linspace(240, 224, ink.shape[1])[None] + rng.normal(0, 3, ink.shape)
    page = Image.fromarray(np.clip(shade * (1 - 0.82 * ink), 0, 255).astype(np.uint8))
    return page.filter(ImageFilter.GaussianBlur(0.6))


def drawings(pictures: np.ndarray, copies: int, seed: int) -> np.ndarray:
    """Return each digit drawn, found and cropped as on a page, ``copies`` times: (copies * n, 1, 16, 16)."""
    rng = np.random.default_rng(seed)
    crops = []
    for pixels in np.concatenate([pictures] * copies):
        ink = draw(pixels, rng)
        cell = Image.fromarray((235 * (1 - 0.82 * ink)).astype(np.uint8))
        filled = np.argwhere(ink > 0.25)
        (top, left), (bottom, right) = filled.min(axis=0), filled.max(axis=0) + 1
        crops.append(crop_digits(cell, [(int(left), int(top), int(right), int(bottom))])[0])
    return np.stack(crops)


def train(
    net: jaxdnn.Net, x: np.ndarray, labels: np.ndarray, epochs: int = 12, batch: int = 128
) -> jaxdnn.Net:
    """Return the net with trained parameters."""
    steps = epochs * (len(x) // batch)
    optimizer = optax.adamw(optax.cosine_decay_schedule(2e-3, steps), weight_decay=1e-3)

    def loss(params, pictures, targets):
        score = net.apply(params, pictures, outputs=["score"])["score"]
        return optax.softmax_cross_entropy_with_integer_labels(score, targets).mean()

    @jax.jit
    def step(params, state, pictures, targets):
        value, gradient = jax.value_and_grad(loss)(params, pictures, targets)
        updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state, value

    params, rng = net.params, np.random.default_rng(1)
    state = optimizer.init(params)
    for epoch in range(epochs):
        order = rng.permutation(len(x))[: len(x) // batch * batch].reshape(-1, batch)
        losses = []
        for rows in order:
            params, state, value = step(params, state, x[rows], labels[rows])
            losses.append(value)
        print(f"epoch {epoch + 1:2d}  loss {jnp.stack(losses).mean():.4f}")
    return net.replace(params=params)


def accuracy(net: jaxdnn.Net, x: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of digits that the net reads right."""
    return float((np.asarray(net(x)["prob"]).argmax(axis=1) == labels).mean())


def main() -> None:
    """Train, test, write the caffemodel and a page of digits that the network has never seen."""
    (pictures, labels), (unseen, truth) = split()
    net = jaxdnn.load(HERE / "digits.prototxt", key=jax.random.key(0))
    net = train(net, drawings(pictures, COPIES, seed=0), np.tile(labels, COPIES))
    print(f"test accuracy {accuracy(net, drawings(unseen, 1, seed=1), truth):.4f} on {len(truth)} digits")
    save_weights(net, HERE / "digits.caffemodel")

    count = COLUMNS * ROWS
    page = draw_page(list(unseen[:count]), COLUMNS, np.random.default_rng(2))
    assert len(find_digits(page)) == count
    page.save(HERE / "page.png", optimize=True)
    lines = truth[:count].reshape(ROWS, COLUMNS)
    (HERE / "page.json").write_text(json.dumps(["".join(map(str, line)) for line in lines]) + "\n")


if __name__ == "__main__":
    main()
