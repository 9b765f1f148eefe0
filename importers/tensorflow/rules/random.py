"""Random numbers, which a trained network needs only where training left something behind."""

from __future__ import annotations

import warnings

import numpy as np

from jaxdnn.errors import JaxdnnWarning
from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.layers.arithmetic import Binary
from jaxdnn.layers.reduction import ArgMax
from jaxdnn.layers.tensor import Fill

Values = tuple[str, ...]

_PLAIN = {"RandomUniform": 0.5, "RandomStandardNormal": 0.0, "TruncatedNormal": 0.0}
_STATELESS = {
    f"Stateless{name}{version}": mean
    for name, mean in {"RandomUniform": 0.5, "RandomNormal": 0.0, "TruncatedNormal": 0.0}.items()
    for version in ("", "V2")
}


@rules(*_PLAIN)
def random(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Take the mean instead: a net gives the same for the same inputs, and dropout that keeps all is none."""
    return _mean(b, node, inputs[0], _PLAIN[node.op])


@rules(*_STATELESS, inputs=(2, 4))
def stateless_random(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The same; the seed does not matter."""
    return _mean(b, node, inputs[0], _STATELESS[node.op])


def _mean(b: TensorFlowBuilder, node: NodeSource, shape: str, mean: float) -> Values:
    _warn(node, f"its mean {mean} takes the place of random numbers")
    value = b.const(node, np.array(mean, np.float32), part="mean")
    return b.late(node, Fill(shape=()), (value,), shape=shape)


@rules("Multinomial", inputs=2)
def multinomial(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Take the class that is drawn most often, each time."""
    return _most_likely(b, node, inputs)


@rules("StatelessMultinomial", inputs=3)
def stateless_multinomial(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The same; the seed does not matter."""
    return _most_likely(b, node, inputs[:2])


def _most_likely(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    _warn(node, "the most likely class takes the place of random draws")
    logits, count = inputs
    best = b.emit(node, ArgMax(axis=-1), (logits,), part="best")
    zero = b.const(node, np.array(0, np.int32), part="zero")
    (draws,) = b.late(node, Fill(shape=()), (zero,), part="draws", shape=count)
    return b.emit(node, Binary(function="add"), (*best, draws))


@rules("RandomShuffle")
def shuffle(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Leave the order as it is."""
    del b
    _warn(node, "the rows stay in their order")
    return inputs


@rules("StatelessRandomGetKeyCounter", outputs=("key", "counter"))
def key_and_counter(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """What nobody reads: a seed for ops whose mean is taken."""
    return (*inputs, *inputs)


@rules("StatelessRandomGetAlg", inputs=0)
def algorithm(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """What nobody reads."""
    return (b.const(node, np.array(1, np.int32)),)


def _warn(node: NodeSource, what: str) -> None:
    warnings.warn(f"{node.name!r} ({node.op}): {what}", JaxdnnWarning, stacklevel=4)
