"""What a plain scalar of YAML is to Kubernetes. Sources: go-yaml v2 (resolve.go), sigs.k8s.io/yaml (yaml.go)."""

from __future__ import annotations

import math
import re
from ctypes import c_float
from datetime import date
from decimal import Decimal
from typing import Any

WORDS: dict[str, Any] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
NUMERIC = "0123456789+-."  # what a number may begin with


def resolve(text: str) -> Any:
    """The value of a plain scalar, an infinity and NaN and integers of any size included."""
    value = WORDS.get(text, text)
    return number(text) if value is text and text[0] in NUMERIC else value


def number(text: str) -> int | float | str:
    """The number that a text is which begins as one; else the text."""
    if infinite := _INFINITE.fullmatch(text):
        return math.nan if infinite[1] is None else float(infinite[1] + "inf")
    plain = text.replace("_", "")
    if text[0] == ".":
        return _double(plain, text) if _FRACTION.fullmatch(text) else text
    if match := _INTEGER.fullmatch(plain):
        sign, *digits = match.groups()
        value = next(int(d or "0", base) for d, base in zip(digits, _BASES, strict=True) if d is not None)
        value = -value if sign == "-" else value
        if -(2**63) <= value < (2**63 if sign else 2**64):
            return value
    if _FLOAT.fullmatch(plain):
        return _double(plain, text)
    if (match := _SIGNED_BINARY.fullmatch(plain)) and -(2**63) <= int(match[1], 2) < 2**63:
        return int(match[1], 2)
    return text


def json_number(value: int | float) -> int | float:
    """A finite number as it comes back from JSON, which is where Kubernetes sends it: 1.0 is 1, 2^63 is a double."""
    if isinstance(value, float):
        if not value.is_integer() or abs(value) >= 1e21:
            return value
        whole = int(Decimal(repr(value)))
        return whole if -(2**63) <= whole < 2**63 else value
    return value if -(2**63) <= value < 2**63 else float(value)


def key(value: Any) -> str | None:
    """The string that a key becomes; None where Kubernetes has none for it."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() if value < 2**63:
            return str(value)
        case float():
            return _short(value)
        case _:
            return None


def is_timestamp(text: str) -> bool:
    match = _TIMESTAMP.fullmatch(text)
    try:
        return match is not None and bool(date(int(match[1]), int(match[2]), int(match[3])))
    except ValueError:
        return False


_INFINITE = re.compile(r"([-+]?)\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_FRACTION = re.compile(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?")
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[oO]([0-7]+)|0[bB]([01]+)|0([0-7]*)|([1-9][0-9]*))")
_BASES = (16, 8, 2, 8, 10)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SIGNED_BINARY = re.compile(r"0b([-+][01]+)")
_TIMESTAMP = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[Tt ][0-9:.]+(?:Z|[-+][0-9:]+)?)?")


def _double(plain: str, text: str) -> float | str:
    value = float(plain)
    return text if math.isinf(value) else value


def _short(value: float) -> str | None:
    """The shortest digits of a float32, in Go's %g: 1.10 is "1.1", 1e6 is "1e+06"."""
    single = c_float(value).value
    if not math.isfinite(single):
        return None
    text = next(t for p in range(9) if c_float(float(t := f"{single:.{p}e}")).value == single)
    exponent = int(text.partition("e")[2])
    return f"{Decimal(text):f}" if -4 <= exponent < 6 else text
