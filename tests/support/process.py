"""Programs that run as a person runs them."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def call(command, folder, **environment):
    """Run a command in a folder and return what it prints; ``python`` is this one and knows the repository."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    always = {"PATH": path, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", "COLUMNS": "80"}
    result = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env={**os.environ, **always, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout
