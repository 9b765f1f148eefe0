"""Layers that the user's functions compute: what a function takes, what it may return, and how it is registered."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import InputError, JaxdnnError, LayerError
from jaxdnn.ir import Graph, Node, Value
from jaxdnn.layers.base import Shape
from jaxdnn.layers.custom import Custom
from jaxdnn.lowering.padded import unpad

F = TypeVar("F", bound=Callable[..., Any])
WeightShapes = Callable[[Shape, Mapping[str, Any]], Mapping[str, Shape]]


@dataclass(frozen=True)
class CustomLayer:
    """A user's function, and what its signature does not say.

    Attributes:
        function: ``f(weights, *inputs, **attributes) -> array or tuple of arrays``, pure; or a class as
            ``cv2.dnn_registerLayer`` takes it. ``weights`` maps slots to arrays. Its keyword parameters are the
            attributes that it knows: one without a default is required, and one that the file states must be
            among them. Floating inputs have the policy's type; values that are known while tracing (TensorFlow's
            constants) are numpy arrays. The result is converted to the policy's type.
        weights: of the shape of the first input, batch included, and the attributes: the shape of each parameter,
            in the order in which a Darknet weights file holds them. Other formats' files tell these themselves.
    """

    function: Callable[..., Any]
    weights: WeightShapes | None = None

    @property
    def name(self) -> str:
        """The function's name, or its type's if it has none."""
        return getattr(self.function, "__name__", type(self.function).__name__)

    @property
    def is_class(self) -> bool:
        """Whether it is a class with OpenCV's interface."""
        methods = ("getMemoryShapes", "forward")
        return isinstance(self.function, type) and all(hasattr(self.function, name) for name in methods)

    def output_shape(self, name: str, layer: Custom, inputs: tuple[Shape, ...]) -> Shape:
        """See :class:`~jaxdnn.layers.custom.CustomType`."""
        from jaxdnn.lowering.infer import Spec, infer
        from jaxdnn.lowering.program import Program

        specs = {f"{name}/{index}": Spec(shape, "float32") for index, shape in enumerate(inputs)}
        params = {slot: f"{name}/{slot}" for slot, _ in layer.weights}
        node = Node(name, layer, tuple(specs), (name,), params)
        graph = Graph(name, tuple(Value(key, spec.shape) for key, spec in specs.items()), (name,), (node,))
        (results,) = infer(Program(graph, custom_layers={layer.type: self}), specs, {}).shapes.values()
        return results[1][0]

    def weight_shapes(self, shape: Shape, attributes: Mapping[str, Any]) -> Mapping[str, Shape]:
        """See :class:`~jaxdnn.layers.custom.CustomType`.

        Raises:
            LayerError: ``weights`` raises, or returns something else than shapes.
        """
        if self.weights is None:
            return {}
        with explained(f"the weights of {self.name}"):
            shapes = self.weights(shape, dict(attributes))
        if not isinstance(shapes, Mapping) or not all(map(_is_shape, shapes.values())):
            raise LayerError(f"the weights of {self.name} must be shapes by name, got {shapes!r}")
        return {str(slot): tuple(map(int, sizes)) for slot, sizes in shapes.items()}


Given = Callable[..., Any] | CustomLayer
"""What a layer type may be given: a function, a class with OpenCV's interface, or either with its weights."""

_REGISTERED: dict[str, CustomLayer] = {}


def register_layer(type: str, *, weights: WeightShapes | None = None) -> Callable[[F], F]:
    """Register a function, or a class with OpenCV's interface, for a layer type of every net loaded from now on.

    ``custom_layers=`` of :func:`jaxdnn.load` goes before it, and a later registration replaces an earlier one. A
    type that jaxdnn knows itself is computed by the function instead.

    Args:
        type: the type's name in the source format: a Caffe type, a TensorFlow op, a Darknet section.
        weights: see :class:`CustomLayer`.

    Returns:
        a decorator, which returns the function as it is.
    """

    def register(function: F) -> F:
        _REGISTERED.update(parse({type: CustomLayer(function, weights)}))
        return function

    return register


def unregister_layer(type: str) -> None:
    """Forget the function that is registered for a layer type. Nets that are loaded keep it.

    Raises:
        InputError: there is none.
    """
    if type not in _REGISTERED:
        raise InputError(f"no layer type {type!r} is registered")
    del _REGISTERED[type]


def registered() -> dict[str, CustomLayer]:
    """Return what is registered, by layer type."""
    return dict(_REGISTERED)


def parse(custom_layers: Mapping[str, Given]) -> dict[str, CustomLayer]:
    """Return the functions of layer types, all of them as :class:`CustomLayer`.

    Raises:
        InputError: one of them cannot be called.
    """
    layers = {}
    for type_name, given in custom_layers.items():
        layer = given if isinstance(given, CustomLayer) else CustomLayer(given)
        if not callable(layer.function):
            raise InputError(f"custom layer {type_name!r} must be a function, got {layer.function!r}")
        layers[type_name] = layer
    return layers


def call_function(custom: CustomLayer, layer: Custom, inputs: int, outputs: int) -> Callable[..., Any]:
    """Return what computes a layer by a function: a lowering.

    Args:
        custom: the function.
        layer: what the file states.
        inputs, outputs: how many it has.

    Raises:
        LayerError: the function's signature does not take the inputs or the attributes.
    """
    attributes = _bind(custom, layer, inputs)

    def call(layer: Custom, weights: Mapping[str, Any], *inputs: Any) -> Any:
        with explained(custom.name):
            result = custom.function(weights, *inputs, **attributes)
        return check_results(custom.name, result, outputs, more=layer.open_outputs)

    return call


def check_results(name: str, result: Any, count: int, *, more: bool = False) -> tuple[Any, ...]:
    """Return a function's outputs as a tuple.

    Args:
        name: of the function.
        result: what it returned.
        count: how many outputs are named.
        more: whether it may return more than that.

    Raises:
        LayerError: it returned another number of them, or something that jax cannot compute with.
    """
    results = result if isinstance(result, tuple) else (result,)
    if len(results) < count or (len(results) > count and not more):
        raise LayerError(f"{name} returns {len(results)} outputs, {count} are named")
    for value in map(unpad, results):
        if not isinstance(value, jax.Array | np.ndarray | np.generic):
            raise LayerError(f"{name} returns a {type(value).__name__}, not an array or a tuple of arrays")
        if not (jnp.issubdtype(value.dtype, jnp.number) or value.dtype == bool):
            raise LayerError(f"{name} returns an array of {value.dtype}, not of numbers")
        wanted = jax.dtypes.canonicalize_dtype(value.dtype)
        if value.dtype != wanted:
            raise LayerError(
                f"{name} returns a {value.dtype} array, and jax computes in {wanted}: "
                "convert it, or enable jax_enable_x64"
            )
    return results[:count]


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Turn what a user's function raises into one sentence that names the function.

    Raises:
        LayerError: with the exception as its cause.
    """
    try:
        yield
    except JaxdnnError:
        raise
    except jax.errors.UnexpectedTracerError as error:
        raise leaked(name) from error
    except Exception as error:
        said = str(error).strip().split("\n")[0]
        kind = type(error).__name__
        raise LayerError(f"{name} raises {kind}: {said}" if said else f"{name} raises {kind}") from error


def leaked(name: str) -> LayerError:
    """Return the error of a function that keeps traced arrays."""
    return LayerError(
        f"{name} uses or returns a traced array that it kept from an earlier call (a leaked tracer)"
    )


def _bind(custom: CustomLayer, layer: Custom, inputs: int) -> dict[str, Any]:
    """Return the attributes that a function is called with.

    Raises:
        LayerError: they, or the inputs, are not those that it takes.
    """
    fields, optional = dict(layer.fields), dict(layer.optional)
    try:
        signature = inspect.signature(custom.function)
    except (TypeError, ValueError):  # compiled functions do not tell
        return fields
    shown = f"{custom.name}{signature}"
    parameters = list(signature.parameters.values())
    kinds = {parameter.kind for parameter in parameters}
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    taken, spare = places[: inputs + 1], places[inputs + 1 :]
    demanded = sum(p.default is p.empty for p in spare if p.kind is p.POSITIONAL_ONLY)
    if demanded or (len(taken) <= inputs and inspect.Parameter.VAR_POSITIONAL not in kinds):
        raise LayerError(f"{shown} does not take weights and {inputs} inputs")
    keywords = {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY}
    keywords |= {p.name: p for p in spare if p.kind is p.POSITIONAL_OR_KEYWORD}
    positional = {p.name for p in taken if p.kind is p.POSITIONAL_OR_KEYWORD}
    stated = ", ".join(f"{name}={value!r}" for name, value in fields.items()) or "no attributes"
    for name in fields:
        if name in positional or (name not in keywords and inspect.Parameter.VAR_KEYWORD not in kinds):
            raise LayerError(f"{shown} does not take attribute {name!r}; the file states {stated}")
    given = fields | {name: value for name, value in optional.items() if name in keywords}
    for name, parameter in keywords.items():
        if parameter.default is parameter.empty and name not in given:
            raise LayerError(f"{shown} needs attribute {name!r}; the file states {stated}")
    return given


def describe_unknown(nodes: Iterable[Node]) -> str:
    """Return what is said of layers of unknown types: of which, where, and what can be done."""
    types: dict[str, None] = {}
    lines = []
    for node in nodes:
        assert isinstance(node.layer, Custom)
        types[node.layer.type] = None
        lines.append(
            f"  {node.layer.type}: layer {node.name!r}" + (f" at {node.origin}" if node.origin else "")
        )
    first = (
        f"unknown layer types: {', '.join(types)}. A function for each can be "
        "given as custom_layers={'Type': f}, f(weights, *inputs, **attributes)"
    )
    return "\n".join([first, *lines])


def _is_shape(value: Any) -> bool:
    return isinstance(value, tuple | list) and all(
        isinstance(size, int | np.integer) and size >= 0 for size in value
    )
