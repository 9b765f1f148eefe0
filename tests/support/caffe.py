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


def blob(array: np.ndarray) -> bytes:
    """Encode a BlobProto with packed data and a shape, as today's Caffe does."""
    shape = b"".join(map(varint, array.shape))
    data = struct.pack(f"<{array.size}f", *array.ravel().tolist())
    return field(7, field(1, shape)) + field(5, data)


def caffemodel(layers: dict[str, list[np.ndarray]]) -> bytes:
    """Encode a NetParameter of V2 layers with blobs."""
    return b"".join(
        field(100, field(1, name.encode()) + b"".join(field(7, blob(array)) for array in blobs))
        for name, blobs in layers.items()
    )


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
