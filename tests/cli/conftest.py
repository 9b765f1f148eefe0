"""Small nets with known weights, and pictures, for the commands to work on."""

import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from PIL import Image

from jaxdnn.cli import main
from support import averages, caffe


@pytest.fixture
def jaxdnn_command():
    """Run the command; return its exit code, stdout, stderr, and stdout as JSON on demand."""

    def run(*arguments):
        result = CliRunner().invoke(main, list(map(str, arguments)), prog_name="jaxdnn")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return SimpleNamespace(
            code=result.exit_code,
            out=result.stdout,
            err=result.stderr,
            json=lambda: json.loads(result.stdout),
        )

    return run


@pytest.fixture
def net(tmp_path):
    """The files of the net of averages."""
    return caffe.write(tmp_path, f'name: "averages" {averages.PROTOTXT}', averages.WEIGHTS)


@pytest.fixture
def pictures(tmp_path):
    """An orange picture, 8 x 6, and a teal one, 4 x 4."""
    paths = [tmp_path / "orange.png", tmp_path / "teal.png"]
    Image.new("RGB", (8, 6), (255, 128, 0)).save(paths[0])
    Image.new("RGB", (4, 4), (0, 128, 128)).save(paths[1])
    return [str(path) for path in paths]
