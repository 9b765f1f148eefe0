"""A detector and a reader inside one jitted function, from the camera's bytes to what is written where.

    uint8 picture → grey, resized, normalised → detector → suppression → crops → reader → digits

Two nets, one from Darknet and one from Caffe, are ordinary values in it: everything has a fixed size, nothing leaves
the device between the steps, and XLA compiles the whole once.

    python -m examples.pipeline [annotated.png]      # needs pip install jaxdnn[examples]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

import jaxdnn
from examples.digit_detector.scenes import (
    HEIGHT,
    WIDTH,
    Scene,
    draw_background,
    draw_scene,
    draw_stamps,
    overlaps,
)
from examples.digits.page import SIDE
from examples.handwriting import split
from jaxdnn.drawing import Mark, draw
from jaxdnn.image import write_image

HERE = Path(__file__).parent
CAMERA = 480, 640
"""Height and width of the pictures; the detector takes them smaller, the reader's crops have all their detail."""
LARGEST = 32
"""How many digits a picture may have."""
INK = 0.75
"""How dark the ink was on the pages that the reader learnt from."""
PICTURES = 4


@jax.jit
def read(detector: jaxdnn.Net, reader: jaxdnn.Net, picture: jax.Array) -> tuple[jaxdnn.Detections, jax.Array]:
    """Find and read the digits in a picture.

    Args:
        detector, reader: the nets; as pytrees they are arguments like any others.
        picture: (height, width, 3), uint8, blue, green, red.

    Returns:
        what the detector found, in a batch of one, boxes relative to the picture; and what the reader takes each
        box for, probabilities (LARGEST, 10). Only the first ``count`` of either mean something.
    """
    grey = picture.astype(jnp.float32) @ jnp.array([0.114, 0.587, 0.299]) / 255
    size = detector.inputs["data"].shape[2:]
    rows = detector.apply(detector.params, jax.image.resize(grey, size, "linear")[None, None])
    found = jaxdnn.detections(rows, per_class=False, max_detections=LARGEST)
    crops = jax.vmap(crop, in_axes=(None, 0))(grey, found.boxes[0])
    return found, reader.apply(reader.params, crops[:, None])["prob"]


def crop(grey: jax.Array, box: jax.Array) -> jax.Array:
    """Return what the reader takes, (16, 16): the box in the middle, as large as a margin allows, paper 0.

    Args:
        grey: (height, width), 0 to 1.
        box: left, top, right, bottom relative to it.
    """
    corners = box.reshape(2, 2)[:, ::-1] * jnp.array([grey.shape], jnp.float32)
    sides = corners[1] - corners[0]
    scale = (SIDE - 2) / jnp.maximum(sides.max(), 1.0)
    shift = SIDE / 2 - scale * corners.mean(axis=0)
    cell = jax.image.scale_and_translate(
        grey, (SIDE, SIDE), (0, 1), jnp.stack([scale, scale]), shift, "linear"
    )
    paper, darkest = jnp.percentile(cell, 75), cell.min()
    ink = INK * jnp.clip((paper - cell) / jnp.maximum(paper - darkest, 1e-3), 0, 1)
    # What lies beside a narrow box is not the digit's: each pixel counts as far as the box covers it.
    distance = jnp.abs(jnp.arange(0.5, SIDE) - SIDE / 2)
    rows, columns = (jnp.clip(scale * side / 2 - distance + 0.5, 0, 1) for side in sides)
    return ink * jnp.outer(rows, columns)


def photograph(rng: np.random.Generator) -> tuple[np.ndarray, Scene]:
    """Return a coloured picture of a scene of digits that neither net has seen, and the scene."""
    _, unseen = split()
    scene = draw_scene(draw_stamps(unseen, 1, rng), [draw_background(rng)], rng)
    picture = Image.fromarray(scene.picture).resize(CAMERA[::-1], Image.Resampling.BICUBIC)
    tint = np.array([0.86, 0.96, 1.0])
    return (np.asarray(picture)[..., None] * tint).astype(np.uint8), scene


def main(path: Path = Path("out/pipeline.png")) -> None:
    """Read a few pictures, print what both nets say of the digits, and draw the last picture."""
    detector = jaxdnn.load(
        HERE / "digit_detector" / "digit_detector.cfg", HERE / "digit_detector" / "digit_detector.weights"
    )
    reader = jaxdnn.load(HERE / "digits" / "digits.prototxt", HERE / "digits" / "digits.caffemodel")
    rng = np.random.default_rng(4)
    for number in range(PICTURES):
        picture, scene = photograph(rng)
        started = time.perf_counter()
        found, probabilities = jax.block_until_ready(read(detector, reader, picture))
        milliseconds = (time.perf_counter() - started) * 1000
        boxes, _, names = found.of(0)
        certain = np.asarray(probabilities)[: len(names)]
        digits = certain.argmax(axis=1)
        overlap = overlaps(boxes, scene.boxes / (WIDTH, HEIGHT, WIDTH, HEIGHT))
        right = ((overlap >= 0.5) & (digits[:, None] == scene.labels)).any(axis=0).sum()
        print(f"picture {number + 1}: {right} of {len(scene.labels)} digits read right, ", end="")
        print(f"the nets agree on {(digits == names).sum()} of {len(names)}, {milliseconds:.0f} ms", end="")
        print(", compilation included" if number == 0 else "")
    marks = [
        Mark(f"{row.argmax()} {row.max():.0%}", tuple(box), group=int(row.argmax()))
        for row, box in zip(certain, boxes * np.tile(CAMERA[::-1], 2), strict=True)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, draw(picture, marks))
    print(f"annotated picture: {path}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
