"""First values for parameters that no file holds."""

from __future__ import annotations

import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import WeightsError, some
from jaxdnn.ir import Initializer, split_reference
from jaxdnn.layers.base import Shape
from jaxdnn.lowering.infer import fits


def initialize(initializer: Initializer, shape: Shape, key: jax.Array | None) -> np.ndarray | jax.Array:
    """Draw an array of this shape.

    Args:
        initializer: the distribution.
        shape: of the result; axis 0 counts outputs, the rest is the fan-in of one output.
        key: a typed PRNG key; a deterministic initializer needs none.
    """
    if initializer.kind == "constant":
        return np.full(shape, initializer.value, np.float32)
    if initializer.kind == "bilinear":
        return _bilinear(shape)
    assert key is not None
    if initializer.kind == "uniform":
        return jax.random.uniform(key, shape, minval=initializer.low, maxval=initializer.high)
    if initializer.kind == "gaussian":
        return _gaussian(initializer, shape, key)
    if initializer.kind == "positive_unitball":
        draw = jax.random.uniform(key, (shape[0], math.prod(shape[1:])))
        return (draw / draw.sum(axis=1, keepdims=True)).reshape(shape)
    fan = _fan(initializer, shape)
    if initializer.kind == "msra":
        return jax.random.normal(key, shape) * math.sqrt(2.0 / fan)
    bound = math.sqrt(3.0 / fan)
    return jax.random.uniform(key, shape, minval=-bound, maxval=bound)


def bind(
    stored: Mapping[str, Mapping[str, np.ndarray]],
    initializers: Mapping[str, Initializer],
    expected: Mapping[str, Shape],
    key: jax.Array | None,
) -> tuple[dict[str, dict[str, np.ndarray | jax.Array]], list[str]]:
    """Give every parameter its value: the stored one in the expected shape, or an initial one.

    Without a key, parameters whose initializer is random or not stated stay missing. With a key, one that
    has no stated initializer is drawn like ``xavier`` if it has two axes or more, and is zero otherwise.

    Returns:
        the parameters by owner and slot, and the references of those that are missing.
    """
    params: dict[str, dict[str, np.ndarray | jax.Array]] = {}
    missing = []
    for reference, shape in expected.items():
        owner, slot = split_reference(reference)
        array: np.ndarray | jax.Array
        initializer = initializers.get(reference)
        if slot in stored.get(owner, {}):
            array = stored[owner][slot]
            assert fits(array.shape, shape)
            array = array.reshape(shape)
        elif initializer is not None and initializer.deterministic:
            array = initialize(initializer, shape, None)
        elif key is not None:
            key, draw = jax.random.split(key)
            initializer = initializer or Initializer(kind="xavier" if len(shape) > 1 else "constant")
            array = initialize(initializer, shape, draw)
        else:
            missing.append(reference)
            continue
        params.setdefault(owner, {})[slot] = array
    return params, missing


def require_complete(missing: list[str]) -> None:
    """Raise a WeightsError that lists what is missing, if anything is."""
    if missing:
        raise WeightsError(
            f"no values for {len(missing)} parameters ({some(missing)}): "
            "give the weights file, or key=jax.random.key(seed) to draw initial values"
        )


def _fan(initializer: Initializer, shape: Shape) -> float:
    """Caffe's fans: both count the weights per output or per input, over the kernel."""
    count = math.prod(shape)
    fan_in, fan_out = count / shape[0], count / shape[1] if len(shape) > 1 else count
    return {"fan_in": fan_in, "fan_out": fan_out, "average": (fan_in + fan_out) / 2}[
        initializer.variance_norm
    ]


def _gaussian(initializer: Initializer, shape: Shape, key: jax.Array) -> jax.Array:
    draw, mask = jax.random.split(key)
    array = initializer.mean + initializer.std * jax.random.normal(draw, shape)
    if initializer.sparse < 0:
        return array
    keep = min(1.0, initializer.sparse / shape[0])
    return jnp.where(jax.random.bernoulli(mask, keep, shape), array, 0.0)


def _bilinear(shape: Shape) -> np.ndarray:
    """Interpolation weights for upsampling: the same tent over the last two axes for every filter."""
    factors = []
    for size in shape[-2:]:
        factor = math.ceil(size / 2)
        center = (size - 1) / (2 * factor)
        factors.append(1 - np.abs(np.arange(size) / factor - center))
    return np.broadcast_to(np.outer(*factors), shape).astype(np.float32)
