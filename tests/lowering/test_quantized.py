"""Products of 8-bit integers against sums in numpy's integers. Ranges are 127 times powers of two: nothing rounds."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.convolution import Conv, ConvTranspose
from jaxdnn.layers.dense import Dense
from jaxdnn.layers.quantized import MAX_TERMS, Quantized, QuantizedWeight
from support.layer import assert_close, net_of, run


def whole(x, limit):
    """The integers that numbers become."""
    steps = x.astype(np.float64) * (127 / limit) if limit else np.zeros_like(x)
    return np.clip(np.rint(steps), -127, 127).astype(np.int64)


def convolve(x, weight, stride, padding, dilation, groups):
    """Sums of products over two spatial axes, one output position at a time."""
    batch = len(x)
    filters, per_group, *kernel = weight.shape
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    size = [(n - dilation * (k - 1) - 1) // stride + 1 for n, k in zip(x.shape[2:], kernel, strict=True)]
    y = np.zeros((batch, filters, *size), np.int64)
    for f, i, j in itertools.product(range(filters), *map(range, size)):
        first = f // (filters // groups) * per_group
        rows = slice(i * stride, i * stride + dilation * (kernel[0] - 1) + 1, dilation)
        columns = slice(j * stride, j * stride + dilation * (kernel[1] - 1) + 1, dilation)
        patch = x[:, first : first + per_group, rows, columns]
        y[:, f, i, j] = (patch * weight[f]).sum(axis=(1, 2, 3))
    return y


def transposed(x, weight, stride, padding, dilation, groups):
    """Copies of the weight at each input element, added up."""
    batch, channels, *sizes = x.shape
    per_group, kernel = weight.shape[1], weight.shape[2:]
    full = [stride * (n - 1) + dilation * (k - 1) + 1 for n, k in zip(sizes, kernel, strict=True)]
    y = np.zeros((batch, per_group * groups, *full), np.int64)
    for n, c, i, j in itertools.product(*map(range, x.shape)):
        first = c // (channels // groups) * per_group
        rows = slice(i * stride, i * stride + dilation * (kernel[0] - 1) + 1, dilation)
        columns = slice(j * stride, j * stride + dilation * (kernel[1] - 1) + 1, dilation)
        y[n, first : first + per_group, rows, columns] += x[n, c, i, j] * weight[c]
    return y[:, :, padding : full[0] - padding, padding : full[1] - padding]


def drawn(seed, input_shape, weight_shape, filters, per_channel, bias):
    """Return numbers and params whose products float32 holds exactly."""
    rng = np.random.default_rng(seed)
    size = (filters,) if per_channel else ()
    params = {
        "weight": rng.integers(-127, 128, weight_shape).astype(np.int8),
        "weight_range": np.asarray(127 * 2.0 ** rng.integers(-6, 2, size), np.float32),
        "input_range": np.asarray(127 * 2.0 ** rng.integers(-6, 2), np.float32),
    }
    if bias:
        params["bias"] = rng.integers(-9, 10, filters).astype(np.float32)
    # Some lie outside of the range, and some half-way between integers.
    x = (rng.integers(-300, 301, input_shape) / 2 * (params["input_range"] / 127)).astype(np.float32)
    return x, params


def expected(sums, params, axis):
    """Scale sums and add the bias along the channels."""
    shape = [1] * sums.ndim
    shape[axis] = -1
    scale = params["weight_range"].astype(np.float64) / 127 * params["input_range"] / 127
    y = sums * (scale.reshape(shape) if scale.ndim else scale)
    return (y + params["bias"].reshape(shape) if "bias" in params else y).astype(np.float32)


class TestQuantized:
    @settings(max_examples=12)
    @given(
        st.integers(0, 2**31),
        st.sampled_from([1, 2, 4]),
        st.integers(1, 3),
        st.integers(1, 2),
        st.integers(0, 2),
        st.integers(1, 2),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    )
    def test_conv(self, seed, groups, kernel, stride, padding, dilation, last, per_channel, bias):
        inner = Conv(
            filters=8,
            kernel=kernel,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            bias=bias,
            channels_last=last,
        )
        x, params = drawn(seed, (2, 4, 7, 6), (8, 4 // groups, kernel, kernel), 8, per_channel, bias)
        sums = convolve(
            whole(x, params["input_range"]),
            params["weight"].astype(np.int64),
            stride,
            padding,
            dilation,
            groups,
        )
        want = expected(sums, params, 1)
        fed = np.moveaxis(x, 1, -1) if last else x
        got = run(Quantized(layer=inner, per_channel=per_channel), fed, **params)
        np.testing.assert_array_equal(np.moveaxis(got, -1, 1) if last else got, want)

    @settings(max_examples=12)
    @given(
        st.integers(0, 2**31),
        st.sampled_from([1, 2, 4]),
        st.integers(2, 3),
        st.integers(1, 3),
        st.integers(0, 1),
        st.integers(1, 2),
    )
    def test_conv_transpose(self, seed, groups, kernel, stride, padding, dilation):
        inner = ConvTranspose(
            filters=8, kernel=kernel, stride=stride, padding=padding, dilation=dilation, groups=groups
        )
        x, params = drawn(seed, (2, 4, 4, 3), (4, 8 // groups, kernel, kernel), 8, True, True)
        sums = transposed(
            whole(x, params["input_range"]),
            params["weight"].astype(np.int64),
            stride,
            padding,
            dilation,
            groups,
        )
        np.testing.assert_array_equal(run(Quantized(layer=inner), x, **params), expected(sums, params, 1))

    @settings(max_examples=12)
    @given(st.integers(0, 2**31), st.booleans(), st.booleans(), st.booleans())
    def test_dense(self, seed, transpose, per_channel, bias):
        inner = Dense(units=5, transpose=transpose, bias=bias)
        shape = (12, 5) if transpose else (5, 12)
        x, params = drawn(seed, (3, 4, 3), shape, 5, per_channel, bias)
        weight = params["weight"].astype(np.int64)
        sums = whole(x, params["input_range"]).reshape(3, 12) @ (weight if transpose else weight.T)
        got = run(Quantized(layer=inner, per_channel=per_channel), x, **params)
        np.testing.assert_array_equal(got, expected(sums, params, -1))

    @pytest.mark.parametrize("rank", [0, 1, 3])
    def test_other_numbers_of_axes(self, rank):
        x, params = drawn(0, (2, 4, *(5,) * rank), (6, 4, *(3,) * rank), 6, True, True)
        layer = Conv(filters=6, kernel=3, padding=1)
        q = whole(x, params["input_range"]).astype(np.float32)
        plain = run(Conv(filters=6, kernel=3, padding=1, bias=False), q, weight=params["weight"].astype("f"))
        np.testing.assert_array_equal(run(Quantized(layer=layer), x, **params), expected(plain, params, 1))

    def test_sums_that_no_float32_holds(self):
        terms = 4096
        layer = Quantized(layer=Conv(filters=1, kernel=1, bias=False))
        x = np.full((1, terms, 1, 1), 127, np.float32)
        x[0, 0] = 126
        unit = np.float32([127])
        weight = np.full((1, terms, 1, 1), 127, np.int8)
        total = 127 * (127 * terms - 1)
        assert total > 2**24
        (got,) = run(layer, x, weight=weight, weight_range=unit, input_range=np.float32(127)).ravel()
        assert got == np.float32(total)

    def test_a_range_of_zero_gives_the_bias(self):
        x, params = drawn(1, (2, 3), (4, 3), 4, True, True)
        for slot in ("input_range", "weight_range"):
            zero = params | {slot: np.zeros_like(params[slot])}
            got = run(Quantized(layer=Dense(units=4)), x, **zero)
            np.testing.assert_array_equal(got, np.broadcast_to(params["bias"], (2, 4)))

    def test_what_is_not_finite(self):
        x = np.float32([[np.inf, 1], [-np.inf, 1], [np.nan, 1]])
        params = {"weight": np.int8([[1, 0]]), "weight_range": np.float32([127])}
        got = run(Quantized(layer=Dense(units=1, bias=False)), x, input_range=np.float32(127), **params)
        np.testing.assert_array_equal(got, [[127], [-127], [0]])

    def test_gradients_as_if_nothing_were_rounded(self):
        x, params = drawn(2, (2, 3, 5, 5), (4, 3, 3, 3), 4, True, True)
        net = net_of(Quantized(layer=Conv(filters=4, kernel=3)), x, **params)
        cotangent = np.random.default_rng(0).standard_normal((2, 4, 3, 3)).astype(np.float32)

        def loss(x, bias):
            slots = net.params["layer"] | {"bias": bias}
            return (net.apply({"layer": slots}, x)["y0"] * cotangent).sum()

        by_x, by_bias = jax.grad(loss, argnums=(0, 1))(jnp.asarray(x), net.params["layer"]["bias"])
        weight = params["weight"] * (params["weight_range"] / 127).reshape(-1, 1, 1, 1)
        want = np.zeros(x.shape)
        for i, j in itertools.product(range(3), range(3)):
            want[:, :, i : i + 3, j : j + 3] += np.einsum(
                "nohw,oc->nchw", cotangent, weight[:, :, i, j], optimize=True
            )
        want[np.abs(x) > params["input_range"]] = 0
        assert_close(np.asarray(by_x), want)
        assert_close(np.asarray(by_bias), cotangent.sum(axis=(0, 2, 3)))
        tangent = jax.jvp(
            lambda x: loss(x, net.params["layer"]["bias"]), (jnp.asarray(x),), (jnp.ones_like(x),)
        )
        assert_close(np.asarray(tangent[1]), want.sum())

    def test_vmap(self):
        x, params = drawn(3, (3, 2, 4, 5, 5), (4, 2, 3, 3), 4, True, True)
        net = net_of(Quantized(layer=Conv(filters=4, kernel=3, groups=2)), x[0], **params)
        got = jax.vmap(lambda x: net.apply(net.params, x)["y0"])(x)
        np.testing.assert_array_equal(got, np.stack([net(one)["y0"] for one in x]))

    def test_half_policies_leave_integers_and_sums_alone(self):
        x, params = drawn(4, (2, 3), (4, 3), 4, True, True)
        net = net_of(Quantized(layer=Dense(units=4)), x, **params)
        half = net.replace(policy="float16")
        assert half.params["layer"]["weight"].dtype == "int8"
        assert half.params["layer"]["weight_range"].dtype == "float32"
        np.testing.assert_array_equal(
            half(x)["y0"], np.asarray(net(x.astype(np.float16))["y0"]).astype(np.float16)
        )

    def test_too_many_terms(self):
        layer = Quantized(layer=Dense(units=1))
        assert layer.param_shapes((1, MAX_TERMS))["weight"] == (1, MAX_TERMS)
        with pytest.raises(
            ShapeError, match=r"^a sum of 133145 products of 8 bits may not fit int32, 133144 do$"
        ):
            layer.param_shapes((1, MAX_TERMS + 1))


class TestQuantizedWeight:
    @pytest.mark.parametrize("per_channel", [True, False])
    @pytest.mark.parametrize(
        ("inner", "shape"),
        [
            (Conv(filters=4, kernel=3, groups=2), (4, 2, 3, 3)),
            (ConvTranspose(filters=4, kernel=3, groups=2), (4, 2, 3, 3)),
            (Dense(units=4), (4, 100)),
            (Dense(units=4, transpose=True), (100, 4)),
        ],
        ids=lambda case: type(case).__name__ if not isinstance(case, tuple) else None,
    )
    def test_the_layer_with_the_weight_read_back(self, inner, shape, per_channel):
        x, params = drawn(5, (2, 4, 5, 5), shape, 4, per_channel, True)
        del params["input_range"]
        limits = np.broadcast_to(params["weight_range"], (4,))
        weight = params["weight"].astype(np.float32)
        for index in np.ndindex(shape):
            channel = index[0]
            if isinstance(inner, ConvTranspose):
                channel = index[0] // 2 * 2 + index[1]
            elif isinstance(inner, Dense) and inner.transpose:
                channel = index[1]
            weight[index] *= limits[channel] / 127
        want = run(inner, x, weight=weight, bias=params["bias"])
        got = run(QuantizedWeight(layer=inner, per_channel=per_channel), x, **params)
        np.testing.assert_array_equal(got, want)

    def test_half_policies(self):
        x, params = drawn(6, (2, 3), (4, 3), 4, True, True)
        del params["input_range"]
        net = net_of(QuantizedWeight(layer=Dense(units=4)), x, **params).replace(policy="bfloat16")
        assert net.params["layer"]["weight"].dtype == "int8"
        assert net(x)["y0"].dtype == "bfloat16"

    def test_a_layer_without_a_weight_of_its_own(self):
        with pytest.raises(LayerError, match=r"^layer must hold a weight, got Conv"):
            QuantizedWeight(layer=Conv(filters=None, kernel=None))
