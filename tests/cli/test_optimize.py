"""``jaxdnn optimize``."""

import pytest

import jaxdnn
from support import averages, caffe

DROP = 'layer { name: "drop" type: "Dropout" bottom: "fc" top: "out" }\n'


@pytest.fixture
def files(tmp_path):
    return caffe.write(tmp_path, f'name: "averages" {averages.PROTOTXT}{DROP}', averages.WEIGHTS)


def test_table(jaxdnn_command, files):
    result = jaxdnn_command("optimize", *files)
    assert (result.code, result.err) == (0, "")
    lines = [line.split() for line in result.out.splitlines()]
    assert ["strip_identities", "removed", "Dropout", "1", "'drop'", "+0", "+0", "B"] in lines
    assert ["prune", "nothing"] in lines
    assert result.out.splitlines()[-1] == "layers 2 → 1, parameters 144 → 144, flops 288 → 288"


def test_json(jaxdnn_command, files):
    _, report = jaxdnn.optimize(jaxdnn.load(*files))
    result = jaxdnn_command("optimize", "--json", *files).json()
    assert [entry["name"] for entry in result["changes"]] == [change.name for change in report.changes]
    assert result["before"] == {"layers": 2, "parameters": 144, "flops": 288}
    assert result["after"] == {"layers": 1, "parameters": 144, "flops": 288}
    removed = {entry["name"]: entry["removed"] for entry in result["changes"]}
    assert removed["strip_identities"] == {"Dropout": ["drop"]}


def test_chosen_passes(jaxdnn_command, files):
    result = jaxdnn_command("optimize", "--pass", "prune", *files)
    assert [line.split() for line in result.out.splitlines()][2:3] == [["prune", "nothing"]]
    result = jaxdnn_command("optimize", "--pass", "polish", *files)
    assert result.code == 2
    assert "there is no pass 'polish'" in result.err


def test_input_shape(jaxdnn_command, files):
    result = jaxdnn_command("optimize", "--json", "--input-shape", "data=2,3,4,4", files[0])
    assert result.json()["before"]["flops"] == 2 * 288


def test_operations_are_not_known_while_sizes_are_open(jaxdnn_command, tmp_path):
    path = tmp_path / "open.pbtxt"
    path.write_text(
        'node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } '
        'attr { key: "shape" value { shape { dim { size: -1 } dim { size: 2 } } } } }\n'
        'node { name: "y" op: "Relu" input: "x" attr { key: "T" value { type: DT_FLOAT } } }\n'
    )
    result = jaxdnn_command("optimize", path)
    assert result.out.splitlines()[-1] == "layers 1 → 1, parameters 0 → 0, flops ? → ?"
