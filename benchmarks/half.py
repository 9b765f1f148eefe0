"""How far half-precision policies are from float32: all trained networks on all stored pictures, as a table.

    JAXDNN_SHARED=… python benchmarks/half.py        # needs pip install jaxdnn[test]

"objects" are those that float32 finds with a score above 0.3, in all pictures together; "not the same" those of
either that the other does not find. "score" and "IoU" are the largest difference and the smallest overlap of one
object, before boxes are suppressed where the network shows them; "values" is the largest difference of other outputs,
relative to the largest of them, and "class" whether the best class is the same wherever there are classes. The
networks of the second table have drawn weights, which amplify what is rounded.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from functools import reduce

from measure import RESULTS, environment, models_folder

from support.agreement import Agreement, agreement
from support.trained import Network, trained, untrained

MIXED = ("mixed_float16", "mixed_bfloat16")
THRESHOLD = 0.3
HEADERS = ("network", "policy", "objects", "not the same", "score", "IoU", "values", "class")


def main() -> None:
    """Measure, print and write the page."""
    models = models_folder()
    versions = ", ".join(f"{name} {version}" for name, version in environment("jax", "numpy").items())
    page = ["# Half precision against float32", "", "Measured by `benchmarks/half.py`. " + versions, ""]
    tables = (
        ("Trained", trained(models), (*MIXED, "float16", "bfloat16")),
        ("Drawn weights", untrained(models), MIXED),
    )
    for title, networks, policies in tables:
        page += [f"## {title}", "", *_row(HEADERS), "|" + "---|" * len(HEADERS)]
        page += [line for cells in _measured(networks, policies) for line in _row(cells)]
        page.append("")
    (RESULTS / "half_precision.md").write_text("\n".join(page))


def _measured(networks: Mapping[str, Network], policies: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, network in networks.items():
        net = network.load()
        want = network.answers(net)
        for policy in policies:
            got = network.answers(net.replace(policy=policy))
            pairs = ((want[picture], got[picture]) for picture in want)
            # Within this margin of the threshold an object may be above it in one type alone.
            both = reduce(operator.add, (agreement(a, b, threshold=THRESHOLD, margin=0.1) for a, b in pairs))
            yield name, policy, *_cells(both)


def _cells(both: Agreement) -> tuple[str, ...]:
    objects = (str(both.objects), str(both.lost), f"{both.score:.4f}", f"{both.overlap:.3f}")
    values = (f"{both.value:.1e}", "same" if both.classes else "other")
    return (*(objects if both.objects else ("",) * 4), *(values if both.value else ("", "")))


def _row(cells: tuple[str, ...]) -> list[str]:
    print(*cells, sep="  ", flush=True)
    return [f"| {' | '.join(cells)} |"]


if __name__ == "__main__":
    main()
