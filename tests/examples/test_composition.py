"""The examples of nets inside of larger JAX programs: they run, and what they print is so."""

import importlib
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdnn
from jaxdnn.image import read_image
from support.process import ROOT, call


@pytest.fixture
def pipeline(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    return importlib.import_module("examples.pipeline")


def test_saliency(tmp_path):
    said = call(["python", "-m", "examples.saliency"], tmp_path)
    whole, random, salient, ideal = map(float, re.findall(r"([\d.]+)%", said))
    assert whole > 95
    assert salient < random - 40 < whole
    assert ideal > 99
    picture = read_image(tmp_path / "out" / "saliency.png")
    colours = (picture.max(axis=2) != picture.min(axis=2)).mean()
    assert colours > 0.1


def test_pipeline(tmp_path):
    said = call(["python", "-m", "examples.pipeline"], tmp_path)
    lines = re.findall(r"(\d+) of (\d+) digits read right, the nets agree on (\d+) of (\d+)", said)
    assert len(lines) == 4
    right, there, agree, found = np.array(lines, int).sum(axis=0)
    assert right > 0.85 * there
    assert agree > 0.9 * found
    assert read_image(tmp_path / "out" / "pipeline.png").shape == (480, 640, 3)


def test_the_pipeline_is_one_program(pipeline):
    """What it says in one jit is what its nets say one after another; other pictures compile nothing."""
    folder = ROOT / "examples"
    detector = jaxdnn.load(
        *(folder / "digit_detector" / f"digit_detector.{end}" for end in ("cfg", "weights"))
    )
    reader = jaxdnn.load(*(folder / "digits" / f"digits.{end}" for end in ("prototxt", "caffemodel")))
    rng = np.random.default_rng(0)
    crop = jax.jit(pipeline.crop)
    for picture in [pipeline.photograph(rng)[0] for _ in range(2)]:
        found, probabilities = pipeline.read(detector, reader, picture)
        grey = jnp.asarray(picture, jnp.float32) @ jnp.array([0.114, 0.587, 0.299]) / 255
        seen = jax.image.resize(grey, (192, 256), "linear")[None, None]
        want = jaxdnn.detections(detector(seen), per_class=False, max_detections=32)
        assert found.count == want.count > 0
        np.testing.assert_allclose(found.boxes, want.boxes, atol=1e-5)
        np.testing.assert_array_equal(found.classes, want.classes)
        crops = jnp.stack([crop(grey, box) for box in found.boxes[0]])
        np.testing.assert_allclose(probabilities, reader(crops[:, None])["prob"], atol=1e-4)
    assert pipeline.read._cache_size() == 1


def test_crops_are_centred_and_as_large_as_the_margin_allows(pipeline):
    """A dark bar of 4 by 8 pixels on light paper fills the height, and half of the width."""
    grey = np.full((40, 60), 0.9, np.float32)
    grey[10:18, 20:24] = 0.1
    box = np.array([20 / 60, 10 / 40, 24 / 60, 18 / 40], np.float32)
    ink = np.asarray(pipeline.crop(jnp.asarray(grey), jnp.asarray(box)))
    assert ink.shape == (16, 16)
    rows, columns = (np.flatnonzero(ink.max(axis=axis) > 0.4) for axis in (1, 0))
    assert (rows[0], rows[-1]) == (1, 14)
    assert (columns[0], columns[-1]) == (5, 10)
    np.testing.assert_allclose(ink, ink[::-1], atol=1e-4)
    np.testing.assert_allclose(ink, ink[:, ::-1], atol=1e-4)
