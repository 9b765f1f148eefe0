"""Half-precision policies find what float32 finds: all trained networks on all stored pictures.

The bounds leave a margin over what was measured (benchmarks/results/half_precision.md). A float16 has 11 bits and a
bfloat16 has 8, so that its errors are eight times as large.
"""

import operator
from functools import reduce

import pytest

from support.agreement import agreement
from support.shared import shared_folder
from support.trained import Network, trained

MODELS = shared_folder()
TRAINED = trained(MODELS) if MODELS else {}
THRESHOLD = 0.3
SCORES = {"mixed_float16": 0.03, "mixed_bfloat16": 0.3}
"""The largest difference of a score."""
OVERLAPS = {"mixed_float16": 0.98, "mixed_bfloat16": 0.85}
"""The smallest intersection over union of an object's two boxes."""
VALUES = {"mixed_float16": 0.01, "mixed_bfloat16": 0.06}
"""The largest difference of outputs that are no objects, relative to the largest of them."""

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(MODELS is None, reason="needs the shared networks: set JAXDNN_SHARED"),
]


@pytest.mark.parametrize("name", TRAINED)
def test_objects_and_classes_are_the_same(name):
    network: Network = TRAINED[name]
    net = network.load()
    want = network.answers(net)
    assert any(len(answer.boxes) or answer.values for answer in want.values())
    for policy, margin in SCORES.items():
        got = network.answers(net.replace(policy=policy))
        pairs = ((want[picture], got[picture]) for picture in want)
        found = reduce(operator.add, (agreement(a, b, threshold=THRESHOLD, margin=margin) for a, b in pairs))
        assert found.lost == 0
        assert found.classes
        assert found.score <= margin
        assert found.overlap >= OVERLAPS[policy]
        assert found.value <= VALUES[policy]
