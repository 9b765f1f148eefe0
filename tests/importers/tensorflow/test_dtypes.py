"""Every kind of op on numbers in every type that TensorFlow computes it in, against numpy: one graph per type."""

import numpy as np
import pytest

from support.op_cases import Case, check
from support.tensorflow import Type

INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "int64")
FLOATS = ("float16", "float32", "float64")
TYPES = ("bool", *INTEGERS, *FLOATS)
RNG = np.random.default_rng(0)


def draw(dtype, *shape, low=-9, high=10):
    """Return small numbers, or any integers where no end is given."""
    kind = np.dtype(dtype).kind
    if kind == "b":
        return RNG.integers(0, 2, shape).astype(bool)
    if kind == "f":
        return RNG.normal(size=shape).astype(dtype)
    return RNG.integers(0 if kind == "u" else low, high, shape).astype(dtype)


def extreme(dtype, *shape):
    """Return integers of the whole type; 64 bits compute in 32."""
    limits = np.iinfo("int32" if dtype == "int64" else dtype)
    return RNG.integers(limits.min + 1, limits.max, shape, dtype=dtype, endpoint=True)


def wrapped(value, dtype):
    """Return numbers in a type; 64-bit integers keep the 32 bits in which they compute."""
    return value.astype(np.int32).astype(dtype) if dtype == "int64" else value.astype(dtype)


def truncated(a, b):
    """Divide whole numbers and drop the fraction, exactly."""
    wide_a, wide_b = a.astype(np.int64), b.astype(np.int64)
    return np.sign(wide_a) * np.sign(wide_b) * (np.abs(wide_a) // np.maximum(np.abs(wide_b), 1))


@pytest.mark.parametrize("fed", [True, False])
@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers(tmp_path, dtype, fed):
    a, b = extreme(dtype, 5, 7), extreme(dtype, 7)
    b[b == 0] = 1
    zero, small = np.zeros(7, dtype), draw(dtype, 5, 7)
    places = np.array([0, 1, 2, 3, 5, 90, 31], dtype)
    within = np.minimum(places, (4 if dtype == "int64" else a.dtype.itemsize) * 8 - 1)
    quotient = truncated(a, b)
    same = {
        "Add": np.add,
        "Sub": np.subtract,
        "Mul": np.multiply,
        "Maximum": np.maximum,
        "Minimum": np.minimum,
        "FloorDiv": np.floor_divide,
        "FloorMod": np.mod,
        "Mod": np.fmod,
        "TruncateMod": np.fmod,
        "BitwiseAnd": np.bitwise_and,
        "BitwiseOr": np.bitwise_or,
        "BitwiseXor": np.bitwise_xor,
    }
    tests = {"Equal": np.equal, "Less": np.less, "GreaterEqual": np.greater_equal, "NotEqual": np.not_equal}
    ops = {"Neg": np.negative, "Abs": np.abs, "Sign": np.sign, "Square": np.square, "Invert": np.invert}
    cases = [
        *(Case(op, ("a", b), wrapped(function(a, b), dtype)) for op, function in same.items()),
        *(Case(op, ("a", b), function(a, b)) for op, function in tests.items()),
        *(Case(op, ("a",), wrapped(function(a), dtype)) for op, function in ops.items()),
        *(Case(op, ("a", b), quotient.astype(dtype)) for op in ("Div", "TruncateDiv")),
        *(Case(op, ("a", zero), np.zeros_like(a)) for op in ("Div", "FloorDiv", "FloorMod", "TruncateMod")),
        Case("LeftShift", ("a", places), wrapped(np.left_shift(a, within), dtype)),
        Case("RightShift", ("a", places), np.right_shift(a, within)),
        Case("Pow", ("s", np.array(3, dtype)), (small.astype(np.int64) ** 3).astype(dtype)),
        Case("SquaredDifference", ("s", "s"), np.zeros_like(small)),
        Case("ClipByValue", ("a", np.array(3, dtype), np.array(9, dtype)), np.clip(a, 3, 9)),
        Case("Relu", ("a",), np.maximum(a, 0)),
        Case("Relu6", ("a",), np.clip(a, 0, 6)),
        Case("AddN", ("a", "a"), wrapped(a + a, dtype)),
        Case("BiasAdd", ("a", b), wrapped(a + b, dtype)),
    ]
    with np.errstate(over="ignore"):
        check(tmp_path, cases, {"a": a, "s": small}, fed)


@pytest.mark.parametrize("dtype", [*INTEGERS, "float16", "float64"])
def test_reductions_and_products(tmp_path, dtype):
    whole = dtype in INTEGERS
    a, m, n = draw(dtype, 3, 4, 5), draw(dtype, 4, 6), draw(dtype, 6, 3)
    x = draw(dtype, 2, 4, 5, 3)
    wide = a.astype(np.int64 if whole else np.float64)
    cases = []
    for axes in ((0,), (1, 2), (-1,), (0, 1, 2), ()):
        stated = np.array(axes, np.int32)
        reductions = {"Sum": np.sum, "Prod": np.prod, "Max": np.max, "Min": np.min}
        for op, function in reductions.items():
            cases.append(Case(op, ("a", stated), wrapped(function(wide, axes), dtype)))
        mean = np.trunc(wide.mean(axes)) if whole else wide.mean(axes)
        cases.append(Case("Mean", ("a", stated), mean.astype(dtype)))
    product = (m.astype(wide.dtype) @ n.astype(wide.dtype)).astype(dtype)
    windows = np.pad(x.astype(np.float64), [(0, 0), (0, 0), (0, 1), (0, 0)], constant_values=-np.inf)
    pooled = windows.reshape(2, 2, 2, 3, 2, 3).max((2, 4)).astype(dtype)
    pool = {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "SAME"}
    cases += [
        Case("ArgMax", ("a", np.int32(1)), a.argmax(1)),
        Case("ArgMin", ("a", np.int32(-1)), a.argmin(-1)),
        Case("TopKV2", ("a", np.int32(2)), -np.sort(-wide, -1)[..., :2].astype(dtype)),
        Case("Cumsum", ("a", np.int32(1)), wide.cumsum(1).astype(dtype)),
        Case("MatMul", ("m", n), product),
        Case("BatchMatMulV2", ("m", n), product),
        Case("Einsum", ("m", n), product, {"equation": "ij,jk->ik"}),
        Case("MaxPool", ("x",), pooled, pool),
        Case("MaxPoolWithArgmax", ("x",), pooled, pool),
        Case("ResizeNearestNeighbor", ("x", np.int32([8, 5])), x.repeat(2, 1)),
        Case("SegmentMax", ("m", np.int32([0, 0, 1, 1])), m.reshape(2, 2, 6).max(1)),
        Case(
            "UnsortedSegmentMin",
            ("m", np.int32([1, 0, 1, 0]), np.int32(2)),
            np.stack([m[1::2], m[::2]]).min(1),
        ),
    ]
    check(tmp_path, cases, {"a": a, "m": m, "x": x})


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32"])
def test_the_least_element_of_integers(tmp_path, dtype):
    limits = np.iinfo(dtype)
    a = np.array([[3, limits.min, limits.max], [limits.max, 5, 9]], dtype)
    axis = np.int32(1)
    cases = [
        Case("ArgMin", ("a", axis), np.int64([1, 1])),
        Case("ArgMax", ("a", axis), np.int64([2, 0])),
        Case("TopKV2", ("a", np.int32(1)), a.max(1, keepdims=True)),
        Case("Max", ("a", axis), a.max(1)),
    ]
    check(tmp_path, cases, {"a": a})


@pytest.mark.parametrize("fed", [True, False])
@pytest.mark.parametrize("dtype", TYPES)
def test_movements(tmp_path, dtype, fed):
    a = draw(dtype, 2, 3, 4)
    one, pads = np.array(1, dtype), np.int32([[1, 0], [0, 2], [1, 1]])
    scattered = np.zeros((3, 3, 4), dtype)
    scattered[2] = a[0]
    updated = a.copy()
    updated[1] = a[0]
    cases = [
        Case("Transpose", ("a", np.int32([2, 0, 1])), a.transpose(2, 0, 1)),
        Case("ConcatV2", ("a", "a", np.int32(-2)), np.concatenate([a, a], -2)),
        Case("Pack", ("a", "a"), np.stack([a, a], -1), {"axis": -1}),
        Case("Slice", ("a", np.int32([1, 0, 1]), np.int32([-1, 2, 3])), a[1:, :2, 1:]),
        Case("StridedSlice", ("a", np.int32([1, 0]), np.int32([-9, 3]), np.int32([-1, 2])), a[::-1, ::2]),
        Case("Pad", ("a", pads), np.pad(a, pads)),
        Case("PadV2", ("a", pads, one), np.pad(a, pads, constant_values=1)),
        Case("MirrorPad", ("a", pads), np.pad(a, pads, "symmetric"), {"mode": "SYMMETRIC"}),
        Case("Tile", ("a", np.int32([2, 0, 3])), np.tile(a, (2, 0, 3))),
        Case("GatherV2", ("a", np.int32([2, 0]), np.int32(1)), a[:, [2, 0]]),
        Case("GatherNd", ("a", np.int32([[0, 1], [1, 2]])), a[[0, 1], [1, 2]]),
        Case("ReverseV2", ("a", np.int32([0, -1])), a[::-1, :, ::-1]),
        Case("Roll", ("a", np.int32(1), np.int32(2)), np.roll(a, 1, 2)),
        Case("ZerosLike", ("a",), np.zeros_like(a)),
        Case("OnesLike", ("a",), np.ones_like(a)),
        Case("SelectV2", (a[0] == one, "a", one), np.where(a[0] == one, a, one)),
        Case("TensorScatterUpdate", ("a", np.int32([[1]]), a[:1]), updated),
        Case("OneHot", (np.int32([0, 2]), np.int32(3), one, one), np.ones((2, 3), dtype)),
        Case("MatrixBandPart", ("a", np.int64(0), np.int64(-1)), np.triu(a)),
        Case(
            "SpaceToBatchND", ("a", np.int32([3]), np.int32([[0, 0]])), a.transpose(1, 0, 2).reshape(6, 1, 4)
        ),
        Case("Where", ("a",), np.argwhere(a)),
        Case("ExpandDims", ("a", np.int32(-1)), a[..., None]),
        Case("BroadcastTo", ("a", np.int32([2, 2, 3, 4])), np.broadcast_to(a, (2, 2, 3, 4))),
        Case("ScatterNd", (np.int32([[2]]), a[:1], np.int32([3, 3, 4])), scattered),
    ]
    check(tmp_path, cases, {"a": a}, fed)


@pytest.mark.parametrize("fed", [True, False])
@pytest.mark.parametrize("source", TYPES)
def test_casts(tmp_path, source, fed):
    """Fractions are dropped, integers lose the bits that do not fit, and floating numbers become them first."""
    numbers = [0, 1, 2, 100, 127] if source == "bool" or source.startswith("u") else [0, -1, 3, -100, 127]
    extra = [-1.7, -0.4, 2.9, 300.5, -129.5, 1000] if source in FLOATS else []
    a = np.array(numbers + extra).astype(source)
    whole = a if source in ("bool", *INTEGERS) else np.trunc(a).astype(np.int32)
    cases = [
        Case(
            "Cast",
            ("a",),
            (a if target in ("bool", *FLOATS) else whole).astype(target),
            {"DstT": Type(target)},
        )
        for target in TYPES
    ]
    check(tmp_path, cases, {"a": a}, fed)


@pytest.mark.parametrize("fed", [True, False])
def test_what_is_beyond_an_integer_becomes_its_end(tmp_path, fed):
    a = np.float32([3e9, -3e9, np.inf, -np.inf, np.nan, 2147483520])
    largest, least = 2**31 - 1, -(2**31)
    want = np.int32([largest, least, largest, least, 0, 2147483520])
    check(tmp_path, [Case("Cast", ("a",), want, {"DstT": Type("int32")})], {"a": a}, fed)
