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
ROWS: dict[str, str] = {}

pytestmark = pytest.mark.xdist_group("layer_matrix")  # one process, so that the table is whole


def run(case: Case):
    """Run a case; slots that it does not give are drawn."""
    shapes = case.layer.param_shapes(*(x.shape for x in case.inputs))
    rng = np.random.default_rng(2)
    weights = {
        slot: case.weights.get(slot, rng.standard_normal(shape).astype(np.float32))
        for slot, shape in shapes.items()
    }
    net = net_of(case.layer, *case.inputs, outputs=case.outputs, **weights)
    feeds = {f"x{i}": x for i, x in enumerate(case.inputs)}
    return net, feeds, net(feeds)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.feature)
def test_feature(case):
    net, feeds, got = run(case)
    for value in got.values():
        assert np.isfinite(np.asarray(value)).all()
    pairs = jax.tree.map(lambda x: np.stack([x, x]), feeds)
    if pairs:
        again = jax.vmap(lambda inputs: net.apply(net.params, inputs))(pairs)
        assert jax.tree.all(jax.tree.map(lambda value: value.shape[0] == 2, again))
    test = ROOT / "tests" / "lowering" / f"test_{case.tested}.py"
    assert test.exists()
    inputs = ", ".join(dims(x.shape) for x in case.inputs) or "–"
    outputs = ", ".join(dims(np.shape(value)) for value in got.values())
    name = type(case.layer).__name__
    tested = f"[{test.name}](../tests/lowering/{test.name})"
    ROWS[case.feature] = f"| {case.feature} | `{name}` | {inputs} | {outputs} | {tested} |"


def test_table_is_up_to_date():
    if len(ROWS) < len(CASES):
        pytest.skip("needs a run of the whole module")
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
            *(ROWS[case.feature] for case in CASES),
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
