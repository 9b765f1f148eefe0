"""Darknet's activations by name."""

from __future__ import annotations

from jaxdnn.importers.darknet.cfg import Section
from jaxdnn.importers.darknet.registry import DarknetBuilder, Output
from jaxdnn.layers.activation import (
    Clip,
    Elu,
    Gelu,
    HardMish,
    Mish,
    NormalizeAlong,
    PiecewiseLinear,
    Relu,
    Selu,
    Sigmoid,
    Stair,
    Swish,
    Tanh,
)
from jaxdnn.layers.base import Layer
from jaxdnn.layers.elementwise import Power

LINEAR = "linear"

_ACTIVATIONS: dict[str, tuple[Layer, ...]] = {
    LINEAR: (),
    "elu": (Elu(),),
    "gelu": (Gelu(approximation="tanh"),),
    "hard_mish": (HardMish(),),
    "hardtan": (Clip(floor=-1.0, ceiling=1.0),),
    "leaky": (Relu(negative_slope=0.1),),
    "lhtan": (PiecewiseLinear(points=((0.0, 0.0), (1.0, 1.0)), first_slope=0.001, last_slope=0.001),),
    "loggy": (Sigmoid(), Power(scale=2.0, shift=-1.0)),
    "logistic": (Sigmoid(),),
    "mish": (Mish(),),
    "normalize_channels": (NormalizeAlong(),),
    "normalize_channels_softmax": (NormalizeAlong(function="exp"),),
    "normalize_channels_softmax_maxval": (NormalizeAlong(function="exp", subtract_max=True),),
    "plse": (PiecewiseLinear(points=((-4.0, 0.0), (4.0, 1.0)), first_slope=0.01, last_slope=0.01),),
    "ramp": (PiecewiseLinear(points=((0.0, 0.0),), first_slope=0.1, last_slope=1.1),),
    "relie": (Relu(negative_slope=0.01),),
    "relu": (Relu(),),
    "relu6": (Clip(floor=0.0, ceiling=6.0),),
    "revleaky": (Relu(negative_slope=0.1),),
    "selu": (Selu(alpha=1.6732, scale=1.0507),),
    "silu": (Swish(),),
    "stair": (Stair(),),
    "swish": (Swish(),),
    "tanh": (Tanh(),),
}


def activation_name(section: Section, default: str, key: str = "activation") -> str:
    """Return the activation that a section asks for.

    Raises:
        ParseError: there is none of that name.
    """
    return section.choice(key, default, tuple(_ACTIVATIONS))


def activate(b: DarknetBuilder, x: Output, name: str, node: str | None = None) -> Output:
    """Apply an activation.

    Args:
        b: the builder.
        x: the pre-activation.
        name: of the activation.
        node: name of the node; by default OpenCV's, which counts activations from the next layer on.
    """
    for layer in _ACTIVATIONS[name]:
        x = b.emit(layer, x, shape=x.shape, name=node or b.name(name, 1), flat=x.flat)
    return x
