"""Whatever the text: a value or an error of CEL's own, in bounded time. `ADMIT_FUZZ=N` makes it N / 10 of each kind."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from admit.cel import Environment, encode
from admit.cel.link import parse_in
from admit.cel.parse import MAX_SIZE
from admit.cel.unparse import unparse
from admit.errors import CompileError, EvaluationError

from .expressions import SURROGATES, VARIABLES, Expressions, Objects

LONG = "ADMIT_FUZZ" in os.environ
COUNT = int(os.environ.get("ADMIT_FUZZ") or 3000) // 10  # texts of each kind
ENVIRONMENTS = [Environment(version, VARIABLES) for version in ("1.28", "1.36", None)]
MANY = settings(max_examples=COUNT, suppress_health_check=[HealthCheck.too_slow])

SOUP = r"""
object i u d s b l m x f has all map for in true null 1 2u 1.5 .5 -1 'a' b'a' r'\' '''a''' "\n" '\q' ` `a-b`
( ( ( [ [ { ) ] } . .? [? , : ? + - * / % ! == != < >= && || = & | @ // \ é 0x 1e999 9223372036854775808
.i .k .o .c.all(x, .k.map(x, .exists(x,x, .transformMapEntry(i,x,{ .sortBy(x, .filter(x, .optMap(x, has(object.c size(
dyn( type( int( string( timestamp( duration( quantity( .format([ optional.of( .orValue( '%s' .value() .reverse() .join()
.split('') 'x'.matches( math.greatest( cel.block([ cel.index( cel.bind(x, M{ {a: google.protobuf.Struct{
"""
TOKENS = SOUP.split()
CLOSING = {"(": ")", "[": "]", "{": "}"}


def closed(tokens: list[str]) -> str:
    """The tokens, and what closes the brackets that they leave open."""
    text = " ".join(tokens)
    return text + "".join(CLOSING.get(bracket, "") for bracket in reversed(re.sub(r"[^(\[{]", "", text)))


@MANY
@given(st.binary(max_size=60), st.sampled_from(["utf-8", "latin-1"]))
def test_bytes(octets: bytes, encoding: str) -> None:
    tried(octets.decode(encoding, errors="surrogateescape"))


@MANY
@given(st.lists(st.sampled_from(TOKENS), max_size=25), st.sampled_from([closed, "".join, " ".join]))
def test_token_soup(tokens: list[str], joined: Callable[[list[str]], str]) -> None:
    tried(joined(tokens))


@MANY
@given(
    st.lists(st.sampled_from(TOKENS), min_size=1, max_size=4),
    st.lists(st.sampled_from(TOKENS), max_size=3),
    st.integers(2, 400),
)
def test_nested_and_chained(repeated: list[str], inner: list[str], times: int) -> None:
    tried(closed([*repeated * times, *inner]))


def test_mangled() -> None:
    """Random expressions with a token lost, doubled, moved, or another in its place."""
    random, made, values = Random(COUNT), Expressions(COUNT), Objects(COUNT)
    compiled = 0
    for _ in range(COUNT * 3):
        tokens = re.findall(r"\w+|\s+|'[^']*'|[^\w\s]", made.next())
        at = random.randrange(len(tokens))
        tokens[at : at + 1] = random.choice(([], [tokens[at]] * 2, [random.choice(tokens)], [random.choice(TOKENS)]))
        compiled += tried("".join(tokens), values.next())
    assert compiled > COUNT / 10


def tried(text: str, values: dict[str, object] | None = None) -> bool:
    """Whether the text compiles; anything but an error of CEL's is raised."""
    compiled = False
    for environment in ENVIRONMENTS:
        try:
            program = environment.compile(text)
        except CompileError as error:
            assert str(error)
            continue
        compiled = True
        written = unparse(parse_in(environment.declarations, text))
        assert unparse(parse_in(environment.declarations, written)) == written
        try:
            encode(program(**(values or {"object": {"k": ["a", *SURROGATES], "i": 2**63 - 1}, "s": SURROGATES[1]})))
        except EvaluationError as error:
            assert str(error)
    return compiled


SIZE = MAX_SIZE if LONG else 10_000
SECONDS = 30 if LONG else 5  # on a machine with other things to do
REPEATED = [
    *("a", "1", "0", ".", "!", "-", "- ", "@", "a b ", "'", "' ", '"', "'\\", "(", "[", "{", ")", "//", " ", "\n"),
    *(
        "b &&\n",
        "i == 1 || ",
        "i + ",
        "zz && ",
        "for && ",
        "b ? ",
        "b ? 1 : ",
        "object.k.all(1, b) && ",
        "has(m.s) && ",
    ),
    *(
        "99999999999999999999 + ",
        "'a' + ",
        "l.map(x, ",
        "object.",
        "object[",
        "object.f(",
        "[",
        "{1: ",
        "-(",
        "object.?a",
    ),
]
FILLED = [  # %s: so many of the character or text, up to the size
    *(
        ("'%s'", "a"),
        ("'%s'", r"\n"),
        ("b'%s'", r"\x00"),
        ("0x%s", "f"),
        ("1.%s", "1"),
        ("1e%s", "1"),
        ("[%s1]", "1, "),
    ),
    *(("[%s'a']", "'a', "), ("[%si]", "i, "), ("{%s}", "'a': 1, "), ("f(%s1)", "1, "), ("i in [%s1]", "1, ")),
    *(("%strue", "true && "), ("%s1 == 1", "1 == 1 || "), ("'%s'.format([])", "%s"), ("duration('%sh')", "1")),
    *(("duration('%s')", "1h"), ("timestamp('%s')", "1"), ("quantity('%s')", "1"), ("semver('%s')", "1")),
    *(("semver('1.0.0-%s')", "a."), ("ip('%s')", "1:"), ("url('/%s')", "a"), ("cidr('%s/8')", "1"), ("int('%s')", "1")),
    *(("int('%s1')", "0"), ("uint('%s1')", "0"), ("double('%s')", "1"), ("'%%.%sf'.format([1.0])", "9")),
    *(
        ("'a'.matches('%s')", "(a*)*"),
        ("'a'.matches('%s')", "a{1000}"),
        ("'a'.matches('%s')", "("),
        ("s.find('%s')", "[a"),
    ),
    *(
        ("'a'.matches('%s')", "(a)"),
        ("'%s'.matches('(a*)*b')", "a"),
        ("'%s'.split('')", "a"),
        ("'%s'.replace('', s)", "a"),
    ),
]


@pytest.mark.parametrize("text", [text * (SIZE // len(text)) for text in REPEATED], ids=REPEATED)
def test_time_of_what_is_repeated(text: str) -> None:
    started = time.process_time()
    tried(text)
    assert time.process_time() - started < SECONDS


@pytest.mark.parametrize(("frame", "filling"), FILLED, ids=map(str, FILLED))
def test_time_of_what_is_long(frame: str, filling: str) -> None:
    started = time.process_time()
    tried(frame.replace("%s", filling * ((SIZE - len(frame)) // len(filling)), 1))
    assert time.process_time() - started < SECONDS
