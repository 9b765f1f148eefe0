"""Seconds of the first call, in which a network is compiled, for each network of the darknet zoo.

    JAXDNN_SHARED=… python benchmarks/first_call.py        # needs pip install jaxdnn[test]

Each network is loaded in a process of its own, with drawn weights, and called on zeros of the size that its cfg states.
"cpu" is what all cores together took.
"""

from __future__ import annotations

import subprocess

from measure import environment, models_folder, runs, save

SCRIPT = """
import resource, warnings
import jax, jaxdnn
warnings.simplefilter("ignore")
start = time.perf_counter()
net = jaxdnn.load(sys.argv[1], key=jax.random.key(0))
jax.block_until_ready(net.params)
loaded, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
first = net.warmup()
after = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "load": loaded - start, "first": first, "second": net.warmup(),
    "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, "peak_mib": peak(),
    "layers": len(net.graph.nodes),
}))
"""


def main() -> None:
    """Measure, print and save."""
    folder = models_folder() / "darknet-zoo" / "cfgs"
    found = {}
    for path in sorted(folder.glob("*.cfg")):
        try:
            [found[path.stem]] = runs(SCRIPT, [str(path)], 1)
        except subprocess.CalledProcessError as error:  # yolo9000 needs a file that is not there
            print(f"{path.stem:32} {error.stderr.strip().splitlines()[-1]}")
            continue
        row = found[path.stem]
        print(f"{path.stem:32} first call {row['first']:6.2f} s  then {row['second']:6.2f} s", flush=True)
    slowest = max(found, key=lambda name: found[name]["first"])
    print(f"{len(found)} networks; the slowest is {slowest} with {found[slowest]['first']:.1f} s")
    save("first_call", {"networks": found, "environment": environment("jax", "numpy")})


if __name__ == "__main__":
    main()
