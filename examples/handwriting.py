"""Scikit-learn's 8x8 digits as ink on paper, for the examples that train on them."""

from __future__ import annotations

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

Digits = tuple[np.ndarray, np.ndarray]
"""Pictures (n, 8, 8) of intensities 0..16, and labels (n,)."""


def split() -> tuple[Digits, Digits]:
    """Return scikit-learn's 1,797 digits for training and for testing."""
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.images))
    test, train = order[:360], order[360:]
    return (digits.images[train], digits.target[train]), (digits.images[test], digits.target[test])


def draw_digit(pixels: np.ndarray, size: tuple[int, int], slant: float, cell: int) -> np.ndarray:
    """Return one digit as ink in the middle of a square cell, 0..1: 0 is paper, 1 is full ink.

    Args:
        pixels: 8x8 intensities 0..16.
        size: width and height that the 8x8 pixels are drawn with.
        slant: degrees by which the digit is turned.
        cell: width and height of the cell.
    """
    ink = Image.fromarray((pixels / 16 * 255).astype(np.uint8))
    ink = ink.resize(size, Image.Resampling.BICUBIC)
    # A pen leaves a line that is either there or not: steepen the grey slopes of the small original.
    values = np.asarray(ink, np.float32) / 255
    ink = Image.fromarray((255 / (1 + np.exp(-14 * (values - 0.42)))).astype(np.uint8))
    paper = Image.new("L", (cell, cell))
    paper.paste(ink, ((cell - size[0]) // 2, (cell - size[1]) // 2))
    return np.asarray(paper.rotate(slant, Image.Resampling.BICUBIC), np.float32) / 255
