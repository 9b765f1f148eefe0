"""Interp, Resample, and the Upsample of one bottom."""

import cv2
import numpy as np
import pytest

from jaxdnn import GraphError, LayerError, ParseError
from support import caffe
from support.layer import assert_close


def random(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def compute(folder, kind, params, **feeds):
    text = caffe.inputs(**{name: array.shape for name, array in feeds.items()})
    bottoms = " ".join(f'bottom: "{name}"' for name in feeds)
    text += f'layer {{ name: "l" type: "{kind}" {bottoms} top: "y" {params} }}'
    return np.asarray(caffe.load(folder, text)(feeds)["y"])


def corners(x, height, width):
    """Resize bilinearly so that corners stay corners."""
    rows = np.linspace(0, x.shape[2] - 1, height) if height > 1 else np.zeros(1)
    columns = np.linspace(0, x.shape[3] - 1, width) if width > 1 else np.zeros(1)
    for axis, at in ((2, rows), (3, columns)):
        x = np.apply_along_axis(lambda line, at=at: np.interp(at, np.arange(len(line)), line), axis, x)
    return x


@pytest.mark.parametrize(
    ("params", "size"),
    [
        ("height: 9 width: 4", (9, 4)),
        ("zoom_factor: 3", (13, 19)),
        ("shrink_factor: 2", (3, 4)),
        ("shrink_factor: 2 zoom_factor: 3", (7, 10)),
        ("shrink_factor: 2 zoom_factor: 3 height: 2 width: 2", (2, 2)),
        ("zoom_factor: 2 height: 2 width: 2", (9, 13)),
        ("height: 1 width: 1", (1, 1)),
    ],
)
def test_interp(tmp_path, params, size):
    x = random(2, 3, 5, 7)
    assert_close(compute(tmp_path, "Interp", f"interp_param {{ {params} }}", x=x), corners(x, *size))


def test_interp_crops_by_negative_pads(tmp_path):
    x = random(1, 2, 6, 8)
    got = compute(tmp_path, "Interp", "interp_param { pad_beg: -1 pad_end: -2 zoom_factor: 2 }", x=x)
    assert_close(got, corners(x[:, :, 1:-2, 1:-2], 5, 9))


def test_interp_to_the_size_of_another_blob(tmp_path):
    x = random(1, 2, 3, 4)
    got = compute(tmp_path, "Interp", "interp_param { pad_beg: -1 }", x=x, r=random(1, 1, 7, 5))
    assert_close(got, corners(x[:, :, 1:, 1:], 7, 5))


def test_interp_is_opencvs(tmp_path):
    x = random(1, 2, 5, 7)
    params = "interp_param { zoom_factor: 4 }"
    got = compute(tmp_path, "Interp", params, x=x)
    paths = [str(tmp_path / "net.prototxt")]
    assert_close(got, caffe.opencv(paths, {"x": x}, ["l"])[0], 1e-5)


def test_resample_of_equal_size_changes_nothing(tmp_path):
    x = random(1, 2, 4, 5)
    for kind in ("NEAREST", "LINEAR", "CUBIC"):
        params = f"resample_param {{ type: {kind} width: 5 height: 4 factor: 1 }}"
        assert_close(compute(tmp_path, "Resample", params, x=x), x)


def test_resample_enlarges_as_opencv_resizes_inside(tmp_path):
    """Away from the borders, where the original renormalises, both interpolate between two pixels."""
    x = random(1, 1, 6, 6)
    got = compute(tmp_path, "Resample", "resample_param { width: 12 height: 12 }", x=x)
    want = cv2.resize(x[0, 0], (12, 12), interpolation=cv2.INTER_LINEAR)
    assert_close(got[0, 0, 2:-2, 2:-2], want[2:-2, 2:-2])


def test_resample_without_antialiasing(tmp_path):
    x = random(1, 1, 8, 8)
    got = compute(tmp_path, "Resample", "resample_param { width: 4 height: 4 antialias: false }", x=x)
    assert_close(got[0, 0], x[0, 0].reshape(4, 2, 4, 2).mean((1, 3)))


def test_resample_to_the_size_of_another_blob(tmp_path):
    x = random(1, 2, 4, 6)
    got = compute(tmp_path, "Resample", "resample_param { type: NEAREST }", x=x, r=random(1, 1, 8, 12))
    assert_close(got, x.repeat(2, 2).repeat(2, 3))


@pytest.mark.parametrize(
    ("params", "factors"),
    [("scale: 2", (2, 2)), ("scale: 3", (3, 3)), ("scale_h: 2 scale_w: 3", (2, 3)), ("", (1, 1))],
)
def test_upsample_of_one_bottom_repeats_pixels(tmp_path, params, factors):
    x = random(2, 3, 2, 4)
    got = compute(tmp_path, "Upsample", f"upsample_param {{ {params} }}", x=x)
    np.testing.assert_array_equal(got, x.repeat(factors[0], 2).repeat(factors[1], 3))


@pytest.mark.parametrize(
    ("kind", "params", "error", "message"),
    [
        ("Interp", "", LayerError, "neither shrink_factor, zoom_factor, nor height and width are given"),
        ("Interp", "interp_param { height: 3 }", LayerError, "neither shrink_factor"),
        ("Interp", "interp_param { pad_beg: 1 zoom_factor: 2 }", LayerError, "must not be positive"),
        ("Interp", "interp_param { zoom_factor: 0 }", LayerError, "zoom must be at least 1, got 0"),
        ("Interp", "interp_param { height: 0 width: 3 }", LayerError, "size must be at least 1, got 0"),
        ("Resample", "resample_param { width: 3 }", ParseError, "height is missing in resample_param"),
        ("Resample", "resample_param { width: 3 height: 3 type: AREA }", LayerError, "mode must be one of"),
    ],
)
def test_errors(tmp_path, kind, params, error, message):
    with pytest.raises(error, match=message):
        compute(tmp_path, kind, params, x=random(1, 1, 4, 4))


def test_too_many_bottoms(tmp_path):
    x = random(1, 1, 2, 2)
    with pytest.raises(GraphError, match="takes 1 to 2 bottoms, 3 given"):
        compute(tmp_path, "Interp", "", x=x, y1=x, y2=x)
