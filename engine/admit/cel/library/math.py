"""The math extension of cel-go, which the specification's environment has and Kubernetes has not.

`math.greatest` and `math.least` are macros: the parser makes them `math.@max` and `math.@min` of one or two numbers, or
of a list of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial, reduce
from itertools import product

from admit.cel.library import overload
from admit.cel.library.standard import SAMPLES
from admit.cel.values import Uint, Value, compare
from admit.errors import EvaluationError

math_overload = partial(overload, library="math", since=None)

_NUMBERS = ("double", "int", "uint")


def _extreme(sign: int, function: str, a: Value, b: Value) -> Value:
    """The first, unless the second is beyond it."""
    try:
        return b if compare(a, b) == sign else a
    except EvaluationError as error:
        raise EvaluationError(f"{error}: {function}") from None


def _declare_extreme(function: str, sign: int, word: str, *examples: str) -> None:
    def of_one(value: Value) -> Value:
        return value

    def of_two(a: Value, b: Value) -> Value:
        return _extreme(sign, function, a, b)

    def of_list(items: list[Value]) -> Value:
        if not items:
            raise EvaluationError(f"{function}(list) argument must not be empty")
        return reduce(of_two, items)

    of_one.__doc__ = of_two.__doc__ = of_list.__doc__ = f"The {word} of the numbers, the first of equal ones."
    prefix = function.replace(".", "_")
    for kind in _NUMBERS:
        low, high = SAMPLES[kind]
        more = examples if kind == "int" else ()
        one, many = f"math.{word}({low}) == {low}", f"math.{word}([{low}, {high}]) == {(low, high)[sign < 0]}"
        math_overload(f"{function}({kind}) -> {kind}", one, *more, id=f"{prefix}_{kind}")(of_one)
        math_overload(f"{function}(list({kind})) -> {kind}", many, id=f"{prefix}_list_{kind}")(of_list)
    for a, b in product(_NUMBERS, _NUMBERS):
        low, high = SAMPLES[a][0], SAMPLES[b][1]
        example = f"math.{word}({low}, {high}) == {(low, high)[sign < 0]}"
        math_overload(f"{function}({a}, {b}) -> {a if a == b else 'dyn'}", example, id=f"{prefix}_{a}_{b}")(of_two)


_declare_extreme(
    "math.@max",
    -1,
    "greatest",
    "math.greatest(1, 3, 2) == 3",
    "math.greatest([1, 2u, 2.5]) == 2.5",
    "math.greatest(-1) == -1",
)
_declare_extreme("math.@min", 1, "least", "math.least(1, 3, 2) == 1", "math.least([1, 0u, 2.5]) == 0u")


def _declare_rounding(name: str, rounded: Callable[[float], float], doc: str, *examples: str) -> None:
    def round_finite(value: float) -> float:
        return math.copysign(rounded(value), value) if math.isfinite(value) else value

    round_finite.__doc__ = doc
    math_overload(f"math.{name}(double) -> double", *examples, id=f"math_{name}_double")(round_finite)


def _half_away(value: float) -> float:
    whole = math.trunc(value)
    return whole + math.copysign(1, value) if abs(value - whole) >= 0.5 else whole


_declare_rounding("ceil", math.ceil, "The least whole number that is not below.", "math.ceil(1.2) == 2.0")
_declare_rounding("floor", math.floor, "The greatest whole number that is not above.", "math.floor(-1.2) == -2.0")
_declare_rounding(
    "round", _half_away, "The nearest whole number; halves go away from zero.", "math.round(-1.5) == -2.0"
)
_declare_rounding("trunc", math.trunc, "The number without what is after the point.", "math.trunc(-1.9) == -1.0")


@math_overload("math.isInf(double) -> bool", "math.isInf(1.0 / 0.0)", id="math_isInf_double")
def is_infinite(value: float) -> bool:
    """Whether it is infinite."""
    return math.isinf(value)


@math_overload("math.isNaN(double) -> bool", "math.isNaN(0.0 / 0.0)", id="math_isNaN_double")
def is_nan(value: float) -> bool:
    """Whether it is not a number."""
    return math.isnan(value)


@math_overload("math.isFinite(double) -> bool", "math.isFinite(1.5)", id="math_isFinite_double")
def is_finite(value: float) -> bool:
    """Whether it is neither infinite nor no number."""
    return math.isfinite(value)


@math_overload("math.abs(double) -> double", "math.abs(-1.5) == 1.5", id="math_abs_double")
@math_overload("math.abs(uint) -> uint", "math.abs(1u) == 1u", id="math_abs_uint")
@math_overload(
    "math.abs(int) -> int",
    "math.abs(-1) == 1",
    id="math_abs_int",
    fails={"math.abs(-9223372036854775808)": "integer overflow"},
)
def absolute(value: Value) -> Value:
    """The number without its sign."""
    if type(value) is Uint:
        return value
    if type(value) is int and value == -(2**63):
        raise EvaluationError("integer overflow")
    return abs(value)


@math_overload("math.sign(double) -> double", "math.sign(-1.5) == -1.0", id="math_sign_double")
@math_overload("math.sign(int) -> int", "math.sign(-2) == -1", id="math_sign_int")
@math_overload("math.sign(uint) -> uint", "math.sign(2u) == 1u", id="math_sign_uint")
def sign(value: Value) -> Value:
    """1, 0 or -1, of the number's type; what is no number stays."""
    return value if value != value else type(value)((value > 0) - (value < 0))


@math_overload(
    "math.sqrt(double) -> double", "math.sqrt(81.0) == 9.0", "math.isNaN(math.sqrt(-1.0))", id="math_sqrt_double"
)
@math_overload("math.sqrt(int) -> double", "math.sqrt(81) == 9.0", id="math_sqrt_int")
@math_overload("math.sqrt(uint) -> double", "math.sqrt(81u) == 9.0", id="math_sqrt_uint")
def square_root(value: float) -> float:
    """The square root; of what is below zero, no number."""
    return math.nan if value < 0 else math.sqrt(float(value))


# Bits


def _int64(value: int) -> int:
    return (value + 2**63) % 2**64 - 2**63


def _declare_bits(name: str, combined: Callable[[int, int], int], doc: str) -> None:
    def of_ints(a: int, b: int) -> int:
        return combined(a, b)

    def of_uints(a: Uint, b: Uint) -> Uint:
        return Uint(combined(a, b))

    of_ints.__doc__ = of_uints.__doc__ = doc
    result = combined(6, 3)
    of_int, of_uint = f"math.{name}(6, 3) == {result}", f"math.{name}(6u, 3u) == {result}u"
    math_overload(f"math.{name}(int, int) -> int", of_int, id=f"math_{name}_int_int")(of_ints)
    math_overload(f"math.{name}(uint, uint) -> uint", of_uint, id=f"math_{name}_uint_uint")(of_uints)


_declare_bits("bitAnd", int.__and__, "The bits that both have.")
_declare_bits("bitOr", int.__or__, "The bits that either has.")
_declare_bits("bitXor", int.__xor__, "The bits that one of them has.")


@math_overload("math.bitNot(int) -> int", "math.bitNot(1) == -2", id="math_bitNot_int_int")
def bit_not(value: int) -> int:
    """The bits that it has not."""
    return ~value


@math_overload("math.bitNot(uint) -> uint", "math.bitNot(0u) == 18446744073709551615u", id="math_bitNot_uint_uint")
def bit_not_uint(value: Uint) -> Uint:
    """The bits that it has not."""
    return Uint(~value % 2**64)


@math_overload(
    "math.bitShiftLeft(uint, int) -> uint", "math.bitShiftLeft(1u, 2) == 4u", id="math_bitShiftLeft_uint_int"
)
@math_overload(
    "math.bitShiftLeft(int, int) -> int",
    "math.bitShiftLeft(1, 2) == 4",
    "math.bitShiftLeft(1, 64) == 0",
    id="math_bitShiftLeft_int_int",
    fails={"math.bitShiftLeft(1, -1)": "math.bitShiftLeft() negative offset: -1"},
)
def shift_left(value: int, by: int) -> int:
    """The bits moved up, those that leave the 64 forgotten."""
    _check_offset(by, "math.bitShiftLeft")
    moved = value << by if by < 64 else 0
    return Uint(moved % 2**64) if type(value) is Uint else _int64(moved)


@math_overload(
    "math.bitShiftRight(uint, int) -> uint", "math.bitShiftRight(4u, 2) == 1u", id="math_bitShiftRight_uint_int"
)
@math_overload(
    "math.bitShiftRight(int, int) -> int",
    "math.bitShiftRight(-1024, 3) == 2305843009213693824",
    id="math_bitShiftRight_int_int",
    fails={"math.bitShiftRight(1, -1)": "math.bitShiftRight() negative offset: -1"},
)
def shift_right(value: int, by: int) -> int:
    """The bits moved down; zeroes come after them, also for a sign."""
    _check_offset(by, "math.bitShiftRight")
    moved = value % 2**64 >> by
    return Uint(moved) if type(value) is Uint else _int64(moved)


def _check_offset(by: int, function: str) -> None:
    if by < 0:
        raise EvaluationError(f"{function}() negative offset: {by}")
