"""``jaxdnn.optimize``: a smaller net that computes the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

import numpy as np

from jaxdnn.errors import InputError
from jaxdnn.ir import Model
from jaxdnn.lowering import Program
from jaxdnn.lowering.constants import constants
from jaxdnn.lowering.infer import stored_shapes
from jaxdnn.lowering.program import CustomLayers
from jaxdnn.net import Net
from jaxdnn.passes import Report, pipeline, run_passes
from jaxdnn.passes.fold_constants import LARGEST


def optimize(net: Net, *, passes: Iterable[str] | None = None) -> tuple[Net, Report]:
    """Remove what inference does not need and compute beforehand what every call would compute.

    Inputs and outputs keep their names and specs, but for labels, which go with the losses that read them. So do
    policy, custom layers and source. Inner values that are gone cannot be asked for any more, unless another value
    equals them. Of the sizes of inputs only the batch, and those that the file leaves open, remain free.

    Args:
        net: any net, with or without weights.
        passes: names of the passes to run, in this order; by default all of :func:`jaxdnn.passes.pipeline`.

    Returns:
        the new net, the same object if nothing changed, and what each pass did.

    Raises:
        InputError: there is no pass of such a name.
    """
    known = pipeline(partial(_constants, custom_layers=net.program.custom_layers))
    names = tuple(known if passes is None else passes)
    for name in names:
        if name not in known:
            raise InputError(f"there is no pass {name!r}; the passes are {', '.join(known)}")
    params = {owner: {s: np.asarray(a) for s, a in slots.items()} for owner, slots in net.stored.items()}
    before = Model(net.graph, params, net.source, open_shapes=True)
    after, report = run_passes(before, {name: known[name] for name in names})
    if after is before:
        return net, report
    return Net.from_model(after, policy=net.policy, custom_layers=net.program.custom_layers), report


def _constants(model: Model, *, custom_layers: CustomLayers) -> Mapping[str, np.ndarray]:
    """Compute in float32 whatever the policy: constants outlive it."""
    program = Program(model.graph, custom_layers=custom_layers, stored=model.params)
    return constants(program, stored_shapes(model.params), limit=LARGEST)
