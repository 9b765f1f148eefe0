"""Time, size and error of trained networks in 8 bits, against the same networks in float32.

    JAXDNN_SHARED=… python benchmarks/quantize.py        # the folder of trained networks

Each network runs compiled on its stored picture, batch norms folded in all three forms; forms take turns, and medians
count. "compile" is the first call.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path

import jax
import numpy as np
from measure import environment, models_folder, save

import jaxdnn

NETWORKS = ("darknet/yolo-fastest-1.1.cfg", "darknet/yoloface-50k.cfg", "caffe/ultraface/RFB-320.prototxt")
ROUNDS = 15


def measure(folder: Path, name: str, entry: dict[str, str]) -> dict[str, dict[str, float]]:
    """Return the numbers of each form of one network."""
    with np.load(folder / entry["ref"]) as reference:
        x = reference["input"]
    net = jaxdnn.load(folder / name, folder / entry["weights"])
    forms = {
        "float32": jaxdnn.optimize(net, passes=["fold_batch_norm"])[0],
        "int8": jaxdnn.quantize(net, [x])[0],
        "weights only": jaxdnn.quantize(net, weights_only=True)[0],
    }
    results: dict[str, dict[str, float]] = {}
    for form, each in forms.items():
        start = time.perf_counter()
        outputs = jax.block_until_ready(each(x))
        results[form] = {
            "compile_seconds": time.perf_counter() - start,
            "parameter_bytes": sum(leaf.nbytes for leaf in jax.tree.leaves(each.params)),
        }
        want = forms["float32"](x)
        results[form]["max_rel"] = max(
            float(abs(outputs[key] - want[key]).max() / abs(want[key]).max()) for key in want
        )
    times: dict[str, list[float]] = {form: [] for form in forms}
    for _ in range(ROUNDS):
        for form, each in forms.items():
            start = time.perf_counter()
            jax.block_until_ready(each(x))
            times[form].append(time.perf_counter() - start)
    for form, seconds in times.items():
        results[form]["seconds"] = statistics.median(seconds)
    return results


if __name__ == "__main__":
    folder = models_folder()
    manifest = json.loads((folder / "manifest.json").read_text())
    found = {}
    for name in NETWORKS:
        found[name] = measure(folder, name, manifest[name])
        print(name)
        for form, values in found[name].items():
            print(
                f"  {form:12} {values['seconds'] * 1e3:7.2f} ms  compile {values['compile_seconds']:5.1f} s  "
                f"params {values['parameter_bytes'] / 1024:7.0f} KiB  max rel {values['max_rel']:.1e}"
            )
    save("quantize", {"networks": found, "environment": environment("jax", "numpy")})
