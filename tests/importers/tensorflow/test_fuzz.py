"""Damaged graphs are JaxdnnErrors or load; nothing else comes out of them."""

import warnings
from contextlib import suppress

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxdnn
from jaxdnn.importers.tensorflow.text import read_text
from support.tensorflow import Function, const, function, graph, node, placeholder

GRAPH = graph(
    placeholder("x", (None, 4, 4, 2)),
    const("w", np.ones((3, 3, 2, 3), np.float32)),
    const("sizes", np.int32([-1, 48])),
    node("conv", "Conv2D", "x", "w", strides=[1, 1, 1, 1], padding="SAME", data_format="NHWC"),
    node("call", "PartitionedCall", "conv", f=Function("f")),
    node("y", "Reshape", "call", "sizes"),
    functions=(function("f", ["v"], {"r": "n:y:0"}, node("n", "Neg", "v")),),
)
TEXT = """node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } }
node { name: "c" op: "Const" attr { key: "value" value { tensor { dtype: DT_FLOAT float_val: [1, 2]
  tensor_shape { dim { size: 2 } } } } } }
node { name: "y" op: "AddV2" input: "x" input: "c" }
"""


def load(path):
    with warnings.catch_warnings(), suppress(jaxdnn.JaxdnnError):
        warnings.simplefilter("ignore")
        jaxdnn.load(path, format="tensorflow")


@settings(max_examples=400)
@given(st.data())
def test_mutated_binary_graphs(tmp_path_factory, data):
    damaged = bytearray(GRAPH)
    for _ in range(data.draw(st.integers(1, 4))):
        if not damaged:
            break
        place = data.draw(st.integers(0, len(damaged) - 1))
        kind = data.draw(st.sampled_from(("change", "remove", "insert", "cut")))
        if kind == "change":
            damaged[place] = data.draw(st.integers(0, 255))
        elif kind == "remove":
            del damaged[place]
        elif kind == "insert":
            damaged.insert(place, data.draw(st.integers(0, 255)))
        else:
            del damaged[max(place, 1) :]
    path = tmp_path_factory.getbasetemp() / "damaged.pb"
    path.write_bytes(damaged)
    load(path)


@settings(max_examples=200)
@given(
    st.integers(0, len(TEXT) - 1),
    st.integers(0, len(TEXT) - 1),
    st.sampled_from([*"{}[]:\"'<> -19aD\x00", ""]),
)
def test_mutated_text_graphs(first, length, inserted):
    damaged = TEXT[:first] + inserted + TEXT[min(first + length % 7, len(TEXT)) :]
    with suppress(jaxdnn.JaxdnnError):
        read_text(damaged)
