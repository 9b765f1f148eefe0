"""The cfg's grammar, as Darknet's own reader has it."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn import ParseError
from jaxdnn.importers.darknet.cfg import parse


def section(*lines):
    return parse("\n".join(["[x]", *lines]))[0]


def test_sections_and_their_lines():
    sections = parse("# a comment\n\n[net]\nwidth=3\n\n [ conv olutional ] # why not\n;size=2\nsize = 3\r\n")
    assert [(s.name, s.line) for s in sections] == [("net", 3), ("convolutional", 6)]
    assert sections[1].integer("size", 1) == 3
    assert sections[1].options["size"].line == 8


def test_blanks_vanish_everywhere():
    options = section("m a s k = 0,\t1 , 2", "name = lea ky ")
    assert options.integers("mask") == (0, 1, 2)
    assert options.text("name", "") == "leaky"


def test_the_first_of_equal_keys_counts():
    assert section("size=3", "size=5").integer("size", 1) == 3


@pytest.mark.parametrize(
    ("text", "integer", "number"),
    [
        ("32", 32, 32.0),
        ("32#64", 32, 32.0),
        ("-4", -4, -4.0),
        ("+4", 4, 4.0),
        ("2.75", 2, 2.75),
        (".5", 0, 0.5),
        ("-.5e1x", 0, -5.0),
        ("1e3", 1, 1000.0),
        ("007", 7, 7.0),
        ("1=2", 1, 1.0),
    ],
)
def test_numbers_are_read_as_far_as_they_go(text, integer, number):
    assert section(f"a={text}").integer("a", 9) == integer
    assert section(f"a={text}").number("a", 9.0) == number


def test_defaults():
    options = section()
    assert options.integer("a") is None
    assert options.integer("a", 4) == 4
    assert options.number("a", 0.5) == 0.5
    assert options.text("a", "b") == "b"
    assert options.integers("a") is None
    assert options.numbers("a") is None
    assert not options.flag("a")
    assert section("a=2").flag("a")


def test_a_comment_ends_a_list_and_a_last_comma_adds_nothing():
    assert section("a=1,2#,3").integers("a") == (1, 2)
    assert section("a=1.5,2,").numbers("a") == (1.5, 2.0)


@pytest.mark.parametrize(
    ("lines", "line", "message"),
    [
        (["a"], 2, "'a' is no option: key=value expected"),
        (["", "=3"], 3, "'=3' is no option"),
        (["a="], 2, "option 'a' has no value"),
        (["[y"], 2, "'\\[y' is no section"),
        (["[y]z"], 2, "'\\[y\\]z' is no section"),
    ],
)
def test_broken_lines(lines, line, message):
    with pytest.raises(ParseError, match=message) as caught:
        section(*lines)
    assert caught.value.line == line


def test_an_option_before_any_section():
    with pytest.raises(ParseError, match="line 1: option 'width' stands before the first section"):
        parse("width=3\n[net]")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a=many", "line 2: a must be a number, got 'many'"),
        ("a=99999999999", "line 2: a is absurdly large: '99999999999'"),
        ("a=1e999", "line 2: a is absurdly large"),
    ],
)
def test_values_that_are_no_numbers(line, message):
    with pytest.raises(ParseError, match=message):
        section(line).integer("a", 1)


def test_an_item_that_is_no_number():
    with pytest.raises(ParseError, match="line 2: a must be a number, got ''"):
        section("a=1,,2").integers("a")


def test_choices():
    assert section("a=relu").choice("a", "none", ("none", "relu")) == "relu"
    with pytest.raises(ParseError, match=r"line 2: a 'relu#1' is unknown; did you mean 'relu'\?"):
        section("a = relu #1").choice("a", "none", ("none", "relu"))


def test_leftovers_are_errors():
    options = section("size=3", "strde=2")
    options.integer("size", 1)
    options.integer("stride", 1)
    options.ignore("filters")
    with pytest.raises(
        ParseError, match=r"line 3: option 'strde' of \[x\] is unknown; did you mean 'stride'\?"
    ):
        options.refuse_leftovers()


@given(st.text(alphabet="[]=#;,. \t\r\nnetab019-+eE\0é", max_size=60))
def test_any_text_parses_or_is_refused(text):
    with contextlib.suppress(ParseError):
        for item in parse(text):
            for key in item.options:
                item.numbers(key)
                item.integer(key, 1)
