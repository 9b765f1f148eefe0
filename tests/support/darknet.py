"""Write small Darknet files, and run them, in a test."""

import struct
from pathlib import Path

import numpy as np

import jaxdnn
from jaxdnn.ir import split_reference
from jaxdnn.lowering.infer import stored_shapes


def header(major: int = 0, minor: int = 2, revision: int = 5, seen: int = 32013312) -> bytes:
    """Encode the beginning of a weights file."""
    form = "<iiiQ" if major * 10 + minor >= 2 else "<iiiI"
    return struct.pack(form, major, minor, revision, seen)


def weights(arrays: list[np.ndarray], head: bytes | None = None) -> bytes:
    """Encode a weights file."""
    head = header() if head is None else head
    return head + b"".join(np.ascontiguousarray(array, "<f4").tobytes() for array in arrays)


def write(folder: Path, cfg: str, data: bytes | None = None) -> list[str]:
    """Write the files of a net and return their paths."""
    (folder / "net.cfg").write_text(cfg)
    if data is None:
        return [str(folder / "net.cfg")]
    (folder / "net.weights").write_bytes(data)
    return [str(folder / "net.cfg"), str(folder / "net.weights")]


def load(folder: Path, cfg: str, arrays: list[np.ndarray] | None = None, **options):
    """Write a net and load it; check the shapes that the importer promises."""
    net = jaxdnn.load(*write(folder, cfg, None if arrays is None else weights(arrays)), **options)
    if arrays is not None:
        demanded = net.inferred.params
        assert {reference: demanded[reference] for reference in stored_shapes(net.stored)} == stored_shapes(
            net.stored
        )
    return net


def randomized(folder: Path, cfg: str, seed: int = 0):
    """Load a net without weights and draw all of them, batch norms' variances above zero."""
    net = load(folder, cfg)
    rng = np.random.default_rng(seed)
    params: dict[str, dict[str, np.ndarray]] = {}
    for reference, shape in net.inferred.params.items():
        owner, slot = split_reference(reference)
        values = rng.standard_normal(shape).astype(np.float32)
        params.setdefault(owner, {})[slot] = np.exp(values / 2) if slot == "variance" else values / 2
    return net.replace(params=params)


def picture(width: int, height: int, channels: int = 3) -> str:
    """Return the section of a network that takes pictures."""
    return f"[net]\nwidth={width}\nheight={height}\nchannels={channels}\n"


def opencv(paths: list[str], x: np.ndarray, outputs: list[str]) -> list[np.ndarray]:
    """Run a net in OpenCV; outputs are layer names."""
    import cv2

    net = cv2.dnn.readNetFromDarknet(*paths)
    net.setInput(x)
    return list(net.forward(outputs))
