"""Losses and metrics, as Caffe's networks end in when they are tested."""

from __future__ import annotations

from dataclasses import dataclass

from jaxdnn.layers.base import Layer


@dataclass(frozen=True, kw_only=True)
class Loss(Layer):
    """Base of the layers that compare a prediction, their first input, with labels or targets.

    A call need not feed inputs that only such layers read.
    """
