"""The examples' demos, run as a person runs them, in a folder of their own."""

import re

import pytest
from PIL import Image

from jaxdnn.image import read_image
from support.process import ROOT, call

EXAMPLES = ROOT / "examples"


def run(folder, script, *arguments):
    return call(["python", EXAMPLES / script, *arguments], folder)


@pytest.mark.parametrize(
    ("script", "source", "picture"),
    [
        ("digits/demo.py", "digits/page.png", "out/digits.png"),
        ("digit_detector/demo.py", "digit_detector/scene.png", "out/digit_detector.png"),
    ],
)
def test_demo(tmp_path, script, source, picture):
    said = run(tmp_path, script)
    right, total = map(int, re.search(r"(\d+) of (\d+) digits", said).groups())
    assert right >= 0.9 * total
    assert f"annotated picture: {picture}" in said
    before, after = read_image(EXAMPLES / source), read_image(tmp_path / picture)
    assert after.shape[0] % before.shape[0] == 0
    factor = after.shape[0] // before.shape[0]
    assert (after != before.repeat(factor, 0).repeat(factor, 1)).any()


def test_demo_of_another_picture(tmp_path):
    page = Image.open(EXAMPLES / "digits" / "page.png")
    page.crop((0, 0, 512, 384)).save(tmp_path / "mine.png")
    said = run(tmp_path, "digit_detector/demo.py", "mine.png", "found.png")
    assert "mine.png: " in said
    assert (tmp_path / "found.png").exists()
