"""Adding machine code for the machine at hand to an artifact that another machine wrote."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from jaxdnn.artifact.archive import Data
from jaxdnn.artifact.calling import flat_params
from jaxdnn.artifact.executables import machine, machine_code, store
from jaxdnn.artifact.files import read_artifact, write_artifact
from jaxdnn.artifact.loading import load_artifact
from jaxdnn.artifact.manifest import Manifest, Sizes
from jaxdnn.artifact.sizes import Batch, Request, fed_values
from jaxdnn.artifact.stablehlo import structures, structures_of, this_device
from jaxdnn.errors import InputError, located
from jaxdnn.lowering.program import CustomLayers


def add_executables(
    path: str | os.PathLike[str],
    *,
    batch: Batch = None,
    shapes: Mapping[str, Sizes] | None = None,
    trust: bool = False,
    custom_layers: CustomLayers | None = None,
) -> Manifest:
    """Compile an artifact for this machine, and store the machine code in it.

    What was stored for this very machine and the same sizes is replaced; what is for others stays. If batches are
    filled up, then to the added sizes, too.

    Args:
        path: of the artifact, which is written anew, whole or not at all.
        batch: one size or several; by default those that batches are filled up to, or the stated one.
        shapes: by input name, sizes that are not to be the stated ones.
        trust: as for :func:`jaxdnn.load_artifact`. An artifact without a graph can be compiled only with trust.
        custom_layers: functions by layer type, as for :func:`jaxdnn.load_artifact`.

    Returns:
        what the artifact says of itself now.

    Raises:
        JaxdnnError: the file is none or damaged, sizes are open, or XLA cannot compile or store it.
    """
    if isinstance(batch, str):
        raise InputError(f"batch must be a size or several sizes, got {batch!r}")
    artifact = load_artifact(path, trust=trust, custom_layers=custom_layers)
    manifest, members = read_artifact(path)
    device = this_device()
    here = machine(device)
    values = fed_values(manifest.ends)
    types = {value.name: value.dtype for value in values}
    request = Request(values, batch if batch is not None else manifest.batches or None, shapes or {})
    kept = list(manifest.executables)
    written: dict[str, Data] = dict(members)
    with located(file=os.fspath(path)):
        sizes = tuple(request.executables())
        if not sizes:
            raise InputError(f"{manifest.name!r} has open sizes: give shapes={{name: sizes}}")
        for each in sizes:
            inputs = structures(each, types)
            function, outputs = artifact.function_for(inputs)
            params = structures_of(flat_params(artifact.params))
            code = machine_code(function, params, inputs, device)
            for old in [old for old in kept if (old.machine, old.inputs) == (here, each)]:
                kept.remove(old)
                for member in old.members:
                    del written[member]
            names = (f"executables/{number}" for number in range(len(kept) + 1))
            name = next(name for name in names if f"{name}.bin" not in written)
            stored, code_members = store(name, code, machine=here, inputs=each, outputs=outputs)
            kept.append(stored)
            written |= code_members
    added = (batch,) if isinstance(batch, int) else request.batches
    batches = tuple(sorted({*manifest.batches, *added})) if manifest.batches else ()
    return write_artifact(path, replace(manifest, batches=batches, executables=tuple(kept)), written)
