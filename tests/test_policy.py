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
        ("float32 exact", Policy(exact=True)),
        ("mixed_float16  exact", Policy("float32", "float16", "float32", exact=True)),
    ],
)
def test_parse(text, policy):
    assert Policy.parse(text) == policy
    assert Policy.parse(policy) is policy


@given(types, types, types, st.booleans())
def test_text_and_back(params, compute, output, exact):
    policy = Policy(params, compute, output, exact=exact)
    assert Policy.parse(str(policy)) == policy


@pytest.mark.parametrize(
    "text",
    [
        "",
        "half",
        "mixed_",
        "mixed_int8",
        "float32,",
        "params",
        "weights=float16",
        "params=int8",
        "params=",
        "exact",
    ],
)
def test_nonsense(text):
    with pytest.raises(InputError, match="float16"):
        Policy.parse(text)


@pytest.mark.parametrize(
    ("given", "policy"),
    [
        (
            {"default": "mixed_float16", "conv1*": "float32"},
            Policy("float32", "float16", "float32", (("conv1*", Policy()),)),
        ),
        (
            "float16; a:b: mixed_bfloat16 ;c: compute=float16",
            Policy(
                "float16",
                "float16",
                "float16",
                (("a:b", Policy(compute="bfloat16")), ("c", Policy(compute="float16"))),
            ),
        ),
        ({"fc*": Policy("float16")}, Policy(layers=(("fc*", Policy("float16")),))),
    ],
)
def test_layers(given, policy):
    assert Policy.parse(given) == policy
    assert Policy.parse(str(policy)) == policy


def test_the_last_pattern_that_matches_counts():
    policy = Policy.parse("bfloat16; conv*: float32; conv1?: float16")
    names = ["conv1", "conv10", "fc", "Conv1"]
    assert [policy.of(name).compute for name in names] == ["float32", "float16", "bfloat16", "bfloat16"]
    assert policy.unmatched(["conv1", "fc"]) == ["conv1?"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("float16; conv1", "<layers>: <policy>"),
        ("float16; : float32", "<layers>: <policy>"),
        ("float16; conv1: half", "'half' is not a type"),
        ({"conv1": {"default": "float16", "x": "float32"}}, "'conv1' has policies of layers itself"),
    ],
)
def test_nonsense_about_layers(given, message):
    with pytest.raises(InputError, match=message):
        Policy.parse(given)
