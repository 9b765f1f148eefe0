"""Layers that Python classes with OpenCV's interface compute, on the host."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxdnn.errors import JaxdnnError, LayerError, ShapeError, located
from jaxdnn.ir import Graph, Node, Params, split_reference
from jaxdnn.layers.base import Shape, dims
from jaxdnn.layers.constant import Const
from jaxdnn.layers.custom import Custom
from jaxdnn.lowering.custom import CustomLayer, call_function, explained
from jaxdnn.lowering.registry import Lowering

Arrays = tuple[np.ndarray, ...]


class HostLayer:
    """A layer whose class has OpenCV's interface, as ``cv2.dnn_registerLayer`` takes it: a lowering.

    The class is used as in OpenCV 4::

        instance = cls(params, blobs)  # once per net
        shapes = instance.getMemoryShapes(inputs)  # shapes of the outputs from a list of those of the inputs
        outputs = instance.forward(inputs)  # a list of numpy arrays from one

    ``params`` holds the attributes by name: numbers, strings, tuples; booleans are 0 or 1, and the fields of nested
    messages stand beside the others. (OpenCV itself gives strings for fields that its own schema does not have.)
    ``blobs`` holds the parameters and, of a TensorFlow graph, the inputs that are constants, which are then no inputs.
    One with a single axis has two, as in OpenCV: a parameter is a column, a constant a row. Floating arrays are
    float32. Values of four axes have their channels first, as in OpenCV, whatever the format. The outputs are
    float32 too.

    ``forward`` runs on the host, through :func:`jax.pure_callback`: one call for each element of a ``vmap``
    (``vmap_method="sequential"``), and no gradient.

    Args:
        custom: the class.
        layer: what the file states.
        place: the layer's place, as :func:`~jaxdnn.errors.located` takes it.
        weights: the stored parameters by slot. Other ones in a call make a new instance.
        constants: the arrays of those inputs that are constants, by number.
        outputs: how many there are.

    Raises:
        LayerError: the class's ``__init__`` raises.
    """

    def __init__(
        self,
        custom: CustomLayer,
        layer: Custom,
        place: Mapping[str, Any],
        weights: Mapping[str, np.ndarray],
        constants: Mapping[int, np.ndarray],
        outputs: int,
    ) -> None:
        self._failure: JaxdnnError | None = None
        self.name = custom.name
        self._class = custom.function
        self._place = place
        self._params = _flat(layer.fields + layer.optional)
        self._constants = constants
        self._outputs = outputs
        self._lock = threading.Lock()
        self._slots = tuple(weights)
        self._blobs: Arrays = tuple(map(_float32, weights.values()))
        self._instance = self._make(self._blobs)

    def __call__(self, layer: Custom, weights: Mapping[str, Any], *inputs: Any) -> tuple[jax.Array, ...]:
        """Compute the layer; what is checked here is ``getMemoryShapes``."""
        moved = layer.channels_last and dict(layer.fields).get("data_format") != "NCHW"
        arrays = [
            _move(value, 1) if moved else value for i, value in enumerate(inputs) if i not in self._constants
        ]
        structs = [
            jax.ShapeDtypeStruct(shape, np.float32)  # type: ignore[no-untyped-call]
            for shape in self._shapes([tuple(array.shape) for array in arrays])
        ]
        blobs = [weights[slot] for slot in self._slots]
        results = jax.pure_callback(self._forward, structs, blobs, arrays, vmap_method="sequential")
        return tuple(_move(value, -1) if moved else value for value in results)

    def take_failure(self) -> JaxdnnError | None:
        """Return the error of the last call that failed, once."""
        failure, self._failure = self._failure, None
        return failure

    def _make(self, blobs: Arrays) -> Any:
        rows = [_matrix(array, row=True) for array in self._constants.values()]
        with located(**self._place), explained(f"{self.name}.__init__"):
            return self._class(dict(self._params), [*(_matrix(blob, row=False) for blob in blobs), *rows])

    def _shapes(self, inputs: list[Shape]) -> list[Shape]:
        with explained(f"{self.name}.getMemoryShapes"):
            shapes = [tuple(map(int, shape)) for shape in self._instance.getMemoryShapes(inputs)]
        if len(shapes) != self._outputs:
            raise LayerError(
                f"{self.name}.getMemoryShapes returns {len(shapes)} shapes, {self._outputs} outputs are named"
            )
        return shapes

    def _forward(self, blobs: list[Any], inputs: list[Any]) -> list[np.ndarray]:
        """Run on the host. What goes wrong is kept: jax turns an exception from here into text."""
        try:
            with located(**self._place), self._lock:
                return self._checked(tuple(map(_float32, blobs)), list(map(_float32, inputs)))
        except JaxdnnError as error:
            self._failure = error
            raise

    def _checked(self, blobs: Arrays, inputs: list[np.ndarray]) -> list[np.ndarray]:
        if not all(map(np.array_equal, blobs, self._blobs)):
            self._instance, self._blobs = self._make(blobs), blobs
        shapes = self._shapes([array.shape for array in inputs])
        with explained(f"{self.name}.forward"):
            found = self._instance.forward(inputs)
        arrays = list(found) if isinstance(found, list | tuple) else [found]
        for array in arrays:
            if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
                raise LayerError(f"{self.name}.forward returns something else than arrays of numbers")
        if [array.shape for array in arrays] != shapes:
            got, wanted = (", ".join(map(dims, each)) for each in ([a.shape for a in arrays], shapes))
            raise ShapeError(f"{self.name}.forward returns {got}, getMemoryShapes says {wanted}")
        return [np.ascontiguousarray(array, np.float32) for array in arrays]


def lower_custom(
    custom: CustomLayer, node: Node, graph: Graph, stored: Params, place: Mapping[str, Any]
) -> Lowering:
    """Return how a custom layer computes.

    Args:
        custom: its type's function or class.
        node: the layer.
        graph: which it is part of.
        stored: the parameters, as far as they are known.
        place: the layer's place, as :func:`~jaxdnn.errors.located` takes it.

    Raises:
        LayerError: the function does not take the layer's inputs or attributes, or the class's ``__init__`` raises.
    """
    layer, inputs, outputs = node.layer, len(node.inputs), len(node.outputs)
    assert isinstance(layer, Custom)
    with located(**place):
        if not custom.is_class:
            return Lowering(call_function(custom, layer, inputs, outputs), numpy=True)
        shapes = layer.param_shapes()
        weights = {}
        for slot, reference in node.params.items():
            owner, key = split_reference(reference)
            array = stored.get(owner, {}).get(key)
            weights[slot] = np.zeros(shapes.get(slot, ())) if array is None else np.asarray(array)
        producers = [graph.producers.get(value) for value in node.inputs]
        constants = {i: p.layer.value for i, p in enumerate(producers) if p and isinstance(p.layer, Const)}
        return Lowering(HostLayer(custom, layer, place, weights, constants, outputs), float32=True)


def _flat(fields: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """Return attributes as OpenCV gives them."""
    params: dict[str, Any] = {}
    for name, value in fields:
        if isinstance(value, tuple) and value and all(_is_pair(element) for element in value):
            params |= _flat(value)
        else:
            params[name] = int(value) if isinstance(value, bool) else value
    return params


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)


def _matrix(array: np.ndarray, *, row: bool) -> np.ndarray:
    return (
        array.reshape(1, -1) if array.ndim < 2 and row else array.reshape(-1, 1) if array.ndim < 2 else array
    )


def _float32(value: Any) -> np.ndarray:
    """Return a copy, which the class may change."""
    array = np.array(value)
    return array if array.dtype.kind in "biu" else array.astype(np.float32)


def _move(value: Any, to: int) -> Any:
    """Move the channels of a value with four axes behind the batch (1), or to the end (-1)."""
    if len(value.shape) != 4:
        return value
    return value.transpose((0, 3, 1, 2) if to == 1 else (0, 2, 3, 1))
