"""A signature in CEL's notation, read: `list(T).join(string) -> string`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from admit.cel import types
from admit.cel.types import Kind, Type


@dataclass(frozen=True, slots=True)
class Signature:
    """`params` has the receiver first where `member`."""

    function: str
    member: bool
    params: tuple[Type, ...]
    result: Type


def parse_signature(text: str) -> Signature:
    """Reads `name(types) -> type`, `type.name(types) -> type`, or an operator's `_+_(types) -> type`."""
    call, _, result = text.partition(" -> ")
    start = _opening(call)
    params = tuple(map(parse_type, _split(call[start + 1 : -1])))
    name = call[:start]
    receiver, _, member = name.rpartition(".")
    if name[0] not in "_-!@" and receiver and _is_type(receiver):
        return Signature(member, True, (parse_type(receiver), *params), parse_type(result))
    return Signature(name, False, params, parse_type(result))


def parse_type(text: str) -> Type:
    """Reads `int`, `list(T)`, `google.protobuf.Timestamp`, `optional_type(V)`; a single capital is a parameter."""
    name, bracket, rest = text.partition("(")
    params = tuple(map(parse_type, _split(rest[:-1]))) if bracket else ()
    if name in _KNOWN:
        return Type(_KNOWN[name].kind, name, params)
    if len(name) == 1:
        return types.param(name)
    if name.startswith("kubernetes."):
        return types.object_type(name)
    return types.opaque(name, *params)


_KNOWN = {
    known.name: known
    for known in (
        *(types.INT, types.UINT, types.DOUBLE, types.BOOL, types.STRING, types.BYTES, types.NULL, types.DYN),
        *(types.TIMESTAMP, types.DURATION, types.TYPE, Type(Kind.LIST, "list"), Type(Kind.MAP, "map")),
    )
}


def _is_type(name: str) -> bool:
    """Whether what stands before a function's last dot is its receiver, and not a part of its name."""
    plain = name.partition("(")[0]
    return plain in _KNOWN or plain == "optional_type" or re.search(r"(^|\.)[A-Z]\w*$", plain) is not None


def _opening(call: str) -> int:
    """Where the last bracket of the text opens."""
    depth = 0
    for at in range(len(call) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(call[at], 0)
        if depth == 0:
            return at
    raise ValueError(call)


def _split(text: str) -> Iterator[str]:
    """The parts between the outer commas."""
    depth = start = 0
    for at, char in enumerate(text):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "," and depth == 0:
            yield text[start:at].strip()
            start = at + 1
    if text.strip():
        yield text[start:].strip()
