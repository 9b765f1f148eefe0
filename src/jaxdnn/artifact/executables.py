"""Machine code: what XLA compiled, for the kind of machine that it was compiled on.

It is stored in the form in which XLA itself serializes an executable. ``jax.experimental.serialize_executable`` wraps
that in a pickle, and jax's compilation cache is a setting of the whole process; neither is needed: a device's client
reads and writes the bare form, and how the executable is called is in the manifest.

Machine code does what it likes, and XLA's reader says of itself that it is not safe with untrusted files. So it is
loaded only where the caller trusts the file.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
from jaxlib.version import __version__ as jaxlib_version

from jaxdnn.artifact.calling import Arrays, Results
from jaxdnn.artifact.manifest import StoredExecutable
from jaxdnn.artifact.stablehlo import Structures, first_line
from jaxdnn.errors import FileError, InputError
from jaxdnn.lowering.recipes import jit_for

_INSTRUCTIONS = Path("/proc/cpuinfo")


def machine(device: jax.Device) -> dict[str, str]:
    """Return all that has to be the same where an executable was compiled and where it runs.

    Returns:
        ``platform`` and its ``version`` (of CUDA, for one), the ``device`` kind, the ``jaxlib`` version, the ``system``
        and its ``instructions`` (the CPU's features), and the ``flags`` that XLA was given.
    """
    return {
        "platform": device.platform,
        "version": device.client.platform_version,
        "device": device.device_kind,
        "jaxlib": jaxlib_version,
        "system": f"{platform.system()} {platform.machine()}",
        "instructions": _instructions(),
        "flags": os.environ.get("XLA_FLAGS", ""),
    }


def _instructions() -> str:
    """Return the CPU's features, where the system lists them; else its name."""
    try:
        lists = re.search(r"^(flags|Features)\s*:(.*)$", _INSTRUCTIONS.read_text(), re.MULTILINE)
    except OSError:
        lists = None
    return " ".join(sorted(lists[2].split())) if lists else platform.processor()


def differences(stored: Mapping[str, str], here: Mapping[str, str]) -> str:
    """Return in words what is different between two machines; empty if nothing is."""
    found = []
    for name in sorted(stored.keys() | here.keys()):
        one, other = stored.get(name, "unknown"), here.get(name, "unknown")
        if name == "instructions" and one != other:
            lacking, new = (sorted({*a.split()} - {*b.split()}) for a, b in ((one, other), (other, one)))
            found.append(f"this CPU lacks [{' '.join(lacking)}] and has [{' '.join(new)}] besides")
        elif one != other:
            found.append(f"{name} is {other!r} instead of {one!r}")
    return ", ".join(found)


def compiled_for(
    function: Callable[[Arrays, Arrays], Results], params: Structures, inputs: Structures, device: jax.Device
) -> Any:
    """Compile a function of params and inputs for a device; every argument stays one, whether it is used or not.

    Raises:
        InputError: it cannot be compiled.
    """
    try:
        with jax.default_device(device):
            return jit_for(device.platform, function, keep_unused=True).lower(params, inputs).compile()
    except Exception as error:  # XLA names no family of errors for what it cannot compile
        raise InputError(f"this cannot be compiled for {device.platform}: {first_line(error)}") from error


def machine_code(compiled: Any, device: jax.Device) -> bytes:
    """Return what XLA compiled for a device.

    Raises:
        InputError: the platform has no form for it.
    """
    try:
        return bytes(device.client.serialize_executable(compiled.runtime_executable()))
    except Exception as error:  # platforms differ in the errors of what they cannot do
        raise InputError(f"no executable for {device.platform}: {first_line(error)}") from error


def load_executable(
    stored: StoredExecutable, data: memoryview, device: jax.Device
) -> Callable[[Arrays, Arrays], Results]:
    """Return the function that machine code computes; it is given arrays on the device.

    Raises:
        FileError: XLA cannot read it.
    """
    try:
        executable: Any = device.client.deserialize_executable(bytes(data), (device,))
    except Exception as error:  # what reads it leaves open which errors it raises
        raise FileError(f"{stored.member!r} cannot be loaded: {first_line(error)}") from error
    outputs = sorted(stored.outputs)
    counts = sorted(name for name, axis in stored.outputs.items() if axis is not None)

    def call(params: Arrays, inputs: Arrays) -> Results:
        arguments = [params[name] for name in sorted(params)] + [inputs[name] for name in sorted(inputs)]
        results = executable.execute(arguments)
        return dict(zip(outputs, results, strict=False)), dict(
            zip(counts, results[len(outputs) :], strict=True)
        )

    return call
