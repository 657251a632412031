"""Literals of numbers, strings and bytes: their values, and the text of a value."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from admit.cel.values import Uint


def _int(text: str) -> int:
    value = _integer(text)
    if value is None or not -(2**63) <= value < 2**63:
        raise ValueError("invalid int literal")
    return value


def _uint(text: str) -> Uint:
    value = _integer(text[:-1])
    if value is None or value >= 2**64:
        raise ValueError("invalid uint literal")
    return Uint(value)


def _integer(text: str) -> int | None:
    """None for more digits than 64 bits have; Python's own limit is not met."""
    sign = -1 if text.startswith("-") else 1
    digits = text.removeprefix("-")
    base = 16 if digits.startswith("0x") else 10
    digits = digits.removeprefix("0x").lstrip("0") or "0"
    return None if len(digits) > 20 else sign * int(digits, base)


def _double(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("invalid double literal")
    return value


_ESCAPE = re.compile(r"\\([xX].{2}|u.{4}|U.{8}|[0-3].{2}|.)")
_SIMPLE = dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))
_SURROGATE = re.compile("[\ud800-\udfff]")


def _string(text: str) -> str:
    body, raw = _body(text)
    return body if raw or "\\" not in body else _ESCAPE.sub(_character, body)


def _body(text: str) -> tuple[str, bool]:
    """What stands between the quotes, lines ended by a line feed; and whether backslashes stand for themselves."""
    raw = text[0] in "rR"
    quoted = text[1:] if raw else text
    quotes = 3 if quoted.startswith(("'''", '"""')) and len(quoted) >= 6 else 1
    body = quoted[quotes:-quotes]
    if "\r" in body:
        body = body.replace("\r\n", "\n").replace("\r", "\n")
    return body if body.isascii() else _SURROGATE.sub("\ufffd", body), raw


def _character(match: re.Match[str]) -> str:
    code = match[1]
    if len(code) == 1:
        return _SIMPLE.get(code, code)
    value = _code(code)
    if value > 0x10FFFF or 0xD800 <= value < 0xE000:
        raise ValueError("invalid unicode code point")
    return chr(value)


def _code(code: str) -> int:
    return int(code, 8) if code[0] in "0123" else int(code[1:], 16)


def _bytes(text: str) -> bytes:
    body, raw = _body(text[1:])
    if raw or "\\" not in body:
        return body.encode()
    chunks: list[bytes] = []
    end = 0
    for match in _ESCAPE.finditer(body):
        code = match[1]
        if code[0] in "uU":
            raise ValueError("unable to unescape string")
        byte = ord(_SIMPLE.get(code, code)) if len(code) == 1 else _code(code)
        chunks += (body[end : match.start()].encode(), bytes((byte,)))
        end = match.end()
    return b"".join((*chunks, body[end:].encode()))


READ: dict[str, Callable[[str], Any]] = {
    "int": _int,
    "uint": _uint,
    "double": _double,
    "string": _string,
    "bytes": _bytes,
}
"""By kind, from the text of a literal to its value. Each raises ValueError with cel-go's text."""
