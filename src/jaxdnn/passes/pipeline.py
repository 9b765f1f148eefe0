"""Running passes until nothing changes any more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from jaxdnn.ir import Model
from jaxdnn.passes.fold_batch_norm import fold_batch_norm
from jaxdnn.passes.fold_constants import Constants, fold_constants
from jaxdnn.passes.merge_padding import merge_padding
from jaxdnn.passes.merge_transposes import merge_transposes
from jaxdnn.passes.prune import prune
from jaxdnn.passes.report import Change, Report
from jaxdnn.passes.strip_identities import strip_identities
from jaxdnn.passes.strip_training import strip_training

Pass = Callable[[Model], Model]
"""A pure function that returns the same object when nothing changed."""

MAX_ROUNDS = 10


def pipeline(constants: Constants) -> dict[str, Pass]:
    """Return the passes that make a model smaller without changing what it yields, by name and in order.

    Args:
        constants: see :func:`~jaxdnn.passes.fold_constants.fold_constants`.
    """
    return {
        "strip_training": strip_training,
        "strip_identities": strip_identities,
        "fold_constants": partial(fold_constants, constants=constants),
        "merge_transposes": merge_transposes,
        "merge_padding": merge_padding,
        "fold_batch_norm": fold_batch_norm,
        "prune": prune,
    }


def run_passes(model: Model, passes: Mapping[str, Pass]) -> tuple[Model, Report]:
    """Run passes in their order, again and again until a round changes nothing, at most :data:`MAX_ROUNDS` times.

    Returns:
        the last model, the same object if no pass changed anything, and what each pass did.
    """
    changes: dict[str, Change] = {name: Change.between(name, model, model) for name in passes}
    for _ in range(MAX_ROUNDS):
        before = model
        for name, run in passes.items():
            after = run(model)
            if after is not model:
                changes[name] = changes[name].then(Change.between(name, model, after))
            model = after
        if model is before:
            break
    return model, Report(tuple(changes.values()))
