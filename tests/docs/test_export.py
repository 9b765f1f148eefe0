"""docs/export.md: its code runs and says what its comments say; the program runs where there is no jaxdnn."""

import re
import shlex

import numpy as np
from click.testing import CliRunner

import jaxdnn
from jaxdnn.cli import main
from support import pages
from support.process import call

PAGE = pages.page("export.md")
SAID = re.compile(r"^(\S.*?)  # (executable|StableHLO|IR|nothing|\(5, 10\)|7\b|.*: nothing here)")


def test_code(folder):
    """Every line runs, and yields what its comment begins with."""
    code, checked = [], 0
    for line in "".join(pages.blocks(PAGE, "python")).splitlines():
        said = SAID.match(line)
        if said is None:
            code.append(line)
            continue
        checked += 1
        wanted = "()" if said[2].endswith("nothing here") else said[2]
        code.append(f"assert str({said[1]}) == {wanted!r}, {said[1]}")
    assert checked == 10
    check = """
np.testing.assert_array_equal(y, net(x)["prob"])
np.testing.assert_array_equal(half(x)["prob"], net.replace(params=params)(x)["prob"])
assert float(abs(gradient["fc"]["weight"]).max()) > 0
assert "tensor<8x1x16x16xf32>" in net.to_stablehlo({"data": (8, 1, 16, 16)})
"""
    (folder / "page.py").write_text("\n".join(code) + check)
    call(["python", "page.py"], folder)


def test_outside_of_this_library(folder):
    net = jaxdnn.load("net.prototxt", "net.caffemodel")
    net.export("net.jaxdnn")
    x = np.random.default_rng(0).uniform(0, 1, (3, 1, 16, 16)).astype(np.float32)
    np.save("x.npy", x)
    (code,) = pages.blocks(PAGE, "python outside")
    block = "import sys\nsys.modules.update(dict.fromkeys(('jaxdnn', 'safetensors')))\n"
    (folder / "outside.py").write_text(
        f"{block}{code}\nnp.save('y.npy', outputs['prob'])\nassert not counts\n"
    )
    call(["python", "outside.py"], folder)
    np.testing.assert_allclose(np.load("y.npy"), net(x)["prob"], rtol=0, atol=1e-5)


def test_commands(folder):
    (folder / "words.txt").write_text("\n".join(str(digit) for digit in range(10)))
    (folder / "scene.png").rename("cat.jpg")
    commands = [row[0][0] for row in pages.rows(PAGE) if row[0] and row[0][0].startswith("jaxdnn ")]
    assert [command.split()[1] for command in commands] == ["export", "run", "inspect", "compile"]
    for command in commands:
        arguments = shlex.split(command.replace("104,117,123", "104"))[1:]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
        if arguments[0] == "run":
            assert result.stdout.splitlines()[-1] == "Computed by: executable"


def test_saved_models(folder):
    """What the recipe calls in this library; TensorFlow is no dependency."""
    (code,) = pages.blocks(PAGE, "python tensorflow")
    compile(code, "recipe", "exec")
    net = jaxdnn.load("net.prototxt", "net.caffemodel")
    assert "net.apply(params, x)" in code
    assert net.apply(net.params, np.zeros((2, 1, 16, 16), np.float32))["prob"].shape == (2, 10)
