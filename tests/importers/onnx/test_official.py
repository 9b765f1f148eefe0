"""The official tests of the onnx package, all of them; those that fail are listed with their reasons."""

import warnings

import pytest

from support.onnx_failures import NOT_INFERENCE, REASONS
from support.onnx_official import cases, check

LISTED = {name: reason for reason, names in REASONS.items() for name in names}
NAMES = [
    pytest.param(name, marks=pytest.mark.long)
    if ("_expanded" in name or index % 3) and name not in LISTED
    else name
    for index, name in enumerate(cases())
]
"""What the standard's functions are expanded to, and two thirds of the rest, are computed in the long run."""


@pytest.mark.parametrize("name", NAMES)
def test_official(name, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name not in LISTED:
            check(cases()[name], tmp_path)
            return
        try:
            check(cases()[name], tmp_path)
        except Exception:
            return
    pytest.fail(f"{name} passes: it need not be listed any more")


def test_of_the_inference_tests_98_in_100_pass():
    inference = [name for name in cases() if LISTED.get(name) not in NOT_INFERENCE]
    failing = [name for name in inference if name in LISTED]
    assert len(failing) <= 0.02 * len(inference)


def test_the_list_names_tests_that_exist_once():
    names = [name for listed in REASONS.values() for name in listed]
    assert len(names) == len(set(names))
    assert set(REASONS) >= NOT_INFERENCE
