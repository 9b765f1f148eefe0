"""Every layer runs, and the table in docs/layers.md says what each can do; a run writes it.

JAXDNN_UPDATE_DOCS=1 python -m pytest tests/test_layer_matrix.py
"""

import os
from pathlib import Path

import pytest

import jaxdnn.importers.caffe  # noqa: F401  (registers the rules)
from jaxdnn.importers.caffe.registry import RULES
from jaxdnn.layers.base import dims
from jaxdnn.lowering import LOWERINGS
from support.matrix import CASES, Case
from support.measure import HALF_STEPS, Cells, measure
from support.reasons import REASONS

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "layers.md"
INTRODUCTION = f"""# Layers

Written by `tests/test_layer_matrix.py` from a run of every row; a later run of the tests measures every cell again. The
last column is the test that compares the layer with a reference of its own over random parameters and shapes.

* **forward**: `net(x)` runs and is finite.
* **grad**: derivatives by all floating inputs and parameters at once, along random directions, are those of central
  differences in float64 (1e-5 of the value). `0`: both are zero. Inputs that hold places, labels or flags stay as they
  are.
* **vmap**: two examples under `jax.vmap` give what each gives alone.
* **float16**, **bfloat16**: under that policy the result is finite where float32's is, and differs by at most
  {HALF_STEPS} times the type's epsilon of the largest number that goes in or comes out. Inputs and parameters are
  numbers that the type holds exactly.

`–` means that there is nothing to measure: no input, or no floating numbers. All else is said below the table.

| feature | layer | inputs of the run | outputs | forward | grad | vmap | float16 | bfloat16 | compared in |
|---|---|---|---|---|---|---|---|---|---|
"""


@pytest.fixture(scope="module")
def page():
    """The lines of the page's table, by feature."""
    if os.environ.get("JAXDNN_UPDATE_DOCS"):
        PAGE.write_text(written({case.feature: row(case, measure(case)) for case in CASES}))
    return rows(PAGE.read_text())


def rows(text: str) -> dict[str, str]:
    """Return the lines of the table by feature."""
    lines = text.partition("|---|")[2].split("\n")[1:]
    table = lines[: lines.index("")]
    return {line.split(" | ")[0].removeprefix("| "): line for line in table}


def row(case: Case, cells: Cells) -> str:
    """Return a case's line of the table."""
    test = ROOT / "tests" / "lowering" / f"test_{case.tested}.py"
    assert test.exists()
    inputs = ", ".join(dims(x.shape) for x in case.inputs) or "–"
    outputs = ", ".join(
        "x".join("?" if n is None else str(n) for n in spec.shape) or "scalar"
        for spec in case.net.outputs.values()
    )
    name, link = type(case.layer).__name__, f"[{test.name}](../tests/lowering/{test.name})"
    return f"| {case.feature} | `{name}` | {inputs} | {outputs} | {' | '.join(cells)} | {link} |"


def cells_of(line: str) -> Cells:
    """Return what a line of the table says of a case."""
    return Cells(*line.split(" | ")[4:9])


def written(table: dict[str, str]) -> str:
    """Return the page with these lines."""
    types = ", ".join(f"`{name}`" for name in sorted(RULES, key=str.lower))
    reasons = "\n".join(
        f"* **{cell}**, {'; '.join(features)}: {reason}" for cell, reason, features in REASONS
    )
    lines = "\n".join(table.values())
    return (
        f"{INTRODUCTION}{lines}\n\n## What does not say yes\n\n{reasons}\n\n## Caffe types\n\n"
        f"{len(RULES)} types are imported: {types}.\n"
    )


def test_the_table_has_every_case(page):
    assert PAGE.read_text() == written(
        {case.feature: row(case, cells_of(page[case.feature])) for case in CASES}
    )


def test_every_layer_has_a_case():
    assert {layer.__name__ for layer in LOWERINGS} == {type(case.layer).__name__ for case in CASES}


def test_what_does_not_say_yes_has_a_reason(page):
    unexplained = {
        (cell, case.feature)
        for case in CASES
        for cell, value in cells_of(page[case.feature])._asdict().items()
        if value not in ("yes", "–")
    }
    explained = [(cell, feature) for cell, _, features in REASONS for feature in features]
    assert sorted(explained) == sorted(unexplained)


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.feature)
def test_cells(case, page):
    assert measure(case) == cells_of(page[case.feature])
