"""Channels last: the same numbers as in the order of axes that layers state."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdnn.layers.activation import PRelu, Relu, Softmax
from jaxdnn.layers.arithmetic import Binary, Select
from jaxdnn.layers.convolution import Conv, ConvTranspose
from jaxdnn.layers.elementwise import Eltwise, WeightedSum
from jaxdnn.layers.normalization import Bias, LocalResponseNorm, Normalize, Scale
from jaxdnn.layers.pooling import Pool
from jaxdnn.layers.reduction import Reduce
from jaxdnn.layers.resize import Interp, Resize
from jaxdnn.layers.shape import Concat, DepthToSpace, Flatten, Pad, ShuffleChannel, Slice, SpaceToDepth
from jaxdnn.lowering.layout import ChannelsLast, channels_last, given, logical, taken
from jaxdnn.lowering.registry import LOWERINGS
from support.case import image, noise, positive
from support.matrix import CASES


def last(x):
    return ChannelsLast(jnp.moveaxis(jnp.asarray(x), 1, -1))


def weights_of(layer, inputs):
    shapes = layer.param_shapes(*(np.shape(x) for x in inputs))
    return {slot: jnp.asarray(positive(*shape, seed=i)) for i, (slot, shape) in enumerate(shapes.items())}


def compare(layer, *inputs, moved=None):
    """Compare a layer with the one that takes those inputs channels last that are marked as moved, by default all."""
    function, weights = LOWERINGS[type(layer)].function, weights_of(layer, inputs)
    moved = moved or (True,) * len(inputs)
    arguments = tuple(last(x) if each else jnp.asarray(x) for x, each in zip(inputs, moved, strict=True))
    relaid = channels_last(layer, arguments)
    assert relaid is not None, layer
    other, arrays, wrap = relaid
    got, want = function(other, weights, *arrays), function(layer, weights, *map(jnp.asarray, inputs))
    results = zip(*(r if isinstance(r, tuple) else (r,) for r in (got, want)), strict=True)
    kinds = set()
    for y, expected in results:
        y = wrap(y)
        kinds.add(type(y))
        np.testing.assert_allclose(logical(y), expected, rtol=2e-5, atol=2e-6)
    return kinds


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.feature)
def test_every_layer_that_takes_it(case):
    images = [np.ndim(x) >= 3 and np.asarray(x).dtype.kind == "f" for x in case.inputs]
    if not any(images) or case.sequence or case.known:
        return
    arguments = tuple(last(x) if each else x for x, each in zip(case.inputs, images, strict=True))
    if channels_last(case.layer, arguments) is not None:
        compare(case.layer, *case.inputs, moved=images)


X = image()


@pytest.mark.parametrize(
    "layer",
    [
        *(Concat(axis=axis) for axis in (0, 1, 2, 3, -1, -3)),
        *(Slice(parts=2, axis=axis) for axis in (0, 1, 2, -1)),
        *(Softmax(axis=axis) for axis in (1, 2, -1)),
        *(PRelu(axis=axis) for axis in (1, 3)),
        *(Scale(axis=axis, bias=True) for axis in (0, 1, 2, 3)),
        *(Bias(axis=axis) for axis in (1, -3)),
        *(Reduce(axes=axes, keepdims=True) for axes in ((0,), (1,), (2, 3), (-1,), (1, 3), (0, 1, 2, 3))),
        *(Reduce(axes=axes) for axes in ((1,), (2, 3), (1, 2), (3, 2, 0))),
        LocalResponseNorm(size=3, left_out=1),
        *(Normalize(order=order, scale="channel") for order in (1, 2)),
        Resize(axes=(3, 2), size=(5, 9)),
        Resize(axes=(1, 2, 3), scale=(2.0, 0.5, 1.5), mode="nearest"),
        Interp(zoom=2),
        Pad(before=(1, 2), after=(0, -1), axis=2),
        Pad(before=(1, 0, 2, 3), after=(1, 2, 0, 1), mode="edge"),
        Pad(before=(1, 2), after=(2, 0), axes=(-1, 1), mode="reflect"),
        ShuffleChannel(groups=2),
        SpaceToDepth(block=2),
        *(DepthToSpace(block=2, order=order) for order in ("block_first", "channel_first")),
        Pool(kernel=(2, 3), stride=(2, 1), padding=(0, 1), statistic="average"),
        Conv(filters=4, kernel=(3, 2), stride=(1, 2), padding=((1, 0), (0, 2)), groups=2),
        ConvTranspose(filters=4, kernel=3, stride=(2, 1), groups=2),
    ],
    ids=str,
)
def test_axes(layer):
    x = noise(2, 4, 8, 6)
    assert compare(layer, x) == {ChannelsLast} or isinstance(layer, Reduce)


@pytest.mark.parametrize("shape", [(2, 4, 8, 6), (1, 4, 1, 1), (4, 1, 1), (8, 1), (6,), (), (1, 1, 1, 6)])
@pytest.mark.parametrize("first", [True, False])
def test_what_is_broadcast(shape, first):
    inputs, moved = (noise(2, 4, 8, 6), noise(*shape, seed=1)), (True, False)
    compare(
        Binary(function="subtract"),
        *(inputs if first else inputs[::-1]),
        moved=moved if first else moved[::-1],
    )


def test_several_inputs():
    x, y, z = (noise(2, 4, 8, 6, seed=seed) for seed in range(3))
    compare(Eltwise(operation="sum", coefficients=(1.0, -2.0, 0.5)), x, y, z, moved=(True, False, True))
    compare(WeightedSum(), x, y, moved=(False, True))
    compare(Select(), x > 0, y, z, moved=(False, True, False))
    compare(Resize(size=None, mode="nearest"), x, noise(1, 1, 5, 4), moved=(True, False))


@pytest.mark.parametrize("shape", [(2, 4, 9), (2, 4, 3, 5, 4)])
def test_other_numbers_of_spatial_axes(shape):
    x = noise(*shape)
    rank = len(shape) - 2
    compare(Conv(filters=3, kernel=(3,) * rank, padding=1), x)
    compare(Pool(statistic="max", kernel=(2,) * rank), x)
    compare(Relu(), x)
    compare(Concat(), x, x)


@pytest.mark.parametrize(
    ("layer", "inputs"),
    [
        (Flatten(), (X,)),
        (Pool(statistic="max", kernel=2, indices=True), (X,)),
        (Pool(statistic="max", kernel=2, axis=0), (X,)),
        (Scale(num_axes=2), (X,)),
        (LocalResponseNorm(region="within_channel"), (X,)),
        (Normalize(across_spatial=True), (X,)),
        (Softmax(later_axes=True), (X,)),
        (Reduce(axes=(2,)), (X,)),
        (Reduce(), (X,)),
        (Select(rows=True), (X, X, X)),
        (Binary(function="add"), (X, noise(2, 2, 4, 8, 6))),
        (Concat(), (X, noise(3, 4, 2))),
    ],
    ids=lambda value: str(value) if not isinstance(value, tuple) else "",
)
def test_layers_that_are_computed_as_they_are(layer, inputs):
    assert channels_last(layer, (last(inputs[0]), *inputs[1:])) is None


def test_only_windows_begin_it():
    assert channels_last(Relu(), (jnp.asarray(X),)) is None
    assert channels_last(Conv(filters=1, kernel=1), (jnp.asarray(X),)) is not None
    assert channels_last(Conv(filters=1, kernel=1, channels_last=True), (jnp.asarray(X),)) is None
    assert channels_last(Conv(filters=1, kernel=1), (X,)) is None, "constants stay constants"


def test_a_weight_that_is_an_input_stays_in_its_order():
    x, weight = noise(2, 4, 8, 6), noise(3, 4, 3, 2)
    compare(Conv(filters=None, kernel=None, padding=1, bias=False), x, weight, moved=(True, False))


def test_an_input_is_taken_as_its_windows_read_it():
    x = jnp.asarray(X)
    for layers in ([Conv(filters=2, kernel=1)], [Relu(), Pool(statistic="max", kernel=2)]):
        image = taken(x, layers)
        assert isinstance(image, ChannelsLast)
        np.testing.assert_array_equal(logical(image), x)
        np.testing.assert_array_equal(given(image), x)
    for layers in ([], [Relu()], [Conv(filters=2, kernel=1, channels_last=True), Eltwise()]):
        assert taken(x, layers) is x
    assert taken(x[0], [Conv(filters=2, kernel=1)]).ndim == 3
    assert isinstance(taken(X, [Conv(filters=2, kernel=1)]), np.ndarray)
