"""Layers on large numbers and many elements in half types, against the same inputs in float32.

What a layer yields may differ by the rounding of the half type where the result is of that type, and hardly at all
where the layer is an island. Each island overflows, stalls or loses its places if it is computed in a half type.
"""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdnn.layers.activation import Gelu, GroupedSoftmax, HardSwish, LogSoftmax, Softmax, Softplus, Swish
from jaxdnn.layers.arithmetic import Accumulate, Binary
from jaxdnn.layers.elementwise import Axpy, Eltwise, Power, Sqrt, Square, WeightedSum
from jaxdnn.layers.indexing import ScatterNd, TopK
from jaxdnn.layers.lists import ListPush
from jaxdnn.layers.normalization import BatchNorm, Bias, LocalResponseNorm, MeanVarianceNorm, Normalize, Scale
from jaxdnn.layers.optical_flow import ChannelNorm, Correlation, FlowWarp, SubtractMean
from jaxdnn.layers.pooling import Pool, SpatialPyramidPool
from jaxdnn.layers.reduction import Reduce
from jaxdnn.layers.resize import CropAndResize, Interp, Resize
from jaxdnn.layers.roi import PsRoiPool, RoiAlign, RoiPool
from jaxdnn.layers.suppression import NonMaxSuppression
from jaxdnn.layers.yolo import YoloDecode
from support.layer import net_of


def noise(*shape, scale=1000.0, seed=0):
    """Return numbers up to about four times the scale."""
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


def positive(*shape, scale=1000.0):
    return np.abs(noise(*shape, scale=scale)) + np.float32(1)


IMAGE = noise(1, 8, 40, 40)
REGIONS = np.float32([[0, 33, 17, 601, 559], [0, 250.3, 4.7, 380.2, 300.4], [0, 0, 0, 639, 639]])
BOXES = np.float32([[0.013, 0.027, 0.713, 0.911], [0.2501, 0.1, 0.2999, 0.977]])
CLOSE = np.float32([[600, 600, 640, 640], [601, 600, 641, 640], [600, 603, 640, 643], [300, 300, 310, 310]])
"""Boxes whose edges bfloat16 cannot tell apart."""

ISLANDS = {
    "sum": (Reduce(operation="sum", axes=(1,)), positive(1, 5000)),
    "mean": (Reduce(operation="mean", axes=(1,)), positive(1, 5000)),
    "sum of squares": (Reduce(operation="square_sum", axes=(1,)), noise(1, 5000)),
    "cumulative sum": (Accumulate(operation="sum", axis=1), positive(1, 3000)),
    "L1 norm": (Normalize(order=1, scale="none"), IMAGE),
    "L2 norm": (Normalize(order=2, scale="none"), IMAGE),
    "distance": (Binary(function="squared_difference"), noise(9, 9), noise(9, 9, seed=1)),
    "product": (Binary(function="multiply"), noise(9, 9), noise(9, 9, seed=1)),
    "mask": (Binary(function="multiply"), np.zeros((2, 2), np.float32), np.full((2, 2), -1e9, np.float32)),
    "least divisor": (Binary(function="maximum"), np.zeros(2, np.float32), np.full(2, 1e-12, np.float32)),
    "layer norm": (MeanVarianceNorm(), IMAGE),
    "batch statistics": (BatchNorm(use_batch_statistics=True), IMAGE),
    "LRN": (LocalResponseNorm(), IMAGE),
    "LRN in the plane": (LocalResponseNorm(region="within_channel", size=3), IMAGE),
    "softmax": (Softmax(axis=1), noise(1, 5000, scale=10)),
    "log softmax": (LogSoftmax(axis=1), noise(1, 5000, scale=10)),
    "grouped softmax": (GroupedSoftmax(groups=(2000, 3000), axis=1), noise(1, 5000, scale=10)),
    "softplus": (Softplus(), noise(50)),
    "power": (Power(power=2.0), noise(50)),
    "square": (Square(), noise(50)),
    "square root": (Sqrt(), positive(50, scale=1e6)),
    "Eltwise, product": (Eltwise(operation="product"), noise(9), noise(9, seed=1)),
    "Eltwise, division": (Eltwise(operation="division"), noise(9), np.full(9, 1e-4, np.float32)),
    "average pool": (Pool(statistic="average", kernel=40), IMAGE),
    "pyramid of averages": (SpatialPyramidPool(statistic="average", levels=2), IMAGE),
    "correlation": (
        Correlation(vertical=(0,), horizontal=(-1, 0, 1), margin=(1, 1)),
        noise(1, 300, 6, 6),
        noise(1, 300, 6, 6, seed=1),
    ),
    "flow": (FlowWarp(), noise(1, 1, 4, 600), noise(1, 2, 4, 600, scale=100)),
    "length of a flow": (ChannelNorm(), noise(1, 100, 3, 3)),
    "ROI pool": (RoiPool(output=(3, 3), spatial_scale=1 / 16), IMAGE, REGIONS),
    "ROI align": (RoiAlign(output=(3, 3), spatial_scale=1 / 16), IMAGE, REGIONS),
    "position-sensitive ROI pool": (PsRoiPool(channels=2, groups=2, spatial_scale=1 / 16), IMAGE, REGIONS),
    "crops": (CropAndResize(size=(5, 5), axes=(2, 3)), IMAGE, BOXES, np.int32([0, 0])),
    "YOLO": (YoloDecode(anchors=((116.0, 90.0),), classes=3), noise(1, 8, 30, 30, scale=2)),
    "rows into one": (ScatterNd(shape=(2,)), np.zeros((3000, 1), np.int32), np.ones(3000, np.float32)),
    "list": (ListPush(), noise(3, 4), noise(4)),
    "weights": (WeightedSum(normalization="softmax"), noise(1, 3), noise(1, 3, seed=1)),
}
HALVES = {
    "GELU": (Gelu(), noise(2000, scale=100)),
    "Swish": (Swish(), noise(2000)),
    "HardSwish": (HardSwish(), noise(2000)),
    "Axpy": (Axpy(), noise(1, 8, 1, 1, scale=4), IMAGE, IMAGE),
    "scale": (Scale(bias=True), IMAGE),
    "shift": (Bias(), IMAGE),
    "max pool": (Pool(statistic="max", kernel=3, stride=2), IMAGE),
    "pyramid of maxima": (SpatialPyramidPool(levels=3), IMAGE),
    "mean pixel": (SubtractMean(constant=(104.0, 117.0, 123.0)), noise(1, 3, 8, 8, scale=100)),
    "Interp": (Interp(zoom=3), noise(1, 2, 5, 700)),
    "bilinear": (Resize(size=(9, 1777), mode="linear"), noise(1, 2, 5, 700)),
    "nearest": (Resize(size=(9, 5000), mode="nearest"), noise(1, 2, 5, 700)),
    "cubic": (Resize(size=(9, 1777), mode="cubic"), noise(1, 2, 5, 700)),
}


def difference(layer, inputs, half):
    """Return how far a layer's first output in a half type is from float32's, relative to the largest element."""
    shapes = layer.param_shapes(*(x.shape for x in inputs))
    weights = {slot: in_half(noise(*shape, scale=1), half) for slot, shape in shapes.items()}
    net = net_of(layer, *inputs, **weights)
    feeds = {f"x{i}": x for i, x in enumerate(inputs)}
    want, got = (np.asarray(n(feeds)["y0"], np.float64) for n in (net, net.replace(policy=f"mixed_{half}")))
    assert np.isfinite(want).all()
    return float(np.abs(got - want).max() / max(np.abs(want).max(), 1e-30))


def in_half(array, half):
    return np.asarray(jnp.asarray(array).astype(half).astype(jnp.float32))


halves = pytest.mark.parametrize("half", ["float16", "bfloat16"])


@halves
@pytest.mark.parametrize("case", ISLANDS)
def test_islands_lose_nothing(case, half):
    layer, *inputs = ISLANDS[case]
    assert difference(layer, inputs, half) <= 1e-6


@halves
@pytest.mark.parametrize("case", HALVES)
def test_halves_lose_what_a_few_roundings_lose(case, half):
    layer, *inputs = HALVES[case]
    inputs = [in_half(x, half) for x in inputs]  # what is rounded before is not the layer's error
    assert difference(layer, inputs, half) <= 3 * float(jnp.finfo(half).eps)


@halves
def test_suppression_sees_edges_that_lie_close(half):
    scores = np.float32([0.9, 0.8995, 0.8, 0.7])
    layer = NonMaxSuppression(count=4, overlap_threshold=0.9, pad=True)
    net = net_of(layer, CLOSE, scores, outputs=3).replace(policy=f"mixed_{half}")
    got = net({"x0": CLOSE, "x1": scores})
    np.testing.assert_array_equal(got["y0"][: int(got["y2"])], [0, 2, 3])


@halves
def test_the_largest_of_what_an_island_gives(half):
    x = np.float32([[1, 1.0001, 0.9999]])  # equal in half types
    got = net_of(TopK(count=3), x, outputs=2).replace(policy=f"mixed_{half}")(x)
    np.testing.assert_array_equal(got["y1"], [[1, 0, 2]])
