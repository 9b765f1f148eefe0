"""A traced function, equation by equation, as ONNX operators."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

from jaxdnn.onnx.exporter import Exporter
from jaxdnn.onnx.fallback.registry import CONVERSIONS
from jaxdnn.onnx.fallback.sizes import Shape, Size, equal, is_static, known, merged
from jaxdnn.onnx.fallback.values import Spec, Value, broadcast
from jaxdnn.onnx.registry import NotExpressible

_FOLDED_AT_MOST = 1 << 20
"""Constants of more elements are not computed at once: they would make the file large."""

_COMPUTED_AT_MOST = 64
"""Constants of more elements are not taken for sizes."""

_WIDE = {
    **dict.fromkeys(("bool", "int8", "int16", "uint8", "uint16"), "int32"),
    **dict.fromkeys(("uint32", "uint64"), "int64"),
    "bfloat16": "float32",
}
"""The type that stands in for one that runtimes lack arithmetic for; casting back wraps around as the type does."""

Functions = tuple[ClosedJaxpr, ...]
"""One function as each trial traced it."""


class Translator:
    """Writes functions into the graph of an exporter.

    Attributes:
        e: of the layer.
        rows: returns the name of the number of rows, an int64 vector of one element.
    """

    def __init__(self, e: Exporter, rows: Callable[[], str]) -> None:
        self.e = e
        self.rows = rows

    def run(self, functions: Functions, inputs: Sequence[Value]) -> tuple[Value, ...]:
        """Write a function of values and return its results."""
        jaxprs = tuple(function.jaxpr for function in functions)
        consts = [self.constant(values) for values in zip(*(f.consts for f in functions), strict=True)]
        first = jaxprs[0]
        env: dict[Any, Value] = dict(zip(first.constvars, consts, strict=True))
        env |= dict(zip(first.invars, inputs, strict=True))
        if len({len(jaxpr.eqns) for jaxpr in jaxprs}) > 1:
            raise NotExpressible("what it computes differs with the batch")
        for equations in zip(*(jaxpr.eqns for jaxpr in jaxprs), strict=True):
            read = [self._read(env, atoms) for atoms in zip(*(e.invars for e in equations), strict=True)]
            results = self._write(Call(self, equations), read)
            env |= dict(zip(equations[0].outvars, results, strict=True))
        return tuple(self._read(env, atoms) for atoms in zip(*(j.outvars for j in jaxprs), strict=True))

    def name(self, value: Value) -> str:
        """Return the name of what the graph holds of a value."""
        return value.name if value.array is None else self.e.constant(value.array)

    def full(self, value: Value) -> str:
        """Return the name of a value's array in full."""
        if value.held == value.shape:
            return self.name(value)
        padded = (1,) * (value.rank - len(value.held)) + value.held
        # Expand leaves an axis as it is where it is asked for 1.
        target = tuple(1 if has == size else size for has, size in zip(padded, value.shape, strict=True))
        return self.e.op("Expand", self.name(value), self.sizes(target))

    def array(self, value: Value) -> np.ndarray | None:
        """Return a constant in full, None for any other value."""
        if value.array is None or not is_static(value.shape):
            return None
        return np.broadcast_to(value.array, known(value.shape, "a shape"))

    def sizes(self, sizes: Shape) -> str:
        """Return the name of an int64 vector of sizes."""
        if is_static(sizes):
            return self.e.constant(np.array(sizes, np.int64))
        return self.e.concat([self.size(size) for size in sizes], 0)

    def size(self, size: Size) -> str:
        """Return the name of an int64 vector of one size."""
        if isinstance(size, int):
            return self.e.constant(np.array([size], np.int64))
        names, factor, offset = size.formula()
        product = [self.e.batch() if name == "batch" else self.rows() for name in names]
        result = product[0] if len(product) == 1 else self.e.op("Mul", *product)
        result = result if factor == 1 else self.e.op("Mul", result, [factor])
        return self.e.op("Add", result, [offset]) if offset else result

    def reshape(self, x: str, shape: Shape) -> str:
        """Give an array another shape."""
        unknown = sum(not isinstance(size, int) for size in shape)
        if 0 in shape:
            if self.e.opset < 14:
                raise NotExpressible("an empty array is reshaped, which needs opset 14")
            return self.e.op("Reshape", x, self.sizes(shape), allowzero=1)
        if unknown == 1:
            return self.e.op("Reshape", x, [size if isinstance(size, int) else -1 for size in shape])
        return self.e.op("Reshape", x, self.sizes(shape))

    def _read(self, env: dict[Any, Value], atoms: tuple[Any, ...]) -> Value:
        if not isinstance(atoms[0], Literal):
            return env[atoms[0]]
        return self.constant(tuple(np.asarray(atom.val, atom.aval.dtype) for atom in atoms))

    def constant(self, values: tuple[Any, ...]) -> Value:
        """Return a constant of all trials: the same one, one that is repeated more or less often, or computed sizes."""
        arrays = [np.asarray(value) for value in values]
        first = arrays[0]
        if all(equal(first, array) for array in arrays[1:]):
            return Value.of(first)
        spec = Spec(merged([array.shape for array in arrays]), str(first.dtype))
        if not is_static(spec.shape):
            part = tuple(slice(None) if isinstance(size, int) else slice(1) for size in spec.shape)
            held = first[part]
            if not all(equal(array, np.broadcast_to(held, array.shape)) for array in arrays):
                raise NotExpressible("a constant inside of it differs with the batch")
            return Value(spec, held.shape, array=held)
        if first.size > _COMPUTED_AT_MOST or any((array != np.trunc(array)).any() for array in arrays):
            raise NotExpressible("a constant inside of it differs with the batch")
        sizes = merged([tuple(map(int, array.ravel())) for array in arrays])
        return Value.named(self.e.cast(self.reshape(self.sizes(sizes), first.shape), spec.dtype), spec)

    def _write(self, call: Call, values: list[Value]) -> tuple[Value, ...]:
        conversion = CONVERSIONS.get(call.primitive)
        if conversion is None or conversion.folds:
            folded = self._fold(call, values)
            if folded is not None:
                return folded
        if conversion is None:
            raise NotExpressible(f"jax's {call.primitive!r} has no operator")
        for spec in (*(value.spec for value in values), *call.results):
            if np.dtype(spec.dtype).kind == "c":
                raise NotExpressible(f"{spec.dtype} numbers have no operators")
        if conversion.elementwise:
            result = conversion.function(call, *map(self.name, values))
            return (Value(call.results[0], broadcast(*(value.held for value in values)), result),)
        result = conversion.function(call, *values)
        results = result if isinstance(result, tuple) else (result,)
        return tuple(
            Value.named(each, spec) if isinstance(each, str) else each
            for each, spec in zip(results, call.results, strict=True)
        )

    def _fold(self, call: Call, values: list[Value]) -> tuple[Value, ...] | None:
        """Compute what depends on constants alone, None if anything else is read or a size is open."""
        arrays = [value.array for value in values if value.array is not None]
        if len(arrays) < len(values):
            return None
        conversion = CONVERSIONS.get(call.primitive)
        if conversion is not None and conversion.elementwise:
            shapes = [broadcast(*(value.held for value in values))]
            arrays = list(np.broadcast_arrays(*arrays))
        elif all(is_static(v.shape) for v in values) and all(is_static(r.shape) for r in call.results):
            shapes = [result.shape for result in call.results]
            arrays = [
                np.broadcast_to(x, known(v.shape, "a shape")) for x, v in zip(arrays, values, strict=True)
            ]
        else:
            return None
        if sum(math.prod(known(shape, "a shape")) for shape in shapes) > _FOLDED_AT_MOST:
            return None
        trials = [_computed(equation, arrays) for equation in call.equations]
        if not all(equal(a, b) for trial in trials[1:] for a, b in zip(trials[0], trial, strict=True)):
            return None
        return tuple(
            Value(spec, array.shape, array=array) for spec, array in zip(call.results, trials[0], strict=True)
        )


def _computed(equation: JaxprEqn, arrays: Sequence[Any]) -> list[np.ndarray]:
    """Compute one equation by itself."""
    primitive: Any = equation.primitive
    bound = primitive.get_bind_params(equation.params)
    functions, params = bound if isinstance(bound, tuple) else ((), bound)  # older releases of jax give both
    results = primitive.bind(*functions, *arrays, **params)
    return [np.asarray(result) for result in (results if primitive.multiple_results else [results])]


@dataclass(frozen=True)
class Call:
    """One equation of a function.

    Attributes:
        translator: takes the operators.
        equations: as each trial traced it.
    """

    translator: Translator
    equations: tuple[JaxprEqn, ...]

    @property
    def e(self) -> Exporter:
        """The layer's exporter."""
        return self.translator.e

    @property
    def primitive(self) -> str:
        """jax's name of what is computed."""
        names = {equation.primitive.name for equation in self.equations}
        if len(names) > 1:
            raise NotExpressible("what it computes differs with the batch")
        return str(self.equations[0].primitive.name)

    @cached_property
    def results(self) -> tuple[Spec, ...]:
        """Shapes and types of the results."""
        return self._specs([equation.outvars for equation in self.equations])

    @cached_property
    def reads(self) -> tuple[Spec, ...]:
        """Shapes and types of what is read."""
        return self._specs([equation.invars for equation in self.equations])

    @property
    def dtype(self) -> str:
        """The type of the first value that is read."""
        return self.reads[0].dtype

    def __getitem__(self, param: str) -> Any:
        """Return a parameter of the primitive; sizes in it may be open."""
        return merged([equation.params[param] for equation in self.equations])

    def functions(self, param: str, index: int | None = None) -> Functions:
        """Return a parameter that is a function, or one of several functions."""
        found = [equation.params[param] for equation in self.equations]
        chosen = found if index is None else [each[index] for each in found]
        return tuple(ClosedJaxpr(each, ()) if isinstance(each, Jaxpr) else each for each in chosen)

    def wide(self, name: str, dtype: str | None = None) -> str:
        """Cast a value to the type that stands in for its own, see :meth:`wide_type`."""
        dtype = dtype or self.dtype
        wide = self.wide_type(dtype)
        return name if wide == dtype else self.e.cast(name, wide)

    def wide_type(self, dtype: str | None = None) -> str:
        """Return the type in which runtimes compute with numbers of a type; that of what is read by default."""
        dtype = dtype or self.dtype
        return _WIDE.get(dtype, dtype)

    def narrow(self, name: str, dtype: str) -> str:
        """Cast from the type that stands in for this one."""
        return name if _WIDE.get(dtype, dtype) == dtype else self.e.cast(name, dtype)

    def _specs(self, atoms: Sequence[Sequence[Any]]) -> tuple[Spec, ...]:
        return tuple(
            Spec(merged([tuple(atom.aval.shape) for atom in trial]), str(trial[0].aval.dtype))
            for trial in zip(*atoms, strict=True)
        )
