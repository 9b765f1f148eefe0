"""The corpora's networks, the pictures as they see them, and what they find in these."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

import jaxdnn
from jaxdnn.image import preprocess, read_image
from jaxdnn.layers.base import Layer
from jaxdnn.layers.yolo import YoloDecode, YoloMap
from jaxdnn.lowering import LOWERINGS

Outputs = Mapping[str, np.ndarray]
LEAST = 0.1
"""Score from which on objects are read, below any threshold that is judged by."""

_TWINS = {
    "caffe/mbv2-yolov3-nano/MobileNetV2-YOLOv3-Nano-voc.prototxt": "darknet/MobileNetV2-YOLOv3-Nano-voc.cfg",
    "caffe/yoloface/yoloface-50k.prototxt": "darknet/yoloface-50k.cfg",
}
"""Darknet's form of Caffe networks that end before their YOLO heads."""

_FACES = np.s_[85:175, 190:280], np.s_[90:150, 205:265]
_SIDES = {8: (10, 16, 24), 16: (32, 48), 32: (64, 96), 64: (128, 192, 256)}
"""UltraFace's anchors: their sides in pixels, by how many pixels they are apart."""


@dataclass(frozen=True)
class Answer:
    """What a network says of one picture.

    Attributes:
        values: outputs that are no objects, by name.
        rows: (m, 5 + classes), what the heads of a YOLO network predict, among which the objects are.
        boxes: (n, 4), left, top, right, bottom of the objects.
        scores: (n,).
        classes: (n,).
    """

    values: dict[str, np.ndarray] = field(default_factory=dict)
    rows: np.ndarray = field(default_factory=lambda: np.zeros((0, 6), np.float32))
    boxes: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    scores: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    classes: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))


@dataclass(frozen=True)
class Network:
    """A network of the corpora.

    Attributes:
        paths: its files.
        feeds: what it is fed, by picture.
        read: what its outputs mean.
        ends: arguments of :func:`jaxdnn.load`.
    """

    paths: tuple[Path, ...]
    feeds: dict[str, Any]
    read: Callable[[Outputs], Answer]
    ends: dict[str, Any] = field(default_factory=dict)

    def load(self) -> jaxdnn.Net:
        """Return the net, in float32."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", jaxdnn.JaxdnnWarning)
            return jaxdnn.load(*self.paths, **self.ends)

    def answers(self, net: jaxdnn.Net) -> dict[str, Answer]:
        """Return what the net says of each picture."""
        results = {picture: net(feed) for picture, feed in self.feeds.items()}
        return {
            picture: self.read({name: np.asarray(value) for name, value in result.items()})
            for picture, result in results.items()
        }


def trained(models: Path) -> dict[str, Network]:
    """Return the trained networks by name. They see all stored pictures, and one person's face from nearby."""
    entries = json.loads((models / "manifest.json").read_text())
    pictures = {path.stem: read_image(path) for path in sorted((models / "images").glob("*.jpg"))}
    pictures |= {f"face {index}": pictures["person"][crop] for index, crop in enumerate(_FACES)}
    return {name: _trained(models, entries, name, pictures) for name in entries}


def _trained(models: Path, entries: dict[str, Any], name: str, pictures: dict[str, np.ndarray]) -> Network:
    seen = entries[_TWINS.get(name, name)]
    feeds = {
        key: preprocess(
            picture,
            tuple(seen["size"]),
            mean=tuple(seen["mean"][:1] if seen["gray"] else seen["mean"]),
            scale=(seen["scale"],),
            swap_rb=seen["swapRB"],
            gray=seen["gray"],
        )
        for key, picture in pictures.items()
    }
    if name.startswith("tf/"):
        feeds = {key: feed.transpose(0, 2, 3, 1) for key, feed in feeds.items()}
    if name in _TWINS:
        read: Callable[[Outputs], Answer] = partial(_heads, _head_layers(models / _TWINS[name]), seen["size"])
    else:
        readers = {"darknet": _rows, "ultraface": _anchors, "12net": _windows}
        read = next((reader for key, reader in readers.items() if key in name), _outputs)
    return Network((models / name, models / entries[name]["weights"]), feeds, read)


def untrained(models: Path) -> dict[str, Network]:
    """Return TensorFlow's networks, whose weights are drawn, with their stored inputs, by name."""
    folder = models / "tensorflow"
    entries = json.loads((folder / "manifest.json").read_text())["graphs"]
    networks = {}
    for name, entry in entries.items():
        if entry["pb"].startswith("nets/"):
            with np.load(folder / entry["npz"]) as stored:
                feed = {key.removeprefix("in:"): stored[key] for key in stored if key.startswith("in:")}
            read = _api_detections if "detection_boxes" in entry["outputs"] else _outputs
            # A loop of TensorFlow 1's wants to be fed by name.
            fed = (
                {"inputs": list(feed)}
                if any("Placeholder" not in entry["inputs"][n]["op"] for n in feed)
                else {}
            )
            ends = {"outputs": list(entry["outputs"]), **fed}
            networks[name] = Network((folder / entry["pb"],), {"stored": feed}, read, ends)
    return networks


def _head_layers(cfg: Path) -> list[tuple[YoloMap, YoloDecode]]:
    layers = [node.layer for node in jaxdnn.load(cfg).graph.nodes]
    decoders = [layer for layer in layers if isinstance(layer, YoloDecode)]
    return list(zip((layer for layer in layers if isinstance(layer, YoloMap)), decoders, strict=True))


def _heads(layers: list[tuple[YoloMap, YoloDecode]], size: tuple[int, int], outputs: Outputs) -> Answer:
    """Decode the maps that YOLO heads read."""
    image = np.zeros((1, 3, *size[::-1]), np.float32)

    def decoded(pair: tuple[YoloMap, YoloDecode], x: np.ndarray) -> Any:
        return _lowered(pair[1], _lowered(pair[0], x), image)

    return _rows({name: decoded(pair, x) for pair, (name, x) in zip(layers, outputs.items(), strict=True)})


def _lowered(layer: Layer, *inputs: Any) -> Any:
    return LOWERINGS[type(layer)].function(layer, {}, *map(jnp.asarray, inputs))


def _rows(outputs: Mapping[str, Any], overlap: float = 0.45) -> Answer:
    """Read the rows of YOLO heads."""
    options = {"score_threshold": LEAST, "iou_threshold": overlap, "max_detections": 500}
    found = jaxdnn.detections(outputs, **options).of(0)
    return Answer({}, np.concatenate([np.asarray(rows)[0] for rows in outputs.values()]), *found)


def _anchors(outputs: Outputs) -> Answer:
    """Read UltraFace's shifts of anchors in a picture of 320x240 pixels, and its scores of background and face."""
    anchors = []
    for step, sides in _SIDES.items():
        y, x, side = np.meshgrid(np.arange(240 / step), np.arange(320 / step), sides, indexing="ij")
        centre = (x + 0.5) * step / 320, (y + 0.5) * step / 240
        anchors.append(np.stack([*centre, side / 320, side / 240], axis=-1).reshape(-1, 4))
    anchor, shift = np.concatenate(anchors), outputs["boxes"][0]
    centre = anchor[:, :2] + 0.1 * shift[:, :2] * anchor[:, 2:]
    return _faces(centre, np.exp(0.2 * shift[:, 2:]) * anchor[:, 2:], outputs["scores"][0, :, 1])


def _faces(centre: np.ndarray, size: np.ndarray, scores: np.ndarray, overlap: float = 0.45) -> Answer:
    """Suppress overlapping boxes (n, 4) of one class."""
    scores = scores.reshape(-1, 1)
    rows = np.concatenate([centre, size, np.ones_like(scores), scores], axis=1)
    return _rows({"rows": rows[None]}, overlap)


def _windows(outputs: Outputs) -> Answer:
    """Read MTCNN's first net: windows of 12 pixels, 2 apart, and how far their faces' corners are off.

    It proposes where faces may be, each several times, and leaves the choice to the next net.
    """
    scores, shifts = outputs["prob1"][0, 1], outputs["conv4-2"][0]
    top, left = np.indices(scores.shape, np.float32) * 2
    corners = np.stack([left, top, left + 12, top + 12]) + 12 * shifts
    low, high = corners.reshape(2, 2, -1).transpose(0, 2, 1)
    return _faces((low + high) / 2, high - low, scores.ravel(), overlap=1.0)


def _api_detections(outputs: Outputs) -> Answer:
    """Read the detections of TensorFlow's Object Detection API: top, left, bottom, right."""
    count = int(outputs["num_detections"][0])
    boxes = outputs["detection_boxes"][0, :count][:, [1, 0, 3, 2]]
    found = (outputs[f"detection_{what}"][0, :count] for what in ("scores", "classes"))
    values = {name: outputs[name] for name in outputs if name.startswith("raw_")}
    scores, classes = found
    return Answer(values, boxes=boxes, scores=scores, classes=classes)


def _outputs(outputs: Outputs) -> Answer:
    """Read rows of (picture, class, score, box), or leave outputs what they are."""
    if [array.shape[3:] for array in outputs.values()] != [(7,)]:
        return Answer(dict(outputs))
    ((_, array),) = outputs.items()
    rows = array.reshape(-1, 7)
    rows = rows[rows[:, 2] >= LEAST]
    return Answer(boxes=rows[:, 3:], scores=rows[:, 2], classes=rows[:, 1].astype(np.int32))
