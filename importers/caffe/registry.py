"""What a rule is: the function that turns one Caffe layer into typed layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from jaxdnn.errors import GraphError, WeightsError
from jaxdnn.importers.builder import Builder
from jaxdnn.importers.caffe.fields import Fields
from jaxdnn.ir import Initializer, split_reference
from jaxdnn.layers.base import Layer

Count = int | tuple[int, int | None]
RuleFunction = Callable[["CaffeBuilder", "LayerSource", tuple[str, ...]], tuple[str, ...]]


@dataclass
class LayerSource:
    """One layer of a prototxt, with its blobs from the caffemodel.

    Attributes:
        name: the layer's name; made up where the file gives none.
        type: the type's V2 name.
        bottoms, tops: blob names.
        fields: the layer's own fields.
        blobs: stored arrays in the file's order; None where no file holds this layer.
        order: the layer's position in the caffemodel.
        shared: names from ``param { name }``, by blob position; "" where there is none.
    """

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    fields: Fields
    blobs: list[np.ndarray] | None = None
    order: int = 0
    shared: tuple[str, ...] = ()
    views: dict[str, Fields] = field(default_factory=dict)

    def param(self, *names: str) -> Fields:
        """Return the view of the layer's parameter message, under the first of these names it has."""
        stated = [name for name in names if self.fields.has(name)]
        name = stated[0] if stated else names[0]
        if name not in self.views:
            self.views[name] = self.fields.message(name)
        return self.views[name]

    @property
    def place(self) -> str:
        """How errors name this layer."""
        return f"{self.name!r} ({self.type or 'no type'})"


class CaffeBuilder(Builder):
    """A builder that knows Caffe's blobs, in-place layers and shared parameters.

    Attributes:
        opencv: whether OpenCV's numerics are wanted where it computes something else than Caffe.
        preprocessing: what data layers say of their pictures.
    """

    def __init__(self, *, opencv: bool = False) -> None:
        super().__init__()
        self.opencv = opencv
        self.preprocessing: dict[str, object] = {}
        self._shared: dict[str, str] = {}
        self._order: dict[str, int] = {}

    def emit(
        self,
        source: LayerSource,
        layer: Layer,
        inputs: tuple[str, ...],
        params: Mapping[str, str] | None = None,
        *,
        tops: tuple[str, ...] | None = None,
        name: str | None = None,
    ) -> tuple[str, ...]:
        """Add a node for a Caffe layer.

        Args:
            source: the Caffe layer.
            layer: what this node computes.
            inputs: value names.
            params: parameter references by slot, as :meth:`slots` returns them.
            tops: the blobs that the node's values are versions of; by default all tops of the layer.
            name: of the node; by default the Caffe layer's name.

        Returns:
            the names of the node's values.
        """
        name = name or source.name
        tops = source.tops if tops is None else tops
        outputs = tuple(f"{top}@{name}" for top in tops)
        return self.add(layer, inputs, name=name, outputs=outputs, params=params)

    def slots(self, source: LayerSource, **fillers: Initializer | None) -> dict[str, str]:
        """Record a layer's parameters: one slot per blob, in the order of the caffemodel.

        Args:
            source: the Caffe layer; its ``blobs`` are stored under the slots' names.
            fillers: for each slot what fills it when no file holds it (None: nothing stated).

        Returns:
            the parameter reference of each slot; layers that share a parameter get the same one.

        Raises:
            WeightsError: the file holds another number of blobs, or numbers that are not finite.
        """
        if source.blobs is not None and len(source.blobs) != len(fillers):
            raise WeightsError(
                f"has {len(source.blobs)} blobs in the weights file, {len(fillers)} expected "
                f"({', '.join(fillers)})"
            )
        references = {}
        for index, (slot, filler) in enumerate(fillers.items()):
            blob = None if source.blobs is None else source.blobs[index]
            _require_finite(slot, blob)
            shared = source.shared[index] if index < len(source.shared) else ""
            reference = f"{source.name}/{slot}"
            if shared:
                reference = self._shared.setdefault(shared, reference)
            if source.order < self._order.get(reference, 0):
                blob = None  # of several stored copies the last in the file counts
            self._order[reference] = source.order
            references[slot] = self.param(*split_reference(reference), blob, filler)
        return references


def _require_finite(slot: str, blob: np.ndarray | None) -> None:
    # One pass without a temporary: a sum is finite unless an element is not (or elements are absurdly large).
    with np.errstate(over="ignore", invalid="ignore"):
        suspicious = blob is not None and not np.isfinite(blob.sum(dtype=np.float32))
    if blob is not None and suspicious:
        count = blob.size - np.count_nonzero(np.isfinite(blob))
        if count:
            raise WeightsError(
                f"{slot} holds {count} values in the weights file that are not finite: it is damaged"
            )


@dataclass(frozen=True)
class Rule:
    """A rule and the numbers of bottoms and tops that its types take."""

    function: RuleFunction
    bottoms: Count
    tops: Count

    def check(self, source: LayerSource) -> None:
        """Check the number of bottoms and tops.

        Raises:
            GraphError: there are too many or too few.
        """
        for kind, names, count in (
            ("bottom", source.bottoms, self.bottoms),
            ("top", source.tops, self.tops),
        ):
            low, high = count if isinstance(count, tuple) else (count, count)
            if len(names) < low or (high is not None and len(names) > high):
                wanted = (
                    str(low) if low == high else f"at least {low}" if high is None else f"{low} to {high}"
                )
                plural = "s" * (wanted != "1")
                raise GraphError(f"takes {wanted} {kind}{plural}, {len(names)} given")


RULES: dict[str, Rule] = {}


def rules(*types: str, bottoms: Count = 1, tops: Count = 1) -> Callable[[RuleFunction], RuleFunction]:
    """Register a function as the rule of these layer types.

    Args:
        types: V2 names.
        bottoms, tops: how many a layer takes: a number, or (at least, at most or None).
    """

    def register(function: RuleFunction) -> RuleFunction:
        for name in types:
            assert name not in RULES, f"{name} has two rules"
            RULES[name] = Rule(function, bottoms, tops)
        return function

    return register


FILLER_ZERO = Initializer(kind="constant", value=0.0)
FILLER_ONE = Initializer(kind="constant", value=1.0)
