"""Equality, order, lookup, text and encoding of values, and time."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admit.cel.times import Civil, civil, parse_duration, parse_timestamp
from admit.cel.types import BOOL, DYN, INT, STRING, Type, list_of, map_of, optional_of, param, wrapper_of
from admit.cel.values import (
    LIST,
    NONE,
    Duration,
    Map,
    Optional,
    Timestamp,
    Uint,
    Value,
    compare,
    contains_in,
    decode,
    display,
    encode,
    equal,
    format_double,
    has,
    index,
    make_map,
    matches_type,
    opt_index,
    opt_select,
    select,
    type_of,
)
from admit.errors import EvaluationError

NAN = math.nan
MAX, MIN = 2**63 - 1, -(2**63)

EQUAL: list[tuple[Value, Value]] = [
    (1, 1.0),
    (1, Uint(1)),
    (Uint(1), 1.0),
    (0.0, -0.0),
    (MAX, 2.0**63),
    (Uint(2**64 - 1), 2.0**64),
    (2**53 + 1, 2.0**53),
    ("a", "a"),
    (None, None),
    ([1, Uint(2), [3.0]], [1.0, 2, [Uint(3)]]),
    ({"a": [1]}, {"a": [1.0]}),
    (make_map([(1, "a"), (True, "b")]), make_map([(True, "b"), (Uint(1), "a")])),
    (Optional(1), Optional(1.0)),
    (NONE, NONE),
    (LIST, list_of(INT)),
    (parse_timestamp("2020-01-01T01:00:00+01:00"), parse_timestamp("2020-01-01T00:00:00Z")),
]
UNEQUAL: list[tuple[Value, Value]] = [
    (True, 1),
    (False, 0),
    (True, 1.0),
    (True, Uint(1)),
    ([True], [1]),
    ({"a": True}, {"a": 1}),
    (NAN, NAN),
    ([NAN], [NAN]),
    (-1, Uint(2**64 - 1)),
    (2**53 + 1, Uint(2**53)),
    ("a", b"a"),
    ("1", 1),
    (None, False),
    ([], {}),
    ([1], [1, 2]),
    ({"a": 1}, {"b": 1}),
    ({"a": None}, {"b": None}),
    (make_map([(1, "a")]), make_map([(True, "a")])),
    (make_map([(1, "a")]), {"1": "a"}),
    (Optional(None), NONE),
    (Optional(1), 1),
    (Duration(0), Timestamp(0)),
    (Duration(1), 1),
    (INT, "int"),
]


@pytest.mark.parametrize("a, b, expected", [(*case, True) for case in EQUAL] + [(*case, False) for case in UNEQUAL])
def test_equal(a: Value, b: Value, expected: bool) -> None:
    assert equal(a, b) is expected
    assert equal(b, a) is expected
    assert contains_in(a, [None, b] if a is not None else [b]) is expected


COMPARED: list[tuple[Value, Value, int | str]] = [
    (1, 2, -1),
    (1, Uint(1), 0),
    (-1, Uint(0), -1),
    (MAX, Uint(2**63), -1),
    (1, 1.5, -1),
    (Uint(2**64 - 1), -1.0, 1),
    (2.0**63, MAX, 0),
    (-(2.0**63), MIN, 0),
    (2**53 + 1, 2.0**53, 0),
    (MAX, math.inf, -1),
    (False, True, -1),
    ("a", "á", -1),
    ("\uffff", "😀", -1),
    (b"a", b"", 1),
    (Timestamp(1), Timestamp(2), -1),
    (Duration(1), Duration(1), 0),
    (NAN, 1, "NaN values cannot be ordered"),
    (Uint(1), NAN, "NaN values cannot be ordered"),
    (True, 1, "no such overload"),
    ("a", 1, "no such overload"),
    (None, None, "no such overload"),
    ([1], [2], "no such overload"),
    (Duration(1), Timestamp(1), "no such overload"),
]


@pytest.mark.parametrize("a, b, expected", COMPARED)
def test_compare(a: Value, b: Value, expected: int | str) -> None:
    assert outcome(compare, a, b) == expected
    assert outcome(compare, b, a) == (-expected if isinstance(expected, int) else expected)


MIXED = make_map([(1, "one"), (Uint(2), "two"), (True, "yes"), ("s", "string"), (2**63 - 1, "most"), (MIN, "least")])

# operand, key, operand[key], and operand[?key] in Kubernetes and in the specification
LOOKUPS: list[tuple[Value, ...]] = [
    ({"a": 1}, "a", 1, Optional(1), Optional(1)),
    ({"a": None}, "a", None, Optional(None), Optional(None)),
    ({"a": 1}, "b", "no such key: b", NONE, NONE),
    ({"a": 1}, 0, "no such key: 0", NONE, NONE),
    ({"a": 1}, True, "no such key: true", NONE, NONE),
    ({"a": 1}, 1e6, "no such key: 1e+06", NONE, NONE),
    ({"a": 1}, None, *["invalid qualifier type: types.Null"] * 3),
    ({"a": 1}, b"a", *["invalid qualifier type: types.Bytes"] * 3),
    (MIXED, 1, "one", Optional("one"), Optional("one")),
    (MIXED, 1.0, "one", Optional("one"), Optional("one")),
    (MIXED, 2, "two", Optional("two"), Optional("two")),
    (MIXED, True, "yes", Optional("yes"), Optional("yes")),
    (MIXED, False, "no such key: false", NONE, NONE),
    (MIXED, "s", "string", Optional("string"), Optional("string")),
    (MIXED, 1.5, "no such key: 1.5", NONE, NONE),
    (MIXED, NAN, "no such key: NaN", NONE, NONE),
    (MIXED, 2.0**63, "no such key: 9.223372036854776e+18", NONE, NONE),
    (MIXED, -(2.0**63), "no such key: -9.223372036854776e+18", NONE, NONE),
    ([7], 0, 7, Optional(7), Optional(7)),
    ([7], Uint(0), 7, Optional(7), Optional(7)),
    ([7], -0.0, 7, Optional(7), Optional(7)),
    ([7], 1, "index out of bounds: 1", NONE, NONE),
    ([7], -1, "index out of bounds: -1", NONE, NONE),
    ([7], 0.1, *["unsupported index value 0.1 in list"] * 3),
    ([7], 1e300, *["unsupported index value 1e+300 in list"] * 3),
    ([7], NAN, *["unsupported index value NaN in list"] * 3),
    ([7], Uint(2**63), *["unsupported index value 9223372036854775808 in list"] * 3),
    ([7], "a", *["unsupported index type 'string' in list"] * 3),
    ([7], True, *["unsupported index type 'bool' in list"] * 3),
    (None, "a", "no such key: a", NONE, "no such key: a"),
    (5, "a", "no such key: a", NONE, "no such key: a"),
    ("text", 0, "no such key: 0", NONE, "no such key: 0"),
    (Optional({"a": 1}), "a", Optional(1), Optional(1), Optional(1)),
    (Optional({"a": 1}), "b", NONE, NONE, NONE),
    (Optional([7]), 0, Optional(7), Optional(7), Optional(7)),
    (NONE, "a", NONE, NONE, NONE),
]


@pytest.mark.parametrize("operand, key, plain, optional, strict", LOOKUPS)
def test_lookup(operand: Value, key: Value, plain: Value, optional: Value, strict: Value) -> None:
    assert outcome(index, operand, key) == plain
    assert outcome(opt_index, operand, key) == optional
    assert outcome(opt_index, operand, key, True) == strict
    if type(key) is str:
        assert outcome(select, operand, key) == plain
        assert outcome(opt_select, operand, key) == optional
        assert outcome(has, operand, key) == getattr(optional, "present", optional)
        assert outcome(has, operand, key, True) == getattr(strict, "present", strict)


def test_lookup_through_an_optional() -> None:
    assert outcome(select, Optional(None), "a") is NONE
    assert outcome(select, Optional(None), "a", True) == "no such key: a"


MAPS: list[tuple[list[tuple[Value, Value]], Value]] = [
    ([], {}),
    ([("a", 1), ("b", 2)], {"a": 1, "b": 2}),
    ([("a", 1), ("a", 2)], "duplicate key: a"),
    ([(0, 1), (Uint(0), 2)], "duplicate key: 0"),
    ([(True, 1), (True, 2)], "duplicate key: true"),
    ([(1.0, 1)], "unsupported key type 'double'"),
    ([(None, 1)], "unsupported key type 'null_type'"),
    ([([], 1)], "unsupported key type 'list'"),
]


@pytest.mark.parametrize("pairs, expected", MAPS)
def test_make_map(pairs: list[tuple[Value, Value]], expected: Value) -> None:
    assert outcome(make_map, pairs) == expected


def test_map() -> None:
    assert len(MIXED) == 6
    assert list(MIXED)[:3] == [1, Uint(2), True]
    assert [type(key) for key in MIXED][:3] == [int, Uint, bool]
    assert 1.0 in MIXED and False not in MIXED and [] not in MIXED
    assert contains_in(True, MIXED) and not contains_in([], MIXED) and not contains_in(1, {"1": 1})
    assert not hasattr(Map, "get") and not hasattr(Map, "__getitem__")


TYPES: list[tuple[Value, Type, bool]] = [
    (1, INT, True),
    (True, INT, False),
    (Uint(1), INT, False),
    (1.0, INT, False),
    (True, BOOL, True),
    (None, wrapper_of(INT), True),
    (1, wrapper_of(INT), True),
    ("a", wrapper_of(INT), False),
    (1, DYN, True),
    (1, param("T"), True),
    ([1], list_of(INT), True),
    ([], list_of(INT), True),
    (["a"], list_of(INT), False),
    ([[1]], list_of(list_of(STRING)), False),
    ({"a": 1}, map_of(STRING, INT), True),
    ({"a": "b"}, map_of(STRING, INT), False),
    (MIXED, map_of(INT, DYN), True),
    ([], map_of(INT, DYN), False),
    (NONE, optional_of(INT), True),
    (1, optional_of(INT), False),
]


@pytest.mark.parametrize("value, declared, expected", TYPES)
def test_matches_type(value: Value, declared: Type, expected: bool) -> None:
    assert matches_type(value, declared) is expected


NAMES: list[tuple[Value, str]] = [
    (None, "null_type"),
    (True, "bool"),
    (1, "int"),
    (Uint(1), "uint"),
    (1.0, "double"),
    ("", "string"),
    (b"", "bytes"),
    ([], "list"),
    ({}, "map"),
    (MIXED, "map"),
    (NONE, "optional_type"),
    (INT, "type"),
    (Timestamp(0), "google.protobuf.Timestamp"),
    (Duration(0), "google.protobuf.Duration"),
]


@pytest.mark.parametrize("value, name", NAMES)
def test_type_of(value: Value, name: str) -> None:
    assert str(type_of(value)) == name


DOUBLES = [
    (0.0, "0"),
    (-0.0, "-0"),
    (1.0, "1"),
    (-12300.0, "-12300"),
    (100000.0, "100000"),
    (1e6, "1e+06"),
    (123456789.0, "1.23456789e+08"),
    (1e21, "1e+21"),
    (0.0001, "0.0001"),
    (0.00001, "1e-05"),
    (5e-324, "5e-324"),
    (1.5e300, "1.5e+300"),
    (NAN, "NaN"),
    (math.inf, "+Inf"),
    (-math.inf, "-Inf"),
]


@pytest.mark.parametrize("value, text", DOUBLES)
def test_format_double(value: float, text: str) -> None:
    assert format_double(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_format_double_reads_back(value: float) -> None:
    assert float(format_double(value)) == value


ENCODED: list[tuple[Value, dict[str, Any]]] = [
    (None, {"null": None}),
    (True, {"bool": True}),
    (1, {"int": "1"}),
    (Uint(1), {"uint": "1"}),
    (1.5, {"double": "1.5"}),
    (-0.0, {"double": "-0.0"}),
    (-math.inf, {"double": "-Infinity"}),
    ("a", {"string": "a"}),
    (b"\xff", {"bytes": "/w=="}),
    ([1, []], {"list": [{"int": "1"}, {"list": []}]}),
    ({"a": 1}, {"map": [[{"string": "a"}, {"int": "1"}]]}),
    (make_map([(True, 1)]), {"map": [[{"bool": True}, {"int": "1"}]]}),
    (INT, {"type": "int"}),
    (LIST, {"type": "list"}),
    (Timestamp(1), {"timestamp": "1970-01-01T00:00:00.000000001Z"}),
    (Duration(-1_500_000_000), {"duration": "-1.5s"}),
    (Duration(2**63 - 1), {"duration": "9223372036.854775807s"}),
    (Optional(None), {"optional": {"null": None}}),
    (NONE, {"optional": None}),
]


@pytest.mark.parametrize("value, encoded", ENCODED)
def test_encode(value: Value, encoded: dict[str, Any]) -> None:
    assert encode(value) == encoded
    decoded = decode(encoded)
    assert type(decoded) is type(value)
    assert equal(decoded, value)


def test_depth() -> None:
    deep: list[tuple[Value, Value]] = []
    for make in (lambda item: [item], lambda item: {"a": item}, lambda item: make_map([(1, item)]), Optional):
        a: Value = 1
        b: Value = 1.0
        for _ in range(2000):
            a, b = make(a), make(b)
        deep.append((a, b))
    for a, b in deep:
        assert equal(a, b)
        assert outcome(encode, a) == outcome(display, a) == "value is nested too deeply"


DURATIONS = [
    ("0", 0, "0s"),
    ("-0", 0, "0s"),
    ("1s", 10**9, "1s"),
    ("1h2m3s", 3_723 * 10**9, "3723s"),
    ("1.5s", 1_500_000_000, "1.5s"),
    ("-1.5h", -5_400 * 10**9, "-5400s"),
    (".5s", 500_000_000, "0.5s"),
    ("1.s", 10**9, "1s"),
    ("1ns", 1, "0.000000001s"),
    ("1us1µs1μs", 3_000, "0.000003s"),
    ("100ms", 100_000_000, "0.1s"),
    ("9223372036854775807ns", 2**63 - 1, "9223372036.854776s"),
    ("-9223372036854775808ns", -(2**63), "-9223372036.854776s"),
    ("0.9223372036854775808h", 3_320_413_933_267, "3320.413933267s"),
]


@pytest.mark.parametrize("text, nanoseconds, printed", DURATIONS)
def test_duration(text: str, nanoseconds: int, printed: str) -> None:
    assert parse_duration(text) == Duration(nanoseconds)
    assert str(Duration(nanoseconds)) == printed


@pytest.mark.parametrize(
    "text", ["", "1", "s", ".s", "1d", "1 s", "--1s", "1.5", "9223372036854775808ns", "1e3s", "٣s"]
)
def test_no_duration(text: str) -> None:
    assert outcome(parse_duration, text) == "type conversion error from 'string' to 'google.protobuf.Duration'"


TIMESTAMPS = [
    ("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"),
    ("9999-12-31T23:59:59.999999999Z", 253_402_300_799_999_999_999, "9999-12-31T23:59:59.999999999Z"),
    ("0001-01-01T00:00:00Z", -62_135_596_800 * 10**9, "0001-01-01T00:00:00Z"),
    ("0000-12-31T23:30:00-01:00", -62_135_595_000 * 10**9, "0000-12-31T23:30:00-01:00"),
    ("1970-01-01T02:00:00.5+02:00", 500_000_000, "1970-01-01T02:00:00.5+02:00"),
    ("1970-01-01T00:00:00-00:00", 0, "1970-01-01T00:00:00Z"),
    ("1970-01-01T1:00:00,1234567899Z", 3_600_123_456_789, "1970-01-01T01:00:00.123456789Z"),
    ("2000-02-29T00:00:00Z", 951_782_400 * 10**9, "2000-02-29T00:00:00Z"),
]


@pytest.mark.parametrize("text, nanoseconds, printed", TIMESTAMPS)
def test_timestamp(text: str, nanoseconds: int, printed: str) -> None:
    assert parse_timestamp(text).nanoseconds == nanoseconds
    assert str(parse_timestamp(text)) == printed


NO_TIMESTAMPS = [
    ("0000-01-01T00:00:00Z", "timestamp overflow"),
    ("9999-12-31T23:59:59-00:01", "timestamp overflow"),
    *(
        (text, "type conversion error from 'string' to 'google.protobuf.Timestamp'")
        for text in (
            "",
            "2020-01-01",
            "10000-01-01T00:00:00Z",
            "2020-01-01T00:00:00",
            "2020-01-01t00:00:00z",
            "2020-01-01 00:00:00Z",
            "2020-02-30T00:00:00Z",
            "2020-01-01T24:00:00Z",
            "2020-01-01T00:00:60Z",
            "2020-01-01T00:00:00.Z",
            "2020-01-01T00:00:00+25:00",
            "2020-01-01T00:00:00Z\n",
            "٢020-01-01T00:00:00Z",
        )
    ),
]


@pytest.mark.parametrize("text, message", NO_TIMESTAMPS)
def test_no_timestamp(text: str, message: str) -> None:
    assert outcome(parse_timestamp, text) == message


CIVIL = [
    ("2009-02-13T23:31:30Z", "", Civil(2009, 2, 13, 23, 31, 30, 5, 43)),
    ("2009-02-13T23:31:30Z", "+11:00", Civil(2009, 2, 14, 10, 31, 30, 6, 44)),
    ("2009-02-13T23:31:30Z", "02:00", Civil(2009, 2, 14, 1, 31, 30, 6, 44)),
    ("2009-02-13T02:00:00Z", "-02:30", Civil(2009, 2, 12, 23, 30, 0, 4, 42)),
    ("2009-02-13T02:00:00Z", "-00:30", Civil(2009, 2, 13, 1, 30, 0, 5, 43)),
    ("2009-02-13T23:31:30Z", "US/Central", Civil(2009, 2, 13, 17, 31, 30, 5, 43)),
    ("2009-07-13T23:31:30Z", "US/Central", Civil(2009, 7, 13, 18, 31, 30, 1, 193)),
    ("0001-01-01T00:00:00Z", "-01:00", Civil(0, 12, 31, 23, 0, 0, 0, 365)),
    ("9999-12-31T23:00:00Z", "+01:00", Civil(10_000, 1, 1, 0, 0, 0, 6, 0)),
]


@pytest.mark.parametrize("text, zone, expected", CIVIL)
def test_civil(text: str, zone: str, expected: Civil) -> None:
    assert civil(parse_timestamp(text), zone) == expected


def outcome(function: Any, *args: Value) -> Any:
    """What the function gives, or the text of its error."""
    try:
        return function(*args)
    except EvaluationError as error:
        return str(error)
