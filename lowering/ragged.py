"""Lists of arrays that are held one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Ragged:
    """A list whose elements may have different shapes. How many there are is known while a program is traced."""

    elements: tuple[Any, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of elements; they are as if without elements of their own."""
        return len(self.elements), 0

    @property
    def ndim(self) -> int:
        """Number of axes of that shape."""
        return 2

    @property
    def size(self) -> int:
        """Number of elements of all arrays."""
        return sum(element.size for element in self.elements)

    @property
    def dtype(self) -> Any:
        """The elements' type; that of a list without elements is not known."""
        return self.elements[0].dtype if self.elements else np.dtype(np.float32)

    def astype(self, dtype: Any) -> Ragged:
        """Return the elements in another type."""
        return Ragged(tuple(element.astype(dtype) for element in self.elements))
