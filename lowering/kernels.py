"""Kernels that interpolation weighs elements with, as functions of their distance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from jaxdnn.layers.resize import KERNELS


def keys(d: np.ndarray, a: float = -0.5) -> Any:
    """Return Keys' cubic kernel of a coefficient at distances."""
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def _mitchell(d: np.ndarray) -> Any:
    near = (7 / 6 * d - 2) * d * d + 8 / 9
    far = ((2 - 7 / 18 * d) * d - 10 / 3) * d + 16 / 9
    return np.where(d < 1, near, np.where(d < 2, far, 0))


def _lanczos(reach: float) -> Callable[[np.ndarray], Any]:
    return lambda d: np.where(d <= reach, np.sinc(d) * np.sinc(d / reach), 0)


KERNEL_FUNCTIONS: dict[str, Callable[[np.ndarray], Any]] = {
    **{name: _lanczos(KERNELS[name]) for name in ("lanczos1", "lanczos3", "lanczos5")},
    "gaussian": lambda d: np.where(d < 1.5, np.exp(-2 * d * d), 0),
    "box": lambda d: np.where(d < 0.5, 1, np.where(d == 0.5, 0.5, 0)),
    "triangle": lambda d: np.maximum(0, 1 - d),
    "keys_cubic": keys,
    "mitchell_cubic": _mitchell,
}
