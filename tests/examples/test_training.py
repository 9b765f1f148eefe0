"""The examples that train imported nets: they run, and what they print is so."""

import re

from jaxdnn.image import read_image
from support.process import call


def test_fine_tuning(tmp_path):
    said = call(["python", "-m", "examples.fine_tuning"], tmp_path)
    assert "conv1 is what it was" in said
    before, after = map(float, re.search(r"([\d.]+) before, ([\d.]+) after", said).groups())
    assert before < 0.5
    assert after > 0.9
    assert read_image(tmp_path / "out" / "fine_tuning.png").std() > 0


def test_data_parallel(tmp_path):
    said = call(["python", "-m", "examples.data_parallel"], tmp_path)
    assert "8 devices: " in said
    assert "inference: 1 x 360 digits" in said
    assert "inference: 8 x 45 digits" in said
    assert "20 steps of 8 x 16 digits" in said
    differences = re.findall(r"largest difference of the (\w+): (\S+)", said)
    assert [name for name, _ in differences] == ["probabilities", "parameters"]
    assert all(float(value) < 1e-5 for _, value in differences)
    alone, everywhere = map(float, re.findall(r"loss ([\d.]+) after", said))
    assert abs(alone - everywhere) < 0.002
