"""The arrays that a file holds."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

from jaxdnn.errors import ParseError


def array_of(tensor: onnx.TensorProto) -> np.ndarray:
    """Return a stored tensor as an array.

    Raises:
        ParseError: its bytes do not fit its shape and type.
    """
    try:
        return numpy_helper.to_array(tensor)
    except (TypeError, ValueError) as error:
        raise ParseError(f"tensor {tensor.name!r} cannot be read: {error}") from error
