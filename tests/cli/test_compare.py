"""``jaxdnn compare``."""

import numpy as np
import pytest
from PIL import Image

import jaxdnn
from support import averages, caffe


@pytest.fixture
def inputs(tmp_path):
    """An .npz file of inputs."""
    path = tmp_path / "inputs.npz"
    np.savez(path, data=np.random.default_rng(0).standard_normal((2, 3, 4, 4)).astype(np.float32))
    return str(path)


def cells(result):
    return [line.split() for line in result.out.splitlines()]


def test_table(jaxdnn_command, net, pictures):
    result = jaxdnn_command("compare", *net, pictures[0], "--policy", "mixed_float16")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[0] == "float32 and mixed_float16"
    (row,) = [row for row in cells(result) if row[:2] == ["fc", "Conv"]]
    assert row[3:6] == ["float32", "/", "float16"]
    assert 0 <= float(row[-2]) < 1e-3
    assert result.out.splitlines()[-1].endswith(", in 'fc'")


def test_numbers_are_those_of_the_library(jaxdnn_command, net, inputs):
    result = jaxdnn_command("compare", *net, inputs, "--policy", "mixed_bfloat16", "--json").json()
    first = jaxdnn.load(*net)
    with np.load(inputs) as arrays:
        want = jaxdnn.compare(first, first.replace(policy="mixed_bfloat16"), dict(arrays))
    assert [row["max_abs"] for row in result["rows"]] == [row.max_abs for row in want.rows]
    assert result["titles"] == ["float32", "mixed_bfloat16"]
    assert result["outputs"] == list(want.outputs)


def test_another_network(jaxdnn_command, net, inputs, tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    weights = {**averages.WEIGHTS, "fc": [2 * array for array in averages.WEIGHTS["fc"]]}
    other = caffe.write(folder, f'name: "doubled" {averages.PROTOTXT}', weights)
    result = jaxdnn_command("compare", *net, inputs, "--with", other[0], "--with", other[1], "--json").json()
    assert result["titles"] == ["averages", "doubled"]
    (row,) = result["rows"]
    assert row["max_rel"] == pytest.approx(1)
    assert row["cosine"] == pytest.approx(1)


def test_picture(jaxdnn_command, net, pictures, tmp_path):
    path = tmp_path / "bars.png"
    options = ("--policy", "mixed_bfloat16", "-o", path, "--mean", "7", "--scale", "0.01")
    assert jaxdnn_command("compare", *net, pictures[0], *options).code == 0
    with Image.open(path) as picture:
        assert picture.size == (1000, 420)


def test_what_is_not_finite_is_null_in_json(jaxdnn_command, net, tmp_path):
    path = tmp_path / "large.npz"
    np.savez(path, data=np.full((1, 3, 4, 4), 1e6, np.float32))
    result = jaxdnn_command("compare", *net, path, "--policy", "mixed_float16", "--json").json()
    assert result["rows"][-1]["max_rel"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x.png"], "MODEL [WEIGHTS] INPUT are 0 files of a network"),
        (["a", "b", "c", "x.png", "--policy", "float16"], "are 3 files of a network, not one or two"),
        (["a", "x.png", *["--with", "b"] * 3], "--with are 3 files of a network, not one or two"),
        (["a", "x.png"], "there is nothing to compare with: give --policy or --with"),
    ],
)
def test_wrong_arguments(jaxdnn_command, arguments, message):
    result = jaxdnn_command("compare", *arguments)
    assert result.code == 2
    assert message in " ".join(result.err.split())


def test_files_that_cannot_be_read(jaxdnn_command, net, tmp_path):
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"PK\x03\x04 no archive")
    unnamed = tmp_path / "unnamed.npz"
    with unnamed.open("wb") as file:
        np.save(file, np.zeros(3))
    for path, message in (
        (unnamed, "this holds one array without a name, not one for each input"),
        (tmp_path / "none.npz", "cannot be read: No such file or directory"),
        (broken, "this holds no numpy arrays"),
        (tmp_path / "none.png", "none.png"),
    ):
        result = jaxdnn_command("compare", *net, path, "--policy", "mixed_float16")
        assert result.code == 2
        assert message in result.err
    result = jaxdnn_command("compare", *net, broken, "--policy", "half")
    assert result.code == 2
    assert "policy 'half' is not a type" in result.err
