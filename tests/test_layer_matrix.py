"""Every feature that the set of layers must cover runs; the run writes the table in docs/layers.md.

JAXDNN_UPDATE_DOCS=1 python -m pytest tests/test_layer_matrix.py
"""

import os
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxdnn.importers.caffe  # noqa: F401  (registers the rules)
from jaxdnn.importers.caffe.registry import RULES
from jaxdnn.layers.base import dims
from support.layer import net_of
from support.matrix import CASES, Case

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "layers.md"


def net_and_feeds(case: Case):
    """Build a case's net; slots that it does not give are drawn."""
    shapes = case.layer.param_shapes(*(x.shape for x in case.inputs))
    rng = np.random.default_rng(2)
    weights = {
        slot: case.weights.get(slot, rng.standard_normal(shape).astype(np.float32))
        for slot, shape in shapes.items()
    }
    net = net_of(case.layer, *case.inputs, outputs=case.outputs, **weights)
    return net, {f"x{i}": x for i, x in enumerate(case.inputs)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.feature)
def test_feature(case):
    net, feeds = net_and_feeds(case)
    for value in net(feeds).values():
        assert np.isfinite(np.asarray(value)).all()
    pairs = jax.tree.map(lambda x: np.stack([x, x]), feeds)
    if pairs:
        again = jax.vmap(lambda inputs: net.apply(net.params, inputs))(pairs)
        assert jax.tree.all(jax.tree.map(lambda value: value.shape[0] == 2, again))


def row(case: Case) -> str:
    """Return a case's line of the table."""
    net, _ = net_and_feeds(case)
    test = ROOT / "tests" / "lowering" / f"test_{case.tested}.py"
    assert test.exists()
    inputs = ", ".join(dims(x.shape) for x in case.inputs) or "–"
    outputs = ", ".join(
        "x".join("?" if n is None else str(n) for n in spec.shape) for spec in net.outputs.values()
    )
    name = type(case.layer).__name__
    return (
        f"| {case.feature} | `{name}` | {inputs} | {outputs} | [{test.name}](../tests/lowering/{test.name}) |"
    )


def test_table_is_up_to_date():
    types = ", ".join(f"`{name}`" for name in sorted(RULES, key=str.lower))
    page = "\n".join(
        [
            "# Layers",
            "",
            "Written by `tests/test_layer_matrix.py` from a run of every row, alone and under `jax.vmap`. The last",
            "column is the test that compares the layer with a reference of its own over random parameters and",
            "shapes.",
            "",
            "| feature | layer | inputs of the run | outputs | compared in |",
            "|---|---|---|---|---|",
            *map(row, CASES),
            "",
            "## Caffe types",
            "",
            f"{len(RULES)} types are imported: {types}.",
            "",
        ]
    )
    if os.environ.get("JAXDNN_UPDATE_DOCS"):
        PAGE.write_text(page)
    assert PAGE.read_text() == page
