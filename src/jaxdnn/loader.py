"""``jaxdnn.load``: from files to a net, whatever their format."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace

import jax

from jaxdnn.errors import InputError
from jaxdnn.importers import load_model
from jaxdnn.ir import Model, Value
from jaxdnn.lowering.custom import parse, registered
from jaxdnn.lowering.program import CustomLayers
from jaxdnn.net import Net
from jaxdnn.passes import extract
from jaxdnn.policy import AnyPolicy

PathLike = str | os.PathLike[str]


def load(
    model: PathLike,
    weights: PathLike | None = None,
    *,
    format: str | None = None,
    inputs: Iterable[str] | None = None,
    outputs: Iterable[str] | None = None,
    input_shapes: Mapping[str, tuple[int, ...]] | None = None,
    custom_layers: CustomLayers | None = None,
    policy: AnyPolicy = "float32",
    compat: str | None = None,
    partial: bool = False,
    key: jax.Array | None = None,
    stages: Iterable[str] = (),
    level: int = 0,
) -> Net:
    """Read a network and make it callable.

    Args:
        model: path of the network's description, such as a prototxt, or of a file that holds all, such as a
            frozen graph.
        weights: path of its weights, such as a caffemodel. The two may be given in either order.
        format: ``"caffe"``, ``"darknet"``, ``"tensorflow"`` or ``"onnx"``; by default found out from the
            files' contents.
        inputs: names of the values that a call feeds instead of the file's inputs.
        outputs: names of the values (or layers) that a call returns by default.
        input_shapes: sizes by input name, where the file states none or others are wanted. Labels that are
            not named get the batch of the inputs that are.
        custom_layers: functions ``f(weights, *inputs, **attributes)`` by layer type, see
            :class:`~jaxdnn.CustomLayer`; they go before those of :func:`~jaxdnn.register_layer`. A type that
            jaxdnn knows itself is computed by the function instead.
        policy: dtype policy, see :class:`~jaxdnn.policy.Policy`.
        compat: ``"opencv"`` computes what OpenCV 4 computes where that is not what the format's own program
            does.
        partial: whether a Darknet weights file may end behind any layer, as one for the first layers alone
            does.
        key: a ``jax.random.key``; draws the parameters that no file holds from the file's initializers.
        stages: Caffe's NetState stages, which its include and exclude rules ask for.
        level: Caffe's NetState level.

    Returns:
        the net. Without weights and key its structure can be inspected but not run.

    Raises:
        JaxdnnError: a file cannot be read or does not make sense; the message says where.
    """
    inputs, outputs = (None if names is None else tuple(names) for names in (inputs, outputs))
    paths = [os.fspath(path) for path in (model, weights) if path is not None]
    custom = registered() | parse(custom_layers or {})
    imported = load_model(
        paths,
        format=format,
        compat=compat,
        partial=partial,
        inputs=inputs,
        outputs=outputs,
        stages=tuple(stages),
        level=level,
        custom=custom,
    )
    if inputs is not None or outputs is not None:
        imported = extract(imported, inputs=inputs, outputs=outputs)
    imported = _with_shapes(imported, input_shapes or {})
    return Net.from_model(imported, policy=policy, custom_layers=custom, key=key)


def _with_shapes(model: Model, shapes: Mapping[str, tuple[int, ...]]) -> Model:
    names = [value.name for value in model.graph.inputs]
    for name in shapes:
        if name not in names:
            raise InputError(f"input_shapes names {name!r}; the inputs are {', '.join(names)}")
    values = tuple(replace(value, shape=_shape_of(value, shapes)) for value in model.graph.inputs)
    return replace(model, graph=replace(model.graph, inputs=values), checked=model.checked and not shapes)


def _shape_of(value: Value, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int | None, ...] | None:
    batches = {shape[0] for shape in shapes.values() if len(shape)}
    if value.name in shapes:
        return tuple(shapes[value.name])
    if value.optional and value.shape and len(batches) == 1:
        return (*batches, *value.shape[1:])
    return value.shape
