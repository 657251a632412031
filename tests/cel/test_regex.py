"""Patterns: how each is run, and that Python's `re` agrees with RE2 wherever it is used."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import re2
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from admit.cel import regex
from admit.cel.regex import Choice, End, Items, Repeat, Start
from admit.errors import EvaluationError

PLANS = [
    (r"", "always", ""),
    (r"^", "always", ""),
    (r"$", "always", ""),
    (r"^$", "exact", ""),
    (r"abc", "contains", "abc"),
    (r"^abc", "prefix", "abc"),
    (r"\Aabc", "prefix", "abc"),
    (r"abc$", "suffix", "abc"),
    (r"^abc$", "exact", "abc"),
    (r"^a[.]b\.c/", "prefix", "a.b.c/"),
    (r"a{3}", "contains", "aaa"),
    (r"a+b*", "contains", "a"),
    (r".*abc.*", "contains", "abc"),
    (r"^abc.*", "prefix", "abc"),
    (r"^abc.*$", "re", r"\Aabc[^\x0a]*\Z"),
    (r"^.*:latest", "re", r"\A[^\x0a]*:latest"),
    (r"^(a|bc)$", "re", r"\A(?:a|bc)\Z"),
    (r"^\d+$", "re", r"\A[0-9]+\Z"),
    (r"[^\s]", "re", r"[^\x09-\x0a\x0c-\x0d\x20]"),
    (
        r"^registry[.]example[.]com/[a-z0-9/._-]+:[a-z0-9._-]+$",
        "re",
        r"\Aregistry\.example\.com/[\x2d-9\x5fa-z]+:[\x2d-\x2e0-9\x5fa-z]+\Z",
    ),
    (r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "re", r"\A[0-9a-z](?:[\x2d0-9a-z]*[0-9a-z]|)\Z"),
    (r"(?i)abc", "re2", r"(?i)abc"),
    (r"\babc", "re2", r"\babc"),
    (r"é", "re2", r"é"),
    (r"a{,2}", "re2", r"a{,2}"),
    (r"^(a*)*$", "re2", r"^(a*)*$"),
    (r"^(a|b)*$", "re2", r"^(a|b)*$"),
    (r"^a*a*$", "re2", r"^a*a*$"),
    (r"^.*a.*b$", "re2", r"^.*a.*b$"),
    (r"^(a|ab)(c|bcd)$", "re2", r"^(a|ab)(c|bcd)$"),
    (r"b[a-z]+:", "re2", r"b[a-z]+:"),
]


@pytest.mark.parametrize(("pattern", "kind", "text"), PLANS)
def test_plan(pattern: str, kind: str, text: str) -> None:
    plan = regex.plan(pattern)
    assert (plan.kind, plan.text) == (kind, text)


ERRORS = [
    ("a**", "invalid nested repetition operator: `**`"),
    ("a{1001}", "invalid repeat count: `{1001}`"),
    ("a{2,1}", "invalid repeat count: `{2,1}`"),
    ("(", "missing closing ): `(`"),
    ("a)", "unexpected ): `a)`"),
    ("[z-a]", "invalid character class range: `z-a`"),
    ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
    ("[12$", "missing closing ]: `[12$`"),
    ("a\\", "trailing backslash at end of expression: ``"),
    ("(?<n", "invalid named capture: `(?<n`"),
    ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
    ("*a", "missing argument to repetition operator: `*`"),
    (r"\8", r"invalid escape sequence: `\8`"),
    (r"a\C", r"invalid escape sequence: `\C`"),
]


@pytest.mark.parametrize(("pattern", "message"), ERRORS)
def test_error(pattern: str, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(EvaluationError) as caught:
        regex.compile(pattern)
    assert str(caught.value) == f"error parsing regexp: {message}"
    assert capfd.readouterr() == ("", "")


def test_quoted_escape_is_text() -> None:
    assert regex.compile(r"\Q\C\E+")(r"\C")


def test_lone_surrogate_is_the_replacement_character() -> None:
    assert regex.compile("(?i)^a\ufffdb$")("A\ud800B")
    assert regex.compile("(?i)^a\udfffb$")("A\ufffdB")
    assert regex.compile("^a.b$")("a\ud800b")


CHARS = st.sampled_from("abc1-.:/ \n")
ATOMS = st.one_of(
    CHARS.map(lambda c: c if c.isalnum() else "\\" + c),
    st.sampled_from(
        ["a", "b", ".", r"\d", r"\W", r"\s", "[ab]", "[^a]", "[a-c]", r"[^\d:]", r"[\w.-]", "[]a]", "[^]]", r"\n"]
    ),
)
COUNTS = st.sampled_from(["", "", "", "", "*", "+", "?", "*?", "{2}", "{0,2}", "{1,}", "{0}"])
SIMPLE = st.builds("".join, st.lists(st.builds("".join, st.tuples(ATOMS, COUNTS)), max_size=5))


def _grouped(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    group = st.builds(
        lambda alternatives, count: f"({'|'.join(alternatives)}){count}",
        st.lists(inner, min_size=1, max_size=3),
        st.sampled_from(["", "?"]),
    )
    return st.builds("".join, st.lists(st.one_of(SIMPLE, group), max_size=4))


BODIES = st.recursive(SIMPLE, _grouped, max_leaves=6)
ANCHORED = st.builds("".join, st.tuples(st.sampled_from(["", "^", "^"]), BODIES, st.sampled_from(["", "$"])))
PATTERNS = st.builds("|".join, st.lists(ANCHORED, min_size=1, max_size=2))
TEXTS = st.text(st.sampled_from("aaabbc1-.:/ \n\r\x0b\x1c\x85\xa0é\u0130\u2028\uff11😀_Z"), max_size=12)


def _by_re2(pattern: str, text: str) -> bool:
    return re2.search(pattern, text) is not None


@given(PATTERNS, st.lists(TEXTS, min_size=1, max_size=8))
def test_agrees_with_re2(pattern: str, texts: list[str]) -> None:
    plan = regex.plan(pattern)
    assume(plan.kind != "re2")
    for text in texts:
        assert bool(plan.search(text)) == _by_re2(pattern, text), (plan, text)


@given(st.text(st.sampled_from("ab[]^$-\\.*+?{}(),:|012dswzAZnt\n&~ "), max_size=10), st.lists(TEXTS, max_size=4))
def test_any_pattern_agrees_with_re2(pattern: str, texts: list[str]) -> None:
    options = re2.Options()
    options.log_errors = False
    try:
        oracle = re2.compile(pattern, options)
    except re2.error:
        with pytest.raises(EvaluationError):
            regex.compile(pattern)
        return
    search = regex.compile(pattern)
    for text in texts:
        assert search(text) == (oracle.search(text) is not None), (regex.plan(pattern), text)


@settings(suppress_health_check=[HealthCheck.filter_too_much])  # most patterns are none for `re`
@given(
    PATTERNS, st.text(st.sampled_from("ab1-:\n"), min_size=1, max_size=4), st.text(st.sampled_from("ab1:!"), max_size=2)
)
def test_re_takes_linear_time(pattern: str, repeated: str, last: str) -> None:
    """Counts the steps of backtracking on texts of growing length."""
    plan = regex.plan(pattern)
    assume(plan.kind == "re")
    alternatives = regex._Parser(pattern).alternatives()
    steps = [_steps(alternatives, repeated * n + last) for n in (10, 40)]
    assert steps[1] <= 6 * steps[0] + 100, (plan, steps)


def _steps(alternatives: tuple[Items, ...], text: str) -> int:
    """The steps until the first match, or until there is none, as a backtracking matcher goes."""
    counter = [0]
    trimmed = [regex._trimmed(items) for items in alternatives]
    for start in range(len(text) + 1):
        for items in trimmed:
            for _ in _ends(items, text, start, counter):
                return counter[0]
    return counter[0]


def _ends(items: Items, text: str, at: int, counter: list[int]) -> Iterator[int]:
    counter[0] += 1
    if not items:
        yield at
        return
    first, rest = items[0], items[1:]
    match first:
        case Start():
            if at == 0:
                yield from _ends(rest, text, at, counter)
        case End():
            if at == len(text):
                yield from _ends(rest, text, at, counter)
        case Choice(alternatives=alternatives):
            for alternative in alternatives:
                yield from _ends((*alternative, *rest), text, at, counter)
        case Repeat(chars=chars, least=least, most=most):
            end = at
            while end < len(text) and (most is None or end - at < most) and min(ord(text[end]), 128) in chars:
                end += 1
            counter[0] += end - at
            for stop in range(end, at + least - 1, -1):
                yield from _ends(rest, text, stop, counter)


def test_translation_is_ascii_without_flags() -> None:
    for pattern, kind, text in PLANS:
        if kind == "re":
            assert text.isascii() and re.compile(text).flags == re.UNICODE, pattern
