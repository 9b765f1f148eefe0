"""How a parameter gets its first value when no file holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["constant", "uniform", "gaussian", "xavier", "msra", "positive_unitball", "bilinear"]
VarianceNorm = Literal["fan_in", "fan_out", "average"]


@dataclass(frozen=True, kw_only=True)
class Initializer:
    """A distribution over arrays; the formulas are in :mod:`jaxdnn.initialize`.

    Attributes:
        kind: the family.
        value: the constant of ``constant``.
        low, high: the bounds of ``uniform``.
        mean, std: the moments of ``gaussian``.
        sparse: expected number of non-zero weights per output of ``gaussian``; -1 means dense.
        variance_norm: the fan that ``xavier`` and ``msra`` divide by.
    """

    kind: Kind = "constant"
    value: float = 0.0
    low: float = 0.0
    high: float = 1.0
    mean: float = 0.0
    std: float = 1.0
    sparse: int = -1
    variance_norm: VarianceNorm = "fan_in"

    @property
    def deterministic(self) -> bool:
        """Whether the value is the same for every random key."""
        return self.kind in ("constant", "bilinear")
