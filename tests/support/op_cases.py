"""Many TensorFlow ops at once: one graph computes them all, and each result is compared with numpy's."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from support.tensorflow import const, load, node, placeholder


@dataclass(frozen=True)
class Case:
    """An op, its inputs (the names of some that are given, arrays of the others) and its first output."""

    op: str
    inputs: tuple[Any, ...]
    want: Any
    attributes: dict[str, Any] = field(default_factory=dict)


def check(folder, cases, given, fed=True):
    """Compute all cases from named inputs, which are fed or constants."""
    parts = [placeholder(name, x.shape, str(x.dtype)) if fed else const(name, x) for name, x in given.items()]
    for index, case in enumerate(cases):
        names = [x if isinstance(x, str) else f"c{index}/{i}" for i, x in enumerate(case.inputs)]
        parts += [
            const(name, x) for name, x in zip(names, case.inputs, strict=True) if not isinstance(x, str)
        ]
        parts.append(node(f"y{index}", case.op, *names, **case.attributes))
    outputs = [f"y{index}" for index in range(len(cases))]
    got = load(folder, *parts, outputs=outputs)(given if fed else {})
    for name, case in zip(outputs, cases, strict=True):
        assert_same(case, np.asarray(got[name]), np.asarray(case.want))


def assert_same(case, got, want):
    """Compare shapes and kinds of type, integers exactly, floating numbers to their precision."""
    label = f"{case.op} {case.attributes}"
    assert (got.shape, got.dtype.kind) == (want.shape, want.dtype.kind), label
    if want.dtype.kind == "f":
        tolerance = 4e-3 if want.dtype == np.float16 else 1e-5
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance, err_msg=label)
    else:
        np.testing.assert_array_equal(got, want, err_msg=label)
