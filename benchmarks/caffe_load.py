"""Time and peak memory to load a VGG-16-sized caffemodel (528 MiB) against OpenCV's ``readNetFromCaffe``.

    python benchmarks/caffe_load.py        # needs pip install jaxdnn[test] and 600 MB of disk

The weights are random and generated. Each load runs in a fresh process; imports are not counted. "peak" is how
much the process's peak resident memory grew while loading.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import jax
from measure import environment, interleaved, save

import jaxdnn
from jaxdnn.importers.caffe import save_weights

PLAN = (64, 64, "pool", 128, 128, "pool", 256, 256, 256, "pool", 512, 512, 512, "pool", 512, 512, 512, "pool")
SCRIPTS = {
    "jaxdnn": """
import jax, jaxdnn, jaxdnn.importers.caffe, jaxdnn.lowering
jax.devices()
before, start = peak(), time.perf_counter()
net = jaxdnn.load(sys.argv[1], sys.argv[2])
jax.block_until_ready(net.params)
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "peak_mib": peak() - before}))
""",
    "opencv": """
import cv2
before, start = peak(), time.perf_counter()
net = cv2.dnn.readNetFromCaffe(sys.argv[1], sys.argv[2])
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "peak_mib": peak() - before}))
""",
}


def vgg16() -> str:
    """Return the prototxt of VGG-16."""
    layers = ['name: "VGG16"', 'input: "data" input_dim: 1 input_dim: 3 input_dim: 224 input_dim: 224']
    top = "data"

    def add(name: str, kind: str, param: str) -> None:
        nonlocal top
        layers.append(f'layer {{ name: "{name}" type: "{kind}" bottom: "{top}" top: "{name}" {param} }}')
        top = name

    for index, step in enumerate(PLAN):
        if step == "pool":
            add(f"pool{index}", "Pooling", "pooling_param { pool: MAX kernel_size: 2 stride: 2 }")
        else:
            add(f"conv{index}", "Convolution", f"convolution_param {{ num_output: {step} kernel_size: 3 pad: 1 }}")
            add(f"relu{index}", "ReLU", "")
    for name, outputs in (("fc6", 4096), ("fc7", 4096), ("fc8", 1000)):
        add(name, "InnerProduct", f"inner_product_param {{ num_output: {outputs} }}")
    add("prob", "Softmax", "")
    return "\n".join(layers)


def main(repeats: int = 5) -> None:
    """Generate the files, measure, print and save."""
    with tempfile.TemporaryDirectory() as folder:
        prototxt, caffemodel = Path(folder, "vgg16.prototxt"), Path(folder, "vgg16.caffemodel")
        prototxt.write_text(vgg16())
        save_weights(jaxdnn.load(prototxt, key=jax.random.key(0)), caffemodel)
        size = caffemodel.stat().st_size
        result = interleaved(SCRIPTS, [str(prototxt), str(caffemodel)], repeats)
    ours, theirs = result["jaxdnn"], result["opencv"]
    for name, values in result.items():
        print(f"{name:8} {values['seconds']:6.3f} s  peak {values['peak_mib']:7.0f} MiB")
    ratio = {key: ours[key] / theirs[key] for key in ours}
    print(f"ratio    {ratio['seconds']:6.2f}    peak {ratio['peak_mib']:7.2f}")
    versions = environment("jax", "numpy", "opencv-python-headless")
    path = save("caffe_load", {"bytes": size, "median": result, "ratio": ratio, "environment": versions})
    print(f"saved {path}")


if __name__ == "__main__":
    main()
