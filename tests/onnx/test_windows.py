"""Convolutions and pools of all attributes in ONNX Runtime, against the nets that hold them."""

import numpy as np
import onnx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import jaxdnn
from jaxdnn.layers.binary_convolution import BinaryConv
from jaxdnn.layers.convolution import Conv, ConvTranspose, Im2Col
from jaxdnn.layers.normalization import BatchNorm, LocalResponseNorm
from jaxdnn.layers.pooling import MaxUnpool, Pool, SpatialPyramidPool
from support.layer import net_of
from support.onnx_runtime import check, operators, run

rng = np.random.default_rng(3)
FEW = settings(max_examples=8)
"""Each example is a net that is compiled for two batches."""


def noise(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def net_with_weights(layer, *inputs, outputs=1):
    shapes = layer.param_shapes(*(x.shape for x in inputs))
    return net_of(layer, *inputs, outputs=outputs, **{slot: noise(*shape) for slot, shape in shapes.items()})


def compare(layer, *inputs, outputs=1, **options):
    try:
        net = net_with_weights(layer, *inputs, outputs=outputs)
    except jaxdnn.JaxdnnError:
        assume(False)
    return check(net, {f"x{i}": x for i, x in enumerate(inputs)}, **options)


@st.composite
def windows(draw, *, channels=4):
    """Attributes of a window, and an input that may have its channels anywhere."""
    rank = draw(st.integers(1, 3))

    def axes(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    words = st.sampled_from(["same_upper", "same_lower"])
    pairs = st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * rank)
    attributes = {
        "kernel": axes(1, 3),
        "stride": axes(1, 3),
        "dilation": axes(1, 2),
        "padding": draw(st.one_of(words, pairs)),
    }
    spatial = axes(5, 8)
    placed = draw(st.sampled_from([{}, {"axis": 0}, {"axis": 2}, {"channels_last": True}]))
    batch = {0: (), 2: (2, 3)}.get(placed.get("axis", 1), (2,))
    x = noise(*batch, *spatial, channels) if "channels_last" in placed else noise(*batch, channels, *spatial)
    return {**attributes, **placed}, x


@FEW
@given(windows(), st.sampled_from([1, 2, 4]), st.booleans())
def test_conv(window, groups, bias):
    attributes, x = window
    compare(Conv(filters=8, groups=groups, bias=bias, **attributes), x)


@FEW
@given(windows(), st.sampled_from([1, 2]), st.integers(0, 3), st.booleans())
def test_conv_transpose(window, groups, extra, bias):
    attributes, x = window
    output = {} if isinstance(attributes["padding"], str) else {"output_padding": extra}
    compare(ConvTranspose(filters=6, groups=groups, bias=bias, **output, **attributes), x)


@FEW
@given(windows())
def test_im2col(window):
    attributes, x = window
    compare(Im2Col(**attributes), x)


def test_windows_without_spatial_axes():
    compare(Conv(filters=5, kernel=()), noise(3, 4))
    compare(ConvTranspose(filters=5, kernel=()), noise(3, 4))


def test_a_weight_that_is_an_input():
    net = net_of(Conv(filters=None, kernel=None, padding=1, bias=False), noise(2, 3, 5, 5), noise(4, 3, 3, 3))
    check(net, {"x0": noise(2, 3, 5, 5), "x1": noise(4, 3, 3, 3)})


@FEW
@given(
    windows(),
    st.sampled_from(["max", "sum", "average", "stochastic"]),
    st.sampled_from(["floor", "ceil", "ceil_inside", "ceil_clip"]),
    st.sampled_from(["padded", "valid", "window"]),
)
def test_pool(window, statistic, rounding, divisor):
    attributes, x = window
    layer = Pool(statistic=statistic, rounding=rounding, divisor=divisor, **attributes)
    covered = (
        all((each.cells(padded=divisor == "padded") > 0).all() for each in layer.windows(x.shape))
        if fits(layer, x)
        else False
    )
    assume(statistic != "average" or covered)
    compare(layer, np.abs(x), opset=19)


def fits(layer, x):
    try:
        layer.windows(x.shape)
    except jaxdnn.ShapeError:
        return False
    return True


@FEW
@given(windows(), st.sampled_from(["plane", "sample", "batch"]))
def test_pool_with_indices(window, index_of):
    attributes, x = window
    layer = Pool(statistic="max", rounding="floor", indices=True, index_of=index_of, **attributes)
    compare(layer, x, outputs=2)


def test_pools_of_the_whole_plane_are_global():
    x = noise(2, 3, 4, 5)
    for statistic, operator in (("max", "GlobalMaxPool"), ("average", "GlobalAveragePool")):
        assert operators(compare(Pool(statistic=statistic, kernel=None), x)) == {operator}


def test_a_window_behind_the_end_yields_the_lowest_number():
    layer = Pool(statistic="max", kernel=1, stride=3, rounding="ceil")
    assert "Pad" in operators(compare(layer, noise(1, 2, 5, 5)))


@pytest.mark.parametrize("divisor", ["padded", "window"])
def test_an_average_behind_the_end(divisor):
    """Caffe divides nothing by no cells there."""
    layer = Pool(statistic="average", kernel=2, stride=3, rounding="ceil_clip", divisor=divisor)
    compare(layer, noise(1, 2, 9, 10))


@pytest.mark.parametrize("levels", [1, 3])
@pytest.mark.parametrize("statistic", ["max", "average"])
def test_pyramid(levels, statistic):
    compare(SpatialPyramidPool(levels=levels, statistic=statistic), noise(2, 3, 9, 7))


def test_unpool_drops_what_lies_outside_and_keeps_the_last():
    x = noise(2, 3, 2, 2)
    indices = rng.integers(-2, 18, x.shape).astype(np.float32)
    net = net_of(MaxUnpool(size=4), x, indices)
    check(net, {"x0": x, "x1": indices})


@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("size", [3, 4])
@pytest.mark.parametrize("region", ["across_channels", "within_channel"])
def test_local_response_norm(region, size, average):
    layer = LocalResponseNorm(size=size, alpha=0.3, beta=0.6, bias=1.5, region=region, average=average)
    compare(layer, noise(2, 7, 6, 5))


@pytest.mark.parametrize(("shape", "axis"), [((3, 4), 1), ((2, 4, 5, 5), 1), ((2, 5, 5, 4), 3), ((4,), 1)])
@pytest.mark.parametrize("statistics", [False, True])
def test_batch_norm(shape, axis, statistics):
    x = noise(*shape)
    layer = BatchNorm(scale=True, bias=True, axis=axis, use_batch_statistics=statistics)
    shapes = layer.param_shapes(x.shape)
    net = net_of(layer, x, **{slot: np.abs(noise(*sizes)) for slot, sizes in shapes.items()})
    model = net.to_onnx(batch=shape[0])
    np.testing.assert_allclose(run(model, {"x0": x})["y0"], net(x)["y0"], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("attributes", "shape"),
    [
        ({"kernel": 3, "padding": 1}, (2, 4, 5, 6)),
        ({"kernel": 3, "padding": 1}, (1, 4, 1, 2)),
        ({"kernel": 3, "padding": 1, "binary_input": False}, (2, 4, 5, 6)),
        ({"kernel": (2, 3), "stride": 2, "groups": 2, "bias": False}, (1, 4, 7, 6)),
        ({"kernel": 3, "channels_last": True, "padding": 2, "dilation": 2}, (1, 6, 5, 4)),
        ({"kernel": ()}, (3, 4)),
    ],
    ids=str,
)
def test_binary_convolutions_hold_weights_of_two_magnitudes(attributes, shape):
    model = compare(BinaryConv(filters=4, **attributes), noise(*shape))
    assert operators(model).isdisjoint({"Abs", "ReduceMean", "ReduceSum", "Div"})
    weight = next(
        array for array in map(onnx.numpy_helper.to_array, model.graph.initializer) if array.ndim > 1
    )
    assert len(np.unique(np.abs(weight))) == 4
