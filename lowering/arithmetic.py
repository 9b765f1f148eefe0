"""How arithmetic on whole arrays computes: with numpy where its inputs are constants."""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxdnn.errors import ShapeError
from jaxdnn.layers.arithmetic import Accumulate, Binary, Cast, CastLike, Einsum, Select, Unary
from jaxdnn.layers.base import dims, normalize_axis
from jaxdnn.lowering.casting import casted, converted, to_integers
from jaxdnn.lowering.namespace import namespace
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]

_ARRAY_FUNCTIONS = {
    "negate": "negative",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
    "is_nan": "isnan",
    "is_inf": "isinf",
    "is_finite": "isfinite",
    "not": "logical_not",
    "and": "logical_and",
    "or": "logical_or",
    "xor": "logical_xor",
    "round": "rint",
    "atan2": "arctan2",
    "next_after": "nextafter",
    "imaginary": "imag",
}
"""The names that numpy and jax.numpy have for a function, where it is not ours."""

_DEVICE_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "rsqrt": lax.rsqrt,
    "erf": lax.erf,
    "erfc": lax.erfc,
    "lgamma": lax.lgamma,
    "digamma": lax.digamma,
    "erfinv": lax.erf_inv,
    "ndtri": jax.scipy.special.ndtri,
    "bessel_i0e": lax.bessel_i0e,
    "bessel_i1e": lax.bessel_i1e,
    "bessel_i0": jax.scipy.special.i0,
    "bessel_i1": jax.scipy.special.i1,
    "spence": jax.scipy.special.spence,
    "expint": jax.scipy.special.expi,
    "population_count": lax.population_count,
    "igamma": lax.igamma,
    "igammac": lax.igammac,
    "polygamma": lax.polygamma,
    "zeta": lax.zeta,
    "complex": lax.complex,
}
"""Functions that numpy lacks."""


@lowers(Unary, float32=True, numpy=True)
def unary(layer: Unary, weights: Weights, x: Any) -> Any:
    """See :class:`~jaxdnn.layers.arithmetic.Unary`."""
    del weights
    if layer.function in _DEVICE_FUNCTIONS:
        return _DEVICE_FUNCTIONS[layer.function](jnp.asarray(x))
    if layer.function in ("floor", "ceil", "round") and x.dtype.kind in "iub":
        return x
    with np.errstate(all="ignore"):
        function = getattr(namespace(x), _ARRAY_FUNCTIONS.get(layer.function, layer.function))
        return function(x)


def align(*arrays: Any) -> tuple[Any, ...]:
    """Give arrays the same number of axes, new ones in front.

    Raises:
        ShapeError: they cannot be broadcast.
    """
    try:
        jnp.broadcast_shapes(*(x.shape for x in arrays))
    except ValueError:
        shapes = " and ".join(dims(x.shape) for x in arrays)
        raise ShapeError(f"{shapes} cannot be broadcast") from None
    rank = max(x.ndim for x in arrays)
    return tuple(x.reshape((1,) * (rank - x.ndim) + x.shape) for x in arrays)


@lowers(Binary, float32=True, numpy=True)
def binary(layer: Binary, weights: Weights, a: Any, b: Any) -> Any:
    """See :class:`~jaxdnn.layers.arithmetic.Binary`."""
    del weights
    xp = namespace(a, b)
    a, b = align(a, b)
    if layer.function in _DEVICE_FUNCTIONS:
        return _DEVICE_FUNCTIONS[layer.function](*jnp.broadcast_arrays(jnp.asarray(a), jnp.asarray(b)))
    with np.errstate(all="ignore"):
        if layer.function in _COMPOSED:
            return _COMPOSED[layer.function](xp, a, b)
        return getattr(xp, _ARRAY_FUNCTIONS.get(layer.function, layer.function))(a, b)


def _divide(xp: Any, a: Any, b: Any) -> Any:
    return xp.divide(a, b) if a.dtype.kind in "fcV" else truncate_divide(xp, a, b)


def truncate_divide(xp: Any, a: Any, b: Any) -> Any:
    """Divide and drop the fraction; an integer by zero is zero."""
    if a.dtype.kind not in "iu":
        return xp.trunc(xp.divide(a, b))
    quotient = xp.floor_divide(a, b)
    inexact = (quotient * b != a) & ((a < 0) != (b < 0))
    return _unless_zero(xp, b, quotient + inexact.astype(a.dtype))


def _of_integers(name: str) -> Callable[[Any, Any, Any], Any]:
    """Return a remainder that is zero where integers are divided by zero."""

    def compute(xp: Any, a: Any, b: Any) -> Any:
        y = getattr(xp, name)(a, b)
        return _unless_zero(xp, b, y) if a.dtype.kind in "iu" else y

    return compute


def _floor_divide(xp: Any, a: Any, b: Any) -> Any:
    if a.dtype.kind in "iu":
        return _unless_zero(xp, b, xp.floor_divide(a, b))
    # The array modules' own floor_divide is no number where a quotient is infinite.
    return xp.floor(xp.divide(a, b))


def _shift(name: str) -> Callable[[Any, Any, Any], Any]:
    """Return a shift by 0 places at least and by all but one at most."""

    def compute(xp: Any, a: Any, b: Any) -> Any:
        most = xp.asarray(a.dtype.itemsize * 8 - 1, b.dtype)
        return getattr(xp, name)(a, xp.clip(b, xp.asarray(0, b.dtype), most))

    return compute


def _shift_out(name: str) -> Callable[[Any, Any, Any], Any]:
    """Return a shift by any number of places; a negative number counts as a large one."""
    shift = _shift(name)

    def compute(xp: Any, a: Any, b: Any) -> Any:
        y = shift(xp, a, b)
        beyond = (b < 0) | (b >= xp.asarray(a.dtype.itemsize * 8, b.dtype))
        left = xp.where(a < 0, ~xp.zeros_like(a), xp.zeros_like(a)) if "right" in name else xp.zeros_like(a)
        return xp.where(beyond, left, y)

    return compute


def _power(xp: Any, a: Any, b: Any) -> Any:
    """Compute in a floating type where one of the two has one."""
    if a.dtype == b.dtype and a.dtype.kind in "fcV":
        return xp.power(a, b)
    kinds = [x.dtype for x in (a, b) if x.dtype.kind not in "iub"]
    if not kinds:
        return _whole_power(xp, a, b.astype(a.dtype))
    y = xp.power(a.astype(kinds[0]), b.astype(kinds[0]))
    return to_integers(xp, xp.trunc(y), a.dtype) if a.dtype.kind in "iu" else y.astype(a.dtype)


def _whole_power(xp: Any, a: Any, b: Any) -> Any:
    """Return powers of integers; of those to a negative one only 1 and -1 have whole ones, the others give 0."""
    y = xp.power(a, xp.maximum(b, xp.zeros_like(b)))
    odd_negative = (a < 0) & (b % 2 != 0)
    unit = xp.where(odd_negative, -xp.ones_like(a), xp.ones_like(a))
    inverse = xp.where(abs(a) == 1, unit, xp.zeros_like(a))
    return xp.where(b < 0, inverse, y)


def _squared_difference(xp: Any, a: Any, b: Any) -> Any:
    return xp.square(xp.subtract(a, b))


def _unless_zero(xp: Any, zero: Any, value: Any) -> Any:
    return xp.where(zero == 0, xp.zeros_like(value), value)


_COMPOSED: dict[str, Callable[[Any, Any, Any], Any]] = {
    "divide": _divide,
    "truncate_divide": truncate_divide,
    "floor_divide": _floor_divide,
    "floor_remainder": _of_integers("remainder"),
    "truncate_remainder": _of_integers("fmod"),
    "shift_left": _shift("left_shift"),
    "shift_right": _shift("right_shift"),
    "shift_out_left": _shift_out("left_shift"),
    "shift_out_right": _shift_out("right_shift"),
    "power": _power,
    "squared_difference": _squared_difference,
    "divide_no_nan": lambda xp, a, b: _unless_zero(xp, b, xp.divide(a, b)),
    "multiply_no_nan": lambda xp, a, b: _unless_zero(xp, b, xp.multiply(a, b)),
    "xlogy": lambda xp, a, b: _unless_zero(xp, a, a * xp.log(b)),
    "xlog1py": lambda xp, a, b: _unless_zero(xp, a, a * xp.log1p(b)),
    "xdivy": lambda xp, a, b: _unless_zero(xp, a, xp.divide(a, b)),
}


@lowers(Select, numpy=True, moves=True)
def select(layer: Select, weights: Weights, condition: Any, x: Any, y: Any) -> Any:
    """See :class:`~jaxdnn.layers.arithmetic.Select`."""
    del weights
    xp = namespace(condition, x, y)
    if layer.rows and condition.ndim == 1:
        condition = condition.reshape(condition.shape + (1,) * (x.ndim - 1))
    return xp.where(*align(condition, x, y))


@lowers(Cast, numpy=True, moves=True)
def cast(layer: Cast, weights: Weights, x: Any) -> Any:
    """See :class:`~jaxdnn.layers.arithmetic.Cast`."""
    del weights
    return casted(layer, x)


@lowers(CastLike, numpy=True, moves=True, indices=(1,))
def cast_like(layer: CastLike, weights: Weights, x: Any, other: Any) -> Any:
    """See :class:`~jaxdnn.layers.arithmetic.CastLike`."""
    del layer, weights
    return converted(x, other.dtype)


_OF_NONE = {"sum": 0, "product": 1, "log_sum_exp": -math.inf}
"""What no elements accumulate to."""


@lowers(Accumulate, float32=True, numpy=True)
def accumulate(layer: Accumulate, weights: Weights, x: Any) -> Any:
    """Leave one out by shifting."""
    del weights
    xp = namespace(x)
    axis = normalize_axis(layer.axis, x.ndim)
    y = xp.flip(x, axis) if layer.reverse else x
    if layer.exclusive:
        first = xp.full_like(y, _OF_NONE[layer.operation])
        keep = tuple(slice(0, 1) if i == axis else slice(None) for i in range(x.ndim))
        rest = tuple(slice(0, -1) if i == axis else slice(None) for i in range(x.ndim))
        y = xp.concatenate([first[keep], y[rest]], axis=axis)
    if layer.operation == "log_sum_exp":
        y = lax.cumlogsumexp(jnp.asarray(y), axis)
    else:
        y = (xp.cumsum if layer.operation == "sum" else xp.cumprod)(y, axis=axis).astype(x.dtype)
    return xp.flip(y, axis) if layer.reverse else y


@lowers(Einsum)
def einsum(layer: Einsum, weights: Weights, *inputs: jax.Array) -> jax.Array:
    """Where the output repeats an index, an identity matrix joins its second use, under a new name, to the first."""
    del weights
    terms, output = layer.equation.replace(" ", "").split("->")
    fresh = iter(sorted(set(string.ascii_letters) - set(layer.equation)))
    names, pairs, matrices = "", "", []
    for name in output:
        if name != "." and name in names:
            pairs += f",{name}{(new := next(fresh))}"
            matrices.append(jnp.eye(_size_of_index(name, terms, inputs), dtype=inputs[0].dtype))
            names += new
        else:
            names += name
    return jnp.einsum(f"{terms}{pairs}->{names}", *inputs, *matrices)


def _size_of_index(name: str, terms: str, inputs: tuple[jax.Array, ...]) -> int:
    for term, x in zip(terms.split(","), inputs, strict=True):
        if name in term:
            place = term.index(name)
            return int(x.shape[place - len(term) if "." in term[:place] else place])
    raise ShapeError(f"the output has the index {name!r}, no input has")
