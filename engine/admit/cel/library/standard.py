"""The standard library of the CEL specification, as cel-go evaluates it, and optional values."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial
from itertools import product
from operator import ge, gt, le, lt

from admit.cel import regex, values
from admit.cel.library import overload
from admit.cel.times import (
    HOUR,
    MILLISECOND,
    MINUTE,
    SECOND,
    Civil,
    civil,
    conversion_error,
    duration_of,
    parse_duration,
    parse_timestamp,
    timestamp_of,
)
from admit.cel.types import Type
from admit.cel.values import (
    Duration,
    Map,
    Timestamp,
    Uint,
    Value,
    compare,
    contains_in,
    display,
    equal,
    index,
    type_of,
)
from admit.errors import EvaluationError

# Logic and equality


@overload("_&&_(bool, bool) -> bool", "true && true", "!(false && 1 / 0 == 1)", id="logical_and")
def logical_and(a: bool, b: bool) -> bool:
    """Whether both hold; an error on one side does not matter where the other is false."""
    return a and b


@overload("_||_(bool, bool) -> bool", "false || true", "1 / 0 == 1 || true", id="logical_or")
def logical_or(a: bool, b: bool) -> bool:
    """Whether one holds; an error on one side does not matter where the other is true."""
    return a or b


@overload("!_(bool) -> bool", "!false", id="logical_not")
def logical_not(a: bool) -> bool:
    """Whether it does not hold."""
    return not a


@overload("_?_:_(bool, A, A) -> A", "(true ? 1 : 1 / 0) == 1", id="conditional")
def conditional(condition: bool, a: Value, b: Value) -> Value:
    """The second where the first holds, else the third; the other is not evaluated."""
    return a if condition else b


overload("_==_(A, A) -> bool", "[1, 2] == [1, 2]", "dyn(1) == 1.0", "dyn(1) != 'a'", "0.0 / 0.0 != 0.0 / 0.0")(equal)


@overload("_!=_(A, A) -> bool", "1 != 2", "dyn(true) != 1")
def not_equal(a: Value, b: Value) -> bool:
    """Whether two values are not equal."""
    return not values.same(a, b)


# Order

SAMPLES = {
    "int": ("1", "2"),
    "uint": ("1u", "2u"),
    "double": ("1.5", "2.5"),
    "bool": ("false", "true"),
    "string": ("'a'", "'b'"),
    "bytes": ("b'a'", "b'b'"),
    "google.protobuf.Timestamp": ("timestamp(1)", "timestamp(2)"),
    "google.protobuf.Duration": ("duration('1s')", "duration('1m')"),
}
"""Two values of each type that has an order, the lesser first."""

_NUMBERS = ("int", "uint", "double")
_ORDERED = ("bool", "string", "bytes", "google.protobuf.Timestamp", "google.protobuf.Duration")


def _declare_order(operator: str, holds: Callable[[int, int], bool], doc: str, *examples: str) -> None:
    """The overloads of one comparison. NaN has no order: an error to Kubernetes, false to the specification."""

    def ordered(a: Value, b: Value) -> bool:
        return holds(compare(a, b), 0)

    def ordered_or_nan(a: Value, b: Value) -> bool:
        return a == a and b == b and holds(compare(a, b), 0)

    ordered.__doc__ = ordered_or_nan.__doc__ = doc
    for a, b in (*((kind, kind) for kind in _ORDERED), *product(_NUMBERS, _NUMBERS)):
        signature = f"{operator}({a}, {b}) -> bool"
        left, right = (SAMPLES[a][0], SAMPLES[b][1]) if holds(1, 2) else (SAMPLES[a][1], SAMPLES[b][0])
        example = f"{left if a == b else f'dyn({left})'} {operator.strip('_')} {right}"
        overload(signature, example, *(examples if a == b == "int" else ()), since=0 if a == b else 28)(ordered)
        if "double" in (a, b):
            overload(signature, example, since=None)(ordered_or_nan)
    overload(f"{operator}(double, dyn) -> bool", declared=False)(ordered)  # NaN is looked for before the types agree


_declare_order("_<_", lt, "Whether the first is less.", "dyn(1) < 1.5")
_declare_order("_<=_", le, "Whether the first is less, or equal.", "1 <= 1", "dyn(1u) <= 1")
_declare_order("_>_", gt, "Whether the first is greater.", "!(1 > 1)")
_declare_order("_>=_", ge, "Whether the first is greater, or equal.", "1 >= 1", "duration('1m') >= duration('60s')")

# Arithmetic, the overloads in cel-go's order: of a type yet unknown to the checker, the first that fits decides


def _int(value: int) -> int:
    if not -(2**63) <= value < 2**63:
        raise EvaluationError("integer overflow")
    return value


def _uint(value: int) -> Uint:
    if not 0 <= value < 2**64:
        raise EvaluationError("unsigned integer overflow")
    return Uint(value)


def _quotient(a: int, b: int) -> int:
    """Rounded toward zero."""
    if b == 0:
        raise EvaluationError("division by zero")
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def _remainder(a: int, b: int) -> int:
    """With the sign of the first."""
    if b == 0:
        raise EvaluationError("modulus by zero")
    return abs(a) % abs(b) * (-1 if a < 0 else 1)


@overload("_+_(list(A), list(A)) -> list(A)", "[1] + [2, 3] == [1, 2, 3]")
@overload("_+_(string, string) -> string", "'a' + 'b' == 'ab'")
@overload("_+_(double, double) -> double", "1.5 + 2.0 == 3.5")
@overload("_+_(bytes, bytes) -> bytes", "b'a' + b'b' == b'ab'")
def add(a: Value, b: Value) -> Value:
    """The sum, or the second after the first."""
    return a + b


@overload(
    "_+_(google.protobuf.Duration, google.protobuf.Duration) -> google.protobuf.Duration",
    "duration('1m') + duration('1s') == duration('61s')",
    id="add_duration_duration",
)
def add_duration(a: Duration, b: Duration) -> Duration:
    """The sum."""
    return duration_of(a.nanoseconds + b.nanoseconds)


@overload(
    "_+_(google.protobuf.Duration, google.protobuf.Timestamp) -> google.protobuf.Timestamp",
    "duration('1h') + timestamp('2023-01-01T00:00:00Z') == timestamp('2023-01-01T01:00:00Z')",
)
def add_timestamp(a: Duration, b: Timestamp) -> Timestamp:
    """The time so much later."""
    return add_to_timestamp(b, a)


@overload(
    "_+_(google.protobuf.Timestamp, google.protobuf.Duration) -> google.protobuf.Timestamp",
    "timestamp('2023-01-01T00:00:00Z') + duration('1h') == timestamp('2023-01-01T01:00:00Z')",
    fails={"timestamp('9999-12-31T23:59:59Z') + duration('1s')": "timestamp overflow"},
)
def add_to_timestamp(a: Timestamp, b: Duration) -> Timestamp:
    """The time so much later."""
    return timestamp_of(a.nanoseconds + b.nanoseconds, a.offset)


@overload("_+_(int, int) -> int", "1 + 2 == 3", fails={"9223372036854775807 + 1": "integer overflow"})
def add_int(a: int, b: int) -> int:
    """The sum."""
    return _int(a + b)


@overload("_+_(uint, uint) -> uint", "1u + 2u == 3u")
def add_uint(a: Uint, b: Uint) -> Uint:
    """The sum."""
    return _uint(a + b)


@overload("_-_(double, double) -> double", "1.5 - 2.0 == -0.5")
def subtract_double(a: float, b: float) -> float:
    """The difference."""
    return a - b


@overload(
    "_-_(google.protobuf.Duration, google.protobuf.Duration) -> google.protobuf.Duration",
    "duration('1m') - duration('1s') == duration('59s')",
    id="subtract_duration_duration",
)
def subtract_times(a: Timestamp | Duration, b: Timestamp | Duration) -> Duration:
    """The time between, or the difference."""
    return duration_of(a.nanoseconds - b.nanoseconds)


@overload(
    "_-_(google.protobuf.Timestamp, google.protobuf.Duration) -> google.protobuf.Timestamp",
    "timestamp('2023-01-01T01:00:00Z') - duration('1h') == timestamp('2023-01-01T00:00:00Z')",
)
def subtract_duration(a: Timestamp, b: Duration) -> Timestamp:
    """The time so much earlier."""
    return add_to_timestamp(a, negate_duration(b))


overload(
    "_-_(google.protobuf.Timestamp, google.protobuf.Timestamp) -> google.protobuf.Duration",
    "timestamp('2023-01-01T01:00:00Z') - timestamp('2023-01-01T00:00:00Z') == duration('1h')",
    id="subtract_timestamp_timestamp",
    fails={"timestamp('9999-12-31T23:59:59Z') - timestamp('0001-01-01T00:00:00Z')": "integer overflow"},
)(subtract_times)


@overload("_-_(int, int) -> int", "3 - 5 == -2")
def subtract_int(a: int, b: int) -> int:
    """The difference."""
    return _int(a - b)


@overload("_-_(uint, uint) -> uint", "5u - 3u == 2u", fails={"3u - 5u": "unsigned integer overflow"})
def subtract_uint(a: Uint, b: Uint) -> Uint:
    """The difference."""
    return _uint(a - b)


@overload("_*_(double, double) -> double", "1.5 * 2.0 == 3.0")
def multiply_double(a: float, b: float) -> float:
    """The product."""
    return a * b


@overload("_*_(int, int) -> int", "-2 * 3 == -6")
def multiply_int(a: int, b: int) -> int:
    """The product."""
    return _int(a * b)


@overload("_*_(uint, uint) -> uint", "2u * 3u == 6u")
def multiply_uint(a: Uint, b: Uint) -> Uint:
    """The product."""
    return _uint(a * b)


@overload("_/_(double, double) -> double", "1.0 / 2.0 == 0.5", "1.0 / 0.0 == double('inf')")
def divide_double(a: float, b: float) -> float:
    """The quotient."""
    if b != 0:
        return a / b
    return math.nan if a == 0 or a != a else math.copysign(math.inf, a) * math.copysign(1, b)


@overload("_/_(int, int) -> int", "7 / 2 == 3", "-7 / 2 == -3", fails={"1 / 0": "division by zero"})
def divide_int(a: int, b: int) -> int:
    """The quotient, rounded toward zero."""
    return _int(_quotient(a, b))


@overload("_/_(uint, uint) -> uint", "7u / 2u == 3u")
def divide_uint(a: Uint, b: Uint) -> Uint:
    """The quotient, rounded down."""
    return _uint(_quotient(a, b))


@overload("_%_(int, int) -> int", "7 % 2 == 1", "-7 % 2 == -1", fails={"1 % 0": "modulus by zero"})
def modulo_int(a: int, b: int) -> int:
    """What is left of a division; it has the sign of the first."""
    if b == -1:
        _int(-a)
    return _remainder(a, b)


@overload("_%_(uint, uint) -> uint", "7u % 2u == 1u")
def modulo_uint(a: Uint, b: Uint) -> Uint:
    """What is left of a division."""
    return Uint(_remainder(a, b))


@overload("-_(double) -> double", "-(1.5) == 0.0 - 1.5")
def negate_double(a: float) -> float:
    """The negative."""
    return -a


@overload("-_(int) -> int", "-(1) == 0 - 1", fails={"-(-9223372036854775808)": "integer overflow"})
def negate_int(a: int) -> int:
    """The negative."""
    return _int(-a)


@overload("-_(google.protobuf.Duration) -> google.protobuf.Duration", declared=False)
def negate_duration(a: Duration) -> Duration:
    """The negative; cel-go has it, but for values of unknown type only."""
    return duration_of(-a.nanoseconds)


# Lists, maps, sizes

overload("@in(A, list(A)) -> bool", "2 in [1, 2]", "!(3 in [1, 2])", "dyn(2u) in [1, 2]")(contains_in)
overload("@in(A, map(A, B)) -> bool", "'a' in {'a': 1}", "dyn(1.0) in {1: 'a'}")(contains_in)

overload("_[_](list(A), int) -> A", "[1, 2][1] == 2", id="index_list", fails={"[1][5]": "index out of bounds: 5"})(
    index
)
overload("_[_](map(A, B), A) -> B", "{1: 2}[1] == 2", id="index_map", fails={"{1: 2}[3]": "no such key: 3"})(index)
overload("_[_](dyn, dyn) -> dyn", id="index", declared=False)(index)
overload("_[_](dyn, dyn) -> dyn", id="index", declared=False, since=None)(partial(index, strict=True))


@overload("size(string) -> int", "size('añb') == 3")
@overload("size(map(A, B)) -> int", "size({'a': 1}) == 1")
@overload("size(list(A)) -> int", "size([1, 2]) == 2")
@overload("size(bytes) -> int", "size(b'añb') == 4")
@overload("string.size() -> int", "'añb'.size() == 3")
@overload("map(A, B).size() -> int", "{'a': 1}.size() == 1")
@overload("list(A).size() -> int", "[1, 2].size() == 2")
@overload("bytes.size() -> int", "b'añb'.size() == 4")
def size(value: str | bytes | list[Value] | dict[str, Value] | Map) -> int:
    """The number of code points, bytes, items or entries."""
    return len(value)


# Strings


@overload("string.contains(string) -> bool", "'kube-system'.contains('-sys')", id="contains_string")
def contains(text: str, part: str) -> bool:
    """Whether the second is somewhere in the text."""
    return part in text


@overload("string.startsWith(string) -> bool", "'kube-system'.startsWith('kube-')", id="starts_with_string")
def starts_with(text: str, prefix: str) -> bool:
    """Whether the text begins with the prefix."""
    return text.startswith(prefix)


@overload("string.endsWith(string) -> bool", "'kube-system'.endsWith('-system')", id="ends_with_string")
def ends_with(text: str, suffix: str) -> bool:
    """Whether the text ends with the suffix."""
    return text.endswith(suffix)


@overload("string.matches(string) -> bool", "'hubba'.matches('ub+a$')", id="matches_string")
@overload("matches(string, string) -> bool", "matches('hubba', '^hub')", id="matches")
def matches(text: str, pattern: str) -> bool:
    """Whether the pattern, in RE2's syntax, matches somewhere in the text."""
    return regex.compile(pattern)(text)


# Conversions


@overload("type(A) -> type(A)", "type(1) == int", "type(int) == type", "type([1]) == type(['a'])", id="type")
def type_(value: Value) -> Type:
    """The type of a value."""
    return type_of(value)


@overload("dyn(A) -> dyn", "dyn(1) == 1.0", id="to_dyn")
@overload("bool(bool) -> bool", "bool(true)")
@overload("bytes(bytes) -> bytes", "bytes(b'a') == b'a'")
@overload("double(double) -> double", "double(1.5) == 1.5")
@overload(
    "duration(google.protobuf.Duration) -> google.protobuf.Duration", "duration(duration('1s')) == duration('1s')"
)
@overload("int(int) -> int", "int(1) == 1")
@overload("string(string) -> string", "string('a') == 'a'")
@overload(
    "timestamp(google.protobuf.Timestamp) -> google.protobuf.Timestamp", "timestamp(timestamp(1)) == timestamp(1)"
)
@overload("uint(uint) -> uint", "uint(1u) == 1u")
def same(value: Value) -> Value:
    """The value itself."""
    return value


@overload("bool(string) -> bool", "bool('true')", "!bool('0')")
def string_to_bool(text: str) -> bool:
    """True for 1, t, T, true, True and TRUE; false for 0, f, F, false, False and FALSE."""
    if text not in _BOOLS:
        raise conversion_error("string", "bool")
    return _BOOLS[text]


_BOOLS = dict.fromkeys(("1", "t", "T", "true", "True", "TRUE"), True)
_BOOLS |= dict.fromkeys(("0", "f", "F", "false", "False", "FALSE"), False)


@overload("bytes(string) -> bytes", "bytes('ñ') == b'\\xc3\\xb1'")
def string_to_bytes(text: str) -> bytes:
    """The text in UTF-8."""
    return regex.encoded(text)


@overload("double(int) -> double", "double(1) == 1.0")
@overload("double(uint) -> double", "double(1u) == 1.0")
def integer_to_double(value: int) -> float:
    """The nearest double."""
    return float(value)


@overload("double(string) -> double", "double('1.5e3') == 1500.0")
def string_to_double(text: str) -> float:
    """The nearest double. Source: Go's strconv.ParseFloat, hexadecimal and infinities included."""
    hexadecimal = _HEXADECIMAL.fullmatch(text)
    if not hexadecimal and not _DECIMAL.fullmatch(text):
        raise conversion_error("string", "double")
    try:
        value = float.fromhex(text.replace("_", "")) if hexadecimal else float(text)
    except (ValueError, OverflowError):
        raise conversion_error("string", "double") from None
    if math.isinf(value) and text[-1].isdigit():
        raise conversion_error("string", "double")
    return value


_DECIMAL = re.compile(
    r"[+-]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:e[+-]?[0-9][0-9_]*)?|[+-]?inf(?:inity)?|nan",
    re.IGNORECASE,
)
_HEXADECIMAL = re.compile(
    r"[+-]?0x(?:(?:_?[0-9a-f])+(?:\.(?:[0-9a-f]_?)*)?|\.(?:[0-9a-f]_?)+)p[+-]?[0-9]+", re.IGNORECASE
)


@overload("duration(string) -> google.protobuf.Duration", "duration('1h2m3s') == duration('3723s')")
def string_to_duration(text: str) -> Duration:
    """The duration of a text such as 1h30m, 1.5s, 100ms."""
    return parse_duration(text)


@overload(
    "duration(int) -> google.protobuf.Duration",
    until=37,
    fails={"duration(0 + 1)": "type conversion error from 'int' to 'google.protobuf.Duration'"},
)
def int_to_duration(value: int) -> Duration:
    """An error: cel-go declared the conversion for long, and never had it."""
    raise conversion_error("int", "google.protobuf.Duration")


@overload("int(uint) -> int", "int(1u) == 1", fails={"int(9223372036854775808u)": "integer overflow"})
def uint_to_int(value: Uint) -> int:
    """The same number."""
    return _int(int(value))


@overload("int(double) -> int", "int(-1.9) == -1", fails={"int(9223372036854775807.0)": "integer overflow"})
def double_to_int(value: float) -> int:
    """The number, rounded toward zero."""
    if not -(2.0**63) < value < 2.0**63:
        raise EvaluationError("integer overflow")
    return int(value)


@overload("int(string) -> int", "int('-12') == -12", fails={"int('x')": "type conversion error from 'string' to 'int'"})
def string_to_int(text: str) -> int:
    """The number that the digits are."""
    match = re.fullmatch("([+-]?)0*([0-9]{1,19})", text)
    if match is None or not -(2**63) <= (number := int(match[1] + match[2])) < 2**63:
        raise conversion_error("string", "int")
    return number


@overload("int(google.protobuf.Timestamp) -> int", "int(timestamp('1970-01-01T00:00:01Z')) == 1")
def timestamp_to_int(value: Timestamp) -> int:
    """The seconds since 1970."""
    return value.nanoseconds // SECOND


@overload("int(google.protobuf.Duration) -> int", "int(duration('1s')) == 1000000000")
def duration_to_int(value: Duration) -> int:
    """The nanoseconds."""
    return value.nanoseconds


@overload("string(bool) -> string", "string(true) == 'true'")
@overload("string(int) -> string", "string(-1) == '-1'")
@overload("string(uint) -> string", "string(1u) == '1'")
@overload("string(double) -> string", "string(1.0) == '1'", "string(1e6) == '1e+06'")
def to_string(value: bool | int | float) -> str:
    """The value in writing; a double in as few digits as tell it from others."""
    return display(value)


@overload("string(bytes) -> string", "string(b'a') == 'a'")
def bytes_to_string(value: bytes) -> str:
    """The text that the bytes are in UTF-8."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise EvaluationError("invalid UTF-8 in bytes, cannot convert to string") from None


@overload("string(google.protobuf.Timestamp) -> string", "string(timestamp(0)) == '1970-01-01T00:00:00Z'")
@overload("string(google.protobuf.Duration) -> string", "string(duration('1h2m3s')) == '3723s'")
def time_to_string(value: Timestamp | Duration) -> str:
    """The time by RFC 3339, the duration in seconds."""
    return str(value)


@overload("timestamp(int) -> google.protobuf.Timestamp", "timestamp(1) == timestamp('1970-01-01T00:00:01Z')")
def int_to_timestamp(value: int) -> Timestamp:
    """The time so many seconds after 1970."""
    return timestamp_of(value * SECOND)


@overload("timestamp(string) -> google.protobuf.Timestamp", "timestamp('1970-01-01T01:00:00+01:00') == timestamp(0)")
def string_to_timestamp(text: str) -> Timestamp:
    """The time that a text is by RFC 3339."""
    return parse_timestamp(text)


@overload("uint(int) -> uint", "uint(1) == 1u", fails={"uint(-1)": "unsigned integer overflow"})
def int_to_uint(value: int) -> Uint:
    """The same number."""
    return _uint(value)


@overload("uint(double) -> uint", "uint(1.9) == 1u")
def double_to_uint(value: float) -> Uint:
    """The number, rounded down."""
    if not 0 <= value < 2.0**64:
        raise EvaluationError("unsigned integer overflow")
    return Uint(value)


@overload("uint(string) -> uint", "uint('12') == 12u")
def string_to_uint(text: str) -> Uint:
    """The number that the digits are."""
    match = re.fullmatch("0*([0-9]{1,20})", text)
    if match is None or (number := int(match[1])) >= 2**64:
        raise conversion_error("string", "uint")
    return Uint(number)


# Time


_AT = "timestamp('2023-05-28T23:04:05.678Z')"  # a Sunday; at +02:30, 1:34 on Monday


def _declare_accessor(name: str, word: str, read: Callable[[Civil], int], doc: str, utc: int, zoned: int) -> None:
    def in_utc(value: Timestamp) -> int:
        return read(civil(value))

    def in_zone(value: Timestamp, zone: str) -> int:
        return read(civil(value, zone))

    in_utc.__doc__, in_zone.__doc__ = f"{doc}, in UTC.", f"{doc}, in a zone such as Europe/Zurich or +01:00."
    id_zoned = f"timestamp_to_{word}_tz" if word == "seconds" else f"timestamp_to_{word}_with_tz"
    receiver = "google.protobuf.Timestamp"
    overload(f"{receiver}.{name}() -> int", f"{_AT}.{name}() == {utc}", id=f"timestamp_to_{word}")(in_utc)
    overload(f"{receiver}.{name}(string) -> int", f"{_AT}.{name}('+02:30') == {zoned}", id=id_zoned)(in_zone)


_declare_accessor("getFullYear", "year", lambda at: at.year, "The year", 2023, 2023)
_declare_accessor("getMonth", "month", lambda at: at.month - 1, "The month, January being 0", 4, 4)
_declare_accessor("getDayOfYear", "day_of_year", lambda at: at.day_of_year, "The day of the year, from 0", 147, 148)
_declare_accessor("getDayOfMonth", "day_of_month", lambda at: at.day - 1, "The day of the month, from 0", 27, 28)
_declare_accessor("getDate", "day_of_month_1_based", lambda at: at.day, "The day of the month, from 1", 28, 29)
_declare_accessor("getDayOfWeek", "day_of_week", lambda at: at.weekday, "The day of the week, Sunday being 0", 0, 1)
_declare_accessor("getHours", "hours", lambda at: at.hour, "The hour", 23, 1)
_declare_accessor("getMinutes", "minutes", lambda at: at.minute, "The minute", 4, 34)
_declare_accessor("getSeconds", "seconds", lambda at: at.second, "The second", 5, 5)


@overload(
    "google.protobuf.Timestamp.getMilliseconds() -> int",
    f"{_AT}.getMilliseconds() == 678",
    id="timestamp_to_milliseconds",
)
def milliseconds(value: Timestamp) -> int:
    """The milliseconds of the second."""
    return value.nanoseconds % SECOND // MILLISECOND


@overload(
    "google.protobuf.Timestamp.getMilliseconds(string) -> int",
    f"{_AT}.getMilliseconds('+02:30') == 678",
    id="timestamp_to_milliseconds_with_tz",
)
def milliseconds_in(value: Timestamp, zone: str) -> int:
    """The milliseconds of the second."""
    civil(value, zone)
    return milliseconds(value)


@overload("google.protobuf.Duration.getHours() -> int", "duration('3723s').getHours() == 1", id="duration_to_hours")
def duration_hours(value: Duration) -> int:
    """The full hours of all."""
    return int(value.count(HOUR))


@overload(
    "google.protobuf.Duration.getMinutes() -> int", "duration('3723s').getMinutes() == 62", id="duration_to_minutes"
)
def duration_minutes(value: Duration) -> int:
    """The full minutes of all."""
    return int(value.count(MINUTE))


@overload(
    "google.protobuf.Duration.getSeconds() -> int", "duration('3723.5s').getSeconds() == 3723", id="duration_to_seconds"
)
def duration_seconds(value: Duration) -> int:
    """The full seconds of all."""
    return int(value.count(SECOND))


@overload(
    "google.protobuf.Duration.getMilliseconds() -> int",
    "duration('3723.5s').getMilliseconds() == 3723500",
    id="duration_to_milliseconds",
)
def duration_milliseconds(value: Duration) -> int:
    """The full milliseconds of all, to Kubernetes."""
    return _quotient(value.nanoseconds, MILLISECOND)


@overload(
    "google.protobuf.Duration.getMilliseconds() -> int",
    "duration('3723.5s').getMilliseconds() == 500",
    id="duration_to_milliseconds",
    since=None,
)
def duration_milliseconds_of_second(value: Duration) -> int:
    """The milliseconds of the last, broken second, to the specification."""
    return _remainder(duration_milliseconds(value), 1000)
