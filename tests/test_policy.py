"""The grammar of dtype policies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn import InputError, Policy

types = st.sampled_from(["float16", "bfloat16", "float32", "float64"])


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("float32", Policy()),
        ("bfloat16", Policy("bfloat16", "bfloat16", "bfloat16")),
        ("mixed_float16", Policy("float32", "float16", "float32")),
        ("compute=float16", Policy("float32", "float16", "float32")),
        ("params=float16,output=bfloat16", Policy("float16", "float32", "bfloat16")),
    ],
)
def test_parse(text, policy):
    assert Policy.parse(text) == policy
    assert Policy.parse(policy) is policy


@given(types, types, types)
def test_text_and_back(params, compute, output):
    policy = Policy(params, compute, output)
    assert Policy.parse(str(policy)) == policy


@pytest.mark.parametrize(
    "text",
    ["", "half", "mixed_", "mixed_int8", "float32,", "params", "weights=float16", "params=int8", "params="],
)
def test_nonsense(text):
    with pytest.raises(InputError, match="float16"):
        Policy.parse(text)
