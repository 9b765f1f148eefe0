"""What passes from one stage of a box detector to the next."""

from __future__ import annotations

import numpy as np

from jaxdnn.layers.stages import ProposalRows
from jaxdnn.onnx.exporter import Exporter
from jaxdnn.onnx.registry import exports
from jaxdnn.onnx.sizes import static


@exports(ProposalRows)
def proposal_rows(e: Exporter, layer: ProposalRows, detections: str) -> str:
    """Put empty rows behind the detections, of which a file holds only those that there are."""
    del layer
    count, width = static(e.outputs[0].sizes)
    empty = np.full((count, width), -1, e.type)
    rows = e.concat([e.op("Reshape", detections, [-1, width]), empty], 0)
    return e.slice(rows, [0], [count], [0])
