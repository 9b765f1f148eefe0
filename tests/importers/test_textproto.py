"""The text format: every dialect, every error with its place, and protobuf's own printer."""

import re

import pytest
from google.protobuf import descriptor_pb2, text_format
from google.protobuf.message import Message as ProtobufMessage
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdnn import ParseError
from jaxdnn.importers import textproto
from jaxdnn.importers.textproto import Message, Scalar, parse


def tree(message: Message) -> list:
    """Return a message as nested lists of names and texts."""
    return [
        (name, value.text if isinstance(value, Scalar) else tree(value)) for name, value in message.fields
    ]


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("", []),
        ("a: 1 b: 2", [("a", "1"), ("b", "2")]),
        ("a:1,b:2;c:3", [("a", "1"), ("b", "2"), ("c", "3")]),
        ("a { b: 1 }", [("a", [("b", "1")])]),
        ("a: { b: 1 },", [("a", [("b", "1")])]),
        ("a < b: 1 > c <>", [("a", [("b", "1")]), ("c", [])]),
        ("a { b < c { } > }", [("a", [("b", [("c", [])])])]),
        ("a: [1, 2,3]", [("a", "1"), ("a", "2"), ("a", "3")]),
        ("a: []", []),
        ("a: ['x', \"y\" 'z']", [("a", "x"), ("a", "yz")]),
        ("a: [{ b: 1 }, < b: 2 >] c: 3", [("a", [("b", "1")]), ("a", [("b", "2")]), ("c", "3")]),
        ("a [{ b: [{}] }]", [("a", [("b", [])])]),
        ("a: 0x1F b: 017 c: -5 d: - 5", [("a", "0x1F"), ("b", "017"), ("c", "-5"), ("d", "-5")]),
        ("a: 1e-5 b: .5f c: -inf d: nan", [("a", "1e-5"), ("b", ".5f"), ("c", "-inf"), ("d", "nan")]),
        ("a: TRUE b: some_word", [("a", "TRUE"), ("b", "some_word")]),
        ("# a comment\na: 1 # another\n#", [("a", "1")]),
        ("a: '#' # b: 1", [("a", "#")]),
        ("a: 1\r\nb: 2\r\n", [("a", "1"), ("b", "2")]),
        ("\ufeffa: 1", [("a", "1")]),
        ("[package.name]: 1 [x/y] { }", [("package.name", "1"), ("x/y", [])]),
        ("a\n:\n1", [("a", "1")]),
        ("a: \"it's\" b: '\"'", [("a", "it's"), ("b", '"')]),
        ("a: 'über/名'", [("a", "über/名")]),
    ],
)
def test_dialects(text, want):
    assert tree(parse(text)) == want


@pytest.mark.parametrize(
    ("written", "data"),
    [
        (r"\n\r\t\a\b\f\v\\\'\"\?", b"\n\r\t\a\b\f\v\\'\"?"),
        (r"\101\7\0\400", b"A\x07\x00\x00"),
        (r"\x41\x4a\xA\X42", b"AJ\nB"),
        (r"\u00fc\U0001F600", "ü😀".encode()),
        (r"\303\274", "ü".encode()),
    ],
)
def test_escapes(written, data):
    (scalar,) = parse(f'a: "{written}"').scalars("a")
    assert scalar.data == data
    assert scalar.text == data.decode()


def test_bytes_that_are_not_utf8_are_latin1():
    (scalar,) = parse(r"a: '\377\376'").scalars("a")
    assert (scalar.data, scalar.text) == (b"\xff\xfe", "ÿþ")


def test_places():
    message = parse('a: 1\n  b {\n\tc: "x"\n "y" }\n')
    (a,), (b,) = message.scalars("a"), message.messages("b")
    (c,) = b.scalars("c")
    assert [(v.line, v.column) for v in (a, b, c)] == [(1, 4), (2, 3), (3, 5)]
    assert [v.line for v in parse("a [{},\n{}]").messages("a")] == [1, 2]


def test_fields_of_one_name():
    message = parse("a: 1 a { } b: 2 a: 3")
    assert len(message.all("a")) == 3
    assert [v.text for v in message.scalars("a")] == ["1", "3"]
    assert len(message.messages("a")) == 1


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("a: 1\n}", 2, 1, "'}' closes nothing"),
        ("a {\n b: 1", 2, 6, "the file ends, but the '{' of line 1 is not closed"),
        ("a {\n >", 2, 2, "'}' expected for the '{' of line 1"),
        ("a < }", 1, 5, "'>' expected for the '<' of line 1"),
        ("a 1", 1, 3, "\":\" expected after 'a', found '1'"),
        ("a [1]", 1, 3, "\":\" expected after 'a', found '['"),
        ("a", 1, 2, "found the end of the file"),
        ("a:", 1, 3, "a value expected, found the end of the file"),
        ("a: }", 1, 4, "a value expected, found '}'"),
        ("a: ,", 1, 4, "a value expected, found ','"),
        ("a: [1 2]", 1, 7, '"," or "]" expected for the \'[\' of line 1'),
        ("a: [1,]", 1, 7, "a value expected, found ']'"),
        ("a: [{}, 1]", 1, 9, "a message expected in the list, found '1'"),
        ("a: [1, {}]", 1, 8, "a value expected, found '{'"),
        ("a: 'x\ny'", 1, 4, "the string that opens here is not closed on its line"),
        ("\n  '", 2, 3, "the string that opens here is not closed on its line"),
        ("5: 1", 1, 1, "a field name expected, found '5'"),
        (": 1", 1, 1, "a field name expected, found ':'"),
        ("[a: 1", 1, 1, "a field name expected, found '['"),
        ("a: '\\U00110000'", 1, 4, "there is no character U+110000"),
    ],
)
def test_errors(text, line, column, message):
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert message in caught.value.message
    assert (caught.value.line, caught.value.column) == (line, column)


def test_nesting_is_bounded_by_memory_alone():
    depth = 20_000
    message = parse("a {" * depth + "}" * depth)
    for _ in range(depth):
        (message,) = message.messages("a")
    assert message.fields == []
    with pytest.raises(ParseError, match="the file ends"):
        parse("a: [{" * depth)


PIECES = [
    "a",
    "layer",
    ":",
    "{",
    "}",
    "<",
    ">",
    "[",
    "]",
    ",",
    ";",
    "1",
    "-",
    "'",
    '"',
    "\\",
    "#",
    "\n",
    " ",
    "x",
]


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(PIECES), max_size=30).map("".join)))
def test_any_text_parses_or_raises_a_parse_error(text):
    try:
        parse(text)
    except ParseError as error:
        place = error.line, error.column
    else:
        return
    assert None not in place


STEPS = [
    "a: 1 ",
    "b {",
    "c: {",
    "}\n",
    "d:'x' ",
    '"y"',
    "# c\n",
    "- 5",
    "[{",
    "\ufeff",
    "a: -",
    "e\t:\n'\\101',",
]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES + STEPS), max_size=20).map("".join))
def test_whole_steps_read_what_single_tokens_read(text):
    def result() -> object:
        try:
            return parse(text)
        except ParseError as error:
            return error.message, error.line, error.column

    in_steps = result()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(textproto, "_STEP", re.compile("(?!)"))
        assert in_steps == result()


def without_places(message):
    return [
        (
            name,
            without_places(value) if isinstance(value, Message) else (value.text, value.quoted, value.data),
        )
        for name, value in message.fields
    ]


BLOCKS = [
    "b { a: 1 }",
    "b{a:1}",
    "b { c { d: '}' } } ;",
    "c { b { a: 1 } },",
    'c: { b: "{" # }\n }',
    "b { a: [1] }",
    "b { e < > }",
]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES + STEPS + BLOCKS * 3), max_size=20).map("".join))
def test_shared_messages_say_the_same(text):
    def result(shared) -> object:
        try:
            return without_places(parse(text, shared))
        except ParseError as error:
            return error.message, error.line, error.column

    assert result({"b", "c"}) == result(())


def test_messages_written_alike_are_one():
    found = parse("b { a: 1 } n { b { a: 1 } } b { a: 2 } d { } d { }", {"b"})
    first, second = found.messages("b")
    assert found.messages("n")[0].messages("b") == [first]
    assert found.messages("n")[0].messages("b")[0] is first is not second
    assert len({id(message) for message in found.messages("d")}) == 2


def test_steps_and_tokens_take_turns():
    message = parse("a: 1\n b [{ c: 'x' }, <\n d: - 2 >]\n e: [3,\n4] f {\n g: 5 } # }\n h: 'y' 'z'")
    places = []
    pending = [message]
    for opened in pending:
        for name, value in opened.fields:
            places.append((name, value.line, value.column))
            pending += [value] if isinstance(value, Message) else []
    want = "a1:4 b2:2 b2:17 e4:6 e5:1 f5:4 h7:5 c2:10 d3:5 g6:5"
    assert [f"{name}{line}:{column}" for name, line, column in places] == want.split()


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
OPTIONS = st.builds(
    descriptor_pb2.FieldOptions,
    packed=st.booleans(),
    ctype=st.sampled_from(descriptor_pb2.FieldOptions.CType.values()),
)
DEFAULTS = st.builds(
    descriptor_pb2.UninterpretedOption,
    identifier_value=TEXTS,
    negative_int_value=st.integers(-(2**63), -1),
    double_value=st.floats(),
    string_value=st.binary(max_size=8),
)
FIELDS = st.builds(
    descriptor_pb2.FieldDescriptorProto,
    name=TEXTS,
    number=st.integers(-(2**31), 2**31 - 1),
    type=st.sampled_from(descriptor_pb2.FieldDescriptorProto.Type.values()),
    default_value=TEXTS,
    options=OPTIONS,
)
FILES = st.builds(
    descriptor_pb2.FileDescriptorProto,
    name=TEXTS,
    dependency=st.lists(TEXTS, max_size=3),
    public_dependency=st.lists(st.integers(-(2**31), 2**31 - 1), max_size=3),
    message_type=st.lists(
        st.builds(descriptor_pb2.DescriptorProto, name=TEXTS, field=st.lists(FIELDS, max_size=2)), max_size=2
    ),
    options=st.builds(
        descriptor_pb2.FileOptions,
        optimize_for=st.just(descriptor_pb2.FileOptions.CODE_SIZE),
        uninterpreted_option=st.lists(DEFAULTS, max_size=2),
    ),
)


def flatten(message: ProtobufMessage) -> list:
    """Return what :func:`tree` should give for a printed message, scalars as Python values."""
    fields = []
    for field, value in message.ListFields():
        for item in value if isinstance(value, (list, tuple)) or hasattr(value, "append") else [value]:
            nested = isinstance(item, ProtobufMessage)
            fields.append((field.name, flatten(item) if nested else (field, item)))
    return fields


def check(read: list[tuple[str, Scalar | Message]], want: list) -> None:
    assert [name for name, _ in read] == [name for name, _ in want]
    for (_, got), (_, expected) in zip(read, want, strict=True):
        if isinstance(got, Message):
            check(got.fields, expected)
            continue
        field, value = expected
        if field.enum_type:
            assert got.text == field.enum_type.values_by_number[value].name
        elif isinstance(value, str):
            assert got.data.decode() == value
        elif isinstance(value, bytes):
            assert got.data == value
        elif isinstance(value, bool):
            assert got.text == str(value).lower()
        else:
            assert type(value)(got.text) == value or value != value


@given(FILES, st.sampled_from([{}, {"as_utf8": True}, {"as_one_line": True}, {"pointy_brackets": True}]))
def test_reads_what_protobuf_prints(file, options):
    check(parse(text_format.MessageToString(file, **options)).fields, flatten(file))
