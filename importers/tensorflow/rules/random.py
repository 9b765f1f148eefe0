"""Random numbers, which a trained network needs only where training left something behind."""

from __future__ import annotations

import warnings

import numpy as np

from jaxdnn.errors import JaxdnnWarning
from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.layers.tensor import Fill

_MEANS = {"RandomUniform": 0.5, "RandomStandardNormal": 0.0, "TruncatedNormal": 0.0}


@rules(*_MEANS)
def random(b: TensorFlowBuilder, node: NodeSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Take the mean instead: a net gives the same for the same inputs, and dropout that keeps all is none."""
    mean = _MEANS[node.op]
    warnings.warn(
        f"{node.name!r} ({node.op}): its mean {mean} takes the place of random numbers",
        JaxdnnWarning,
        stacklevel=2,
    )
    value = b.const(node, np.array(mean, np.float32), part="mean")
    return b.late(node, Fill(shape=()), (value,), shape=inputs[0])
