"""Interpolation against numpy.interp, OpenCV, and loops over the formulas."""

import itertools
import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.ir import Graph, Model, Node, Source, Value
from jaxdnn.layers.pooling import Pool
from jaxdnn.layers.resize import CropAndResize, Interp, Resample, Resize
from jaxdnn.net import Net
from support.layer import assert_close, run

sizes = st.integers(1, 7)


def random(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def reference_positions(coordinates, size, out, scale=None):
    i, step = np.arange(out), size / out if scale is None else 1 / scale
    if coordinates == "align_corners":
        return i * (size - 1) / max(out - 1, 1)
    return (i + 0.5) * step - 0.5 if coordinates == "half_pixel" else i * step


def reference_linear(x, axis, positions):
    """numpy.interp continues the outermost elements, as the layers do."""
    return np.apply_along_axis(lambda line: np.interp(positions, np.arange(len(line)), line), axis, x)


@given(sizes, sizes, sizes, sizes, st.sampled_from(["asymmetric", "half_pixel", "align_corners"]))
def test_linear(h, w, out_h, out_w, coordinates):
    x = random(2, 3, h, w)
    want = reference_linear(x, 2, reference_positions(coordinates, h, out_h))
    want = reference_linear(want, 3, reference_positions(coordinates, w, out_w))
    assert_close(run(Resize(size=(out_h, out_w), coordinates=coordinates), x), want)
    reference = np.zeros((1, 1, out_h, out_w), np.float32)
    assert_close(run(Resize(coordinates=coordinates), x, reference), want)


@given(sizes, st.floats(0.5, 3.5), st.sampled_from(["asymmetric", "half_pixel", "align_corners"]))
def test_scale_of_one_axis(size, scale, coordinates):
    scale = float(np.float32(scale))
    x, out = random(2, size, 2), max(1, int(np.float32(size) * np.float32(scale)))
    want = reference_linear(x, 1, reference_positions(coordinates, size, out, scale))
    if size * scale < 1:
        with pytest.raises(ShapeError, match="nothing left"):
            run(Resize(axes=(1,), scale=(scale,), coordinates=coordinates), x)
    else:
        assert_close(run(Resize(axes=(1,), scale=(scale,), coordinates=coordinates), x), want)


@given(sizes, sizes, sizes, sizes)
def test_half_pixel_is_opencv(h, w, out_h, out_w):
    x = random(h, w)
    want = cv2.resize(x, (out_w, out_h), interpolation=cv2.INTER_LINEAR)
    assert_close(run(Resize(axes=(0, 1), size=(out_h, out_w)), x), want)


@given(sizes, sizes, st.integers(1, 60))
def test_nearest_repeats(h, w, factor):
    x = random(1, 2, h, w)
    layer = Resize(scale=(factor, factor), mode="nearest", coordinates="asymmetric")
    np.testing.assert_array_equal(run(layer, x), x.repeat(factor, 2).repeat(factor, 3))


@pytest.mark.parametrize(
    ("rounding", "want"),
    [
        ("floor", [0, 0, 1, 1, 2, 2]),
        ("ceil", [0, 1, 1, 2, 2, 2]),
        ("half_up", [0, 1, 1, 2, 2, 2]),
        ("half_down", [0, 0, 1, 1, 2, 2]),
    ],
)
def test_rounding_of_halves(rounding, want):
    layer = Resize(axes=(0,), size=(6,), mode="nearest", coordinates="asymmetric", rounding=rounding)
    np.testing.assert_array_equal(run(layer, np.arange(3, dtype=np.float32)), want)


def test_integers_are_mixed_as_floats_and_taken_as_they_are():
    x = np.int32([0, 1])
    np.testing.assert_array_equal(run(Resize(axes=(0,), size=(4,)), x), [0, 0.25, 0.75, 1])
    assert run(Resize(axes=(0,), size=(4,), mode="nearest"), x).dtype == np.int32


@given(sizes, sizes, st.integers(1, 3), st.integers(1, 4))
def test_interp(h, w, shrink, zoom):
    x = random(2, 2, h, w)
    out = [(n - 1) // shrink + 1 for n in (h, w)]
    out = [n + (n - 1) * (zoom - 1) for n in out]
    want = reference_linear(x, 2, np.linspace(0, h - 1, out[0]) if out[0] > 1 else [0])
    want = reference_linear(want, 3, np.linspace(0, w - 1, out[1]) if out[1] > 1 else [0])
    assert_close(run(Interp(shrink=shrink, zoom=zoom), x), want)


def reference_resample(x, size, mode, antialias):
    """Loop over both axes at once, as the original does."""
    (h, w), f = x.shape, [np.float32(a / b) for a, b in zip(x.shape, size, strict=True)]
    antialias = antialias and max(f) > 1
    a = [1 / v if antialias else 1 for v in f]
    reach = [2 if v < 1 else math.ceil((4 if mode == "cubic" else 2) / b) for v, b in zip(f, a, strict=True)]

    def kernel(d):
        d = abs(d)
        if mode == "linear":
            return max(0, 1 - d)
        if d <= 1:
            return 1.5 * d**3 - 2.5 * d**2 + 1
        return -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2 if d < 2 else 0

    y = np.zeros(size)
    for i, j in itertools.product(*map(range, size)):
        p = (i * f[0] + f[1] / 2 - 0.5, j * f[1] + f[0] / 2 - 0.5)
        c = [int(math.copysign(math.floor(abs(v) + 0.5), v)) for v in p]
        if mode == "nearest":
            y[i, j] = x[min(c[0], h - 1), min(c[1], w - 1)]
            continue
        total = weights = 0
        for k, m in itertools.product(range(h), range(w)):
            if abs(k - c[0]) <= reach[0] and abs(m - c[1]) <= reach[1]:
                weight = kernel(a[0] * (p[0] - k)) * kernel(a[1] * (p[1] - m))
                total, weights = total + weight * x[k, m], weights + weight
        y[i, j] = total / weights if weights else 0
    return y


@given(
    sizes,
    sizes,
    st.sampled_from([(1, 1), (2, 2), (4, 4), (0.5, 0.5), (2, 0.5), (1.5, 1)]),
    st.sampled_from(["nearest", "linear", "cubic"]),
    st.booleans(),
)
def test_resample(h, w, factors, mode, antialias):
    size = (max(1, int(h * factors[0])), max(1, int(w * factors[1])))
    x = random(h, w)
    want = reference_resample(x, size, mode, antialias)
    layer = Resample(size=size, mode=mode, antialias=antialias, axes=(0, 1))
    assert_close(run(layer, x), want, 1e-4)
    by_reference = Resample(mode=mode, antialias=antialias, axes=(0, 1))
    assert_close(run(by_reference, x, np.zeros(size, np.float32)), want, 1e-4)


def reference_crop_and_resize(images, boxes, index, size, mode, outside):
    h, w = images.shape[2:]
    y = np.full((len(boxes), images.shape[1], *size), outside, np.float64)
    for n, i, j in itertools.product(range(len(boxes)), *map(range, size)):
        p = []
        for k, (axis, count) in enumerate(((h, size[0]), (w, size[1]))):
            first, last = boxes[n, k], boxes[n, 2 + k]
            step = (last - first) * (axis - 1) / (count - 1) if count > 1 else 0
            p.append(first * (axis - 1) + (i, j)[k] * step if count > 1 else (first + last) / 2 * (axis - 1))
        if not (0 <= p[0] <= h - 1 and 0 <= p[1] <= w - 1):
            continue
        image = images[index[n]]
        if mode == "nearest":
            y[n, :, i, j] = image[:, math.floor(p[0] + 0.5), math.floor(p[1] + 0.5)]
        else:
            line = reference_linear(image, 2, [p[1]])
            y[n, :, i, j] = reference_linear(line, 1, [p[0]])[:, 0, 0]
    return y


# Boxes in multiples of 1/64 and steps divided by 1, 2 or 4 are exact in float32, so that both sides agree on
# what lies outside.
counts = st.sampled_from([1, 2, 3, 5])


@settings(max_examples=12)
@given(sizes, sizes, counts, counts, st.sampled_from(["linear", "nearest"]), st.booleans())
def test_crop_and_resize(h, w, out_h, out_w, mode, channels_last):
    rng = np.random.default_rng(h * w + out_h)
    images = random(2, 3, h, w)
    boxes = (rng.integers(-16, 80, (5, 4)) / 64).astype(np.float32)
    index = rng.integers(0, 2, 5)
    want = reference_crop_and_resize(images, boxes, index, (out_h, out_w), mode, -7)
    axes = (2, 3)
    if channels_last:
        images, want, axes = np.moveaxis(images, 1, 3), np.moveaxis(want, 1, 3), (1, 2)
    layer = CropAndResize(size=(out_h, out_w), axes=axes, mode=mode, extrapolation=-7.0)
    assert_close(run(layer, images, boxes, index.astype(np.float32)), want)


def test_crop_and_resize_by_hand():
    images = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
    boxes = np.float32([[0, 0, 1, 1], [1, 1, 0, 0], [0, 0.5, 2, 0.5]])
    got = run(CropAndResize(size=(2, 2), extrapolation=-1.0), images, boxes, np.zeros(3, np.float32))
    np.testing.assert_array_equal(got[:, 0], [[[0, 2], [6, 8]], [[8, 6], [2, 0]], [[1, 1], [-1, -1]]])
    got = run(CropAndResize(size=(1, 1)), images, boxes, np.zeros(3, np.float32))
    np.testing.assert_array_equal(got.ravel(), [4, 4, 7])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Resize(mode="lanczos"), "mode must be one of nearest, linear"),
        (lambda: Resize(coordinates="centre"), "coordinates must be one of"),
        (lambda: Resize(rounding="even"), "rounding must be one of"),
        (lambda: Resize(size=(1, 1), scale=(1, 1)), "size or scale must be given, not both"),
        (lambda: Resize(size=(3,)), "size has 1 values for 2 axes"),
        (lambda: Resize(size=(3, 0)), "size must be at least 1, got 0"),
        (lambda: Resize(aspect="keep"), "aspect must be one of stretch, not_larger, not_smaller"),
        (lambda: Resize(antialias=True, mode="nearest"), "nearest has no antialiasing"),
        (lambda: Resize(mode="area"), "the mode area has no half_pixel coordinates"),
        (lambda: Resize(regions=((0, 1), (0, 1))), "half_pixel takes no regions"),
        (lambda: Resize(coordinates="crop", regions=((0, 1),)), "regions has 1 values for 2 axes"),
        (lambda: Resize(scale=(1, 0)), "scale must be positive"),
        (lambda: Interp(shrink=0), "shrink must be at least 1"),
        (lambda: Resample(mode="area"), "mode must be one of nearest, linear, cubic"),
        (lambda: CropAndResize(size=(0, 1)), "size must be at least 1"),
    ],
)
def test_bad_attributes(build, message):
    with pytest.raises(LayerError, match=message):
        build()


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (Resize(size=(2, 2)), [(2, 3, 4)], "axis 3 is out of range for 3 axes"),
        (Resize(), [(1, 1, 2, 2), (2, 2)], "the reference 2x2 has no axis 3"),
        (Resample(), [(1, 1, 2, 2)], "no output size is given"),
        (CropAndResize(size=(1, 1)), [(1, 1, 2, 2), (3, 5), (3,)], "boxes 3x5 and their images 3 do not fit"),
    ],
)
def test_shapes_that_do_not_fit(layer, shapes, message):
    with pytest.raises(ShapeError, match=message):
        run(layer, *(random(*shape) for shape in shapes))


def keys(distance, a):
    d = abs(distance)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * (d**3 - 5 * d**2 + 8 * d - 4) if d < 2 else 0


@settings(max_examples=15)
@given(
    sizes,
    sizes,
    st.sampled_from(["asymmetric", "half_pixel", "align_corners"]),
    st.booleans(),
    st.sampled_from([-0.75, -0.5]),
    st.sampled_from([0, 8]),
)
def test_cubic(size, out, coordinates, exclude, a, steps):
    x = random(2, size)
    want = np.zeros((2, out))
    for i, position in enumerate(reference_positions(coordinates, size, out)):
        first = math.floor(position + 1e-6)
        share = position - first
        share = round(share * steps) / steps if steps else share
        taps = {first + k: keys(k - share, a) for k in range(-1, 3)}
        if exclude:
            taps = {place: weight for place, weight in taps.items() if 0 <= place < size}
            total = sum(taps.values())
            taps = {place: weight / total for place, weight in taps.items()}
        for place, weight in taps.items():
            want[:, i] += weight * x[:, min(max(place, 0), size - 1)]
    layer = Resize(
        axes=(1,),
        size=(out,),
        mode="cubic",
        coordinates=coordinates,
        coefficient=a,
        exclude_outside=exclude,
        steps=steps,
    )
    assert_close(run(layer, x), want, 1e-4)


@settings(max_examples=15)
@given(st.integers(1, 9), st.integers(1, 12), st.sampled_from(["asymmetric", "align_corners"]))
def test_area(size, out, coordinates):
    x = random(2, size)
    corners = coordinates == "align_corners" and out > 1 and size > 1
    step = (size - 1) / (out - 1) if corners else size / out
    want = np.zeros((2, out))
    for i in range(out):
        for k in range(2 * size + 1):
            part = min((i + 1) * step, k + 1) - max(i * step, k)
            want[:, i] += max(part, 0) * x[:, min(k, size - 1)] / step
    layer = Resize(axes=(1,), size=(out,), mode="area", coordinates=coordinates)
    assert_close(run(layer, x), want, 1e-4)


def test_an_area_of_whole_elements_is_opencvs():
    x = random(12, 8)
    got = run(Resize(axes=(0, 1), size=(4, 2), mode="area", coordinates="asymmetric"), x)
    assert_close(got, cv2.resize(x, (2, 4), interpolation=cv2.INTER_AREA))
    with pytest.raises(LayerError, match="the mode area has no half_pixel coordinates"):
        Resize(mode="area")


def test_the_border_goes_on_where_there_is_no_extrapolation():
    images = random(1, 1, 3, 4)
    boxes = np.float32([[-0.5, 0, 1.5, 1], [0, -2, 1, -1]])
    got = run(CropAndResize(size=(5, 4), extrapolation=None), images, boxes, np.zeros(2, np.float32))
    rows = reference_linear(images[0, 0], 0, np.linspace(-1, 3, 5).clip(0, 2))
    assert_close(got[0, 0], rows)
    assert_close(
        got[1, 0], np.repeat(reference_linear(images[0, 0], 0, np.linspace(0, 2, 5))[:, :1], 4, axis=1)
    )


def test_a_position_on_the_edge_is_inside():
    """The fourth position is -0.3 * 4 + 3 * 0.4, whose two roundings cancel."""
    image, box = random(1, 1, 5, 3), np.float32([[-0.3, 0, 0.5, 1]])
    got = run(CropAndResize(size=(9, 3), extrapolation=7.0), image, box, np.int32([0]))
    np.testing.assert_array_equal(got[0, 0, :3], 7)
    assert_close(got[0, 0, 3], image[0, 0, 0])


def test_a_crop_is_the_same_in_whatever_program():
    """The last column of this box lies within a rounding of a whole position, where pooling computes it anew."""
    boxes = np.float32([[0.3037326, 0.1957626, 0.4041268, 1.0], [0.40606034, 0.227734, 0.5031806, 1.0]])
    images, which = random(1, 10, 5, 12), np.zeros(2, np.float32)
    values = tuple(Value(f"x{i}", x.shape, "float32") for i, x in enumerate((images, boxes, which)))
    crop = CropAndResize(size=(6, 6), axes=(1, 2), extrapolation=None)
    pool = Pool(statistic="max", kernel=(2, 2), stride=(2, 2), channels_last=True)
    nodes = (
        Node("crop", crop, tuple(value.name for value in values), ("crop",)),
        Node("pool", pool, ("crop",), ("pool",)),
    )
    net = Net.from_model(Model(Graph("test", values, ("pool",), nodes), {}, Source("test")))
    feeds = {"x0": images, "x1": boxes, "x2": which}
    crops = np.asarray(net(feeds, outputs=["crop"])["crop"])
    assert_close(np.asarray(net(feeds)["pool"]), crops.reshape(2, 3, 2, 3, 2, 12).max(axis=(2, 4)))


def test_other_coordinates():
    x = np.arange(5, dtype=np.float32).reshape(1, 1, 1, 5)  # linear interpolation shows the position

    def positions(**options):
        return run(Resize(axes=(3,), **options), x).ravel()

    assert_close(positions(coordinates="half_pixel_or_first", size=(1,)), [0])
    assert_close(positions(coordinates="half_pixel_or_first", size=(2,)), [0.75, 3.25])
    assert_close(positions(coordinates="half_pixel_unshifted", size=(2,)), [1.25, 3.75])
    # 5 * 0.5 was rounded to 2: the middle stays the middle.
    assert_close(positions(coordinates="half_pixel_symmetric", scale=(0.5,)), [1, 3])
    crop = {"coordinates": "crop", "extrapolation": -9.0}
    assert_close(positions(**crop, size=(3,), regions=((0.25, 0.75),)), [1, 2, 3])
    assert_close(positions(**crop, size=(1,), regions=((0.25, 0.5),)), [1.5])
    assert_close(positions(**crop, size=(3,), regions=((-0.25, 1.25),)), [-9, 2, -9])


@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("exclude", [False, True])
def test_antialias(mode, exclude):
    size, out, a = 9, 4, -0.75
    x = random(1, 1, 2, size)
    share = out / size
    want = np.zeros((1, 1, 2, out))
    for i in range(out):
        p = (i + 0.5) / share - 0.5
        weights = {}
        for k in range(-30, 40):
            d = abs(k - p) * share
            near = (a + 2) * d**3 - (a + 3) * d**2 + 1
            far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
            weights[k] = max(0, 1 - d) if mode == "linear" else near if d <= 1 else far if d < 2 else 0
            if exclude and not 0 <= k < size:
                weights[k] = 0
        for k, weight in weights.items():
            want[..., i] += weight / sum(weights.values()) * x[..., min(max(k, 0), size - 1)]
    layer = Resize(axes=(3,), size=(out,), mode=mode, antialias=True, exclude_outside=exclude)
    assert_close(run(layer, x), want)
    larger = Resize(axes=(3,), size=(12,), mode=mode, antialias=True)
    np.testing.assert_array_equal(run(larger, x), run(Resize(axes=(3,), size=(12,), mode=mode), x))


def test_aspect_and_all_axes():
    x = random(1, 2, 4, 6)
    assert run(Resize(size=(8, 9), aspect="not_larger"), x).shape == (1, 2, 6, 9)
    assert run(Resize(size=(8, 9), aspect="not_smaller"), x).shape == (1, 2, 8, 12)
    every = run(Resize(axes=None, scale=(1, 1, 2, 1.5)), x)
    np.testing.assert_array_equal(every, run(Resize(scale=(2, 1.5)), x))
    with pytest.raises(ShapeError, match="scale has 3 values for 4 axes of 1x2x4x6"):
        run(Resize(axes=None, scale=(1, 1, 2)), x)
