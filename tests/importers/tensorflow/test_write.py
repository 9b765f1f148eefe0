"""The writer of text graphs is the inverse of the reader."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn.importers.tensorflow.graphdef import FunctionName, GraphDef, NodeDef, TensorShape
from jaxdnn.importers.tensorflow.tensors import NAMES, DType, Tensor
from jaxdnn.importers.tensorflow.text import read_text
from jaxdnn.importers.tensorflow.write import write_text

NUMPY = {5: np.float32, 6: np.float64, 7: np.int64, 10: np.int64, 11: bool, 13: np.int64, 17: np.uint64}
SINGLE = st.floats(width=32, allow_nan=False)
SIZES = st.lists(st.one_of(st.none(), st.integers(0, 2**62)), max_size=4).map(tuple)


@st.composite
def tensors(draw):
    dtype = DType(draw(st.sampled_from(sorted(NAMES.values()))))
    field = draw(st.sampled_from([*NUMPY, 8]))
    if field == 8:
        elements = np.empty(2, object)
        elements[:] = draw(st.lists(st.binary(), min_size=2, max_size=2))
    else:
        kind = {
            5: SINGLE, 6: st.floats(allow_nan=False), 11: st.booleans(), 17: st.integers(0, 2**64 - 1),
        }.get(field, st.integers(-(2**63), 2**63 - 1))  # fmt: skip
        elements = np.array(draw(st.lists(kind, min_size=1, max_size=4)), NUMPY[field])
    content = draw(st.binary())
    shape = draw(st.one_of(st.none(), st.lists(st.integers(0, 9)).map(tuple)))
    return Tensor(dtype, shape, content, {field: elements})


ATTRIBUTES = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        SINGLE,
        st.binary(),
        st.sampled_from([0, *NAMES.values()]).map(DType),
        st.one_of(st.none(), SIZES).map(TensorShape),
        tensors(),
    ),
    lambda inner: st.one_of(
        st.builds(FunctionName, st.text(), st.dictionaries(st.text(), inner, max_size=2)),
        st.lists(inner.filter(lambda value: not isinstance(value, list)), max_size=3),
    ),
    max_leaves=6,
)
NODES = st.builds(
    NodeDef,
    st.text(),
    st.text(),
    st.lists(st.text(), max_size=3).map(tuple),
    st.dictionaries(st.text(), ATTRIBUTES, max_size=3),
)


def plain(value):
    """Return an attribute as == compares it: arrays as lists, numbers in the single precision that they have."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, FunctionName):
        return value.name, {key: plain(item) for key, item in value.attributes.items()}
    if isinstance(value, Tensor):
        stored = {field: np.array(array, NUMPY.get(field, object)) for field, array in value.values.items()}
        lists = {field: array.tolist() for field, array in stored.items()}
        return value.dtype, value.shape, bytes(value.content), lists
    return type(value), np.float32(value) if isinstance(value, float) else value


@given(st.lists(NODES, max_size=3), st.integers(0, 2**31 - 1))
def test_what_is_written_reads_back(nodes, producer):
    got = read_text(write_text(GraphDef(tuple(nodes), producer=producer)))
    assert got.producer == producer
    assert [(node.name, node.op, node.inputs) for node in got.nodes] == [
        (node.name, node.op, node.inputs) for node in nodes
    ]
    for node, want in zip(got.nodes, nodes, strict=True):
        assert {key: plain(value) for key, value in node.attributes.items()} == {
            key: plain(value) for key, value in want.attributes.items()
        }


def test_the_text():
    node = NodeDef("a/b", "Op", ("x", "y:1"), {"scale": 0.1, "name": b'\x00"\\', "axes": [1, -2]})
    assert write_text(GraphDef((node,), producer=24)) == (
        'node {\n  name: "a/b"\n  op: "Op"\n  input: "x"\n  input: "y:1"\n'
        '  attr {\n    key: "axes"\n    value {\n      list {\n        i: 1\n        i: -2\n      }\n    }\n  }\n'
        '  attr {\n    key: "name"\n    value {\n      s: "\\000\\"\\\\"\n    }\n  }\n'
        '  attr {\n    key: "scale"\n    value {\n      f: 0.1\n    }\n  }\n'
        "}\nversions {\n  producer: 24\n}\n"
    )
