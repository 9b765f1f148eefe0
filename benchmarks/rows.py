"""The networks of the table: where they lie, with which weights and inputs they are measured."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

import jaxdnn
from jaxdnn.importers import caffe, darknet


@dataclass(frozen=True)
class Network:
    """Files below the shared folder.

    Attributes:
        path: the description, whose weights are drawn; or a TensorFlow graph with its own.
        text: TensorFlow's second file.
        shape: of one picture, where the files leave it open or state a small one.
    """

    path: str
    text: str = ""
    shape: tuple[int, ...] = ()

    @property
    def channels_last(self) -> bool:
        """Whether pictures are (height, width, channels)."""
        return self.shape[-1:] == (3,)


_FACES = "tf/face_detector/opencv_face_detector"
NETWORKS = {
    "SqueezeNet 1.1": Network("nets/caffe/squeezenet_v1.1.prototxt"),
    "AlexNet": Network("nets/caffe/bvlc_alexnet.prototxt"),
    "GoogLeNet": Network("nets/caffe/bvlc_googlenet.prototxt"),
    "ResNet-50": Network("darknet-zoo/cfgs/resnet50.cfg", shape=(3, 224, 224)),
    "VGG-16": Network("darknet-zoo/cfgs/vgg-16.cfg"),
    "MobileNet v1": Network("nets/caffe/mobilenet_v1.prototxt"),
    "MobileNet-SSD": Network("nets/caffe/MobileNetSSD_deploy.prototxt"),
    "MobileNet v2 YOLO": Network("darknet/MobileNetV2-YOLOv3-Nano-voc.cfg"),
    "YOLO-Fastest": Network("darknet/yolo-fastest-1.1.cfg"),
    "YOLOv4-tiny": Network("darknet-zoo/cfgs/yolov4-tiny-custom.cfg", shape=(3, 416, 416)),
    "YOLOv3": Network("darknet-zoo/cfgs/yolov3-voc.cfg", shape=(3, 416, 416)),
    "EfficientNet-B0": Network("darknet-zoo/cfgs/efficientnet_b0.cfg", shape=(3, 224, 224)),
    "Face detector": Network(f"{_FACES}_uint8.pb", f"{_FACES}.pbtxt", (300, 300, 3)),
    "U-Net": Network("tensorflow/nets/unet_deconv_resize.pb", shape=(128, 128, 3)),
    "Xception": Network("tensorflow/nets/xception_narrow.pb", shape=(71, 71, 3)),
}


def files_of(network: Network, models: Path, folder: Path) -> tuple[Path, ...]:
    """Return the files that libraries read; drawn weights are written to a folder.

    Drawn statistics are those of a blank file: a variance of zero would make values grow without end.
    """
    path = models / network.path
    if path.suffix == ".pb":
        return (path, models / network.text) if network.text else (path,)
    if network.shape:
        text = path.read_text()
        for name, size in zip(("height", "width"), network.shape[1:], strict=True):
            text = re.sub(rf"(?m)^{name}\s*=.*$", f"{name}={size}", text)
        path = folder / path.name
        path.write_text(text)
    net = jaxdnn.load(path, key=jax.random.key(0))
    params = {
        owner: {slot: np.ones_like(array) if slot == "variance" else array for slot, array in slots.items()}
        for owner, slots in net.params.items()
    }
    weights = folder / "net.weights"
    (darknet if path.suffix == ".cfg" else caffe).save_weights(net.replace(params=params), weights)
    return path, weights


def drawn_feeds(net: jaxdnn.Net, network: Network, batch: int) -> dict[str, np.ndarray]:
    """Return inputs for a batch."""
    random = np.random.default_rng(0)
    shapes = {value.name: value.shape or () for value in net.graph.inputs if not value.optional}
    return {
        name: random.uniform(0, 1, (batch, *(network.shape or shape[1:]))).astype(np.float32)
        for name, shape in shapes.items()
    }
