"""From a frozen detector and its configuration to the text graph of its kind."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from jaxdnn.errors import FileError, InputError, located
from jaxdnn.importers.files import kind_of, read_head
from jaxdnn.importers.tensorflow.graphdef import GraphDef
from jaxdnn.importers.tensorflow.savedmodel import read_graph
from jaxdnn.importers.tensorflow.textgraphs import efficientdet, faster_rcnn, ssd
from jaxdnn.importers.tensorflow.textgraphs.config import Section, read_config
from jaxdnn.importers.tensorflow.textgraphs.draft import Draft
from jaxdnn.importers.tensorflow.textgraphs.efficientdet import AutomlAnchors
from jaxdnn.importers.tensorflow.textgraphs.image import Size
from jaxdnn.importers.tensorflow.write import write_text

PathLike = str | os.PathLike[str]
Generator = Callable[[Draft, Section, Size | None], tuple[str, ...]]

_GENERATORS: dict[str, Generator] = {"ssd": ssd.generate, "faster_rcnn": faster_rcnn.generate}
"""By the message of the configuration that describes the detector. A generator changes the draft and returns the
names of the outputs; what it takes are the draft, that message, and a size of pictures that the user wants."""


@dataclass(frozen=True)
class TextGraph:
    """A text graph.

    Attributes:
        detector: the kind, ``"ssd"``, ``"faster_rcnn"`` or ``"efficientdet"``.
        text: the graph in protobuf's text format.
        outputs: names of its outputs.
        nodes: how many nodes it has.
        left_out: how many nodes of the frozen graph it does not have, constants aside.
    """

    detector: str
    text: str
    outputs: tuple[str, ...]
    nodes: int
    left_out: int


def text_graph(
    model: PathLike,
    config: PathLike | None = None,
    *,
    size: Size | None = None,
    anchors: AutomlAnchors | None = None,
) -> TextGraph:
    """Write the text graph with which OpenCV's users read a frozen detector.

    Args:
        model: path of a frozen graph, of TensorFlow's Object Detection API or an EfficientDet of AutoML's.
        config: path of the Object Detection API's pipeline.config; AutoML has none.
        size: width and height of the pictures; by default what the configuration or the placeholder states.
        anchors: an EfficientDet's anchors, where they are not the usual ones.

    Raises:
        JaxdnnError: a file cannot be read, or graph and configuration do not describe such a detector.
    """
    model = os.fspath(model)
    if config is not None and anchors is not None:
        raise InputError("anchors are those of an EfficientDet, which has no pipeline.config")
    graph = _read(model)
    with located(file=model):
        draft = Draft(graph.nodes)
        if config is None:
            kind, outputs = "efficientdet", efficientdet.generate(draft, anchors or AutomlAnchors(), size)
        else:
            stated = read_config(os.fspath(config))
            kind = stated.choice(*_GENERATORS)
            outputs = _GENERATORS[kind](draft, stated.section(kind), size)
        return _finished(kind, graph, draft, outputs)


def _read(model: str) -> GraphDef:
    if kind_of(read_head(model)) == "text":
        raise FileError("this is a text file, a binary frozen graph is expected", file=model)
    with located(file=model), open(model, "rb") as file:
        return read_graph(file.read())


def _finished(kind: str, graph: GraphDef, draft: Draft, outputs: tuple[str, ...]) -> TextGraph:
    nodes = draft.written(*outputs)
    kept = {node.name for node in nodes}
    left_out = sum(node.name not in kept and node.op != "Const" for node in graph.nodes)
    text = write_text(GraphDef(nodes, producer=graph.producer))
    return TextGraph(kind, text, outputs, len(nodes), left_out)
