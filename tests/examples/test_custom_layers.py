"""The custom layers of the examples: they run, and compute what others compute."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import jaxdnn
from support import caffe

FOLDER = Path(__file__).parents[2] / "examples" / "custom_layers"


def example(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def swish():
    yield example("pallas_swish")
    jaxdnn.unregister_layer("scaled_swish")


def test_interp_is_jaxdnns_own(tmp_path, capsys):
    module = example("interp")
    module.main()
    assert "up: (1, 2, 9, 16)" in capsys.readouterr().out
    x = np.random.default_rng(0).standard_normal((1, 2, 6, 8)).astype(np.float32)
    mine = caffe.load(tmp_path, module.PROTOTXT, custom_layers={"Interp": module.interp})(x)
    for name, want in caffe.load(tmp_path, module.PROTOTXT)(x).items():
        np.testing.assert_allclose(mine[name], want, rtol=1e-5, atol=1e-6)


def test_resize_bilinear_is_jaxdnns_own(tmp_path, capsys):
    module = example("resize_bilinear")
    module.main()
    assert "y: (1, 8, 9, 2)" in capsys.readouterr().out
    path = tmp_path / "resize.pbtxt"
    x = np.random.default_rng(0).standard_normal((1, 4, 5, 2)).astype(np.float32)
    for flags in ("", ' attr { key: "half_pixel_centers" value { b: true } }'):
        path.write_text(module.GRAPH.rstrip().removesuffix("}") + flags + "}\n")
        mine = jaxdnn.load(path, custom_layers={"ResizeBilinear": module.resize_bilinear})(x)["y"]
        np.testing.assert_allclose(mine, jaxdnn.load(path)(x)["y"], rtol=1e-5, atol=1e-5)


def test_crop_is_what_opencv_computes(tmp_path, capsys):
    import cv2

    module = example("crop")
    module.main()
    assert "corners 12 and 187" in capsys.readouterr().out
    feeds = {
        "data": np.random.default_rng(0).standard_normal((1, 3, 7, 10)).astype(np.float32),
        "like": np.zeros((1, 1, 4, 6), np.float32),
    }
    got = caffe.load(tmp_path, module.PROTOTXT, custom_layers={"Crop": module.CenteredCrop})(feeds)["crop"]
    cv2.dnn_registerLayer("Crop", module.CenteredCrop)
    try:
        (want,) = caffe.opencv(caffe.write(tmp_path, module.PROTOTXT), feeds, ["crop"])
    finally:
        cv2.dnn_unregisterLayer("Crop")
    np.testing.assert_array_equal(got, want)


def test_the_kernel_is_the_formula(swish, capsys):
    swish.main()
    assert float(capsys.readouterr().out.split()[-1]) < 1e-5
