"""Activations: functions of one element, some with a learned slope."""

from __future__ import annotations

from dataclasses import dataclass

from jaxdnn.layers.base import Layer


@dataclass(frozen=True, kw_only=True)
class Relu(Layer):
    """``y = max(x, 0) + negative_slope * min(x, 0)``.

    Attributes:
        negative_slope: slope below zero; 0 for the plain rectifier.
    """

    negative_slope: float = 0.0
