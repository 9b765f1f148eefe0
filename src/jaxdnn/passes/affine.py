"""Nodes that multiply each channel by a number and add one, and these numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxdnn.ir import Model, Node
from jaxdnn.layers.arithmetic import Binary
from jaxdnn.layers.elementwise import Eltwise, Power
from jaxdnn.layers.normalization import BatchNorm, Bias, Scale
from jaxdnn.passes.rewrite import fixed_array, stored_params


@dataclass(frozen=True)
class Channels:
    """Where the channels of a value lie.

    Attributes:
        axis: the channel axis, counted from either end.
        count: number of channels.
        rank: of the value; None where it is not known.
    """

    axis: int
    count: int
    rank: int | None

    def lie_along(self, axis: int) -> bool:
        """Return whether an axis is certainly the channels'."""
        if self.axis == axis:
            return True
        return (
            self.rank is not None and -self.rank <= axis < self.rank and (self.axis - axis) % self.rank == 0
        )

    def vector(self, array: np.ndarray, *, scalar: bool = False) -> np.ndarray | None:
        """Return an array of one number per channel, or one for all, as a float64 (count,); None of another one."""
        if array.dtype.kind != "f" or array.size != (1 if scalar else self.count):
            return None
        numbers: np.ndarray = np.broadcast_to(array.reshape(-1).astype(np.float64), (self.count,))
        return numbers

    def operand(self, array: np.ndarray) -> np.ndarray | None:
        """Return the same for an array that is broadcast against the value; None unless it varies by channel alone."""
        if array.ndim and (self.rank is None or array.ndim > self.rank):
            return None
        if array.size == 1:
            return self.vector(array, scalar=True)
        shape = (1,) * ((self.rank or 0) - array.ndim) + array.shape
        return self.vector(array) if shape[self.axis] == array.size else None


@dataclass(frozen=True)
class Affine:
    """The map ``y = x * scale + shift`` of each channel.

    Attributes:
        scale: float64 (channels,); None for 1.
        shift: float64 (channels,).
    """

    scale: np.ndarray | None
    shift: np.ndarray

    def then(self, later: Affine) -> Affine:
        """Return this map followed by another one."""
        if later.scale is None:
            return Affine(self.scale, self.shift + later.shift)
        scale = later.scale if self.scale is None else self.scale * later.scale
        return Affine(scale, self.shift * later.scale + later.shift)


def affine(model: Model, node: Node, value: str, channels: Channels) -> Affine | None:
    """Return the map that a node applies to a value's channels; None if it is no such map, or not a fixed one."""
    layer = node.layer
    params = stored_params(model, node)
    if params is None or node.inputs.count(value) != 1:
        return None
    if isinstance(layer, BatchNorm):
        return _batch_norm(layer, params, channels)
    if isinstance(layer, Scale | Bias):
        return _along(model, node, layer, params, channels) if node.inputs[0] == value else None
    if isinstance(layer, Power) and layer.power == 1:
        return _map(channels, layer.scale, layer.shift)
    if isinstance(layer, Binary | Eltwise) and len(node.inputs) == 2:
        place = node.inputs.index(value)
        array = fixed_array(model, node.inputs[1 - place])
        operand = None if array is None else channels.operand(array)
        if operand is None:
            return None
        if isinstance(layer, Binary):
            return _binary(layer.function, place, operand, channels)
        return _eltwise(layer, place, operand, channels)
    return None


def _map(channels: Channels, scale: np.ndarray | float | None, shift: np.ndarray | float | None) -> Affine:
    shape = (channels.count,)
    return Affine(
        None if scale is None else np.broadcast_to(scale, shape),
        np.broadcast_to(0.0 if shift is None else shift, shape),
    )


def _vectors(
    params: dict[str, np.ndarray], channels: Channels, *, scalar: bool = False
) -> dict[str, np.ndarray] | None:
    """Return every parameter as a vector of the channels; None if one is of another size."""
    vectors = {slot: channels.vector(array, scalar=scalar) for slot, array in params.items()}
    found = {slot: vector for slot, vector in vectors.items() if vector is not None}
    return found if len(found) == len(vectors) else None


def _batch_norm(layer: BatchNorm, params: dict[str, np.ndarray], channels: Channels) -> Affine | None:
    vectors = _vectors(params, channels)
    if layer.use_batch_statistics or vectors is None or not channels.lie_along(layer.axis):
        return None
    # A negative variance gives what is not a number; who folds looks for that.
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = vectors.get("scale", 1.0) / np.sqrt(vectors["variance"] + layer.epsilon)
    return _map(channels, scale, vectors.get("bias", 0.0) - vectors["mean"] * scale)


def _along(
    model: Model, node: Node, layer: Scale | Bias, params: dict[str, np.ndarray], channels: Channels
) -> Affine | None:
    slot = "scale" if isinstance(layer, Scale) else "bias"
    num_axes = layer.num_axes
    if len(node.inputs) == 2:
        second = fixed_array(model, node.inputs[1])
        if second is None:
            return None
        params, num_axes = {**params, slot: second}, second.ndim
    last = channels.rank is not None and channels.lie_along(channels.rank - 1)
    if num_axes != 0 and not (
        channels.lie_along(layer.axis) and (num_axes == 1 or (num_axes == -1 and last))
    ):
        return None
    vectors = _vectors(params, channels, scalar=num_axes == 0)
    return None if vectors is None else _map(channels, vectors.get("scale"), vectors.get("bias"))


def _binary(function: str, place: int, operand: np.ndarray, channels: Channels) -> Affine | None:
    if function == "add":
        return _map(channels, None, operand)
    if function == "multiply":
        return _map(channels, operand, None)
    if function == "subtract":
        return _map(channels, None, -operand) if place == 0 else _map(channels, -1.0, operand)
    if function == "divide" and place == 0:
        return _divided(operand, channels)
    return None


def _eltwise(layer: Eltwise, place: int, operand: np.ndarray, channels: Channels) -> Affine | None:
    if not layer.broadcast:
        return None
    if layer.operation == "product":
        return _map(channels, operand, None)
    if layer.operation == "division" and place == 0:
        return _divided(operand, channels)
    if layer.operation != "sum":
        return None
    if len(layer.coefficients) != 2:
        return None if layer.coefficients else _map(channels, None, operand)
    own, other = layer.coefficients[place], layer.coefficients[1 - place]
    return _map(channels, None if own == 1 else own, other * operand)


def _divided(operand: np.ndarray, channels: Channels) -> Affine:
    with np.errstate(divide="ignore"):
        return _map(channels, 1 / operand, None)
