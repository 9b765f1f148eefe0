"""Recurrent blocks."""

from __future__ import annotations

from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.layers.cells import GruCell, LstmCell

Values = tuple[str, ...]

_LSTM_OUTPUTS = ("i", "cs", "f", "o", "ci", "co", "h")


def _lstm(node: NodeSource) -> LstmCell:
    """Read the attributes; the second version has the gates in another order and no bias of its own."""
    second = node.op == "BlockLSTMV2"
    return LstmCell(
        gates="ifgo" if second else "igfo",
        forget_bias=0.0 if second else node.attributes.number("forget_bias", 1.0),
        clip=node.attributes.number("cell_clip", 0.0 if second else 3.0),
        peephole=node.attributes.boolean("use_peephole", False),
        sequence=node.op.startswith("Block"),
    )


def _emit(
    b: TensorFlowBuilder, node: NodeSource, layer: LstmCell | GruCell, inputs: Values, weights: Values
) -> Values:
    """Add the cell, its weights as params if all of them are constants."""
    outputs = len(_LSTM_OUTPUTS) if isinstance(layer, LstmCell) else 4
    slots = dict(zip(layer.slots, weights, strict=True))
    params = {slot: b.learned(value, slot) for slot, value in slots.items()}
    known = {slot: reference for slot, reference in params.items() if reference is not None}
    if len(known) == len(params):
        return b.emit(node, layer, inputs, known, outputs=outputs)
    return b.emit(node, layer, (*inputs, *weights), outputs=outputs)


@rules("BlockLSTM", "BlockLSTMV2", inputs=9, outputs=_LSTM_OUTPUTS)
def block_lstm(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """A whole sequence."""
    steps, x, c, h, weight, *peepholes, bias = inputs
    layer = _lstm(node)
    return _emit(b, node, layer, (x, c, h, steps), (weight, bias, *(peepholes if layer.peephole else ())))


@rules("LSTMBlockCell", inputs=8, outputs=_LSTM_OUTPUTS)
def lstm_block_cell(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """One step."""
    x, c, h, weight, *peepholes, bias = inputs
    layer = _lstm(node)
    return _emit(b, node, layer, (x, c, h), (weight, bias, *(peepholes if layer.peephole else ())))


@rules("GRUBlockCell", inputs=6, outputs=("r", "u", "c", "h"))
def gru_block_cell(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """One step."""
    return _emit(b, node, GruCell(), inputs[:2], inputs[2:])
