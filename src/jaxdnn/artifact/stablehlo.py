"""Programs of ``jax.export``, written and read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
from jax import export

from jaxdnn.artifact.calling import Arrays, Results, padded_axes, plain_function
from jaxdnn.artifact.manifest import MAX_SIZE, Sizes, StoredProgram, parse_size
from jaxdnn.errors import FileError, InputError, JaxdnnError
from jaxdnn.lowering import Program

Structures = dict[str, jax.ShapeDtypeStruct]

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")
"""As jax.export calls them."""


def this_device() -> jax.Device:
    """Return the device on which an artifact is compiled and runs."""
    return jax.local_devices()[0]


def platform_of(device: jax.Device) -> str:
    """Return what jax.export calls the platform of a device."""
    rocm = "rocm" in device.client.platform_version.lower()
    return str({"gpu": "rocm" if rocm else "cuda"}.get(device.platform, device.platform))


def structures(sizes: Mapping[str, Sizes], types: Mapping[str, str], least: int = 1) -> Structures:
    """Return abstract arrays of these sizes, in which names stand for sizes to :data:`MAX_SIZE`.

    Args:
        sizes: by name.
        types: of their elements, by name.
        least: what names stand for at least if they are not the first size of an array.

    Raises:
        InputError: a size has no name as :func:`~jaxdnn.artifact.manifest.parse_size` reads it.
    """
    lowest: dict[str, int] = {}
    highest: dict[str, int] = {}
    for dims in sizes.values():
        for axis, size in enumerate(dims):
            if isinstance(size, str):
                factor, name = parse_size(size)
                lowest[name] = max(lowest.get(name, 1), least if axis else 1)
                highest[name] = min(highest.get(name, MAX_SIZE), MAX_SIZE // factor)
    limits = [f"{name} >= {low}" for name, low in lowest.items()]
    limits += [f"{name} <= {high}" for name, high in highest.items()]
    scope = export.SymbolicScope(limits)
    return {
        name: jax.ShapeDtypeStruct(  # type: ignore[no-untyped-call]
            export.symbolic_shape(", ".join(map(str, dims)), scope=scope) if dims else (), types[name]
        )
        for name, dims in sizes.items()
    }


def structures_of(arrays: Arrays) -> Structures:
    """Return the shapes and types of arrays."""
    return {
        name: jax.ShapeDtypeStruct(array.shape, array.dtype)  # type: ignore[no-untyped-call]
        for name, array in arrays.items()
    }


def unexportable(program: Program) -> str | None:
    """Return why no program of ``jax.export`` can hold a net, None if nothing is known that is against it."""
    static = [name for name in program.graph.required_inputs if name in program.static_inputs]
    if static:
        return f"input {static[0]!r} decides shapes, so that each call is compiled for its value"
    for value in program.graph.inputs:
        if value.sequence:
            return f"input {value.name!r} is a list of arrays"
    for name, layer in program.host_layers.items():
        return f"layer {name!r} runs on the host, in the class {layer.name}"
    return None


def export_program(
    program: Program,
    params: Structures,
    inputs: Structures,
    outputs: tuple[str, ...],
    platforms: Iterable[str],
) -> tuple[bytes, dict[str, int | None]]:
    """Return a program as bytes, and its outputs as a :class:`~jaxdnn.artifact.manifest.StoredProgram` has them.

    Raises:
        InputError: it cannot be exported, the message says why.
    """
    platforms = tuple(platforms)
    for platform in platforms:
        if platform not in PLATFORMS:
            raise InputError(f"platform {platform!r} is none of {', '.join(PLATFORMS)}")
    try:
        axes = padded_axes(program, outputs, params, inputs)
        function = jax.jit(plain_function(program, outputs), keep_unused=True)
        exported = export.export(function, platforms=platforms)(params, inputs)
        return bytes(exported.serialize()), axes
    except JaxdnnError as error:
        reason = f"layer {error.layer} {error.message}" if error.layer else error.message
        raise InputError(reason.split("\n")[0].rstrip(".")) from error
    except Exception as error:  # jax names no family of errors for what cannot be exported
        reason = first_line(error)
        hint = "; multiples such as 32*height may do" if "inconclusive" in reason else ""
        raise InputError(f"{reason}{hint}") from error


def read_program(stored: StoredProgram, data: memoryview) -> Callable[[Arrays, Arrays], Results]:
    """Return the function that a program computes, from a file that the caller trusts.

    Args:
        stored: what the manifest says of it.
        data: the program.

    Raises:
        FileError: it is none, or not what the manifest says.
    """
    try:
        exported = export.deserialize(bytearray(data))
    except Exception as error:  # what reads it leaves open which errors it raises
        raise FileError(
            f"{stored.member!r} cannot be read by jax {jax.__version__}: {first_line(error)}"
        ) from error
    return _checked(stored, exported)


def _checked(stored: StoredProgram, exported: Any) -> Callable[[Arrays, Arrays], Results]:
    """Check that a program is called as the manifest says."""
    results = jax.tree.structure((dict.fromkeys(stored.outputs, 0), _counts(stored)))
    arguments, keywords = jax.tree.unflatten(exported.in_tree, list(exported.in_avals))
    fits = (
        not keywords
        and len(arguments) == 2
        and all(isinstance(each, dict) for each in arguments)
        and {name: tuple(map(str, aval.shape)) for name, aval in arguments[1].items()}
        == {name: tuple(map(str, sizes)) for name, sizes in stored.inputs.items()}
        and exported.out_tree == results
        and exported.nr_devices == 1
    )
    if not fits:
        raise FileError(f"{stored.member!r} is not the program that the manifest describes")
    call: Callable[[Arrays, Arrays], Results] = exported.call
    return call


def _counts(stored: StoredProgram) -> dict[str, int]:
    return {name: 0 for name, axis in stored.outputs.items() if axis is not None}


def first_line(error: Exception) -> str:
    """Return an error in one line, without its details."""
    return f"{type(error).__name__}: {error}".split("\n")[0].rstrip(".")
