"""Arithmetic by name, against numpy, math and the formulas."""

import math

import numpy as np
import pytest
import scipy.special as special
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.arithmetic import (
    BINARY,
    UNARY,
    Accumulate,
    Binary,
    Cast,
    Einsum,
    Select,
    Unary,
)
from jaxdnn.lowering import LOWERINGS
from support.layer import assert_close, run

floats = st.floats(-4, 4, width=32).map(lambda value: np.float32(round(value, 2)))
small = st.integers(-5, 5)

REFERENCES = {
    "negate": lambda x: -x,
    "square": lambda x: x * x,
    "rsqrt": lambda x: 1 / math.sqrt(x),
    "reciprocal": lambda x: 1 / x,
    "sign": lambda x: (x > 0) - (x < 0),
    "round": round,
    "erf": math.erf,
    "erfc": math.erfc,
    "lgamma": math.lgamma,
    "digamma": lambda x: (math.lgamma(x + 1e-4) - math.lgamma(x - 1e-4)) / 2e-4,
    "is_nan": math.isnan,
    "is_inf": math.isinf,
    "is_finite": math.isfinite,
    "abs": abs,
    "erfinv": special.erfinv,
    "ndtri": special.ndtri,
    "bessel_i0e": special.i0e,
    "bessel_i1e": special.i1e,
    "bessel_i0": special.i0,
    "bessel_i1": special.i1,
    "spence": special.spence,
    "expint": special.expi,
}
DOMAINS = {
    **dict.fromkeys(("sqrt", "rsqrt", "log", "log1p", "lgamma", "digamma", "reciprocal"), (0.1, 4)),
    **dict.fromkeys(("asin", "acos", "atanh"), (-0.9, 0.9)),
    "acosh": (1.1, 4),
    "erfinv": (-0.9, 0.9),
    "ndtri": (0.05, 0.95),
    **dict.fromkeys(("spence", "expint"), (0.1, 4)),
}


BITS = ("not", "bitwise_not", "population_count")
COMPLEX = ("real", "imaginary", "conjugate", "angle")


@pytest.mark.parametrize("function", [name for name in UNARY if name not in BITS + COMPLEX])
def test_unary(function):
    low, high = DOMAINS.get(function, (-4, 4))
    x = np.random.default_rng(1).uniform(low, high, 50).astype(np.float32)
    if function == "round":
        x = np.concatenate([x, np.float32([0.5, 1.5, 2.5, -0.5, -1.5])])
    if function.startswith("is_"):
        x = np.concatenate([x, np.float32([np.nan, np.inf, -np.inf])])
    want = np.array([REFERENCES.get(function, getattr(math, function, None))(float(value)) for value in x])
    got = run(Unary(function=function), x)
    assert got.dtype.kind == ("b" if function.startswith("is_") else "f")
    assert_close(got.astype(np.float64), want.astype(np.float64), 1e-3 if function == "digamma" else 1e-5)


def test_unary_of_integers_and_booleans():
    x = np.int32([-3, 0, 5])
    for function, want in {
        "abs": [3, 0, 5],
        "negate": [3, 0, -5],
        "floor": x,
        "bitwise_not": [2, -1, -6],
    }.items():
        got = run(Unary(function=function), x)
        assert got.dtype == np.int32
        np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(run(Unary(function="not"), np.array([True, False])), [False, True])


def test_complex_numbers():
    a, b = np.float32([[1], [-2]]), np.float32([0.5, -3])
    z = run(Binary(function="complex"), a, b)
    np.testing.assert_array_equal(z, a + 1j * b)
    assert z.dtype == np.complex64
    parts = {"real": np.real, "imaginary": np.imag, "conjugate": np.conj, "angle": np.angle, "abs": np.abs}
    for function, reference in parts.items():
        got = run(Unary(function=function), z)
        np.testing.assert_allclose(got, reference(z), rtol=1e-6)
        assert got.dtype == (np.complex64 if function == "conjugate" else np.float32)


@pytest.mark.parametrize(
    ("function", "reference"),
    [
        ("igamma", special.gammainc),
        ("igammac", special.gammaincc),
        ("zeta", special.zeta),
        ("polygamma", lambda n, x: special.polygamma(n.astype(int), x)),
        ("next_after", np.nextafter),
    ],
)
def test_functions_of_an_order(function, reference):
    order, x = np.float32([[2], [3]]), np.float32([0.5, 1, 2.5, 4])
    got = run(Binary(function=function), order, x)
    np.testing.assert_allclose(got, reference(order, x), rtol=0 if function == "next_after" else 1e-4)


def test_population_count():
    np.testing.assert_array_equal(run(Unary(function="population_count"), np.int32([0, 7, -1])), [0, 3, 32])


def truncated(a, b):
    return np.trunc(a / b)


BINARY_REFERENCES = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": lambda a, b: truncated(a, b) if a.dtype.kind == "i" else a / b,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "squared_difference": lambda a, b: (a - b) ** 2,
    "floor_divide": lambda a, b: np.floor(a / b),
    "truncate_divide": truncated,
    "floor_remainder": lambda a, b: a - np.floor(a / b) * b,
    "truncate_remainder": lambda a, b: a - truncated(a, b) * b,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
}
FLOAT_REFERENCES = {
    "power": lambda a, b: np.abs(a) ** b,
    "atan2": np.arctan2,
    "xlogy": lambda a, b: a * np.log(np.abs(b)),
    "xlog1py": lambda a, b: a * np.log1p(np.abs(b)),
    "xdivy": np.divide,
    "divide_no_nan": np.divide,
    "multiply_no_nan": np.multiply,
}
SHAPES = [((2, 3), (2, 3)), ((2, 1), (3,)), ((), (4,)), ((2, 1, 3), (4, 1))]


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("function", [*BINARY_REFERENCES, *FLOAT_REFERENCES])
def test_binary_of_floats(function, shapes):
    rng = np.random.default_rng(2)
    a, b = (rng.uniform(0.5, 3, shape).astype(np.float32) * rng.choice([-1, 1], shape) for shape in shapes)
    a, b = a.astype(np.float32), b.astype(np.float32)
    if function == "power":
        a = np.abs(a)
    if function in ("xlogy", "xlog1py"):
        b = np.abs(b)
    want = {**BINARY_REFERENCES, **FLOAT_REFERENCES}[function](a.astype(np.float64), b.astype(np.float64))
    assert_close(run(Binary(function=function), a, b), want, 1e-5)


@settings(max_examples=10)
@given(hnp.arrays(np.int32, 6, elements=small), hnp.arrays(np.int32, 6, elements=small.filter(bool)))
@pytest.mark.parametrize("function", BINARY_REFERENCES)
def test_binary_of_integers(function, a, b):
    got = run(Binary(function=function), a, b)
    want = BINARY_REFERENCES[function](a, b)
    np.testing.assert_array_equal(got, want)
    assert got.dtype == (bool if want.dtype == bool else np.int32)


def test_what_zeros_mean():
    zeros, others = np.float32([0, 0, 2]), np.float32([0, np.nan, 0])
    np.testing.assert_array_equal(
        run(Binary(function="divide_no_nan"), np.float32([3]), np.float32([0])), [0]
    )
    np.testing.assert_array_equal(run(Binary(function="multiply_no_nan"), others[1:2], zeros[:1]), [0])
    for function in ("xlogy", "xdivy", "xlog1py"):
        np.testing.assert_array_equal(run(Binary(function=function), zeros[:2], others[:2]), [0, 0])


def test_infinite_quotients_are_rounded_down_too():
    a, b = np.float32([1, -1, np.inf, 0, 1, -1]), np.float32([0, 0, 2, 0, np.inf, np.inf])
    want = np.float32([np.inf, -np.inf, np.inf, np.nan, 0, 0])
    np.testing.assert_array_equal(run(Binary(function="floor_divide"), a, b), want)


def test_logic_and_bits():
    a, b = np.array([True, True, False, False]), np.array([True, False, True, False])
    for function, want in {"and": a & b, "or": a | b, "xor": a ^ b}.items():
        np.testing.assert_array_equal(run(Binary(function=function), a, b), want)
    x, y = np.int32([12, -7]), np.int32([2, 1])
    for function, want in {
        "bitwise_and": x & y,
        "bitwise_or": x | y,
        "bitwise_xor": x ^ y,
        "shift_left": x << y,
        "shift_right": x >> y,
    }.items():
        np.testing.assert_array_equal(run(Binary(function=function), x, y), want)


@pytest.mark.parametrize("function", ["divide", "squared_difference", "floor_remainder", "greater"])
def test_constants_stay_numpy(function):
    a, b = np.int32([7, -7]), np.int32([2, 2])
    y = LOWERINGS[Binary].function(Binary(function=function), {}, a, b)
    assert isinstance(y, np.ndarray)
    np.testing.assert_array_equal(y, BINARY_REFERENCES[function](a, b))
    assert isinstance(LOWERINGS[Unary].function(Unary(function="negate"), {}, a), np.ndarray)


def test_shapes_that_cannot_be_broadcast():
    with pytest.raises(ShapeError, match="2x3 and 4 cannot be broadcast"):
        run(Binary(function="add"), np.zeros((2, 3), np.float32), np.zeros(4, np.float32))


def test_functions_that_do_not_exist():
    for layer, known in ((Unary, UNARY), (Binary, BINARY)):
        with pytest.raises(LayerError, match=f"function must be one of {known[0]}"):
            layer(function="nothing")


def test_select():
    x, y = np.arange(6, dtype=np.float32).reshape(2, 3), np.full((2, 3), -1, np.float32)
    each = x > 2
    np.testing.assert_array_equal(run(Select(), each, x, y), np.where(each, x, y))
    np.testing.assert_array_equal(run(Select(), np.array([True, False, True]), x, y)[:, 1], [-1, -1])
    np.testing.assert_array_equal(run(Select(rows=True), np.array([True, False]), x, y), [x[0], y[1]])
    np.testing.assert_array_equal(run(Select(rows=True), np.array(True), x, y), x)


@pytest.mark.parametrize(
    ("dtype", "want"), [("int32", [-1, 0, 2]), ("bool", [True, True, True]), ("float64", [-1.7, 0.4, 2.6])]
)
def test_cast(dtype, want):
    got = run(Cast(dtype=dtype), np.float32([-1.7, 0.4, 2.6]))
    np.testing.assert_allclose(got, want, rtol=1e-6)
    assert got.dtype.kind == np.dtype(dtype).kind


def test_cast_rounds_to_half_types():
    x = np.float32([1 / 3])
    np.testing.assert_array_equal(run(Cast(dtype="float16"), x), x.astype(np.float16).astype(np.float32))
    assert run(Cast(dtype="bfloat16"), x)[0] == np.float32(0.333984375)


@settings(max_examples=30)
@given(
    hnp.arrays(np.float32, hnp.array_shapes(max_dims=3, max_side=4), elements=floats),
    st.integers(0, 5),
    st.sampled_from(("sum", "product", "log_sum_exp")),
    st.booleans(),
    st.booleans(),
)
def test_accumulate(x, axis, operation, exclusive, reverse):
    axis %= x.ndim
    joined = {"sum": np.sum, "product": np.prod, "log_sum_exp": special.logsumexp}[operation]
    rows = np.moveaxis(x.astype(np.float64), axis, 0)
    want = []
    for i in range(len(rows)):
        first = i + 1 if exclusive else i
        part = rows[first:] if reverse else rows[: i + 1 - exclusive]
        want.append(joined(part, axis=0))
    layer = Accumulate(operation=operation, axis=axis, exclusive=exclusive, reverse=reverse)
    assert_close(run(layer, x), np.moveaxis(np.array(want), 0, axis), 1e-4)


def test_einsum():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 3, 4)).astype(np.float32), rng.standard_normal((4, 5)).astype(np.float32)
    layer = Einsum(equation="...ij,jk->...ik")
    assert_close(run(layer, a, b), a @ b)
    assert Einsum(equation="bij,jk->bik").flops((a.shape, b.shape), ((2, 3, 5),)) == 2 * 2 * 3 * 4 * 5


def test_einsum_with_an_output_along_diagonals():
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((2, 3, 1, 4), (3, 1, 4, 5)))
    got = run(Einsum(equation="ab...,b...c->ac...ac"), a, b)
    plain = np.einsum("ab...,b...c->ac...", a, b)
    want = np.zeros((*plain.shape, 2, 5), np.float32)
    for place in np.ndindex(2, 5):
        want[(*place, ..., *place)] = plain[place]
    assert_close(got, want)
    cube = run(Einsum(equation="i->iii"), a[0, 0, 0])
    np.testing.assert_array_equal(cube[range(4), range(4), range(4)], a[0, 0, 0])
    assert np.count_nonzero(cube) == 4


def test_einsum_of_an_index_without_a_size():
    with pytest.raises(ShapeError, match="the output has the index 'k', no input has"):
        run(Einsum(equation="ij->ikk"), np.zeros((2, 3), np.float32))


@given(
    hnp.arrays(np.int32, 6, elements=st.integers(-5, 5)), hnp.arrays(np.int32, 6, elements=st.integers(-3, 5))
)
@settings(max_examples=10)
def test_powers_of_integers(a, b):
    want = [0 if x == 0 > n else int(float(x) ** int(n)) for x, n in zip(a, b, strict=True)]
    np.testing.assert_array_equal(run(Binary(function="power"), a, b), want)


def test_powers_of_two_types():
    got = run(Binary(function="power"), np.int32([2, 4, 9]), np.float32([3, 0.5, 0.4]))
    np.testing.assert_array_equal(got, [8, 2, 2])
    assert got.dtype == np.int32
    assert_close(run(Binary(function="power"), np.float32([2, 4]), np.int32([-1, 2])), [0.5, 16])


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint32"])
@pytest.mark.parametrize("direction", ["left", "right"])
def test_shifts_out_are_those_of_unbounded_integers(direction, dtype):
    limits, bits = np.iinfo(dtype), np.iinfo(dtype).bits
    a = np.repeat(np.array([limits.min, 5, limits.max], dtype), 5)
    b = np.tile(np.array([0, 1, bits - 1, bits, bits + 3], dtype), 3)
    got = run(Binary(function=f"shift_out_{direction}"), a, b)
    want = [int(x) << int(n) if direction == "left" else int(x) >> int(n) for x, n in zip(a, b, strict=True)]
    np.testing.assert_array_equal(got, np.array([x & (2**bits - 1) for x in want], f"uint{bits}").view(dtype))


def test_shifts_out_by_less_than_none_are_shifts_by_all():
    a, b = np.int8([-8, 4]), np.int8([-1, -1])
    np.testing.assert_array_equal(run(Binary(function="shift_out_right"), a, b), [-1, 0])
    np.testing.assert_array_equal(run(Binary(function="shift_out_left"), a, b), [0, 0])
