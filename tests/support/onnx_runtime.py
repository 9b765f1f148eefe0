"""ONNX files of nets in ONNX Runtime, beside the nets themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnxruntime
from onnx import GraphProto, ModelProto

import jaxdnn

Arrays = Mapping[str, np.ndarray]


def run(model: ModelProto, feeds: Arrays) -> dict[str, np.ndarray]:
    """Return what ONNX Runtime computes, by output; feeds that the file does not ask for are left out."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    wanted = {value.name: np.asarray(feeds[value.name]) for value in session.get_inputs()}
    results = session.run(None, wanted)
    return dict(zip([output.name for output in session.get_outputs()], results, strict=True))


def properties(model: ModelProto) -> dict[str, str]:
    """Return what the file says of itself."""
    return {entry.key: entry.value for entry in model.metadata_props}


def operators(model: ModelProto) -> set[str]:
    """Return the types of all nodes, those of inner graphs too."""
    return set(_operators(model.graph))


def _operators(graph: GraphProto) -> Iterator[str]:
    for node in graph.node:
        yield node.op_type
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _operators(attribute.g)


def assert_same(got: Arrays, want: Mapping[str, Any], tolerance: float = 1e-4) -> None:
    """Compare all outputs: names, shapes and types, and floats relative to the largest one."""
    assert set(got) == set(want)
    for name, array in want.items():
        expected = np.asarray(array)
        assert (got[name].shape, got[name].dtype) == (expected.shape, expected.dtype), name
        if expected.dtype.kind != "f":
            np.testing.assert_array_equal(got[name], expected, name)
            continue
        finite = np.isfinite(expected)
        scale = max(1.0, float(np.abs(expected[finite]).max(initial=0)))
        np.testing.assert_allclose(got[name], expected, rtol=0, atol=tolerance * scale, err_msg=name)


def check_export(net: jaxdnn.Net, *calls: tuple[np.ndarray, ...], **options: Any) -> ModelProto:
    """Compare a net's file with the net for each of several calls, and return it.

    Args:
        net: what is written.
        calls: arrays in the order of the net's inputs.
        options: of ``net.to_onnx``.
    """
    model = net.to_onnx(**options)
    for arrays in calls:
        feeds = dict(zip(net.inputs, arrays, strict=True))
        assert_same(run(model, feeds), net(feeds))
    return model


def check(net: jaxdnn.Net, feeds: Arrays, tolerance: float = 1e-4, **options: Any) -> ModelProto:
    """Compare a net's file with the net, where the batch is open with the batch three times over too."""
    model = net.to_onnx(**options)
    assert_same(run(model, feeds), net(feeds), tolerance)
    if properties(model)["batch"] == "any":
        tripled = {name: np.concatenate([x] * 3) if np.ndim(x) else x for name, x in feeds.items()}
        assert_same(run(model, tripled), net(tripled), tolerance)
    return model
