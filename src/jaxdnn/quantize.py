"""``jaxdnn.quantize``: a net whose convolutions and dense layers have 8-bit weights."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

import jax
import numpy as np

from jaxdnn.calibration import calibrate
from jaxdnn.errors import InputError
from jaxdnn.initialize import require_complete
from jaxdnn.ir import Graph, Model
from jaxdnn.net import Net
from jaxdnn.optimize import optimize
from jaxdnn.passes import quantizable, quantize_products
from jaxdnn.quantization import Quantization


def quantize(
    net: Net,
    calibration_batches: Iterable[Any] = (),
    *,
    per_channel: bool = True,
    weights_only: bool = False,
    skip: str | Iterable[str] = (),
) -> tuple[Net, Quantization]:
    """Store the weights of convolutions, their transposes and dense layers in 8 bits, and compute with integers.

    Weights and what is multiplied by them become integers from -127 to 127, their products are added up in int32, and
    the sum is scaled to float32: see :class:`~jaxdnn.layers.quantized.Quantized`. The range of a weight is its largest
    absolute value, that of an input its largest one over the calibration batches.

    Batch norms are folded into the weights before them first; ``jaxdnn.optimize`` finds more of them in some nets. All
    other layers go on as they are, in the net's policy, as do those in the bodies of loops and branches, those whose
    weight is computed, and those that share it with a layer that goes on.

    Args:
        net: with its weights, in any policy.
        calibration_batches: some of what is to be computed later, each as for a call. The
            report measures errors on the first.
        per_channel: whether each output channel has a range of its own, not only each weight.
        weights_only: whether to compute with floating numbers, from weights that only lie in memory as integers:
            see :class:`~jaxdnn.layers.quantized.QuantizedWeight`. Batches then serve the report alone.
        skip: layers that stay as they are, by name; ``*``, ``?`` and ``[…]`` stand for letters as in file names. Small
            networks lose most in their first layers, which hold few weights; the report shows where.

    Returns:
        the new net, whose values keep their names, and what became of each layer.

    Raises:
        InputError: there is nothing to quantise, no batch, a name in ``skip`` that no such layer has, or a value that
            is not finite.
        WeightsError: a weight is missing or not finite.
    """
    require_complete(list(net.missing))
    folded, _ = optimize(net, passes=["fold_batch_norm"])
    params = {owner: {s: np.asarray(a) for s, a in slots.items()} for owner, slots in folded.stored.items()}
    model = Model(folded.graph, params, folded.source, open_shapes=True)
    skipped = _skipped(net.graph, model, skip)
    names = quantizable(model, skip=skipped, integers=not weights_only)
    if not names:
        raise InputError(f"{net.name!r} has no convolution or dense layer to quantise")
    first, batches = _batches(calibration_batches)
    ranges = None
    if not weights_only:
        if not first:
            raise InputError("calibration_batches holds no batch")
        read = dict.fromkeys(node.inputs[0] for node in folded.graph.nodes if node.name in names)
        ranges = calibrate(folded, batches, read)
    changed = quantize_products(model, names, ranges, per_channel=per_channel)
    small = Net.from_model(changed, policy=net.policy, custom_layers=net.program.custom_layers)
    return small, Quantization(folded, small, tuple(first), ranges or {})


def _batches(batches: Iterable[Any]) -> tuple[list[Any], Iterator[Any]]:
    """Return the first batch, if there is one, and all batches."""
    if isinstance(batches, Mapping | np.ndarray | jax.Array):
        raise InputError(
            "calibration_batches must be a list or another iterable of batches, got a single one"
        )
    rest = iter(batches)
    first = list(itertools.islice(rest, 1))
    return first, itertools.chain(first, rest)


def _skipped(original: Graph, model: Model, skip: str | Iterable[str]) -> set[str]:
    """Return the names of the folded graph's layers that are skipped, by their names in either graph."""
    patterns = (skip,) if isinstance(skip, str) else tuple(skip)
    called: dict[str, set[str]] = {}
    for node in original.nodes:
        called.setdefault(node.params.get("weight", ""), set()).add(node.name)
    nodes = {node.name: node for node in model.graph.nodes}
    candidates = {
        name: {name, *called[nodes[name].params["weight"]]} for name in quantizable(model, integers=False)
    }
    skipped = set()
    for pattern in patterns:
        found = {
            name for name, also in candidates.items() if any(fnmatchcase(each, pattern) for each in also)
        }
        if not found:
            raise InputError(f"no layer that can be quantised is called {pattern!r}, which skip names")
        skipped |= found
    return skipped
