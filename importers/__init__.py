"""From files to models: one package per format, chosen by the files' contents."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from jaxdnn.errors import InputError
from jaxdnn.importers.files import file_of, kind_of, read_head
from jaxdnn.ir import Model
from jaxdnn.layers.custom import CustomTypes

FORMATS = ("caffe", "darknet", "tensorflow", "onnx")
COMPATIBLE = (None, "opencv")

_SECTION = re.compile(rb"(\xef\xbb\xbf)?(\s|[#;][^\n]*\n)*\[[A-Za-z_ \t]+\]")

_GRAPHDEF_TEXT = re.compile(rb"(\xef\xbb\xbf)?(\s|#[^\n]*\n)*(node|library|versions)\s*:?\s*[{<\[]")
_GRAPHDEF = re.compile(rb"[\x0a\x12][\x80-\xff]*[\x00-\x7f][\x0a\x12]|\x08\x01\x12")
"""A binary GraphDef begins with a message that begins with a string: a node and its name. What holds one begins with
a version or with other messages; a caffemodel with the characters of a name."""
_ONNX = re.compile(rb"\x08[\x02-\x20][\x12\x1a\x22\x28\x32\x3a\x42]")
"""A ModelProto begins with the version of its format, at least 2, and goes on with any other of its fields."""


@contextmanager
def _without_collections() -> Iterator[None]:
    """Let Python not look for garbage: a graph is many small objects that stay, and each look goes over all of them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@_without_collections()
def load_model(
    paths: list[str],
    *,
    format: str | None = None,
    compat: str | None = None,
    partial: bool = False,
    inputs: Iterable[str] | None = None,
    outputs: Iterable[str] | None = None,
    stages: tuple[str, ...] = (),
    level: int = 0,
    custom: CustomTypes | None = None,
) -> Model:
    """Read a model from one or two files, given in either order.

    Args:
        paths: the description and, where the format has it apart, the weights. A SavedModel's directory is a path
            too.
        format: one of :data:`FORMATS`; by default found out.
        compat: one of :data:`COMPATIBLE`: whose numerics count where OpenCV's differ from the format's own.
        partial: whether Darknet's weights may end behind any layer.
        inputs, outputs: for a TensorFlow or ONNX graph the nodes that a call feeds and yields: nothing else of
            the graph need be known. The others are read whole.
        stages, level: Caffe's NetState.
        custom: the layer types that functions of the user compute, known ones too.

    Raises:
        JaxdnnError: a file cannot be read or does not make sense.
    """
    paths = [file_of(path) for path in paths]
    heads = {path: read_head(path) for path in paths}
    texts = [path for path in paths if kind_of(heads[path]) == "text"]
    binaries = [path for path in paths if path not in texts]
    format = format or _sniff(heads, texts)
    description_first = [*texts, *binaries]
    custom = custom or {}
    if compat not in COMPATIBLE:
        raise InputError(f"compat {compat!r} is unknown; the one choice is 'opencv'")
    if format == "caffe":
        from jaxdnn.importers import caffe

        return caffe.load_model(*description_first, compat=compat, stages=stages, level=level, custom=custom)
    if format == "darknet":
        from jaxdnn.importers import darknet

        return darknet.load_model(*description_first, compat=compat, partial=partial, custom=custom)
    if format == "tensorflow":
        from jaxdnn.importers import tensorflow

        return tensorflow.load_model(description_first, inputs=inputs, outputs=outputs, custom=custom)
    if format == "onnx":
        from jaxdnn.importers import onnx

        return onnx.load_model(paths, inputs=inputs, outputs=outputs, custom=custom)
    raise InputError(f"format {format!r} is unknown; the formats are {', '.join(FORMATS)}")


def _sniff(heads: dict[str, bytes], texts: list[str]) -> str:
    if any(_SECTION.match(heads[path]) for path in texts):
        return "darknet"
    if any(_GRAPHDEF_TEXT.match(heads[path]) for path in texts):
        return "tensorflow"
    if all(
        path.endswith(".onnx") or (path not in texts and _ONNX.match(head)) for path, head in heads.items()
    ):
        return "onnx"
    binary = not texts and all(_GRAPHDEF.match(head) for head in heads.values())
    return "tensorflow" if binary else "caffe"
