"""Protocol buffers as they travel: a message's bytes taken apart into its fields."""

from __future__ import annotations

from collections.abc import Iterator

VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5  # the wire types; there were others once
_SIZES = {EIGHT_BYTES: 8, FOUR_BYTES: 4}


def fields(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """The fields, each its number, its wire type, and its value: of VARINT an int of 64 bits, else bytes.

    Raises ValueError for what is no message. Source: protobuf.dev, Encoding.
    """
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if number == 0 or kind not in (VARINT, BYTES, *_SIZES):
            raise ValueError(f"no field {number} of type {kind}")
        size, at = (_SIZES[kind], at) if kind in _SIZES else _varint(data, at)
        if kind == VARINT:
            yield number, kind, size
            continue
        if at + size > len(data):
            raise ValueError("a field ends after its message")
        yield number, kind, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins there, and where it ends."""
    value = 0
    for i, byte in enumerate(data[at : at + 10]):
        value |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return value % 2**64, at + i + 1
    raise ValueError("a number without an end")
