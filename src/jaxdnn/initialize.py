"""First values for parameters that no file holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import InputError, WeightsError, some
from jaxdnn.ir import Initializer, split_reference
from jaxdnn.layers.base import Shape
from jaxdnn.lowering.infer import fits


def initialize(initializer: Initializer, shape: Shape, random: np.random.Generator | None) -> np.ndarray:
    """Draw an array of this shape, on the host: XLA would compile a program for every shape of a net.

    Args:
        initializer: the distribution.
        shape: of the result; axis 0 counts outputs, the rest is the fan-in of one output.
        random: where numbers come from; a deterministic initializer needs none.
    """
    if initializer.kind == "constant":
        return np.full(shape, initializer.value, np.float32)
    if initializer.kind == "bilinear":
        return _bilinear(shape)
    assert random is not None
    if initializer.kind == "gaussian":
        return _gaussian(initializer, shape, random)
    if initializer.kind == "msra":
        scale = np.float32(math.sqrt(2.0 / _fan(initializer, shape)))
        return random.standard_normal(shape, np.float32) * scale
    if initializer.kind == "positive_unitball":
        draw = random.random((shape[0], math.prod(shape[1:])), np.float32)
        draw /= draw.sum(axis=1, keepdims=True)
        return draw.reshape(shape)
    low, high = initializer.low, initializer.high
    if initializer.kind == "xavier":
        high = math.sqrt(3.0 / _fan(initializer, shape))
        low = -high
    return random.random(shape, np.float32) * np.float32(high - low) + np.float32(low)


def bind(
    stored: Mapping[str, Mapping[str, np.ndarray]],
    initializers: Mapping[str, Initializer],
    expected: Mapping[str, Shape],
    key: jax.Array | None,
) -> tuple[dict[str, dict[str, np.ndarray]], list[str]]:
    """Give every parameter its value: the stored one in the expected shape, or an initial one.

    Without a key, parameters whose initializer is random or not stated stay missing. With a key, one that
    has no stated initializer is drawn like ``xavier`` if it has two axes or more, and is zero otherwise.

    Returns:
        the parameters by owner and slot, and the references of those that are missing.

    Raises:
        InputError: the key is no single typed key.
    """
    require_key(key)
    random = None if key is None else np.random.default_rng(np.asarray(jax.random.key_data(key)).tolist())
    params: dict[str, dict[str, np.ndarray]] = {}
    missing = []
    for reference, shape in expected.items():
        owner, slot = split_reference(reference)
        initializer = initializers.get(reference)
        if slot in stored.get(owner, {}):
            array = stored[owner][slot]
            if array.shape != shape:
                assert fits(array.shape, shape)
                array = array.reshape(shape)
        elif initializer is not None and initializer.deterministic:
            array = initialize(initializer, shape, None)
        elif random is not None:
            initializer = initializer or Initializer(kind="xavier" if len(shape) > 1 else "constant")
            array = initialize(initializer, shape, random)
        else:
            missing.append(reference)
            continue
        params.setdefault(owner, {})[slot] = array
    return params, missing


def require_key(key: Any) -> None:
    """Raise an InputError unless this is one typed key, or None."""
    if key is None or (_is_key(key) and key.shape == ()):
        return
    got = f"an array {key.dtype}{list(key.shape)}" if isinstance(key, jax.Array | np.ndarray) else repr(key)
    raise InputError(f"key must be one typed key, jax.random.key(seed), got {got}")


def _is_key(key: Any) -> bool:
    return isinstance(key, jax.Array) and bool(jnp.issubdtype(key.dtype, jax.dtypes.prng_key))


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


def _gaussian(initializer: Initializer, shape: Shape, random: np.random.Generator) -> np.ndarray:
    draw = random.standard_normal(shape, np.float32)
    array = draw * np.float32(initializer.std) + np.float32(initializer.mean)
    if initializer.sparse < 0:
        return array
    return np.where(random.random(shape) < initializer.sparse / shape[0], array, np.float32(0))


def _bilinear(shape: Shape) -> np.ndarray:
    """Interpolation weights for upsampling: the same tent over the last two axes for every filter."""
    factors = []
    for size in shape[-2:]:
        factor = math.ceil(size / 2)
        center = (size - 1) / (2 * factor)
        factors.append(1 - np.abs(np.arange(size) / factor - center))
    return np.broadcast_to(np.outer(*factors), shape).astype(np.float32)
