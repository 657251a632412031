"""Kubernetes' quantities (`500m`, `1Gi`, `1e3`): exact, however large or small, down to a nano."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from admit.cel.library import overload
from admit.cel.types import Type, object_type
from admit.cel.values import Exclusive, Value
from admit.errors import EvaluationError


@dataclass(frozen=True, slots=True, eq=False)
class Quantity(Exclusive):
    """`unscaled * 10**scale`, to be written in a `notation`.

    `small`: of 64 bits to Go, which knows only of such quantities whether they are integers. `computed`: of add or
    sub, for which reason it may not stand on the right of `==`.
    """

    TYPE: ClassVar[Type] = object_type("kubernetes.Quantity")
    unscaled: int
    scale: int = 0
    notation: str = "SI"  # or "binary", "exponent"
    small: bool = True
    computed: bool = False

    def equals(self, other: Value) -> bool | None:
        if not isinstance(other, Quantity) or other.computed:
            return None
        return compare_to(self, other) == 0

    def __str__(self) -> str:
        """As the API server writes it: `1`, not `1000m`; `1.5Gi` is `1536Mi`."""
        if self.unscaled == 0:
            return "0"
        amount, exponent = _without_factors(self.unscaled, 10, self.scale)
        if self.notation == "binary" and exponent >= 0 and abs(whole := amount * 10**exponent) >= 1024:
            whole, power = _without_factors(whole, 1024, 0, at_most=len(_BINARY) - 1)
            return f"{whole}{_BINARY[power]}"
        amount, exponent = amount * 10 ** (exponent % 3), exponent - exponent % 3
        if self.notation != "exponent" and exponent in _SUFFIXES:
            return f"{amount}{_SUFFIXES[exponent]}"
        return f"{amount}e{exponent}" if exponent else str(amount)


quantity_overload = partial(overload, library="quantity", since=28)


@quantity_overload(
    "quantity(string) -> kubernetes.Quantity",
    "quantity('1.5Gi') == quantity('1536Mi')",
    "quantity('0.1n') == quantity('1n')",
    id="string_to_quantity",
    fails={
        "quantity('1Mo')": "quantities must match the regular expression "
        "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        "quantity('1Mm')": "unable to parse quantity's suffix",
    },
)
def parse_quantity(text: str) -> Quantity:
    """The amount that a text such as 500m, 1Gi or 1e3 says; rounded up, away from zero, to full nanos.

    Raises EvaluationError, also for more digits than a quantity needs. Source: apimachinery's resource.ParseQuantity.
    """
    found = _QUANTITY.fullmatch(text)
    if found is None or not text:
        raise EvaluationError(f"quantities must match the regular expression '{_EXPRESSION}'")
    sign, whole, fraction, suffix = found[1], found[2] or "0", found[3] or "", found[4]
    notation, base, exponent = _suffix(suffix)
    digits = whole + fraction
    if len(digits) > _MOST_DIGITS:
        raise _too_large()
    value = -int(digits) if sign == "-" else int(digits)
    scale = -len(fraction)
    if base == 2:
        value <<= exponent
        small = not fraction and len(whole) < 15 - exponent * 3 // 10 and -(2**63) < value < 2**63
    else:
        scale = _int32(scale + exponent)
        small = len(digits) <= 18 and scale >= _NANO
    if small:
        return Quantity(value, scale, notation)
    if not re.search("[0-9]", text.removesuffix(suffix)):
        raise EvaluationError("unable to parse numeric part of quantity")
    return _rounded(value, scale, notation)


_EXPRESSION = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
_QUANTITY = re.compile(r"([+-]?)0*+([0-9]*+)(?:\.([0-9]*+))?([eEinumkKMGTP]*+[-+]?[0-9]*+)")
_SUFFIXES = {-9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E"}
_EXPONENTS = {suffix: exponent for exponent, suffix in _SUFFIXES.items()}
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_LARGEST_BINARY = 2**63 - 1
_NANO = -9
_MOST_DIGITS = 4000  # far more than anybody needs; Python converts no more than 4300


def _suffix(suffix: str) -> tuple[str, int, int]:
    """The notation, base and exponent. Raises EvaluationError."""
    if suffix in _EXPONENTS:
        return "SI", 10, _EXPONENTS[suffix]
    if suffix in _BINARY:
        return "binary", 2, 10 * _BINARY.index(suffix)
    if re.fullmatch("[eE][-+]?0*+[0-9]{1,19}", suffix) and -(2**63) <= (exponent := int(suffix[1:])) < 2**63:
        return "exponent", 10, _int32(exponent)
    raise EvaluationError("unable to parse quantity's suffix")


def _int32(value: int) -> int:
    """What Go makes of a number that does not fit."""
    return (value + 2**31) % 2**32 - 2**31


def _too_large() -> EvaluationError:
    return EvaluationError(f"quantity has more than {_MOST_DIGITS} digits")


def _rounded(unscaled: int, scale: int, notation: str) -> Quantity:
    """A quantity that is no small one, away from zero to full nanos; a binary one has a largest amount."""
    if unscaled == 0:
        return Quantity(0, scale, notation, small=False)
    size, sign_ = abs(unscaled), -1 if unscaled < 0 else 1
    if _magnitude(size, scale) > _MOST_DIGITS:
        raise _too_large()
    if scale >= _NANO:
        size *= 10 ** (scale - _NANO)
    elif _magnitude(size, scale) < _NANO:
        size = 1
    else:
        size = -(-size // 10 ** (_NANO - scale))
    if notation == "binary":
        if size > _LARGEST_BINARY * 10**-_NANO:
            return Quantity(sign_ * _LARGEST_BINARY, 0, notation, small=False)
        if size < 10**-_NANO:
            notation = "SI"
    return Quantity(sign_ * size, _NANO, notation, small=False)


def _magnitude(size: int, scale: int) -> int:
    """The digits before the point."""
    return len(str(size)) + scale


def _without_factors(value: int, base: int, power: int, at_most: int = _MOST_DIGITS) -> tuple[int, int]:
    """The value with factors of the base moved to the power."""
    while value % base == 0 and power < at_most:
        value, power = value // base, power + 1
    return value, power


@quantity_overload("isQuantity(string) -> bool", "isQuantity('1.5Gi')", "!isQuantity('1Mo')", id="is_quantity_string")
def is_quantity(text: str) -> bool:
    """Whether the text says an amount."""
    try:
        parse_quantity(text)
    except EvaluationError:
        return False
    return True


@quantity_overload("sign(kubernetes.Quantity) -> int", "sign(quantity('-5m')) == -1", id="quantity_sign")
def sign(quantity: Quantity) -> int:
    """1, 0 or -1."""
    return (quantity.unscaled > 0) - (quantity.unscaled < 0)


@quantity_overload(
    "kubernetes.Quantity.compareTo(kubernetes.Quantity) -> int",
    "quantity('50M').compareTo(quantity('50Mi')) == -1",
    id="quantity_compare_to",
)
def compare_to(a: Quantity, b: Quantity) -> int:
    """-1 where the first is less, 1 where it is greater, 0 where they are equal."""
    if sign(a) != sign(b) or a.unscaled == 0:
        return (sign(a) > sign(b)) - (sign(a) < sign(b))
    sizes = [_magnitude(abs(each.unscaled), each.scale) for each in (a, b)]
    if sizes[0] != sizes[1]:
        return sign(a) if sizes[0] > sizes[1] else -sign(a)
    scale = min(a.scale, b.scale)
    first: int = a.unscaled * 10 ** (a.scale - scale)
    second: int = b.unscaled * 10 ** (b.scale - scale)
    return (first > second) - (first < second)


@quantity_overload(
    "kubernetes.Quantity.isGreaterThan(kubernetes.Quantity) -> bool",
    "quantity('50Mi').isGreaterThan(quantity('50M'))",
    id="quantity_is_greater_than",
)
def is_greater_than(a: Quantity, b: Quantity) -> bool:
    """Whether the first is greater."""
    return compare_to(a, b) > 0


@quantity_overload(
    "kubernetes.Quantity.isLessThan(kubernetes.Quantity) -> bool",
    "quantity('50M').isLessThan(quantity('50Mi'))",
    id="quantity_is_less_than",
)
def is_less_than(a: Quantity, b: Quantity) -> bool:
    """Whether the first is less."""
    return compare_to(a, b) < 0


@quantity_overload(
    "kubernetes.Quantity.isInteger() -> bool",
    "quantity('5k').isInteger()",
    "!quantity('1500m').isInteger()",
    id="quantity_is_integer",
)
def is_integer(quantity: Quantity) -> bool:
    """Whether there is an int of the same amount; not of one written in parts, as 1000m."""
    return _integer(quantity) is not None


def _integer(quantity: Quantity) -> int | None:
    if not quantity.small or quantity.scale < 0:
        return None
    if quantity.unscaled and quantity.scale > 18:
        return None
    value = quantity.unscaled * 10 ** min(quantity.scale, 19)
    return value if -(2**63) <= value < 2**63 else None


@quantity_overload(
    "kubernetes.Quantity.asInteger() -> int",
    "quantity('5k').asInteger() == 5000",
    id="quantity_get_int",
    fails={"quantity('1500m').asInteger()": "cannot convert value to integer"},
)
def as_integer(quantity: Quantity) -> int:
    """The int of the same amount; an error where isInteger() is false."""
    value = _integer(quantity)
    if value is None:
        raise EvaluationError("cannot convert value to integer")
    return value


@quantity_overload(
    "kubernetes.Quantity.asApproximateFloat() -> double",
    "quantity('1500m').asApproximateFloat() == 1.5",
    id="quantity_get_float",
)
def as_approximate_float(quantity: Quantity) -> float:
    """A double of about the same amount."""
    try:
        size = float(quantity.unscaled)
    except OverflowError:
        size = float("inf") * sign(quantity)
    return size * _power_of_ten(quantity.scale) if quantity.scale else size


def _power_of_ten(exponent: int) -> float:
    """Go's math.Pow10, with its rounding."""
    if not -323 <= exponent <= 308:
        return 0.0 if exponent < 0 else float("inf")
    far, near = divmod(abs(exponent), 32)
    if exponent < 0:
        return float(f"1e-{32 * far}") / float(f"1e{near}")
    return float(f"1e{32 * far}") * float(f"1e{near}")


@quantity_overload(
    "kubernetes.Quantity.add(kubernetes.Quantity) -> kubernetes.Quantity",
    "quantity('50k').add(quantity('20')) == quantity('50020')",
    id="quantity_add",
    fails={"quantity('70k') == quantity('50k').add(quantity('20k'))": "no such overload"},
)
def add(a: Quantity, b: Quantity) -> Quantity:
    """The sum; to the right of `==`, it is an error."""
    return _sum(a, b, b.unscaled)


@quantity_overload(
    "kubernetes.Quantity.add(int) -> kubernetes.Quantity",
    "quantity('50k').add(20) == quantity('50020')",
    id="quantity_add_int",
)
def add_int(a: Quantity, b: int) -> Quantity:
    """The sum; to the right of `==`, it is an error."""
    return add(a, Quantity(b, notation="exponent"))


@quantity_overload(
    "kubernetes.Quantity.sub(kubernetes.Quantity) -> kubernetes.Quantity",
    "quantity('50k').sub(quantity('20')) == quantity('49980')",
    id="quantity_sub",
)
def sub(a: Quantity, b: Quantity) -> Quantity:
    """The difference; to the right of `==`, it is an error."""
    if b.small and b.unscaled == -(2**63) and (wrong := _sum(a, b, b.unscaled)).small:
        return wrong  # Go's: the least int64 is its own negative
    return _sum(a, b, -b.unscaled)


@quantity_overload(
    "kubernetes.Quantity.sub(int) -> kubernetes.Quantity",
    "quantity('50k').sub(20) == quantity('49980')",
    id="quantity_sub_int",
)
def sub_int(a: Quantity, b: int) -> Quantity:
    """The difference; to the right of `==`, it is an error."""
    return sub(a, Quantity(b, notation="exponent"))


def _sum(a: Quantity, b: Quantity, added: int) -> Quantity:
    """`a` and the amount `added`, which has the scale of b."""
    notation = a.notation if a.unscaled else b.notation
    if a.small and b.small:
        if added == 0:
            return replace(a, notation=notation, computed=True)
        if a.unscaled == 0:
            return Quantity(added, b.scale, notation, computed=True)
    scale = min(a.scale, b.scale)
    if max(_magnitude(abs(a.unscaled), a.scale), _magnitude(abs(added), b.scale)) - scale > _MOST_DIGITS:
        raise _too_large()
    terms = a.unscaled * 10 ** (a.scale - scale), added * 10 ** (b.scale - scale)
    small = a.small and b.small and all(-(2**63) <= value < 2**63 for value in (*terms, sum(terms)))
    return Quantity(sum(terms), scale, notation, small, computed=True)
