"""The official tests of the onnx package: models, what they are fed, and what they should yield."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import load_model_tests

import jaxdnn

KINDS = ("node", "simple")
_STORED = {
    "tensor_type": (onnx.TensorProto, numpy_helper.to_array),
    "sequence_type": (onnx.SequenceProto, numpy_helper.to_list),
    "optional_type": (onnx.OptionalProto, numpy_helper.to_optional),
}


@cache
def cases() -> dict[str, TestCase]:
    """All official cases by name."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # the cases are computed now, overflow and division by zero among them
        return {case.name: case for kind in KINDS for case in load_model_tests(kind=kind)}


def check(case: TestCase, folder: Path) -> None:
    """Load a case's model, run it, and compare with what the case expects.

    Raises:
        Exception: whatever is wrong.
    """
    if case.model_dir is None:
        made, path = case.model, folder / "model.onnx"
        path.write_bytes(made.SerializeToString())
        sets = case.data_sets
    else:
        path = Path(case.model_dir) / "model.onnx"
        made = onnx.load(path)
        sets = [_read(made, directory) for directory in sorted(path.parent.glob("test_data_set_*"))]
    assert sets
    net = jaxdnn.load(path)
    for given, expected in sets:
        fed = {value.name: _plain(array) for value, array in zip(made.graph.input, given, strict=False)}
        got = net(fed)
        for value, want in zip(made.graph.output, expected, strict=True):
            _compare(got[value.name], _plain(want), case.rtol, case.atol)


def _read(made: onnx.ModelProto, folder: Path) -> tuple[list[Any], list[Any]]:
    held = {tensor.name for tensor in made.graph.initializer}
    fed = [value for value in made.graph.input if value.name not in held]
    return tuple(
        [_stored(folder / f"{what}_{index}.pb", value) for index, value in enumerate(values)]
        for what, values in (("input", fed), ("output", made.graph.output))
    )


def _stored(path: Path, value: onnx.ValueInfoProto) -> Any:
    message, convert = _STORED[value.type.WhichOneof("value")]
    return convert(message.FromString(path.read_bytes()))


def _plain(stored: Any) -> Any:
    for message, convert in _STORED.values():
        if isinstance(stored, message):
            return convert(stored)
    return stored


def _largest(array: np.ndarray) -> float:
    numbers = array.astype(np.float64)
    return float(np.abs(numbers[np.isfinite(numbers)]).max(initial=0))


def _compare(got: Any, want: Any, rtol: float, atol: float) -> None:
    if isinstance(want, list):
        assert isinstance(got, list)
        assert len(got) == len(want)
        for one, other in zip(got, want, strict=True):
            _compare(one, other, rtol, atol)
        return
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape
    if want.dtype.kind in "biu":
        np.testing.assert_array_equal(got, want)
        return
    if want.dtype.itemsize == 2:
        # The expected numbers were rounded to this type in every step, jaxdnn computes them in float32.
        epsilon = float(jnp.finfo(want.dtype).eps)
        rtol, atol = max(rtol, epsilon), max(atol, epsilon * _largest(want))
    got, want = (array.astype(np.complex128) for array in (got, want))
    np.testing.assert_allclose(got, want, rtol=rtol, atol=atol)
