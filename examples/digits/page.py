"""The digits on a scanned page: where they are, and what the network sees of them."""

from __future__ import annotations

import numpy as np
from PIL import Image

SIDE = 16
"""Width and height of the network's input."""
INK = 60
"""How much darker than the paper a pixel must be to count as ink."""

Box = tuple[int, int, int, int]


def find_digits(page: Image.Image) -> list[Box]:
    """Return the boxes (left, top, right, bottom) of the digits, line by line and left to right."""
    ink = ink_of(page) > INK / 255
    boxes = []
    for top, bottom in _runs(ink.sum(axis=1) > 1, join=3):
        line = ink[top:bottom]
        for left, right in _runs(line.any(axis=0), join=1):
            rows = np.flatnonzero(line[:, left:right].any(axis=1))
            if (right - left) * len(rows) > 60:
                boxes.append((left, top + int(rows[0]), right, top + int(rows[-1]) + 1))
    return boxes


def crop_digits(page: Image.Image, boxes: list[Box]) -> np.ndarray:
    """Return the network's input (digits, 1, 16, 16): each box scaled to fit, ink 1 and paper 0."""
    ink = Image.fromarray((ink_of(page) * 255).astype(np.uint8))
    crops = []
    for left, top, right, bottom in boxes:
        scale = (SIDE - 2) / max(right - left, bottom - top)
        size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
        crop = ink.crop((left, top, right, bottom)).resize(size, Image.Resampling.BOX)
        cell = Image.new("L", (SIDE, SIDE))
        cell.paste(crop, ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
        crops.append(np.asarray(cell, np.float32) / 255)
    return np.stack(crops)[:, None] if crops else np.zeros((0, 1, SIDE, SIDE), np.float32)


def ink_of(page: Image.Image) -> np.ndarray:
    """Return how much darker than the paper each pixel is, 0..1."""
    grey = np.asarray(page.convert("L"), np.float32)
    paper = np.percentile(grey, 90)
    return np.clip((paper - grey) / 255, 0, 1)


def _runs(mask: np.ndarray, join: int) -> list[tuple[int, int]]:
    """Return (start, end) of the runs of True, those at most ``join`` apart as one."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    runs: list[tuple[int, int]] = []
    for start, end in edges.reshape(-1, 2).tolist():
        if runs and start - runs[-1][1] <= join:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
    return runs
