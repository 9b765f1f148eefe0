"""Time and peak memory to load large networks, against OpenCV's readers.

    python benchmarks/load.py        # needs pip install jaxdnn[test] and 600 MB of disk

VGG-16 as caffemodel (528 MiB) and YOLOv3 as Darknet weights (236 MiB); the weights are drawn. Each load runs in a
fresh process; imports are not counted, nor what either library leaves to the first call (OpenCV its set-up of layers,
jaxdnn the hand-over of the arrays to the device). "peak" is how much the process's peak resident memory grew.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jax
from measure import environment, interleaved, save
from networks import vgg16, yolov3

import jaxdnn
from jaxdnn.importers import caffe, darknet

JAXDNN = """
import jax, jaxdnn, jaxdnn.importers.{format}
jax.devices()
before, start = peak(), time.perf_counter()
net = jaxdnn.load(sys.argv[1], sys.argv[2])
seconds = time.perf_counter() - start
print(json.dumps({{"seconds": seconds, "peak_mib": peak() - before}}))
"""
OPENCV = """
import cv2
before, start = peak(), time.perf_counter()
net = cv2.dnn.{reader}(sys.argv[1], sys.argv[2])
seconds = time.perf_counter() - start
print(json.dumps({{"seconds": seconds, "peak_mib": peak() - before}}))
"""


@dataclass(frozen=True)
class Case:
    """A network in one format, and who writes and reads it."""

    description: Callable[[], str]
    suffixes: tuple[str, str]
    save_weights: Callable[..., None]
    reader: str


CASES = {
    "caffe": Case(vgg16, (".prototxt", ".caffemodel"), caffe.save_weights, "readNetFromCaffe"),
    "darknet": Case(yolov3, (".cfg", ".weights"), darknet.save_weights, "readNetFromDarknet"),
}


def measure(name: str, case: Case, repeats: int) -> None:
    """Generate the files, measure, print and save."""
    with tempfile.TemporaryDirectory() as folder:
        description, weights = (Path(folder, f"net{suffix}") for suffix in case.suffixes)
        description.write_text(case.description())
        case.save_weights(jaxdnn.load(description, key=jax.random.key(0)), weights)
        size = weights.stat().st_size
        scripts = {"jaxdnn": JAXDNN.format(format=name), "opencv": OPENCV.format(reader=case.reader)}
        result = interleaved(scripts, [str(description), str(weights)], repeats)
    print(f"{name}: {case.description.__name__}, {size / 2**20:.0f} MiB of weights")
    for peer, values in result.items():
        print(f"  {peer:8} {values['seconds']:6.3f} s  peak {values['peak_mib']:7.0f} MiB")
    ratio = {key: result["jaxdnn"][key] / result["opencv"][key] for key in result["jaxdnn"]}
    print(f"  ratio    {ratio['seconds']:6.2f}    peak {ratio['peak_mib']:7.2f}")
    versions = environment("jax", "numpy", "opencv-python-headless")
    save(f"load_{name}", {"bytes": size, "median": result, "ratio": ratio, "environment": versions})


if __name__ == "__main__":
    for name, case in CASES.items():
        measure(name, case, repeats=7)
