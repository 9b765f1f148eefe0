"""Where the time of a call goes, by kind of operation, as XLA's profiler sees it.

    JAXDNN_SHARED=… python benchmarks/operations.py [--batch 8] [NETWORK …]

An operation counts from its start to its end: two that run side by side count twice, and what lies between them does
not count, which is told beside the call's whole time, of the same calls without the profiler.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path

CALLS = 30
KERNEL = re.compile(r'%?(\S+) = .*custom_call_target="jaxdnn_([a-z]+)_')
"""An operation of a compiled program that calls a kernel."""
NUMBER = re.compile(r"[.\d]+$")
KINDS = {"ynn_fusion": "products (XLA)", "dot": "products (XLA)", "concatenate": "concatenations"}
"""What XLA's names mean; all others are ``other``."""


def main() -> None:
    """Measure and print."""
    dumped = tempfile.TemporaryDirectory()
    flags = f"--xla_dump_to={dumped.name} --xla_dump_hlo_as_text"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}"
    import jax  # reads the flags
    from measure import models_folder
    from rows import NETWORKS, drawn_feeds, files_of

    import jaxdnn

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=", ".join(NETWORKS))
    parser.add_argument("--batch", type=int, default=1)
    arguments = parser.parse_args()
    jaxdnn.keep_memory()
    models = models_folder()
    for name in arguments.networks or NETWORKS:
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as traced:
            net, _ = jaxdnn.optimize(jaxdnn.load(*files_of(NETWORKS[name], models, Path(folder))))
            drawn = drawn_feeds(net, NETWORKS[name], arguments.batch)
            feeds = {key: jax.numpy.asarray(x) for key, x in drawn.items()}
            seconds = []
            for _ in range(CALLS):
                start = time.perf_counter()
                jax.block_until_ready(net(feeds))
                seconds.append(time.perf_counter() - start)
            with jax.profiler.trace(traced):
                for _ in range(CALLS):
                    jax.block_until_ready(net(feeds))
            kinds = by_kind(Path(traced), Path(dumped.name))
        print(f"{name}: a call takes {statistics.median(seconds) * 1e3:.2f} ms")
        for kind, (milliseconds, count) in kinds.items():
            print(f"  {kind:20} {milliseconds:8.3f} ms in {count:.0f} operations")


def by_kind(traced: Path, dumped: Path) -> dict[str, tuple[float, float]]:
    """Return milliseconds and operations of a call by kind, the most first."""
    kernels = {
        match[1]: match[2]
        for path in sorted(dumped.glob("*after_optimizations.txt"), key=lambda path: path.stat().st_mtime)
        for match in map(KERNEL.search, path.read_text().splitlines())
        if match
    }
    (path,) = traced.rglob("*.trace.json.gz")
    milliseconds: Counter[str] = Counter()
    count: Counter[str] = Counter()
    for event in json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]:
        name = event.get("name", "")
        # A call of a function has its operations beside it.
        if "hlo_op" not in event.get("args", {}) or name.startswith("jit_"):
            continue
        kind = f"{kernels[name]} kernel" if name in kernels else KINDS.get(NUMBER.sub("", name), "other")
        milliseconds[kind] += event["dur"] / 1e3 / CALLS
        count[kind] += 1
    return {kind: (total, count[kind] / CALLS) for kind, total in milliseconds.most_common()}


if __name__ == "__main__":
    main()
