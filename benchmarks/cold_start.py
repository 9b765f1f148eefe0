"""Time from nothing to the first result, against OpenCV and ONNX Runtime.

    JAXDNN_SHARED=… python benchmarks/cold_start.py     # the folder of networks; needs pip install jaxdnn[bench]

Every measurement is a fresh process that reads one network from its file and computes one batch of one; they take turns
and medians count. Ways to start:

* OpenCV: ``readNet``, ``setInput``, ``forward``, from the original files;
* ONNX Runtime: a session from our ONNX export, ``run``;
* jaxdnn: ``load`` and a call; the same with a filled ``jaxdnn.cache``; and an artifact with machine code.

"ready" counts from the imports' end to the first result, "process" from the interpreter's start; "peak" is the most
memory that the process had. Then the machine code of the artifact is timed against the jitted function in one process:
"steady".
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import jax
import numpy as np
from measure import environment, interleaved, models_folder, save

import jaxdnn
from jaxdnn.importers import caffe

NETWORKS = (
    ("MobileNet-SSD", "nets/caffe/MobileNetSSD_deploy.prototxt", None),
    ("GoogLeNet", "nets/caffe/bvlc_googlenet.prototxt", None),
    ("RFB-320", "caffe/ultraface/RFB-320.prototxt", "caffe/ultraface/RFB-320.caffemodel"),
    ("Yolo-Fastest 1.1", "darknet/yolo-fastest-1.1.cfg", "darknet/yolo-fastest-1.1.weights"),
)
REPEATS = 7
CALLS = 50

START = """
model, weights, onnx, artifact, cache, picture = sys.argv[1:]
import numpy
x = numpy.load(picture)
{imports}
start = time.perf_counter()
{work}
done = time.perf_counter()
age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(open("/proc/self/stat").read().rpartition(")")[2].split()[19]) / 100
print(json.dumps({{"ready": done - start, "process": age, "peak": peak()}}))
"""
WAYS = {
    "OpenCV": (
        "import cv2",
        "net = cv2.dnn.readNet(model, weights); net.setInput(x); net.forward(net.getUnconnectedOutLayersNames())",
    ),
    "ONNX Runtime": (
        "import onnxruntime",
        "session = onnxruntime.InferenceSession(onnx, providers=['CPUExecutionProvider'])\n"
        "session.run(None, {session.get_inputs()[0].name: x})",
    ),
    "jaxdnn": ("import jax, jaxdnn", "jax.block_until_ready(jaxdnn.load(model, weights)(x))"),
    "jaxdnn, cache": (
        "import jax, jaxdnn",
        "jaxdnn.cache(cache); jax.block_until_ready(jaxdnn.load(model, weights)(x))",
    ),
    "jaxdnn, artifact": (
        "import jax, jaxdnn",
        "jax.block_until_ready(jaxdnn.load_artifact(artifact, trust=True)(x))",
    ),
}


def measure(folder: Path, model: Path, weights: Path | None) -> dict[str, dict[str, float]]:
    """Return the medians of each way to start, and the artifact's steady time against the jitted function's."""
    net = jaxdnn.load(model, weights, key=jax.random.key(0))
    if weights is None:
        weights = folder / "net.caffemodel"
        caffe.save_weights(net, weights)
    (spec,) = (net.inputs[name] for name in net.graph.required_inputs)
    x = np.random.default_rng(0).random((1, *spec.shape[1:]), "float32")
    files = {name: folder / name for name in ("net.onnx", "net.jaxdnn", "cache", "x.npy")}
    np.save(files["x.npy"], x)
    net.to_onnx(files["net.onnx"])
    net.export(files["net.jaxdnn"], batch=1)
    scripts = {
        way: START.format(imports=imports, work="\n".join(work.split("; ")))
        for way, (imports, work) in WAYS.items()
    }
    medians = interleaved(scripts, [str(model), str(weights), *map(str, files.values())], REPEATS)
    return medians | {"steady": _steady(net, jaxdnn.load_artifact(files["net.jaxdnn"], trust=True), x)}


def _steady(net: jaxdnn.Net, artifact: jaxdnn.Artifact, x: np.ndarray) -> dict[str, float]:
    times: dict[str, list[float]] = {"jitted": [], "artifact": []}
    for turn in range(CALLS + 3):
        for way, callee in (("jitted", net), ("artifact", artifact)):
            start = time.perf_counter()
            jax.block_until_ready(callee(x))
            if turn >= 3:
                times[way].append(time.perf_counter() - start)
    medians = {way: statistics.median(seconds) for way, seconds in times.items()}
    return medians | {"ratio": medians["artifact"] / medians["jitted"]}


if __name__ == "__main__":
    shared = models_folder()
    results = {}
    for name, model, weights in NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            result = measure(Path(folder), shared / model, weights and shared / weights)
        results[name] = result
        print(name)
        for way in WAYS:
            print(
                f"  {way:18} ready {result[way]['ready']:6.3f} s   process {result[way]['process']:6.3f} s   "
                f"peak {result[way]['peak']:6.0f} MiB"
            )
        steady = result["steady"]
        print(f"  steady: artifact {steady['artifact'] * 1e3:.2f} ms, jitted {steady['jitted'] * 1e3:.2f} ms")
    versions = environment("jax", "numpy", "opencv-python-headless", "onnxruntime")
    path = save("cold_start", {"median": results, "environment": versions})
    print(path)
