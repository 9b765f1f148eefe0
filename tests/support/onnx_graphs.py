"""Write small ONNX models in a test, load them, and compute them with independent programs."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import jaxdnn

OPSET = 21
"""The operator set of models whose tests do not care."""


def node(op: str, inputs: Iterable[str] | str, outputs: Iterable[str] | str = "y", **options: Any):
    """Make a node; ``domain`` and ``name`` are options, everything else is an attribute."""
    inputs, outputs = ([part] if isinstance(part, str) else list(part) for part in (inputs, outputs))
    return helper.make_node(op, inputs, outputs, **options)


def tensor(name: str, shape: Iterable[int | str | None] | None = None, dtype: Any = "float32"):
    """Declare a tensor; a size may be a name or None."""
    kind = dtype if isinstance(dtype, int) else helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return helper.make_tensor_value_info(name, kind, None if shape is None else list(shape))


def graph(nodes, inputs, outputs, initializers: Mapping[str, Any] | None = None, name: str = "g"):
    """Make a graph. Outputs may be names alone: those of unknown type.

    Initializers are arrays by name, or tensors.
    """
    stored = [
        array if isinstance(array, TensorProto) else numpy_helper.from_array(np.asarray(array), key)
        for key, array in (initializers or {}).items()
    ]
    declared = [onnx.ValueInfoProto(name=each) if isinstance(each, str) else each for each in outputs]
    return helper.make_graph(list(nodes), name, list(inputs), declared, stored)


def model(
    nodes,
    inputs,
    outputs=("y",),
    initializers: Mapping[str, Any] | None = None,
    opset: int | Mapping[str, int] = OPSET,
    **options: Any,
) -> onnx.ModelProto:
    """Make a model.

    Args:
        nodes, inputs, outputs, initializers: see :func:`graph`.
        opset: the version of the standard's operators, or of each domain's.
        options: of ``onnx.helper.make_model``, ``functions`` for instance.
    """
    versions = opset if isinstance(opset, Mapping) else {"": opset}
    options.setdefault("ir_version", 10)
    return helper.make_model(
        graph(nodes, inputs, outputs, initializers),
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in versions.items()],
        **options,
    )


def save(folder: Path, *parts: Any, **options: Any) -> str:
    """Write a model, see :func:`model`, and return its path."""
    path = folder / "model.onnx"
    path.write_bytes(model(*parts, **options).SerializeToString())
    return str(path)


def load(folder: Path, *parts: Any, loading: Mapping[str, Any] | None = None, **options: Any) -> jaxdnn.Net:
    """Write a model, see :func:`model`, and load it with the options ``loading``."""
    return jaxdnn.load(save(folder, *parts, **options), **(loading or {}))


def one_op(
    op: str,
    arrays: Iterable[np.ndarray | None],
    outputs: int | Iterable[str] = 1,
    *,
    feeds: Iterable[int] | None = (0,),
    opset: int = OPSET,
    domain: str = "",
    version: int = 1,
    **attributes: Any,
) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """Make a model of one operator, and what it is fed.

    Args:
        op: the operator.
        arrays: its inputs; None leaves one out.
        outputs: how many there are, or their names (``""`` leaves one out).
        feeds: numbers of the inputs that are fed; the others are initializers. None: all are fed.
        opset: version of the standard's operators.
        domain, version: of the operator, if it is not the standard's.
        attributes: of the node.
    """
    named = {f"i{index}": array for index, array in enumerate(arrays)}
    names = [name if array is not None else "" for name, array in named.items()]
    fed = {name: array for i, (name, array) in enumerate(named.items()) if feeds is None or i in feeds}
    stored = {name: array for name, array in named.items() if name not in fed and array is not None}
    fed = {name: np.asarray(array) for name, array in fed.items() if array is not None}
    results = [f"o{index}" for index in range(outputs)] if isinstance(outputs, int) else list(outputs)
    made = model(
        [node(op, names, results, domain=domain, **attributes)],
        [tensor(name, array.shape, array.dtype) for name, array in fed.items()],
        list(filter(None, results)),
        stored,
        {"": opset, **({domain: version} if domain else {})},
    )
    return made, fed


def compute(folder: Path, op: str, *arrays: np.ndarray | None, **options: Any) -> Any:
    """Return what jaxdnn computes of one operator, see :func:`one_op`: an array, or a list if there are several."""
    made, fed = one_op(op, arrays, **options)
    path = folder / "model.onnx"
    path.write_bytes(made.SerializeToString())
    return _plain(run(path, fed))


def agree(
    folder: Path, op: str, arrays: Iterable[np.ndarray | None], *, tolerance: float = 1e-5, **options: Any
):
    """Check that jaxdnn and ONNX Runtime compute the same of one operator, see :func:`one_op`.

    Args:
        folder: where the model is written.
        op, arrays, options: see :func:`one_op`.
        tolerance: of floating results, relative to the largest one of them or to 1.
    """
    made, fed = one_op(op, arrays, **options)
    path = folder / "model.onnx"
    path.write_bytes(made.SerializeToString())
    for got, want in zip(run(path, fed), runtime(made, fed), strict=True):
        assert got.shape == want.shape
        scale = max(1.0, float(np.abs(np.nan_to_num(want)).max(initial=0))) if want.dtype.kind == "f" else 0.0
        np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * scale)


def run(path: Any, fed: Mapping[str, Any], **options: Any) -> list[Any]:
    """Return a file's outputs in order, as jaxdnn computes them; options are those of ``load``."""
    net = jaxdnn.load(path, **options)
    return [np.asarray(array) for array in net(dict(fed)).values()]


def reference(made: onnx.ModelProto, fed: Mapping[str, Any]) -> list[np.ndarray]:
    """Return a model's outputs as the standard's reference implementation computes them."""
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(made).run(None, dict(fed))


def runtime(made: onnx.ModelProto, fed: Mapping[str, Any]) -> list[np.ndarray]:
    """Return a model's outputs as ONNX Runtime computes them; it knows operator sets from 7 on."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        made.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {name: np.asarray(array) for name, array in fed.items()})


def _plain(results: list[Any]) -> Any:
    return results[0] if len(results) == 1 else results
