"""Recurrent layers, by their operators or by loops, and regions' features in ONNX Runtime against the layers."""

import numpy as np
import pytest

from jaxdnn.layers.cells import GruCell, LstmCell
from jaxdnn.layers.recurrent import Gru, Lstm, Recurrent, Rnn
from jaxdnn.layers.roi import PsRoiPool, RoiAlign, RoiPool
from support.layer import net_of
from support.onnx_runtime import check_export, operators

rng = np.random.default_rng(4)
STEPS, BATCH, UNITS = 5, 2, 3


def draw(*shape):
    return (rng.standard_normal(shape) / 2).astype(np.float32)


def weights_of(layer, *inputs):
    return {slot: draw(*shape) for slot, shape in layer.param_shapes(*(x.shape for x in inputs)).items()}


def check_layer(layer, *inputs, outputs):
    net = net_of(layer, *inputs, outputs=outputs, **weights_of(layer, *inputs))
    return check_export(net, inputs)


LAYERS: list[Recurrent] = [
    Lstm(units=UNITS, gates="fiog"),
    Lstm(units=UNITS, initial_state=True, final_state=True),
    Gru(units=UNITS, gates="grz"),
    Gru(units=UNITS, reset="after", activation="sigmoid", initial_state=True, final_state=True),
    Rnn(units=UNITS, final_state=True),
    Rnn(units=UNITS, output_layer=False),
]


def inputs_of(layer):
    states = (2 if isinstance(layer, Lstm) else 1) * layer.initial_state
    given = [draw(STEPS, BATCH, 2, 2)]
    given += [rng.integers(0, 2, (STEPS, BATCH)).astype(np.float32)] * layer.continuation
    given += [draw(BATCH, 4)] * layer.static
    return (*given, *(draw(1, BATCH, UNITS) for _ in range(states)))


def outputs_of(layer):
    return 1 + (2 if isinstance(layer, Lstm) else 1) * layer.final_state


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_operator(layer):
    model = check_layer(layer, *inputs_of(layer), outputs=outputs_of(layer))
    assert type(layer).__name__.upper() in operators(model)


@pytest.mark.parametrize(
    "layer",
    [
        Lstm(units=UNITS, continuation=True, static=True),
        Gru(units=UNITS, continuation=True, final_state=True),
        Rnn(units=UNITS, static=True, initial_state=True),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_what_the_operators_lack_becomes_a_loop(layer):
    model = check_layer(layer, *inputs_of(layer), outputs=outputs_of(layer))
    assert "Loop" in operators(model)


def test_cells():
    x, c, h = draw(BATCH, 4), draw(BATCH, UNITS), draw(BATCH, UNITS)
    check_layer(LstmCell(peephole=True, clip=0.4), x, c, h, outputs=7)
    check_layer(GruCell(), x, h, outputs=4)
    check_layer(LstmCell(sequence=True), draw(STEPS, BATCH, 4), c, h, np.int32(3), outputs=7)


def regions(count):
    low = rng.uniform(-3, 20, (count, 2))
    corners = np.concatenate([low, low + rng.uniform(-2, 14, (count, 2))], axis=1)
    return np.concatenate([rng.integers(0, 2, (count, 1)), corners], axis=1).astype(np.float32)


@pytest.mark.parametrize(
    ("layer", "operator"),
    [
        (RoiPool(output=(3, 2), spatial_scale=0.5), "MaxRoiPool"),
        (RoiAlign(output=(3, 2), spatial_scale=0.5), "RoiAlign"),
        (RoiAlign(output=(2, 2), spatial_scale=0.5, samples=2, half_pixel=True), "RoiAlign"),
        (RoiAlign(output=(2, 2), spatial_scale=0.5, half_pixel=True), "Loop"),
        (PsRoiPool(channels=1, groups=2, spatial_scale=0.5), "Loop"),
    ],
    ids=str,
)
def test_regions(layer, operator):
    x, found = draw(2, 4, 12, 11), regions(9)
    assert operator in operators(check_export(net_of(layer, x, found), (x, found)))
