"""docs/devices.md: every line of its code runs, and does what the page says."""

import re

from support import pages
from support.process import call

PAGE = pages.page("devices.md")


def test_code(folder):
    """The page's code runs on eight devices and leaves what its comments say."""
    said = []
    for line in "".join(pages.blocks(PAGE, "python")).splitlines(keepends=True):
        value = re.match(r"(\S.*?)  # ", line)
        shown = value and "=" not in value[1]
        said.append(f"print('{len(said)}', {value[1]})\n" if shown else line)
    cells = [code for _, ours in pages.rows(PAGE) for code in ours if code.startswith(("jax.", "net."))]
    assert len(cells) >= 6
    check = f"""
assert "HIGHEST" in jax.jit(net.apply).lower(net.params, x).as_text()
assert half.policy.compute == "float16"
assert len(net.params["fc"]["weight"].sharding.device_set) == 8
for value in ({", ".join(cells)}):
    assert value
import pathlib
assert list(pathlib.Path("cache").iterdir())
try:
    jax.device_put(net, first)(jax.device_put(x, second))
except ValueError as error:
    print(error)
"""
    (folder / "page.py").write_text("".join(said) + check)
    shown = call(["python", "page.py"], folder, JAX_NUM_CPU_DEVICES="8")
    for wanted in ("{CpuDevice(id=1)}", "float32", "154152", "None"):
        assert f" {wanted}\n" in shown
    for wanted in ("CpuDevice(id=7)", "NamedSharding", "incompatible devices"):
        assert wanted in shown


def test_environment(folder):
    """The shell lines set what jax reads."""
    (folder / "serve.py").write_text(
        "import jax\n"
        "from jaxlib import xla_client\n"
        "print(len(jax.devices()), xla_client.generate_pjrt_gpu_plugin_options())\n"
    )
    script, _ = pages.blocks(PAGE, "sh")
    lines = call(["bash", "-ec", script], folder).splitlines()
    assert len(lines) == 4
    assert [line.split()[0] for line in lines] == ["1", "1", "1", "8"]
    assert "'preallocate': False" in lines[0]
    assert "'memory_fraction': 0.3" in lines[1]


def test_kernels(folder):
    """One of the shell lines leaves everything to XLA, the other keeps the compiled kernels where it says."""
    (folder / "serve.py").write_text(
        "from jaxdnn.lowering import native\nprint(native.kernels() is not None)\n"
    )
    _, script = pages.blocks(PAGE, "sh")
    kept = folder / "kernels"
    off, on = call(["bash", "-ec", script.replace("/srv/kernels", str(kept))], folder).splitlines()
    assert off == "False"
    assert (on == "True") == any(kept.glob("*.so"))
