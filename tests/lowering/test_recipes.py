"""Recipes for convolutions against sums written from the formula, and inside jax's transformations."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jax import export, lax
from jax.sharding import Mesh, PartitionSpec

from jaxdnn.layers.convolution import Conv
from jaxdnn.lowering.recipes import Choices, candidates, choosing, convolve, for_platform, name_of, noting
from jaxdnn.lowering.recipes.table import RECIPES, compute
from jaxdnn.lowering.recipes.task import Convolution
from jaxdnn.lowering.recipes.winograd import winograd
from support.convolutions import convolutions, reference
from support.layer import net_of

OPTIONS = {"window_strides": (1, 1), "padding": ((1, 1), (1, 1)), "rhs_dilation": (1, 1)}
CHANNELS_FIRST = ("NCHW", "OIHW", "NCHW")


@given(convolutions())
@settings(max_examples=15)
def test_values_and_gradients(case):
    x, weight, options, channels_last = case
    spatial = "DHW"[: x.ndim - 2]
    data = f"N{spatial}C" if channels_last else f"NC{spatial}"
    options |= {"dimension_numbers": (data, f"OI{spatial}", data)}
    rng = np.random.default_rng(0)
    want = reference(x, weight, options)
    out, dx, dw = (rng.standard_normal(a.shape).astype(np.float32) for a in (want, x, weight))

    def first(array):
        return np.moveaxis(array, -1, 1) if channels_last else array

    def last(array):
        return jnp.asarray(np.moveaxis(array, 1, -1) if channels_last else array)

    @jax.jit
    def run(x, weight, out):
        with for_platform("cpu"):
            y, back = jax.vjp(lambda x, w: convolve(x, w, **options), x, weight)
            return y, *back(out)

    y, to_x, to_weight = run(last(x), jnp.asarray(weight), last(out))
    scale = 1e-6 * math.prod(weight.shape[1:]) * 10
    np.testing.assert_allclose(first(y), want, rtol=0, atol=scale)
    # A convolution is linear in each argument: its derivative along a direction is that of the direction.
    for got, direction, along in (
        (first(to_x), dx, reference(dx, weight, options)),
        (to_weight, dw, reference(x, dw, options)),
    ):
        wanted, found = np.sum(along * out), np.sum(np.asarray(got, np.float64) * direction)
        assert abs(found - wanted) <= 1e-5 * np.sum(np.abs(along * out)) + 1e-5


@given(
    st.tuples(*(st.integers(1, n) for n in (3, 5, 13, 13, 5))),
    st.tuples(*(st.tuples(st.integers(-1, 3), st.integers(-1, 3)) for _ in range(2))),
    st.integers(0, 2**16),
)
@settings(max_examples=15)
def test_winograd(sizes, padding, seed):
    """As exact as the sum, though it is computed by differences; no zeros of its own padding get in."""
    batch, channels, *spatial, filters = sizes
    assume(
        all(
            n + low + high >= 3 and n + min(low, 0) + min(high, 0) > 0
            for n, (low, high) in zip(spatial, padding, strict=True)
        )
    )
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((batch, *spatial, channels)).astype(np.float32)
    weight = rng.standard_normal((filters, channels, 3, 3)).astype(np.float32)
    once = (1, 1)
    task = Convolution(
        batch,
        channels,
        tuple(spatial),
        filters,
        (3, 3),
        once,
        padding,
        once,
        once,
        groups=1,
        channels_last=True,
    )
    got = jax.jit(partial(winograd, task))(x, weight)
    options = {"window_strides": once, "padding": padding, "lhs_dilation": once, "rhs_dilation": once}
    want = reference(np.moveaxis(x, -1, 1), weight, options | {"feature_group_count": 1})
    np.testing.assert_allclose(np.moveaxis(got, -1, 1), want, rtol=0, atol=3e-5 * np.sqrt(channels))


@given(convolutions())
@settings(max_examples=25)
def test_each_recipe_computes_the_sum(case):
    """Also those that the table would not take."""
    x, weight, options, channels_last = case
    want = reference(x, weight, options)
    task = Convolution(
        batch=len(x),
        channels=x.shape[1],
        spatial=x.shape[2:],
        filters=len(weight),
        kernel=weight.shape[2:],
        stride=options["window_strides"],
        padding=options["padding"],
        gaps=options["lhs_dilation"],
        dilation=options["rhs_dilation"],
        groups=options["feature_group_count"],
        channels_last=channels_last,
    )
    data = jnp.asarray(np.moveaxis(x, 1, -1) if channels_last else x)
    able = candidates(task, Choices(exact=True))
    assert {recipe.name for recipe in able} == {r.name for r in RECIPES if r.exact and r.computes(task)}
    for recipe in able:
        choices = Choices(exact=True, measured=((name_of(task), recipe.name),))
        got = np.asarray(jax.jit(partial(compute, choices, task))(data, jnp.asarray(weight)))
        got = np.moveaxis(got, -1, 1) if channels_last else got
        bound = 1e-5 * math.prod(weight.shape[1:])
        np.testing.assert_allclose(got, want, rtol=0, atol=bound, err_msg=recipe.name)


@pytest.mark.usefixtures("no_kernels")
def test_what_was_measured_counts():
    """For the convolution that it was measured for, if there is such a recipe and nothing forbids it."""
    x, weight = jnp.ones((1, 8, 6, 6)), jnp.ones((8, 8, 3, 3))
    options = OPTIONS | {"feature_group_count": 1, "dimension_numbers": CHANNELS_FIRST}

    def recipe(choices, x=x):
        with noting() as notes, choosing(choices):
            jax.eval_shape(lambda x, w: convolve(x, w, **options), x, weight)
        return notes[0](), notes[0].task

    found, task = recipe(Choices())
    assert found == "convolution"
    for name in ("Winograd", "product of patches", "products of taps"):
        assert recipe(Choices(measured=((name_of(task), name),)))[0] == name
    assert recipe(Choices(measured=((name_of(task), "product of patches"),)), x=x[..., :5])[0] == found
    assert recipe(Choices(exact=True, measured=((name_of(task), "Winograd"),)))[0] == found
    assert recipe(Choices(measured=((name_of(task), "phases"),)))[0] == found
    assert recipe(Choices(measured=((name_of(task), "of a later version"),)))[0] == found


@pytest.mark.usefixtures("no_kernels")
def test_winograd_rounds_little():
    """2e-6 of the largest value, of which a plain sum has 3e-7."""
    rng = np.random.default_rng(0)
    x = np.maximum(rng.standard_normal((1, 128, 24, 24)), 0).astype(np.float32)
    weight = (rng.standard_normal((64, 128, 3, 3)) / 34).astype(np.float32)
    options = OPTIONS | {"feature_group_count": 1, "lhs_dilation": (1, 1)}
    with for_platform("cpu"):
        got = convolve(
            jnp.asarray(np.moveaxis(x, 1, -1)),
            jnp.asarray(weight),
            dimension_numbers=("NHWC", "OIHW", "NHWC"),
            **options,
        )
    want = reference(x, weight, options)
    assert np.abs(np.moveaxis(got, -1, 1) - want).max() < 3e-6 * np.abs(want).max()


@pytest.mark.usefixtures("no_kernels")
def test_exact_policies_leave_winograd_out():
    rng = np.random.default_rng(0)
    x = rng.random((1, 64, 24, 24), np.float32)
    weight = (rng.standard_normal((64, 64, 3, 3)) / 24).astype(np.float32)
    net = net_of(Conv(filters=64, kernel=3, padding=1, bias=False), x, weight=weight)
    exact = net.replace(policy="float32 exact")
    assert "Winograd" in str(net.summary(recipes=True))
    assert "Winograd" not in str(exact.summary(recipes=True))
    got, want = (np.asarray(each(x)["y0"]) for each in (net, exact))
    assert 0 < np.abs(got - want).max() < 1e-5 * np.abs(want).max()


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize(
    ("shape", "weight", "options", "recipe"),
    [
        ((1, 8, 9, 9), (8, 1, 3, 3), {"feature_group_count": 8}, "shifted products"),
        ((1, 8, 99, 99), (8, 1, 11, 11), {"feature_group_count": 8}, "split groups (convolution)"),
        ((1, 64, 9, 9), (32, 32, 3, 3), {"feature_group_count": 2}, "split groups (convolution)"),
        ((1, 64, 9, 9), (32, 32, 1, 1), {"feature_group_count": 2}, "split groups (matrix product)"),
        ((1, 16, 9, 9), (8, 16, 1, 1), {"window_strides": (2, 2)}, "matrix product"),
        ((1, 3, 9, 9), (8, 3, 3, 3), {"window_strides": (2, 2)}, "space to depth (convolution)"),
        ((1, 3, 9, 9), (8, 3, 1, 1), {"window_strides": (2, 2)}, "matrix product"),
        ((1, 16, 9, 9), (8, 16, 2, 2), {"lhs_dilation": (2, 2)}, "phases (matrix product)"),
        ((1, 16, 9, 9), (8, 16, 4, 4), {"lhs_dilation": (2, 2)}, "phases (convolution)"),
        (
            (1, 8, 9, 9),
            (8, 1, 4, 4),
            {"lhs_dilation": (2, 2), "feature_group_count": 8},
            "phases (shifted products)",
        ),
        ((1, 64, 24, 21), (64, 64, 3, 3), {}, "Winograd"),
        ((1, 64, 24, 20), (64, 64, 3, 3), {}, "convolution"),
        ((8, 256, 13, 13), (256, 256, 3, 3), {}, "Winograd"),
        ((7, 256, 13, 13), (256, 256, 3, 3), {}, "convolution"),
        ((8, 255, 13, 13), (256, 255, 3, 3), {}, "convolution"),
        ((1, 63, 24, 24), (64, 63, 3, 3), {}, "convolution"),
        ((1, 64, 50, 50), (64, 64, 3, 3), {"window_strides": (2, 1)}, "convolution"),
        ((1, 128, 24, 24), (128, 64, 3, 3), {"feature_group_count": 2}, "split groups (Winograd)"),
        ((1, 16, 9, 9), (8, 16, 3, 3), {}, "convolution"),
        ((1, 16, 0, 9), (8, 16, 3, 3), {}, "convolution"),
    ],
)
def test_the_table(shape, weight, options, recipe):
    options = {"feature_group_count": 1, "dimension_numbers": CHANNELS_FIRST, **OPTIONS, **options}
    with noting() as notes:
        jax.eval_shape(lambda x, w: convolve(x, w, **options), jnp.ones(shape), jnp.ones(weight))
    assert [note() for note in notes] == [recipe]


def depthwise(x, weight, product=convolve):
    return product(
        x, weight, feature_group_count=weight.shape[0], dimension_numbers=CHANNELS_FIRST, **OPTIONS
    )


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    shapes = ((2, 4, 6, 6), (4, 1, 3, 3))
    return tuple(jnp.asarray(rng.standard_normal(shape).astype(np.float32)) for shape in shapes)


def lowered(function, arrays, platform):
    return jax.jit(function).trace(*arrays).lower(lowering_platforms=(platform,)).as_text()


def test_only_a_cpu_has_recipes(arrays):
    assert "stablehlo.convolution" not in lowered(depthwise, arrays, "cpu")
    assert "stablehlo.convolution" in lowered(depthwise, arrays, "cuda")
    with for_platform("cuda"):
        assert "platform_index" not in str(jax.make_jaxpr(lambda x, w: depthwise(x, w))(*arrays))


def test_gradients_on_other_platforms_are_those_of_the_plain_convolution(arrays):
    gradients = jax.grad(lambda x, w: depthwise(x, w).sum(), (0, 1))
    assert "stablehlo.convolution" not in lowered(gradients, arrays, "cpu")
    assert lowered(gradients, arrays, "cuda").count("stablehlo.convolution") == 2


def test_transformations(arrays):
    x, weight = arrays

    def energy(product):
        return lambda x, w: jnp.sum(jnp.square(depthwise(x, w, product)))

    def directional(product):
        """The second derivative along a direction."""
        return jax.jvp(jax.grad(energy(product), (0, 1)), (x, weight), (jnp.cos(x), jnp.sin(weight)))[1]

    def compare(transformed, *arguments):
        got, want = (
            jax.jit(transformed(product))(*arguments) for product in (convolve, lax.conv_general_dilated)
        )
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), got, want)

    compare(lambda product: lambda: directional(product))
    compare(lambda product: jax.vmap(lambda x: depthwise(x, weight, product)), x[:, None])
    compare(lambda product: jax.vmap(lambda w: depthwise(x, w, product)), jnp.stack([weight, -weight]))
    compare(lambda product: jax.checkpoint(jax.grad(energy(product))), x, weight)


def test_outside_of_jit(arrays):
    np.testing.assert_allclose(
        depthwise(*arrays), depthwise(*arrays, lax.conv_general_dilated), rtol=1e-5, atol=1e-5
    )


def test_shard_map(arrays):
    mesh = Mesh(np.array(jax.devices()[:1]), ("batch",))
    rows = PartitionSpec("batch")
    sharded = jax.shard_map(depthwise, mesh=mesh, in_specs=(rows, PartitionSpec()), out_specs=rows)
    got = jax.jit(sharded)(*arrays)
    np.testing.assert_allclose(got, depthwise(*arrays, lax.conv_general_dilated), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("weight", "options"),
    [
        ((4, 1, 3, 3), {"feature_group_count": 4}),
        ((8, 2, 3, 3), {"feature_group_count": 2}),
        ((8, 4, 1, 1), {"window_strides": (2, 2)}),
        ((8, 4, 3, 3), {"window_strides": (2, 2)}),
        ((8, 4, 3, 3), {"lhs_dilation": (2, 2)}),
        ((8, 4, 2, 2), {"lhs_dilation": (2, 2), "padding": ((1, 1), (1, 1))}),
    ],
)
def test_open_sizes_and_several_platforms(weight, options):
    options = {"feature_group_count": 1, "dimension_numbers": CHANNELS_FIRST, **OPTIONS, **options}
    rng = np.random.default_rng(0)
    w = jnp.asarray(rng.standard_normal(weight).astype(np.float32))
    sizes = export.symbolic_shape("n, 4, h, 2*w", constraints=["h >= 4", "w >= 2"])
    function = jax.jit(lambda x: convolve(x, w, **options))
    program = export.export(function, platforms=("cpu", "cuda"))(jax.ShapeDtypeStruct(sizes, jnp.float32))
    for shape in ((1, 4, 7, 4), (3, 4, 8, 6)):
        x = jnp.asarray(rng.standard_normal(shape).astype(np.float32))
        want = lax.conv_general_dilated(x, w, **options)
        np.testing.assert_allclose(program.call(x), want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_half_types_are_summed_in_float32(dtype):
    # In a half type the sum would never leave 4096.
    x, weight = jnp.ones((1, 2, 9, 9), dtype), jnp.ones((2, 1, 9, 9), dtype).at[:, :, 0, 0].set(4096)
    options = OPTIONS | {"padding": ((0, 0), (0, 0))}
    with for_platform("cpu"):
        y = convolve(x, weight, feature_group_count=2, dimension_numbers=CHANNELS_FIRST, **options)
    assert y.dtype == dtype
    assert np.asarray(y, np.float32).ravel().tolist() == [float(dtype(4096 + 80))] * 2
