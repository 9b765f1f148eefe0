"""Arrays whose valid length is known only at run time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import jax
import numpy as np

from jaxdnn.errors import ShapeError


class DataDependentError(ShapeError):
    """Something has to be known while a program is traced, and depends on the data.

    Attributes:
        arguments: the numbers of the layer's inputs that have to be known, if the layer says so.
        values: the values of the graph that have to be known.
        rows: those of which only the number of valid entries has to be known.
    """

    arguments: tuple[int, ...] = ()
    values: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()


def depends_on_data(what: str) -> DataDependentError:
    """Return the error that says what has to be known."""
    return DataDependentError(f"{what} depends on the data, but has to be known when the program is compiled")


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Padded:
    """A fixed-size array of which only the first ``count`` entries along ``axis`` are valid.

    Detections, proposals and filtered batches have this form inside a compiled program, because XLA's
    shapes are static. ``net(x)`` trims it; ``net.apply`` yields it as it is.

    Attributes:
        values: the array, padded to the largest possible size.
        count: how many entries are valid, an int32 scalar.
        axis: the axis that is padded.
        origin: the value of the graph whose count this is; a program fills it in.
    """

    values: jax.Array
    count: jax.Array
    axis: int = field(metadata={"static": True})
    origin: str = field(default="", metadata={"static": True})

    @property
    def shape(self) -> tuple[int, ...]:
        """The padded shape."""
        return self.values.shape

    @property
    def dtype(self) -> Any:
        """The element type."""
        return self.values.dtype

    def trim(self) -> jax.Array:
        """Return the valid part. Waits for the device: the count must be known."""
        valid = (slice(None),) * self.axis + (slice(int(self.count)),)
        if {device.platform for device in self.values.devices()} != {"cpu"}:
            return self.values[valid]
        # jax would compile a program for each count.
        array: np.ndarray = np.asarray(self.values)[valid]
        part: jax.Array = jax.device_put(array, self.values.sharding if self.values.committed else None)
        return part

    def like(self, values: Any) -> Padded:
        """Return other values with the same count and axis."""
        return replace(self, values=values)


def trim(value: Any) -> Any:
    """Return the valid part of a padded value, anything else as it is; inside a trace nothing is trimmed."""
    if isinstance(value, Padded) and not isinstance(value.count, jax.core.Tracer):
        return value.trim()
    return value


def unpad(value: Any) -> Any:
    """Return a padded value's full array, anything else as it is."""
    return value.values if isinstance(value, Padded) else value


def repad(inputs: tuple[Any, ...], output: Any) -> Any:
    """Give an output the count of the inputs that were padded along its leading axis, or are of its shape.

    A layer that knows nothing of padding (a dense layer behind a proposal layer, say) maps rows to rows:
    where an input had N padded rows and the output has N rows too, the same number of them is valid.
    """
    if isinstance(output, Padded):
        return output
    for value in inputs:
        if isinstance(value, Padded) and (
            np.shape(output)[:1] == value.shape[:1] if value.axis == 0 else np.shape(output) == value.shape
        ):
            return value.like(output)
    return output


def without_origin(value: Any) -> Any:
    """Return a padded value as one whose count is new, anything else as it is."""
    return replace(value, origin="") if isinstance(value, Padded) else value


def with_origin(names: tuple[str, ...], values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Name the origin of new counts: the first value of a node that has each of them."""
    counts: dict[int, str] = {}
    return tuple(
        replace(value, origin=counts.setdefault(id(value.count), name))
        if isinstance(value, Padded) and not value.origin
        else value
        for name, value in zip(names, values, strict=True)
    )
