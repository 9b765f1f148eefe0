"""The typed getters: spellings, ranges, defaults, leftovers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn import ParseError
from jaxdnn.importers import textproto
from jaxdnn.importers.caffe.fields import Fields, dimensions
from jaxdnn.importers.prototokens import Lines


def fields(text: str) -> Fields:
    return Fields([textproto.parse(text)], "some_param", (Lines("\n" * 6), 6))


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", 5), ("-5", -5), ("0x1F", 31), ("-0X1f", -31), ("017", 15), ("0", 0), ("2147483647", 2**31 - 1)],
)
def test_integers(text, value):
    view = fields(f"a: {text}")
    assert view.integer("a") == value
    assert view.integers("a") == (value,)
    if value >= 0:
        assert view.uint("a") == view.required_uint("a") == value
        assert view.uints("a") == (value,)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5.0),
        ("-.5", -0.5),
        ("1.", 1.0),
        ("1.f", 1.0),
        ("1.5F", 1.5),
        ("3f", 3.0),
        ("1e-5", 1e-5),
        ("1E+2f", 100.0),
        ("010", 10.0),
        ("0x1F", 31.0),
        ("inf", math.inf),
        ("-Infinity", -math.inf),
        ("1e999", math.inf),
    ],
)
def test_numbers(text, value):
    view = fields(f"a: {text}")
    assert view.number("a") == value
    assert view.numbers("a") == (value,)


def test_not_a_number():
    assert math.isnan(fields("a: nan").number("a", 0.0))


@given(st.floats(width=32))
def test_numbers_as_python_writes_them(value):
    got = fields(f"a: {value!r}").number("a", 0.0)
    assert got == value or (math.isnan(got) and math.isnan(value))


@pytest.mark.parametrize("word", ["true", "t", "True", "1"])
def test_true(word):
    assert fields(f"a: {word}").boolean("a") is True
    assert fields(f"a: [{word}, false]").booleans("a") == (True, False)


@pytest.mark.parametrize("word", ["false", "f", "False", "0"])
def test_false(word):
    assert fields(f"a: {word}").boolean("a", True) is False


def test_strings_and_bare_words():
    assert fields("a: 'x y'").string("a") == "x y"
    assert fields("a: MAX a: 'b'").strings("a") == ("MAX", "b")


def test_enums_by_name_and_number():
    assert fields("a: AVE").enum("a", ("MAX", "AVE"), "MAX") == "AVE"
    assert fields("a: 'AVE'").enum("a", ("MAX", "AVE"), "MAX") == "AVE"
    assert fields("a: 1").enum("a", ("MAX", "AVE"), "MAX") == "AVE"
    assert fields("a: 1").enum("a", {"L1": 1, "L2": 2}, "L2") == "L1"
    assert fields("").enum("a", ("MAX", "AVE"), "MAX") == "MAX"


def test_absent_fields_have_defaults():
    view = fields("")
    assert not view.has("a")
    assert (view.integer("a"), view.uint("a", 3), view.number("a", 0.5)) == (None, 3, 0.5)
    assert (view.boolean("a"), view.string("a", "x"), view.integers("a")) == (None, "x", ())
    assert view.message("a").integer("b", 4) == 4
    assert (view.messages("a"), view.filler("a")) == ([], None)


def test_messages():
    view = fields("a { b: 1 }\na { b: 2 }\nc { d { e: 3 } }")
    assert [(message.integer("b"), message.line) for message in view.messages("a")] == [(1, 1), (2, 2)]
    assert view.message("c").message("d").integer("e") == 3
    assert [name for name, _ in view.message("c").raw.fields] == ["d"]


def test_fillers():
    filler = fields("a { type: 'gaussian' mean: 1 std: 0.5 sparse: 3 }").filler("a")
    assert (filler.kind, filler.mean, filler.std, filler.sparse) == ("gaussian", 1.0, 0.5, 3)
    filler = fields("a { type: 'msra' variance_norm: AVERAGE }").filler("a")
    assert (filler.kind, filler.variance_norm) == ("msra", "average")
    filler = fields("a { value: 2 }").filler("a")
    assert (filler.kind, filler.value) == ("constant", 2.0)
    with pytest.raises(ParseError, match="unknown filler 'glorot'"):
        fields("a { type: 'glorot' }").filler("a")


def call(view: Fields, getter: str, *arguments):
    return getattr(view, getter)("a", *arguments)


@pytest.mark.parametrize(
    ("text", "getter", "message"),
    [
        ("a: 1.5", "integer", "a must be an integer, got '1.5'"),
        ("a: '5'", "integer", "a must be an integer, got '5'"),
        ("a: 1_0", "integer", "a must be an integer, got '1_0'"),
        ("a: ٣", "integer", "a must be an integer"),
        ("a: 08", "integer", "a must be an integer, got '08'"),
        ("a: 2147483648", "integer", "a is out of range of int32: 2147483648"),
        ("a: 4294967296", "uint", "a is out of range of uint32"),
        ("a: -1", "uint", "a must not be negative, got -1"),
        ("a: [1, -1]", "uints", "a must not be negative, got -1"),
        (f"a: {'9' * 5000}", "integer", "a must be an integer"),
        (f"a: 0x{'F' * 5000}", "integers", "a is out of range of int64"),
        ("a: word", "number", "a must be a number, got 'word'"),
        ("a: '1'", "number", "a must be a number, got '1'"),
        ("a: 1_0", "number", "a must be a number, got '1_0'"),
        (f"a: 0x{'F' * 500}", "number", "a must be a number"),
        ("a: yes", "boolean", "a must be true or false, got 'yes'"),
        ("a: 'true'", "boolean", "a must be true or false, got 'true'"),
        ("a { }", "integer", "a must be a value, not a message"),
        ("a: 1", "message", "a must be a message, got '1'"),
        ("a: 1", "messages", "a must be a message, got '1'"),
        ("a: 1 a: 2", "integer", "a is given twice in some_param"),
        ("a { } a { }", "message", "a is given twice in some_param"),
        ("", "required_uint", "a is missing in some_param"),
    ],
)
def test_errors(text, getter, message):
    with pytest.raises(ParseError, match=message) as caught:
        call(fields(text), getter)
    assert caught.value.line == (1 if text else 7)


def test_unknown_enum_values():
    for text in ("a: MEAN", "a: 2", "a: '1'"):
        with pytest.raises(ParseError, match=r"unknown value .* for a \(MAX, AVE\)"):
            call(fields(text), "enum", ("MAX", "AVE"), "MAX")


@pytest.mark.parametrize("getter", ["integer", "uint", "number", "boolean", "string", "integers", "message"])
@given(st.text(st.sampled_from("019.-+eExfainINFtrueZ_'\" {}"), max_size=8))
def test_any_value_is_read_or_raises_a_parse_error(getter, text):
    try:
        call(fields(f"a: {text}"), getter)
    except ParseError:
        return


def test_leftovers():
    view = fields("kernel_size: 3\nkernal: 1\nother: 2 inner { asked: 1\nstrange: 2 } ignored: 1")
    view.uint("kernel_size")
    view.uint("kernel")
    view.message("inner").integer("asked")
    view.ignore("ignored")
    assert view.leftovers() == [
        ("some_param.kernal", 2, "kernel"),
        ("some_param.other", 3, None),
        ("inner.strange", 4, None),
    ]
    view.ignore_all()
    assert view.leftovers() == [("inner.strange", 4, None)]


def test_dimensions():
    assert dimensions(fields("dim: 1 dim: 3 dim: 224"), "input") == (1, 3, 224)
    for text, message in (
        ("dim: 0", "size 0 of input is not positive"),
        ("dim: -1", "size -1 of input is not positive"),
        ("dim: 65536 dim: 65536", "input of 65536x65536 elements is absurdly large"),
    ):
        with pytest.raises(ParseError, match=message):
            dimensions(fields(text), "input")
