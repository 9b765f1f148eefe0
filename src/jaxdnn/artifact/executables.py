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
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import jax
from jaxlib.version import __version__ as jaxlib_version

from jaxdnn.artifact.calling import Arrays, Results
from jaxdnn.artifact.manifest import StoredExecutable
from jaxdnn.artifact.stablehlo import Structures, first_line
from jaxdnn.cache import uncached
from jaxdnn.errors import FileError, InputError
from jaxdnn.lowering import native
from jaxdnn.lowering.recipes import CPU, jit_for


def machine(device: jax.Device) -> dict[str, str]:
    """Return all that has to be the same where an executable was compiled and where it runs.

    Returns:
        ``platform`` and its ``version`` (of CUDA, for one), the ``device`` kind, the ``jaxlib`` version, the ``system``
        and its ``instructions`` (the CPU's features), the ``flags`` that XLA was given, and the version of the C++
        ``kernels`` that a CPU's programs may call.
    """
    kernels = native.kernels() if device.platform == CPU else None
    return {
        "platform": device.platform,
        "version": device.client.platform_version,
        "device": device.device_kind,
        "jaxlib": jaxlib_version,
        "system": f"{platform.system()} {platform.machine()}",
        "instructions": native.instructions(),
        "flags": os.environ.get("XLA_FLAGS", ""),
        "kernels": kernels.version if kernels else "none",
    }


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


def compiled_for(device: jax.Device, function: Callable[..., Any], *structures: Any) -> Any:
    """Compile a function of arrays of these structures for a device; all stay arguments, whether used or not.

    Raises:
        InputError: it cannot be compiled.
    """
    try:
        with jax.default_device(device):
            return jit_for(device.platform, function, keep_unused=True).lower(*structures).compile()
    except Exception as error:  # XLA names no family of errors for what it cannot compile
        raise InputError(f"this cannot be compiled for {device.platform}: {first_line(error)}") from error


@dataclass(frozen=True)
class MachineCode:
    """A function of params and inputs as machine code.

    Attributes:
        run: computes results from what is prepared, the params that are kept, and the inputs.
        preparation: prepares params; None if there is nothing to prepare.
        kept: the numbers of the params that ``run`` reads as they are; None if it reads all.
    """

    run: bytes
    preparation: bytes | None
    kept: tuple[int, ...] | None


def machine_code(
    function: Callable[[Arrays, Arrays], Results], params: Structures, inputs: Structures, device: jax.Device
) -> MachineCode:
    """Compile a function of params and inputs for a device; for a CPU in two parts, as a net's call does.

    Raises:
        InputError: it cannot be compiled, or the platform has no form for it.
    """
    with uncached():
        if device.platform != CPU:
            return MachineCode(_bare(compiled_for(device, function, params, inputs), device), None, None)
        return _in_parts(function, params, inputs, device)


def _in_parts(
    function: Callable[[Arrays, Arrays], Results], params: Structures, inputs: Structures, device: jax.Device
) -> MachineCode:
    from jaxdnn.lowering.split import split  # slow to import, as jax.extend is

    try:
        parts, _ = split(function, params, (inputs,))
    except Exception as error:  # as for compiled_for
        raise InputError(f"this cannot be compiled for {device.platform}: {first_line(error)}") from error
    weights = jax.tree.leaves(params)
    prepared = jax.eval_shape(parts.prepare, weights)
    kept = [weights[number] for number in parts.kept]
    run = compiled_for(device, parts.finish, prepared, kept, jax.tree.leaves(inputs))
    preparation = _bare(compiled_for(device, parts.prepare, weights), device) if prepared else None
    return MachineCode(_bare(run, device), preparation, parts.kept)


def store(name: str, code: MachineCode, **about: Any) -> tuple[StoredExecutable, dict[str, bytes]]:
    """Return what a manifest says of machine code, and its members, which begin with a name.

    Args:
        name: of the members.
        code: the machine code.
        about: the other attributes of :class:`~jaxdnn.artifact.manifest.StoredExecutable`.
    """
    members = {f"{name}.bin": code.run}
    preparation = None
    if code.preparation is not None:
        preparation = f"{name}_preparation.bin"
        members[preparation] = code.preparation
    return StoredExecutable(member=f"{name}.bin", preparation=preparation, kept=code.kept, **about), members


def _bare(compiled: Any, device: jax.Device) -> bytes:
    try:
        return bytes(device.client.serialize_executable(compiled.runtime_executable()))
    except Exception as error:  # platforms differ in the errors of what they cannot do
        raise InputError(f"no executable for {device.platform}: {first_line(error)}") from error


def load_executable(
    stored: StoredExecutable, members: Mapping[str, memoryview], device: jax.Device
) -> Callable[[Arrays, Arrays], Results]:
    """Return the function that machine code computes; it is given arrays on the device, and prepares each dict once.

    Raises:
        FileError: XLA cannot read it.
    """
    with ThreadPoolExecutor() as pool:
        run, *preparations = pool.map(lambda member: _load(member, members, device), stored.members)
    outputs = sorted(stored.outputs)
    counts = sorted(name for name, axis in stored.outputs.items() if axis is not None)
    latest: tuple[Arrays, list[Any]] = ({}, [])

    def call(params: Arrays, inputs: Arrays) -> Results:
        nonlocal latest
        known, arguments = latest
        if known is not params:
            arguments = ready(params)
            latest = params, arguments
        results = run.execute([*arguments, *(inputs[name] for name in sorted(inputs))])
        return dict(zip(outputs, results, strict=False)), dict(
            zip(counts, results[len(outputs) :], strict=True)
        )

    def ready(params: Arrays) -> list[Any]:
        weights = [params[name] for name in sorted(params)]
        if max(stored.kept or (), default=-1) >= len(weights):
            raise FileError(f"{stored.member!r} reads more than the {len(weights)} params that there are")
        kept = weights if stored.kept is None else [weights[number] for number in stored.kept]
        return [*(array for each in preparations for array in each.execute(weights)), *kept]

    return call


def _load(member: str, members: Mapping[str, memoryview], device: jax.Device) -> Any:
    try:
        return device.client.deserialize_executable(bytes(members[member]), (device,))
    except Exception as error:  # what reads it leaves open which errors it raises
        raise FileError(f"{member!r} cannot be loaded: {first_line(error)}") from error
