"""What the code on the pages starts from."""

import shutil

import pytest

from support.process import ROOT

FILES = {
    "net.prototxt": "digits/digits.prototxt",
    "net.caffemodel": "digits/digits.caffemodel",
    "yolo.cfg": "digit_detector/digit_detector.cfg",
    "yolo.weights": "digit_detector/digit_detector.weights",
    "scene.png": "digit_detector/scene.png",
}
"""A small net, a detector and a picture, by the names that the pages give them."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, with these files in it."""
    for name, source in FILES.items():
        shutil.copy(ROOT / "examples" / source, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path
