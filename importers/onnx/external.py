"""Arrays that lie in files of their own beside a model."""

from __future__ import annotations

import os

import numpy as np
import onnx

from jaxdnn.errors import FileError, ParseError


class ExternalFiles:
    """The files in a model's folder, or below it, that its tensors name. They are mapped, not read.

    Attributes:
        folder: the only place where such files may lie.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._maps: dict[str, np.ndarray] = {}

    def bytes_of(self, tensor: onnx.TensorProto) -> np.ndarray:
        """Return the bytes of a tensor that is stored in a file.

        Raises:
            ParseError: the tensor does not say where it lies, or it lies outside the file.
            FileError: the file lies outside the folder, or cannot be read.
        """
        stated = {entry.key: entry.value for entry in tensor.external_data}
        data = self._map(stated.get("location", ""))
        offset = _number(stated, "offset", 0)
        length = _number(stated, "length", max(len(data) - offset, 0))
        if offset + length > len(data):
            raise ParseError(
                f"its bytes {offset} to {offset + length} lie outside of {stated['location']!r}, "
                f"which has {len(data)}"
            )
        return data[offset : offset + length]

    def _map(self, location: str) -> np.ndarray:
        if not location or "\0" in location:
            raise ParseError("it does not say in which file it is stored")
        if location not in self._maps:
            folder = os.path.realpath(self.folder)
            path = os.path.realpath(os.path.join(folder, location))
            if os.path.isabs(location) or os.path.commonpath([folder, path]) != folder:
                raise FileError(f"its file {location!r} lies outside of the model's folder")
            self._maps[location] = _mapped(path, location)
        return self._maps[location]


def _mapped(path: str, location: str) -> np.ndarray:
    if not os.path.isfile(path):
        raise FileError(f"its file {location!r} does not exist")
    if not os.path.getsize(path):
        return np.zeros(0, np.uint8)
    try:
        return np.memmap(path, np.uint8, "r")
    except OSError as error:
        raise FileError(f"its file {location!r} cannot be read: {error.strerror}") from error


def _number(stated: dict[str, str], key: str, default: int) -> int:
    text = stated.get(key, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ParseError(f"its {key} is {text!r}, a number of bytes expected")
    return int(text)
