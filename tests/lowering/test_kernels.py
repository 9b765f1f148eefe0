"""C++ kernels of convolutions: against sums written from the formula, with what follows them."""

import math
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn.layers.activation import Clip, HardSwish, Mish, Relu, Sigmoid, Swish
from jaxdnn.lowering import native
from jaxdnn.lowering.recipes import Choices, Finish, Place, jit_for, name_of
from jaxdnn.lowering.recipes import kernel as kernels
from jaxdnn.lowering.recipes.kernel import kernel, winograd_kernel
from jaxdnn.lowering.recipes.table import choose
from jaxdnn.lowering.recipes.task import Convolution
from support.convolutions import reference
from support.layer import run

KERNELS = native.kernels()
WIDE = KERNELS.filters if KERNELS else 16
needs_kernels = pytest.mark.skipif(KERNELS is None, reason="no compiler for the C++ kernels")

FINISHES = [
    Finish(),
    Finish(low=0.0),
    Finish(low=-0.5, high=0.25),
    Finish(slope=0.1),
    Finish(slope=-2.0, high=1.0),
    Finish(curve="swish"),
    Finish(curve="swish", beta=1.5),
    Finish(curve="mish"),
    Finish(curve="hard swish"),
]

BENT = {
    "swish": lambda y, beta: y / (1 + np.exp(-beta * y)),
    "mish": lambda y, beta: y * np.tanh(np.log1p(np.exp(y))),
    "hard swish": lambda y, beta: y * np.clip(y / 6 + 0.5, 0, 1),
}


def finished(y, finish):
    if finish.curve:
        return BENT[finish.curve](y, finish.beta)
    y = np.where(y > 0, y, y * finish.slope)
    return np.minimum(np.maximum(y, finish.low), finish.high)


@st.composite
def cases(draw):
    rank = draw(st.sampled_from([1, 2, 2, 2]))
    groups = draw(st.sampled_from([1, 1, 2, 3, 8]))
    # Depthwise, narrow groups that are joined, and more filters than a panel or two have.
    channels = groups * draw(st.sampled_from([1, 1, 2, 5, 19]))
    filters = groups * draw(st.sampled_from([1, 1, 2, 7, 33, 70]))
    kernel, stride = ([draw(st.integers(1, n)) for _ in range(rank)] for n in (4, 3))
    dilation = [draw(st.integers(1, 2)) for _ in range(rank)]
    # Windows that begin within the input, or far outside; rows longer and shorter than a tile.
    padding = [(draw(st.integers(-1, 6)), draw(st.integers(-1, 6))) for _ in range(rank)]
    least = [
        d * (k - 1) + 1 - low - high for d, k, (low, high) in zip(dilation, kernel, padding, strict=True)
    ]
    spatial = [max(n, 3) + draw(st.sampled_from([0, 1, 4, 29])) for n in least]
    task = Convolution(
        batch=draw(st.integers(1, 3)),
        channels=channels,
        spatial=tuple(spatial),
        filters=filters,
        kernel=tuple(kernel),
        stride=tuple(stride),
        padding=tuple(padding),
        gaps=(1,) * rank,
        dilation=tuple(dilation),
        groups=groups,
        channels_last=True,
    )
    options = draw(st.booleans()), draw(st.booleans()), draw(st.sampled_from(FINISHES))
    return task, *options, draw(st.integers(0, 2**16))


def drawn(task, biased, summed, seed):
    rng = np.random.default_rng(seed)
    shapes = [
        task.shape(task.channels, task.spatial),
        (task.filters, task.channels // task.groups, *task.kernel),
        (task.filters,) if biased else None,
        task.shape(task.filters, task.size) if summed else None,
    ]
    return [None if shape is None else rng.standard_normal(shape).astype(np.float32) for shape in shapes]


def wanted(task, x, weight, bias, added, finish):
    options = {
        "window_strides": task.stride,
        "padding": task.padding,
        "lhs_dilation": task.gaps,
        "rhs_dilation": task.dilation,
        "feature_group_count": task.groups,
    }
    y = np.moveaxis(reference(np.moveaxis(x, -1, 1), weight, options), 1, -1)
    y = y if bias is None else y + bias
    return finished(y if added is None else y + added, finish)


@needs_kernels
@given(cases())
def test_values(case):
    task, biased, summed, finish, seed = case
    arrays = drawn(task, biased, summed, seed)
    got = jax.jit(lambda *arrays: kernel(task, *arrays, finish))(*arrays)
    bound = 1e-5 * math.prod(arrays[1].shape[1:]) * max(1.5, abs(finish.slope))
    np.testing.assert_allclose(got, wanted(task, *arrays, finish), rtol=0, atol=bound)


@st.composite
def three_wide(draw):
    """Filters and channels of all remainders; tiles that reach out of the picture, inside and cut."""
    padding = tuple((draw(st.integers(-2, 3)), draw(st.integers(-2, 3))) for _ in range(2))
    spatial = tuple(
        max(3 - low - high, 3) + draw(st.sampled_from([0, 1, 2, 3, 6, 21])) for low, high in padding
    )
    once = (1, 1)
    groups = draw(st.sampled_from([1, 1, 3]))
    channels, filters = (groups * draw(st.sampled_from([1, 3, 4, 7, 8, 16, 19, 37])) for _ in range(2))
    task = Convolution(
        draw(st.integers(1, 3)), channels, spatial, filters, (3, 3), once, padding, once, once, groups, True
    )
    options = draw(st.booleans()), draw(st.booleans()), draw(st.sampled_from(FINISHES))
    return task, *options, draw(st.sampled_from([1, 5, 48])), draw(st.integers(0, 2**16))


@needs_kernels
@given(three_wide())
def test_winograd(case):
    """As many tiles together as memory is stated for, the last ones of a picture with the first ones of the next."""
    task, biased, summed, finish, together, seed = case
    arrays = drawn(task, biased, summed, seed)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kernels, "_MEMORY", 0)
        patched.setattr(kernels, "_LEAST_TILES", together)
        got = jax.jit(lambda *arrays: winograd_kernel(task, *arrays, finish))(*arrays)
    bound = 5e-5 * math.sqrt(task.channels) * max(1.5, abs(finish.slope))
    np.testing.assert_allclose(got, wanted(task, *arrays, finish), rtol=0, atol=bound)


@needs_kernels
@pytest.mark.parametrize("behind", [0, 3])
@pytest.mark.parametrize("form", [kernel, winograd_kernel])
@given(three_wide())
def test_into_an_array(form, behind, case):
    """The channels of the result change, and no others."""
    task, biased, _, finish, _, seed = case
    x, weight, bias, _ = drawn(task, biased, False, seed)
    place = Place(seed % 5, seed % 5 + task.filters + behind)
    array = (
        np.random.default_rng(seed).standard_normal(task.shape(place.channels, task.size)).astype(np.float32)
    )
    inside = slice(place.first, place.first + task.filters)
    placed = replace(finish, place=place)
    got = np.array(jax.jit(lambda *arrays: form(task, *arrays, placed))(x, weight, bias, array))
    alone = jax.jit(lambda *arrays: form(task, *arrays, None, finish))(x, weight, bias)
    np.testing.assert_allclose(
        got[..., inside], alone, rtol=0, atol=1e-6 * max(1, np.abs(alone).max(initial=0))
    )
    got[..., inside] = array[..., inside]
    np.testing.assert_array_equal(got, array)
    new = jax.jit(lambda *arrays: form(task, *arrays, None, placed))(x, weight, bias)
    assert new.shape == array.shape
    np.testing.assert_allclose(
        new[..., inside], alone, rtol=0, atol=1e-6 * max(1, np.abs(alone).max(initial=0))
    )


def square(channels=8, filters=5, size=9, groups=1, kernel=3):
    once = (1, 1)
    half = kernel // 2
    return Convolution(
        2,
        channels,
        (size, size),
        filters,
        (kernel, kernel),
        once,
        ((half, half),) * 2,
        once,
        once,
        groups,
        True,
    )


@needs_kernels
@pytest.mark.parametrize("channels", [1024, 2048])
def test_pixels_a_page_apart(channels):
    task = square(channels, filters=100, size=7, kernel=1)
    arrays = drawn(task, True, True, 0)
    got = jax.jit(lambda *arrays: kernel(task, *arrays, Finish()))(*arrays)
    np.testing.assert_allclose(got, wanted(task, *arrays, Finish()), rtol=0, atol=1e-3)


@needs_kernels
@pytest.mark.parametrize("groups", [1, 8])
def test_what_is_not_finite_stays_where_it_is(groups):
    task = square(filters=8, groups=groups)
    x, weight, *_ = drawn(task, False, False, 0)
    x[0, 4, 4] = np.inf
    x[1, 0, 0] = np.nan
    for finish in FINISHES:
        got = np.asarray(
            jax.jit(lambda x, w, finish=finish: kernel(task, x, w, None, None, finish))(x, weight)
        )
        assert np.isfinite(got[0, :3]).all()
        assert np.isfinite(got[1, 2:]).all()
        assert np.isnan(got[1, :2, :2]).all()
    assert not np.isfinite(np.asarray(kernel(task, x, weight, None, None, Finish()))[0, 3:6, 3:6]).any()


@needs_kernels
@pytest.mark.parametrize("finish", [Finish(), Finish(slope=0.1, high=2.0)])
@pytest.mark.parametrize(
    ("task", "recipes"),
    [
        (square(filters=8), ("kernel", "convolution")),
        (square(filters=8, groups=8), ("kernel", "shifted products")),
        (square(64, 64), ("Winograd kernel", "convolution")),
    ],
)
def test_derivatives_are_those_of_the_convolution_that_xla_knows(task, recipes, finish):
    arrays = drawn(task, True, True, 0)

    def energy(recipe):
        choices = Choices(kernels=recipe == recipes[0])
        assert choose(task, choices).name == recipe

        def computed(*arrays):
            from jaxdnn.lowering.recipes.table import compute

            return jnp.sum(jnp.square(compute(choices, task, *arrays, finish)))

        return jax.jit(jax.grad(computed, (0, 1, 2, 3)))(*arrays)

    for got, want in zip(*map(energy, recipes), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5 * np.abs(want).max() + 1e-3)


@needs_kernels
@pytest.mark.parametrize("form", [kernel, winograd_kernel])
def test_vmap(form):
    task = square()
    x, weight, *_ = drawn(task, False, False, 0)
    weights = jnp.stack([weight, -weight])
    got = jax.jit(jax.vmap(lambda w: form(task, x, w, None, None, Finish())))(weights)
    np.testing.assert_array_equal(got[0], -got[1])


@needs_kernels
@pytest.mark.parametrize(
    ("task", "recipe"),
    [
        (square(), "kernel"),
        (square(groups=8, filters=8), "kernel"),
        (square(WIDE, 64), "Winograd kernel"),
        (square(WIDE - 1, 128), "kernel"),
        (square(WIDE, 63), "kernel"),
        (square(64, 64, 4), "kernel"),
        (square(64, 64, 5), "kernel"),
        (square(64, 64, 7), "Winograd kernel"),
        (square(64, 64).replace(stride=(1, 2)), "kernel"),
        (square(128, 128, groups=2), "Winograd kernel"),
        (square(2 * WIDE - 2, 128, groups=2), "kernel"),
        (square().replace(gaps=(2, 2)), "phases"),
        (square().replace(channels_last=False), "convolution"),
        (square().replace(channels=0), "convolution"),
    ],
)
def test_the_table(task, recipe):
    assert choose(task, Choices()).name == recipe
    assert not choose(task, Choices(kernels=False)).native
    assert "Winograd" not in choose(task, Choices(exact=True)).name


@needs_kernels
def test_float64_has_no_kernels():
    x, weight = np.ones((1, 4, 4, 2)), np.ones((3, 2, 1, 1))
    options = {
        "window_strides": (1, 1),
        "padding": ((0, 0),) * 2,
        "rhs_dilation": (1, 1),
        "feature_group_count": 1,
    }
    from jaxdnn.lowering.recipes import convolve

    call = partial(convolve, **options, dimension_numbers=("NHWC", "OIHW", "NHWC"))
    with jax.enable_x64(True):
        text = jit_for("cpu", call).lower(jnp.asarray(x), jnp.asarray(weight)).as_text()
    assert "custom_call" not in text
    assert (
        "custom_call"
        in jit_for("cpu", call).lower(*(jnp.asarray(a, jnp.float32) for a in (x, weight))).as_text()
    )


def test_names_are_those_of_the_convolution_alone():
    """Tuning and caches find a convolution whatever follows it."""
    assert name_of(square()) == "2,9,9,8; 3,3,5; 1,1; 1,1,1,1; 1,1; 1,1; 1"


@pytest.mark.parametrize(
    ("layer", "finish"),
    [
        (Relu(), Finish(low=0.0)),
        (Relu(negative_slope=0.1), Finish(slope=0.1)),
        (Clip(floor=0, ceiling=6), Finish(low=0, high=6)),
        (Clip(floor=1, ceiling=0), None),
        (Swish(beta=2.0), Finish(curve="swish", beta=2.0)),
        (Mish(), Finish(curve="mish")),
        (HardSwish(), Finish(curve="hard swish")),
        (Sigmoid(), None),
    ],
)
def test_activations_that_finish(layer, finish):
    assert Finish.of(layer) == finish
    if finish is not None:
        y = np.linspace(-9, 9, 91, dtype=np.float32)
        np.testing.assert_allclose(finish(jnp.asarray(y)), run(layer, y), rtol=1e-6, atol=1e-6)


@needs_kernels
@pytest.mark.parametrize("finish", [finish for finish in FINISHES if finish.curve])
@pytest.mark.parametrize("channels", [37, 64])
def test_curves_over_all_sizes(finish, channels):
    """To 1e-6 of the value, from where exponentials are zero to where they are infinite; vectors and what is left."""
    y = np.concatenate([[0, -0.0], *(sign * np.geomspace(1e-6, 300, 400) for sign in (1, -1))])
    y = np.resize(y, (1, 30, 30, channels)).astype(np.float32)
    for groups in (1, channels):
        task = square(channels, channels, 30, groups, kernel=1).replace(batch=1)
        weight = (
            np.ones((channels, 1, 1, 1)) if groups > 1 else np.eye(channels).reshape(channels, channels, 1, 1)
        )
        got = kernel(task, jnp.asarray(y), jnp.asarray(weight, jnp.float32), None, None, finish)
        want = BENT[finish.curve](y.astype(np.float64), finish.beta)
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-12)
