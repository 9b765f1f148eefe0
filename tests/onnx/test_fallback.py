"""Functions as jax traces them, in ONNX Runtime, against jax; each is one layer of a net that a function computes."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxdnn import UnsupportedLayerError
from jaxdnn.ir import Graph, Model, Node, Source, Value
from jaxdnn.layers.custom import Custom
from jaxdnn.net import Net
from support.onnx_runtime import check, operators, properties

rng = np.random.default_rng(0)
X = rng.standard_normal((2, 3, 5)).astype(np.float32)
PLACES = np.array([[2, 0], [1, 2]], np.int32)


def function_net(function: Callable[..., Any], *inputs: np.ndarray) -> Net:
    """Return a net of one layer that a function of arrays computes."""
    values = tuple(Value(f"x{i}", x.shape, str(x.dtype)) for i, x in enumerate(inputs))
    node = Node("layer", Custom(type="F"), tuple(value.name for value in values), ("y",))

    def compute(weights: Any, *arrays: Any) -> Any:
        del weights
        return function(*arrays)

    graph = Graph("test", values, ("y",), (node,))
    return Net.from_model(Model(graph, {}, Source("test")), custom_layers={"F": compute})


def check_function(function: Callable[..., Any], *inputs: np.ndarray, **options: Any) -> Any:
    """Compare the file of a function with it, for the batch and three times the batch."""
    feeds = {f"x{i}": x for i, x in enumerate(inputs)}
    model = check(function_net(function, *inputs), feeds, 1e-5, **options)
    assert properties(model)["batch"] == "any"
    return model


UNARY = [
    *(jnp.sin, jnp.cos, jnp.tan, jnp.arctan, jnp.sinh, jnp.cosh, jnp.tanh, jnp.arcsinh),
    *(jnp.exp, jnp.exp2, jnp.expm1, jnp.abs, jnp.sign, jnp.floor, jnp.ceil, jnp.square, jnp.cbrt, jnp.rint),
    *(jax.nn.sigmoid, jax.nn.softplus, jax.nn.elu, jax.nn.gelu, lax.erf, lax.erfc, lax.neg, jnp.isfinite),
    *(lambda x: x**3, lambda x: x**-2, lambda x: lax.round(4 * x), lambda x: jnp.clip(x, -0.5, 0.5)),
]
POSITIVE = [jnp.log, jnp.log1p, jnp.sqrt, lax.rsqrt, jnp.arccosh, lambda x: jnp.power(x, 1.7)]
SMALL = [jnp.arcsin, jnp.arccos, jnp.arctanh, jnp.log1p]


@pytest.mark.parametrize("kind", ["unary", "positive", "small"])
def test_functions_of_numbers(kind):
    functions, x = {
        "unary": (UNARY, np.concatenate([X, [[[-30, 0, 1e-6, 2.5, 30]] * 3]]).astype(np.float32)),
        "positive": (POSITIVE, np.abs(X) + 1.001),
        "small": (SMALL, np.clip(X / 4, -0.99, 0.99)),
    }[kind]
    model = check_function(
        lambda x: jnp.stack([f(x).astype(x.dtype) for f in functions], axis=1), x.astype(np.float32)
    )
    assert "Loop" not in operators(model)


def test_small_numbers_keep_their_digits():
    x = np.float32([[1e-7, -1e-7, 1e-4, -3e-5, 0.0]])
    net = function_net(lambda x: jnp.concatenate([jnp.log1p(x), jnp.expm1(x)], axis=1) * 1e7, x)
    check(net, {"x0": x}, 1e-6)


BINARY = [
    *(
        jnp.add,
        jnp.subtract,
        jnp.multiply,
        jnp.divide,
        jnp.maximum,
        jnp.minimum,
        jnp.arctan2,
        lax.rem,
        jnp.mod,
    ),
    *(jnp.equal, jnp.not_equal, jnp.less, jnp.less_equal, jnp.greater, jnp.greater_equal),
    lambda x, y: jnp.power(jnp.abs(x), y),
    lambda x, y: (x > 0) & (y > 0) | ~(x > y) ^ (x == y),
    lambda x, y: jnp.where(x > y, x, y * 2),
    lambda x, y: lax.select_n(jnp.mod(jnp.floor(y * 3), 3).astype(jnp.int32), x, y, x + y),
]


def test_functions_of_two_numbers():
    y = np.where(rng.random(X.shape) < 0.2, X, rng.standard_normal(X.shape)).astype(np.float32)
    check_function(lambda x, y: jnp.stack([f(x, y).astype(x.dtype) for f in BINARY], axis=1), X, y)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32"])
def test_integers(dtype):
    x = rng.integers(0, 120, (3, 4)).astype(dtype)
    y = rng.integers(1, 9, (3, 4)).astype(dtype)

    def function(x, y):
        parts = [
            x + x,
            x * y,
            x - y,
            x // y,
            x % y,
            lax.max(x, y),
            lax.rem(x, y),
            x << 1,
            x > y,
            x.sum(axis=1)[:, None],
        ]
        parts += [jnp.sort(x, axis=1), jnp.cumsum(x, axis=1, dtype=x.dtype), lax.integer_pow(y, 2)]
        return jnp.concatenate([part.astype(jnp.float32) for part in parts], axis=1)

    check_function(function, x, y)


def test_types_are_converted_as_numpy_does():
    def function(x):
        whole = (x * 100).astype(jnp.int32)
        types = (jnp.int8, jnp.uint8, jnp.int16, jnp.uint16, jnp.bool_)
        return jnp.stack([whole.astype(dtype).astype(jnp.float32) for dtype in types], axis=1) + x[:, None]

    check_function(function, X)
    check_function(lambda x: (x * 1000).astype(jnp.int8).astype(jnp.float32), X)


MOVED = {
    "transpose": lambda x: x.transpose(0, 2, 1),
    "reshape": lambda x: x.reshape(-1)[::-1].reshape(x.shape),
    "broadcast": lambda x: (
        jnp.broadcast_to(x[:, None], (x.shape[0], 4, 3, 5)) * jnp.arange(4.0).reshape(1, 4, 1, 1)
    ),
    "filled": lambda x: jnp.concatenate([x, jnp.full((x.shape[0], 1, 5), 2.0)], axis=1),
    "counted": lambda x: x + jnp.arange(x.shape[0], dtype=jnp.float32).reshape(-1, 1, 1) * x.shape[0],
    "slice": lambda x: x[:, 1:, ::2],
    "reversed": lambda x: x[:, ::-1, ::-2],
    "pad": lambda x: lax.pad(x, jnp.float32(3), [(0, 0, 0), (1, -1, 2), (-1, 2, 0)]),
    "pad batch": lambda x: lax.pad(x, jnp.float32(3), [(1, 0, 1), (0, 0, 0), (0, 0, 0)]),
    "tile": lambda x: jnp.tile(x, (1, 2, 1)),
    "split": lambda x: jnp.split(x, [1, 2], axis=1)[1],
    "dynamic slice": lambda x: lax.dynamic_slice(x, (0, 0, jnp.sum(x > 0)), (x.shape[0], 2, 3)),
    "dynamic update": lambda x: lax.dynamic_update_slice(x, x[:, :2, :3] * 0, (0, jnp.sum(x > 9) + 1, 1)),
}
REDUCED = {
    "sum": lambda x: x.sum(axis=1),
    "mean of the batch": lambda x: x - x.mean(axis=0, keepdims=True),
    "product": lambda x: x.prod(axis=2),
    "range": lambda x: x.max(axis=(1, 2)) - x.min(axis=(1, 2)),
    "any": lambda x: (x > 1).any(axis=1) ^ (x > -1).all(axis=1),
    "place": lambda x: jnp.argmax(x, axis=2) + jnp.argmin(x > 0, axis=2),
    "sums": lambda x: jnp.cumsum(x, axis=1) + lax.cumsum(x, axis=2, reverse=True),
    "running": lambda x: lax.cummax(x, axis=2, reverse=True) * lax.cumprod(x, axis=1) + lax.cummin(x, axis=2),
    "softmax": lambda x: jax.nn.softmax(x) + jax.nn.logsumexp(x, axis=1, keepdims=True),
    "windows": lambda x: lax.reduce_window(
        x, -jnp.inf, lax.max, (1, 2, 3), (1, 1, 2), ((0, 0), (1, 0), (1, 1))
    ),
    "window sums": lambda x: lax.reduce_window(x, 0.0, lax.add, (1, 2, 3), (1, 2, 1), "SAME"),
}
PRODUCTS = {
    "matrix": lambda x: x @ jnp.arange(20.0).reshape(5, 4),
    "batched": lambda x: x @ x.transpose(0, 2, 1),
    "einsum": lambda x: jnp.einsum("bij,bkj->kbi", x, x),
    "convolution": lambda x: lax.conv_general_dilated(
        x, jnp.arange(36.0).reshape(4, 3, 3), (2,), [(1, -1)], lhs_dilation=(2,)
    ),
    "channels last": lambda x: lax.conv_general_dilated(
        x[..., None], jnp.ones((2, 2, 1, 3)), (1, 1), "SAME", (1, 1), (1, 2), ("NHWC", "HWIO", "NHWC")
    ),
    "groups": lambda x: lax.conv_general_dilated(
        x, jnp.arange(6.0).reshape(3, 1, 2), (1,), "VALID", feature_group_count=3
    ),
}
ORDERED = {
    "sort": lambda x: jnp.sort(x, axis=1),
    "order": lambda x: jnp.argsort(jnp.round(x), axis=2, stable=True),
    "two keys": lambda x: lax.sort((jnp.round(x), -x, x * 2), dimension=2, num_keys=2)[2],
    "best": lambda x: lax.top_k(x, 3)[0] + lax.top_k(jnp.abs(jnp.round(x)), 3)[1].astype(jnp.float32),
    "true places": lambda x: jnp.nonzero(x.reshape(-1) > 0, size=x.size, fill_value=-1)[0].reshape(x.shape),
}


@pytest.mark.parametrize("name", [*MOVED, *REDUCED, *PRODUCTS, *ORDERED])
def test_functions_of_arrays(name):
    function = {**MOVED, **REDUCED, **PRODUCTS, **ORDERED}[name]
    assert "Loop" not in operators(check_function(function, X))


INDEXED = {
    "constant places": lambda x, i: jnp.take(x, jnp.array([2, 0, 2, 1]), axis=1),
    "places": lambda x, i: x[:, i, :].sum(axis=1),
    "along": lambda x, i: jnp.take_along_axis(x, jnp.argsort(x, axis=2), axis=2),
    "clipped": lambda x, i: jnp.take(x, i * 3 - 2, axis=1, mode="clip").sum(axis=1),
    "filled": lambda x, i: jnp.nan_to_num(jnp.take(x, i * 3 - 2, axis=1, mode="fill"), nan=7).sum(axis=1),
    "each its own": lambda x, i: jax.vmap(lambda a, j: a[j])(x, i),
    "windows": lambda x, i: jax.vmap(lambda a, j: lax.dynamic_slice_in_dim(a, j[0], 2, 1))(x, i),
    "set": lambda x, i: x.at[:, 1, 2:4].set(7.0),
    "set each its own": lambda x, i: jax.vmap(lambda a, j: a.at[j].set(0.0))(x, i),
    "add": lambda x, i: x.at[:, jnp.array([0, 0, 2])].add(1.5),
    "multiply": lambda x, i: x.at[:, 1].multiply(3.0),
    "dropped": lambda x, i: x.at[:, jnp.array([0, 9, 2])].set(1.5, mode="drop"),
    "add windows": lambda x, i: jax.vmap(lambda a, j: lax.dynamic_update_slice(a, a[:1] * 2, (j[0], 0)))(
        x, i
    ),
}


@pytest.mark.parametrize("name", INDEXED)
def test_computed_places(name):
    check_function(INDEXED[name], X, PLACES)


def test_the_largest_of_what_is_written_needs_an_opset():
    def function(x, i):
        return x.at[:, jnp.array([0, 0, 2])].max(0.5).at[:, jnp.array([1, 1])].min(0.1)

    check_function(function, X, PLACES, opset=18)
    with pytest.raises(UnsupportedLayerError, match=r"'layer' \(F\): values are combined .* needs opset 18"):
        function_net(function, X, PLACES).to_onnx(opset=17)


def _rounds(x):
    return lax.while_loop(lambda s: jnp.sum(s[0]) < 50, lambda s: (s[0] + 1, s[1] * 0.9), (x, x))[1]


def _rounds_of_each(x):
    def one(x):
        return lax.while_loop(lambda s: jnp.sum(s) < 20, lambda s: s + jnp.abs(s) + 1, x)

    return jax.vmap(one)(x)


def _scan(x):
    def step(state, now):
        return state + now, state * now

    last, stacked = lax.scan(step, jnp.zeros_like(x[:, 0]), x.transpose(1, 0, 2), reverse=True)
    return stacked.transpose(1, 0, 2) + last[:, None]


LOOPS = {
    "searched": lambda x: jnp.searchsorted(jnp.arange(-2.0, 2.0), x),
    "while": _rounds,
    "each its own": _rounds_of_each,
    "scan": _scan,
    "counted": lambda x: lax.fori_loop(0, 5, lambda i, c: c * i.astype(jnp.float32) + x, x),
    "images": lambda x: lax.map(lambda a: a * jnp.max(a), x),
    "cond": lambda x: lax.cond(jnp.sum(x) > 0, lambda v: v + 1, lambda v: v * 2, x),
    "switch": lambda x: lax.switch(
        jnp.sum(x > 0) % 4, [lambda v: v + 1, lambda v: v * 2, lambda v: v * 3, lambda v: -v], x
    ),
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops_and_branches(name):
    assert {"Loop", "If"} & operators(check_function(LOOPS[name], X))


def test_constants_are_computed_once():
    def function(x):
        table = jnp.sin(jnp.arange(5.0)) * 3
        return x * jnp.where(table > 0, table, 1.0).reshape(1, 1, 5)

    model = check_function(function, X)
    assert operators(model) == {"Mul"}


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x: lax.lgamma(x), "jax's 'lgamma' has no operator"),
        (lambda x: jnp.fft.fft(x).real, "complex64 numbers have no operators"),
    ],
)
def test_what_has_no_operator_is_named(function, reason):
    with pytest.raises(UnsupportedLayerError, match=f"'layer' \\(F\\): {reason}"):
        function_net(function, X).to_onnx()


def test_what_differs_with_the_batch_is_written_for_one_batch():
    def function(x):
        for _ in range(x.shape[0]):
            x = jnp.tanh(x)
        return x

    model = function_net(function, X).to_onnx()
    assert properties(model)["batch"] == "2: 'layer' (F): what it computes differs with the batch"
