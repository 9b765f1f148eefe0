"""Read a scanned page of handwritten digits with a Caffe network.

Usage: python examples/digits/demo.py [page.png] [annotated.png]
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from page import Box, crop_digits, find_digits
from PIL import Image
from rich.console import Console
from rich.table import Table

import jaxdnn
from jaxdnn.drawing import Mark, draw
from jaxdnn.image import read_image, write_image

HERE = Path(__file__).parent


def lines_of(boxes: list[Box]) -> list[list[int]]:
    """Return the indices of the boxes, one list per line of the page."""
    lines: list[list[int]] = []
    for index, (_, top, _, _) in enumerate(boxes):
        if lines and top < boxes[lines[-1][0]][3]:
            lines[-1].append(index)
        else:
            lines.append([index])
    return lines


def main(page: Path = HERE / "page.png", annotated: Path = Path("out/digits.png")) -> None:
    """Read the page, print what it says, and write the picture with the readings on it."""
    started = time.perf_counter()
    net = jaxdnn.load(HERE / "digits.prototxt", HERE / "digits.caffemodel")
    picture = Image.open(page)
    boxes = find_digits(picture)
    probabilities = np.asarray(net(crop_digits(picture, boxes))["prob"])
    seconds = time.perf_counter() - started
    digits, certain = probabilities.argmax(axis=1), probabilities.max(axis=1)

    truth = json.loads(page.with_suffix(".json").read_text()) if page.with_suffix(".json").exists() else None
    table = Table(title=f"{page.name}: {len(boxes)} digits")
    for column in ("line", "read", "least certain", *(["right"] if truth else [])):
        table.add_column(column, justify="left" if column == "read" else "right")
    right = 0
    for number, line in enumerate(lines_of(boxes)):
        read = "".join(str(digits[index]) for index in line)
        weakest = min(line, key=lambda index: certain[index])
        row = [str(number + 1), read, f"{digits[weakest]} ({certain[weakest]:.0%})"]
        if truth:
            hits = sum(a == b for a, b in zip(read, truth[number], strict=False))
            right += hits
            row.append(f"{hits}/{len(truth[number])}")
        table.add_row(*row)
    console = Console()
    console.print(table)
    if truth:
        console.print(f"{right} of {len(boxes)} digits right, none of them seen in training")
    annotated.parent.mkdir(parents=True, exist_ok=True)
    marks = [Mark(str(digit), box, group=digit) for digit, box in zip(digits.tolist(), boxes, strict=True)]
    write_image(annotated, draw(read_image(page), marks))
    console.print(f"{seconds:.2f} s from file to result, compilation included")
    console.print(f"annotated picture: {annotated}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
