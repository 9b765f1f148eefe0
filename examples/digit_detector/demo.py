"""Find handwritten digits in a cluttered scene with a Darknet network.

Usage: python examples/digit_detector/demo.py [scene.png] [annotated.png]
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import jaxdnn
from jaxdnn.drawing import Mark, draw
from jaxdnn.image import preprocess, read_image, write_image

HERE = Path(__file__).parent


def main(scene: Path = HERE / "scene.png", annotated: Path = Path("out/digit_detector.png")) -> None:
    """Look at the scene, print what is where, and write the picture with the boxes on it."""
    started = time.perf_counter()
    net = jaxdnn.load(HERE / "digit_detector.cfg", HERE / "digit_detector.weights")
    picture = read_image(scene)
    x = preprocess(picture, (256, 192), scale=1 / 255, gray=True, resizing="darknet")
    boxes, scores, digits = jaxdnn.detections(net(x), per_class=False).of(0)  # one digit in one place
    seconds = time.perf_counter() - started
    boxes = boxes * np.tile(picture.shape[1::-1], 2)

    table = Table(title=f"{scene.name}: {len(digits)} digits")
    for column in ("digit", "score", "left", "top", "right", "bottom"):
        table.add_column(column, justify="right")
    for digit, score, box in zip(digits, scores, boxes, strict=True):
        table.add_row(str(digit), f"{score:.2f}", *(f"{value:.0f}" for value in box))
    console = Console()
    console.print(table)
    if scene.with_suffix(".json").exists():
        truth = json.loads(scene.with_suffix(".json").read_text())
        seen = sum(any(_is(entry, *found) for found in zip(digits, boxes, strict=True)) for entry in truth)
        console.print(f"{seen} of {len(truth)} digits found, none of them seen in training")
    annotated.parent.mkdir(parents=True, exist_ok=True)
    marks = [Mark(str(digit), tuple(box), group=int(digit)) for digit, box in zip(digits, boxes, strict=True)]
    write_image(annotated, draw(picture, marks))
    console.print(f"{seconds:.2f} s from file to result, compilation included")
    console.print(f"annotated picture: {annotated}")


def _is(entry: dict, digit: int, box: np.ndarray) -> bool:
    """Whether a found digit is one of the scene's: the same, and the middle of its box lies in that one's box."""
    middle, want = (box[:2] + box[2:]) / 2, np.array(entry["box"])
    return bool(digit == entry["digit"] and (want[:2] <= middle).all() and (middle <= want[2:]).all())


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
