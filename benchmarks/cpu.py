"""Whole networks on the CPU, against OpenCV, ONNX Runtime and OpenVINO as far as these are installed.

    JAXDNN_SHARED=… python benchmarks/cpu.py [--batch 8] [--tune 10] [--threads 2] [--blocks 15] [NETWORK …]

All run in one process with the same number of threads, on the same drawn weights and input, and keep freed memory.
OpenCV reads the network's own files; ONNX Runtime and OpenVINO, this in float32, read jaxdnn's ONNX export. Outputs
are compared before anything is timed. Then the libraries take turns, each with a block of calls at a time, once the
threads of the one before sleep; the median of the blocks counts, and the spread is the distance of its quartiles,
relative to it. With ``--tune`` a net that was tuned for so many seconds is measured as well. Where networks are named,
the stored rows of the others stay. A bar chart is written beside the numbers. Peak memory is measured by
``cold_start.py``, which gives each library a process.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np
from measure import RESULTS, environment, models_folder, save, timed
from picture import draw_ratios
from rows import NETWORKS, Network, drawn_feeds, files_of

import jaxdnn
from jaxdnn.lowering import native

TOLERANCE = 1e-3
"""How far outputs may be apart, relative to the largest of each; drawn weights amplify what is rounded."""
DETECTION = 7
"""Numbers of a detection: image, class, score, box."""

TUNED = "jaxdnn tuned"

Outputs = list[np.ndarray]
Call = Callable[[], Outputs]


@dataclass
class Result:
    """What is measured of one library.

    Attributes:
        load_seconds: to read the files, and to compile if the library does so then.
        first_seconds: of the first call, in which others compile.
        difference: the largest one from jaxdnn's outputs, relative to the largest value of each output.
        blocks: milliseconds of a call, for each block.
        error: why there is nothing else.
    """

    load_seconds: float = 0.0
    first_seconds: float = 0.0
    difference: float = 0.0
    blocks: list[float] = field(default_factory=list)
    error: str = ""

    @property
    def milliseconds(self) -> float:
        return statistics.median(self.blocks) if self.blocks else float("nan")

    @property
    def spread(self) -> float:
        if len(self.blocks) < 2:
            return float("nan")
        low, middle, high = statistics.quantiles(self.blocks, n=4)
        return (high - low) / middle


@dataclass(frozen=True)
class Case:
    """One network: its files, what it is fed, and the names of its outputs."""

    files: tuple[Path, ...]
    exported: Path
    feeds: dict[str, np.ndarray]
    outputs: tuple[str, ...]
    threads: int
    channels_last: bool
    tune: float = 0


def jaxdnn_call(case: Case) -> Call:
    net, _ = jaxdnn.optimize(jaxdnn.load(*case.files))
    return _call_of(net, case)


def tuned_call(case: Case) -> Call:
    net, _ = jaxdnn.optimize(jaxdnn.load(*case.files))
    return _call_of(net.tune(case.feeds, seconds=case.tune), case)


def _call_of(net: jaxdnn.Net, case: Case) -> Call:
    feeds = {name: jax.numpy.asarray(x) for name, x in case.feeds.items()}

    def call() -> Outputs:
        results = jax.block_until_ready(net(feeds))
        return [np.asarray(results[name]) for name in case.outputs]

    return call


def opencv_call(case: Case) -> Call:
    import cv2

    cv2.setNumThreads(case.threads)
    read = {
        ".cfg": cv2.dnn.readNetFromDarknet,
        ".prototxt": cv2.dnn.readNetFromCaffe,
        ".pb": cv2.dnn.readNetFromTensorflow,
    }
    suffix = case.files[0].suffix
    net = read[suffix](*map(str, case.files))
    # OpenCV's pictures are channels first, whatever the network's are.
    first, last = ((0, 3, 1, 2), (0, 2, 3, 1)) if case.channels_last else ((0, 1, 2, 3),) * 2

    def call() -> Outputs:
        for name, x in case.feeds.items():
            net.setInput(x.transpose(first), name if suffix == ".prototxt" else "")
        return [y.transpose(last) if y.ndim == 4 else y for y in net.forward(case.outputs)]

    return call


def onnxruntime_call(case: Case) -> Call:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = case.threads
    session = onnxruntime.InferenceSession(case.exported, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(list(case.outputs), case.feeds)


def openvino_call(case: Case) -> Call:
    import openvino

    hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": case.threads}
    compiled = openvino.Core().compile_model(case.exported, "CPU", hints)
    request = compiled.create_infer_request()

    def call() -> Outputs:
        results = request.infer(case.feeds, share_inputs=True)
        return [results[compiled.output(name)] for name in case.outputs]

    return call


LIBRARIES: dict[str, tuple[str, Callable[[Case], Call]]] = {
    "jaxdnn": ("jax", jaxdnn_call),
    "opencv": ("cv2", opencv_call),
    "onnxruntime": ("onnxruntime", onnxruntime_call),
    "openvino": ("openvino", openvino_call),
    TUNED: ("jax", tuned_call),
}
"""By name, the module that has to be installed, and what loads a network."""


def prepare(network: Network, models: Path, folder: Path, batch: int, threads: int, tune: float) -> Case:
    """Write the files that the libraries read, and draw an input."""
    files = files_of(network, models, folder)
    net = jaxdnn.load(*files)
    feeds = drawn_feeds(net, network, batch)
    exported = folder / "net.onnx"
    try:
        shapes = {name: x.shape for name, x in feeds.items()}
        jaxdnn.optimize(net)[0].to_onnx(exported, batch=batch, input_shapes=shapes if network.shape else None)
    except jaxdnn.JaxdnnError as error:
        print(f"  no ONNX export: {error}")
    outputs = net.program.default_outputs(feeds)
    return Case(files, exported, feeds, outputs, threads, network.channels_last, tune)


def measured(case: Case, blocks: int) -> dict[str, Result]:
    """Load the network into every library that is installed, compare outputs, and time the calls."""
    results: dict[str, Result] = {}
    calls: dict[str, Call] = {}
    want: Outputs = []
    for name, (module, load) in LIBRARIES.items():
        if importlib.util.find_spec(module) is None or (name == TUNED and not case.tune):
            continue
        results[name] = result = Result()
        try:
            start = time.perf_counter()
            call = load(case)
            result.load_seconds = time.perf_counter() - start
            found = call()
            result.first_seconds = time.perf_counter() - start - result.load_seconds
        except Exception as error:  # a library that cannot run a network raises what it likes
            if name == "jaxdnn":
                raise
            result.error = str(error).strip().splitlines()[0]
            continue
        want = want or found
        result.difference = max(map(_difference, found, want))
        if result.difference > TOLERANCE:
            result.error = f"outputs differ by {result.difference:.1e}"
        calls[name] = call
    for name, milliseconds in timed(calls, blocks).items():
        results[name].blocks = milliseconds
    return results


def _difference(found: np.ndarray, want: np.ndarray) -> float:
    if found.size > want.size and not found.ravel()[want.size :].any():
        found = found.ravel()[: want.size]  # OpenCV fills detections up with rows of zeros
    if found.size != want.size:
        return float("inf")
    if want.shape[:2] == (1, 1) and want.shape[-1] == DETECTION:
        # Detections whose scores nearly tie may change places: for each, the nearest one counts.
        rows, others = found.reshape(-1, 1, DETECTION), want.reshape(1, -1, DETECTION)
        between = np.abs(rows - others).max(axis=-1)
        apart = np.concatenate([between.min(axis=axis, initial=np.inf) for axis in (0, 1)])
    else:
        apart = np.abs(found.reshape(want.shape) - want)
    return float(apart.max(initial=0) / np.abs(want).max(initial=1e-30))


def show(name: str, results: dict[str, Result]) -> dict[str, Any]:
    """Print the rows of one network, and return them as plain numbers."""
    ratio = ratios({library: r.milliseconds for library, r in results.items() if not r.error})
    print(f"{name}: " + ", ".join(f"{library} {each:.2f}" for library, each in ratio.items()))
    for library, r in results.items():
        print(
            f"  {library:12} {r.milliseconds:8.2f} ms  ± {r.spread:4.0%}  load {r.load_seconds:5.2f} s  "
            f"first call {r.first_seconds:5.2f} s  "
            f"difference {r.difference:.0e}  {r.error}"
        )
    rows = {
        library: asdict(r) | {"milliseconds": r.milliseconds, "spread": r.spread}
        for library, r in results.items()
    }
    return {"ratio": ratio, "libraries": rows}


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=", ".join(NETWORKS))
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--tune", type=float, default=0, metavar="SECONDS")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--blocks", type=int, default=15)
    arguments = parser.parse_args()
    # XLA makes as many threads as it sees cores, when jax starts.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.threads])
    warnings.simplefilter("ignore")
    jaxdnn.keep_memory()
    models = models_folder()
    installed = [n for n in ("onnxruntime", "openvino") if importlib.util.find_spec(n) is not None]
    versions = environment("jax", "numpy", "opencv-python-headless", *installed)
    versions["kernels"] = "C++" if native.kernels() else "none"
    setting = {"batch": arguments.batch, "threads": arguments.threads, "environment": versions}
    result = f"cpu_batch{arguments.batch}"
    rows = stored(result, setting)
    for name in arguments.networks or NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            case = prepare(
                NETWORKS[name], models, Path(folder), arguments.batch, arguments.threads, arguments.tune
            )
            rows[name] = show(name, measured(case, arguments.blocks))
        # What is interrupted keeps what it has measured.
        rows = {name: rows[name] for name in NETWORKS if name in rows}
        path = save(result, {"networks": rows} | setting)
    title = f"Time of a call, batch {arguments.batch}; 1 is the faster of ONNX Runtime and OpenVINO"
    draw_ratios(title, {name: each["ratio"] for name, each in rows.items()}).save(path.with_suffix(".png"))
    print(path)


def stored(result: str, setting: dict[str, Any]) -> dict[str, Any]:
    """Return the rows that were saved before, of the same machine and versions."""
    path = RESULTS / f"{result}.json"
    before = json.loads(path.read_text()) if path.exists() else {}
    same = {name: before.get(name) for name in setting} == setting
    return dict(before["networks"]) if same else {}


def ratios(milliseconds: dict[str, float]) -> dict[str, float]:
    """Return what each library takes, relative to the faster one of ONNX Runtime and OpenVINO."""
    least = min(
        (milliseconds[name] for name in ("onnxruntime", "openvino") if name in milliseconds), default=math.nan
    )
    return {name: each / least for name, each in milliseconds.items()}


if __name__ == "__main__":
    main()
