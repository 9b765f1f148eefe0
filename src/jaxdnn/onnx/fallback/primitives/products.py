"""Products of matrices, and convolutions."""

from __future__ import annotations

import itertools
import string

from jaxdnn.onnx.fallback.primitives.movement import spread, window
from jaxdnn.onnx.fallback.registry import converts
from jaxdnn.onnx.fallback.sizes import known
from jaxdnn.onnx.fallback.translator import Call
from jaxdnn.onnx.fallback.values import Value
from jaxdnn.onnx.registry import NotExpressible


@converts("dot_general")
def dot_general(call: Call, x: Value, y: Value) -> str:
    """Multiply and sum over axes; MatMul where the axes are in its order."""
    (x_sum, y_sum), (x_batch, y_batch) = call["dimension_numbers"]
    dtype = call.results[0].dtype
    wide = call.wide_type(dtype)
    one, other = (
        name if value.dtype == wide else call.e.cast(name, wide)
        for value, name in ((x, call.translator.full(x)), (y, call.translator.full(y)))
    )
    batch = tuple(range(len(x_batch)))
    in_order = (
        (x_batch, y_batch) == (batch, batch)
        and (x_sum, y_sum) == ((x.rank - 1,), (len(batch),))
        and y.rank == len(batch) + 2
        and x.rank >= len(batch) + 1
        and (not batch or x.rank == len(batch) + 2)
    )
    if in_order:
        return call.narrow(call.e.op("MatMul", one, other), dtype)
    letters = iter(string.ascii_letters)
    names = {("x", axis): next(letters) for axis in range(x.rank)}
    for axis, twin in itertools.chain(zip(y_sum, x_sum, strict=True), zip(y_batch, x_batch, strict=True)):
        names["y", axis] = names["x", twin]
    for axis in range(y.rank):
        if ("y", axis) not in names:
            names["y", axis] = next(letters)
    left, right = ("".join(names[side, axis] for axis in range(v.rank)) for side, v in (("x", x), ("y", y)))
    shared = "".join(left[axis] for axis in x_batch)
    summed = {left[axis] for axis in x_sum}
    rest = "".join(letter for letter in left + right if letter not in summed and letter not in shared)
    return call.narrow(call.e.op("Einsum", one, other, equation=f"{left},{right}->{shared}{rest}"), dtype)


@converts("conv_general_dilated")
def convolve(call: Call, x: Value, kernel: Value) -> str:
    """Convolve, with channels moved to the second axis and back."""
    numbers = call["dimension_numbers"]
    if call["batch_group_count"] != 1:
        raise NotExpressible("the batch of a convolution is cut into groups")
    rank = x.rank - 2
    dtype = call.results[0].dtype
    if call.wide_type(dtype).startswith("int"):
        raise NotExpressible(f"{dtype} numbers are convolved, which runtimes do with floats")
    data = call.e.transpose(_as(call, x, dtype), numbers.lhs_spec)
    weight = call.e.transpose(_as(call, kernel, dtype), numbers.rhs_spec)
    shape = [x.shape[axis] for axis in numbers.lhs_spec]
    for axis, factor in enumerate(call["lhs_dilation"], start=2):
        if factor > 1:
            data, shape[axis] = spread(call, data, tuple(shape), axis, factor - 1, call.wide_type(dtype))
    low, high = zip(*call["padding"], strict=True) if rank else ((), ())
    low, high = known(low, "the padding"), known(high, "the padding")
    if min((*low, *high), default=0) < 0:
        starts = (0, 0, *(max(-each, 0) for each in low))
        ends = (*shape[:2], *(size - max(-each, 0) for size, each in zip(shape[2:], high, strict=True)))
        data = window(call, data, tuple(shape), starts, ends)
        low, high = (tuple(max(each, 0) for each in side) for side in (low, high))
    result = call.e.op(
        "Conv",
        data,
        weight,
        pads=[*low, *high],
        strides=list(call["window_strides"]),
        dilations=list(call["rhs_dilation"]),
        group=call["feature_group_count"],
        kernel_shape=list(known((kernel.shape[axis] for axis in numbers.rhs_spec[2:]), "the kernel")),
    )
    order = numbers.out_spec
    return call.narrow(call.e.transpose(result, [order.index(axis) for axis in range(x.rank)]), dtype)


def _as(call: Call, value: Value, dtype: str) -> str:
    """Return an array in full, in the type that stands in for another one."""
    name, wide = call.translator.full(value), call.wide_type(dtype)
    return name if value.dtype == wide else call.e.cast(name, wide)
