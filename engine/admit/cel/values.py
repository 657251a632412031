"""CEL's values as Python has them, and what CEL means by equal, less and type.

| CEL | Python |
| --- | --- |
| int, double, bool, string, null, list | `int` (in int64), `float`, `bool`, `str`, `None`, `list` |
| map | `dict` where every key is a string, else `Map` |
| uint, bytes, timestamp, duration | `Uint`, `bytes`, `Timestamp`, `Duration` |
| optional, type | `Optional`, `types.Type` |

INVARIANT: values are never changed once made; what comes from a request is used as it is.
INVARIANT: only `dict` takes a string in `x['key']` and has `.get`; generated code relies on it.
"""

from __future__ import annotations

from typing import Any, TypeAlias

Value: TypeAlias = Any


class Uint(int):
    """A uint; it equals and hashes as the int of the same value, as CEL's do, but `type(x) is int` is false."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{int(self)}u"
