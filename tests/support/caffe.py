"""Write small Caffe files, and run them, in a test. The encoder is independent of the library's reader."""

import struct
import warnings
from pathlib import Path

import numpy as np

import jaxdnn


def varint(value: int) -> bytes:
    out = b""
    value &= (1 << 64) - 1
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number: int, payload: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def number(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def blob(array: np.ndarray, *, data: str = "packed", shape: str = "shape") -> bytes:
    """Encode a BlobProto, by default as today's Caffe does.

    Args:
        array: what it holds.
        data: ``packed`` or ``unpacked`` floats, ``packed_double``, ``unpacked_double``, or ``raw``: the bytes
            and type of the array.
        shape: ``shape``, ``unpacked_shape``, ``legacy`` (four sizes) or ``none``.
    """
    code, wire_type, at = ("d", 1, 8) if data.endswith("double") else ("f", 5, 5)
    values = array.ravel().tolist()
    if data == "raw":
        types = ["float64", "float32", "float16", "int32", "uint32"]
        stored = number(10, types.index(str(array.dtype))) + field(12, array.tobytes())
    elif data.startswith("packed"):
        stored = field(at, struct.pack(f"<{array.size}{code}", *values))
    else:
        tag = varint(at << 3 | wire_type)
        stored = b"".join(tag + struct.pack(f"<{code}", value) for value in values)
    sizes = {
        "shape": field(7, field(1, b"".join(map(varint, array.shape)))),
        "unpacked_shape": field(7, b"".join(number(1, size) for size in array.shape)),
        "legacy": b"".join(
            number(i, size) for i, size in enumerate((1,) * (4 - array.ndim) + array.shape, 1)
        ),
        "none": b"",
    }
    return sizes[shape] + stored


def layer(name: str, blobs: list[bytes], version: int = 2) -> bytes:
    """Encode a layer with its encoded blobs, as a field of a NetParameter of V0, V1 or V2."""
    if version == 0:
        return field(2, field(1, field(1, name.encode()) + b"".join(field(50, blob) for blob in blobs)))
    net_field, name_field, blob_field = {1: (2, 4, 6), 2: (100, 1, 7)}[version]
    parts = field(name_field, name.encode()) + b"".join(field(blob_field, blob) for blob in blobs)
    return field(net_field, parts)


def caffemodel(layers: dict[str, list[np.ndarray]]) -> bytes:
    """Encode a NetParameter of V2 layers with blobs."""
    return b"".join(layer(name, list(map(blob, blobs))) for name, blobs in layers.items())


def write(folder: Path, prototxt: str, layers: dict[str, list[np.ndarray]] | None = None) -> list[str]:
    """Write the files of a net and return their paths."""
    (folder / "net.prototxt").write_text(prototxt)
    if layers is None:
        return [str(folder / "net.prototxt")]
    (folder / "net.caffemodel").write_bytes(caffemodel(layers))
    return [str(folder / "net.prototxt"), str(folder / "net.caffemodel")]


def load(folder: Path, prototxt: str, layers: dict[str, list[np.ndarray]] | None = None, **options):
    """Write a net and load it."""
    return jaxdnn.load(*write(folder, prototxt, layers), **options)


def inputs(**shapes: tuple[int, ...]) -> str:
    """Return Input layers, one per blob."""
    return "".join(
        f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ '
        f"{' '.join(f'dim: {size}' for size in shape)} }} }} }}\n"
        for name, shape in shapes.items()
    )


def opencv(paths: list[str], feeds: dict[str, np.ndarray], outputs: list[str]) -> list[np.ndarray]:
    """Run a net in OpenCV; outputs are layer names."""
    import cv2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = cv2.dnn.readNetFromCaffe(*paths)
    for name, array in feeds.items():
        net.setInput(array, name)
    return list(net.forward(outputs))
