"""Train the digit detector on drawn scenes, through jaxdnn.

The cfg is imported without weights, optax trains them with the gradient of a YOLO loss on ``net.apply``, and the
result is written as a weights file that Darknet and OpenCV read as well.

    python -m examples.digit_detector.train      # three minutes on two idle cores; needs pip install jaxdnn[examples]
"""

from __future__ import annotations

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from PIL import Image

import jaxdnn
from examples.digit_detector.scenes import Scene, draw_background, draw_scene, draw_stamps, overlaps
from examples.handwriting import Digits, split
from jaxdnn.importers.darknet import save_weights
from jaxdnn.layers.yolo import YoloDecode, YoloMap

HERE = Path(__file__).parent
LOGITS = "conv_7"
"""The value that the head reads."""
STEPS, BATCH = 1600, 16


def inputs(scenes: list[Scene]) -> np.ndarray:
    """Return what the network sees of scenes, (n, 1, height, width)."""
    return np.stack([scene.picture for scene in scenes])[:, None].astype(np.float32) / 255


def targets(scenes: list[Scene], decode: YoloDecode, grid: tuple[int, int]) -> np.ndarray:
    """Return what the head should say: (scenes, anchors, 5 + classes, rows, columns).

    A digit belongs to the cell of its centre and to the anchor of the most similar shape. There the entries are
    x and y in the cell, the logarithms of width and height relative to the anchor, objectness 1, and 1 for its
    class. Everything else is 0.
    """
    anchors, cells = np.array(decode.anchors), np.array(grid[::-1])
    wanted = np.zeros((len(scenes), len(anchors), 5 + decode.classes, *grid), np.float32)
    for index, scene in enumerate(scenes):
        sizes = scene.boxes[:, 2:] - scene.boxes[:, :2]
        shape = overlaps(np.pad(sizes, ((0, 0), (2, 0))), np.pad(anchors, ((0, 0), (2, 0)))).argmax(axis=1)
        point = (scene.boxes[:, :2] + sizes / 2) * cells / scene.picture.shape[::-1]
        column, row = point.astype(int).T
        wanted[index, shape, :2, row, column] = point % 1
        wanted[index, shape, 2:4, row, column] = np.log(sizes / anchors[shape])
        wanted[index, shape, 4, row, column] = 1
        wanted[index, shape, 5 + scene.labels, row, column] = 1
    return wanted


def prepare(net: jaxdnn.Net, x: np.ndarray, entries: int) -> jaxdnn.Net:
    """Return the net ready to learn.

    Every convolution but the last is scaled and shifted to yield mean 0 and variance 1 on ``x``, which does for a
    net without batch norm what that does at the start. The last one begins with a low objectness everywhere.
    """
    params = dict(net.params)
    for name in params:
        weight, bias = params[name]["weight"], params[name]["bias"]
        if name == LOGITS:
            bias = bias.at[4::entries].set(-4.0)
        else:
            y = net.apply(params, x, outputs=[name])[name]
            mean, deviation = y.mean(axis=(0, 2, 3)), y.std(axis=(0, 2, 3))
            weight, bias = weight / deviation.reshape(-1, 1, 1, 1), (bias - mean) / deviation
        params[name] = {"weight": weight, "bias": bias}
    return net.replace(params=params)


def loss(logits: jax.Array, wanted: jax.Array, scale_xy: float) -> jax.Array:
    """Return how far predictions are from the wanted ones, per digit.

    Args:
        logits: (batch, anchors * entries, rows, columns), as the last convolution gives them.
        wanted: as :func:`targets` returns them.
        scale_xy: of the head.
    """
    logits = logits.reshape(wanted.shape)
    there = wanted[:, :, 4]
    # What the other anchors in the cell of a digit say of it is not wrong: suppression drops them.
    counts = there + 1 - there.max(axis=1, keepdims=True)
    centre = jax.nn.sigmoid(logits[:, :, :2]) * scale_xy - (scale_xy - 1) / 2
    box = 8 * jnp.square(centre - wanted[:, :, :2]) + 4 * jnp.square(logits[:, :, 2:4] - wanted[:, :, 2:4])
    unlikely = optax.sigmoid_binary_cross_entropy(logits[:, :, 4:], wanted[:, :, 4:])
    # The head's scores are independent of each other, but that one class alone is right is learnt faster.
    name = optax.softmax_cross_entropy(logits[:, :, 5:], wanted[:, :, 5:], axis=2)
    of_digits = jnp.sum(box, axis=2) + jnp.sum(unlikely[:, :, 1:], axis=2) + name
    return jnp.sum(of_digits * there + unlikely[:, :, 0] * counts) / jnp.sum(there)


def train(net: jaxdnn.Net, digits: Digits) -> jaxdnn.Net:
    """Return the net with trained parameters."""
    layers = {type(node.layer): node.layer for node in net.graph.nodes}
    decode, scale_xy = layers[YoloDecode], layers[YoloMap].scale_xy
    grid = net.inferred.values[LOGITS].shape[2:]
    rate = optax.warmup_cosine_decay_schedule(0, 1e-2, 50, STEPS)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate, b2=0.99))

    def objective(params, x, wanted):
        return loss(net.apply(params, x, outputs=[LOGITS])[LOGITS], wanted, scale_xy)

    @jax.jit
    def step(params, state, x, wanted):
        value, gradient = jax.value_and_grad(objective)(params, x, wanted)
        updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state, value

    rng = np.random.default_rng(0)
    stamps, backgrounds = draw_stamps(digits, 6, rng), [draw_background(rng) for _ in range(500)]
    scenes = [draw_scene(stamps, backgrounds, rng) for _ in range(64)]
    params = prepare(net, inputs(scenes), 5 + decode.classes).params
    state, losses = optimizer.init(params), []
    for number in range(1, STEPS + 1):
        scenes = [draw_scene(stamps, backgrounds, rng) for _ in range(BATCH)]
        params, state, value = step(params, state, inputs(scenes), targets(scenes, decode, grid))
        losses.append(value)
        if number % 100 == 0:
            print(f"step {number:4d}  loss {jnp.stack(losses[-100:]).mean():.3f}", flush=True)
    return net.replace(params=params)


def quality(net: jaxdnn.Net, scenes: list[Scene]) -> tuple[float, float]:
    """Return precision and recall. A digit is found if a detection of its class overlaps its box by half."""
    found = jaxdnn.detections(net(inputs(scenes)), per_class=False)
    hits = 0
    for index, scene in enumerate(scenes):
        boxes, _, classes = found.of(index)
        overlap = overlaps(boxes * np.tile(scene.picture.shape[::-1], 2), scene.boxes)
        right = (overlap >= 0.5) & (classes[:, None] == scene.labels)
        hits += int(right.any(axis=0).sum())
    return hits / int(found.count.sum()), hits / sum(len(scene.labels) for scene in scenes)


def main() -> None:
    """Train, test, write the weights and a scene of digits that the network has never seen."""
    known, unseen = split()
    net = train(jaxdnn.load(HERE / "digit_detector.cfg", key=jax.random.key(0)), known)
    save_weights(net, HERE / "digit_detector.weights")

    rng = np.random.default_rng(1)
    stamps, backgrounds = draw_stamps(unseen, 3, rng), [draw_background(rng) for _ in range(100)]
    scenes = [draw_scene(stamps, backgrounds, rng) for _ in range(300)]
    precision, recall = quality(net, scenes)
    print(f"on {len(scenes)} scenes of digits never seen: precision {precision:.3f}, recall {recall:.3f}")
    scene = max(scenes[:50], key=lambda scene: len(scene.labels))
    Image.fromarray(scene.picture).save(HERE / "scene.png", optimize=True)
    truth = [
        {"digit": digit, "box": box}
        for digit, box in zip(scene.labels.tolist(), scene.boxes.tolist(), strict=True)
    ]
    (HERE / "scene.json").write_text(json.dumps(truth) + "\n")


if __name__ == "__main__":
    main()
