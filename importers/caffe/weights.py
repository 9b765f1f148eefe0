"""The caffemodel: names and blobs, nothing else.

Forks reuse each other's field numbers for layer parameters, so the only parts of a foreign caffemodel that
mean the same everywhere are layer names and blobs; the prototxt says the rest.
"""

from __future__ import annotations

import math
import mmap
from dataclasses import dataclass

import numpy as np

from jaxdnn.errors import FileError, ParseError, located
from jaxdnn.importers import wire
from jaxdnn.importers.files import aligned_empty, kind_of, read_head, read_into

_NET_LAYERS_V1, _NET_LAYER = 2, 100
_NAME_AND_BLOBS = {_NET_LAYER: (1, 7), _NET_LAYERS_V1: (4, 6)}
_V0_LAYER, _V0_NAME, _V0_BLOBS = 1, 1, 50
_LEGACY_DIMS = (1, 2, 3, 4)
_DATA, _SHAPE, _DOUBLE_DATA, _RAW_TYPE, _RAW_DATA = 5, 7, 8, 10, 12
_RAW_TYPES = ("<f8", "<f4", "<f2", "<i4", "<u4")
_MAX_AXES = 32


@dataclass(frozen=True)
class StoredLayer:
    """A layer of a caffemodel.

    Attributes:
        name: the layer's name.
        blobs: its arrays, float32 unless the file stores halves.
    """

    name: str
    blobs: list[np.ndarray]


def read_weights(path: str) -> list[StoredLayer]:
    """Return the layers of a caffemodel that hold blobs, in the file's order.

    Raises:
        JaxdnnError: the file is not a caffemodel, or is damaged; it names the layer reached.
    """
    head = read_head(path)
    if kind_of(head) == "text":
        raise FileError("not a caffemodel: this is a text file, a prototxt perhaps", file=path)
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        buffer = memoryview(mapped)
        try:
            with located(file=path):
                return _Reader(buffer, file.fileno()).net()
        finally:
            buffer.release()


class _Reader:
    """Walks the framing through a mapping and reads payloads with pread, so that they are held once."""

    def __init__(self, buffer: memoryview, descriptor: int) -> None:
        self._buffer = buffer
        self._descriptor = descriptor
        self._layer = ""

    def net(self) -> list[StoredLayer]:
        layers = []
        for field in wire.fields(self._buffer, 0, len(self._buffer)):
            if field.number in _NAME_AND_BLOBS and field.wire_type == wire.BYTES:
                layer = self._read_layer(field, *_NAME_AND_BLOBS[field.number])
                if layer.blobs:
                    layers.append(layer)
        return layers

    def _read_layer(self, message: wire.WireField, name_number: int, blobs_number: int) -> StoredLayer:
        name, blobs = "", []
        for field in wire.fields(self._buffer, message.start, message.end):
            if field.wire_type != wire.BYTES:
                continue
            if field.number == name_number:
                name = bytes(self._buffer[field.start : field.end]).decode("utf-8", "replace")
                self._layer = name
            elif field.number == blobs_number:
                blobs.append(field)
            elif field.number == _V0_LAYER and name_number != _V0_NAME:
                inner = self._read_layer(field, _V0_NAME, _V0_BLOBS)
                name, stored = inner.name, inner.blobs
                if stored:
                    return inner
        arrays = []
        for index, blob in enumerate(blobs):
            with located(layer=f"{name!r} (blob {index})"):
                arrays.append(self._blob(blob))
        return StoredLayer(name, arrays)

    def _blob(self, message: wire.WireField) -> np.ndarray:
        legacy: dict[int, int] = {}
        shape: tuple[int, ...] | None = None
        parts: list[wire.WireField] = []
        dtype = {_DATA: "<f4", _DOUBLE_DATA: "<f8", _RAW_DATA: "<f4"}
        for field in wire.fields(self._buffer, message.start, message.end):
            if field.number in _LEGACY_DIMS and field.wire_type == wire.VARINT:
                legacy[field.number] = wire.signed(field.value)
            elif field.number == _SHAPE and field.wire_type == wire.BYTES:
                shape = self._shape(field)
            elif field.number == _RAW_TYPE and field.wire_type == wire.VARINT:
                if field.value >= len(_RAW_TYPES):
                    raise ParseError(f"unknown raw data type {field.value}")
                dtype[_RAW_DATA] = _RAW_TYPES[field.value]
            elif field.number in dtype and field.wire_type != wire.VARINT and field.end > field.start:
                parts.append(field)
        if legacy:
            shape = tuple(legacy.get(number, 0) for number in _LEGACY_DIMS)
        arrays = [self._array(part, dtype[part.number]) for part in parts]
        stored = sum(array.size for array in arrays)
        if shape is None:
            shape = (stored,)
        if min(shape, default=1) < 0 or math.prod(shape) >= 2**31 or len(shape) > _MAX_AXES:
            raise ParseError(f"its shape {'x'.join(map(str, shape[:_MAX_AXES]))} is absurd")
        if math.prod(shape) != stored:
            raise ParseError(f"its shape says {math.prod(shape)} values, {stored or 'none'} stored")
        array = arrays[0] if len(arrays) == 1 else np.concatenate([np.zeros(0, "<f4"), *arrays])
        return array.reshape(shape)

    def _shape(self, message: wire.WireField) -> tuple[int, ...]:
        sizes = []
        for field in wire.fields(self._buffer, message.start, message.end):
            if field.wire_type == wire.VARINT:
                sizes.append(wire.signed(field.value))
            else:  # packed
                position = field.start
                while position < field.end:
                    size, position = wire.varint(self._buffer, position, field.end)
                    sizes.append(wire.signed(size))
        return tuple(sizes)

    def _array(self, field: wire.WireField, dtype: str) -> np.ndarray:
        """Return a payload's numbers, doubles as float32."""
        item = np.dtype(dtype).itemsize
        if field.wire_type not in (wire.BYTES, {4: wire.FIXED32, 8: wire.FIXED64}.get(item)):
            raise ParseError(f"damaged: wire type {field.wire_type} for values of {item} bytes")
        if field.wire_type == wire.BYTES:
            size = field.end - field.start
            if size % item:
                raise ParseError(f"{size} bytes of data are no whole number of {item}-byte values")
            array = aligned_empty(size // item, dtype)
            read_into(self._descriptor, field.start, array)
        else:
            bytes_ = np.frombuffer(self._buffer, np.uint8, field.end - field.start, field.start)
            strided = np.lib.stride_tricks.as_strided(bytes_, (field.value, item), (field.stride, 1))
            array = np.array(strided, order="C").view(dtype).reshape(-1)  # a copy: the mapping will be closed
        if item <= 4 and array.dtype.kind == "f":
            return array
        with np.errstate(over="ignore", invalid="ignore"):
            return array.astype("<f4")
