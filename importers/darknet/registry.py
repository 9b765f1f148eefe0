"""What a rule is: the function that turns one section of a cfg into typed layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from jaxdnn.errors import GraphError, ShapeError
from jaxdnn.importers.builder import Builder
from jaxdnn.importers.darknet.cfg import Section
from jaxdnn.importers.darknet.weights import StoredArray, Swapped
from jaxdnn.ir import Initializer
from jaxdnn.layers.base import Layer, Shape, dims
from jaxdnn.layers.elementwise import Identity
from jaxdnn.layers.pooling import Pool
from jaxdnn.layers.shape import Reshape

MAX_ELEMENTS = 2**31 - 1
"""Darknet counts elements with 32-bit integers."""

ZEROS = Initializer(kind="constant", value=0.0)
ONES = Initializer(kind="constant", value=1.0)


@dataclass(frozen=True)
class Output:
    """What a section yields.

    Attributes:
        value: the graph's name for it.
        shape: channels, height and width. Darknet sees a vector as channels of one pixel.
        flat: whether the value is a vector per sample, (batch, channels), and not (batch, *shape).
    """

    value: str
    shape: Shape
    flat: bool = False

    @property
    def sizes(self) -> Shape:
        """The value's sizes behind the batch."""
        return self.shape[:1] if self.flat else self.shape

    @property
    def size(self) -> int:
        """Number of elements of one sample."""
        return math.prod(self.shape)


Rule = Callable[["DarknetBuilder", Section, Output], Output]


class DarknetBuilder(Builder):
    """A builder that knows Darknet's numbered layers and the order in which they store their arrays.

    Attributes:
        opencv: whether OpenCV's numerics are wanted where it computes something else than Darknet.
        picture: the network's input.
        folder: of the cfg, where files that it names are looked for.
        index: number of the section at hand.
        place: its number and name.
        layers: what the sections so far yield; the input is not among them.
        arrays: the weights file's contents in order.
        shared: the parameter references of each convolution by its number, for those that share them.
        state_outputs: the new states of the recurrent layers so far.
        distance_power: of the suppression that the last head asks for, see :func:`jaxdnn.detections`.
    """

    def __init__(self, picture: Output, folder: str, *, opencv: bool) -> None:
        super().__init__()
        self.opencv = opencv
        self.picture = picture
        self.input(picture.value, (1, *picture.sizes))
        self.folder = folder
        self.index = 0
        self.place = ""
        self.layers: list[Output] = []
        self.arrays: list[StoredArray] = []
        self.shared: dict[int, dict[str, str]] = {}
        self.state_outputs: list[str] = []
        self.distance_power: float | None = None
        self._shown: dict[str, str] = {}
        self._yielded: set[str] = set()
        self._used: set[str] = set()
        self._stores = True

    def start(self, section: Section) -> None:
        """Turn to the next section."""
        self.index = len(self.layers)
        self.place = f"{self.index} [{section.name}]"
        self._stores = not section.flag("dontload")

    def finish(self, output: Output) -> None:
        """Record what the section at hand yields."""
        self.layers.append(output)
        self._yielded.add(output.value)

    def name(self, kind: str, offset: int = 0) -> str:
        """Return OpenCV's name for a part of this layer."""
        return f"{kind}_{self.index + offset}"

    def emit(
        self,
        layer: Layer,
        *inputs: Output,
        shape: Shape,
        name: str,
        params: dict[str, str] | None = None,
        flat: bool = False,
        value: str | None = None,
    ) -> Output:
        """Add a node.

        Args:
            layer: what it computes.
            inputs: its inputs.
            shape: of its output.
            name: of the node, and of its value unless ``value`` is given.
            params: parameter references by slot.
            flat: whether the output is a vector per sample.
            value: the name of the output.

        Raises:
            ShapeError: the output is empty or absurdly large.
        """
        if min(shape) < 1:
            raise ShapeError(f"the output would be {dims(shape)}: every size must be at least 1")
        if math.prod(shape) > MAX_ELEMENTS:
            raise ShapeError(f"the output of {dims(shape)} has more than {MAX_ELEMENTS} elements")
        self._used.update(x.value for x in inputs if x.value in self._yielded)
        (output,) = self.add(
            layer, tuple(x.value for x in inputs), name=name, outputs=(value or name,), params=params
        )
        return Output(output, shape, flat)

    def image(self, x: Output) -> Output:
        """Return a value as (batch, channels, height, width)."""
        if not x.flat:
            return x
        return self.emit(Reshape(shape=x.shape, axis=1), x, shape=x.shape, name=self.name("reshape"))

    def vector(self, x: Output) -> Output:
        """Return a value as (batch, elements)."""
        if x.flat:
            return x
        layer = Reshape(shape=(-1,), axis=1)
        return self.emit(layer, x, shape=(x.size, 1, 1), name=self.name("flatten"), flat=True)

    def pool(self, layer: Pool, x: Output, name: str) -> Output:
        """Add a pool of an image."""
        x = self.image(x)
        size = [window.count for window in layer.windows((1, *x.shape))]
        return self.emit(layer, x, shape=(x.shape[0], size[0], size[1]), name=name)

    def state(self, name: str, shape: Shape, *, flat: bool = False) -> Output:
        """Add an input for a state of this layer, zero unless a call gives it."""
        state = Output(name, shape, flat)
        self.input(name, (1, *state.sizes), default=0.0)
        return state

    def next_state(self, state: Output, x: Output) -> None:
        """Make a value an output, which the next call takes as this state."""
        name = f"{state.value}_next"
        self.state_outputs.append(self.emit(Identity(), x, shape=x.shape, name=name, flat=x.flat).value)

    def sources(self, section: Section, key: str) -> list[Output]:
        """Return what the sections yield that an option lists; a negative number counts back from this one.

        Raises:
            GraphError: there is no such section before this one, or none is listed.
        """
        numbers = section.integers(key)
        if not numbers:
            raise GraphError(f"{key} is missing: which layers does it take?")
        indices = [self.index + number if number < 0 else number for number in numbers]
        for number, index in zip(numbers, indices, strict=True):
            if not 0 <= index < self.index:
                line = section.options[key].line
                raise GraphError(f"{key} {number} is layer {index}, not one before this", line=line)
        return [self.layers[index] for index in indices]

    def stored(
        self,
        owner: str,
        slot: str,
        shape: Shape,
        initializer: Initializer,
        *,
        swapped: Swapped = "never",
        present: bool = True,
    ) -> str:
        """Record an array that the weights file holds next; return the parameter's reference.

        Args:
            owner, slot: of the parameter.
            shape: of the parameter.
            initializer: what fills it where no file does.
            swapped: see :class:`~jaxdnn.importers.darknet.weights.StoredArray`.
            present: whether the file holds it at all.

        Raises:
            ShapeError: the array is absurdly large.
        """
        if math.prod(shape) > MAX_ELEMENTS:
            raise ShapeError(f"its {slot} of {dims(shape)} has more than {MAX_ELEMENTS} elements")
        if present and self._stores:
            self.arrays.append(StoredArray(owner, slot, shape, self.place, swapped))
        return self.param(owner, slot, initializer=initializer)

    def show(self, raw: Output, rows: Output) -> None:
        """Make a head's boxes an output of the network in place of its raw predictions."""
        self._shown[raw.value] = rows.value

    def ends(self) -> tuple[str, ...]:
        """Return the network's outputs: what no layer takes, the boxes of heads, new states of recurrent layers."""
        ends = [self._shown.get(x.value, x.value) for x in self.layers]
        ends = [value for value in ends if value in self._shown.values() or value not in self._used]
        return tuple(dict.fromkeys([*ends, *self.state_outputs]))


RULES: dict[str, Rule] = {}


def rules(*names: str) -> Callable[[Rule], Rule]:
    """Register a function as the rule of the sections with these names."""

    def register(rule: Rule) -> Rule:
        for name in names:
            assert name not in RULES, f"[{name}] has two rules"
            RULES[name] = rule
        return rule

    return register
