"""`string.format` as Kubernetes has it."""

from __future__ import annotations

import math

import pytest

from admit.cel.check import check
from admit.cel.env import declarations
from admit.cel.evaluate import evaluate
from admit.cel.library import dispatch
from admit.cel.link import parse_in
from admit.cel.types import INT
from admit.cel.values import NONE, Duration, Timestamp, Uint, Value, make_map
from admit.errors import EvaluationError, UsageError

UNPARSED = "could not parse formatting clause"
PRECISION = f"{UNPARSED}: error while parsing precision"
FAILED = "error during formatting"
STRINGS = "strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps"

FORMATTED: list[tuple[str, list[Value], str]] = [
    ("%s is %s%%", ["a", True], "a is true%"),
    ("%d %d", [1, Uint(2), "surplus"], "1 2"),
    ("%b %b %b", [5, -5, False], "101 -101 0"),
    ("%o %o", [8, Uint(8)], "10 10"),
    ("%x %X %x %X", [-255, 255, "añ", b"\xff\n"], "-ff FF 61c3b1 FF0A"),
    ("%f %.0f %.1f %f", [-1234567.891, 2.5, -0.01, -0.0], "-1,234,567.891000 2 -0.0 0.000000"),
    ("%f %f %f", ["NaN", "Infinity", -math.inf], "NaN ∞ -∞"),
    ("%e", [1052.032911275], "1.052033×10⁰³"),
    ("%.3e", [-0.000123], "-1.230000×10⁻⁰⁴"),
    ("%.20e", [9.99], "       9.990000×10⁰⁰"),
    ("%e", [math.nan], "   NaN"),
    ("%.257f", [0.5], "0.5"),
    ("%.260f", [2.0], "2.0000"),
    ("%.32772f", [0.1], "0.1000"),
    ("%.65536f", [1.5], "2"),
    ("%.65540e", [1.5], "1.500000×10⁰⁰"),
    ("%.10000010f", [1.5], "%!(NOVERB)"),
    ("%s %s %s", [1e6, None, INT], "1e+06 null int"),
    ("%s", [[1e10, math.inf, 'a\n\u200b\x01ñ"', b"a"]], '[10000000000.000000, "+Inf", "a\\n\\u200b\\x01ñ\\"", b"a"]'),
    ("%s", [[Timestamp(0), Duration(1_500_000_000)]], '[timestamp("1970-01-01T00:00:00Z"), duration("1.5s")]'),
    ("%s", [make_map([("b", 1), (1, "x"), (True, [1.5])])], '{"b":1, 1:"x", true:[1.500000]}'),
    ("%d", [], "index 0 out of range"),
    ("%", [1], "unexpected end of string"),
    ("%q", [1], f'{UNPARSED}: unrecognized formatting clause "q"'),
    ("%5d", [1], f'{UNPARSED}: unrecognized formatting clause "5"'),
    ("%.3", [1], f"{PRECISION}: could not find end of precision specifier"),
    (
        "%.f",
        [1.0],
        f'{PRECISION}: error while converting precision to integer: strconv.Atoi: parsing "": invalid syntax',
    ),
    ("%d", [True], f"{FAILED}: decimal clause can only be used on integers, was given bool"),
    ("%f", [1], f"{FAILED}: fixed-point clause can only be used on doubles, was given int"),
    ("%x", [0.5], f"{FAILED}: only integers, byte buffers, and strings can be formatted as hex, was given double"),
    ("%s", [NONE], f"{FAILED}: string clause can only be used on {STRINGS}, was given optional_type"),
    ("%s", [[NONE]], f"{FAILED}: no formatting function for optional_type"),
]


@pytest.mark.parametrize("text, args, expected", FORMATTED)
def test_format(text: str, args: list[Value], expected: str) -> None:
    try:
        result = dispatch("format", (text, args), 36)
    except EvaluationError as error:
        result = str(error)
    assert result == expected


# Of each kind of marks; from cel-go with golang.org/x/text
LOCALES = [
    ("en_US", "-1,234,567.891 1,234.5 -1.052500×10⁰³ ∞ NaN"),
    ("nl_NL", "-1.234.567,891 1.234,5 -1,052500×10⁰³ ∞ NaN"),
    ("de_AT", "-1.234.567,891 1.234,5 -1,052500·10⁰³ ∞ NaN"),
    ("fr_FR", "-1\xa0234\xa0567,891 1\xa0234,5 -1,052500×10⁰³ ∞ NaN"),
    ("de_CH", "-1’234’567.891 1’234.5 -1.052500·10⁰³ ∞ NaN"),
]


@pytest.mark.parametrize("locale, expected", LOCALES)
def test_locale(locale: str, expected: str) -> None:
    text = "'%.3f %.1f %e %f %s'.format([-1234567.8915, 1234.5, -1052.5, double('Infinity'), 'NaN'])"
    within = declarations("1.33", locale=locale)
    assert evaluate(check(parse_in(within, text), within), {}, within) == expected


def test_locales_refused() -> None:
    with pytest.raises(UsageError, match="unknown locale 'xx_YY': expected en_US, bg_BG"):
        declarations("1.28", locale="xx_YY")
    with pytest.raises(UsageError, match="the specification's language has no locales"):
        declarations(None, locale="fr_FR")
