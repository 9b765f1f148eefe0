"""Whole networks on a GPU in several types, against ONNX Runtime there, and how far from what the GPU can do.

    JAXDNN_SHARED=… python benchmarks/gpu.py [--batch 8] [--blocks 15] [--platform gpu] [NETWORK …]

Without a GPU nothing is measured, which is said. Inputs lie on the device, calls wait for their results, and all take
turns in one process. ONNX Runtime is measured where its package has the CUDA provider; it reads jaxdnn's ONNX export in
float32 and its inputs from the host.

A net cannot be faster than its products at the rate that a large matrix product of the type reaches, nor than its
parameters, inputs and outputs at the rate at which a large array is copied: "roofline" is the larger of both times, as
a part of the net's. A half type that is slower than float32 is called a defect. ``--platform cpu`` tries the
script, and saves nothing.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from measure import environment, models_folder, save, timed
from rows import NETWORKS, drawn_feeds, files_of

import jaxdnn

POLICIES = {"float32": "float32", "mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}
"""By policy, the type of its products."""
PROVIDER = "CUDAExecutionProvider"
SIDE = {"gpu": 8192, "cpu": 1024}
"""Rows and columns of the matrices whose product is timed; the array that is copied has as many numbers as 16 such."""
CONVOLUTIONS = ((56, 64, 64, 3), (28, 128, 128, 3), (14, 1024, 256, 1), (112, 64, 128, 1))
"""Height and width, channels, filters, kernel: layers of ResNet-50 and MobileNet for which layouts are compared."""


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=", ".join(NETWORKS))
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--blocks", type=int, default=15)
    parser.add_argument("--platform", choices=SIDE, default="gpu")
    arguments = parser.parse_args()
    try:
        device = jax.devices(arguments.platform)[0]
    except RuntimeError:
        print("there is no GPU that jax can use: nothing is measured")
        return
    warnings.simplefilter("ignore")
    models, batch = models_folder(), arguments.batch
    with jax.default_device(device):
        peak = limits(SIDE[arguments.platform], arguments.blocks)
        print(", ".join(f"{name} {rate:.3g}" for name, rate in peak.items()))
        orders = layouts(batch, arguments.blocks)
        for name, row in orders.items():
            print(f"{name}: " + ", ".join(f"{order} {each:.3f} ms" for order, each in row.items()))
        found = {}
        for name in arguments.networks or NETWORKS:
            with tempfile.TemporaryDirectory() as folder:
                found[name] = measured(name, models, Path(folder), batch, arguments.blocks, peak, device)
            show(name, found[name])
    if arguments.platform == "gpu":
        about = {"batch": batch, "device": device.device_kind, "environment": environment("jax", "numpy")}
        print(save(f"gpu_batch{batch}", {"peak": peak, "layouts": orders, "networks": found} | about))


def waiting(function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    """Return a call that waits for its results."""
    return lambda: jax.block_until_ready(function(*arguments))


def limits(side: int, blocks: int) -> dict[str, float]:
    """Return products per second by type (two operations each), and the bytes per second that are copied."""
    calls: dict[str, Callable[[], Any]] = {}
    for dtype in POLICIES.values():
        matrix = jnp.ones((side, side), dtype)
        product = jax.jit(lambda a: jnp.matmul(a, a, precision="float32" if a.dtype == "float32" else None))
        calls[dtype] = waiting(product, matrix)
    calls["copy"] = waiting(jax.jit(lambda a: a + 1), jnp.zeros(16 * side * side))
    seconds = {name: statistics.median(each) / 1e3 for name, each in timed(calls, blocks).items()}
    work = dict.fromkeys(POLICIES.values(), 2 * side**3) | {"copy": 2 * 4 * 16 * side**2}
    return {name: work[name] / each for name, each in seconds.items()}


def layouts(batch: int, blocks: int) -> dict[str, dict[str, float]]:
    """Return milliseconds of convolutions of images whose channels come first and last."""
    found = {}
    for size, channels, filters, kernel in CONVOLUTIONS:
        for dtype in POLICIES.values():
            calls = {}
            for order, axes in (("NCHW", (channels, size, size)), ("NHWC", (size, size, channels))):
                x = jnp.ones((batch, *axes), dtype)
                weight = jnp.ones((filters, channels, kernel, kernel), dtype)
                calls[order] = waiting(jax.jit(_convolution(order)), x, weight)
            row = {order: statistics.median(each) for order, each in timed(calls, blocks).items()}
            found[f"{kernel}x{kernel} from {channels} to {filters} channels at {size}x{size}, {dtype}"] = row
    return found


def _convolution(order: str) -> Callable[[jax.Array, jax.Array], jax.Array]:
    return lambda x, weight: jax.lax.conv_general_dilated(
        x, weight, (1, 1), "SAME", dimension_numbers=(order, "OIHW", order), precision="float32"
    )


def measured(
    name: str,
    models: Path,
    folder: Path,
    batch: int,
    blocks: int,
    peak: dict[str, float],
    device: jax.Device,
) -> dict[str, dict[str, float]]:
    """Return what each policy and ONNX Runtime take for a network."""
    files = files_of(NETWORKS[name], models, folder)
    feeds = drawn_feeds(jaxdnn.load(*files), NETWORKS[name], batch)
    net, _ = jaxdnn.optimize(jaxdnn.load(*files, input_shapes={name: x.shape for name, x in feeds.items()}))
    there = jax.device_put(feeds, device)
    nets = {policy: net.replace(policy=policy) for policy in POLICIES}
    calls = {policy: waiting(each, there) for policy, each in nets.items()}
    session = onnxruntime_call(net, feeds, folder)
    if session is not None:
        calls["ONNX Runtime"] = session
    results = calls["float32"]()
    moved = sum(array.nbytes for array in jax.tree.leaves((net.params, there, results)))
    flops = net.summary().flops
    rows = {}
    for way, milliseconds in timed(calls, blocks).items():
        median = statistics.median(milliseconds)
        rows[way] = {"milliseconds": median}
        if way in POLICIES:
            dtype = POLICIES[way]
            least = max(flops / peak[dtype], moved * jnp.dtype(dtype).itemsize / 4 / peak["copy"])
            rows[way]["roofline"] = least * 1e3 / median
    return rows


def onnxruntime_call(net: jaxdnn.Net, feeds: dict[str, np.ndarray], folder: Path) -> Callable[[], Any] | None:
    """Return what runs the net's export on the GPU; None if ONNX Runtime cannot."""
    try:
        import onnxruntime
    except ImportError:
        return None
    if PROVIDER not in onnxruntime.get_available_providers():
        return None
    try:
        net.to_onnx(folder / "net.onnx")
        session = onnxruntime.InferenceSession(folder / "net.onnx", providers=[PROVIDER])
        session.run(None, feeds)
    except Exception as error:  # whatever it raises
        print(f"  ONNX Runtime: {str(error).splitlines()[0]}", file=sys.stderr)
        return None
    return lambda: session.run(None, feeds)


def show(name: str, rows: dict[str, dict[str, float]]) -> None:
    """Print the rows of one network."""
    print(name)
    plain = rows["float32"]["milliseconds"]
    for way, row in rows.items():
        slower = way in POLICIES and row["milliseconds"] > 1.02 * plain
        roofline = f"roofline {row['roofline']:4.0%}" if "roofline" in row else ""
        defect = "  DEFECT: slower than float32" if slower else ""
        ratio = row["milliseconds"] / plain
        print(f"  {way:15} {row['milliseconds']:8.3f} ms  {ratio:5.2f} of float32  {roofline}{defect}")


if __name__ == "__main__":
    main()
