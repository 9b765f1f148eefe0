"""Frozen classes are what ``@dataclass(frozen=True, kw_only=True)`` makes."""

import copy
import inspect
from dataclasses import FrozenInstanceError, asdict, dataclass, fields, replace

import pytest

from jaxdnn.layers.convolution import Conv
from jaxdnn.layers.frozen import Frozen


class Pair(Frozen):
    left: int
    right: tuple[int, ...] = (1, 2)

    def __post_init__(self):
        if self.left < 0:
            raise ValueError("left is negative")


class Triple(Pair):
    middle: str = "m"


@dataclass(frozen=True, kw_only=True)
class Reference:
    left: int
    right: tuple[int, ...] = (1, 2)
    middle: str = "m"


@pytest.mark.parametrize(
    "values", [{"left": 1}, {"left": 2, "right": ()}, {"right": (3,), "left": 0, "middle": "x"}]
)
def test_it_holds_and_shows_what_a_dataclass_does(values):
    ours, reference = Triple(**values), Reference(**values)
    assert asdict(ours) == asdict(reference)
    assert list(asdict(ours)) == list(asdict(reference))
    assert repr(ours) == repr(reference).replace("Reference", "Triple")
    assert [field.name for field in fields(ours)] == [field.name for field in fields(reference)]


def test_equal_are_those_of_one_class_with_equal_fields():
    assert Pair(left=1) == Pair(left=1, right=(1, 2)) != Pair(left=2)
    assert Pair(left=1) != Triple(left=1)
    assert Pair(left=1) != 1
    assert len({Pair(left=1), Pair(left=1), Triple(left=1), Pair(left=2)}) == 3


def test_changed_copies_are_checked_too():
    assert replace(Triple(left=1, middle="x"), left=3) == Triple(left=3, middle="x")
    with pytest.raises(ValueError, match="negative"):
        replace(Pair(left=1), left=-1)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies_are_equal(copied):
    assert copied(Triple(left=1, right=(4,))) == Triple(left=1, right=(4,))


def test_fields_stay():
    pair = Pair(left=1)
    with pytest.raises(FrozenInstanceError, match="left"):
        pair.left = 2
    with pytest.raises(FrozenInstanceError, match="left"):
        del pair.left
    assert pair.left == 1


@pytest.mark.parametrize(
    ("values", "problem"), [({}, "Pair needs 'left'"), ({"left": 1, "top": 2}, "Pair has no 'top'")]
)
def test_wrong_keywords_are_named(values, problem):
    with pytest.raises(TypeError, match=problem):
        Pair(**values)


def test_values_need_keywords():
    with pytest.raises(TypeError):
        Pair(1)


def test_help_shows_the_fields():
    assert str(inspect.signature(Triple)) == str(inspect.signature(Reference)).replace(" -> None", "")
    assert "filters" in inspect.signature(Conv).parameters
