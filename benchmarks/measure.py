"""What benchmarks share: fresh processes, interleaved runs, medians, and who was measured where."""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # what benchmarks and tests share
from support.shared import shared_folder

RESULTS = Path(__file__).parent / "results"
CALLS = 3
"""Calls in a block, at least; a block of a fast network has more, so that it takes a tenth of a second."""

QUIET = 0.02
"""Seconds without work after which a library's threads are taken to sleep; ONNX Runtime's spin for a twentieth."""

# getrusage's maximum would do, but a child inherits its parent's.
PRELUDE = """
import json, pathlib, re, sys, time
def peak():  # MiB
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) / 1024
"""


def interleaved(
    scripts: Mapping[str, str], arguments: Sequence[str], repeats: int
) -> dict[str, dict[str, float]]:
    """Run each script ``repeats`` times, in turn, each in a fresh process; return medians of what they print.

    Args:
        scripts: Python source by name; it prints one JSON object of numbers. ``peak()`` is at hand.
        arguments: of every script, as ``sys.argv[1:]``.
        repeats: how many rounds. One more round before them warms the page cache and is not counted.
    """
    found: dict[str, list[dict[str, float]]] = {name: [] for name in scripts}
    for turn in range(repeats + 1):
        for name, script in scripts.items():
            result = runs(script, arguments, 1)
            found[name] += result if turn else []
    return {
        name: {key: statistics.median(run[key] for run in results) for key in results[0]}
        for name, results in found.items()
    }


def runs(script: str, arguments: Sequence[str], repeats: int) -> list[dict[str, float]]:
    """Run a script in fresh processes, one after the other, and return what they print, see :func:`interleaved`."""
    command = [sys.executable, "-c", PRELUDE + script, *arguments]
    printed = (
        subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(repeats)
    )
    return [json.loads(output.splitlines()[-1]) for output in printed]


def timed(calls: Mapping[str, Callable[[], Any]], blocks: int) -> dict[str, list[float]]:
    """Time calls in turns, a block of each at a time, once the threads of the one before sleep.

    Returns:
        milliseconds of a call, for each block, by name.
    """
    found: dict[str, list[float]] = {name: [] for name in calls}
    counts = {name: _block_size(call) for name, call in calls.items()}
    for _ in range(blocks):
        for name, call in calls.items():
            _rest()
            for _ in range(counts[name] // 4 + 1):
                call()
            start = time.perf_counter()
            for _ in range(counts[name]):
                call()
            found[name].append((time.perf_counter() - start) / counts[name] * 1e3)
    return found


def _rest() -> None:
    """Wait until the threads of the library before sleep: they would be counted against the next one."""
    busy = True
    while busy:
        start = time.process_time()
        time.sleep(QUIET)
        busy = time.process_time() - start > QUIET / 10


def _block_size(call: Callable[[], Any]) -> int:
    call()
    start = time.perf_counter()
    call()
    return max(CALLS, int(0.1 / (time.perf_counter() - start)))


def models_folder() -> Path:
    """Return the folder of networks, where the tests find it."""
    found = shared_folder()
    if found is None:
        sys.exit("there are no networks: set JAXDNN_SHARED to the folder that has them")
    return found


def environment(*packages: str) -> dict[str, str]:
    """Return the machine and the versions that a result holds for."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")),
        platform.processor(),
    )
    return {"cpu": cpu, "python": platform.python_version()} | {name: version(name) for name in packages}


def save(name: str, result: Mapping[str, Any]) -> Path:
    """Write a result as JSON and return its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    return path


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []
