from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admit.cel.ast import (
    Bind,
    Call,
    Comprehension,
    Expr,
    Ident,
    ListExpr,
    Literal,
    OptMap,
    Select,
    children,
)
from admit.cel.parse import MAX_DEPTH, MAX_SIZE, parse
from admit.cel.unparse import unparse
from admit.errors import CompileError
from admit.source import Source

ERRORS = Path(__file__).parents[1] / "errors" / "parse.txt"
A, B, C, X = Ident("a"), Ident("b"), Ident("c"), Ident("x")

GROUPINGS = [
    ("a + b * c", "a + (b * c)"),
    ("a * b + c", "(a * b) + c"),
    ("a - b - c", "(a - b) - c"),
    ("a / b * c % d", "((a / b) * c) % d"),
    ("a < b == c", "(a < b) == c"),
    ("a in b in c", "(a in b) in c"),
    ("a + b < c - d && e", "((a + b) < (c - d)) && e"),
    ("a && b || c && d", "(a && b) || (c && d)"),
    ("a || b && c || d", "a || (b && c) || d"),
    ("a ? b : c ? d : e", "a ? b : (c ? d : e)"),
    ("a || b ? c && d : e == f", "(a || b) ? (c && d) : (e == f)"),
    ("!a.b", "!(a.b)"),
    ("-a.b(c)[d]", "-(a.b(c)[d])"),
    ("-a * b", "(-a) * b"),
    ("!a == b", "(!a) == b"),
    ("a && b && c && d", "(a && b) && (c && d)"),
    ("a || b || c || d || e", "((a || b) || c) || (d || e)"),
    ("--a", "a"),
    ("---a", "-a"),
    ("!!a", "a"),
    ("!!!a", "!a"),
    ("1 -1", "(1) - (1)"),
    ("1--1", "1 - (-1)"),
    ("1 - - -1", "1 - (1)"),
    ("-1.f()", "(-1).f()"),
    ("a // b\n + c // d", "a + c"),
    ("\ta\r\n+\f b ", "a+b"),
    ("[a, b,]", "[a, b]"),
    ("{a: b,}", "{a: b}"),
    ("M{a: b,}", "M{a: b}"),
    ("[,]", "[]"),
]


@pytest.mark.parametrize(("text", "grouped"), GROUPINGS)
def test_grouping(text: str, grouped: str) -> None:
    assert parse(text) == parse(grouped)


LITERALS = [
    ("1", "int", 1),
    ("-1", "int", -1),
    ("- 1", "int", -1),
    ("0x1F", "int", 31),
    ("-0x1f", "int", -31),
    ("007", "int", 7),
    ("0" * 5000 + "1", "int", 1),
    ("9223372036854775807", "int", 2**63 - 1),
    ("-9223372036854775808", "int", -(2**63)),
    ("18446744073709551615u", "uint", 2**64 - 1),
    ("0xFFU", "uint", 255),
    ("1.5", "double", 1.5),
    (".5", "double", 0.5),
    ("1e3", "double", 1000.0),
    ("-1.5E-3", "double", -0.0015),
    ("-0.0", "double", -0.0),
    ("true", "bool", True),
    ("false", "bool", False),
    ("null", "null_type", None),
    ("''", "string", ""),
    ("'a\"b'", "string", 'a"b'),
    (r"""'\a\b\f\n\r\t\v\\\?\'\"\`'""", "string", "\a\b\f\n\r\t\v\\?'\"`"),
    (r"'\x41\X41\101\u00e9\U0001F431'", "string", "AAAé🐱"),
    (r"'\377'", "string", "ÿ"),
    (r"r'\n'", "string", r"\n"),
    ('"""a\n"b" \\""""', "string", 'a\n"b" "'),
    ("'''a\r\nb\rc'''", "string", "a\nb\nc"),
    ("''''a'''", "string", "'a"),
    (r"r'''\'''", "string", "\\"),
    ("'\ud800'", "string", "\ufffd"),
    ("b'abc'", "bytes", b"abc"),
    ("b'é'", "bytes", "é".encode()),
    (r"b'\xff\377\x00'", "bytes", b"\xff\xff\0"),
    (r"br'\xff'", "bytes", rb"\xff"),
]


@pytest.mark.parametrize(("text", "kind", "value"), LITERALS)
def test_literal(text: str, kind: str, value: object) -> None:
    assert parse(text) == Literal(kind, value)
    assert parse(unparse(parse(text))) == Literal(kind, value)


def test_literals_of_different_kinds_differ() -> None:
    nodes = {parse(text) for text in ("1", "1u", "1.0", "true", "0", "0.0", "-0.0", "false", "'1'", "b'1'")}
    assert len(nodes) == 10


NODES = [
    ("a.b", Select(A, "b")),
    (".a.b", Select(Ident("a", absolute=True), "b")),
    ("a.for.in_", Select(Select(A, "for"), "in_")),
    ("a.namespace()", Call("namespace", (), A)),
    ("42.charAt(2)", Call("charAt", (Literal("int", 2),), Literal("int", 42))),
    ("24.indexOf", Select(Literal("int", 24), "indexOf")),
    ("1.e3", Select(Literal("int", 1), "e3")),
    ("inside", Ident("inside")),
    ("trueish", Ident("trueish")),
    ("f(a, b)", Call("f", (A, B))),
    (".f()", Call(".f", ())),
    ("a[b]", Call("_[_]", (A, B))),
    ("a[?b]", Call("_[?_]", (A, B))),
    ("a.?b", Call("_?._", (A, Literal("string", "b")))),
    ("[a, ?b]", ListExpr((A, B), frozenset({1}))),
    ("a in b", Call("@in", (A, B))),
    ("has(a.b)", Select(A, "b", test=True)),
    ("has((a.b))", Select(A, "b", test=True)),
    ("has(a, b)", Call("has", (A, B))),
    (".has(a.b)", Call(".has", (Select(A, "b"),))),
    ("a.has(a.b)", Call("has", (Select(A, "b"),), A)),
    ("a.all(x, b)", Comprehension("all", A, "x", B)),
    ("a.all((x), b)", Comprehension("all", A, "x", B)),
    ("a.exists(x, b)", Comprehension("exists", A, "x", B)),
    ("a.exists_one(x, b)", Comprehension("exists_one", A, "x", B)),
    ("a.filter(x, b)", Comprehension("filter", A, "x", B)),
    ("a.map(x, b)", Comprehension("map", A, "x", None, B)),
    ("a.map(x, b, c)", Comprehension("map", A, "x", B, C)),
    ("a.all(x, b, c)", Comprehension("all", A, "x", C, None, "b")),
    ("a.existsOne(x, b, c)", Comprehension("existsOne", A, "x", C, None, "b")),
    ("a.existsOne(x, b)", Call("existsOne", (X, B), A)),
    ("a.transformList(x, b, c)", Comprehension("transformList", A, "x", None, C, "b")),
    ("a.transformMap(x, b, c, a)", Comprehension("transformMap", A, "x", C, A, "b")),
    ("a.transformMapEntry(x, b, c)", Comprehension("transformMapEntry", A, "x", None, C, "b")),
    ("a.optMap(x, b)", OptMap(A, "x", B)),
    ("a.optFlatMap(x, b)", OptMap(A, "x", B, flat=True)),
    ("a.all(x)", Call("all", (X,), A)),
    ("a.map(x, b, c, a)", Call("map", (X, B, C, A), A)),
    ("all(x, b)", Call("all", (X, B))),
    ("cel.bind(x, a, b)", Call("bind", (X, A, B), Ident("cel"))),
]


@pytest.mark.parametrize(("text", "node"), NODES)
def test_node(text: str, node: Expr) -> None:
    assert parse(text) == node


def test_syntax_of_an_environment() -> None:
    assert parse("cel.bind(x, a, b)", bind=True) == Bind("x", A, B)
    assert parse("a.`b-c`", backquotes=True) == Select(A, "b-c")
    assert parse("has(a.b)", macros=False) == Call("has", (Select(A, "b"),))
    assert parse("a.all(x, b)", macros=False) == Call("all", (X, B), A)
    assert parse("a.all(x, b, c)", two_variable=False) == Call("all", (X, B, C), A)
    assert parse("a.optMap(x, b)", optional_syntax=False) == Call("optMap", (X, B), A)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.?b", "1:2: unsupported syntax '.?'"),
        ("a[?b]", "1:2: unsupported syntax '[?'"),
        ("[a, ?b]", "1:5: unsupported syntax '?'"),
        ("{?a: b}", "1:2: unsupported syntax '?'"),
        ("M{?a: b}", "1:3: unsupported syntax '?'"),
    ],
)
def test_no_optional_syntax(text: str, message: str) -> None:
    with pytest.raises(CompileError) as caught:
        parse(text, optional_syntax=False)
    assert str(caught.value).startswith(f"ERROR: <input>:{message}\n")


def test_bind_needs_a_name() -> None:
    with pytest.raises(CompileError, match=r"1:11: cel\.bind\(\) variable names must be simple identifiers"):
        parse("cel.bind(a.b, 1, 2)", bind=True)


PLACES = [  # the caret is at `at`
    ("a + b", "  ^"),
    ("a ? b : c", "  ^"),
    ("a && b && c", "       ^"),
    ("a.b.c", "   ^"),
    ("a.b(c)", "   ^"),
    ("f(a)", " ^"),
    (".f(a)", "  ^"),
    ("a[0]", " ^"),
    ("a.?b", " ^"),
    ("[a]", "^"),
    ("{a: b}", "^"),
    ("a.B{c: d}", "   ^"),
    ("-a", "^"),
    ("!!!a", "^"),
    ("- 1", "^"),
    (" 'a'", " ^"),
    (".a", " ^"),
    ("has(a.b)", "   ^"),
    ("a.all(x, b)", "     ^"),
    ("(a)", " ^"),
]


@pytest.mark.parametrize(("text", "caret"), PLACES)
def test_place(text: str, caret: str) -> None:
    assert parse(text).span.at == len(caret) - 1


SPANNED = [
    *(row[0] for row in GROUPINGS + NODES),
    "((a)) + (b.c)(d)".replace("(d)", ".f((d))"),
    "(a || b) || (c && (d))",
    "{'a': (1), (b): [2, ?(c)]}.all(x, (x))",
    "M{a: (b), ?c: -(1)}",
    "(--a).b + !!(c)",
    "((a ? (b) : (c)))",
]


@pytest.mark.parametrize("text", SPANNED)
def test_the_text_of_a_span_is_the_node(text: str) -> None:
    source = Source(text)
    root = parse(source)
    for node, parent in _with_parents(root, None):
        assert node.span.source is source
        assert parent is None or parent.span.start <= node.span.start <= node.span.end <= parent.span.end
        if not (isinstance(parent, Call) and parent.function == "_?._" and node is parent.args[1]):
            assert parse(node.span.text) == node


def _with_parents(node: Expr, parent: Expr | None) -> Iterator[tuple[Expr, Expr | None]]:
    yield node, parent
    for child in children(node):
        yield from _with_parents(child, node)


def _error_rows() -> Iterator[tuple[str, list[str]]]:
    lines = ERRORS.read_text("utf-8").split("\n")
    operand = next(line for line in lines if line.startswith("# OPERAND: ")).removeprefix("# OPERAND: ")
    for line in lines:
        if line and not line.startswith("# "):
            text, messages = line.split("  ### ", 1)
            yield text, messages.replace("OPERAND", operand).split(" ### ")


@pytest.mark.parametrize(("text", "messages"), list(_error_rows()))
def test_error(text: str, messages: list[str]) -> None:
    with pytest.raises(CompileError) as caught:
        parse(text)
    heads = [line for line in str(caught.value).split("\n") if line.startswith("ERROR: ")]
    assert heads == [f"ERROR: <input>:{message}" for message in messages]


def test_an_error_shows_its_line() -> None:
    with pytest.raises(CompileError) as caught:
        parse("a +\n\t'é' + +")
    assert str(caught.value).split("\n", 1) == [
        "ERROR: <input>:2:8: Syntax error: mismatched input '+' expecting {'[', '{', '(', '.', '-', '!', 'true', "
        "'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
        " |  'é' + +\n | ..．....^",
    ]


def test_of_many_errors_the_first_hundred_are_shown() -> None:
    with pytest.raises(CompileError) as caught:
        parse(f"[{'for, ' * 150}]")
    assert len(caught.value.issues) == 100
    assert str(caught.value).endswith("^\n50 more errors were truncated")


DEPTHS = [  # how often at most; brackets are one expression more, and what is right of an operator counts as well
    ("[", "a", "]", MAX_DEPTH - 1),
    ("(", "a", ")", MAX_DEPTH - 1),
    ("(", "a + b", ")", MAX_DEPTH - 2),
    ("(", "a < b", ")", MAX_DEPTH - 2),
    ("(", "a + b * c", ")", MAX_DEPTH - 3),
    ("(", "a * b + c", ")", MAX_DEPTH - 2),
    ("(", "a ? b : c", ")", MAX_DEPTH - 2),
    ("{1: ", "a", "}", MAX_DEPTH - 1),
    ("M{a: ", "a", "}", MAX_DEPTH - 1),
    ("f(", "a", ")", MAX_DEPTH - 1),
    ("a.all(x, ", "a", ")", MAX_DEPTH - 1),
    ("a.optMap(x, ", "a", ")", MAX_DEPTH - 1),
    ("-(", "a", ")", MAX_DEPTH - 1),
    ("a + (", "a", ")", MAX_DEPTH // 2 - 1),
    ("a + (", "b", " + c)", MAX_DEPTH // 2 - 1),
    ("", "a", " + b", MAX_DEPTH),
    ("", "a", " < b", MAX_DEPTH),
    ("", "a", ".b", MAX_DEPTH),
    ("", "a", ".?b", MAX_DEPTH),
    ("", "a", ".f()", MAX_DEPTH),
    ("", "a", "[0]", MAX_DEPTH),
    ("a ? b : ", "c", "", MAX_DEPTH - 1),
]


@pytest.mark.parametrize(("before", "inner", "after", "most"), DEPTHS)
def test_depth(before: str, inner: str, after: str, most: int) -> None:
    deepest = parse(before * most + inner + after * most)
    assert unparse(parse(unparse(deepest))) == unparse(deepest)
    for levels in (most + 1, 5000):
        with pytest.raises(CompileError, match=r"^ERROR: <input>:-1:0: .* exceeded"):
            parse(before * levels + inner + after * levels)


def test_chains_and_signs_do_not_count_as_depth() -> None:
    assert unparse(parse(" || ".join("a" * 5000))) == " || ".join("a" * 5000)
    assert parse("!" * 5001 + "a") == Call("!_", (A,))


def test_size() -> None:
    assert parse("a" + " " * (MAX_SIZE - 1)) == A
    with pytest.raises(CompileError) as caught:
        parse("é" * (MAX_SIZE + 1))
    message = "expression code point size exceeds limit: size: 100001, limit 100000"
    assert str(caught.value) == f"ERROR: <input>:-1:0: {message}"


@pytest.mark.parametrize("text", ["(", "'", "'\\n", "a.", "[a, ", "-", "1", "\"'", "a?b:"])
def test_long_nonsense_is_refused(text: str) -> None:
    with pytest.raises(CompileError):
        parse(text * 20_000)


def test_threads_do_not_disturb_each_other() -> None:
    texts = [f"a{i}.b + f({i}, 'x{i}')" for i in range(40)]
    with ThreadPoolExecutor(8) as pool:
        assert [unparse(node) for node in pool.map(parse, texts)] == texts


SOUP = """
a b x f has all map for in true null 1 2u 1.5 .5 -1 'a' b'a' r'\\' '''a''' "\\n" '\\q' ` `a-b` ( ) [ ] { } . .? [? , : ?
+ - * / % ! == != < && || = & | @ // é \\ cel.bind .all(x, .map(x, .optMap(x, has(a.b M{ {a:
"""


@given(st.lists(st.sampled_from(SOUP.split()), max_size=25), st.sampled_from(["", " "]), st.booleans())
def test_token_soup(tokens: list[str], glue: str, on: bool) -> None:
    try:
        node = parse(glue.join(tokens), macros=on, optional_syntax=on, backquotes=on, bind=on)
    except CompileError as error:
        assert str(error)
    else:
        text = unparse(node)
        assert unparse(parse(text, macros=on, optional_syntax=on, backquotes=on, bind=on)) == text


@given(st.text(max_size=40))
def test_any_text(text: str) -> None:
    try:
        parse(text)
    except CompileError as error:
        assert str(error)
